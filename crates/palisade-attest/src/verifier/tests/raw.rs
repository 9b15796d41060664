//! Raw evidence through the front: TPM quotes, Nitro documents, and provenance of an image.

use std::collections::BTreeMap;
use std::sync::Mutex;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ciborium::Value as Cbor;
use palisade_catalog::ReferenceValues;
use palisade_core::{Attestation, EpochMillis, TrustTier};
use serde_json::{Value, json};

use super::{AgeLimits, Scene, VerifierConfig, VerifierKind, claims, references, set};
use crate::binding::Binding;
use crate::code::forge;
use crate::code_identity::{CodeTrust, DSSE_TYPE};
use crate::config::AttestationConfig;
use crate::evidence::Evidence;
use crate::fixtures::{NOW, PEP, Signer, bot, encode, later};
use crate::nitro::tests::enclave::{Enclave, made};
use crate::nitro::{NITRO_EVIDENCE_TYPE, NitroRoots};
use crate::nitro_verifier::NitroVerifier;
use crate::nonce::{NONCE_BYTES, NonceSource};
use crate::tpm::{AttestationKey, TPM_EVIDENCE_TYPE, TpmHash};
use crate::tpm_verifier::TpmVerifier;
use crate::verifier::AttestationVerifier;

const AK: &[u8] = include_bytes!("../../../../../tests/fixtures/attestation/tpm2/ak_ecc.tpmt.bin");
const AK_RSA: &[u8] =
    include_bytes!("../../../../../tests/fixtures/attestation/tpm2/ak_rsa.tpmt.bin");
const QUOTE: &[u8] = include_bytes!("../../../../../tests/fixtures/attestation/tpm2/quote_ecc.msg");
const SIGNATURE: &[u8] =
    include_bytes!("../../../../../tests/fixtures/attestation/tpm2/quote_ecc.sig");
/// Made 198 ms later, after register 23 had changed to [`LATER_REGISTER_23`].
const LATER_QUOTE: &[u8] =
    include_bytes!("../../../../../tests/fixtures/attestation/tpm2/quote_ecc.tampered.msg");
const LATER_SIGNATURE: &[u8] =
    include_bytes!("../../../../../tests/fixtures/attestation/tpm2/quote_ecc.tampered.sig");
const LATER_REGISTER_23: &str = "a59fd5bd6e6f1d27f9ab68d234953bfa517e9d79b20607dbd42393710e54b0f5";
const QUOTE_NONCE: &str = include_str!("../../../../../tests/fixtures/attestation/tpm2/nonce.hex");
const REGISTERS: &str = include_str!("../../../../../tests/fixtures/attestation/tpm2/pcrs.yaml");
const GENUINE: &[u8] =
    include_bytes!("../../../../../tests/fixtures/attestation/nitro/example_attestation");

/// The nonces it was given, in turn.
struct Given(Mutex<Vec<[u8; NONCE_BYTES]>>);

impl NonceSource for Given {
    fn fill(&self, nonce: &mut [u8; NONCE_BYTES]) -> Option<()> {
        *nonce = self.0.lock().ok()?.pop()?;
        Some(())
    }
}

fn config(name: &str, kind: VerifierKind) -> VerifierConfig {
    VerifierConfig { name: name.to_owned(), age: AgeLimits::default(), kind }
}

fn present(
    front: &AttestationVerifier,
    pieces: &[(&str, &[u8])],
    key_thumbprint: Option<&[u8; 32]>,
    reference: &ReferenceValues,
    now: EpochMillis,
) -> Result<Attestation, &'static str> {
    let evidence: Vec<_> =
        pieces.iter().map(|(media_type, body)| Evidence { media_type, body }).collect();
    let bot = bot();
    let binding = Binding { requester: PEP, actor: &bot, key_thumbprint };
    let attestation = front.verify(&evidence, &binding, reference, now);
    attestation.map(|found| (*found).clone()).map_err(|refusal| refusal.code)
}

/// What the recorded quote says, by register.
fn registers() -> BTreeMap<u8, String> {
    let lines = REGISTERS.lines().filter_map(|line| line.split_once(": 0x"));
    let read = |(index, value): (&str, &str)| {
        (index.trim().parse().expect("an index"), value.trim().to_ascii_lowercase())
    };
    lines.map(read).collect()
}

