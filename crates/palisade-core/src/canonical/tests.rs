use proptest::prelude::*;
use serde_json::{Number, json};

use super::*;

fn canonical(value: &Value) -> String {
    let mut text = Vec::new();
    write(value, &mut text).unwrap();
    String::from_utf8(text).unwrap()
}

fn by_library(value: &Value) -> String {
    serde_json_canonicalizer::to_string(value).unwrap()
}

/// From RFC 8785, section 3.2.3: the order is that of UTF-16, not of UTF-8.
#[test]
fn names_are_sorted_by_utf_16() {
    let value = json!({
        "\u{20ac}": "Euro Sign",
        "\r": "Carriage Return",
        "\u{fb33}": "Hebrew Letter Dalet With Dagesh",
        "1": "One",
        "\u{1f600}": "Emoji: Grinning Face",
        "\u{80}": "Control",
        "\u{f6}": "Latin Small Letter O With Diaeresis",
    });
    let names = ["Carriage Return", "One", "Control", "Latin", "Euro", "Emoji", "Hebrew"];
    let written = canonical(&value);
    let places: Vec<_> = names.iter().map(|name| written.find(name).unwrap()).collect();
    assert!(places.is_sorted(), "{written}");
}

#[test]
fn numbers_are_written_as_ecmascript_does() {
    // From RFC 8785, section 3.2.2, and the largest integer that arguments may hold.
    let numbers = "[0,-0.0,1.0,4.50,2e-3,1e30,333333333.33333329,9007199254740991]";
    let numbers: Value = serde_json::from_str(numbers).unwrap();
    assert_eq!(canonical(&numbers), "[0,0,1,4.5,0.002,1e+30,333333333.3333333,9007199254740991]");
    let beyond = Value::Array(vec![Value::Number(Number::from(u64::MAX)), json!(i64::MIN)]);
    assert_eq!(canonical(&beyond), by_library(&beyond));
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::from),
        (-1000_i64..1000).prop_map(Value::from),
        any::<f64>()
            .prop_filter_map("finite", |number| Number::from_f64(number).map(Value::Number)),
        any::<String>().prop_map(Value::String),
        "[ -~]{0,12}".prop_map(Value::String),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::Array),
            proptest::collection::vec((any::<String>(), inner.clone()), 0..6)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            proptest::collection::vec(("[a-z_\"]{0,6}", inner), 0..6)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn any_value_is_written_as_the_library_writes_it(value in any_json()) {
        prop_assert_eq!(canonical(&value), by_library(&value));
    }
}
