//! Keys: which are accepted.

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{
    ECDSA_P384_SHA384_ASN1_SIGNING, ECDSA_P521_SHA512_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _,
    RSA_PKCS1_SHA256, RSA_PSS_SHA256,
};
use proptest::prelude::*;

use super::super::forge::Signer;
use super::*;

#[test]
fn each_kind_of_key_verifies_its_own_signature_and_no_other() {
    for signer in [Signer::ecdsa(), Signer::ed25519()] {
        let key = signer.key();
        let signature = signer.sign(b"message");
        assert!(key.verifies(b"message", &signature));
        assert!(!key.verifies(b"massage", &signature));
        assert!(!key.verifies(b"message", &signature[1..]));
        assert!(!key.verifies(b"message", b""));
    }
}

#[test]
fn p384_and_rsa_keys_are_accepted() {
    let random = aws_lc_rs::rand::SystemRandom::new();
    let pair = EcdsaKeyPair::generate(&ECDSA_P384_SHA384_ASN1_SIGNING).unwrap();
    let key = ProvenanceKey::from_spki_der(pair.public_key().as_der().unwrap().as_ref()).unwrap();
    assert!(key.verifies(b"message", pair.sign(&random, b"message").unwrap().as_ref()));

    let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let key = ProvenanceKey::from_spki_der(pair.public_key().as_der().unwrap().as_ref()).unwrap();
    let mut signature = vec![0; pair.public_modulus_len()];
    pair.sign(&RSA_PKCS1_SHA256, &random, b"message", &mut signature).unwrap();
    assert!(key.verifies(b"message", &signature));
    pair.sign(&RSA_PSS_SHA256, &random, b"message", &mut signature).unwrap();
    assert!(!key.verifies(b"message", &signature), "the key decides on the padding");
}

#[test]
fn other_curves_are_refused() {
    let pair = EcdsaKeyPair::generate(&ECDSA_P521_SHA512_ASN1_SIGNING).unwrap();
    let der = pair.public_key().as_der().unwrap();
    assert!(ProvenanceKey::from_spki_der(der.as_ref()).is_err());
}

#[test]
fn rsa_key_below_2048_bits_is_refused() {
    // SubjectPublicKeyInfo { rsaEncryption, NULL }, modulus of 1024 bits, exponent 65537.
    let mut der =
        hex::decode("30819f300d06092a864886f70d010101050003818d0030818902818100").unwrap();
    der.extend_from_slice(&[0xc3; 128]);
    der.extend_from_slice(&[0x02, 0x03, 0x01, 0x00, 0x01]);
    let error = ProvenanceKey::from_spki_der(&der).unwrap_err();
    let ProvenanceKeyError::Malformed(source) = &error else { panic!("{error:?}") };
    assert!(source.to_string().contains("1024 bits"), "{source}");
}

#[test]
fn post_quantum_keys_are_refused() {
    // SubjectPublicKeyInfo { id-ml-dsa-44 }: read by the library, and by no builder in use.
    let mut der = hex::decode("30820532300b0609608648016503040311").unwrap();
    der.extend_from_slice(&[0x03, 0x82, 0x05, 0x21, 0x00]);
    der.extend_from_slice(&[0x5a; 1312]);
    assert!(matches!(ProvenanceKey::from_spki_der(&der), Err(ProvenanceKeyError::Algorithm)));
}

#[test]
fn debug_shows_the_algorithm_only() {
    assert_eq!(format!("{:?}", Signer::ed25519().key()), "ProvenanceKey(\"ED25519\")");
}

proptest! {
    #[test]
    fn any_bytes_are_answered(bytes in proptest::collection::vec(any::<u8>(), 0..256)) {
        prop_assert!(ProvenanceKey::from_spki_der(&bytes).is_err());
    }
}
