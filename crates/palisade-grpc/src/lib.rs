//! The `palisade.v1` services over tonic: a thin translation to the pipeline of `palisade-pdp`.
//!
//! Nothing here decides. What the wire says is checked and turned into the domain's types
//! (`convert.rs`), the pipeline is asked, and its answer is turned back (`answer.rs`); what fails on
//! the way becomes a gRPC status in one place (`status.rs`).
#![warn(missing_docs)]
#![warn(clippy::wildcard_enum_match_arm)]

mod accept;
mod access;
mod admin;
mod answer;
mod batch;
mod connection;
mod convert;
mod deadline;
mod error;
mod fields;
mod intake;
mod limits;
mod methods;
mod not_served;
mod opening;
mod outlet;
mod panic;
mod patience;
mod presented;
mod server;
mod service;
mod status;
mod stream;
mod tls;
mod usage;
mod workers;

pub use accept::{Drained, Listener};
pub use access::{Access, CallerAccess};
pub use admin::Administration;
pub use limits::{ADMIN_CONNECTIONS_MAX, Limits, THREADS_MAX};
pub use server::{GrpcServer, ServeError};
pub use service::Surface;
pub use tls::{LoadTlsError, Tls, TlsFiles};
