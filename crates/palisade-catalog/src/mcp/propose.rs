//! Catalog entries proposed from tool annotations.
//!
//! What annotations do not say is taken as the worst case; every entry waits for a person.

use std::collections::BTreeMap;
use std::fmt;

use palisade_core::{Effect, Sha256Digest, Tier, ToolName};
use serde_json::{Value, json};

use super::McpTool;
use crate::arguments::{ArgumentSchema, SchemaError};

/// What a catalog could say about one server's tools.
#[derive(Clone, Debug, PartialEq)]
pub struct Proposal {
    /// The service the tools act on.
    pub service: String,
    /// The segment it lies in.
    pub segment: String,
    /// The tools, by name.
    pub tools: Vec<ProposedTool>,
    /// What has no entry of its own.
    pub left_out: Vec<LeftOut>,
}

/// One proposed catalog entry.
#[derive(Clone, Debug, PartialEq)]
pub struct ProposedTool {
    /// `<service>.<name at the server>`.
    pub name: ToolName,
    /// What it does, in the server's words.
    pub description: Option<String>,
    /// Digest of its definition.
    pub definition: Sha256Digest,
    /// Proposed tier.
    pub tier: Tier,
    /// Proposed effect.
    pub effect: Effect,
    /// Whether it can be undone.
    pub reversible: bool,
    /// Whether data leaves the organisation.
    pub egress: bool,
    /// Its argument schema; compiles.
    pub arguments: Value,
    /// What a person has to look at.
    pub review: String,
    /// Whether the server said if it is read-only; if not, the tier is the worst case.
    pub is_hinted: bool,
}

/// A listed tool without an entry of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// Its name at the server.
    pub name: String,
    /// Why: lower case, no final period.
    pub why: String,
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is left out: {}", self.name.escape_debug(), self.why)
    }
}

/// Proposes catalog entries for a server's tools. The names of service and segment are checked
/// when the catalog is parsed.
#[must_use]
pub fn propose(service: &str, segment: &str, tools: &[McpTool]) -> Proposal {
    let mut proposed: BTreeMap<String, ProposedTool> = BTreeMap::new();
    let mut left_out = Vec::new();
    for tool in tools {
        let mut leave_out = |why: String| left_out.push(LeftOut { name: tool.name.clone(), why });
        let name = match ToolName::new(format!("{service}.{}", tool.name)) {
            Ok(name) => name,
            Err(error) => {
                let why = palisade_core::ErrorChain(&error).to_string();
                leave_out(format!("it cannot be named `{service}.<name>`: {why}"));
                continue;
            }
        };
        if let Some(first) = proposed.get_mut(name.as_str()) {
            let same = first.definition == tool.digest;
            let how = if same { "the same definition" } else { "another definition" };
            leave_out(format!("the server lists this name again, with {how}"));
            if !same {
                first
                    .review
                    .push_str("; the server lists this name twice, with different definitions");
            }
            continue;
        }
        proposed.insert(name.as_str().to_owned(), propose_tool(name, tool));
    }
    Proposal {
        service: service.to_owned(),
        segment: segment.to_owned(),
        tools: proposed.into_values().collect(),
        left_out,
    }
}

fn propose_tool(name: ToolName, tool: &McpTool) -> ProposedTool {
    let hints = Hints::of(&tool.definition);
    let mut risk = hints.risk();
    let (arguments, doubt) = usable_schema(tool.definition.get("inputSchema"));
    let mut review = format!("tier {} proposed from {hints}", risk.tier.number());
    if let Some(doubt) = doubt {
        if doubt.raises_tier && risk.tier != Tier::HighImpact {
            // Nothing is known of the arguments, so policies could not restrict them.
            risk.tier = Tier::HighImpact;
            review = format!("tier 3 proposed because the arguments are unknown, with {hints}");
        }
        review = format!("{review}; {}", doubt.sentence);
    }
    let description = tool.definition.get("description").and_then(Value::as_str);
    ProposedTool {
        name,
        description: description.map(str::to_owned),
        definition: tool.digest,
        tier: risk.tier,
        effect: risk.effect,
        reversible: risk.reversible,
        egress: risk.egress,
        arguments,
        review,
        is_hinted: hints.read_only.is_some(),
    }
}

