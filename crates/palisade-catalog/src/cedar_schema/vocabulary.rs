//! The words of design section 5 as Cedar types: entities and what `context` holds.

use serde_json::{Map, Value, json};

use super::arguments::{arguments_info_type, arguments_type};
use crate::argument_type::RecordType;

/// What the names of our common types start with; authors' names do not.
pub(super) const RESERVED_PREFIX: &str = "Palisade";

/// Our entity types that an author may declare again, with attributes.
pub(super) const EXTENSIBLE: [&str; 4] = ["Agent", "Group", "Service", "User"];

/// Our entity types that nobody else declares.
pub(super) const FIXED: [&str; 2] = ["Segment", "Tool"];

/// Names that mean something in Cedar: keywords, then types of its schema language.
const CEDAR_WORDS: [&str; 24] = [
    "true",
    "false",
    "if",
    "then",
    "else",
    "in",
    "is",
    "like",
    "has",
    "__cedar",
    "Action",
    "Bool",
    "Boolean",
    "Entity",
    "EntityOrCommon",
    "Extension",
    "Long",
    "Record",
    "Set",
    "String",
    "datetime",
    "decimal",
    "duration",
    "ipaddr",
];

/// Whether a catalog may call a resource type by this name: a Cedar identifier that neither Cedar
/// nor we use.
pub(crate) fn is_free_entity_type(name: &str) -> bool {
    let mut characters = name.chars();
    let starts_well = characters.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
    starts_well
        && characters.all(|c| c.is_ascii_alphanumeric() || c == '_')
        && !name.starts_with(RESERVED_PREFIX)
        && !CEDAR_WORDS.contains(&name)
        && !EXTENSIBLE.contains(&name)
        && !FIXED.contains(&name)
}

/// A record type.
pub(super) fn record(fields: impl IntoIterator<Item = (String, Value)>) -> Value {
    let attributes: Map<String, Value> = fields.into_iter().collect();
    json!({ "type": "Record", "attributes": attributes })
}

/// The same type, of an attribute that may be absent.
pub(super) fn optional(mut ty: Value) -> Value {
    if let Value::Object(ty) = &mut ty {
        ty.insert("required".to_owned(), Value::Bool(false));
    }
    ty
}

/// A type of one of Cedar's extensions.
pub(super) fn extension(name: &str) -> Value {
    json!({ "type": "Extension", "name": name })
}

fn entity(name: &str) -> Value {
    json!({ "type": "Entity", "name": name })
}

fn set_of(element: &Value) -> Value {
    json!({ "type": "Set", "element": element })
}

fn bool() -> Value {
    json!({ "type": "Boolean" })
}

fn long() -> Value {
    json!({ "type": "Long" })
}

fn string() -> Value {
    json!({ "type": "String" })
}

fn datetime() -> Value {
    extension("datetime")
}

/// A record type with these fields, all required but those wrapped in [`optional`].
fn fields<const N: usize>(fields: [(&str, Value); N]) -> Value {
    record(fields.map(|(name, ty)| (name.to_owned(), ty)))
}

fn entity_type(parents: &[&str], shape: &Value) -> Value {
    json!({ "memberOfTypes": parents, "shape": shape })
}

/// Our entity types.
pub(super) fn entity_types() -> Map<String, Value> {
    let tool = fields([
        ("tier", long()),
        ("effects", set_of(&string())),
        ("reversible", bool()),
        ("egress", bool()),
    ]);
    let types = [
        ("Agent", entity_type(&["Group"], &record(agent_attributes()))),
        ("Group", entity_type(&["Group"], &fields([]))),
        ("Segment", entity_type(&["Segment"], &fields([]))),
        ("Service", entity_type(&["Segment", "Group"], &fields([]))),
        ("Tool", entity_type(&["Service"], &tool)),
        ("User", entity_type(&["Group"], &fields([]))),
    ];
    types.into_iter().map(|(name, ty)| (name.to_owned(), ty)).collect()
}

