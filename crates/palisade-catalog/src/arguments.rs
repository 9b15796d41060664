//! A tool's argument schema: what a call is validated against, and what policies see of it.
//!
//! Nothing is fetched: a `$ref` out of the schema does not compile. `format` is not asserted, and
//! `pattern` runs on a linear-time engine, because arguments come from agents.

mod recursion;
mod work;

use std::sync::Arc;

use jsonschema::error::ValidationErrorKind;
use jsonschema::{PatternOptions, ValidationError, Validator};
use serde_json::Value;

use crate::argument_type::RecordType;
use crate::mapping;
use recursion::RECURSIVE_DEPTH_MAX;

/// Violations reported for one call.
// LIMIT: more than anybody reads at once; one wrong array may hold thousands.
pub const SCHEMA_VIOLATIONS_MAX: usize = 8;

/// Bytes of one reported sentence or pointer.
// LIMIT: a sentence may quote property names, and those come from the agent.
const REPORTED_BYTES_MAX: usize = 240;

/// Bytes of one compiled `pattern`.
// LIMIT: a tenth of the engine's default; `(a{1000}){1000}` must not cost memory.
const PATTERN_BYTES_MAX: usize = 1024 * 1024;

/// A compiled argument schema. Cheap to clone.
#[derive(Clone, Debug)]
pub struct ArgumentSchema(Arc<Compiled>);

#[derive(Debug)]
struct Compiled {
    json: Value,
    validator: Validator,
    /// Whether the schema leads back to itself.
    recursive: bool,
    record: RecordType,
    losses: Vec<Loss>,
}

/// Something a schema says and Cedar's types cannot.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Loss {
    /// JSON pointer (RFC 6901) into the schema.
    pub pointer: String,
    /// What is lost: lower case, no final period.
    pub sentence: String,
}

/// A JSON Schema that calls cannot be validated against.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SchemaError {
    /// No valid JSON Schema, or a `$ref` that is not within the schema.
    #[error("{message}, at `{pointer}` of the schema")]
    Invalid {
        /// JSON pointer to what is wrong.
        pointer: String,
        /// What is wrong.
        message: String,
    },
    /// References that have one value checked thousands of times.
    #[error("its references apply too many schemas to one value")]
    TooCostly,
    /// A pattern that is no regular expression, needs backtracking, or is too large.
    #[error("the pattern at `{pointer}` of the schema is not supported by a linear-time engine")]
    Pattern {
        /// JSON pointer to the pattern.
        pointer: String,
    },
}

/// One way in which arguments do not fit their schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchemaViolation {
    /// JSON pointer into the arguments, cut to 240 bytes.
    pub pointer: String,
    /// What is wrong, without the offending value, cut to 240 bytes.
    pub sentence: String,
}

impl ArgumentSchema {
    /// Compiles a JSON Schema of the draft its `$schema` names, 2020-12 if it names none.
    ///
    /// # Errors
    /// The schema is invalid, refers to something outside itself, or has a `pattern` that needs
    /// backtracking (look-around, back-references), or has one value checked too often.
    pub fn compile(schema: &Value) -> Result<Self, SchemaError> {
        if work::is_too_costly(schema) {
            return Err(SchemaError::TooCostly);
        }
        let validator = jsonschema::options()
            .offline()
            .should_validate_formats(false)
            .with_pattern_options(PatternOptions::regex().size_limit(PATTERN_BYTES_MAX))
            .build(schema)
            .map_err(|error| invalid_schema(&error))?;
        let mapping::Mapped { record, losses } = mapping::map_arguments(schema);
        let recursive = recursion::is_recursive(schema);
        Ok(Self(Arc::new(Compiled { json: schema.clone(), validator, recursive, record, losses })))
    }

    /// What policies see.
    #[must_use]
    pub fn record(&self) -> &RecordType {
        &self.0.record
    }

    /// What policies cannot see, in the order of the pointers.
    #[must_use]
    pub fn losses(&self) -> &[Loss] {
        &self.0.losses
    }

    /// The schema as written.
    #[must_use]
    pub fn json(&self) -> &Value {
        &self.0.json
    }

    /// Checks arguments.
    ///
    /// # Errors
    /// The first [`SCHEMA_VIOLATIONS_MAX`] violations; at least one.
    pub fn validate(&self, arguments: &Value) -> Result<(), Vec<SchemaViolation>> {
        if self.0.recursive && recursion::is_deeper_than(arguments, RECURSIVE_DEPTH_MAX) {
            let sentence = format!(
                "the schema is recursive, and the arguments are nested deeper than \
                 {RECURSIVE_DEPTH_MAX} levels"
            );
            return Err(vec![SchemaViolation { pointer: String::new(), sentence }]);
        }
        if self.0.validator.is_valid(arguments) {
            return Ok(());
        }
        let mut violations: Vec<SchemaViolation> = self
            .0
            .validator
            .iter_errors(arguments)
            .take(SCHEMA_VIOLATIONS_MAX)
            .map(|error| SchemaViolation {
                pointer: shorten(error.instance_path().as_str()),
                sentence: shorten(&error.masked().to_string()),
            })
            .collect();
        if violations.is_empty() {
            // FAIL-CLOSED: the validator's two answers differ; the refusing one holds.
            violations.push(SchemaViolation {
                pointer: String::new(),
                sentence: "the arguments do not fit the schema".to_owned(),
            });
        }
        Err(violations)
    }
}

fn invalid_schema(error: &ValidationError<'_>) -> SchemaError {
    let pointer = shorten(error.instance_path().as_str());
    match error.kind() {
        ValidationErrorKind::Format { format } if format == "regex" => {
            SchemaError::Pattern { pointer }
        }
        _ => SchemaError::Invalid { pointer, message: shorten(&error.to_string()) },
    }
}

/// Cuts a text to [`REPORTED_BYTES_MAX`] bytes, with control characters escaped.
fn shorten(text: &str) -> String {
    let mut short = String::new();
    for character in text.chars() {
        if short.len() >= REPORTED_BYTES_MAX {
            short.push('…');
            break;
        }
        if character.is_control() {
            short.extend(character.escape_default());
        } else {
            short.push(character);
        }
    }
    short
}

#[cfg(test)]
mod tests;
