//! Rust client for policy enforcement points.
//!
//! [`Client`] asks; [`Enforcement`] says what to do with the answer. The rule for whoever uses
//! them: call the tool on [`Enforcement::Allow`] and on nothing else. Every error means that there
//! is no decision, and no decision is a deny.
//!
//! Nothing is cached and nothing is retried: both would need the caller's judgement.

mod admin;
mod client;
mod endpoint;
mod enforcement;
mod error;

pub use admin::AdminClient;
pub use client::{Answers, Client};
pub use endpoint::{Endpoint, ParseEndpointError};
pub use enforcement::{Answer, Enforcement, ItemError};
pub use error::ClientError;
