//! A new snapshot that was asked what the one before it is asked most.

use palisade_core::{ActorKind, Facts, Outcome, ToolCall};

use crate::universe::{NOW, Universe, actor, call};

/// So large that two calls of a test never meet in one place of a table.
const BYTES: u64 = 1 << 30;

fn send(n: u32) -> ToolCall {
    call(vec![actor(ActorKind::User, "ann")], "pay.send", &format!("{{\"n\":{n}}}"))
}

fn snapshot(limit: u32) -> palisade_engine::PolicySnapshot {
    let policies = format!(
        "@id(\"all\") permit (principal, action, resource);\n\
         @id(\"few\") @reason(\"r\") forbid (principal, action == Action::\"pay.send\", resource) \
         when {{ context.args.n > {limit} }};"
    );
    Universe::with_policies(policies).snapshot().with_cache_bytes(BYTES)
}

#[test]
fn what_was_warmed_is_found_when_it_first_comes_and_is_the_new_answer() {
    let (old, new) = (snapshot(10), snapshot(2));
    let facts = Facts::at(NOW);
    for _ in 0..3 {
        for n in 1..=4 {
            assert_eq!(old.answer(&send(n), &facts).verdict.outcome, Outcome::Allow);
        }
    }
    assert_eq!(new.warm_from(&old, facts.now, 100), 4);
    let before = new.cache_stats().expect("caches").calls;
    for n in 1..=4 {
        let afresh = new.decide_afresh(&new.resolve(&send(n)).call.expect("a call"), &facts);
        let answer = new.answer(&send(n), &facts);
        assert_eq!(*answer.verdict, afresh.verdict);
        assert_eq!(answer.verdict.outcome == Outcome::Allow, n <= 2);
    }
    let after = new.cache_stats().expect("caches").calls;
    assert_eq!((after.hits - before.hits, after.misses - before.misses), (4, 0));
}

#[test]
fn the_calls_that_come_most_are_warmed_first() {
    let (old, new) = (snapshot(10), snapshot(10));
    let facts = Facts::at(NOW);
    for n in 1..=4 {
        for _ in 0..2 + n {
            drop(old.answer(&send(n), &facts));
        }
    }
    assert_eq!(new.warm_from(&old, facts.now, 2), 2);
    let hits = |n| {
        let before = new.cache_stats().expect("caches").calls.hits;
        drop(new.answer(&send(n), &facts));
        new.cache_stats().expect("caches").calls.hits - before
    };
    assert_eq!([1, 2, 3, 4].map(hits), [0, 0, 1, 1]);
}

#[test]
fn whoever_remembers_nothing_warms_nobody_and_is_not_warmed() {
    let (old, new) = (snapshot(10), snapshot(10));
    let facts = Facts::at(NOW);
    assert_eq!(new.warm_from(&old, facts.now, 100), 0);
    for _ in 0..3 {
        drop(old.answer(&send(1), &facts));
    }
    assert_eq!(new.warm_from(&old, facts.now, 0), 0);
    let forgetful = snapshot(10).with_cache_bytes(0);
    assert_eq!(forgetful.warm_from(&old, facts.now, 100), 0);
    assert_eq!(new.warm_from(&forgetful, facts.now, 100), 0);
}
