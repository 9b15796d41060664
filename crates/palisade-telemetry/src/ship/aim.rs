//! How many records to send at once, and the search for one that spoils its batch.

/// Says how many records the next batch has.
#[derive(Clone, Debug)]
pub(super) struct Aim {
    max: usize,
    /// Less than `max` while the collector finds batches too large.
    limit: usize,
    /// A batch that ends here was refused for what is in it, and everything of it before the next
    /// record was taken: what spoils it is at or after the next record and before this.
    suspect_end: Option<u64>,
}

impl Aim {
    pub(super) fn new(max: usize) -> Self {
        let max = max.max(1);
        Self { max, limit: max, suspect_end: None }
    }

    /// How many records to send from `next` on: half of those that are suspected.
    pub(super) fn records(&self, next: u64) -> usize {
        let Some(end) = self.suspect_end else { return self.limit };
        let suspected = usize::try_from(end.saturating_sub(next)).unwrap_or(usize::MAX);
        (suspected / 2).clamp(1, self.limit)
    }

    /// `count` records from `first` on, more than one, were refused for what is in them.
    pub(super) fn refused(&mut self, first: u64, count: usize) {
        self.suspect_end = Some(first.saturating_add(u64::try_from(count).unwrap_or(u64::MAX)));
    }

    /// `count` records may have been too many.
    pub(super) fn shrink(&mut self, count: usize) {
        self.limit = (count / 2).max(1);
    }

    /// Everything before `next` is done with.
    pub(super) fn accepted(&mut self, next: u64) {
        if self.suspect_end.is_some_and(|end| end <= next) {
            self.suspect_end = None;
        }
        self.limit = self.limit.saturating_mul(2).min(self.max);
    }
}

#[cfg(test)]
mod tests;
