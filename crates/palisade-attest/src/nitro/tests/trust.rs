//! Who signed a document, when, and for whom.

use std::time::Duration;

use ciborium::Value;
use palisade_core::EpochMillis;
use rcgen::{BasicConstraints, IsCa, PKCS_ECDSA_P384_SHA384};

use super::enclave::{ES384, Enclave, NONCE, bytes, document, expectation, made, on_p256, text};
use crate::nitro::{
    NitroError, NitroExpectation, NitroFreshness, NitroRoots, verify_nitro_document,
};

#[test]
fn a_good_document_is_answered_with_what_it_says() {
    let claims = Enclave::new().answer_after(|_payload| {}).unwrap();
    assert_eq!(claims.module_id, "i-0123456789abcdef0-enc0123456789abcdef");
    assert_eq!(claims.timestamp, made());
    assert_eq!(claims.expires.as_millis(), made().as_millis() + 3_600_000);
    assert_eq!(claims.pcrs.keys().copied().collect::<Vec<_>>(), [0, 1, 2, 3, 4, 8]);
    assert_eq!(claims.pcrs[&8], [9; 48]);
    assert_eq!(claims.public_key.as_deref(), Some(b"key".as_slice()));
    assert_eq!(claims.user_data.as_deref(), Some(b"data".as_slice()));
    assert_eq!(claims.nonce.as_deref(), Some(NONCE));
    assert_eq!(claims.nonce_matched, Some(0));
    assert!(!claims.debug);
}

#[test]
fn every_altered_byte_of_a_document_is_refused() {
    let enclave = Enclave::new();
    let good = enclave.sign(&enclave.payload().bytes());
    for index in 0..good.len() {
        let mut altered = good.clone();
        altered[index] ^= 1 << (index % 8);
        assert!(enclave.answer(&altered).is_err(), "byte {index}");
    }
}

#[test]
fn a_document_ends_nowhere_early_and_has_no_trailing_bytes() {
    let enclave = Enclave::new();
    let good = enclave.sign(&enclave.payload().bytes());
    for end in 0..good.len() {
        assert!(enclave.answer(&good[..end]).is_err(), "{end}");
    }
    let answer = enclave.answer(&[good.as_slice(), &[0]].concat());
    assert_eq!(answer, Err(NitroError::Malformed { what: "bytes follow the CBOR" }));
}

#[test]
fn another_root_is_refused() {
    let enclave = Enclave::new();
    let good = enclave.sign(&enclave.payload().bytes());
    for roots in [Enclave::new().roots, NitroRoots::aws().unwrap()] {
        let answer = verify_nitro_document(&good, &roots, &expectation());
        assert_eq!(answer.unwrap_err().code(), "nitro_certificate_invalid");
    }
}

#[test]
fn a_root_that_the_document_brings_is_not_trusted() {
    let (trusted, stranger) = (Enclave::new(), Enclave::new());
    let own = stranger.sign(&stranger.payload().bytes());
    assert_eq!(trusted.answer(&own).unwrap_err().code(), "nitro_certificate_invalid");
}

#[test]
fn another_certificate_is_refused() {
    let (enclave, other) = (Enclave::new(), Enclave::new());
    // Of another root: the chain breaks.
    let answer = enclave.answer_after(|payload| {
        payload.set("certificate", Value::Bytes(other.leaf.clone()));
    });
    assert_eq!(answer.unwrap_err().code(), "nitro_certificate_invalid");
    // Of the trusted root, but of another enclave: its key did not sign this.
    let mut payload = other.payload();
    payload.set("user_data", Value::Bytes(b"other".to_vec()));
    let signature = enclave.signature(ES384, &payload.bytes());
    let swapped = document(ES384, &[0xa0], &payload.bytes(), &signature);
    assert_eq!(other.answer(&swapped), Err(NitroError::Signature));
}

#[test]
fn a_chain_is_complete() {
    let enclave = Enclave::new();
    let answer = enclave.answer_after(|payload| {
        payload.set("cabundle", Value::Array(vec![Value::Bytes(enclave.bundle[0].clone())]));
    });
    assert_eq!(answer, Err(NitroError::Certificates(webpki::Error::UnknownIssuer)));
}

