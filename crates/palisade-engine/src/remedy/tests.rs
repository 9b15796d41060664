//! What is proposed, done: each remedy is applied to the call or to the bundle and changes the
//! answer as it says.

use std::collections::BTreeMap;

use palisade_catalog::{Catalog, ReferenceValues};
use palisade_core::{
    ActorChain, BundleName, Environment, EpochMillis, FactSources, RequestOptions, Revision,
    Sha256Digest, ToolCall,
};

use super::*;
use crate::{ClaimMappings, Issuers, SnapshotSources, SourceFile};

const CATALOG: &str = "\
format: 1
segments: [office]
services: { pay: { segment: office } }
tools:
  pay.read: { tier: 1, effect: read }
  pay.refund:
    tier: 3
    effect: write
    arguments:
      type: object
      properties: { amount: { type: integer }, to: { type: string } }
      required: [amount, to]
";

/// Ann is in support, Bob in nothing, the bot belongs to Ann.
const ENTITIES: &str = r#"[
  { "uid": { "type": "Group", "id": "support" }, "attrs": {}, "parents": [] },
  { "uid": { "type": "Group", "id": "leads" }, "attrs": {}, "parents": [{ "type": "Group", "id": "support" }] },
  { "uid": { "type": "Group", "id": "suspended" }, "attrs": {}, "parents": [] },
  { "uid": { "type": "User", "id": "corp:ann" }, "attrs": {}, "parents": [PARENTS] },
  { "uid": { "type": "Agent", "id": "corp:bot" }, "attrs": {}, "parents": [] }
]"#;

struct Case {
    policies: &'static str,
    /// Of Ann.
    groups: &'static str,
    chain: &'static str,
    arguments: &'static str,
    cures: Vec<Cure>,
}

impl Case {
    fn of(policies: &'static str) -> Self {
        let arguments = r#"{"amount": 250, "to": "ann"}"#;
        Self { policies, groups: "", chain: "user:corp:ann", arguments, cures: Vec::new() }
    }

    fn ask(&self) -> (Verdict, Vec<Remedy>) {
        let file = |name: &str, text: String| SourceFile { name: name.into(), text: text.into() };
        let parents = self
            .groups
            .split_whitespace()
            .map(|group| format!("{{ \"type\": \"Group\", \"id\": \"{group}\" }}"));
        let parents: Vec<String> = parents.collect();
        let (catalog, _) = Catalog::parse(&"catalog.yaml".into(), CATALOG).unwrap();
        let sources = SnapshotSources {
            revision: Revision {
                bundle: BundleName::new("sample").unwrap(),
                version: 1,
                digest: Sha256Digest::of(b""),
            },
            issuers: Issuers::new(BTreeMap::from([("corp".to_owned(), "https://idp".to_owned())])),
            claims: ClaimMappings::default(),
            catalog,
            policies: vec![file("policies/a.cedar", self.policies.to_owned())],
            links: Vec::new(),
            schema: Vec::new(),
            entities: vec![file(
                "entities/a.json",
                ENTITIES.replace("PARENTS", &parents.join(",")),
            )],
            exceptions: Vec::new(),
            reference: ReferenceValues::default(),
        };
        let (snapshot, _) = PolicySnapshot::build(&sources, FactSources::default()).unwrap();
        let links = self.chain.split(',').map(|actor| actor.parse().unwrap()).collect();
        let call = ToolCall {
            chain: ActorChain::new(links).unwrap(),
            identity: None,
            tool: "pay.refund".to_owned(),
            tool_digest: None,
            arguments: self.arguments.as_bytes().to_vec(),
            resource: None,
            environment: Environment { source_address: None, pep_request_id: None },
            options: RequestOptions::default(),
            trace: None,
        };
        let facts = Facts { cures: self.cures.clone(), ..Facts::at(EpochMillis::new(0)) };
        let resolved = snapshot.resolve(&call).call.unwrap();
        let explanation = snapshot.explain(&resolved, &facts);
        let remedies = snapshot.remedies(&resolved, &facts, &explanation.decided.verdict);
        assert_eq!(explanation.remedies, remedies);
        (explanation.decided.verdict, remedies)
    }

