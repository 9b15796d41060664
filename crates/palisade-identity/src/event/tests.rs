//! Which events are taken, and what they revoke.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use palisade_core::{Clock, EpochMillis, EventSink as _, RevocationScope};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{
    EventReceiver, EventReceiverError, Received, SECURITY_EVENT_BYTES_MAX, SEEN_EVENTS_MAX,
    SeenEvents, TRANSMITTERS_MAX, Transmitter,
};
use crate::revocation::RevocationIndex;
use crate::testing::{DOMAIN, IDP, NOW, STS, Signer, TestKeys, TestStore, US, at, now, with};

const SESSION_REVOKED: &str = "https://schemas.openid.net/secevent/caep/event-type/session-revoked";

struct Fixed;

impl Clock for Fixed {
    fn now(&self) -> EpochMillis {
        now()
    }

    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }
}

struct Events {
    signer: Signer,
    keys: Arc<TestKeys>,
    store: Arc<TestStore>,
    receiver: EventReceiver,
}

impl Events {
    fn new() -> Self {
        Self::changed(|_transmitter| {})
    }

    fn changed(change: impl FnOnce(&mut Transmitter)) -> Self {
        let signer = Signer::new("e-1");
        let keys = TestKeys::of(&[&signer]);
        let mut transmitter = Transmitter {
            audiences: vec![US.to_owned()],
            ..Transmitter::new(IDP, Arc::<TestKeys>::clone(&keys))
        };
        change(&mut transmitter);
        let store = Arc::new(TestStore::default());
        let index = Arc::new(
            RevocationIndex::load(Arc::<TestStore>::clone(&store), Duration::from_secs(3600))
                .unwrap(),
        );
        let receiver = EventReceiver::new(vec![transmitter], index, Arc::new(Fixed)).unwrap();
        Self { signer, keys, store, receiver }
    }

    fn set(&self, changes: Value) -> String {
        let claims = json!({
            "iss": IDP, "aud": [US], "jti": "e-1", "iat": NOW - 1,
            "sub_id": {"format": "iss_sub", "iss": IDP, "sub": "alice"},
            "events": {SESSION_REVOKED: {}},
        });
        self.signer.sign("secevent+jwt", &with(claims, changes))
    }

    fn verdict(&self, set: &str) -> String {
        match self.receiver.receive_at(set, now()) {
            Ok(received) => format!("{received:?}"),
            Err(refusal) => refusal.err.to_owned(),
        }
    }

    /// What was stored, in short.
    fn stored(&self) -> Vec<String> {
        let stored = self.store.stored.lock().unwrap();
        let scope = |scope: &RevocationScope| match scope {
            RevocationScope::Actor { issuer, subject } => {
                format!("actor {} {}", issuer.as_str(), subject.as_str())
            }
            RevocationScope::Issuer { issuer } => format!("issuer {}", issuer.as_str()),
            RevocationScope::Session { issuer, session } => {
                format!("session {} {}", issuer.as_str(), session.as_str())
            }
        };
        stored.iter().map(|revocation| scope(&revocation.scope)).collect()
    }
}

const ONE: &str = "Applied { revocations: 1 }";

