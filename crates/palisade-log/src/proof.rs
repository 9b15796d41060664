//! Proof that one record is in the log, for somebody who has nothing but the log's public key.
//!
//! The file is a C2SP tlog-proof: the record's bytes as its `extra` data, the record's index, the
//! hashes of the inclusion proof (RFC 6962, section 2.1.1), and the checkpoint of the tree they
//! lead to.

use std::fmt::Write as _;
use std::io;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use palisade_proto::v1::record::Entry;
use tlog_tiles::{Hash, RecordProof};

use crate::checkpoint::{CheckpointError, TreeHead, VerifierKey, unverified};
use crate::reader::{LogReader, ReadLogError, StoredRecord};
use crate::tree::{self, StoredHashes};

const FIRST_LINE: &str = "c2sp.org/tlog-proof@v1";

/// Bytes of a proof file.
// LIMIT: the largest record in Base64 and 64 hashes.
const PROOF_BYTES_MAX: usize = 16 * 1024 * 1024;

/// A proof cannot be given.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProveError {
    /// No checkpoint follows the record yet.
    #[error("no checkpoint was signed since; one is with `log.checkpoint_interval`, and at exit")]
    NoCheckpoint,
    /// The hashes are not those of the checkpoint.
    #[error("the hashes kept do not lead to the checkpoint; see `palisade log verify`")]
    Inconsistent,
    /// The log cannot be read.
    #[error(transparent)]
    Read(#[from] ReadLogError),
}

/// A proof does not prove anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CheckProofError {
    /// The checkpoint is not one of the key.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// It is no proof of a record.
    #[error("this is no proof of a record")]
    Malformed,
    /// The hashes do not lead from the record to the checkpoint.
    #[error("the record is not in the tree of the checkpoint")]
    NotIncluded,
}

/// A record that is in the log for certain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProvenRecord {
    /// The record.
    pub record: StoredRecord,
    /// The tree it is in.
    pub head: TreeHead,
}

/// The proof of a record, under the first checkpoint after it.
///
/// # Errors
/// There is no checkpoint after it, or the log cannot be read.
pub fn prove(directory: &Path, record: &StoredRecord) -> Result<String, ProveError> {
    let mut reader = LogReader::new(directory, record.index.saturating_add(1));
    let note = loop {
        let Some(next) = reader.next()? else { return Err(ProveError::NoCheckpoint) };
        if let Ok(Some(Entry::Checkpoint(entry))) = next.decode().map(|record| record.entry) {
            break entry.note;
        }
    };
    let head = unverified(&note).map_err(|_why| ProveError::Inconsistent)?;
    let failed = |source: io::Error| ReadLogError::File { directory: directory.to_owned(), source };
    let hashes = StoredHashes::open(directory).map_err(failed)?;
    // The library takes sizes within the tree for granted.
    let kept = hashes.count().map_err(failed)?;
    if head.size <= record.index || tree::hash_count(head.size) > kept {
        return Err(ProveError::Inconsistent);
    }
    let proof = tlog_tiles::prove_record(head.size, record.index, &hashes)
        .map_err(|error| failed(io::Error::other(error)))?;
    let leaf = tlog_tiles::record_hash(&record.bytes);
    tlog_tiles::check_record(&proof, head.size, Hash(head.root), record.index, leaf)
        .map_err(|_why| ProveError::Inconsistent)?;
    let mut text =
        format!("{FIRST_LINE}\nextra {}\nindex {}\n", BASE64.encode(&record.bytes), record.index);
    for Hash(hash) in &proof {
        // Writing to a string cannot fail.
        let _written = writeln!(text, "{}", BASE64.encode(hash));
    }
    text.push('\n');
    text.push_str(&note);
    Ok(text)
}

/// Checks a proof with the log's public key and nothing else.
///
/// # Errors
/// It does not prove that the record is in the log of this key.
pub fn check_proof(text: &str, key: &VerifierKey) -> Result<ProvenRecord, CheckProofError> {
    let (record, proof, note) = parse(text).ok_or(CheckProofError::Malformed)?;
    let head = key.verify(note)?;
    // The library takes indices within the tree for granted.
    if record.index >= head.size {
        return Err(CheckProofError::NotIncluded);
    }
    let leaf = tlog_tiles::record_hash(&record.bytes);
    tlog_tiles::check_record(&proof, head.size, Hash(head.root), record.index, leaf)
        .map_err(|_why| CheckProofError::NotIncluded)?;
    // A record carries its index: one that says another is not the one that was asked for.
    match record.decode() {
        Ok(decoded) if decoded.index == record.index => Ok(ProvenRecord { record, head }),
        _ => Err(CheckProofError::Malformed),
    }
}

fn parse(text: &str) -> Option<(StoredRecord, RecordProof, &str)> {
    if text.len() > PROOF_BYTES_MAX {
        return None;
    }
    let (proof, note) = text.split_once("\n\n")?;
    let mut lines = proof.split('\n');
    if lines.next()? != FIRST_LINE {
        return None;
    }
    let bytes = BASE64.decode(lines.next()?.strip_prefix("extra ")?).ok()?;
    let digits = lines.next()?.strip_prefix("index ")?;
    let index: u64 = digits.parse().ok()?;
    if index.to_string() != digits {
        return None;
    }
    let hash = |line: &str| <[u8; 32]>::try_from(BASE64.decode(line).ok()?).ok().map(Hash);
    let hashes = lines.map(hash).collect::<Option<Vec<_>>>()?;
    // A path in a tree of 2⁶⁴ leaves.
    (hashes.len() <= 64).then_some((StoredRecord { index, bytes }, hashes, note))
}

#[cfg(test)]
mod tests;
