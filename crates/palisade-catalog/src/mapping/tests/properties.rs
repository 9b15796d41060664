//! Whatever the schema: mapping ends, and what the schema accepts fits the type.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::super::map_arguments;
use crate::argument_type::{ArgumentType, RecordType, UnionType};
use crate::arguments::ArgumentSchema;

/// JSON of any kind, over few names, so that keywords meet each other.
fn any_json() -> impl Strategy<Value = Value> {
    let words = prop_oneof![
        Just("string"),
        Just("object"),
        Just("array"),
        Just("null"),
        Just("number"),
        Just("#"),
        Just("#/$defs/a"),
        Just("#/properties/a"),
        Just("x"),
    ];
    let keys = prop_oneof![
        Just("type"),
        Just("properties"),
        Just("required"),
        Just("items"),
        Just("anyOf"),
        Just("oneOf"),
        Just("allOf"),
        Just("$ref"),
        Just("$defs"),
        Just("enum"),
        Just("const"),
        Just("additionalProperties"),
        Just("prefixItems"),
        Just("a"),
        Just("b"),
        Just("$id"),
        Just("x-policy-type"),
        Just("not"),
        Just("if"),
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        (-2_i64..3).prop_map(Value::from),
        words.prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 64, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            prop::collection::vec((keys.clone(), inner), 0..5).prop_map(|members| {
                Value::Object(members.into_iter().map(|(k, v)| (k.to_owned(), v)).collect())
            }),
        ]
    })
}

/// Schemas in which every place has a type and objects are closed: nothing is refused.
fn typed_schema() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        Just(json!({ "type": "string" })),
        Just(json!({ "type": "integer" })),
        Just(json!({ "type": "number" })),
        Just(json!({ "type": "boolean" })),
        Just(json!({ "type": ["string", "null"] })),
        Just(json!({ "type": ["integer", "boolean"] })),
        Just(json!({ "enum": ["x", 1] })),
        Just(json!(true)),
        Just(json!({ "$ref": "#" })),
    ];
    scalar.prop_recursive(4, 32, 3, |inner| {
        let object = (inner.clone(), inner.clone(), any::<bool>()).prop_map(|(a, b, required)| {
            json!({
                "type": "object", "properties": { "a": a, "b": b },
                "required": if required { json!(["a"]) } else { json!([]) },
                "additionalProperties": false,
            })
        });
        prop_oneof![
            object,
            inner.clone().prop_map(|items| json!({ "type": "array", "items": items })),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| json!({ "anyOf": [a, b] })),
            inner.prop_map(|a| json!({ "allOf": [a] })),
        ]
    })
}

fn instance() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        Just(json!("x")),
        Just(json!(1)),
        Just(json!(2.5)),
        Just(json!(true)),
    ];
    leaf.prop_recursive(4, 24, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::Array),
            prop::option::of(inner.clone())
                .prop_map(|a| a.map_or(json!({}), |a| json!({ "a": a }))),
            (inner.clone(), inner).prop_map(|(a, b)| json!({ "a": a, "b": b })),
        ]
    })
}

/// The converter's contract, written again.
fn fits(value: &Value, ty: &ArgumentType) -> bool {
    match ty {
        ArgumentType::Bool => value.is_boolean(),
        ArgumentType::Decimal | ArgumentType::NumberText => value.is_number(),
        ArgumentType::Long => value.as_f64().is_some_and(|number| number.fract() == 0.0),
        ArgumentType::Opaque => true,
        ArgumentType::Record(record) => {
            value.as_object().is_some_and(|object| fits_record(object, record))
        }
        ArgumentType::Set(element) => {
            value.as_array().is_some_and(|items| items.iter().all(|item| fits(item, element)))
        }
        ArgumentType::String => value.is_string(),
        ArgumentType::Union(union) => fits_union(value, union),
    }
}

fn fits_record(object: &Map<String, Value>, record: &RecordType) -> bool {
    let known = object.iter().all(|(name, value)| match record.fields.get(name) {
        Some(field) => (value.is_null() && !field.required) || fits(value, &field.ty),
        None => record.open,
    });
    known && record.fields.iter().all(|(name, field)| !field.required || object.contains_key(name))
}

fn fits_union(value: &Value, union: &UnionType) -> bool {
    let is_integer = value.as_f64().is_some_and(|number| number.fract() == 0.0);
    match value {
        Value::Null => false,
        Value::Bool(_) => union.scalars.bool,
        Value::Number(_) => union.scalars.decimal || (union.scalars.long && is_integer),
        Value::String(_) => union.scalars.string,
        Value::Array(_) => union.set.as_deref().is_some_and(|ty| fits(value, ty)),
        Value::Object(_) => union.object.as_deref().is_some_and(|ty| fits(value, ty)),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn any_json_maps(schema in any_json()) {
        let mapped = map_arguments(&schema);
        prop_assert_eq!(map_arguments(&schema).record, mapped.record);
    }

    #[test]
    fn what_a_schema_accepts_fits_its_type(
        property in typed_schema(),
        values in prop::collection::vec(instance(), 20),
    ) {
        let schema = json!({
            "type": "object", "properties": { "p": property }, "required": ["p"],
            "additionalProperties": false,
        });
        let compiled = ArgumentSchema::compile(&schema).unwrap();
        for value in values {
            let arguments = json!({ "p": value });
            if compiled.validate(&arguments).is_ok() {
                let fits = fits_record(arguments.as_object().unwrap(), compiled.record());
                prop_assert!(fits, "{} is accepted by {} but does not fit", arguments, schema);
            }
        }
    }
}
