//! Security events: only what is signed revokes, and only whom its signer may speak for.

use std::sync::{Arc, Mutex, PoisonError};

use palisade_core::{EpochMillis, Revocation, RevocationScope, RevocationStore, StateError};
use palisade_identity::{EventReceiver, Received, RevocationIndex, Transmitter};
use serde_json::{Map, Value};

use super::Met;
use super::issuers::{IDP, Issuers, LONGEST_LIFE, US};
use crate::{ManualClock, NOON};

/// Of texts as they come only the genuine event is taken.
pub(super) fn check_received(issuers: &Issuers, text: &str, met: &mut Met) {
    let genuine = issuers.genuine_events.iter().any(|event| event == text);
    let taken = receive(issuers, text).is_some();
    assert_eq!(taken, genuine, "{text}");
    met.events_taken += usize::from(taken);
}

/// Signed claims revoke what they may, or nothing.
pub(super) fn check_claims(
    issuers: &Issuers,
    payload: &[u8],
    claims: &Map<String, Value>,
    met: &mut Met,
) {
    let Some(revoked) = receive(issuers, &issuers.sign_event(payload)) else {
        met.events_refused += 1;
        return;
    };
    met.events_taken += 1;
    let shown = payload.escape_ascii();
    let text = |name: &str| claims.get(name).and_then(Value::as_str).unwrap_or_default();
    assert_eq!(text("iss"), IDP, "{shown}");
    assert!(!text("jti").is_empty(), "{shown}");
    assert!(!claims.contains_key("sub") && !claims.contains_key("exp"), "a token: {shown}");
    let is_for_us = match claims.get("aud") {
        Some(Value::Array(audiences)) => audiences.iter().any(|audience| audience == US),
        audience => audience.is_some_and(|audience| audience == US),
    };
    assert!(is_for_us, "{shown}");
    let events = claims.get("events").and_then(Value::as_object);
    assert_eq!(events.map(Map::len), Some(1), "{shown}");
    for revocation in revoked {
        let issuer = match &revocation.scope {
            RevocationScope::Actor { issuer, .. } | RevocationScope::Session { issuer, .. } => {
                issuer
            }
            scope @ RevocationScope::Issuer { .. } => panic!("{scope:?} by {shown}"),
        };
        assert_eq!(issuer.as_str(), IDP, "{shown}");
        let skew = palisade_identity::CLOCK_SKEW_DEFAULT.as_millis();
        let latest = NOON.as_millis() + i64::try_from(skew).expect("minutes") + 1000;
        assert!(revocation.issued_before.as_millis() <= latest, "{revocation:?} by {shown}");
        assert!(revocation.until > revocation.issued_before, "{revocation:?} by {shown}");
    }
}

/// What an event has revoked; `None` if it was refused, which revokes nothing.
fn receive(issuers: &Issuers, text: &str) -> Option<Vec<Revocation>> {
    let (_, keys) = &issuers.keys;
    let transmitter = Transmitter {
        audiences: vec![US.to_owned()],
        ..Transmitter::new(IDP, Arc::new(Arc::clone(keys)))
    };
    let store = Arc::new(Kept::default());
    let index = RevocationIndex::load(Arc::<Kept>::clone(&store), LONGEST_LIFE);
    let index = Arc::new(index.expect("nothing to load"));
    let receiver =
        EventReceiver::new(vec![transmitter], Arc::clone(&index), Arc::new(ManualClock::default()));
    let receiver = receiver.expect("a receiver");
    let received = receiver.receive_at(text, NOON);
    let kept = store.take();
    match received {
        Err(_) => {
            assert!(kept.is_empty() && index.is_empty(), "{kept:?} by what was refused: {text}");
            return None;
        }
        Ok(Received::Applied { revocations }) => {
            assert!(revocations == kept.len() && !index.is_empty(), "{kept:?} by {text}");
        }
        Ok(Received::Acknowledged | Received::Discarded) => {
            assert!(kept.is_empty() && index.is_empty(), "{kept:?} by {text}");
        }
        Ok(Received::Repeated) => panic!("it came for the first time: {text}"),
    }
    assert_eq!(receiver.receive_at(text, NOON), Ok(Received::Repeated), "{text}");
    assert!(store.take().is_empty(), "done twice: {text}");
    Some(kept)
}

/// What was stored.
#[derive(Debug, Default)]
struct Kept(Mutex<Vec<Revocation>>);

impl Kept {
    fn take(&self) -> Vec<Revocation> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl RevocationStore for Kept {
    fn is_durable(&self) -> bool {
        false
    }

    fn load(&self) -> Result<Vec<Revocation>, StateError> {
        Ok(Vec::new())
    }

    fn append(&self, revocation: &Revocation) -> Result<(), StateError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(revocation.clone());
        Ok(())
    }

    fn prune(&self, _now: EpochMillis) -> Result<usize, StateError> {
        Ok(0)
    }
}