fn recorded_nonce() -> [u8; 32] {
    let nonce = hex::decode(QUOTE_NONCE.trim()).expect("digits");
    nonce.try_into().expect("32 bytes")
}

fn quote(key: Option<&[u8]>) -> Vec<u8> {
    quote_of(QUOTE, SIGNATURE, registers(), key)
}

fn quote_of(
    message: &[u8],
    signature: &[u8],
    registers: BTreeMap<u8, String>,
    key: Option<&[u8]>,
) -> Vec<u8> {
    let registers: BTreeMap<String, String> =
        registers.into_iter().map(|(index, value)| (index.to_string(), value)).collect();
    let mut quote = json!({
        "message": encode(message),
        "signature": encode(signature),
        "pcrs": { "sha256": registers },
    });
    if let Some(key) = key {
        quote["ak"] = json!(encode(key));
    }
    quote.to_string().into_bytes()
}

/// A front that knows these machines and gives out the nonce of the recorded quote.
fn tpm_front(machines: &[(&str, &[u8])], registers: &[u8]) -> AttestationVerifier {
    let machines = machines.iter().map(|(name, area)| {
        ((*name).to_owned(), AttestationKey::from_public(area).expect("a key"))
    });
    let tpm = TpmVerifier::new(machines, TpmHash::Sha256, registers.iter().copied().collect());
    let config = AttestationConfig::new(vec![config("tpm", VerifierKind::Tpm(tpm))]);
    let source = Given(Mutex::new(vec![recorded_nonce(); 2]));
    let front = AttestationVerifier::new(config, Box::new(source)).expect("usable");
    front.issue_nonce(PEP, &bot(), NOW).expect("issued");
    front
}

fn machine() -> AttestationVerifier {
    let indices: Vec<u8> = registers().into_keys().collect();
    tpm_front(&[("host-1", AK)], &indices)
}

fn tpm_reference() -> ReferenceValues {
    let value = &registers()[&23];
    references(&format!(
        "  host: {{ verifier: tpm, measurements: {{ pcr23: \"sha256:{value}\" }} }}"
    ))
}

#[test]
fn a_quote_that_meets_a_reference_value_is_affirmed() {
    let front = machine();
    let pieces = [(TPM_EVIDENCE_TYPE, quote(Some(AK)))];
    let pieces = pieces.each_ref().map(|(media_type, body)| (*media_type, body.as_slice()));
    let found = present(&front, &pieces, None, &tpm_reference(), NOW).expect("accepted");
    assert_eq!((found.subject.as_str(), found.tier), ("host-1", TrustTier::Affirming));
    assert_eq!(found.vector, [("executables".to_owned(), 3)]);
    assert_eq!((found.verifier.as_str(), found.references.join(",")), ("tpm", "host".to_owned()));
    assert!(found.nonce_fresh && !found.debug && found.measurements.len() == registers().len());
    assert_eq!((found.issued_at, found.expires_at), (NOW, later(3_600_000)));
    // Remembered, and to the millisecond.
    assert!(present(&front, &pieces, None, &tpm_reference(), later(3_599_999)).is_ok());
    let late = present(&front, &pieces, None, &tpm_reference(), later(3_600_000));
    assert_eq!(late, Err("expired"));
}

#[test]
fn a_quote_that_meets_no_reference_value_is_contraindicated() {
    let other = references("  host: { verifier: tpm, measurements: { pcr23: \"sha256:00\" } }");
    let body = quote(None);
    let found = present(&machine(), &[(TPM_EVIDENCE_TYPE, &body)], None, &other, NOW);
    let found = found.expect("accepted");
    assert_eq!(found.tier, TrustTier::Contraindicated);
    assert_eq!(found.vector, [("executables".to_owned(), 96)]);
    assert!(found.references.is_empty());
}

