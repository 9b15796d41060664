//! Looks over CBOR before a library reads it.
//!
//! What is let through has one encoding per value as far as sizes go (RFC 8949, section 4.2.1:
//! shortest integers, definite lengths), is nested no deeper than a document can be, and declares
//! no more than is there. So the library never allocates for, nor recurses into, what is not.
//! Tags, floating-point numbers and `undefined` have no place in a document either. Whether keys
//! are repeated is for whoever reads the map.

use super::error::NitroError;

/// Checks that the bytes are exactly one item of this shape.
pub(super) fn check(bytes: &[u8]) -> Result<(), NitroError> {
    let mut scanner = Scanner { rest: bytes };
    scanner.item(DEPTH_MAX)?;
    if scanner.rest.is_empty() { Ok(()) } else { malformed("bytes follow the CBOR") }
}

struct Scanner<'a> {
    rest: &'a [u8],
}

impl Scanner<'_> {
    fn item(&mut self, depth_left: usize) -> Result<(), NitroError> {
        let initial = self.byte()?;
        let major = initial >> 5;
        if major == MAJOR_SIMPLE {
            return if matches!(initial, FALSE..=NULL) {
                Ok(())
            } else {
                malformed("a simple value or number that has no place in it")
            };
        }
        let argument = self.argument(initial & 0x1f)?;
        match major {
            MAJOR_UNSIGNED | MAJOR_NEGATIVE => Ok(()),
            MAJOR_BYTES | MAJOR_TEXT => self.skip(argument),
            MAJOR_ARRAY => self.items(argument, depth_left),
            // Twice as many cannot be there if doubling overflows.
            MAJOR_MAP => self.items(argument.saturating_mul(2), depth_left),
            _ => malformed("a tag that has no place in it"),
        }
    }

    fn items(&mut self, count: u64, depth_left: usize) -> Result<(), NitroError> {
        let Some(depth_left) = depth_left.checked_sub(1) else {
            return malformed("its CBOR is nested too deep");
        };
        // Ends with the bytes at the latest: an item has at least one.
        for _ in 0..count {
            self.item(depth_left)?;
        }
        Ok(())
    }

    /// The number in, or after, the initial byte: a value, a size or a count.
    fn argument(&mut self, short: u8) -> Result<u64, NitroError> {
        let (number, shortest_from) = match short {
            0..=23 => return Ok(u64::from(short)),
            24 => (u64::from(self.byte()?), 24),
            25 => (u64::from(u16::from_be_bytes(self.array()?)), 1 << 8),
            26 => (u64::from(u32::from_be_bytes(self.array()?)), 1 << 16),
            27 => (u64::from_be_bytes(self.array()?), 1 << 32),
            _ => return malformed("its CBOR has an indefinite length"),
        };
        if number < shortest_from {
            return malformed("a number in its CBOR is longer than it needs to be");
        }
        Ok(number)
    }

    fn skip(&mut self, count: u64) -> Result<(), NitroError> {
        let rest = usize::try_from(count).ok().and_then(|count| self.rest.split_at_checked(count));
        let Some((_, rest)) = rest else { return malformed("its CBOR ends early") };
        self.rest = rest;
        Ok(())
    }

    fn byte(&mut self) -> Result<u8, NitroError> {
        self.array().map(|[byte]: [u8; 1]| byte)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], NitroError> {
        let Some((array, rest)) = self.rest.split_first_chunk() else {
            return malformed("its CBOR ends early");
        };
        self.rest = rest;
        Ok(*array)
    }
}

const fn malformed<T>(what: &'static str) -> Result<T, NitroError> {
    Err(NitroError::Malformed { what })
}

// RFC 8949, section 3.1.
const MAJOR_UNSIGNED: u8 = 0;
const MAJOR_NEGATIVE: u8 = 1;
const MAJOR_BYTES: u8 = 2;
const MAJOR_TEXT: u8 = 3;
const MAJOR_ARRAY: u8 = 4;
const MAJOR_MAP: u8 = 5;
const MAJOR_SIMPLE: u8 = 7;

const FALSE: u8 = 0xf4;
const NULL: u8 = 0xf6;

// LIMIT: a document has two levels; a member that AWS may add gets two more.
const DEPTH_MAX: usize = 4;
