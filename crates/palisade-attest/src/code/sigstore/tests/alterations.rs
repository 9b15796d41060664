//! A genuine bundle, altered in every part: nothing that was signed, logged or certified may be
//! anything else, and nothing at all makes the verifier panic.

use super::*;

/// Changes one base64 text so that it stays one.
fn flip(text: &Value) -> Value {
    let mut bytes = STANDARD.decode(text.as_str().unwrap()).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    json!(STANDARD.encode(bytes))
}

fn increment(number: &Value) -> Value {
    json!((number.as_str().unwrap().parse::<u64>().unwrap() + 1).to_string())
}

const ENTRY: &str = "/verificationMaterial/tlogEntries/0";

/// A part, what to make of it, and what that is taken for.
type Alteration = (&'static str, fn(&Value) -> Value, &'static [&'static str]);

const OF_BUNDLE: [Alteration; 8] = [
    ("/dsseEnvelope/payload", flip, &["bundle_invalid", "signature_invalid"]),
    ("/dsseEnvelope/payloadType", |_| json!("application/json"), &["bundle_invalid"]),
    ("/dsseEnvelope/signatures/0/sig", flip, &["signature_invalid", "log_entry_invalid"]),
    ("/dsseEnvelope/signatures", |_| json!([]), &["bundle_invalid"]),
    ("/mediaType", |_| json!("application/vnd.dev.sigstore.bundle.v0.4+json"), &["bundle_invalid"]),
    ("/mediaType", |_| json!(""), &["bundle_invalid"]),
    (
        "/verificationMaterial/certificate/rawBytes",
        flip,
        &["bundle_invalid", "certificate_invalid", "signature_invalid"],
    ),
    ("/verificationMaterial/tlogEntries", |_| json!([]), &["bundle_invalid"]),
];

const OF_LOG_ENTRY: [Alteration; 10] = [
    ("/canonicalizedBody", flip, &["log_entry_invalid"]),
    ("/inclusionPromise/signedEntryTimestamp", flip, &["log_entry_invalid"]),
    ("/inclusionProof/checkpoint/envelope", rename_log, &["log_entry_invalid"]),
    ("/inclusionProof/hashes/0", flip, &["log_entry_invalid"]),
    ("/inclusionProof/logIndex", increment, &["bundle_invalid", "log_entry_invalid"]),
    ("/inclusionProof/rootHash", flip, &["bundle_invalid", "log_entry_invalid"]),
    ("/inclusionProof/treeSize", increment, &["bundle_invalid", "log_entry_invalid"]),
    ("/integratedTime", increment, &["log_entry_invalid"]),
    ("/logId/keyId", flip, &["log_entry_invalid"]),
    ("/logIndex", increment, &["log_entry_invalid"]),
];

fn rename_log(checkpoint: &Value) -> Value {
    json!(checkpoint.as_str().unwrap().replacen("rekor", "recor", 1))
}

#[test]
fn every_part_that_is_altered_is_noticed() {
    let root = root(PUBLIC_GOOD);
    let genuine = json_file(BORROWED);
    let subject = subject_of(&genuine);
    root.verify(genuine.to_string().as_bytes(), &subject).unwrap();
    for (prefix, alterations) in [("", OF_BUNDLE.as_slice()), (ENTRY, OF_LOG_ENTRY.as_slice())] {
        for (pointer, alter, codes) in alterations {
            let mut bundle = genuine.clone();
            let part = bundle.pointer_mut(&format!("{prefix}{pointer}")).unwrap();
            *part = alter(part);
            let code = root.verify(bundle.to_string().as_bytes(), &subject).unwrap_err().code();
            assert!(codes.contains(&code), "{pointer}: {code}");
        }
    }
}

#[test]
fn every_part_that_is_missing_is_noticed() {
    let root = root(PUBLIC_GOOD);
    let genuine = json_file(BORROWED);
    let subject = subject_of(&genuine);
    for (parent, field) in [
        ("", "mediaType"),
        ("", "dsseEnvelope"),
        ("", "verificationMaterial"),
        ("/verificationMaterial", "certificate"),
        ("/verificationMaterial", "tlogEntries"),
        ("/dsseEnvelope", "payload"),
        ("/dsseEnvelope", "payloadType"),
        ("/dsseEnvelope", "signatures"),
        (ENTRY, "canonicalizedBody"),
        (ENTRY, "integratedTime"),
        (ENTRY, "inclusionPromise"),
        (ENTRY, "inclusionProof"),
        (ENTRY, "logId"),
        (ENTRY, "kindVersion"),
    ] {
        let mut bundle = genuine.clone();
        bundle.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(field).unwrap();
        assert!(root.verify(bundle.to_string().as_bytes(), &subject).is_err(), "{parent}/{field}");
    }
}

#[test]
fn parts_of_another_genuine_bundle_are_noticed() {
    // CVE-2022-36056: the log entry proves something, but not this.
    let root = root(PUBLIC_GOOD);
    let (genuine, foreign) = (json_file(BORROWED), json_file(FOREIGN));
    let subject = subject_of(&genuine);
    for pointer in [
        ENTRY,
        "/verificationMaterial/tlogEntries/0/canonicalizedBody",
        "/verificationMaterial/tlogEntries/0/inclusionProof",
        "/verificationMaterial/tlogEntries/0/inclusionPromise",
        "/verificationMaterial/certificate",
        "/verificationMaterial",
        "/dsseEnvelope/payload",
        "/dsseEnvelope/signatures",
    ] {
        let mut bundle = genuine.clone();
        *bundle.pointer_mut(pointer).unwrap() = foreign.pointer(pointer).unwrap().clone();
        assert!(root.verify(bundle.to_string().as_bytes(), &subject).is_err(), "{pointer}");
        // A foreign entry beside the genuine one is no better.
        if pointer == ENTRY {
            let mut bundle = genuine.clone();
            let entries = bundle["verificationMaterial"]["tlogEntries"].as_array_mut().unwrap();
            entries.push(foreign.pointer(pointer).unwrap().clone());
            assert!(root.verify(bundle.to_string().as_bytes(), &subject).is_err());
        }
    }
}

#[test]
fn bundle_with_two_of_what_excludes_each_other_is_refused() {
    let root = root(PUBLIC_GOOD);
    let genuine = json_file(BORROWED);
    let subject = subject_of(&genuine);
    for (parent, field, value) in [
        ("", "messageSignature", json!({ "signature": "AA==" })),
        ("/verificationMaterial", "publicKey", json!({ "hint": "x" })),
        ("/verificationMaterial", "x509CertificateChain", json!({ "certificates": [] })),
    ] {
        let mut bundle = genuine.clone();
        bundle.pointer_mut(parent).unwrap()[field] = value;
        let error = root.verify(bundle.to_string().as_bytes(), &subject).unwrap_err();
        assert!(matches!(error, CodeError::BundleShape { .. }), "{field}: {error:?}");
    }
    let twice = genuine.to_string().replacen('{', "{\"mediaType\":\"x\",", 1);
    assert_eq!(root.verify(twice.as_bytes(), &subject).unwrap_err().code(), "json_refused");
}

#[test]
fn evidence_up_to_the_limit_is_read() {
    let root = root(PUBLIC_GOOD);
    let genuine = json_file(BORROWED);
    let subject = subject_of(&genuine);
    for (list, what) in [
        ("/tlogEntries", "log entries"),
        ("/timestampVerificationData/rfc3161Timestamps", "timestamps"),
        ("/x509CertificateChain/certificates", "certificates"),
    ] {
        let mut bundle = genuine.clone();
        let material = &mut bundle["verificationMaterial"];
        if list.starts_with("/x509") {
            material.as_object_mut().unwrap().remove("certificate");
            material["x509CertificateChain"] = json!({ "certificates": [] });
        }
        if list.starts_with("/timestamp") {
            material["timestampVerificationData"] = json!({ "rfc3161Timestamps": [] });
        }
        let of_list = |bundle: &mut Value, count: usize| {
            *bundle["verificationMaterial"].pointer_mut(list).unwrap() =
                json!(vec![genuine.pointer(ENTRY).unwrap(); count]);
            root.verify(bundle.to_string().as_bytes(), &subject)
        };
        let verdict = of_list(&mut bundle, EVIDENCE_MAX);
        assert!(!matches!(verdict, Err(CodeError::TooMany { .. })), "{what}");
        let verdict = of_list(&mut bundle, EVIDENCE_MAX + 1);
        assert!(
            matches!(verdict, Err(CodeError::TooMany { what: found, .. }) if found == what),
            "{what}"
        );
    }
}

#[test]
fn changed_bytes_are_refused_or_change_nothing() {
    let root = root(PUBLIC_GOOD);
    let genuine = file(BORROWED);
    let subject = subject_of(&json_file(BORROWED));
    let verified = root.verify(&genuine, &subject).unwrap();
    let mut still_accepted = 0;
    for position in (0..genuine.len()).step_by(3) {
        let mut changed = genuine.clone();
        changed[position] ^= 1;
        if let Ok(others) = root.verify(&changed, &subject) {
            assert_eq!(others, verified);
            still_accepted += 1;
        }
    }
    // White space and the names of fields that are not needed.
    assert!(still_accepted < genuine.len() / 3 / 20, "{still_accepted} of {}", genuine.len() / 3);
}

/// Pointers to every value of a document.
fn pointers(value: &Value, prefix: &str, found: &mut Vec<String>) {
    found.push(prefix.to_owned());
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                pointers(field, &format!("{prefix}/{name}"), found);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                pointers(item, &format!("{prefix}/{index}"), found);
            }
        }
        _ => {}
    }
}

