use super::{Actor, ActorKind, ParseActorError};
use crate::NameError;

#[test]
fn an_actor_is_split_at_the_first_two_colons() {
    let actor: Actor = "agent:corp:spiffe://corp/bot:7".parse().unwrap();
    assert_eq!(actor.kind, ActorKind::Agent);
    assert_eq!(actor.issuer.as_str(), "corp");
    assert_eq!(actor.subject.as_str(), "spiffe://corp/bot:7");
}

#[test]
fn every_kind_is_read_by_its_lower_case_name() {
    for kind in ActorKind::ALL {
        let text = format!("{}:corp:x", kind.entity_type().to_lowercase());
        assert_eq!(text.parse::<Actor>().unwrap().kind, kind);
    }
}

#[test]
fn a_malformed_actor_is_refused_with_the_part_that_is_wrong() {
    let parse = |text: &str| text.parse::<Actor>().unwrap_err();
    assert_eq!(parse(""), ParseActorError::Form);
    assert_eq!(parse("user:alice"), ParseActorError::Form);
    assert_eq!(parse("robot:corp:x"), ParseActorError::Kind { kind: "robot".to_owned() });
    assert_eq!(parse("User:corp:x"), ParseActorError::Kind { kind: "User".to_owned() });
    assert_eq!(parse("user::alice"), ParseActorError::Issuer(NameError::Empty));
    assert_eq!(parse("user:corp:"), ParseActorError::Subject(NameError::Empty));
}
