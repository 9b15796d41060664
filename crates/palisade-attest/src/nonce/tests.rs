use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::time::Duration;

use palisade_core::{Actor, EpochMillis};

use super::{
    Holder, IssueNonceError, NONCE_BYTES, NONCE_LIFETIME_MAX, NONCES_PER_HOLDER_MAX, NonceLimits,
    NonceSource, Nonces, SystemNonces,
};

const NOW: EpochMillis = EpochMillis::new(1_800_000_000_000);
const PEP: &str = "spiffe://corp/gateway";

/// 1, 2, 3, … as nonces.
struct Counted(AtomicU64);

impl NonceSource for Counted {
    fn fill(&self, nonce: &mut [u8; NONCE_BYTES]) -> Option<()> {
        let count = self.0.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        nonce[..8].copy_from_slice(&count);
        Some(())
    }
}

struct Exhausted;

impl NonceSource for Exhausted {
    fn fill(&self, _nonce: &mut [u8; NONCE_BYTES]) -> Option<()> {
        None
    }
}

fn nonces(live_max: usize) -> Nonces {
    let limits = NonceLimits { lifetime: Duration::from_secs(60), live_max };
    Nonces::new(limits, Box::new(Counted(AtomicU64::new(1))))
}

fn actor(name: &str) -> Actor {
    format!("agent:corp:{name}").parse().expect("an actor")
}

fn later(millis: i64) -> EpochMillis {
    EpochMillis::new(NOW.as_millis() + millis)
}

#[test]
fn a_nonce_is_spent_once() {
    let nonces = nonces(10);
    let bot = actor("bot");
    let issued = nonces.issue(PEP, &bot, NOW).expect("issued");
    assert_eq!(issued.expires_at, later(60_000));
    let holder = Holder::new(PEP, &bot);
    assert_eq!(nonces.held(holder, NOW), [issued.nonce]);
    let mut ran = false;
    assert!(nonces.consume(holder, &issued.nonce, NOW, || ran = true));
    assert!(ran);
    assert!(!nonces.consume(holder, &issued.nonce, NOW, || panic!("it was spent")));
    assert!(nonces.held(holder, NOW).is_empty());
    assert!(nonces.is_empty());
}

#[test]
fn a_nonce_dies_to_the_millisecond() {
    let nonces = nonces(10);
    let bot = actor("bot");
    let holder = Holder::new(PEP, &bot);
    let issued = nonces.issue(PEP, &bot, NOW).expect("issued");
    assert_eq!(nonces.held(holder, later(59_999)), [issued.nonce]);
    assert!(nonces.held(holder, later(60_000)).is_empty());
    assert!(!nonces.consume(holder, &issued.nonce, later(60_000), || panic!("it is dead")));
    assert!(nonces.consume(holder, &issued.nonce, later(59_999), || ()));
}

#[test]
fn a_nonce_is_of_use_to_nobody_else() {
    let nonces = nonces(10);
    let bot = actor("bot");
    let issued = nonces.issue(PEP, &bot, NOW).expect("issued");
    let user: Actor = "user:corp:bot".parse().expect("an actor");
    let elsewhere: Actor = "agent:other:bot".parse().expect("an actor");
    for (requester, actor) in [
        ("spiffe://corp/other", &bot),
        (PEP, &actor("bot2")),
        (PEP, &user),
        (PEP, &elsewhere),
        ("", &bot),
    ] {
        let other = Holder::new(requester, actor);
        assert!(nonces.held(other, NOW).is_empty());
        assert!(!nonces.consume(other, &issued.nonce, NOW, || panic!("not theirs")));
    }
    assert_eq!(nonces.len(), 1);
}

#[test]
fn names_that_run_into_each_other_are_told_apart() {
    let one: Actor = "agent:ab:c".parse().expect("an actor");
    let two: Actor = "agent:a:bc".parse().expect("an actor");
    assert!(Holder::new("p", &one) != Holder::new("p", &two));
    assert!(Holder::new("pAgent", &one) != Holder::new("p", &one));
}

