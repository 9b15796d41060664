use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{BINDING_TEXTS_MAX, BoundBy, Expected, nonce_and_key};
use crate::fixtures::{Signer, encode};

const NONCE: [u8; 32] = [0xfb; 32];
const OTHER: [u8; 32] = [7; 32];

fn nonce() -> Option<BoundBy> {
    Some(BoundBy::Nonce(NONCE))
}

fn is(found: Option<BoundBy>, want: Option<BoundBy>) -> bool {
    found == want
}

#[test]
fn a_nonce_is_found_in_every_spelling_that_clients_use() {
    let expected = Expected::new(&[OTHER, NONCE], None);
    let plain = encode(&NONCE);
    let mut report = NONCE.to_vec();
    report.resize(64, 0);
    for text in [
        plain.clone(),
        URL_SAFE.encode(NONCE),
        STANDARD.encode(NONCE),
        STANDARD_NO_PAD.encode(NONCE),
        hex::encode(NONCE),
        hex::encode_upper(NONCE),
        STANDARD.encode(&plain),
        encode(plain.as_bytes()),
        hex::encode(&report),
        STANDARD.encode(&report),
        encode(hex::encode(NONCE).as_bytes()),
    ] {
        assert!(is(expected.by_text(&text), nonce()), "{text}");
    }
}

#[test]
fn what_only_resembles_a_nonce_is_none() {
    let expected = Expected::new(&[NONCE], None);
    let mut filled = NONCE.to_vec();
    filled.resize(64, 1);
    let mut long = NONCE.to_vec();
    long.resize(65, 0);
    let mut last = NONCE.to_vec();
    last.resize(64, 0);
    last[63] = 1;
    for text in [
        String::new(),
        encode(&NONCE[..31]),
        encode(&OTHER),
        hex::encode(&filled),
        hex::encode(&long),
        hex::encode(&last),
        hex::encode(&NONCE[..31]),
        format!(" {}", encode(&NONCE)),
        format!("{}\n", encode(&NONCE)),
        format!("{}{}", encode(&NONCE), encode(&NONCE)),
        encode(encode(encode(&NONCE).as_bytes()).as_bytes()),
    ] {
        assert!(is(expected.by_text(&text), None), "{text}");
    }
    assert!(is(expected.by_bytes(&[]), None) && is(expected.by_bytes(&NONCE), nonce()));
}

#[test]
fn a_key_or_a_nonce_with_a_key_binds_as_well() {
    let key = Signer::es256().public();
    let thumbprint = key.thumbprint();
    let both = encode(&nonce_and_key(&NONCE, thumbprint));
    let expected = Expected::new(&[NONCE], Some(thumbprint));
    assert!(is(expected.by_text(&encode(thumbprint)), Some(BoundBy::Key)));
    assert!(is(expected.by_text(&encode(&NONCE)), nonce()));
    assert!(is(expected.by_text(&both), nonce()));
    assert!(expected.is_key(&key) && !expected.is_key(&Signer::es256().public()));
    let without = Expected::new(&[NONCE], None);
    assert!(is(without.by_text(&encode(thumbprint)), None) && is(without.by_text(&both), None));
    let other = Expected::new(&[NONCE], Some(&OTHER));
    assert!(is(other.by_text(&both), None) && !without.is_key(&key));
    let nobody = Expected::new(&[], None);
    assert!(is(nobody.by_text(&encode(&NONCE)), None) && is(nobody.by_bytes(&[0; 32]), None));
}

#[test]
fn of_several_values_a_nonce_counts_more_than_a_key() {
    let expected = Expected::new(&[NONCE], Some(&OTHER));
    for list in [json!([encode(&OTHER), encode(&NONCE)]), json!([encode(&NONCE), encode(&OTHER)])] {
        assert!(expected.by_claim(&list).is_ok_and(|found| is(found, nonce())));
    }
    let (values, by) = expected.nonces();
    assert!(values.len() == 2 && by.iter().all(|by| *by == BoundBy::Nonce(NONCE)));
}

#[test]
fn a_list_of_nonces_is_bounded_and_holds_texts_only() {
    let expected = Expected::new(&[NONCE], None);
    let mut list = vec![json!("somebody else's"); BINDING_TEXTS_MAX - 1];
    list.push(json!(encode(&NONCE)));
    assert!(expected.by_claim(&json!(list)).is_ok_and(|found| is(found, nonce())));
    list.insert(0, json!("one more"));
    for claim in [json!(list), json!([1]), json!({}), json!(1), Value::Null, json!([[]])] {
        let code = expected.by_claim(&claim).err().map(|refusal| refusal.code);
        assert_eq!(code, Some("nonce_malformed"), "{claim}");
    }
    assert!(expected.by_claim(&json!([])).is_ok_and(|found| is(found, None)));
}

#[test]
fn a_confirmation_has_to_be_of_the_proven_key() {
    let signer = Signer::es256();
    let key = signer.public();
    let expected = Expected::new(&[], Some(key.thumbprint()));
    let claims = |confirmation: Value| {
        json!({ "cnf": confirmation }).as_object().expect("an object").clone()
    };
    let bound = |confirmation| expected.by_confirmation(&claims(confirmation));
    for right in [json!({"jkt": encode(key.thumbprint())}), json!({"jwk": signer.jwk()})] {
        assert!(bound(right).is_ok_and(|found| is(found, Some(BoundBy::Key))));
    }
    for wrong in [
        json!({"jkt": encode(&OTHER)}),
        json!({"jwk": Signer::es256().jwk()}),
        json!({"kid": "1"}),
        json!({"x5t#S256": encode(key.thumbprint())}),
        json!({"jkt": 1}),
        json!({}),
        json!("text"),
        json!(null),
    ] {
        let code = bound(wrong.clone()).err().map(|refusal| refusal.code);
        assert_eq!(code, Some("confirmation_mismatch"), "{wrong}");
    }
    let none = json!({}).as_object().expect("an object").clone();
    assert!(expected.by_confirmation(&none).is_ok_and(|found| is(found, None)));
    let unproven = Expected::new(&[], None);
    assert!(unproven.by_confirmation(&claims(json!({"jkt": encode(key.thumbprint())}))).is_err());
}

#[test]
fn a_proven_key_is_found_among_a_bounded_number_of_keys() {
    let signer = Signer::es256();
    let key = signer.public();
    let expected = Expected::new(&[], Some(key.thumbprint()));
    let own = Value::Object(signer.jwk());
    let other = Value::Object(Signer::es256().jwk());
    let mut keys = vec![other.clone(); BINDING_TEXTS_MAX - 1];
    assert!(is(expected.by_keys(&json!(keys)), None));
    keys.push(own.clone());
    assert!(is(expected.by_keys(&json!(keys)), Some(BoundBy::Key)));
    keys.insert(0, other);
    assert!(is(expected.by_keys(&json!(keys)), None));
    assert!(is(expected.by_keys(&own), Some(BoundBy::Key)));
    assert!(is(expected.by_keys(&json!(["x", 1, {}])), None));
}

proptest! {
    #[test]
    fn any_text_is_answered(text in any::<String>(), bytes in any::<Vec<u8>>()) {
        let expected = Expected::new(&[NONCE], Some(&OTHER));
        prop_assert!(is(expected.by_text(&text), None));
        prop_assert!(is(expected.by_bytes(&bytes), None));
    }
}
