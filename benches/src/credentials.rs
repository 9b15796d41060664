//! Issuers of our own: tokens to identify, and what identifies them.

use std::sync::Arc;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, ED25519, EcdsaKeyPair,
    Ed25519KeyPair, KeyPair as _, ParsedPublicKey, UnparsedPublicKey, VerificationAlgorithm,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use palisade_core::{
    EpochMillis, IssuerName, Revocation, RevocationCause, RevocationScope, RevocationStore,
    StateError, Subject,
};
use palisade_identity::{
    IdentityConfig, IdentityVerifier, PresentedLink, PresentedToken, RevocationIndex, Rights,
    TrustedIssuer,
};
use palisade_jose::{KeySet, PublicKey};
use serde_json::{Value, json};

/// 2026-11-22T12:00:00Z.
pub const NOW: EpochMillis = EpochMillis::new(1_795_348_800_000);

/// The organisation's own.
const ISSUER: &str = "https://idp.example.com";
const US: &str = "https://palisade.example";

/// A key pair that signs compact JWS.
#[derive(Debug)]
pub enum Signer {
    /// ES256.
    Ecdsa(EcdsaKeyPair),
    /// `EdDSA` with Ed25519.
    EdDsa(Ed25519KeyPair),
}

impl Signer {
    /// A new key for ES256.
    #[must_use]
    pub fn es256() -> Self {
        Self::Ecdsa(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key"))
    }

    /// A new key for `EdDSA`.
    #[must_use]
    pub fn ed25519() -> Self {
        Self::EdDsa(Ed25519KeyPair::generate().expect("a key"))
    }

    /// The key for `EdDSA` that a server under load trusts: whoever loads it is another process.
    #[must_use]
    pub fn of_servers() -> Self {
        Self::EdDsa(Ed25519KeyPair::from_seed_unchecked(&[7; 32]).expect("a key"))
    }

    /// The `alg` of what it signs.
    #[must_use]
    pub const fn algorithm(&self) -> &'static str {
        match self {
            Self::Ecdsa(_) => "ES256",
            Self::EdDsa(_) => "EdDSA",
        }
    }

    /// The public half in a set of its own.
    #[must_use]
    pub fn keys(&self) -> Arc<KeySet> {
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let jwk = match self {
            Self::Ecdsa(pair) => {
                let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
                json!({"kty": "EC", "crv": "P-256", "x": encode(x), "y": encode(y), "kid": "k"})
            }
            Self::EdDsa(pair) => {
                let x = encode(pair.public_key().as_ref());
                json!({"kty": "OKP", "crv": "Ed25519", "x": x, "kid": "k"})
            }
        };
        let key = PublicKey::from_jwk(jwk.as_object().expect("an object")).expect("a key");
        Arc::new(KeySet::new(vec![key]).expect("a key set"))
    }

    /// A token of this type with these claims.
    #[must_use]
    pub fn sign(&self, typ: &str, claims: &Value) -> String {
        let header = json!({"typ": typ, "alg": self.algorithm(), "kid": "k"}).to_string();
        let signed =
            [header, claims.to_string()].map(|part| URL_SAFE_NO_PAD.encode(part)).join(".");
        let signature = match self {
            Self::Ecdsa(pair) => {
                let signature = pair.sign(&SystemRandom::new(), signed.as_bytes());
                URL_SAFE_NO_PAD.encode(signature.expect("a signature"))
            }
            Self::EdDsa(pair) => URL_SAFE_NO_PAD.encode(pair.sign(signed.as_bytes())),
        };
        format!("{signed}.{signature}")
    }

