//! Whom an event is about (RFC 9493; Shared Signals Framework 1.0, section on subjects).

use palisade_core::{EventRefusal, IssuerName, RevocationScope, SignInSession};
use serde_json::{Map, Value};

use crate::event::{Transmitter, invalid};
use crate::party::Party;
use crate::spiffe::SpiffeId;

/// Members of a complex subject that are understood, beside its `format`.
const UNDERSTOOD: [&str; 3] = ["format", "session", "user"];

/// What has to be revoked; `None`: the event has to be dropped, because its subject has a member
/// that must be understood and is not.
///
/// # Errors
/// The subject cannot be told, or the transmitter may not speak for it.
pub(super) fn scopes(
    subject: &Map<String, Value>,
    transmitter: &Transmitter,
) -> Result<Option<Vec<RevocationScope>>, EventRefusal> {
    let format = subject.get("format").and_then(Value::as_str);
    if format != Some("complex") {
        let mut scopes = actors(subject, transmitter)?;
        // On its own, an opaque id may as well be that of a session.
        if format == Some("opaque") {
            scopes.extend(sessions(subject, transmitter)?);
        }
        return Ok(Some(scopes));
    }
    let is_critical = |name: &String| transmitter.critical_subject_members.contains(name);
    if subject.keys().any(|name| is_critical(name) && !UNDERSTOOD.contains(&name.as_str())) {
        return Ok(None);
    }
    // Members narrow one another down. What is not understood of them narrows nothing here, so
    // that too much is revoked and not too little.
    let mut scopes = Vec::new();
    if let Some(session) = subject.get("session") {
        scopes.extend(sessions(object(session)?, transmitter)?);
    }
    if let Some(user) = subject.get("user")
        && (scopes.is_empty() || !transmitter.sessions_in_tokens)
    {
        scopes.extend(actors(object(user)?, transmitter)?);
    }
    if scopes.is_empty() {
        return Err(invalid("its subject names neither a user nor a session"));
    }
    Ok(Some(scopes))
}

/// The actors that a simple subject names.
fn actors(
    subject: &Map<String, Value>,
    transmitter: &Transmitter,
) -> Result<Vec<RevocationScope>, EventRefusal> {
    let actor = |issuer: &str, name: &str| {
        let unusable = |_why| invalid("its subject is not usable");
        let Party { issuer, subject } = Party::new(issuer, name).map_err(unusable)?;
        if !transmitter.speaks_for.iter().any(|own| own == issuer.as_str()) {
            return Err(EventRefusal::new(
                EventRefusal::ACCESS_DENIED,
                "the transmitter may not speak for this subject",
            ));
        }
        Ok(RevocationScope::Actor { issuer, subject })
    };
    match subject.get("format").and_then(Value::as_str) {
        Some("iss_sub") => Ok(vec![actor(text(subject, "iss")?, text(subject, "sub")?)?]),
        // Of no issuer in particular, so of each.
        Some("opaque") => {
            let id = text(subject, "id")?;
            let names = transmitter.speaks_for.iter().filter_map(|own| actor(own, id).ok());
            let actors: Vec<RevocationScope> = names.collect();
            // In the namespace of a trust domain it is a name only if it is a SPIFFE id.
            if actors.is_empty() { Err(invalid("its subject is not usable")) } else { Ok(actors) }
        }
        Some("uri") => {
            let unusable = |_why| invalid("its subject is no SPIFFE id");
            let id = SpiffeId::parse(text(subject, "uri")?).map_err(unusable)?;
            Ok(vec![actor(&id.trust_domain().id(), id.as_str())?])
        }
        // FAIL-CLOSED: acknowledging it would leave somebody unrevoked.
        _ => Err(invalid("the format of its subject is not supported")),
    }
}

/// The sessions that an opaque subject names: of no issuer in particular, so of each.
fn sessions(
    subject: &Map<String, Value>,
    transmitter: &Transmitter,
) -> Result<Vec<RevocationScope>, EventRefusal> {
    if subject.get("format").and_then(Value::as_str) != Some("opaque") {
        return Err(invalid("the format of its session is not supported"));
    }
    let unusable = |_why| invalid("its session is not usable");
    let session = SignInSession::new(text(subject, "id")?).map_err(unusable)?;
    let scope = |issuer: &String| {
        let issuer = IssuerName::new(issuer.as_str()).map_err(unusable)?;
        Ok(RevocationScope::Session { issuer, session: session.clone() })
    };
    transmitter.speaks_for.iter().map(scope).collect()
}

fn object(value: &Value) -> Result<&Map<String, Value>, EventRefusal> {
    value.as_object().ok_or_else(|| invalid("a member of its subject is no object"))
}

fn text<'a>(subject: &'a Map<String, Value>, name: &str) -> Result<&'a str, EventRefusal> {
    let text = subject.get(name).and_then(Value::as_str);
    text.ok_or_else(|| invalid("a member of its subject is missing"))
}
