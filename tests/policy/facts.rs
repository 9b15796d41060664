//! Absent is never safe by accident: facts that nobody provides.

use palisade_core::FactSources;

use crate::universe::Universe;

/// A condition for each fact that needs a component.
const CONDITIONS: [(&str, &str); 10] = [
    ("attestation", "context has attestation"),
    ("attestation", "!(context has attestation && context.attestation.debug)"),
    ("auth", "context has auth.acr && context.auth.acr == \"phr\""),
    ("labels", "context.data.contains(\"pii\")"),
    ("grounding", "context.ungrounded.isEmpty()"),
    ("grounding", "context has grounding && context.grounding.prompt.contains(\"to\")"),
    ("session", "context has session && context.session.writes > 3"),
    ("session", "!(context has session)"),
    ("session", "(if principal is User then context else context).now > datetime(\"2026-01-01\")"),
    ("session", "context has session.labels"),
];

fn universe(condition: &str) -> Universe {
    Universe::with_policies(format!(
        "@id(\"p\") @reason(\"r\") forbid (principal, action, resource) when {{ {condition} }};"
    ))
}

fn sources(provided: &str) -> FactSources {
    FactSources {
        attestation: provided == "attestation",
        auth: provided == "auth",
        grounding: provided == "grounding",
        labels: provided == "labels",
        session: provided == "session",
    }
}

#[test]
fn a_policy_that_reads_a_fact_nobody_provides_does_not_load() {
    for (_, condition) in CONDITIONS {
        let codes = universe(condition).error_codes();
        assert_eq!(codes, ["policy.fact_not_provided"], "{condition}");
    }
}

#[test]
fn a_policy_that_reads_a_provided_fact_loads() {
    for (fact, condition) in CONDITIONS {
        let universe = Universe { facts: sources(fact), ..universe(condition) };
        // `context` as a whole may read any fact, so that one needs all of them.
        let expected: &[&str] =
            if condition.contains("else context") { &["policy.fact_not_provided"] } else { &[] };
        assert_eq!(universe.error_codes(), expected, "{condition}");
    }
}

#[test]
fn templates_are_checked_like_policies() {
    let policies = "@id(\"t\") @reason(\"r\") forbid (principal == ?principal, action, resource) \
                    when { context has session };";
    let universe = Universe::with_policies(policies);
    assert_eq!(universe.error_codes(), ["policy.fact_not_provided"]);
}

#[test]
fn cure_facts_always_exist_and_are_false() {
    let policies = "@id(\"p\") permit (principal, action, resource) unless { \
                    context.approval.granted || context.confirmation.granted || \
                    context.stepUp.granted };";
    assert!(Universe::with_policies(policies).error_codes().is_empty());
}
