//! Argument types as Cedar types.

use serde_json::{Map, Value, json};

use super::vocabulary::{extension, optional, record};
use crate::argument_type::{ArgumentType, RecordType, ScalarTypes, UnionType};

/// The Cedar type of `context.args`, or of a record within it.
pub(super) fn arguments_type(arguments: &RecordType) -> Value {
    let fields = arguments.fields.iter().map(|(name, field)| {
        let ty = cedar_type(&field.ty);
        (name.clone(), if field.required { ty } else { optional(ty) })
    });
    record(fields)
}

/// The Cedar type of `context.argsInfo`.
pub(super) fn arguments_info_type(arguments: &RecordType) -> Value {
    let counts = arguments
        .counted_arrays()
        .into_iter()
        .map(|array| (array.name, optional(json!({ "type": "Long" }))));
    record([
        ("unknown".to_owned(), json!({ "type": "Boolean" })),
        ("counts".to_owned(), record(counts)),
    ])
}

fn cedar_type(ty: &ArgumentType) -> Value {
    match ty {
        ArgumentType::Bool => json!({ "type": "Boolean" }),
        ArgumentType::Decimal => extension("decimal"),
        ArgumentType::Long => json!({ "type": "Long" }),
        ArgumentType::NumberText | ArgumentType::String => json!({ "type": "String" }),
        ArgumentType::Opaque => json!({ "type": "PalisadeOpaque" }),
        ArgumentType::Record(record) => arguments_type(record),
        ArgumentType::Set(element) => json!({ "type": "Set", "element": cedar_type(element) }),
        ArgumentType::Union(union) => union_type(union),
    }
}

fn union_type(union: &UnionType) -> Value {
    let UnionType { scalars, set, object } = union;
    let ScalarTypes { bool, decimal, long, string } = *scalars;
    let mut fields = Map::new();
    let mut add = |is_possible: bool, name: &str, ty: Value| {
        if is_possible {
            fields.insert(name.to_owned(), optional(ty));
        }
    };
    add(bool, "bool", json!({ "type": "Boolean" }));
    add(decimal, "decimal", extension("decimal"));
    add(long, "long", json!({ "type": "Long" }));
    add(string, "string", json!({ "type": "String" }));
    if let Some(set) = set {
        add(true, "set", cedar_type(set));
    }
    if let Some(object) = object {
        add(true, "object", cedar_type(object));
    }
    record(fields)
}
