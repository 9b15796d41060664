//! Whole envelopes, from bytes to claims.

use palisade_core::Sha256Digest;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::forge::{BUILDER, REPOSITORY, SUBJECT, Signer, pins, policy, statement};
use super::*;

fn verify(signer: &Signer, envelope: &Value) -> Result<CodeClaims, CodeError> {
    verify_dsse_provenance(envelope.to_string().as_bytes(), &[signer.key()], &policy(), &SUBJECT)
}

fn refusal(signer: &Signer, envelope: &Value) -> &'static str {
    verify(signer, envelope).unwrap_err().code()
}

#[test]
fn provenance_by_a_pinned_key_becomes_claims() {
    for signer in [Signer::ecdsa(), Signer::ed25519()] {
        let claims = verify(&signer, &signer.envelope(&statement())).unwrap();
        assert_eq!(
            claims,
            CodeClaims {
                build_type: "https://actions.github.io/buildtypes/workflow/v1".to_owned(),
                builder: BUILDER.to_owned(),
                predicate_type: SLSA_PROVENANCE_V1,
                signer: None,
                source: REPOSITORY.to_owned(),
                subject_digest: Sha256Digest::from(SUBJECT),
            }
        );
        assert_eq!(
            claims.measurements(),
            [format!("builder:{BUILDER}"), format!("source:{REPOSITORY}")]
        );
        assert!(claims.measurements().is_sorted());
    }
}

#[test]
fn another_key_accepts_nothing() {
    let signer = Signer::ecdsa();
    let envelope = signer.envelope(&statement()).to_string();
    for keys in [vec![], vec![Signer::ecdsa().key()], vec![Signer::ed25519().key()]] {
        let error =
            verify_dsse_provenance(envelope.as_bytes(), &keys, &policy(), &SUBJECT).unwrap_err();
        assert_eq!(error.code(), "signature_invalid");
    }
    let keys = [Signer::ed25519().key(), signer.key()];
    verify_dsse_provenance(envelope.as_bytes(), &keys, &policy(), &SUBJECT).unwrap();
}

#[test]
fn builder_that_is_not_pinned_is_refused() {
    let signer = Signer::ed25519();
    for builder in [
        "https://github.com/actions/runner/self-hosted",
        "https://github.com/actions/runner/github-hosted/",
        "https://github.com/actions/runner/github-hosted/v2",
        "https://github.com/actions/runner/github-hoste",
        "https://GitHub.com/actions/runner/github-hosted",
    ] {
        let mut statement = statement();
        statement["predicate"]["runDetails"]["builder"]["id"] = json!(builder);
        let error = verify(&signer, &signer.envelope(&statement)).unwrap_err();
        assert_eq!(error.code(), "builder_not_pinned");
        assert!(error.to_string().contains(builder));
    }
}

#[test]
fn source_that_is_not_pinned_is_refused() {
    let signer = Signer::ed25519();
    let mut statement = statement();
    let definition = &mut statement["predicate"]["buildDefinition"];
    definition["externalParameters"]["workflow"]["repository"] =
        json!("https://github.com/example/agent2");
    definition["resolvedDependencies"][0]["uri"] =
        json!("git+https://github.com/example/agent2@refs/heads/main");
    let error = verify(&signer, &signer.envelope(&statement)).unwrap_err();
    assert_eq!(error.code(), "source_not_pinned");
    assert_eq!(error.to_string(), "the source `https://github.com/example/agent2` is not pinned");
}

#[test]
fn provenance_of_another_artefact_is_refused() {
    let signer = Signer::ecdsa();
    let envelope = signer.envelope(&statement()).to_string();
    for bit in 0..256_usize {
        let mut other = SUBJECT;
        other[bit / 8] ^= 1 << (bit % 8);
        let error = verify_dsse_provenance(envelope.as_bytes(), &[signer.key()], &policy(), &other)
            .unwrap_err();
        assert_eq!(error.code(), "subject_mismatch");
    }
}

#[test]
fn what_is_refused_after_the_signature_was_signed_by_a_pinned_key() {
    // The same faults without a valid signature are faults of the signature: nothing is said
    // about a payload that nobody vouches for.
    let signer = Signer::ed25519();
    let stranger = Signer::ed25519();
    let mut statement = statement();
    statement["predicateType"] = json!("https://slsa.dev/verification_summary/v1");
    assert_eq!(refusal(&signer, &signer.envelope(&statement)), "predicate_type_unknown");
    assert_eq!(refusal(&signer, &stranger.envelope(&statement)), "signature_invalid");
}

