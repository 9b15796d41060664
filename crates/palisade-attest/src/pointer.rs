//! Where a claim stands: a JSON pointer (RFC 6901) that was read once.

use serde::Deserialize;
use serde_json::{Map, Value};

/// Steps of a pointer.
// LIMIT: claims are read to a depth of 16.
const STEPS_MAX: usize = 16;

/// Where a claim stands, e.g. `/submods/container/image_digest`. Steps go through objects only.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct ClaimPointer {
    first: String,
    rest: Vec<String>,
}

/// A text is no pointer to a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a pointer to a claim is written `/name/name`, with 1 to {STEPS_MAX} names")]
pub struct ParseClaimPointerError;

impl TryFrom<String> for ClaimPointer {
    type Error = ParseClaimPointerError;

    fn try_from(text: String) -> Result<Self, ParseClaimPointerError> {
        let steps = text.strip_prefix('/').ok_or(ParseClaimPointerError)?;
        let mut steps = steps.split('/').map(unescape);
        let first = steps.next().flatten().ok_or(ParseClaimPointerError)?;
        let rest = steps.collect::<Option<Vec<_>>>().ok_or(ParseClaimPointerError)?;
        if first.is_empty() || rest.len() >= STEPS_MAX {
            return Err(ParseClaimPointerError);
        }
        Ok(Self { first, rest })
    }
}

/// `~1` is a slash and `~0` a tilde; no other escape exists.
fn unescape(step: &str) -> Option<String> {
    let mut plain = String::with_capacity(step.len());
    let mut characters = step.chars();
    while let Some(character) = characters.next() {
        plain.push(match character {
            '~' => match characters.next() {
                Some('0') => '~',
                Some('1') => '/',
                _ => return None,
            },
            other => other,
        });
    }
    Some(plain)
}

impl ClaimPointer {
    /// The claim; `None` if there is none.
    #[must_use]
    pub fn find<'a>(&self, claims: &'a Map<String, Value>) -> Option<&'a Value> {
        let mut found = claims.get(&self.first)?;
        for step in &self.rest {
            found = found.as_object()?.get(step)?;
        }
        Some(found)
    }
}

#[cfg(test)]
mod tests;
