//! Turns JSON arguments into Cedar values of the tool's own argument type.
//!
//! Arguments never pass Cedar's JSON parser: it would take `{"__entity": …}` from an agent for an
//! entity. What does not fit the type exactly is refused, never left out.

use std::collections::BTreeMap;

use palisade_catalog::{ArgumentType, CountedArray, Field, RecordType, UnionType};
use palisade_core::Sha256Digest;
use serde_json::{Map, Number, Value};

use crate::ReadBy;
use crate::key_bytes::{self, KeyBytes};
use crate::values::{NoValues, Values};

/// Why an argument has no exact Cedar value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the argument `{path}` cannot be represented exactly: {why}")]
pub(crate) struct ConvertError {
    /// Where, as a JSON pointer.
    path: String,
    why: &'static str,
}

impl ConvertError {
    const fn new(why: &'static str) -> Self {
        Self { path: String::new(), why }
    }

    /// The same, seen from one level further out.
    fn within(self, step: &str) -> Self {
        let step = step.replace('~', "~0").replace('/', "~1");
        Self { path: format!("/{step}{}", self.path), ..self }
    }
}

/// Which parts of a record are built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// Everything.
    Whole,
    /// These fields and what is wanted of them.
    Fields(BTreeMap<String, Self>),
    /// That it is there; what it is, nobody looks at.
    Presence,
}

impl Wanted {
    /// Nothing.
    pub(crate) const NOTHING: Self = Self::Fields(BTreeMap::new());

    /// Wants, beside what is wanted already, what `path` leads to: that it is there, or, if
    /// `whole`, all of it.
    pub(crate) fn add(&mut self, path: &[String], whole: bool) {
        if *self == Self::Presence && (whole || !path.is_empty()) {
            *self = Self::NOTHING;
        }
        match (&mut *self, path) {
            (Self::Whole | Self::Presence, _) => {}
            (Self::Fields(_), []) if whole => *self = Self::Whole,
            // Fields of it are wanted, so that it is there can be seen anyway.
            (Self::Fields(_), []) => {}
            (Self::Fields(fields), [name, rest @ ..]) => {
                fields.entry(name.clone()).or_insert(Self::Presence).add(rest, whole);
            }
        }
    }
}

/// Checks that what is wanted of validated arguments has an exact value, without building any.
pub(crate) fn check(
    ty: &RecordType,
    arguments: &Map<String, Value>,
    wanted: &Wanted,
) -> Result<(), ConvertError> {
    record::<NoValues>(ty, arguments, wanted)
}

/// The fields of which a validated value may have no exact Cedar value: those with decimals.
pub(crate) fn inexact(ty: &RecordType) -> Wanted {
    let fields = ty.fields.iter().filter(|(_, field)| may_be_inexact(&field.ty));
    Wanted::Fields(fields.map(|(name, _)| (name.clone(), Wanted::Whole)).collect())
}

fn may_be_inexact(ty: &ArgumentType) -> bool {
    match ty {
        ArgumentType::Decimal => true,
        ArgumentType::Bool
        | ArgumentType::Long
        | ArgumentType::NumberText
        | ArgumentType::Opaque
        | ArgumentType::String => false,
        ArgumentType::Record(ty) => ty.fields.values().any(|field| may_be_inexact(&field.ty)),
        ArgumentType::Set(item) => may_be_inexact(item),
        ArgumentType::Union(UnionType { scalars, set, object }) => {
            let inner = [set, object].into_iter().flatten();
            scalars.decimal || inner.into_iter().any(|ty| may_be_inexact(ty))
        }
    }
}

/// `context.args`: what is wanted of validated arguments.
pub(crate) fn arguments<V: Values>(
    ty: &RecordType,
    arguments: &Map<String, Value>,
    wanted: &Wanted,
) -> Result<V::Value, ConvertError> {
    record::<V>(ty, arguments, wanted)
}

/// `context.argsInfo`: what the values themselves do not show. `counted` are the arrays of the
/// type.
pub(crate) fn info<V: Values>(
    ty: &RecordType,
    counted: &[CountedArray],
    arguments: &Map<String, Value>,
) -> V::Value {
    let counts = counted
        .iter()
        .filter_map(|array| Some((array.name.as_str(), V::long(length(array, arguments)?))));
    V::record(vec![
        (UNKNOWN, V::bool(has_unknown(ty, arguments))),
        (COUNTS, V::record(counts.collect())),
    ])
}

