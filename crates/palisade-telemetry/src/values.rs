//! Attributes as OTLP carries them.

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValue};

/// An attribute with a text.
pub(crate) fn string(name: &str, value: impl Into<String>) -> KeyValue {
    key_value(name, Value::StringValue(value.into()))
}

/// An attribute with texts.
pub(crate) fn strings(name: &str, values: impl IntoIterator<Item = String>) -> KeyValue {
    let value = |text| AnyValue { value: Some(Value::StringValue(text)) };
    let values = values.into_iter().map(value).collect();
    key_value(name, Value::ArrayValue(ArrayValue { values }))
}

/// An attribute with a number; what is too large for OTLP is sent as the largest there is.
pub(crate) fn int(name: &str, value: u64) -> KeyValue {
    key_value(name, Value::IntValue(saturating(value)))
}

/// An attribute that is true or false.
pub(crate) fn bool(name: &str, value: bool) -> KeyValue {
    key_value(name, Value::BoolValue(value))
}

/// OTLP has no unsigned numbers.
pub(crate) fn saturating(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn key_value(name: &str, value: Value) -> KeyValue {
    KeyValue {
        key: name.to_owned(),
        value: Some(AnyValue { value: Some(value) }),
        ..KeyValue::default()
    }
}
