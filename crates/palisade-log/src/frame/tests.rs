use proptest::prelude::*;

use super::{
    HEADER_BYTES, INDEX_BYTES, NoFrame, PAYLOAD_BYTES_MAX, bytes_wanted, find, find_later, finish,
    read, reserve,
};

/// A finished frame.
pub(crate) fn framed(index: u64, committed: u64, fields: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    reserve(&mut bytes);
    bytes.extend(fields);
    finish(&mut bytes, index, committed);
    bytes
}

proptest! {
    #[test]
    fn what_was_framed_is_read(
        index: u64,
        committed: u64,
        fields in prop::collection::vec(any::<u8>(), 0..300),
        after in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        let mut bytes = framed(index, committed, &fields);
        let length = bytes.len();
        prop_assert_eq!(bytes_wanted(&bytes), length);
        bytes.extend(after);
        let frame = read(&bytes).unwrap();
        prop_assert_eq!(frame.index(), Some(index));
        prop_assert_eq!(frame.committed, committed);
        prop_assert_eq!(&frame.payload[INDEX_BYTES..], &fields[..]);
        prop_assert_eq!(frame.bytes(), length);
        // Cut off anywhere, it is none.
        for end in 1..length {
            prop_assert!(read(&bytes[..end]).is_err());
        }
    }

    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..100), index: u64) {
        let _frame = read(&bytes);
        let _later = find_later(&bytes, index, index);
    }
}

#[test]
fn a_flipped_bit_breaks_a_frame() {
    let whole = framed(7, 80, b"some fields of a record");
    for bit in 0..whole.len() * 8 {
        let mut bytes = whole.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        // What follows may make a longer one.
        bytes.extend([0; 64]);
        assert_eq!(read(&bytes), Err(NoFrame::Broken), "bit {bit}");
    }
}

#[test]
fn zeros_are_the_end() {
    for length in [0, 1, HEADER_BYTES - 1, HEADER_BYTES, HEADER_BYTES + 1, 1000] {
        assert_eq!(read(&vec![0; length]), Err(NoFrame::End));
    }
    assert_eq!(read(&[0, 0, 1]), Err(NoFrame::Broken));
    // The header alone decides: a frame whose beginning was not written.
    assert_eq!(read(&[[0; 16], [1; 16]].concat()), Err(NoFrame::End));
}

#[test]
fn the_longest_payload_is_read_and_a_longer_one_is_not() {
    let fields = vec![1; PAYLOAD_BYTES_MAX - INDEX_BYTES + 1];
    assert!(read(&framed(1, 80, &fields[1..])).is_ok());
    assert_eq!(read(&framed(1, 80, &fields)), Err(NoFrame::Broken));
    let mut short = vec![0; HEADER_BYTES + INDEX_BYTES - 1];
    finish(&mut short, 1, 80);
    assert_eq!(read(&short), Err(NoFrame::Broken));
    // Nothing to fill in.
    finish(&mut [0; 3], 1, 80);
}

#[test]
fn only_a_frame_of_a_later_batch_says_that_what_is_before_was_on_disk() {
    let torn = vec![9; 50];
    let at = 1000;
    let place = at + 50;
    let later = |index, committed| {
        find_later(&[torn.clone(), framed(index, committed, b"x")].concat(), 10, at)
    };
    // Of the same batch, or of one before.
    assert!(!later(11, at));
    assert!(!later(11, at - 1));
    assert!(later(11, at + 1));
    assert!(later(10, place));
    // It says more than it can know.
    assert!(!later(11, place + 1));
    // An index that was there, or one that nobody reached.
    assert!(!later(9, place));
    assert!(!later(10 + (1 << 33), place));
}

/// A caller may send what looks like a frame.
#[test]
fn what_a_record_quotes_is_not_a_frame() {
    let quoted = framed(12, 1060, b"y");
    let of_the_same_batch = framed(11, 1000, &quoted);
    assert!(!find_later(&[vec![9; 50], of_the_same_batch].concat(), 10, 1000));
}

#[test]
fn the_next_frame_is_found_behind_garbage() {
    let bytes = [vec![9; 33], framed(4, 80, b"a"), framed(5, 80, b"b")].concat();
    let (at, frame) = find(&bytes, 0, 4).unwrap();
    assert_eq!((at, frame.index()), (33, Some(4)));
    let (at, frame) = find(&bytes, at + 1, 4).unwrap();
    assert_eq!((at, frame.index()), (33 + framed(4, 80, b"a").len(), Some(5)));
    assert!(find(&bytes, at + 1, 4).is_none());
}
