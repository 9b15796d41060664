//! What holds for every input.

use std::borrow::Cow;

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::{GROWTH_MAX, Scope, is_clean, named_text, text};

const ALL: Scope = Scope::SecretsAndPersonal;

/// Text in which something is likely to be found, marks included.
fn lively() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "[ -~]{0,12}",
        "\\PC{0,8}",
        Just("password".to_owned()),
        Just("api_key".to_owned()),
        Just("name".to_owned()),
        Just("= ".to_owned()),
        Just(": ".to_owned()),
        Just("\"".to_owned()),
        Just("\\".to_owned()),
        Just("\\u0040".to_owned()),
        Just("%40".to_owned()),
        Just("&#64;".to_owned()),
        Just("@example.com".to_owned()),
        Just("4111 1111 1111 1111".to_owned()),
        Just("536-22-8726 ".to_owned()),
        Just("+49 30 901820".to_owned()),
        Just("eyJhbGciOiJIUzI1NiJ9.e30.abcd".to_owned()),
        Just("[redacted:email]".to_owned()),
        Just("[redacted:".to_owned()),
        Just("Maria Silva".to_owned()),
        Just("cGFzc3dvcmQ9aHVudGVyMjI=".to_owned()),
        Just("-----BEGIN PRIVATE KEY-----".to_owned()),
        "[0-9 ./+-]{1,16}",
        "[A-Za-z0-9+/=_-]{16,60}",
        Just("ß\u{200b}ｗ".to_owned()),
        Just("https://a:b@c".to_owned()),
        Just("DOB 1984-03-07".to_owned()),
        Just("\n".to_owned()),
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

fn scope() -> impl Strategy<Value = Scope> {
    prop_oneof![Just(Scope::Secrets), Just(ALL)]
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        lively().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((lively(), inner), 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// Secrets that carry their kind in themselves.
const PLANTED: &[&str] = &[
    concat!("gh", "p_R8dK2mQ7vXc4Tn9LpZ1wYb6HsJ3fGa5Ue0Di"),
    concat!("AK", "IAQ3EGTMWR7XK2P5LZ"),
    concat!("sk_li", "ve_4eC39HqLyjWDarjtT1zdp7dc"),
    "jane.roe@mail.example.org",
    "5555555555554444",
    "DE89370400440532013000",
];

fn encoded(secret: &str, encoding: u8) -> String {
    match encoding % 7 {
        0 => secret.to_owned(),
        1 => secret.bytes().map(|byte| format!("%{byte:02x}")).collect(),
        2 => secret.bytes().map(|byte| format!("\\u{byte:04X}")).collect(),
        3 => secret.bytes().map(|byte| format!("&#{byte};")).collect(),
        4 => base64(secret),
        5 => secret.bytes().map(|byte| format!("{byte:02x}")).collect(),
        _ => json!({ "note": secret }).to_string(),
    }
}

fn base64(text: &str) -> String {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let bits: Vec<u8> =
        text.bytes().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1)).collect();
    bits.chunks(6)
        .map(|six| {
            let value =
                (0..6).fold(0, |sum, at| sum << 1 | usize::from(six.get(at).copied().unwrap_or(0)));
            char::from(alphabet[value])
        })
        .collect()
}

/// The same value with the secret in the place of one of its strings, or as one of its keys.
fn plant(value: &mut Value, secret: &str, place: &mut usize) -> bool {
    let here = |place: &mut usize| {
        *place = place.wrapping_sub(1);
        *place == usize::MAX
    };
    match value {
        Value::Array(elements) => elements.iter_mut().any(|element| plant(element, secret, place)),
        Value::Object(members) => {
            if here(place) {
                members.insert(secret.to_owned(), Value::Null);
                return true;
            }
            members.values_mut().any(|member| plant(member, secret, place))
        }
        leaf => {
            let chosen = here(place);
            if chosen {
                *leaf = Value::String(format!("see {secret} there"));
            }
            chosen
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn nothing_panics_or_grows_without_bound(input in "\\PC{0,200}", name in "\\PC{0,20}", scope in scope()) {
        let redacted = named_text(&name, &input, scope);
        prop_assert!(redacted.text.len() <= input.len().max(8) * GROWTH_MAX);
        let redacted = text(&input, scope);
        prop_assert!(redacted.text.len() <= input.len().max(8) * GROWTH_MAX);
    }

    #[test]
    fn redacting_twice_changes_nothing(input in lively(), name in "[a-z_]{0,12}", scope in scope()) {
        let once = text(&input, scope);
        let twice = text(&once.text, scope);
        prop_assert_eq!(&twice.text, &once.text);
        prop_assert!(twice.is_clean());
        let once = named_text(&name, &input, scope);
        let twice = named_text(&name, &once.text, scope);
        prop_assert_eq!(&twice.text, &once.text);
        prop_assert!(once.text.len() <= input.len().max(8) * GROWTH_MAX);
    }

    #[test]
    fn clean_text_is_borrowed(input in lively(), scope in scope()) {
        let redacted = text(&input, scope);
        prop_assert_eq!(redacted.is_clean(), is_clean(&input, scope));
        prop_assert_eq!(redacted.is_clean(), matches!(redacted.text, Cow::Borrowed(_)));
        prop_assert_eq!(redacted.is_clean(), redacted.text == input);
    }

    #[test]
    fn json_is_settled_after_once(value in any_json(), scope in scope()) {
        let mut once = value.clone();
        let findings = crate::json(&mut once, &["/a/*", "/b"], scope);
        let mut sorted = findings.clone();
        sorted.sort();
        sorted.dedup();
        prop_assert_eq!(&sorted, &findings);
        let mut again = value.clone();
        prop_assert_eq!(findings.is_empty(), once == value);
        prop_assert_eq!(crate::json(&mut again, &["/a/*", "/b"], scope), findings);
        prop_assert_eq!(&again, &once);
        let mut twice = once.clone();
        crate::json(&mut twice, &["/a/*", "/b"], scope);
        prop_assert_eq!(twice, once);
    }

    #[test]
    fn a_planted_secret_never_survives(
        value in any_json(),
        which in 0..PLANTED.len(),
        place in 0_usize..12,
        outer in 0_u8..7,
        inner in 0_u8..7,
    ) {
        let secret = PLANTED[which];
        let hidden = encoded(&encoded(secret, inner), outer);
        let mut value = value;
        let mut place = place;
        if !plant(&mut value, &hidden, &mut place) {
            value = json!({ "first": value, "second": [hidden.clone()] });
        }
        let findings = crate::json(&mut value, &[] as &[&str], ALL);
        let output = value.to_string();
        prop_assert!(!findings.is_empty());
        prop_assert!(!output.contains(secret), "{}", output);
        let hidden = json!(hidden).to_string();
        let hidden = hidden.trim_matches('"');
        prop_assert!(!output.contains(hidden), "{} in {}", hidden, output);
    }
}
