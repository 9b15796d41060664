//! Genuine bundles: every verdict, and what becomes of them when somebody alters them.
//!
//! The bundles and trusted roots are those that the `sigstore-*` crates carry with their sources.
//! Cargo has these on disk, at the version and checksum of `Cargo.lock`. Most of them come from
//! the test suites of sigstore-python, sigstore-js and sigstore-conformance.

mod alterations;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::super::{CodeClaims, CodePins, CodePolicy, verify_sigstore_bundle};
use super::*;

const BUNDLES: &str = "sigstore-verify/test_data/bundles";
/// A case of sigstore-conformance: its beacon signed provenance of somebody else's build.
const BORROWED: &str = "sigstore-bundle/tests/fixtures/happy-path.json";
/// Another statement by another workflow, whose parts are good elsewhere.
const FOREIGN: &str = "sigstore-verify/test_data/bundles/conda-attestation.sigstore.json";
const PUBLIC_GOOD: &str = "sigstore-trust-root/src/trusted_root.json";
const STAGING: &str = "sigstore-trust-root/src/trusted_root_staging.json";

const BEACON: &str = "https://github.com/sigstore-conformance/extremely-dangerous-public-oidc-beacon/.github/workflows/extremely-dangerous-oidc-beacon.yml@refs/heads/main";
const ISSUER: &str = "https://token.actions.githubusercontent.com";

/// Where Cargo keeps the sources of the `sigstore-*` crates.
static SOURCES: LazyLock<BTreeMap<String, PathBuf>> = LazyLock::new(|| {
    // A crate that only another platform needs may not be on disk; then Cargo has to fetch it.
    let run = |network: &[&str]| {
        Command::new(env!("CARGO"))
            .args(["metadata", "--format-version", "1", "--locked"])
            .args(network)
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output()
            .unwrap()
    };
    let offline = run(&["--offline"]);
    let output = if offline.status.success() { offline } else { run(&[]) };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    metadata["packages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|package| {
            let manifest = Path::new(package["manifest_path"].as_str().unwrap());
            (package["name"].as_str().unwrap().to_owned(), manifest.parent().unwrap().to_owned())
        })
        .collect()
});

