//! What the last link runs in, and everything else that is known before policies are asked.

use std::sync::Arc;
use std::time::Duration;

use palisade_attest::{Binding, Evidence, IssuedNonce};
use palisade_core::{
    Actor, AttestationChallenge, EpochMillis, Facts, Outcome, Reason, ReasonCode, Requirement,
    Sha256Digest, ToolCall, Verdict,
};
use palisade_engine::PolicySnapshot;
use palisade_identity::IdentityRefusal;

use super::Pdp;
use super::identify::{self, Refused};
use crate::error::ChallengeError;
use crate::presented::{Asker, Credentials, EvidencePiece, Identified, PresentedCall};

/// What is known of a call before policies are asked.
pub(super) struct Verified {
    pub(super) chain: Identified,
    pub(super) facts: Facts,
    pub(super) evidence_digest: Option<Sha256Digest>,
}

impl Pdp {
    /// Everything that has to hold before policies are asked, in the order that decides which
    /// reason wins.
    pub(super) fn verify(
        &self,
        call: &PresentedCall,
        identified: Result<Identified, IdentityRefusal>,
        asker: &Asker,
        snapshot: &PolicySnapshot,
        now: EpochMillis,
    ) -> Result<Verified, Box<Refused>> {
        let chain = identified.map_err(|refusal| {
            Box::new(Refused { reason: identify::reason(&refusal), chain: None })
        })?;
        let refuse =
            |reason| Box::new(Refused { reason, chain: Some(Arc::clone(&chain.verified)) });
        if let Some(reason) = identify::not_entitled(asker, &call.tool, &call.environment) {
            return Err(refuse(reason));
        }
        let mut facts = Facts::at(now);
        facts.authentication.clone_from(&chain.authentication);
        let mut evidence_digest = None;
        if !call.evidence.is_empty() {
            let proven = self.attest(call, &chain, asker, snapshot, now).map_err(&refuse)?;
            facts.attestation = Some(proven);
            evidence_digest = Some(digest(&call.evidence));
        }
        Ok(Verified { chain, facts, evidence_digest })
    }

    fn attest(
        &self,
        call: &PresentedCall,
        chain: &Identified,
        asker: &Asker,
        snapshot: &PolicySnapshot,
        now: EpochMillis,
    ) -> Result<Arc<palisade_core::Attestation>, Reason> {
        let invalid = || {
            // Which check failed is for our own log: an answer must not teach how to forge.
            Reason::new(ReasonCode::AttestationInvalid, "the attestation is not accepted")
        };
        let (Some(verifier), Some(actor)) =
            (&self.parts.attestation, chain.verified.chain.links().last())
        else {
            return Err(invalid());
        };
        let binding = Binding {
            requester: requester(asker),
            actor,
            key_thumbprint: chain.verified.key_thumbprint.as_ref(),
        };
        let piece = |piece: &EvidencePiece| (piece.media_type.clone(), piece.body.clone());
        let pieces: Vec<(String, Vec<u8>)> = call.evidence.iter().map(piece).collect();
        let evidence: Vec<Evidence<'_>> =
            pieces.iter().map(|(media_type, body)| Evidence { media_type, body }).collect();
        let proven = verifier.verify(&evidence, &binding, snapshot.reference_values(), now);
        proven.map_err(|refusal| {
            tracing::debug!(code = refusal.code, reason = %refusal.reason, "an attestation is refused");
            match refusal.reason {
                ReasonCode::AttestationExpired => Reason::new(
                    ReasonCode::AttestationExpired,
                    "the attestation is no longer good; ask for a nonce and attest again",
                ),
                _ => invalid(),
            }
        })
    }

    /// Gives a nonce for evidence about the chain's last link.
    ///
    /// # Errors
    /// The chain is not acceptable, nobody verifies attestations here, or there is no nonce.
    pub fn challenge(
        &self,
        credentials: &Credentials,
        asker: &Asker,
    ) -> Result<AttestationChallenge, ChallengeError> {
        let identified = self.identify(credentials, asker)?;
        let last = identified.verified.chain.links().last();
        let actor = last.ok_or(ChallengeError::NotConfigured)?;
        self.issue(actor, asker, self.parts.clock.now())
    }

    /// With a challenge that asks for attestation: what the evidence has to carry.
    pub(super) fn challenge_of(
        &self,
        verdict: &Verdict,
        call: &ToolCall,
        asker: &Asker,
        now: EpochMillis,
    ) -> Option<Arc<AttestationChallenge>> {
        let asks = verdict.outcome == Outcome::Challenge
            && verdict
                .requirements
                .iter()
                .any(|posted| matches!(posted.requirement, Requirement::Attestation { .. }));
        if !asks || call.options.dry_run || self.parts.attestation.is_none() {
            return None;
        }
        match self.issue(call.chain.links().last()?, asker, now) {
            Ok(challenge) => Some(Arc::new(challenge)),
            Err(error) => {
                // The requirement stands; whoever asks again later may get one.
                tracing::debug!(%error, "no nonce could be given");
                None
            }
        }
    }

    fn issue(
        &self,
        actor: &Actor,
        asker: &Asker,
        now: EpochMillis,
    ) -> Result<AttestationChallenge, ChallengeError> {
        let verifier = self.parts.attestation.as_ref().ok_or(ChallengeError::NotConfigured)?;
        let IssuedNonce { nonce, expires_at } =
            verifier.issue_nonce(requester(asker), actor, now)?;
        let lifetime = expires_at.as_millis().saturating_sub(now.as_millis());
        Ok(AttestationChallenge {
            nonce,
            lifetime: Duration::from_millis(u64::try_from(lifetime).unwrap_or(0)),
            accepted_media_types: verifier.accepted_media_types().into(),
        })
    }
}

/// Who evidence and nonces belong to.
fn requester(asker: &Asker) -> &str {
    asker.label().map_or("", AsRef::as_ref)
}

fn digest(evidence: &[EvidencePiece]) -> Sha256Digest {
    let digests = evidence.iter().map(|piece| *Sha256Digest::of(&piece.body).as_bytes());
    Sha256Digest::of(digests.collect::<Vec<_>>().as_flattened())
}
