//! Results that come as signed tokens: finds their verifier, and verifies them.

use std::sync::Arc;

use palisade_core::EpochMillis;
use palisade_jose::{Algorithm, Claims, CompactJws, JwsError, JwsLimits, KeySet};

use crate::appraisal::{Appraisal, Judgement, checked_subject, measurements, subject};
use crate::binding::{BoundBy, Expected, better};
use crate::config::{EarVerifier, MappedJwtVerifier, VerifierConfig, VerifierKind};
use crate::ear::{self, EarAppraisal, EarSubmod};
use crate::error::AttestationRefusal;
use crate::evidence::EVIDENCE_BYTES_MAX;
use crate::keys::{KeySnapshot, VerifierKeys};
use crate::validity::{AgeLimits, Lifetime};

/// What a token may have.
// LIMIT: Google's PKI tokens have a chain of certificates in their header.
const LIMITS: JwsLimits =
    JwsLimits { token_bytes: EVIDENCE_BYTES_MAX, header_bytes: 16 * 1024, claims_depth: 16 };

/// Types that a token may say it has; it need not say any (RFC 8725, section 3.11).
const TYPES: [&str; 2] = ["eat+jwt", "JWT"];

/// A verified token, and what it was verified with.
pub(crate) struct AppraisedToken {
    pub(crate) appraisal: Appraisal,
    pub(crate) keys: KeySnapshot,
}

/// Verifies one token.
///
/// Its claims, still unverified, choose the verifiers that could have issued it; from then on only
/// what those have signed counts.
///
/// # Errors
/// No verifier has issued it for this audience, it is not in force, it contradicts itself, or it is
/// bound to somebody else.
pub(crate) fn appraise(
    body: &[u8],
    verifiers: &[VerifierConfig],
    expected: &Expected,
    now: EpochMillis,
) -> Result<AppraisedToken, AttestationRefusal> {
    let text = str::from_utf8(body).map_err(|_bytes| refused(JwsError::Malformed))?;
    let token = CompactJws::parse(text, LIMITS).map_err(refused)?;
    let header = token.header();
    if header.typ().is_some() && !TYPES.into_iter().any(|typ| header.is_type(typ)) {
        // FAIL-CLOSED: a token that was issued for another purpose attests nothing.
        return Err(AttestationRefusal::invalid("token_type"));
    }
    let unverified = token.dangerous_unverified_claims().map_err(refused)?;
    let mut refusal = AttestationRefusal::invalid("unknown_verifier");
    for (place, verifier) in verifiers.iter().enumerate() {
        let Some(issuer) = Issuer::of(&verifier.kind).filter(|i| i.could_issue(unverified)) else {
            continue;
        };
        match issuer.verify(&token) {
            Ok((claims, keys)) => {
                let appraisal = issuer.appraise(&claims, verifier.age, expected, now)?;
                return Ok(AppraisedToken {
                    appraisal,
                    keys: KeySnapshot { verifier: place, keys },
                });
            }
            Err(error) => refusal = error,
        }
    }
    Err(refusal)
}

const fn refused(error: JwsError) -> AttestationRefusal {
    AttestationRefusal::invalid(error.code())
}

