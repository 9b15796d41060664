use palisade_core::TrustTier::{self, Affirming, Contraindicated, None as Silent, Warning};
use serde_json::{Map, Value, json};

use super::{
    CATEGORIES, COMMON_VALUES, TRUST_CLAIMS_MAX, TrustError, overall, read_status, read_vector,
    tier_of_value, worse, worst_claim,
};

const VALUES: &str = include_str!("../../../../tests/fixtures/attestation/ear/ar4si_values.json");

fn table() -> Value {
    serde_json::from_str(VALUES).expect("the fixture is JSON")
}

fn vector(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        other => panic!("{other} is no object"),
    }
}

fn tier_named(name: &str) -> TrustTier {
    TrustTier::ALL.into_iter().find(|tier| tier.as_str() == name).expect("a tier")
}

#[test]
fn every_value_of_a_byte_lies_in_the_tier_of_the_published_table() {
    let table = table();
    let mut seen = 0;
    for (name, ranges) in table["tiers"].as_object().expect("tiers") {
        for range in ranges.as_array().expect("ranges") {
            let (from, to) = match range {
                Value::Array(pair) => (pair[0].as_i64().expect("n"), pair[1].as_i64().expect("n")),
                single => (single.as_i64().expect("n"), single.as_i64().expect("n")),
            };
            for value in from..=to {
                let value = i8::try_from(value).expect("a byte");
                assert_eq!(tier_of_value(value), tier_named(name), "{value}");
                seen += 1;
            }
        }
    }
    assert_eq!(seen, 256);
}

#[test]
fn every_name_of_the_published_table_is_known_and_no_other() {
    let table = table();
    let claims = table["claims"].as_object().expect("claims");
    for (category, values) in claims {
        let categories: Vec<&str> = match category.as_str() {
            "common" => CATEGORIES.iter().map(|(name, _)| *name).collect(),
            name => vec![name],
        };
        for (number, names) in values.as_object().expect("values") {
            let number: i8 = number.parse().expect("a byte");
            for category in &categories {
                let by_name = vector(json!({ *category: names["tag"] }));
                assert_eq!(read_vector(&by_name), Ok(vec![((*category).to_owned(), number)]));
            }
        }
    }
    let ours: usize = CATEGORIES.iter().map(|(_, values)| values.len()).sum();
    let theirs: usize = claims.values().map(|values| values.as_object().expect("map").len()).sum();
    assert_eq!(ours + COMMON_VALUES.len(), theirs);
    assert_eq!(CATEGORIES.len() + 1, claims.len());
}

#[test]
fn a_name_of_another_category_is_no_value() {
    let crossed = vector(json!({ "hardware": "approved_rt" }));
    assert_eq!(read_vector(&crossed), Err(TrustError::Value));
    let unknown = vector(json!({ "weather": "approved_rt" }));
    assert_eq!(read_vector(&unknown), Err(TrustError::Value));
}

#[test]
fn values_that_are_no_byte_are_refused() {
    for value in
        [json!(128), json!(-129), json!(2.5), json!("2"), json!(null), json!([2]), json!(true)]
    {
        let vector = vector(json!({ "hardware": value }));
        assert_eq!(read_vector(&vector), Err(TrustError::Value), "{vector:?}");
    }
    for value in [127, -128] {
        let vector = vector(json!({ "hardware": value }));
        assert_eq!(read_vector(&vector).map(|claims| claims.len()), Ok(1));
    }
}

#[test]
fn categories_are_bounded_in_number_and_in_form() {
    let full: Map<String, Value> =
        (0..TRUST_CLAIMS_MAX).map(|n| (format!("c{n}"), json!(2))).collect();
    assert_eq!(read_vector(&full).map(|claims| claims.len()), Ok(TRUST_CLAIMS_MAX));
    let over: Map<String, Value> =
        (0..=TRUST_CLAIMS_MAX).map(|n| (format!("c{n}"), json!(2))).collect();
    assert_eq!(read_vector(&over), Err(TrustError::Category));
    assert!(read_vector(&vector(json!({ "x".repeat(64): 2 }))).is_ok());
    for name in ["", "Hardware", "a b", "a\n", "é", &"x".repeat(65)] {
        assert_eq!(read_vector(&vector(json!({ name: 2 }))), Err(TrustError::Category), "{name}");
    }
}

