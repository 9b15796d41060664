//! The accepted catalog: every name in it resolves, every schema compiles.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use palisade_core::Problems;

use crate::tool::Tool;
use crate::{accept, raw};

/// Tools in one catalog.
// LIMIT: 2,000 tools make a Cedar schema of 0.5 s to parse; five times that still loads.
pub const CATALOG_TOOLS_MAX: usize = 10_000;

/// The tools that exist, the services they act on and the segments those lie in.
#[derive(Clone, Debug)]
pub struct Catalog {
    pub(crate) tools: BTreeMap<String, Arc<Tool>>,
    pub(crate) services: BTreeMap<String, Service>,
    pub(crate) segments: BTreeSet<String>,
}

/// Where tools act.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// The segment it lies in.
    pub segment: String,
    /// What it is, for people.
    pub description: Option<String>,
}

impl Catalog {
    /// Reads `catalog.yaml`. With the catalog come the advices for its author.
    ///
    /// # Errors
    /// What is wrong with the text, each with its place. A text that is no YAML of the right form
    /// is reported by its first mistake; otherwise everything is reported at once.
    pub fn parse(file: &Arc<str>, text: &str) -> Result<(Self, Problems), Problems> {
        let raw = raw::read(file, text)?;
        let (catalog, problems) = accept::accept(file, text, raw);
        problems.or(catalog)
    }

    /// The tool of this name.
    #[must_use]
    pub fn tool(&self, name: &str) -> Option<&Tool> {
        self.tools.get(name).map(Arc::as_ref)
    }

    /// The tool of this name, to be kept.
    #[must_use]
    pub fn shared_tool(&self, name: &str) -> Option<&Arc<Tool>> {
        self.tools.get(name)
    }

    /// All tools, by name, to be kept.
    pub fn shared_tools(&self) -> impl Iterator<Item = &Arc<Tool>> {
        self.tools.values()
    }

    /// All tools, by name.
    pub fn tools(&self) -> impl Iterator<Item = &Tool> {
        self.tools.values().map(Arc::as_ref)
    }

    /// All services with their names, by name.
    pub fn services(&self) -> impl Iterator<Item = (&str, &Service)> {
        self.services.iter().map(|(name, service)| (name.as_str(), service))
    }

    /// All segments, by name.
    pub fn segments(&self) -> impl Iterator<Item = &str> {
        self.segments.iter().map(String::as_str)
    }
}

#[cfg(test)]
mod tests;
