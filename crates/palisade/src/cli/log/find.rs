//! Finds a record by what people know of it.

use std::ops::ControlFlow;
use std::path::Path;

use anyhow::anyhow;
use palisade_core::DecisionId;
use palisade_log::{LogReader, ReadLogError, StoredRecord};
use palisade_proto::v1;
use palisade_proto::v1::record::Entry;

use super::{decode, read_on, unreadable};
use crate::cli::failure::{Failure, chain};

/// What a record is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Name {
    Decision(DecisionId),
    Index(u64),
}

/// Reads a decision id or an index.
pub(super) fn name(text: &str) -> Result<Name, &'static str> {
    let id = DecisionId::parse(text).map(Name::Decision);
    id.or_else(|| text.parse().ok().map(Name::Index))
        .ok_or("this is neither a decision id (a UUID of version 7) nor the index of a record")
}

/// A record and what was reported of it.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) stored: StoredRecord,
    pub(super) record: v1::Record,
    /// Reports about the decision, in the order they came.
    pub(super) reports: Vec<v1::Record>,
}

/// The record, without reports.
pub(super) fn record(directory: &Path, name: Name) -> Result<Found, Failure> {
    match name {
        Name::Index(index) => by_index(directory, index),
        Name::Decision(id) => by_decision(directory, id),
    }
}

/// The record and its reports. They may come at any time later, so this reads to the end.
pub(super) fn record_and_reports(directory: &Path, name: Name) -> Result<Found, Failure> {
    let mut found = record(directory, name)?;
    let Some(Entry::Decision(decision)) = &found.record.entry else { return Ok(found) };
    let id = decision.decision_id.clone();
    read_on(directory, found.stored.index.saturating_add(1), |stored| {
        if mentions(&stored, &id) {
            let record = decode(&stored)?;
            if matches!(&record.entry, Some(Entry::Outcome(entry)) if entry.decision_id == id) {
                found.reports.push(record);
            }
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(found)
}

fn by_index(directory: &Path, index: u64) -> Result<Found, Failure> {
    let mut reader = LogReader::new(directory, index);
    match reader.next() {
        Ok(Some(stored)) => Ok(Found { record: decode(&stored)?, stored, reports: Vec::new() }),
        Ok(None) => {
            reader.check_end().map_err(unreadable)?;
            Err(Failure::Other(anyhow!("there is no record {index} yet: the log ends before it")))
        }
        Err(error @ ReadLogError::Deleted { .. }) => {
            Err(Failure::Other(anyhow!("record {index} was deleted: {}", chain(&error))))
        }
        Err(error) => Err(unreadable(error)),
    }
}

/// Looks where the id's time says, and everywhere else only if it is not there: the clock may have
/// been set back.
fn by_decision(directory: &Path, id: DecisionId) -> Result<Found, Failure> {
    let around = LogReader::first_around(directory, id.time()).map_err(unreadable)?.unwrap_or(0);
    let first = LogReader::first(directory).map_err(unreadable)?.unwrap_or(0);
    if let Some(found) = decision_between(directory, id, around, u64::MAX)? {
        return Ok(found);
    }
    if let Some(found) = decision_between(directory, id, first, around)? {
        return Ok(found);
    }
    let (directory, time) = (directory.display(), id.time());
    Err(Failure::Other(if first > 0 {
        anyhow!(
            "no record of decision `{id}`, made at {time}, is in `{directory}`: it is another \
             log's, or was deleted with the {first} records before record {first}"
        )
    } else {
        anyhow!(
            "no record of decision `{id}`, made at {time}, is in `{directory}`; nothing was \
             deleted from this log, so it is another log's"
        )
    }))
}

fn decision_between(
    directory: &Path,
    id: DecisionId,
    from: u64,
    until: u64,
) -> Result<Option<Found>, Failure> {
    let text = id.to_string();
    let mut found = None;
    read_on(directory, from, |stored| {
        if stored.index >= until {
            return Ok(ControlFlow::Break(()));
        }
        if mentions(&stored, &text) {
            let record = decode(&stored)?;
            if matches!(&record.entry, Some(Entry::Decision(entry)) if entry.decision_id == text) {
                found = Some(Found { stored, record, reports: Vec::new() });
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(found)
}

/// Whether the record's bytes have the text in them: much cheaper than to decode every record.
fn mentions(stored: &StoredRecord, text: &str) -> bool {
    stored.bytes.windows(text.len()).any(|window| window == text.as_bytes())
}
