//! Signed JSON from strangers: tokens, key sets, trust bundles and security events.
//!
//! A text is tried as each of them. If it is JSON it is also signed, as the claims of a token and
//! of an event: what an issuer that is trusted may say is bounded, too.

mod claims_model;
mod events;
pub(super) mod issuers;
mod key_sets;

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use palisade_core::VerifiedChain;
use palisade_identity::{NoRights, PresentedLink, PresentedToken};
use palisade_jose::{Algorithm, CompactJws, JwsLimits, KeySet};
use serde_json::{Map, Value};

use self::issuers::Issuers;
use crate::NOON;

/// What came of one text, so that tests can hold that everything comes up.
#[derive(Clone, Copy, Debug, Default)]
pub struct Met {
    /// A token as it came that proves a chain.
    pub accepted: usize,
    /// Claims that prove a chain once they are signed.
    pub claims_accepted: usize,
    /// Claims that do not, although they are signed.
    pub claims_refused: usize,
    /// Events, signed or as they came, that were taken.
    pub events_taken: usize,
    /// Signed events that were not.
    pub events_refused: usize,
    /// Read as a key set with a usable key.
    pub key_sets: usize,
    /// Read as a compact JWS.
    pub read: usize,
    /// Read as a trust bundle that trusts somebody.
    pub trust_bundles: usize,
    /// None of these, nor claims.
    pub unreadable: usize,
}

static ISSUERS: LazyLock<Issuers> = LazyLock::new(Issuers::new);

/// Asserts what holds for any text.
///
/// # Panics
/// It does not hold.
pub fn check(bytes: &[u8]) -> Met {
    let mut met = Met::default();
    if let Ok(text) = std::str::from_utf8(bytes) {
        check_token(text, &mut met);
        events::check_received(&ISSUERS, text, &mut met);
    }
    key_sets::check_key_set(bytes, &mut met);
    key_sets::check_trust_bundle(bytes, &mut met);
    match serde_json::from_slice::<Map<String, Value>>(bytes) {
        Ok(claims) => {
            check_claims(bytes, &claims, &mut met);
            events::check_claims(&ISSUERS, bytes, &claims, &mut met);
        }
        Err(_) if met.read == 0 => met.unreadable += 1,
        Err(_) => {}
    }
    met
}

/// Nothing is accepted but what was signed, character for character.
fn check_token(text: &str, met: &mut Met) {
    let jws = CompactJws::parse(text, JwsLimits::DEFAULT);
    if let Ok(jws) = &jws {
        met.read += 1;
        check_reading(text, jws);
        let nobody = KeySet::default();
        assert!(jws.verify(&nobody, &Algorithm::ALL).is_err(), "signed by nobody: {text}");
        let (_, keys) = &ISSUERS.keys;
        assert!(jws.verify(keys, &[]).is_err(), "verified by no algorithm: {text}");
    }
    let chain = identify(text);
    let genuine = ISSUERS.genuine.iter().any(|token| token == text);
    if let Some(chain) = chain {
        met.accepted += 1;
        assert!(jws.is_ok(), "it proves {chain:?} and cannot be read: {text}");
        assert!(genuine, "nobody signed what proves {chain:?}: {text}");
    } else {
        assert!(!genuine, "refused, although it is genuine: {text}");
    }
}

/// There is one way to write what was read, and a lenient reader reads the same.
fn check_reading(text: &str, jws: &CompactJws<'_>) {
    let parts: Vec<&str> = text.split('.').collect();
    let [header, payload, signature] = parts[..] else { panic!("not three parts: {text}") };
    let decoded = [header, payload, signature].map(|part| {
        let bytes = URL_SAFE_NO_PAD.decode(part);
        bytes.unwrap_or_else(|error| panic!("only we read {text}: {error}"))
    });
    let written = decoded.each_ref().map(|part| URL_SAFE_NO_PAD.encode(part)).join(".");
    assert_eq!(written, text);
    assert_eq!(jws.dangerous_unverified_payload(), decoded[1]);
    let theirs: Value = serde_json::from_slice(&decoded[0])
        .unwrap_or_else(|error| panic!("only we read the header of {text}: {error}"));
    assert_eq!(theirs["alg"], jws.header().algorithm().as_str(), "{text}");
    assert!(theirs.get("crit").is_none(), "an extension nobody understands: {text}");
    assert_eq!(theirs.get("kid").and_then(Value::as_str), jws.header().key_id(), "{text}");
}

/// What claims prove once an issuer has signed them is what they say, and nothing else.
fn check_claims(payload: &[u8], claims: &Map<String, Value>, met: &mut Met) {
    let shown = payload.escape_ascii();
    let tokens = ISSUERS.sign_access_token(payload);
    let [one, other] = tokens.map(|token| identify(&token).map(|chain| chain.links));
    assert_eq!(one, other, "the algorithm makes a difference: {shown}");
    let Some(links) = one else {
        met.claims_refused += 1;
        return;
    };
    met.claims_accepted += 1;
    let chain: Vec<_> = links.iter().map(|link| &link.actor).collect();
    claims_model::check_accepted(claims, &chain, &shown.to_string());
}

/// What a token proves: twice, so that the second time it is remembered.
fn identify(token: &str) -> Option<VerifiedChain> {
    let presented =
        [PresentedLink::Token(PresentedToken { token: token.to_owned(), possession: None })];
    let identify = || ISSUERS.verifier.identify(&presented, &NoRights, NOON);
    match (identify(), identify()) {
        (Ok(first), Ok(again)) => {
            assert_eq!(first, again, "{token}");
            Some(VerifiedChain::clone(&first))
        }
        (Err(first), Err(again)) => {
            assert_eq!((first.code, first.detail), (again.code, again.detail), "{token}");
            None
        }
        (first, again) => panic!("{first:?}, then {again:?}: {token}"),
    }
}
