//! What a test supposes to have been proven: sign-in, environment and claims of credentials.

use std::collections::BTreeMap;
use std::sync::Arc;

use palisade_core::{
    ActorChain, Attestation, Authentication, EpochMillis, Proof, TrustTier, VerifiedChain,
};
use serde::Deserialize;
use serde_json::{Map, Value};
use serde_saphyr::Spanned;

use super::Reader;

/// How the head signed in.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawAuthentication {
    acr: Option<String>,
    #[serde(default)]
    amr: Vec<String>,
    /// How long ago.
    age: Option<Spanned<String>>,
}

/// What was proven of the last link's environment.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawAttestation {
    tier: Option<Spanned<String>>,
    #[serde(default)]
    vector: BTreeMap<String, i8>,
    verifier: Option<String>,
    subject: Option<String>,
    /// How long ago it was issued.
    age: Option<Spanned<String>>,
    #[serde(default)]
    measurements: Vec<String>,
    #[serde(default)]
    references: Vec<String>,
    #[serde(default)]
    debug: bool,
    nonce_fresh: Option<bool>,
}

/// How long a test's attestation is good from when it was issued.
// LIMIT: a day, so that tests of age meet the policy's own limit and not this one.
const GOOD_FOR_MILLIS: i64 = 86_400_000;

pub(super) fn authentication(
    reader: &mut Reader<'_>,
    raw: Spanned<RawAuthentication>,
    now: EpochMillis,
) -> Option<Arc<Authentication>> {
    let RawAuthentication { acr, mut amr, age } = raw.value;
    amr.sort_unstable();
    amr.dedup();
    let time = age.map(|age| ago(reader, &age, now));
    let time = super::required(time)?;
    Some(Arc::new(Authentication { acr, amr, time }))
}

pub(super) fn attestation(
    reader: &mut Reader<'_>,
    raw: Spanned<RawAttestation>,
    now: EpochMillis,
) -> Option<Arc<Attestation>> {
    let RawAttestation {
        tier,
        vector,
        verifier,
        subject,
        age,
        mut measurements,
        mut references,
        debug,
        nonce_fresh,
    } = raw.value;
    let tier = tier.map(|tier| reader.one_of(&tier, &TrustTier::ALL, TrustTier::as_str));
    let issued_at = age.map(|age| ago(reader, &age, now));
    let issued_at = super::required(issued_at)?.unwrap_or(now);
    for texts in [&mut measurements, &mut references] {
        texts.sort_unstable();
        texts.dedup();
    }
    Some(Arc::new(Attestation {
        verifier: verifier.unwrap_or_else(|| "test".to_owned()),
        subject: subject.unwrap_or_else(|| "test".to_owned()),
        tier: super::required(tier)?.unwrap_or(TrustTier::Affirming),
        vector: vector.into_iter().collect(),
        issued_at,
        expires_at: EpochMillis::new(issued_at.as_millis().saturating_add(GOOD_FOR_MILLIS)),
        measurements,
        references,
        debug,
        nonce_fresh: nonce_fresh.unwrap_or(true),
    }))
}

/// `Some(None)` if the test says nothing of it.
pub(super) fn proof(
    reader: &mut Reader<'_>,
    raw: Option<&Spanned<String>>,
) -> Option<Option<Proof>> {
    super::required(raw.map(|text| reader.one_of(text, &Proof::ALL, Proof::as_str)))
}

/// What is known of the links: claims by `kind:issuer:subject`, as in `chain`. `Some(None)` if the
/// test says nothing of them.
pub(super) fn identity(
    reader: &mut Reader<'_>,
    chain: &ActorChain,
    proof: Option<Proof>,
    claims: BTreeMap<String, Spanned<Map<String, Value>>>,
) -> Option<Option<Arc<VerifiedChain>>> {
    if proof.is_none() && claims.is_empty() {
        return Some(None);
    }
    let mut identity = VerifiedChain::asserted(chain.clone());
    for link in &mut identity.links {
        // Claims come from credentials.
        link.proof = proof.unwrap_or(Proof::Bearer);
    }
    let mut complete = true;
    for (actor, claims) in claims {
        let is_one = |written: &str| written.parse().ok();
        let place =
            identity.links.iter_mut().find(|link| is_one(&actor).as_ref() == Some(&link.actor));
        match place {
            Some(link) => link.claims = Arc::new(claims.value),
            None => {
                complete = false;
                let message = format!("`{actor}` is no link of the chain");
                reader.error(message, &claims);
            }
        }
    }
    complete.then(|| Some(Arc::new(identity)))
}

fn ago(reader: &mut Reader<'_>, age: &Spanned<String>, now: EpochMillis) -> Option<EpochMillis> {
    let millis = i64::try_from(reader.duration(age)?.as_millis()).unwrap_or(i64::MAX);
    Some(EpochMillis::new(now.as_millis().saturating_sub(millis)))
}
