//! A file of reference values as written: the right form, nothing of it checked.

use std::fmt;
use std::sync::Arc;

use palisade_core::Problem;
use serde::Deserialize;
use serde::de::{self, Deserializer, SeqAccess, Visitor};
use serde_saphyr::Spanned;

use crate::raw::Entries;
use crate::yaml;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawReferences {
    pub(super) format: Spanned<u64>,
    #[serde(default)]
    pub(super) references: Entries<RawReference>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawReference {
    pub(super) verifier: Spanned<String>,
    pub(super) description: Option<String>,
    #[serde(default)]
    pub(super) measurements: Entries<Spanned<Accepted>>,
    pub(super) code: Option<Spanned<RawCode>>,
    #[serde(default)]
    pub(super) debug: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawCode {
    pub(super) builder: Option<Spanned<Accepted>>,
    pub(super) source: Option<Spanned<Accepted>>,
    pub(super) workflow: Option<Spanned<Accepted>>,
}

/// One accepted value, or a list of them.
#[derive(Debug)]
pub(super) struct Accepted(pub(super) Vec<String>);

impl<'de> Deserialize<'de> for Accepted {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AcceptedVisitor;

        impl<'de> Visitor<'de> for AcceptedVisitor {
            type Value = Accepted;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text or a list of texts; quote what looks like a number")
            }

            fn visit_str<E: de::Error>(self, value: &str) -> Result<Accepted, E> {
                Ok(Accepted(vec![value.to_owned()]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<Accepted, A::Error> {
                let mut accepted = Vec::new();
                while let Some(value) = values.next_element()? {
                    accepted.push(value);
                }
                Ok(Accepted(accepted))
            }
        }

        deserializer.deserialize_any(AcceptedVisitor)
    }
}

/// Reads the form of a file of reference values.
///
/// # Errors
/// The first mistake: no YAML, an unknown or missing key, a key that stands twice, a wrong type.
pub(super) fn read(file: &Arc<str>, text: &str) -> Result<RawReferences, Problem> {
    yaml::read(file, text, "reference.syntax")
}
