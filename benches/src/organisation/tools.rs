//! The tools: ten to a service, four services to a segment.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::Scale;
use super::calls::arguments_schema;

/// What a tool may do, by its place within its service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kind {
    pub(super) tier: u8,
    pub(super) effect: &'static str,
    pub(super) reversible: bool,
    pub(super) egress: bool,
}

/// Six tools of ten read, three write, and one does what cannot be undone.
pub(super) const fn kind(tool: usize) -> Kind {
    match tool % 10 {
        0..=5 => Kind { tier: 1, effect: "read", reversible: true, egress: false },
        6 | 7 => Kind { tier: 2, effect: "write", reversible: true, egress: false },
        8 => Kind { tier: 2, effect: "write", reversible: true, egress: true },
        _ => Kind { tier: 3, effect: "write", reversible: false, egress: false },
    }
}

pub(super) fn name(tool: usize) -> String {
    format!("{}.{}_{}", service(tool / 10), kind(tool).effect, tool % 10)
}

pub(super) fn service(service: usize) -> String {
    format!("service_{service:03}")
}

pub(super) fn segment(service: usize) -> String {
    format!("segment_{:02}", service / 4)
}

/// `catalog.yaml`. `note`: the last tool takes an optional argument more.
pub(super) fn catalog(scale: Scale, note: bool) -> String {
    let segments: Vec<String> = (0..scale.segments()).map(|i| segment(i * 4)).collect();
    let mut text = format!("format: 1\nsegments: [{}]\nservices:\n", segments.join(", "));
    let schemas = [false, true].map(|note| arguments_schema(scale.fields, note));
    for i in 0..scale.services() {
        writeln!(text, "  {}: {{ segment: {} }}", service(i), segment(i)).expect("a string");
    }
    text.push_str("tools:\n");
    for i in 0..scale.tools {
        let Kind { tier, effect, reversible, egress } = kind(i);
        let schema = &schemas[usize::from(note && i + 1 == scale.tools)];
        writeln!(
            text,
            "  {}:\n    tier: {tier}\n    effect: {effect}\n    reversible: {reversible}\n    \
             egress: {egress}\n    arguments: {schema}",
            name(i)
        )
        .expect("a string");
    }
    text
}

/// The entities of the catalog, and its actions with their groups.
pub(super) fn entities(scale: Scale) -> Vec<Value> {
    let entity = |kind: &str, id: &str, attrs: Value, parents: Vec<Value>| json!({ "uid": { "type": kind, "id": id }, "attrs": attrs, "parents": parents });
    let uid = |kind: &str, id: &str| json!({ "type": kind, "id": id });
    let mut all = Vec::new();
    for i in 0..scale.segments() {
        all.push(entity("Segment", &segment(i * 4), json!({}), Vec::new()));
    }
    for i in 0..scale.services() {
        all.push(entity("Service", &service(i), json!({}), vec![uid("Segment", &segment(i))]));
    }
    for group in ["read", "write", "tier1", "tier2", "tier3", "irreversible", "egress"] {
        all.push(entity("Action", group, json!({}), Vec::new()));
    }
    for i in 0..scale.tools {
        let Kind { tier, effect, reversible, egress } = kind(i);
        let attrs = json!({
            "tier": tier, "effects": [effect], "reversible": reversible, "egress": egress,
        });
        all.push(entity("Tool", &name(i), attrs, vec![uid("Service", &service(i / 10))]));
        let mut groups = vec![uid("Action", effect), uid("Action", &format!("tier{tier}"))];
        groups.extend((!reversible).then(|| uid("Action", "irreversible")));
        groups.extend(egress.then(|| uid("Action", "egress")));
        all.push(entity("Action", &name(i), json!({}), groups));
    }
    all
}
