//! Reads the chain of actors out of one token's claims.
//!
//! `sub` is who asked first; the claim `act` nests the actors since, the innermost being the
//! earliest and the outermost the current one (RFC 8693, section 4.1). Only the token's top-level
//! claims and those of the current actor say anything that counts; the actors between are links of
//! the chain, of which nothing but their names is known.

use std::sync::Arc;

use palisade_core::limits::CHAIN_LINKS_MAX;
use palisade_core::{Actor, ActorKind};
use serde_json::{Map, Value};

use crate::error::{Code, Refusal};
use crate::issuers::TrustedIssuer;
use crate::party::Party;

/// Claims of an `act` object that name its actor, or that mean nothing inside one (RFC 8693,
/// section 4.1).
const NOT_OF_THE_ACTOR: [&str; 7] = ["aud", "exp", "iat", "iss", "jti", "nbf", "sub"];

/// Members that make an `act` object invalid: a key or a client is bound to the token as a whole,
/// so one in here is either a mistake or meant to be overlooked (OAuth actor profile).
const NEVER_IN_ACT: [&str; 2] = ["client_profile", "cnf"];

/// One actor of a token, and the claims that speak of it.
#[derive(Debug)]
pub(crate) struct ExpandedActor {
    pub(crate) actor: Actor,
    pub(crate) claims: Arc<Map<String, Value>>,
}

/// The actors of a token, head first: 1 to [`CHAIN_LINKS_MAX`], nobody twice.
///
/// # Errors
/// Nested too deep, an actor without a name, or one that the signer may not speak for.
pub(crate) fn expand(
    claims: &Map<String, Value>,
    head: Party,
    signer: &TrustedIssuer,
) -> Result<Vec<ExpandedActor>, Refusal> {
    let head_kind = match signer.kind_of(claims)? {
        Some(kind) => kind,
        None => signer.subject_kind,
    };
    let mut since_head = actors_since(claims, signer)?;
    let mut expanded = Vec::with_capacity(since_head.len().saturating_add(1));
    expanded.push(ExpandedActor {
        actor: head.into_actor(head_kind),
        claims: Arc::new(top_level(claims, signer)),
    });
    // Read from the outside in; a chain goes from the earliest to the current.
    since_head.reverse();
    expanded.append(&mut since_head);
    for ExpandedActor { actor, .. } in &expanded {
        if !signer.may_speak_for(actor) {
            // FAIL-CLOSED: who signs for one namespace must not make actors of another.
            return Err(Refusal::foreign_namespace());
        }
    }
    super::check(expanded.iter().map(|expanded| &expanded.actor))?;
    Ok(expanded)
}

/// Who the token says may become the next actor.
///
/// # Errors
/// The claim is there, and does not name anybody.
pub(crate) fn may_act(
    claims: &Map<String, Value>,
    signer: &TrustedIssuer,
) -> Result<Option<Party>, Refusal> {
    let Some(value) = claims.get("may_act") else {
        return Ok(None);
    };
    let Value::Object(object) = value else {
        return Err(malformed("may_act"));
    };
    named(object, signer).map(Some)
}

/// The actors of nested `act` objects, current one first.
fn actors_since(
    claims: &Map<String, Value>,
    signer: &TrustedIssuer,
) -> Result<Vec<ExpandedActor>, Refusal> {
    let mut actors = Vec::new();
    // In the token itself the claim's name can be configured; inside it is always `act`.
    let mut next = claims.get(&signer.actor_claim);
    while let Some(value) = next {
        // One link is the subject. A chain that is too long is refused, never cut.
        if actors.len() >= CHAIN_LINKS_MAX - 1 {
            return Err(Refusal::too_deep());
        }
        let Value::Object(object) = value else {
            return Err(malformed("act"));
        };
        if NEVER_IN_ACT.iter().any(|name| object.contains_key(*name)) {
            return Err(malformed("act_member"));
        }
        // An actor that says nothing of its kind is held to the rules of agents, the strictest.
        let kind = signer.kind_of(object)?.unwrap_or(ActorKind::Agent);
        let claims = if actors.is_empty() { of_current_actor(object) } else { Map::new() };
        let actor = named(object, signer)?.into_actor(kind);
        actors.push(ExpandedActor { actor, claims: Arc::new(claims) });
        next = object.get("act");
    }
    Ok(actors)
}

/// The pair that an `act` or `may_act` object names.
fn named(object: &Map<String, Value>, signer: &TrustedIssuer) -> Result<Party, Refusal> {
    let Some(Value::String(subject)) = object.get("sub") else {
        return Err(malformed("act_sub"));
    };
    let issuer = match object.get("iss") {
        Some(Value::String(issuer)) => issuer,
        None if signer.actors_default_to_issuer => &signer.issuer,
        _ => return Err(malformed("act_iss")),
    };
    Party::new(issuer, subject)
}

/// The token's own claims, without those that name others.
fn top_level(claims: &Map<String, Value>, signer: &TrustedIssuer) -> Map<String, Value> {
    let of_others = |name: &str| name == signer.actor_claim || name == "act" || name == "may_act";
    let mut own = claims.clone();
    own.retain(|name, _| !of_others(name));
    own
}

fn of_current_actor(object: &Map<String, Value>) -> Map<String, Value> {
    let mut own = object.clone();
    own.retain(|name, _| name != "act" && !NOT_OF_THE_ACTOR.contains(&name.as_str()));
    own
}

const fn malformed(detail: &'static str) -> Refusal {
    Refusal::unverified(Code::Malformed, detail)
}
