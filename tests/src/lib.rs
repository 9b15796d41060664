//! What the tests of the whole share: a server with its ports in their hands, and short ways to
//! say what is sent.
//!
//! The server is the real one, on real sockets; only time, ids and the decision log are the
//! test's own, so that no test has to sleep.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test harness: what is not as expected fails the test"
)]

pub mod bundle;
pub mod cli;
pub mod collector;
pub mod external;
pub mod fuzz;
pub mod mcp;
pub mod phoenix;
mod ports;
pub mod process;
pub mod request;
mod server;
pub mod tls;
pub mod trust;
mod wait;

pub use ports::{LogMode, ManualClock, MemoryLog, NOON, SequentialIds};
pub use request::{authorize_request, chain};
pub use server::TestServer;
pub use wait::within;
