mod properties;

use serde_json::{Value, json};

use super::{DEPTH_MAX, Mapped, NESTING_MAX, NODES_MAX, map_arguments};
use crate::argument_type::{ArgumentType, Field, RecordType, ScalarTypes, UnionType};

fn property(schema: &Value) -> (Field, Vec<String>) {
    let arguments = json!({
        "type": "object",
        "properties": { "p": schema },
        "required": ["p"],
        "additionalProperties": false,
        "$defs": {
            "name": { "type": "string" },
            "tree": { "type": "object", "properties": { "child": { "$ref": "#/$defs/tree" } } },
        },
    });
    let Mapped { record, losses } = map_arguments(&arguments);
    (record.fields["p"].clone(), losses.into_iter().map(|loss| loss.sentence).collect())
}

fn type_of(schema: &Value) -> ArgumentType {
    property(schema).0.ty
}

fn record(fields: &[(&str, ArgumentType, bool)], open: bool) -> RecordType {
    let fields = fields
        .iter()
        .map(|(name, ty, required)| {
            ((*name).to_owned(), Field { ty: ty.clone(), required: *required })
        })
        .collect();
    RecordType { fields, open }
}

#[test]
fn scalars_keep_their_type() {
    assert_eq!(type_of(&json!({ "type": "string" })), ArgumentType::String);
    assert_eq!(type_of(&json!({ "type": "string", "format": "ipv4" })), ArgumentType::String);
    assert_eq!(type_of(&json!({ "type": "integer" })), ArgumentType::Long);
    assert_eq!(type_of(&json!({ "type": "boolean" })), ArgumentType::Bool);
    assert_eq!(type_of(&json!({ "type": "number" })), ArgumentType::Decimal);
}

#[test]
fn a_number_becomes_text_on_demand() {
    let number = json!({ "type": "number", "x-policy-type": "string" });
    assert_eq!(type_of(&number), ArgumentType::NumberText);
    let nullable = json!({ "type": ["number", "null"], "x-policy-type": "string" });
    assert_eq!(type_of(&nullable), ArgumentType::NumberText);
}

#[test]
fn a_nullable_property_is_not_required() {
    let nullable = [
        json!({ "type": ["string", "null"] }),
        json!({ "anyOf": [{ "type": "string" }, { "type": "null" }] }),
        json!({ "enum": ["a", null] }),
    ];
    for schema in nullable {
        let (field, losses) = property(&schema);
        assert_eq!(field, Field { ty: ArgumentType::String, required: false }, "{schema}");
        assert_eq!(losses, ["null and absent look the same"]);
    }
    assert!(property(&json!({ "type": "string" })).0.required);
}

#[test]
fn a_property_of_any_value_is_not_required_because_null_is_a_value() {
    for schema in [json!(true), json!({}), json!({ "description": "whatever" })] {
        let (field, losses) = property(&schema);
        assert_eq!(field, Field { ty: ArgumentType::Opaque, required: false }, "{schema}");
        assert_eq!(losses.len(), 1);
    }
}

#[test]
fn several_scalars_are_a_union() {
    let expected = ArgumentType::Union(UnionType {
        scalars: ScalarTypes { string: true, long: true, ..ScalarTypes::default() },
        ..UnionType::default()
    });
    assert_eq!(type_of(&json!({ "type": ["string", "integer"] })), expected);
    let alternatives = json!({ "oneOf": [{ "type": "integer" }, { "$ref": "#/$defs/name" }] });
    assert_eq!(type_of(&alternatives), expected);
    assert_eq!(type_of(&json!({ "enum": ["a", 1] })), expected);
}

#[test]
fn integer_or_number_is_a_number() {
    assert_eq!(type_of(&json!({ "type": ["integer", "number"] })), ArgumentType::Decimal);
    assert_eq!(type_of(&json!({ "type": "number", "enum": [1, 2] })), ArgumentType::Decimal);
}

