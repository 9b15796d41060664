//! How far the decision log is shipped, as metrics.

use std::sync::Arc;
use std::time::Duration;

use super::{Metrics, Reading, instruments};
use crate::ship::{ShipState, Shipped};

impl Metrics {
    /// Exports what shipping has done and how far behind it is.
    pub fn register_shipping(&self, state: &Arc<ShipState>) {
        let shipping = |instrument, read: fn(Shipped) -> u64| {
            let state = Arc::clone(state);
            self.register(instrument, &[], move || read(state.now()));
        };
        shipping(&instruments::EXPORT_GONE, |shipped| shipped.gone);
        shipping(&instruments::EXPORT_LAG_RECORDS, |shipped| {
            shipped.durable.saturating_sub(shipped.cursor)
        });
        shipping(&instruments::EXPORT_REJECTED, |shipped| shipped.rejected);
        shipping(&instruments::EXPORT_RETRIES, |shipped| shipped.failures);
        shipping(&instruments::EXPORT_SHIPPED, |shipped| shipped.shipped);
        shipping(&instruments::EXPORT_SKIPPED, |shipped| shipped.skipped);
        let (state, clock) = (Arc::clone(state), Arc::clone(&self.clock));
        self.register(&instruments::EXPORT_LAG_TIME, &[], move || -> Reading {
            let oldest = state.now().oldest_unshipped_unix_ms;
            // 0: there is none.
            let age = if oldest == 0 { 0 } else { clock.now().as_millis().saturating_sub(oldest) };
            Duration::from_millis(u64::try_from(age).unwrap_or(0)).into()
        });
    }
}
