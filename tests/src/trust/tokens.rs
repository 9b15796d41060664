//! Tokens, proofs and events as their senders make them.

use palisade_core::Sha256Digest;
use palisade_proto::v1;
use serde_json::{Value, json};

use super::signer::base64url;
use super::{AGENTS, AUDIENCE, FLEET, IDP, STS, Signer, World};

/// [`NOON`](crate::NOON) in seconds.
pub const NOON_SECONDS: i64 = 1_767_268_800;

/// Where clients show their tokens.
const URI: &str = "https://mcp.example.com/tools";

impl World {
    /// A token of a caller.
    #[must_use]
    pub fn caller(&self, name: &str) -> String {
        self.user(name, json!({}))
    }

    /// An access token of a person, with changes.
    #[must_use]
    pub fn user(&self, name: &str, changes: Value) -> String {
        self.idp.sign("at+jwt", &with(access_claims(IDP, name), changes))
    }

    /// An access token of an agent of the fleet, with changes.
    #[must_use]
    pub fn agent(&self, name: &str, changes: Value) -> String {
        self.fleet.sign("at+jwt", &with(access_claims(FLEET, name), changes))
    }

    /// A token of the token service: for a person, these agents act, the earliest first.
    #[must_use]
    pub fn exchanged(&self, user: &str, agents: &[&str]) -> String {
        let claims = with(access_claims(STS, user), json!({ "act": act(AGENTS, agents) }));
        self.sts.sign("at+jwt", &claims)
    }

    /// A security event (RFC 8417) of this type about a person, with changes of its claims.
    #[must_use]
    pub fn event(&self, name: &str, user: &str, changes: Value) -> String {
        let event_type = format!("https://schemas.openid.net/secevent/caep/event-type/{name}");
        let claims = json!({
            "iss": IDP, "aud": [AUDIENCE], "jti": format!("{name}-{user}"), "iat": NOON_SECONDS,
            "sub_id": { "format": "iss_sub", "iss": IDP, "sub": user },
            "events": { event_type: {} },
        });
        self.events.sign("secevent+jwt", &with(claims, changes))
    }
}

impl Signer {
    /// A link with a token that is bound to this key, and the proof (RFC 9449, section 4.2) that
    /// whoever shows it has the key.
    #[must_use]
    pub fn prove(&self, token: String, proof_id: &str) -> v1::Link {
        let header = json!({ "typ": "dpop+jwt", "alg": "ES256", "jwk": self.jwk() });
        let digest = base64url(Sha256Digest::of(token.as_bytes()).as_bytes());
        let claims = json!({
            "jti": proof_id, "htm": "POST", "htu": URI, "iat": NOON_SECONDS, "ath": digest,
        });
        let possession = v1::PossessionProof {
            dpop: self.sign_with(&header, &claims),
            method: "POST".to_owned(),
            uri: URI.to_owned(),
            ..Default::default()
        };
        v1::Link { link: Some(v1::link::Link::Token(token)), possession: Some(possession) }
    }

    /// What a token says that is bound to this key.
    #[must_use]
    pub fn confirmation(&self) -> Value {
        json!({ "cnf": { "jkt": base64url(&self.thumbprint()) } })
    }
}

/// The claims of an access token (RFC 9068, section 2.2) that was just issued.
#[must_use]
pub fn access_claims(issuer: &str, subject: &str) -> Value {
    json!({
        "iss": issuer, "sub": subject, "aud": AUDIENCE, "client_id": "app", "jti": subject,
        "iat": NOON_SECONDS - 10, "exp": NOON_SECONDS + 600,
    })
}

/// `act` objects of these actors (RFC 8693, section 4.1), nested so that the first is the earliest.
///
/// # Panics
/// There are none.
#[must_use]
pub fn act(issuer: &str, subjects: &[&str]) -> Value {
    let nest = |earlier: Option<Value>, subject: &&str| {
        let earlier = earlier.unwrap_or_default();
        Some(with(json!({ "iss": issuer, "sub": subject }), json!({ "act": earlier })))
    };
    subjects.iter().fold(None, nest).expect("an actor")
}

/// Replaces members; `null` removes one.
///
/// # Panics
/// One of the two is no object.
#[must_use]
pub fn with(mut claims: Value, changes: Value) -> Value {
    let Value::Object(changes) = changes else { panic!("no object: {changes}") };
    let members = claims.as_object_mut().expect("an object");
    for (name, value) in changes {
        if value.is_null() {
            members.remove(&name);
        } else {
            members.insert(name, value);
        }
    }
    claims
}
