//! Decides a recorded call again, or says what the record lacks.
//!
//! Nothing is guessed. What a record lacks matters only if the answer could hang on it, and then
//! it is named. A call is checked in the order in which it was answered, so that what comes first
//! is decided even if the record lacks what comes later.

mod redacted;

use std::net::IpAddr;
use std::sync::Arc;

use cedar_policy::EntityUid;
use palisade_catalog::Tool;
use palisade_core::{
    Actor, ActorChain, ActorKind, Attestation, Authentication, ChainError, Environment,
    EpochMillis, Facts, IssuerName, Proof, ReasonCode, RequestOptions, Sha256Digest, Subject,
    ToolCall, Verdict, VerifiedChain,
};

use crate::call_scope::weakest_proof;
use crate::cedar_core::ContextPart;
use crate::context::Source;
use crate::names::{self, entity};
use crate::resolve::{self, Refusal};
use crate::snapshot::PolicySnapshot;

use redacted::RedactedArguments;

/// What was recorded of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedCall {
    /// Who asked, head first.
    pub chain: Vec<RecordedActor>,
    /// The tool's name as sent.
    pub tool: RecordedValue<String>,
    /// The digest of the tool definition the caller saw, if sent.
    pub tool_digest: Option<Sha256Digest>,
    /// The target the caller named, if any.
    pub named_resource: Option<RecordedResource>,
    /// Where the call came from, if the enforcement point said so.
    pub source_address: RecordedValue<Option<IpAddr>>,
    /// The instant it was decided at.
    pub time: EpochMillis,
    /// How the head had signed in, if that was known.
    pub authentication: Option<Arc<Authentication>>,
    /// What was proven of the last link's environment, if anything was.
    pub attestation: Option<Arc<Attestation>>,
    /// The arguments.
    pub arguments: RecordedArguments,
    /// The code of the reason it was answered with; `None`: one that is not known here.
    pub reason: Option<ReasonCode>,
}

/// A value of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordedValue<T> {
    /// As it was sent.
    Known(T),
    /// Masked, wholly or in part.
    Redacted,
}

/// One link of a recorded chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedActor {
    /// What kind of actor it is.
    pub kind: ActorKind,
    /// Who vouches for it.
    pub issuer: RecordedValue<IssuerName>,
    /// Its name there.
    pub subject: RecordedValue<Subject>,
    /// How it was proven.
    pub proof: Proof,
}

/// The target a caller named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedResource {
    /// Its entity type.
    pub entity_type: RecordedValue<String>,
    /// Its entity id.
    pub id: RecordedValue<String>,
}

/// The arguments of a recorded call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordedArguments {
    /// Left out.
    NotRecorded,
    /// Kept.
    Recorded {
        /// As JSON, with masks in the place of what was redacted.
        text: Vec<u8>,
        /// What was redacted: JSON pointers into `text`, the empty one for all of it.
        redacted: Vec<String>,
    },
}

/// What came of a replay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Replayed {
    /// What the snapshot answers to the call. Without recorded arguments this holds for arguments
    /// that fit the tool, which they did when the call was answered.
    Decided(Verdict),
    /// The answer could hang on something that was not recorded.
    NotReplayable {
        /// What that is, e.g. `arguments`, `arguments.card`, `source_address` or
        /// `chain[1].subject`.
        field: String,
    },
}

/// Something that a record lacks and that an answer could hang on.
#[derive(Debug)]
struct Lacking(String);

impl RecordedCall {
    fn facts(&self) -> Facts {
        Facts {
            now: self.time,
            cures: Vec::new(),
            authentication: self.authentication.clone(),
            attestation: self.attestation.clone(),
        }
    }

    /// The chain with how its links were proven; what their credentials claimed is not recorded.
    fn identity(&self, chain: &ActorChain) -> Arc<VerifiedChain> {
        let mut identity = VerifiedChain::asserted(chain.clone());
        for (link, recorded) in identity.links.iter_mut().zip(&self.chain) {
            link.proof = recorded.proof;
        }
        Arc::new(identity)
    }
}