#[test]
fn every_check_of_an_event_is_made() {
    let events = Events::new();
    let set = |changes| events.set(changes);
    let typed = |typ: &str| {
        let claims = json!({"iss": IDP, "aud": US, "jti": "t", "iat": NOW, "events": {"x": {}}});
        events.signer.sign(typ, &claims)
    };
    let stranger = Signer::new("e-1");
    let claims = json!({"iss": IDP, "aud": US, "jti": "t", "iat": NOW, "events": {"x": {}}});
    let cases = [
        ("as sent", set(json!({})), ONE),
        ("a media type", typed("application/SecEvent+JWT"), "Acknowledged"),
        ("another type", typed("JWT"), "invalid_request"),
        ("no token", "x".to_owned(), "invalid_request"),
        ("an access token", typed("at+jwt"), "invalid_request"),
        ("with sub", set(json!({"sub": "alice"})), "invalid_request"),
        ("with exp", set(json!({"exp": NOW + 60})), "invalid_request"),
        ("another issuer", set(json!({"iss": STS})), "invalid_issuer"),
        ("no issuer", set(json!({"iss": null})), "invalid_issuer"),
        ("forged", stranger.sign("secevent+jwt", &claims), "invalid_key"),
        ("a key nobody knows", Signer::new("e-2").sign("secevent+jwt", &claims), "unavailable"),
        ("for another", set(json!({"aud": "x"})), "invalid_audience"),
        ("for nobody", set(json!({"aud": null})), "invalid_audience"),
        ("for others and us", set(json!({"aud": ["x", US], "jti": "2"})), ONE),
        ("no jti", set(json!({"jti": null})), "invalid_request"),
        ("no iat", set(json!({"iat": null})), "invalid_request"),
        ("from the future", set(json!({"iat": NOW + 31})), "invalid_request"),
        ("within the skew", set(json!({"iat": NOW + 30})), ONE),
        ("no events", set(json!({"events": {}})), "invalid_request"),
        ("no event member", set(json!({"events": null})), "invalid_request"),
        ("two events", set(json!({"events": {SESSION_REVOKED: {}, "x": {}}})), "invalid_request"),
        ("a text as event", set(json!({"events": {SESSION_REVOKED: "x"}})), "invalid_request"),
        ("no subject", set(json!({"sub_id": null})), "invalid_request"),
    ];
    for (name, set, expected) in cases {
        assert_eq!(events.verdict(&set), expected, "{name}");
    }
}

#[test]
fn subjects_are_revoked_by_what_they_are() {
    let opaque = json!({"format": "opaque", "id": "s-1"});
    let alice = json!({"format": "iss_sub", "iss": IDP, "sub": "alice"});
    let complex = |members: Value| with(json!({"format": "complex"}), members);
    let cases: Vec<(Value, &str, Vec<&str>)> = vec![
        (alice.clone(), ONE, vec!["actor https://idp.example alice"]),
        (
            opaque.clone(),
            "Applied { revocations: 2 }",
            vec!["actor https://idp.example s-1", "session https://idp.example s-1"],
        ),
        (complex(json!({"user": alice})), ONE, vec!["actor https://idp.example alice"]),
        (complex(json!({"session": opaque})), ONE, vec!["session https://idp.example s-1"]),
        (
            complex(json!({"session": opaque, "user": alice, "device": {"format": "opaque"}})),
            "Applied { revocations: 2 }",
            vec!["session https://idp.example s-1", "actor https://idp.example alice"],
        ),
        (complex(json!({"tenant": opaque})), "invalid_request", vec![]),
        (complex(json!({"user": "alice"})), "invalid_request", vec![]),
        (complex(json!({"session": alice})), "invalid_request", vec![]),
        (json!({"format": "email", "email": "a@x"}), "invalid_request", vec![]),
        (json!({"format": "iss_sub", "iss": IDP}), "invalid_request", vec![]),
        (json!({"format": "iss_sub", "iss": IDP, "sub": ""}), "invalid_request", vec![]),
        (json!({"format": "iss_sub", "iss": STS, "sub": "alice"}), "access_denied", vec![]),
        (json!({"format": "uri", "uri": format!("{DOMAIN}/a")}), "access_denied", vec![]),
        (json!({"format": "uri", "uri": "https://x"}), "invalid_request", vec![]),
        (json!({"iss": IDP, "sub": "alice"}), "invalid_request", vec![]),
        (json!("alice"), "invalid_request", vec![]),
    ];
    for (subject, expected, stored) in cases {
        let events = Events::new();
        assert_eq!(events.verdict(&events.set(json!({"sub_id": subject}))), expected, "{subject}");
        assert_eq!(events.stored(), stored, "{subject}");
    }
}

#[test]
fn a_transmitter_may_be_told_to_speak_for_others() {
    let events = Events::changed(|transmitter| transmitter.speaks_for.push(DOMAIN.to_owned()));
    let uri = json!({"sub_id": {"format": "uri", "uri": format!("{DOMAIN}/a")}});
    assert_eq!(events.verdict(&events.set(uri)), ONE);
    let opaque = json!({"sub_id": {"format": "opaque", "id": "x"}});
    assert_eq!(events.verdict(&events.set(opaque)), "Applied { revocations: 3 }");
    assert_eq!(
        events.stored(),
        [
            "actor spiffe://prod.example a",
            "actor https://idp.example x",
            "session https://idp.example x",
            "session spiffe://prod.example x",
        ]
    );
}