    /// The public half as the library that verifies has it: prepared once, and as bytes.
    #[must_use]
    pub fn bare(&self) -> (ParsedPublicKey, UnparsedPublicKey<Vec<u8>>) {
        let (algorithm, bytes): (&'static dyn VerificationAlgorithm, _) = match self {
            Self::Ecdsa(pair) => (&ECDSA_P256_SHA256_FIXED, pair.public_key().as_ref()),
            Self::EdDsa(pair) => (&ED25519, pair.public_key().as_ref()),
        };
        let prepared = ParsedPublicKey::new(algorithm, bytes).expect("a public key");
        (prepared, UnparsedPublicKey::new(algorithm, bytes.to_vec()))
    }

    /// So many access tokens of users, each of another one.
    #[must_use]
    pub fn access_tokens(&self, count: usize) -> Vec<PresentedLink> {
        (0..count).map(|number| self.access_token(&format!("user-{number}"))).collect()
    }

    /// An access token of a user.
    #[must_use]
    pub fn access_token(&self, subject: &str) -> PresentedLink {
        let token = self.access_token_at(NOW, "user", subject);
        PresentedLink::Token(PresentedToken { token, possession: None })
    }

    /// An access token that is issued at this time, for 10 minutes.
    #[must_use]
    pub fn access_token_at(&self, now: EpochMillis, kind: &str, subject: &str) -> String {
        let now = now.as_millis() / 1000;
        let claims = json!({
            "iss": ISSUER, "sub": subject, "aud": US, "client_id": "app", "jti": subject,
            "sub_profile": kind,
            "iat": now - 10, "exp": now + 600, "auth_time": now - 60, "acr": "urn:example:mfa",
            "amr": ["pwd", "otp"], "scope": "read write", "email": "somebody@example.com",
            "groups": ["engineering", "on-call"],
        });
        self.sign("at+jwt", &claims)
    }

    /// A verifier that trusts this key, with so many revocations of others in force.
    #[must_use]
    pub fn verifier(&self, revocations: usize) -> IdentityVerifier {
        let issuer = TrustedIssuer {
            audiences: vec![US.to_owned()],
            ..TrustedIssuer::new(ISSUER, Arc::new(self.keys()))
        };
        let config = IdentityConfig::new(vec![issuer]);
        let store = Arc::new(Revoked(revocations));
        let index = RevocationIndex::load(store, config.longest_life()).expect("revocations");
        assert_eq!(index.len(), revocations, "some were not taken");
        IdentityVerifier::new(config, None, Arc::new(index)).expect("a verifier")
    }
}

/// What is signed, and the signature, of a token.
#[must_use]
pub fn signed_parts(link: &PresentedLink) -> (Vec<u8>, Vec<u8>) {
    let PresentedLink::Token(PresentedToken { token, .. }) = link else { panic!("no token") };
    let (signed, signature) = token.rsplit_once('.').expect("a signature");
    (signed.as_bytes().to_vec(), URL_SAFE_NO_PAD.decode(signature).expect("base64url"))
}

/// The right to say that one credential follows another.
#[derive(Clone, Copy, Debug)]
pub struct MayCompose;

impl Rights for MayCompose {
    fn may_compose(&self) -> bool {
        true
    }
}

/// A store with so many revocations of users of the issuer.
struct Revoked(usize);

impl RevocationStore for Revoked {
    fn is_durable(&self) -> bool {
        false
    }

    fn load(&self) -> Result<Vec<Revocation>, StateError> {
        let revocation = |number: usize| Revocation {
            scope: RevocationScope::Actor {
                issuer: IssuerName::new(ISSUER).expect("an issuer"),
                subject: Subject::new(format!("revoked-{number}")).expect("a subject"),
            },
            issued_before: NOW,
            until: EpochMillis::new(NOW.as_millis() + 3_600_000),
            recorded_at: NOW,
            cause: RevocationCause::new("a benchmark"),
        };
        Ok((0..self.0).map(revocation).collect())
    }

    fn append(&self, _revocation: &Revocation) -> Result<(), StateError> {
        Ok(())
    }

    fn prune(&self, _now: EpochMillis) -> Result<usize, StateError> {
        Ok(0)
    }
}
