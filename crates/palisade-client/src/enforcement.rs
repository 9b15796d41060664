//! What an enforcement point has to do with an answer.

use palisade_proto::v1;

/// What to do with an answer. Only [`Enforcement::Allow`] permits the call.
#[derive(Clone, Debug, PartialEq)]
pub enum Enforcement {
    /// The call may be made now, with exactly these arguments; see to its `obligations`.
    Allow(Box<v1::AuthorizeResponse>),
    /// The call may not be made yet: see `requirements`.
    Challenge(Box<v1::AuthorizeResponse>),
    /// The call may not be made. So are all answers to dry runs, which are never enforced, and
    /// outcomes that this client does not know; the response says what was answered.
    Deny(Box<v1::AuthorizeResponse>),
}

impl Enforcement {
    /// The whole answer.
    #[must_use]
    pub const fn response(&self) -> &v1::AuthorizeResponse {
        match self {
            Self::Allow(response) | Self::Challenge(response) | Self::Deny(response) => response,
        }
    }
}

// INVARIANT: the only place that makes an `Allow`.
impl From<v1::AuthorizeResponse> for Enforcement {
    fn from(response: v1::AuthorizeResponse) -> Self {
        let dry_run = response.dry_run;
        // An unknown number is read as unspecified.
        match response.outcome() {
            v1::Outcome::Allow if !dry_run => Self::Allow(Box::new(response)),
            v1::Outcome::Challenge if !dry_run => Self::Challenge(Box::new(response)),
            v1::Outcome::Allow
            | v1::Outcome::Challenge
            | v1::Outcome::Deny
            | v1::Outcome::Unspecified => Self::Deny(Box::new(response)),
        }
    }
}

/// One answer of a batch or a stream.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The `request_id` of the request it answers.
    pub request_id: String,
    /// What to do; an error is a deny.
    pub result: Result<Enforcement, ItemError>,
}

/// There is no decision on one item of a batch or a stream. Treat it as a deny.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no decision was made: {message} [{reason}]")]
pub struct ItemError {
    /// The kind of failure, as `google.rpc.Code`.
    pub code: i32,
    /// Stable machine reason, e.g. `chain_too_long`.
    pub reason: String,
    /// What is wrong, for a person.
    pub message: String,
}

impl From<v1::AuthorizeResult> for Answer {
    fn from(wire: v1::AuthorizeResult) -> Self {
        let v1::AuthorizeResult { request_id, result } = wire;
        let result = match result {
            Some(v1::authorize_result::Result::Response(response)) => Ok(response.into()),
            Some(v1::authorize_result::Result::Error(error)) => {
                let v1::Error { code, reason, message } = error;
                Err(ItemError { code, reason, message })
            }
            None => Err(ItemError {
                code: tonic::Code::Unknown.into(),
                reason: "result_missing".to_owned(),
                message: "the result is empty, or of a kind this client does not know".to_owned(),
            }),
        };
        Self { request_id, result }
    }
}

#[cfg(test)]
mod tests;
