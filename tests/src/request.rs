//! Short ways to say what is sent.

use palisade_core::{Actor, ActorKind};
use palisade_proto::v1;

/// A chain of asserted actors, each written `user:corp:alice`.
///
/// # Panics
/// One of them is no actor.
#[must_use]
pub fn chain(actors: &[&str]) -> Vec<v1::Link> {
    actors.iter().map(|actor| link(&actor.parse().expect("kind:issuer:subject"))).collect()
}

/// The call of a tool by `user:corp:alice` through `agent:corp:bot`.
#[must_use]
pub fn authorize_request(tool: &str, arguments: &str) -> v1::AuthorizeRequest {
    v1::AuthorizeRequest {
        chain: chain(&["user:corp:alice", "agent:corp:bot"]),
        tool: tool.to_owned(),
        arguments: arguments.as_bytes().to_vec(),
        ..Default::default()
    }
}

/// A link that asserts an actor.
#[must_use]
pub fn link(actor: &Actor) -> v1::Link {
    let kind = match actor.kind {
        ActorKind::Agent => v1::ActorKind::Agent,
        ActorKind::Service => v1::ActorKind::Service,
        ActorKind::User => v1::ActorKind::User,
    };
    let asserted = v1::AssertedActor {
        kind: kind.into(),
        issuer: actor.issuer.as_str().to_owned(),
        subject: actor.subject.as_str().to_owned(),
        attributes: None,
    };
    v1::Link { link: Some(v1::link::Link::Asserted(asserted)), possession: None }
}
