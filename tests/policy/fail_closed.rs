//! Whatever goes wrong is a denial with its own reason.

use palisade_core::{ActorKind, Facts, Outcome, ReasonCode};

use crate::universe::{NOW, Universe, actor, call, decide, reason};

const PERMIT_ALL: &str = "@id(\"permit\") permit (principal, action, resource);\n";

fn user() -> Vec<palisade_core::Actor> {
    vec![actor(ActorKind::User, "ann")]
}

#[test]
fn no_policy_denies() {
    let snapshot = Universe::default().snapshot();
    assert_eq!(reason(&snapshot, &call(user(), "docs.note", "{}")), ReasonCode::NoPermit);
}

#[test]
fn a_failing_policy_denies_whatever_the_others_say() {
    for policy in [
        "@id(\"f\") @reason(\"r\") forbid (principal, action == Action::\"pay.send\", resource) \
         when { context.args.n + 9223372036854775807 > 0 };",
        "@id(\"f\") permit (principal, action == Action::\"pay.send\", resource) \
         when { context.args.n + 9223372036854775807 > 0 };",
    ] {
        let snapshot = Universe::with_policies(format!("{PERMIT_ALL}{policy}")).snapshot();
        let ask = |n: i64| reason(&snapshot, &call(user(), "pay.send", &format!("{{\"n\":{n}}}")));
        assert_eq!(ask(1), ReasonCode::EvaluationError, "{policy}");
        assert_ne!(ask(-9_007_199_254_740_991), ReasonCode::EvaluationError, "{policy}");
        // Its scope does not match another tool, so there it is no candidate.
        assert_eq!(reason(&snapshot, &call(user(), "docs.note", "{}")), ReasonCode::Permitted);
    }
}

