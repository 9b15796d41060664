//! Envelopes: what is signed, and how it is written.

use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use serde_json::json;

use super::super::forge::{Signer, statement};
use super::*;

fn open(signer: &Signer, envelope: &Value) -> Result<Vec<u8>, CodeError> {
    Envelope::parse(envelope.to_string().as_bytes())?.verify(&[signer.key()])
}

fn refusal(signer: &Signer, envelope: &Value) -> &'static str {
    open(signer, envelope).unwrap_err().code()
}

/// Its base64 differs between the alphabets.
const PAYLOAD: &[u8] = b"{\"a\":\"?>?>?>~~~\xc3\xbf\xc3\xbe\"}";

#[test]
fn encoding_is_that_of_the_protocol() {
    assert_eq!(
        pre_authentication_encoding(b"hello world"),
        b"DSSEv1 28 application/vnd.in-toto+json 11 hello world"
    );
    assert_eq!(pre_authentication_encoding(b""), b"DSSEv1 28 application/vnd.in-toto+json 0 ");
    // Lengths count bytes, not characters.
    assert_eq!(
        pre_authentication_encoding("é".as_bytes()),
        "DSSEv1 28 application/vnd.in-toto+json 2 é".as_bytes()
    );
}

#[test]
fn signature_over_anything_but_the_encoding_is_refused() {
    let signer = Signer::ecdsa();
    let payload = statement().to_string();
    let length = payload.len();
    let encoded = STANDARD.encode(&payload);
    for signed in [
        payload.clone(),
        encoded.clone(),
        format!("DSSEv1 28 application/vnd.in-toto+json {} {encoded}", encoded.len()),
        format!("DSSEv1 15 application/json {length} {payload}"),
        format!("DSSEv1 28 application/vnd.in-toto+json {payload}"),
        format!("DSSEv1 28 application/vnd.in-toto+json {} {payload}", length + 1),
        format!("DSSEv1 28 application/vnd.in-toto+json {length}{payload}"),
        format!("DSSEv2 28 application/vnd.in-toto+json {length} {payload}"),
        format!("dssev1 28 application/vnd.in-toto+json {length} {payload}"),
        format!("28 application/vnd.in-toto+json {length} {payload}"),
    ] {
        let mut envelope = signer.envelope(&statement());
        envelope["signatures"][0]["sig"] = json!(STANDARD.encode(signer.sign(signed.as_bytes())));
        assert_eq!(refusal(&signer, &envelope), "signature_invalid", "{signed}");
    }
}

#[test]
fn parts_cannot_be_moved_between_type_and_payload() {
    // The type swallows the beginning of the payload: the same bytes if lengths were not signed.
    let signer = Signer::ed25519();
    let mut envelope = signer.envelope_of_bytes(b"5 hello");
    envelope["payload"] = json!(STANDARD.encode(b"hello"));
    assert_eq!(refusal(&signer, &envelope), "signature_invalid");
    envelope["payloadType"] = json!("application/vnd.in-toto+json 7 5");
    assert_eq!(refusal(&signer, &envelope), "payload_type_unknown");
}

#[test]
fn other_payload_types_are_refused() {
    let signer = Signer::ed25519();
    for payload_type in [
        "",
        "application/json",
        "application/vnd.in-toto+json ",
        "application/vnd.in-toto",
        "APPLICATION/VND.IN-TOTO+JSON",
        "application/vnd.in-toto+json; charset=utf-8",
    ] {
        let mut envelope = signer.envelope(&statement());
        envelope["payloadType"] = json!(payload_type);
        assert_eq!(refusal(&signer, &envelope), "payload_type_unknown");
        // Even if that type were what is signed.
        let payload = statement().to_string();
        let signed =
            format!("DSSEv1 {} {payload_type} {} {payload}", payload_type.len(), payload.len());
        envelope["signatures"][0]["sig"] = json!(STANDARD.encode(signer.sign(signed.as_bytes())));
        assert_eq!(refusal(&signer, &envelope), "payload_type_unknown");
    }
}

