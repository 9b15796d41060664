use palisade_core::{IssuerName, Problem};
use palisade_engine::SourceFile;

use super::{Manifest, parse_version, read};

fn read_text(text: &str) -> (Option<Manifest>, Vec<Problem>) {
    let file = SourceFile { name: "bundle.yaml".into(), text: text.into() };
    let mut problems = Vec::new();
    (read(&file, &mut problems), problems)
}

/// Code and the text each problem points at.
fn found(text: &str) -> Vec<(&'static str, &str)> {
    let (_, problems) = read_text(text);
    let place = |problem: &Problem| problem.span.clone().and_then(|span| text.get(span));
    problems.iter().map(|problem| (problem.code, place(problem).unwrap_or("?"))).collect()
}

const GOOD: &str = "\
format: 1
name: support-desk
version: 7
minimum_engine: 0.1.0
issuers:
  corp: https://idp.example.com
  partner: https://partner.example.net
";

#[test]
fn a_manifest_is_read_whole() {
    let (manifest, problems) = read_text(GOOD);
    assert_eq!(problems, []);
    let manifest = manifest.unwrap();
    assert_eq!(manifest.name.as_str(), "support-desk");
    assert_eq!(manifest.version, 7);
    let issuer = IssuerName::new("https://idp.example.com").unwrap();
    assert_eq!(manifest.issuers.alias(&issuer), Some("corp"));
    assert!(manifest.issuers.has_alias("partner"));
}

#[test]
fn all_problems_are_reported_at_once_and_in_place() {
    let text = "\
format: 2
name: Support
version: 0
minimum_engine: 9.0.0
issuers:
  Corp: https://a
  b: https://a
  c: b
  d: ''
";
    assert_eq!(
        found(text),
        [
            ("bundle.format", "2"),
            ("bundle.version", "0"),
            ("bundle.minimum_engine", "9.0.0"),
            ("bundle.name", "Support"),
            ("issuer.alias", "https://a"),
            ("issuer.duplicate", "https://a"),
            ("issuer.ambiguous", "b"),
            ("issuer.identifier", "''"),
        ]
    );
}

#[test]
fn an_alias_has_1_to_32_characters_of_its_alphabet() {
    let with = |alias: &str| GOOD.replace("partner", alias);
    assert_eq!(found(&with(&"a".repeat(32))), []);
    assert_eq!(found(&with("0-a")), []);
    for alias in [&"a".repeat(33), "a_b", "a.b", "\"\"", "ä"] {
        let codes: Vec<_> = found(&with(alias)).into_iter().map(|(code, _)| code).collect();
        assert_eq!(codes, ["issuer.alias"], "{alias}");
    }
}

#[test]
fn an_identifier_is_no_alias_not_even_its_own() {
    assert_eq!(
        found(&GOOD.replace("https://idp.example.com", "corp")),
        [("issuer.ambiguous", "corp")]
    );
}

#[test]
fn a_bundle_without_issuers_is_advised_about() {
    let (manifest, problems) = read_text("format: 1\nname: a\nversion: 1\n");
    assert!(manifest.is_some());
    let found: Vec<_> = problems.iter().map(|problem| (problem.severity, problem.code)).collect();
    assert_eq!(found, [(palisade_core::Severity::Advice, "bundle.no_issuers")]);
}

#[test]
fn a_bundle_may_need_this_version_but_not_the_next() {
    let own = env!("CARGO_PKG_VERSION");
    let [major, minor, patch] = parse_version(own).unwrap();
    let with = |version: &str| GOOD.replace("0.1.0", version);
    assert_eq!(found(&with(own)), []);
    let next = format!("{major}.{minor}.{}", patch + 1);
    let text = with(&next);
    assert_eq!(found(&text), [("bundle.minimum_engine", next.as_str())]);
    for version in ["1", "1.0", "1.0.0.0", "1.0.x", "v1.0.0", "1..0", "1.0.+1"] {
        let text = with(&format!("'{version}'"));
        let codes: Vec<_> = found(&text).into_iter().map(|(code, _)| code).collect();
        assert_eq!(codes, ["bundle.minimum_engine"], "{version}");
    }
}

#[test]
fn versions_compare_as_numbers() {
    assert!(parse_version("0.10.0") > parse_version("0.9.9"));
}

#[test]
fn unknown_keys_are_refused() {
    let (manifest, problems) = read_text(&format!("{GOOD}isuers: {{}}\n"));
    assert!(manifest.is_none());
    assert_eq!(problems.len(), 1);
}
