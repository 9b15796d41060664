//! Evidence to verify, and whoever verifies it: an attestation service and an enclave of our own,
//! and what a TPM and AWS have signed for the tests.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P384_SHA384_FIXED, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _,
    ParsedPublicKey,
};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ciborium::Value as Cbor;
use palisade_attest::{
    AgeLimits, AttestationConfig, AttestationKey, AttestationVerifier, Binding, EAT_JWT_TYPE,
    EarVerifier, Evidence, MeasurementClaim, NITRO_EVIDENCE_TYPE, NONCE_BYTES, NitroRoots,
    NitroVerifier, NonceSource, SystemNonces, TPM_EVIDENCE_TYPE, TpmHash, TpmVerifier,
    VerifierConfig, VerifierKind,
};
use palisade_catalog::ReferenceValues;
use palisade_core::{Actor, EpochMillis};
use rcgen::{
    BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, PKCS_ECDSA_P384_SHA384,
    date_time_ymd,
};
use serde_json::json;

use crate::credentials::{NOW, Signer};

macro_rules! recorded {
    ($file:literal) => {
        include_bytes!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../tests/fixtures/attestation/",
            $file
        ))
        .as_slice()
    };
}

const REQUESTER: &str = "spiffe://corp/gateway";

/// When [`recorded_nitro_document`] was made.
pub const RECORDED_AT: EpochMillis = EpochMillis::new(1_725_911_352_400);

/// One piece of evidence, and whoever verifies it.
pub struct Case {
    /// What it is.
    pub name: &'static str,
    media_type: &'static str,
    /// The evidence.
    pub body: Vec<u8>,
    nonce: [u8; NONCE_BYTES],
    verifier: Box<dyn Fn() -> VerifierKind>,
    actor: Actor,
    reference: ReferenceValues,
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Case").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Case {
    /// A front that has verified nothing yet, and has issued the nonce of the evidence.
    #[must_use]
    pub fn front(&self) -> AttestationVerifier {
        let verifier = VerifierConfig {
            name: "v".to_owned(),
            age: AgeLimits::default(),
            kind: (self.verifier)(),
        };
        let source = Box::new(Same(self.nonce));
        let config = AttestationConfig::new(vec![verifier]);
        let front = AttestationVerifier::new(config, source).expect("usable");
        front.issue_nonce(REQUESTER, &self.actor, NOW).expect("a nonce");
        front
    }

    /// Verifies the evidence.
    ///
    /// # Panics
    /// It is not accepted.
    pub fn verify(&self, front: &AttestationVerifier) {
        let Self { media_type, body, actor, reference, .. } = self;
        let evidence = [Evidence { media_type, body }];
        let binding = Binding { requester: REQUESTER, actor, key_thumbprint: None };
        front.verify(&evidence, &binding, reference, NOW).expect("accepted");
    }
}

/// An EAR of an attestation service, a quote of a TPM, and a document of an enclave.
#[must_use]
pub fn cases() -> Vec<Case> {
    vec![ear(), tpm_quote(), nitro_document()]
}

fn case(
    name: &'static str,
    media_type: &'static str,
    (body, nonce): (Vec<u8>, [u8; NONCE_BYTES]),
    verifier: Box<dyn Fn() -> VerifierKind>,
) -> Case {
    let actor = "agent:corp:bot".parse().expect("an actor");
    let reference = ReferenceValues::default();
    Case { name, media_type, body, nonce, verifier, actor, reference }
}

fn ear() -> Case {
    let signer = Signer::es256();
    let nonce = [7; NONCE_BYTES];
    let body = ear_at(NOW, &nonce, &signer).into_bytes();
    let verifier = move || ear_verifier(&signer);
    case("EAR, ES256", EAT_JWT_TYPE, (body, nonce), Box::new(verifier))
}

/// An EAR with this nonce, issued at this time.
#[must_use]
pub fn ear_at(now: EpochMillis, nonce: &[u8], signer: &Signer) -> String {
    let claims = json!({
        "eat_profile": "tag:github.com,2023:veraison/ear", "iat": now.as_millis() / 1000,
        "eat_nonce": URL_SAFE_NO_PAD.encode(nonce),
        "ear.verifier-id": {"build": "1", "developer": "us"},
        "submods": {"vm": {"ear.status": "affirming", "image": "sha256:aa"}},
    });
    signer.sign("JWT", &claims)
}

fn ear_verifier(signer: &Signer) -> VerifierKind {
    VerifierKind::Ear(EarVerifier {
        keys: Arc::new(signer.keys()),
        issuer: None,
        audience: None,
        submod: None,
        measurements: vec![MeasurementClaim::new("image", "/image").expect("a pointer")],
    })
}

/// What verifies EARs of this signer.
///
/// # Panics
/// It cannot be made.
#[must_use]
pub fn ear_front(signer: &Signer) -> AttestationVerifier {
    let kind = ear_verifier(signer);
    let verifier = VerifierConfig { name: "v".to_owned(), age: AgeLimits::default(), kind };
    let config = AttestationConfig::new(vec![verifier]);
    AttestationVerifier::new(config, Box::new(SystemNonces)).expect("usable")
}

