//! A time-boxed exception that lifts a forbid, as answers and records name it.

use std::sync::Arc;

use crate::verdict::PolicyId;

/// One use of an exception: for one link, one forbid did not count.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExceptionUse {
    /// The exception's id.
    pub id: Arc<str>,
    /// The forbid it lifted.
    pub policy: PolicyId,
    /// The ticket it was granted under.
    pub ticket: Arc<str>,
}
