//! `catalog.yaml` as written: the right form, nothing of it checked against anything else.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use palisade_core::Problems;
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::Value;
use serde_saphyr::Spanned;

use crate::yaml;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawCatalog {
    pub(crate) format: Spanned<u64>,
    #[serde(default)]
    pub(crate) segments: Vec<Spanned<String>>,
    #[serde(default)]
    pub(crate) services: Entries<RawService>,
    #[serde(default)]
    pub(crate) tools: Entries<RawTool>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawService {
    pub(crate) segment: Spanned<String>,
    pub(crate) description: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawTool {
    pub(crate) upstream_name: Option<Spanned<String>>,
    pub(crate) description: Option<String>,
    pub(crate) definition: Option<Spanned<String>>,
    pub(crate) tier: Spanned<u64>,
    pub(crate) effect: Spanned<String>,
    pub(crate) reversible: Option<bool>,
    #[serde(default)]
    pub(crate) egress: bool,
    pub(crate) arguments: Option<Spanned<Value>>,
    #[serde(default)]
    pub(crate) critical: Vec<Spanned<String>>,
    #[serde(default)]
    pub(crate) cosmetic: Vec<Spanned<String>>,
    #[serde(default)]
    pub(crate) output_labels: Vec<Spanned<String>>,
    #[serde(default)]
    pub(crate) trusted_fields: Vec<Spanned<String>>,
    #[serde(default)]
    pub(crate) redact_arguments: Vec<Spanned<String>>,
    #[serde(default)]
    pub(crate) redact_result: Vec<Spanned<String>>,
    pub(crate) compensation: Option<Spanned<String>>,
    pub(crate) resource: Option<RawResource>,
    pub(crate) deadline: Option<Spanned<String>>,
    pub(crate) valid_for: Option<Spanned<String>>,
    pub(crate) review: Option<Spanned<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawResource {
    #[serde(rename = "type")]
    pub(crate) entity_type: Spanned<String>,
    pub(crate) argument: Spanned<String>,
    pub(crate) normalize: Option<Spanned<String>>,
}

/// A mapping in the order it is written, with the places of its keys.
#[derive(Debug)]
pub(crate) struct Entries<T>(pub(crate) Vec<(Spanned<String>, T)>);

impl<T> Default for Entries<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Entries<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct EntriesVisitor<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for EntriesVisitor<T> {
            type Value = Entries<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a mapping")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Entries(entries))
            }
        }

        deserializer.deserialize_map(EntriesVisitor(PhantomData))
    }
}

/// Reads the form of a catalog.
///
/// # Errors
/// The first mistake: no YAML, an unknown or missing key, a key that stands twice, a wrong type.
pub(crate) fn read(file: &Arc<str>, text: &str) -> Result<RawCatalog, Problems> {
    yaml::read(file, text, "catalog.syntax").map_err(|problem| Problems(vec![problem]))
}
