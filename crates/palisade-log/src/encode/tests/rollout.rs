//! What the records of roll-outs and of shadows say, and what they never say.

use palisade_core::{RolloutAction, RolloutRecord, ShadowKind, ShadowRecord};

use super::*;

fn revision(version: u64) -> Arc<Revision> {
    Arc::new(Revision {
        bundle: BundleName::new("desk").unwrap(),
        version,
        digest: Sha256Digest::of(&version.to_be_bytes()),
    })
}

fn message(version: u64) -> v1::Revision {
    v1::Revision {
        bundle: "desk".to_owned(),
        version,
        digest: Sha256Digest::of(&version.to_be_bytes()).to_string(),
    }
}

fn rollout_of(action: RolloutAction, detail: &str) -> RolloutRecord {
    RolloutRecord {
        time: EpochMillis::new(1_700_000_000_123),
        action,
        from: Some(revision(7)),
        to: Some(revision(8)),
        code: "tests_failed",
        detail: detail.to_owned(),
    }
}

fn verdict(outcome: Outcome, reason: Reason, policies: &[&str]) -> Arc<Verdict> {
    let determining = policies.iter().copied().map(PolicyId::new).collect();
    Arc::new(Verdict { outcome, determining, ..Verdict::deny(reason) })
}

fn shadow_of(tool: &str, tool_is_known: bool) -> ShadowRecord {
    let now = EpochMillis::new(1_700_000_000_123);
    let (allowed, denied) = (
        Reason::new(ReasonCode::Permitted, "every link is permitted"),
        Reason::new(ReasonCode::PolicyForbid, "not at night"),
    );
    ShadowRecord {
        time: now,
        decision: DecisionId::new(now, [5; 10]),
        chain: ActorChain::new(vec![
            actor_named(ActorKind::User, MAIL),
            actor_named(ActorKind::Agent, "bot"),
        ])
        .unwrap(),
        tool: tool.to_owned(),
        tool_is_known,
        verdict: verdict(Outcome::Allow, allowed, &["reading"]),
        kind: ShadowKind::Revision,
        revision: revision(8),
        shadow_verdict: verdict(Outcome::Deny, denied, &["night", "weekend"]),
    }
}

/// The entry, as it is decoded from what is stored.
fn stored(entry: LogEntry<'_>) -> Entry {
    let message = record(entry);
    assert_eq!(message.time_unix_ms, 1_700_000_000_123);
    let bytes = message.encode_to_vec();
    let holds = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(!holds(TOKEN), "{message:#?}");
    v1::Record::decode(bytes.as_slice()).unwrap().entry.unwrap()
}

fn rollout_entry(rollout: &RolloutRecord) -> v1::RolloutEntry {
    let Entry::Rollout(entry) = stored(LogEntry::Rollout(rollout)) else { panic!("a roll-out") };
    entry
}

fn shadow_entry(shadow: &ShadowRecord) -> v1::ShadowEntry {
    let Entry::Shadow(entry) = stored(LogEntry::Shadow(shadow)) else { panic!("a shadow") };
    entry
}

fn places(redactions: &[v1::Redaction]) -> Vec<(&str, &str)> {
    redactions.iter().map(|it| (it.pointer.as_str(), it.kind.as_str())).collect()
}

#[test]
fn everything_of_a_rollout_is_said() {
    let want = v1::RolloutEntry {
        action: v1::RolloutAction::Refused.into(),
        from: Some(message(7)),
        to: Some(message(8)),
        code: "tests_failed".to_owned(),
        detail: "2 of 40 tests".to_owned(),
        redactions: Vec::new(),
    };
    assert_eq!(rollout_entry(&rollout_of(RolloutAction::Refused, "2 of 40 tests")), want);
    let nothing = RolloutRecord {
        from: None,
        to: None,
        code: "",
        ..rollout_of(RolloutAction::Activated, "")
    };
    let want = v1::RolloutEntry {
        action: v1::RolloutAction::Activated.into(),
        ..v1::RolloutEntry::default()
    };
    assert_eq!(rollout_entry(&nothing), want);
}

#[test]
fn every_action_has_the_name_that_the_contract_gives_it() {
    for action in RolloutAction::ALL {
        let entry = rollout_entry(&rollout_of(action, ""));
        let name = format!("ROLLOUT_ACTION_{}", action.as_str().to_uppercase());
        assert_eq!(entry.action().as_str_name(), name);
    }
    for (kind, name) in [
        (ShadowKind::Policies, "SHADOW_KIND_POLICIES"),
        (ShadowKind::Revision, "SHADOW_KIND_REVISION"),
    ] {
        let shadow = ShadowRecord { kind, ..shadow_of("crm.read", true) };
        assert_eq!(shadow_entry(&shadow).kind().as_str_name(), name);
    }
}

