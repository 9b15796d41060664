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
    /// Connections at once, on all threads, for decisions. While all are in use, further ones wait
    /// in the kernel's queue for [`Limits::place_timeout`], and are refused from then on.
    pub connections_max: NonZeroU32,
    /// How long all connections may be in use before further ones are refused.
    pub place_timeout: Duration,
    /// How long a connection may have no call before it is closed; it is at the latest after twice
    /// that.
    pub idle_timeout: Duration,
    /// How long answers may wait on a connection that takes none of them before it is cut; it is
    /// at the latest after twice that.
    pub answer_timeout: Duration,
    /// Calls at once on one connection; further ones wait at the caller.
    pub calls_per_connection_max: NonZeroU32,
    /// Calls at once on all connections of all threads; further ones are answered
    /// `RESOURCE_EXHAUSTED`. Health checks and open streams do not count.
    pub calls_max: NonZeroU32,
    /// Bytes of requests that are received or answered, and of answers that are not taken, beyond
    /// an allowance of 256 KiB for each connection. What goes beyond is answered
    /// `RESOURCE_EXHAUSTED`.
    pub held_bytes_max: usize,
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
            place_timeout: Duration::from_secs(1),
            idle_timeout: Duration::from_secs(300),
            answer_timeout: Duration::from_secs(30),
            calls_per_connection_max: at_most(256),
            calls_max: at_most(4096),
            held_bytes_max: 64 * 1024 * 1024,
        }
    }
}

/// Connections for administration at once.
// LIMIT: each is a person's command, or a program that asks for explanations.
pub const ADMIN_CONNECTIONS_MAX: NonZeroU32 = NonZeroU32::MIN.saturating_add(15);

/// How long a call to the administration may take.
// LIMIT: a new revision of ten thousand policies takes some ten seconds to come into force.
pub(crate) const ADMIN_REQUEST_TIMEOUT: Duration = Duration::from_secs(120);

/// Versions that are waited for at once, as a share of the calls at once.
// LIMIT: whoever waits takes the place of a call.
pub(crate) const WAITING_SHARE: usize = 4;

/// Threads that may be asked for.
// LIMIT: more than the cores of the largest machines would only wait for each other.
pub const THREADS_MAX: u32 = 1024;
