//! OTLP values and lists of attributes.

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValue};

/// A list of attributes. What says nothing is left out: empty texts and empty lists.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Attributes(Vec<KeyValue>);

impl Attributes {
    pub(super) fn bool(&mut self, name: &'static str, value: bool) {
        self.push(name, Value::BoolValue(value));
    }

    /// What is greater than OTLP's greatest number is sent as that one.
    pub(super) fn int(&mut self, name: &'static str, value: u64) {
        self.push(name, Value::IntValue(i64::try_from(value).unwrap_or(i64::MAX)));
    }

    /// A number whose zero says nothing.
    pub(super) fn int_unless_zero(&mut self, name: &'static str, value: u64) {
        if value != 0 {
            self.int(name, value);
        }
    }

    pub(super) fn text(&mut self, name: &'static str, value: &str) {
        if !value.is_empty() {
            self.push(name, Value::StringValue(value.to_owned()));
        }
    }

    pub(super) fn texts(&mut self, name: &'static str, values: impl IntoIterator<Item = String>) {
        let values: Vec<_> = values.into_iter().map(text_value).collect();
        if !values.is_empty() {
            self.push(name, Value::ArrayValue(ArrayValue { values }));
        }
    }

    pub(super) fn into_inner(self) -> Vec<KeyValue> {
        self.0
    }

    fn push(&mut self, name: &'static str, value: Value) {
        self.0.push(KeyValue {
            key: name.to_owned(),
            value: Some(AnyValue { value: Some(value) }),
            ..KeyValue::default()
        });
    }
}

pub(super) fn text_value(text: String) -> AnyValue {
    AnyValue { value: Some(Value::StringValue(text)) }
}
