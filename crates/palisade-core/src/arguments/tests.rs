//! The reader of arguments at its limits and one past them.

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn parse(text: &str) -> Result<Value, ArgumentsError> {
    Arguments::parse(text.as_bytes()).map(|arguments| arguments.0)
}

fn number(text: &str) -> Result<Value, ArgumentsError> {
    parse(&format!("{{\"n\":{text}}}")).map(|value| value["n"].clone())
}

fn is_refused(text: &str) -> bool {
    matches!(number(text), Err(ArgumentsError::NotRepresentable { .. }))
}

#[test]
fn empty_text_is_an_empty_object() {
    assert_eq!(parse(""), Ok(json!({})));
}

#[test]
fn integers_end_at_two_to_the_53_minus_1() {
    assert_eq!(number("9007199254740991"), Ok(json!(9_007_199_254_740_991_i64)));
    assert_eq!(number("-9007199254740991"), Ok(json!(-9_007_199_254_740_991_i64)));
    for text in ["9007199254740992", "-9007199254740992", "9007199254740992.0", "1e30", "-1e400"] {
        assert!(is_refused(text), "{text}");
    }
    for text in ["9223372036854775808", "123456789012345678901234567890"] {
        assert!(is_refused(text), "{text}");
    }
}

#[test]
fn integral_doubles_are_integers() {
    assert_eq!(number("1.0"), Ok(json!(1)));
    assert_eq!(number("1e3"), Ok(json!(1000)));
    assert_eq!(number("-0"), Ok(json!(0)));
    assert_eq!(number("-0.0"), Ok(json!(0)));
}

#[test]
fn seventeen_digits_are_kept_and_eighteen_refused() {
    assert!(number("0.10000000000000001").is_ok());
    assert!(number("1.2345000000000000000000000").is_ok());
    assert!(is_refused("1.23450000000000001"));
    assert!(is_refused("1e-400"));
}

#[test]
fn duplicate_keys_are_refused_at_any_depth() {
    for text in [r#"{"a":1,"a":1}"#, r#"{"x":{"a":1,"a":2}}"#, r#"{"x":[{"a":1,"\u0061":2}]}"#] {
        assert_eq!(parse(text), Err(ArgumentsError::DuplicateKey { key: "a".to_owned() }));
    }
}

#[test]
fn depth_64_is_read_and_65_refused() {
    let nested =
        |depth: usize| format!("{{\"a\":{}{}}}", "[".repeat(depth - 1), "]".repeat(depth - 1));
    assert!(parse(&nested(ARGUMENTS_DEPTH_MAX)).is_ok());
    assert_eq!(parse(&nested(ARGUMENTS_DEPTH_MAX + 1)), Err(ArgumentsError::TooDeep));
    assert!(parse(&format!("{{\"a\":{}", "[".repeat(500_000))).is_err());
}

#[test]
fn one_mebibyte_is_read_and_one_byte_more_refused() {
    let text = |bytes: usize| format!("{{\"a\":\"{}\"}}", "x".repeat(bytes - 8));
    assert!(parse(&text(ARGUMENTS_BYTES_MAX)).is_ok());
    let bytes = ARGUMENTS_BYTES_MAX + 1;
    assert_eq!(parse(&text(bytes)), Err(ArgumentsError::TooLarge { bytes }));
}

#[test]
fn what_is_no_json_object_is_refused() {
    for text in ["[1]", "1", "null", "\"a\"", "true"] {
        assert_eq!(parse(text), Err(ArgumentsError::NotAnObject), "{text}");
    }
    for text in ["{", "[1", "{\"a\":}", "{} {}", "{'a':1}", "{\"a\":NaN}", "{\"a\":Infinity}", " "]
    {
        assert!(matches!(parse(text), Err(ArgumentsError::Syntax { .. })), "{text}");
    }
    let invalid_utf8 = Arguments::parse(b"{\"a\":\"\xff\"}");
    assert!(matches!(invalid_utf8, Err(ArgumentsError::Syntax { .. })), "{invalid_utf8:?}");
}

#[test]
fn digests_ignore_layout_and_order_but_nothing_else() {
    let digest =
        |text: &str| Arguments::parse(text.as_bytes()).expect("parses").digest().expect("digests");
    assert_eq!(digest(r#"{"a":1,"b":[1,2]}"#), digest("{ \"b\": [1,2.0], \"a\": 1 }"));
    assert_ne!(digest(r#"{"a":1}"#), digest(r#"{"a":"1"}"#));
    assert_ne!(digest(r#"{"a":[1,2]}"#), digest(r#"{"a":[2,1]}"#));
}

proptest! {
    /// Whatever the bytes, the reader answers; and what it accepts, it reads as `serde_json` does.
    #[test]
    fn any_bytes_are_answered(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(arguments) = Arguments::parse(&bytes) && !bytes.is_empty() {
            let other: Value = serde_json::from_slice(&bytes).expect("serde_json agrees");
            prop_assert_eq!(canonical(arguments.as_value()), canonical(&other));
        }
    }

    #[test]
    fn json_like_texts_are_read_as_serde_json_reads_them(text in json_text()) {
        if let Ok(arguments) = Arguments::parse(text.as_bytes()) {
            let other: Value = serde_json::from_str(&text).expect("serde_json agrees");
            prop_assert_eq!(canonical(arguments.as_value()), canonical(&other));
        }
    }
}

fn canonical(value: &Value) -> String {
    serde_json_canonicalizer::to_string(value).expect("canonical form exists")
}

fn json_text() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        "-?(0|[1-9][0-9]{0,18})(\\.[0-9]{1,19})?([eE][+-]?[0-9]{1,2})?",
        "\"[a-z\\\\\"u0-9é]{0,8}\"",
        Just("null".to_owned()),
        Just("true".to_owned()),
    ];
    let value = leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4)
                .prop_map(|items| format!("[{}]", items.join(","))),
            proptest::collection::vec(("[a-c]", inner), 0..4).prop_map(|entries| {
                let entries: Vec<_> =
                    entries.iter().map(|(key, value)| format!("\"{key}\":{value}")).collect();
                format!("{{{}}}", entries.join(","))
            }),
        ]
    });
    value.prop_map(|value| format!("{{\"v\":{value}}}"))
}