#[test]
fn when_full_no_nonce_is_issued_and_none_is_lost() {
    let nonces = nonces(3);
    let held: Vec<_> = (0..3)
        .map(|n| {
            let bot = actor(&format!("bot{n}"));
            (nonces.issue(PEP, &bot, NOW).expect("issued"), Holder::new(PEP, &bot))
        })
        .collect();
    assert_eq!(nonces.issue(PEP, &actor("x"), NOW), Err(IssueNonceError::Full));
    assert_eq!(nonces.issue(PEP, &actor("x"), later(59_999)), Err(IssueNonceError::Full));
    for (issued, holder) in &held {
        assert_eq!(nonces.held(*holder, NOW), [issued.nonce]);
    }
    let (issued, holder) = held[0];
    assert!(nonces.consume(holder, &issued.nonce, NOW, || ()));
    assert!(nonces.issue(PEP, &actor("x"), NOW).is_ok());
    assert_eq!(nonces.issue(PEP, &actor("x"), NOW), Err(IssueNonceError::Full));
    // The dead make room.
    assert!(nonces.issue(PEP, &actor("y"), later(60_000)).is_ok());
    assert_eq!(nonces.len(), 1);
}

#[test]
fn one_holder_has_a_bounded_number_of_nonces() {
    let nonces = nonces(1000);
    let bot = actor("bot");
    for _ in 0..NONCES_PER_HOLDER_MAX {
        nonces.issue(PEP, &bot, NOW).expect("issued");
    }
    assert_eq!(nonces.issue(PEP, &bot, NOW), Err(IssueNonceError::HolderFull));
    assert!(nonces.issue(PEP, &actor("bot2"), NOW).is_ok());
    assert_eq!(nonces.len(), NONCES_PER_HOLDER_MAX + 1);
    assert!(nonces.issue(PEP, &bot, later(60_000)).is_ok());
}

#[test]
fn without_randomness_no_nonce_is_issued() {
    let nonces = Nonces::new(NonceLimits::default(), Box::new(Exhausted));
    assert_eq!(nonces.issue(PEP, &actor("bot"), NOW), Err(IssueNonceError::NoRandomness));
    assert!(nonces.is_empty());
}

#[test]
fn the_systems_nonces_differ() {
    let nonces = Nonces::new(NonceLimits::default(), Box::new(SystemNonces));
    let bot = actor("bot");
    let one = nonces.issue(PEP, &bot, NOW).expect("issued");
    let two = nonces.issue(PEP, &bot, NOW).expect("issued");
    assert!(one != two && one.nonce != [0; NONCE_BYTES]);
}

#[test]
fn a_lifetime_has_a_limit() {
    let limits = NonceLimits { lifetime: Duration::MAX, live_max: 1 };
    let nonces = Nonces::new(limits, Box::new(SystemNonces));
    let issued = nonces.issue(PEP, &actor("bot"), NOW).expect("issued");
    let longest = i64::try_from(NONCE_LIFETIME_MAX.as_millis()).expect("it fits");
    assert_eq!(issued.expires_at, later(longest));
}

#[test]
fn of_many_threads_exactly_one_spends_a_nonce() {
    const THREADS: usize = 8;
    let bot = actor("bot");
    let holder = Holder::new(PEP, &bot);
    for _ in 0..50 {
        let nonces = Arc::new(nonces(10));
        let nonce = nonces.issue(PEP, &bot, NOW).expect("issued").nonce;
        let wins = Arc::new(AtomicUsize::new(0));
        let start = Arc::new(Barrier::new(THREADS));
        std::thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    start.wait();
                    if nonces.consume(holder, &nonce, NOW, || ()) {
                        wins.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
        });
        assert_eq!(wins.load(Ordering::Relaxed), 1);
    }
}

#[test]
fn a_nonce_does_not_show_in_debug_output() {
    let nonces = nonces(1);
    let issued = nonces.issue(PEP, &actor("bot"), NOW).expect("issued");
    let shown = format!("{issued:?} {nonces:?}");
    assert!(!shown.contains("nonce:") && !shown.contains("[0, 0"), "{shown}");
}
