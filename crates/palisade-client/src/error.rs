//! Why there is no decision. Every one of these is a deny.

use std::time::Duration;

use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::endpoint::Endpoint;

/// A call brought no decision. Treat it as a deny.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The connection broke, or what answered is no decision point.
    #[error("the decision point at `{endpoint}` gave no usable answer")]
    Broken {
        /// Where it was asked.
        endpoint: Endpoint,
        /// What happened.
        #[source]
        source: Status,
    },
    /// What was given as a credential is none.
    #[error("the credential is no token that can be sent")]
    Credential,
    /// The answer does not fit the question.
    #[error("the decision point at `{endpoint}` answered {results} of {requests} requests")]
    Incomplete {
        /// Where it was asked.
        endpoint: Endpoint,
        /// How many requests were sent.
        requests: usize,
        /// How many results came back.
        results: usize,
    },
    /// The decision point made no decision and says why.
    #[error("the decision point at `{endpoint}` made no decision: {message} [{reason}]")]
    Refused {
        /// Where it was asked.
        endpoint: Endpoint,
        /// The kind of failure.
        code: Code,
        /// Stable machine reason, e.g. `chain_too_long`.
        reason: String,
        /// What is wrong, for a person.
        message: String,
    },
    /// No answer in time.
    #[error("the decision point at `{endpoint}` did not answer within {after:?}")]
    Timeout {
        /// Where it was asked.
        endpoint: Endpoint,
        /// The time it had.
        after: Duration,
    },
    /// Nobody listens there.
    #[error("cannot reach the decision point at `{endpoint}`; is it running?")]
    Unreachable {
        /// Where it was looked for.
        endpoint: Endpoint,
        /// What happened.
        #[source]
        source: tonic::transport::Error,
    },
}

impl ClientError {
    /// The error that a status stands for.
    pub(crate) fn from_status(status: Status, endpoint: &Endpoint, after: Duration) -> Self {
        let endpoint = endpoint.clone();
        match (status.get_details_error_info(), status.code()) {
            (Some(info), code) => Self::Refused {
                endpoint,
                code,
                reason: info.reason,
                message: status.message().to_owned(),
            },
            // Without details these are this side's own timer, or one between the two.
            (None, Code::Cancelled | Code::DeadlineExceeded) => Self::Timeout { endpoint, after },
            (None, _) => Self::Broken { endpoint, source: status },
        }
    }
}
