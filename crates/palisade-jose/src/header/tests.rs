use std::collections::BTreeSet;

use serde_json::json;

use super::*;

fn header(members: &Value) -> Header {
    Header::new(members.as_object().unwrap().clone()).unwrap()
}

#[test]
fn types_are_compared_as_media_types() {
    for typ in ["at+jwt", "AT+JWT", "application/at+jwt", "Application/At+Jwt"] {
        assert!(header(&json!({"alg": "ES256", "typ": typ})).is_type("at+jwt"), "{typ}");
    }
    for typ in [
        "",
        "jwt",
        "at+jwt ",
        "at+jwtx",
        "application/",
        "application/application/at+jwt",
        "text/at+jwt",
        "applicatio\u{e9}/at+jwt",
    ] {
        assert!(!header(&json!({"alg": "ES256", "typ": typ})).is_type("at+jwt"), "{typ}");
    }
    // A type that has a slash of its own is whole.
    assert!(header(&json!({"alg": "ES256", "typ": "text/x"})).is_type("text/x"));
    assert!(!header(&json!({"alg": "ES256", "typ": "application/text/x"})).is_type("text/x"));
    assert!(!header(&json!({"alg": "ES256"})).is_type("at+jwt"));
    assert!(!header(&json!({"alg": "ES256"})).is_type(""));
}

#[test]
fn all_members_are_named() {
    let header = header(&json!({"typ": "JWT", "alg": "ES256", "x": 1, "kid": "a"}));
    assert_eq!(header.members().collect::<BTreeSet<_>>(), ["alg", "kid", "typ", "x"].into());
    assert_eq!(header.algorithm(), Algorithm::Es256);
    assert_eq!((header.key_id(), header.typ()), (Some("a"), Some("JWT")));
}

#[test]
fn an_embedded_key_is_read_on_demand_only() {
    let with = |jwk: Value| header(&json!({"alg": "EdDSA", "jwk": jwk}));
    let signer = crate::signing::Signer::generate(Algorithm::EdDsa);
    let key = with(Value::Object(signer.jwk())).embedded_jwk().unwrap().unwrap();
    assert_eq!(key.thumbprint(), signer.public().thumbprint());
    let mut private = signer.jwk();
    private.insert("d".to_owned(), json!("AAAA"));
    let refused = with(Value::Object(private)).embedded_jwk().unwrap().unwrap_err();
    assert_eq!(refused, JwkError::Private);
    for jwk in [json!("x"), json!([]), Value::Null] {
        let refused = with(jwk).embedded_jwk().unwrap().unwrap_err();
        assert_eq!(refused, JwkError::Member { member: "jwk" });
    }
    assert!(header(&json!({"alg": "EdDSA"})).embedded_jwk().is_none());
}

#[test]
fn certificates_are_read_on_demand_only() {
    let with = |x5c: Value| header(&json!({"alg": "RS256", "x5c": x5c})).certificates();
    assert_eq!(with(json!(["AQI=", "AQ=="])), Some(Ok(vec![vec![1, 2], vec![1]])));
    assert!(with(json!(vec!["AQI="; CERTIFICATES_MAX])).unwrap().is_ok());
    for x5c in [
        json!([]),
        json!("AQI="),
        json!([1]),
        json!(["AQI"]),
        json!(["AQJ="]),
        json!(["AQ I="]),
        json!(["-_-_"]),
        json!(vec!["AQI="; CERTIFICATES_MAX + 1]),
    ] {
        assert_eq!(with(x5c.clone()), Some(Err(JwsError::Header)), "{x5c}");
    }
    assert_eq!(header(&json!({"alg": "RS256"})).certificates(), None);
}
