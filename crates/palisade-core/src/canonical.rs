//! JSON in canonical form (RFC 8785).
//!
//! Every call's arguments are hashed in this form, and `serde_json_canonicalizer` takes several
//! times as long for it as for parsing them. So what is simple is written here, and what is not is
//! left to that library: numbers with a fraction, integers beyond what a double can carry, and
//! strings with escapes.

use std::io::Write as _;

use serde_json::{Map, Value};

use crate::limits::ARGUMENT_INTEGER_MAX;

/// Appends a value in canonical form.
///
/// # Errors
/// A number has no canonical form.
pub(crate) fn write(value: &Value, to: &mut Vec<u8>) -> Result<(), serde_json::Error> {
    match value {
        Value::Null => to.extend(b"null"),
        Value::Bool(true) => to.extend(b"true"),
        Value::Bool(false) => to.extend(b"false"),
        Value::Number(number) => match number.as_i64() {
            Some(integer) if integer.unsigned_abs() <= ARGUMENT_INTEGER_MAX.unsigned_abs() => {
                write!(to, "{integer}").map_err(serde_json::Error::io)?;
            }
            Some(_) | None => serde_json_canonicalizer::to_writer(value, to)?,
        },
        Value::String(text) => write_text(text, to)?,
        Value::Array(items) => {
            to.push(b'[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    to.push(b',');
                }
                write(item, to)?;
            }
            to.push(b']');
        }
        Value::Object(fields) => write_object(fields, to)?,
    }
    Ok(())
}

/// Names in the order of their UTF-16 code units (RFC 8785, section 3.2.3).
fn write_object(fields: &Map<String, Value>, to: &mut Vec<u8>) -> Result<(), serde_json::Error> {
    let mut sorted: Vec<(&String, &Value)> = fields.iter().collect();
    if fields.keys().all(|name| name.is_ascii()) {
        sorted.sort_unstable_by_key(|(name, _)| *name);
    } else {
        sorted.sort_unstable_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
    }
    to.push(b'{');
    for (index, (name, value)) in sorted.into_iter().enumerate() {
        if index > 0 {
            to.push(b',');
        }
        write_text(name, to)?;
        to.push(b':');
        write(value, to)?;
    }
    to.push(b'}');
    Ok(())
}

fn write_text(text: &str, to: &mut Vec<u8>) -> Result<(), serde_json::Error> {
    if text.bytes().all(|byte| byte >= b' ' && byte != b'"' && byte != b'\\') {
        to.push(b'"');
        to.extend(text.as_bytes());
        to.push(b'"');
        Ok(())
    } else {
        serde_json_canonicalizer::to_writer(&text, to)
    }
}

#[cfg(test)]
mod tests;
