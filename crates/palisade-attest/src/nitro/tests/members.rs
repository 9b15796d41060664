//! The members of a payload, each at its limit and past it.

use ciborium::Value;

use super::enclave::{Enclave, Payload, text};
use crate::nitro::{NITRO_DOCUMENT_BYTES_MAX, NitroError, parse_nitro_document};

/// Whether a document can be read after this change; it is signed, so nothing else is wrong.
fn is_read_after(change: impl FnOnce(&mut Payload)) -> bool {
    let enclave = Enclave::new();
    let mut payload = enclave.payload();
    change(&mut payload);
    match parse_nitro_document(&enclave.sign(&payload.bytes())) {
        Ok(_document) => true,
        Err(error) => {
            assert_eq!(error.code(), "nitro_malformed");
            false
        }
    }
}

fn is_read_with(name: &str, value: Value) -> bool {
    is_read_after(|payload| payload.set(name, value))
}

fn zeros(count: usize) -> Value {
    Value::Bytes(vec![0; count])
}

#[test]
fn members_that_a_document_needs_are_there() {
    for name in ["module_id", "digest", "timestamp", "pcrs", "certificate", "cabundle"] {
        assert!(!is_read_after(|payload| payload.remove(name)), "{name}");
        assert!(!is_read_with(name, Value::Null), "{name}");
        assert!(!is_read_with(name, Value::Bool(true)), "{name}");
    }
}

#[test]
fn members_that_a_document_may_have_are_bytes_or_nothing() {
    for name in ["public_key", "user_data", "nonce"] {
        assert!(is_read_after(|payload| payload.remove(name)), "{name}");
        assert!(is_read_with(name, Value::Null), "{name}");
        assert!(is_read_with(name, zeros(0)), "{name}");
        assert!(is_read_with(name, zeros(1024)), "{name}");
        assert!(!is_read_with(name, zeros(1025)), "{name}");
        assert!(!is_read_with(name, text("text")), "{name}");
        assert!(!is_read_with(name, Value::Bool(false)), "{name}");
    }
}

#[test]
fn members_that_aws_may_add_are_ignored() {
    assert!(is_read_with("region", text("eu-central-1")));
    assert!(is_read_with("list", Value::Array(vec![Value::Map(vec![(text("a"), Value::Null)])])));
    let enclave = Enclave::new();
    let answer = enclave.answer_after(|payload| payload.set("debug", Value::Bool(true)));
    assert!(!answer.unwrap().debug);
}

#[test]
fn no_member_stands_twice() {
    for name in ["nonce", "pcrs", "timestamp", "certificate"] {
        let twice = |payload: &mut Payload| {
            let member = payload.0.iter().find(|(key, _)| *key == text(name)).unwrap().clone();
            payload.0.push(member);
        };
        assert!(!is_read_after(twice), "{name}");
    }
    let unknown = |payload: &mut Payload| {
        payload.0.push((text("new"), Value::Null));
        payload.0.push((text("new"), Value::Null));
    };
    assert!(!is_read_after(unknown));
}

#[test]
fn names_of_members_are_texts() {
    assert!(!is_read_after(|payload| payload.0.push((Value::from(1), Value::Null))));
    assert!(!is_read_after(|payload| payload.0.push((zeros(1), Value::Null))));
}

#[test]
fn a_module_id_is_short_and_printable() {
    assert!(is_read_with("module_id", text(&"i".repeat(128))));
    for module_id in
        [String::new(), "i".repeat(129), "a b".to_owned(), "a\nb".to_owned(), "\u{e4}".to_owned()]
    {
        assert!(!is_read_with("module_id", text(&module_id)), "{module_id:?}");
    }
    assert!(!is_read_with("module_id", zeros(8)));
}

#[test]
fn the_digest_is_sha384() {
    for digest in ["SHA256", "SHA512", "sha384", ""] {
        assert!(!is_read_with("digest", text(digest)), "{digest}");
    }
}

#[test]
fn a_timestamp_is_a_positive_number_of_milliseconds() {
    assert!(is_read_with("timestamp", Value::from(1)));
    assert!(is_read_with("timestamp", Value::from(i64::MAX)));
    for number in [0, -1, i64::MIN] {
        assert!(!is_read_with("timestamp", Value::from(number)), "{number}");
    }
    assert!(!is_read_with("timestamp", Value::from(u64::MAX)));
    assert!(!is_read_with("timestamp", Value::Float(1.0)));
    assert!(!is_read_with("timestamp", text("1")));
}

#[test]
fn a_timestamp_beyond_every_calendar_is_refused() {
    let answer =
        Enclave::new().answer_after(|payload| payload.set("timestamp", Value::from(i64::MAX)));
    assert_eq!(answer.unwrap_err().code(), "nitro_certificate_invalid");
}

/// Registers 0, 1 and 2, and these.
fn pcrs(others: &[(Value, Value)]) -> Value {
    let measured = [0_u8, 1, 2].map(|pcr| (Value::from(pcr), Value::Bytes(vec![1; 48])));
    Value::Map([measured.as_slice(), others].concat())
}

#[test]
fn registers_are_0_to_31() {
    assert!(is_read_with("pcrs", pcrs(&[])));
    assert!(is_read_with("pcrs", pcrs(&[(Value::from(31), zeros(48))])));
    for index in [Value::from(32), Value::from(256), Value::from(-1), text("3"), Value::Null] {
        assert!(!is_read_with("pcrs", pcrs(&[(index.clone(), zeros(48))])), "{index:?}");
    }
    let all: Vec<_> = (3..32).map(|pcr| (Value::from(pcr), zeros(48))).collect();
    assert!(is_read_with("pcrs", pcrs(&all)));
}

