//! Reads the structures of a TPM from front to back: big-endian, each buffer after its size.

use super::error::TpmError;

/// What is left of one structure.
pub(super) struct Reader<'a> {
    rest: &'a [u8],
    structure: &'static str,
}

impl<'a> Reader<'a> {
    /// Reads a structure of at most `bytes_max` bytes.
    pub(super) fn new(
        bytes: &'a [u8],
        bytes_max: usize,
        structure: &'static str,
    ) -> Result<Self, TpmError> {
        let reader = Self { rest: bytes, structure };
        if bytes.len() > bytes_max { Err(reader.malformed("it is too large")) } else { Ok(reader) }
    }

    pub(super) fn u8(&mut self) -> Result<u8, TpmError> {
        self.array().map(u8::from_be_bytes)
    }

    pub(super) fn u16(&mut self) -> Result<u16, TpmError> {
        self.array().map(u16::from_be_bytes)
    }

    pub(super) fn u32(&mut self) -> Result<u32, TpmError> {
        self.array().map(u32::from_be_bytes)
    }

    pub(super) fn u64(&mut self) -> Result<u64, TpmError> {
        self.array().map(u64::from_be_bytes)
    }

    /// The next bytes.
    pub(super) fn take(&mut self, count: usize) -> Result<&'a [u8], TpmError> {
        let Some((taken, rest)) = self.rest.split_at_checked(count) else {
            return Err(self.malformed("it ends early"));
        };
        self.rest = rest;
        Ok(taken)
    }

    /// A `TPM2B_…`: a size of 16 bits and as many bytes.
    pub(super) fn sized(&mut self, bytes_max: usize) -> Result<&'a [u8], TpmError> {
        let size = usize::from(self.u16()?);
        if size > bytes_max {
            return Err(self.malformed("a buffer in it is too large"));
        }
        self.take(size)
    }

    /// Nothing may be left.
    pub(super) fn finish(self) -> Result<(), TpmError> {
        // FAIL-CLOSED: bytes that are not read are bytes that two readers can disagree about.
        if self.rest.is_empty() { Ok(()) } else { Err(self.malformed("it has trailing bytes")) }
    }

    pub(super) const fn malformed(&self, what: &'static str) -> TpmError {
        TpmError::Malformed { structure: self.structure, what }
    }

    pub(super) const fn unsupported(&self, what: &'static str) -> TpmError {
        TpmError::Unsupported { structure: self.structure, what }
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], TpmError> {
        let Some((array, rest)) = self.rest.split_first_chunk() else {
            return Err(self.malformed("it ends early"));
        };
        self.rest = rest;
        Ok(*array)
    }
}
