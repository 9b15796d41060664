//! What two bundles say differently, whether or not an answer shows it.

use std::collections::BTreeMap;

use palisade_core::PolicyId;
use palisade_engine::PolicySnapshot;
use serde_json::{Value, json};

use crate::cli::failure::Failure;
use crate::output::Output;

/// Policies by id, and tools by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Changes {
    policies: Named,
    tools: Named,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Named {
    added: Vec<String>,
    removed: Vec<String>,
    /// With what is different, if there is a word for it.
    changed: Vec<(String, String)>,
}

impl Changes {
    pub(super) fn between(old: &PolicySnapshot, new: &PolicySnapshot) -> Self {
        let policies = |snapshot: &PolicySnapshot| -> BTreeMap<String, String> {
            let forms = snapshot.policy_forms().into_iter();
            forms.map(|(id, form): (PolicyId, String)| (id.as_str().to_owned(), form)).collect()
        };
        let tools = |snapshot: &PolicySnapshot| -> BTreeMap<String, String> {
            let tools = snapshot.catalog().tools().map(|tool| {
                let tier = tool.tier.number();
                (tool.name.as_str().to_owned(), format!("tier {tier} {}", tool.effect.as_str()))
            });
            tools.collect()
        };
        Self {
            policies: Named::between(&policies(old), &policies(new), |_, _| String::new()),
            tools: Named::between(&tools(old), &tools(new), |old, new| format!("{old} → {new}")),
        }
    }

    pub(super) fn show(&self, output: &mut Output) -> Result<(), Failure> {
        self.policies.show("policies", output)?;
        self.tools.show("tools", output)
    }

    pub(super) fn as_json(&self) -> Value {
        json!({ "policies": self.policies.as_json(), "tools": self.tools.as_json() })
    }
}

impl Named {
    fn between(
        old: &BTreeMap<String, String>,
        new: &BTreeMap<String, String>,
        what: impl Fn(&str, &str) -> String,
    ) -> Self {
        let only = |one: &BTreeMap<String, String>, other: &BTreeMap<String, String>| {
            one.keys().filter(|name| !other.contains_key(*name)).cloned().collect()
        };
        let changed = old.iter().filter_map(|(name, old)| {
            let new = new.get(name).filter(|new| *new != old)?;
            Some((name.clone(), what(old, new)))
        });
        Self { added: only(new, old), removed: only(old, new), changed: changed.collect() }
    }

    fn show(&self, kind: &str, output: &mut Output) -> Result<(), Failure> {
        let Self { added, removed, changed } = self;
        if added.is_empty() && removed.is_empty() && changed.is_empty() {
            return Ok(());
        }
        output.line(format_args!("{kind}:"))?;
        for name in added {
            output.line(format_args!("  + {name}"))?;
        }
        for name in removed {
            output.line(format_args!("  - {name}"))?;
        }
        for (name, what) in changed {
            let what = if what.is_empty() { String::new() } else { format!(": {what}") };
            output.line(format_args!("  ~ {name}{what}"))?;
        }
        Ok(())
    }

    fn as_json(&self) -> Value {
        let Self { added, removed, changed } = self;
        let changed: Vec<Value> =
            changed.iter().map(|(name, what)| json!({ "name": name, "change": what })).collect();
        json!({ "added": added, "removed": removed, "changed": changed })
    }
}