#[test]
fn register_values_are_digests() {
    for size in [0, 32, 47, 49, 64] {
        assert!(!is_read_with("pcrs", pcrs(&[(Value::from(3), zeros(size))])), "{size}");
    }
    assert!(!is_read_with("pcrs", pcrs(&[(Value::from(3), text(&"a".repeat(48)))])));
    assert!(!is_read_with("pcrs", pcrs(&[(Value::from(3), Value::Null)])));
}

#[test]
fn no_register_stands_twice() {
    assert!(!is_read_with("pcrs", pcrs(&[(Value::from(0), Value::Bytes(vec![1; 48]))])));
}

#[test]
fn the_measured_registers_are_there() {
    for missing in 0..3_u8 {
        let rest = (0..3).filter(|pcr| *pcr != missing);
        let rest = rest.map(|pcr| (Value::from(pcr), Value::Bytes(vec![1; 48]))).collect();
        assert!(!is_read_with("pcrs", Value::Map(rest)), "{missing}");
    }
    assert!(!is_read_with("pcrs", Value::Map(vec![])));
    assert!(!is_read_with("pcrs", Value::Array(vec![])));
}

#[test]
fn an_enclave_with_a_measured_register_of_zeros_is_in_debug_mode() {
    let enclave = Enclave::new();
    let debug = |zeroed: &[u8]| {
        let registers = [0_u8, 1, 2, 3].map(|pcr| {
            let byte = if zeroed.contains(&pcr) { 0 } else { 1 };
            (Value::from(pcr), Value::Bytes(vec![byte; 48]))
        });
        let answer =
            enclave.answer_after(|payload| payload.set("pcrs", Value::Map(registers.to_vec())));
        answer.unwrap().debug
    };
    assert!(debug(&[0, 1, 2]));
    assert!(debug(&[0]));
    assert!(debug(&[1]));
    assert!(debug(&[2]));
    assert!(!debug(&[3]));
    assert!(!debug(&[]));
}

#[test]
fn a_register_with_one_bit_set_is_not_all_zeros() {
    let enclave = Enclave::new();
    let mut value = vec![0; 48];
    value[47] = 1;
    let registers = [0_u8, 1, 2].map(|pcr| (Value::from(pcr), Value::Bytes(value.clone())));
    let answer =
        enclave.answer_after(|payload| payload.set("pcrs", Value::Map(registers.to_vec())));
    assert!(!answer.unwrap().debug);
}

#[test]
fn certificates_have_1_to_1024_bytes() {
    assert!(is_read_with("certificate", zeros(1)));
    assert!(is_read_with("certificate", zeros(1024)));
    assert!(!is_read_with("certificate", zeros(0)));
    assert!(!is_read_with("certificate", zeros(1025)));
    let bundle = |size| Value::Array(vec![zeros(1), zeros(size)]);
    assert!(is_read_with("cabundle", bundle(1024)));
    assert!(!is_read_with("cabundle", bundle(1025)));
    assert!(!is_read_with("cabundle", bundle(0)));
    assert!(!is_read_with("cabundle", Value::Array(vec![text("a")])));
}

#[test]
fn a_bundle_has_1_to_8_certificates() {
    let bundle = |count| Value::Array(vec![zeros(700); count]);
    assert!(is_read_with("cabundle", bundle(1)));
    assert!(is_read_with("cabundle", bundle(8)));
    assert!(!is_read_with("cabundle", bundle(9)));
    assert!(!is_read_with("cabundle", bundle(0)));
    assert!(!is_read_with("cabundle", zeros(700)));
}

#[test]
fn bytes_that_are_no_certificates_are_refused() {
    let answer = Enclave::new().answer_after(|payload| payload.set("certificate", zeros(500)));
    assert_eq!(answer.unwrap_err().code(), "nitro_certificate_invalid");
    let enclave = Enclave::new();
    let answer =
        enclave.answer_after(|payload| payload.set("cabundle", Value::Array(vec![zeros(500)])));
    assert_eq!(answer.unwrap_err().code(), "nitro_certificate_invalid");
}

#[test]
fn a_document_is_bounded() {
    assert_eq!(NITRO_DOCUMENT_BYTES_MAX, 16_384);
    let enclave = Enclave::new();
    let sized = |padding: usize| {
        let mut payload = enclave.payload();
        payload.set("padding", zeros(padding));
        enclave.sign(&payload.bytes())
    };
    let padding = NITRO_DOCUMENT_BYTES_MAX - (sized(10_000).len() - 10_000);
    let largest = sized(padding);
    assert_eq!(largest.len(), NITRO_DOCUMENT_BYTES_MAX);
    assert!(enclave.answer(&largest).is_ok());
    let (bytes, limit) = (NITRO_DOCUMENT_BYTES_MAX + 1, NITRO_DOCUMENT_BYTES_MAX);
    assert_eq!(enclave.answer(&sized(padding + 1)), Err(NitroError::TooLarge { bytes, limit }));
}

#[test]
fn a_document_with_every_member_at_its_largest_fits() {
    let all: Vec<_> = (3..32).map(|pcr| (Value::from(pcr), zeros(48))).collect();
    assert!(is_read_after(|payload| {
        payload.set("module_id", text(&"i".repeat(128)));
        payload.set("pcrs", pcrs(&all));
        payload.set("certificate", zeros(1024));
        payload.set("cabundle", Value::Array(vec![zeros(1024); 8]));
        for name in ["public_key", "user_data", "nonce"] {
            payload.set(name, zeros(1024));
        }
    }));
}
