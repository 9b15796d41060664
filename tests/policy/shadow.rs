//! The same policies with those counted that are in the shadow.

use palisade_core::{ActorKind, Facts, ReasonCode};
use proptest::prelude::*;

use crate::properties::{ENTITIES, policy, render, request};
use crate::universe::{NOW, Universe, actor, call, decide, reason};

const PERMIT: &str = "@id(\"all\") permit (principal, action, resource);\n";

#[test]
fn without_policies_in_the_shadow_there_is_nothing_else_to_count() {
    assert!(Universe::with_policies(PERMIT).snapshot().counting_shadow_policies().is_none());
}

#[test]
fn a_shadow_policy_counts_only_where_it_is_asked_to() {
    let policies = format!(
        "{PERMIT}@id(\"f\") @mode(\"shadow\") @reason(\"r\") forbid (principal, \
         action == Action::\"pay.send\", resource) when {{ context.args.n > 5 }};\n\
         @id(\"g\") @mode(\"shadow\") @reason(\"r\") forbid (principal, action == \
         Action::\"docs.note\", resource) when {{ context.args has n && \
         context.args.n + 9223372036854775807 > 0 }};"
    );
    let snapshot = Universe::with_policies(policies).snapshot().with_cache_bytes(1 << 20);
    let counting = snapshot.counting_shadow_policies().expect("there are shadow policies");
    assert_eq!(counting.revision(), snapshot.revision());
    let ann = || vec![actor(ActorKind::User, "ann")];
    for (call, counted) in [
        (call(ann(), "pay.send", r#"{"n":9}"#), ReasonCode::PolicyForbid),
        (call(ann(), "pay.send", r#"{"n":1}"#), ReasonCode::Permitted),
        (call(ann(), "docs.note", r#"{"n":1}"#), ReasonCode::EvaluationError),
    ] {
        assert_eq!(reason(&counting, &call), counted);
        assert_eq!(reason(&snapshot, &call), ReasonCode::Permitted);
    }
    // Counting again counts no more.
    assert!(counting.counting_shadow_policies().is_none());
}

#[test]
fn caches_are_its_own() {
    let policies = format!(
        "{PERMIT}@id(\"f\") @mode(\"shadow\") permit (principal is User, action, resource);"
    );
    let snapshot = Universe::with_policies(policies).snapshot();
    let counting = snapshot.counting_shadow_policies().expect("there are shadow policies");
    let call = call(vec![actor(ActorKind::User, "ann")], "docs.note", "{}");
    for _ in 0..3 {
        drop(counting.answer(&call, &Facts::at(NOW)));
    }
    assert_eq!(counting.cache_stats().expect("caches").calls.hits, 1);
    assert_eq!(snapshot.cache_stats().expect("caches").calls.misses, 0);
    let without = snapshot.with_cache_bytes(0).counting_shadow_policies();
    assert!(without.expect("there are shadow policies").cache_stats().is_none());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, max_global_rejects: 100_000, ..ProptestConfig::default() })]

    /// Counted, policies in the shadow are policies like any other; not counted, they are none.
    #[test]
    fn counting_is_as_if_they_were_not_marked(
        policies in proptest::collection::vec((policy(), any::<bool>()), 1..6),
        calls in proptest::collection::vec(request(), 8),
    ) {
        let texts: Vec<_> = policies.iter().map(|(text, _)| text.clone()).collect();
        let lines = render(&texts);
        let lines = lines.lines().zip(&policies);
        let marked: String = lines.clone().map(|(line, (_, shadow))| match shadow {
            true => format!("@mode(\"shadow\") {line}\n"),
            false => format!("{line}\n"),
        }).collect();
        let kept: String =
            lines.filter(|(_, (_, shadow))| !shadow).map(|(line, _)| format!("{line}\n")).collect();
        let build = |text: &str| {
            Universe { entities: ENTITIES.to_owned(), ..Universe::with_policies(text) }.build().ok()
        };
        let (Some(snapshot), Some(all), Some(kept)) =
            (build(&marked), build(&render(&texts)), build(&kept))
        else {
            return Err(TestCaseError::reject("strict validation refuses a policy"));
        };
        let counting = snapshot.counting_shadow_policies();
        prop_assert_eq!(counting.is_some(), policies.iter().any(|(_, shadow)| *shadow));
        let counting = counting.as_ref().unwrap_or(&snapshot);
        for call in calls {
            let facts = Facts::at(NOW);
            prop_assert_eq!(decide(counting, &call, &facts), decide(&all, &call, &facts));
            prop_assert_eq!(decide(&snapshot, &call, &facts), decide(&kept, &call, &facts));
        }
    }
}
