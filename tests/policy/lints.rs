//! What an author is told, and where it points.

use palisade_core::{FactSources, Problem, Severity};

use crate::universe::Universe;

fn problems(universe: &Universe) -> Vec<Problem> {
    match universe.build_with_advice() {
        Ok((_, problems)) | Err(problems) => problems.0,
    }
}

fn advice(policies: &str) -> Vec<&'static str> {
    problems(&Universe::with_policies(policies))
        .iter()
        .filter(|problem| problem.severity == Severity::Advice)
        .map(|problem| problem.code)
        .collect()
}

/// Guards the tier 3 tool, so that nothing but the policy under test is advised on.
const GUARD: &str = "@id(\"guard\") @reason(\"r\") @require(\"step_up\") \
                     forbid (principal, action in Action::\"tier3\", resource) \
                     unless { context.stepUp.granted };\n";

#[test]
fn an_unguarded_tier_3_tool_is_advised_on() {
    assert_eq!(advice(GUARD), Vec::<&str>::new());
    let hard = "@id(\"a\") @reason(\"r\") forbid (principal, action in Action::\"tier3\", resource) \
                when { context.chain.depth > 3 };";
    assert_eq!(advice(hard), ["catalog.unguarded_tool"]);
    let elsewhere = GUARD.replace("tier3", "tier2");
    assert_eq!(advice(&elsewhere), ["catalog.unguarded_tool"]);
}

#[test]
fn a_guardrail_that_a_mapped_resource_escapes_is_advised_on() {
    let on = |resource: &str| {
        let forbid = "@id(\"a\") @reason(\"r\") forbid (principal, action in Action::\"read\", ";
        advice(&format!("{GUARD}{forbid}{resource}) when {{ context.chain.depth > 3 }};"))
    };
    // `docs.read` acts on a `Document`, so `resource is Tool` never holds for it: here that is
    // the only tool in the scope, and validation already refuses it as impossible.
    assert_eq!(on("resource"), Vec::<&str>::new());
    assert_eq!(on("resource in Service::\"docs\""), Vec::<&str>::new());
    let wide = "@id(\"a\") @reason(\"r\") forbid (principal, action, resource is Tool) \
                when { context.chain.depth > 3 };";
    assert_eq!(advice(&format!("{GUARD}{wide}")), ["policy.resource_escapes"]);
    let permit = "@id(\"a\") permit (principal, action, resource is Tool);";
    assert_eq!(advice(&format!("{GUARD}{permit}")), Vec::<&str>::new());
}

#[test]
fn a_cure_that_is_read_but_not_required_is_advised_on() {
    let permit = "@id(\"a\") permit (principal, action, resource) \
                  when { context.approval.granted };";
    assert_eq!(advice(&format!("{GUARD}{permit}")), ["policy.cure_without_requirement"]);
}

#[test]
fn a_permit_that_hangs_on_what_only_a_forbid_asks_for_is_advised_on() {
    let with = |policy: &str| {
        let policies = format!("{GUARD}@id(\"a\") {policy}");
        let facts = FactSources::AVAILABLE;
        problems(&Universe { facts, ..Universe::with_policies(policies) })
    };
    for (fact, asks) in [("attestation", "attestation"), ("auth", "step_up")] {
        let scope = "(principal, action, resource)";
        let found = with(&format!("permit {scope} when {{ context has {fact} }};"));
        let codes: Vec<&str> = found.iter().map(|problem| problem.code).collect();
        assert_eq!(codes, ["policy.permit_never_asks"], "{fact}");
        assert_eq!(found[0].severity, Severity::Advice);
        assert!(found[0].message.contains(&format!("`context.{fact}`")), "{}", found[0].message);
        let help = found[0].help.as_deref().unwrap_or_default();
        assert!(help.contains(&format!("@require(\"{asks}\")")), "{help}");
        assert!(found[0].span.is_some());
        let forbid = format!("@reason(\"r\") forbid {scope} unless {{ context has {fact} }};");
        assert!(with(&forbid).is_empty(), "{fact}");
    }
    let both = "permit (principal, action, resource) \
                when { context has attestation && context has auth };";
    assert_eq!(with(both).len(), 2);
    assert!(
        with("permit (principal, action, resource) when { context.tool.tier < 3 };").is_empty()
    );
}

#[test]
fn a_requirement_that_never_lifts_is_told_what_would_lift_it() {
    for (require, lifts) in [
        ("attestation", "context has attestation && context.attestation.tier == \"affirming\""),
        ("confirmation", "context.confirmation.granted"),
        ("step_up", "context.stepUp.granted"),
    ] {
        let policy = |condition: &str| {
            let forbid = "@reason(\"r\") forbid (principal, action, resource)";
            let policies =
                format!("{GUARD}@id(\"a\") @require(\"{require}\") {forbid} {condition};");
            let facts = FactSources::AVAILABLE;
            problems(&Universe { facts, ..Universe::with_policies(policies) })
        };
        let found = policy("");
        let codes: Vec<&str> = found.iter().map(|problem| problem.code).collect();
        assert_eq!(codes, ["policy.requirement_never_lifts"], "{require}");
        let help = found[0].help.as_deref().unwrap_or_default();
        assert_eq!(help, format!("add `unless {{ {lifts} }}`"));
        // What it says to write is right.
        assert!(policy(&format!("unless {{ {lifts} }}")).is_empty(), "{require}");
    }
}

