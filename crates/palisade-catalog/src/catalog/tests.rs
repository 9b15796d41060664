use std::sync::Arc;
use std::time::Duration;

use palisade_core::{Effect, Problem, Severity, Tier};

use super::{CATALOG_TOOLS_MAX, Catalog};
use crate::tool::{ResourceMapping, ResourceNormalization};

const WHOLE: &str = r#"
format: 1
segments: [support, finance]
services:
  crm: { segment: support, description: Customer records }
  docs: { segment: support }
tools:
  crm.read_ticket:
    upstream_name: readTicket
    description: Reads one ticket
    definition: sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
    tier: 1
    effect: read
    egress: true
    arguments:
      type: object
      properties: { ticket_id: {type: string}, note: {type: string} }
      required: [ticket_id]
      additionalProperties: false
    critical: [ticket_id]
    cosmetic: [note]
    output_labels: [pii]
    trusted_fields: [/id]
    redact_result: [/customer/card]
    redact_arguments: [/pin, /lines/*/note]
    deadline: 30s
    valid_for: 10s
  crm.close:
    tier: 2
    effect: write
    compensation: crm.reopen
  crm.reopen:
    tier: 3
    effect: write
    review: "tier proposed from annotations"
  docs.delete.all:
    tier: 3
    effect: admin
    reversible: true
    arguments:
      type: object
      properties: { path: { type: string } }
      required: [path]
    resource: { type: Document, argument: path, normalize: path }
"#;

fn file() -> Arc<str> {
    "catalog.yaml".into()
}

fn problems(text: &str) -> Vec<Problem> {
    match Catalog::parse(&file(), text) {
        Ok((_, problems)) | Err(problems) => problems.0,
    }
}

/// The only problem of a catalog with one service `crm` and these lines under `tools:`.
fn problem_of_tools(tools: &str) -> (Problem, String) {
    let text = format!(
        "format: 1\nsegments: [support]\nservices: {{crm: {{segment: support}}}}\ntools:\n{tools}"
    );
    let problems = problems(&text);
    assert_eq!(problems.len(), 1, "{problems:?}\n{text}");
    let problem = problems[0].clone();
    let place = text.get(problem.span.clone().unwrap()).unwrap().to_owned();
    assert!(problem.help.is_some(), "{problem:?}");
    (problem, place)
}

/// The only problem of a tool with these lines, and the text it points at.
fn problem_of(lines: &str) -> (&'static str, String) {
    let indented: String = lines.lines().map(|line| format!("    {line}\n")).collect();
    let (problem, place) = problem_of_tools(&format!("  crm.read:\n{indented}"));
    (problem.code, place)
}

#[test]
fn a_whole_catalog_is_read() {
    let (catalog, problems) = Catalog::parse(&file(), WHOLE).unwrap();
    assert_eq!(catalog.segments().collect::<Vec<_>>(), ["finance", "support"]);
    let services: Vec<&str> = catalog.services().map(|(name, _)| name).collect();
    assert_eq!(services, ["crm", "docs"]);
    let names: Vec<&str> = catalog.tools().map(|tool| tool.name.as_str()).collect();
    assert_eq!(names, ["crm.close", "crm.read_ticket", "crm.reopen", "docs.delete.all"]);

    let read = catalog.tool("crm.read_ticket").unwrap();
    assert_eq!(read.upstream_name, "readTicket");
    assert_eq!((read.tier, read.effect), (Tier::ReadOnly, Effect::Read));
    assert!(read.egress && read.reversible);
    assert_eq!(read.segment, "support");
    assert!(read.definition_digest.is_some());
    assert_eq!(read.critical, ["ticket_id".to_owned()].into());
    assert_eq!(read.cosmetic, ["note".to_owned()].into());
    assert_eq!(read.output_labels, ["pii".to_owned()].into());
    assert_eq!(read.trusted_fields, ["/id"]);
    assert_eq!(read.redact_result, ["/customer/card"]);
    assert_eq!(*read.redact_arguments, ["/lines/*/note", "/pin"]);
    assert_eq!(read.deadline, Some(Duration::from_secs(30)));
    assert_eq!(read.valid_for, Duration::from_secs(10));

    let delete = catalog.tool("docs.delete.all").unwrap();
    assert_eq!(delete.upstream_name, "delete.all");
    assert!(delete.reversible);
    let mapping = ResourceMapping {
        entity_type: "Document".to_owned(),
        argument: "path".to_owned(),
        normalization: ResourceNormalization::Path,
    };
    assert_eq!(delete.resource, Some(mapping));

    assert_eq!(problems.0.len(), 1);
    assert_eq!(problems.0[0].severity, Severity::Advice);
    assert_eq!(problems.0[0].code, "catalog.review");
}

