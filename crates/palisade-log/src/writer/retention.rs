//! Deleting what is too old or too much. Only whole segments go, and only after the log says so.

use std::io;
use std::sync::atomic::Ordering;
use std::time::Duration;

use palisade_proto::v1;
use palisade_proto::v1::record::Entry;

use super::Writer;
use crate::config::Unshipped;

/// How often it is looked at, beside whenever a segment is sealed.
pub(super) const PERIOD: Duration = Duration::from_secs(60);

impl Writer {
    /// Deletes the segments that are due.
    pub(super) fn retain(&mut self) {
        let due = self.due_segments();
        let Some((count, cause)) = due else { return };
        let before = self.first_after(0);
        let left = self.first_after(count);
        let shipped = self.shared.shipped.load(Ordering::Acquire).max(before);
        let unshipped = if self.config.is_shipped { left.saturating_sub(shipped) } else { 0 };
        let entry = v1::RetentionEntry {
            first_index: left,
            records: left - before,
            unshipped,
            cause: cause.to_owned(),
        };
        if self.commit_own(Entry::Retention(entry)).is_err() {
            return;
        }
        let deleted = self.delete_oldest(count);
        let first = self.first_after(0);
        if deleted == count {
            tracing::info!(records = left - before, first, unshipped, cause, "records deleted");
        }
        self.tell_state();
    }

    /// Deletes up to `count` segments. The next is touched only once the one before is gone for
    /// certain, also after a power failure: a log must not have holes. Tells how many went.
    fn delete_oldest(&mut self, count: usize) -> usize {
        for deleted in 0..count {
            let Some(oldest) = self.sealed.first() else { return deleted };
            let path = &oldest.file.path;
            let gone = match self.disk.remove(path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
                removed => removed,
            };
            let gone = gone.and_then(|()| self.disk.sync_directory(&self.config.directory));
            if let Err(error) = gone {
                tracing::warn!(path = %path.display(), %error, "cannot be deleted; tried again");
                return deleted;
            }
            self.sealed.remove(0);
        }
        count
    }

    /// How many of the oldest segments are due, and why.
    fn due_segments(&mut self) -> Option<(usize, &'static str)> {
        let retention = self.config.retention;
        let now = self.clock.now().as_millis();
        let oldest_kept = retention
            .age
            .map(|age| now.saturating_sub(i64::try_from(age.as_millis()).unwrap_or(i64::MAX)));
        let sealed: u64 = self.sealed.iter().map(|segment| segment.bytes).sum();
        let mut bytes = sealed + self.active.bytes;
        let mut due = None;
        for at in 0..self.sealed.len() {
            // A segment's records are no younger than the beginning of the next segment.
            let next = self.sealed.get(at + 1);
            let ended = next.map_or(self.active.begun, |segment| segment.begun).as_millis();
            let cause = if oldest_kept.is_some_and(|oldest| ended < oldest) {
                "age"
            } else if retention.bytes.is_some_and(|max| bytes > max) {
                "size"
            } else {
                break;
            };
            if self.holds_back(at) {
                break;
            }
            bytes -= self.sealed.get(at).map_or(0, |segment| segment.bytes);
            due = Some((at + 1, cause));
        }
        due
    }

    /// Whether a segment that is due has to stay because it is not shipped.
    fn holds_back(&mut self, at: usize) -> bool {
        let end = self.first_after(at + 1);
        let shipped = self.shared.shipped.load(Ordering::Acquire);
        let held = self.config.is_shipped
            && self.config.retention.unshipped == Unshipped::Keep
            && end > shipped;
        if held && !self.is_holding_back {
            tracing::warn!(
                records = end - shipped,
                "records that are due for deletion stay, because they are not shipped yet"
            );
        }
        self.is_holding_back = held;
        held
    }

    /// The first record that is left when this many segments are gone.
    fn first_after(&self, count: usize) -> u64 {
        self.sealed.get(count).map_or(self.active.first, |segment| segment.file.first)
    }
}

#[cfg(test)]
mod tests;
