//! The entities of a bundle: users, agents and groups of the author, tools and services of the
//! catalog.
//!
//! Cedar's `Entities` are expensive to change, so a request never does: it takes the few entities
//! it can reach into a small store of its own.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::str::FromStr;

use cedar_policy::{Entities, Entity, EntityTypeName, EntityUid, EvalResult, Schema};
use palisade_catalog::Catalog;
use palisade_core::{Actor, ActorKind, ErrorChain, IssuerName, Problem, Problems, Subject};
use serde_json::{Value, json};

use crate::call_scope::Principal;
use crate::claims::ClaimValue;
use crate::index::{PolicyIndex, Position};
use crate::names::{self, actor_type, entity};
use crate::policy::Policies;
use crate::{Issuers, SourceFile};

/// All entities a request may reach.
#[derive(Debug)]
pub(crate) struct EntityStore {
    all: Entities,
    stored: HashMap<EntityUid, Stored>,
    /// Entities of mapped resource types, once more for each service that maps them, with that
    /// service as parent.
    mapped: HashMap<(String, EntityUid), Entity>,
}

#[derive(Debug)]
struct Stored {
    /// Ancestors, and entities that attributes and tags refer to.
    refers_to: Vec<EntityUid>,
    /// Where the entity stands in the policies' scopes.
    position: Position,
}

impl EntityStore {
    /// Reads the author's entities and adds the catalog's; `None` if there is a problem.
    pub(crate) fn build(
        catalog: &Catalog,
        issuers: &Issuers,
        schema: &Schema,
        files: &[SourceFile],
        policies: &Policies,
        problems: &mut Problems,
    ) -> Option<Self> {
        let before = problems.0.len();
        let mut authored = Vec::new();
        for file in files {
            let values = read_file(file, problems);
            for value in &values {
                check_id(value, file, catalog, issuers, problems);
            }
            authored.extend(values);
        }
        let mut misfit = String::new();
        if problems.0.len() == before {
            let parents: Vec<_> = authored.iter().flat_map(parents_of).collect();
            match Self::of(authored, catalog, schema, policies) {
                Ok(store) => {
                    advise_unknown_parents(&store.all, &parents, files, problems);
                    return Some(store);
                }
                Err(message) => misfit = message,
            }
        }
        check_each(files, schema, problems);
        if problems.0.len() == before {
            problems.0.push(misfits(&misfit, files));
        }
        None
    }

    /// The store of the author's entities and the catalog's, or why they do not fit together.
    fn of(
        authored: Vec<Value>,
        catalog: &Catalog,
        schema: &Schema,
        policies: &Policies,
    ) -> Result<Self, String> {
        let mapped = mapped_entities(&authored, catalog, schema)?;
        let all = Value::Array(with_catalog(authored, catalog));
        let all = Entities::from_json_value(all, Some(schema))
            .map_err(|error| ErrorChain(&error).to_string())?;
        let stored = all.iter().map(|entity| {
            let uid = entity.uid();
            let ancestors = all.ancestors(&uid).into_iter().flatten();
            let position = policies.index.position(&uid, ancestors);
            (uid, Stored { refers_to: references(entity, &all), position })
        });
        let stored = stored.collect();
        Ok(Self { all, stored, mapped })
    }

    /// The entities of the bundle and the catalog.
    pub(crate) const fn all(&self) -> &Entities {
        &self.all
    }