#[test]
fn a_listed_value_narrows_the_declared_type() {
    assert_eq!(type_of(&json!({ "enum": ["a", "b"] })), ArgumentType::String);
    assert_eq!(type_of(&json!({ "const": 3 })), ArgumentType::Long);
    assert_eq!(type_of(&json!({ "const": 2.5 })), ArgumentType::Decimal);
    let narrowed = json!({ "type": ["string", "integer"], "enum": ["a", "b"] });
    assert_eq!(type_of(&narrowed), ArgumentType::String);
}

#[test]
fn an_array_of_one_type_is_a_set() {
    let tags = json!({ "type": "array", "items": { "type": "string" } });
    assert_eq!(type_of(&tags), ArgumentType::Set(Box::new(ArgumentType::String)));
    let objects = json!({ "type": "array", "items": { "type": "object" } });
    assert_eq!(type_of(&objects), ArgumentType::Set(Box::new(ArgumentType::Opaque)));
}

#[test]
fn any_other_array_is_opaque() {
    let arrays = [
        json!({ "type": "array" }),
        json!({ "type": "array", "items": {} }),
        json!({ "type": "array", "items": true }),
        json!({ "type": "array", "items": { "type": ["string", "integer"] } }),
        json!({ "type": "array", "items": { "type": ["string", "null"] } }),
        json!({ "type": "array", "items": [{ "type": "string" }] }),
        json!({ "type": "array", "prefixItems": [{}], "items": { "type": "string" } }),
    ];
    for schema in arrays {
        let (field, losses) = property(&schema);
        assert_eq!(field, Field { ty: ArgumentType::Opaque, required: true }, "{schema}");
        assert!(!losses.is_empty(), "{schema}");
    }
}

#[test]
fn an_open_object_says_that_it_is_open() {
    let open = json!({ "type": "object", "properties": { "a": { "type": "string" } } });
    let closed = json!({
        "type": "object", "properties": { "a": { "type": "string" } }, "required": ["a"],
        "additionalProperties": false,
    });
    let (field, losses) = property(&open);
    let expected = record(&[("a", ArgumentType::String, false)], true);
    assert_eq!(field.ty, ArgumentType::Record(expected));
    assert_eq!(losses, ["other properties are accepted: policies see only that there are"]);
    let (field, losses) = property(&closed);
    let expected = record(&[("a", ArgumentType::String, true)], false);
    assert_eq!(field.ty, ArgumentType::Record(expected));
    assert_eq!(losses, Vec::<String>::new());
}

#[test]
fn pattern_properties_and_conditions_keep_an_object_open() {
    for keyword in ["patternProperties", "if", "allOf"] {
        let mut schema = json!({
            "type": "object", "properties": { "a": { "type": "string" } },
            "unevaluatedProperties": false,
        });
        let ArgumentType::Record(closed) = type_of(&schema) else { panic!("a record") };
        assert!(!closed.open);
        schema[keyword] = if keyword == "allOf" { json!([{}]) } else { json!({}) };
        let ArgumentType::Record(open) = type_of(&schema) else { panic!("a record") };
        assert!(open.open, "{keyword}");
    }
}

#[test]
fn a_free_form_object_is_opaque() {
    for schema in
        [json!({ "type": "object" }), json!({ "additionalProperties": {}, "type": "object" })]
    {
        assert_eq!(type_of(&schema), ArgumentType::Opaque);
    }
}

#[test]
fn a_required_property_without_a_schema_is_visible() {
    let ArgumentType::Record(record) = type_of(&json!({ "type": "object", "required": ["x"] }))
    else {
        panic!("a record");
    };
    assert_eq!(record.fields["x"], Field { ty: ArgumentType::Opaque, required: false });
}

#[test]
fn objects_that_agree_are_merged() {
    let schema = json!({ "oneOf": [
        { "type": "object", "additionalProperties": false, "required": ["kind", "path"],
          "properties": { "kind": { "const": "file" }, "path": { "type": "string" } } },
        { "type": "object", "additionalProperties": false, "required": ["kind"],
          "properties": { "kind": { "const": "url" }, "port": { "type": "integer" } } },
    ]});
    let expected = record(
        &[
            ("kind", ArgumentType::String, true),
            ("path", ArgumentType::String, false),
            ("port", ArgumentType::Long, false),
        ],
        false,
    );
    assert_eq!(type_of(&schema), ArgumentType::Record(expected));
}

