//! Writes a proposal as `catalog.yaml`.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::propose::{Proposal, ProposedTool};

/// A proposal that cannot be written as YAML.
#[derive(Debug, thiserror::Error)]
#[error("the catalog cannot be written as YAML")]
pub struct WriteCatalogError(#[source] serde_saphyr::SerializeError);

impl Proposal {
    /// The text of a `catalog.yaml`: the same proposal, the same text.
    ///
    /// # Errors
    /// A text in it that YAML cannot carry.
    pub fn to_yaml(&self) -> Result<String, WriteCatalogError> {
        let service = WrittenService { segment: &self.segment };
        let catalog = WrittenCatalog {
            format: 1,
            segments: vec![&self.segment],
            services: BTreeMap::from([(self.service.as_str(), service)]),
            tools: self.tools.iter().map(|tool| (tool.name.as_str(), written(tool))).collect(),
        };
        serde_saphyr::to_string(&catalog).map_err(WriteCatalogError)
    }
}

fn written(tool: &ProposedTool) -> WrittenTool<'_> {
    WrittenTool {
        review: &tool.review,
        upstream_name: tool.name.name(),
        description: tool.description.as_deref(),
        definition: format!("sha256:{}", tool.definition),
        tier: tool.tier.number(),
        effect: tool.effect.as_str(),
        reversible: tool.reversible,
        egress: tool.egress,
        arguments: &tool.arguments,
    }
}

#[derive(Serialize)]
struct WrittenCatalog<'a> {
    format: u8,
    segments: Vec<&'a str>,
    services: BTreeMap<&'a str, WrittenService<'a>>,
    tools: BTreeMap<&'a str, WrittenTool<'a>>,
}

#[derive(Serialize)]
struct WrittenService<'a> {
    segment: &'a str,
}

/// The fields of a catalogued tool in the order a reviewer reads them.
#[derive(Serialize)]
struct WrittenTool<'a> {
    review: &'a str,
    upstream_name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    definition: String,
    tier: u8,
    effect: &'static str,
    reversible: bool,
    egress: bool,
    arguments: &'a Value,
}
