use std::sync::Arc;

use palisade_core::{Effect, Sha256Digest, Tier};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Change, ImportError, McpTool, Proposal, diff, parse_tools_list, propose};
use crate::catalog::Catalog;

fn tools(list: &Value) -> Vec<McpTool> {
    parse_tools_list(list).unwrap()
}

fn proposal(list: &Value) -> Proposal {
    propose("fs", "files", &tools(list))
}

fn parsed(yaml: &str) -> Catalog {
    let file: Arc<str> = "catalog.yaml".into();
    Catalog::parse(&file, yaml).map_err(|problems| format!("{problems}\n{yaml}")).unwrap().0
}

fn catalog(list: &Value) -> Catalog {
    parsed(&proposal(list).to_yaml().unwrap())
}

#[test]
fn a_list_is_read_bare_or_in_its_answer() {
    let list = json!([{ "name": "a" }, { "name": "b" }]);
    let answers = [
        list.clone(),
        json!({ "tools": list }),
        json!({ "tools": list, "nextCursor": null }),
        json!({ "jsonrpc": "2.0", "id": 1, "result": { "tools": list } }),
    ];
    for answer in answers {
        let names: Vec<String> = tools(&answer).into_iter().map(|tool| tool.name).collect();
        assert_eq!(names, ["a", "b"]);
    }
}

#[test]
fn what_is_no_complete_list_is_an_error() {
    let error = |json: Value| parse_tools_list(&json).unwrap_err();
    assert!(matches!(error(json!({ "prompts": [] })), ImportError::NotAToolsList));
    assert!(matches!(error(json!("tools")), ImportError::NotAToolsList));
    assert!(matches!(error(json!({ "tools": {} })), ImportError::NotAToolsList));
    assert!(matches!(error(json!({ "tools": [], "nextCursor": "2" })), ImportError::Incomplete));
    let failed = error(json!({ "error": { "code": -32601, "message": "no such\nmethod" } }));
    assert!(failed.to_string().ends_with("no such\\nmethod"), "{failed}");
    for nameless in [json!({}), json!({ "name": "" }), json!({ "name": 1 }), json!("a")] {
        let error = error(json!([{ "name": "a" }, nameless]));
        assert!(matches!(error, ImportError::Nameless { position: 2 }), "{error}");
    }
    let too_many = vec![json!({ "name": "a" }); crate::CATALOG_TOOLS_MAX + 1];
    assert!(matches!(error(json!(too_many)), ImportError::TooMany { .. }));
}