#[test]
fn what_an_operator_wrote_is_masked() {
    let rollout = rollout_of(RolloutAction::RolledBack, &format!("{TOKEN}, ask {MAIL}"));
    let entry = rollout_entry(&rollout);
    assert!(!entry.detail.contains(MAIL), "{}", entry.detail);
    assert!(entry.detail.contains(", ask "), "{}", entry.detail);
    assert_eq!(places(&entry.redactions), [("/detail", "email"), ("/detail", "github_token")]);
}

#[test]
fn everything_of_a_shadow_is_said() {
    let shadow = shadow_of("payments.refund", true);
    let reason = |code: &str, sentence: &str, policies: &[&str]| {
        let determining_policies = policies.iter().map(|policy| (*policy).to_owned()).collect();
        Some(v1::Reason {
            code: code.to_owned(),
            sentence: sentence.to_owned(),
            determining_policies,
        })
    };
    let link = |kind: v1::ActorKind, subject: &str| v1::RecordedActor {
        kind: kind.into(),
        issuer: "corp".to_owned(),
        subject: subject.to_owned(),
        proof: v1::Proof::Unspecified.into(),
    };
    let want = v1::ShadowEntry {
        decision_id: shadow.decision.to_string(),
        kind: v1::ShadowKind::Revision.into(),
        revision: Some(message(8)),
        // Who asked is who the log is about, be it an address.
        chain: vec![link(v1::ActorKind::User, MAIL), link(v1::ActorKind::Agent, "bot")],
        tool: "payments.refund".to_owned(),
        outcome: v1::Outcome::Allow.into(),
        reason: reason("permitted", "every link is permitted", &["reading"]),
        shadow_outcome: v1::Outcome::Deny.into(),
        shadow_reason: reason("policy_forbid", "not at night", &["night", "weekend"]),
        redactions: Vec::new(),
    };
    assert_eq!(shadow_entry(&shadow), want);
}

#[test]
fn only_the_catalogs_own_names_of_tools_are_kept_as_they_are() {
    let known = shadow_entry(&shadow_of(MAIL, true));
    assert_eq!((known.tool.as_str(), places(&known.redactions)), (MAIL, vec![]));
    let unknown = shadow_entry(&shadow_of(&format!("x.{TOKEN}"), false));
    assert_eq!(places(&unknown.redactions), [("/tool", "github_token")]);
    let unknown = shadow_entry(&shadow_of(MAIL, false));
    assert_eq!(places(&unknown.redactions), [("/tool", "email")]);
    assert!(!unknown.tool.contains(MAIL), "{}", unknown.tool);
}

#[test]
fn both_sentences_are_masked_where_they_quote_a_caller() {
    let mut shadow = shadow_of("x.y", false);
    let quoting = |name: &str| Reason::new(ReasonCode::UnknownTool, format!("no tool `{name}`"));
    shadow.verdict = verdict(Outcome::Deny, quoting(MAIL), &[]);
    shadow.shadow_verdict = verdict(Outcome::Deny, quoting(TOKEN), &[]);
    let links = vec![actor_named(ActorKind::User, "alice"), actor_named(ActorKind::Agent, TOKEN)];
    shadow.chain = ActorChain::new(links).unwrap();
    let entry = shadow_entry(&shadow);
    assert_eq!(
        places(&entry.redactions),
        [
            ("/chain/1/subject", "github_token"),
            ("/reason/sentence", "email"),
            ("/shadow_reason/sentence", "github_token"),
        ]
    );
    assert!(!entry.reason.unwrap().sentence.contains(MAIL));
    // Sentences about actors keep who they are about.
    let sentence = format!("no policy permits User::\"corp:{MAIL}\" to call `x.y`");
    let reason = Reason::new(ReasonCode::NoPermit, sentence.clone());
    shadow.shadow_verdict = verdict(Outcome::Deny, reason, &[]);
    assert_eq!(shadow_entry(&shadow).shadow_reason.unwrap().sentence, sentence);
}

#[test]
fn exceptions_of_a_decision_are_named() {
    let mut record = record_of("payments.refund", Some(Tier::HighImpact));
    let used = |id: &str, policy: &str, ticket: &str| ExceptionUse {
        id: id.into(),
        policy: PolicyId::new(policy),
        ticket: ticket.into(),
    };
    let verdict = Arc::make_mut(&mut record.decision.verdict);
    verdict.exceptions = vec![used("e-1", "night", "SEC-1"), used("e-2", "weekend", "SEC-2")];
    let named = |id: &str, policy: &str, ticket: &str| v1::ExceptionUse {
        id: id.to_owned(),
        policy: policy.to_owned(),
        ticket: ticket.to_owned(),
    };
    let want = [named("e-1", "night", "SEC-1"), named("e-2", "weekend", "SEC-2")];
    assert_eq!(entry_of(&record).exceptions, want);
}
