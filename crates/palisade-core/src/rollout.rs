//! What becomes of revisions of the bundle, as operators see it, and the port they act through.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use crate::clock::EpochMillis;
use crate::revision::Revision;

/// What happened to a revision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RolloutAction {
    /// It came into force.
    Activated,
    /// An operator pinned it: no other comes into force.
    Pinned,
    /// It did not come into force; another one stays.
    Refused,
    /// An operator went back to it; it is pinned.
    RolledBack,
    /// It no longer decides in the shadow.
    ShadowEnded,
    /// It decides beside the one in force and changes nothing.
    ShadowStarted,
    /// An operator took the pin away.
    Unpinned,
}

impl RolloutAction {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Activated,
        Self::Pinned,
        Self::Refused,
        Self::RolledBack,
        Self::ShadowEnded,
        Self::ShadowStarted,
        Self::Unpinned,
    ];

    /// The stable name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Activated => "activated",
            Self::Pinned => "pinned",
            Self::Refused => "refused",
            Self::RolledBack => "rolled_back",
            Self::ShadowEnded => "shadow_ended",
            Self::ShadowStarted => "shadow_started",
            Self::Unpinned => "unpinned",
        }
    }
}

/// The durable entry of one change, or of one that was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RolloutRecord {
    /// When it happened.
    pub time: EpochMillis,
    /// What happened.
    pub action: RolloutAction,
    /// What was in force before, if something else was.
    pub from: Option<Arc<Revision>>,
    /// What it is about, if it could be read so far as to know.
    pub to: Option<Arc<Revision>>,
    /// With [`RolloutAction::Refused`]: a stable code. Otherwise empty.
    pub code: &'static str,
    /// For a person: why, or what an operator wrote.
    pub detail: String,
}

/// How far a revision has come that is not in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CandidateStage {
    /// It is being downloaded.
    Fetch,
    /// Its signatures and its content are being checked.
    Verify,
    /// Its files are being read.
    Parse,
    /// It is being validated as a whole.
    Validate,
    /// Its own tests are being run.
    Test,
    /// Its caches are being filled.
    Warm,
    /// It waits until the pin is taken away.
    Pinned,
}

impl CandidateStage {
    /// The stable name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fetch => "fetch",
            Self::Verify => "verify",
            Self::Parse => "parse",
            Self::Validate => "validate",
            Self::Test => "test",
            Self::Warm => "warm",
            Self::Pinned => "pinned",
        }
    }
}

/// A revision that decides, for an answer or in the shadow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldRevision {
    /// The revision.
    pub revision: Arc<Revision>,
    /// Since when.
    pub since: EpochMillis,
}

/// A revision that may come into force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CandidateRevision {
    /// The revision, if it could be read so far as to know.
    pub revision: Option<Arc<Revision>>,
    /// How far it has come.
    pub stage: CandidateStage,
    /// Since when.
    pub since: EpochMillis,
}

/// Why a revision is not in force, or none could be looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BundleFailure {
    /// A stable code, e.g. `rollback` or `tests_failed`.
    pub code: &'static str,
    /// What is wrong, for a person.
    pub message: String,
    /// When it was first seen.
    pub since: EpochMillis,
}

/// Which bundle decides, which could, and what went wrong last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BundleStatus {
    /// Where bundles come from.
    pub source: String,
    /// Whether they carry signatures that were verified.
    pub signed: bool,
    /// The revision in force.
    pub active: Option<HeldRevision>,
    /// The newest revision that was found and is not in force.
    pub candidate: Option<CandidateRevision>,
    /// The revision that decides in the shadow.
    pub shadow: Option<HeldRevision>,
    /// No other revision comes into force.
    pub pinned: bool,
    /// The last failure; `None` if nothing was wrong the last time.
    pub last_failure: Option<BundleFailure>,
    /// When a new revision was last looked for.
    pub checked: Option<EpochMillis>,
    /// When the metadata of a signed source expires.
    pub metadata_expires: Option<EpochMillis>,
    /// When every answer becomes a deny unless fresh metadata comes; `None`: never.
    pub decides_until: Option<EpochMillis>,
    /// What can be gone back to, newest first.
    pub kept: Vec<Arc<Revision>>,
}

/// What an operator asked for cannot be done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BundleControlError {
    /// There is nothing to do it with.
    #[error("{} is kept; kept are {}", wanted(*version), list(kept))]
    NotKept {
        /// What was asked for; 0: the one before.
        version: u64,
        /// What is there.
        kept: Vec<u64>,
    },
    /// Nothing is in force yet.
    #[error("no bundle is in force yet")]
    NoneActive,
    /// The server is shutting down.
    #[error("the server is shutting down")]
    Stopping,
    /// It could not be recorded, so it was not done.
    #[error("it could not be recorded, so it was not done")]
    NotRecorded,
    /// A kept revision does not load any more.
    #[error("the kept revision does not load: {message}")]
    DoesNotLoad {
        /// Why.
        message: String,
    },
}

fn wanted(version: u64) -> String {
    match version {
        0 => "nothing older than what is in force".to_owned(),
        version => format!("no version {version} of the bundle"),
    }
}

fn list(versions: &[u64]) -> String {
    if versions.is_empty() {
        return "none".to_owned();
    }
    versions.iter().map(u64::to_string).collect::<Vec<_>>().join(", ")
}

/// What comes of an operator's request: the state afterwards.
pub type BundleControlFuture<'a> =
    Pin<Box<dyn Future<Output = Result<BundleStatus, BundleControlError>> + Send + 'a>>;

/// Lets operators see and change which bundle decides. Every change is on record before it is
/// answered.
pub trait BundleControl: Send + Sync {
    /// The state.
    fn status(&self) -> BundleStatus;

    /// Looks for a new revision; ready when what was found is in force or refused.
    fn reload(&self) -> BundleControlFuture<'_>;

    /// Puts a kept version in force and pins it; 0: the last one before that is not newer.
    fn roll_back(&self, version: u64, reason: String) -> BundleControlFuture<'_>;

    /// Pins what is in force.
    fn pin(&self, reason: String) -> BundleControlFuture<'_>;

    /// Takes the pin away and looks for a new revision.
    fn unpin(&self, reason: String) -> BundleControlFuture<'_>;
}
