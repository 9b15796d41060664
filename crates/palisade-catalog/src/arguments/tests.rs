use serde_json::{Value, json};

use super::{
    ArgumentSchema, RECURSIVE_DEPTH_MAX, REPORTED_BYTES_MAX, SCHEMA_VIOLATIONS_MAX, SchemaError,
    recursion,
};

#[test]
fn valid_arguments_pass() {
    let schema = ArgumentSchema::compile(&json!({
        "type": "object", "properties": { "id": { "type": "string" } }, "required": ["id"],
    }))
    .unwrap();
    assert_eq!(schema.validate(&json!({ "id": "T-1" })), Ok(()));
}

#[test]
fn a_violation_names_the_place_and_not_the_value() {
    let schema = ArgumentSchema::compile(&json!({
        "type": "object", "properties": { "a": { "items": { "type": "integer" } } },
    }))
    .unwrap();
    let violations = schema.validate(&json!({ "a": [1, "hunter2"] })).unwrap_err();
    assert_eq!(violations.len(), 1);
    assert_eq!(violations[0].pointer, "/a/1");
    assert!(violations[0].sentence.contains("integer"), "{}", violations[0].sentence);
    assert!(!violations[0].sentence.contains("hunter2"), "{}", violations[0].sentence);
}

#[test]
fn no_more_than_the_limit_of_violations_is_reported() {
    let schema =
        ArgumentSchema::compile(&json!({ "properties": { "a": { "items": { "type": "null" } } } }))
            .unwrap();
    let all = schema.validate(&json!({ "a": vec![1; SCHEMA_VIOLATIONS_MAX] })).unwrap_err();
    assert_eq!(all.len(), SCHEMA_VIOLATIONS_MAX);
    let more = schema.validate(&json!({ "a": vec![1; SCHEMA_VIOLATIONS_MAX + 1] })).unwrap_err();
    assert_eq!(more.len(), SCHEMA_VIOLATIONS_MAX);
}

#[test]
fn long_property_names_are_cut_and_control_characters_escaped() {
    let schema =
        ArgumentSchema::compile(&json!({ "type": "object", "additionalProperties": false }))
            .unwrap();
    let name = format!("\u{1b}[31m{}", "x".repeat(10_000));
    let violations = schema.validate(&json!({ name: 1 })).unwrap_err();
    let sentence = &violations[0].sentence;
    assert!(sentence.len() <= REPORTED_BYTES_MAX + 16, "{}", sentence.len());
    assert!(!sentence.chars().any(char::is_control), "{sentence}");
}

#[test]
fn format_is_not_asserted() {
    let schema =
        ArgumentSchema::compile(&json!({ "properties": { "a": { "format": "email" } } })).unwrap();
    assert_eq!(schema.validate(&json!({ "a": "no address" })), Ok(()));
}

#[test]
fn a_reference_out_of_the_schema_does_not_compile() {
    for reference in ["https://example.com/schema.json", "file:///etc/passwd", "other.json"] {
        let error = ArgumentSchema::compile(&json!({ "$ref": reference })).unwrap_err();
        assert!(matches!(error, SchemaError::Invalid { .. }), "{error}");
    }
}

#[test]
fn a_pattern_that_needs_backtracking_does_not_compile() {
    for pattern in ["^(?!a)b", r"(a)\1", "(", "(a{1000}){1000}"] {
        let schema = json!({ "properties": { "p": { "pattern": pattern } } });
        let error = ArgumentSchema::compile(&schema).unwrap_err();
        let pointer = "/properties/p/pattern".to_owned();
        assert_eq!(error, SchemaError::Pattern { pointer }, "{pattern}");
    }
}

#[test]
fn a_pattern_runs_in_linear_time() {
    let schema =
        ArgumentSchema::compile(&json!({ "properties": { "p": { "pattern": "^(a+)+$" } } }))
            .unwrap();
    // Exponential for a backtracking engine: this test would not end.
    assert!(schema.validate(&json!({ "p": format!("{}!", "a".repeat(50_000)) })).is_err());
}

#[test]
fn an_invalid_schema_does_not_compile() {
    for schema in [json!({ "type": "objekt" }), json!("object"), json!(null), json!([])] {
        assert!(ArgumentSchema::compile(&schema).is_err(), "{schema}");
    }
    let error = ArgumentSchema::compile(&json!({ "$schema": "https://example.com/mine" }));
    assert!(error.is_err());
}