#[test]
fn fields_that_are_missing_or_of_another_kind_are_refused() {
    let signer = Signer::ed25519();
    for (pointer, value) in [
        ("/payload", json!(null)),
        ("/payload", json!(7)),
        ("/payload", json!(["e30="])),
        ("/payloadType", json!(null)),
        ("/payloadType", json!(["application/vnd.in-toto+json"])),
        ("/signatures", json!(null)),
        ("/signatures", json!({ "0": {} })),
        ("/signatures", json!("sig")),
        ("/signatures/0", json!("sig")),
        ("/signatures/0", json!({})),
        ("/signatures/0/sig", json!(null)),
        ("/signatures/0/sig", json!([1, 2])),
        ("/signatures/0/keyid", json!(1)),
    ] {
        let mut envelope = signer.envelope(&statement());
        *envelope.pointer_mut(pointer).unwrap() = value;
        assert_eq!(refusal(&signer, &envelope), "envelope_malformed", "{pointer}");
    }
    for field in ["payload", "payloadType", "signatures"] {
        let mut envelope = signer.envelope(&statement());
        envelope.as_object_mut().unwrap().remove(field);
        assert_eq!(refusal(&signer, &envelope), "envelope_malformed", "{field}");
    }
}

#[test]
fn fields_it_does_not_know_are_ignored() {
    let signer = Signer::ed25519();
    let mut envelope = signer.envelope(&statement());
    envelope["extra"] = json!({ "payload": "e30=" });
    envelope["signatures"][0]["cert"] = json!("…");
    open(&signer, &envelope).unwrap();
}

#[test]
fn envelope_without_signatures_is_refused() {
    let signer = Signer::ed25519();
    let mut envelope = signer.envelope(&statement());
    envelope["signatures"] = json!([]);
    assert_eq!(refusal(&signer, &envelope), "signature_invalid");
    envelope["signatures"] = json!([{ "sig": "" }]);
    assert_eq!(refusal(&signer, &envelope), "signature_invalid");
}

#[test]
fn key_id_neither_helps_nor_hinders() {
    let signer = Signer::ed25519();
    let mut envelope = signer.envelope(&statement());
    envelope["signatures"][0]["keyid"] = json!("somebody else's");
    open(&signer, &envelope).unwrap();
    envelope["signatures"][0].as_object_mut().unwrap().remove("keyid");
    open(&signer, &envelope).unwrap();
}

#[test]
fn one_pinned_signature_among_eight_suffices_and_nine_are_refused() {
    let signer = Signer::ecdsa();
    let mut envelope = signer.envelope(&statement());
    let own = envelope["signatures"][0].clone();
    let foreign = Signer::ecdsa().envelope(&statement())["signatures"][0].clone();
    let mut signatures = vec![foreign; SIGNATURES_MAX];
    signatures[SIGNATURES_MAX - 1] = own.clone();
    envelope["signatures"] = json!(signatures);
    open(&signer, &envelope).unwrap();
    signatures.push(own);
    envelope["signatures"] = json!(signatures);
    assert_eq!(refusal(&signer, &envelope), "too_many");
}

#[test]
fn more_keys_than_the_limit_are_refused() {
    let signer = Signer::ed25519();
    let envelope = signer.envelope(&statement()).to_string();
    let mut keys: Vec<_> = (1..KEYS_MAX).map(|_| Signer::ed25519().key()).collect();
    keys.push(signer.key());
    Envelope::parse(envelope.as_bytes()).unwrap().verify(&keys).unwrap();
    keys.push(signer.key());
    let error = Envelope::parse(envelope.as_bytes()).unwrap().verify(&keys).unwrap_err();
    assert_eq!(error.code(), "too_many");
}

