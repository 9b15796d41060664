//! A decision's record as the call it was about, as far as the record tells.

use std::sync::Arc;

use palisade_core::{
    ActorKind, Attestation, Authentication, EpochMillis, IssuerName, Outcome, Proof, ReasonCode,
    Subject, TrustTier,
};
use palisade_engine::{
    RecordedActor, RecordedArguments, RecordedCall, RecordedResource, RecordedValue,
};
use palisade_proto::v1;

use super::Said;

/// What was answered, and to what; `None`: the record is not one of this version's.
pub(in crate::cli) fn read(
    time: EpochMillis,
    entry: &v1::DecisionEntry,
) -> Option<(Said, RecordedCall)> {
    let reason = entry.reason.clone().unwrap_or_default();
    let said = Said {
        outcome: match entry.outcome() {
            v1::Outcome::Allow => Outcome::Allow,
            v1::Outcome::Challenge => Outcome::Challenge,
            v1::Outcome::Deny => Outcome::Deny,
            v1::Outcome::Unspecified => return None,
        },
        reason: reason.code.clone(),
        policies: reason.determining_policies,
    };
    let redacted = Redacted(&entry.redactions);
    let chain = entry.chain.iter().enumerate();
    let call = RecordedCall {
        chain: chain.map(|(at, link)| actor(at, link, redacted)).collect::<Option<_>>()?,
        tool: redacted.value("/tool", || Some(entry.tool.clone()))?,
        tool_digest: match entry.tool_digest.as_str() {
            "" => None,
            digest => Some(digest.parse().ok()?),
        },
        named_resource: match &entry.named_resource {
            None => None,
            Some(v1::Resource { r#type, id }) => Some(RecordedResource {
                entity_type: redacted.value("/named_resource/type", || Some(r#type.clone()))?,
                id: redacted.value("/named_resource/id", || Some(id.clone()))?,
            }),
        },
        source_address: redacted.value("/source_address", || {
            match entry.source_address.as_str() {
                "" => Some(None),
                address => Some(Some(address.parse().ok()?)),
            }
        })?,
        time,
        authentication: entry.authentication.as_ref().map(authentication),
        attestation: match &entry.attestation {
            None => None,
            Some(summary) => Some(attestation(summary)?),
        },
        arguments: arguments(&entry.arguments, redacted),
        reason: ReasonCode::ALL.iter().copied().find(|code| code.as_str() == reason.code),
    };
    Some((said, call))
}

fn actor(at: usize, actor: &v1::RecordedActor, redacted: Redacted<'_>) -> Option<RecordedActor> {
    let v1::RecordedActor { kind: _, issuer, subject, proof: _ } = actor;
    Some(RecordedActor {
        kind: match actor.kind() {
            v1::ActorKind::Agent => ActorKind::Agent,
            v1::ActorKind::Service => ActorKind::Service,
            v1::ActorKind::User => ActorKind::User,
            v1::ActorKind::Unspecified => return None,
        },
        issuer: redacted
            .value(&format!("/chain/{at}/issuer"), || IssuerName::new(issuer.as_str()).ok())?,
        subject: redacted
            .value(&format!("/chain/{at}/subject"), || Subject::new(subject.as_str()).ok())?,
        proof: match actor.proof() {
            v1::Proof::Asserted | v1::Proof::Unspecified => Proof::Asserted,
            v1::Proof::Bearer => Proof::Bearer,
            v1::Proof::KeyBound => Proof::KeyBound,
        },
    })
}

fn authentication(known: &v1::RecordedAuthentication) -> Arc<Authentication> {
    let v1::RecordedAuthentication { acr, amr, time_unix_ms } = known;
    Arc::new(Authentication {
        acr: (!acr.is_empty()).then(|| acr.clone()),
        amr: amr.clone(),
        time: time_unix_ms.map(EpochMillis::new),
    })
}

/// `None`: it is not one of this version's.
fn attestation(summary: &v1::AttestationSummary) -> Option<Arc<Attestation>> {
    let v1::AttestationSummary {
        tier,
        issued_at_unix_ms,
        evidence_digest: _,
        verifier,
        subject,
        vector,
        expires_at_unix_ms,
        measurements,
        references,
        debug,
        nonce_fresh,
    } = summary;
    let claim =
        |claim: &v1::TrustClaim| Some((claim.category.clone(), i8::try_from(claim.value).ok()?));
    Some(Arc::new(Attestation {
        verifier: verifier.clone(),
        subject: subject.clone(),
        tier: TrustTier::ALL.into_iter().find(|known| known.as_str() == tier)?,
        vector: vector.iter().map(claim).collect::<Option<_>>()?,
        issued_at: EpochMillis::new(*issued_at_unix_ms),
        expires_at: EpochMillis::new(*expires_at_unix_ms),
        measurements: measurements.clone(),
        references: references.clone(),
        debug: *debug,
        nonce_fresh: *nonce_fresh,
    }))
}

fn arguments(text: &str, redacted: Redacted<'_>) -> RecordedArguments {
    if text.is_empty() {
        return RecordedArguments::NotRecorded;
    }
    let below = |redaction: &v1::Redaction| {
        let pointer = redaction.pointer.strip_prefix("/arguments")?;
        (pointer.is_empty() || pointer.starts_with('/')).then(|| pointer.to_owned())
    };
    RecordedArguments::Recorded {
        text: text.as_bytes().to_vec(),
        redacted: redacted.0.iter().filter_map(below).collect(),
    }
}

/// What of a record does not read as it was sent.
#[derive(Clone, Copy)]
struct Redacted<'a>(&'a [v1::Redaction]);

impl Redacted<'_> {
    /// The value at a place, unless it was masked; `None`: it cannot be read.
    fn value<T>(self, pointer: &str, read: impl FnOnce() -> Option<T>) -> Option<RecordedValue<T>> {
        if self.0.iter().any(|redaction| redaction.pointer == pointer) {
            return Some(RecordedValue::Redacted);
        }
        read().map(RecordedValue::Known)
    }
}
