use proptest::prelude::*;

use super::*;
use crate::conformance::{actor, issuer, revocation, session};

/// Values of version 1 as they lie on disks; whatever changes here cannot be read there.
const STORED: [&str; 3] = [
    r#"{"version":1,"scope":{"actor":{"issuer":"https://idp.example","subject":"alice"}},"issued_before":10,"until":20,"recorded_at":17,"cause":"issued before 10"}"#,
    r#"{"version":1,"scope":{"issuer":{"issuer":"https://idp.example"}},"issued_before":10,"until":20,"recorded_at":17,"cause":"issued before 10"}"#,
    r#"{"version":1,"scope":{"session":{"issuer":"https://idp.example","session":"s-1"}},"issued_before":10,"until":20,"recorded_at":17,"cause":"issued before 10"}"#,
];

fn revocations() -> [Revocation; 3] {
    let scopes = [
        actor("https://idp.example", "alice"),
        issuer("https://idp.example"),
        session("https://idp.example", "s-1"),
    ];
    scopes.map(|scope| revocation(scope, 10, 20))
}

fn refused(stored_key: &[u8], value: &str) -> String {
    match decode(stored_key, value.as_bytes()) {
        Err(StateError::Corrupt { detail }) => detail,
        other => panic!("{value}: {other:?}"),
    }
}

#[test]
fn what_was_written_stays_readable() {
    for (revocation, stored) in revocations().iter().zip(STORED) {
        assert_eq!(String::from_utf8(encode(revocation).unwrap()).unwrap(), stored);
        assert_eq!(decode(&key(&revocation.scope), stored.as_bytes()).unwrap(), *revocation);
    }
    let mut golden = b"a\0\0\0\0\0\0\0\x01i".to_vec();
    golden.extend_from_slice(b"subject");
    assert_eq!(key(&actor("i", "subject")), golden);
    assert_eq!(key(&issuer("i")), b"i\0\0\0\0\0\0\0\x01i");
    assert_eq!(key(&session("i", "s")), b"s\0\0\0\0\0\0\0\x01is");
}

#[test]
fn what_is_no_revocation_is_refused() {
    let [actor, ..] = revocations();
    let stored_key = key(&actor.scope);
    let [stored, ..] = STORED;
    let later = refused(&stored_key, &stored.replace("\"version\":1", "\"version\":2"));
    assert_eq!(later, "a revocation has the version 2, not 1");
    for changed in [
        stored.replace("\"version\":1,", ""),
        stored.replace("\"cause\"", "\"reason\""),
        stored.replace("\"until\":20,", ""),
        stored.replace("\"until\":20,", "\"until\":20,\"more\":1,"),
        stored.replace("\"until\":20", "\"until\":20.5"),
        stored.replace("\"subject\"", "\"session\""),
        stored.replace("\"alice\"", "\"\""),
        stored.replace("https://idp.example", ""),
        stored.replace("actor", "agent"),
        stored.replace('}', ""),
        format!("{stored}x"),
        String::new(),
    ] {
        let detail = refused(&stored_key, &changed);
        assert!(detail.starts_with("a revocation cannot be read: "), "{changed}: {detail}");
    }
}

#[test]
fn a_revocation_under_the_key_of_another_is_refused() {
    let [actor, issuer, _] = revocations();
    let [stored, ..] = STORED;
    let detail = refused(&key(&issuer.scope), stored);
    assert_eq!(detail, "a revocation stands where another should be");
    let other = stored.replace("alice", "bob");
    assert_eq!(refused(&key(&actor.scope), &other), "a revocation stands where another should be");
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(value in prop::collection::vec(any::<u8>(), 0..200)) {
        let refused = matches!(decode(b"", &value), Err(StateError::Corrupt { .. }));
        prop_assert!(refused);
    }

    #[test]
    fn any_text_for_a_value_is_read_or_refused(
        at in 0..STORED[0].len(),
        replacement in any::<char>(),
    ) {
        let mut value: Vec<char> = STORED[0].chars().collect();
        value[at] = replacement;
        let value: String = value.into_iter().collect();
        let stored_key = key(&revocations()[0].scope);
        if let Ok(read) = decode(&stored_key, value.as_bytes()) {
            prop_assert_eq!(&read.scope, &revocations()[0].scope);
        }
    }

    #[test]
    fn different_scopes_have_different_keys(
        one in ("[ab\u{e4}]{1,9}", "[ab\u{e4}]{1,9}"),
        other in ("[ab\u{e4}]{1,9}", "[ab\u{e4}]{1,9}"),
    ) {
        let keys = |(name, rest): &(String, String)| {
            [key(&actor(name, rest)), key(&session(name, rest)), key(&issuer(name))]
        };
        let scopes = |(name, rest): &(String, String)| {
            [actor(name, rest), session(name, rest), issuer(name)]
        };
        for (one_key, one_scope) in keys(&one).iter().zip(scopes(&one)) {
            for (other_key, other_scope) in keys(&other).iter().zip(scopes(&other)) {
                prop_assert_eq!(one_key == other_key, one_scope == other_scope);
            }
        }
    }
}
