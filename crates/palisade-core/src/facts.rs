//! What is known of a call beside the call itself.

use std::sync::Arc;
use std::time::Duration;

use crate::attestation::Attestation;
use crate::clock::EpochMillis;
use crate::identity::Authentication;
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

impl FactSources {
    /// What a server of this version can provide if it is configured to. A bundle that is not in a
    /// server yet is checked against these.
    pub const AVAILABLE: Self =
        Self { attestation: true, auth: true, grounding: false, labels: false, session: false };
}

/// The facts one decision is made on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The instant of the decision; policies see it as `context.now`.
    pub now: EpochMillis,
    /// Live approvals, confirmations and authentications bound to this very call.
    pub cures: Vec<Cure>,
    /// How the head of the chain signed in; policies see it as `context.auth`.
    pub authentication: Option<Arc<Authentication>>,
    /// What was proven of the last link's environment; policies see it as `context.attestation`.
    pub attestation: Option<Arc<Attestation>>,
}

impl Facts {
    /// Nothing is known but the time.
    #[must_use]
    pub const fn at(now: EpochMillis) -> Self {
        Self { now, cures: Vec::new(), authentication: None, attestation: None }
    }

    /// Whether some live object satisfies the requirement in every parameter: a cure, the head's
    /// own sign-in, or the attestation that was presented.
    #[must_use]
    pub fn satisfy(&self, requirement: &Requirement) -> bool {
        self.cures.iter().any(|cure| cure.satisfies(requirement))
            || match requirement {
                Requirement::Approval { .. } | Requirement::Confirmation { .. } => false,
                Requirement::Attestation { max_age } => {
                    self.attestation.as_ref().is_some_and(|attestation| {
                        self.now < attestation.expires_at
                            && self.is_within(attestation.issued_at, *max_age)
                    })
                }
                // A class is compared for equality: classes have no order that everybody shares
                // (RFC 9470, section 3).
                Requirement::StepUp { acr, max_age } => {
                    self.authentication.as_ref().is_some_and(|authentication| {
                        (acr.is_none() || *acr == authentication.acr)
                            && match (authentication.time, max_age) {
                                (Some(time), _) => self.is_within(time, *max_age),
                                (None, None) => acr.is_some(),
                                (None, Some(_)) => false,
                            }
                    })
                }
            }
    }

    /// The instants, in milliseconds since the epoch, at which these facts stop to satisfy a
    /// requirement by themselves, cures aside.
    pub fn changes(&self, requirement: &Requirement) -> impl Iterator<Item = i64> {
        let (since, max_age, ends) = match requirement {
            Requirement::Approval { .. } | Requirement::Confirmation { .. } => (None, None, None),
            Requirement::Attestation { max_age } => {
                let attestation = self.attestation.as_ref();
                let issued_at = attestation.map(|attestation| attestation.issued_at);
                (issued_at, *max_age, attestation.map(|attestation| attestation.expires_at))
            }
            Requirement::StepUp { acr: _, max_age } => {
                let time = self.authentication.as_ref().and_then(|signed_in| signed_in.time);
                (time, *max_age, None)
            }
        };
        // Just as old as allowed is young enough.
        let too_old = since.zip(max_age).map(|(since, max_age)| {
            since.as_millis().saturating_add(millis(max_age)).saturating_add(1)
        });
        too_old.into_iter().chain(ends.map(EpochMillis::as_millis))
    }

    fn is_within(&self, since: EpochMillis, max_age: Option<Duration>) -> bool {
        max_age.is_none_or(|max_age| {
            self.now.as_millis().saturating_sub(since.as_millis()) <= millis(max_age)
        })
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
