//! Compact JWS (RFC 7515, section 7.1), read strictly and verified.
//!
//! Only this serialization is read: the JSON ones can say two things at once. What cannot be read
//! in exactly one way is refused before any key is looked at.

use std::fmt;
use std::sync::OnceLock;

use palisade_core::{JsonLimits, StrictJsonError, parse_json_object};

use crate::algorithm::Algorithm;
use crate::base64url;
use crate::claims::Claims;
use crate::header::Header;
use crate::jws_error::JwsError;
use crate::key_set::KeySet;
use crate::public_key::PublicKey;

/// Nesting of a header: the header, `jwk`, and two more for members nobody knows.
const HEADER_DEPTH_MAX: usize = 4;

/// How large a token may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JwsLimits {
    /// Bytes of the whole token, as it is sent.
    pub token_bytes: usize,
    /// Bytes of the header, decoded.
    pub header_bytes: usize,
    /// Nesting of the claims; the outermost object is depth 1.
    pub claims_depth: usize,
}

impl JwsLimits {
    /// What suits access tokens and the like.
    // LIMIT: what common servers take as one HTTP header is 8 KiB to 16 KiB; a header with `x5c`
    // has some 6 KiB.
    pub const DEFAULT: Self =
        Self { token_bytes: 16 * 1024, header_bytes: 8 * 1024, claims_depth: 16 };
}

impl Default for JwsLimits {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// A token that was read, and not verified yet.
pub struct CompactJws<'a> {
    /// Header and payload as sent: what is signed.
    signed: &'a str,
    header: Header,
    payload: Vec<u8>,
    signature: Vec<u8>,
    claims_limits: JsonLimits,
    /// Read at most once.
    claims: OnceLock<Result<Claims, JwsError>>,
}

impl<'a> CompactJws<'a> {
    /// Reads a token. Looks at no key, and not at what the payload says.
    ///
    /// # Errors
    /// More bytes than the limits; not three parts in canonical base64url without padding; a header
    /// that is no strict JSON object, asks for extensions, or names no algorithm that is spoken.
    pub fn parse(token: &'a str, limits: JwsLimits) -> Result<Self, JwsError> {
        if token.len() > limits.token_bytes {
            return Err(JwsError::TooLarge);
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(JwsError::Malformed)?;
        let (header, payload) = signed.split_once('.').ok_or(JwsError::Malformed)?;
        // A fourth part would be here, where base64url has no dots.
        let header = base64url::decode(header).ok_or(JwsError::Malformed)?;
        let payload = base64url::decode(payload).ok_or(JwsError::Malformed)?;
        let signature = base64url::decode(signature).ok_or(JwsError::Malformed)?;
        let header_limits = JsonLimits { bytes: limits.header_bytes, depth: HEADER_DEPTH_MAX };
        let header = parse_json_object(&header, header_limits).map_err(|error| match error {
            StrictJsonError::TooLarge { .. } => JwsError::TooLarge,
            _ => JwsError::Header,
        })?;
        let header = Header::new(header)?;
        let claims_limits = JsonLimits { bytes: limits.token_bytes, depth: limits.claims_depth };
        let claims = OnceLock::new();
        Ok(Self { signed, header, payload, signature, claims_limits, claims })
    }

    /// The header.
    #[must_use]
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// The payload, which nobody has vouched for yet.
    #[must_use]
    pub fn dangerous_unverified_payload(&self) -> &[u8] {
        &self.payload
    }

    /// The claims, which nobody has vouched for yet: only to choose the issuer whose keys verify
    /// the token.
    ///
    /// # Errors
    /// The payload is no strict JSON object within the limits.
    pub fn dangerous_unverified_claims(&self) -> Result<&Claims, JwsError> {
        let read = || {
            parse_json_object(&self.payload, self.claims_limits)
                .map(Claims::new)
                .map_err(|_json| JwsError::Claims)
        };
        self.claims.get_or_init(read).as_ref().map_err(|error| *error)
    }

    /// The claims, if one of the keys has signed them with one of the algorithms.
    ///
    /// With a `kid` only the key of that id is tried; without one at most
    /// [`CANDIDATES_MAX`](crate::CANDIDATES_MAX).
    ///
    /// # Errors
    /// The algorithm is not allowed, there is no such key, the signature does not match, or the
    /// payload is no strict JSON object.
    pub fn verify(&self, keys: &KeySet, allowed: &[Algorithm]) -> Result<Claims, JwsError> {
        self.check_algorithm(allowed)?;
        let mut outcome = JwsError::UnknownKey;
        for key in keys.candidates(self.header.key_id(), self.header.algorithm()) {
            if self.is_signed_by(key) {
                return self.dangerous_unverified_claims().cloned();
            }
            outcome = JwsError::Signature;
        }
        Err(outcome)
    }

    /// The claims, if this key has signed them with one of the algorithms. `kid` is not looked at.
    ///
    /// # Errors
    /// As [`CompactJws::verify`].
    pub fn verify_with(&self, key: &PublicKey, allowed: &[Algorithm]) -> Result<Claims, JwsError> {
        self.check_algorithm(allowed)?;
        if !key.supports(self.header.algorithm()) {
            return Err(JwsError::UnknownKey);
        }
        if !self.is_signed_by(key) {
            return Err(JwsError::Signature);
        }
        self.dangerous_unverified_claims().cloned()
    }

    fn check_algorithm(&self, allowed: &[Algorithm]) -> Result<(), JwsError> {
        if allowed.contains(&self.header.algorithm()) { Ok(()) } else { Err(JwsError::Algorithm) }
    }

    fn is_signed_by(&self, key: &PublicKey) -> bool {
        key.verify(self.header.algorithm(), self.signed.as_bytes(), &self.signature).is_ok()
    }
}

/// Says how large it is; its content is a credential.
impl fmt::Debug for CompactJws<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CompactJws")
            .field("header", &self.header)
            .field("payload_bytes", &self.payload.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