#[test]
fn both_alphabets_of_base64_are_read() {
    let signer = Signer::ed25519();
    let mut envelope = signer.envelope_of_bytes(PAYLOAD);
    let standard = STANDARD.encode(PAYLOAD);
    let url_safe = URL_SAFE.encode(PAYLOAD);
    assert_ne!(standard, url_safe);
    assert_eq!(open(&signer, &envelope).unwrap(), PAYLOAD);
    envelope["payload"] = json!(url_safe);
    let signature = STANDARD.decode(envelope["signatures"][0]["sig"].as_str().unwrap()).unwrap();
    envelope["signatures"][0]["sig"] = json!(URL_SAFE.encode(signature));
    assert_eq!(open(&signer, &envelope).unwrap(), PAYLOAD);
}

#[test]
fn either_letter_tells_the_alphabet() {
    let signer = Signer::ed25519();
    for (payload, text) in [(b"???", "Pz8/"), (b"???", "Pz8_"), (b">>>", "Pj4+"), (b">>>", "Pj4-")]
    {
        let mut envelope = signer.envelope_of_bytes(payload);
        envelope["payload"] = json!(text);
        assert_eq!(open(&signer, &envelope).unwrap(), payload, "{text}");
    }
    let mut envelope = signer.envelope_of_bytes(b"???>>>");
    for mixed in ["Pz8/Pj4-", "Pz8_Pj4+"] {
        envelope["payload"] = json!(mixed);
        assert_eq!(refusal(&signer, &envelope), "envelope_malformed", "{mixed}");
    }
}

#[test]
fn base64_is_read_in_one_way_only() {
    let signer = Signer::ed25519();
    // One byte more than a multiple of three: padding and stray bits are possible.
    let payload = [PAYLOAD, b"  "].concat();
    let payload = &payload[..payload.len() / 3 * 3 - 2];
    let standard = STANDARD.encode(payload);
    assert!(standard.ends_with("==") && standard.contains('/'));
    let (head, tail) = standard.split_at(4);
    let mut stray = standard.clone();
    stray.replace_range(standard.len() - 3..standard.len() - 2, "/");
    assert_ne!(stray, standard);
    for text in [
        STANDARD_NO_PAD.encode(payload),
        URL_SAFE_NO_PAD.encode(payload),
        standard.replacen('/', "_", 1) + "AA/A",
        format!("{standard}\n"),
        format!(" {standard}"),
        format!("{head}\n{tail}"),
        format!("{standard}="),
        format!("{standard}===="),
        standard.trim_end_matches('=').to_owned() + "=",
        stray,
        format!("{}=\u{0}", standard.trim_end_matches('=')),
    ] {
        let mut envelope = signer.envelope_of_bytes(payload);
        open(&signer, &envelope).unwrap();
        envelope["payload"] = json!(text);
        assert_eq!(refusal(&signer, &envelope), "envelope_malformed", "{text:?}");
    }
}

#[test]
fn duplicate_keys_are_refused() {
    let signer = Signer::ed25519();
    let envelope = signer.envelope(&statement()).to_string();
    let twice = envelope.replacen('{', "{\"payload\":\"e30=\",", 1);
    let error = Envelope::parse(twice.as_bytes()).unwrap_err();
    assert_eq!(error.code(), "json_refused");
    let signature_twice = envelope.replacen("\"keyid\"", "\"sig\":\"\",\"keyid\"", 1);
    let error = Envelope::parse(signature_twice.as_bytes()).unwrap_err();
    assert_eq!(error.code(), "json_refused");
}

#[test]
fn ecdsa_signature_in_the_fixed_form_of_jose_is_refused() {
    let signer = Signer::ecdsa();
    let mut envelope = signer.envelope(&statement());
    envelope["signatures"][0]["sig"] = json!(STANDARD.encode([0x11; 64]));
    assert_eq!(refusal(&signer, &envelope), "signature_invalid");
}
