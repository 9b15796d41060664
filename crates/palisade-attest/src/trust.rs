//! Trust tiers and trust claims (AR4SI, draft-ietf-rats-ar4si, section 2.3).
//!
//! Deliberately gives [`TrustTier`] no order: what is "worse" depends on who asks. Here it is only
//! said how several claims become one tier, and none of the ways leads from silence to trust.

use serde_json::{Map, Value};

use palisade_core::TrustTier;

/// Claims in one trust vector.
// LIMIT: AR4SI has eight categories; the rest is room for those to come.
pub const TRUST_CLAIMS_MAX: usize = 32;

/// Bytes of a category's name.
const CATEGORY_BYTES_MAX: usize = 64;

/// What every category can say (AR4SI, section 2.3.1).
const COMMON_VALUES: &[(&str, i8)] = &[
    ("crypto_failed", 99),
    ("no_claim", 0),
    ("unexpected_evidence", 1),
    ("verifier_malfunction", -1),
];

/// The categories of AR4SI, section 2.3.2, and the names of their values.
const CATEGORIES: &[(&str, &[(&str, i8)])] = &[
    (
        "configuration",
        &[
            ("approved_config", 2),
            ("safe_config", 3),
            ("unavailable_config", 36),
            ("unsafe_config", 32),
            ("unsupportable_config", 96),
        ],
    ),
    (
        "executables",
        &[
            ("approved_boot", 3),
            ("approved_rt", 2),
            ("contraindicated_rt", 96),
            ("unrecognized_rt", 33),
            ("unsafe_rt", 32),
        ],
    ),
    ("file-system", &[("approved_fs", 2), ("contraindicated_fs", 96), ("unrecognized_fs", 32)]),
    (
        "hardware",
        &[
            ("contraindicated_hw", 96),
            ("genuine_hw", 2),
            ("unrecognized_hw", 97),
            ("unsafe_hw", 32),
        ],
    ),
    (
        "instance-identity",
        &[
            ("recognized_instance", 2),
            ("unrecognized_instance", 97),
            ("untrustworthy_instance", 96),
        ],
    ),
    ("runtime-opaque", &[("encrypted_rt", 2), ("isolated_rt", 32), ("visible_rt", 96)]),
    (
        "sourced-data",
        &[("contraindicated_sources", 96), ("trusted_sources", 2), ("untrusted_sources", 32)],
    ),
    (
        "storage-opaque",
        &[("hw_encrypted_secrets", 2), ("sw_encrypted_secrets", 32), ("unencrypted_secrets", 96)],
    ),
];

/// The tier that one claim's value lies in. Negative values are a verifier's own; they mean as
/// much as the standard ones (AR4SI, section 2.3.1).
#[must_use]
pub const fn tier_of_value(value: i8) -> TrustTier {
    match value {
        -1..=1 => TrustTier::None,
        -32..=-2 | 2..=31 => TrustTier::Affirming,
        -96..=-33 | 32..=95 => TrustTier::Warning,
        -128..=-97 | 96..=127 => TrustTier::Contraindicated,
    }
}

/// What a trust vector cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TrustError {
    /// The whole is called better than a part of it (EAR: `ear_status` must not be).
    #[error("the status is better than the worst trust claim")]
    Better,
    /// A category has no usable name, or there are too many of them.
    #[error("the trust vector has an unusable category")]
    Category,
    /// The status is no tier.
    #[error("the status is no trust tier")]
    Status,
    /// A value is no trust claim.
    #[error("a value in the trust vector is no trust claim")]
    Value,
}

/// Reads a trust vector: values by category, sorted by category. A value is a number of one byte
/// or its AR4SI name. Categories that AR4SI lacks count as the others do, by their number.
///
/// # Errors
/// A category without a usable name, more than [`TRUST_CLAIMS_MAX`], or a value that is none.
pub(crate) fn read_vector(vector: &Map<String, Value>) -> Result<Vec<(String, i8)>, TrustError> {
    if vector.len() > TRUST_CLAIMS_MAX {
        return Err(TrustError::Category);
    }
    let mut claims = Vec::with_capacity(vector.len());
    for (category, value) in vector {
        if !is_category(category) {
            return Err(TrustError::Category);
        }
        claims.push((category.clone(), read_value(category, value)?));
    }
    claims.sort_unstable();
    Ok(claims)
}