/// The attributes of `context.argsInfo`.
const UNKNOWN: &str = "unknown";
const COUNTS: &str = "counts";

/// The length of an array, if it is there.
fn length(array: &CountedArray, arguments: &Map<String, Value>) -> Option<i64> {
    let (last, records) = array.path.split_last()?;
    let holder = records.iter().try_fold(arguments, |at, name| at.get(name)?.as_object())?;
    i64::try_from(holder.get(last)?.as_array()?.len()).ok()
}

/// Writes what policies can see that read this path of `context.args`: how far it leads, and if to
/// its end, what is there.
pub(crate) fn write_seen(
    ty: &RecordType,
    arguments: &Map<String, Value>,
    path: &[String],
    by: ReadBy,
    to: &mut Vec<u8>,
) -> Result<(), ConvertError> {
    let (mut ty, mut object) = (ty, arguments);
    for (step, name) in path.iter().enumerate() {
        let is_last = step + 1 == path.len();
        let json = object.get(name);
        let (field, json) = match (ty.fields.get(name), json) {
            (Some(field), Some(json)) if field.required || !json.is_null() => (field, json),
            _ => {
                key_bytes::write_absent(step, to);
                return Ok(());
            }
        };
        match (&field.ty, json) {
            (ArgumentType::Record(inner), Value::Object(within)) if !is_last => {
                (ty, object) = (inner, within);
            }
            _ if is_last && by == ReadBy::Presence => {
                to.push(key_bytes::PRESENT);
                return Ok(());
            }
            // The end of the path, or where it goes on within what is one value in a key.
            (leaf, json) => {
                let value = value::<KeyBytes>(leaf, json, &Wanted::Whole);
                to.extend(value.map_err(|error| error.within(name))?);
                return Ok(());
            }
        }
    }
    to.extend(record::<KeyBytes>(ty, object, &Wanted::Whole)?);
    Ok(())
}

/// The same for `context.argsInfo`.
pub(crate) fn write_seen_info(
    ty: &RecordType,
    counted: &[CountedArray],
    arguments: &Map<String, Value>,
    path: &[String],
    to: &mut Vec<u8>,
) {
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    match path[..] {
        [UNKNOWN] => to.extend(KeyBytes::bool(has_unknown(ty, arguments))),
        [COUNTS, name] => {
            let array = counted.iter().find(|array| array.name == name);
            match array.and_then(|array| length(array, arguments)) {
                Some(length) => to.extend(KeyBytes::long(length)),
                None => key_bytes::write_absent(1, to),
            }
        }
        _ => to.extend(info::<KeyBytes>(ty, counted, arguments)),
    }
}

fn value<V: Values>(
    ty: &ArgumentType,
    json: &Value,
    wanted: &Wanted,
) -> Result<V::Value, ConvertError> {
    match (ty, json) {
        _ if *wanted == Wanted::Presence => Ok(V::bool(true)),
        (ArgumentType::Bool, Value::Bool(bool)) => Ok(V::bool(*bool)),
        (ArgumentType::Long, Value::Number(number)) => match number.as_i64() {
            Some(long) => Ok(V::long(long)),
            None => Err(ConvertError::new("it is no whole number")),
        },
        (ArgumentType::Decimal, Value::Number(number)) => decimal::<V>(number),
        (ArgumentType::NumberText, Value::Number(_)) => {
            match serde_json_canonicalizer::to_string(json) {
                Ok(text) => Ok(V::string(&text)),
                Err(_) => Err(ConvertError::new("it has no canonical form")),
            }
        }
        (ArgumentType::String, Value::String(text)) => Ok(V::string(text)),
        (ArgumentType::Set(item), Value::Array(items)) => {
            let items = items.iter().enumerate().map(|(index, json)| {
                value::<V>(item, json, &Wanted::Whole)
                    .map_err(|error| error.within(&index.to_string()))
            });
            Ok(V::set(items.collect::<Result<Vec<_>, _>>()?))
        }
        (ArgumentType::Record(ty), Value::Object(object)) => record::<V>(ty, object, wanted),
        (ArgumentType::Opaque, json) => opaque::<V>(json),
        (ArgumentType::Union(ty), json) => union::<V>(ty, json),
        (
            ArgumentType::Bool
            | ArgumentType::Long
            | ArgumentType::Decimal
            | ArgumentType::NumberText
            | ArgumentType::String
            | ArgumentType::Set(_)
            | ArgumentType::Record(_),
            _,
        ) => Err(ConvertError::new("it is of another type than the catalog says")),
    }
}

