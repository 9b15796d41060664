//! The evaluator's own values.

use std::net::IpAddr;
use std::sync::{Arc, LazyLock};

use cedar_policy::EntityUid;
use cedar_policy_core::ast::{self, Literal, Name, PartialValue, Value, ValueKind};
use cedar_policy_core::extensions::Extensions;
use palisade_core::EpochMillis;

use super::reads::ReadBy;
use crate::key_bytes;
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
                        return key_bytes::write_absent(step, to);
                    }
                },
                ValueKind::Lit(_) | ValueKind::Set(_) | ValueKind::ExtensionValue(_) => {
                    return encode(at, to);
                }
            }
        }
        match by {
            ReadBy::Presence => to.push(key_bytes::PRESENT),
            ReadBy::Ancestors | ReadBy::Tags | ReadBy::Value => encode(at, to),
        }
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
        ValueKind::Lit(Literal::Bool(false)) => to.push(key_bytes::FALSE),
        ValueKind::Lit(Literal::Bool(true)) => to.push(key_bytes::TRUE),
        ValueKind::Lit(Literal::Long(long)) => {
            to.push(key_bytes::LONG);
            to.extend(long.to_le_bytes());
        }
        ValueKind::Lit(Literal::String(text)) => {
            to.push(key_bytes::STRING);
            key_bytes::write_text(text, to);
        }
        ValueKind::Lit(Literal::EntityUID(uid)) => {
            to.push(key_bytes::ENTITY);
            key_bytes::write_text(&uid.entity_type().to_string(), to);
            key_bytes::write_text(uid.eid().as_ref(), to);
        }
        ValueKind::Set(set) => {
            to.push(key_bytes::SET);
            key_bytes::write_length(set.len(), to);
            set.iter().for_each(|item| encode(item, to));
        }
        ValueKind::Record(fields) => {
            to.push(key_bytes::RECORD);
            key_bytes::write_length(fields.len(), to);
            for (name, field) in fields.as_ref() {
                key_bytes::write_text(name, to);
                encode(field, to);
            }
        }
        ValueKind::ExtensionValue(_) => {
            to.push(key_bytes::EXTENSION);
            key_bytes::write_text(&value.to_string(), to);
        }
    }
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
