//! Names of decisions and requests.

use std::fmt;

use crate::clock::EpochMillis;
use crate::limits::REQUEST_ID_BYTES_MAX;

/// Names a decision and its record: a UUID version 7, so that ids sort by time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DecisionId(uuid::Uuid);

impl DecisionId {
    /// The id of a decision made at `now`, with 74 of these random bits (RFC 9562, section 5.7).
    #[must_use]
    pub fn new(now: EpochMillis, random: [u8; 10]) -> Self {
        let millis = u64::try_from(now.as_millis()).unwrap_or(0);
        Self(uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid())
    }
}

impl DecisionId {
    /// Reads an id in the form it is printed in; `None` if it is no UUID of version 7.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let id = uuid::Uuid::try_parse(text).ok()?;
        (id.get_version_num() == 7 && text.len() == 36).then_some(Self(id))
    }

    /// The id's 16 bytes; the last eight are random but for two bits.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }

    /// When the decision was made.
    #[must_use]
    pub fn time(&self) -> EpochMillis {
        let [a, b, c, d, e, f, ..] = *self.0.as_bytes();
        EpochMillis::new(i64::from_be_bytes([0, 0, a, b, c, d, e, f]))
    }
}

impl fmt::Display for DecisionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

/// Makes decision ids.
pub trait IdSource: Send + Sync {
    /// A fresh id for a decision made at `now`.
    fn decision_id(&self, now: EpochMillis) -> DecisionId;
}

/// Ids from a cryptographic generator that the operating system seeds.
#[derive(Clone, Copy, Debug)]
pub struct RandomIds;

impl IdSource for RandomIds {
    fn decision_id(&self, now: EpochMillis) -> DecisionId {
        let millis = u64::try_from(now.as_millis()).unwrap_or(0);
        let nanos = u32::try_from(millis % 1000 * 1_000_000).unwrap_or(0);
        DecisionId(uuid::Uuid::new_v7(uuid::Timestamp::from_unix(
            uuid::NoContext,
            millis / 1000,
            nanos,
        )))
    }
}

/// A caller's retry key: 1 to [`REQUEST_ID_BYTES_MAX`] bytes of visible ASCII.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(String);

impl RequestId {
    /// Accepts a retry key; `None` if it is empty, too long or has other characters.
    #[must_use]
    pub fn new(id: impl Into<String>) -> Option<Self> {
        let id = id.into();
        let acceptable = !id.is_empty()
            && id.len() <= REQUEST_ID_BYTES_MAX
            && id.bytes().all(|byte| byte.is_ascii_graphic());
        acceptable.then_some(Self(id))
    }

    /// The key.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
