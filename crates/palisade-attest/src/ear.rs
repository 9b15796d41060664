//! EAT attestation results (draft-ietf-rats-ear): a verifier's tier and trust vector, signed.
//!
//! The claims have two spellings: `ear.status` of the verifiers that are deployed, and `ear_status`
//! of the later drafts. Both are read; a result that says one thing in both is refused, because
//! nobody can tell which of them another reader takes.

use serde_json::{Map, Value};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use palisade_core::TrustTier;
use palisade_jose::{Claims, PublicKey};

use crate::appraisal::{checked_subject, measurements};
use crate::binding::{BoundBy, Expected, better};
use crate::error::AttestationRefusal;
use crate::mapping::MeasurementClaim;
use crate::trust::{overall, read_status, read_vector, tier_of_value, worse};

/// Profile of the deployed spelling.
const PROFILE_VERAISON: &str = "tag:github.com,2023:veraison/ear";

/// Profile of the drafts; the fragment is the draft's number.
const PROFILE_IETF: &str = "tag:ietf.org,2026:rats/ear#";

/// Parts of an environment in one result.
// LIMIT: a machine has a handful of parts that are appraised one by one.
pub const SUBMODS_MAX: usize = 32;

/// Whether claims are those of an EAR, by `eat_profile`. With any fragment: it counts drafts.
pub(crate) fn is_profile(claims: &Claims) -> bool {
    let profile = claims.text("eat_profile").ok().flatten().unwrap_or_default();
    let ietf = profile.strip_prefix(PROFILE_IETF);
    profile == PROFILE_VERAISON || ietf.is_some_and(|fragment| !fragment.is_empty())
}

/// What a result says of one part of an environment.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct EarAppraisal {
    pub(crate) subject: String,
    pub(crate) tier: TrustTier,
    pub(crate) vector: Vec<(String, i8)>,
    pub(crate) measurements: Vec<String>,
    pub(crate) debug: bool,
}

/// The part of a result that counts.
pub(crate) struct EarSubmod<'a> {
    claims: &'a Claims,
    label: &'a str,
    submod: &'a Map<String, Value>,
}

impl<'a> EarSubmod<'a> {
    /// The part with this label; without one there has to be exactly one part.
    ///
    /// # Errors
    /// No EAR, or not such a part.
    pub(crate) fn pick(
        claims: &'a Claims,
        label: Option<&str>,
    ) -> Result<Self, AttestationRefusal> {
        if !is_profile(claims) {
            return Err(AttestationRefusal::invalid("profile"));
        }
        check_verifier_id(claims.as_map())?;
        let submods = claims.object("submods").ok().flatten();
        let submods = submods
            .filter(|submods| (1..=SUBMODS_MAX).contains(&submods.len()))
            .ok_or(AttestationRefusal::invalid("submods_malformed"))?;
        let mut named = submods.iter();
        let picked = match label {
            Some(label) => named.find(|(name, _)| *name == label),
            // FAIL-CLOSED: which of several is meant cannot be guessed.
            None => named.next().filter(|_| submods.len() == 1),
        };
        let (label, submod) = picked.ok_or(AttestationRefusal::invalid("submods_ambiguous"))?;
        let submod = submod.as_object().ok_or(AttestationRefusal::invalid("submods_malformed"))?;
        Ok(Self { claims, label, submod })
    }

    /// What ties the result to the last link: the nonce in it, `cnf`, or the attested key.
    ///
    /// The result as a whole and its part can have a nonce each: that of the result, and that of
    /// the evidence behind it. Where both stand both have to be ours, or one of the two is old.
    ///
    /// # Errors
    /// One of them is malformed, or `cnf` confirms another key.
    pub(crate) fn bound(&self, expected: &Expected) -> Result<Option<BoundBy>, AttestationRefusal> {
        let places = [self.claims.as_map().get("eat_nonce"), self.submod.get("eat_nonce")];
        let mut nonces = Vec::new();
        for place in places.into_iter().flatten() {
            nonces.push(expected.by_claim(place)?);
        }
        let by_nonce: Option<Vec<BoundBy>> = nonces.into_iter().collect();
        let by_confirmation = expected.by_confirmation(self.claims.as_map())?;
        let found = by_nonce.into_iter().flatten().chain(by_confirmation);
        Ok(better(found.chain(self.by_attested_key(expected)?)))
    }

    /// Veraison's key attestation: the public key, as `SubjectPublicKeyInfo`, of a private key that
    /// never leaves the environment.
    fn by_attested_key(&self, expected: &Expected) -> Result<Option<BoundBy>, AttestationRefusal> {
        let names = ["ear.veraison.key-attestation", "ear_veraison_key_attestation"];
        let Some(attested) = spelled(self.submod, names)? else {
            return Ok(None);
        };
        let key = attested.get("akpub").and_then(Value::as_str);
        let key = key.and_then(|text| URL_SAFE_NO_PAD.decode(text).ok());
        let key = key.and_then(|der| PublicKey::from_spki_der(&der).ok());
        Ok(key.filter(|key| expected.is_key(key)).map(|_| BoundBy::Key))
    }

    /// How far the part can be trusted.
    ///
    /// # Errors
    /// The status or the vector is malformed, or the status is better than the vector allows.
    pub(crate) fn appraise(
        &self,
        measured: &[MeasurementClaim],
    ) -> Result<EarAppraisal, AttestationRefusal> {
        let names = ["ear.trustworthiness-vector", "ear_trustworthiness_vector"];
        let vector = match spelled(self.submod, names)? {
            Some(Value::Object(vector)) => read_vector(vector)?,
            Some(_) => return Err(AttestationRefusal::invalid("trust_value")),
            None => Vec::new(),
        };
        let of_submod = status(self.submod)?.unwrap_or(TrustTier::None);
        let of_part = overall(of_submod, &vector)?;
        // The status of the whole, where there is one, speaks of all parts.
        let of_whole = status(self.claims.as_map())?;
        let tier = of_whole.map_or(of_part, |whole| worse(whole, of_part));
        let visible = |(category, value): &(String, i8)| {
            category == "runtime-opaque" && tier_of_value(*value) == TrustTier::Contraindicated
        };
        Ok(EarAppraisal {
            subject: checked_subject(self.label)?,
            tier,
            debug: vector.iter().any(visible),
            vector,
            measurements: measurements(self.submod, measured)?,
        })
    }
}

fn status(claims: &Map<String, Value>) -> Result<Option<TrustTier>, AttestationRefusal> {
    let status = spelled(claims, ["ear.status", "ear_status"])?;
    Ok(status.map(read_status).transpose()?)
}

/// The verifier has to say who made it and which build it is (EAR, section 3.1).
fn check_verifier_id(claims: &Map<String, Value>) -> Result<(), AttestationRefusal> {
    let id = spelled(claims, ["ear.verifier-id", "ear_verifier_id"])?;
    let said = |name| id.and_then(|id| id.get(name)).is_some_and(Value::is_string);
    if said("build") && said("developer") {
        Ok(())
    } else {
        Err(AttestationRefusal::invalid("verifier_id"))
    }
}

/// A claim in one of its two spellings.
///
/// # Errors
/// It stands there in both.
fn spelled<'a>(
    claims: &'a Map<String, Value>,
    [deployed, draft]: [&str; 2],
) -> Result<Option<&'a Value>, AttestationRefusal> {
    match (claims.get(deployed), claims.get(draft)) {
        (Some(_), Some(_)) => Err(AttestationRefusal::invalid("spelled_twice")),
        (one, other) => Ok(one.or(other)),
    }
}

#[cfg(test)]
mod tests;