#[test]
fn an_authority_signs_no_documents() {
    let ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let enclave = Enclave::with(&PKCS_ECDSA_P384_SHA384, &PKCS_ECDSA_P384_SHA384, ca);
    let answer = enclave.answer_after(|_payload| {});
    assert_eq!(answer, Err(NitroError::Certificates(webpki::Error::CaUsedAsEndEntity)));
}

#[test]
fn only_p_384_is_accepted() {
    let answer = on_p256(true).answer_after(|_payload| {});
    assert_eq!(answer.unwrap_err().code(), "nitro_certificate_invalid");
    assert_eq!(on_p256(false).answer_after(|_payload| {}), Err(NitroError::Signature));
}

#[test]
fn certificates_are_judged_at_the_document_s_time() {
    let enclave = Enclave::new();
    let at = |time: &str, now: &str| {
        let time = EpochMillis::parse_rfc3339(time).unwrap();
        let mut payload = enclave.payload();
        payload.set("timestamp", Value::from(time.as_millis()));
        let expectation =
            NitroExpectation { now: EpochMillis::parse_rfc3339(now).unwrap(), ..expectation() };
        let document = enclave.sign(&payload.bytes());
        verify_nitro_document(&document, &enclave.roots, &expectation).map(|claims| claims.expires)
    };
    let ends = EpochMillis::parse_rfc3339("2026-03-01T03:00:01Z").unwrap();
    assert_eq!(at("2026-03-01T03:00:00Z", "2026-03-01T03:00:00Z"), Ok(ends));
    // A document that was made after its certificate had ended, or before it began.
    for time in ["2026-03-01T03:00:01Z", "2026-02-28T23:59:59Z"] {
        assert_eq!(
            at(time, "2026-03-01T01:00:00Z").unwrap_err().code(),
            "nitro_certificate_invalid"
        );
    }
}

/// The answer to a good document so many milliseconds after it was made, with this maximal age.
fn answer_at(millis: i64, max_age: Duration) -> Result<(), NitroError> {
    let enclave = Enclave::new();
    let now = EpochMillis::new(made().as_millis() + millis);
    let expectation = NitroExpectation { now, max_age, ..expectation() };
    let document = enclave.sign(&enclave.payload().bytes());
    verify_nitro_document(&document, &enclave.roots, &expectation).map(|_claims| ())
}

#[test]
fn a_document_grows_old() {
    let minute = Duration::from_secs(60);
    assert_eq!(answer_at(59_999, minute), Ok(()));
    assert_eq!(answer_at(60_000, minute), Err(NitroError::Expired));
    assert_eq!(answer_at(0, Duration::ZERO), Err(NitroError::Expired));
    assert_eq!(answer_at(3_600_000, Duration::MAX), Ok(()));
    // Two hours later its certificate ends.
    assert_eq!(answer_at(7_200_999, Duration::MAX), Ok(()));
    assert_eq!(answer_at(7_201_000, Duration::MAX), Err(NitroError::Expired));
}

#[test]
fn a_document_is_not_from_the_future() {
    let minute = Duration::from_secs(60);
    assert_eq!(answer_at(-60_000, minute), Ok(()));
    assert_eq!(answer_at(-60_001, minute), Err(NitroError::NotYetValid));
    assert_eq!(answer_at(-made().as_millis(), Duration::MAX), Err(NitroError::NotYetValid));
}

#[test]
fn a_document_has_an_expected_nonce() {
    let enclave = Enclave::new();
    let good = enclave.sign(&enclave.payload().bytes());
    let matched = |nonces: &[&[u8]]| {
        let freshness = NitroFreshness::Nonce(nonces);
        let expectation = NitroExpectation { freshness, ..expectation() };
        verify_nitro_document(&good, &enclave.roots, &expectation)
            .map(|claims| claims.nonce_matched)
    };
    assert_eq!(matched(&[b"one", NONCE]), Ok(Some(1)));
    assert_eq!(matched(&[b"one", b"two"]), Err(NitroError::Nonce));
    assert_eq!(matched(&[]), Err(NitroError::Nonce));
    assert_eq!(matched(&[&NONCE[1..]]), Err(NitroError::Nonce));
}

