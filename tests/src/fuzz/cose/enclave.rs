//! An enclave of our own under a root of our own: it signs whatever it is told to.

use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair};
use ciborium::Value;
use palisade_attest::NitroRoots;
use palisade_core::EpochMillis;
use rcgen::{
    BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, PKCS_ECDSA_P384_SHA384,
    date_time_ymd,
};

/// The nonce that documents have to carry.
pub(in crate::fuzz) const NONCE: &[u8] = b"what the document is for";

/// `{1: -35}`: ES384.
const PROTECTED: &[u8] = &[0xa1, 0x01, 0x38, 0x22];

/// When documents are made: an hour after the certificate begins, two before it ends.
pub(in crate::fuzz) const fn made() -> EpochMillis {
    EpochMillis::new(1_772_326_800_000)
}

pub(super) struct Enclave {
    pub(super) roots: NitroRoots,
    /// The members `certificate` and `cabundle`, encoded.
    certificates: Vec<u8>,
    key: EcdsaKeyPair,
}

impl Enclave {
    pub(super) fn new() -> Self {
        let key = || KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).expect("a key");
        let mut root = CertificateParams::default();
        root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let root_key = key();
        let root_certificate = root.self_signed(&root_key).expect("a certificate");
        let mut leaf = CertificateParams::default();
        leaf.is_ca = IsCa::ExplicitNoCa;
        leaf.not_before = date_time_ymd(2026, 3, 1);
        leaf.not_after = date_time_ymd(2026, 3, 1) + Duration::from_hours(3);
        let leaf_key = key();
        let leaf = leaf.signed_by(&leaf_key, &Issuer::new(root, root_key)).expect("a certificate");
        let bundle = Value::Array(vec![Value::Bytes(root_certificate.der().to_vec())]);
        let certificates = [
            Value::from("certificate"),
            Value::Bytes(leaf.der().to_vec()),
            Value::from("cabundle"),
            bundle,
        ];
        let pkcs8 = leaf_key.serialize_der();
        Self {
            roots: NitroRoots::from_pem(&root_certificate.pem()).expect("a root"),
            certificates: certificates.iter().flat_map(encode).collect(),
            key: EcdsaKeyPair::from_pkcs8(&ECDSA_P384_SHA384_FIXED_SIGNING, &pkcs8).expect("a key"),
        }
    }

    /// A payload that begins so, see [`members`].
    pub(super) fn payload(&self, beginning: &[u8]) -> Vec<u8> {
        [beginning, &self.certificates].concat()
    }

    /// A document with this payload.
    pub(super) fn sign(&self, payload: &[u8]) -> Vec<u8> {
        let payload = encode(&Value::Bytes(payload.to_vec()));
        let protected = encode(&Value::Bytes(PROTECTED.to_vec()));
        // RFC 9052, section 4.4: the context, nothing from outside, and the payload.
        let signed = [&[0x84, 0x6a], b"Signature1".as_slice(), &protected, &[0x40], &payload];
        let signature = self.key.sign(&SystemRandom::new(), &signed.concat()).expect("a signature");
        let signature = encode(&Value::Bytes(signature.as_ref().to_vec()));
        [&[0x84], protected.as_slice(), &[0xa0], &payload, &signature].concat()
    }
}

/// The beginning of a payload: all members but the certificates, under a head that counts those.
pub(in crate::fuzz) fn members(members: &[(&str, Value)]) -> Vec<u8> {
    let head = 0xa0 + u8::try_from(members.len() + 2).expect("few members");
    let members = members.iter().flat_map(|(name, value)| [Value::from(*name), value.clone()]);
    [head].into_iter().chain(members.flat_map(|value| encode(&value))).collect()
}

fn encode(value: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    ciborium::into_writer(value, &mut bytes).expect("encoded");
    bytes
}
