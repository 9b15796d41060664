use palisade_core::{Actor, Severity};

use super::*;
use crate::ExceptionPlace;

const DAY: i64 = 86_400_000;

fn exception(id: &str, until: i64) -> Exception {
    Exception {
        id: id.into(),
        policy: PolicyId::new("no"),
        principal: "user:t:ann".parse::<Actor>().unwrap(),
        tool: "pay.send".to_owned(),
        until: EpochMillis::new(until),
        reason: "r".into(),
        ticket: "T-1".into(),
        place: ExceptionPlace {
            file: "exceptions.yaml".into(),
            policy: None,
            principal: None,
            tool: None,
            until: Some(7..9),
        },
    }
}

#[test]
fn an_author_is_told_of_exceptions_that_end_or_have_ended() {
    let told = |left: i64| {
        let now = EpochMillis::new(1_000_000);
        let problems = expired(&[exception("e", now.as_millis() + left)], now);
        problems.first().map(|problem| (problem.severity, problem.code))
    };
    let (over, soon) =
        ((Severity::Error, "exception.expired"), (Severity::Advice, "exception.expires_soon"));
    assert_eq!(told(-DAY), Some(over));
    assert_eq!(told(0), Some(over));
    assert_eq!(told(1), Some(soon));
    assert_eq!(told(7 * DAY), Some(soon));
    assert_eq!(told(7 * DAY + 1), None);
}

#[test]
fn what_an_author_is_told_names_exception_and_place() {
    let problems = expired(&[exception("e", 0)], EpochMillis::new(0));
    assert_eq!(
        problems[0].message,
        "the exception `e` ended at 1970-01-01T00:00:00.000Z, so it lifts nothing"
    );
    assert_eq!(problems[0].file.as_deref(), Some("exceptions.yaml"));
    assert_eq!(problems[0].span, Some(7..9));
}

#[test]
fn an_exception_is_found_by_principal_and_action_and_lifts_until_its_end() {
    let exceptions = Exceptions::of(&[exception("b", 10), exception("a", 20)]);
    let ann = entity(actor_type(ActorKind::User), "t:ann");
    let send = entity(&names::ACTION, "pay.send");
    let lifts = exceptions.about(&ann, &send);
    let policy = PolicyId::new("no");
    let at = |now| -> Vec<&str> {
        lifting(lifts, &policy, EpochMillis::new(now)).map(|used| &*used.id).collect()
    };
    assert_eq!(at(9), ["a", "b"]);
    assert_eq!(at(10), ["a"]);
    assert_eq!(at(20), [""; 0]);
    assert_eq!(lifting(lifts, &PolicyId::new("other"), EpochMillis::new(0)).count(), 0);
    let bob = entity(actor_type(ActorKind::User), "t:bob");
    let bot = entity(actor_type(ActorKind::Agent), "t:ann");
    assert!(exceptions.about(&bob, &send).is_empty());
    assert!(exceptions.about(&bot, &send).is_empty());
    assert!(exceptions.about(&ann, &entity(&names::ACTION, "pay.quote")).is_empty());
}
