//! What a snapshot remembers, and what it must not.

use palisade_core::{ActorKind, Environment, EpochMillis, Facts, Outcome, ToolCall};
use palisade_engine::{CacheStats, PolicySnapshot};

use crate::universe::{NOW, Universe, actor, call, decide};

fn snapshot(policies: &str) -> PolicySnapshot {
    Universe::with_policies(policies).snapshot()
}

fn ask(snapshot: &PolicySnapshot, call: &ToolCall, now: EpochMillis) -> Outcome {
    snapshot.answer(call, &Facts::at(now)).verdict.outcome
}

fn send(arguments: &str) -> ToolCall {
    call(vec![actor(ActorKind::User, "ann")], "pay.send", arguments)
}

fn stats(snapshot: &PolicySnapshot) -> CacheStats {
    snapshot.cache_stats().expect("there are caches")
}

/// How many answers of policies were found in memory when all calls but the first were made. That
/// one is made twice before: what comes once is noted, what comes again is kept.
fn verdicts_found(policies: &str, calls: &[ToolCall]) -> u64 {
    let snapshot = snapshot(policies);
    for call in calls[..1].iter().chain(calls) {
        ask(&snapshot, call, NOW);
    }
    let found = stats(&snapshot).verdicts;
    assert_eq!(found.hits + found.misses, calls.len() as u64 + 1);
    found.hits
}