    /// What is reachable from `roots`, with `own` in the place of the stored ones: for a request
    /// with entities of its own.
    pub(crate) fn slice<'a>(
        &self,
        roots: impl Iterator<Item = &'a EntityUid>,
        own: &[Entity],
    ) -> Result<Entities, String> {
        let own_uids: HashSet<EntityUid> = own.iter().map(Entity::uid).collect();
        let mut open: Vec<&EntityUid> = roots.collect();
        let mut seen: HashSet<&EntityUid> = HashSet::new();
        let mut slice: Vec<Entity> = own.to_vec();
        while let Some(uid) = open.pop() {
            if !seen.insert(uid) {
                continue;
            }
            open.extend(self.stored.get(uid).into_iter().flat_map(|stored| &stored.refers_to));
            if !own_uids.contains(uid) {
                slice.extend(self.all.get(uid).cloned());
            }
        }
        Entities::from_entities(slice, None).map_err(|error| ErrorChain(&error).to_string())
    }

    /// All entities, with `own` in the place of the stored ones: what [`slice`](Self::slice)
    /// has to look like to any policy, at a cost that grows with the bundle.
    pub(crate) fn everything(&self, own: &[Entity]) -> Result<Entities, String> {
        let own_uids: HashSet<EntityUid> = own.iter().map(Entity::uid).collect();
        let others = self.all.iter().filter(|entity| !own_uids.contains(&entity.uid())).cloned();
        let all = Entities::from_entities(others.chain(own.iter().cloned()), None);
        all.map_err(|error| ErrorChain(&error).to_string())
    }

    /// Where an entity stands in the policies' scopes.
    pub(crate) fn position(&self, index: &PolicyIndex, uid: &EntityUid) -> Position {
        let stored = self.stored.get(uid).map(|stored| stored.position.clone());
        stored.unwrap_or_else(|| index.position(uid, std::iter::empty()))
    }

    /// The same for an entity of a call: also within `within` and whatever that is within, and with
    /// the principals in the groups that their credentials put them into.
    pub(crate) fn position_among(
        &self,
        index: &PolicyIndex,
        uid: &EntityUid,
        within: &[EntityUid],
        principals: &[Principal],
    ) -> Position {
        if within.is_empty() && !principals.iter().any(Principal::differs) {
            return self.position(index, uid);
        }
        let mut above: HashSet<&EntityUid> = HashSet::new();
        let mut open: Vec<&EntityUid> = std::iter::once(uid).chain(within).collect();
        while let Some(next) = open.pop() {
            if !above.insert(next) {
                continue;
            }
            open.extend(self.all.ancestors(next).into_iter().flatten());
            let same = principals.iter().filter(|principal| principal.uid == *next);
            open.extend(same.flat_map(|principal| &principal.groups));
        }
        above.remove(uid);
        index.position(uid, above.into_iter())
    }

    /// A principal with what its credential says beside what the bundle knows of it.
    pub(crate) fn principal(
        &self,
        principal: &EntityUid,
        attributes: &BTreeMap<String, ClaimValue>,
        groups: &[EntityUid],
    ) -> Result<Entity, String> {
        let known = self.all.get(principal).cloned();
        let known =
            known.unwrap_or_else(|| Entity::new_no_attrs(principal.clone(), HashSet::new()));
        // Through JSON, because only that keeps its tags.
        let mut value = known.to_json_value().map_err(|error| ErrorChain(&error).to_string())?;
        if let Some(known) = value.get_mut("attrs").and_then(Value::as_object_mut) {
            // No bundle sets any of these itself.
            known.extend(attributes.iter().map(|(name, value)| (name.clone(), value.to_json())));
        }
        add_parents(&mut value, groups);
        Entity::from_json_value(value, None).map_err(|error| ErrorChain(&error).to_string())
    }

    /// A mapped resource as `service` sees it: in that service, with what the bundle knows of it.
    pub(crate) fn mapped_resource(&self, service: &str, resource: &EntityUid) -> Entity {
        let key = (service.to_owned(), resource.clone());
        self.mapped.get(&key).cloned().unwrap_or_else(|| {
            let parents = HashSet::from([entity(&names::SERVICE, service)]);
            Entity::new_no_attrs(resource.clone(), parents)
        })
    }

    /// Whether the bundle says of this agent that it may act on its own.
    pub(crate) fn is_autonomous(&self, agent: &EntityUid) -> bool {
        let attribute = self.all.get(agent).and_then(|entity| entity.attr("autonomous"));
        matches!(attribute, Some(Ok(EvalResult::Bool(true))))
    }

    /// The actors the bundle names, sorted.
    pub(crate) fn actors(&self) -> Vec<Actor> {
        let mut actors: Vec<Actor> = self.stored.keys().filter_map(actor).collect();
        actors.sort();
        actors
    }
}

/// Puts an entity, as JSON, into more groups.
pub(crate) fn add_parents(entity: &mut Value, groups: &[EntityUid]) {
    if let Some(parents) = entity.get_mut("parents").and_then(Value::as_array_mut) {
        let parent = |group: &EntityUid| json!({ "type": group.type_name().to_string(), "id": group.id().unescaped() });
        parents.extend(groups.iter().map(parent));
    }
}

/// The actor an entity stands for; `None` for other types and for catalogued services.
fn actor(uid: &EntityUid) -> Option<Actor> {
    let kind = ActorKind::ALL.into_iter().find(|kind| actor_type(*kind) == uid.type_name())?;
    let (issuer, subject) = uid.id().unescaped().split_once(':')?;
    Some(Actor {
        kind,
        issuer: IssuerName::new(issuer).ok()?,
        subject: Subject::new(subject).ok()?,
    })
}

fn read_file(file: &SourceFile, problems: &mut Problems) -> Vec<Value> {
    match serde_json::from_str(&file.text) {
        Ok(values) => values,
        Err(error) => {
            let span = byte_offset(&file.text, error.line(), error.column());
            let problem =
                Problem::error("entities.syntax", format!("no list of entities: {error}"))
                    .in_file(&file.name)
                    .at(span..span);
            problems
                .0
                .push(problem.with_help(
                    "write a JSON list of `{\"uid\": …, \"attrs\": …, \"parents\": …}`",
                ));
            Vec::new()
        }
    }
}

