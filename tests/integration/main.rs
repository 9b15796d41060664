//! The whole over real gRPC: requests as enforcement points send them, to the server that the
//! binary runs.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]
#![allow(clippy::large_futures, reason = "a test has few of them and not for long")]

mod answers;
mod authorize;
mod bad_bundles;
mod bad_input;
mod batch;
mod corpus;
mod drain;
mod explain;
mod health_reflection;
mod hostile;
mod limits;
mod list_tools;
mod log_failures;
mod mcp_servers;
mod memory;
mod not_served;
mod otlp;
mod outside_client;
mod outside_verifier;
mod panics;
mod phoenix;
mod planted_secrets;
mod process;
mod raw_http2;
mod raw_message;
mod request_decoder;
mod rollout;
mod scrape;
mod shipping;
mod stream;
mod tls;
mod trust;
