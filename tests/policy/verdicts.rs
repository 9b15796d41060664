//! Every combination of what policies can say, against a reference written from the rules.
//!
//! One user per combination of [`FLAGS`]: each flag makes one policy apply to that user. The
//! reference below follows the rules sentence by sentence and shares no code with the engine.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::LazyLock;
use std::time::Duration;

use palisade_core::{ActorKind, Cure, Facts, Outcome, ReasonCode, Requirement, Verdict};
use palisade_engine::PolicySnapshot;
use proptest::prelude::*;

use crate::universe::{NOW, Universe, actor, call, decide};

/// One policy for each flag, by its `@id`.
const FLAGS: [&str; 11] = [
    "permit",
    "approval-finance-1",
    "approval-security-2",
    "step-up",
    "confirmation",
    "hard",
    "permit-fails",
    "forbid-fails",
    // Asks for approval, but lifts only with a step-up too.
    "approval-and-step-up",
    // Hard, and holds only once something is approved.
    "hard-when-approved",
    // Fails only once something is approved.
    "fails-when-approved",
];

const POLICIES: &str = r#"
@id("permit")
permit (principal is User, action, resource) when { principal.flags.contains("permit") };
@id("approval-finance-1") @require("approval") @approvers("finance")
forbid (principal is User, action, resource)
when { principal.flags.contains("approval-finance-1") } unless { context.approval.granted };
@id("approval-security-2") @require("approval") @approvers("security") @quorum("2") @expires("15m")
forbid (principal is User, action, resource)
when { principal.flags.contains("approval-security-2") } unless { context.approval.granted };
@id("step-up") @require("step_up") @acr("phr") @max_age("300s")
forbid (principal is User, action, resource)
when { principal.flags.contains("step-up") } unless { context.stepUp.granted };
@id("confirmation") @require("confirmation") @expires("60s")
forbid (principal is User, action, resource)
when { principal.flags.contains("confirmation") } unless { context.confirmation.granted };
@id("hard")
forbid (principal is User, action, resource) when { principal.flags.contains("hard") };
@id("permit-fails")
permit (principal is User, action == Action::"pay.send", resource)
when { principal.flags.contains("permit-fails") && context.args.n + 9223372036854775807 > 0 };
@id("forbid-fails")
forbid (principal is User, action == Action::"pay.send", resource)
when { principal.flags.contains("forbid-fails") && context.args.n + 9223372036854775807 > 0 };
@id("approval-and-step-up") @require("approval") @approvers("finance")
forbid (principal is User, action, resource)
when { principal.flags.contains("approval-and-step-up") }
unless { context.approval.granted && context.stepUp.granted };
@id("hard-when-approved")
forbid (principal is User, action, resource)
when { principal.flags.contains("hard-when-approved") && context.approval.granted };
@id("fails-when-approved")
forbid (principal is User, action == Action::"pay.send", resource)
when {
  principal.flags.contains("fails-when-approved") && context.approval.granted
    && context.args.n + 9223372036854775807 > 0
};
"#;

static SNAPSHOT: LazyLock<PolicySnapshot> = LazyLock::new(|| {
    let mut entities = String::from("[");
    for combination in 0..1_u32 << FLAGS.len() {
        let separator = if combination == 0 { "" } else { "," };
        let flags: Vec<&str> = flags(combination).into_iter().collect();
        write!(
            entities,
            "{separator}{{\"uid\":{{\"type\":\"User\",\"id\":\"t:{combination}\"}},\
             \"attrs\":{{\"flags\":{flags:?}}},\"parents\":[]}}"
        )
        .expect("writes to a string");
    }
    entities.push(']');
    let schema = "entity User = { flags: Set<String> };".to_owned();
    Universe { entities, schema, ..Universe::with_policies(POLICIES) }.snapshot()
});

fn flags(combination: u32) -> BTreeSet<&'static str> {
    let has = |index: &usize| combination >> index & 1 == 1;
    (0..FLAGS.len()).filter(has).map(|index| FLAGS[index]).collect()
}

/// Live objects, strongest first and each with its lesser variants.
fn cures() -> Vec<Cure> {
    let approval = |approvers: &str, people, seconds| Cure::Approval {
        approvers: approvers.to_owned(),
        people,
        age: Duration::from_secs(seconds),
    };
    let step_up = |acr: &str, seconds| Cure::StepUp {
        acr: Some(acr.to_owned()),
        age: Duration::from_secs(seconds),
    };
    vec![
        approval("finance", 1, 0),
        approval("security", 2, 900),
        approval("security", 1, 0),
        approval("security", 2, 901),
        step_up("phr", 300),
        step_up("phr", 301),
        step_up("pwd", 0),
        Cure::Confirmation { age: Duration::from_secs(60) },
        Cure::Confirmation { age: Duration::from_secs(61) },
    ]
}

/// What the rules say, as comparable parts.
#[derive(Debug, PartialEq, Eq)]
struct Answer {
    outcome: Outcome,
    code: ReasonCode,
    determining: BTreeSet<String>,
    /// `@id`s of the policies whose requirements are still asked for.
    asked: BTreeSet<String>,
}