impl PolicySnapshot {
    /// Decides a recorded call again, with no approval, confirmation or step-up: a record of this
    /// version holds none. The same call with everything recorded gets what
    /// [`answer`](Self::answer) gives at its time.
    #[must_use]
    pub fn replay(&self, recorded: &RecordedCall) -> Replayed {
        match self.replay_recorded(recorded) {
            Ok(verdict) => Replayed::Decided(verdict),
            Err(Lacking(field)) => Replayed::NotReplayable { field },
        }
    }

    fn replay_recorded(&self, recorded: &RecordedCall) -> Result<Verdict, Lacking> {
        let chain = chain(&recorded.chain)?;
        let call = ToolCall {
            identity: Some(recorded.identity(&chain)),
            chain,
            tool: known(&recorded.tool, || "tool".to_owned())?.clone(),
            tool_digest: recorded.tool_digest,
            arguments: Vec::new(),
            // Compared apart, because parts of it may not be known.
            resource: None,
            environment: Environment {
                source_address: match recorded.source_address {
                    RecordedValue::Known(address) => address,
                    RecordedValue::Redacted => None,
                },
                pep_request_id: None,
            },
            options: RequestOptions::default(),
            trace: None,
        };
        let Some(tool) = self.tool(&call.tool) else {
            // Refused whatever the arguments are.
            return match self.resolve(&call).call {
                Err(refusal) => Ok(denied(refusal)),
                Ok(_) => Err(Lacking("tool".to_owned())),
            };
        };
        let tool = Arc::clone(&tool.tool);
        if let Err(refusal) = self.principals(&call.chain, None) {
            return Ok(denied(refusal));
        }
        self.check_claims(recorded)?;
        if let Err(refusal) = resolve::check_definition(&call, &tool) {
            return Ok(denied(refusal));
        }
        match &recorded.arguments {
            RecordedArguments::NotRecorded => self.replay_without_arguments(recorded, &call, &tool),
            RecordedArguments::Recorded { text, redacted } => {
                let redacted = RedactedArguments::of(text, redacted)?;
                let call = ToolCall { arguments: text.clone(), ..call };
                self.replay_with_arguments(recorded, &call, &redacted)
            }
        }
    }

    fn replay_with_arguments(
        &self,
        recorded: &RecordedCall,
        call: &ToolCall,
        redacted: &RedactedArguments,
    ) -> Result<Verdict, Lacking> {
        if let Some(tool) = self.tool(&call.tool) {
            redacted.check_form(&tool.tool, proves_fit(recorded.reason))?;
        }
        let resolved = match self.resolve(call).call {
            Ok(resolved) => resolved,
            // A mask is no reason to refuse a call.
            Err(refusal) => return redacted.first().map_or_else(|| Ok(denied(refusal)), Err),
        };
        if let Some(refusal) = check_named(recorded, &resolved.scope.resource)? {
            return Ok(denied(refusal));
        }
        let links = &resolved.scope.links;
        let is_known = matches!(recorded.source_address, RecordedValue::Known(_));
        if !is_known && links.iter().any(|link| link.parts.has(ContextPart::SourceIp)) {
            return Err(Lacking("source_address".to_owned()));
        }
        let tool = &resolved.scope.tool;
        let numbers = links.iter().flat_map(|link| &link.argument_reads);
        let reads = numbers.filter_map(|number| tool.reads.get(*number));
        redacted.check_reads(&tool.tool, &reads.collect::<Vec<_>>())?;
        Ok(self.decide_afresh(&resolved, &recorded.facts()).verdict)
    }

    fn replay_without_arguments(
        &self,
        recorded: &RecordedCall,
        call: &ToolCall,
        tool: &Tool,
    ) -> Result<Verdict, Lacking> {
        let arguments = || Lacking("arguments".to_owned());
        if !proves_fit(recorded.reason) {
            return Err(arguments());
        }
        if tool.resource.is_some() && recorded.named_resource.is_some() {
            return Err(arguments());
        }
        if let Some(refusal) = check_named(recorded, &entity(&names::TOOL, tool.name.as_str()))? {
            return Ok(denied(refusal));
        }
        let principals = match self.principals(&call.chain, call.identity.as_deref()) {
            Ok(principals) => principals,
            Err(refusal) => return Ok(denied(refusal)),
        };
        let facts = recorded.facts();
        let proof = weakest_proof(&principals);
        let principals: Vec<EntityUid> =
            principals.into_iter().map(|principal| principal.uid).collect();
        let source = Source {
            tool,
            principals: &principals,
            proof,
            arguments: None,
            source_address: call.environment.source_address,
            facts: &facts,
        };
        let is_known = matches!(recorded.source_address, RecordedValue::Known(_));
        if !is_known && self.may_read(&source, ContextPart::SourceIp) {
            return Err(Lacking("source_address".to_owned()));
        }
        self.certain_verdict(&source).ok_or_else(arguments)
    }
}

