//! JSON objects that come from strangers: read once and strictly.
//!
//! Two parsers that read the same text differently are how a check is bypassed, so what parsers
//! disagree about is refused: duplicate keys, numbers that IEEE 754 cannot carry (RFC 7493),
//! nesting beyond what recursion stands. Nothing is repaired and nothing is dropped.

use jiter::{Jiter, JiterError, Peek};
use serde_json::map::Entry;
use serde_json::{Map, Number, Value};

use crate::limits::{ARGUMENT_DIGITS_MAX, ARGUMENT_INTEGER_MAX};

/// How large a text may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JsonLimits {
    /// Bytes of the text.
    pub bytes: usize,
    /// Nesting depth; the outermost object is depth 1.
    pub depth: usize,
}

/// Why a text is not acceptable as a JSON object.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StrictJsonError {
    /// An object names a key twice.
    #[error("the key `{key}` stands twice in one object")]
    DuplicateKey {
        /// The key.
        key: String,
    },
    /// The outermost value is no object.
    #[error("it is no JSON object")]
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
    #[error("it is no JSON: {message} at byte {offset}")]
    Syntax {
        /// What the parser says.
        message: String,
        /// Where.
        offset: usize,
    },
    /// More bytes than the limit.
    #[error("it has {bytes} bytes; the limit is {limit}")]
    TooLarge {
        /// How many.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// Nested deeper than the limit.
    #[error("it is nested deeper than {limit} levels")]
    TooDeep {
        /// The limit.
        limit: usize,
    },
}

/// Reads one JSON object from UTF-8 text.
///
/// # Errors
/// Not a JSON object within the limits, or with duplicate keys, or with numbers that cannot be
/// represented exactly.
pub fn parse_json_object(
    text: &[u8],
    limits: JsonLimits,
) -> Result<Map<String, Value>, StrictJsonError> {
    if text.len() > limits.bytes {
        return Err(StrictJsonError::TooLarge { bytes: text.len(), limit: limits.bytes });
    }
    let mut json = Jiter::new(text);
    let first = json.peek().map_err(|error| syntax(&error))?;
    if first != Peek::Object {
        // Distinguish `[1]` from `[1`: the latter is no JSON at all.
        json.known_skip(first).and_then(|()| json.finish()).map_err(|error| syntax(&error))?;
        return Err(StrictJsonError::NotAnObject);
    }
    let object = Reader { depth_max: limits.depth }.object(&mut json, 1)?;
    json.finish().map_err(|error| syntax(&error))?;
    Ok(object)
}

#[derive(Clone, Copy)]
struct Reader {
    depth_max: usize,
}

impl Reader {
    fn value(
        self,
        json: &mut Jiter<'_>,
        peek: Peek,
        depth: usize,
    ) -> Result<Value, StrictJsonError> {
        match peek {
            Peek::Null => json.known_null().map(|()| Value::Null).map_err(|error| syntax(&error)),
            Peek::True | Peek::False => {
                json.known_bool(peek).map(Value::Bool).map_err(|error| syntax(&error))
            }
            Peek::String => {
                json.known_str().map(|text| Value::String(text.to_owned())).map_err(|e| syntax(&e))
            }
            Peek::Array => self.array(json, self.deeper(depth)?),
            Peek::Object => self.object(json, self.deeper(depth)?).map(Value::Object),
            _ => {
                let number = json.known_number_bytes(peek).map_err(|error| syntax(&error))?;
                read_number(number)
            }
        }
    }

    fn array(self, json: &mut Jiter<'_>, depth: usize) -> Result<Value, StrictJsonError> {
        let mut items = Vec::new();
        let mut next = json.known_array().map_err(|error| syntax(&error))?;
        while let Some(peek) = next {
            items.push(self.value(json, peek, depth)?);
            next = json.array_step().map_err(|error| syntax(&error))?;
        }
        Ok(Value::Array(items))
    }

    fn object(
        self,
        json: &mut Jiter<'_>,
        depth: usize,
    ) -> Result<Map<String, Value>, StrictJsonError> {
        let mut object = Map::new();
        let mut key = json.known_object().map_err(|error| syntax(&error))?.map(str::to_owned);
        while let Some(name) = key {
            let peek = json.peek().map_err(|error| syntax(&error))?;
            let value = self.value(json, peek, depth)?;
            match object.entry(name) {
                Entry::Occupied(taken) => {
                    return Err(StrictJsonError::DuplicateKey { key: taken.key().clone() });
                }
                Entry::Vacant(free) => {
                    free.insert(value);
                }
            }
            key = json.next_key().map_err(|error| syntax(&error))?.map(str::to_owned);
        }
        Ok(object)
    }

    const fn deeper(self, depth: usize) -> Result<usize, StrictJsonError> {
        if depth >= self.depth_max {
            Err(StrictJsonError::TooDeep { limit: self.depth_max })
        } else {
            Ok(depth + 1)
        }
    }
}

/// Reads a number so that no two texts of different value become the same value.
///
/// Integral values have to lie within ±(2⁵³ − 1). Others have at most 17 significant digits,
/// which is what it takes to write any IEEE 754 double (RFC 7493, section 2.2).
fn read_number(bytes: &[u8]) -> Result<Value, StrictJsonError> {
    let text = std::str::from_utf8(bytes).unwrap_or_default();
    let refuse = |why| {
        Err(StrictJsonError::NotRepresentable { number: text.chars().take(40).collect(), why })
    };
    if let Ok(integer) = text.parse::<i64>() {
        return if integer.unsigned_abs() <= ARGUMENT_INTEGER_MAX.unsigned_abs() {
            Ok(Value::Number(Number::from(integer)))
        } else {
            refuse("an integer has to lie within 2^53 - 1 of zero")
        };
    }
    if significant_digits(text) > ARGUMENT_DIGITS_MAX {
        return refuse("a number has at most 17 significant digits");
    }
    let Ok(double) = text.parse::<f64>() else {
        return refuse("it is no number");
    };
    #[expect(clippy::cast_precision_loss, reason = "2^53 - 1 is exact in a double")]
    let integer_max = ARGUMENT_INTEGER_MAX as f64;
    if double.is_nan() || double.abs() > integer_max {
        return refuse("a number has to lie within 2^53 - 1 of zero");
    }
    if double == 0.0
        && text.bytes().take_while(|b| !matches!(b, b'e' | b'E')).any(|b| matches!(b, b'1'..=b'9'))
    {
        return refuse("it is too close to zero");
    }
    if double.fract() == 0.0 {
        #[expect(clippy::cast_possible_truncation, reason = "checked to lie within 2^53 - 1")]
        let integer = double as i64;
        return Ok(Value::Number(Number::from(integer)));
    }
    Number::from_f64(double).map_or_else(|| refuse("it is not finite"), |n| Ok(Value::Number(n)))
}

/// Digits of the mantissa, without leading zeros and without trailing zeros.
fn significant_digits(text: &str) -> usize {
    let mantissa = text.split(['e', 'E']).next().unwrap_or_default();
    let digits: Vec<u8> = mantissa.bytes().filter(u8::is_ascii_digit).collect();
    let leading = digits.iter().take_while(|digit| **digit == b'0').count();
    let trailing = digits.iter().rev().take_while(|digit| **digit == b'0').count();
    digits.len().saturating_sub(leading + trailing)
}

fn syntax(error: &JiterError) -> StrictJsonError {
    StrictJsonError::Syntax { message: error.error_type.to_string(), offset: error.index }
}