fn record<V: Values>(
    ty: &RecordType,
    object: &Map<String, Value>,
    wanted: &Wanted,
) -> Result<V::Value, ConvertError> {
    let mut fields = Vec::new();
    match wanted {
        Wanted::Presence => {}
        Wanted::Whole => {
            fields.reserve(object.len().min(ty.fields.len()));
            for (name, field) in &ty.fields {
                fields.extend(attribute::<V>(name, field, object, &Wanted::Whole)?);
            }
        }
        Wanted::Fields(names) => {
            for (name, wanted) in names {
                if let Some((name, field)) = ty.fields.get_key_value(name) {
                    fields.extend(attribute::<V>(name, field, object, wanted)?);
                }
            }
        }
    }
    Ok(V::record(fields))
}

/// One attribute of a record, if it is there.
fn attribute<'a, V: Values>(
    name: &'a str,
    field: &Field,
    object: &Map<String, Value>,
    wanted: &Wanted,
) -> Result<Option<(&'a str, V::Value)>, ConvertError> {
    let value = match object.get(name) {
        None | Some(Value::Null) if !field.required => return Ok(None),
        None => Err(ConvertError::new("it is missing")),
        Some(json) => value::<V>(&field.ty, json, wanted),
    };
    value.map(|value| Some((name, value))).map_err(|error| error.within(name))
}

/// `{ kind, digest }`: the content is not visible, a change of it is.
fn opaque<V: Values>(json: &Value) -> Result<V::Value, ConvertError> {
    let kind = match json {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let Ok(digest) = Sha256Digest::of_json(json) else {
        return Err(ConvertError::new("it has no canonical form"));
    };
    Ok(V::record(vec![("kind", V::string(kind)), ("digest", V::string(&digest.to_string()))]))
}

/// The one field of a union that fits the value.
fn union<V: Values>(ty: &UnionType, json: &Value) -> Result<V::Value, ConvertError> {
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
            return Err(ConvertError::new("it is of none of the types the catalog says"));
        }
    };
    Ok(V::record(vec![(name, value::<V>(ty, json, &Wanted::Whole)?)]))
}

/// Whether some record has properties that its type does not name.
fn has_unknown(ty: &RecordType, object: &Map<String, Value>) -> bool {
    // FAIL-CLOSED: closed records are looked at, too; a guardrail must not hang on what validation
    // is believed to let through.
    object.iter().any(|(name, json)| match ty.fields.get(name) {
        None => true,
        Some(field) => match (&field.ty, json) {
            (ArgumentType::Record(ty), Value::Object(object)) => has_unknown(ty, object),
            _ => false,
        },
    })
}

/// A number in Cedar's `decimal` syntax, if that is exact.
fn decimal<V: Values>(number: &Number) -> Result<V::Value, ConvertError> {
    let refuse =
        || ConvertError::new("a decimal has at most 4 decimals and lies within 922337203685477.58");
    let text = plain(number);
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, "0"));
    if fraction.len() > 4 {
        return Err(refuse());
    }
    // A `decimal` is a whole number of ten-thousandths in 64 bits.
    let ten_thousandths: Option<i64> = format!("{whole}{fraction:0<4}").parse().ok();
    if ten_thousandths.is_none() {
        return Err(refuse());
    }
    match V::decimal(&format!("{whole}.{fraction}")) {
        Ok(value) => Ok(value),
        Err(_) => Err(refuse()),
    }
}

/// A number without exponent, in the fewest digits that name the same double.
fn plain(number: &Number) -> String {
    match number.as_i64() {
        Some(integer) => integer.to_string(),
        None => number.as_f64().unwrap_or_default().to_string(),
    }
}