/// Says which entities the schema refuses. Only for a bundle that is known not to load: one by one
/// they take far longer than together.
fn check_each(files: &[SourceFile], schema: &Schema, problems: &mut Problems) {
    for file in files {
        let values: Vec<Value> = serde_json::from_str(&file.text).unwrap_or_default();
        for value in values {
            if let Err(error) = Entity::from_json_value(value.clone(), Some(schema)) {
                let message = ErrorChain(&error).to_string();
                let problem = Problem::error("entities.rejected", message);
                problems.0.push(locate(problem, file, &value));
            }
        }
    }
}

/// Entities of which each is right alone.
fn misfits(message: &str, files: &[SourceFile]) -> Problem {
    // Cedar names an entity that the trouble is with, but not where it stands.
    let is_named = |value: &Value| {
        uid_of(value)
            .is_some_and(|(entity_type, id)| message.contains(&format!("{entity_type}::\"{id}\"")))
    };
    let values =
        |file: &SourceFile| -> Vec<Value> { serde_json::from_str(&file.text).unwrap_or_default() };
    let named = files.iter().flat_map(values).find(is_named);
    let message = format!("the entities do not fit together: {message}");
    let problem = Problem::error("entities.rejected", message)
        .with_help("each entity stands once, and groups form no circle");
    match named {
        Some(value) => locate_in(problem, files, &value),
        None => problem,
    }
}

/// Actors are named `<issuer alias>:<subject>`; anything else could never be asked for.
fn check_id(
    value: &Value,
    file: &SourceFile,
    catalog: &Catalog,
    issuers: &Issuers,
    problems: &mut Problems,
) {
    let Some((entity_type, id)) = uid_of(value) else { return };
    let alias = id.split_once(':').map(|(alias, _)| alias);
    let known_alias = alias.is_some_and(|alias| issuers.has_alias(alias));
    let problem = match entity_type.as_str() {
        "User" | "Agent" if !known_alias => Some("entities.unknown_issuer"),
        "Service" if !known_alias && !catalog.services().any(|(name, _)| name == id) => {
            Some("entities.unknown_issuer")
        }
        "Tool" | "Action" => Some("entities.reserved"),
        _ => None,
    };
    let problem = match problem {
        None => return,
        Some("entities.reserved") => Problem::error(
            "entities.reserved",
            format!("`{entity_type}::\"{id}\"` is made from the catalog"),
        )
        .with_help("describe the tool in `catalog.yaml`"),
        Some(code) => Problem::error(
            code,
            format!("`{entity_type}::\"{id}\"` does not start with a known issuer alias"),
        )
        .with_help("name it `<alias>:<subject>`, with an alias from `bundle.yaml`"),
    };
    problems.0.push(locate(problem, file, value));
}

fn locate(problem: Problem, file: &SourceFile, value: &Value) -> Problem {
    let problem = problem.in_file(&file.name);
    let id = uid_of(value).and_then(|(_, id)| serde_json::to_string(&id).ok());
    match id.and_then(|id| file.text.find(&id).map(|start| start..start + id.len())) {
        Some(span) => problem.at(span),
        None => problem,
    }
}

/// The problem, at the entity's id in the file that has it.
fn locate_in(problem: Problem, files: &[SourceFile], value: &Value) -> Problem {
    let quoted = uid_of(value).and_then(|(_, id)| serde_json::to_string(&id).ok());
    let file = files.iter().find(|file| quoted.as_ref().is_some_and(|q| file.text.contains(q)));
    match file {
        Some(file) => locate(problem, file, value),
        None => problem,
    }
}

/// Type and id of an entity in JSON, in either of Cedar's spellings.
fn uid_of(value: &Value) -> Option<(String, String)> {
    reference(value.get("uid")?)
}

fn reference(uid: &Value) -> Option<(String, String)> {
    let uid = uid.get("__entity").unwrap_or(uid);
    Some((uid.get("type")?.as_str()?.to_owned(), uid.get("id")?.as_str()?.to_owned()))
}

/// The author's entities with those of the catalog.
fn with_catalog(mut all: Vec<Value>, catalog: &Catalog) -> Vec<Value> {
    let uids = all.iter().enumerate().filter_map(|(place, value)| Some((uid_of(value)?, place)));
    let of_catalog = |entity_type: &str| matches!(entity_type, "Segment" | "Service");
    let authored = uids.filter(|((entity_type, _), _)| of_catalog(entity_type)).collect();
    for segment in catalog.segments() {
        add_parent(&mut all, &authored, ("Segment", segment), None);
    }
    for (name, service) in catalog.services() {
        let segment = Some(("Segment", service.segment.as_str()));
        add_parent(&mut all, &authored, ("Service", name), segment);
    }
    for tool in catalog.tools() {
        all.push(json!({
            "uid": { "type": "Tool", "id": tool.name.as_str() },
            "attrs": {
                "tier": tool.tier.number(),
                "effects": [tool.effect.as_str()],
                "reversible": tool.reversible,
                "egress": tool.egress,
            },
            "parents": [{ "type": "Service", "id": tool.name.service() }],
        }));
    }
    all
}

