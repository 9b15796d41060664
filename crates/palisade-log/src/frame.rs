//! How a record lies in a segment: a header with length and checksum, then the bytes as encoded.
//!
//! ```text
//! 0   length of the payload     u32, little-endian; 0 where nothing was written yet
//! 4   CRC-32 of bytes 0..4, 8..16 and the payload
//! 8   committed                 u64: bytes of the segment that were on disk when this was written
//! 16  payload                   an encoded `palisade.v1.Record`
//! ```
//!
//! `committed` tells damage from a write that was cut off: it lies at the beginning of the batch
//! that the record was written with, and a batch is written only once the one before is on disk.

/// Bytes before the payload.
pub(crate) const HEADER_BYTES: usize = 16;

/// Bytes of the longest payload.
// LIMIT: arguments of 1 MiB, of which redaction may make a small multiple, and everything else.
pub(crate) const PAYLOAD_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Bytes of a payload that hold the record's index: the tag of field 1, fixed64, and its value.
pub(crate) const INDEX_BYTES: usize = 9;

/// Tag of `Record.index`: field 1, wire type 1.
const INDEX_TAG: u8 = 0x09;

/// Bytes that [`reserve`] makes room for.
pub(crate) const RESERVED_BYTES: usize = HEADER_BYTES + INDEX_BYTES;

/// A record as it lies in a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Frame<'a> {
    /// The record's bytes.
    pub(crate) payload: &'a [u8],
    /// What was on disk when it was written: an offset in the segment.
    pub(crate) committed: u64,
}

impl Frame<'_> {
    /// Bytes of the whole frame.
    pub(crate) const fn bytes(&self) -> usize {
        HEADER_BYTES + self.payload.len()
    }

    /// The record's index, if the payload begins with one.
    pub(crate) fn index(&self) -> Option<u64> {
        index_of(self.payload)
    }
}

/// Why there is no frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoFrame {
    /// Nothing was written here: the bytes are zero, or there are none.
    End,
    /// What was written is not whole, or not what was written.
    Broken,
}

/// The frame at the beginning of some bytes.
pub(crate) fn read(bytes: &[u8]) -> Result<Frame<'_>, NoFrame> {
    let Some((header, rest)) = bytes.split_first_chunk::<HEADER_BYTES>() else {
        return Err(if bytes.iter().all(|byte| *byte == 0) {
            NoFrame::End
        } else {
            NoFrame::Broken
        });
    };
    if *header == [0; HEADER_BYTES] {
        return Err(NoFrame::End);
    }
    let [l0, l1, l2, l3, c0, c1, c2, c3, committed @ ..] = *header;
    let length = usize::try_from(u32::from_le_bytes([l0, l1, l2, l3])).unwrap_or(usize::MAX);
    if !(INDEX_BYTES..=PAYLOAD_BYTES_MAX).contains(&length) {
        return Err(NoFrame::Broken);
    }
    let payload = rest.get(..length).ok_or(NoFrame::Broken)?;
    let sum = u32::from_le_bytes([c0, c1, c2, c3]);
    if checksum([l0, l1, l2, l3], committed, payload) != sum {
        return Err(NoFrame::Broken);
    }
    Ok(Frame { payload, committed: u64::from_le_bytes(committed) })
}

/// Whether a whole frame with this index or a later one that was written after these bytes began
/// to be on disk lies among them: then what is before it had been on disk, too. `offset` is where
/// in the segment they begin.
pub(crate) fn find_later(bytes: &[u8], index: u64, offset: u64) -> bool {
    let mut from = 0;
    while let Some((at, frame)) = find(bytes, from, index) {
        // A frame cannot have been written before what it says was on disk.
        let place = offset.saturating_add(u64::try_from(at).unwrap_or(u64::MAX));
        if (offset + 1..=place).contains(&frame.committed) {
            return true;
        }
        from = at + frame.bytes();
    }
    false
}

/// The first whole frame with this index or a later one that begins at or after `from`, and where.
pub(crate) fn find(bytes: &[u8], from: usize, index: u64) -> Option<(usize, Frame<'_>)> {
    // The tag and the index are compared first: a checksum costs more.
    (from..bytes.len()).find_map(|at| {
        let here = bytes.get(at..)?;
        let found = here.get(HEADER_BYTES..).and_then(index_of)?;
        let plausible = found >= index && found - index <= u64::from(u32::MAX);
        plausible.then(|| Some((at, read(here).ok()?)))?
    })
}

/// Bytes that have to be there to tell what these bytes begin with.
pub(crate) fn bytes_wanted(bytes: &[u8]) -> usize {
    let Some((length, _)) = bytes.split_first_chunk::<4>() else { return HEADER_BYTES };
    let length = usize::try_from(u32::from_le_bytes(*length)).unwrap_or(usize::MAX);
    HEADER_BYTES + if length > PAYLOAD_BYTES_MAX { 0 } else { length }
}

/// Makes room for the header and the index of a record whose other fields are written next.
pub(crate) fn reserve(buffer: &mut Vec<u8>) {
    buffer.extend_from_slice(&[0; RESERVED_BYTES]);
}

/// Fills in what [`reserve`] made room for. Nothing if the frame is too short to be one.
pub(crate) fn finish(frame: &mut [u8], index: u64, committed: u64) {
    let Some((header, payload)) = frame.split_first_chunk_mut::<HEADER_BYTES>() else { return };
    if let Some(first) = payload.first_chunk_mut::<INDEX_BYTES>() {
        let [i0, i1, i2, i3, i4, i5, i6, i7] = index.to_le_bytes();
        *first = [INDEX_TAG, i0, i1, i2, i3, i4, i5, i6, i7];
    }
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX).to_le_bytes();
    let committed = committed.to_le_bytes();
    let sum = checksum(length, committed, payload).to_le_bytes();
    let mut parts = length.into_iter().chain(sum).chain(committed);
    header.fill_with(|| parts.next().unwrap_or_default());
}

fn checksum(length: [u8; 4], committed: [u8; 8], payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&length);
    hasher.update(&committed);
    hasher.update(payload);
    hasher.finalize()
}

fn index_of(payload: &[u8]) -> Option<u64> {
    let [tag, index @ ..] = payload.first_chunk::<INDEX_BYTES>()?;
    (*tag == INDEX_TAG).then(|| u64::from_le_bytes(*index))
}

#[cfg(test)]
pub(crate) mod tests;
