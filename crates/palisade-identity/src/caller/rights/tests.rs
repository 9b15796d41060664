use super::*;

fn actor(text: &str) -> Actor {
    text.parse().unwrap()
}

#[test]
fn by_default_nothing_is_allowed() {
    let rights = PepRights::default();
    assert!(!rights.may_assert(&actor("user:corp:alice")));
    assert!(!rights.may_ask_for("crm.lookup"));
    assert!(ContextField::ALL.iter().all(|field| !rights.may_set(*field)));
    assert!(!rights.may_compose && !rights.may_pass_certificates);
    assert!(!rights.may_vouch_for_possession);
}

#[test]
fn who_may_be_asserted_has_a_kind_and_an_issuer_of_one_right() {
    let right = |issuer: &str, kinds: &[ActorKind]| AssertionRight {
        issuer: issuer.parse().unwrap(),
        kinds: kinds.to_vec(),
    };
    let rights = PepRights {
        assertions: vec![
            right("corp", &[ActorKind::User]),
            right("mesh", &[ActorKind::Agent, ActorKind::Service]),
        ],
        ..PepRights::default()
    };
    for (text, expected) in [
        ("user:corp:alice", true),
        ("agent:mesh:bot", true),
        ("service:mesh:job", true),
        ("agent:corp:bot", false),
        ("user:mesh:alice", false),
        ("user:corp2:alice", false),
        ("user:other:alice", false),
    ] {
        assert_eq!(rights.may_assert(&actor(text)), expected, "{text}");
    }
    let nobody = PepRights { assertions: vec![right("*", &[])], ..PepRights::default() };
    assert!(!nobody.may_assert(&actor("user:corp:alice")));
}

#[test]
fn tools_and_context_fields_are_those_listed() {
    let rights = PepRights {
        tools: vec!["crm.*".parse().unwrap(), "mail.send".parse().unwrap()],
        context_fields: vec![ContextField::SourceAddress],
        ..PepRights::default()
    };
    assert!(rights.may_ask_for("crm.lookup") && rights.may_ask_for("mail.send"));
    assert!(!rights.may_ask_for("mail.read") && !rights.may_ask_for("payments.transfer"));
    assert!(rights.may_set(ContextField::SourceAddress));
}

#[test]
fn context_fields_are_read_as_they_are_written() {
    for field in ContextField::ALL {
        assert_eq!(field.to_string().parse(), Ok(field));
    }
    assert_eq!("sourceIp".parse::<ContextField>(), Err(ParseContextFieldError));
}
