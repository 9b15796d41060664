//! Durable state behind the ports of `palisade-core`.
//!
//! [`EmbeddedState`] keeps it in one file of one process; [`MemoryState`] forgets it with the
//! process.
#![warn(missing_docs)]

#[cfg(test)]
mod conformance;
mod embedded;
mod error;
mod medium;
mod memory;
mod stored;

pub use embedded::EmbeddedState;
pub use error::OpenStateError;
pub use memory::MemoryState;
