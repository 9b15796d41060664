//! Calls that are refused before any policy is looked at: decisions like any other, on record.

use std::sync::Arc;
use std::time::Duration;

use palisade_core::{
    Arguments, CallSpan, Decision, DecisionRecord, EpochMillis, Obligations, RecordedLatency,
    RequestId, Sha256Digest, Verdict,
};
use palisade_engine::PolicySnapshot;

use super::identify::Refused;
use super::{Pdp, Undelivered, Unrecorded, without_secrets};
use crate::presented::{Asker, PresentedCall};

/// What a refused call was made with.
pub(super) struct Made<'a> {
    pub(super) asker: &'a Asker,
    pub(super) request_id: Option<RequestId>,
    pub(super) started: Duration,
    pub(super) now: EpochMillis,
    pub(super) span: Option<CallSpan>,
}

impl Pdp {
    /// The decision on a call that is refused before any policy is looked at.
    pub(super) fn refused(
        &self,
        snapshot: &PolicySnapshot,
        call: PresentedCall,
        refused: Refused,
        made: Made<'_>,
    ) -> Unrecorded {
        let Made { asker, request_id, started, now, span } = made;
        let tool = snapshot.catalog().tool(&call.tool);
        let verdict = Arc::new(Verdict::deny(refused.reason));
        let decision = Decision {
            id: self.parts.ids.decision_id(now),
            revision: Arc::clone(snapshot.shared_revision()),
            dry_run: call.options.dry_run,
            obligations: Obligations::default(),
            valid_for: Duration::ZERO,
            attestation_challenge: None,
            verdict: without_secrets(&verdict),
        };
        let arguments = Arguments::parse(&call.arguments).ok();
        let arguments_digest = arguments.and_then(|arguments| arguments.digest().ok());
        let arguments_digest =
            arguments_digest.unwrap_or_else(|| Sha256Digest::of(&call.arguments));
        let decide = self.parts.clock.monotonic().saturating_sub(started);
        let record = DecisionRecord {
            time: now,
            decision,
            request_id,
            environment: call.environment,
            pep: asker.label().cloned(),
            chain: refused.chain.as_ref().map(|chain| chain.chain.clone()),
            identity: refused.chain,
            authentication: None,
            attestation: None,
            tier: tool.map(|tool| tool.tier),
            effect: tool.map(|tool| tool.effect),
            tool: call.tool,
            tool_digest: call.tool_digest,
            resource: None,
            named_resource: call.resource,
            minimum_version: call.options.minimum_version,
            arguments_digest: self.parts.digest_key.digest(arguments_digest.as_bytes()),
            arguments: self.recorded_arguments(call.arguments, tool),
            trace: span.map(|span| span.context).or(call.trace),
            latency: RecordedLatency { decide },
        };
        Unrecorded(Box::new(Undelivered { record, span }))
    }
}
