//! Whether an answer could hang on arguments that a record has masked.

use palisade_catalog::{ArgumentType, Field, RecordType, Tool};
use palisade_core::Arguments;
use serde_json::{Map, Value};

use super::Lacking;
use crate::ReadBy;
use crate::compiled_tool::{ArgumentPart, ArgumentRead};

/// How masks begin. A key that holds one is not known.
const MASK: &str = "[redacted:";

/// The masked places of arguments, sorted.
#[derive(Debug)]
pub(super) struct RedactedArguments {
    arguments: Value,
    /// Paths of at least one key or position.
    places: Vec<Vec<String>>,
}

impl RedactedArguments {
    /// Reads recorded arguments and the JSON pointers to what is masked in them.
    pub(super) fn of(text: &[u8], pointers: &[String]) -> Result<Self, Lacking> {
        if pointers.is_empty() {
            return Ok(Self { arguments: Value::Null, places: Vec::new() });
        }
        let mut places: Vec<Vec<String>> = pointers.iter().map(|pointer| path(pointer)).collect();
        places.sort_unstable();
        places.dedup();
        let Ok(arguments) = Arguments::parse(text) else { return Err(whole()) };
        let arguments = arguments.as_value().clone();
        for place in &places {
            if place.is_empty() {
                return Err(whole());
            }
            let is_masked = place.iter().any(|step| step.contains(MASK));
            if is_masked || at(&arguments, place).is_none() {
                return Err(lacking(place));
            }
        }
        Ok(Self { arguments, places })
    }

    /// The first of what is masked.
    pub(super) fn first(&self) -> Option<Lacking> {
        self.places.first().map(|place| lacking(place))
    }

    /// Refuses what names the resource, and what could have failed to fit the tool. `fitted`: the
    /// arguments fitted when they were recorded.
    pub(super) fn check_form(&self, tool: &Tool, fitted: bool) -> Result<(), Lacking> {
        let names_resource = |place: &[String]| {
            let mapping = tool.resource.as_ref();
            mapping.is_some_and(|mapping| place.first() == Some(&mapping.argument))
        };
        let schema = tool.arguments.json();
        for place in &self.places {
            if names_resource(place) || constrains(schema, &self.arguments, place, fitted) {
                return Err(lacking(place));
            }
        }
        Ok(())
    }

    /// Refuses what somebody reads.
    pub(super) fn check_reads(&self, tool: &Tool, reads: &[&ArgumentRead]) -> Result<(), Lacking> {
        let ty = tool.arguments.record();
        for place in &self.places {
            if reads.iter().any(|read| sees(ty, read, place)) {
                return Err(lacking(place));
            }
        }
        Ok(())
    }
}

fn whole() -> Lacking {
    Lacking("arguments".to_owned())
}

/// `arguments.items[3].card` for the path to it.
fn lacking(place: &[String]) -> Lacking {
    let mut field = "arguments".to_owned();
    for step in place {
        let is_name = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
        if step.bytes().all(|byte| byte.is_ascii_digit()) && !step.is_empty() {
            field.push_str(&format!("[{step}]"));
        } else if step.bytes().all(is_name) && !step.is_empty() {
            field.push_str(&format!(".{step}"));
        } else {
            field.push_str(&format!("[{step:?}]"));
        }
    }
    Lacking(field)
}

/// The steps of a JSON pointer (RFC 6901).
fn path(pointer: &str) -> Vec<String> {
    let steps = pointer.split('/').skip(1);
    steps.map(|step| step.replace("~1", "/").replace("~0", "~")).collect()
}

fn at<'v>(value: &'v Value, place: &[String]) -> Option<&'v Value> {
    place.iter().try_fold(value, |value, step| match value {
        Value::Object(object) => object.get(step),
        Value::Array(items) => items.get(step.parse::<usize>().ok()?),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    })
}

