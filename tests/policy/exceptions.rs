//! Exceptions lift the forbid they name, for whom and what they name, until they end.

use std::sync::Arc;

use palisade_core::{
    ActorKind, Environment, EpochMillis, Facts, Outcome, Prospect, ReasonCode, Verdict,
};
use palisade_engine::{Exception, PolicyResult, PolicySnapshot};
use proptest::prelude::*;

use crate::properties::{ENTITIES, PolicyText, policy, render, request};
use crate::universe::{NOW, Universe, actor, call, decide, exception};

const PERMIT: &str = "@id(\"all\") permit (principal, action, resource);\n";
const HARD: &str = "@id(\"no\") @reason(\"no\") forbid (principal, action, resource);\n";
const CURABLE: &str = "@id(\"ask\") @reason(\"ask\") @require(\"confirmation\") \
                       forbid (principal, action, resource) \
                       unless { context.confirmation.granted };\n";

/// Hours after [`NOW`].
fn later(hours: i64) -> EpochMillis {
    EpochMillis::new(NOW.as_millis() + hours * 3_600_000)
}

fn universe(policies: &str, exceptions: Vec<Exception>) -> Universe {
    let entities =
        r#"[{"uid":{"type":"Agent","id":"t:bot"},"attrs":{"autonomous":true},"parents":[]}]"#;
    Universe { exceptions, entities: entities.to_owned(), ..Universe::with_policies(policies) }
}

/// The exception of `ann` who calls `docs.note`, for an hour.
fn for_ann(policy: &str) -> Exception {
    exception(policy, "user:t:ann", "docs.note", later(1))
}

