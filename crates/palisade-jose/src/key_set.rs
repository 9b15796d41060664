//! The keys of one issuer (RFC 7517, section 5).

use std::collections::HashMap;

use palisade_core::{JsonLimits, StrictJsonError, parse_json_object};
use serde_json::Value;

use crate::algorithm::Algorithm;
use crate::jwk_error::JwkError;
use crate::public_key::PublicKey;

/// Bytes of a key set.
// LIMIT: a key with its certificate chain has about 5 KiB; large providers publish about ten.
pub const KEY_SET_BYTES_MAX: usize = 256 * 1024;

/// Keys of a set, usable or not.
// LIMIT: preparing a key takes some 100 µs.
pub const KEY_SET_KEYS_MAX: usize = 100;

/// Keys that are tried for a token that does not name one.
// LIMIT: each costs a verification; a token that says nothing must not cost many.
pub const CANDIDATES_MAX: usize = 4;

/// Nesting of a key set: the set, its keys, a key, and two more for members nobody knows.
const KEY_SET_DEPTH_MAX: usize = 6;

/// What the keys of a set are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyUse {
    /// JWT-SVIDs of a SPIFFE trust domain: keys that say `jwt-svid`.
    JwtSvid,
    /// Signatures in general: keys that say `sig`, or nothing.
    Signature,
    /// WIT-SVIDs of a SPIFFE trust domain: keys that say `wit-svid`.
    WitSvid,
}

impl KeyUse {
    fn takes(self, key_use: Option<&str>) -> bool {
        match self {
            Self::JwtSvid => key_use == Some("jwt-svid"),
            Self::Signature => key_use.is_none_or(|key_use| key_use == "sig"),
            Self::WitSvid => key_use == Some("wit-svid"),
        }
    }
}

/// The keys of one issuer. May be empty: then nothing is verified.
#[derive(Clone, Debug, Default)]
pub struct KeySet {
    keys: Vec<PublicKey>,
    skipped: Vec<JwkError>,
}

impl KeySet {
    /// A set of keys that were read already.
    ///
    /// # Errors
    /// Two keys of one type have one id.
    pub fn new(keys: Vec<PublicKey>) -> Result<Self, KeySetError> {
        let mut by_id: HashMap<&str, Vec<&PublicKey>> = HashMap::new();
        for key in &keys {
            let Some(key_id) = key.key_id() else { continue };
            let namesakes = by_id.entry(key_id).or_default();
            // "equivalent alternatives" may differ in their type only (RFC 7517, section 4.5).
            if namesakes.iter().any(|namesake| namesake.same_type(key)) {
                return Err(KeySetError::DuplicateKeyId);
            }
            namesakes.push(key);
        }
        Ok(Self { keys, skipped: Vec::new() })
    }

    /// Reads a JWK set for signatures in general; see [`KeySet::from_jwks_for`].
    ///
    /// # Errors
    /// As [`KeySet::from_jwks_for`].
    pub fn from_jwks(text: &[u8]) -> Result<Self, KeySetError> {
        Self::from_jwks_for(text, KeyUse::Signature)
    }

    /// Reads a JWK set: strict JSON of at most [`KEY_SET_BYTES_MAX`] bytes with at most
    /// [`KEY_SET_KEYS_MAX`] keys.
    ///
    /// A key that is not usable, or for something else, is left out (RFC 7517, section 5) and
    /// counted in [`KeySet::skipped`].
    ///
    /// # Errors
    /// No JWK set, or one that is ambiguous: two keys of one type have one id.
    pub fn from_jwks_for(text: &[u8], key_use: KeyUse) -> Result<Self, KeySetError> {
        let limits = JsonLimits { bytes: KEY_SET_BYTES_MAX, depth: KEY_SET_DEPTH_MAX };
        let set = parse_json_object(text, limits).map_err(|error| match error {
            StrictJsonError::TooLarge { bytes, limit } => KeySetError::TooLarge { bytes, limit },
            _ => KeySetError::Malformed,
        })?;
        let Some(Value::Array(listed)) = set.get("keys") else {
            return Err(KeySetError::Malformed);
        };
        if listed.len() > KEY_SET_KEYS_MAX {
            return Err(KeySetError::TooManyKeys { keys: listed.len(), limit: KEY_SET_KEYS_MAX });
        }
        let mut keys = Vec::with_capacity(listed.len());
        let mut skipped = Vec::new();
        for jwk in listed {
            let jwk = jwk.as_object().ok_or(KeySetError::Malformed)?;
            match PublicKey::from_jwk(jwk) {
                Ok(key) if key_use.takes(key.key_use()) => keys.push(key),
                Ok(_) => skipped.push(JwkError::Use),
                Err(error) => skipped.push(error),
            }
        }
        Ok(Self { skipped, ..Self::new(keys)? })
    }

    /// The usable keys.
    #[must_use]
    pub fn keys(&self) -> &[PublicKey] {
        &self.keys
    }

    /// Why keys were left out, one entry for each.
    #[must_use]
    pub fn skipped(&self) -> &[JwkError] {
        &self.skipped
    }

    /// Whether a key has this id.
    #[must_use]
    pub fn knows(&self, key_id: &str) -> bool {
        self.keys.iter().any(|key| key.key_id() == Some(key_id))
    }

    /// The keys to try for a token: with an id those that have exactly it, without one the first
    /// [`CANDIDATES_MAX`] that verify the algorithm. Never one that does not.
    pub fn candidates<'a>(
        &'a self,
        key_id: Option<&'a str>,
        algorithm: Algorithm,
    ) -> impl Iterator<Item = &'a PublicKey> {
        self.keys
            .iter()
            .filter(move |key| key_id.is_none_or(|id| key.key_id() == Some(id)))
            .filter(move |key| key.supports(algorithm))
            .take(CANDIDATES_MAX)
    }
}

/// Why a key set is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeySetError {
    /// Two keys of one type have one id, so which one a token means is anybody's guess.
    #[error("two keys of one type have the same `kid`")]
    DuplicateKeyId,
    /// Not a JWK set in strict JSON.
    #[error("it is no JWK set")]
    Malformed,
    /// More bytes than the limit.
    #[error("it has {bytes} bytes; the limit is {limit}")]
    TooLarge {
        /// How many.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// More keys than the limit.
    #[error("it has {keys} keys; the limit is {limit}")]
    TooManyKeys {
        /// How many.
        keys: usize,
        /// The limit.
        limit: usize,
    },
}

impl KeySetError {
    /// A stable name for metrics and logs.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::DuplicateKeyId => "key_set_duplicate_kid",
            Self::Malformed => "key_set_malformed",
            Self::TooLarge { .. } => "key_set_too_large",
            Self::TooManyKeys { .. } => "key_set_too_many_keys",
        }
    }
}

#[cfg(test)]
mod tests;
