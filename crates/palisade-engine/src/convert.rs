//! Turns JSON arguments into Cedar values of the tool's own argument type.
//!
//! Arguments never pass Cedar's JSON parser: it would take `{"__entity": …}` from an agent for an
//! entity. What does not fit the type exactly is refused, never left out.

use cedar_policy::RestrictedExpression;
use palisade_catalog::{ArgumentType, RecordType, UnionType};
use palisade_core::Sha256Digest;
use serde_json::{Map, Number, Value};

use crate::cedar_core::ContextReads;

/// Why an argument has no exact Cedar value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the argument `{path}` cannot be represented exactly: {why}")]
pub(crate) struct ConvertError {
    /// Where, as a JSON pointer.
    path: String,
    why: &'static str,
}

/// Arguments as policies see them.
#[derive(Debug)]
pub(crate) struct ConvertedArguments {
    /// `context.args`
    pub(crate) args: RestrictedExpression,
    /// `context.argsInfo`
    pub(crate) info: RestrictedExpression,
}

/// Checks that all validated arguments have an exact value, without building any.
pub(crate) fn check(ty: &RecordType, arguments: &Map<String, Value>) -> Result<(), ConvertError> {
    record::<Check>(ty, arguments, "", &|_| true)
}

/// Converts validated arguments, of the top-level ones only those that can be read.
pub(crate) fn arguments(
    ty: &RecordType,
    arguments: &Map<String, Value>,
    reads: &ContextReads<'_>,
) -> Result<ConvertedArguments, ConvertError> {
    let args = record::<Build>(ty, arguments, "", &|name| reads.reads_argument(name))?;
    let counts = ty.counted_arrays().into_iter().filter_map(|array| {
        let (last, records) = array.path.split_last()?;
        let holder = records.iter().try_fold(arguments, |at, name| at.get(name)?.as_object())?;
        let length = i64::try_from(holder.get(last)?.as_array()?.len()).ok()?;
        Some((array.name, RestrictedExpression::new_long(length)))
    });
    let info = vec![
        ("unknown".to_owned(), RestrictedExpression::new_bool(has_unknown(ty, arguments))),
        ("counts".to_owned(), Build::record(counts.collect())?),
    ];
    Ok(ConvertedArguments { args, info: Build::record(info)? })
}

/// What becomes of values: Cedar's, or nothing.
trait Sink {
    type Value;
    fn bool(value: bool) -> Self::Value;
    fn long(value: i64) -> Self::Value;
    fn decimal(value: String) -> Self::Value;
    fn string(value: impl FnOnce() -> String) -> Self::Value;
    fn set(items: Vec<Self::Value>) -> Self::Value;
    fn record(fields: Vec<(String, Self::Value)>) -> Result<Self::Value, ConvertError>;
}

/// Builds Cedar values.
struct Build;

impl Sink for Build {
    type Value = RestrictedExpression;

    fn bool(value: bool) -> RestrictedExpression {
        RestrictedExpression::new_bool(value)
    }

    fn long(value: i64) -> RestrictedExpression {
        RestrictedExpression::new_long(value)
    }

    fn decimal(value: String) -> RestrictedExpression {
        RestrictedExpression::new_decimal(value)
    }

    fn string(value: impl FnOnce() -> String) -> RestrictedExpression {
        RestrictedExpression::new_string(value())
    }

    fn set(items: Vec<RestrictedExpression>) -> RestrictedExpression {
        RestrictedExpression::new_set(items)
    }

    fn record(
        fields: Vec<(String, RestrictedExpression)>,
    ) -> Result<RestrictedExpression, ConvertError> {
        match RestrictedExpression::new_record(fields) {
            Ok(record) => Ok(record),
            // Its only failure is a repeated name, and every name here comes from a map.
            Err(_) => Err(ConvertError { path: String::new(), why: "a name stands twice" }),
        }
    }
}

/// Builds nothing.
struct Check;

impl Sink for Check {
    type Value = ();

    fn bool(_: bool) {}

    fn long(_: i64) {}

    fn decimal(_: String) {}

    fn string(_: impl FnOnce() -> String) {}

    fn set(_: Vec<()>) {}

    fn record(_: Vec<(String, ())>) -> Result<(), ConvertError> {
        Ok(())
    }
}