    fn outcome(&self) -> Outcome {
        self.ask().0.outcome
    }

    fn sentences(&self) -> Vec<String> {
        self.ask().1.into_iter().map(|remedy| remedy.sentence).collect()
    }

    /// The remedies, and that what each promises is one and the same.
    fn promise(&self) -> (Outcome, Vec<String>) {
        let (_, remedies) = self.ask();
        let then: Vec<Outcome> = remedies.iter().map(|remedy| remedy.then).collect();
        assert!(then.windows(2).all(|pair| pair[0] == pair[1]), "{remedies:?}");
        assert!(remedies.iter().all(|remedy| remedy.sufficient), "{remedies:?}");
        (then[0], remedies.into_iter().map(|remedy| remedy.sentence).collect())
    }
}

const BY_GROUP: &str = r#"
@id("support-refunds")
permit (principal in Group::"support", action == Action::"pay.refund", resource);
"#;

#[test]
fn a_group_that_would_permit_is_named_and_does() {
    let case = Case::of(BY_GROUP);
    let (then, sentences) = case.promise();
    assert_eq!(
        sentences,
        ["`support-refunds` would permit it if User::\"corp:ann\" were in Group::\"support\""]
    );
    assert_eq!(case.outcome(), Outcome::Deny);
    assert_eq!(Case { groups: "support", ..case }.outcome(), then);
    assert_eq!(then, Outcome::Allow);
}

#[test]
fn a_group_of_users_is_not_proposed_to_an_agent() {
    let case =
        Case { groups: "support", chain: "user:corp:ann,agent:corp:bot", ..Case::of(BY_GROUP) };
    let sentences = case.sentences();
    assert_eq!(sentences.len(), 1, "{sentences:?}");
    assert!(sentences[0].contains("one would have to be written"), "{sentences:?}");
}

const UP_TO_100: &str = r#"
@id("small-refunds")
permit (principal in Group::"support", action == Action::"pay.refund", resource)
when { context.args.amount <= 100 && context.args.to != "mallory" };
"#;