#[test]
fn what_is_not_written_has_a_safe_default() {
    let (catalog, _) = Catalog::parse(&file(), WHOLE).unwrap();
    let close = catalog.tool("crm.close").unwrap();
    assert_eq!(close.upstream_name, "close");
    assert!(close.reversible && !close.egress);
    assert_eq!(close.valid_for, Duration::ZERO);
    assert_eq!(close.deadline, None);
    assert!(close.arguments.validate(&serde_json::json!({ "any": 1 })).is_err());
    assert!(!catalog.tool("crm.reopen").unwrap().reversible);
}

#[test]
fn an_empty_catalog_has_no_tools() {
    let (catalog, problems) = Catalog::parse(&file(), "format: 1\n").unwrap();
    assert_eq!(catalog.tools().count(), 0);
    assert!(problems.0.is_empty());
}

#[test]
fn all_problems_are_reported_at_once_in_the_order_of_the_text() {
    let text = "format: 2\nsegments: [support]\nservices: {crm: {segment: suport}}\ntools:\n  \
                read: {tier: 4, effect: reed}\n  cmr.x: {tier: 1, effect: write, deadline: 1w}\n";
    let codes: Vec<&str> = problems(text).iter().map(|problem| problem.code).collect();
    assert_eq!(
        codes,
        [
            "catalog.format",
            "catalog.unknown_segment",
            "catalog.tool_name",
            "catalog.tier",
            "catalog.effect",
            "catalog.unknown_service",
            "catalog.tier_effect",
            "catalog.duration",
        ]
    );
}

#[test]
fn what_is_no_catalog_is_reported_with_its_place() {
    let cases = [
        ("", None),
        ("format: 1\ntools: [", None),
        ("format: 1\nsegments: []\nsegments: []\n", Some("segments")),
        ("format: 1\nservises: {}\n", Some("servises")),
        ("format: 1\ntools:\n  a.b: {tier: one, effect: read}\n", Some("one")),
        (
            "format: 1\ntools:\n  a.b: {tier: 1, effect: read}\n  a.b: {tier: 1, effect: read}\n",
            Some("a.b"),
        ),
        ("format: 1\ntools:\n  a.b: {tier: 1, effect: read, reversible: yes}\n", Some("yes")),
    ];
    for (text, place) in cases {
        let problems = Catalog::parse(&file(), text).unwrap_err().0;
        assert_eq!(problems.len(), 1, "{text}");
        assert_eq!(problems[0].code, "catalog.syntax");
        assert_eq!(problems[0].file, Some(file()));
        let shown = problems[0].span.clone().and_then(|span| text.get(span));
        if place.is_some() {
            assert_eq!(shown, place, "{}", problems[0].message);
        }
        assert!(!problems[0].message.contains('\n'), "{}", problems[0].message);
    }
}

#[test]
fn duplicate_keys_within_a_schema_are_refused() {
    let text = "format: 1\ntools:\n  a.b: {tier: 1, effect: read, arguments: {type: object, type: string}}\n";
    assert_eq!(Catalog::parse(&file(), text).unwrap_err().0[0].code, "catalog.syntax");
}

#[test]
fn a_tool_called_read_is_told_how_to_be_named() {
    let (problem, place) = problem_of_tools("  read: {tier: 1, effect: read}\n");
    assert_eq!((problem.code, place.as_str()), ("catalog.tool_name", "read"));
    assert!(problem.help.unwrap().contains("`<service>.read`"));
}