#[test]
fn a_vector_is_sorted_by_category() {
    let read = read_vector(&vector(json!({ "hardware": 2, "configuration": 3 })));
    assert_eq!(read, Ok(vec![("configuration".to_owned(), 3), ("hardware".to_owned(), 2)]));
}

#[test]
fn a_status_is_a_name_or_its_number_and_nothing_else() {
    for (status, tier) in [
        (json!("none"), Silent),
        (json!("affirming"), Affirming),
        (json!("warning"), Warning),
        (json!("contraindicated"), Contraindicated),
        (json!(0), Silent),
        (json!(2), Affirming),
        (json!(32), Warning),
        (json!(96), Contraindicated),
    ] {
        assert_eq!(read_status(&status), Ok(tier));
    }
    for status in [json!("Affirming"), json!(""), json!(1), json!(3), json!(2.5), json!(null)] {
        assert_eq!(read_status(&status), Err(TrustError::Status), "{status}");
    }
}

fn claims(values: &[i8]) -> Vec<(String, i8)> {
    values.iter().enumerate().map(|(n, value)| (format!("c{n}"), *value)).collect()
}

#[test]
fn every_pair_of_status_and_worst_claim_has_its_tier() {
    let cases = [
        (Affirming, 2, Ok(Affirming)),
        (Affirming, 0, Ok(Affirming)),
        (Affirming, 1, Ok(Silent)),
        (Affirming, -1, Ok(Silent)),
        (Affirming, 32, Err(TrustError::Better)),
        (Affirming, 96, Err(TrustError::Better)),
        (Silent, 2, Ok(Silent)),
        (Silent, 0, Ok(Silent)),
        (Silent, 1, Ok(Silent)),
        (Silent, -1, Ok(Silent)),
        (Silent, 32, Ok(Warning)),
        (Silent, 96, Ok(Contraindicated)),
        (Warning, 2, Ok(Warning)),
        (Warning, 0, Ok(Warning)),
        (Warning, 1, Ok(Warning)),
        (Warning, -1, Ok(Warning)),
        (Warning, 32, Ok(Warning)),
        (Warning, 96, Err(TrustError::Better)),
        (Contraindicated, 2, Ok(Contraindicated)),
        (Contraindicated, 0, Ok(Contraindicated)),
        (Contraindicated, 1, Ok(Contraindicated)),
        (Contraindicated, -1, Ok(Contraindicated)),
        (Contraindicated, 32, Ok(Contraindicated)),
        (Contraindicated, 96, Ok(Contraindicated)),
    ];
    for (status, value, want) in cases {
        assert_eq!(overall(status, &claims(&[value])), want, "{status:?} with {value}");
        assert_eq!(overall(status, &claims(&[2, value, 0])).is_ok(), want.is_ok());
    }
    for status in TrustTier::ALL {
        assert_eq!(overall(status, &[]), Ok(status));
    }
}

#[test]
fn only_an_affirming_status_over_affirming_claims_affirms() {
    for status in TrustTier::ALL {
        for value in i8::MIN..=i8::MAX {
            let affirmed = overall(status, &claims(&[2, value])) == Ok(Affirming);
            let meant = status == Affirming && (value == 0 || tier_of_value(value) == Affirming);
            assert_eq!(affirmed, meant, "{status:?} with {value}");
        }
    }
}

#[test]
fn the_worst_of_two_does_not_depend_on_their_order() {
    for one in TrustTier::ALL {
        assert_eq!(worse(one, one), one);
        for other in TrustTier::ALL {
            assert_eq!(worse(one, other), worse(other, one));
        }
    }
    assert_eq!(worse(Affirming, Silent), Silent);
    assert_eq!(worse(Silent, Warning), Warning);
    assert_eq!(worse(Warning, Contraindicated), Contraindicated);
    assert_eq!(worst_claim(&[]), None);
    assert_eq!(worst_claim(&claims(&[0, 0])), None);
    assert_eq!(worst_claim(&claims(&[2, -1])), Some(Silent));
}