#[test]
fn the_digest_is_of_the_whole_definition_whatever_its_layout() {
    let digest =
        |text: &str| tools(&json!([serde_json::from_str::<Value>(text).unwrap()]))[0].digest;
    let one = digest(r#"{"name": "a", "x": 1.0}"#);
    assert_eq!(one, digest(r#"{"x":1,"name":"a"}"#));
    assert_ne!(one, digest(r#"{"x":2,"name":"a"}"#));
    assert_eq!(one, Sha256Digest::of(br#"{"name":"a","x":1}"#));
}

#[test]
fn tiers_follow_the_table_of_hints() {
    // readOnly, destructive, openWorld -> tier, effect, reversible, egress
    let (yes, no, missing) = (json!(true), json!(false), Value::Null);
    let table = [
        (&yes, &missing, &no, Tier::ReadOnly, Effect::Read, true, false),
        (&yes, &missing, &yes, Tier::ReadOnly, Effect::Read, true, true),
        (&yes, &missing, &missing, Tier::ReadOnly, Effect::Read, true, true),
        (&no, &no, &no, Tier::LowImpact, Effect::Write, true, false),
        (&no, &no, &yes, Tier::HighImpact, Effect::Write, true, true),
        (&no, &no, &missing, Tier::HighImpact, Effect::Write, true, true),
        (&no, &yes, &no, Tier::HighImpact, Effect::Write, false, false),
        (&no, &missing, &no, Tier::HighImpact, Effect::Write, false, false),
        (&no, &missing, &missing, Tier::HighImpact, Effect::Write, false, true),
        (&missing, &no, &no, Tier::HighImpact, Effect::Write, false, false),
        (&missing, &missing, &missing, Tier::HighImpact, Effect::Write, false, true),
    ];
    for (read_only, destructive, open_world, tier, effect, reversible, egress) in table {
        let mut annotations = json!({});
        let hints = [
            ("readOnlyHint", read_only),
            ("destructiveHint", destructive),
            ("openWorldHint", open_world),
        ];
        for (name, hint) in hints {
            if !hint.is_null() {
                annotations[name] = hint.clone();
            }
        }
        let definition = json!({
            "name": "t", "annotations": annotations, "inputSchema": { "type": "object" },
        });
        let tool = proposal(&json!([definition])).tools.remove(0);
        let got = (tool.tier, tool.effect, tool.reversible, tool.egress);
        assert_eq!(got, (tier, effect, reversible, egress), "{annotations}");
        assert!(tool.review.starts_with(&format!("tier {} proposed from", tier.number())));
    }
}

#[test]
fn a_hint_that_is_no_boolean_is_no_hint() {
    let definition = json!({
        "name": "t", "annotations": { "readOnlyHint": "true" }, "inputSchema": { "type": "object" },
    });
    let tool = proposal(&json!([definition])).tools.remove(0);
    assert_eq!(tool.tier, Tier::HighImpact);
    assert_eq!(tool.review, "tier 3 proposed from no hints: the worst case");
}

#[test]
fn a_proposal_reads_back_as_a_catalog() {
    let schema = json!({
        "type": "object", "required": ["path"],
        "properties": {
            "path": { "type": "string", "description": "multi\nline: \"text\" # no comment\n" },
            "on": { "enum": ["on", "off", "1", "null", "~", "0x10", "", " ", "- a", "1.0", 1.5, null] },
        },
    });
    let list = json!([
        { "name": "read-file", "description": "Reads\na file: yes", "inputSchema": schema,
          "annotations": { "readOnlyHint": true, "openWorldHint": false } },
        { "name": "a.b c/日本", "inputSchema": { "type": "object" } },
    ]);
    let catalog = catalog(&list);
    let read = catalog.tool("fs.read-file").unwrap();
    assert_eq!(read.arguments.json(), &schema);
    assert_eq!(read.upstream_name, "read-file");
    assert_eq!(read.description.as_deref(), Some("Reads\na file: yes"));
    assert_eq!(read.tier, Tier::ReadOnly);
    assert_eq!(read.segment, "files");
    assert_eq!(read.definition_digest, Some(tools(&list)[0].digest));
    assert!(read.review.is_some());
    assert_eq!(catalog.tool("fs.a.b c/日本").unwrap().upstream_name, "a.b c/日本");
}

#[test]
fn the_written_catalog_is_stable_and_readable() {
    let list = json!([{ "name": "read", "inputSchema": { "type": "object" },
                        "annotations": { "readOnlyHint": true, "openWorldHint": false } }]);
    let digest = tools(&list)[0].digest;
    let expected = format!(
        "format: 1\nsegments:\n- files\nservices:\n  fs:\n    segment: files\ntools:\n  fs.read:\n    \
         review: >-\n      tier 1 proposed from readOnlyHint=true, destructiveHint missing,\n      \
         openWorldHint=false\n    \
         upstream_name: read\n    definition: sha256:{digest}\n    tier: 1\n    effect: read\n    \
         reversible: true\n    egress: false\n    arguments:\n      type: object\n"
    );
    assert_eq!(proposal(&list).to_yaml().unwrap(), expected);
}

#[test]
fn a_name_listed_twice_is_reported() {
    let list = json!([
        { "name": "a", "description": "one", "inputSchema": {} },
        { "name": "a", "description": "two", "inputSchema": {} },
        { "name": "b", "inputSchema": {} }, { "name": "b", "inputSchema": {} },
    ]);
    let proposal = proposal(&list);
    assert_eq!(proposal.tools.len(), 2);
    assert_eq!(proposal.tools[0].description.as_deref(), Some("one"));
    assert!(proposal.tools[0].review.contains("lists this name twice"));
    assert!(!proposal.tools[1].review.contains("twice"));
    let sentences: Vec<String> = proposal.left_out.iter().map(ToString::to_string).collect();
    assert_eq!(
        sentences,
        [
            "`a` is left out: the server lists this name again, with another definition",
            "`b` is left out: the server lists this name again, with the same definition",
        ]
    );
}

#[test]
fn a_name_that_cannot_be_catalogued_is_reported() {
    let long = "x".repeat(300);
    let list = json!([{ "name": "a\u{7}" }, { "name": long }, { "name": "good" }]);
    let proposal = proposal(&list);
    assert_eq!(proposal.tools.len(), 1);
    assert_eq!(proposal.left_out.len(), 2);
    assert!(proposal.left_out[0].to_string().contains("control character"));
    assert!(proposal.left_out[1].to_string().contains("limit"));
}

#[test]
fn an_unsupported_pattern_is_removed_and_said_so() {
    let list = json!([{ "name": "mail", "annotations": { "readOnlyHint": true }, "inputSchema": {
        "type": "object", "properties": {
            "to": { "type": "string", "pattern": "^(?!\\.)[^@]+@[^@]+$" },
            "id": { "type": "string", "pattern": "^[0-9]+$" },
            "pattern": { "type": "string" },
        },
    }}]);
    let tool = proposal(&list).tools.remove(0);
    assert_eq!(tool.tier, Tier::ReadOnly);
    assert!(tool.review.contains("`^(?!\\.)[^@]+@[^@]+$`"), "{}", tool.review);
    assert_eq!(tool.arguments["properties"]["to"], json!({ "type": "string" }));
    assert_eq!(tool.arguments["properties"]["id"]["pattern"], json!("^[0-9]+$"));
    assert!(tool.arguments["properties"]["pattern"].is_object());
    assert_eq!(catalog(&list).tools().count(), 1);
}

#[test]
fn an_unusable_or_missing_schema_raises_the_tier() {
    for schema in [json!({ "$ref": "https://example.com/x" }), json!("object"), Value::Null] {
        let mut definition = json!({
            "name": "t", "annotations": { "readOnlyHint": true, "openWorldHint": false },
        });
        if !schema.is_null() {
            definition["inputSchema"] = schema;
        }
        let list = json!([definition]);
        let tool = proposal(&list).tools.remove(0);
        assert_eq!(tool.tier, Tier::HighImpact);
        assert_eq!(tool.arguments, json!({ "type": "object" }));
        assert!(tool.review.contains("any arguments are accepted"), "{}", tool.review);
        assert_eq!(catalog(&list).tools().count(), 1);
    }
}

#[test]
fn an_unchanged_server_has_no_changes() {
    let list = json!([{ "name": "a", "inputSchema": { "type": "object" } }]);
    assert_eq!(diff(&catalog(&list), &proposal(&list)), []);
}

#[test]
fn changes_of_a_server_are_named() {
    let old = json!([
        { "name": "a", "inputSchema": { "type": "object" },
          "annotations": { "readOnlyHint": true, "openWorldHint": false } },
        { "name": "gone", "inputSchema": { "type": "object" } },
    ]);
    let new = json!([
        { "name": "a", "inputSchema": { "type": "object", "required": ["x"] },
          "annotations": { "readOnlyHint": false } },
        { "name": "new", "inputSchema": { "type": "object" } },
    ]);
    let changes = diff(&catalog(&old), &proposal(&new));
    let tool = || "fs.a".to_owned();
    assert_eq!(
        changes,
        [
            Change::DefinitionChanged {
                tool: tool(),
                reviewed: Some(tools(&old)[0].digest),
                now: tools(&new)[0].digest,
            },
            Change::SchemaChanged { tool: tool() },
            Change::TierTooLow {
                tool: tool(),
                catalogued: Tier::ReadOnly,
                proposed: Tier::HighImpact,
            },
            Change::Removed { tool: "fs.gone".to_owned() },
            Change::Added { tool: "fs.new".to_owned() },
        ]
    );
    assert_eq!(changes[2].to_string(), "`fs.a` is in tier 1, but its hints propose tier 3");
}

#[test]
fn a_reviewed_tier_is_not_questioned_without_hints() {
    let list = json!([{ "name": "a", "inputSchema": { "type": "object" } }]);
    let lowered = proposal(&list).to_yaml().unwrap().replace("tier: 3", "tier: 2");
    assert_eq!(diff(&parsed(&lowered), &proposal(&list)), []);
}

#[test]
fn tools_are_matched_by_their_name_at_the_server() {
    let list = json!([{ "name": "a", "inputSchema": { "type": "object" } }]);
    let renamed = proposal(&list).to_yaml().unwrap().replace("fs.a:", "fs.other:");
    assert_eq!(diff(&parsed(&renamed), &proposal(&list)), []);
}

#[test]
fn tools_of_other_services_are_left_alone() {
    let list = json!([{ "name": "a", "inputSchema": { "type": "object" } }]);
    let other = propose("mail", "files", &tools(&list)).to_yaml().unwrap();
    let changes = diff(&parsed(&other), &proposal(&list));
    assert_eq!(changes, [Change::Added { tool: "fs.a".to_owned() }]);
}

proptest! {
    #[test]
    fn any_texts_survive_the_way_through_yaml(
        description in any::<String>(), key in any::<String>(), value in any::<String>(),
        name in "[^\\pC]{1,20}",
    ) {
        let schema = json!({ "type": "object", "properties": { key: { "const": value } } });
        let list = json!([{ "name": name, "description": description, "inputSchema": schema }]);
        let catalog = catalog(&list);
        let tool = catalog.tool(&format!("fs.{name}")).unwrap();
        prop_assert_eq!(tool.description.as_ref(), Some(&description));
        prop_assert_eq!(tool.arguments.json(), &schema);
        prop_assert_eq!(&tool.upstream_name, &name);
    }
}
