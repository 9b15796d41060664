//! Whether whoever shows a token has the key that it is bound to (RFC 7800, `cnf`).
//!
//! A bound token that is shown without proof is refused, whatever it is bound by: a token of which
//! only a part is understood must not become a bearer token.

mod certificate;
mod dpop;
mod target;
mod wpt;

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use palisade_core::{EpochMillis, Sha256Digest};
use palisade_jose::{Algorithm, Claims, PublicKey};
use serde_json::{Map, Value};

use crate::error::{Code, Refusal};
use crate::issuers::TokenKind;
use crate::token::malformed;

/// How old a proof may be.
pub const PROOF_AGE_DEFAULT: Duration = Duration::from_mins(1);

/// Largest age of a proof that can be configured.
// LIMIT: every proof of that time is remembered.
pub const PROOF_AGE_MAX: Duration = Duration::from_mins(5);

/// Bytes of a proof's `jti`.
// LIMIT: a UUID has 36; it is only ever hashed.
pub(crate) const PROOF_ID_BYTES_MAX: usize = 256;

/// Algorithms that proofs may be signed with.
const PROOF_ALGORITHMS: [Algorithm; 8] = [
    Algorithm::EdDsa,
    Algorithm::Es256,
    Algorithm::Es384,
    Algorithm::Es512,
    Algorithm::Ps256,
    Algorithm::Ps384,
    Algorithm::Ps512,
    Algorithm::Rs256,
];

/// What the enforcement point saw of the request that a token came with.
#[derive(Clone, Default)]
pub struct Possession {
    /// The header `DPoP`, which must have stood there once.
    pub dpop: Option<String>,
    /// The workload proof token: what follows `WPT` in the header `Authorization`.
    pub wpt: Option<String>,
    /// The request's method.
    pub method: String,
    /// The request's absolute URI, as it was called by its sender.
    pub uri: String,
    /// The leaf certificate (DER) of the TLS connection that the token came over.
    pub certificate: Option<Vec<u8>>,
}

/// Says which proofs there are; what is in them is part of a credential.
impl fmt::Debug for Possession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Possession")
            .field("dpop", &self.dpop.is_some())
            .field("wpt", &self.wpt.is_some())
            .field("certificate", &self.certificate.is_some())
            .finish_non_exhaustive()
    }
}

/// What a token is bound to: every part has to be proven.
#[derive(Debug)]
pub(crate) struct Confirmation {
    /// `jkt` (RFC 9449, section 6.1).
    jkt: Option<[u8; 32]>,
    /// `x5t#S256` (RFC 8705, section 3.1).
    x5t: Option<[u8; 32]>,
    /// `jwk` of a workload identity token.
    jwk: Option<PublicKey>,
}

impl Confirmation {
    /// Reads `cnf`; `None` if the token is bound to nothing.
    ///
    /// # Errors
    /// It has a member that is not understood, or none.
    pub(crate) fn read(claims: &Claims, kind: TokenKind) -> Result<Option<Self>, Refusal> {
        let Some(members) = claims.object("cnf").map_err(malformed)? else {
            return Ok(None);
        };
        let mut confirmation = Self { jkt: None, x5t: None, jwk: None };
        if members.is_empty() {
            return Err(Refusal::unverified(Code::NotBound, "cnf_empty"));
        }
        for (name, value) in members {
            match (name.as_str(), kind) {
                ("jkt", _) => confirmation.jkt = Some(read_digest(value)?),
                ("x5t#S256", _) => confirmation.x5t = Some(read_digest(value)?),
                ("jwk", TokenKind::WorkloadToken) => confirmation.jwk = Some(read_jwk(value)?),
                // FAIL-CLOSED: a binding that cannot be checked is one that is not proven.
                _ => return Err(Refusal::unverified(Code::NotBound, "cnf_member")),
            }
        }
        Ok(Some(confirmation))
    }

    /// Thumbprint (RFC 7638) of the key that it names, if it names one.
    pub(crate) fn key_thumbprint(&self) -> Option<[u8; 32]> {
        self.jkt.or_else(|| self.jwk.as_ref().map(|key| *key.thumbprint()))
    }
}

