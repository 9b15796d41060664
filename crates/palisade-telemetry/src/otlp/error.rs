//! Why a request was not acknowledged.

use std::time::Duration;

use tonic::Code;

/// A request was not acknowledged. Whether to try again is what the OTLP specification says
/// ("Failures" under OTLP/gRPC and OTLP/HTTP).
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// The same request has to be tried again later.
    #[error("the collector does not take telemetry now")]
    Retry {
        /// How long the receiver asks to be left alone.
        after: Option<Duration>,
        /// What happened.
        #[source]
        source: SendFailure,
    },
    /// The same request would fail again.
    #[error("the collector refuses telemetry")]
    Permanent {
        /// What happened.
        #[source]
        source: SendFailure,
    },
}

/// What happened to a request.
///
/// Texts of the receiver are cut off and hold no control characters.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendFailure {
    /// There is no connection, or it broke.
    #[error("no connection: {detail}")]
    Connection {
        /// What the transport says.
        detail: String,
    },
    /// The receiver answered a gRPC status.
    #[error("status {code:?}: {message}")]
    Grpc {
        /// The status.
        code: Code,
        /// Its message.
        message: String,
    },
    /// The receiver answered an HTTP status.
    #[error("HTTP status {status}: {message}")]
    Http {
        /// The status.
        status: u16,
        /// The message of the answer, if it is one of ours.
        message: String,
    },
    /// The answer is none that OTLP knows: the URL may be that of something else.
    #[error("the answer is not one of an OTLP receiver: {detail}")]
    NotOtlp {
        /// What is wrong with it.
        detail: &'static str,
    },
    /// There was no answer in time.
    #[error("no answer in time")]
    Timeout,
}

impl SendError {
    /// What happened.
    #[must_use]
    pub const fn failure(&self) -> &SendFailure {
        match self {
            Self::Retry { source, .. } | Self::Permanent { source } => source,
        }
    }

    /// The receiver refuses what is in the request, rather than whoever sends it or all requests:
    /// with less in it, or with something else, it may be taken.
    #[must_use]
    pub fn refuses_content(&self) -> bool {
        match self {
            Self::Retry { .. } => false,
            Self::Permanent { source } => match source {
                SendFailure::Grpc { code, .. } => *code == Code::InvalidArgument,
                SendFailure::Http { status, .. } => matches!(status, 400 | 413 | 422),
                SendFailure::Connection { .. }
                | SendFailure::NotOtlp { .. }
                | SendFailure::Timeout => false,
            },
        }
    }

    /// The receiver refuses us, or is none: nothing is taken until somebody changes something.
    #[must_use]
    pub fn refuses_sender(&self) -> bool {
        match self {
            Self::Retry { .. } => false,
            Self::Permanent { source } => match source {
                SendFailure::Grpc { code, .. } => matches!(
                    code,
                    Code::NotFound
                        | Code::PermissionDenied
                        | Code::Unauthenticated
                        | Code::Unimplemented
                ),
                SendFailure::Http { status, .. } => *status < 500 && !self.refuses_content(),
                SendFailure::NotOtlp { .. } => true,
                SendFailure::Connection { .. } | SendFailure::Timeout => false,
            },
        }
    }

    /// The request may have been too much at once: a smaller one may be taken.
    #[must_use]
    pub fn may_be_size(&self) -> bool {
        match self.failure() {
            // Servers answer either to a message over their limit.
            SendFailure::Grpc { code, .. } => {
                matches!(code, Code::OutOfRange | Code::ResourceExhausted | Code::DeadlineExceeded)
            }
            SendFailure::Http { status, .. } => matches!(status, 413 | 504),
            SendFailure::Timeout => true,
            SendFailure::Connection { .. } | SendFailure::NotOtlp { .. } => false,
        }
    }
}
