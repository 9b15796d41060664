mod fragment;

use std::sync::Arc;

use cedar_policy::{PolicySet, Schema, ValidationMode, Validator};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::cedar_schema;
use crate::catalog::Catalog;

/// A catalog of tier-2 tools with these names and schemas.
pub(super) fn catalog(tools: &[(&str, Value)]) -> Catalog {
    let tools: serde_json::Map<String, Value> = tools
        .iter()
        .map(|(name, schema)| {
            let tool = json!({ "tier": 2, "effect": "write", "arguments": schema });
            ((*name).to_owned(), tool)
        })
        .collect();
    let raw = json!({
        "format": 1, "segments": ["x"], "services": { "fs": { "segment": "x" } }, "tools": tools,
    });
    let file: Arc<str> = "catalog.yaml".into();
    Catalog::parse(&file, &serde_saphyr::to_string(&raw).unwrap()).unwrap().0
}

fn parses(catalog: &Catalog) -> Schema {
    Schema::from_json_value(cedar_schema(catalog)).map_err(|error| format!("{error:?}")).unwrap()
}

/// All that strict validation says of a policy; `None` if nothing.
fn complaint(schema: Schema, policy: &str) -> Option<String> {
    let policies: PolicySet = policy.parse().unwrap();
    let result = Validator::new(schema).validate(&policies, ValidationMode::Strict);
    let errors = result.validation_errors().map(ToString::to_string);
    let warnings = result.validation_warnings().map(ToString::to_string);
    errors.chain(warnings).reduce(|all, one| format!("{all}; {one}"))
}

#[test]
fn the_whole_vocabulary_validates() {
    let schema = parses(&catalog(&[("fs.write", json!({ "type": "object" }))]));
    let policy = r#"
        permit (principal is Agent, action in [Action::"write", Action::"tier2"], resource is Tool)
        when {
            principal in Group::"g" && principal has owner && principal.owner in Group::"staff" &&
            principal has autonomous && principal.autonomous &&
            resource in Service::"fs" && resource in Segment::"x" &&
            resource.tier < 3 && resource.effects.contains("write") && resource.reversible &&
            !resource.egress &&
            context.tool.tier == 2 && context.tool.effects.contains("write") &&
            context.tool.reversible && !context.tool.egress &&
            context.tool.service == Service::"fs" && context.tool.segment == Segment::"x" &&
            !context.argsInfo.unknown &&
            context.chain.depth < 3 && context.chain has user && context.chain.user in Group::"g" &&
            context.chain.users.contains(User::"a") && context.chain.agents.contains(Agent::"a") &&
            context.chain.services.contains(Service::"s") &&
            context has auth.acr && context.auth.acr == "phr" && context.auth.amr.contains("hwk") &&
            context has auth.time && context.auth.time < context.now &&
            context.chain.proof == "bearer" &&
            context has attestation && context.attestation.tier == "t" &&
            context.attestation.verifier == "v" && context.attestation.issuedAt < context.now &&
            context.attestation.expiresAt > context.now && !context.attestation.debug &&
            context.attestation.measurements.contains("m") &&
            context.attestation.references.contains("r") && context.attestation.nonceFresh &&
            context.attestation.subject == "s" && context has attestation.vector.fileSystem &&
            context.attestation.vector.fileSystem == 2 &&
            context has session && context.session.calls < 9 && context.session.writes < 9 &&
            context.session.failures < 9 && context.session.denials < 9 &&
            context.session.repeats < 9 && context.session.labels.contains("pii") &&
            context.session.startedAt < context.now && context.session has transaction &&
            context.session.transaction.calls < 9 &&
            context.session.transaction.deadline > context.now &&
            context has grounding && context.grounding.prompt.contains("a") &&
            context.grounding.trusted.contains("a") && context.grounding.untrusted.contains("a") &&
            context.grounding.created.contains("a") && context.ungrounded.contains("a") &&
            context.data.contains("pii") && context.approval.granted &&
            context.confirmation.granted && context.stepUp.granted &&
            context has sourceIp && context.sourceIp.isInRange(ip("10.0.0.0/8"))
        };"#;
    assert_eq!(complaint(schema, policy), None);
}