/// A file of a crate, as `<crate>/<path>`.
fn file(name: &str) -> Vec<u8> {
    let (package, path) = name.split_once('/').unwrap();
    let path = SOURCES[package].join(path);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn json_file(name: &str) -> Value {
    serde_json::from_slice(&file(name)).unwrap()
}

fn root(name: &str) -> TrustedRoot {
    TrustedRoot::parse(&file(name)).unwrap()
}

/// The SHA-256 that a bundle is about, as it says itself.
fn subject_of(bundle: &Value) -> [u8; 32] {
    if let Some(digest) = bundle.pointer("/messageSignature/messageDigest/digest") {
        let digest = STANDARD.decode(digest.as_str().unwrap()).unwrap();
        return digest.try_into().unwrap_or([0; 32]);
    }
    let payload = bundle["dsseEnvelope"]["payload"].as_str().unwrap_or_default();
    let statement: Value =
        serde_json::from_slice(&STANDARD.decode(payload).unwrap()).unwrap_or_default();
    let digest = statement["subject"][0]["digest"]["sha256"].as_str().unwrap_or_default();
    hex::decode(digest).unwrap().try_into().unwrap_or([0; 32])
}

fn verify_alone(bundle: &Value, root: &TrustedRoot) -> Result<VerifiedBundle, CodeError> {
    root.verify(bundle.to_string().as_bytes(), &subject_of(bundle))
}

/// What becomes of a bundle before anybody asks who signed it: `Ok` says whether it holds a
/// statement and whether a workflow signed it.
type Verdict = Result<(bool, bool), &'static str>;

#[rustfmt::skip]
const VERDICTS: [(&str, &str, Verdict); 25] = [
    ("sigstore-bundle/tests/fixtures/bundle_v3.json", STAGING, Ok((false, false))),
    (BORROWED, PUBLIC_GOOD, Ok((true, true))),
    ("sigstore-tsa/test_data/timestamps/payload_mismatch_bundle.json", STAGING, Err("timestamp_invalid")),
    ("sigstore-tsa/test_data/timestamps/valid_bundle.json", "sigstore-tsa/test_data/timestamps/valid_trusted_root.json", Ok((false, true))),
    ("sigstore-verify/test_data/bundles/bundle_cve_2022_36056.txt.sigstore", STAGING, Err("log_entry_invalid")),
    ("sigstore-verify/test_data/bundles/bundle_invalid_version.txt.sigstore", STAGING, Err("bundle_invalid")),
    ("sigstore-verify/test_data/bundles/bundle_no_cert_v1.txt.sigstore", STAGING, Err("bundle_invalid")),
    ("sigstore-verify/test_data/bundles/bundle_no_checkpoint.txt.sigstore", STAGING, Err("bundle_invalid")),
    ("sigstore-verify/test_data/bundles/bundle_no_log_entry.txt.sigstore", STAGING, Err("bundle_invalid")),
    ("sigstore-verify/test_data/bundles/bundle_v3_github.whl.sigstore", PUBLIC_GOOD, Ok((false, true))),
    ("sigstore-verify/test_data/bundles/bundle_v3_no_signed_time.txt.sigstore.json", STAGING, Err("timestamp_invalid")),
    ("sigstore-verify/test_data/bundles/conda-attestation-rekor2.sigstore.json", STAGING, Ok((true, false))),
    (FOREIGN, PUBLIC_GOOD, Ok((true, true))),
    ("sigstore-verify/test_data/bundles/cosign-v3-blob.sigstore.json", PUBLIC_GOOD, Ok((false, false))),
    ("sigstore-verify/test_data/bundles/dsse-2sigs.sigstore.json", PUBLIC_GOOD, Err("bundle_invalid")),
    ("sigstore-verify/test_data/bundles/othername.sigstore.json", "sigstore-verify/test_data/trusted_roots/scaffolding.json", Ok((false, false))),
    ("sigstore-verify/test_data/invalid-ct-key_fail/bundle.sigstore.json", "sigstore-verify/test_data/invalid-ct-key_fail/trusted_root.json", Err("certificate_invalid")),
    ("sigstore-verify/test_data/sct-multi-intermediate/staging_bundle.sigstore.json", "sigstore-verify/test_data/sct-multi-intermediate/staging_trusted_root.json", Ok((false, true))),
    ("sigstore-verify/test_data/upstream/sigstore-python/a.dsse.staging-rekor-v2.txt.sigstore.json", STAGING, Ok((true, true))),
    ("sigstore-verify/test_data/upstream/sigstore-python/staging-rekor-v2.txt.sigstore.json", STAGING, Ok((false, false))),
    // Deliberate differences: npm's provenance names its artefact by SHA-512 only, and images are
    // named by SHA-256 here ...
    ("sigstore-verify/test_data/bundles/dsse.sigstore.json", PUBLIC_GOOD, Err("subject_mismatch")),
    ("sigstore-verify/test_data/bundles/sigstore.js@2.0.0-provenance.sigstore.json", PUBLIC_GOOD, Err("subject_mismatch")),
    // ... what GitHub signs for private repositories is in no transparency log ...
    ("sigstore-bundle/tests/fixtures/bundle_v3_jdx_communique.json", PUBLIC_GOOD, Err("bundle_invalid")),
    ("sigstore-verify/test_data/bundles/github-private-attestation.sigstore.json", PUBLIC_GOOD, Err("bundle_invalid")),
    // ... and a bundle signed by a key instead of a certificate names nobody.
    ("sigstore-verify/test_data/managed-key/bundle.sigstore.json", PUBLIC_GOOD, Err("bundle_invalid")),
];

#[test]
fn every_bundle_of_the_suites_gets_its_verdict() {
    for (bundle, trusted, expected) in VERDICTS {
        let verdict: Verdict = verify_alone(&json_file(bundle), &root(trusted))
            .map(|verified| (verified.statement.is_some(), verified.signer.is_some()))
            .map_err(|error| error.code());
        assert_eq!(verdict, expected, "{bundle}");
    }
}

#[test]
fn every_bundle_of_the_suites_has_an_entry() {
    let listed: BTreeSet<_> = VERDICTS.iter().map(|(bundle, ..)| *bundle).collect();
    assert_eq!(listed.len(), VERDICTS.len());
    let (package, folder) = BUNDLES.split_once('/').unwrap();
    for entry in std::fs::read_dir(SOURCES[package].join(folder)).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if name.contains(".sigstore") {
            assert!(listed.contains(format!("{BUNDLES}/{name}").as_str()), "{name}");
        }
    }
}

#[test]
fn bundle_that_is_good_elsewhere_is_refused_under_another_root() {
    for (bundle, trusted, verdict) in VERDICTS {
        if verdict.is_ok() && trusted == PUBLIC_GOOD {
            assert!(verify_alone(&json_file(bundle), &root(STAGING)).is_err(), "{bundle}");
        }
        if verdict.is_ok() && trusted == STAGING {
            assert!(verify_alone(&json_file(bundle), &root(PUBLIC_GOOD)).is_err(), "{bundle}");
        }
    }
}

#[test]
fn bundle_of_another_artefact_is_refused() {
    let bundle = file(BORROWED);
    let root = root(PUBLIC_GOOD);
    let mut subject = subject_of(&json_file(BORROWED));
    root.verify(&bundle, &subject).unwrap();
    subject[31] ^= 1;
    assert_eq!(root.verify(&bundle, &subject).unwrap_err().code(), "subject_mismatch");
}

