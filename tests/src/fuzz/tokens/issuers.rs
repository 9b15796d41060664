//! Who is trusted: an identity provider, a trust domain, and a transmitter of events.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::signature::{EcdsaKeyPair, Ed25519KeyPair};
use palisade_core::{ActorKind, EpochMillis, Revocation, RevocationStore, StateError};
use palisade_identity::{
    IdentityConfig, IdentityVerifier, Namespace, RevocationIndex, TrustDomain, TrustedIssuer,
};
use palisade_jose::KeySet;
use serde_json::{Value, json};

use crate::NOON;
use crate::fuzz::keys::{ed25519, ed25519_jwk, p256, p256_jwk, sign_eddsa, sign_es256};

pub(in crate::fuzz) const IDP: &str = "https://idp.example";
pub(in crate::fuzz) const DOMAIN: &str = "spiffe://prod.example";
pub(in crate::fuzz) const US: &str = "https://palisade.example";

/// What the identity provider's keys are called.
const KEY_IDS: [&str; 2] = ["one", "other"];

/// The issuers, and what they have signed.
pub(super) struct Issuers {
    pub(super) verifier: IdentityVerifier,
    /// The identity provider's public keys, as a JWK set and read.
    pub(super) keys: (Vec<u8>, Arc<KeySet>),
    /// The tokens that may be accepted.
    pub(super) genuine: Vec<String>,
    /// The events that may be taken.
    pub(super) genuine_events: Vec<String>,
    pairs: (Ed25519KeyPair, EcdsaKeyPair),
}

impl Issuers {
    pub(super) fn new() -> Self {
        let text = key_set();
        let keys = Arc::new(KeySet::from_jwks(&text).expect("a key set"));
        let domain = TrustDomain::parse_id(DOMAIN).expect("a trust domain");
        let kinds = ActorKind::ALL.to_vec();
        let mut idp = TrustedIssuer {
            audiences: vec![US.to_owned()],
            ..TrustedIssuer::new(IDP, Arc::new(Arc::clone(&keys)))
        };
        idp.namespaces.push(Namespace { issuer: DOMAIN.to_owned(), kinds });
        let domain = TrustedIssuer {
            audiences: vec![US.to_owned()],
            ..TrustedIssuer::of_trust_domain(&domain, Arc::new(Arc::clone(&keys)))
        };
        let config = IdentityConfig::new(vec![idp, domain]);
        let revocations = RevocationIndex::load(Arc::new(Forgetful), config.longest_life());
        let revocations = Arc::new(revocations.expect("nothing to load"));
        let verifier = IdentityVerifier::new(config, None, revocations).expect("a verifier");
        Self {
            verifier,
            keys: (text, keys),
            genuine: vec![access_token(), delegated_token()],
            genuine_events: vec![event()],
            pairs: (ed25519(1), p256()),
        }
    }

    /// An access token with this payload, by each of the identity provider's keys.
    pub(super) fn sign_access_token(&self, payload: &[u8]) -> [String; 2] {
        self.sign("at+jwt", payload)
    }

    /// A security event with this payload.
    pub(super) fn sign_event(&self, payload: &[u8]) -> String {
        let [event, _] = self.sign("secevent+jwt", payload);
        event
    }

    fn sign(&self, typ: &str, payload: &[u8]) -> [String; 2] {
        let (ed25519, p256) = &self.pairs;
        let [one, other] = KEY_IDS;
        [
            sign_eddsa(ed25519, &json!({"typ": typ, "alg": "EdDSA", "kid": one}), payload),
            sign_es256(p256, &json!({"typ": typ, "alg": "ES256", "kid": other}), payload),
        ]
    }
}

/// The identity provider's public keys.
pub(in crate::fuzz) fn key_set() -> Vec<u8> {
    let [one, other] = KEY_IDS;
    let keys = [ed25519_jwk(&ed25519(1), one), p256_jwk(&p256(), other)];
    json!({ "keys": keys }).to_string().into_bytes()
}

/// A token of alice.
pub(in crate::fuzz) fn access_token() -> String {
    sign("at+jwt", &access_claims())
}

/// A token of alice, for whom two workloads act.
pub(in crate::fuzz) fn delegated_token() -> String {
    sign("at+jwt", &delegated_claims())
}

/// A token by the identity provider's first key.
pub(in crate::fuzz) fn sign(typ: &str, claims: &Value) -> String {
    let header = json!({"typ": typ, "alg": "EdDSA", "kid": KEY_IDS[0]});
    sign_eddsa(&ed25519(1), &header, claims.to_string().as_bytes())
}

pub(in crate::fuzz) fn access_claims() -> Value {
    let now = NOON.as_millis() / 1000;
    json!({
        "iss": IDP, "sub": "alice", "aud": US, "client_id": "app", "jti": "t-1",
        "iat": now - 10, "exp": now + 600,
    })
}

pub(in crate::fuzz) fn delegated_claims() -> Value {
    let mut claims = access_claims();
    let workload = |path: &str| json!({"iss": DOMAIN, "sub": format!("{DOMAIN}/{path}")});
    claims["act"] = workload("planner");
    claims["act"]["act"] = workload("assistant");
    claims
}

/// The identity provider's word that all sessions of alice have ended.
pub(in crate::fuzz) fn event() -> String {
    sign("secevent+jwt", &event_claims())
}

pub(in crate::fuzz) fn event_claims() -> Value {
    let now = NOON.as_millis() / 1000;
    let ended = "https://schemas.openid.net/secevent/caep/event-type/session-revoked";
    json!({
        "iss": IDP, "aud": US, "jti": "e-1", "iat": now,
        "sub_id": {"format": "iss_sub", "iss": IDP, "sub": "alice"},
        "events": {ended: {"event_timestamp": now - 1}},
    })
}

/// A store that keeps nothing.
struct Forgetful;

impl RevocationStore for Forgetful {
    fn is_durable(&self) -> bool {
        false
    }

    fn load(&self) -> Result<Vec<Revocation>, StateError> {
        Ok(Vec::new())
    }

    fn append(&self, _revocation: &Revocation) -> Result<(), StateError> {
        Ok(())
    }

    fn prune(&self, _now: EpochMillis) -> Result<usize, StateError> {
        Ok(0)
    }
}

/// How long a revocation is kept here.
pub(super) const LONGEST_LIFE: Duration = Duration::from_hours(1);
