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

/// A record and what belongs to it.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) stored: StoredRecord,
    pub(super) record: v1::Record,
    /// Reports about the decision, in the order they came.
    pub(super) reports: Vec<v1::Record>,
    /// What would have been answered in the shadow, if that is something else.
    pub(super) shadows: Vec<v1::Record>,
}

impl Found {
    const fn new(stored: StoredRecord, record: v1::Record) -> Self {
        Self { stored, record, reports: Vec::new(), shadows: Vec::new() }
    }
}

/// The record alone.
pub(super) fn record(directory: &Path, name: Name) -> Result<Found, Failure> {
    match name {
        Name::Index(index) => by_index(directory, index),
        Name::Decision(id) => by_decision(directory, id),
    }
}

/// The record, its reports and what its shadows say. They may come at any time later, so this reads
/// to the end. Where answers do not wait for the disk, they may also stand before it, so this begins
/// with its segment.
pub(super) fn record_and_more(directory: &Path, name: Name) -> Result<Found, Failure> {
    let mut found = record(directory, name)?;
    let Some(Entry::Decision(decision)) = &found.record.entry else { return Ok(found) };
    let id = decision.decision_id.clone();
    let index = found.stored.index;
    let segments = LogReader::segments(directory).map_err(unreadable)?;
    let segment = segments.iter().rev().find(|segment| segment.first <= index);
    let from = segment.map_or(index, |segment| segment.first);
    read_on(directory, from, |stored| {
        if mentions(&stored, &id) {
            let record = decode(&stored)?;
            let belonging = match &record.entry {
                Some(Entry::Outcome(entry)) if entry.decision_id == id => &mut found.reports,
                Some(Entry::Shadow(entry)) if entry.decision_id == id => &mut found.shadows,
                _ => return Ok(ControlFlow::Continue(())),
            };
            belonging.push(record);
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(found)
}

fn by_index(directory: &Path, index: u64) -> Result<Found, Failure> {
    let mut reader = LogReader::new(directory, index);
    match reader.next() {
        Ok(Some(stored)) => {
            let record = decode(&stored)?;
            Ok(Found::new(stored, record))
        }
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
                found = Some(Found::new(stored, record));
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
