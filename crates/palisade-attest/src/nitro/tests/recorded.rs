//! A document that AWS signed.

use std::time::Duration;

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use palisade_core::EpochMillis;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;

use super::enclave::Enclave;
use crate::nitro::{
    NitroClaims, NitroError, NitroExpectation, NitroFreshness, NitroRoots, verify_nitro_document,
};

/// When the document was made.
const MADE: EpochMillis = EpochMillis::new(1_725_911_352_400);
/// 2024-09-09T22:49:12Z: its certificate's last second.
const CERTIFICATE_ENDS: i64 = 1_725_922_152_000;

macro_rules! document {
    ($name:literal) => {
        STANDARD
            .decode(include_bytes!(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/../../tests/fixtures/attestation/nitro/",
                $name
            )))
            .unwrap()
    };
}

fn genuine() -> Vec<u8> {
    document!("example_attestation")
}

/// The answer after so many milliseconds.
fn answer_after(
    document: &[u8],
    roots: &NitroRoots,
    millis: i64,
) -> Result<NitroClaims, NitroError> {
    verify_nitro_document(
        document,
        roots,
        &NitroExpectation {
            now: EpochMillis::new(MADE.as_millis() + millis),
            max_age: Duration::from_secs(24 * 3600),
            freshness: NitroFreshness::Age,
        },
    )
}

fn aws() -> NitroRoots {
    NitroRoots::aws().unwrap()
}

#[test]
fn a_genuine_document_holds_and_is_of_an_enclave_in_debug_mode() {
    let claims = answer_after(&genuine(), &aws(), 0).unwrap();
    assert_eq!(claims.module_id, "i-0bbf1bfe232b8c2ce-enc0191ba35c9d1b77a");
    assert_eq!(claims.timestamp, MADE);
    assert!(claims.debug);
    assert_eq!(claims.pcrs.len(), 16);
    assert_eq!(claims.pcrs[&0], [0; 48]);
    assert_ne!(claims.pcrs[&4], [0; 48]);
    assert_eq!(claims.public_key.as_deref(), Some(b"dummy".as_slice()));
    assert_eq!(claims.user_data.unwrap().len(), 68);
    assert_eq!(claims.nonce.unwrap().len(), 20);
    assert_eq!(claims.nonce_matched, None);
    // Its certificate ends before a day is over.
    assert_eq!(claims.expires.as_millis(), CERTIFICATE_ENDS + 1000);
}

#[test]
fn a_genuine_document_may_be_tagged() {
    let tagged = [&[0xd2], genuine().as_slice()].concat();
    assert_eq!(answer_after(&tagged, &aws(), 0), answer_after(&genuine(), &aws(), 0));
    let twice = [&[0xd2], tagged.as_slice()].concat();
    assert_eq!(answer_after(&twice, &aws(), 0).unwrap_err().code(), "nitro_malformed");
}

#[test]
fn a_genuine_document_ends_with_its_certificate() {
    let rest = CERTIFICATE_ENDS + 1000 - MADE.as_millis();
    assert!(answer_after(&genuine(), &aws(), rest - 1).is_ok());
    assert_eq!(answer_after(&genuine(), &aws(), rest), Err(NitroError::Expired));
}

#[test]
fn a_document_that_aws_did_not_sign_is_refused() {
    let answer = verify_nitro_document(
        &document!("invalid_attestation"),
        &aws(),
        &NitroExpectation {
            now: EpochMillis::new(1_721_770_180_771),
            max_age: Duration::from_secs(60),
            freshness: NitroFreshness::Age,
        },
    );
    assert_eq!(answer, Err(NitroError::Signature));
}

#[test]
fn a_genuine_document_does_not_lead_to_another_root() {
    let answer = answer_after(&genuine(), &Enclave::new().roots, 0);
    assert_eq!(answer, Err(NitroError::Certificates(webpki::Error::UnknownIssuer)));
}

#[test]
fn altered_bytes_of_a_genuine_document_are_refused() {
    let (genuine, roots) = (genuine(), aws());
    // A sweep over all of them is made with a document of our own, which is shorter.
    for index in (0..genuine.len()).step_by(7) {
        let mut altered = genuine.clone();
        altered[index] ^= 1;
        assert!(answer_after(&altered, &roots, 0).is_err(), "byte {index}");
    }
}

#[test]
fn the_root_is_the_one_that_aws_publishes() {
    let pem = include_bytes!("../aws_root_g1.pem");
    let root = CertificateDer::from_pem_slice(pem).unwrap();
    let fingerprint = digest::digest(&digest::SHA256, &root);
    assert_eq!(
        hex::encode(fingerprint),
        "641a0321a3e244efe456463195d606317ed7cdcc3c1756e09893f3c68f79bb5b"
    );
    assert_eq!(format!("{:?}", aws()), "NitroRoots(1)");
}