/// The annotations that tell the risk; `None` where the server says nothing usable.
struct Hints {
    read_only: Option<bool>,
    destructive: Option<bool>,
    open_world: Option<bool>,
}

struct Risk {
    tier: Tier,
    effect: Effect,
    reversible: bool,
    egress: bool,
}

impl Hints {
    fn of(definition: &Value) -> Self {
        let hint = |name: &str| definition.get("annotations")?.get(name)?.as_bool();
        Self {
            read_only: hint("readOnlyHint"),
            destructive: hint("destructiveHint"),
            open_world: hint("openWorldHint"),
        }
    }

    /// The tier table, with MCP's own defaults: destructive and open to the world.
    fn risk(&self) -> Risk {
        let egress = self.open_world.unwrap_or(true);
        let destructive = self.destructive.unwrap_or(true);
        match self.read_only {
            Some(true) => {
                Risk { tier: Tier::ReadOnly, effect: Effect::Read, reversible: true, egress }
            }
            Some(false) if !destructive => {
                let tier = if egress { Tier::HighImpact } else { Tier::LowImpact };
                Risk { tier, effect: Effect::Write, reversible: true, egress }
            }
            Some(false) | None => {
                Risk { tier: Tier::HighImpact, effect: Effect::Write, reversible: false, egress }
            }
        }
    }
}

impl fmt::Display for Hints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { read_only, destructive, open_world } = self;
        if let (None, None, None) = (read_only, destructive, open_world) {
            return f.write_str("no hints: the worst case");
        }
        let hints = [
            ("readOnlyHint", read_only),
            ("destructiveHint", destructive),
            ("openWorldHint", open_world),
        ];
        for (index, (name, hint)) in hints.into_iter().enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            match hint {
                Some(value) => write!(f, "{separator}{name}={value}")?,
                None => write!(f, "{separator}{name} missing")?,
            }
        }
        Ok(())
    }
}

/// What is wrong with a server's argument schema.
struct Doubt {
    sentence: String,
    /// Whether nothing is known of the arguments any more.
    raises_tier: bool,
}

/// A schema that compiles, as close to the server's as possible, and what was changed.
fn usable_schema(schema: Option<&Value>) -> (Value, Option<Doubt>) {
    let anything = json!({ "type": "object" });
    let Some(schema) = schema else {
        let sentence = "the server gives no argument schema, so any arguments are accepted";
        return (anything, Some(Doubt { sentence: sentence.to_owned(), raises_tier: true }));
    };
    let Err(error) = ArgumentSchema::compile(schema) else {
        return (schema.clone(), None);
    };
    if let SchemaError::Pattern { .. } = error {
        let mut relaxed = schema.clone();
        let removed = remove_unsupported_patterns(&mut relaxed);
        if ArgumentSchema::compile(&relaxed).is_ok() {
            let sentence = format!(
                "patterns that need backtracking are removed and no longer checked: {}",
                removed.join(" ")
            );
            return (relaxed, Some(Doubt { sentence, raises_tier: false }));
        }
    }
    let sentence =
        format!("the server's argument schema is unusable, so any arguments are accepted: {error}");
    (anything, Some(Doubt { sentence, raises_tier: true }))
}

/// Removes each `pattern` that does not compile; returns them, quoted.
fn remove_unsupported_patterns(schema: &mut Value) -> Vec<String> {
    let mut removed = Vec::new();
    let mut pending = vec![schema];
    while let Some(value) = pending.pop() {
        match value {
            Value::Array(items) => pending.extend(items),
            Value::Object(members) => {
                // A property called `pattern` has an object or a boolean here.
                let unsupported = members.get("pattern").filter(|pattern| {
                    pattern.is_string()
                        && ArgumentSchema::compile(&json!({ "pattern": pattern })).is_err()
                });
                if let Some(pattern) = unsupported {
                    removed.push(format!("`{}`", pattern.as_str().unwrap_or_default()));
                    members.remove("pattern");
                }
                pending.extend(members.values_mut());
            }
            _ => {}
        }
    }
    removed.sort();
    removed.dedup();
    removed
}
