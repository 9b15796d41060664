//! What is revoked, for whom and for how long.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use palisade_core::{
    Actor, EpochMillis, IssuerName, RevocationCause, RevocationScope, SignInSession, StateError,
    Subject,
};

use super::{Revocable, RevocationIndex};
use crate::testing::{TestStore, actor, at};

const LIFE: Duration = Duration::from_secs(100);

fn index(limit: usize) -> (Arc<TestStore>, RevocationIndex) {
    let store = Arc::new(TestStore::default());
    let index = RevocationIndex::load_up_to(Arc::<TestStore>::clone(&store), LIFE, limit).unwrap();
    (store, index)
}

fn issuer(name: &str) -> IssuerName {
    IssuerName::new(name).unwrap()
}

fn of_actor(issuer_name: &str, subject: &str) -> RevocationScope {
    RevocationScope::Actor { issuer: issuer(issuer_name), subject: Subject::new(subject).unwrap() }
}

fn of_session(session: &str) -> RevocationScope {
    RevocationScope::Session { issuer: issuer("i"), session: SignInSession::new(session).unwrap() }
}

fn revoke(index: &RevocationIndex, scope: RevocationScope, before: i64, now: i64) {
    index.revoke(scope, at(before), RevocationCause::new("test"), at(now)).unwrap();
}

fn issued<'a>(actors: &'a [Actor], issued_at: i64) -> Revocable<'a> {
    Revocable { signer: Some("i"), session: None, actors, issued_at: Some(at(issued_at)) }
}

#[test]
fn what_was_issued_before_is_revoked_wherever_it_names_somebody() {
    let (_, index) = index(10);
    let alice = [actor("user i alice"), actor("agent i a"), actor("agent i b")];
    let others = [actor("user i bob"), actor("user j alice"), actor("agent i alice2")];
    assert!(!index.is_revoked(issued(&alice, 0), at(1)));
    for scope in [of_actor("i", "alice"), of_actor("i", "a"), of_actor("i", "b")] {
        let (_, index) = self::index(10);
        revoke(&index, scope, 10, 10);
        assert!(index.is_revoked(issued(&alice, 9), at(11)));
        assert!(!index.is_revoked(issued(&alice, 10), at(11)));
        assert!(!index.is_revoked(issued(&others, 0), at(11)));
        let unknown = Revocable { issued_at: None, ..issued(&alice, 0) };
        assert!(index.is_revoked(unknown, at(11)), "nobody knows when it was issued");
    }
}

#[test]
fn sessions_are_revoked_with_the_issuer_they_belong_to() {
    let (_, index) = index(10);
    revoke(&index, of_session("s"), 10, 10);
    let (bob, stranger) = ([actor("user i bob")], [actor("user j bob")]);
    let of = |signer, session| Revocable {
        signer: Some(signer),
        session: Some(session),
        ..issued(&stranger, 5)
    };
    assert!(index.is_revoked(of("i", "s"), at(11)));
    assert!(!index.is_revoked(of("i", "t"), at(11)));
    assert!(!index.is_revoked(of("j", "s"), at(11)));
    assert!(!index.is_revoked(issued(&bob, 5), at(11)));
    // A token that was exchanged keeps the session of its subject's issuer.
    assert!(index.is_revoked(Revocable { actors: &bob, ..of("j", "s") }, at(11)));
    assert!(!index.is_revoked(Revocable { actors: &bob, ..of("j", "t") }, at(11)));
}

#[test]
fn all_of_an_issuer_are_those_it_signed_and_those_in_its_namespace() {
    let (_, index) = index(10);
    revoke(&index, RevocationScope::Issuer { issuer: issuer("i") }, 10, 10);
    let (own, foreign) = ([actor("user i x")], [actor("user j x")]);
    let by = |signer, actors| Revocable { signer: Some(signer), ..issued(actors, 5) };
    assert!(index.is_revoked(by("j", &own), at(11)));
    assert!(index.is_revoked(by("i", &foreign), at(11)));
    assert!(!index.is_revoked(by("j", &foreign), at(11)));
    assert!(!index.is_revoked(Revocable { issued_at: Some(at(10)), ..by("i", &own) }, at(11)));
}

#[test]
fn a_revocation_is_kept_until_nothing_can_be_good_any_more() {
    let (store, index) = index(10);
    let alice = [actor("user i alice")];
    revoke(&index, of_actor("i", "alice"), 10, 20);
    assert_eq!(store.stored.lock().unwrap()[0].until, at(120));
    assert!(index.is_revoked(issued(&alice, 5), at(119)));
    assert!(!index.is_revoked(issued(&alice, 5), at(120)));
    index.prune(at(119)).unwrap();
    assert_eq!(index.len(), 1);
    index.prune(at(120)).unwrap();
    assert!(index.is_empty());
    assert!(store.stored.lock().unwrap().is_empty());
}

#[test]
fn of_two_revocations_the_later_instant_holds() {
    for (first, second) in [(10, 30), (30, 10)] {
        let (_, index) = index(10);
        let alice = [actor("user i alice")];
        revoke(&index, of_actor("i", "alice"), first, 30);
        revoke(&index, of_actor("i", "alice"), second, 30);
        assert_eq!(index.len(), 1);
        assert!(index.is_revoked(issued(&alice, 29), at(31)));
    }
}

#[test]
fn there_is_room_for_so_many_and_it_is_said_when_there_is_none() {
    let (_, index) = index(2);
    revoke(&index, of_actor("i", "a"), 0, 0);
    revoke(&index, of_session("s"), 50, 50);
    let third =
        |now: i64| index.revoke(of_actor("i", "c"), at(now), RevocationCause::new("x"), at(now));
    assert!(matches!(third(60), Err(StateError::Full { limit: 2 })));
    // One that is joined with another needs no room.
    revoke(&index, of_session("s"), 60, 60);
    // The first one is over by then.
    third(100).unwrap();
    assert_eq!(index.len(), 2);
    assert!(matches!(
        index.revoke(of_actor("i", "d"), at(100), RevocationCause::new("x"), at(100)),
        Err(StateError::Full { limit: 2 })
    ));
}

#[test]
fn nothing_is_acknowledged_that_is_not_stored() {
    let (store, index) = index(10);
    store.fails.store(true, Ordering::SeqCst);
    let alice = [actor("user i alice")];
    let refused = index.revoke(of_actor("i", "alice"), at(10), RevocationCause::new("x"), at(10));
    assert!(matches!(refused, Err(StateError::Unavailable(_))));
    assert!(index.is_revoked(issued(&alice, 5), at(11)), "denying too much does no harm");
    assert!(RevocationIndex::load(store, LIFE).is_err());
}

#[test]
fn what_was_stored_holds_after_a_restart() {
    let (store, index) = index(10);
    let alice = [actor("user i alice")];
    revoke(&index, of_actor("i", "alice"), 10, 10);
    drop(index);
    let index = RevocationIndex::load(store, LIFE).unwrap();
    assert!(index.is_revoked(issued(&alice, 5), at(11)));
    assert_eq!(format!("{index:?}"), "RevocationIndex { in_force: 1, .. }");
}

#[test]
fn instants_at_the_end_of_time_do_no_harm() {
    let (_, index) = index(10);
    let end = EpochMillis::new(i64::MAX);
    index.revoke(of_actor("i", "a"), end, RevocationCause::new("x"), end).unwrap();
    assert!(index.is_revoked(issued(&[actor("user i a")], 5), at(11)));
}
