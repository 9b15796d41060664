//! Counts the fields of a message while it arrives.
//!
//! Two bytes of protobuf make an item of a list, which takes hundreds of bytes once it is decoded:
//! a batch of 16 MiB would take gigabytes before anybody could count its requests. So the fields
//! are counted before the message is decoded. Nothing is checked here that the decoder checks.

use std::collections::HashMap;
use std::sync::Arc;

use prost::Message as _;
use prost_types::field_descriptor_proto::Type;
use prost_types::{DescriptorProto, FileDescriptorSet};

use palisade_core::limits::MESSAGE_FIELDS_MAX;

use crate::error::RequestError;

/// What a field takes once it is decoded.
// LIMIT: more than an item of any list. Requests of a batch take more, and are few.
const FIELD_BYTES: usize = 96;

/// How many times its bytes a message may take before that is counted.
// LIMIT: what ordinary requests take, by measure. Fields of two bytes may take 48 times as much.
const PROPORTION: usize = 4;

/// Messages within messages.
// LIMIT: what the decoder takes.
const NESTING_MAX: usize = 100;

/// Which fields of which messages are messages again.
#[derive(Debug)]
pub(crate) struct Shapes {
    shapes: Vec<Shape>,
    by_name: HashMap<String, usize>,
}

/// The fields of a message that are messages: number and index of its shape.
#[derive(Debug, Default)]
struct Shape(Vec<(u64, usize)>);

/// Counts the fields of one message.
#[derive(Debug)]
pub(crate) struct FieldCount {
    shapes: Arc<Shapes>,
    /// The message and those within it that have begun and not ended.
    open: Vec<Open>,
    position: usize,
    /// Bytes of a value that are not looked at.
    skip: usize,
    next: Next,
    number: PartialNumber,
    fields: usize,
}

/// A message that has begun.
#[derive(Debug)]
struct Open {
    shape: usize,
    /// Position behind its last byte.
    end: usize,
}

/// What the next number is.
#[derive(Clone, Copy, Debug)]
enum Next {
    /// A field's number and kind.
    Key,
    /// The length of a field with this number.
    Length(u64),
    /// A value.
    Value,
}

/// A number of variable length, as far as it has arrived.
#[derive(Clone, Copy, Debug, Default)]
struct PartialNumber {
    value: u64,
    bits: u32,
}

impl Shapes {
    /// Reads them from file descriptors.
    ///
    /// # Errors
    /// The bytes are no file descriptors.
    pub(crate) fn read(descriptors: &[u8]) -> Result<Self, prost::DecodeError> {
        let mut messages = Vec::new();
        for file in FileDescriptorSet::decode(descriptors)?.file {
            let scope = format!(".{}", file.package());
            for message in file.message_type {
                collect(&scope, message, &mut messages);
            }
        }
        let names = messages.iter().enumerate().map(|(index, (name, _))| (name.clone(), index));
        let by_name: HashMap<String, usize> = names.collect();
        let shape = |message: &DescriptorProto| {
            let nested = message.field.iter().filter(|field| field.r#type() == Type::Message);
            let field = |field: &prost_types::FieldDescriptorProto| {
                let number = u64::try_from(field.number()).ok()?;
                Some((number, *by_name.get(field.type_name())?))
            };
            Shape(nested.filter_map(field).collect())
        };
        Ok(Self { shapes: messages.iter().map(|(_, message)| shape(message)).collect(), by_name })
    }

    /// The message with this full name, e.g. `.palisade.v1.AuthorizeRequest`.
    pub(crate) fn index_of(&self, name: &str) -> Option<usize> {
        self.by_name.get(name).copied()
    }

    fn nested(&self, shape: usize, number: u64) -> Option<usize> {
        let Shape(nested) = self.shapes.get(shape)?;
        nested.iter().find(|(nested, _)| *nested == number).map(|(_, shape)| *shape)
    }
}

/// A message and those declared within it, such as the entries of maps.
fn collect(scope: &str, mut message: DescriptorProto, into: &mut Vec<(String, DescriptorProto)>) {
    let name = format!("{scope}.{}", message.name());
    for nested in std::mem::take(&mut message.nested_type) {
        collect(&name, nested, into);
    }
    into.push((name, message));
}

impl FieldCount {
    /// Of a message of this shape and length.
    pub(crate) fn new(shapes: Arc<Shapes>, shape: usize, bytes: usize) -> Self {
        Self {
            shapes,
            open: vec![Open { shape, end: bytes }],
            position: 0,
            skip: 0,
            next: Next::Key,
            number: PartialNumber::default(),
            fields: 0,
        }
    }

