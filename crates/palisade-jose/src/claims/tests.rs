use palisade_core::{JsonLimits, parse_json_object};

use super::*;

fn claims(text: &str) -> Claims {
    let limits = JsonLimits { bytes: 1000, depth: 8 };
    Claims::new(parse_json_object(text.as_bytes(), limits).unwrap())
}

#[test]
fn claims_are_read_by_type() {
    let claims = claims(
        r#"{"sub":"alice","ok":true,"act":{"sub":"a"},"aud":["a","b"],"one":"a","none":[]}"#,
    );
    assert_eq!(claims.text("sub"), Ok(Some("alice")));
    assert_eq!(claims.bool("ok"), Ok(Some(true)));
    assert_eq!(claims.object("act").unwrap().unwrap()["sub"], "a");
    assert_eq!(claims.texts("aud"), Ok(Some(vec!["a", "b"])));
    assert_eq!(claims.texts("one"), Ok(Some(vec!["a"])));
    assert_eq!(claims.texts("none"), Ok(Some(vec![])));
    assert_eq!(claims.as_map().len(), 6);
    assert_eq!(claims.to_shared().len(), 6);
    assert_eq!(claims.into_map().len(), 6);
}

#[test]
fn absent_claims_are_none() {
    let claims = claims("{}");
    assert_eq!(claims.text("x"), Ok(None));
    assert_eq!(claims.bool("x"), Ok(None));
    assert_eq!(claims.object("x"), Ok(None));
    assert_eq!(claims.texts("x"), Ok(None));
    assert_eq!(claims.instant("x"), Ok(None));
}

#[test]
fn a_claim_of_another_type_is_an_error_and_never_none() {
    for value in [r#"{"a":"b"}"#, r#"["a",1]"#, r#"[["a"]]"#, "[null]", "1", "1.5", "true", "null"]
    {
        let claims = claims(&format!(r#"{{"x":{value}}}"#));
        assert!(claims.text("x").is_err(), "{value}");
        assert!(claims.texts("x").is_err(), "{value}");
        assert_eq!(claims.bool("x").is_ok(), value == "true", "{value}");
        assert_eq!(claims.object("x").is_ok(), value.starts_with('{'), "{value}");
        assert_eq!(claims.instant("x").is_ok(), value.starts_with('1'), "{value}");
    }
    let error = claims(r#"{"x":"secret"}"#).instant("x").unwrap_err();
    assert_eq!(error.to_string(), "the claim `x` is not a number of seconds since 1970");
}

#[test]
fn instants_are_seconds_with_fractions() {
    for (value, millis) in [
        ("0", 0),
        ("-0", 0),
        ("1", 1000),
        ("1.001", 1001),
        ("1.0019", 1001),
        ("1e3", 1_000_000),
        ("1700000000.5", 1_700_000_000_500),
        ("1700000000.999", 1_700_000_000_999),
        ("253402300799", 253_402_300_799_000),
    ] {
        let claims = claims(&format!(r#"{{"exp":{value}}}"#));
        assert_eq!(claims.instant("exp"), Ok(Some(EpochMillis::new(millis))), "{value}");
    }
}

#[test]
fn instants_lie_between_1970_and_9999() {
    for value in ["-1", "-0.5", "253402300800", "253402300799.5", "9007199254740991", r#""1""#] {
        let claims = claims(&format!(r#"{{"exp":{value}}}"#));
        assert!(claims.instant("exp").is_err(), "{value}");
    }
}
