//! The front: evidence in, one attestation of the last link out.

use std::sync::Arc;

use palisade_catalog::ReferenceValues;
use palisade_core::{Actor, Attestation, EpochMillis};

use crate::appraisal::Appraisal;
use crate::binding::{Binding, BoundBy, Expected};
use crate::cache::{AttestationCache, CacheKey, Verified};
use crate::code_identity::{self, CodeTrust, DSSE_TYPE, ProvenanceForm, SIGSTORE_BUNDLE_TYPE};
use crate::conclusion::conclude;
use crate::config::{
    self, AttestationConfig, AttestationConfigError, VerifierConfig, VerifierKind,
};
use crate::error::AttestationRefusal;
use crate::evidence::{EAT_JWT_TYPE, Evidence, JWT_TYPE, check_bounds};
use crate::keys::KeySnapshot;
use crate::nitro::NITRO_EVIDENCE_TYPE;
use crate::nitro_verifier;
use crate::nonce::{Holder, IssueNonceError, IssuedNonce, NONCE_BYTES, NonceSource, Nonces};
use crate::token::{self, AppraisedToken};
use crate::tpm::TPM_EVIDENCE_TYPE;
use crate::tpm_verifier;

/// Verifies attestations, and remembers those it has verified.
#[derive(Debug)]
pub struct AttestationVerifier {
    verifiers: Vec<VerifierConfig>,
    code: Option<CodeTrust>,
    nonces: Nonces,
    cache: AttestationCache,
}

/// What is known of evidence that was verified before.
enum Seen {
    /// It still holds.
    Holds(Arc<Attestation>),
    /// Keys have changed since; it has spent this nonce.
    KeysChanged(Option<[u8; NONCE_BYTES]>),
    /// Nothing.
    Never,
}

/// What one piece of evidence is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    NitroDocument,
    Provenance(ProvenanceForm),
    Token,
    TpmQuote,
}

impl AttestationVerifier {
    /// A verifier that believes those who are configured, with nonces from `source`.
    ///
    /// # Errors
    /// The configuration is not usable.
    pub fn new(
        config: AttestationConfig,
        source: Box<dyn NonceSource>,
    ) -> Result<Self, AttestationConfigError> {
        let AttestationConfig { verifiers, code, nonces, cache_bytes } = config;
        config::check(&verifiers)?;
        let nonces = Nonces::new(nonces, source);
        Ok(Self { verifiers, code, nonces, cache: AttestationCache::new(cache_bytes) })
    }

    /// A nonce for evidence that `requester` will present for `actor`.
    ///
    /// # Errors
    /// As many are live as may be, or there is no randomness.
    pub fn issue_nonce(
        &self,
        requester: &str,
        actor: &Actor,
        now: EpochMillis,
    ) -> Result<IssuedNonce, IssueNonceError> {
        self.nonces.issue(requester, actor, now)
    }

    /// What the evidence proves of the last link's environment.
    ///
    /// Evidence that carries a nonce of ours spends it. The same evidence, presented again by the
    /// same requester for the same actor under the same reference values, is answered from memory
    /// until it expires.
    ///
    /// # Errors
    /// The evidence is not by a configured verifier, not in force, not bound to the last link, or
    /// otherwise in doubt.
    pub fn verify(
        &self,
        evidence: &[Evidence<'_>],
        binding: &Binding<'_>,
        reference: &ReferenceValues,
        now: EpochMillis,
    ) -> Result<Arc<Attestation>, AttestationRefusal> {
        check_bounds(evidence)?;
        let holder = Holder::new(binding.requester, binding.actor);
        let key = CacheKey::new(evidence, holder, binding, reference.digest());
        let seen = self.seen(&key, now)?;
        let nonces = match &seen {
            Seen::Holds(attestation) => return Ok(Arc::clone(attestation)),
            Seen::KeysChanged(spent) => spent.iter().copied().collect(),
            Seen::Never => self.nonces.held(holder, now),
        };
        let expected = Expected::new(&nonces, binding.key_thumbprint);
        let appraised = self.appraise(evidence, &expected, now);
        let (verifier, appraisal, keys) = match appraised {
            Ok(appraised) => appraised,
            // Its nonce may have been spent since we looked, by the same evidence.
            Err(refusal) => return self.seen_meanwhile(&key, now, refusal),
        };
        let bound = appraisal.bound;
        let attestation = Arc::new(conclude(&verifier.name, appraisal, reference)?);
        let nonce = match bound {
            BoundBy::Key => None,
            BoundBy::Nonce(nonce) => Some(nonce),
        };
        let verified = Verified { attestation: Arc::clone(&attestation), nonce, keys };
        let insert = || self.cache.insert(key, verified);
        match nonce {
            Some(nonce) if matches!(seen, Seen::Never) => {
                if !self.nonces.consume(holder, &nonce, now, insert) {
                    // FAIL-CLOSED: a nonce is good for one attestation.
                    let refusal = AttestationRefusal::invalid("nonce_spent");
                    return self.seen_meanwhile(&key, now, refusal);
                }
            }
            // INVARIANT: no nonce, or one that this very evidence has spent before.
            _ => insert(),
        }
        Ok(attestation)
    }

    /// Media types of the evidence that the configured verifiers take.
    #[must_use]
    pub fn accepted_media_types(&self) -> Vec<String> {
        let mut types = Vec::new();
        for VerifierConfig { kind, .. } in &self.verifiers {
            match kind {
                VerifierKind::Ear(_) | VerifierKind::MappedJwt(_) => {
                    types.extend([EAT_JWT_TYPE, JWT_TYPE]);
                }
                VerifierKind::Nitro(_) => types.push(NITRO_EVIDENCE_TYPE),
                VerifierKind::Tpm(_) => types.push(TPM_EVIDENCE_TYPE),
            }
        }
        if let Some(code) = &self.code {
            types.push(DSSE_TYPE);
            types.extend(code.trusted_root.is_some().then_some(SIGSTORE_BUNDLE_TYPE));
        }
        types.sort_unstable();
        types.dedup();
        types.into_iter().map(str::to_owned).collect()
    }

    /// Reference values that nothing can meet, because nobody has configured their verifier: the
    /// value's name and the verifier's. For whoever loads a bundle to tell its author.
    #[must_use]
    pub fn unknown_verifiers<'a>(&self, reference: &'a ReferenceValues) -> Vec<(&'a str, &'a str)> {
        let known = |name: &str| self.verifiers.iter().any(|config| config.name == name);
        reference
            .iter()
            .map(|(name, value)| (name, value.verifier.as_str()))
            .filter(|(_, verifier)| !known(verifier))
            .collect()
    }