/// The attributes that every `Agent` has, whoever declares it.
pub(super) fn agent_attributes() -> [(String, Value); 2] {
    [("autonomous".to_owned(), optional(bool())), ("owner".to_owned(), optional(entity("User")))]
}

/// The type of `context` for a tool with these arguments.
pub(super) fn context(arguments: &RecordType) -> Value {
    let common = |name: &str| json!({ "type": name });
    fields([
        ("args", arguments_type(arguments)),
        ("argsInfo", arguments_info_type(arguments)),
        ("tool", common("PalisadeTool")),
        ("chain", common("PalisadeChain")),
        ("auth", optional(common("PalisadeAuth"))),
        ("attestation", optional(common("PalisadeAttestation"))),
        ("session", optional(common("PalisadeSession"))),
        ("grounding", optional(common("PalisadeGrounding"))),
        ("ungrounded", set_of(&string())),
        ("data", set_of(&string())),
        ("approval", common("PalisadeCure")),
        ("confirmation", common("PalisadeCure")),
        ("stepUp", common("PalisadeCure")),
        ("now", datetime()),
        ("sourceIp", optional(extension("ipaddr"))),
    ])
}

/// The parts of `context` that do not depend on the tool.
pub(super) fn common_types() -> Map<String, Value> {
    let names = || set_of(&string());
    let types = [
        ("PalisadeOpaque", fields([("kind", string()), ("digest", string())])),
        (
            "PalisadeTool",
            fields([
                ("tier", long()),
                ("effects", names()),
                ("reversible", bool()),
                ("egress", bool()),
                ("service", entity("Service")),
                ("segment", entity("Segment")),
            ]),
        ),
        (
            "PalisadeChain",
            fields([
                ("depth", long()),
                ("user", optional(entity("User"))),
                ("users", set_of(&entity("User"))),
                ("agents", set_of(&entity("Agent"))),
                ("services", set_of(&entity("Service"))),
                ("proof", string()),
            ]),
        ),
        (
            "PalisadeAuth",
            fields([("acr", optional(string())), ("amr", names()), ("time", optional(datetime()))]),
        ),
        ("PalisadeTransaction", fields([("calls", long()), ("deadline", datetime())])),
        (
            "PalisadeSession",
            fields([
                ("calls", long()),
                ("writes", long()),
                ("failures", long()),
                ("denials", long()),
                ("repeats", long()),
                ("labels", names()),
                ("startedAt", datetime()),
                ("transaction", optional(json!({ "type": "PalisadeTransaction" }))),
            ]),
        ),
        (
            "PalisadeGrounding",
            fields([
                ("prompt", names()),
                ("trusted", names()),
                ("untrusted", names()),
                ("created", names()),
            ]),
        ),
        ("PalisadeCure", fields([("granted", bool())])),
    ];
    let types = types.into_iter().chain(attestation_types());
    types.map(|(name, ty)| (name.to_owned(), ty)).collect()
}

/// `context.attestation`, and the trust claims of AR4SI in it.
fn attestation_types() -> [(&'static str, Value); 2] {
    let names = || set_of(&string());
    [
        (
            "PalisadeTrustVector",
            fields([
                ("configuration", optional(long())),
                ("executables", optional(long())),
                ("fileSystem", optional(long())),
                ("hardware", optional(long())),
                ("instanceIdentity", optional(long())),
                ("runtimeOpaque", optional(long())),
                ("sourcedData", optional(long())),
                ("storageOpaque", optional(long())),
            ]),
        ),
        (
            "PalisadeAttestation",
            fields([
                ("tier", string()),
                ("vector", json!({ "type": "PalisadeTrustVector" })),
                ("verifier", string()),
                ("subject", string()),
                ("issuedAt", datetime()),
                ("expiresAt", datetime()),
                ("debug", bool()),
                ("nonceFresh", bool()),
                ("measurements", names()),
                ("references", names()),
            ]),
        ),
    ]
}
