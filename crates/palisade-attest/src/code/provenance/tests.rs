//! Statements: what is read, and what is refused.

use serde_json::json;

use super::super::forge::{BUILDER, REPOSITORY, SUBJECT, statement};
use super::*;

fn parse(statement: &Value) -> Result<Provenance, CodeError> {
    Provenance::parse(statement.to_string().as_bytes(), &SUBJECT)
}

fn refusal(statement: &Value) -> &'static str {
    parse(statement).unwrap_err().code()
}

/// The statement with another value at a place; `null` removes it.
fn with(pointer: &str, value: Value) -> Value {
    let mut statement = statement();
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    let parent = statement.pointer_mut(parent).unwrap();
    if value.is_null() {
        parent.as_object_mut().unwrap().remove(key).unwrap();
    } else {
        parent[key] = value;
    }
    statement
}

const DEFINITION: &str = "/predicate/buildDefinition";

#[test]
fn statement_is_read() {
    let provenance = parse(&statement()).unwrap();
    assert_eq!(provenance.builder(), BUILDER);
    assert_eq!(provenance.source().as_str(), REPOSITORY);
    assert_eq!(provenance.build_type, "https://actions.github.io/buildtypes/workflow/v1");
}

#[test]
fn other_statement_types_are_refused() {
    for other in [
        json!(null),
        json!("https://in-toto.io/Statement/v0.1"),
        json!("https://in-toto.io/Statement/v1.1"),
        json!("https://in-toto.io/Statement/v1/"),
        json!("http://in-toto.io/Statement/v1"),
        json!(["https://in-toto.io/Statement/v1"]),
    ] {
        assert_eq!(refusal(&with("/_type", other)), "statement_malformed");
    }
}

#[test]
fn other_predicate_types_are_refused() {
    for other in [
        "https://slsa.dev/provenance/v0.2",
        "https://slsa.dev/provenance/v1.0",
        "https://slsa.dev/provenance/v1/",
        "https://slsa.dev/verification_summary/v1",
        "https://SLSA.dev/provenance/v1",
        "",
    ] {
        assert_eq!(refusal(&with("/predicateType", json!(other))), "predicate_type_unknown");
    }
    assert_eq!(refusal(&with("/predicateType", json!(null))), "statement_malformed");
    assert_eq!(refusal(&with("/predicateType", json!(1))), "statement_malformed");
}

#[test]
fn fields_that_are_missing_or_of_another_kind_are_refused() {
    for (pointer, value) in [
        ("/subject", json!(null)),
        ("/subject", json!({ "digest": { "sha256": hex::encode(SUBJECT) } })),
        ("/subject", json!([hex::encode(SUBJECT)])),
        ("/subject", json!([{ "name": "agent" }])),
        ("/subject", json!([{ "digest": hex::encode(SUBJECT) }])),
        ("/predicate", json!(null)),
        ("/predicate", json!([])),
        ("/predicate/runDetails", json!(null)),
        ("/predicate/runDetails/builder", json!(null)),
        ("/predicate/runDetails/builder", json!(BUILDER)),
        ("/predicate/runDetails/builder/id", json!(null)),
        ("/predicate/runDetails/builder/id", json!([BUILDER])),
        ("/predicate/runDetails/builder/id", json!("")),
        ("/predicate/runDetails/builder/id", json!("builder")),
        ("/predicate/runDetails/builder/id", json!(format!("{BUILDER}\n"))),
        ("/predicate/buildDefinition", json!(null)),
        ("/predicate/buildDefinition/buildType", json!(null)),
        ("/predicate/buildDefinition/buildType", json!("no uri")),
        ("/predicate/buildDefinition/externalParameters", json!(null)),
        ("/predicate/buildDefinition/externalParameters", json!("workflow")),
        ("/predicate/buildDefinition/externalParameters/workflow", json!("x")),
        ("/predicate/buildDefinition/externalParameters/workflow/repository", json!(1)),
        ("/predicate/buildDefinition/externalParameters/workflow/repository", json!("x")),
        ("/predicate/buildDefinition/resolvedDependencies", json!({})),
        ("/predicate/buildDefinition/resolvedDependencies", json!(["git+https://a/b"])),
        ("/predicate/buildDefinition/resolvedDependencies", json!([{ "uri": 1 }])),
        (
            "/predicate/buildDefinition/resolvedDependencies",
            json!([{ "uri": "git+https://user@github.com/example/agent" }]),
        ),
    ] {
        assert_eq!(
            refusal(&with(pointer, value.clone())),
            "statement_malformed",
            "{pointer} {value}"
        );
    }
}