#[test]
fn arguments_are_typed() {
    let catalog = catalog(&[(
        "fs.write",
        json!({
            "type": "object", "additionalProperties": false, "required": ["path", "any", "amount"],
            "properties": {
                "path": { "type": "string" }, "amount": { "type": "number" }, "any": { "type": "array" },
                "tags": { "type": "array", "items": { "type": "string" } },
                "to": { "type": ["string", "integer"] },
                "big": { "type": "number", "x-policy-type": "string" },
                "in": { "type": "object", "properties": { "ids": { "type": "array", "items": { "type": "integer" } } } },
            },
        }),
    )]);
    let accepted = r#"permit (principal, action == Action::"fs.write", resource) when {
        context.args.path like "/tmp/*" && context.args.amount.lessThan(decimal("1.5")) &&
        context.args.any.kind == "array" && context.args.any.digest == "x" &&
        context.args has tags && context.args.tags.contains("a") &&
        context.args has to && context.args.to has long && context.args.to.long > 1 &&
        context.args has big && context.args.big == "1e30" &&
        context.args has "in" && context.args["in"] has ids && context.args["in"].ids.contains(1) &&
        context.argsInfo.counts has tags && context.argsInfo.counts.tags < 3 &&
        context.argsInfo.counts has "in.ids" && context.argsInfo.counts["in.ids"] < 3
    };"#;
    assert_eq!(complaint(parses(&catalog), accepted), None);
    let refused =
        ["context.args.paht == \"a\"", "context.args.path == 1", "context.args.tags.isEmpty()"];
    for condition in refused {
        let policy = format!(
            "permit (principal, action == Action::\"fs.write\", resource) when {{ {condition} }};"
        );
        assert!(complaint(parses(&catalog), &policy).is_some(), "{condition}");
    }
}

#[test]
fn a_tool_is_in_its_groups() {
    let file: Arc<str> = "catalog.yaml".into();
    let text = "format: 1\nsegments: [x]\nservices: {s: {segment: x}}\ntools:\n  \
                s.read: {tier: 1, effect: read, egress: true}\n  s.drop: {tier: 3, effect: admin}\n";
    let schema = cedar_schema(&Catalog::parse(&file, text).unwrap().0);
    let groups = |tool: &str| schema[""]["actions"][tool]["memberOf"].clone();
    assert_eq!(groups("s.read"), json!([{ "id": "read" }, { "id": "tier1" }, { "id": "egress" }]));
    assert_eq!(
        groups("s.drop"),
        json!([{ "id": "admin" }, { "id": "tier3" }, { "id": "irreversible" }])
    );
}

#[test]
fn a_mapped_resource_has_its_own_type() {
    let file: Arc<str> = "catalog.yaml".into();
    let text = "format: 1\nsegments: [x]\nservices: {s: {segment: x}}\ntools:\n  s.open:\n    \
                tier: 1\n    effect: read\n    \
                arguments: {properties: {id: {type: string}}, required: [id]}\n    \
                resource: {type: Document, argument: id}\n";
    let schema = parses(&Catalog::parse(&file, text).unwrap().0);
    let policy = r#"permit (principal, action == Action::"s.open", resource is Document)
                    when { resource in Service::"s" && context.tool.tier == 1 };"#;
    assert_eq!(complaint(schema, policy), None);
}

#[test]
fn a_catalog_without_tools_has_a_schema() {
    parses(&catalog(&[]));
}

#[test]
fn any_tool_and_property_name_is_possible() {
    let names = [
        "a b",
        "a-b",
        "in",
        "if",
        "true",
        "1",
        "",
        "ünïcode",
        "日本",
        "\"",
        "\\",
        "a.b",
        "__entity",
        "__extn",
        "__cedar",
        "type",
        "Action",
        "\u{0}",
        "\u{1b}[31m",
        "'",
        "\n",
        "👍",
    ];
    let list = json!({ "type": "array", "items": { "type": "string" } });
    let properties: serde_json::Map<String, Value> =
        names.iter().map(|name| ((*name).to_owned(), list.clone())).collect();
    let schema = json!({ "type": "object", "properties": properties, "required": names });
    let mut tools = vec![("fs.list-issues", schema.clone())];
    for name in
        ["fs.b.c", "fs.in", "fs.a b", "fs.日本 👍", "fs.\"quoted\\", "fs.Action::\"x\"", "fs.'"]
    {
        tools.push((name, schema.clone()));
    }
    let schema = parses(&catalog(&tools));
    assert_eq!(schema.actions().count(), tools.len() + 8);
}

/// Argument schemas as generators write them, with names of any kind.
fn argument_schema() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!({ "type": "string" })),
        Just(json!({ "type": "integer" })),
        Just(json!({ "type": ["number", "null"] })),
        Just(json!({})),
        Just(json!({ "$ref": "#" })),
        Just(json!({ "type": ["string", "boolean", "array"] })),
        Just(json!({ "enum": [1, "a"] })),
    ];
    leaf.prop_recursive(5, 40, 4, |inner| {
        let properties = prop::collection::btree_map(".{0,6}", inner.clone(), 0..4);
        prop_oneof![
            (properties, any::<bool>()).prop_map(|(properties, open)| json!({
                "type": "object", "properties": properties, "additionalProperties": open,
            })),
            inner.clone().prop_map(|items| json!({ "type": "array", "items": items })),
            prop::collection::vec(inner, 1..3).prop_map(|any| json!({ "anyOf": any })),
        ]
    })
}

proptest! {
    #[test]
    fn the_schema_of_any_arguments_parses(schema in argument_schema(), name in "[^\\pC]{1,12}") {
        parses(&catalog(&[(&format!("fs.{name}"), schema)]));
    }
}
