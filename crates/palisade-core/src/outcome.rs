//! What became of an allowed call, as its enforcement point reports it.

use std::sync::Arc;
use std::time::Duration;

use crate::clock::EpochMillis;
use crate::digest::KeyedDigest;
use crate::id::DecisionId;
use crate::trace::TraceContext;

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CallStatus {
    /// The tool was called and failed.
    Failure,
    /// The call was certainly not made.
    NotMade,
    /// The tool did what it was asked to.
    Success,
    /// The call was not made, or not to its end. What it did is unknown.
    Unknown,
}

impl CallStatus {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Failure, Self::NotMade, Self::Success, Self::Unknown];

    /// The stable name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Failure => "failure",
            Self::NotMade => "not_made",
            Self::Success => "success",
            Self::Unknown => "unknown",
        }
    }
}

/// The durable entry of one report. It joins its decision by id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallOutcome {
    /// When the report came.
    pub time: EpochMillis,
    /// The enforcement point that reports, as it was authenticated.
    pub pep: Option<Arc<str>>,
    /// The decision that allowed the call.
    pub decision: DecisionId,
    /// How the call ended.
    pub status: CallStatus,
    /// How long it took.
    pub duration: Duration,
    /// A class of error; empty if there was none.
    pub error: String,
    /// Bytes of the result.
    pub result_bytes: u64,
    /// Keyed digest of the result's reported SHA-256 digest.
    pub result_digest: Option<KeyedDigest>,
    /// The trace the report belongs to.
    pub trace: Option<TraceContext>,
}
