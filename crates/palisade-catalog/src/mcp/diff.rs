//! What changed at a server since its catalog was written.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use palisade_core::{Sha256Digest, Tier};

use super::propose::{Proposal, ProposedTool};
use crate::catalog::Catalog;
use crate::tool::Tool;

/// One difference between a catalog and what its server lists now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// The server lists a tool that the catalog does not have.
    Added {
        /// The proposed name.
        tool: String,
    },
    /// The definition is not the one the catalog was reviewed with.
    DefinitionChanged {
        /// The catalogued name.
        tool: String,
        /// The reviewed definition; `None` if the catalog names none.
        reviewed: Option<Sha256Digest>,
        /// The definition now.
        now: Sha256Digest,
    },
    /// The server no longer lists a catalogued tool.
    Removed {
        /// The catalogued name.
        tool: String,
    },
    /// The argument schema is another one.
    SchemaChanged {
        /// The catalogued name.
        tool: String,
    },
    /// The server's hints ask for a higher tier than the catalog gives.
    TierTooLow {
        /// The catalogued name.
        tool: String,
        /// The catalog's tier.
        catalogued: Tier,
        /// The tier its hints propose.
        proposed: Tier,
    },
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Added { tool } => write!(f, "`{tool}` is new"),
            Self::DefinitionChanged { tool, reviewed: Some(reviewed), now } => write!(
                f,
                "`{tool}` has another definition than the reviewed one: sha256:{reviewed} is now \
                 sha256:{now}"
            ),
            Self::DefinitionChanged { tool, reviewed: None, now } => {
                write!(f, "`{tool}` has no reviewed definition; it is now sha256:{now}")
            }
            Self::Removed { tool } => write!(f, "`{tool}` is no longer listed by its server"),
            Self::SchemaChanged { tool } => write!(f, "`{tool}` takes other arguments"),
            Self::TierTooLow { tool, catalogued, proposed } => write!(
                f,
                "`{tool}` is in tier {}, but its hints propose tier {}",
                catalogued.number(),
                proposed.number()
            ),
        }
    }
}

/// What changed between a catalog and a proposal for one of its services. Tools are matched by
/// their name at the server, so that the catalog may call them differently. By catalogued name,
/// new tools last.
#[must_use]
pub fn diff(existing: &Catalog, proposal: &Proposal) -> Vec<Change> {
    let listed: BTreeMap<&str, &ProposedTool> =
        proposal.tools.iter().map(|tool| (tool.name.name(), tool)).collect();
    let mut catalogued = BTreeSet::new();
    let mut changes = Vec::new();
    for tool in existing.tools().filter(|tool| tool.name.service() == proposal.service) {
        catalogued.insert(tool.upstream_name.as_str());
        match listed.get(tool.upstream_name.as_str()) {
            None => changes.push(Change::Removed { tool: tool.name.to_string() }),
            Some(listed) => compare(tool, listed, &mut changes),
        }
    }
    for (upstream_name, tool) in listed {
        if !catalogued.contains(upstream_name) {
            changes.push(Change::Added { tool: tool.name.to_string() });
        }
    }
    changes
}

fn compare(tool: &Tool, listed: &ProposedTool, changes: &mut Vec<Change>) {
    let name = || tool.name.to_string();
    if tool.definition_digest != Some(listed.definition) {
        changes.push(Change::DefinitionChanged {
            tool: name(),
            reviewed: tool.definition_digest,
            now: listed.definition,
        });
    }
    if *tool.arguments.json() != listed.arguments {
        changes.push(Change::SchemaChanged { tool: name() });
    }
    if listed.is_hinted && listed.tier > tool.tier {
        changes.push(Change::TierTooLow {
            tool: name(),
            catalogued: tool.tier,
            proposed: listed.tier,
        });
    }
}