#[test]
fn a_quote_of_an_unknown_machine_or_for_somebody_else_is_refused() {
    let indices: Vec<u8> = registers().into_keys().collect();
    let present_to = |front: &AttestationVerifier, key: Option<&[u8]>| {
        let body = quote(key);
        let pieces = [(TPM_EVIDENCE_TYPE, body.as_slice())];
        present(front, &pieces, None, &tpm_reference(), NOW).err().unwrap_or("accepted")
    };
    let two = || tpm_front(&[("a", AK), ("b", AK_RSA)], &indices);
    assert_eq!(present_to(&two(), Some(AK)), "accepted");
    assert_eq!(present_to(&two(), None), "tpm_key_not_registered");
    let other = tpm_front(&[("b", AK_RSA)], &indices);
    assert_eq!(present_to(&other, Some(AK)), "tpm_key_not_registered");
    let fewer = tpm_front(&[("a", AK)], &[23]);
    assert_eq!(present_to(&fewer, Some(AK)), "tpm_pcr_selection");
    let front = machine();
    let body = quote(Some(AK));
    let pieces = [(TPM_EVIDENCE_TYPE, body.as_slice())];
    let late = present(&front, &pieces, None, &tpm_reference(), later(60_000));
    assert_eq!(late, Err("tpm_nonce_mismatch"));
    // Without a live nonce the proven key is not enough: a quote has no time in it.
    let nonce = recorded_nonce();
    let late = present(&front, &pieces, Some(&nonce), &tpm_reference(), later(60_000));
    assert_eq!(late, Err("tpm_nonce_mismatch"));
}

#[test]
fn a_changed_register_meets_no_reference_value_and_an_older_quote_comes_too_late() {
    let front = machine();
    let mut changed = registers();
    changed.insert(23, LATER_REGISTER_23.to_owned());
    let later_quote = quote_of(LATER_QUOTE, LATER_SIGNATURE, changed, Some(AK));
    let later_quote = [(TPM_EVIDENCE_TYPE, later_quote.as_slice())];
    let found = present(&front, &later_quote, None, &tpm_reference(), NOW).expect("accepted");
    assert_eq!(found.tier, TrustTier::Contraindicated);
    // Even under a live nonce the machine cannot go back to what it was before.
    front.issue_nonce(PEP, &bot(), NOW).expect("issued");
    let earlier = quote(Some(AK));
    let earlier = [(TPM_EVIDENCE_TYPE, earlier.as_slice())];
    let refused = present(&front, &earlier, None, &tpm_reference(), NOW);
    assert_eq!(refused, Err("tpm_quote_went_back"));
}

fn enclave_front(roots: NitroRoots) -> AttestationVerifier {
    let kind = VerifierKind::Nitro(NitroVerifier { roots });
    let config = AttestationConfig::new(vec![config("enclave", kind)]);
    let source = Given(Mutex::new(vec![[5; 32]]));
    let front = AttestationVerifier::new(config, Box::new(source)).expect("usable");
    front.issue_nonce(PEP, &bot(), made()).expect("issued");
    front
}

/// A document with these members changed, and a front that knows its root.
fn enclave(changes: &[(&str, Cbor)]) -> (AttestationVerifier, Vec<u8>) {
    let enclave = Enclave::new();
    let mut payload = enclave.payload();
    for (name, value) in changes {
        payload.set(name, value.clone());
    }
    let document = enclave.sign(&payload.bytes());
    (enclave_front(enclave.roots), document)
}

fn image_reference(debug: bool, value: u8) -> ReferenceValues {
    let value = hex::encode([value; 48]);
    references(&format!(
        "  agent: {{ verifier: enclave, measurements: {{ pcr0: \"sha384:{value}\" }}, debug: {debug} }}"
    ))
}

