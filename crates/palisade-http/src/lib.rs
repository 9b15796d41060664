//! HTTP/1.1: the endpoint that transmitters push security event tokens to (RFC 8935).
//!
//! `POST /events` and nothing else; no HTTP/2, no health, no metrics. What an event means is up to
//! the [`EventSink`](palisade_core::EventSink) behind it.
#![warn(missing_docs)]

mod answer;
mod bearer;
mod body;
mod connection;
mod endpoint;
mod error;
mod limits;
mod server;
mod tls;

pub use error::{BindEventsError, LoadTlsError};
pub use server::{EventServer, EventServerConfig};
pub use tls::TlsFiles;
