//! JSON objects as Cedar records.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::Mapper;
use super::reference::escape;
use crate::argument_type::{ArgumentType, Field, RecordType};

impl<'a> Mapper<'a> {
    /// A record if properties are known or none are allowed; otherwise opaque. The arguments
    /// themselves are at depth 1 and always a record.
    pub(super) fn map_object(
        &mut self,
        schema: &'a Map<String, Value>,
        pointer: &str,
        depth: usize,
    ) -> ArgumentType {
        let required: BTreeSet<&str> = match schema.get("required") {
            Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
            _ => BTreeSet::new(),
        };
        let properties = schema.get("properties").and_then(Value::as_object);
        let open = is_open(schema);
        if properties.is_none_or(Map::is_empty) && required.is_empty() && open {
            if schema.contains_key("patternProperties") || has_value_schema(schema) {
                self.lose(pointer, "the types of properties without a name are lost");
            }
            self.opaque(pointer, "an object without known properties");
            return ArgumentType::Opaque;
        }
        let mut fields = BTreeMap::new();
        for (name, property) in properties.into_iter().flatten() {
            let place = format!("{pointer}/properties/{}", escape(name));
            let shape = self.map(property, &place, depth + 1);
            if shape.null && !shape.any {
                self.lose(&place, "null and absent look the same");
            }
            let is_required = required.contains(name.as_str()) && !shape.null;
            let ty = self.settle(shape, &place);
            fields.insert(name.clone(), Field { ty, required: is_required });
        }
        for name in required {
            if !fields.contains_key(name) {
                let place = format!("{pointer}/required");
                self.opaque(&place, "a required property without a schema");
                // Not required: any value is accepted, so null is, too.
                let field = Field { ty: ArgumentType::Opaque, required: false };
                fields.insert(name.to_owned(), field);
            }
        }
        if open {
            self.lose(pointer, "other properties are accepted: policies see only that there are");
        }
        ArgumentType::Record(RecordType { fields, open })
    }
}

/// Whether properties that `properties` does not name may be there.
fn is_open(schema: &Map<String, Value>) -> bool {
    // These accept properties of their own, which `unevaluatedProperties` then lets pass.
    const APPLICATORS: [&str; 9] = [
        "$ref",
        "allOf",
        "anyOf",
        "oneOf",
        "if",
        "then",
        "else",
        "dependentSchemas",
        "patternProperties",
    ];
    let forbids = |keyword: &str| schema.get(keyword) == Some(&Value::Bool(false));
    let closed = forbids("additionalProperties") && !schema.contains_key("patternProperties");
    let closed_after_all = forbids("unevaluatedProperties")
        && !schema.contains_key("additionalProperties")
        && !APPLICATORS.iter().any(|keyword| schema.contains_key(*keyword));
    !closed && !closed_after_all
}

fn has_value_schema(schema: &Map<String, Value>) -> bool {
    schema.get("additionalProperties").is_some_and(Value::is_object)
}

/// One record for two kinds of objects, if they agree on the types of the properties they share.
pub(super) fn merge(one: RecordType, two: RecordType) -> Option<RecordType> {
    let mut fields = one.fields;
    let in_both: BTreeSet<String> =
        fields.keys().filter(|name| two.fields.contains_key(*name)).cloned().collect();
    for (name, field) in &mut fields {
        field.required &= in_both.contains(name);
    }
    for (name, theirs) in two.fields {
        match fields.get_mut(&name) {
            Some(ours) if ours.ty != theirs.ty => return None,
            Some(ours) => ours.required &= theirs.required,
            None => {
                fields.insert(name, Field { required: false, ..theirs });
            }
        }
    }
    Some(RecordType { fields, open: one.open || two.open })
}
