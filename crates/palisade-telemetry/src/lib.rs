//! What leaves Palisade for an observability stack.
//!
//! The decision log is shipped over OTLP from a cursor on disk, in order and at least once.
//! Metrics are counted here and exported or scraped; spans are made of calls already answered.
//! Nothing here decides, and nothing here waits on the way of a decision.
#![warn(missing_docs)]

pub mod attributes;
pub mod metrics;
pub mod otlp;
pub mod project;
pub mod scrape;
pub mod ship;
pub mod spans;
mod values;
mod watch;

pub use watch::Watch;

#[cfg(test)]
mod fixtures;
