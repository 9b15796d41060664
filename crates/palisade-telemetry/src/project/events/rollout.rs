//! What is said of roll-outs, and of what decides in the shadow.

use opentelemetry_proto::tonic::logs::v1::SeverityNumber;

use palisade_proto::v1::{Outcome, Revision, RolloutAction, RolloutEntry, ShadowEntry, ShadowKind};

use super::super::Event;
use super::super::values::Attributes;
use super::{actor, add_revision, outcome_name, plain, redaction};
use crate::attributes as name;

pub(super) fn rollout(rollout: &RolloutEntry) -> Event {
    let happened = rollout.action();
    // Destructured whole, so that a new field cannot be forgotten here.
    let RolloutEntry { action: _, from, to, code, detail, redactions } = rollout;
    let mut attributes = Attributes::default();
    attributes.text(name::ROLLOUT_ACTION, action_name(happened));
    attributes.text(name::ROLLOUT_CODE, code);
    attributes.text(name::ROLLOUT_DETAIL, detail);
    add_revision(&mut attributes, to.as_ref());
    if let Some(Revision { bundle, version, digest }) = from {
        attributes.text(name::ROLLOUT_FROM_BUNDLE, bundle);
        attributes.int(name::ROLLOUT_FROM_VERSION, *version);
        attributes.text(name::ROLLOUT_FROM_DIGEST, digest);
    }
    attributes.texts(name::RECORD_REDACTIONS, redactions.iter().map(redaction));
    let severity = match happened {
        // Whatever cannot be named may be bad news.
        RolloutAction::Refused | RolloutAction::RolledBack | RolloutAction::Unspecified => {
            SeverityNumber::Warn
        }
        RolloutAction::Activated
        | RolloutAction::Pinned
        | RolloutAction::ShadowEnded
        | RolloutAction::ShadowStarted
        | RolloutAction::Unpinned => SeverityNumber::Info,
    };
    plain(name::EVENT_ROLLOUT, severity, sentence(rollout), attributes)
}

fn sentence(rollout: &RolloutEntry) -> String {
    let revision = match &rollout.to {
        Some(revision) => short(revision),
        None => "A revision that cannot be read".to_owned(),
    };
    let mut sentence = match (rollout.action(), &rollout.from) {
        (RolloutAction::Activated, Some(from)) => {
            format!("{revision} came into force after {}", short(from))
        }
        (RolloutAction::Activated, None) => format!("{revision} came into force"),
        (RolloutAction::Pinned, _) => format!("{revision} is pinned"),
        (RolloutAction::Refused, _) => format!("{revision} was refused"),
        (RolloutAction::RolledBack, Some(from)) => {
            format!("{revision} is back in force after {}, and pinned", short(from))
        }
        (RolloutAction::RolledBack, None) => format!("{revision} is back in force, and pinned"),
        (RolloutAction::ShadowEnded, _) => format!("{revision} no longer decides in the shadow"),
        (RolloutAction::ShadowStarted, _) => format!("{revision} decides in the shadow"),
        (RolloutAction::Unpinned, _) => format!("{revision} is no longer pinned"),
        (RolloutAction::Unspecified, _) => {
            format!("Something that this version cannot name became of {revision}")
        }
    };
    for more in [&rollout.code, &rollout.detail] {
        if !more.is_empty() {
            sentence.push_str(": ");
            sentence.push_str(more);
        }
    }
    sentence
}

const fn action_name(action: RolloutAction) -> &'static str {
    match action {
        RolloutAction::Activated => "activated",
        RolloutAction::Pinned => "pinned",
        RolloutAction::Refused => "refused",
        RolloutAction::RolledBack => "rolled_back",
        RolloutAction::ShadowEnded => "shadow_ended",
        RolloutAction::ShadowStarted => "shadow_started",
        RolloutAction::Unpinned => "unpinned",
        RolloutAction::Unspecified => "unknown",
    }
}

pub(super) fn shadow(shadow: &ShadowEntry) -> Event {
    let (outcome, shadow_outcome) = (shadow.outcome(), shadow.shadow_outcome());
    let sentence = difference(shadow, outcome, shadow_outcome);
    let kind = match shadow.kind() {
        ShadowKind::Policies => "policies",
        ShadowKind::Revision => "revision",
        ShadowKind::Unspecified => "unknown",
    };
    let ShadowEntry {
        decision_id,
        kind: _,
        revision,
        chain,
        tool,
        outcome: _,
        reason,
        shadow_outcome: _,
        shadow_reason,
        redactions,
    } = shadow;
    let reason = reason.clone().unwrap_or_default();
    let shadow_reason = shadow_reason.clone().unwrap_or_default();
    let mut attributes = Attributes::default();
    attributes.text(name::GEN_AI_TOOL_NAME, tool);
    attributes.text(name::DECISION_ID, decision_id);
    attributes.text(name::DECISION_OUTCOME, outcome_name(outcome));
    attributes.text(name::DECISION_REASON, &reason.code);
    attributes.texts(name::POLICY_IDS, reason.determining_policies);
    attributes.text(name::SHADOW_KIND, kind);
    attributes.text(name::SHADOW_OUTCOME, outcome_name(shadow_outcome));
    attributes.text(name::SHADOW_REASON, &shadow_reason.code);
    attributes.texts(name::SHADOW_POLICIES, shadow_reason.determining_policies);
    attributes.texts(name::ACTOR_CHAIN, chain.iter().map(actor));
    add_revision(&mut attributes, revision.as_ref());
    attributes.texts(name::RECORD_REDACTIONS, redactions.iter().map(redaction));
    plain(name::EVENT_SHADOW, SeverityNumber::Info, sentence, attributes)
}

/// What would have been answered instead of what, and why.
fn difference(shadow: &ShadowEntry, outcome: Outcome, shadow_outcome: Outcome) -> String {
    let [outcome, shadow_outcome] =
        [outcome, shadow_outcome].map(|outcome| outcome_name(outcome).to_uppercase());
    let chain: Vec<String> = shadow.chain.iter().map(actor).collect();
    let code = shadow.reason.as_ref().map_or("", |reason| &reason.code);
    let shadow_reason = shadow.shadow_reason.clone().unwrap_or_default();
    format!(
        "in the shadow: {shadow_outcome} instead of {outcome} {} for {}: {} instead of {code}. {}",
        shadow.tool,
        chain.join(" > "),
        shadow_reason.code,
        shadow_reason.sentence
    )
}

/// `quickstart@8 (0123456789ab)`, as people see revisions everywhere.
fn short(revision: &Revision) -> String {
    let Revision { bundle, version, digest } = revision;
    let digest = digest.get(..12).unwrap_or(digest);
    format!("{bundle}@{version} ({digest})")
}
