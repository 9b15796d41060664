//! What an enforcement point may say without proof, and on whose behalf it may ask at all.

use std::fmt;
use std::str::FromStr;

use palisade_core::{Actor, ActorKind};

use super::pattern::{IssuerPattern, ToolPattern};

/// Something an enforcement point observes of a call and policies read. What no policy reads, such
/// as its own request id, needs no right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ContextField {
    /// Where the call came from: `context.sourceIp`.
    SourceAddress,
}

impl ContextField {
    /// All fields.
    pub const ALL: [Self; 1] = [Self::SourceAddress];

    /// Its name in configuration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SourceAddress => "source_address",
        }
    }
}

impl fmt::Display for ContextField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text is no name of a context field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no such context field")]
pub struct ParseContextFieldError;

impl FromStr for ContextField {
    type Err = ParseContextFieldError;

    fn from_str(name: &str) -> Result<Self, ParseContextFieldError> {
        Self::ALL.into_iter().find(|field| field.as_str() == name).ok_or(ParseContextFieldError)
    }
}

/// Actors that may be asserted: these kinds, of these issuers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AssertionRight {
    /// Whose subjects.
    pub issuer: IssuerPattern,
    /// Of which kinds; none means that nobody may be asserted.
    pub kinds: Vec<ActorKind>,
}

/// What an enforcement point may do. The default is nothing at all: without a tool it speaks for,
/// it may not even ask.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PepRights {
    /// Actors it may name without a credential of theirs.
    pub assertions: Vec<AssertionRight>,
    /// Which context fields it may set.
    pub context_fields: Vec<ContextField>,
    /// Whether it may join links that do not name each other.
    pub may_compose: bool,
    /// Whether it may hand on certificates of peers: that whoever is on its other side holds the
    /// key is its word.
    pub may_pass_certificates: bool,
    /// Whether it may say with which method and address a proof of possession was shown to it.
    pub may_vouch_for_possession: bool,
    /// For which tools it may ask.
    pub tools: Vec<ToolPattern>,
}

impl PepRights {
    /// Whether it may name this actor without a credential. Its issuer is an identifier:
    /// whoever asks has put it in the place of an alias.
    #[must_use]
    pub fn may_assert(&self, actor: &Actor) -> bool {
        self.assertions
            .iter()
            .any(|right| right.kinds.contains(&actor.kind) && right.issuer.matches(&actor.issuer))
    }

    /// Whether it may ask for this tool, by its name as sent.
    #[must_use]
    pub fn may_ask_for(&self, tool: &str) -> bool {
        self.tools.iter().any(|pattern| pattern.matches(tool))
    }

    /// Whether it may set this field.
    #[must_use]
    pub fn may_set(&self, field: ContextField) -> bool {
        self.context_fields.contains(&field)
    }
}

#[cfg(test)]
mod tests;
