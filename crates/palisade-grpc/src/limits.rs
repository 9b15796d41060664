//! What bounds a server, as far as its operator may say so.

use std::num::NonZeroU32;
use std::thread::available_parallelism;
use std::time::Duration;

use palisade_core::limits::DRAIN_TIMEOUT_DEFAULT;

/// What bounds a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Threads that answer decisions, each with the connections that were dealt to it.
    pub threads: NonZeroU32,
    /// How long a new connection may take to say that it speaks HTTP/2, the TLS handshake
    /// included; then it is closed.
    pub opening_timeout: Duration,
    /// How long a call may take; a caller may ask for less with `grpc-timeout`. Streams may stay
    /// open for longer.
    pub request_timeout: Duration,
    /// How long open calls may take to end after a shutdown began; then they are cut.
    pub drain_timeout: Duration,
    /// Connections at once, on all threads; further ones wait in the kernel's queue.
    pub connections_max: NonZeroU32,
    /// Calls at once on one connection; further ones wait at the caller.
    pub calls_per_connection_max: NonZeroU32,
    /// Calls at once on all connections of all threads; further ones are answered
    /// `RESOURCE_EXHAUSTED`. Health checks and open streams do not count.
    pub calls_max: NonZeroU32,
}

impl Default for Limits {
    /// One thread for each processor that this process may use.
    fn default() -> Self {
        const fn at_most(limit: u32) -> NonZeroU32 {
            NonZeroU32::MIN.saturating_add(limit.saturating_sub(1))
        }
        let cores = available_parallelism().ok().and_then(|cores| cores.try_into().ok());
        Self {
            threads: cores.unwrap_or(NonZeroU32::MIN).min(at_most(THREADS_MAX)),
            opening_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(5),
            drain_timeout: DRAIN_TIMEOUT_DEFAULT,
            connections_max: at_most(1024),
            calls_per_connection_max: at_most(256),
            calls_max: at_most(4096),
        }
    }
}

/// Threads that may be asked for.
// LIMIT: more than the cores of the largest machines would only wait for each other.
pub const THREADS_MAX: u32 = 1024;
