use palisade_core::{FactSources, Problems};

use crate::raw::RawBundle;

const MANIFEST: (&str, &str) =
    ("bundle.yaml", "format: 1\nname: sample\nversion: 1\nissuers: { corp: https://idp }\n");
const CATALOG: (&str, &str) = (
    "catalog.yaml",
    "\
format: 1
segments: [office]
services: { crm: { segment: office } }
tools:
  crm.read: { tier: 1, effect: read }
",
);
const POLICY: (&str, &str) =
    ("policies/all.cedar", "@id(\"all\") permit (principal, action, resource);");

fn codes(problems: &Problems) -> Vec<&'static str> {
    problems.0.iter().map(|problem| problem.code).collect()
}

fn refused(files: &[(&str, &str)]) -> Problems {
    RawBundle::of(files).parse().unwrap_err()
}

#[test]
fn a_bundle_needs_a_manifest_and_a_catalog() {
    let problems = refused(&[]);
    assert_eq!(codes(&problems), ["bundle.missing_file", "bundle.missing_file"]);
    assert_eq!(problems.0[0].message, "the bundle has no `bundle.yaml`");
    assert_eq!(problems.0[1].message, "the bundle has no `catalog.yaml`");
}

#[test]
fn problems_of_all_files_are_found_in_one_go() {
    let problems = refused(&[
        ("bundle.yaml", "format: 1"),
        ("catalog.yaml", "format: [x"),
        ("policies/links.yaml", "link: []"),
        ("tests/a.yaml", "cases: []"),
        ("tests/b.json", "{"),
    ]);
    let files: Vec<_> = problems.0.iter().filter_map(|problem| problem.file.as_deref()).collect();
    assert_eq!(
        files,
        ["bundle.yaml", "catalog.yaml", "policies/links.yaml", "tests/a.yaml", "tests/b.json"]
    );
}

#[test]
fn content_that_nothing_would_enforce_is_refused() {
    for file in ["limits.yaml", "invariants/a.cedar"] {
        let problems = refused(&[MANIFEST, CATALOG, (file, "# later")]);
        assert_eq!(codes(&problems), ["bundle.not_supported"], "{file}");
        assert_eq!(problems.0[0].file.as_deref(), Some(file));
    }
}

#[test]
fn a_file_for_a_later_version_may_be_empty() {
    assert!(RawBundle::of(&[MANIFEST, CATALOG, ("limits.yaml", " \n")]).parse().is_ok());
}

#[test]
fn template_links_keep_their_place() {
    let text = "links:\n  - { id: l1, template: t, principal: 'Group::\"a\"' }\n";
    let raw = RawBundle::of(&[MANIFEST, CATALOG, ("policies/links.yaml", text)]);
    let (parsed, _) = raw.parse().unwrap();
    let [link] = parsed.sources.links.as_slice() else { panic!("one link") };
    assert_eq!(link.id, "l1");
    assert_eq!(link.principal.as_deref(), Some("Group::\"a\""));
    assert_eq!(link.resource, None);
    assert_eq!(text.get(link.span.clone().unwrap()), Some("l1"));
}

#[test]
fn the_revision_carries_the_digest_of_the_whole_bundle() {
    let raw = RawBundle::of(&[MANIFEST, CATALOG, POLICY]);
    let (parsed, _) = raw.parse().unwrap();
    assert_eq!(parsed.sources.revision.digest, raw.digest());
}

#[test]
fn advices_of_the_engine_and_of_the_tests_come_together() {
    let test = "\
tests:
  - name: misspelt
    chain: [user:corp:alice]
    tool: crm.raed
    want: { outcome: deny }
";
    let raw = RawBundle::of(&[MANIFEST, CATALOG, POLICY, ("tests/a.yaml", test)]);
    let (parsed, _) = raw.parse().unwrap();
    let (_, advice) = parsed.validate(FactSources::default()).unwrap();
    assert!(codes(&advice).contains(&"tests.unknown_tool"), "{advice}");
    assert!(!advice.has_errors(), "{advice}");
}

#[test]
fn a_bundle_with_a_policy_that_does_not_validate_is_refused() {
    let bad =
        ("policies/bad.cedar", "permit (principal, action == Action::\"crm.nope\", resource);");
    let (parsed, _) = RawBundle::of(&[MANIFEST, CATALOG, bad]).parse().unwrap();
    let problems = parsed.validate(FactSources::default()).unwrap_err();
    assert!(codes(&problems).contains(&"policy.missing_id"), "{problems}");
}