fn tpm_quote() -> Case {
    let nonce = hex::decode(recorded!("tpm2/nonce.hex").trim_ascii()).expect("digits");
    let text = std::str::from_utf8(recorded!("tpm2/pcrs.yaml")).expect("text");
    let lines = text.lines().filter_map(|line| line.split_once(": 0x"));
    let registers: BTreeMap<&str, String> =
        lines.map(|(index, value)| (index.trim(), value.trim().to_lowercase())).collect();
    let selected: BTreeSet<u8> =
        registers.keys().map(|index| index.parse().expect("a number")).collect();
    let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let body = json!({
        "message": encode(recorded!("tpm2/quote_ecc.msg")),
        "signature": encode(recorded!("tpm2/quote_ecc.sig")),
        "ak": encode(recorded!("tpm2/ak_ecc.tpmt.bin")),
        "pcrs": {"sha256": registers},
    });
    let verifier = move || {
        let key = AttestationKey::from_public(recorded!("tpm2/ak_ecc.tpmt.bin")).expect("a key");
        let machines = [("host".to_owned(), key)];
        VerifierKind::Tpm(TpmVerifier::new(machines, TpmHash::Sha256, selected.clone()))
    };
    let evidence = (body.to_string().into_bytes(), nonce.try_into().expect("32 bytes"));
    case("TPM quote, P-256", TPM_EVIDENCE_TYPE, evidence, Box::new(verifier))
}

/// A document of an enclave of our own, under two authorities: AWS has four.
fn nitro_document() -> Case {
    let key = || KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).expect("a key");
    let authority = |name: &str| {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        params
    };
    let (root, root_key) = (authority("root"), key());
    let root_certificate = root.self_signed(&root_key).expect("a certificate");
    let root = Issuer::new(root, root_key);
    let (zone, zone_key) = (authority("zone"), key());
    let zone_certificate = zone.signed_by(&zone_key, &root).expect("a certificate");
    let mut leaf = CertificateParams::default();
    leaf.not_before = date_time_ymd(2026, 11, 22);
    leaf.not_after = date_time_ymd(2026, 11, 23);
    let leaf_key = key();
    let leaf = leaf.signed_by(&leaf_key, &Issuer::new(zone, zone_key)).expect("a certificate");
    let nonce = [9; NONCE_BYTES];
    let register = |index: u8| (Cbor::from(index), Cbor::Bytes(vec![index + 1; 48]));
    let authorities = [root_certificate.der().to_vec(), zone_certificate.der().to_vec()];
    let members = [
        ("module_id", Cbor::from("i-0123456789abcdef0-enc0123456789abcdef")),
        ("digest", Cbor::from("SHA384")),
        ("timestamp", Cbor::from(NOW.as_millis())),
        ("pcrs", Cbor::Map((0..16).map(register).collect())),
        ("certificate", Cbor::Bytes(leaf.der().to_vec())),
        ("cabundle", Cbor::Array(authorities.map(Cbor::Bytes).into())),
        ("nonce", Cbor::Bytes(nonce.to_vec())),
    ];
    let members = members.map(|(name, value)| (Cbor::from(name), value)).into();
    let document = sign1(&leaf_key, &Cbor::Map(members));
    let pem = root_certificate.pem();
    let verifier = move || {
        VerifierKind::Nitro(NitroVerifier { roots: NitroRoots::from_pem(&pem).expect("a root") })
    };
    case("Nitro document, P-384", NITRO_EVIDENCE_TYPE, (document, nonce), Box::new(verifier))
}

/// A `COSE_Sign1` with ES384 (RFC 9052, section 4.4).
fn sign1(key: &KeyPair, payload: &Cbor) -> Vec<u8> {
    let encode = |value: &Cbor| {
        let mut bytes = Vec::new();
        ciborium::into_writer(value, &mut bytes).expect("encoded");
        bytes
    };
    let protected = encode(&Cbor::Bytes(vec![0xa1, 0x01, 0x38, 0x22]));
    let payload = encode(&Cbor::Bytes(encode(payload)));
    let signed = [&[0x84, 0x6a], b"Signature1".as_slice(), &protected, &[0x40], &payload].concat();
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P384_SHA384_FIXED_SIGNING, &key.serialize_der());
    let signature = pair.expect("a key").sign(&SystemRandom::new(), &signed).expect("a signature");
    let signature = encode(&Cbor::Bytes(signature.as_ref().to_vec()));
    [&[0x84], protected.as_slice(), &[0xa0], &payload, &signature].concat()
}

/// A document that AWS has signed, under five certificates.
#[must_use]
pub fn recorded_nitro_document() -> Vec<u8> {
    STANDARD.decode(recorded!("nitro/example_attestation")).expect("base64")
}

/// A signature on P-384, of as many bytes as a document's payload has, and its key.
#[must_use]
pub fn p384_signature() -> (ParsedPublicKey, Vec<u8>, Vec<u8>) {
    let pair = EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).expect("a key");
    let message = vec![7; 4_096];
    let signature = pair.sign(&SystemRandom::new(), &message).expect("a signature");
    let key = ParsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, pair.public_key().as_ref());
    (key.expect("a public key"), message, signature.as_ref().to_vec())
}

/// How old a recorded document may be.
pub const RECORDED_AGE: Duration = Duration::from_hours(1);

/// The same nonce every time.
struct Same([u8; NONCE_BYTES]);

impl NonceSource for Same {
    fn fill(&self, nonce: &mut [u8; NONCE_BYTES]) -> Option<()> {
        *nonce = self.0;
        Some(())
    }
}