/// A verifier that issues tokens.
#[derive(Clone, Copy)]
enum Issuer<'a> {
    Ear(&'a EarVerifier),
    Mapped(&'a MappedJwtVerifier),
}

impl<'a> Issuer<'a> {
    const fn of(kind: &'a VerifierKind) -> Option<Self> {
        match kind {
            VerifierKind::Ear(ear) => Some(Self::Ear(ear)),
            VerifierKind::MappedJwt(mapped) => Some(Self::Mapped(mapped)),
            VerifierKind::Nitro(_) | VerifierKind::Tpm(_) => None,
        }
    }

    /// Whether a token can be by this verifier, by what it says itself.
    fn could_issue(self, unverified: &Claims) -> bool {
        let issuer = unverified.text("iss").ok().flatten();
        match self {
            Self::Ear(ear) => {
                let by_issuer = ear.issuer.as_deref().is_none_or(|wanted| issuer == Some(wanted));
                by_issuer && ear::is_profile(unverified)
            }
            Self::Mapped(mapped) => issuer.is_some() && issuer == mapped.issuer(),
        }
    }

    /// The claims, if the verifier has signed them; and the keys that say so.
    fn verify(self, token: &CompactJws<'_>) -> Result<(Claims, Arc<KeySet>), AttestationRefusal> {
        let (keys, allowed): (&dyn VerifierKeys, &[Algorithm]) = match self {
            Self::Ear(ear) => (&*ear.keys, &Algorithm::ALL),
            Self::Mapped(mapped) => (&*mapped.keys, &mapped.mapping.algorithms),
        };
        let key_id = token.header().key_id();
        let Some(current) = keys.current() else {
            keys.miss(key_id);
            return Err(AttestationRefusal::invalid("keys_unavailable"));
        };
        match token.verify(&current, allowed) {
            Ok(claims) => Ok((claims, current)),
            Err(error) => {
                if error == JwsError::UnknownKey {
                    keys.miss(key_id);
                }
                Err(refused(error))
            }
        }
    }

    fn appraise(
        self,
        claims: &Claims,
        age: AgeLimits,
        expected: &Expected,
        now: EpochMillis,
    ) -> Result<Appraisal, AttestationRefusal> {
        let audience = match self {
            Self::Ear(ear) => ear.audience.as_deref(),
            Self::Mapped(mapped) => mapped.audience.as_deref(),
        };
        check_audience(claims, audience)?;
        let lifetime = Lifetime::of_claims(claims, age, now)?;
        match self {
            Self::Ear(ear) => appraise_ear(claims, ear, expected, lifetime),
            Self::Mapped(mapped) => appraise_mapped(claims, mapped, expected, lifetime),
        }
    }
}

/// Whoever issued the token for an audience did not issue it for others (RFC 7519, section 4.1.3).
fn check_audience(claims: &Claims, wanted: Option<&str>) -> Result<(), AttestationRefusal> {
    const AUDIENCE: AttestationRefusal = AttestationRefusal::invalid("audience");
    let named = claims.texts("aud").map_err(|_type| AUDIENCE)?;
    match (named, wanted) {
        (None, None) => Ok(()),
        (Some(named), Some(wanted)) if named.contains(&wanted) => Ok(()),
        _ => Err(AUDIENCE),
    }
}

fn appraise_ear(
    claims: &Claims,
    verifier: &EarVerifier,
    expected: &Expected,
    lifetime: Lifetime,
) -> Result<Appraisal, AttestationRefusal> {
    let submod = EarSubmod::pick(claims, verifier.submod.as_deref())?;
    let bound = require(submod.bound(expected)?)?;
    let EarAppraisal { subject, tier, vector, measurements, debug } =
        submod.appraise(&verifier.measurements)?;
    let judgement = Judgement::Verifier(tier);
    Ok(Appraisal { subject, judgement, vector, lifetime, measurements, debug, bound })
}

fn appraise_mapped(
    claims: &Claims,
    verifier: &MappedJwtVerifier,
    expected: &Expected,
    lifetime: Lifetime,
) -> Result<Appraisal, AttestationRefusal> {
    let MappedJwtVerifier { mapping, .. } = verifier;
    let members = claims.as_map();
    let by_confirmation = expected.by_confirmation(members)?;
    let by_mapping = mapping.bound(members, expected)?;
    let bound = require(better(by_mapping.into_iter().chain(by_confirmation)))?;
    let judged = mapping.judge(members);
    let subject = match subject(members, &mapping.subject)? {
        Some(subject) => subject,
        None => checked_subject(verifier.issuer().unwrap_or_default())?,
    };
    Ok(Appraisal {
        subject,
        judgement: Judgement::Verifier(judged.tier),
        vector: judged.vector,
        lifetime,
        measurements: measurements(members, &mapping.measurements)?,
        debug: judged.debug,
        bound,
    })
}

/// FAIL-CLOSED: evidence that says nothing of who presents it could be anybody's.
fn require(bound: Option<BoundBy>) -> Result<BoundBy, AttestationRefusal> {
    bound.ok_or(AttestationRefusal::invalid("not_bound"))
}
