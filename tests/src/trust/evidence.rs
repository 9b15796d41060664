//! Attestation results as a verifier issues them.

use palisade_proto::v1;
use serde_json::json;

use super::World;
use super::signer::base64url;
use super::tokens::NOON_SECONDS;

/// Media type of attestation results.
pub const EAT: &str = "application/eat+jwt";

/// What a result says.
#[derive(Clone, Copy, Debug)]
pub struct Said<'a> {
    /// The image that runs.
    pub image: &'a str,
    /// When it was issued, in seconds after [`NOON`](crate::NOON).
    pub issued: i64,
    /// How good it is.
    pub status: &'a str,
}

impl Said<'static> {
    /// A known image, just now.
    pub const GOOD: Self = Self { image: "sha256:aa", issued: 0, status: "affirming" };
}

impl World {
    /// A result (EAR) that carries this nonce.
    #[must_use]
    pub fn result(&self, nonce: &[u8], said: Said<'_>) -> v1::Evidence {
        let Said { image, issued, status } = said;
        let claims = json!({
            "eat_profile": "tag:github.com,2023:veraison/ear",
            "iat": NOON_SECONDS + issued,
            "eat_nonce": base64url(nonce),
            "ear.verifier-id": { "build": "1", "developer": "us" },
            "submods": { "vm": { "ear.status": status, "image": image } },
        });
        let body = self.verifier.sign("JWT", &claims).into_bytes();
        v1::Evidence { media_type: EAT.to_owned(), body }
    }
}
