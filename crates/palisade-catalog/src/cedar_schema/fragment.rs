//! Merges an author's schema fragment into the generated schema.
//!
//! Both are in Cedar's JSON schema format. Only collisions are judged here; whether the result is
//! a schema is Cedar's to say.

use serde_json::{Map, Value, json};

use super::vocabulary::{EXTENSIBLE, FIXED, RESERVED_PREFIX, agent_attributes};

/// The generated schema with an author's types added.
///
/// A fragment may declare `User`, `Agent`, `Service`, `Group` and mapped resource types again,
/// with attributes: that replaces our declaration, and the parents and attributes we need are
/// added. It may declare entity types and common types of its own, in any namespace. Actions come
/// from the catalog alone.
///
/// # Errors
/// Every way in which the fragment collides with our vocabulary: lower case, no final period.
pub fn merge_fragment(generated: Value, fragment: &Value) -> Result<Value, Vec<String>> {
    let (Value::Object(mut schema), Value::Object(fragment)) = (generated, fragment) else {
        return Err(vec!["a schema fragment is a JSON object of namespaces".to_owned()]);
    };
    let mut errors = Vec::new();
    for (namespace, theirs) in fragment {
        let Value::Object(theirs) = theirs else {
            errors.push(format!("the namespace `{namespace}` is no JSON object"));
            continue;
        };
        refuse_actions(namespace, theirs, &mut errors);
        refuse_other_sections(theirs, &mut errors);
        match schema.get_mut(namespace).and_then(Value::as_object_mut) {
            None => {
                schema.insert(namespace.clone(), Value::Object(theirs.clone()));
            }
            Some(ours) => {
                merge_entity_types(ours, section(theirs, "entityTypes"), &mut errors);
                merge_common_types(ours, section(theirs, "commonTypes"), &mut errors);
            }
        }
    }
    if errors.is_empty() { Ok(Value::Object(schema)) } else { Err(errors) }
}

fn section<'a>(
    namespace: &'a Map<String, Value>,
    name: &str,
) -> impl Iterator<Item = (&'a String, &'a Value)> {
    namespace.get(name).and_then(Value::as_object).into_iter().flatten()
}

fn refuse_actions(namespace: &str, theirs: &Map<String, Value>, errors: &mut Vec<String>) {
    for (name, _) in section(theirs, "actions") {
        let place = if namespace.is_empty() { String::new() } else { format!("{namespace}::") };
        errors.push(format!(
            "`{place}Action::\"{}\"` cannot be declared: actions come from the catalog",
            name.escape_debug()
        ));
    }
}

/// Nothing of a fragment is dropped silently.
fn refuse_other_sections(theirs: &Map<String, Value>, errors: &mut Vec<String>) {
    for (name, content) in theirs {
        let is_known = ["entityTypes", "commonTypes", "actions"].contains(&name.as_str());
        if !is_known {
            errors.push(format!("unknown section `{name}` in a schema fragment"));
        } else if !content.is_object() {
            errors.push(format!("`{name}` of a schema fragment is no JSON object"));
        }
    }
}

fn merge_common_types<'a>(
    ours: &mut Map<String, Value>,
    theirs: impl Iterator<Item = (&'a String, &'a Value)>,
    errors: &mut Vec<String>,
) {
    let mut merged = ours.get("commonTypes").cloned().unwrap_or_else(|| json!({}));
    for (name, declaration) in theirs {
        let is_entity = EXTENSIBLE.contains(&name.as_str())
            || FIXED.contains(&name.as_str())
            || ours.get("entityTypes").and_then(|types| types.get(name)).is_some();
        if name.starts_with(RESERVED_PREFIX) {
            errors.push(reserved(name));
        } else if is_entity {
            errors.push(format!("`{name}` is an entity type and cannot be a common type, too"));
        } else if let Value::Object(merged) = &mut merged {
            merged.insert(name.clone(), declaration.clone());
        }
    }
    ours.insert("commonTypes".to_owned(), merged);
}

fn merge_entity_types<'a>(
    ours: &mut Map<String, Value>,
    theirs: impl Iterator<Item = (&'a String, &'a Value)>,
    errors: &mut Vec<String>,
) {
    let mut merged = ours.get("entityTypes").cloned().unwrap_or_else(|| json!({}));
    for (name, declaration) in theirs {
        let Value::Object(merged) = &mut merged else { return };
        if name.starts_with(RESERVED_PREFIX) {
            errors.push(reserved(name));
            continue;
        }
        if FIXED.contains(&name.as_str()) {
            errors.push(format!("`{name}` cannot be declared again: it comes from the catalog"));
            continue;
        }
        let result = match merged.get(name) {
            None => Ok(declaration.clone()),
            Some(existing) => redeclare(name, existing, declaration),
        };
        match result {
            Ok(declaration) => {
                merged.insert(name.clone(), declaration);
            }
            Err(error) => errors.push(error),
        }
    }
    ours.insert("entityTypes".to_owned(), merged);
}

fn reserved(name: &str) -> String {
    format!("`{name}` cannot be declared: names starting with `{RESERVED_PREFIX}` are reserved")
}

/// Their declaration of one of our entity types, with what we need of it.
fn redeclare(name: &str, ours: &Value, theirs: &Value) -> Result<Value, String> {
    let Value::Object(theirs) = theirs else {
        return Err(format!("the declaration of `{name}` is no JSON object"));
    };
    if theirs.contains_key("enum") {
        return Err(format!(
            "`{name}` cannot be an enumeration: its entities come from the catalog, the bundle and requests"
        ));
    }
    let mut merged = theirs.clone();
    let mut parents = match theirs.get("memberOfTypes") {
        Some(Value::Array(parents)) => parents.clone(),
        _ => Vec::new(),
    };
    let needed = ours.get("memberOfTypes").and_then(Value::as_array);
    for parent in needed.into_iter().flatten() {
        if !parents.contains(parent) {
            parents.push(parent.clone());
        }
    }
    merged.insert("memberOfTypes".to_owned(), Value::Array(parents));
    if name == "Agent" {
        add_agent_attributes(&mut merged)?;
    }
    Ok(Value::Object(merged))
}

fn add_agent_attributes(agent: &mut Map<String, Value>) -> Result<(), String> {
    let shape =
        agent.entry("shape").or_insert_with(|| json!({ "type": "Record", "attributes": {} }));
    let attributes = shape.get_mut("attributes").and_then(Value::as_object_mut);
    let Some(attributes) = attributes else {
        return Err("the attributes of `Agent` are not written out: we add `autonomous` and \
                    `owner` to them, so they cannot be a common type"
            .to_owned());
    };
    if let Some(declared) = attributes.get("autonomous")
        && !is_bool(declared)
    {
        return Err("`Agent` declares `autonomous` with another type than `Bool`".to_owned());
    }
    for (name, ty) in agent_attributes() {
        attributes.entry(name).or_insert(ty);
    }
    Ok(())
}

/// Whether a type is `Bool`, in any of the ways the JSON format has to write it.
fn is_bool(ty: &Value) -> bool {
    let text = |key: &str| ty.get(key).and_then(Value::as_str).unwrap_or_default();
    match text("type") {
        "Boolean" | "Bool" | "__cedar::Bool" => true,
        "EntityOrCommon" => matches!(text("name"), "Bool" | "Boolean" | "__cedar::Bool"),
        _ => false,
    }
}
