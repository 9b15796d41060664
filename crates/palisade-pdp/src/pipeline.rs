//! The life of a request, one function per step.
//!
//! Of the whole pipeline, facts of sessions, commits and grants are not there yet. A request that
//! needs more is refused before it gets here.

mod attest;
mod identify;
mod refused;

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use palisade_attest::AttestationVerifier;
use palisade_catalog::Tool;
use palisade_core::{
    ArgumentsRecord, CallOutcome, CallSpan, CallStatus, Clock, Decision, DecisionId, DecisionLog,
    DecisionRecord, DigestKey, Effect, Environment, EpochMillis, ErrorChain, Facts, IdSource,
    LogEntry, LogError, Obligations, Observation, Observer, Outcome, Prospect, Reason, ReasonCode,
    RecordedLatency, RequestId, RequestOptions, Revision, Sha256Digest, Tier, ToolCall,
    TraceContext, Validity, Verdict,
};
use palisade_engine::{Answer, Decided, Explanation, PolicySnapshot, ToolProspect};
use palisade_identity::{IdentityRefusal, IdentityVerifier};
use palisade_redact::Scope;

use crate::error::{AuthorizeError, ListToolsError};
use crate::presented::{Asker, Identified, PresentedCall};
use crate::shadow::{Shadow, ShadowCall};
use crate::snapshots::Snapshots;
use attest::Verified;
use refused::Made;

/// What a [`Pdp`] is made of.
#[derive(Clone)]
pub struct PdpParts {
    /// Where the snapshot in force is taken from.
    pub snapshots: Arc<Snapshots>,
    /// What decides in the shadow.
    pub shadow: Arc<Shadow>,
    /// Where decisions are recorded.
    pub log: Arc<dyn DecisionLog>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Makes decision ids.
    pub ids: Arc<dyn IdSource>,
    /// Keys the argument digests in records.
    pub digest_key: DigestKey,
    /// Whether records hold arguments, redacted, beside their digest.
    pub records_arguments: bool,
    /// Watches answers being given.
    pub observer: Arc<dyn Observer>,
    /// Verifies who asks; `None`: every actor is the caller's word.
    pub identity: Option<Arc<IdentityVerifier>>,
    /// Verifies what the last link runs in; `None`: no evidence is taken.
    pub attestation: Option<Arc<AttestationVerifier>>,
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
pub struct Unrecorded(Box<Undelivered>);

#[derive(Debug)]
struct Undelivered {
    record: DecisionRecord,
    span: Option<CallSpan>,
}

/// What an enforcement point says of a call that was allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutcomeReport {
    /// The decision that allowed it.
    pub decision: DecisionId,
    /// How the call ended.
    pub status: CallStatus,
    /// How long it took.
    pub duration: Duration,
    /// A class of error; empty if there was none.
    pub error: String,
    /// Bytes of the result.
    pub result_bytes: u64,
    /// SHA-256 of the result, if it was said.
    pub result_digest: Option<Sha256Digest>,
    /// The span the report was sent from.
    pub trace: Option<TraceContext>,
}

impl Pdp {
    /// A decision point over these parts.
    #[must_use]
    pub const fn new(parts: PdpParts) -> Self {
        Self { parts }
    }

