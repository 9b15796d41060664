//! What every store of revocations has to do, whatever it keeps them in.

use std::collections::HashMap;
use std::{slice, thread};

use palisade_core::limits::{
    ISSUER_BYTES_MAX, REVOCATION_CAUSE_BYTES_MAX, SIGN_IN_SESSION_BYTES_MAX, SUBJECT_BYTES_MAX,
};
use palisade_core::{
    EpochMillis, IssuerName, Revocation, RevocationCause, RevocationScope, RevocationStore,
    SignInSession, StateError, Subject,
};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

/// Holds a store against all of it. `empty` makes an empty one that takes so many revocations.
pub(crate) fn check<S: RevocationStore>(empty: impl Fn(usize) -> S) {
    what_is_appended_is_loaded(&empty(10));
    scopes_are_kept_apart(&empty(10));
    one_scope_has_one_revocation(&empty(10));
    the_longest_names_are_kept(&empty(10));
    one_more_than_there_is_room_for_is_refused(&empty(3));
    what_is_over_is_forgotten(&empty(10));
    appends_at_once_are_all_kept(&empty(100));
    a_store_is_a_map_of_scopes(&empty);
}

/// What is kept, sorted.
pub(crate) fn kept(store: &impl RevocationStore) -> Vec<Revocation> {
    let mut revocations = store.load().unwrap();
    revocations.sort_by(|one, other| one.scope.cmp(&other.scope));
    revocations
}

pub(crate) fn actor(issuer: &str, subject: &str) -> RevocationScope {
    RevocationScope::Actor { issuer: name(issuer), subject: Subject::new(subject).unwrap() }
}

pub(crate) fn issuer(issuer: &str) -> RevocationScope {
    RevocationScope::Issuer { issuer: name(issuer) }
}

pub(crate) fn session(issuer: &str, session: &str) -> RevocationScope {
    RevocationScope::Session { issuer: name(issuer), session: SignInSession::new(session).unwrap() }
}

fn name(issuer: &str) -> IssuerName {
    IssuerName::new(issuer).unwrap()
}

pub(crate) fn revocation(scope: RevocationScope, issued_before: i64, until: i64) -> Revocation {
    Revocation {
        scope,
        issued_before: EpochMillis::new(issued_before),
        until: EpochMillis::new(until),
        recorded_at: EpochMillis::new(issued_before.saturating_add(7)),
        cause: RevocationCause::new(&format!("issued before {issued_before}")),
    }
}

fn what_is_appended_is_loaded(store: &impl RevocationStore) {
    assert_eq!(store.load().unwrap(), []);
    let revocation = Revocation {
        scope: actor("https://idp.example", "alice"),
        issued_before: EpochMillis::new(i64::MAX),
        until: EpochMillis::new(i64::MIN),
        recorded_at: EpochMillis::new(-1),
        cause: RevocationCause::new("lost \"laptop\" \u{1f4bb}"),
    };
    store.append(&revocation).unwrap();
    assert_eq!(store.load().unwrap(), [revocation]);
}

fn scopes_are_kept_apart(store: &impl RevocationStore) {
    // Each is another one's text, cut elsewhere or of another kind.
    let mut scopes = [
        issuer("a"),
        issuer("ab"),
        actor("a", "b"),
        actor("a", "bc"),
        actor("ab", "c"),
        actor("b", "a"),
        session("a", "b"),
        session("ab", "c"),
    ];
    for scope in &scopes {
        store.append(&revocation(scope.clone(), 10, 20)).unwrap();
    }
    scopes.sort();
    let kept: Vec<RevocationScope> = kept(store).into_iter().map(|kept| kept.scope).collect();
    assert_eq!(kept, scopes);
}

fn one_scope_has_one_revocation(store: &impl RevocationStore) {
    let scope = session("a", "s");
    let (first, later) = (revocation(scope.clone(), 10, 50), revocation(scope, 20, 40));
    store.append(&first).unwrap();
    store.append(&first).unwrap();
    assert_eq!(store.load().unwrap(), slice::from_ref(&first));
    store.append(&later).unwrap();
    let joined = Revocation { until: EpochMillis::new(50), ..later };
    assert_eq!(store.load().unwrap(), slice::from_ref(&joined));
    // An older one that comes late takes nothing back.
    store.append(&first).unwrap();
    assert_eq!(store.load().unwrap(), [joined]);
}

fn the_longest_names_are_kept(store: &impl RevocationStore) {
    let long = |bytes| "\"".repeat(bytes);
    let scopes = [
        actor(&long(ISSUER_BYTES_MAX), &long(SUBJECT_BYTES_MAX)),
        session(&long(ISSUER_BYTES_MAX), &long(SIGN_IN_SESSION_BYTES_MAX)),
    ];
    let longest = scopes.map(|scope| Revocation {
        cause: RevocationCause::new(&long(REVOCATION_CAUSE_BYTES_MAX)),
        ..revocation(scope, 10, 20)
    });
    for revocation in &longest {
        store.append(revocation).unwrap();
    }
    assert_eq!(kept(store), longest);
}

