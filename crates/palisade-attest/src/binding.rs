//! What ties evidence to the last link of a chain.
//!
//! Evidence that says nothing of who presents it could be anybody's: a good environment's result,
//! shown by a bad one. So it has to carry one of three values of 32 bytes, wherever its format has
//! room for them:
//!
//! - a live nonce of ours, issued to this requester for this actor;
//! - the thumbprint (RFC 7638, SHA-256) of the key that the last link has proven to hold;
//! - SHA-256(nonce || thumbprint), which says both at once.

use base64::Engine as _;
use base64::alphabet::{Alphabet, STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use palisade_core::Actor;
use palisade_jose::PublicKey;

use crate::error::AttestationRefusal;
use crate::nonce::NONCE_BYTES;

/// Texts in one place that can carry a value, such as the list in `eat_nonce`.
// LIMIT: Google allows six nonces in a token; each is compared with every live nonce of a holder.
pub const BINDING_TEXTS_MAX: usize = 8;

/// Bytes of a text that can carry a value.
// LIMIT: 64 bytes of report data in hexadecimal digits, in base64 once more.
const TEXT_BYTES_MAX: usize = 256;

/// Whom evidence is presented for.
#[derive(Clone, Copy, Debug)]
pub struct Binding<'a> {
    /// The authenticated caller.
    pub requester: &'a str,
    /// The last link of the chain.
    pub actor: &'a Actor,
    /// SHA-256 thumbprint (RFC 7638) of the key that the last link has proven to hold.
    pub key_thumbprint: Option<&'a [u8; 32]>,
}

/// What a piece of evidence was tied to the last link by.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum BoundBy {
    /// The key the last link has proven to hold.
    Key,
    /// This nonce.
    Nonce([u8; NONCE_BYTES]),
}

/// The values that evidence may carry, each with what it is.
pub(crate) struct Expected {
    values: Vec<([u8; 32], BoundBy)>,
    key_thumbprint: Option<[u8; 32]>,
}

impl Expected {
    pub(crate) fn new(nonces: &[[u8; NONCE_BYTES]], key_thumbprint: Option<&[u8; 32]>) -> Self {
        let mut values = Vec::with_capacity(2 * nonces.len() + 1);
        for nonce in nonces {
            values.push((*nonce, BoundBy::Nonce(*nonce)));
            if let Some(thumbprint) = key_thumbprint {
                values.push((nonce_and_key(nonce, thumbprint), BoundBy::Nonce(*nonce)));
            }
        }
        // Last, so that a nonce wins if evidence carries both.
        values.extend(key_thumbprint.map(|thumbprint| (*thumbprint, BoundBy::Key)));
        Self { values, key_thumbprint: key_thumbprint.copied() }
    }

    /// The values that a nonce is part of, for formats that carry one value and no time.
    pub(crate) fn nonces(&self) -> (Vec<&[u8]>, Vec<BoundBy>) {
        let fresh = self.values.iter().filter(|(_, by)| *by != BoundBy::Key);
        fresh.map(|(value, by)| (value.as_slice(), *by)).unzip()
    }

    /// What the bytes carry: a value, or a value and as many zeros, which is how 32 bytes stand in
    /// the 64 of a report.
    pub(crate) fn by_bytes(&self, bytes: &[u8]) -> Option<BoundBy> {
        let (value, filling) = bytes.split_at_checked(32)?;
        let filled = filling.is_empty() || (filling.len() == 32 && filling.iter().all(|b| *b == 0));
        if !filled {
            return None;
        }
        self.values.iter().find(|(known, _)| known == value).map(|(_, by)| *by)
    }

    /// What the text carries: bytes as [`Self::by_bytes`] in base64url, base64 or hexadecimal
    /// digits. Attestation clients encode what they are given, encoded or not, so twice is fine.
    pub(crate) fn by_text(&self, text: &str) -> Option<BoundBy> {
        decodings(text).into_iter().flatten().find_map(|bytes| {
            self.by_bytes(&bytes).or_else(|| {
                let inner = str::from_utf8(&bytes).ok()?;
                decodings(inner).into_iter().flatten().find_map(|bytes| self.by_bytes(&bytes))
            })
        })
    }

