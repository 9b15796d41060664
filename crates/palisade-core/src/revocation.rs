//! Revocations: whose credentials count no longer, and where that is kept, as a port.

use std::fmt;

use crate::actor::{IssuerName, NameError, Subject, check_name};
use crate::clock::EpochMillis;
use crate::limits::{REVOCATION_CAUSE_BYTES_MAX, SIGN_IN_SESSION_BYTES_MAX};

/// A session at an issuer that tokens were issued in (the claim `sid`); it means
/// something only together with its issuer. 1 to [`SIGN_IN_SESSION_BYTES_MAX`] bytes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SignInSession(String);

impl SignInSession {
    /// Accepts the name of a session.
    ///
    /// # Errors
    /// Empty, over the limit, or with control characters.
    pub fn new(name: impl Into<String>) -> Result<Self, NameError> {
        let name = name.into();
        check_name(&name, SIGN_IN_SESSION_BYTES_MAX)?;
        Ok(Self(name))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Why something was revoked, for a person: at most [`REVOCATION_CAUSE_BYTES_MAX`] bytes without
/// control characters.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RevocationCause(String);

impl RevocationCause {
    /// The beginning of a text. What does not fit is left out rather than refused: nothing may be
    /// left unrevoked because its cause is long.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let mut cause = String::new();
        for character in text.chars() {
            let character =
                if character.is_control() { char::REPLACEMENT_CHARACTER } else { character };
            if cause.len() + character.len_utf8() > REVOCATION_CAUSE_BYTES_MAX {
                break;
            }
            cause.push(character);
        }
        Self(cause)
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RevocationCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What credentials a revocation is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RevocationScope {
    /// Those that name one actor, wherever in a chain.
    Actor {
        /// Who vouches for it.
        issuer: IssuerName,
        /// Its name there.
        subject: Subject,
    },
    /// All of one issuer.
    Issuer {
        /// The issuer.
        issuer: IssuerName,
    },
    /// Those that were issued in one session.
    Session {
        /// The issuer.
        issuer: IssuerName,
        /// Its session.
        session: SignInSession,
    },
}

/// Credentials issued before an instant count no longer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Revocation {
    /// Which credentials.
    pub scope: RevocationScope,
    /// Those issued earlier than this.
    pub issued_before: EpochMillis,
    /// The first instant at which none of them can be valid any more, so that this need not be
    /// kept.
    pub until: EpochMillis,
    /// When we learned of it.
    pub recorded_at: EpochMillis,
    /// Why.
    pub cause: RevocationCause,
}

impl Revocation {
    /// Whether it need not be kept any more.
    #[must_use]
    pub fn is_over(&self, now: EpochMillis) -> bool {
        self.until <= now
    }

    /// One revocation that revokes what either of two of the same scope does, for as long as either
    /// of them does. Cause and time of record are those of the one that revokes more.
    ///
    /// The scope is that of `self`; whoever calls this has seen that they are the same.
    #[must_use]
    pub fn joined(self, other: &Self) -> Self {
        let until = self.until.max(other.until);
        if other.issued_before > self.issued_before {
            Self { scope: self.scope, until, ..other.clone() }
        } else {
            Self { until, ..self }
        }
    }
}

/// State that has to be durable cannot be read or written.
///
/// Whoever needs it denies; nobody goes on as if there were none.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StateError {
    /// What was stored cannot be understood.
    #[error("the stored state is damaged: {detail}")]
    Corrupt {
        /// What of it.
        detail: String,
    },
    /// There is no room for more.
    #[error("{limit} entries are stored, and no more are accepted")]
    Full {
        /// How many there may be.
        limit: usize,
    },
    /// The store is out of reach, or failed.
    #[error("the state cannot be read or written")]
    Unavailable(#[source] std::io::Error),
}

impl StateError {
    /// The stable code, for logs and metrics.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Corrupt { .. } => "state_corrupt",
            Self::Full { .. } => "state_full",
            Self::Unavailable(_) => "state_unavailable",
        }
    }
}

/// Keeps revocations. Calls may block for as long as a disk or a network takes.
///
/// Of each scope there is one revocation: a further one of the same scope is joined with it
/// ([`Revocation::joined`]). So the same event may be told any number of times.
pub trait RevocationStore: Send + Sync {
    /// Whether what was appended survives the end of the process.
    fn is_durable(&self) -> bool;

    /// All that are kept, in no particular order.
    ///
    /// # Errors
    /// They cannot be read. There may be some, so nothing that they could revoke may be trusted.
    fn load(&self) -> Result<Vec<Revocation>, StateError>;

    /// Keeps one more. With a store that is durable it is so when this returns.
    ///
    /// # Errors
    /// It cannot be told whether it is kept. Whoever asked for it has to ask again.
    fn append(&self, revocation: &Revocation) -> Result<(), StateError>;

    /// Forgets those that are over ([`Revocation::is_over`]); says how many they were.
    ///
    /// # Errors
    /// They may still be there. That does no harm but takes room.
    fn prune(&self, now: EpochMillis) -> Result<usize, StateError>;
}

#[cfg(test)]
mod tests;
