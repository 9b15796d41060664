//! How revocations are written: a key that names the scope, and a value with a version.
//!
//! The key is there to find a scope again and is never read back; the value says everything.

use palisade_core::{
    EpochMillis, IssuerName, Revocation, RevocationCause, RevocationScope, SignInSession,
    StateError, Subject,
};
use serde::{Deserialize, Serialize};

/// The version of values.
const VERSION: u32 = 1;

/// The key of a scope. Different scopes have different keys: each part but the last is preceded by
/// its length, and keys of different kinds begin differently.
pub(crate) fn key(scope: &RevocationScope) -> Vec<u8> {
    let (kind, issuer, name) = match scope {
        RevocationScope::Actor { issuer, subject } => (b'a', issuer, subject.as_str()),
        RevocationScope::Issuer { issuer } => (b'i', issuer, ""),
        RevocationScope::Session { issuer, session } => (b's', issuer, session.as_str()),
    };
    let issuer = issuer.as_str().as_bytes();
    let length = u64::try_from(issuer.len()).unwrap_or(u64::MAX);
    let mut key = Vec::with_capacity(1 + 8 + issuer.len() + name.len());
    key.push(kind);
    key.extend_from_slice(&length.to_be_bytes());
    key.extend_from_slice(issuer);
    key.extend_from_slice(name.as_bytes());
    key
}

/// The value that stands for a revocation.
///
/// # Errors
/// Never in practice: there is nothing in it that JSON cannot say.
pub(crate) fn encode(revocation: &Revocation) -> Result<Vec<u8>, StateError> {
    let Revocation { scope, issued_before, until, recorded_at, cause } = revocation;
    let entry = Entry {
        version: VERSION,
        scope: match scope {
            RevocationScope::Actor { issuer, subject } => Scope::Actor {
                issuer: issuer.as_str().to_owned(),
                subject: subject.as_str().to_owned(),
            },
            RevocationScope::Issuer { issuer } => {
                Scope::Issuer { issuer: issuer.as_str().to_owned() }
            }
            RevocationScope::Session { issuer, session } => Scope::Session {
                issuer: issuer.as_str().to_owned(),
                session: session.as_str().to_owned(),
            },
        },
        issued_before: issued_before.as_millis(),
        until: until.as_millis(),
        recorded_at: recorded_at.as_millis(),
        cause: cause.as_str().to_owned(),
    };
    serde_json::to_vec(&entry).map_err(|error| corrupt(&error))
}

/// Reads a revocation that is stored under a key.
///
/// # Errors
/// It is none, it has another version, or it is that of another key.
pub(crate) fn decode(stored_key: &[u8], value: &[u8]) -> Result<Revocation, StateError> {
    let Version { version } = serde_json::from_slice(value).map_err(|error| corrupt(&error))?;
    if version != VERSION {
        let detail = format!("a revocation has the version {version}, not {VERSION}");
        return Err(StateError::Corrupt { detail });
    }
    let entry: Entry = serde_json::from_slice(value).map_err(|error| corrupt(&error))?;
    let Entry { version: _, scope, issued_before, until, recorded_at, cause } = entry;
    let issuer = |name| IssuerName::new(name).map_err(|error| corrupt(&error));
    let scope = match scope {
        Scope::Actor { issuer: name, subject } => RevocationScope::Actor {
            issuer: issuer(name)?,
            subject: Subject::new(subject).map_err(|error| corrupt(&error))?,
        },
        Scope::Issuer { issuer: name } => RevocationScope::Issuer { issuer: issuer(name)? },
        Scope::Session { issuer: name, session } => RevocationScope::Session {
            issuer: issuer(name)?,
            session: SignInSession::new(session).map_err(|error| corrupt(&error))?,
        },
    };
    if key(&scope) != stored_key {
        let detail = "a revocation stands where another should be".to_owned();
        return Err(StateError::Corrupt { detail });
    }
    Ok(Revocation {
        scope,
        issued_before: EpochMillis::new(issued_before),
        until: EpochMillis::new(until),
        recorded_at: EpochMillis::new(recorded_at),
        cause: RevocationCause::new(&cause),
    })
}

fn corrupt(error: &dyn std::error::Error) -> StateError {
    StateError::Corrupt { detail: format!("a revocation cannot be read: {error}") }
}

/// What every version has.
#[derive(Deserialize)]
struct Version {
    version: u32,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    version: u32,
    scope: Scope,
    issued_before: i64,
    until: i64,
    recorded_at: i64,
    cause: String,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Scope {
    Actor { issuer: String, subject: String },
    Issuer { issuer: String },
    Session { issuer: String, session: String },
}

#[cfg(test)]
mod tests;
