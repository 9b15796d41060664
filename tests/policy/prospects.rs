//! What is said of a tool before its arguments are known holds once they are.

use palisade_core::{ActorKind, Environment, Facts, Outcome, Prospect};
use proptest::prelude::*;

use crate::properties::{policy, tool_and_arguments, universe};
use crate::universe::{NOW, Universe, actor, call, decide};

fn prospect(policies: &str, tool: &str) -> Prospect {
    let snapshot = Universe::with_policies(policies).snapshot();
    let chain = call(vec![actor(ActorKind::User, "ann")], tool, "").chain;
    let all = snapshot.prospects(&chain, None, &Environment::default(), &Facts::at(NOW));
    let all = all.expect("the chain is accepted");
    all.iter().find(|prospect| prospect.tool.as_str() == tool).expect("a tool").prospect
}

#[test]
fn what_no_argument_can_change_is_known() {
    let permit = "@id(\"a\") permit (principal, action, resource);";
    let challenge = "@id(\"b\") @reason(\"r\") @require(\"confirmation\") \
                     forbid (principal, action, resource) \
                     unless { context.confirmation.granted };";
    let never = "@id(\"c\") @reason(\"r\") forbid (principal, action, resource) \
                 when { context.tool.tier == 3 };";
    assert_eq!(prospect(permit, "pay.send"), Prospect::Allow);
    assert_eq!(prospect(permit, "docs.read"), Prospect::Allow);
    assert_eq!(prospect(&format!("{permit}{challenge}"), "pay.send"), Prospect::Challenge);
    assert_eq!(prospect(&format!("{permit}{never}"), "pay.send"), Prospect::Deny);
    assert_eq!(prospect(&format!("{permit}{never}"), "docs.note"), Prospect::Allow);
    assert_eq!(prospect("", "pay.send"), Prospect::Deny);
}

#[test]
fn what_arguments_decide_depends() {
    let permit = "@id(\"a\") permit (principal, action == Action::\"pay.send\", resource) \
                  when { context.args.n < 5 };";
    assert_eq!(prospect(permit, "pay.send"), Prospect::Depends);
    let document = "@id(\"a\") permit (principal, action, resource == Document::\"a\");";
    assert_eq!(prospect(document, "docs.read"), Prospect::Depends);
    assert_eq!(prospect(document, "docs.note"), Prospect::Deny);
    let hopeless = "@id(\"a\") permit (principal, action == Action::\"pay.send\", resource) \
                    when { context.args.n < 5 && context.tool.tier == 1 };";
    assert_eq!(prospect(hopeless, "pay.send"), Prospect::Deny);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, max_global_rejects: 100_000, ..ProptestConfig::default() })]

    #[test]
    fn a_known_prospect_holds_for_all_arguments(
        policies in proptest::collection::vec(policy(), 1..6),
        with_agent in any::<bool>(),
        calls in proptest::collection::vec(tool_and_arguments(), 24),
    ) {
        let Some(snapshot) = universe(&policies) else {
            return Err(TestCaseError::reject("strict validation refuses a policy"));
        };
        let mut chain = vec![actor(ActorKind::User, "ann")];
        if with_agent {
            chain.push(actor(ActorKind::Agent, "bot"));
        }
        let prospects = snapshot
            .prospects(&call(chain.clone(), "", "").chain, None, &Environment::default(), &Facts::at(NOW))
            .expect("the chain is accepted");
        for (tool, arguments) in calls {
            let prospect = prospects.iter().find(|p| p.tool.as_str() == tool).expect("a tool");
            let verdict = decide(&snapshot, &call(chain.clone(), tool, &arguments), &Facts::at(NOW));
            let holds = match prospect.prospect {
                Prospect::Allow => verdict.outcome == Outcome::Allow,
                Prospect::Challenge => verdict.outcome == Outcome::Challenge,
                Prospect::Deny => verdict.outcome == Outcome::Deny,
                Prospect::Depends => true,
            };
            prop_assert!(holds, "{tool} {arguments}: {:?} but {verdict:?}", prospect.prospect);
        }
    }
}