    /// Looks at the next bytes of the message.
    ///
    /// # Errors
    /// There are too many fields, or the decoder would not read on from here.
    pub(crate) fn feed(&mut self, mut bytes: &[u8]) -> Result<(), RequestError> {
        loop {
            let skipped = self.skip.min(bytes.len());
            bytes = bytes.get(skipped..).unwrap_or_default();
            self.skip = self.skip.saturating_sub(skipped);
            self.position = self.position.saturating_add(skipped);
            let Some((byte, rest)) = bytes.split_first() else {
                return Ok(());
            };
            bytes = rest;
            while self.open.len() > 1
                && self.open.last().is_some_and(|open| open.end == self.position)
            {
                self.open.pop();
            }
            self.position = self.position.saturating_add(1);
            if let Some(number) = self.number.take_in(*byte)? {
                self.step(number)?;
            }
        }
    }

    /// What the message may take once it is decoded, as far as that is out of proportion to its
    /// bytes: more than [`PROPORTION`] times as many.
    pub(crate) const fn bytes_beyond(&self) -> usize {
        let decoded = self.fields.saturating_mul(FIELD_BYTES);
        decoded.saturating_sub(self.position.saturating_mul(PROPORTION))
    }

    fn step(&mut self, number: u64) -> Result<(), RequestError> {
        self.next = match self.next {
            Next::Key => {
                self.fields = self.fields.saturating_add(1);
                if self.fields > MESSAGE_FIELDS_MAX {
                    return Err(RequestError::MessageFields);
                }
                match number & 7 {
                    0 => Next::Value,
                    1 => self.skip_value(8)?,
                    2 => Next::Length(number >> 3),
                    5 => self.skip_value(4)?,
                    // Groups, which `proto3` does not have, and nothing at all.
                    _ => return Err(malformed("a field is of no known kind")),
                }
            }
            Next::Value => Next::Key,
            Next::Length(field) => {
                let bytes = usize::try_from(number).unwrap_or(usize::MAX);
                let current = self.open.last().map_or(0, |open| open.shape);
                match self.shapes.nested(current, field) {
                    None => self.skip_value(bytes)?,
                    Some(shape) => {
                        let end = self.end_of(bytes)?;
                        if self.open.len() > NESTING_MAX {
                            return Err(malformed("it is nested too deep"));
                        }
                        self.open.push(Open { shape, end });
                        Next::Key
                    }
                }
            }
        };
        Ok(())
    }

    fn skip_value(&mut self, bytes: usize) -> Result<Next, RequestError> {
        self.end_of(bytes)?;
        self.skip = bytes;
        Ok(Next::Key)
    }

    /// The position behind a value that begins here.
    fn end_of(&self, bytes: usize) -> Result<usize, RequestError> {
        let within = self.open.last().map_or(0, |open| open.end);
        let end = self.position.checked_add(bytes).filter(|end| *end <= within);
        end.ok_or_else(|| malformed("a field is longer than its message"))
    }
}

impl PartialNumber {
    /// Takes in one byte; the number, if this was its last.
    fn take_in(&mut self, byte: u8) -> Result<Option<u64>, RequestError> {
        if self.bits > 63 {
            return Err(malformed("a number is too long"));
        }
        self.value |= u64::from(byte & 0x7f) << self.bits;
        if byte & 0x80 != 0 {
            self.bits += 7;
            return Ok(None);
        }
        Ok(Some(std::mem::take(self).value))
    }
}

fn malformed(detail: &str) -> RequestError {
    RequestError::MessageMalformed { detail: detail.to_owned() }
}

#[cfg(test)]
mod tests;