impl PolicySnapshot {
    /// Records do not hold what credentials claim.
    // FAIL-CLOSED: of a link that was proven, claims count as there.
    fn check_claims(&self, recorded: &RecordedCall) -> Result<(), Lacking> {
        let links = recorded.chain.iter().enumerate();
        let mut with_claims =
            links.filter(|(_, link)| link.proof > Proof::Asserted && self.claims.sees(link.kind));
        with_claims.next().map_or(Ok(()), |(at, _)| Err(Lacking(format!("chain[{at}].claims"))))
    }
}

fn denied(refusal: Refusal) -> Verdict {
    Verdict::deny(refusal.reason)
}

fn known<T>(value: &RecordedValue<T>, field: impl FnOnce() -> String) -> Result<&T, Lacking> {
    match value {
        RecordedValue::Known(value) => Ok(value),
        RecordedValue::Redacted => Err(Lacking(field())),
    }
}

fn chain(links: &[RecordedActor]) -> Result<ActorChain, Lacking> {
    let link = |(at, link): (usize, &RecordedActor)| {
        let RecordedActor { kind, issuer, subject, proof: _ } = link;
        Ok(Actor {
            kind: *kind,
            issuer: known(issuer, || format!("chain[{at}].issuer"))?.clone(),
            subject: known(subject, || format!("chain[{at}].subject"))?.clone(),
        })
    };
    let links = links.iter().enumerate().map(link).collect::<Result<_, Lacking>>()?;
    match ActorChain::new(links) {
        Ok(chain) => Ok(chain),
        Err(ChainError::Empty | ChainError::TooLong { .. }) => Err(Lacking("chain".to_owned())),
    }
}

/// Compares the target the caller named with the one the call acts on.
fn check_named(recorded: &RecordedCall, derived: &EntityUid) -> Result<Option<Refusal>, Lacking> {
    let Some(RecordedResource { entity_type, id }) = &recorded.named_resource else {
        return Ok(None);
    };
    let parts = [
        ("named_resource.type", entity_type, derived.type_name().to_string()),
        ("named_resource.id", id, derived.id().unescaped().to_owned()),
    ];
    // One part that differs is enough, whatever the other was.
    let differs = |(_, named, derived): &(_, &RecordedValue<String>, String)| matches!(named, RecordedValue::Known(named) if named != derived);
    if parts.iter().any(differs) {
        return Ok(Some(resolve::resource_mismatch(derived)));
    }
    for (field, named, _) in parts {
        known(named, || field.to_owned())?;
    }
    Ok(None)
}

/// Whether an answer with this reason was given only after the arguments were found to fit.
// FAIL-CLOSED: of a reason that is not known, nothing follows.
const fn proves_fit(reason: Option<ReasonCode>) -> bool {
    match reason {
        Some(
            ReasonCode::EvaluationError
            | ReasonCode::NoPermit
            | ReasonCode::Permitted
            | ReasonCode::PolicyForbid
            | ReasonCode::RequirementsUnmet
            | ReasonCode::ResourceMismatch,
        ) => true,
        Some(
            ReasonCode::AgentNotAutonomous
            | ReasonCode::ArgsNotRepresentable
            | ReasonCode::AttestationExpired
            | ReasonCode::AttestationInvalid
            | ReasonCode::BundleExpired
            | ReasonCode::ChainCycle
            | ReasonCode::ChainTooDeep
            | ReasonCode::DependsOnArguments
            | ReasonCode::ForeignNamespace
            | ReasonCode::InvalidArguments
            | ReasonCode::LogUnavailable
            | ReasonCode::Revoked
            | ReasonCode::PepNotEntitled
            | ReasonCode::ToolChanged
            | ReasonCode::UnknownIssuer
            | ReasonCode::UnknownTool
            | ReasonCode::UnlinkedChain
            | ReasonCode::UnverifiedActor,
        )
        | None => false,
    }
}
