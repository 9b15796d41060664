//! How many connections the process has file descriptors for.

use std::num::NonZeroU32;

use palisade_grpc::{ADMIN_CONNECTIONS_MAX, Limits};
use rustix::process::{Resource, getrlimit};

/// Descriptors of one thread's runtime: what it polls with, and what wakes it.
const THREAD_DESCRIPTORS: u64 = 3;

/// Descriptors of everything else: standard streams, sockets that are listened on, the decision
/// log, signals, files that are looked at again, and one connection that is being refused.
// LIMIT: about twice what was counted in a running server.
const OTHER_DESCRIPTORS: u64 = 24;

/// There are not enough descriptors for a single connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the process may open {allowed} files, but with {threads} threads it needs {needed}")]
pub struct TooFewDescriptors {
    /// The limit of the process.
    allowed: u64,
    /// For how many threads.
    threads: u32,
    /// The least that would do.
    needed: u64,
}

/// The limit of this process, as it is now; `None`: there is none.
pub(super) fn allowed() -> Option<u64> {
    getrlimit(Resource::Nofile).current
}

/// As many connections as are asked for, or as there are descriptors for.
///
/// # Errors
/// There are none for any.
pub(super) fn connections(
    limits: &Limits,
    allowed: Option<u64>,
) -> Result<NonZeroU32, TooFewDescriptors> {
    let Some(allowed) = allowed else {
        return Ok(limits.connections_max);
    };
    let threads = limits.threads.get();
    // Beside those for decisions, one accepts and one serves administration.
    let reserved = (u64::from(threads) + 2) * THREAD_DESCRIPTORS
        + u64::from(ADMIN_CONNECTIONS_MAX.get())
        + OTHER_DESCRIPTORS;
    let left = u32::try_from(allowed.saturating_sub(reserved)).unwrap_or(u32::MAX);
    let left = NonZeroU32::new(left);
    let left = left.ok_or(TooFewDescriptors { allowed, threads, needed: reserved + 1 })?;
    Ok(left.min(limits.connections_max))
}

#[cfg(test)]
mod tests;