#[test]
fn a_merged_record_is_open_if_one_alternative_is() {
    let schema = json!({ "anyOf": [
        { "type": "object", "properties": { "a": { "type": "string" } } },
        { "type": "object", "properties": { "b": { "type": "string" } },
          "additionalProperties": false },
    ]});
    let (field, losses) = property(&schema);
    let expected =
        record(&[("a", ArgumentType::String, false), ("b", ArgumentType::String, false)], true);
    assert_eq!(field.ty, ArgumentType::Record(expected));
    assert!(losses.iter().any(|loss| loss.contains("is refused with another type")), "{losses:?}");
}

#[test]
fn objects_that_disagree_are_opaque() {
    let schema = json!({ "anyOf": [
        { "type": "object", "properties": { "id": { "type": "string" } } },
        { "type": "object", "properties": { "id": { "type": "integer" } } },
    ]});
    assert_eq!(type_of(&schema), ArgumentType::Opaque);
}

#[test]
fn alternatives_beside_a_type_only_restrict_it() {
    let schema = json!({
        "type": "object", "properties": { "a": { "type": "string" }, "b": { "type": "string" } },
        "anyOf": [{ "required": ["a"] }, { "required": ["b"] }], "additionalProperties": false,
    });
    let expected =
        record(&[("a", ArgumentType::String, false), ("b", ArgumentType::String, false)], false);
    assert_eq!(type_of(&schema), ArgumentType::Record(expected));
}

#[test]
fn a_conjunction_is_opaque_unless_it_has_one_member() {
    let one = json!({ "allOf": [{ "$ref": "#/$defs/name" }], "description": "a name" });
    assert_eq!(type_of(&one), ArgumentType::String);
    let two = json!({ "allOf": [{ "$ref": "#/$defs/name" }, { "minLength": 1 }] });
    assert_eq!(type_of(&two), ArgumentType::Opaque);
}

#[test]
fn references_are_followed_until_they_recur() {
    assert_eq!(type_of(&json!({ "$ref": "#/$defs/name" })), ArgumentType::String);
    assert_eq!(type_of(&json!({ "$ref": "#/%24defs/name" })), ArgumentType::String);
    let tree = record(&[("child", ArgumentType::Opaque, false)], true);
    assert_eq!(type_of(&json!({ "$ref": "#/$defs/tree" })), ArgumentType::Record(tree));
    let unknown =
        [json!({ "$ref": "#/$defs/nobody" }), json!({ "$ref": "#a" }), json!({ "$ref": "x.json" })];
    for schema in unknown {
        assert_eq!(type_of(&schema), ArgumentType::Opaque, "{schema}");
    }
}

#[test]
fn a_base_within_the_schema_makes_references_opaque() {
    let schema = json!({
        "type": "object",
        "properties": { "p": { "$id": "https://x.example/p", "$ref": "#/$defs/n" } },
        "$defs": { "n": { "type": "string" } },
    });
    assert_eq!(map_arguments(&schema).record.fields["p"].ty, ArgumentType::Opaque);
}

#[test]
fn a_schema_that_is_no_record_shows_nothing_and_says_so() {
    let schemas = [
        json!(true),
        json!({}),
        json!({ "type": "object" }),
        json!({ "type": "string" }),
        json!({ "allOf": [{ "type": "object" }, {}] }),
        json!({ "$ref": "#" }),
    ];
    for schema in schemas {
        let Mapped { record, losses } = map_arguments(&schema);
        assert_eq!(record, RecordType { open: true, ..RecordType::default() }, "{schema}");
        assert!(losses.iter().any(|loss| loss.pointer.is_empty()), "{schema}");
    }
}

#[test]
fn arguments_need_no_type_because_they_are_an_object() {
    let schema = json!({ "properties": { "a": { "type": "string" } } });
    let expected = record(&[("a", ArgumentType::String, false)], true);
    assert_eq!(map_arguments(&schema).record, expected);
    let closed = json!({ "type": "object", "additionalProperties": false });
    assert_eq!(map_arguments(&closed).record, RecordType::default());
}