impl From<Verdict> for Answer {
    fn from(verdict: Verdict) -> Self {
        let ids = |ids: &[palisade_core::PolicyId]| ids.iter().map(ToString::to_string).collect();
        Self {
            outcome: verdict.outcome,
            code: verdict.reason.code,
            determining: ids(&verdict.determining),
            asked: verdict
                .requirements
                .iter()
                .flat_map(|r| ids(&r.policies))
                .collect::<BTreeSet<_>>(),
        }
    }
}

/// Which cure facts are true: approval, step-up, confirmation.
#[derive(Clone, Copy)]
struct Set {
    approval: bool,
    step_up: bool,
    confirmation: bool,
}

type Link = BTreeSet<&'static str>;

fn failing(link: &Link, facts: Set) -> BTreeSet<&'static str> {
    let fails = |flag: &&&str| match **flag {
        "permit-fails" | "forbid-fails" => true,
        "fails-when-approved" => facts.approval,
        _ => false,
    };
    link.iter().filter(fails).copied().collect()
}

fn hard(link: &Link, facts: Set) -> BTreeSet<&'static str> {
    let holds = |flag: &&&str| match **flag {
        "hard" => true,
        "hard-when-approved" => facts.approval,
        _ => false,
    };
    link.iter().filter(holds).copied().collect()
}

fn curable(link: &Link, facts: Set) -> BTreeSet<&'static str> {
    let holds = |flag: &&&str| match **flag {
        "approval-finance-1" | "approval-security-2" => !facts.approval,
        "step-up" => !facts.step_up,
        "confirmation" => !facts.confirmation,
        "approval-and-step-up" => !(facts.approval && facts.step_up),
        _ => false,
    };
    link.iter().filter(holds).copied().collect()
}

fn requirement(policy: &str) -> Requirement {
    let seconds = |s| Some(Duration::from_secs(s));
    let finance =
        || Requirement::Approval { approvers: "finance".into(), quorum: 1, expires: None };
    match policy {
        "approval-finance-1" | "approval-and-step-up" => finance(),
        "approval-security-2" => {
            Requirement::Approval { approvers: "security".into(), quorum: 2, expires: seconds(900) }
        }
        "step-up" => Requirement::StepUp { acr: Some("phr".into()), max_age: seconds(300) },
        "confirmation" => Requirement::Confirmation { expires: seconds(60) },
        other => panic!("`{other}` asks for nothing"),
    }
}

/// Whether one of the live objects is good enough, parameter by parameter.
fn is_met(policy: &str, live: &[Cure]) -> bool {
    live.iter().any(|cure| match (policy, cure) {
        ("approval-finance-1" | "approval-and-step-up", Cure::Approval { approvers, .. }) => {
            approvers == "finance"
        }
        ("approval-security-2", Cure::Approval { approvers, people, age }) => {
            approvers == "security" && *people >= 2 && age.as_secs() <= 900
        }
        ("step-up", Cure::StepUp { acr, age }) => {
            acr.as_deref() == Some("phr") && age.as_secs() <= 300
        }
        ("confirmation", Cure::Confirmation { age }) => age.as_secs() <= 60,
        _ => false,
    })
}

/// Facts are true only if *every* requirement of that kind is picked.
fn facts_of(asked: &BTreeSet<&str>, picked: impl Fn(&str) -> bool) -> Set {
    let all = |kind: &[&str]| {
        let of_kind: Vec<_> = asked.iter().filter(|policy| kind.contains(policy)).collect();
        !of_kind.is_empty() && of_kind.into_iter().all(|policy| picked(policy))
    };
    Set {
        approval: all(&["approval-finance-1", "approval-security-2", "approval-and-step-up"]),
        step_up: all(&["step-up"]),
        confirmation: all(&["confirmation"]),
    }
}