#[test]
fn every_changed_byte_is_refused_or_changes_nothing() {
    let signer = Signer::ed25519();
    let keys = [signer.key()];
    let envelope = signer.envelope(&statement()).to_string().into_bytes();
    let claims = verify_dsse_provenance(&envelope, &keys, &policy(), &SUBJECT).unwrap();
    let mut still_accepted = 0;
    for position in 0..envelope.len() {
        for bit in [0, 1, 5] {
            let mut changed = envelope.clone();
            changed[position] ^= 1 << bit;
            if let Ok(others) = verify_dsse_provenance(&changed, &keys, &policy(), &SUBJECT) {
                assert_eq!(others, claims);
                still_accepted += 1;
            }
        }
    }
    // Only the name `keyid` is neither signed nor needed.
    assert!(still_accepted <= 15, "{still_accepted}");
}

#[test]
fn every_cut_is_refused() {
    let signer = Signer::ed25519();
    let keys = [signer.key()];
    let envelope = signer.envelope(&statement()).to_string().into_bytes();
    for length in 0..envelope.len() {
        assert!(
            verify_dsse_provenance(&envelope[..length], &keys, &policy(), &SUBJECT).is_err(),
            "{length}"
        );
    }
}

#[test]
fn too_many_bytes_are_refused() {
    let signer = Signer::ed25519();
    let keys = [signer.key()];
    let mut envelope = signer.envelope(&statement()).to_string();
    envelope.push_str(&" ".repeat(CODE_DOCUMENT_BYTES_MAX - envelope.len()));
    verify_dsse_provenance(envelope.as_bytes(), &keys, &policy(), &SUBJECT).unwrap();
    envelope.push(' ');
    let error =
        verify_dsse_provenance(envelope.as_bytes(), &keys, &policy(), &SUBJECT).unwrap_err();
    assert_eq!(error.code(), "json_refused");
}

#[test]
fn errors_have_distinct_codes_and_no_final_period() {
    let samples = [
        CodeError::BuilderNotPinned { builder: "b:c".to_owned() },
        CodeError::Envelope { why: "w" },
        CodeError::NotByWorkflow,
        CodeError::PayloadType,
        CodeError::PredicateType,
        CodeError::Signature,
        CodeError::SourceMissing,
        CodeError::Statement { why: "w" },
        CodeError::SubjectMismatch,
        CodeError::TooMany { what: "keys", count: 2, limit: 1 },
        CodeError::TrustedRootIncomplete { missing: "m" },
    ];
    let codes: std::collections::BTreeSet<_> = samples.iter().map(CodeError::code).collect();
    assert_eq!(codes.len(), samples.len());
    for error in &samples {
        assert!(!error.to_string().ends_with('.'));
    }
}

#[test]
fn policy_of_another_source_and_builder_accepts_theirs_only() {
    let signer = Signer::ed25519();
    let envelope = signer.envelope(&statement()).to_string();
    let mut pins = pins();
    pins.sources = vec!["https://github.com/example/*".to_owned()];
    let verify = |pins: &CodePins| {
        let policy = CodePolicy::new(pins).unwrap();
        verify_dsse_provenance(envelope.as_bytes(), &[signer.key()], &policy, &SUBJECT)
    };
    verify(&pins).unwrap();
    pins.sources = vec!["https://github.com/exampl/*".to_owned()];
    assert_eq!(verify(&pins).unwrap_err().code(), "source_not_pinned");
}

proptest! {
    #[test]
    fn any_bytes_are_answered(bytes in proptest::collection::vec(any::<u8>(), 0..512)) {
        let key = Signer::ed25519().key();
        prop_assert!(verify_dsse_provenance(&bytes, &[key], &policy(), &SUBJECT).is_err());
        prop_assert!(TrustedRoot::parse(&bytes).is_err());
    }

    #[test]
    fn any_payload_that_is_signed_is_answered(payload in ".{0,200}") {
        let signer = Signer::ed25519();
        let envelope = signer.envelope_of_bytes(payload.as_bytes());
        prop_assert!(verify(&signer, &envelope).is_err());
    }
}
