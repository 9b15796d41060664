//! An enclave of our own under a root of our own: it signs whatever it is told to.

use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair};
use ciborium::Value;
use palisade_core::EpochMillis;
use rcgen::{
    BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, PKCS_ECDSA_P256_SHA256,
    PKCS_ECDSA_P384_SHA384, SignatureAlgorithm, date_time_ymd,
};

use crate::nitro::{
    NitroClaims, NitroError, NitroExpectation, NitroFreshness, NitroRoots, verify_nitro_document,
};

pub(crate) const NONCE: &[u8] = b"what the document is for";

/// `{1: -35}`.
pub(crate) const ES384: &[u8] = &[0xa1, 0x01, 0x38, 0x22];

const HOUR: Duration = Duration::from_secs(3600);

/// When the documents are made: an hour after the leaf begins, two before it ends.
pub(crate) fn made() -> EpochMillis {
    EpochMillis::parse_rfc3339("2026-03-01T01:00:00Z").unwrap()
}

pub(crate) struct Enclave {
    pub(crate) roots: NitroRoots,
    /// Root and intermediate.
    pub(crate) bundle: Vec<Vec<u8>>,
    pub(crate) leaf: Vec<u8>,
    /// PKCS #8.
    key: Vec<u8>,
}

impl Enclave {
    pub(crate) fn new() -> Self {
        Self::with(&PKCS_ECDSA_P384_SHA384, &PKCS_ECDSA_P384_SHA384, IsCa::ExplicitNoCa)
    }

    /// With these algorithms of the authorities and of the leaf.
    pub(crate) fn with(
        authority: &'static SignatureAlgorithm,
        own: &'static SignatureAlgorithm,
        leaf_is_ca: IsCa,
    ) -> Self {
        let ca = |name: &str| {
            let mut params = CertificateParams::default();
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            params.distinguished_name.push(rcgen::DnType::CommonName, name);
            params
        };
        let (root, root_key) = (ca("root"), KeyPair::generate_for(authority).unwrap());
        let root_certificate = root.self_signed(&root_key).unwrap();
        let root = Issuer::new(root, root_key);
        let (zone, zone_key) = (ca("zone"), KeyPair::generate_for(authority).unwrap());
        let zone_certificate = zone.signed_by(&zone_key, &root).unwrap();
        let mut leaf = CertificateParams::default();
        leaf.is_ca = leaf_is_ca;
        leaf.not_before = date_time_ymd(2026, 3, 1);
        leaf.not_after = date_time_ymd(2026, 3, 1) + 3 * HOUR;
        let leaf_key = KeyPair::generate_for(own).unwrap();
        let leaf = leaf.signed_by(&leaf_key, &Issuer::new(zone, zone_key)).unwrap();
        Self {
            roots: NitroRoots::from_pem(&root_certificate.pem()).unwrap(),
            bundle: vec![root_certificate.der().to_vec(), zone_certificate.der().to_vec()],
            leaf: leaf.der().to_vec(),
            key: leaf_key.serialize_der(),
        }
    }

    /// The members of a good document.
    pub(crate) fn payload(&self) -> Payload {
        let pcrs = [0_u8, 1, 2, 3, 4, 8];
        let pcrs = pcrs.map(|pcr| (Value::from(pcr), Value::Bytes(vec![pcr + 1; 48]))).to_vec();
        let bundle = self.bundle.iter().map(|der| Value::Bytes(der.clone())).collect();
        Payload(vec![
            (text("module_id"), text("i-0123456789abcdef0-enc0123456789abcdef")),
            (text("digest"), text("SHA384")),
            (text("timestamp"), Value::from(made().as_millis())),
            (text("pcrs"), Value::Map(pcrs)),
            (text("certificate"), Value::Bytes(self.leaf.clone())),
            (text("cabundle"), Value::Array(bundle)),
            (text("public_key"), Value::Bytes(b"key".to_vec())),
            (text("user_data"), Value::Bytes(b"data".to_vec())),
            (text("nonce"), Value::Bytes(NONCE.to_vec())),
        ])
    }

    /// A document whose payload is these bytes.
    pub(crate) fn sign(&self, payload: &[u8]) -> Vec<u8> {
        self.sign_under(ES384, payload)
    }

    /// The same under another protected header.
    pub(crate) fn sign_under(&self, protected: &[u8], payload: &[u8]) -> Vec<u8> {
        document(protected, &[0xa0], payload, &self.signature(protected, payload))
    }

    /// The signature of a `Signature1` (RFC 9052, section 4.4).
    pub(crate) fn signature(&self, protected: &[u8], payload: &[u8]) -> Vec<u8> {
        let signed =
            [&[0x84, 0x6a][..], b"Signature1", &bytes(protected), &bytes(b""), &bytes(payload)]
                .concat();
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P384_SHA384_FIXED_SIGNING, &self.key).unwrap();
        key.sign(&SystemRandom::new(), &signed).unwrap().as_ref().to_vec()
    }

    /// The answer to a document, at the time it was made.
    pub(crate) fn answer(&self, document: &[u8]) -> Result<NitroClaims, NitroError> {
        verify_nitro_document(document, &self.roots, &expectation())
    }

    /// The answer to a good document after this change of its payload.
    pub(crate) fn answer_after(
        &self,
        change: impl FnOnce(&mut Payload),
    ) -> Result<NitroClaims, NitroError> {
        let mut payload = self.payload();
        change(&mut payload);
        self.answer(&self.sign(&payload.bytes()))
    }
}

pub(crate) fn expectation() -> NitroExpectation<'static> {
    let freshness = NitroFreshness::Nonce(&[NONCE]);
    NitroExpectation { now: made(), max_age: HOUR, freshness }
}

/// An enclave whose authorities or whose own key are on P-256.
pub(crate) fn on_p256(authorities: bool) -> Enclave {
    if authorities {
        Enclave::with(&PKCS_ECDSA_P256_SHA256, &PKCS_ECDSA_P384_SHA384, IsCa::ExplicitNoCa)
    } else {
        let other =
            Enclave::with(&PKCS_ECDSA_P384_SHA384, &PKCS_ECDSA_P256_SHA256, IsCa::ExplicitNoCa);
        Enclave { key: Enclave::new().key, ..other }
    }
}

/// Members of a payload, in order.
pub(crate) struct Payload(pub(crate) Vec<(Value, Value)>);

impl Payload {
    pub(crate) fn set(&mut self, name: &str, value: Value) {
        self.remove(name);
        self.0.push((text(name), value));
    }

    pub(crate) fn remove(&mut self, name: &str) {
        self.0.retain(|(key, _)| *key != text(name));
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        ciborium::into_writer(&Value::Map(self.0.clone()), &mut bytes).unwrap();
        bytes
    }
}

pub(crate) fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

/// A `COSE_Sign1` without a tag. The unprotected header is CBOR already.
pub(crate) fn document(
    protected: &[u8],
    unprotected: &[u8],
    payload: &[u8],
    signature: &[u8],
) -> Vec<u8> {
    [&[0x84], bytes(protected).as_slice(), unprotected, &bytes(payload), &bytes(signature)].concat()
}

/// A byte string in CBOR.
pub(crate) fn bytes(content: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    ciborium::into_writer(&Value::Bytes(content.to_vec()), &mut bytes).unwrap();
    bytes
}