#[test]
fn a_condition_that_fails_is_shown_with_what_it_saw_and_turning_it_helps() {
    let case = Case { groups: "support", ..Case::of(UP_TO_100) };
    let (then, sentences) = case.promise();
    assert_eq!(
        sentences,
        ["`small-refunds` would permit it if `context.args.amount <= 100` held \
          (context.args.amount is 250)"]
    );
    let small = Case { arguments: r#"{"amount": 100, "to": "ann"}"#, ..case };
    assert_eq!(small.outcome(), then);
}

#[test]
fn group_and_condition_are_asked_for_together() {
    let case = Case::of(UP_TO_100);
    let (then, sentences) = case.promise();
    assert_eq!(
        sentences,
        ["`small-refunds` would permit it if User::\"corp:ann\" were in Group::\"support\" and \
          `context.args.amount <= 100` held (context.args.amount is 250)"]
    );
    let small = Case { arguments: r#"{"amount": 100, "to": "ann"}"#, ..case };
    assert_eq!(small.outcome(), Outcome::Deny, "the amount alone is not enough");
    assert_eq!(Case { groups: "support", ..small }.outcome(), then);
}

#[test]
fn the_permit_that_lacks_least_comes_first_and_there_are_five() {
    let policies: String = (0..8)
        .map(|number| {
            format!(
                "@id(\"p{number}\") permit (principal in Group::\"g{number}\", action, resource) \
                 when {{ context has args && context.args has amount && {} }};\n",
                if number == 6 { "true" } else { "context.args.amount == 1" }
            )
        })
        .collect();
    let entities = Case::of(Box::leak(policies.into_boxed_str()));
    let (_, remedies) = entities.ask();
    let ids: Vec<&str> = remedies.iter().map(|r| r.policy.as_ref().unwrap().as_str()).collect();
    assert_eq!(ids, ["p6", "p0", "p1", "p2", "p3"]);
}

const CEILING: &str = r#"
@id("refunds") permit (principal, action == Action::"pay.refund", resource);
@id("ceiling") @reason("too much")
forbid (principal, action == Action::"pay.refund", resource)
when { context.args.amount > 200 }
unless { principal in Group::"leads" };
"#;

#[test]
fn a_forbid_says_every_way_to_lift_it_and_each_does() {
    let case = Case::of(CEILING);
    let (then, sentences) = case.promise();
    assert_eq!(
        sentences,
        [
            "`ceiling` would not forbid it if `context.args.amount > 200` did not hold \
             (context.args.amount is 250)",
            "`ceiling` would not forbid it if User::\"corp:ann\" were in Group::\"leads\"",
        ]
    );
    let small = Case { arguments: r#"{"amount": 200, "to": "ann"}"#, ..Case::of(CEILING) };
    assert_eq!(small.outcome(), then);
    assert_eq!(Case { groups: "leads", ..Case::of(CEILING) }.outcome(), then);
}

const SUSPENDED: &str = r#"
@id("refunds") permit (principal in Group::"support", action == Action::"pay.refund", resource);
@id("no-suspended") @reason("suspended")
forbid (principal in Group::"suspended", action, resource);
"#;

#[test]
fn a_forbid_of_a_group_is_lifted_by_leaving_it() {
    let case = Case { groups: "support suspended", ..Case::of(SUSPENDED) };
    let (then, sentences) = case.promise();
    assert_eq!(
        sentences,
        ["`no-suspended` would not forbid it if User::\"corp:ann\" were not in \
          Group::\"suspended\""]
    );
    assert_eq!(Case { groups: "support", ..case }.outcome(), then);
}

#[test]
fn two_obstacles_need_a_remedy_each() {
    let case = Case { groups: "suspended", ..Case::of(SUSPENDED) };
    let (_, remedies) = case.ask();
    assert_eq!(remedies.len(), 2, "{remedies:?}");
    assert!(remedies.iter().all(|remedy| !remedy.sufficient && remedy.then == Outcome::Allow));
    assert_eq!(Case { groups: "", ..Case::of(SUSPENDED) }.outcome(), Outcome::Deny);
    assert_eq!(Case { groups: "support", ..case }.outcome(), Outcome::Allow);
}

const NEVER: &str = r#"
@id("refunds") permit (principal in Group::"support", action == Action::"pay.refund", resource);
@id("never") @reason("no money by tools")
forbid (principal, action, resource) when { context.tool.tier >= 3 };
"#;

#[test]
fn where_a_forbid_stands_whatever_is_done_nothing_else_is_proposed() {
    let (_, remedies) = Case::of(NEVER).ask();
    let [remedy] = remedies.as_slice() else { panic!("{remedies:?}") };
    assert_eq!((remedy.kind, remedy.then), (RemedyKind::Blocked, Outcome::Deny));
    assert_eq!(
        remedy.sentence,
        "`never` forbids this, and nothing about the call or User::\"corp:ann\" would lift it"
    );
}

const TRAP: &str = r#"
@id("leads-refund") permit (principal in Group::"leads", action == Action::"pay.refund", resource);
@id("support-never") @reason("support does not refund")
forbid (principal in Group::"support", action == Action::"pay.refund", resource);
"#;

#[test]
fn a_group_that_brings_a_forbid_with_it_is_not_proposed() {
    // Leads are in support.
    let case = Case::of(TRAP);
    assert_eq!(
        case.sentences(),
        ["a permit would not help User::\"corp:ann\": `support-never` would still forbid it"]
    );
    assert_eq!(Case { groups: "leads", ..case }.outcome(), Outcome::Deny);
}

#[test]
fn without_a_permit_that_could_match_it_is_said_that_one_is_missing() {
    let policies = "@id(\"r\") permit (principal, action == Action::\"pay.read\", resource);\n\
                    @id(\"b\") permit (principal is Agent, action == Action::\"pay.refund\", resource);";
    let (_, remedies) = Case::of(policies).ask();
    let [remedy] = remedies.as_slice() else { panic!("{remedies:?}") };
    assert_eq!((remedy.kind, remedy.policy.as_ref()), (RemedyKind::Blocked, None));
    assert!(remedy.sentence.contains("one would have to be written"), "{}", remedy.sentence);
}

const ASKING: &str = r#"
@id("refunds") permit (principal in Group::"support", action == Action::"pay.refund", resource);
@id("approve") @reason("approve") @require("approval") @approvers("bosses") @quorum("2")
forbid (principal, action == Action::"pay.refund", resource) unless { context.approval.granted };
@id("confirm") @reason("confirm") @require("confirmation")
forbid (principal, action == Action::"pay.refund", resource)
unless { context.confirmation.granted };
"#;

#[test]
fn a_challenge_names_each_requirement_and_what_is_left_without_it() {
    let case = Case { groups: "support", ..Case::of(ASKING) };
    let (verdict, remedies) = case.ask();
    assert_eq!(verdict.outcome, Outcome::Challenge);
    let said: Vec<_> = remedies.iter().map(|r| (r.sentence.as_str(), r.then)).collect();
    assert_eq!(
        said,
        [
            ("approval by 2 of bosses lifts `approve`", Outcome::Challenge),
            ("confirmation by the user lifts `confirm`", Outcome::Challenge),
        ]
    );
    let approved = Cure::Approval { approvers: "bosses".into(), people: 2, age: Duration::ZERO };
    let case = Case { cures: vec![approved.clone()], ..case };
    let (then, sentences) = case.promise();
    assert_eq!(sentences, ["confirmation by the user lifts `confirm`"]);
    let confirmed = Cure::Confirmation { age: Duration::ZERO };
    assert_eq!(Case { cures: vec![approved, confirmed], ..case }.outcome(), then);
    assert_eq!(then, Outcome::Allow);
}

#[test]
fn a_remedy_that_leads_to_a_challenge_says_so() {
    let case = Case::of(ASKING);
    let (then, sentences) = case.promise();
    assert_eq!((then, sentences.len()), (Outcome::Challenge, 1));
    assert_eq!(Case { groups: "support", ..case }.outcome(), then);
}

#[test]
fn each_link_has_remedies_of_its_own() {
    let case = Case { chain: "user:corp:ann,agent:corp:bot", ..Case::of(BY_GROUP) };
    let (_, remedies) = case.ask();
    let links: Vec<(usize, bool)> = remedies.iter().map(|r| (r.link, r.sufficient)).collect();
    assert_eq!(links, [(0, false), (1, false)]);
    assert!(remedies[1].sentence.contains("Agent::\"corp:bot\" were in"), "{remedies:?}");
}

const FAILS: &str = r#"
@id("refunds") permit (principal, action == Action::"pay.refund", resource);
@id("sum") @reason("sum")
forbid (principal, action == Action::"pay.refund", resource)
when { context.args.amount * 9000000000000000 > 5 };
"#;

#[test]
fn a_policy_that_fails_has_to_be_mended() {
    let case = Case { arguments: r#"{"amount": 9000000, "to": "ann"}"#, ..Case::of(FAILS) };
    let (verdict, remedies) = case.ask();
    assert_eq!(verdict.reason.code, ReasonCode::EvaluationError);
    let [remedy] = remedies.as_slice() else { panic!("{remedies:?}") };
    assert_eq!(remedy.kind, RemedyKind::Blocked);
    assert!(remedy.sentence.starts_with("`sum` cannot be evaluated"), "{}", remedy.sentence);
}

#[test]
fn an_allow_needs_no_remedy() {
    assert_eq!(Case { groups: "support", ..Case::of(BY_GROUP) }.ask().1, []);
}

const BRANCHES: &str = r#"
@id("refunds")
permit (principal, action == Action::"pay.refund", resource)
when {
    if context.args.amount > 100 then principal in Group::"leads" else context.args.to == "bob"
};
"#;

#[test]
fn both_branches_of_an_if_are_ways() {
    let case = Case::of(BRANCHES);
    let (then, sentences) = case.promise();
    assert_eq!(
        sentences,
        ["`refunds` would permit it if User::\"corp:ann\" were in Group::\"leads\""],
        "the shortest"
    );
    assert_eq!(Case { groups: "leads", ..case }.outcome(), then);
}