#[test]
fn every_draft_and_every_kind_of_reference_compiles() {
    let schemas = [
        json!(true),
        json!(false),
        json!({}),
        json!({ "$schema": "http://json-schema.org/draft-04/schema#", "type": "object" }),
        json!({ "$ref": "#/definitions/a", "definitions": { "a": { "type": "object" } } }),
        json!({ "$ref": "#" }),
        json!({ "$dynamicRef": "#a", "$dynamicAnchor": "a" }),
        json!({ "$anchor": "a", "anyOf": [{ "$ref": "#a" }, { "type": "object" }] }),
    ];
    for schema in schemas {
        let compiled = ArgumentSchema::compile(&schema).unwrap();
        let accepted = compiled.validate(&json!({ "a": 1 })).is_ok();
        assert_eq!(accepted, schema != json!(false), "{schema}");
        assert_eq!(compiled.json(), &schema);
    }
}

/// Definitions of which each offers the one before it `times` times.
fn multiplying(levels: usize, times: usize, name: impl Fn(usize) -> String) -> Value {
    let mut definitions = serde_json::Map::new();
    for level in 0..levels {
        let alternatives = match level {
            0 => vec![json!({ "type": "string" })],
            _ => vec![json!({ "$ref": name(level - 1) }); times],
        };
        let definition = json!({ "$anchor": format!("d{level}"), "anyOf": alternatives });
        definitions.insert(format!("d{level}"), definition);
    }
    json!({ "properties": { "p": { "$ref": name(levels - 1) } }, "$defs": definitions })
}

#[test]
fn references_that_multiply_do_not_compile() {
    let pointer = |level: usize| format!("#/$defs/d{level}");
    let anchor = |level: usize| format!("#d{level}");
    for schema in [multiplying(40, 2, pointer), multiplying(40, 2, anchor)] {
        assert_eq!(ArgumentSchema::compile(&schema).unwrap_err(), SchemaError::TooCostly);
    }
    assert!(ArgumentSchema::compile(&multiplying(9, 2, pointer)).is_ok());
}

#[test]
fn a_long_chain_of_references_does_not_compile() {
    let pointer = |level: usize| format!("#/$defs/d{level}");
    assert!(ArgumentSchema::compile(&multiplying(20, 1, pointer)).is_ok());
    let error = ArgumentSchema::compile(&multiplying(5_000, 1, pointer)).unwrap_err();
    assert_eq!(error, SchemaError::TooCostly);
}

/// A tree of conditions: every level offers the next one twice.
fn tree_schema() -> Value {
    json!({
        "type": "object",
        "properties": { "filter": { "$ref": "#/$defs/node" } },
        "$defs": { "node": { "anyOf": [
            { "type": "string" },
            { "type": "array", "items": { "$ref": "#/$defs/node" } },
            { "type": "array", "items": { "$ref": "#/$defs/node" }, "maxItems": 1 },
        ] } },
    })
}

#[test]
fn recursive_schemas_take_twelve_levels_and_no_more() {
    let schema = ArgumentSchema::compile(&tree_schema()).expect("compiles");
    let nested = |levels: usize| {
        let leaf = (1..levels).fold(json!("leaf"), |inner, _| json!([inner]));
        json!({ "filter": leaf })
    };
    assert_eq!(schema.validate(&nested(RECURSIVE_DEPTH_MAX)), Ok(()));
    let refused = schema.validate(&nested(RECURSIVE_DEPTH_MAX + 1)).expect_err("is refused");
    assert!(refused[0].sentence.contains("recursive"), "{refused:?}");
}

#[test]
fn schemas_that_only_refer_are_not_recursive() {
    let schema = json!({
        "type": "object",
        "properties": { "a": { "$ref": "#/$defs/x" }, "b": { "$ref": "#/$defs/x" } },
        "$defs": { "x": { "$ref": "#/$defs/y" }, "y": { "type": "array" } },
    });
    assert!(!recursion::is_recursive(&schema));
    assert!(recursion::is_recursive(&tree_schema()));
    assert!(recursion::is_recursive(&json!({ "properties": { "a": { "$ref": "#" } } })));
}