    /// Whether this evidence was verified before.
    ///
    /// # Errors
    /// It was, and is no longer good.
    fn seen(&self, key: &CacheKey, now: EpochMillis) -> Result<Seen, AttestationRefusal> {
        let Some(Verified { attestation, nonce, keys }) = self.cache.get(key) else {
            return Ok(Seen::Never);
        };
        if now >= attestation.expires_at {
            self.cache.remove(key);
            return Err(AttestationRefusal::expired("expired"));
        }
        let unchanged = keys.is_none_or(|before| self.has_same_keys(&before));
        Ok(if unchanged { Seen::Holds(attestation) } else { Seen::KeysChanged(nonce) })
    }

    fn has_same_keys(&self, before: &KeySnapshot) -> bool {
        let keys = match self.verifiers.get(before.verifier).map(|config| &config.kind) {
            Some(VerifierKind::Ear(ear)) => ear.keys.current(),
            Some(VerifierKind::MappedJwt(mapped)) => mapped.keys.current(),
            Some(VerifierKind::Nitro(_) | VerifierKind::Tpm(_)) | None => None,
        };
        keys.is_some_and(|keys| Arc::ptr_eq(&keys, &before.keys))
    }

    /// What another thread has made of the same evidence since we looked; otherwise the refusal.
    ///
    /// Whoever spends a nonce remembers the evidence before anybody can see it spent, so the same
    /// evidence that is presented many times at once is accepted every time.
    fn seen_meanwhile(
        &self,
        key: &CacheKey,
        now: EpochMillis,
        refusal: AttestationRefusal,
    ) -> Result<Arc<Attestation>, AttestationRefusal> {
        match self.seen(key, now)? {
            Seen::Holds(attestation) => Ok(attestation),
            Seen::KeysChanged(_) | Seen::Never => Err(refusal),
        }
    }

    /// Verifies the one attestation among the evidence.
    fn appraise(
        &self,
        evidence: &[Evidence<'_>],
        expected: &Expected,
        now: EpochMillis,
    ) -> Result<(&VerifierConfig, Appraisal, Option<KeySnapshot>), AttestationRefusal> {
        let mut attestation = None;
        let mut provenance = None;
        for piece in evidence {
            let form = form_of(piece).ok_or(AttestationRefusal::invalid("media_type"))?;
            if let Form::Provenance(form) = form {
                // FAIL-CLOSED: the builder of one and the source of another are no provenance.
                if provenance.replace((form, piece.body)).is_some() {
                    return Err(AttestationRefusal::invalid("several_provenances"));
                }
                continue;
            }
            // FAIL-CLOSED: of two attestations nobody knows which one is meant.
            if attestation.replace((form, piece.body)).is_some() {
                return Err(AttestationRefusal::invalid("several_attestations"));
            }
        }
        let (form, body) = attestation.ok_or(AttestationRefusal::invalid("no_attestation"))?;
        let (place, mut appraisal, keys) = match form {
            Form::NitroDocument => {
                let (place, appraisal) =
                    nitro_verifier::appraise(body, &self.verifiers, expected, now)?;
                (place, appraisal, None)
            }
            Form::Provenance(_) => return Err(AttestationRefusal::invalid("no_attestation")),
            Form::Token => {
                let AppraisedToken { appraisal, keys } =
                    token::appraise(body, &self.verifiers, expected, now)?;
                (keys.verifier, appraisal, Some(keys))
            }
            Form::TpmQuote => {
                let (place, appraisal) =
                    tpm_verifier::appraise(body, &self.verifiers, expected, now)?;
                (place, appraisal, None)
            }
        };
        if let Some((form, body)) = provenance {
            let trust = self.code.as_ref();
            let measured = code_identity::appraise(form, body, trust, &appraisal.measurements)?;
            appraisal.measurements.extend(measured);
        }
        let verifier = self.verifiers.get(place);
        let verifier = verifier.ok_or(AttestationRefusal::invalid("unknown_verifier"))?;
        Ok((verifier, appraisal, keys))
    }
}

fn form_of(piece: &Evidence<'_>) -> Option<Form> {
    let forms = [
        (DSSE_TYPE, Form::Provenance(ProvenanceForm::Dsse)),
        (EAT_JWT_TYPE, Form::Token),
        (JWT_TYPE, Form::Token),
        (NITRO_EVIDENCE_TYPE, Form::NitroDocument),
        (SIGSTORE_BUNDLE_TYPE, Form::Provenance(ProvenanceForm::Sigstore)),
        (TPM_EVIDENCE_TYPE, Form::TpmQuote),
    ];
    forms.into_iter().find(|(media_type, _)| piece.is(media_type)).map(|(_, form)| form)
}

#[cfg(test)]
mod tests;
