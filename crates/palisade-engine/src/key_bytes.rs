//! How values are written into cache keys.
//!
//! Every form starts with a byte of its own and says where it ends, so that no two sequences of
//! values are written alike. What policies cannot tell apart is written alike: sets without order
//! and repetition, numbers of equal value.

use std::net::IpAddr;

use cedar_policy::EntityUid;
use palisade_core::EpochMillis;

use crate::values::Values;

pub(crate) const ABSENT: u8 = 0;
pub(crate) const PRESENT: u8 = 1;
pub(crate) const FALSE: u8 = 2;
pub(crate) const TRUE: u8 = 3;
pub(crate) const LONG: u8 = 4;
pub(crate) const STRING: u8 = 5;
pub(crate) const ENTITY: u8 = 6;
pub(crate) const SET: u8 = 7;
pub(crate) const RECORD: u8 = 8;
pub(crate) const EXTENSION: u8 = 9;

/// Writes that a path ends before this step of it.
pub(crate) fn write_absent(step: usize, to: &mut Vec<u8>) {
    to.push(ABSENT);
    write_length(step, to);
}

pub(crate) fn write_text(text: &str, to: &mut Vec<u8>) {
    write_length(text.len(), to);
    to.extend(text.as_bytes());
}

pub(crate) fn write_length(length: usize, to: &mut Vec<u8>) {
    // LIMIT: a call has at most 1 MiB of arguments, far from where a length would not fit.
    to.extend(u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes());
}

/// Builds what stands in keys, instead of values.
pub(crate) struct KeyBytes;

impl Values for KeyBytes {
    type Value = Vec<u8>;

    fn bool(value: bool) -> Vec<u8> {
        vec![if value { TRUE } else { FALSE }]
    }

    fn long(value: i64) -> Vec<u8> {
        let mut bytes = vec![LONG];
        bytes.extend(value.to_le_bytes());
        bytes
    }

    fn string(value: &str) -> Vec<u8> {
        text(STRING, value)
    }

    fn entity(uid: &EntityUid) -> Vec<u8> {
        let mut bytes = text(ENTITY, &uid.type_name().to_string());
        write_text(uid.id().unescaped(), &mut bytes);
        bytes
    }

    fn set(mut items: Vec<Vec<u8>>) -> Vec<u8> {
        items.sort_unstable();
        items.dedup();
        let mut bytes = vec![SET];
        write_length(items.len(), &mut bytes);
        bytes.extend(items.into_iter().flatten());
        bytes
    }

    fn record(fields: Vec<(&str, Vec<u8>)>) -> Vec<u8> {
        let mut bytes = vec![RECORD];
        write_length(fields.len(), &mut bytes);
        for (name, value) in fields {
            write_text(name, &mut bytes);
            bytes.extend(value);
        }
        bytes
    }

    fn decimal(number: &str) -> Result<Vec<u8>, String> {
        Ok(text(EXTENSION, number))
    }

    fn datetime(instant: EpochMillis) -> Result<Vec<u8>, String> {
        Ok(text(EXTENSION, &instant.to_string()))
    }

    fn ip(address: IpAddr) -> Result<Vec<u8>, String> {
        Ok(text(EXTENSION, &address.to_string()))
    }
}

fn text(form: u8, text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(1 + 4 + text.len());
    bytes.push(form);
    write_text(text, &mut bytes);
    bytes
}