/// Keywords of a JSON Schema that no value fails.
const NOTES: [&str; 9] = [
    "$comment",
    "$schema",
    "default",
    "deprecated",
    "description",
    "examples",
    "readOnly",
    "title",
    "writeOnly",
];

/// Keywords that look at a value from outside of what is within it.
const OUTER: [&str; 9] = [
    "additionalProperties",
    "items",
    "maxItems",
    "maxProperties",
    "minItems",
    "minProperties",
    "properties",
    "required",
    "type",
];

/// Whether a value could fail a schema because of what stands at a masked place. What the mask
/// itself fails is found by validation. `fitted`: with what stood there, it fitted before.
// FAIL-CLOSED: a keyword that is not known here could fail.
fn constrains(schema: &Value, value: &Value, place: &[String], fitted: bool) -> bool {
    let Value::Object(schema) = schema else { return *schema != Value::Bool(true) };
    let Some((step, rest)) = place.split_first() else { return constrains_all(schema, fitted) };
    let known = |key: &String| OUTER.contains(&key.as_str()) || NOTES.contains(&key.as_str());
    if !schema.keys().all(known) {
        return true;
    }
    let inner = match value {
        Value::Array(_) => schema.get("items"),
        Value::Object(_) => {
            let named = schema.get("properties").and_then(|properties| properties.get(step));
            named.or_else(|| schema.get("additionalProperties"))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => return true,
    };
    let within = at(value, std::slice::from_ref(step));
    match (inner, within) {
        (None, _) => false,
        (Some(inner), Some(within)) => constrains(inner, within, rest, fitted),
        (Some(_), None) => true,
    }
}

/// The same for the masked value itself. A mask is a string; if what it stands for has to be one,
/// and fitted, it was one.
fn constrains_all(schema: &Map<String, Value>, fitted: bool) -> bool {
    let passes = |(key, value): (&String, &Value)| {
        NOTES.contains(&key.as_str()) || (fitted && key == "type" && value == "string")
    };
    !schema.iter().all(passes)
}

/// Whether a read of arguments can tell what stands at a masked place.
fn sees(ty: &RecordType, read: &ArgumentRead, place: &[String]) -> bool {
    let Some((visible, of)) = visible(ty, place) else { return true };
    let is_all = visible.len() == place.len();
    match read.of {
        // Whether there are unknown arguments, and how long arrays are.
        ArgumentPart::Info => is_all && of.is_some_and(|field| !is_scalar(&field.ty)),
        ArgumentPart::Args => {
            let by_value = read.by != ReadBy::Presence;
            if read.path.len() < visible.len() {
                // That there is something around it is known.
                by_value && visible.starts_with(&read.path)
            } else {
                // A mask may stand for `null`, which counts as absent.
                let is_beyond = read.path.len() > visible.len();
                read.path.starts_with(visible) && (by_value || is_all || is_beyond)
            }
        }
    }
}

/// The part of a path that leads through records, to what is one value to policies, and what that
/// is; `None` if the path is empty.
fn visible<'t, 'p>(
    ty: &'t RecordType,
    place: &'p [String],
) -> Option<(&'p [String], Option<&'t Field>)> {
    let (first, mut ty) = (place.first()?, ty);
    let mut field = ty.fields.get(first);
    let mut length = 1;
    while let (Some(Field { ty: ArgumentType::Record(inner), .. }), Some(step)) =
        (field, place.get(length))
    {
        ty = inner;
        field = ty.fields.get(step);
        length += 1;
    }
    Some((place.get(..length)?, field))
}

const fn is_scalar(ty: &ArgumentType) -> bool {
    match ty {
        ArgumentType::Bool
        | ArgumentType::Decimal
        | ArgumentType::Long
        | ArgumentType::NumberText
        | ArgumentType::String => true,
        ArgumentType::Opaque
        | ArgumentType::Record(_)
        | ArgumentType::Set(_)
        | ArgumentType::Union(_) => false,
    }
}
