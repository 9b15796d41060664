//! A recorded answer.

use std::sync::Arc;
use std::time::Duration;

use crate::attestation::AttestationChallenge;
use crate::id::DecisionId;
use crate::revision::Revision;
use crate::verdict::Verdict;

/// What the enforcement point has to do with an allowed call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Obligations {
    /// The call has to be over this long after the answer.
    pub deadline: Option<Duration>,
    /// JSON pointers (RFC 6901) of result fields to remove before the result reaches the model.
    pub redact_result: Vec<String>,
}

/// The answer to one request, as it was recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Names the decision and its record.
    pub id: DecisionId,
    /// The answer and why.
    pub verdict: Arc<Verdict>,
    /// Which bundle decided.
    pub revision: Arc<Revision>,
    /// Not to be enforced.
    pub dry_run: bool,
    /// Empty unless the outcome is an allow.
    pub obligations: Obligations,
    /// How long the answer may be used again for the very same request; zero: not at all.
    pub valid_for: Duration,
    /// With a challenge for attestation: what the next evidence has to carry.
    pub attestation_challenge: Option<Arc<AttestationChallenge>>,
}