#[test]
fn any_subject_may_be_the_artefact() {
    let other = json!({ "name": "other", "digest": { "sha256": hex::encode([1; 32]) } });
    let own = statement()["subject"][0].clone();
    parse(&with("/subject", json!([other, own]))).unwrap();
    parse(&with("/subject", json!([own, other]))).unwrap();
    assert_eq!(refusal(&with("/subject", json!([other]))), "subject_mismatch");
    assert_eq!(refusal(&with("/subject", json!([]))), "subject_mismatch");
    // A malformed subject beside is no reason to believe the rest.
    assert_eq!(refusal(&with("/subject", json!([own, { "name": "x" }]))), "statement_malformed");
}

#[test]
fn only_the_sha256_in_lower_case_names_the_artefact() {
    let digest = hex::encode(SUBJECT);
    for digests in [
        json!({}),
        json!({ "sha512": digest }),
        json!({ "SHA256": digest }),
        json!({ "sha256": digest.to_uppercase() }),
        json!({ "sha256": format!("sha256:{digest}") }),
        json!({ "sha256": format!("{digest} ") }),
        json!({ "sha256": hex::encode(&SUBJECT[1..]) }),
        json!({ "sha256": format!("{digest}a7") }),
        json!({ "sha256": [digest] }),
        json!({ "sha256": "" }),
    ] {
        let statement = with("/subject", json!([{ "name": digest, "digest": digests }]));
        assert_eq!(refusal(&statement), "subject_mismatch", "{digests}");
    }
    let statement =
        with("/subject", json!([{ "digest": { "sha256": digest, "sha512": "of the same" } }]));
    parse(&statement).unwrap();
}

#[test]
fn as_many_subjects_as_the_limit_are_read_and_one_more_is_refused() {
    let own = statement()["subject"][0].clone();
    let other = json!({ "name": "other", "digest": { "sha256": hex::encode([1; 32]) } });
    let mut subjects = vec![other; SUBJECTS_MAX - 1];
    subjects.push(own.clone());
    parse(&with("/subject", json!(subjects))).unwrap();
    subjects.push(own);
    assert_eq!(refusal(&with("/subject", json!(subjects))), "too_many");
}

#[test]
fn uris_up_to_the_limit_are_read() {
    let long = |bytes: usize| json!(format!("https://a/{}", "b".repeat(bytes - 10)));
    let builder = "/predicate/runDetails/builder/id";
    parse(&with(builder, long(URI_BYTES_MAX))).unwrap();
    assert_eq!(refusal(&with(builder, long(URI_BYTES_MAX + 1))), "statement_malformed");
    let dependencies = format!("{DEFINITION}/resolvedDependencies");
    let workflow = format!("{DEFINITION}/externalParameters/workflow");
    let mut statement = with(&workflow, json!({ "repository": long(URI_BYTES_MAX) }));
    statement.pointer_mut(&dependencies).unwrap().as_array_mut().unwrap().clear();
    parse(&statement).unwrap();
    *statement.pointer_mut(&format!("{workflow}/repository")).unwrap() = long(URI_BYTES_MAX + 1);
    assert_eq!(refusal(&statement), "statement_malformed");
}

