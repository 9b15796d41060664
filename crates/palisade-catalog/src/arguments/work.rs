//! Bounds what one value of the arguments can cost to validate.
//!
//! References make a small schema do a lot: thirty definitions that each offer the next one twice
//! have a validator check one value 2³⁰ times. Counted is only what applies to the *same* value; a
//! schema that recurses into parts of the value grows with the arguments, which are bounded
//! themselves.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::mapping::resolve;

/// Subschemas that may apply to one value.
// LIMIT: real tool schemas stay below a hundred.
pub(super) const WORK_MAX: usize = 2_000;

/// References and combinators that may lead to one another on one value.
// LIMIT: bounds the recursion here and in the validator.
const NESTING_MAX: usize = 128;

/// Whether a value costs more to validate than [`WORK_MAX`], or leads through more than 128
/// references and combinators in a row.
pub(super) fn is_too_costly(root: &Value) -> bool {
    let mut meter = Meter { root, known: BTreeMap::new(), path: Vec::new() };
    if meter.work(root, 0).is_none() {
        return true;
    }
    let mut pending = vec![root];
    while let Some(value) = pending.pop() {
        if value.get("$ref").is_some() && meter.work(value, 0).is_none() {
            return true;
        }
        match value {
            Value::Array(items) => pending.extend(items),
            Value::Object(members) => pending.extend(members.values()),
            _ => {}
        }
    }
    false
}

struct Meter<'a> {
    root: &'a Value,
    /// The work behind each reference.
    known: BTreeMap<&'a str, usize>,
    /// The references being followed: a validator stops where one leads back to itself.
    path: Vec<&'a str>,
}

impl<'a> Meter<'a> {
    /// How many schemas apply to a value that this one applies to; `None`: too many.
    fn work(&mut self, schema: &'a Value, nesting: usize) -> Option<usize> {
        let nesting = Some(nesting + 1).filter(|nesting| *nesting <= NESTING_MAX)?;
        let mut total = 1;
        for keyword in ["allOf", "anyOf", "oneOf"] {
            for member in schema.get(keyword).and_then(Value::as_array).into_iter().flatten() {
                total += self.work(member, nesting)?;
            }
        }
        for keyword in ["not", "if", "then", "else"] {
            if let Some(member) = schema.get(keyword) {
                total += self.work(member, nesting)?;
            }
        }
        for keyword in ["dependentSchemas", "dependencies"] {
            for member in schema.get(keyword).and_then(Value::as_object).into_iter().flatten() {
                total += self.work(member.1, nesting)?;
            }
        }
        if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
            total += self.work_behind(reference, nesting)?;
        }
        Some(total).filter(|total| *total <= WORK_MAX)
    }

    fn work_behind(&mut self, reference: &'a str, nesting: usize) -> Option<usize> {
        if self.path.contains(&reference) {
            return Some(0);
        }
        if let Some(work) = self.known.get(reference) {
            return Some(*work);
        }
        self.path.push(reference);
        let work = self.target(reference).map_or(Some(0), |target| self.work(target, nesting));
        self.path.pop();
        self.known.insert(reference, work?);
        work
    }

    /// What a reference leads to: a pointer, or an anchor or identifier anywhere in the schema.
    fn target(&self, reference: &str) -> Option<&'a Value> {
        if let Some((_, target)) = resolve(self.root, reference) {
            return Some(target);
        }
        let anchor = reference.rsplit('#').next()?;
        let mut pending = vec![self.root];
        while let Some(value) = pending.pop() {
            let is = |keyword: &str, name: &str| {
                value.get(keyword).and_then(Value::as_str).is_some_and(|it| it.ends_with(name))
            };
            if is("$anchor", anchor) || is("$dynamicAnchor", anchor) || is("$id", reference) {
                return Some(value);
            }
            match value {
                Value::Array(items) => pending.extend(items),
                Value::Object(members) => pending.extend(members.values()),
                _ => {}
            }
        }
        None
    }
}