/// Makes sure an entity is there and has a parent.
fn add_parent(
    all: &mut Vec<Value>,
    authored: &HashMap<(String, String), usize>,
    (entity_type, id): (&str, &str),
    parent: Option<(&str, &str)>,
) {
    let parent = parent.map(|(parent_type, id)| json!({ "type": parent_type, "id": id }));
    let place = authored.get(&(entity_type.to_owned(), id.to_owned()));
    match place.and_then(|place| all.get_mut(*place)) {
        Some(value) => push_parent(value, parent),
        None => all.push(json!({
            "uid": { "type": entity_type, "id": id },
            "attrs": {},
            "parents": parent.into_iter().collect::<Vec<_>>(),
        })),
    }
}

fn push_parent(value: &mut Value, parent: Option<Value>) {
    let Some(parent) = parent else { return };
    let Some(object) = value.as_object_mut() else { return };
    let parents = object.entry("parents").or_insert_with(|| json!([]));
    if let Some(parents) = parents.as_array_mut() {
        parents.push(parent);
    }
}

/// Entities of mapped resource types, for each service that maps them.
fn mapped_entities(
    authored: &[Value],
    catalog: &Catalog,
    schema: &Schema,
) -> Result<HashMap<(String, EntityUid), Entity>, String> {
    let mapping: HashSet<(&str, &str)> = catalog
        .tools()
        .filter_map(|tool| {
            let mapping = tool.resource.as_ref()?;
            Some((tool.name.service(), mapping.entity_type.as_str()))
        })
        .collect();
    let mut mapped = HashMap::new();
    for value in authored {
        let Some((entity_type, _)) = uid_of(value) else { continue };
        for (service, _) in mapping.iter().filter(|(_, mapped)| *mapped == entity_type) {
            let mut value = value.clone();
            push_parent(&mut value, Some(json!({ "type": "Service", "id": service })));
            let entity = Entity::from_json_value(value, Some(schema))
                .map_err(|error| ErrorChain(&error).to_string())?;
            mapped.insert(((*service).to_owned(), entity.uid()), entity);
        }
    }
    Ok(mapped)
}

/// Types and ids of the parents an entity names.
fn parents_of(value: &Value) -> impl Iterator<Item = (String, String)> {
    let parents = value.get("parents").and_then(Value::as_array);
    parents.into_iter().flatten().filter_map(reference)
}

/// A parent that is no entity of the bundle is most likely a misspelt group.
fn advise_unknown_parents(
    entities: &Entities,
    parents: &[(String, String)],
    files: &[SourceFile],
    problems: &mut Problems,
) {
    for (parent_type, id) in parents {
        let Ok(type_name) = EntityTypeName::from_str(parent_type) else { continue };
        if entities.get(&entity(&type_name, id)).is_some() {
            continue;
        }
        let message = format!("the parent `{parent_type}::\"{id}\"` is no entity of the bundle");
        let problem = Problem::advice("entities.unknown_parent", message)
            .with_help("add it, so that a misspelt group shows");
        let named = json!({ "uid": { "type": "", "id": id } });
        problems.0.push(locate_in(problem, files, &named));
    }
}

/// Ancestors of an entity, and the entities that its attributes and tags refer to.
fn references(entity: &Entity, entities: &Entities) -> Vec<EntityUid> {
    let mut found: HashSet<EntityUid> = HashSet::new();
    if let Some(ancestors) = entities.ancestors(&entity.uid()) {
        found.extend(ancestors.cloned());
    }
    let values = entity.attrs().chain(entity.tags()).filter_map(|(_, value)| value.ok());
    let mut open: Vec<EvalResult> = values.collect();
    while let Some(value) = open.pop() {
        match value {
            EvalResult::EntityUid(uid) => {
                found.insert(uid);
            }
            EvalResult::Set(set) => open.extend(set.iter().cloned()),
            EvalResult::Record(record) => open.extend(record.iter().map(|(_, v)| v.clone())),
            EvalResult::Bool(_)
            | EvalResult::Long(_)
            | EvalResult::String(_)
            | EvalResult::ExtensionValue(_) => {}
        }
    }
    found.into_iter().collect()
}

/// The byte offset of a line and column as `serde_json` counts them, from 1.
fn byte_offset(text: &str, line: usize, column: usize) -> usize {
    let before: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    (before + column.saturating_sub(1)).min(text.len())
}