#[test]
fn a_session_alone_is_revoked_where_tokens_say_theirs() {
    let events = Events::changed(|transmitter| transmitter.sessions_in_tokens = true);
    let subject = json!({
        "format": "complex",
        "session": {"format": "opaque", "id": "s-1"},
        "user": {"format": "iss_sub", "iss": IDP, "sub": "alice"},
    });
    assert_eq!(events.verdict(&events.set(json!({"sub_id": subject}))), ONE);
    assert_eq!(events.stored(), ["session https://idp.example s-1"]);
}

#[test]
fn a_critical_member_that_is_not_understood_drops_the_event() {
    let critical = |members: &[&str]| {
        let members = members.iter().map(|member| (*member).to_owned()).collect();
        Events::changed(|transmitter| transmitter.critical_subject_members = members)
    };
    let subject = json!({"sub_id": {
        "format": "complex",
        "user": {"format": "iss_sub", "iss": IDP, "sub": "alice"},
        "tenant": {"format": "opaque", "id": "t"},
    }});
    let events = critical(&["tenant"]);
    assert_eq!(events.verdict(&events.set(subject.clone())), "Discarded");
    assert!(events.stored().is_empty());
    let events = critical(&["user", "device"]);
    assert_eq!(events.verdict(&events.set(subject)), ONE);
}

#[test]
fn only_events_that_take_trust_away_revoke() {
    let events = Events::new();
    let of = |name: &str, event: Value| {
        let event_type = format!("https://schemas.openid.net/secevent/caep/event-type/{name}");
        events.verdict(&events.set(json!({"events": {event_type: event}})))
    };
    assert_eq!(of("session-revoked", json!({})), ONE);
    assert_eq!(of("credential-change", json!({"change_type": "revoke"})), ONE);
    assert_eq!(of("assurance-level-change", json!({"change_direction": "decrease"})), ONE);
    assert_eq!(of("assurance-level-change", json!({})), ONE);
    assert_eq!(
        of("assurance-level-change", json!({"change_direction": "increase"})),
        "Acknowledged"
    );
    for name in ["session-established", "session-presented", "token-claims-change", "x"] {
        assert_eq!(of(name, json!({})), "Acknowledged");
    }
    let verification = "https://schemas.openid.net/secevent/ssf/event-type/verification";
    assert_eq!(events.verdict(&events.set(json!({"events": {verification: {}}}))), "Acknowledged");
}

#[test]
fn an_event_revokes_what_was_issued_before_it_happened() {
    let issued_before = |timestamp: Value| {
        let events = Events::new();
        let event = with(json!({}), json!({"event_timestamp": timestamp}));
        let verdict = events.verdict(&events.set(json!({"events": {SESSION_REVOKED: event}})));
        let stored = events.store.stored.lock().unwrap();
        (verdict, stored.first().map(|revocation| revocation.issued_before))
    };
    // The second in which it happened counts as before.
    assert_eq!(issued_before(Value::Null).1, Some(at(0)));
    assert_eq!(issued_before(json!(NOW - 100)).1, Some(at(-99)));
    assert_eq!(issued_before(json!(NOW + 30)).1, Some(at(31)));
    for unusable in [json!(NOW + 31), json!(NOW * 1000), json!(-1), json!("now"), json!({})] {
        assert_eq!(issued_before(unusable), ("invalid_request".to_owned(), None));
    }
}

#[test]
fn an_event_that_comes_again_is_acknowledged() {
    let events = Events::new();
    let set = events.set(json!({}));
    assert_eq!(events.receiver.receive_at(&set, now()), Ok(Received::Applied { revocations: 1 }));
    assert_eq!(events.receiver.receive_at(&set, at(5)), Ok(Received::Repeated));
    assert_eq!(events.receiver.receive(&set), Ok(()));
    assert_eq!(events.stored().len(), 1);
    // The same name on another event is no repetition.
    let other = json!({"sub_id": {"format": "iss_sub", "iss": IDP, "sub": "bob"}});
    assert_eq!(events.verdict(&events.set(other)), ONE);
}

#[test]
fn an_event_is_not_acknowledged_before_it_is_stored() {
    let events = Events::new();
    let set = events.set(json!({}));
    events.store.fails.store(true, Ordering::SeqCst);
    assert_eq!(events.verdict(&set), "unavailable");
    assert!(!events.receiver.receive(&set).unwrap_err().is_final());
    events.store.fails.store(false, Ordering::SeqCst);
    assert_eq!(events.verdict(&set), ONE);
    assert_eq!(events.stored().len(), 1);
}

