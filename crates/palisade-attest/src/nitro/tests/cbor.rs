//! Hostile CBOR, inside and outside of a document that is signed.

use proptest::prelude::*;

use super::enclave::{Enclave, Payload, text};
use crate::nitro::cbor::check;
use crate::nitro::parse_nitro_document;

fn complaint(bytes: &[u8]) -> String {
    check(bytes).unwrap_err().to_string()
}

/// What is wrong with a document whose payload is this; the payload is signed.
fn complaint_of_payload(payload: &[u8]) -> String {
    let enclave = Enclave::new();
    enclave.answer(&enclave.sign(payload)).unwrap_err().to_string()
}

#[test]
fn sizes_that_are_not_there_are_refused() {
    // A byte string, a text, an array, a map of 2^60 and of 2^64 - 1.
    for major in [0x5b, 0x7b, 0x9b, 0xbb] {
        // Twice 2^63 is zero, if it is not looked after.
        for size in [1_u64 << 60, u64::MAX, 1 << 32, 1 << 63] {
            let hostile = [&[major], size.to_be_bytes().as_slice()].concat();
            assert!(complaint(&hostile).contains("ends early"), "{major:02x}");
            assert!(complaint_of_payload(&hostile).contains("ends early"), "{major:02x}");
            assert!(parse_nitro_document(&hostile).is_err());
        }
    }
    assert!(complaint(&[0x44, 1, 2, 3]).contains("ends early"));
    assert!(complaint(&[0x82, 1]).contains("ends early"));
    assert!(complaint(&[0xa1, 1]).contains("ends early"));
    assert!(complaint(&[]).contains("ends early"));
    for cut in [vec![0x18], vec![0x19, 1], vec![0x1a, 1, 1, 1], vec![0x1b, 1, 1, 1, 1, 1, 1, 1]] {
        assert!(complaint(&cut).contains("ends early"), "{cut:02x?}");
    }
}

#[test]
fn deep_nesting_is_refused() {
    let nested = |open: &[u8], depth: usize| [open.repeat(depth).as_slice(), &[0]].concat();
    assert_eq!(check(&nested(&[0x81], 4)), Ok(()));
    assert!(complaint(&nested(&[0x81], 5)).contains("too deep"));
    assert_eq!(check(&nested(&[0xa1, 0], 4)), Ok(()));
    assert!(complaint(&nested(&[0xa1, 0], 5)).contains("too deep"));
    let deepest = nested(&[0x81], 16_000);
    assert!(complaint(&deepest).contains("too deep"));
    assert!(complaint_of_payload(&deepest).contains("too deep"));
    // Nested in the key of a map.
    assert!(complaint(&[0xa1, 0x81, 0x81, 0x81, 0x81, 0, 0]).contains("too deep"));
}

#[test]
fn indefinite_lengths_are_refused() {
    let good = Enclave::new().payload().bytes();
    let indefinite = [&[0xbf], &good[1..], &[0xff]].concat();
    assert!(complaint_of_payload(&indefinite).contains("indefinite"));
    for hostile in [
        vec![0x5f, 0x41, 1, 0xff],
        vec![0x7f, 0x61, 0x61, 0xff],
        vec![0x9f, 0xff],
        vec![0xbf, 0xff],
    ] {
        assert!(complaint(&hostile).contains("indefinite"), "{hostile:02x?}");
    }
    for reserved in [0x1c, 0x1d, 0x1e, 0x5c, 0x9d, 0xbe] {
        assert!(check(&[reserved, 0]).is_err(), "{reserved:02x}");
    }
}

#[test]
fn numbers_are_as_short_as_can_be() {
    let good = Enclave::new().payload().bytes();
    assert_eq!(good[0], 0xa9);
    let longer = [&[0xb8, 9], &good[1..]].concat();
    assert!(complaint_of_payload(&longer).contains("longer than it needs"));
    let shortest = [
        vec![0x17],
        vec![0x18, 24],
        vec![0x18, 255],
        vec![0x19, 1, 0],
        vec![0x1a, 0, 1, 0, 0],
        vec![0x1b, 0, 0, 0, 1, 0, 0, 0, 0],
        vec![0x38, 24],
    ];
    for number in shortest {
        assert_eq!(check(&number), Ok(()), "{number:02x?}");
    }
    let longer = [
        vec![0x18, 23],
        vec![0x19, 0, 255],
        vec![0x1a, 0, 0, 255, 255],
        vec![0x1b, 0, 0, 0, 0, 255, 255, 255, 255],
        vec![0x38, 23],
        vec![0x58, 1, 0],
        vec![0x98, 0],
        vec![0xb8, 0],
    ];
    for number in longer {
        assert!(complaint(&number).contains("longer than it needs"), "{number:02x?}");
    }
}

