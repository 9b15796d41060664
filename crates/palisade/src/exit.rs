//! The exit codes of the program, one for each thing a script would want to tell apart.

use std::process::ExitCode;

use palisade_core::Outcome;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Done; for `authorize` and `explain`: allowed.
    Success,
    /// Something failed; for `authorize`: there is no decision, treat it as a deny.
    Failure,
    /// The call is denied.
    Deny,
    /// The call is challenged.
    Challenge,
    /// There are differences.
    Different,
    /// Wrong use or configuration.
    Usage,
    /// The bundle does not load.
    Bundle,
}

impl Exit {
    /// The code. 64 and 65 are `EX_USAGE` and `EX_DATAERR` of BSD's `sysexits.h`.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::Failure => 1,
            Self::Deny => 2,
            Self::Challenge => 3,
            Self::Different => 4,
            Self::Usage => 64,
            Self::Bundle => 65,
        }
    }
}

impl From<Outcome> for Exit {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Allow => Self::Success,
            Outcome::Challenge => Self::Challenge,
            Outcome::Deny => Self::Deny,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
