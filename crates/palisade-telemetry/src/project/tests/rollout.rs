//! What is said of roll-outs and of shadows.

use palisade_proto::v1::{RolloutAction, RolloutEntry, ShadowEntry, ShadowKind};

use super::*;

fn revision(version: u64, digest: &str) -> Revision {
    Revision { bundle: "corp".to_owned(), version, digest: digest.repeat(32) }
}

/// A roll-out that says everything there is to say.
pub(super) fn full_rollout() -> RolloutEntry {
    RolloutEntry {
        action: RolloutAction::Refused.into(),
        from: Some(revision(12, "ab")),
        to: Some(revision(13, "cd")),
        code: "tests_failed".to_owned(),
        detail: "2 of 40 tests, see [redacted:email]".to_owned(),
        redactions: vec![Redaction { pointer: "/detail".to_owned(), kind: "email".to_owned() }],
    }
}

/// A shadow that says everything there is to say.
pub(super) fn full_shadow() -> ShadowEntry {
    let reason = |code: &str, sentence: &str, policies: &[&str]| Reason {
        code: code.to_owned(),
        sentence: sentence.to_owned(),
        determining_policies: policies.iter().map(|policy| (*policy).to_owned()).collect(),
    };
    ShadowEntry {
        decision_id: "01990000-0000-7000-8000-000000000001".to_owned(),
        kind: ShadowKind::Revision.into(),
        revision: Some(revision(13, "cd")),
        chain: vec![actor(ActorKind::User, "alice"), actor(ActorKind::Agent, "helper")],
        tool: "payments.transfer".to_owned(),
        outcome: Outcome::Allow.into(),
        reason: Some(reason("permitted", "Every link is permitted.", &["reading"])),
        shadow_outcome: Outcome::Deny.into(),
        shadow_reason: Some(reason("policy_forbid", "Not at night.", &["night", "weekend"])),
        redactions: vec![Redaction { pointer: "/tool".to_owned(), kind: "email".to_owned() }],
    }
}

#[test]
fn a_rollout_says_everything() {
    let expected = format!(
        r#"palisade.rollout WARN 13 1790000000123000000
corp@13 (cdcdcdcdcdcd) was refused: tests_failed: 2 of 40 tests, see [redacted:email]
palisade.rollout.action = "refused"
palisade.rollout.code = "tests_failed"
palisade.rollout.detail = "2 of 40 tests, see [redacted:email]"
palisade.revision.bundle = "corp"
palisade.revision.version = 13
palisade.revision.digest = "{}"
palisade.rollout.from.bundle = "corp"
palisade.rollout.from.version = 12
palisade.rollout.from.digest = "{}"
palisade.record.redactions = ["/detail email"]
palisade.log.index = 7
"#,
        "cd".repeat(32),
        "ab".repeat(32)
    );
    assert_eq!(text_without_hash(&project(Entry::Rollout(full_rollout()))), expected);
}

#[test]
fn every_action_has_a_sentence_and_a_severity() {
    use RolloutAction as Action;
    for (action, severity, name, sentence) in [
        (
            Action::Activated,
            "INFO",
            "activated",
            "corp@13 (cdcdcdcdcdcd) came into force after corp@12 (abababababab): why",
        ),
        (Action::Pinned, "INFO", "pinned", "corp@13 (cdcdcdcdcdcd) is pinned: why"),
        (Action::Refused, "WARN", "refused", "corp@13 (cdcdcdcdcdcd) was refused: why"),
        (
            Action::RolledBack,
            "WARN",
            "rolled_back",
            "corp@13 (cdcdcdcdcdcd) is back in force after corp@12 (abababababab), and pinned: why",
        ),
        (
            Action::ShadowEnded,
            "INFO",
            "shadow_ended",
            "corp@13 (cdcdcdcdcdcd) no longer decides in the shadow: why",
        ),
        (
            Action::ShadowStarted,
            "INFO",
            "shadow_started",
            "corp@13 (cdcdcdcdcdcd) decides in the shadow: why",
        ),
        (Action::Unpinned, "INFO", "unpinned", "corp@13 (cdcdcdcdcdcd) is no longer pinned: why"),
        (
            Action::Unspecified,
            "WARN",
            "unknown",
            "Something that this version cannot name became of corp@13 (cdcdcdcdcdcd): why",
        ),
    ] {
        let rollout = RolloutEntry {
            action: action.into(),
            code: String::new(),
            detail: "why".to_owned(),
            ..full_rollout()
        };
        let record = project(Entry::Rollout(rollout));
        assert_eq!((body(&record).as_str(), record.severity_text.as_str()), (sentence, severity));
        let line = format!("palisade.rollout.action = {name:?}\n");
        assert!(text(&record).contains(&line), "{name}");
    }
}

