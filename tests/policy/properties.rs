//! What holds for any policies of a small universe.

use palisade_core::{ActorKind, Facts, Outcome, ReasonCode};
use proptest::prelude::*;

use crate::universe::{NOW, Universe, actor, call, decide};

/// Parts of a policy, to be combined.
#[derive(Clone, Debug)]
pub(crate) struct PolicyText {
    forbid: bool,
    principal: &'static str,
    action: &'static str,
    resource: &'static str,
    condition: &'static str,
    cure: Option<(&'static str, &'static str)>,
}

impl PolicyText {
    pub(crate) const fn forbids(&self) -> bool {
        self.forbid
    }

    fn render(&self, index: usize) -> String {
        let Self { forbid, principal, action, resource, condition, cure } = self;
        let (annotations, cure) = match cure {
            Some((annotations, fact)) if *forbid => (*annotations, format!(" unless {{ {fact} }}")),
            Some(_) | None => ("", String::new()),
        };
        let effect = if *forbid { "forbid" } else { "permit" };
        format!(
            "@id(\"p{index}\") @reason(\"r{index}\") {annotations} \
             {effect} ({principal}, {action}, {resource}) when {{ {condition} }}{cure};\n"
        )
    }
}

pub(crate) fn render(policies: &[PolicyText]) -> String {
    policies.iter().enumerate().map(|(index, policy)| policy.render(index)).collect()
}

pub(crate) fn policy() -> impl Strategy<Value = PolicyText> {
    let principal = prop::sample::select(vec![
        "principal",
        "principal is User",
        "principal == User::\"t:ann\"",
        "principal in Group::\"staff\"",
        "principal is Agent in Group::\"bots\"",
    ]);
    let action = prop::sample::select(vec![
        "action",
        "action == Action::\"pay.send\"",
        "action in [Action::\"write\", Action::\"docs.read\"]",
        "action in Action::\"tier3\"",
    ]);
    let resource = prop::sample::select(vec![
        "resource",
        "resource in Service::\"pay\"",
        "resource in Segment::\"office\"",
    ]);
    let condition = prop::sample::select(vec![
        "true",
        "context.tool.tier > 1",
        "context.chain.depth > 1",
        "context.args has n && context.args.n > 5",
        "context.args has n && context.args.n + 9223372036854775800 > 0",
        "context.args has to && context.args.to like \"*@evil.example\"",
        "!(context.args has amount) || context.args.amount.greaterThan(decimal(\"10.0\"))",
        "if context.tool.egress then false else principal in Group::\"staff\"",
        "context.argsInfo.unknown",
    ]);
    let cure = prop::option::weighted(
        0.4,
        prop::sample::select(vec![
            ("@require(\"approval\") @approvers(\"g\")", "context.approval.granted"),
            ("@require(\"confirmation\")", "context.confirmation.granted"),
            ("@require(\"step_up\")", "context.stepUp.granted || context.tool.reversible"),
        ]),
    );
    (prop::bool::weighted(0.4), principal, action, resource, condition, cure).prop_map(
        |(forbid, principal, action, resource, condition, cure)| PolicyText {
            forbid,
            principal,
            action,
            resource,
            condition,
            cure,
        },
    )
}

pub(crate) const ENTITIES: &str = r#"[
  {"uid":{"type":"Group","id":"staff"},"attrs":{},"parents":[]},
  {"uid":{"type":"Group","id":"bots"},"attrs":{},"parents":[{"type":"Group","id":"staff"}]},
  {"uid":{"type":"User","id":"t:ann"},"attrs":{},"parents":[{"type":"Group","id":"staff"}]},
  {"uid":{"type":"Agent","id":"t:bot"},"attrs":{},"parents":[{"type":"Group","id":"bots"}]}
]"#;

/// A universe of these policies, or nothing if strict validation refuses one of them: some scopes
/// and conditions can never go together.
pub(crate) fn universe(policies: &[PolicyText]) -> Option<palisade_engine::PolicySnapshot> {
    let universe =
        Universe { entities: ENTITIES.to_owned(), ..Universe::with_policies(render(policies)) };
    universe.build().ok()
}

/// Chain, tool and arguments of a call to the universe.
pub(crate) fn request() -> impl Strategy<Value = palisade_core::ToolCall> {
    let (ann, bob) = (actor(ActorKind::User, "ann"), actor(ActorKind::User, "bob"));
    let bot = actor(ActorKind::Agent, "bot");
    let chain = prop::sample::select(vec![
        vec![ann.clone()],
        vec![bob.clone()],
        vec![ann, bot.clone()],
        vec![bob, bot],
    ]);
    (chain, tool_and_arguments())
        .prop_map(|(chain, (tool, arguments))| call(chain, tool, &arguments))
}