#[test]
fn a_nitro_document_is_bound_by_nonce_data_or_key() {
    let holder = Signer::es256();
    let key = holder.public();
    let nonce = || Cbor::Bytes(vec![5; 32]);
    let thumbprint = Cbor::Bytes(key.thumbprint().to_vec());
    for (member, value, proven, want) in [
        ("nonce", nonce(), None, Ok(true)),
        ("user_data", nonce(), None, Ok(true)),
        ("public_key", nonce(), None, Err("not_bound")),
        ("nonce", Cbor::Bytes(vec![6; 32]), None, Err("not_bound")),
        ("nonce", Cbor::Bytes(vec![5; 31]), None, Err("not_bound")),
        ("user_data", thumbprint.clone(), Some(key.thumbprint()), Ok(false)),
        ("user_data", thumbprint, None, Err("not_bound")),
        ("public_key", Cbor::Bytes(holder.spki_der()), Some(key.thumbprint()), Ok(false)),
        ("public_key", Cbor::Bytes(holder.spki_der()), None, Err("not_bound")),
    ] {
        let (front, document) = enclave(&[(member, value)]);
        let pieces = [(NITRO_EVIDENCE_TYPE, document.as_slice())];
        let found = present(&front, &pieces, proven, &image_reference(false, 1), made());
        assert_eq!(found.clone().map(|found| found.nonce_fresh), want, "{member}");
        if let Ok(found) = found {
            assert_eq!(found.tier, TrustTier::Affirming);
            assert_eq!(found.references, ["agent"]);
            assert_eq!(found.subject, "i-0123456789abcdef0-enc0123456789abcdef");
        }
    }
}

#[test]
fn a_nitro_document_of_another_image_is_contraindicated() {
    let (front, document) = enclave(&[("nonce", Cbor::Bytes(vec![5; 32]))]);
    let pieces = [(NITRO_EVIDENCE_TYPE, document.as_slice())];
    let found = present(&front, &pieces, None, &image_reference(false, 9), made());
    assert_eq!(found.map(|found| found.tier), Ok(TrustTier::Contraindicated));
}

#[test]
fn an_enclave_in_debug_mode_is_refused_unless_a_reference_value_allows_it() {
    let zeros = [0, 1, 2, 3, 4, 8].map(|pcr| (Cbor::from(pcr), Cbor::Bytes(vec![0; 48])));
    let zeros = Cbor::Map(zeros.to_vec());
    let changes = [("nonce", Cbor::Bytes(vec![5; 32])), ("pcrs", zeros)];
    for (reference, want) in [
        (image_reference(false, 0), Err("debug")),
        (image_reference(true, 1), Err("debug")),
        (ReferenceValues::default(), Err("debug")),
        (image_reference(true, 0), Ok((TrustTier::Affirming, true))),
    ] {
        let (front, document) = enclave(&changes);
        let pieces = [(NITRO_EVIDENCE_TYPE, document.as_slice())];
        let found = present(&front, &pieces, None, &reference, made());
        assert_eq!(found.map(|found| (found.tier, found.debug)), want);
    }
}

#[test]
fn a_nitro_document_expires_and_leads_to_a_root() {
    let (front, document) = enclave(&[("nonce", Cbor::Bytes(vec![5; 32]))]);
    let pieces = [(NITRO_EVIDENCE_TYPE, document.as_slice())];
    let reference = image_reference(false, 1);
    let at = |millis: i64| EpochMillis::new(made().as_millis() + millis);
    assert!(present(&front, &pieces, None, &reference, made()).is_ok());
    assert!(present(&front, &pieces, None, &reference, at(3_599_999)).is_ok());
    assert_eq!(present(&front, &pieces, None, &reference, at(3_600_000)), Err("expired"));
    assert_eq!(present(&front, &pieces, None, &reference, at(3_600_000)), Err("nitro_expired"));
    let other = enclave_front(Enclave::new().roots);
    let refused = present(&other, &pieces, None, &reference, made());
    assert_eq!(refused, Err("nitro_certificate_invalid"));
}

#[test]
fn the_genuine_nitro_document_is_bound_to_nobody_here() {
    let front = enclave_front(NitroRoots::aws().expect("built in"));
    let document = STANDARD.decode(GENUINE).expect("base64");
    let pieces = [(NITRO_EVIDENCE_TYPE, document.as_slice())];
    let at = |now| present(&front, &pieces, None, &ReferenceValues::default(), now).err();
    assert_eq!(at(NOW), Some("nitro_expired"));
    assert_eq!(at(EpochMillis::new(1_725_911_352_400)), Some("not_bound"));
}