#[test]
fn source_is_read_from_either_place() {
    let dependencies = format!("{DEFINITION}/resolvedDependencies");
    let repository = format!("{DEFINITION}/externalParameters/workflow/repository");
    let parameters = format!("{DEFINITION}/externalParameters");
    for value in [json!(null), json!([]), json!([{}]), json!([{ "uri": "pkg:docker/node@22" }])] {
        let provenance = parse(&with(&dependencies, value)).unwrap();
        assert_eq!(provenance.source().as_str(), REPOSITORY);
    }
    assert_eq!(parse(&with(&repository, json!(null))).unwrap().source().as_str(), REPOSITORY);
    assert_eq!(parse(&with(&parameters, json!({}))).unwrap().source().as_str(), REPOSITORY);
}

#[test]
fn provenance_that_names_no_source_is_refused() {
    let mut statement = with(&format!("{DEFINITION}/externalParameters"), json!({}));
    for dependencies in [
        json!([]),
        json!([{}]),
        json!([{ "uri": "pkg:docker/node@22" }]),
        // Only plain repositories are read, and only from the first place.
        json!([{ "uri": REPOSITORY }]),
        json!([{ "uri": "pkg:docker/node@22" }, { "uri": format!("git+{REPOSITORY}@main") }]),
        json!([{ "name": format!("git+{REPOSITORY}@main") }]),
    ] {
        statement["predicate"]["buildDefinition"]["resolvedDependencies"] = dependencies;
        assert_eq!(refusal(&statement), "source_missing");
    }
}

#[test]
fn sources_that_differ_are_refused() {
    let other = "https://github.com/example/other";
    let repository = format!("{DEFINITION}/externalParameters/workflow/repository");
    let dependencies = format!("{DEFINITION}/resolvedDependencies");
    let error = parse(&with(&repository, json!(other))).unwrap_err();
    assert_eq!(error.code(), "source_conflict");
    assert_eq!(error.to_string(), format!("the source is named both `{other}` and `{REPOSITORY}`"));
    assert_eq!(
        refusal(&with(&dependencies, json!([{ "uri": format!("git+{other}@refs/heads/main") }]))),
        "source_conflict"
    );
}

#[test]
fn certified_source_has_to_be_the_same() {
    let provenance = parse(&statement()).unwrap();
    provenance.check_source(REPOSITORY).unwrap();
    for (certified, code) in [
        ("https://github.com/example/other", "source_conflict"),
        ("https://gitlab.com/example/agent", "source_conflict"),
        ("", "statement_malformed"),
        ("example/agent", "statement_malformed"),
    ] {
        assert_eq!(provenance.check_source(certified).unwrap_err().code(), code);
    }
}

#[test]
fn duplicate_keys_are_refused() {
    let text = statement().to_string();
    for (from, to) in [
        ("\"predicateType\":", "\"predicateType\":\"x\",\"predicateType\":"),
        ("\"id\":", "\"id\":\"https://evil.example\",\"id\":"),
        ("\"sha256\":", "\"sha256\":\"00\",\"sha256\":"),
        ("\"gitCommit\":", "\"gitCommit\":\"00\",\"gitCommit\":"),
    ] {
        let twice = text.replacen(from, to, 1);
        assert_ne!(twice, text);
        let error = Provenance::parse(twice.as_bytes(), &SUBJECT).unwrap_err();
        assert_eq!(error.code(), "json_refused", "{from}");
    }
}

#[test]
fn nesting_up_to_the_limit_is_read() {
    let nested = |depth: usize| {
        let mut text = statement().to_string();
        text.truncate(text.len() - 1);
        text + ",\"x\":" + &"[".repeat(depth - 1) + &"]".repeat(depth - 1) + "}"
    };
    let limit = super::super::CODE_DOCUMENT_DEPTH_MAX;
    Provenance::parse(nested(limit).as_bytes(), &SUBJECT).unwrap();
    let error = Provenance::parse(nested(limit + 1).as_bytes(), &SUBJECT).unwrap_err();
    assert_eq!(error.code(), "json_refused");
}