#[test]
fn an_event_by_an_unknown_key_is_asked_for_again() {
    let events = Events::new();
    let next = Signer::new("e-2");
    let claims = json!({"iss": IDP, "aud": US, "jti": "n", "iat": NOW, "events": {"x": {}}});
    let set = next.sign("secevent+jwt", &claims);
    assert_eq!(events.verdict(&set), "unavailable");
    assert_eq!(events.keys.wanted.load(Ordering::SeqCst), 1);
    events.keys.publish(&[&next]);
    assert_eq!(events.verdict(&set), "Acknowledged");
}

#[test]
fn events_are_bounded_in_bytes_and_in_number() {
    let events = Events::new();
    let padded = |length: usize| events.set(json!({"pad": "x".repeat(length)}));
    let fits = (SECURITY_EVENT_BYTES_MAX / 4 * 3 - 600..)
        .take_while(|length| padded(*length).len() <= SECURITY_EVENT_BYTES_MAX)
        .last()
        .unwrap();
    assert_eq!(events.verdict(&padded(fits)), ONE);
    assert_eq!(events.verdict(&padded(fits + 3)), "invalid_request");
    let digest = |number: usize| palisade_core::Sha256Digest::of(&number.to_be_bytes());
    let mut seen = SeenEvents::default();
    for number in 0..=SEEN_EVENTS_MAX {
        seen.insert(digest(number));
        seen.insert(digest(number));
    }
    assert!(!seen.contains(&digest(0)));
    assert!(seen.contains(&digest(1)) && seen.contains(&digest(SEEN_EVENTS_MAX)));
    assert_eq!(seen.by_age.len(), SEEN_EVENTS_MAX);
    assert_eq!(seen.known.len(), SEEN_EVENTS_MAX);
}

#[test]
fn unusable_transmitters_are_refused() {
    let keys = TestKeys::of(&[]);
    let usable = |name: &str| Transmitter {
        audiences: vec![US.to_owned()],
        ..Transmitter::new(name, Arc::<TestKeys>::clone(&keys))
    };
    let new = |transmitters| {
        let index = RevocationIndex::load(Arc::new(TestStore::default()), Duration::ZERO).unwrap();
        EventReceiver::new(transmitters, Arc::new(index), Arc::new(Fixed)).map(|_| ())
    };
    let issuer = || "https://t".to_owned();
    assert_eq!(new(vec![usable("https://t")]), Ok(()));
    assert_eq!(
        new(vec![usable("https://t"), usable("https://t")]),
        Err(EventReceiverError::Duplicate { issuer: issuer() })
    );
    let empty = |list| Err(EventReceiverError::Empty { issuer: issuer(), list });
    let cases = [
        (Transmitter { audiences: Vec::new(), ..usable("https://t") }, empty("audiences")),
        (Transmitter { algorithms: Vec::new(), ..usable("https://t") }, empty("algorithms")),
        (Transmitter { speaks_for: Vec::new(), ..usable("https://t") }, empty("speaks_for")),
        (usable(""), Err(EventReceiverError::Name { issuer: String::new() })),
    ];
    for (transmitter, expected) in cases {
        assert_eq!(new(vec![transmitter]), expected);
    }
    let many =
        |count: usize| (0..count).map(|number| usable(&format!("https://{number}"))).collect();
    assert_eq!(new(many(TRANSMITTERS_MAX)), Ok(()));
    assert_eq!(
        new(many(TRANSMITTERS_MAX + 1)),
        Err(EventReceiverError::TooMany { transmitters: TRANSMITTERS_MAX + 1 })
    );
}

proptest! {
    #[test]
    fn any_event_is_answered(text in "\\PC*") {
        prop_assert!(Events::new().receiver.receive(&text).is_err());
    }

    #[test]
    fn no_changed_byte_of_an_event_is_accepted(index in 0_usize..600, bit in 0_u8..7) {
        let events = Events::new();
        let mut set = events.set(json!({})).into_bytes();
        let index = index % set.len();
        set[index] ^= 1 << bit;
        if let Ok(set) = String::from_utf8(set) {
            prop_assert!(events.receiver.receive(&set).is_err());
            prop_assert!(events.stored().is_empty());
        }
    }
}
