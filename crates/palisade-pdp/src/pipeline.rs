//! The life of a request, one function per step.
//!
//! Of the whole pipeline, authentication, attestation, facts of sessions, commits and grants are
//! not there yet: callers' actors are asserted, and the only fact is the time. A request that
//! needs more is refused before it gets here.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use palisade_catalog::Tool;
use palisade_core::{
    ActorChain, Clock, Decision, DecisionLog, DecisionRecord, DigestKey, Effect, Environment,
    EpochMillis, ErrorChain, Facts, IdSource, Obligations, Outcome, Prospect, Reason, ReasonCode,
    RecordedLatency, RequestId, RequestOptions, Revision, Sha256Digest, Tier, ToolCall, Validity,
    Verdict,
};
use palisade_engine::{Answer, Decided, Explanation, PolicySnapshot, ToolProspect};

use crate::error::{AuthorizeError, ListToolsError};
use crate::snapshots::Snapshots;

/// What a [`Pdp`] is made of.
#[derive(Clone)]
pub struct PdpParts {
    /// Where the snapshot in force is taken from.
    pub snapshots: Arc<Snapshots>,
    /// Where decisions are recorded.
    pub log: Arc<dyn DecisionLog>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Makes decision ids.
    pub ids: Arc<dyn IdSource>,
    /// Keys the argument digests in records.
    pub digest_key: DigestKey,
}

impl fmt::Debug for PdpParts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PdpParts").field("snapshots", &self.snapshots).finish_non_exhaustive()
    }
}

/// The policy decision point.
#[derive(Clone, Debug)]
pub struct Pdp {
    parts: PdpParts,
}

/// The answer to a call and how it came about. Not recorded.
#[derive(Clone, Debug)]
pub struct Explained {
    /// The answer `authorize` would give.
    pub verdict: Verdict,
    /// Which bundle was asked.
    pub revision: Arc<Revision>,
    /// What `authorize` would oblige the enforcement point to.
    pub obligations: Obligations,
    /// How long the answer of `authorize` could be used again.
    pub valid_for: Duration,
    /// What the policies said; `None` if the call was refused before any was looked at.
    pub explanation: Option<Explanation>,
    /// The instant policies saw as `context.now`.
    pub now: EpochMillis,
}

/// The catalog as one chain may use it.
#[derive(Clone, Debug)]
pub struct ToolList {
    /// One entry per tool, sorted by name.
    pub tools: Vec<ListedTool>,
    /// Which bundle was asked.
    pub revision: Arc<Revision>,
}

/// A catalogued tool and what one chain may do with it.
#[derive(Clone, Debug)]
pub struct ListedTool {
    /// What may be said of it without knowing arguments.
    pub prospect: ToolProspect,
    /// The name the tool's own server uses.
    pub upstream_name: String,
    /// Digest of the definition the catalog was reviewed with.
    pub definition_digest: Option<Sha256Digest>,
    /// Risk tier.
    pub tier: Tier,
    /// What it does to the world.
    pub effect: Effect,
}

/// A decision that is no answer yet: only [`Pdp::record`] makes one of it.
#[derive(Debug)]
#[must_use]
pub struct Unrecorded(Box<DecisionRecord>);

impl Pdp {
    /// A decision point over these parts.
    #[must_use]
    pub const fn new(parts: PdpParts) -> Self {
        Self { parts }
    }

