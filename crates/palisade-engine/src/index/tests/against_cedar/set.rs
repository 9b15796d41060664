//! Generated policies, entities and requests that belong together.

use std::str::FromStr as _;
use std::sync::Arc;

use cedar_policy::{Context, EntityUid, Request};
use fastrand::Rng;
use serde_json::{Map, Value, json};

use super::expression::{ATTRIBUTES, Writer, value};
use crate::TemplateLink;

/// Types of principals and resources, with and without namespaces; some names are alike.
const TYPES: [&str; 5] = ["User", "Shop::User", "Shop::Deep::Group", "Folder", "A::B::C::User"];

const ACTION_TYPES: [&str; 3] = ["Action", "Shop::Action", "A::B::Action"];

/// An entity in a set, stored or only spoken of.
#[derive(Clone, Debug)]
pub(super) struct Named {
    entity_type: &'static str,
    id: String,
}

impl Named {
    /// As policies write it.
    pub(super) fn text(&self) -> String {
        format!("{}::{:?}", self.entity_type, self.id)
    }

    /// As JSON writes it.
    pub(super) fn json(&self) -> Value {
        json!({ "type": self.entity_type, "id": self.id })
    }

    fn uid(&self) -> EntityUid {
        EntityUid::from_str(&self.text()).expect("an entity")
    }
}

/// Policies, entities and requests.
#[derive(Debug, Default)]
pub(super) struct GeneratedSet {
    pub(super) policies: String,
    pub(super) links: Vec<TemplateLink>,
    /// In Cedar's JSON form.
    pub(super) entities: Vec<Value>,
    pub(super) requests: Vec<Request>,
}

impl GeneratedSet {
    /// A set whose ids all begin with `prefix`, so that it can be joined with others.
    pub(super) fn random(rng: &mut Rng, prefix: &str) -> Self {
        let mut set = Self::default();
        let objects = set.add_entities(rng, prefix, &TYPES, "e", 6..16);
        let actions = set.add_entities(rng, prefix, &ACTION_TYPES, "a", 3..7);
        for number in 0..rng.usize(3..18) {
            set.add_policy(rng, &format!("{prefix}p{number}"), &objects, &actions);
        }
        for _ in 0..rng.usize(10..30) {
            let context = Value::Object(attributes(rng, &objects));
            let context = Context::from_json_value(context, None).expect("a context");
            let mut uid = |named: &[Named]| pick(rng, named).uid();
            let (principal, action, resource) = (uid(&objects), uid(&actions), uid(&objects));
            let request = Request::new(principal, action, resource, context, None);
            set.requests.push(request.expect("nothing validates it"));
        }
        set
    }

    /// All of these as one.
    pub(super) fn join(sets: impl Iterator<Item = Self>) -> Self {
        let mut all = Self::default();
        for Self { policies, links, entities, requests } in sets {
            all.policies.push_str(&policies);
            all.links.extend(links);
            all.entities.extend(entities);
            all.requests.extend(requests);
        }
        all
    }

