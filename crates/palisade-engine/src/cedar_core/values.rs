//! The evaluator's own values.

use std::net::IpAddr;
use std::sync::{Arc, LazyLock};

use cedar_policy::EntityUid;
use cedar_policy_core::ast::{self, Literal, Name, PartialValue, Value, ValueKind};
use cedar_policy_core::extensions::Extensions;
use palisade_core::EpochMillis;

use super::reads::ReadBy;
use crate::values::Values;

/// A value as the evaluator has it. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct CoreValue(pub(super) Value);

/// Builds [`CoreValue`]s.
pub(crate) struct CoreValues;

static DECIMAL: LazyLock<Option<Name>> = LazyLock::new(|| "decimal".parse().ok());
static DATETIME: LazyLock<Option<Name>> = LazyLock::new(|| "datetime".parse().ok());
static IP: LazyLock<Option<Name>> = LazyLock::new(|| "ip".parse().ok());

impl Values for CoreValues {
    type Value = CoreValue;

    fn bool(value: bool) -> CoreValue {
        CoreValue(Value::from(value))
    }

    fn long(value: i64) -> CoreValue {
        CoreValue(Value::from(value))
    }

    fn string(value: &str) -> CoreValue {
        CoreValue(Value::from(value))
    }

    fn entity(uid: &EntityUid) -> CoreValue {
        let uid: &ast::EntityUID = uid.as_ref();
        CoreValue(Value::from(uid.clone()))
    }

    fn set(items: Vec<CoreValue>) -> CoreValue {
        CoreValue(Value::set(items.into_iter().map(|CoreValue(value)| value), None))
    }

    fn record(fields: Vec<(&str, CoreValue)>) -> CoreValue {
        let fields = fields.into_iter().map(|(name, CoreValue(value))| (name, value));
        CoreValue(Value::record(fields, None))
    }

    fn decimal(text: &str) -> Result<CoreValue, String> {
        extension_value(&DECIMAL, text)
    }

    fn datetime(instant: EpochMillis) -> Result<CoreValue, String> {
        extension_value(&DATETIME, &instant.to_string())
    }

    fn ip(address: IpAddr) -> Result<CoreValue, String> {
        extension_value(&IP, &address.to_string())
    }
}

fn extension_value(constructor: &Option<Name>, text: &str) -> Result<CoreValue, String> {
    let constructor = constructor.as_ref().ok_or("Cedar has no such extension")?;
    let function = Extensions::all_available().func(constructor).map_err(|e| e.to_string())?;
    match function.call(&[Value::from(text)]).map_err(|error| error.to_string())? {
        PartialValue::Value(value) => Ok(CoreValue(value)),
        PartialValue::Residual(residual) => Err(format!("`{residual}` is no value")),
    }
}

/// How a value is written into a cache key. Every form starts with its own byte and says where it
/// ends, so that no two sequences of values are written alike.
mod form {
    pub(super) const ABSENT: u8 = 0;
    pub(super) const PRESENT: u8 = 1;
    pub(super) const FALSE: u8 = 2;
    pub(super) const TRUE: u8 = 3;
    pub(super) const LONG: u8 = 4;
    pub(super) const STRING: u8 = 5;
    pub(super) const ENTITY: u8 = 6;
    pub(super) const SET: u8 = 7;
    pub(super) const RECORD: u8 = 8;
    pub(super) const EXTENSION: u8 = 9;
}

impl CoreValue {
    /// Writes what a policy can see that reads `path` from this value on: how far the path leads,
    /// and if to its end, what is there.
    ///
    /// A path through an entity ends at it: what an entity holds is the snapshot's, not the call's.
    pub(crate) fn encode_read(&self, path: &[String], by: ReadBy, to: &mut Vec<u8>) {
        let mut at = &self.0;
        for (step, name) in path.iter().enumerate() {
            match &at.value {
                ValueKind::Record(fields) => match fields.get(name.as_str()) {
                    Some(field) => at = field,
                    None => {
                        to.push(form::ABSENT);
                        encode_length(step, to);
                        return;
                    }
                },
                ValueKind::Lit(_) | ValueKind::Set(_) | ValueKind::ExtensionValue(_) => {
                    return encode(at, to);
                }
            }
        }
        match by {
            ReadBy::Presence => to.push(form::PRESENT),
            ReadBy::Ancestors | ReadBy::Tags | ReadBy::Value => encode(at, to),
        }
    }

    /// Writes the whole value into a cache key.
    pub(crate) fn encode(&self, to: &mut Vec<u8>) {
        encode(&self.0, to);
    }

    /// An estimate of the memory it takes, in bytes.
    pub(crate) fn weight(&self) -> usize {
        let mut bytes = Vec::new();
        encode(&self.0, &mut bytes);
        // A node of a map or a set costs several times what it holds.
        64 + 4 * bytes.len()
    }
}

fn encode(value: &Value, to: &mut Vec<u8>) {
    match &value.value {
        ValueKind::Lit(Literal::Bool(false)) => to.push(form::FALSE),
        ValueKind::Lit(Literal::Bool(true)) => to.push(form::TRUE),
        ValueKind::Lit(Literal::Long(long)) => {
            to.push(form::LONG);
            to.extend(long.to_le_bytes());
        }
        ValueKind::Lit(Literal::String(text)) => {
            to.push(form::STRING);
            encode_text(text, to);
        }
        ValueKind::Lit(Literal::EntityUID(uid)) => {
            to.push(form::ENTITY);
            encode_text(&uid.entity_type().to_string(), to);
            encode_text(uid.eid().as_ref(), to);
        }
        ValueKind::Set(set) => {
            to.push(form::SET);
            encode_length(set.len(), to);
            set.iter().for_each(|item| encode(item, to));
        }
        ValueKind::Record(fields) => {
            to.push(form::RECORD);
            encode_length(fields.len(), to);
            for (name, field) in fields.as_ref() {
                encode_text(name, to);
                encode(field, to);
            }
        }
        ValueKind::ExtensionValue(_) => {
            to.push(form::EXTENSION);
            encode_text(&value.to_string(), to);
        }
    }
}

fn encode_text(text: &str, to: &mut Vec<u8>) {
    encode_length(text.len(), to);
    to.extend(text.as_bytes());
}

fn encode_length(length: usize, to: &mut Vec<u8>) {
    // LIMIT: a call has at most 1 MiB of arguments, far from where a length would not fit.
    to.extend(u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes());
}

/// The attributes of `context`, shared by all links of a call.
#[derive(Clone, Debug)]
pub(crate) struct CoreContext(pub(super) ast::Context);

impl CoreContext {
    pub(crate) fn of(parts: Vec<(&str, CoreValue)>) -> Self {
        let fields = parts.into_iter().map(|(name, CoreValue(value))| (name.into(), value));
        Self(ast::Context::Value(Arc::new(fields.collect())))
    }

    /// The context of a request that was built through Cedar's public API.
    #[cfg(test)]
    pub(crate) fn of_request(request: &cedar_policy::Request) -> Self {
        let request: &ast::Request = request.as_ref();
        Self(request.context().expect("nothing in the request is unknown").clone())
    }
}
