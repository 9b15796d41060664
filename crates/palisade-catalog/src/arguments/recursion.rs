//! Bounds what recursive schemas can cost to validate.
//!
//! A schema that offers itself twice for each part of a value, as a tree of conditions does, has
//! the validator take both ways at every level: 2ⁿ steps for n levels, and agents choose n.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::mapping::resolve;

/// Levels of nesting that arguments of a recursive schema may have; the outermost object is
/// level 1.
// LIMIT: 20 levels of a schema with two ways took 10 s; 12 levels take 2⁸ times less.
pub(super) const RECURSIVE_DEPTH_MAX: usize = 12;

/// Whether some reference of the schema leads back to itself. A reference that cannot be followed
/// counts as one that does.
pub(super) fn is_recursive(root: &Value) -> bool {
    let mut settled = BTreeSet::new();
    references(root).into_iter().any(|start| {
        let mut seen = BTreeSet::new();
        let mut open = vec![start];
        while let Some(reference) = open.pop() {
            if settled.contains(reference) || !seen.insert(reference) {
                continue;
            }
            let Some((_, target)) = resolve(root, reference) else { return true };
            let next = references(target);
            if next.contains(&start) {
                return true;
            }
            open.extend(next);
        }
        settled.insert(start);
        false
    })
}

/// The references that stand anywhere in a schema.
fn references(schema: &Value) -> Vec<&str> {
    let mut found = Vec::new();
    let mut open = vec![schema];
    while let Some(value) = open.pop() {
        match value {
            Value::Array(items) => open.extend(items),
            Value::Object(members) => {
                let keywords = ["$ref", "$dynamicRef", "$recursiveRef"];
                found.extend(keywords.iter().filter_map(|k| members.get(*k)?.as_str()));
                open.extend(members.values());
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    found
}

/// Whether a value is nested deeper than this many levels.
pub(super) fn is_deeper_than(value: &Value, levels: usize) -> bool {
    let mut parts: Box<dyn Iterator<Item = &Value>> = match value {
        Value::Array(items) => Box::new(items.iter()),
        Value::Object(members) => Box::new(members.values()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => return false,
    };
    levels == 0 || parts.any(|part| is_deeper_than(part, levels - 1))
}
