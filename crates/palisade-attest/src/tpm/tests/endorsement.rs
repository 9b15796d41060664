//! Certificates of endorsement keys.

use palisade_core::EpochMillis;
use rcgen::{
    BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    PKCS_ECDSA_P256_SHA256,
};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;

use super::fixture;
use crate::tpm::{EkCertificate, EkCertificateError, EkRoots, verify_ek_certificate};

const EK_OID: &[u64] = &[2, 23, 133, 8, 1];

fn der(pem: &[u8]) -> Vec<u8> {
    CertificateDer::from_pem_slice(pem).unwrap().to_vec()
}

fn roots() -> EkRoots {
    let root = der(fixture!("swtpm-localca-rootca-cert.pem"));
    EkRoots::from_der([root.as_slice()]).unwrap()
}

fn at(time: &str) -> EpochMillis {
    EpochMillis::parse_rfc3339(time).unwrap()
}

/// The answer to the recorded certificate.
fn recorded(
    certificate: &[u8],
    roots: &EkRoots,
    now: &str,
) -> Result<EkCertificate, EkCertificateError> {
    let issuer = der(fixture!("issuercert.pem"));
    verify_ek_certificate(certificate, &[&issuer], roots, at(now))
}

#[test]
fn a_recorded_certificate_leads_to_its_root() {
    let certificate = fixture!("ek.crt.der");
    let key = recorded(certificate, &roots(), "2026-12-01T00:00:00Z").unwrap().public_key;
    assert!(certificate.windows(key.len()).any(|window| window == key));
}

#[test]
fn a_certificate_is_refused_before_its_time() {
    let answer = recorded(fixture!("ek.crt.der"), &roots(), "2026-11-20T00:00:00Z");
    assert!(matches!(
        answer,
        Err(EkCertificateError::Chain(webpki::Error::CertNotValidYet { .. }))
    ));
}

#[test]
fn a_certificate_without_its_issuer_is_refused() {
    let now = at("2026-12-01T00:00:00Z");
    let answer = verify_ek_certificate(fixture!("ek.crt.der"), &[], &roots(), now);
    assert!(
        matches!(answer, Err(EkCertificateError::Chain(webpki::Error::UnknownIssuer))),
        "{answer:?}"
    );
}

#[test]
fn without_roots_nothing_is_trusted() {
    let none = EkRoots::from_der([]).unwrap();
    let answer = recorded(fixture!("ek.crt.der"), &none, "2026-12-01T00:00:00Z");
    assert!(
        matches!(answer, Err(EkCertificateError::Chain(webpki::Error::UnknownIssuer))),
        "{answer:?}"
    );
}

#[test]
fn every_altered_byte_of_a_certificate_is_refused() {
    let certificate = fixture!("ek.crt.der");
    let roots = roots();
    for index in 0..certificate.len() {
        let mut altered = certificate.to_vec();
        altered[index] ^= 1;
        assert!(recorded(&altered, &roots, "2026-12-01T00:00:00Z").is_err(), "{index}");
    }
}

/// A certificate of our own with these uses, and the root that signed it.
fn own(uses: Vec<ExtendedKeyUsagePurpose>, padding: usize) -> (Vec<u8>, EkRoots) {
    let root_key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    let mut root = CertificateParams::default();
    root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let root_certificate = root.self_signed(&root_key).unwrap();
    let roots = EkRoots::from_der([root_certificate.der().as_ref()]).unwrap();
    let mut leaf = CertificateParams::default();
    leaf.extended_key_usages = uses;
    leaf.subject_alt_names = vec![rcgen::SanType::URI("a".repeat(padding).try_into().unwrap())];
    let leaf_key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    let leaf = leaf.signed_by(&leaf_key, &Issuer::new(root, root_key)).unwrap();
    (leaf.der().to_vec(), roots)
}

#[test]
fn a_certificate_says_that_it_is_for_an_endorsement_key() {
    let now = at("2026-12-01T00:00:00Z");
    let ek = ExtendedKeyUsagePurpose::Other(EK_OID.to_vec());
    let (good, roots) = own(vec![ek], 1);
    assert!(verify_ek_certificate(&good, &[], &roots, now).is_ok());
    let (unsaid, roots) = own(vec![], 1);
    let answer = verify_ek_certificate(&unsaid, &[], &roots, now);
    assert!(matches!(answer, Err(EkCertificateError::Use)), "{answer:?}");
    let (other, roots) = own(vec![ExtendedKeyUsagePurpose::ClientAuth], 1);
    let answer = verify_ek_certificate(&other, &[], &roots, now);
    assert!(matches!(answer, Err(EkCertificateError::Chain(_))), "{answer:?}");
}

#[test]
fn certificates_are_bounded() {
    let now = at("2026-12-01T00:00:00Z");
    let ek = || vec![ExtendedKeyUsagePurpose::Other(EK_OID.to_vec())];
    let base = own(ek(), 3000).0.len() - 3000;
    // The size of a signature differs by a few bytes from one to the next.
    let sized = |bytes: usize| {
        (0..).map(|_| own(ek(), bytes - base)).find(|(leaf, _)| leaf.len() == bytes).unwrap()
    };
    let (largest, roots) = sized(4096);
    assert!(verify_ek_certificate(&largest, &[], &roots, now).is_ok());
    let filler = largest.as_slice();
    assert!(verify_ek_certificate(&largest, &[filler; 4], &roots, now).is_ok());
    let five = verify_ek_certificate(&largest, &[filler; 5], &roots, now);
    assert!(matches!(five, Err(EkCertificateError::TooLarge)));
    let (too_large, roots) = sized(4097);
    let answer = verify_ek_certificate(&too_large, &[], &roots, now);
    assert!(matches!(answer, Err(EkCertificateError::TooLarge)));
    let answer = verify_ek_certificate(&largest, &[&too_large], &roots, now);
    assert!(matches!(answer, Err(EkCertificateError::TooLarge)));
}

#[test]
fn a_root_that_is_no_certificate_is_refused() {
    assert!(matches!(EkRoots::from_der([b"root".as_slice()]), Err(EkCertificateError::Root(_))));
}