/// A token that was shown, and those that were shown beside it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shown<'a> {
    pub(crate) token: TokenText<'a>,
    /// Kind and text of the others.
    pub(crate) others: &'a [(TokenKind, TokenText<'a>)],
}

/// The text of a token, which is never printed.
#[derive(Clone, Copy)]
pub(crate) struct TokenText<'a>(pub(crate) &'a str);

impl TokenText<'_> {
    /// SHA-256 of the text in base64url, as `ath`, `tth` and `wth` have it.
    pub(crate) fn digest(self) -> String {
        URL_SAFE_NO_PAD.encode(Sha256Digest::of(self.0.as_bytes()).as_bytes())
    }
}

impl fmt::Debug for TokenText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenText").field("bytes", &self.0.len()).finish_non_exhaustive()
    }
}

/// A proof that is good once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct UsedProof {
    /// What it is recognised by.
    pub(crate) digest: Sha256Digest,
    /// The last instant at which it would be accepted again.
    pub(crate) until: EpochMillis,
}

/// When proofs are accepted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ProofWindow {
    pub(crate) now: EpochMillis,
    pub(crate) age_max: Duration,
    pub(crate) clock_skew: Duration,
}

/// What was proven.
#[derive(Debug, Default)]
pub(crate) struct Proven {
    /// Thumbprint (RFC 7638) of the key.
    pub(crate) key_thumbprint: Option<[u8; 32]>,
    /// What has to be remembered, so that it is not proven twice with one proof.
    pub(crate) used: Vec<UsedProof>,
}

/// Checks that a token's sender has every key that it is bound to. Whether a proof was used before
/// is not looked at: that is done last, when nothing else is wrong.
///
/// # Errors
/// A proof is missing or wrong.
pub(crate) fn prove(
    confirmation: &Confirmation,
    shown: Shown<'_>,
    seen: &Possession,
    window: ProofWindow,
) -> Result<Proven, Refusal> {
    let mut proven = Proven::default();
    if let Some(key) = &confirmation.jwk {
        let proof = seen.wpt.as_deref().ok_or(not_bound("no_wpt"))?;
        proven.used.push(wpt::check(proof, key, shown, &seen.uri, window)?);
        proven.key_thumbprint = Some(*key.thumbprint());
    }
    if let Some(thumbprint) = &confirmation.x5t {
        let leaf = seen.certificate.as_deref().ok_or(not_bound("no_certificate"))?;
        proven.key_thumbprint = Some(certificate::check(leaf, thumbprint)?);
    }
    if let Some(thumbprint) = &confirmation.jkt {
        let proof = seen.dpop.as_deref().ok_or(not_bound("no_dpop"))?;
        proven.used.push(dpop::check(proof, thumbprint, shown.token, seen, window)?);
        proven.key_thumbprint = Some(*thumbprint);
    }
    Ok(proven)
}

pub(crate) const fn not_bound(detail: &'static str) -> Refusal {
    Refusal::unverified(Code::NotBound, detail)
}

/// Reads a SHA-256 digest in base64url, in its only spelling.
fn read_digest(value: &Value) -> Result<[u8; 32], Refusal> {
    let text = value.as_str().ok_or(not_bound("cnf_digest"))?;
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_why| not_bound("cnf_digest"))?;
    bytes.try_into().map_err(|_wrong_length| not_bound("cnf_digest"))
}

/// Reads the key of a workload identity token, which has to say its algorithm.
fn read_jwk(value: &Value) -> Result<PublicKey, Refusal> {
    let jwk: &Map<String, Value> = value.as_object().ok_or(not_bound("cnf_jwk"))?;
    let key = PublicKey::from_jwk(jwk).map_err(|_why| not_bound("cnf_jwk"))?;
    if key.algorithm().is_none() {
        return Err(not_bound("cnf_jwk_alg"));
    }
    Ok(key)
}

#[cfg(test)]
mod tests;