#[test]
fn a_document_without_a_nonce_meets_none() {
    let enclave = Enclave::new();
    for nonce in [None, Some(Value::Null), Some(Value::Bytes(Vec::new()))] {
        let mut payload = enclave.payload();
        payload.remove("nonce");
        if let Some(nonce) = nonce {
            payload.set("nonce", nonce);
        }
        let document = enclave.sign(&payload.bytes());
        let freshness = NitroFreshness::Nonce(&[b"", NONCE]);
        let answer = verify_nitro_document(
            &document,
            &enclave.roots,
            &NitroExpectation { freshness, ..expectation() },
        );
        assert_eq!(answer, Err(NitroError::Nonce));
        let answer = verify_nitro_document(
            &document,
            &enclave.roots,
            &NitroExpectation { freshness: NitroFreshness::Age, ..expectation() },
        );
        assert_eq!(answer.unwrap().nonce_matched, None);
    }
}

#[test]
fn a_signature_is_judged_before_the_time_and_the_nonce() {
    let enclave = Enclave::new();
    let mut payload = enclave.payload();
    payload.set("nonce", Value::Bytes(b"other".to_vec()));
    let mut document = enclave.sign(&payload.bytes());
    *document.last_mut().unwrap() ^= 1;
    assert_eq!(enclave.answer(&document), Err(NitroError::Signature));
}

#[test]
fn only_es384_is_announced() {
    let enclave = Enclave::new();
    let payload = enclave.payload().bytes();
    let refused = [
        // None, ES256, ES512, and ES384 beside something else: a key id, a critical header.
        vec![],
        vec![0xa0],
        vec![0xa1, 0x01, 0x26],
        vec![0xa1, 0x01, 0x38, 0x23],
        vec![0xa2, 0x01, 0x38, 0x22, 0x04, 0x41, 0x01],
        vec![0xa2, 0x01, 0x38, 0x22, 0x02, 0x81, 0x04],
        // ES384 in a longer spelling.
        vec![0xb8, 0x01, 0x01, 0x38, 0x22],
        vec![0xa1, 0x01, 0x39, 0x00, 0x22],
        vec![0xbf, 0x01, 0x38, 0x22, 0xff],
    ];
    for protected in refused {
        let answer = enclave.answer(&enclave.sign_under(&protected, &payload));
        assert_eq!(answer.unwrap_err().code(), "nitro_malformed", "{protected:02x?}");
    }
    let signature = enclave.signature(ES384, &payload);
    for unprotected in
        [vec![0xa1, 0x01, 0x38, 0x22], vec![0xa1, 0x04, 0x41, 0x01], vec![0xa1, 0x18, 0x63, 0x00]]
    {
        let answer = enclave.answer(&document(ES384, &unprotected, &payload, &signature));
        assert_eq!(answer, Err(NitroError::Malformed { what: "it has unprotected headers" }));
    }
}

#[test]
fn a_document_is_a_cose_sign1_with_a_payload() {
    let enclave = Enclave::new();
    let payload = enclave.payload().bytes();
    let signature = bytes(&enclave.signature(ES384, &payload));
    let header = bytes(ES384);
    let detached = [&[0x84], header.as_slice(), &[0xa0, 0xf6], &signature].concat();
    assert_eq!(enclave.answer(&detached), Err(NitroError::Malformed { what: "it has no payload" }));
    let three = [&[0x83], header.as_slice(), &[0xa0], &bytes(&payload)].concat();
    let five =
        [&[0x85], header.as_slice(), &[0xa0], &bytes(&payload), &signature, &[0xf6]].concat();
    let mut map = Vec::new();
    ciborium::into_writer(&Value::Map(vec![(text("a"), text("b"))]), &mut map).unwrap();
    for other in [three, five, map, vec![0xf6], payload] {
        let answer = enclave.answer(&other);
        assert_eq!(answer, Err(NitroError::Malformed { what: "it is no COSE_Sign1" }));
    }
}

#[test]
fn a_signature_has_the_size_of_its_curve() {
    let enclave = Enclave::new();
    let payload = enclave.payload().bytes();
    let signature = enclave.signature(ES384, &payload);
    for other in [&[], &signature[..95], &[signature.as_slice(), &[0]].concat(), &[0; 96]] {
        let answer = enclave.answer(&document(ES384, &[0xa0], &payload, other));
        assert_eq!(answer, Err(NitroError::Signature));
    }
}

#[test]
fn roots_are_certificates() {
    for pem in ["", "root", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
        assert_eq!(NitroRoots::from_pem(pem).unwrap_err().code(), "nitro_root_invalid");
    }
}
