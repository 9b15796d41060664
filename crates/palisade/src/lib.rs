//! The `palisade` command: configuration, the server's wiring and the command line.
//!
//! Everything is in this library and the binary is thin, so that tests run the same code in their
//! own process. Nothing here decides; what decides is wired together here.
#![warn(missing_docs)]

pub mod cli;
pub mod config;
mod diagnostics;
mod exit;
mod export;
mod mcp;
mod output;
mod server;
mod telemetry;
mod trust;
mod wording;

pub use exit::Exit;
pub use output::Output;
pub use server::{
    BindError, BuildServerError, Parts, PartsError, ReadRootError, RunServerError, Server,
    TooFewDescriptors,
};
pub use trust::LoadTrustError;
