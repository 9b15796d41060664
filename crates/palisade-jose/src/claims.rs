//! What a token says (RFC 7519, section 4), by name and type.
//!
//! A claim that is there and is of another type than asked for is an error, never an absent claim:
//! whoever writes `"exp": "never"` must not get a token without an end.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use palisade_core::EpochMillis;
use serde_json::{Map, Value};

/// The greatest instant that is taken, in seconds: 9999-12-31T23:59:59Z.
// LIMIT: the last one that RFC 3339 can write.
pub const NUMERIC_DATE_MAX: u64 = 253_402_300_799;

/// The claims of a token.
///
/// Cloning is cheap: the content is shared.
#[derive(Clone, PartialEq)]
pub struct Claims(Arc<Map<String, Value>>);

impl Claims {
    pub(crate) fn new(claims: Map<String, Value>) -> Self {
        Self(Arc::new(claims))
    }

    /// A text; `None` if there is no such claim.
    ///
    /// # Errors
    /// It is something else.
    pub fn text(&self, name: &str) -> Result<Option<&str>, ClaimError> {
        self.read(name, "a string", Value::as_str)
    }

    /// A truth value; `None` if there is no such claim.
    ///
    /// # Errors
    /// It is something else.
    pub fn bool(&self, name: &str) -> Result<Option<bool>, ClaimError> {
        self.read(name, "true or false", Value::as_bool)
    }

    /// An object; `None` if there is no such claim.
    ///
    /// # Errors
    /// It is something else.
    pub fn object(&self, name: &str) -> Result<Option<&Map<String, Value>>, ClaimError> {
        self.read(name, "an object", Value::as_object)
    }

    /// One text or a list of them, such as `aud`; `None` if there is no such claim.
    ///
    /// # Errors
    /// It is something else.
    pub fn texts(&self, name: &str) -> Result<Option<Vec<&str>>, ClaimError> {
        self.read(name, "a string or a list of strings", |value| match value {
            Value::String(text) => Some(vec![text.as_str()]),
            Value::Array(items) => items.iter().map(Value::as_str).collect(),
            _ => None,
        })
    }

    /// A `NumericDate`, whole or with a fraction (RFC 7519, section 2); `None` if there is no such
    /// claim. What is finer than a millisecond is cut off.
    ///
    /// # Errors
    /// It is something else, or lies before 1970 or after [`NUMERIC_DATE_MAX`].
    pub fn instant(&self, name: &str) -> Result<Option<EpochMillis>, ClaimError> {
        self.read(name, "a number of seconds since 1970", read_instant)
    }

    /// Everything.
    #[must_use]
    pub fn as_map(&self) -> &Map<String, Value> {
        &self.0
    }

    /// Everything, shared.
    #[must_use]
    pub fn to_shared(&self) -> Arc<Map<String, Value>> {
        Arc::clone(&self.0)
    }

    /// Everything.
    #[must_use]
    pub fn into_map(self) -> Map<String, Value> {
        Arc::unwrap_or_clone(self.0)
    }

    fn read<'a, T>(
        &'a self,
        name: &str,
        expected: &'static str,
        convert: impl FnOnce(&'a Value) -> Option<T>,
    ) -> Result<Option<T>, ClaimError> {
        let Some(value) = self.0.get(name) else {
            return Ok(None);
        };
        match convert(value) {
            Some(converted) => Ok(Some(converted)),
            None => Err(ClaimError { name: name.to_owned(), expected }),
        }
    }
}

/// Says how many there are; their content is part of a credential.
impl fmt::Debug for Claims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Claims").field("members", &self.0.len()).finish_non_exhaustive()
    }
}

/// A claim is not what it has to be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the claim `{name}` is not {expected}")]
pub struct ClaimError {
    /// Which: the name that was asked for, so not a stranger's text.
    pub name: String,
    /// What it has to be.
    pub expected: &'static str,
}

fn read_instant(value: &Value) -> Option<EpochMillis> {
    let since_epoch = match value.as_u64() {
        Some(seconds) => Duration::from_secs(seconds),
        // Refuses what is negative or no number; rounds to nanoseconds, so that 1.001 is not 1.
        None => Duration::try_from_secs_f64(value.as_f64()?).ok()?,
    };
    if since_epoch > Duration::from_secs(NUMERIC_DATE_MAX) {
        return None;
    }
    i64::try_from(since_epoch.as_millis()).ok().map(EpochMillis::new)
}

#[cfg(test)]
mod tests;