#[test]
fn a_forbid_without_a_sentence_is_advised_on() {
    let forbid =
        "@id(\"a\") forbid (principal, action, resource) when { context.chain.depth > 3 };";
    assert_eq!(advice(&format!("{GUARD}{forbid}")), ["policy.no_reason"]);
}

#[test]
fn problems_point_at_the_text() {
    let policies = "@id(\"a\") permit (principal, action, resource);\n\n\
                    @id(\"b\")\npermit (principal, action == Action::\"pay.send\", resource)\n\
                    when { context.args.amuont > 1 };\n";
    let found = problems(&Universe::with_policies(policies));
    let problem =
        found.iter().find(|problem| problem.code == "policy.validation").expect("it is refused");
    assert_eq!(problem.file.as_deref(), Some("policies/all.cedar"));
    let span = problem.span.clone().expect("it has a place");
    assert_eq!(&policies[span], "context.args.amuont");
    assert!(problem.help.as_deref().is_some_and(|help| help.contains("amount")), "{problem:?}");

    let unknown = "@id(\"a\") permit (principal, action, resource);\n@colour(\"red\")\n\
                   @id(\"b\") permit (principal is User, action, resource);";
    let found = problems(&Universe::with_policies(unknown));
    let problem = found.iter().find(|p| p.code == "policy.unknown_annotation").expect("refused");
    let span = problem.span.clone().expect("it has a place");
    assert_eq!(&unknown[span], "@colour(\"red\")");
}

#[test]
fn entities_that_do_not_fit_are_refused_at_their_place() {
    let entities = |text: &str| Universe { entities: text.to_owned(), ..Universe::default() };
    for (text, code, at) in [
        (
            r#"[{"uid":{"type":"User","id":"nobody:ann"},"attrs":{},"parents":[]}]"#,
            "entities.unknown_issuer",
            Some("\"nobody:ann\""),
        ),
        (
            r#"[{"uid":{"type":"Tool","id":"pay.send"},"attrs":{},"parents":[]}]"#,
            "entities.reserved",
            Some("\"pay.send\""),
        ),
        (
            r#"[{"uid":{"type":"Agent","id":"t:a"},"attrs":{"autonomous":"yes"},"parents":[]}]"#,
            "entities.rejected",
            Some("\"t:a\""),
        ),
        (
            r#"[{"uid":{"type":"Group","id":"a"},"attrs":{},"parents":[{"type":"Group","id":"b"}]},
                {"uid":{"type":"Group","id":"b"},"attrs":{},"parents":[{"type":"Group","id":"a"}]}]"#,
            "entities.rejected",
            None,
        ),
        (r#"[{"uid":}]"#, "entities.syntax", None),
    ] {
        let universe = entities(text);
        assert!(universe.error_codes().contains(&code), "{text}: {:?}", universe.error_codes());
        let found = problems(&universe);
        let problem = found.iter().find(|problem| problem.code == code).expect("it is refused");
        assert_eq!(problem.file.as_deref(), Some("entities/all.json"));
        if let Some(at) = at {
            assert_eq!(&text[problem.span.clone().expect("it has a place")], at);
        }
    }
}

#[test]
fn a_mistake_is_reported_once_however_many_actions_it_concerns() {
    let policies = "@id(\"a\") permit (principal, action, resource) when { context.nosuch == 1 };";
    let found = problems(&Universe::with_policies(format!("{GUARD}{policies}")));
    let codes: Vec<&str> = found.iter().map(|problem| problem.code).collect();
    assert_eq!(codes, ["policy.validation"]);
}

#[test]
fn a_name_that_cannot_be_is_refused() {
    let codes = |scope: &str| {
        let policy =
            format!("@id(\"a\") @reason(\"r\") forbid ({scope}) when {{ context.tool.tier > 2 }};");
        let found = problems(&Universe::with_policies(format!("{GUARD}{policy}")));
        found.iter().map(|problem| problem.code).collect::<Vec<_>>()
    };
    assert_eq!(
        codes("principal, action, resource in Segment::\"nowhere\""),
        ["policy.unknown_entity"]
    );
    assert_eq!(
        codes("principal, action, resource in Service::\"nothing\""),
        ["policy.unknown_entity"]
    );
    assert_eq!(codes("principal, action, resource in Service::\"docs\""), Vec::<&str>::new());
    assert_eq!(codes("principal == User::\"ann\", action, resource"), ["policy.unknown_issuer"]);
    assert_eq!(
        codes("principal == User::\"nobody:ann\", action, resource"),
        ["policy.unknown_issuer"]
    );
    assert_eq!(codes("principal == User::\"t:whoever\", action, resource"), Vec::<&str>::new());
    assert_eq!(
        codes("principal in Group::\"misspelt\", action, resource"),
        ["policy.unknown_group"]
    );
}

#[test]
fn approvers_who_are_too_few_are_advised_on() {
    let asked = "@id(\"a\") @reason(\"r\") @require(\"approval\") @approvers(\"nobody\") @quorum(\"2\") \
                 forbid (principal, action in Action::\"tier3\", resource) \
                 unless { context.approval.granted };";
    assert_eq!(advice(asked), ["policy.too_few_approvers"]);
}
