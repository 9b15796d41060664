//! Who acts: users, agents and services, and the chain they form.

use std::fmt;
use std::str::FromStr;

use crate::limits::{CHAIN_LINKS_MAX, ISSUER_BYTES_MAX, SUBJECT_BYTES_MAX};

/// What kind of actor stands in a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ActorKind {
    /// A software agent that chooses its own actions.
    Agent,
    /// A workload that follows its program.
    Service,
    /// A person.
    User,
}

impl ActorKind {
    /// All kinds.
    pub const ALL: [Self; 3] = [Self::Agent, Self::Service, Self::User];

    /// The Cedar entity type of this kind.
    #[must_use]
    pub const fn entity_type(self) -> &'static str {
        match self {
            Self::Agent => "Agent",
            Self::Service => "Service",
            Self::User => "User",
        }
    }
}

impl fmt::Display for ActorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.entity_type())
    }
}

/// Why a name is not acceptable.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// The name is empty.
    #[error("it is empty")]
    Empty,
    /// The name is too long.
    #[error("it is {bytes} bytes long; the limit is {limit}")]
    TooLong {
        /// Its length.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// The name contains a character that could disguise it.
    #[error("it contains the control character U+{:04X}", u32::from(*.character))]
    ControlCharacter {
        /// The character.
        character: char,
    },
}

/// Checks a name: 1 to `limit` bytes and no control character.
pub(crate) fn check_name(name: &str, limit: usize) -> Result<(), NameError> {
    if name.is_empty() {
        return Err(NameError::Empty);
    }
    if name.len() > limit {
        return Err(NameError::TooLong { bytes: name.len(), limit });
    }
    match name.chars().find(|character| character.is_control()) {
        Some(character) => Err(NameError::ControlCharacter { character }),
        None => Ok(()),
    }
}

/// Who vouches for a subject, as written in a request: a bundle's issuer alias or the issuer
/// identifier it stands for. 1 to [`ISSUER_BYTES_MAX`] bytes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IssuerName(String);

impl IssuerName {
    /// Accepts an issuer name.
    ///
    /// # Errors
    /// Empty, over the limit, or with control characters.
    pub fn new(name: impl Into<String>) -> Result<Self, NameError> {
        let name = name.into();
        check_name(&name, ISSUER_BYTES_MAX)?;
        Ok(Self(name))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// An actor's name in its issuer's namespace. 1 to [`SUBJECT_BYTES_MAX`] bytes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subject(String);

impl Subject {
    /// Accepts a subject.
    ///
    /// # Errors
    /// Empty, over the limit, or with control characters.
    pub fn new(subject: impl Into<String>) -> Result<Self, NameError> {
        let subject = subject.into();
        check_name(&subject, SUBJECT_BYTES_MAX)?;
        Ok(Self(subject))
    }

    /// The subject.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// One link of a chain. Identified by issuer and subject together, never by the subject alone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Actor {
    /// What kind of actor it is.
    pub kind: ActorKind,
    /// Who vouches for it.
    pub issuer: IssuerName,
    /// Its name there.
    pub subject: Subject,
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}::\"{}:{}\"", self.kind, self.issuer.as_str(), self.subject.as_str())
    }
}

impl FromStr for Actor {
    type Err = ParseActorError;

    /// Reads `kind:issuer:subject`, e.g. `user:corp:alice`, as people write it in tests and on the
    /// command line. Split at the first two colons: the subject may contain colons, the issuer is
    /// an alias without them.
    fn from_str(text: &str) -> Result<Self, ParseActorError> {
        let mut parts = text.splitn(3, ':');
        let (Some(kind), Some(issuer), Some(subject)) = (parts.next(), parts.next(), parts.next())
        else {
            return Err(ParseActorError::Form);
        };
        let kind = match kind {
            "agent" => ActorKind::Agent,
            "service" => ActorKind::Service,
            "user" => ActorKind::User,
            _ => return Err(ParseActorError::Kind { kind: kind.to_owned() }),
        };
        Ok(Self {
            kind,
            issuer: IssuerName::new(issuer).map_err(ParseActorError::Issuer)?,
            subject: Subject::new(subject).map_err(ParseActorError::Subject)?,
        })
    }
}

/// Why a text is not an actor.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseActorError {
    /// Fewer than two colons.
    #[error("an actor is written `kind:issuer:subject`, e.g. `user:corp:alice`")]
    Form,
    /// The issuer is not usable.
    #[error("the issuer is not usable")]
    Issuer(#[source] NameError),
    /// The kind is none of [`ActorKind`].
    #[error("`{kind}` is no kind of actor; write `user`, `agent` or `service`")]
    Kind {
        /// What was written.
        kind: String,
    },
    /// The subject is not usable.
    #[error("the subject is not usable")]
    Subject(#[source] NameError),
}

/// Why actors do not form a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChainError {
    /// Nobody asks.
    #[error("the actor chain is empty")]
    Empty,
    /// More links than [`CHAIN_LINKS_MAX`].
    #[error("the actor chain has {links} links; the limit is {CHAIN_LINKS_MAX}")]
    TooLong {
        /// How many links were sent.
        links: usize,
    },
}

/// Who asked for it first (the head) to who executes it (the last link): 1 to
/// [`CHAIN_LINKS_MAX`] actors.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ActorChain(Vec<Actor>);

impl ActorChain {
    /// Accepts a chain, head first.
    ///
    /// # Errors
    /// No links, or more than [`CHAIN_LINKS_MAX`].
    pub fn new(links: Vec<Actor>) -> Result<Self, ChainError> {
        match links.len() {
            0 => Err(ChainError::Empty),
            1..=CHAIN_LINKS_MAX => Ok(Self(links)),
            links => Err(ChainError::TooLong { links }),
        }
    }

    /// The links, head first. Never empty.
    #[must_use]
    pub fn links(&self) -> &[Actor] {
        &self.0
    }
}

#[cfg(test)]
mod tests;