#[test]
fn unacceptable_tool_names_are_refused() {
    for name in ["'.x'", "crm.", "CRM.x", "'a b.x'", "\"crm.\\u0007\""] {
        let (problem, _) = problem_of_tools(&format!("  {name}: {{tier: 1, effect: read}}\n"));
        assert_eq!(problem.code, "catalog.tool_name", "{name}");
    }
}

#[test]
fn an_unknown_service_is_told_the_closest_one() {
    let (problem, place) = problem_of_tools("  crn.x: {tier: 1, effect: read}\n");
    assert_eq!((problem.code, place.as_str()), ("catalog.unknown_service", "crn.x"));
    assert_eq!(problem.help.as_deref(), Some("did you mean `crm`?"));
    let (problem, _) = problem_of_tools("  payments.x: {tier: 1, effect: read}\n");
    assert_eq!(problem.help.as_deref(), Some("declare it under `services:`"));
}

#[test]
fn each_wrong_value_of_a_tool_is_refused_where_it_stands() {
    let read = "tier: 1\neffect: read\n";
    let with = |lines: &str| problem_of(&format!("{read}{lines}"));
    let arguments = "arguments: {properties: {a: {type: string}, n: {type: integer}, o: {type: string}}, required: [a, n]}\n";
    let with_arguments = |lines: &str| problem_of(&format!("{read}{arguments}{lines}"));
    let own = |code, place: &str| (code, place.to_owned());

    assert_eq!(problem_of("tier: 0\neffect: read"), own("catalog.tier", "0"));
    assert_eq!(problem_of("tier: 257\neffect: read"), own("catalog.tier", "257"));
    assert_eq!(problem_of("tier: 2\neffect: reed"), own("catalog.effect", "reed"));
    assert_eq!(problem_of("tier: 1\neffect: admin"), own("catalog.tier_effect", "admin"));
    assert_eq!(with("definition: sha256:12"), own("catalog.digest", "sha256:12"));
    assert_eq!(with("upstream_name: ''"), own("catalog.name", "''"));
    assert_eq!(with("output_labels: [Pii]"), own("catalog.name", "Pii"));
    assert_eq!(with("output_labels: [pii, pii]"), own("catalog.duplicate", "pii"));
    assert_eq!(with("trusted_fields: [id]"), own("catalog.pointer", "id"));
    assert_eq!(with("redact_result: [/a~2]"), own("catalog.pointer", "/a~2"));
    assert_eq!(with("compensation: crm.nobody"), own("catalog.unknown_tool", "crm.nobody"));
    assert_eq!(with("compensation: crm.read"), own("catalog.compensation", "crm.read"));
    assert_eq!(with("deadline: 1.5s"), own("catalog.duration", "1.5s"));
    assert_eq!(with("deadline: 0s"), own("catalog.duration", "0s"));
    assert_eq!(problem_of("tier: 2\neffect: read\nvalid_for: 1s"), own("catalog.valid_for", "1s"));
    assert_eq!(with_arguments("critical: [b]"), own("catalog.unknown_argument", "b"));
    assert_eq!(with_arguments("cosmetic: [b]"), own("catalog.unknown_argument", "b"));
    assert_eq!(
        with_arguments("critical: [a]\ncosmetic: [a]"),
        own("catalog.critical_and_cosmetic", "a")
    );
    for argument in ["n", "o"] {
        let resource = format!("resource: {{type: Document, argument: {argument}}}");
        assert_eq!(with_arguments(&resource), own("catalog.resource_argument", argument));
    }
    assert_eq!(
        with_arguments("resource: {type: Document, argument: x}"),
        own("catalog.unknown_argument", "x")
    );
    assert_eq!(
        with_arguments("resource: {type: Document, argument: a, normalize: case}"),
        own("catalog.normalize", "case")
    );
}

#[test]
fn a_resource_type_is_an_identifier_that_nobody_else_uses() {
    let taken = [
        "User",
        "Agent",
        "Group",
        "Service",
        "Segment",
        "Tool",
        "Action",
        "PalisadeChain",
        "Palisade",
        "in",
        "String",
        "a-b",
        "'1a'",
        "''",
        "App::Doc",
        "__cedar",
        "datetime",
    ];
    for name in taken {
        let (code, _) = problem_of(&format!(
            "tier: 1\neffect: read\narguments: {{properties: {{a: {{type: string}}}}, required: [a]}}\n\
             resource: {{type: {name}, argument: a}}"
        ));
        assert_eq!(code, "catalog.resource_type", "{name}");
    }
}

