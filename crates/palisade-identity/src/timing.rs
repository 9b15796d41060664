//! Instants that lie some duration before or after another one.

use std::time::Duration;

use palisade_core::EpochMillis;

/// The instant this much later; the end of time if there is none.
pub(crate) fn later(instant: EpochMillis, by: Duration) -> EpochMillis {
    EpochMillis::new(instant.as_millis().saturating_add(millis(by)))
}

/// The instant this much earlier; the beginning of time if there is none.
pub(crate) fn earlier(instant: EpochMillis, by: Duration) -> EpochMillis {
    EpochMillis::new(instant.as_millis().saturating_sub(millis(by)))
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