    /// Whether a snapshot is in force.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.parts.snapshots.current().is_some()
    }

    /// Decides a call and records the decision. A policy deny is a decision.
    ///
    /// # Errors
    /// As for [`Pdp::decide`].
    pub async fn authorize(
        &self,
        call: ToolCall,
        request_id: Option<RequestId>,
    ) -> Result<Decision, AuthorizeError> {
        Ok(self.record(self.decide(call, request_id)?).await)
    }

    /// Decides a call: the part of [`Pdp::authorize`] that waits for nothing.
    ///
    /// # Errors
    /// No decision was made: no snapshot is in force, or not the one asked for.
    pub fn decide(
        &self,
        call: ToolCall,
        request_id: Option<RequestId>,
    ) -> Result<Unrecorded, AuthorizeError> {
        let started = self.parts.clock.monotonic();
        let snapshot = self.take_snapshot(call.options.minimum_version)?;
        let facts = self.gather_facts();
        let answer = snapshot.answer(&call, &facts);
        let Answer { arguments_digest, tool, resource, verdict, validity } = answer.as_ref();
        let tool = tool.as_deref();
        let decision = Decision {
            id: self.parts.ids.decision_id(facts.now),
            revision: Arc::clone(snapshot.shared_revision()),
            dry_run: call.options.dry_run,
            obligations: obligations(verdict.outcome, tool),
            valid_for: valid_for(call.options, tool, verdict.outcome, *validity, facts.now),
            verdict: Arc::clone(verdict),
        };
        let decide = self.parts.clock.monotonic().saturating_sub(started);
        let record = DecisionRecord {
            time: facts.now,
            decision,
            request_id,
            pep_request_id: call.environment.pep_request_id,
            chain: call.chain,
            // Until credentials are verified, every actor is the caller's word.
            actors_proven: false,
            tool: call.tool,
            tier: tool.map(|tool| tool.tier),
            effect: tool.map(|tool| tool.effect),
            resource: resource.clone(),
            arguments_digest: self.parts.digest_key.digest(arguments_digest.as_bytes()),
            latency: RecordedLatency { decide },
        };
        Ok(Unrecorded(Box::new(record)))
    }

    /// Records a decision; it counts only once its record is kept.
    pub async fn record(&self, Unrecorded(record): Unrecorded) -> Decision {
        let Err(error) = self.parts.log.append(&record).await else {
            return record.decision;
        };
        let decision = record.decision;
        tracing::error!(
            error = %ErrorChain(&error),
            decision_id = %decision.id,
            "a decision could not be recorded and was denied"
        );
        // FAIL-CLOSED: an answer nobody can account for permits nothing.
        let reason = Reason::new(
            ReasonCode::LogUnavailable,
            "the decision could not be recorded; tell whoever runs the decision point",
        );
        Decision {
            verdict: Arc::new(Verdict::deny(reason)),
            obligations: Obligations::default(),
            valid_for: Duration::ZERO,
            ..decision
        }
    }

    /// Decides a call like [`Pdp::authorize`] and says why. Nothing is recorded.
    ///
    /// # Errors
    /// As for [`Pdp::authorize`].
    pub fn explain(&self, call: &ToolCall) -> Result<Explained, AuthorizeError> {
        let snapshot = self.take_snapshot(call.options.minimum_version)?;
        let facts = self.gather_facts();
        let (verdict, validity, explanation) = match snapshot.resolve(call).call {
            Ok(resolved) => {
                let explanation = snapshot.explain(&resolved, &facts);
                let Decided { verdict, validity } = explanation.decided.clone();
                (verdict, validity, Some(explanation))
            }
            Err(refusal) => (Verdict::deny(refusal.reason), Validity::ALWAYS, None),
        };
        let tool = snapshot.catalog().tool(&call.tool);
        Ok(Explained {
            revision: Arc::clone(snapshot.shared_revision()),
            obligations: obligations(verdict.outcome, tool),
            valid_for: valid_for(call.options, tool, verdict.outcome, validity, facts.now),
            verdict,
            explanation,
            now: facts.now,
        })
    }

    /// What may be said of every tool without knowing arguments. A chain that would be refused
    /// whatever the tool is denied every tool, with that reason.
    ///
    /// # Errors
    /// No snapshot is in force.
    pub fn list_tools(
        &self,
        chain: &ActorChain,
        environment: &Environment,
    ) -> Result<ToolList, ListToolsError> {
        let snapshot = self.parts.snapshots.current().ok_or(ListToolsError::NoSnapshot)?;
        let facts = self.gather_facts();
        let catalog = snapshot.catalog();
        let prospects = snapshot.prospects(chain, environment, &facts).unwrap_or_else(|refusal| {
            catalog.tools().map(|tool| denied(tool, &refusal.reason)).collect()
        });
        // A prospect is always of a catalogued tool.
        let listed = prospects.into_iter().filter_map(|prospect| {
            let tool = catalog.tool(prospect.tool.as_str())?;
            Some(ListedTool {
                prospect,
                upstream_name: tool.upstream_name.clone(),
                definition_digest: tool.definition_digest,
                tier: tool.tier,
                effect: tool.effect,
            })
        });
        Ok(ToolList { tools: listed.collect(), revision: Arc::clone(snapshot.shared_revision()) })
    }

    // INVARIANT: called once per request, so that everything about it carries one revision.
    fn take_snapshot(&self, minimum: u64) -> Result<Arc<PolicySnapshot>, AuthorizeError> {
        let snapshot = self.parts.snapshots.current().ok_or(AuthorizeError::NoSnapshot)?;
        let held = snapshot.revision().version;
        if held < minimum {
            return Err(AuthorizeError::RevisionNotHeld { minimum, held });
        }
        Ok(snapshot)
    }

    fn gather_facts(&self) -> Facts {
        Facts::at(self.parts.clock.now())
    }
}

/// What an allow obliges to; nothing else obliges to anything.
fn obligations(outcome: Outcome, tool: Option<&Tool>) -> Obligations {
    match (outcome, tool) {
        (Outcome::Allow, Some(tool)) => {
            Obligations { deadline: tool.deadline, redact_result: tool.redact_result.clone() }
        }
        (Outcome::Allow | Outcome::Challenge | Outcome::Deny, _) => Obligations::default(),
    }
}

/// How long an allow may be used again: as the catalog says, but not past the instant at which it
/// could be another answer, in whole seconds. A dry run is not to be used at all.
fn valid_for(
    options: RequestOptions,
    tool: Option<&Tool>,
    outcome: Outcome,
    validity: Validity,
    now: EpochMillis,
) -> Duration {
    match (outcome, tool) {
        (Outcome::Allow, Some(tool)) if !options.dry_run => {
            let left = validity.end().map(|end| end.as_millis().saturating_sub(now.as_millis()));
            let left =
                left.map(|millis| Duration::from_secs(u64::try_from(millis / 1000).unwrap_or(0)));
            left.map_or(tool.valid_for, |left| tool.valid_for.min(left))
        }
        (Outcome::Allow | Outcome::Challenge | Outcome::Deny, _) => Duration::ZERO,
    }
}

fn denied(tool: &Tool, reason: &Reason) -> ToolProspect {
    ToolProspect {
        tool: tool.name.clone(),
        prospect: Prospect::Deny,
        reason: reason.clone(),
        determining: Vec::new(),
        requirements: Vec::new(),
    }
}

#[cfg(test)]
mod tests;