fn value<S: Sink>(ty: &ArgumentType, json: &Value, path: &str) -> Result<S::Value, ConvertError> {
    let refuse = |why| Err(ConvertError { path: path.to_owned(), why });
    match (ty, json) {
        (ArgumentType::Bool, Value::Bool(bool)) => Ok(S::bool(*bool)),
        (ArgumentType::Long, Value::Number(number)) => match number.as_i64() {
            Some(long) => Ok(S::long(long)),
            None => refuse("it is no whole number"),
        },
        (ArgumentType::Decimal, Value::Number(number)) => match decimal(number) {
            Some(text) => Ok(S::decimal(text)),
            None => refuse("a decimal has at most 4 decimals and lies within 922337203685477.58"),
        },
        (ArgumentType::NumberText, Value::Number(_)) => {
            match serde_json_canonicalizer::to_string(json) {
                Ok(text) => Ok(S::string(|| text)),
                Err(_) => refuse("it has no canonical form"),
            }
        }
        (ArgumentType::String, Value::String(text)) => Ok(S::string(|| text.clone())),
        (ArgumentType::Set(item), Value::Array(items)) => {
            let items = items
                .iter()
                .enumerate()
                .map(|(index, json)| value::<S>(item, json, &format!("{path}/{index}")));
            Ok(S::set(items.collect::<Result<Vec<_>, _>>()?))
        }
        (ArgumentType::Record(ty), Value::Object(object)) => {
            record::<S>(ty, object, path, &|_| true)
        }
        (ArgumentType::Opaque, json) => opaque::<S>(json, path),
        (ArgumentType::Union(ty), json) => union::<S>(ty, json, path),
        (
            ArgumentType::Bool
            | ArgumentType::Long
            | ArgumentType::Decimal
            | ArgumentType::NumberText
            | ArgumentType::String
            | ArgumentType::Set(_)
            | ArgumentType::Record(_),
            _,
        ) => refuse("it is of another type than the catalog says"),
    }
}

fn record<S: Sink>(
    ty: &RecordType,
    object: &Map<String, Value>,
    path: &str,
    wanted: &dyn Fn(&str) -> bool,
) -> Result<S::Value, ConvertError> {
    let mut fields = Vec::with_capacity(ty.fields.len());
    for (name, field) in ty.fields.iter().filter(|(name, _)| wanted(name)) {
        let path = format!("{path}/{}", name.replace('~', "~0").replace('/', "~1"));
        match object.get(name) {
            None | Some(Value::Null) if !field.required => {}
            None => return Err(ConvertError { path, why: "it is missing" }),
            Some(json) => fields.push((name.clone(), value::<S>(&field.ty, json, &path)?)),
        }
    }
    S::record(fields)
}

/// `{ kind, digest }`: the content is not visible, a change of it is.
fn opaque<S: Sink>(json: &Value, path: &str) -> Result<S::Value, ConvertError> {
    let kind = match json {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let Ok(digest) = Sha256Digest::of_json(json) else {
        return Err(ConvertError { path: path.to_owned(), why: "it has no canonical form" });
    };
    S::record(vec![
        ("kind".to_owned(), S::string(|| kind.to_owned())),
        ("digest".to_owned(), S::string(|| digest.to_string())),
    ])
}

/// The one field of a union that fits the value.
fn union<S: Sink>(ty: &UnionType, json: &Value, path: &str) -> Result<S::Value, ConvertError> {
    let UnionType { scalars, set, object } = ty;
    let (name, ty) = match json {
        Value::Bool(_) if scalars.bool => ("bool", &ArgumentType::Bool),
        Value::String(_) if scalars.string => ("string", &ArgumentType::String),
        Value::Number(_) if scalars.decimal => ("decimal", &ArgumentType::Decimal),
        Value::Number(_) if scalars.long => ("long", &ArgumentType::Long),
        Value::Array(_) if let Some(set) = set => ("set", set.as_ref()),
        Value::Object(_) if let Some(object) = object => ("object", object.as_ref()),
        Value::Null
        | Value::Bool(_)
        | Value::Number(_)
        | Value::String(_)
        | Value::Array(_)
        | Value::Object(_) => {
            let why = "it is of none of the types the catalog says";
            return Err(ConvertError { path: path.to_owned(), why });
        }
    };
    S::record(vec![(name.to_owned(), value::<S>(ty, json, path)?)])
}

/// Whether some open record has properties that its type does not name.
fn has_unknown(ty: &RecordType, object: &Map<String, Value>) -> bool {
    object.iter().any(|(name, json)| match ty.fields.get(name) {
        None => true,
        Some(field) => match (&field.ty, json) {
            (ArgumentType::Record(ty), Value::Object(object)) => has_unknown(ty, object),
            _ => false,
        },
    })
}

/// A number in Cedar's `decimal` syntax; `None` if that is not exact.
fn decimal(number: &Number) -> Option<String> {
    let text = plain(number);
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, "0"));
    if fraction.len() > 4 {
        return None;
    }
    // A `decimal` is a whole number of ten-thousandths in 64 bits.
    let ten_thousandths: Option<i64> = format!("{whole}{fraction:0<4}").parse().ok();
    ten_thousandths.map(|_| format!("{whole}.{fraction}"))
}

/// A number without exponent, in the fewest digits that name the same double.
fn plain(number: &Number) -> String {
    match number.as_i64() {
        Some(integer) => integer.to_string(),
        None => number.as_f64().unwrap_or_default().to_string(),
    }
}