fn one_more_than_there_is_room_for_is_refused(store: &impl RevocationStore) {
    for (subject, until) in [("1", 10), ("2", 20), ("3", 30)] {
        store.append(&revocation(actor("a", subject), 1, until)).unwrap();
    }
    let one_more = revocation(actor("a", "4"), 1, 40);
    for _ in 0..2 {
        let full = store.append(&one_more).unwrap_err();
        assert!(matches!(full, StateError::Full { limit: 3 }), "{full:?}");
        assert_eq!(store.load().unwrap().len(), 3);
    }
    // What is kept already takes no more room.
    let later = revocation(actor("a", "3"), 2, 30);
    store.append(&later).unwrap();
    assert_eq!(kept(store).last(), Some(&later));
    assert_eq!(store.prune(EpochMillis::new(10)).unwrap(), 1);
    store.append(&one_more).unwrap();
    assert_eq!(kept(store).last(), Some(&one_more));
}

fn what_is_over_is_forgotten(store: &impl RevocationStore) {
    assert_eq!(store.prune(EpochMillis::new(0)).unwrap(), 0);
    let [now, later] = [("now", 20), ("later", 21)]
        .map(|(subject, until)| revocation(actor("a", subject), 10, until));
    store.append(&now).unwrap();
    store.append(&later).unwrap();
    assert_eq!(store.prune(EpochMillis::new(19)).unwrap(), 0);
    assert_eq!(store.load().unwrap().len(), 2);
    assert_eq!(store.prune(EpochMillis::new(20)).unwrap(), 1);
    assert_eq!(store.load().unwrap(), [later]);
    assert_eq!(store.prune(EpochMillis::new(21)).unwrap(), 1);
    assert_eq!(store.load().unwrap(), []);
}

fn appends_at_once_are_all_kept(store: &impl RevocationStore) {
    let mut all: Vec<Revocation> = (0..40_i64)
        .map(|number| revocation(actor("a", &number.to_string()), number, number))
        .collect();
    thread::scope(|scope| {
        for part in all.chunks(10) {
            scope.spawn(move || {
                for revocation in part {
                    store.append(revocation).unwrap();
                }
            });
        }
    });
    all.sort_by(|one, other| one.scope.cmp(&other.scope));
    assert_eq!(kept(store), all);
}

#[derive(Clone, Debug)]
enum Step {
    Append(Revocation),
    Prune(i64),
}

fn a_store_is_a_map_of_scopes<S: RevocationStore>(empty: impl Fn(usize) -> S) {
    let scope = prop_oneof![
        "[ab]{1,2}".prop_map(|name| issuer(&name)),
        ("[ab]{1,2}", "[ab]{1,2}").prop_map(|(name, subject)| actor(&name, &subject)),
        ("[ab]{1,2}", "[ab]{1,2}").prop_map(|(name, id)| session(&name, &id)),
    ];
    let append = (scope, 0..9_i64, 0..9_i64).prop_map(|(scope, issued_before, until)| {
        Step::Append(revocation(scope, issued_before, until))
    });
    let step = prop_oneof![4 => append, 1 => (0..9_i64).prop_map(Step::Prune)];
    let steps = prop::collection::vec(step, 0..30);
    // A store may take milliseconds for each step.
    let mut runner = TestRunner::new(Config { cases: 20, ..Config::default() });
    runner
        .run(&steps, |steps| {
            let store = empty(6);
            let mut model: HashMap<RevocationScope, Revocation> = HashMap::new();
            for step in steps {
                match step {
                    Step::Append(revocation) => {
                        let known = model.get(&revocation.scope).cloned();
                        let fits = known.is_some() || model.len() < 6;
                        prop_assert_eq!(store.append(&revocation).is_ok(), fits);
                        if fits {
                            let joined = match known {
                                Some(known) => known.joined(&revocation),
                                None => revocation,
                            };
                            model.insert(joined.scope.clone(), joined);
                        }
                    }
                    Step::Prune(now) => {
                        let before = model.len();
                        model.retain(|_, revocation| revocation.until > EpochMillis::new(now));
                        let forgotten = store.prune(EpochMillis::new(now)).unwrap();
                        prop_assert_eq!(forgotten, before - model.len());
                    }
                }
                let mut expected: Vec<Revocation> = model.values().cloned().collect();
                expected.sort_by(|one, other| one.scope.cmp(&other.scope));
                prop_assert_eq!(kept(&store), expected);
            }
            Ok(())
        })
        .unwrap();
}