#[test]
fn what_no_policy_reads_does_not_split_the_cache() {
    let policies = r#"
        @id("all") permit (principal, action, resource);
        @id("few") @reason("too many") forbid (principal, action, resource)
        when { context.args has n && context.args.n > 5 };
        @id("mode") @reason("too many") forbid (principal, action == Action::"pay.send", resource)
        when { context.args has opts.mode && context.args.n > 3 };"#;
    let calls = [
        send(r#"{"n":1}"#),
        send(r#"{"n":1,"to":"x@example.com"}"#),
        send(r#"{"n":1,"amount":12.5}"#),
        send(r#"{ "amount":13, "n":1.0 }"#),
    ];
    assert_eq!(verdicts_found(policies, &calls), 3);
    // Of `opts.mode` they see that it is there, and of `n` what it is.
    let calls = [
        send(r#"{"n":1,"opts":{"mode":"dry"}}"#),
        send(r#"{"n":1,"opts":{"mode":"wet"}}"#),
        send(r#"{"n":1,"opts":{}}"#),
        send(r#"{"n":2,"opts":{}}"#),
    ];
    assert_eq!(verdicts_found(policies, &calls), 1);
}

#[test]
fn policies_that_cannot_apply_do_not_split_the_cache() {
    let policies = r#"
        @id("all") permit (principal, action, resource);
        @id("bob") @reason("r") forbid (principal == User::"t:bob", action, resource)
        when { context.args has n && context.args.n > 5 };"#;
    let calls = [send(r#"{"n":1}"#), send(r#"{"n":2}"#), send(r#"{"n":9}"#)];
    assert_eq!(verdicts_found(policies, &calls), 2);
}

#[test]
fn a_cure_that_nobody_looks_at_does_not_split_the_cache() {
    let policies = r#"
        @id("all") permit (principal, action, resource);
        @id("ask") @reason("r") @require("confirmation") forbid (principal, action, resource)
        unless { context.confirmation.granted };"#;
    // Asked once with nothing granted and once with what was asked for.
    let snapshot = snapshot(policies);
    assert_eq!(ask(&snapshot, &send(r#"{"n":1}"#), NOW), Outcome::Challenge);
    assert_eq!(stats(&snapshot).verdicts.misses, 2);
    assert_eq!(ask(&snapshot, &send(r#"{"n":2}"#), NOW), Outcome::Challenge);
    assert_eq!(stats(&snapshot).verdicts.misses, 4);
    assert_eq!(ask(&snapshot, &send(r#"{"n":3}"#), NOW), Outcome::Challenge);
    assert_eq!(stats(&snapshot).verdicts.hits, 2);
}

#[test]
fn links_are_remembered_one_by_one() {
    let snapshot = snapshot("@id(\"all\") permit (principal, action, resource);");
    let (ann, bot) = (actor(ActorKind::User, "ann"), actor(ActorKind::Service, "job"));
    for arguments in ["{}", r#"{"n":1}"#] {
        ask(&snapshot, &call(vec![ann.clone()], "docs.note", arguments), NOW);
    }
    ask(&snapshot, &call(vec![ann, bot], "docs.note", "{}"), NOW);
    let found = stats(&snapshot).verdicts;
    assert_eq!((found.hits, found.misses), (1, 3));
}

#[test]
fn the_very_same_call_is_kept_when_it_comes_the_second_time() {
    let snapshot = snapshot("@id(\"all\") permit (principal, action, resource);");
    for _ in 0..4 {
        ask(&snapshot, &send(r#"{"n":1}"#), NOW);
    }
    let CacheStats { calls, arguments, .. } = stats(&snapshot);
    assert_eq!((calls.hits, calls.misses), (2, 2));
    assert_eq!((arguments.hits, arguments.misses), (0, 2));
    assert!(calls.bytes > 0);
}

#[test]
fn arguments_are_read_once_for_whoever_sends_them() {
    let snapshot = snapshot("@id(\"all\") permit (principal, action, resource);");
    for name in ["ann", "bob", "eve", "kim"] {
        ask(&snapshot, &call(vec![actor(ActorKind::User, name)], "pay.send", r#"{"n":1}"#), NOW);
    }
    let arguments = stats(&snapshot).arguments;
    assert_eq!((arguments.hits, arguments.misses), (2, 2));
}

#[test]
fn what_depends_on_the_time_is_kept_until_it_changes() {
    let snapshot = snapshot(
        r#"@id("hours") permit (principal, action, resource)
           when { context.now.toTime() >= duration("8h") && context.now.toTime() < duration("18h") }
           when { context.now < datetime("2026-03-02T12:00:00Z") };"#,
    );
    let at = |text: &str| EpochMillis::parse_rfc3339(text).expect("an instant");
    let times = [
        ("2026-03-01T07:59:59.999Z", Outcome::Deny),
        ("2026-03-01T08:00:00.000Z", Outcome::Allow),
        ("2026-03-01T17:59:59.999Z", Outcome::Allow),
        ("2026-03-01T18:00:00.000Z", Outcome::Deny),
        ("2026-03-02T07:59:59.999Z", Outcome::Deny),
        ("2026-03-02T11:59:59.999Z", Outcome::Allow),
        ("2026-03-02T12:00:00.000Z", Outcome::Deny),
        ("2026-03-02T13:00:00.000Z", Outcome::Deny),
        ("2026-03-01T09:00:00.000Z", Outcome::Allow),
    ];
    for (text, outcome) in times {
        assert_eq!(
            decide(&snapshot, &send(r#"{"n":1}"#), &Facts::at(at(text))).outcome,
            outcome,
            "{text}"
        );
    }
    assert!(stats(&snapshot).verdicts.hits > 0);
    let answer = snapshot.answer(&send(r#"{"n":1}"#), &Facts::at(at("2026-03-02T09:00:00Z")));
    assert_eq!(answer.validity.end(), Some(at("2026-03-02T12:00:00Z")));
}

#[test]
fn what_depends_on_the_time_in_any_other_way_is_not_kept() {
    let snapshot = snapshot(
        r#"@id("young") permit (principal, action, resource)
           when { context.now.durationSince(datetime("2026-01-01")) < duration("1d") };"#,
    );
    for _ in 0..3 {
        decide(&snapshot, &send(r#"{"n":1}"#), &Facts::at(NOW));
    }
    let CacheStats { calls, verdicts, uncacheable_clock, .. } = stats(&snapshot);
    assert_eq!((calls.hits, verdicts.hits), (0, 0));
    assert!(uncacheable_clock > 0);
}

#[test]
fn failures_are_not_kept() {
    let snapshot = snapshot(
        r#"@id("all") permit (principal, action, resource);
           @id("overflow") @reason("r") forbid (principal, action, resource)
           when { context.args has n && context.args.n + 9223372036854775807 > 0 };"#,
    );
    for _ in 0..3 {
        decide(&snapshot, &send(r#"{"n":1}"#), &Facts::at(NOW));
    }
    let CacheStats { calls, verdicts, uncacheable_failure, .. } = stats(&snapshot);
    assert_eq!((calls.hits, verdicts.hits), (0, 0));
    assert!(uncacheable_failure > 0);
}

/// Caches far too small for what they are asked change nothing but what is found.
#[test]
fn caches_stay_within_their_bound() {
    let bytes = 100_000;
    let policies = r#"
        @id("all") permit (principal, action, resource);
        @id("few") @reason("r") forbid (principal, action, resource)
        when { context.args has n && context.args.n > 500 };"#;
    let snapshot = snapshot(policies).with_cache_bytes(bytes);
    for round in 0..2 {
        for n in 0..1000 {
            let chain = vec![actor(ActorKind::User, &format!("user-{}", n % 300))];
            let asked = call(chain, "pay.send", &format!("{{\"n\":{n}}}"));
            let verdict = decide(&snapshot, &asked, &Facts::at(NOW));
            assert_eq!(verdict.outcome == Outcome::Allow, n <= 500, "{round}, {n}");
        }
    }
    let CacheStats { calls, arguments, scopes, verdicts, .. } = stats(&snapshot);
    for counts in [arguments, scopes, verdicts] {
        assert!(counts.evictions > 0, "{counts:?}");
    }
    let held = calls.bytes + arguments.bytes + scopes.bytes + verdicts.bytes;
    assert!(held <= bytes, "{held}");
}

#[test]
fn without_caches_nothing_is_remembered_and_all_is_the_same() {
    let snapshot = snapshot("@id(\"all\") permit (principal, action, resource);");
    let snapshot = snapshot.with_cache_bytes(0);
    assert_eq!(snapshot.cache_stats(), None);
    assert_eq!(decide(&snapshot, &send(r#"{"n":1}"#), &Facts::at(NOW)).outcome, Outcome::Allow);
}

/// Two calls that differ only in what is no argument are two calls.
#[test]
fn calls_that_differ_in_anything_the_answer_depends_on_are_kept_apart() {
    let snapshot = snapshot(
        r#"@id("inside") permit (principal == User::"t:ann", action, resource)
           when { context has sourceIp && context.sourceIp.isInRange(ip("10.0.0.0/8")) };"#,
    );
    let from = |address: Option<&str>| {
        let source_address = address.map(|address| address.parse().expect("an address"));
        let environment = Environment { source_address, ..Environment::default() };
        ToolCall { environment, ..send(r#"{"n":1}"#) }
    };
    for _ in 0..3 {
        assert_eq!(ask(&snapshot, &from(Some("10.0.0.1")), NOW), Outcome::Allow);
        assert_eq!(ask(&snapshot, &from(Some("192.0.2.1")), NOW), Outcome::Deny);
        assert_eq!(ask(&snapshot, &from(None), NOW), Outcome::Deny);
        let other = call(vec![actor(ActorKind::User, "bob")], "pay.send", r#"{"n":1}"#);
        assert_eq!(ask(&snapshot, &other, NOW), Outcome::Deny);
        let changed = ToolCall {
            tool_digest: Some(palisade_core::Sha256Digest::of(b"another")),
            ..from(Some("10.0.0.1"))
        };
        assert_eq!(ask(&snapshot, &changed, NOW), Outcome::Deny);
    }
}
