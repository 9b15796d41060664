//! Keys that sign what the server verifies. The product never signs any of it.

use std::fmt;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use palisade_core::Sha256Digest;
use serde_json::{Value, json};

/// A P-256 key pair and the id of its public half.
pub struct Signer {
    pair: EcdsaKeyPair,
    key_id: String,
}

impl Signer {
    /// A key that nobody else has.
    ///
    /// # Panics
    /// There is no randomness.
    #[must_use]
    pub fn new(key_id: &str) -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key");
        Self { pair, key_id: key_id.to_owned() }
    }

    /// The public half (RFC 7518, section 6.2.1).
    #[must_use]
    pub fn jwk(&self) -> Value {
        let (x, y) = self.coordinates();
        json!({ "kty": "EC", "crv": "P-256", "x": x, "y": y })
    }

    /// The public half as it stands in key sets.
    #[must_use]
    pub fn published(&self) -> Value {
        super::with(self.jwk(), json!({ "kid": self.key_id }))
    }

    /// The thumbprint of the public half (RFC 7638, section 3).
    #[must_use]
    pub fn thumbprint(&self) -> [u8; 32] {
        let (x, y) = self.coordinates();
        let members = format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#);
        *Sha256Digest::of(members.as_bytes()).as_bytes()
    }

    /// A token with `typ`, `alg` and `kid`.
    #[must_use]
    pub fn sign(&self, typ: &str, claims: &Value) -> String {
        self.sign_with(&json!({ "typ": typ, "alg": "ES256", "kid": self.key_id }), claims)
    }

    /// A token with exactly this header (RFC 7515, section 7.1).
    ///
    /// # Panics
    /// There is no randomness.
    #[must_use]
    pub fn sign_with(&self, header: &Value, claims: &Value) -> String {
        let part = |value: &Value| base64url(value.to_string().as_bytes());
        let signed = format!("{}.{}", part(header), part(claims));
        let signature = self.pair.sign(&SystemRandom::new(), signed.as_bytes()).expect("signed");
        format!("{signed}.{}", base64url(signature.as_ref()))
    }

    fn coordinates(&self) -> (String, String) {
        let (x, y) = self.pair.public_key().as_ref()[1..].split_at(32);
        (base64url(x), base64url(y))
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer").field("key_id", &self.key_id).finish_non_exhaustive()
    }
}

/// Base64url without padding (RFC 7515, section 2).
pub(super) fn base64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