#[test]
fn an_unusable_schema_is_an_error_at_the_schema() {
    let (problem, _) = problem_of_tools(
        "  crm.x:\n    tier: 1\n    effect: read\n    arguments: {type: objekt}\n",
    );
    assert_eq!(problem.code, "catalog.schema");
    assert!(problem.message.contains("`crm.x`"), "{}", problem.message);
}

#[test]
fn as_many_tools_as_the_limit_load_and_one_more_does_not() {
    let catalog = |count: usize| {
        let tools: String =
            (0..count).map(|n| format!("  s.t{n}: {{tier: 1, effect: read}}\n")).collect();
        format!("format: 1\nsegments: [x]\nservices: {{s: {{segment: x}}}}\ntools:\n{tools}")
    };
    let (accepted, _) = Catalog::parse(&file(), &catalog(CATALOG_TOOLS_MAX)).unwrap();
    assert_eq!(accepted.tools().count(), CATALOG_TOOLS_MAX);
    let problems = Catalog::parse(&file(), &catalog(CATALOG_TOOLS_MAX + 1)).unwrap_err();
    assert_eq!(problems.0[0].code, "catalog.too_many_tools");
}

#[test]
fn aliases_share_a_schema_and_cannot_explode() {
    let text = "format: 1\nsegments: [x]\nservices: {s: {segment: x}}\ntools:\n  \
                s.a: {tier: 1, effect: read, arguments: &id {properties: {id: {type: string}}}}\n  \
                s.b: {tier: 1, effect: read, arguments: *id}\n";
    let (catalog, _) = Catalog::parse(&file(), text).unwrap();
    assert!(catalog.tool("s.b").unwrap().arguments.record().fields.contains_key("id"));

    // About a thousand YAML events for each alias; the limit is a hundred thousand.
    let shared = |times: usize| {
        let items = vec!["x"; 1_000].join(", ");
        let aliases = vec!["*it"; times].join(", ");
        format!(
            "format: 1\nsegments: [x]\nservices: {{s: {{segment: x}}}}\ntools:\n  s.a: {{tier: 1, \
             effect: read, arguments: {{default: &it [{items}], examples: [{aliases}]}}}}\n"
        )
    };
    assert!(Catalog::parse(&file(), &shared(99)).is_ok());
    assert_eq!(Catalog::parse(&file(), &shared(101)).unwrap_err().0[0].code, "catalog.syntax");
}

#[test]
fn a_schema_as_deep_as_json_readers_allow_is_read() {
    let nested = |levels: usize| {
        let schema = (0..levels).fold("{type: string}".to_owned(), |inner, _| {
            format!("{{type: array, items: {inner}}}")
        });
        format!(
            "format: 1\nsegments: [x]\nservices: {{s: {{segment: x}}}}\ntools:\n  \
             s.a: {{tier: 1, effect: read, arguments: {schema}}}\n"
        )
    };
    assert!(Catalog::parse(&file(), &nested(125)).is_ok());
    assert_eq!(Catalog::parse(&file(), &nested(1_000)).unwrap_err().0[0].code, "catalog.syntax");
}

#[test]
fn a_catalog_of_many_large_schemas_is_read() {
    let properties: String = (0..100).map(|n| format!("p{n}: {{type: string}}, ")).collect();
    let tools: String = (0..2_000)
        .map(|n| {
            let schema = format!("{{type: object, properties: {{{properties}}}}}");
            format!("  s.t{n}: {{tier: 1, effect: read, arguments: {schema}}}\n")
        })
        .collect();
    let text =
        format!("format: 1\nsegments: [x]\nservices: {{s: {{segment: x}}}}\ntools:\n{tools}");
    assert_eq!(Catalog::parse(&file(), &text).unwrap().0.tools().count(), 2_000);
}