    /// Stores entities in chains of groups with short cuts; two more are spoken of but not stored.
    fn add_entities(
        &mut self,
        rng: &mut Rng,
        prefix: &str,
        types: &[&'static str],
        letter: &str,
        count: std::ops::Range<usize>,
    ) -> Vec<Named> {
        let stored = rng.usize(count);
        let names = (0..stored + 2).map(|number| {
            let odd = if rng.u8(..8) == 0 { " \"é\\\n" } else { "" };
            let entity_type: &&str = pick(rng, types);
            Named { entity_type, id: format!("{prefix}{letter}{number}{odd}") }
        });
        let names: Vec<Named> = names.collect();
        for (number, named) in names.iter().enumerate().take(stored) {
            let mut parents = Vec::new();
            if number > 0 && rng.u8(..10) < 7 {
                parents.push(names[number - 1].json());
            }
            while rng.u8(..5) == 0 {
                // Those before it, so that there is no circle; or one that is not stored.
                let above = names[..number].iter().chain(&names[stored..]);
                let above: Vec<&Named> = above.collect();
                parents.push(pick(rng, &above).json());
            }
            let attrs = if letter == "a" { Map::new() } else { attributes(rng, &names) };
            let mut tags = Map::new();
            for tag in ["t", "u"] {
                if letter != "a" && rng.bool() {
                    let (_, kind) = *pick(rng, &ATTRIBUTES);
                    tags.insert(tag.to_owned(), value(rng, kind, &names));
                }
            }
            let uid = named.json();
            let entity = json!({ "uid": uid, "attrs": attrs, "parents": parents, "tags": tags });
            self.entities.push(entity);
        }
        names
    }

    fn add_policy(&mut self, rng: &mut Rng, id: &str, objects: &[Named], actions: &[Named]) {
        let template = rng.u8(..8) == 0;
        let slot = |name: &str| if template { format!("?{name}") } else { String::new() };
        let principal = side(rng, "principal", objects, &slot("principal"));
        let resource = side(rng, "resource", objects, &slot("resource"));
        let effect = if rng.u8(..3) == 0 { "@reason(\"r\") forbid" } else { "permit" };
        let mut conditions = String::new();
        for _ in 0..rng.usize(..3) {
            let kind = if rng.bool() { "when" } else { "unless" };
            let condition = Writer { rng, objects, actions, types: &TYPES }.condition();
            conditions.push_str(&format!(" {kind} {{ {condition} }}"));
        }
        let action = action(rng, actions);
        let has_slot = principal.contains('?') || resource.contains('?');
        self.policies.push_str(&format!(
            "@id({id:?}) {effect} ({principal}, {action}, {resource}){conditions};\n"
        ));
        for number in 0..if has_slot { rng.usize(1..4) } else { 0 } {
            let mut fill = |text: &str| text.contains('?').then(|| pick(rng, objects).text());
            self.links.push(TemplateLink {
                id: format!("{id}-link{number}"),
                template: id.to_owned(),
                principal: fill(&principal),
                resource: fill(&resource),
                file: Arc::from("policies/links.yaml"),
                span: None,
                line: 1,
            });
        }
    }
}

/// One side of a scope; with a slot, if there is one, most of the time.
fn side(rng: &mut Rng, name: &str, objects: &[Named], slot: &str) -> String {
    let entity = if slot.is_empty() || rng.u8(..4) == 0 {
        pick(rng, objects).text()
    } else {
        slot.to_owned()
    };
    let kind = pick(rng, &TYPES);
    match rng.u8(..8) {
        0 => format!("{name} == {entity}"),
        1..4 => format!("{name} in {entity}"),
        4 => format!("{name} is {kind}"),
        5 => format!("{name} is {kind} in {entity}"),
        _ => name.to_owned(),
    }
}

fn action(rng: &mut Rng, actions: &[Named]) -> String {
    let one = pick(rng, actions).text();
    match rng.u8(..8) {
        0 => format!("action == {one}"),
        1 | 2 => format!("action in {one}"),
        3 => {
            let several: Vec<String> =
                (0..rng.usize(..4)).map(|_| pick(rng, actions).text()).collect();
            format!("action in [{}]", several.join(", "))
        }
        _ => "action".to_owned(),
    }
}

/// Most of the attributes there are; now and then one has a value of another kind.
fn attributes(rng: &mut Rng, names: &[Named]) -> Map<String, Value> {
    let mut attributes = Map::new();
    for (name, kind) in ATTRIBUTES {
        if rng.u8(..10) < 8 {
            let kind = if rng.u8(..20) == 0 { pick(rng, &ATTRIBUTES).1 } else { kind };
            attributes.insert(name.to_owned(), value(rng, kind, names));
        }
    }
    attributes
}

/// One of several.
pub(super) fn pick<'a, T>(rng: &mut Rng, all: &'a [T]) -> &'a T {
    &all[rng.usize(..all.len())]
}
