use proptest::prelude::*;
use serde_json::{Map, json};

use super::*;
use crate::signing::Signer;

fn jwks(keys: &[Map<String, Value>]) -> Vec<u8> {
    json!({"keys": keys}).to_string().into_bytes()
}

fn with(mut jwk: Map<String, Value>, member: &str, value: Value) -> Map<String, Value> {
    jwk.insert(member.to_owned(), value);
    jwk
}

#[test]
fn unusable_keys_are_left_out_and_counted() {
    let good = Signer::generate(Algorithm::EdDsa).jwk_named("good");
    let keys = [
        json!({"kty": "oct", "k": "AAAA"}),
        json!({"kty": "EC", "crv": "secp256k1", "x": "AA", "y": "AA"}),
        json!({"kty": "XYZ"}),
        json!({}),
        json!({"kty": 1}),
        Value::Object(good.clone()),
        Value::Object(with(good.clone(), "use", json!("enc"))),
        Value::Object(with(good.clone(), "use", json!("jwt-svid"))),
        Value::Object(with(good.clone(), "d", json!("AAAA"))),
        Value::Object(with(good, "alg", json!("HS256"))),
    ];
    let set = KeySet::from_jwks(json!({"keys": keys}).to_string().as_bytes()).unwrap();
    assert_eq!(set.keys().len(), 1);
    let member = JwkError::Member { member: "kty" };
    let wanted = [
        JwkError::Private,
        JwkError::UnsupportedType,
        JwkError::UnsupportedType,
        member,
        member,
        JwkError::Use,
        JwkError::Use,
        JwkError::Private,
        JwkError::UnsupportedType,
    ];
    assert_eq!(set.skipped(), wanted);
}

#[test]
fn keys_are_chosen_by_their_use() {
    let signer = Signer::generate(Algorithm::EdDsa);
    let keys: Vec<_> = ["sig", "jwt-svid", "wit-svid", "x509-svid", "enc"]
        .into_iter()
        .map(|key_use| with(signer.jwk_named(key_use), "use", json!(key_use)))
        .chain([signer.jwk_named("none")])
        .collect();
    for (key_use, wanted) in [
        (KeyUse::Signature, vec!["sig", "none"]),
        (KeyUse::JwtSvid, vec!["jwt-svid"]),
        (KeyUse::WitSvid, vec!["wit-svid"]),
    ] {
        let set = KeySet::from_jwks_for(&jwks(&keys), key_use).unwrap();
        let found: Vec<_> = set.keys().iter().filter_map(PublicKey::key_id).collect();
        assert_eq!(found, wanted);
        assert_eq!(found.len() + set.skipped().len(), 6);
    }
}

#[test]
fn one_id_names_one_key_of_a_type() {
    let named = |algorithm| Signer::generate(algorithm).jwk_named("same");
    let (ed, ec) = (named(Algorithm::EdDsa), named(Algorithm::Es256));
    let set = KeySet::from_jwks(&jwks(&[ed.clone(), ec.clone()])).unwrap();
    let found = |algorithm| set.candidates(Some("same"), algorithm).count();
    assert_eq!((found(Algorithm::EdDsa), found(Algorithm::Es256)), (1, 1));
    assert_eq!(found(Algorithm::Rs256), 0);
    for twice in [[ed.clone(), ed], [ec, named(Algorithm::Es384)]] {
        let error = KeySet::from_jwks(&jwks(&twice)).unwrap_err();
        assert_eq!(error, KeySetError::DuplicateKeyId);
        assert_eq!(error.code(), "key_set_duplicate_kid");
    }
    // What is left out is ambiguous to nobody.
    let signer = Signer::generate(Algorithm::EdDsa);
    let encrypts = with(signer.jwk_named("a"), "use", json!("jwt-svid"));
    KeySet::from_jwks(&jwks(&[signer.jwk_named("a"), encrypts])).unwrap();
    KeySet::from_jwks(&jwks(&[signer.jwk(), signer.jwk()])).unwrap();
}

#[test]
fn an_id_finds_exactly_its_key() {
    let signers = ["a", "b"].map(|id| Signer::generate(Algorithm::EdDsa).jwk_named(id));
    let nameless = Signer::generate(Algorithm::EdDsa).jwk();
    let [a, b] = signers;
    let set = KeySet::from_jwks(&jwks(&[a, b, nameless])).unwrap();
    let count = |id| set.candidates(id, Algorithm::EdDsa).count();
    assert_eq!((count(Some("a")), count(Some("A")), count(Some(""))), (1, 0, 0));
    assert_eq!(count(None), 3);
    assert!(set.knows("b") && !set.knows("c") && !set.knows(""));
}

#[test]
fn sets_that_are_not_strict_are_refused() {
    let deep = format!(r#"{{"keys":[],"x":{}{}}}"#, "[".repeat(6), "]".repeat(6));
    for text in [
        "",
        "[]",
        "{}",
        r#"{"keys":{}}"#,
        r#"{"keys":null}"#,
        r#"{"keys":["x"]}"#,
        r#"{"keys":[],"keys":[]}"#,
        r#"{"keys":[{"kty":"RSA","kty":"oct"}]}"#,
        r#"{"keys":[]}x"#,
        "<html></html>",
        &deep,
    ] {
        let error = KeySet::from_jwks(text.as_bytes()).unwrap_err();
        assert_eq!(error.code(), "key_set_malformed", "{text}");
    }
    let set = KeySet::from_jwks(br#"{"keys":[],"x":[[[[[]]]]]}"#).unwrap();
    assert!(set.keys().is_empty());
}

#[test]
fn sets_are_bounded_in_bytes_and_keys() {
    let empty = r#"{"keys":[]}"#;
    let padded = |bytes: usize| format!("{empty}{}", " ".repeat(bytes - empty.len()));
    KeySet::from_jwks(padded(KEY_SET_BYTES_MAX).as_bytes()).unwrap();
    let error = KeySet::from_jwks(padded(KEY_SET_BYTES_MAX + 1).as_bytes()).unwrap_err();
    assert_eq!(error.code(), "key_set_too_large");
    let listed = |keys: usize| json!({"keys": vec![json!({}); keys]}).to_string();
    let set = KeySet::from_jwks(listed(KEY_SET_KEYS_MAX).as_bytes()).unwrap();
    assert_eq!(set.skipped().len(), KEY_SET_KEYS_MAX);
    let error = KeySet::from_jwks(listed(KEY_SET_KEYS_MAX + 1).as_bytes()).unwrap_err();
    assert_eq!(error.code(), "key_set_too_many_keys");
}

proptest! {
    #[test]
    fn any_bytes_are_answered(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _answer = KeySet::from_jwks(&bytes).is_ok();
    }

    #[test]
    fn any_member_is_answered(
        member in "(kty|crv|x|y|n|e|alg|use|kid|key_ops)",
        value in "\\PC{0,20}|(RSA|EC|OKP|P-256|Ed25519|sig|AQAB)",
        number in any::<bool>(),
    ) {
        for algorithm in [Algorithm::EdDsa, Algorithm::Es256] {
            let value = if number { json!(7) } else { json!(value) };
            let jwk = with(Signer::generate(algorithm).jwk(), &member, value);
            let _answer = KeySet::from_jwks(&jwks(&[jwk])).is_ok();
        }
    }
}
