//! A tool call's arguments: JSON text, read once and strictly.

use serde_json::{Map, Value};

use crate::digest::Sha256Digest;
use crate::limits::{ARGUMENTS_BYTES_MAX, ARGUMENTS_DEPTH_MAX};
use crate::strict_json::{JsonLimits, StrictJsonError, parse_json_object};

/// Why a text is not acceptable as arguments.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ArgumentsError {
    /// An object names a key twice.
    #[error("the key `{key}` stands twice in one object")]
    DuplicateKey {
        /// The key.
        key: String,
    },
    /// The outermost value is no object.
    #[error("the arguments are no JSON object")]
    NotAnObject,
    /// A number that could not be told apart from another one after parsing.
    #[error("the number `{number}` cannot be represented exactly: {why}")]
    NotRepresentable {
        /// The number as written, cut to 40 bytes.
        number: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The text is no JSON.
    #[error("the arguments are no JSON: {message} at byte {offset}")]
    Syntax {
        /// What the parser says.
        message: String,
        /// Where.
        offset: usize,
    },
    /// More bytes than [`ARGUMENTS_BYTES_MAX`].
    #[error("the arguments have {bytes} bytes; the limit is {ARGUMENTS_BYTES_MAX}")]
    TooLarge {
        /// How many.
        bytes: usize,
    },
    /// Nested deeper than [`ARGUMENTS_DEPTH_MAX`].
    #[error("the arguments are nested deeper than {ARGUMENTS_DEPTH_MAX} levels")]
    TooDeep,
}

impl From<StrictJsonError> for ArgumentsError {
    fn from(error: StrictJsonError) -> Self {
        match error {
            StrictJsonError::DuplicateKey { key } => Self::DuplicateKey { key },
            StrictJsonError::NotAnObject => Self::NotAnObject,
            StrictJsonError::NotRepresentable { number, why } => {
                Self::NotRepresentable { number, why }
            }
            StrictJsonError::Syntax { message, offset } => Self::Syntax { message, offset },
            StrictJsonError::TooLarge { bytes, limit: _ } => Self::TooLarge { bytes },
            StrictJsonError::TooDeep { limit: _ } => Self::TooDeep,
        }
    }
}

/// Arguments that were read strictly.
#[derive(Clone, Debug, PartialEq)]
pub struct Arguments(Value);

impl Arguments {
    /// Reads arguments from JSON text; empty text means `{}`.
    ///
    /// # Errors
    /// Not a JSON object in UTF-8 within the limits, or with duplicate keys, or with numbers that
    /// cannot be represented exactly.
    pub fn parse(text: &[u8]) -> Result<Self, ArgumentsError> {
        if text.is_empty() {
            return Ok(Self::default());
        }
        let limits = JsonLimits { bytes: ARGUMENTS_BYTES_MAX, depth: ARGUMENTS_DEPTH_MAX };
        Ok(Self(Value::Object(parse_json_object(text, limits)?)))
    }

    /// The arguments as a JSON value; always an object.
    #[must_use]
    pub const fn as_value(&self) -> &Value {
        &self.0
    }

    /// The arguments as an object.
    #[must_use]
    pub fn as_object(&self) -> &Map<String, Value> {
        // The constructors build nothing but objects.
        static EMPTY: std::sync::LazyLock<Map<String, Value>> = std::sync::LazyLock::new(Map::new);
        self.0.as_object().unwrap_or(&EMPTY)
    }

    /// Digest of the canonical form (RFC 8785): equal for equal arguments, whatever their layout
    /// and key order.
    ///
    /// # Errors
    /// The canonical form cannot be written; never seen for parsed arguments.
    pub fn digest(&self) -> Result<Sha256Digest, serde_json::Error> {
        Sha256Digest::of_json(&self.0)
    }
}

impl Default for Arguments {
    fn default() -> Self {
        Self(Value::Object(Map::new()))
    }
}

#[cfg(test)]
mod tests;
