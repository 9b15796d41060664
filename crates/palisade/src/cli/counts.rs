//! Counts by key, in bounded memory.

pub(super) mod text;

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// How often each key came up. Keys beyond a number of different ones are counted together.
#[derive(Debug)]
pub(in crate::cli) struct Counts<K> {
    rows: BTreeMap<K, u64>,
    keys_max: usize,
    others: u64,
}

/// The most frequent keys and what is left out.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::cli) struct Most<'a, K> {
    pub(in crate::cli) rows: Vec<(&'a K, u64)>,
    /// Keys that are counted and left out.
    pub(in crate::cli) more: usize,
    /// How often keys came up that have no count of their own.
    pub(in crate::cli) others: u64,
}

impl<K: Ord> Counts<K> {
    pub(in crate::cli) const fn new(keys_max: usize) -> Self {
        Self { rows: BTreeMap::new(), keys_max, others: 0 }
    }

    /// Counts a key.
    pub(in crate::cli) fn add(&mut self, key: K) {
        if let Some(count) = self.rows.get_mut(&key) {
            *count += 1;
        } else if self.rows.len() < self.keys_max {
            self.rows.insert(key, 1);
        } else {
            self.others += 1;
        }
    }

    /// The most frequent keys, at most `top`; equally frequent ones in their order.
    pub(in crate::cli) fn most_frequent(&self, top: usize) -> Most<'_, K> {
        let mut rows: Vec<(&K, u64)> = self.rows.iter().map(|(key, count)| (key, *count)).collect();
        rows.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        let more = rows.len().saturating_sub(top);
        rows.truncate(top);
        Most { rows, more, others: self.others }
    }
}

/// The most frequent keys as JSON, each of them made by `row`.
pub(in crate::cli) fn as_json<K: Ord>(
    counts: &Counts<K>,
    top: usize,
    row: impl Fn(&K, u64) -> Value,
) -> Value {
    let most = counts.most_frequent(top);
    let rows: Vec<Value> = most.rows.into_iter().map(|(key, count)| row(key, count)).collect();
    json!({ "rows": rows, "more": most.more, "others": most.others })
}

#[cfg(test)]
mod tests;
