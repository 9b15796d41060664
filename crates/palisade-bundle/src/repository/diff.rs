//! What is different between two bundles, for those who sign.

use std::collections::{BTreeMap, BTreeSet};

use palisade_core::FactSources;

use crate::raw::RawBundle;

/// Names that came, went or have another content.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Only in the new bundle.
    pub added: BTreeSet<String>,
    /// Only in the old bundle.
    pub removed: BTreeSet<String>,
    /// In both, with another content.
    pub changed: BTreeSet<String>,
}

impl Changes {
    fn between(old: &BTreeMap<String, String>, new: &BTreeMap<String, String>) -> Self {
        let missing = |from: &BTreeMap<String, String>, to: &BTreeMap<String, String>| {
            from.keys().filter(|name| !to.contains_key(*name)).cloned().collect()
        };
        let changed = |(name, content): &(&String, &String)| {
            new.get(*name).is_some_and(|other| other != *content)
        };
        Self {
            added: missing(new, old),
            removed: missing(old, new),
            changed: old.iter().filter(changed).map(|(name, _)| name.clone()).collect(),
        }
    }

    /// Whether nothing changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty() && self.changed.is_empty()
    }
}

/// What is different between two bundles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BundleDiff {
    /// By path.
    pub files: Changes,
    /// By `@id`, comments and layout left aside; `None` if one of the bundles is not valid.
    pub policies: Option<Changes>,
}

impl BundleDiff {
    /// Compares two bundles.
    #[must_use]
    pub fn between(old: &RawBundle, new: &RawBundle, facts: FactSources) -> Self {
        let files = Changes::between(&contents(old), &contents(new));
        let policies = match (policies(old, facts), policies(new, facts)) {
            (Some(old), Some(new)) => Some(Changes::between(&old, &new)),
            _ => None,
        };
        Self { files, policies }
    }
}

fn contents(bundle: &RawBundle) -> BTreeMap<String, String> {
    let content = |name: &str| (name.to_owned(), bundle.text(name).unwrap_or_default().to_owned());
    bundle.names().map(content).collect()
}

/// The text of each policy, from its place to the next one's; `None` if the bundle is not valid.
fn policies(bundle: &RawBundle, facts: FactSources) -> Option<BTreeMap<String, String>> {
    let (parsed, _) = bundle.parse().ok()?;
    let (validated, _) = parsed.validate(facts).ok()?;
    let mut places: BTreeMap<(String, usize), String> = BTreeMap::new();
    for policy in validated.snapshot().policies() {
        let (file, line) = policy.location.rsplit_once(':')?;
        places.insert((file.to_owned(), line.parse().ok()?), policy.id.to_string());
    }
    let mut texts = BTreeMap::new();
    for ((file, line), id) in &places {
        let next = places
            .range((file.clone(), line.saturating_add(1))..)
            .next()
            .filter(|((other, _), _)| other == file)
            .map_or(usize::MAX, |((_, next), _)| *next);
        let lines = bundle.text(file)?.lines().skip(line.saturating_sub(1));
        let text: Vec<&str> = lines
            .take(next.saturating_sub(*line))
            .filter(|line| !line.trim_start().starts_with("//"))
            .flat_map(str::split_whitespace)
            .collect();
        texts.insert(id.clone(), text.join(" "));
    }
    Some(texts)
}

#[cfg(test)]
mod tests;
