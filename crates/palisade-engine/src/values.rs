//! What a context is made of, written once for all who need one.
//!
//! Decisions are made on the evaluator's own values, which cost least to build. The oracle, and
//! whoever explains, goes through Cedar's public API. A check needs no values at all.

use std::net::IpAddr;

use cedar_policy::{EntityUid, RestrictedExpression};
use palisade_core::EpochMillis;

/// Builds Cedar values.
pub(crate) trait Values {
    type Value;

    fn bool(value: bool) -> Self::Value;
    fn long(value: i64) -> Self::Value;
    fn string(value: &str) -> Self::Value;
    fn entity(uid: &EntityUid) -> Self::Value;
    fn set(items: Vec<Self::Value>) -> Self::Value;
    /// The names are distinct.
    fn record(fields: Vec<(&str, Self::Value)>) -> Self::Value;
    /// A number in Cedar's `decimal` syntax.
    fn decimal(text: &str) -> Result<Self::Value, String>;
    fn datetime(instant: EpochMillis) -> Result<Self::Value, String>;
    fn ip(address: IpAddr) -> Result<Self::Value, String>;
}

/// Values of Cedar's public API.
pub(crate) struct PublicValues;

impl Values for PublicValues {
    type Value = RestrictedExpression;

    fn bool(value: bool) -> RestrictedExpression {
        RestrictedExpression::new_bool(value)
    }

    fn long(value: i64) -> RestrictedExpression {
        RestrictedExpression::new_long(value)
    }

    fn string(value: &str) -> RestrictedExpression {
        RestrictedExpression::new_string(value.to_owned())
    }

    fn entity(uid: &EntityUid) -> RestrictedExpression {
        RestrictedExpression::new_entity_uid(uid.clone())
    }

    fn set(items: Vec<RestrictedExpression>) -> RestrictedExpression {
        RestrictedExpression::new_set(items)
    }

    #[expect(clippy::expect_used, reason = "its only failure is a repeated name")]
    fn record(fields: Vec<(&str, RestrictedExpression)>) -> RestrictedExpression {
        let fields = fields.into_iter().map(|(name, value)| (name.to_owned(), value));
        RestrictedExpression::new_record(fields).expect("field names are distinct")
    }

    fn decimal(text: &str) -> Result<RestrictedExpression, String> {
        Ok(RestrictedExpression::new_decimal(text))
    }

    fn datetime(instant: EpochMillis) -> Result<RestrictedExpression, String> {
        Ok(RestrictedExpression::new_datetime(instant.to_string()))
    }

    fn ip(address: IpAddr) -> Result<RestrictedExpression, String> {
        Ok(RestrictedExpression::new_ip(address.to_string()))
    }
}

/// Builds nothing: for checking whether something could be built.
pub(crate) struct NoValues;

impl Values for NoValues {
    type Value = ();

    fn bool(_: bool) {}

    fn long(_: i64) {}

    fn string(_: &str) {}

    fn entity(_: &EntityUid) {}

    fn set(_: Vec<()>) {}

    fn record(_: Vec<(&str, ())>) {}

    fn decimal(_: &str) -> Result<(), String> {
        Ok(())
    }

    fn datetime(_: EpochMillis) -> Result<(), String> {
        Ok(())
    }

    fn ip(_: IpAddr) -> Result<(), String> {
        Ok(())
    }
}