/// A result about [`forge::SUBJECT`], with provenance, and what it is compared with.
fn provenance(
    image: &Value,
    pieces: impl Fn(&forge::Signer) -> Vec<Vec<u8>>,
    trusted: bool,
    reference: &str,
) -> Result<Attestation, &'static str> {
    let Scene { signer, front: _, reference: _ } = Scene::new();
    let builder = forge::Signer::ecdsa();
    let code = CodeTrust { policy: forge::policy(), keys: vec![builder.key()], trusted_root: None };
    let ear = super::ear_config("ear", std::sync::Arc::new(signer.keys()));
    let config =
        AttestationConfig { code: trusted.then_some(code), ..AttestationConfig::new(vec![ear]) };
    let source = Given(Mutex::new(vec![[5; 32]]));
    let front = AttestationVerifier::new(config, Box::new(source)).expect("usable");
    front.issue_nonce(PEP, &bot(), NOW).expect("issued");
    assert_eq!(front.accepted_media_types().contains(&DSSE_TYPE.to_owned()), trusted);
    let mut claims = claims(&[5; 32]);
    set(&mut claims, "/submods/vm/image", image.clone());
    let token = signer.token(&claims);
    let packed = pieces(&builder);
    let mut evidence = vec![("application/eat+jwt", token.as_bytes())];
    evidence.extend(packed.iter().map(|body| (DSSE_TYPE, body.as_slice())));
    present(&front, &evidence, None, &references(reference), NOW)
}

fn signed(builder: &forge::Signer) -> Vec<Vec<u8>> {
    vec![builder.envelope(&forge::statement()).to_string().into_bytes()]
}

fn subject() -> Value {
    json!(format!("sha256:{}", hex::encode(forge::SUBJECT)))
}

#[test]
fn provenance_of_the_attested_image_says_who_built_it() {
    let reference = |builder: &str, source: &str| {
        let image = hex::encode(forge::SUBJECT);
        format!(
            "  agent: {{ verifier: ear, measurements: {{ image: \"sha256:{image}\" }}, \
             code: {{ builder: \"{builder}\", source: \"{source}\" }} }}"
        )
    };
    let good = reference(forge::BUILDER, forge::REPOSITORY);
    let found = provenance(&subject(), signed, true, &good).expect("accepted");
    assert_eq!(found.references, ["agent"]);
    assert!(found.measurements.contains(&format!("builder:{}", forge::BUILDER)));
    assert!(found.measurements.contains(&format!("source:{}", forge::REPOSITORY)));
    assert!(found.measurements.is_sorted());
    for reference in
        [reference("https://other", forge::REPOSITORY), reference(forge::BUILDER, "https://x/y")]
    {
        let found = provenance(&subject(), signed, true, &reference).expect("accepted");
        assert!(found.references.is_empty());
    }
    let without = provenance(&subject(), |_| Vec::new(), true, &good).expect("accepted");
    assert!(without.references.is_empty());
}

#[test]
fn provenance_of_anything_else_is_refused() {
    let reference = "  agent: { verifier: ear, measurements: { image: x } }";
    let other = json!(format!("sha256:{}", "00".repeat(32)));
    let refused = provenance(&other, signed, true, reference).err();
    assert_eq!(refused, Some("subject_mismatch"));
    for image in [Value::Null, json!("sha512:aa"), json!("sha256:aa"), json!([subject(), other])] {
        let refused = provenance(&image, signed, true, reference).err();
        assert_eq!(refused, Some("code_without_image"), "{image}");
    }
    assert_eq!(provenance(&subject(), signed, false, reference).err(), Some("media_type"));
    let twice = |builder: &forge::Signer| [signed(builder), signed(builder)].concat();
    assert_eq!(provenance(&subject(), twice, true, reference).err(), Some("several_provenances"));
    let stranger = |_: &forge::Signer| signed(&forge::Signer::ecdsa());
    assert!(provenance(&subject(), stranger, true, reference).is_err());
}

#[test]
fn provenance_alone_attests_nothing() {
    let scene = Scene::new();
    let envelope = signed(&forge::Signer::ecdsa()).concat();
    let pieces = [(DSSE_TYPE, envelope.as_slice())];
    let refused = present(&scene.front, &pieces, None, &scene.reference, NOW);
    assert_eq!(refused, Err("no_attestation"));
}
