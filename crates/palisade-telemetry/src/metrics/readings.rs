//! Values that others keep and that are read when metrics are collected.

use std::fmt;

use super::instruments::{Instrument, InstrumentKind};

/// A value read from elsewhere.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Reading {
    /// There is no value now: nothing is exported.
    Absent,
    /// A count.
    Count(u64),
    /// A level.
    Level(f64),
}

impl From<u64> for Reading {
    fn from(value: u64) -> Self {
        Self::Count(value)
    }
}

impl From<usize> for Reading {
    fn from(value: usize) -> Self {
        Self::Count(u64::try_from(value).unwrap_or(u64::MAX))
    }
}

impl From<f64> for Reading {
    fn from(value: f64) -> Self {
        Self::Level(value)
    }
}

/// In seconds.
impl From<std::time::Duration> for Reading {
    fn from(value: std::time::Duration) -> Self {
        Self::Level(value.as_secs_f64())
    }
}

/// 1 for true, 0 for false.
impl From<bool> for Reading {
    fn from(value: bool) -> Self {
        Self::Count(u64::from(value))
    }
}

impl<R: Into<Self>> From<Option<R>> for Reading {
    fn from(value: Option<R>) -> Self {
        value.map_or(Self::Absent, R::into)
    }
}

/// Attributes of a reading: names and values.
pub(super) type Attributes = Vec<(&'static str, String)>;

type Read = Box<dyn Fn() -> Reading + Send + Sync>;

/// Where a value is read.
pub(super) struct Registered {
    pub(super) instrument: &'static Instrument,
    pub(super) attributes: Attributes,
    read: Read,
    /// What was read last, and what a counter had reached before it began again.
    last: u64,
    before: u64,
}

impl Registered {
    pub(super) fn new(instrument: &'static Instrument, attributes: Attributes, read: Read) -> Self {
        Self { instrument, attributes, read, last: 0, before: 0 }
    }

    /// The value now. A counter never goes back: one that began again, such as that of a new
    /// bundle's cache, goes on from where it was.
    pub(super) fn read(&mut self) -> Reading {
        match ((self.read)(), self.instrument.kind) {
            (Reading::Count(count), InstrumentKind::Counter) => {
                if count < self.last {
                    self.before = self.before.saturating_add(self.last);
                }
                self.last = count;
                Reading::Count(self.before.saturating_add(count))
            }
            (reading, _) => reading,
        }
    }
}

impl fmt::Debug for Registered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { instrument, attributes, read: _, last, before } = self;
        f.debug_struct("Registered")
            .field("instrument", &instrument.name)
            .field("attributes", attributes)
            .field("last", last)
            .field("before", before)
            .finish()
    }
}
