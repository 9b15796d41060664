//! The records between two instants.

use std::ops::ControlFlow;
use std::path::Path;

use palisade_core::EpochMillis;
use palisade_log::LogReader;
use palisade_proto::v1;

use super::filter::When;
use super::{SLACK_MS, decode, first_since, read_on, unreadable};
use crate::cli::failure::Failure;

/// What people say of the period they want.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(in crate::cli) struct PeriodArguments {
    /// Only what happened since: an instant in RFC 3339, or so long ago, e.g. `1h`
    #[arg(long, value_name = "TIME")]
    since: Option<When>,
    /// Only what happened before: an instant in RFC 3339, or so long ago
    #[arg(long, value_name = "TIME")]
    until: Option<When>,
}

impl PeriodArguments {
    /// The period, said at this instant.
    pub(in crate::cli) fn at(self, now: EpochMillis) -> Period {
        Period {
            since: self.since.map(|since| since.instant(now)),
            until: self.until.map(|until| until.instant(now)),
        }
    }
}

/// Which records are meant.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::cli) struct Period {
    pub(in crate::cli) since: Option<EpochMillis>,
    /// Excluded.
    pub(in crate::cli) until: Option<EpochMillis>,
}

impl Period {
    fn holds(self, time: EpochMillis) -> bool {
        self.since.is_none_or(|since| time >= since) && self.until.is_none_or(|until| time < until)
    }

    /// Whether nothing behind a record of this time can be meant.
    fn is_over(self, time: EpochMillis) -> bool {
        self.until
            .is_some_and(|until| time.as_millis().saturating_sub(SLACK_MS) > until.as_millis())
    }

    /// Reads every record of the period.
    pub(in crate::cli) fn each(
        self,
        directory: &Path,
        mut take: impl FnMut(EpochMillis, v1::Record),
    ) -> Result<(), Failure> {
        let from = match self.since {
            Some(since) => first_since(directory, since)?,
            None => LogReader::first(directory).map_err(unreadable)?.unwrap_or(0),
        };
        read_on(directory, from, |stored| {
            let record = decode(&stored)?;
            let time = EpochMillis::new(record.time_unix_ms);
            if self.is_over(time) {
                return Ok(ControlFlow::Break(()));
            }
            if self.holds(time) {
                take(time, record);
            }
            Ok(ControlFlow::Continue(()))
        })
    }
}
