//! How a verifier's own claims are read: data, so that another verifier needs no code.
//!
//! Clouds sign what they measured in words of their own and leave it to others to judge it. A
//! mapping says which claims have to say what, for the whole to be affirming, and which carry the
//! binding and the measurements.

mod appraise;
mod built_in;
mod raw;

use std::collections::BTreeSet;

use palisade_core::TrustTier;
use palisade_jose::Algorithm;
use serde::Deserialize;
use serde_json::Value;

use crate::pointer::ClaimPointer;

/// Checks, bindings or measurements of a mapping, and pointers or values of each.
// LIMIT: whoever configures it writes it by hand.
pub const MAPPING_ENTRIES_MAX: usize = 64;

/// How the claims of one kind of token are read.
#[derive(Clone, Debug, PartialEq)]
pub struct ClaimMapping {
    /// `iss`, if all tokens of this kind have the same; otherwise it is configured.
    pub(crate) issuer: Option<String>,
    /// Whether tokens carry an audience, which then has to be configured.
    pub(crate) audience: bool,
    pub(crate) algorithms: Vec<Algorithm>,
    pub(crate) checks: Vec<ClaimCheck>,
    /// The tier if a check fails: never affirming.
    pub(crate) otherwise: TrustTier,
    pub(crate) bindings: Vec<BindingClaim>,
    pub(crate) subject: Vec<ClaimPointer>,
    pub(crate) measurements: Vec<MeasurementClaim>,
}

/// What one claim has to say.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ClaimCheck {
    /// Where it can stand. It has to stand somewhere, and hold wherever it stands.
    pub(crate) claims: Vec<ClaimPointer>,
    pub(crate) accepts: Accepts,
    /// The AR4SI category that it speaks of.
    pub(crate) category: String,
    /// If it does not hold, somebody could look into the environment or change it.
    pub(crate) debug: bool,
}

/// Which values a claim may have.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Accepts {
    /// A list that has one of these in it.
    Containing(Vec<Value>),
    /// One of these.
    OneOf(Vec<Value>),
}

/// A claim that ties the token to whoever presents it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BindingClaim {
    pub(crate) claim: ClaimPointer,
    #[serde(default)]
    pub(crate) form: BindingForm,
}

/// What a binding claim is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum BindingForm {
    /// One JWK or a list of them.
    Jwk,
    /// A text or a list of texts that spell 32 bytes, or 64 of which the last 32 are zero.
    #[default]
    Text,
}

/// A claim that says what was measured.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MeasurementClaim {
    /// Its name in policies and reference values.
    pub(crate) name: String,
    /// Where it can stand; what stands in any of these places was measured.
    pub(crate) claims: Vec<ClaimPointer>,
}

impl MeasurementClaim {
    /// The measurement `name` that stands at `claim` (a JSON pointer).
    ///
    /// # Errors
    /// The name is not usable, or the claim is no pointer.
    pub fn new(name: &str, claim: &str) -> Result<Self, MappingError> {
        let claim =
            ClaimPointer::try_from(claim.to_owned()).map_err(|_form| MappingError::Pointer)?;
        check_measurement_name(name)?;
        Ok(Self { name: name.to_owned(), claims: vec![claim] })
    }
}

/// Why a mapping is not usable.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MappingError {
    /// An algorithm is unknown or symmetric, or there is none.
    #[error("a mapping names one or more asymmetric JWS algorithms")]
    Algorithm,
    /// It is not of the right form.
    #[error("the mapping is not of the right form: {message}")]
    Form {
        /// What is wrong.
        message: String,
    },
    /// A measurement's name is unusable, is used twice, or belongs to code identity.
    #[error("`{name}` cannot name a measurement here")]
    MeasurementName {
        /// The name.
        name: String,
    },
    /// It would be affirming without a check, bound to nobody, or never let anybody through.
    #[error("a mapping has at least one {what}")]
    Missing {
        /// What is missing.
        what: &'static str,
    },
    /// The tier of a failed check is affirming.
    #[error("what fails a check cannot be affirming")]
    Otherwise,
    /// A claim is not named by a JSON pointer.
    #[error("a claim is named by a JSON pointer")]
    Pointer,
    /// A check asks for nothing, or for two things.
    #[error("a check has either `equals` or `contains`, with the values accepted")]
    Predicate,
    /// More entries than [`MAPPING_ENTRIES_MAX`].
    #[error("a mapping has at most {MAPPING_ENTRIES_MAX} entries of a kind")]
    TooMany,
    /// There is no such mapping.
    #[error("`{name}` is no mapping that is built in")]
    UnknownName {
        /// The name.
        name: String,
    },
}

impl ClaimMapping {
    /// A mapping that comes with Palisade: one of [`ClaimMapping::BUILT_IN`].
    ///
    /// # Errors
    /// There is none of this name.
    pub fn built_in(name: &str) -> Result<Self, MappingError> {
        let text = built_in::text(name)
            .ok_or_else(|| MappingError::UnknownName { name: name.to_owned() })?;
        let value = serde_json::from_str(text)
            .map_err(|error| MappingError::Form { message: error.to_string() })?;
        Self::from_value(value)
    }

    /// Names of the mappings that come with Palisade.
    pub const BUILT_IN: &'static [&'static str] = built_in::NAMES;

    /// Reads a mapping, e.g. out of a configuration file. The built-in ones
    /// (`src/mapping/*.json`) show what it looks like.
    ///
    /// # Errors
    /// It is not of the right form, or would take anything for affirming.
    pub fn from_value(value: Value) -> Result<Self, MappingError> {
        let raw: raw::RawMapping = serde_json::from_value(value)
            .map_err(|error| MappingError::Form { message: error.to_string() })?;
        raw.accept()
    }

    /// `iss` of the tokens, if they all have the same.
    #[must_use]
    pub fn issuer(&self) -> Option<&str> {
        self.issuer.as_deref()
    }

    /// Whether an audience has to be configured.
    #[must_use]
    pub const fn needs_audience(&self) -> bool {
        self.audience
    }
}

/// Checks the names of measurements: usable, each once.
pub(crate) fn check_measurements(measurements: &[MeasurementClaim]) -> Result<(), MappingError> {
    let mut names = BTreeSet::new();
    for MeasurementClaim { name, .. } in measurements {
        check_measurement_name(name)?;
        if !names.insert(name) {
            return Err(MappingError::MeasurementName { name: name.clone() });
        }
    }
    Ok(())
}

/// FAIL-CLOSED: an environment must not be able to say who built it; code identity does.
fn check_measurement_name(name: &str) -> Result<(), MappingError> {
    let usable = (1..=64).contains(&name.len())
        && name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_.".contains(&b))
        && !["builder", "source", "workflow"].contains(&name);
    if usable { Ok(()) } else { Err(MappingError::MeasurementName { name: name.to_owned() }) }
}

#[cfg(test)]
mod tests;
