use palisade_core::FactSources;

use super::*;
use crate::ValidatedBundle;
use crate::raw::RawBundle;

const POLICIES: &str = "\
@id(\"read\")
permit (principal, action == Action::\"crm.read\", resource)
when { context.args.n < 10 && (context.args.n > 5 || context.args.name like \"a*\") };

@id(\"delete\")
permit (principal, action == Action::\"crm.delete\", resource);

@id(\"ask\") @reason(\"ask first\") @require(\"confirmation\")
forbid (principal, action == Action::\"crm.delete\", resource)
unless { context.confirmation.granted };

@id(\"own\")
permit (principal == ?principal, action == Action::\"crm.read\", resource)
when { context.args.n == 99 };
";

const LINKS: &str = "\
links:
  - { id: of-ann, template: own, principal: 'User::\"corp:ann\"' }
  - { id: of-bob, template: own, principal: 'User::\"corp:bob\"' }
";

fn bundle(tests: &[&str]) -> ValidatedBundle {
    let tests = format!("tests:\n{}", tests.join("\n"));
    let files = [
        ("bundle.yaml", "format: 1\nname: sample\nversion: 1\nissuers: { corp: https://idp }\n"),
        (
            "catalog.yaml",
            "\
format: 1
segments: [office]
services: { crm: { segment: office } }
tools:
  crm.read:
    tier: 1
    effect: read
    arguments:
      type: object
      properties: { n: { type: integer }, name: { type: string } }
      required: [n, name]
  crm.delete: { tier: 3, effect: write }
",
        ),
        ("policies/a.cedar", POLICIES),
        ("policies/links.yaml", LINKS),
        ("tests/a.yaml", tests.as_str()),
    ];
    let (parsed, _) = RawBundle::of(&files).parse().unwrap();
    parsed.validate(FactSources::default()).unwrap().0
}

fn read(user: &str, n: i64, name: &str) -> String {
    format!(
        "  - {{ name: r{user}{n}{name}, chain: [user:corp:{user}], tool: crm.read, \
         arguments: {{ n: {n}, name: {name} }}, want: {{ outcome: allow }} }}"
    )
}

fn delete(cures: &str) -> String {
    format!(
        "  - {{ name: d{}, chain: [user:corp:ann], tool: crm.delete, cures: [{cures}], \
         want: {{ outcome: allow }} }}",
        cures.len()
    )
}

/// Clause, and what is missing about it.
fn gaps(tests: &[&str]) -> Vec<(String, &'static str)> {
    let bundle = bundle(tests);
    let coverage = bundle.coverage(&bundle.run_tests());
    coverage.gaps().map(|(clause, gap)| (clause.text.clone(), gap.as_str())).collect()
}

fn gap(tests: &[&str], text: &str) -> Option<&'static str> {
    gaps(tests).into_iter().find(|(clause, _)| clause == text).map(|(_, gap)| gap)
}

#[test]
fn a_clause_that_an_earlier_one_settles_is_never_evaluated() {
    let tests = [read("cyd", 20, "b")];
    let tests: Vec<&str> = tests.iter().map(String::as_str).collect();
    assert_eq!(gap(&tests, "context.args.n < 10"), Some("never true"));
    assert_eq!(gap(&tests, "context.args.n > 5"), Some("never evaluated"));
    assert_eq!(gap(&tests, "context.args.name like \"a*\""), Some("never evaluated"));
}

#[test]
fn a_clause_that_is_always_true_is_never_false() {
    let tests = [read("cyd", 7, "b")];
    let tests: Vec<&str> = tests.iter().map(String::as_str).collect();
    assert_eq!(gap(&tests, "context.args.n < 10"), Some("never false"));
    assert_eq!(gap(&tests, "context.args.name like \"a*\""), Some("never evaluated"));
}

#[test]
fn a_cure_fact_is_true_only_in_a_test_that_has_the_cure() {
    let asked = delete("");
    assert_eq!(gap(&[&asked], "context.confirmation.granted"), Some("never true"));
    let confirmed = delete("confirmation: { age: 1s }");
    assert_eq!(gap(&[&confirmed], "context.confirmation.granted"), None, "asked, then met");
}

#[test]
fn a_template_has_its_clauses_once() {
    let (ann, bob) = (read("ann", 99, "b"), read("bob", 1, "b"));
    let bundle = bundle(&[&ann, &bob]);
    let coverage = bundle.coverage(&bundle.run_tests());
    let of_template: Vec<_> =
        coverage.clauses.iter().filter(|clause| clause.text == "context.args.n == 99").collect();
    let [clause] = of_template.as_slice() else { panic!("{of_template:?}") };
    assert_eq!((&*clause.file, clause.line), ("policies/a.cedar", 14));
    let policies: Vec<&str> = clause.policies.iter().map(PolicyId::as_str).collect();
    assert_eq!(policies, ["of-ann", "of-bob"]);
    assert_eq!(clause.gap(), None, "true for one link, false for the other");
}

#[test]
fn everything_is_covered_by_enough_tests() {
    let tests = [
        read("cyd", 7, "b"),
        read("cyd", 20, "b"),
        read("cyd", 1, "a"),
        read("cyd", 1, "b"),
        read("ann", 99, "b"),
        read("bob", 99, "b"),
        read("bob", 1, "b"),
        delete(""),
        delete("confirmation: { age: 1s }"),
    ];
    let tests: Vec<&str> = tests.iter().map(String::as_str).collect();
    assert_eq!(gaps(&tests), []);
    let bundle = bundle(&tests);
    let coverage = bundle.coverage(&bundle.run_tests());
    assert_eq!((coverage.policies, coverage.policies_covered), (5, 5));
    assert_eq!((coverage.policies_percent(), coverage.clauses_percent()), (100, 100));
}

#[test]
fn percents_are_rounded_down() {
    assert_eq!((percent(2, 3), percent(299, 300), percent(0, 0)), (66, 99, 100));
}