/// The answer by the rules.
fn reference(links: &[Link], live: &[Cure]) -> Answer {
    let owned = |ids: &BTreeSet<&str>| ids.iter().map(|id| (*id).to_owned()).collect();
    let deny = |code, determining: &BTreeSet<&str>| Answer {
        outcome: Outcome::Deny,
        code,
        determining: owned(determining),
        asked: BTreeSet::new(),
    };
    let union = |of: &dyn Fn(&Link) -> BTreeSet<&'static str>| {
        links.iter().flat_map(of).collect::<BTreeSet<_>>()
    };
    let allow = || Answer {
        outcome: Outcome::Allow,
        code: ReasonCode::Permitted,
        determining: owned(&BTreeSet::from(["permit"])),
        asked: BTreeSet::new(),
    };
    // "First evaluate with no approval, confirmation or step-up facts set."
    let nothing = Set { approval: false, step_up: false, confirmation: false };
    // Precedence within the engine: error > hard forbid > no permit > curable forbid.
    let failed = union(&|link| failing(link, nothing));
    if !failed.is_empty() {
        return deny(ReasonCode::EvaluationError, &failed);
    }
    let forbidden = union(&|link| hard(link, nothing));
    if !forbidden.is_empty() {
        return deny(ReasonCode::PolicyForbid, &forbidden);
    }
    if links.iter().any(|link| !link.contains("permit")) {
        return deny(ReasonCode::NoPermit, &BTreeSet::new());
    }
    let asked = union(&|link| curable(link, nothing));
    if asked.is_empty() {
        return allow();
    }
    // "The facts become true only if live objects satisfy every collected requirement of that
    // kind. Evaluate again with them."
    let met = facts_of(&asked, |policy| is_met(policy, live));
    let failed = union(&|link| failing(link, met));
    if !failed.is_empty() {
        return deny(ReasonCode::EvaluationError, &failed);
    }
    if union(&|link| hard(link, met)).is_empty() && union(&|link| curable(link, met)).is_empty() {
        return allow();
    }
    // "CHALLENGE is answered only if evaluation with all asked facts set would allow."
    let all = facts_of(&asked, |_| true);
    let failed = union(&|link| failing(link, all));
    if !failed.is_empty() {
        return deny(ReasonCode::EvaluationError, &failed);
    }
    let forbidden = union(&|link| hard(link, all));
    if !forbidden.is_empty() {
        return deny(ReasonCode::PolicyForbid, &forbidden);
    }
    let left = union(&|link| curable(link, all));
    if !left.is_empty() {
        return deny(ReasonCode::PolicyForbid, &left);
    }
    let unmet = asked.iter().copied().filter(|policy| !is_met(policy, live)).collect();
    Answer {
        outcome: Outcome::Challenge,
        code: ReasonCode::RequirementsUnmet,
        determining: owned(&unmet),
        asked: owned(&unmet),
    }
}

fn check(combinations: &[u32], live: &[Cure]) {
    let links: Vec<Link> = combinations.iter().map(|combination| flags(*combination)).collect();
    let actors = combinations.iter().map(|c| actor(ActorKind::User, &c.to_string())).collect();
    let facts = Facts { cures: live.to_vec(), ..Facts::at(NOW) };
    let verdict = decide(&SNAPSHOT, &call(actors, "pay.send", r#"{"n":1}"#), &facts);
    for posted in &verdict.requirements {
        for policy in &posted.policies {
            assert_eq!(posted.requirement, requirement(policy.as_str()), "{policy}");
        }
    }
    assert_eq!(Answer::from(verdict), reference(&links, live), "{links:?} with {live:?}");
}

#[test]
fn every_combination_for_one_link_is_answered_by_the_rules() {
    let cures = cures();
    let strong = [0, 1, 4, 7].map(|index| cures[index].clone());
    for combination in 0..1_u32 << FLAGS.len() {
        for live in [&[][..], &strong[..1], &strong[..], &cures[2..4]] {
            check(&[combination], live);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    /// Chains of one to three links with any live objects. Failing and hard policies are kept
    /// rare, or they would hide the rest.
    #[test]
    fn chains_are_answered_by_the_rules(
        links in proptest::collection::vec(link(), 1..=3),
        live in proptest::sample::subsequence(cures(), 0..=9),
    ) {
        check(&links, &live);
    }
}

fn link() -> impl Strategy<Value = u32> {
    let often =
        |index: usize| prop::bool::weighted(0.4).prop_map(move |set| u32::from(set) << index);
    let seldom =
        |index: usize| prop::bool::weighted(0.06).prop_map(move |set| u32::from(set) << index);
    let permit = prop::bool::weighted(0.95).prop_map(u32::from);
    let curable = (often(1), often(2), often(3), often(4), seldom(8));
    let fatal = (seldom(5), seldom(6), seldom(7), seldom(9), seldom(10));
    (permit, curable, fatal).prop_map(|(permit, c, f)| {
        permit | c.0 | c.1 | c.2 | c.3 | c.4 | f.0 | f.1 | f.2 | f.3 | f.4
    })
}

#[test]
fn a_lesser_object_never_lifts_a_stronger_requirement() {
    let index = |flag: &str| FLAGS.iter().position(|known| *known == flag).expect("a flag");
    let cures = cures();
    let outcome = |flag: &str, cure: usize| {
        let user = (1 | 1_u32 << index(flag)).to_string();
        let facts = Facts { cures: vec![cures[cure].clone()], ..Facts::at(NOW) };
        let call = call(vec![actor(ActorKind::User, &user)], "pay.send", r#"{"n":1}"#);
        decide(&SNAPSHOT, &call, &facts).outcome
    };
    for (flag, strong, lesser) in [
        ("approval-security-2", 1, vec![0, 2, 3, 4, 7]),
        ("step-up", 4, vec![0, 1, 5, 6, 7]),
        ("confirmation", 7, vec![0, 1, 4, 8]),
    ] {
        assert_eq!(outcome(flag, strong), Outcome::Allow, "{flag}");
        for cure in lesser {
            assert_eq!(outcome(flag, cure), Outcome::Challenge, "{flag} with {:?}", cures[cure]);
        }
    }
}