#[test]
fn root_without_authorities_is_refused() {
    for field in ["certificateAuthorities", "tlogs", "ctlogs"] {
        let mut root = json_file(PUBLIC_GOOD);
        root[field] = json!([]);
        let error = TrustedRoot::parse(root.to_string().as_bytes()).unwrap_err();
        assert!(matches!(error, CodeError::TrustedRootIncomplete { .. }), "{error:?}");
        root.as_object_mut().unwrap().remove(field);
        let error = TrustedRoot::parse(root.to_string().as_bytes()).unwrap_err();
        assert_eq!(error.code(), "trusted_root_invalid");
    }
    assert_eq!(TrustedRoot::parse(b"{}").unwrap_err().code(), "trusted_root_invalid");
    assert_eq!(TrustedRoot::parse(b"[]").unwrap_err().code(), "json_refused");
}

#[test]
fn root_with_a_broken_key_or_certificate_is_refused() {
    for pointer in [
        "/tlogs/0/publicKey/rawBytes",
        "/ctlogs/0/publicKey/rawBytes",
        "/certificateAuthorities/0/certChain/certificates/0/rawBytes",
    ] {
        let mut root = json_file(PUBLIC_GOOD);
        *root.pointer_mut(pointer).unwrap() = json!("AAAA");
        let error = TrustedRoot::parse(root.to_string().as_bytes()).unwrap_err();
        assert_eq!(error.code(), "trusted_root_invalid", "{pointer}");
    }
}

#[test]
fn authority_that_was_not_valid_at_the_time_of_signing_vouches_for_nothing() {
    let bundle = json_file(BORROWED);
    for (list, window) in [
        ("certificateAuthorities", "/validFor"),
        ("tlogs", "/publicKey/validFor"),
        ("ctlogs", "/publicKey/validFor"),
    ] {
        // Signed in December 2024.
        let mut altered = json_file(PUBLIC_GOOD);
        for authority in altered[list].as_array_mut().unwrap() {
            *authority.pointer_mut(window).unwrap() =
                json!({ "start": "2020-01-01T00:00:00Z", "end": "2021-01-01T00:00:00Z" });
        }
        let altered = TrustedRoot::parse(altered.to_string().as_bytes()).unwrap();
        assert!(verify_alone(&bundle, &altered).is_err(), "{list}");
    }
}

#[test]
fn root_tells_nothing_in_debug() {
    assert_eq!(format!("{:?}", root(PUBLIC_GOOD)), "TrustedRoot { .. }");
}

/// The file of the source distribution that `scripts/test` unpacks; `None` if `TESTS_OFFLINE=1`
/// says to go without.
#[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
fn unpacked(name: &str) -> Option<Value> {
    if std::env::var_os("TESTS_OFFLINE").is_some_and(|value| value == "1") {
        eprintln!("skipped: TESTS_OFFLINE=1 and this needs {name}");
        return None;
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../target/test-tools/sigstore/test/assets")
        .join(name);
    let bytes = std::fs::read(&path).unwrap_or_else(|error| {
        panic!("{}: {error}; run scripts/test, or set TESTS_OFFLINE=1", path.display())
    });
    Some(serde_json::from_slice(&bytes).unwrap())
}

/// A bundle made of an attestation as `PyPI` keeps them (PEP 740): the same parts under other names.
fn bundle_of_attestation(attestation: &Value) -> Value {
    let material = &attestation["verification_material"];
    let envelope = &attestation["envelope"];
    json!({
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": {
            "certificate": { "rawBytes": material["certificate"] },
            "tlogEntries": material["transparency_entries"],
        },
        "dsseEnvelope": {
            "payload": envelope["statement"],
            "payloadType": "application/vnd.in-toto+json",
            "signatures": [{ "sig": envelope["signature"] }],
        },
    })
}

const RELEASE: &str = "https://github.com/trailofbits/pypi-attestations/.github/workflows/release.yml@refs/tags/v0.0.19";

fn release_pins() -> CodePins {
    CodePins {
        builders: vec![RELEASE.replace("v0.0.19", "*")],
        sources: vec!["https://github.com/trailofbits/pypi-attestations".to_owned()],
        workflows: vec![WorkflowIdentity {
            identity: RELEASE.replace("v0.0.19", "*"),
            issuer: ISSUER.to_owned(),
        }],
    }
}

fn verify(bundle: &Value, pins: &CodePins) -> Result<CodeClaims, CodeError> {
    let policy = CodePolicy::new(pins).unwrap();
    let bytes = bundle.to_string();
    verify_sigstore_bundle(bytes.as_bytes(), &root(PUBLIC_GOOD), &policy, &subject_of(bundle))
}

