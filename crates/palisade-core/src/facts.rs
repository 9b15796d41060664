//! What is known of a call beside the call itself.

use crate::clock::EpochMillis;
use crate::requirement::{Cure, Requirement};

/// Which facts some configured component provides. A policy that reads a fact nobody provides
/// does not load.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "one switch for each independent source")]
pub struct FactSources {
    /// `context.attestation`.
    pub attestation: bool,
    /// `context.auth`.
    pub auth: bool,
    /// `context.grounding` and `context.ungrounded`.
    pub grounding: bool,
    /// `context.data`.
    pub labels: bool,
    /// `context.session`.
    pub session: bool,
}

/// The facts one decision is made on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The instant of the decision; policies see it as `context.now`.
    pub now: EpochMillis,
    /// Live approvals, confirmations and authentications bound to this very call.
    pub cures: Vec<Cure>,
}

impl Facts {
    /// Nothing is known but the time.
    #[must_use]
    pub const fn at(now: EpochMillis) -> Self {
        Self { now, cures: Vec::new() }
    }

    /// Whether some live object satisfies the requirement in every parameter.
    #[must_use]
    pub fn satisfy(&self, requirement: &Requirement) -> bool {
        self.cures.iter().any(|cure| cure.satisfies(requirement))
    }
}