    /// What a text or a list of texts carries.
    ///
    /// # Errors
    /// It is something else, or the list is too long.
    pub(crate) fn by_claim(&self, claim: &Value) -> Result<Option<BoundBy>, AttestationRefusal> {
        const MALFORMED: AttestationRefusal = AttestationRefusal::invalid("nonce_malformed");
        let mut found = Vec::new();
        match claim {
            Value::String(text) => found.extend(self.by_text(text)),
            Value::Array(texts) if texts.len() <= BINDING_TEXTS_MAX => {
                for text in texts {
                    found.extend(self.by_text(text.as_str().ok_or(MALFORMED)?));
                }
            }
            _ => return Err(MALFORMED),
        }
        Ok(better(found))
    }

    /// Whether a key is the one that the last link has proven to hold.
    pub(crate) fn is_key(&self, key: &PublicKey) -> bool {
        self.key_thumbprint.is_some_and(|proven| proven == *key.thumbprint())
    }

    /// Whether a claim of JWKs, one or a list of them, holds the proven key.
    pub(crate) fn by_keys(&self, claim: &Value) -> Option<BoundBy> {
        let keys = match claim {
            Value::Array(keys) => keys.iter().take(BINDING_TEXTS_MAX).collect(),
            one => vec![one],
        };
        let mut keys = keys.into_iter().filter_map(Value::as_object).map(PublicKey::from_jwk);
        keys.any(|key| key.is_ok_and(|key| self.is_key(&key))).then_some(BoundBy::Key)
    }

    /// What `cnf` says (RFC 7800): `None` if it is not there.
    ///
    /// # Errors
    /// It names another key than the proven one, or names it in a way that is not understood: a
    /// token for the holder of one key is of no use to others.
    pub(crate) fn by_confirmation(
        &self,
        claims: &Map<String, Value>,
    ) -> Result<Option<BoundBy>, AttestationRefusal> {
        let Some(confirmation) = claims.get("cnf") else {
            return Ok(None);
        };
        let by_thumbprint = || {
            let bytes = decode_base64(confirmation.get("jkt")?.as_str()?)?;
            (self.key_thumbprint?.as_slice() == bytes).then_some(BoundBy::Key)
        };
        let by_key = || self.by_keys(confirmation.get("jwk")?);
        // FAIL-CLOSED: a confirmation that cannot be checked confirms nothing.
        by_thumbprint()
            .or_else(by_key)
            .map(Some)
            .ok_or(AttestationRefusal::invalid("confirmation_mismatch"))
    }
}

/// SHA-256(nonce || thumbprint).
pub(crate) fn nonce_and_key(nonce: &[u8; NONCE_BYTES], thumbprint: &[u8; 32]) -> [u8; 32] {
    Sha256::new().chain_update(nonce).chain_update(thumbprint).finalize().into()
}

/// Of several, a nonce rather than a key: it says more.
pub(crate) fn better(found: impl IntoIterator<Item = BoundBy>) -> Option<BoundBy> {
    found.into_iter().reduce(|one, other| if one == BoundBy::Key { other } else { one })
}

/// Everything that a text can be read as.
fn decodings(text: &str) -> [Option<Vec<u8>>; 2] {
    if text.len() > TEXT_BYTES_MAX {
        return [None, None];
    }
    [decode_base64(text), hex::decode(text).ok()]
}

/// Base64 in either alphabet, padded or not.
pub(crate) fn decode_base64(text: &str) -> Option<Vec<u8>> {
    let alphabet: &Alphabet = if text.contains(['+', '/']) { &STANDARD } else { &URL_SAFE };
    let padding =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    GeneralPurpose::new(alphabet, padding).decode(text).ok()
}

#[cfg(test)]
mod tests;