pub(crate) fn tool_and_arguments() -> impl Strategy<Value = (&'static str, String)> {
    let amount = prop::sample::select(vec!["", ",\"amount\":5", ",\"amount\":50.5"]);
    let to = prop::sample::select(vec!["", ",\"to\":\"a@evil.example\"", ",\"to\":\"b\""]);
    prop_oneof![
        prop::sample::select(vec![("docs.read", r#"{"id":"a"}"#.to_owned())]),
        prop::sample::select(vec![
            ("docs.note", "{}".to_owned()),
            ("docs.note", r#"{"n":9,"more":1}"#.to_owned()),
            ("docs.note", r#"{"n":1}"#.to_owned()),
        ]),
        (0..12_i64, amount, to)
            .prop_map(|(n, amount, to)| ("pay.send", format!("{{\"n\":{n}{amount}{to}}}"))),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, max_global_rejects: 100_000, ..ProptestConfig::default() })]

    /// One more forbid never turns a denial into anything better.
    #[test]
    fn adding_a_forbid_never_helps(
        policies in proptest::collection::vec(policy(), 1..6),
        more in policy(),
        calls in proptest::collection::vec(request(), 8),
    ) {
        let more = PolicyText { forbid: true, ..more };
        let (Some(less), Some(with_more)) =
            (universe(&policies), universe(&[&policies[..], &[more]].concat()))
        else {
            return Err(TestCaseError::reject("strict validation refuses a policy"));
        };
        for call in calls {
            let before = decide(&less, &call, &Facts::at(NOW)).outcome;
            let after = decide(&with_more, &call, &Facts::at(NOW)).outcome;
            let rank = |outcome| match outcome {
                Outcome::Deny => 0,
                Outcome::Challenge => 1,
                Outcome::Allow => 2,
            };
            prop_assert!(rank(after) <= rank(before), "{before} became {after}");
        }
    }

    /// Explaining never changes the answer, and agrees with it.
    #[test]
    fn explanations_agree_with_verdicts(
        policies in proptest::collection::vec(policy(), 1..6),
        calls in proptest::collection::vec(request(), 8),
    ) {
        let Some(snapshot) = universe(&policies) else {
            return Err(TestCaseError::reject("strict validation refuses a policy"));
        };
        for call in calls {
            let Ok(resolved) = snapshot.resolve(&call).call else { continue };
            let decided = snapshot.decide(&resolved, &Facts::at(NOW));
            let explanation = snapshot.explain(&resolved, &Facts::at(NOW));
            prop_assert_eq!(&explanation.decided, &decided);
            let verdict = decided.verdict;
            prop_assert_eq!(explanation.links.len(), call.chain.links().len());
            let with = |result| {
                let policies = explanation.links.iter().flat_map(|link| &link.policies);
                let mut ids: Vec<_> = policies
                    .filter(|policy| policy.result == result)
                    .map(|policy| policy.policy.clone())
                    .collect();
                ids.sort();
                ids.dedup();
                ids
            };
            let satisfied = with(palisade_engine::PolicyResult::Satisfied);
            match verdict.reason.code {
                ReasonCode::EvaluationError => {
                    prop_assert_eq!(with(palisade_engine::PolicyResult::Error), verdict.determining);
                }
                ReasonCode::Permitted => prop_assert_eq!(satisfied, verdict.determining),
                _ => prop_assert!(verdict.determining.iter().all(|id| satisfied.contains(id))),
            }
        }
    }

    /// The order of policies, entities and argument keys does not show.
    #[test]
    fn order_does_not_show(
        policies in proptest::collection::vec(policy(), 1..6),
        calls in proptest::collection::vec(request(), 4),
    ) {
        let Some(snapshot) = universe(&policies) else {
            return Err(TestCaseError::reject("strict validation refuses a policy"));
        };
        let texts: Vec<String> =
            policies.iter().enumerate().rev().map(|(i, policy)| policy.render(i)).collect();
        let mut entities: Vec<serde_json::Value> = serde_json::from_str(ENTITIES).expect("JSON");
        entities.reverse();
        let turned = Universe {
            entities: serde_json::to_string(&entities).expect("JSON"),
            ..Universe::with_policies(texts.concat())
        };
        let turned = turned.snapshot();
        for mut call in calls {
            let before = decide(&snapshot, &call, &Facts::at(NOW));
            let value: serde_json::Map<String, serde_json::Value> =
                serde_json::from_slice(&call.arguments).expect("an object");
            let fields: Vec<String> =
                value.iter().rev().map(|(key, value)| format!(" \"{key}\" : {value}")).collect();
            call.arguments = format!("{{{}}}", fields.join(",")).into_bytes();
            prop_assert_eq!(decide(&turned, &call, &Facts::at(NOW)), before);
        }
    }
}