fn ask(snapshot: &PolicySnapshot, names: &[&str], tool: &str, now: EpochMillis) -> Verdict {
    let links = names.iter().map(|name| match *name {
        "bot" => actor(ActorKind::Agent, name),
        name => actor(ActorKind::User, name),
    });
    let arguments = if tool == "pay.send" { r#"{"n":1}"# } else { "{}" };
    decide(snapshot, &call(links.collect(), tool, arguments), &Facts::at(now))
}

fn used(verdict: &Verdict) -> Vec<&str> {
    verdict.exceptions.iter().map(|used| used.policy.as_str()).collect()
}

#[test]
fn an_exception_lifts_its_forbid_for_its_principal_and_tool_until_it_ends() {
    let snapshot = universe(&format!("{PERMIT}{HARD}"), vec![for_ann("no")]).snapshot();
    let lifted = ask(&snapshot, &["ann"], "docs.note", NOW);
    assert_eq!((lifted.outcome, used(&lifted)), (Outcome::Allow, vec!["no"]));
    assert_eq!(&*lifted.exceptions[0].ticket, "T-1");
    for (names, tool, now) in [
        (&["bob"][..], "docs.note", NOW),
        (&["ann"], "pay.send", NOW),
        (&["bot"], "docs.note", NOW),
        (&["ann"], "docs.note", later(1)),
    ] {
        let verdict = ask(&snapshot, names, tool, now);
        assert_eq!(verdict.reason.code, ReasonCode::PolicyForbid, "{names:?} {tool}");
        assert!(verdict.exceptions.is_empty(), "{names:?} {tool}");
    }
    let just_before = EpochMillis::new(later(1).as_millis() - 1);
    assert_eq!(ask(&snapshot, &["ann"], "docs.note", just_before).outcome, Outcome::Allow);
}

#[test]
fn an_exception_is_for_its_own_link_only() {
    let policies = format!("{PERMIT}{HARD}");
    let bot = exception("no", "agent:t:bot", "docs.note", later(1));
    let one = universe(&policies, vec![for_ann("no")]).snapshot();
    let verdict = ask(&one, &["ann", "bot"], "docs.note", NOW);
    assert_eq!(verdict.reason.code, ReasonCode::PolicyForbid);
    // What was lifted is on record though the other link is forbidden.
    assert_eq!(used(&verdict), ["no"]);
    let both = universe(&policies, vec![for_ann("no"), Exception { id: "b".into(), ..bot }]);
    let verdict = ask(&both.snapshot(), &["ann", "bot"], "docs.note", NOW);
    assert_eq!((verdict.outcome, verdict.exceptions.len()), (Outcome::Allow, 2));
}

#[test]
fn an_exception_does_not_permit() {
    let snapshot = universe(HARD, vec![for_ann("no")]).snapshot();
    let verdict = ask(&snapshot, &["ann"], "docs.note", NOW);
    assert_eq!((verdict.reason.code, used(&verdict)), (ReasonCode::NoPermit, vec!["no"]));
}

#[test]
fn a_lifted_requirement_is_not_asked_for() {
    let ask_twice = format!("{PERMIT}{CURABLE}{}", CURABLE.replace("\"ask\"", "\"ask-2\""));
    let one = universe(&ask_twice, vec![for_ann("ask")]).snapshot();
    let verdict = ask(&one, &["ann"], "docs.note", NOW);
    assert_eq!(verdict.outcome, Outcome::Challenge);
    assert_eq!(verdict.determining.len(), 1);
    assert_eq!((verdict.determining[0].as_str(), used(&verdict)), ("ask-2", vec!["ask"]));
    let both = universe(&ask_twice, vec![for_ann("ask"), for_ann("ask-2")]).snapshot();
    let verdict = ask(&both, &["ann"], "docs.note", NOW);
    assert_eq!((verdict.outcome, used(&verdict)), (Outcome::Allow, vec!["ask", "ask-2"]));
}

#[test]
fn an_exception_does_not_help_a_forbid_that_fails() {
    let fails = "@id(\"no\") @reason(\"r\") forbid (principal, action == Action::\"pay.send\", \
                 resource) when { context.args.n + 9223372036854775807 > 0 };";
    let exceptions = vec![exception("no", "user:t:ann", "pay.send", later(1))];
    let snapshot = universe(&format!("{PERMIT}{fails}"), exceptions).snapshot();
    let verdict = ask(&snapshot, &["ann"], "pay.send", NOW);
    assert_eq!(verdict.reason.code, ReasonCode::EvaluationError);
    assert!(verdict.exceptions.is_empty());
}

#[test]
fn an_exception_of_a_forbid_that_does_not_hold_is_not_used() {
    let policies = format!(
        "{PERMIT}@id(\"no\") @reason(\"r\") forbid (principal, action, resource) \
         when {{ context.tool.tier == 3 }};"
    );
    let snapshot = universe(&policies, vec![for_ann("no")]).snapshot();
    let verdict = ask(&snapshot, &["ann"], "docs.note", NOW);
    assert_eq!((verdict.outcome, used(&verdict)), (Outcome::Allow, Vec::new()));
    let call = call(vec![actor(ActorKind::User, "ann")], "docs.note", "{}");
    assert_eq!(snapshot.answer(&call, &Facts::at(NOW)).validity.end(), None);
}

#[test]
fn an_answer_stands_until_the_exception_ends_and_the_one_after_it_from_then_on() {
    let snapshot = universe(&format!("{PERMIT}{HARD}"), vec![for_ann("no")]).snapshot();
    let call = call(vec![actor(ActorKind::User, "ann")], "docs.note", "{}");
    let answer = |now| snapshot.answer(&call, &Facts::at(now));
    for _ in 0..3 {
        assert_eq!(answer(NOW).validity.end(), Some(later(1)));
        let after = answer(later(2));
        assert_eq!(after.verdict.outcome, Outcome::Deny);
        assert!(!after.validity.contains(NOW) && after.validity.contains(later(1)));
    }
    // Calls are remembered on each side of the end, what the policies said across it.
    for now in [NOW, later(1), NOW, later(1)] {
        let outcome = answer(now).verdict.outcome;
        assert_eq!(outcome == Outcome::Allow, now == NOW);
    }
}

#[test]
fn the_longest_of_several_exceptions_counts() {
    let longer = exception("no", "user:t:ann", "docs.note", later(3));
    let snapshot = universe(&format!("{PERMIT}{HARD}"), vec![for_ann("no"), longer]).snapshot();
    let at = |hours| ask(&snapshot, &["ann"], "docs.note", later(hours));
    assert_eq!(at(0).exceptions.len(), 2);
    assert_eq!((at(2).outcome, at(2).exceptions.len()), (Outcome::Allow, 1));
    assert_eq!(at(3).outcome, Outcome::Deny);
}

#[test]
fn a_link_of_a_template_is_lifted_by_its_own_id() {
    let links = ["x", "y"].map(|id| palisade_engine::TemplateLink {
        id: id.to_owned(),
        template: "no".to_owned(),
        principal: Some("User::\"t:ann\"".to_owned()),
        resource: None,
        file: Arc::from("policies/links.yaml"),
        span: None,
        line: 1,
    });
    let policies = format!(
        "{PERMIT}@id(\"no\") @reason(\"r\") forbid (principal == ?principal, action, resource);"
    );
    let with = |exceptions| Universe { links: links.to_vec(), ..universe(&policies, exceptions) };
    let one = ask(&with(vec![for_ann("x")]).snapshot(), &["ann"], "docs.note", NOW);
    assert_eq!((one.outcome, one.determining[0].as_str()), (Outcome::Deny, "y"));
    let both = ask(&with(vec![for_ann("x"), for_ann("y")]).snapshot(), &["ann"], "docs.note", NOW);
    assert_eq!(both.outcome, Outcome::Allow);
    assert_eq!(with(vec![for_ann("no")]).error_codes(), ["exception.unknown_policy"]);
}

#[test]
fn an_explanation_says_which_exception_lifted_a_forbid() {
    let snapshot = universe(&format!("{PERMIT}{HARD}"), vec![for_ann("no")]).snapshot();
    let links = vec![actor(ActorKind::User, "ann"), actor(ActorKind::Agent, "bot")];
    let resolved = snapshot.resolve(&call(links, "docs.note", "{}")).call.expect("a call");
    let lifted_by = |now| -> Vec<Option<String>> {
        let explanation = snapshot.explain(&resolved, &Facts::at(now));
        let links = explanation.links.iter();
        let forbids = links.flat_map(|link| &link.policies).filter(|p| p.policy.as_str() == "no");
        forbids
            .inspect(|policy| assert_eq!(policy.result, PolicyResult::Satisfied))
            .map(|policy| policy.lifted_by.as_ref().map(|used| used.id.to_string()))
            .collect()
    };
    assert_eq!(lifted_by(NOW), [Some(for_ann("no").id.to_string()), None]);
    assert_eq!(lifted_by(later(1)), [None, None]);
}

#[test]
fn a_prospect_takes_a_lifted_forbid_for_lifted() {
    let one = "@id(\"no\") @reason(\"r\") \
               forbid (principal, action, resource == Document::\"a\");";
    // Whether this one fails hangs on arguments.
    let fails = "@id(\"no\") @reason(\"r\") forbid (principal, action == Action::\"docs.read\", \
                 resource) when { context.args.id == \"a\" };";
    let lifts = exception("no", "user:t:ann", "docs.read", later(1));
    let prospect = |policies: &str, now| {
        let snapshot = universe(policies, vec![lifts.clone()]).snapshot();
        let chain = call(vec![actor(ActorKind::User, "ann")], "", "").chain;
        let all = snapshot.prospects(&chain, None, &Environment::default(), &Facts::at(now));
        let all = all.expect("a chain");
        all.into_iter().find(|p| p.tool.as_str() == "docs.read").expect("a tool").prospect
    };
    for (policies, before, after) in [
        (format!("{PERMIT}{HARD}"), Prospect::Allow, Prospect::Deny),
        (format!("{PERMIT}{one}"), Prospect::Allow, Prospect::Depends),
        (format!("{PERMIT}{one}{CURABLE}"), Prospect::Challenge, Prospect::Depends),
        (format!("{PERMIT}{fails}"), Prospect::Depends, Prospect::Depends),
        (HARD.to_owned(), Prospect::Deny, Prospect::Deny),
    ] {
        assert_eq!(prospect(&policies, NOW), before, "{policies}");
        assert_eq!(prospect(&policies, later(1)), after, "{policies}");
    }
}

/// Exceptions to some of the policies, by their place.
fn to_some(policies: &[PolicyText], picks: &[(usize, &str, &str)]) -> Vec<Exception> {
    let of = |(number, (policy, principal, tool)): (usize, &(usize, &str, &str))| {
        let policy = policy % policies.len();
        let id = format!("e{number}").into();
        let exception = exception(&format!("p{policy}"), principal, tool, later(1));
        policies[policy].forbids().then_some(Exception { id, ..exception })
    };
    picks.iter().enumerate().filter_map(of).collect()
}

fn pick() -> impl Strategy<Value = (usize, &'static str, &'static str)> {
    let principal = prop::sample::select(vec!["user:t:ann", "user:t:bob", "agent:t:bot"]);
    (0..6_usize, principal, prop::sample::select(vec!["docs.read", "docs.note", "pay.send"]))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, max_global_rejects: 100_000, ..ProptestConfig::default() })]

    /// Without the exceptions the answer is never better, and the same where none is used; and
    /// what they change was the work of the forbids they name.
    #[test]
    fn an_exception_only_takes_its_own_forbid_away(
        policies in proptest::collection::vec(policy(), 1..6),
        picks in proptest::collection::vec(pick(), 1..8),
        calls in proptest::collection::vec(request(), 8),
    ) {
        let with = Universe {
            entities: ENTITIES.to_owned(),
            exceptions: to_some(&policies, &picks),
            ..Universe::with_policies(render(&policies))
        };
        let without = Universe { exceptions: Vec::new(), ..with.clone() };
        let (Ok(with), Ok(without)) = (with.build(), without.build()) else {
            return Err(TestCaseError::reject("strict validation refuses a policy"));
        };
        for call in calls {
            let before = decide(&without, &call, &Facts::at(NOW));
            let after = decide(&with, &call, &Facts::at(NOW));
            let rank = |outcome| match outcome {
                Outcome::Deny => 0,
                Outcome::Challenge => 1,
                Outcome::Allow => 2,
            };
            prop_assert!(rank(after.outcome) >= rank(before.outcome), "{before:?} {after:?}");
            if after.exceptions.is_empty() {
                prop_assert_eq!(&before, &after);
            }
            match before.reason.code {
                // No forbid caused these.
                ReasonCode::EvaluationError => prop_assert_eq!(
                    after.reason.code, ReasonCode::EvaluationError
                ),
                ReasonCode::NoPermit => prop_assert_eq!(after.outcome, Outcome::Deny),
                _ => {}
            }
            if after.outcome == Outcome::Allow && before.outcome != Outcome::Allow {
                let lifted = |id| after.exceptions.iter().any(|used| used.policy == id);
                prop_assert!(before.determining.iter().cloned().all(lifted), "{before:?} {after:?}");
            }
            let ended = decide(&with, &call, &Facts::at(later(1)));
            prop_assert_eq!(ended, decide(&without, &call, &Facts::at(later(1))));
        }
    }
}
