//! What became of revisions, and what revisions in the shadow would have answered.

use palisade_core::{RolloutAction, RolloutRecord, ShadowKind, ShadowRecord, Verdict};
use palisade_proto::v1;
use palisade_redact::Scope;

use super::{actor, ids, outcome_of, revision_of, sentence};
use crate::redaction::Redactions;

pub(super) fn rollout(record: &RolloutRecord) -> v1::RolloutEntry {
    let RolloutRecord { time: _, action, from, to, code, detail } = record;
    let mut redactions = Redactions::default();
    v1::RolloutEntry {
        action: action_of(*action).into(),
        from: from.as_deref().map(revision_of),
        to: to.as_deref().map(revision_of),
        code: (*code).to_owned(),
        detail: redactions.text("/detail", detail, Scope::SecretsAndPersonal),
        redactions: redactions.into_sorted(),
    }
}

pub(super) fn shadow(record: &ShadowRecord) -> v1::ShadowEntry {
    // Destructured whole, so that a new field cannot be forgotten here.
    let ShadowRecord {
        time: _,
        decision,
        chain,
        tool,
        tool_is_known,
        verdict,
        kind,
        revision,
        shadow_verdict,
    } = record;
    let mut redactions = Redactions::default();
    let links = chain.links().iter().enumerate();
    let chain = links.map(|(at, link)| actor(at, link, &mut redactions)).collect();
    // The catalog's own names are what it is about; others are what a caller wrote.
    let tool = if *tool_is_known {
        tool.clone()
    } else {
        redactions.text("/tool", tool, Scope::SecretsAndPersonal)
    };
    let entry = v1::ShadowEntry {
        decision_id: decision.to_string(),
        kind: match kind {
            ShadowKind::Policies => v1::ShadowKind::Policies,
            ShadowKind::Revision => v1::ShadowKind::Revision,
        }
        .into(),
        revision: Some(revision_of(revision)),
        chain,
        tool,
        outcome: outcome_of(verdict.outcome).into(),
        reason: Some(reason("/reason/sentence", verdict, &mut redactions)),
        shadow_outcome: outcome_of(shadow_verdict.outcome).into(),
        shadow_reason: Some(reason("/shadow_reason/sentence", shadow_verdict, &mut redactions)),
        redactions: Vec::new(),
    };
    v1::ShadowEntry { redactions: redactions.into_sorted(), ..entry }
}

fn reason(pointer: &str, verdict: &Verdict, redactions: &mut Redactions) -> v1::Reason {
    v1::Reason {
        code: verdict.reason.code.as_str().to_owned(),
        sentence: sentence(pointer, &verdict.reason, redactions),
        determining_policies: ids(&verdict.determining),
    }
}

const fn action_of(action: RolloutAction) -> v1::RolloutAction {
    match action {
        RolloutAction::Activated => v1::RolloutAction::Activated,
        RolloutAction::Pinned => v1::RolloutAction::Pinned,
        RolloutAction::Refused => v1::RolloutAction::Refused,
        RolloutAction::RolledBack => v1::RolloutAction::RolledBack,
        RolloutAction::ShadowEnded => v1::RolloutAction::ShadowEnded,
        RolloutAction::ShadowStarted => v1::RolloutAction::ShadowStarted,
        RolloutAction::Unpinned => v1::RolloutAction::Unpinned,
    }
}
