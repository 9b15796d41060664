//! The answer of the engine.

use std::fmt;
use std::sync::Arc;

use crate::exception::ExceptionUse;
use crate::reason::Reason;
use crate::requirement::PostedRequirement;

/// Allow, challenge or deny. There is no default and no conversion from `bool`: every outcome is
/// met by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// The call may be made.
    Allow,
    /// The call may be made once requirements are met.
    Challenge,
    /// The call may not be made.
    Deny,
}

impl Outcome {
    /// The name used in logs, tests and documentation.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Challenge => "challenge",
            Self::Deny => "deny",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What may be said of a call whose arguments are not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Prospect {
    /// Allowed whatever the arguments are.
    Allow,
    /// Challenged whatever the arguments are.
    Challenge,
    /// No arguments could be allowed.
    Deny,
    /// Hangs on what is not known yet.
    Depends,
}

impl Prospect {
    /// The name used in tables and documentation.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Challenge => "challenge",
            Self::Deny => "deny",
            Self::Depends => "depends",
        }
    }
}

impl From<Outcome> for Prospect {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Allow => Self::Allow,
            Outcome::Challenge => Self::Challenge,
            Outcome::Deny => Self::Deny,
        }
    }
}

/// A policy's `@id`; a template link's id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PolicyId(Arc<str>);

impl PolicyId {
    /// The policy with this `@id`.
    #[must_use]
    pub fn new(id: &str) -> Self {
        Self(id.into())
    }

    /// The id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PolicyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The answer and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The answer.
    pub outcome: Outcome,
    /// Why.
    pub reason: Reason,
    /// The policies that determined it, sorted and without repetition.
    pub determining: Vec<PolicyId>,
    /// What is still asked for; empty unless the outcome is a challenge. Sorted.
    pub requirements: Vec<PostedRequirement>,
    /// Exceptions that lifted a forbid for some link; sorted and without repetition.
    pub exceptions: Vec<ExceptionUse>,
}

impl Verdict {
    /// A deny that no policy determined.
    #[must_use]
    pub const fn deny(reason: Reason) -> Self {
        Self {
            outcome: Outcome::Deny,
            reason,
            determining: Vec::new(),
            requirements: Vec::new(),
            exceptions: Vec::new(),
        }
    }
}
