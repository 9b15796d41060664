//! What became of revisions, what shadows say, and exceptions.

use palisade_proto::v1;
use serde_json::{Value, json};

use super::{Fields, actor, list, reason_of, redaction, revision_of};
use crate::wording;

pub(super) fn rollout(fields: &mut Fields, entry: &v1::RolloutEntry) {
    // Destructured whole, so that a new field cannot be forgotten here.
    let v1::RolloutEntry { action: _, from, to, code, detail, redactions } = entry;
    fields.put("kind", "rollout");
    fields.put("action", action(entry.action()));
    fields.put("from", from.as_ref().map(revision_of));
    fields.put("to", to.as_ref().map(revision_of));
    fields.put("code", code.as_str());
    fields.put("detail", detail.as_str());
    fields.put("redactions", list(redactions, redaction));
}

pub(super) fn shadow(fields: &mut Fields, entry: &v1::ShadowEntry) {
    let v1::ShadowEntry {
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
    } = entry;
    fields.put("kind", "shadow");
    fields.put("decision_id", decision_id.as_str());
    fields.put("shadow_kind", shadow_kind(entry.kind()));
    fields.put("revision", revision.as_ref().map(revision_of));
    fields.put("chain", list(chain, actor));
    fields.put("tool", tool.as_str());
    fields.put("outcome", wording::outcome(entry.outcome()));
    fields.put("reason", reason.as_ref().map(reason_of));
    fields.put("shadow_outcome", wording::outcome(entry.shadow_outcome()));
    fields.put("shadow_reason", shadow_reason.as_ref().map(reason_of));
    fields.put("redactions", list(redactions, redaction));
}

pub(super) fn exception(used: &v1::ExceptionUse) -> Value {
    let v1::ExceptionUse { id, policy, ticket } = used;
    json!({ "id": id, "policy": policy, "ticket": ticket })
}

/// The name of what happened to a revision.
pub(in crate::cli) const fn action(action: v1::RolloutAction) -> &'static str {
    match action {
        v1::RolloutAction::Activated => "activated",
        v1::RolloutAction::Pinned => "pinned",
        v1::RolloutAction::Refused => "refused",
        v1::RolloutAction::RolledBack => "rolled_back",
        v1::RolloutAction::ShadowEnded => "shadow_ended",
        v1::RolloutAction::ShadowStarted => "shadow_started",
        v1::RolloutAction::Unpinned => "unpinned",
        v1::RolloutAction::Unspecified => "unknown",
    }
}

/// The name of what decides in the shadow.
pub(in crate::cli) const fn shadow_kind(kind: v1::ShadowKind) -> &'static str {
    match kind {
        v1::ShadowKind::Policies => "policies",
        v1::ShadowKind::Revision => "revision",
        v1::ShadowKind::Unspecified => "unknown",
    }
}