#[test]
fn losses_point_into_the_schema() {
    let schema = json!({
        "type": "object", "additionalProperties": false,
        "properties": { "a/b": { "$ref": "#/$defs/any" }, "c~d": {} }, "$defs": { "any": {} },
    });
    let losses = map_arguments(&schema).losses;
    let pointers: Vec<&str> = losses.iter().map(|loss| loss.pointer.as_str()).collect();
    assert_eq!(pointers, ["/$defs/any", "/properties/c~0d"]);
    assert!(pointers.iter().all(|pointer| schema.pointer(pointer).is_some()));
}

fn nested(levels: usize) -> Value {
    let mut schema = json!({ "type": "string" });
    for _ in 1..levels {
        schema = json!({
            "type": "object", "properties": { "p": schema }, "additionalProperties": false,
        });
    }
    schema
}

#[test]
fn what_is_nested_too_deep_is_opaque() {
    let is_deep = |schema: &Value| {
        map_arguments(schema).losses.iter().any(|loss| loss.sentence.starts_with("nested too deep"))
    };
    assert!(!is_deep(&nested(DEPTH_MAX)));
    assert!(is_deep(&nested(DEPTH_MAX + 1)));
}

#[test]
fn a_schema_that_is_too_large_ends_opaque() {
    let wide = |count: usize| {
        let properties: serde_json::Map<String, Value> =
            (0..count).map(|n| (format!("p{n:05}"), json!({ "type": "string" }))).collect();
        json!({ "type": "object", "properties": properties, "additionalProperties": false })
    };
    // One place is the arguments themselves.
    assert_eq!(map_arguments(&wide(NODES_MAX - 1)).losses, []);
    let Mapped { record, losses } = map_arguments(&wide(NODES_MAX));
    assert_eq!(losses.len(), 1);
    assert_eq!(record.fields.values().filter(|f| f.ty == ArgumentType::Opaque).count(), 1);
}

#[test]
fn references_that_multiply_are_bounded() {
    let mut definitions = json!({ "d0": { "type": "string" } });
    for n in 1..40 {
        let reference = json!({ "$ref": format!("#/$defs/d{}", n - 1) });
        definitions[format!("d{n}")] = json!({ "anyOf": [reference, reference] });
    }
    let schema = json!({
        "type": "object", "properties": { "p": { "$ref": "#/$defs/d39" } }, "$defs": definitions,
    });
    assert!(!map_arguments(&schema).losses.is_empty());
}

#[test]
fn a_long_chain_of_references_ends_opaque() {
    let mut definitions = json!({ "d0": { "type": "string" } });
    for n in 1..NODES_MAX - 10 {
        definitions[format!("d{n}")] = json!({ "$ref": format!("#/$defs/d{}", n - 1) });
    }
    let chain = |length: usize| {
        let first = json!({ "$ref": format!("#/$defs/d{length}") });
        let schema = json!({ "properties": { "p": first }, "$defs": definitions });
        map_arguments(&schema).record.fields["p"].ty.clone()
    };
    // Around the string are the arguments and the property.
    assert_eq!(chain(NESTING_MAX - 3), ArgumentType::String);
    assert_eq!(chain(NESTING_MAX - 2), ArgumentType::Opaque);
    assert_eq!(chain(NODES_MAX - 20), ArgumentType::Opaque);
}

#[test]
fn arrays_are_counted_by_unambiguous_names() {
    let list = json!({ "type": "array", "items": { "type": "string" } });
    let schema = json!({ "properties": {
        "a.b": list,
        "a": { "type": "object", "properties": { "b": list, "n": { "type": "integer" } } },
        "c\\": list,
        "u": { "anyOf": [list, { "type": "string" }] },
    }});
    let arrays = map_arguments(&schema).record.counted_arrays();
    let names: Vec<&str> = arrays.iter().map(|array| array.name.as_str()).collect();
    assert_eq!(names, ["a.b", "a\\.b", "c\\\\"]);
    assert_eq!(arrays[0].path, ["a", "b"]);
    assert_eq!(arrays[1].path, ["a.b"]);
}
