//! How the log is kept.

use std::path::PathBuf;
use std::time::Duration;

/// When a record counts as kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// When it is on disk: nothing acknowledged is ever lost.
    Commit,
    /// At once; it is written and on disk within this time. A crash loses what is younger.
    Interval(Duration),
}

/// What becomes of a call that cannot be recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnFailure {
    /// The log says that it failed, and the call is denied.
    Deny,
    /// The log says that it succeeded, and counts the record as missing.
    Answer,
}

/// What becomes of records that are due for deletion and not shipped yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unshipped {
    /// They are deleted all the same.
    Delete,
    /// They stay until they are shipped.
    Keep,
}

/// How long records are kept. Whole segments go, oldest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Records older than this may go. `None`: age does not matter.
    pub age: Option<Duration>,
    /// When the segments take more bytes than this, the oldest may go. `None`: size does not
    /// matter.
    pub bytes: Option<u64>,
    /// What becomes of those that are not shipped.
    pub unshipped: Unshipped,
}

/// Everything about a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogConfig {
    /// Where it lies. Made if it does not exist.
    pub directory: PathBuf,
    /// When a record counts as kept.
    pub durability: Durability,
    /// What becomes of calls that cannot be recorded.
    pub on_failure: OnFailure,
    /// Bytes of one segment; taken from the disk when it is begun.
    pub segment_bytes: u64,
    /// How long records are kept.
    pub retention: Retention,
    /// Whether records are shipped: only then can one be unshipped.
    pub is_shipped: bool,
    /// How often a checkpoint is signed while there are new records.
    pub checkpoint_interval: Duration,
    /// The key of checkpoints. Made if it does not exist.
    pub checkpoint_key: PathBuf,
}