#[test]
fn what_is_around_a_payload_is_written_in_one_way_too() {
    let enclave = Enclave::new();
    let good = enclave.sign(&enclave.payload().bytes());
    assert_eq!(good[0], 0x84);
    for head in [vec![0x98, 4], vec![0x9f]] {
        let mut other = [head.as_slice(), &good[1..]].concat();
        if head == [0x9f] {
            other.push(0xff);
        }
        let error = enclave.answer(&other).unwrap_err();
        assert!(error.to_string().contains("its CBOR"), "{error}");
    }
}

#[test]
fn tags_floats_and_other_simple_values_are_refused() {
    for hostile in [vec![0xc0, 0], vec![0xd2, 0x80], vec![0xd9, 0xd9, 0xf7, 0]] {
        assert!(complaint(&hostile).contains("tag"), "{hostile:02x?}");
    }
    for simple in [0xf4, 0xf5, 0xf6] {
        assert_eq!(check(&[simple]), Ok(()), "{simple:02x}");
    }
    for simple in [0xe0, 0xf3, 0xf7, 0xff] {
        assert!(complaint(&[simple]).contains("simple value"), "{simple:02x}");
    }
    for float in [
        vec![0xf9, 0, 0],
        vec![0xfa, 0, 0, 0, 0],
        vec![0xfb, 0, 0, 0, 0, 0, 0, 0, 0],
        vec![0xf8, 0x20],
    ] {
        assert!(complaint(&float).contains("simple value"), "{float:02x?}");
    }
}

#[test]
fn one_item_is_all_there_is() {
    assert!(complaint(&[0, 0]).contains("follow"));
    let good = Enclave::new().payload().bytes();
    assert!(complaint_of_payload(&[good.as_slice(), &[0xf6]].concat()).contains("follow"));
}

#[test]
fn a_payload_is_a_map() {
    for other in [vec![0x80], vec![0x00], vec![0xf6]] {
        assert!(complaint_of_payload(&other).contains("no map"));
    }
    // A text that is no UTF-8.
    assert!(complaint_of_payload(&[0xa1, 0x61, 0xff, 0]).contains("no CBOR"));
}

proptest! {
    #[test]
    fn any_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        prop_assert!(parse_nitro_document(&bytes).is_err());
    }

    #[test]
    fn any_bytes_in_a_document_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        let head = [&[0x84, 0x44, 0xa1, 0x01, 0x38, 0x22, 0xa0], bytes.as_slice()].concat();
        prop_assert!(parse_nitro_document(&head).is_err());
    }

    #[test]
    fn what_passes_is_read_by_the_library_and_written_back_alike(
        bytes in prop::collection::vec(prop::sample::select(vec![0_u8, 1, 0x17, 0x18, 0x20, 0x41, 0x58, 0x61, 0x81, 0x82, 0xa1, 0xa2, 0xf4, 0xf6, 0xc0, 0x9f, 0xff]), 0..12),
    ) {
        if check(&bytes).is_ok() && let Ok(value) = ciborium::from_reader::<ciborium::Value, _>(bytes.as_slice()) {
            let mut again = Vec::new();
            ciborium::into_writer(&value, &mut again).unwrap();
            prop_assert_eq!(again, bytes);
        }
    }

    #[test]
    fn any_member_is_answered(name in "[a-z_]{1,12}", value in prop::collection::vec(any::<u8>(), 0..40)) {
        let payload = Payload(vec![(text(&name), ciborium::Value::Bytes(value))]).bytes();
        let document = super::enclave::document(super::enclave::ES384, &[0xa0], &payload, &[0; 96]);
        prop_assert!(parse_nitro_document(&document).is_err());
    }
}
