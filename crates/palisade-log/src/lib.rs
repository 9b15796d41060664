//! The decision log: durable before the answer, tamper-evident, read by whoever may.
//!
//! Records (`proto/palisade/v1/record.proto`) are redacted, encoded once and appended to segments
//! by one thread, which waits for the disk once for all that came meanwhile. They form a Merkle
//! tree (RFC 6962), whose root is signed at intervals. Shipping them is somebody else's business.
#![warn(missing_docs)]

mod batch;
mod checkpoint;
mod config;
mod cursor;
mod disk;
mod encode;
mod frame;
mod log;
mod proof;
mod reader;
mod recovery;
mod redaction;
mod segment;
mod shard;
mod state;
#[cfg(test)]
mod testing;
mod tree;
mod verify;
mod writer;

pub use checkpoint::{CheckpointError, CheckpointKey, CheckpointKeyError, TreeHead, VerifierKey};
pub use config::{Durability, LogConfig, OnFailure, Retention, Unshipped};
pub use cursor::Cursor;
pub use log::{OpenLogError, SegmentLog};
pub use proof::{CheckProofError, ProveError, ProvenRecord, check_proof, prove};
pub use reader::{LogReader, ReadLogError, StoredRecord, StoredSegment};
pub use recovery::Damage;
pub use state::LogState;
pub use verify::{Against, VerifyReport, verify};