#[test]
fn a_rollout_may_know_no_revision() {
    let expected = r#"palisade.rollout WARN 13 1790000000123000000
A revision that cannot be read was refused: signature
palisade.rollout.action = "refused"
palisade.rollout.code = "signature"
palisade.log.index = 7
"#;
    let rollout = RolloutEntry {
        action: RolloutAction::Refused.into(),
        code: "signature".to_owned(),
        ..RolloutEntry::default()
    };
    assert_eq!(text_without_hash(&project(Entry::Rollout(rollout))), expected);
    let rollout = RolloutEntry {
        action: RolloutAction::Activated.into(),
        to: Some(revision(1, "cd")),
        ..RolloutEntry::default()
    };
    let sentence = "corp@1 (cdcdcdcdcdcd) came into force";
    assert_eq!(body(&project(Entry::Rollout(rollout))), sentence);
}

#[test]
fn a_shadow_says_everything() {
    let expected = format!(
        r#"palisade.shadow INFO 9 1790000000123000000
in the shadow: DENY instead of ALLOW payments.transfer for user:corp:alice > agent:corp:helper: policy_forbid instead of permitted. Not at night.
gen_ai.tool.name = "payments.transfer"
palisade.decision.id = "01990000-0000-7000-8000-000000000001"
palisade.decision.outcome = "allow"
palisade.decision.reason = "permitted"
palisade.policy.ids = ["reading"]
palisade.shadow.kind = "revision"
palisade.shadow.outcome = "deny"
palisade.shadow.reason = "policy_forbid"
palisade.shadow.policies = ["night", "weekend"]
palisade.actor.chain = ["user:corp:alice", "agent:corp:helper"]
palisade.revision.bundle = "corp"
palisade.revision.version = 13
palisade.revision.digest = "{}"
palisade.record.redactions = ["/tool email"]
palisade.log.index = 7
"#,
        "cd".repeat(32)
    );
    assert_eq!(text_without_hash(&project(Entry::Shadow(full_shadow()))), expected);
    let policies = ShadowEntry { kind: ShadowKind::Policies.into(), ..full_shadow() };
    let record = project(Entry::Shadow(policies));
    assert!(text(&record).contains("palisade.shadow.kind = \"policies\"\n"));
}

#[test]
fn rollouts_and_shadows_have_what_is_required() {
    let shadow = ShadowEntry {
        decision_id: "d".to_owned(),
        chain: vec![actor(ActorKind::User, "alice")],
        tool: "t".to_owned(),
        reason: Some(Reason { code: "permitted".to_owned(), ..Reason::default() }),
        shadow_reason: Some(Reason { code: "no_permit".to_owned(), ..Reason::default() }),
        ..ShadowEntry::default()
    };
    for entry in [Entry::Rollout(RolloutEntry::default()), Entry::Shadow(shadow)] {
        let record = project(entry);
        let event = format!("`{}`", record.event_name);
        let mut names = 0;
        for row in ATTRIBUTES.iter().filter(|row| {
            row.requirement == Presence::Required
                && row.signals.contains(&Signal::Logs)
                && (row.meaning.contains(&event) || row.meaning.starts_with("All events"))
        }) {
            names += 1;
            assert!(record.attributes.iter().any(|used| used.key == row.name), "{}", row.name);
        }
        assert_eq!(names, record.attributes.len(), "{event}");
    }
}

#[test]
fn shadows_are_sentences_in_ocsf_too() {
    let bytes = encoded(7, Entry::Shadow(full_shadow()));
    assert_eq!(
        projection(Format::Native).record(7, &bytes, OBSERVED),
        projection(Format::Ocsf).record(7, &bytes, OBSERVED)
    );
}