/// Puts what nobody expects in every place of a document.
fn replace_every_part(document: &Value, mut check: impl FnMut(&str, &Value)) {
    let mut places = Vec::new();
    pointers(document, "", &mut places);
    for pointer in places {
        for value in [
            json!(null),
            json!(-1),
            json!(""),
            json!("AAAA"),
            json!("9223372036854775807"),
            json!("18446744073709551615"),
            json!([]),
            json!({}),
        ] {
            let mut altered = document.clone();
            *altered.pointer_mut(&pointer).unwrap() = value;
            check(&pointer, &altered);
        }
    }
}

#[test]
fn every_part_that_is_replaced_is_refused_or_changes_nothing() {
    let root = root(PUBLIC_GOOD);
    for name in [BORROWED, "sigstore-verify/test_data/bundles/bundle_v3_github.whl.sigstore"] {
        let genuine = json_file(name);
        let subject = subject_of(&genuine);
        let verified = verify_alone(&genuine, &root).unwrap();
        replace_every_part(&genuine, |pointer, altered| {
            if let Ok(others) = root.verify(altered.to_string().as_bytes(), &subject) {
                assert_eq!(others, verified, "{pointer}");
            }
        });
    }
}

#[test]
fn every_part_of_a_root_that_is_replaced_is_answered() {
    let bundle = json_file(BORROWED);
    let verified = verify_alone(&bundle, &root(PUBLIC_GOOD)).unwrap();
    replace_every_part(&json_file(PUBLIC_GOOD), |pointer, altered| {
        if let Ok(root) = TrustedRoot::parse(altered.to_string().as_bytes())
            && let Ok(others) = verify_alone(&bundle, &root)
        {
            assert_eq!(others, verified, "{pointer}");
        }
    });
}