#[test]
fn a_shadow_policy_is_no_candidate_even_when_it_fails() {
    let policies = format!(
        "{PERMIT_ALL}@id(\"f\") @mode(\"shadow\") @reason(\"r\") \
         forbid (principal, action == Action::\"pay.send\", resource) \
         when {{ context.args.n + 9223372036854775807 > 0 }};"
    );
    let snapshot = Universe::with_policies(policies).snapshot();
    assert_eq!(reason(&snapshot, &call(user(), "pay.send", r#"{"n":1}"#)), ReasonCode::Permitted);
}

#[test]
fn every_link_has_to_be_permitted() {
    let policies = "@id(\"a\") permit (principal == User::\"t:ann\", action, resource);\n\
                    @id(\"b\") permit (principal == Agent::\"t:bot\", action, resource);";
    let snapshot = Universe::with_policies(policies).snapshot();
    let ask = |links| reason(&snapshot, &call(links, "docs.note", "{}"));
    let (ann, bob) = (actor(ActorKind::User, "ann"), actor(ActorKind::User, "bob"));
    let (bot, other) = (actor(ActorKind::Agent, "bot"), actor(ActorKind::Agent, "other"));
    assert_eq!(ask(vec![ann.clone(), bot.clone()]), ReasonCode::Permitted);
    assert_eq!(ask(vec![bob, bot.clone()]), ReasonCode::NoPermit);
    assert_eq!(ask(vec![ann.clone(), other.clone()]), ReasonCode::NoPermit);
    assert_eq!(ask(vec![ann, other, bot]), ReasonCode::NoPermit);
}

#[test]
fn an_agent_alone_is_denied_unless_autonomous() {
    let entities = r#"[
      {"uid":{"type":"Agent","id":"t:free"},"attrs":{"autonomous":true},"parents":[]},
      {"uid":{"type":"Agent","id":"t:bound"},"attrs":{"autonomous":false},"parents":[]}
    ]"#;
    let universe =
        Universe { entities: entities.to_owned(), ..Universe::with_policies(PERMIT_ALL) };
    let snapshot = universe.snapshot();
    let ask = |links| reason(&snapshot, &call(links, "docs.note", "{}"));
    let agent = |name| actor(ActorKind::Agent, name);
    assert_eq!(ask(vec![agent("free")]), ReasonCode::Permitted);
    assert_eq!(ask(vec![agent("bound")]), ReasonCode::AgentNotAutonomous);
    assert_eq!(ask(vec![agent("unknown")]), ReasonCode::AgentNotAutonomous);
    assert_eq!(ask(vec![agent("bound"), agent("free")]), ReasonCode::AgentNotAutonomous);
    assert_eq!(ask(vec![actor(ActorKind::User, "ann"), agent("bound")]), ReasonCode::Permitted);
    assert_eq!(ask(vec![actor(ActorKind::Service, "job")]), ReasonCode::Permitted);
}

#[test]
fn a_mapped_resource_is_in_its_service_and_segment_under_any_spelling() {
    let policies = format!(
        "{PERMIT_ALL}@id(\"doc\") @reason(\"r\") \
         forbid (principal, action, resource == Document::\"a/b\");\n\
         @id(\"segment\") @reason(\"r\") \
         forbid (principal, action, resource in Segment::\"finance\");"
    );
    let snapshot = Universe::with_policies(policies).snapshot();
    let read = |id: &str| {
        reason(&snapshot, &call(user(), "docs.read", &serde_json::json!({ "id": id }).to_string()))
    };
    for spelling in ["a/b", "a//b", "./a/b", "a/c/../b", "a/b/"] {
        assert_eq!(read(spelling), ReasonCode::PolicyForbid, "{spelling}");
    }
    assert_eq!(read("a/c"), ReasonCode::Permitted);
    assert_eq!(read("../a/b"), ReasonCode::InvalidArguments);
    let send = call(user(), "pay.send", r#"{"n":1}"#);
    assert_eq!(reason(&snapshot, &send), ReasonCode::PolicyForbid);
}

#[test]
fn arguments_cannot_smuggle_entities() {
    let policies = "@id(\"p\") permit (principal, action == Action::\"docs.note\", resource) \
                    when { context.args has text && context.args.text == \"ok\" };";
    let snapshot = Universe::with_policies(policies).snapshot();
    for text in [
        r#"{"text":{"__entity":{"type":"User","id":"t:root"}}}"#,
        r#"{"text":{"__extn":{"fn":"ip","arg":"127.0.0.1"}}}"#,
        r#"{"text":{"__expr":"\"ok\""}}"#,
    ] {
        let answer = decide(&snapshot, &call(user(), "docs.note", text), &Facts::at(NOW));
        assert_eq!(answer.outcome, Outcome::Deny, "{text}");
        assert_eq!(answer.reason.code, ReasonCode::InvalidArguments, "{text}");
    }
}

#[test]
fn numbers_are_exact_or_refused() {
    let policies = "@id(\"p\") permit (principal, action == Action::\"pay.send\", resource) \
                    when { context.args has amount \
                           && context.args.amount.lessThanOrEqual(decimal(\"1.2345\")) };";
    let snapshot = Universe::with_policies(policies).snapshot();
    let ask = |amount: &str| {
        let arguments = format!("{{\"n\":1,\"amount\":{amount}}}");
        reason(&snapshot, &call(user(), "pay.send", &arguments))
    };
    assert_eq!(ask("1.2345"), ReasonCode::Permitted);
    assert_eq!(ask("-3"), ReasonCode::Permitted);
    assert_eq!(ask("1.2346"), ReasonCode::NoPermit);
    assert_eq!(ask("1.23456"), ReasonCode::ArgsNotRepresentable);
    assert_eq!(ask("1e30"), ReasonCode::ArgsNotRepresentable);
    assert_eq!(ask("9007199254740992"), ReasonCode::ArgsNotRepresentable);
    assert_eq!(ask("922337203685477.5"), ReasonCode::NoPermit);
    assert_eq!(ask("922337203685478"), ReasonCode::ArgsNotRepresentable);
    assert_eq!(ask("null"), ReasonCode::InvalidArguments);
}

#[test]
fn lints_that_keep_a_bundle_from_loading() {
    for (policy, code) in [
        ("permit (principal, action, resource);", "policy.missing_id"),
        (
            "@id(\"a\") @colour(\"x\") permit (principal, action, resource);",
            "policy.unknown_annotation",
        ),
        ("@id(\"a b\") permit (principal, action, resource);", "policy.bad_id"),
        (
            "@id(\"a\") permit (principal, action, resource);\
             @id(\"a\") permit (principal is User, action, resource);",
            "policy.duplicate_id",
        ),
        (
            "@id(\"a\") @require(\"approval\") @approvers(\"g\") permit (principal, action, resource) \
             when { context.approval.granted };",
            "policy.require_on_permit",
        ),
        (
            "@id(\"a\") @require(\"approval\") @approvers(\"g\") forbid (principal, action, resource);",
            "policy.requirement_never_lifts",
        ),
        (
            "@id(\"a\") @require(\"approval\") forbid (principal, action, resource) \
             unless { context.approval.granted };",
            "policy.malformed_parameter",
        ),
        (
            "@id(\"a\") @require(\"approval\") @approvers(\"g\") @quorum(\"0\") \
             forbid (principal, action, resource) unless { context.approval.granted };",
            "policy.malformed_parameter",
        ),
        (
            "@id(\"a\") @require(\"step_up\") @max_age(\"soon\") \
             forbid (principal, action, resource) unless { context.stepUp.granted };",
            "policy.malformed_parameter",
        ),
        (
            "@id(\"a\") @quorum(\"2\") forbid (principal, action, resource);",
            "policy.malformed_parameter",
        ),
        (
            "@id(\"a\") @mode(\"off\") permit (principal, action, resource);",
            "policy.malformed_parameter",
        ),
        ("@id(\"a\") permit (principal, action resource);", "policy.syntax"),
        (
            "@id(\"a\") permit (principal, action == Action::\"pay.send\", resource) \
             when { context.args.amuont > 1 };",
            "policy.validation",
        ),
        (
            "@id(\"a\") permit (principal, action == Action::\"pay.sned\", resource);",
            "policy.validation",
        ),
    ] {
        let codes = Universe::with_policies(policy).error_codes();
        assert!(codes.contains(&code), "{policy}: {codes:?}");
    }
}
