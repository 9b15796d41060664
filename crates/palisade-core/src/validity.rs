//! For how long an answer stands.

use crate::clock::EpochMillis;

/// The instants at which an answer is the same: from one, and before another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    from: i64,
    before: i64,
}

impl Validity {
    /// The answer does not depend on the time.
    pub const ALWAYS: Self = Self { from: i64::MIN, before: i64::MAX };

    /// Nothing is known but that millisecond.
    #[must_use]
    pub const fn at(now: EpochMillis) -> Self {
        let now = now.as_millis();
        Self { from: now, before: now.saturating_add(1) }
    }

    /// The time around `now` between instants at which the answer changes, in milliseconds since
    /// the epoch: at such an instant the answer is already the new one.
    #[must_use]
    pub fn between(changes: impl IntoIterator<Item = i64>, now: EpochMillis) -> Self {
        let now = now.as_millis();
        changes.into_iter().fold(Self::ALWAYS, |validity, change| {
            if change <= now {
                Self { from: validity.from.max(change), ..validity }
            } else {
                Self { before: validity.before.min(change), ..validity }
            }
        })
    }

    /// When both stand.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self { from: self.from.max(other.from), before: self.before.min(other.before) }
    }

    /// Whether the answer stands at this instant.
    #[must_use]
    pub const fn contains(&self, instant: EpochMillis) -> bool {
        let instant = instant.as_millis();
        self.from <= instant && instant < self.before
    }

    /// The first instant at which the answer may be another; `None`: never.
    #[must_use]
    pub fn end(&self) -> Option<EpochMillis> {
        (self.before != i64::MAX).then(|| EpochMillis::new(self.before))
    }
}

#[cfg(test)]
mod tests;
