//! The records of one request.

use opentelemetry_proto::tonic::logs::v1::LogRecord;
use prost::Message as _;

use super::source::Stored;

/// Records in a row, as they are sent.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Batch {
    /// The index of the first.
    pub(super) first: u64,
    /// At least one.
    pub(super) log_records: Vec<LogRecord>,
    /// The first as it is stored, if it should have to be skipped.
    pub(super) first_stored: Stored,
}

impl Batch {
    /// The batch that begins at `next`: at most `records_max` records and, if it is more than one,
    /// `bytes_max` bytes as sent. `None` if there are none. Ends before a record that is not where
    /// it should be.
    pub(super) fn project(
        stored: Vec<Stored>,
        next: u64,
        records_max: usize,
        bytes_max: usize,
        project: impl Fn(&Stored) -> LogRecord,
    ) -> Option<Self> {
        let mut log_records = Vec::new();
        let mut first_stored = None;
        let mut bytes = 0_usize;
        for (index, record) in (next..).zip(stored).take(records_max) {
            if record.index != index {
                break;
            }
            let log_record = project(&record);
            bytes = bytes.saturating_add(log_record.encoded_len());
            if bytes > bytes_max && !log_records.is_empty() {
                break;
            }
            log_records.push(log_record);
            first_stored.get_or_insert(record);
        }
        Some(Self { first: next, log_records, first_stored: first_stored? })
    }

    /// When the first record happened, in milliseconds since 1970.
    pub(super) fn first_unix_ms(&self) -> i64 {
        let nanos = self.log_records.first().map_or(0, |record| record.time_unix_nano);
        i64::try_from(nanos / 1_000_000).unwrap_or(0)
    }
}
