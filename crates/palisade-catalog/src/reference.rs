//! Reference values: what an environment has to have measured to be known to a bundle.
//!
//! They stand in `reference/*.yaml`, so they are signed and versioned with the policies that read
//! them. Which verifiers exist is configuration of the server; a bundle only names them.

mod accept;
mod raw;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use palisade_core::{Problems, Sha256Digest};
use serde_json::json;

/// Reference values in one bundle.
// LIMIT: every one is compared with every attestation that is verified; a thousand cost less than
// one signature.
pub const REFERENCES_MAX: usize = 1024;

/// Measurements that one reference value asks for.
// LIMIT: a TPM has 24 registers; the rest is room for names of a cloud.
pub const REFERENCE_MEASUREMENTS_MAX: usize = 64;

/// Values that are accepted for one measurement.
// LIMIT: releases in use side by side; more of them are a list that nobody reads any more.
pub const REFERENCE_VALUES_MAX: usize = 256;

/// Bytes of an accepted value.
pub const REFERENCE_VALUE_BYTES_MAX: usize = 1024;

/// What has to be measured for an environment to have a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReferenceValue {
    /// The verifier whose appraisal counts, as the server's configuration names it.
    pub verifier: String,
    /// What it is, for people.
    pub description: Option<String>,
    /// Accepted values by the name of the measurement, e.g. `image` and `sha256:…`. All names have
    /// to be measured, each with one of its values.
    pub measurements: BTreeMap<String, BTreeSet<String>>,
    /// Who has to have built it from what; `None`: nobody asks.
    pub code: Option<CodeReference>,
    /// Somebody may look into the environment or change it. For development.
    pub debug: bool,
}

/// Who has to have built the attested image, and from what. What is absent is not asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CodeReference {
    /// Accepted `builder.id`s of the provenance (SLSA v1).
    pub builder: BTreeSet<String>,
    /// Accepted source repositories.
    pub source: BTreeSet<String>,
    /// Accepted identities of the workflow that signed (the certificate's subject name).
    pub workflow: BTreeSet<String>,
}

impl CodeReference {
    /// What is asked for, by the name of the measurement that answers it.
    fn asked(&self) -> impl Iterator<Item = (&str, &BTreeSet<String>)> {
        let Self { builder, source, workflow } = self;
        let all = [("builder", builder), ("source", source), ("workflow", workflow)];
        all.into_iter().filter(|(_, accepted)| !accepted.is_empty())
    }
}

impl ReferenceValue {
    /// Whether all that it asks for was measured. `measurements` are `<name>:<value>`.
    ///
    /// Says nothing of who measured it, nor of [`Self::debug`].
    #[must_use]
    pub fn is_met_by(&self, measurements: &[String]) -> bool {
        let of_image = self.measurements.iter().map(|(name, accepted)| (name.as_str(), accepted));
        let of_code = self.code.iter().flat_map(CodeReference::asked);
        of_image.chain(of_code).all(|(name, accepted)| {
            measurements.iter().any(|measured| {
                let value = measured.strip_prefix(name).and_then(|rest| rest.strip_prefix(':'));
                value.is_some_and(|value| accepted.contains(value))
            })
        })
    }
}

/// All reference values of a bundle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReferenceValues {
    values: BTreeMap<String, ReferenceValue>,
    digest: Sha256Digest,
}

impl Default for ReferenceValues {
    /// None at all.
    fn default() -> Self {
        Self::new(BTreeMap::new())
    }
}

impl ReferenceValues {
    /// Reads the files of `reference/`, each with its name. With the values come the advices for
    /// their author.
    ///
    /// # Errors
    /// What is wrong with the texts, each with its place. A text that is no YAML of the right form
    /// is reported by its first mistake; otherwise everything is reported at once.
    pub fn parse<'a>(
        files: impl IntoIterator<Item = (&'a Arc<str>, &'a str)>,
    ) -> Result<(Self, Problems), Problems> {
        let mut problems = Problems::default();
        let mut accepted = BTreeMap::new();
        for (file, text) in files {
            match raw::read(file, text) {
                Ok(raw) => accept::accept(file, text, raw, &mut accepted, &mut problems),
                Err(problem) => problems.0.push(problem),
            }
        }
        problems.or(Self::new(accepted))
    }

    fn new(values: BTreeMap<String, ReferenceValue>) -> Self {
        let digest = digest(&values);
        Self { values, digest }
    }

    /// The reference value of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&ReferenceValue> {
        self.values.get(name)
    }

    /// All of them with their names, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &ReferenceValue)> {
        self.values.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Those of a verifier that all `measurements` (`<name>:<value>`) meet, with their names, by
    /// name.
    pub fn met_by<'a>(
        &'a self,
        verifier: &'a str,
        measurements: &'a [String],
    ) -> impl Iterator<Item = (&'a str, &'a ReferenceValue)> {
        self.iter()
            .filter(move |(_, value)| value.verifier == verifier && value.is_met_by(measurements))
    }

    /// Names the content: the same values have the same digest, whatever the files look like.
    #[must_use]
    pub const fn digest(&self) -> &Sha256Digest {
        &self.digest
    }
}

/// Everything that decides whether a value is met, descriptions left out.
fn digest(values: &BTreeMap<String, ReferenceValue>) -> Sha256Digest {
    let mut text = Vec::new();
    for (name, value) in values {
        let ReferenceValue { verifier, description: _, measurements, code, debug } = value;
        let code = code.as_ref().map(|code| {
            let CodeReference { builder, source, workflow } = code;
            json!([builder, source, workflow])
        });
        let entry = json!([name, verifier, measurements, code, debug]);
        text.extend_from_slice(entry.to_string().as_bytes());
        text.push(b'\n');
    }
    Sha256Digest::of(&text)
}

#[cfg(test)]
mod tests;