fn is_category(name: &str) -> bool {
    (1..=CATEGORY_BYTES_MAX).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

fn read_value(category: &str, value: &Value) -> Result<i8, TrustError> {
    match value {
        Value::Number(number) => {
            number.as_i64().and_then(|n| i8::try_from(n).ok()).ok_or(TrustError::Value)
        }
        Value::String(name) => value_by_name(category, name).ok_or(TrustError::Value),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => Err(TrustError::Value),
    }
}

fn value_by_name(category: &str, name: &str) -> Option<i8> {
    let own = CATEGORIES.iter().find(|(known, _)| *known == category).map_or(&[][..], |c| c.1);
    let mut values = own.iter().chain(COMMON_VALUES);
    values.find(|(known, _)| *known == name).map(|(_, value)| *value)
}

/// Reads a status: the name of a tier, or the number that stands for it.
///
/// # Errors
/// It is neither.
pub(crate) fn read_status(status: &Value) -> Result<TrustTier, TrustError> {
    let tier = match status {
        Value::String(name) => TrustTier::ALL.into_iter().find(|tier| tier.as_str() == name),
        Value::Number(number) => match number.as_i64() {
            Some(0) => Some(TrustTier::None),
            Some(2) => Some(TrustTier::Affirming),
            Some(32) => Some(TrustTier::Warning),
            Some(96) => Some(TrustTier::Contraindicated),
            _ => None,
        },
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    };
    tier.ok_or(TrustError::Status)
}

/// The tier of claims together: the worst of them. A finding is worse than silence, and silence
/// is worse than trust: contraindicated, warning, none, affirming. The value 0 makes no claim, as
/// if it were absent; -1 and 1 do: the verifier could not appraise what it was given.
///
/// Without any claim there is nothing to be worse than, and the answer is `None` (no tier).
pub(crate) fn worst_claim(vector: &[(String, i8)]) -> Option<TrustTier> {
    let claims = vector.iter().map(|(_, value)| *value).filter(|value| *value != 0);
    claims.map(tier_of_value).reduce(worse)
}

/// The worse of two tiers, in the order that [`worst_claim`] tells.
pub(crate) const fn worse(one: TrustTier, other: TrustTier) -> TrustTier {
    if badness(one) < badness(other) { other } else { one }
}

const fn badness(tier: TrustTier) -> u8 {
    match tier {
        TrustTier::Affirming => 0,
        TrustTier::None => 1,
        TrustTier::Warning => 2,
        TrustTier::Contraindicated => 3,
    }
}

/// The tier of the whole: the worse of what the verifier says of it and its worst claim.
///
/// A status of `none` says nothing, so it cannot be too good. A status that is affirming or a
/// warning while a claim found something worse contradicts its own vector; nobody can tell which of
/// the two is meant.
///
/// # Errors
/// The status is better than a warning or contraindication among the claims (EAR, section 3.1).
pub(crate) fn overall(status: TrustTier, vector: &[(String, i8)]) -> Result<TrustTier, TrustError> {
    let Some(claimed) = worst_claim(vector) else {
        return Ok(status);
    };
    let speaks = matches!(status, TrustTier::Affirming | TrustTier::Warning);
    let finding = matches!(claimed, TrustTier::Warning | TrustTier::Contraindicated);
    // FAIL-CLOSED: a result that contradicts itself is no result.
    if speaks && finding && badness(status) < badness(claimed) {
        return Err(TrustError::Better);
    }
    // INVARIANT: affirming only if the status affirms and no claim says anything else.
    Ok(worse(status, claimed))
}

#[cfg(test)]
mod tests;