    /// Whether calls can be allowed: a snapshot is in force and not too old, and records can be
    /// kept.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        let PdpParts { snapshots, log, clock, .. } = &self.parts;
        let is_held = || self.while_held(clock.now()).is_some();
        snapshots.current().is_some() && log.is_available() && is_held()
    }

    /// Whether credentials are verified here.
    #[must_use]
    pub const fn verifies_identities(&self) -> bool {
        self.parts.identity.is_some()
    }

    /// Whether evidence of environments is verified here.
    #[must_use]
    pub const fn verifies_attestations(&self) -> bool {
        self.parts.attestation.is_some()
    }

    /// Who watches answers being given.
    #[must_use]
    pub fn observer(&self) -> &dyn Observer {
        self.parts.observer.as_ref()
    }

    /// Decides a call and records the decision. A policy deny is a decision.
    ///
    /// # Errors
    /// As for [`Pdp::decide`].
    pub async fn authorize(
        &self,
        call: impl Into<PresentedCall> + Send,
        request_id: Option<RequestId>,
    ) -> Result<Decision, AuthorizeError> {
        let call = call.into();
        let identified = self.identify(&call.credentials, &Asker::Anybody);
        Ok(self.record(self.decide(call, identified, &Asker::Anybody, request_id)?).await)
    }

    /// Decides a call: the part of [`Pdp::authorize`] that waits for nothing. `identified` is what
    /// [`Pdp::identify`] said of its credentials.
    ///
    /// # Errors
    /// No decision was made: no snapshot is in force, or not the one asked for.
    pub fn decide(
        &self,
        call: PresentedCall,
        identified: Result<Identified, IdentityRefusal>,
        asker: &Asker,
        request_id: Option<RequestId>,
    ) -> Result<Unrecorded, AuthorizeError> {
        let started = self.parts.clock.monotonic();
        let snapshot = self.take_snapshot(call.options.minimum_version)?;
        let span = self.parts.observer.begin(call.trace);
        let now = self.parts.clock.now();
        let verified = self.verify(&call, identified, asker, &snapshot, now);
        let Verified { chain, facts, evidence_digest } = match verified {
            Ok(verified) => verified,
            Err(refused) => {
                let made = Made { asker, request_id, started, now, span };
                return Ok(self.refused(&snapshot, call, *refused, made));
            }
        };
        let call = call.into_call(&chain);
        let answer = snapshot.answer(&call, &facts);
        let Answer { arguments_digest, tool, resource, verdict, validity } = answer.as_ref();
        let tool = tool.as_deref();
        let held = self.while_held(facts.now);
        let verdict = match held {
            Some(_) => Arc::clone(verdict),
            None => Arc::new(expired()),
        };
        let validity = validity.and(held.unwrap_or(Validity::ALWAYS));
        let validity = validity.and(while_proven(&chain, &facts));
        let decision = Decision {
            id: self.parts.ids.decision_id(facts.now),
            revision: Arc::clone(snapshot.shared_revision()),
            dry_run: call.options.dry_run,
            obligations: obligations(verdict.outcome, tool),
            valid_for: valid_for(call.options, tool, verdict.outcome, validity, facts.now),
            attestation_challenge: self.challenge_of(&verdict, &call, asker, facts.now),
            verdict: without_secrets(&verdict),
        };
        self.decide_in_shadow(&call, &facts, &decision, tool.is_some());
        let decide = self.parts.clock.monotonic().saturating_sub(started);
        let record = DecisionRecord {
            time: facts.now,
            decision,
            request_id,
            environment: call.environment,
            pep: asker.label().cloned(),
            chain: Some(call.chain),
            identity: call.identity,
            authentication: facts.authentication,
            attestation: facts.attestation.zip(evidence_digest),
            tool: call.tool,
            tool_digest: call.tool_digest,
            tier: tool.map(|tool| tool.tier),
            effect: tool.map(|tool| tool.effect),
            resource: resource.clone(),
            named_resource: call.resource,
            minimum_version: call.options.minimum_version,
            arguments_digest: self.parts.digest_key.digest(arguments_digest.as_bytes()),
            arguments: self.recorded_arguments(call.arguments, tool),
            trace: span.map(|span| span.context).or(call.trace),
            latency: RecordedLatency { decide },
        };
        Ok(Unrecorded(Box::new(Undelivered { record, span })))
    }

    fn recorded_arguments(&self, json: Vec<u8>, tool: Option<&Tool>) -> Option<ArgumentsRecord> {
        self.parts.records_arguments.then(|| ArgumentsRecord {
            json,
            redact: tool.map_or_else(Arc::default, |tool| Arc::clone(&tool.redact_arguments)),
        })
    }

    /// Records a decision; it counts only once its record is kept.
    pub async fn record(&self, Unrecorded(undelivered): Unrecorded) -> Decision {
        let Undelivered { record, span } = *undelivered;
        let PdpParts { log, clock, observer, .. } = &self.parts;
        let started = clock.monotonic();
        let appended = log.append(LogEntry::Decision(&record)).await;
        let record_for = clock.monotonic().saturating_sub(started);
        let answer = match appended {
            Ok(()) => None,
            Err(error) => {
                tracing::debug!(
                    error = %ErrorChain(&error),
                    decision_id = %record.decision.id,
                    "a decision could not be recorded and was denied"
                );
                Some(unrecorded(&record.decision))
            }
        };
        observer.decided(&Observation {
            answer: answer.as_ref().unwrap_or(&record.decision),
            span,
            decide: record.latency.decide,
            record_for,
            record: &record,
        });
        answer.unwrap_or(record.decision)
    }

    /// Records what became of an allowed call.
    ///
    /// # Errors
    /// It could not be recorded.
    pub async fn report_outcome(
        &self,
        report: OutcomeReport,
        asker: &Asker,
    ) -> Result<(), LogError> {
        let OutcomeReport { decision, status, duration, error, result_bytes, result_digest, trace } =
            report;
        let digest = |digest: Sha256Digest| self.parts.digest_key.digest(digest.as_bytes());
        let outcome = CallOutcome {
            time: self.parts.clock.now(),
            pep: asker.label().cloned(),
            decision,
            status,
            duration,
            error,
            result_bytes,
            result_digest: result_digest.map(digest),
            trace,
        };
        self.parts.log.append(LogEntry::Outcome(&outcome)).await?;
        self.parts.observer.reported(&outcome);
        Ok(())
    }

    /// Decides a call like [`Pdp::authorize`] and says why. Nothing is recorded.
    ///
    /// # Errors
    /// As for [`Pdp::authorize`].
    pub fn explain(
        &self,
        call: PresentedCall,
        identified: Result<Identified, IdentityRefusal>,
    ) -> Result<Explained, AuthorizeError> {
        let snapshot = self.take_snapshot(call.options.minimum_version)?;
        let mut facts = Facts::at(self.parts.clock.now());
        let (options, tool) = (call.options, snapshot.catalog().tool(&call.tool).cloned());
        let resolved = match identified {
            Ok(chain) => {
                facts.authentication.clone_from(&chain.authentication);
                snapshot.resolve(&call.into_call(&chain)).call.map_err(|refusal| refusal.reason)
            }
            Err(refusal) => Err(identify::reason(&refusal)),
        };
        let (verdict, validity, explanation) = match resolved {
            Ok(resolved) => {
                let explanation = snapshot.explain(&resolved, &facts);
                let Decided { verdict, validity } = explanation.decided.clone();
                (verdict, validity, Some(explanation))
            }
            Err(reason) => (Verdict::deny(reason), Validity::ALWAYS, None),
        };
        let held = self.while_held(facts.now);
        let verdict = if held.is_some() { verdict } else { expired() };
        let validity = validity.and(held.unwrap_or(Validity::ALWAYS));
        let tool = tool.as_ref();
        Ok(Explained {
            revision: Arc::clone(snapshot.shared_revision()),
            obligations: obligations(verdict.outcome, tool),
            valid_for: valid_for(options, tool, verdict.outcome, validity, facts.now),
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
        identified: &Result<Identified, IdentityRefusal>,
        asker: &Asker,
        environment: &Environment,
    ) -> Result<ToolList, ListToolsError> {
        let snapshot = self.parts.snapshots.current().ok_or(ListToolsError::NoSnapshot)?;
        let mut facts = Facts::at(self.parts.clock.now());
        let catalog = snapshot.catalog();
        let all_denied =
            |reason: &Reason| catalog.tools().map(|tool| denied(tool, reason)).collect();
        let prospects = match self.while_held(facts.now) {
            Some(_) => match identified {
                Ok(Identified { verified, authentication }) => {
                    facts.authentication.clone_from(authentication);
                    snapshot
                        .prospects(&verified.chain, Some(verified), environment, &facts)
                        .unwrap_or_else(|refusal| all_denied(&refusal.reason))
                }
                Err(refusal) => all_denied(&identify::reason(refusal)),
            },
            None => all_denied(&expired().reason),
        };
        let prospects = prospects.into_iter().map(|prospect| {
            match identify::not_entitled(asker, prospect.tool.as_str(), environment) {
                Some(reason) => ToolProspect {
                    prospect: Prospect::Deny,
                    reason,
                    determining: Vec::new(),
                    requirements: Vec::new(),
                    ..prospect
                },
                None => prospect,
            }
        });
        // A prospect is always of a catalogued tool.
        let listed = prospects.filter_map(|prospect| {
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

    /// Whether this version of the bundle or a later one is in force. True as well if none is: then
    /// there is nothing to wait for.
    #[must_use]
    pub fn holds(&self, version: u64) -> bool {
        version == 0
            || self.parts.snapshots.current().is_none_or(|s| version <= s.revision().version)
    }

    /// Waits until this version of the bundle or a later one is in force.
    pub async fn reached(&self, version: u64) {
        self.parts.snapshots.reached(version).await;
    }

    /// While what is in force decides; `None`: no longer.
    fn while_held(&self, now: EpochMillis) -> Option<Validity> {
        let Some(until) = self.parts.snapshots.decides_until() else {
            return Some(Validity::ALWAYS);
        };
        (now < until).then(|| Validity::between([until.as_millis()], now))
    }

    fn decide_in_shadow(
        &self,
        call: &ToolCall,
        facts: &Facts,
        decision: &Decision,
        tool_is_known: bool,
    ) {
        let PdpParts { shadow, observer, .. } = &self.parts;
        if shadow.takes(decision.id) {
            let call = ShadowCall {
                call: call.clone(),
                facts: facts.clone(),
                decision: decision.id,
                verdict: Arc::clone(&decision.verdict),
                revision: Arc::clone(&decision.revision),
                tool_is_known,
            };
            shadow.offer(call, observer.as_ref());
        }
    }
}

/// While the credentials and the attestation are good that a decision is made on.
fn while_proven(chain: &Identified, facts: &Facts) -> Validity {
    let ends = chain.verified.expires.into_iter();
    let ends = ends.chain(facts.attestation.as_ref().map(|attestation| attestation.expires_at));
    Validity::between(ends.map(EpochMillis::as_millis), facts.now)
}

/// The answer in place of one that could not be recorded.
// FAIL-CLOSED: an answer nobody can account for permits nothing.
fn unrecorded(decision: &Decision) -> Decision {
    let reason = Reason::new(
        ReasonCode::LogUnavailable,
        "the decision could not be recorded; tell whoever runs the decision point",
    );
    Decision {
        verdict: Arc::new(Verdict::deny(reason)),
        obligations: Obligations::default(),
        valid_for: Duration::ZERO,
        attestation_challenge: None,
        ..decision.clone()
    }
}

/// The answer to everything when nobody has vouched for the bundle for too long.
// FAIL-CLOSED: whoever keeps fresh metadata away could otherwise keep an old bundle in force.
fn expired() -> Verdict {
    Verdict::deny(Reason::new(
        ReasonCode::BundleExpired,
        "the bundle's metadata has expired and no fresh one came; tell whoever runs the decision \
         point",
    ))
}

/// The verdict with a sentence that may be shown and kept: one that quotes a request may quote a
/// secret.
fn without_secrets(verdict: &Arc<Verdict>) -> Arc<Verdict> {
    let Reason { code, sentence } = &verdict.reason;
    if !code.quotes_request() {
        return Arc::clone(verdict);
    }
    match palisade_redact::text(sentence, Scope::Secrets).text {
        Cow::Borrowed(_) => Arc::clone(verdict),
        Cow::Owned(sentence) => {
            let reason = Reason { code: *code, sentence };
            Arc::new(Verdict { reason, ..verdict.as_ref().clone() })
        }
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