#[test]
fn genuine_provenance_by_a_pinned_workflow_becomes_claims() {
    let Some(attestation) = unpacked("pypi_attestations-0.0.19.tar.gz.slsa.attestation") else {
        return;
    };
    let bundle = bundle_of_attestation(&attestation);
    let claims = verify(&bundle, &release_pins()).unwrap();
    assert_eq!(claims.builder, RELEASE);
    assert_eq!(claims.source, "https://github.com/trailofbits/pypi-attestations");
    assert_eq!(claims.build_type, "https://actions.github.io/buildtypes/workflow/v1");
    assert_eq!(claims.signer.unwrap().identity, RELEASE);
    assert_eq!(
        claims.subject_digest.to_string(),
        "9bb1add04b1b4e182be6b0b80931593f7a291eb49d69b4fd728a5d4cbcdc4bd3"
    );

    let other = "https://github.com/trailofbits/other".to_owned();
    let mut pins = release_pins();
    pins.builders = vec![other.clone()];
    assert_eq!(verify(&bundle, &pins).unwrap_err().code(), "builder_not_pinned");
    pins = release_pins();
    pins.sources = vec![other];
    assert_eq!(verify(&bundle, &pins).unwrap_err().code(), "source_not_pinned");
    pins = release_pins();
    pins.workflows[0].issuer = "https://gitlab.com".to_owned();
    assert_eq!(verify(&bundle, &pins).unwrap_err().code(), "signer_not_pinned");
    pins.workflows.clear();
    assert_eq!(verify(&bundle, &pins).unwrap_err().code(), "signer_not_pinned");
}

#[test]
fn genuine_attestation_of_a_publication_is_no_provenance() {
    let Some(attestation) = unpacked("pypi_attestations-0.0.19.tar.gz.publish.attestation") else {
        return;
    };
    let error = verify(&bundle_of_attestation(&attestation), &release_pins()).unwrap_err();
    assert_eq!(error.code(), "predicate_type_unknown");
}

#[test]
fn provenance_of_another_repository_than_the_certificate_names_is_refused() {
    // All that the statement says is pinned, and so is who signed it; but it was built elsewhere.
    let build = "https://github.com/loosebazooka/aa-test";
    let pins = CodePins {
        builders: vec![format!("{build}/.github/workflows/provenance.yaml@refs/heads/main")],
        sources: vec![build.to_owned()],
        workflows: vec![WorkflowIdentity {
            identity: BEACON.to_owned(),
            issuer: ISSUER.to_owned(),
        }],
    };
    let error = verify(&json_file(BORROWED), &pins).unwrap_err();
    assert_eq!(error.code(), "source_conflict");
    let CodeError::SourceConflict { first, second } = error else { panic!("{error:?}") };
    assert_eq!(
        (first.as_str(), second.as_str()),
        (build, BEACON.split_once("/.github").unwrap().0)
    );
}

#[test]
fn builder_and_signer_have_to_be_pinned_both() {
    let bundle = json_file(BORROWED);
    let mut pins = release_pins();
    assert_eq!(verify(&bundle, &pins).unwrap_err().code(), "signer_not_pinned");
    pins.workflows =
        vec![WorkflowIdentity { identity: BEACON.to_owned(), issuer: ISSUER.to_owned() }];
    assert_eq!(verify(&bundle, &pins).unwrap_err().code(), "builder_not_pinned");
}

#[test]
fn only_a_uri_with_an_issuer_is_a_workflow() {
    let uri = SubjectAltName::Uri(BEACON.to_owned());
    let pinned = WorkflowIdentity { identity: BEACON.to_owned(), issuer: ISSUER.to_owned() };
    assert_eq!(read_signer(Some(&uri), Some(ISSUER)), Some(pinned));
    for (identity, issuer) in [
        (None, Some(ISSUER)),
        (Some(uri.clone()), None),
        (Some(uri.clone()), Some("")),
        (Some(uri), Some("no uri")),
        (Some(SubjectAltName::Email(BEACON.to_owned())), Some(ISSUER)),
        (Some(SubjectAltName::Uri(format!("{BEACON}\n"))), Some(ISSUER)),
        (Some(SubjectAltName::Uri(String::new())), Some(ISSUER)),
    ] {
        assert_eq!(read_signer(identity.as_ref(), issuer), None, "{identity:?} {issuer:?}");
    }
}

#[test]
fn bundle_that_no_workflow_signed_over_a_statement_is_refused() {
    for name in ["cosign-v3-blob.sigstore.json", "bundle_v3_github.whl.sigstore"] {
        let bundle = json_file(&format!("{BUNDLES}/{name}"));
        let error = verify(&bundle, &release_pins()).unwrap_err();
        assert_eq!(error.code(), "not_by_workflow", "{name}");
    }
}
