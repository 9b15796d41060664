use std::sync::LazyLock;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::base64url::encode;
use crate::signing::Signer;

static ED: LazyLock<Signer> = LazyLock::new(|| Signer::generate(Algorithm::EdDsa));
static EC: LazyLock<Signer> = LazyLock::new(|| Signer::generate(Algorithm::Es256));
static RSA: LazyLock<Signer> = LazyLock::new(|| Signer::generate(Algorithm::Rs256));

fn parse(token: &str) -> Result<CompactJws<'_>, JwsError> {
    CompactJws::parse(token, JwsLimits::DEFAULT)
}

/// What becomes of a token at the one who has the Ed25519 key and allows everything.
fn verdict(token: &str) -> Result<Claims, JwsError> {
    parse(token)?.verify(&ED.key_set(), &Algorithm::ALL)
}

/// What becomes of a correctly signed token with this header.
fn with_header(header: &str) -> Result<Claims, JwsError> {
    verdict(&ED.token_of(Algorithm::EdDsa, header.as_bytes(), b"{}"))
}

/// What becomes of a correctly signed token with this payload.
fn with_payload(payload: &[u8]) -> Result<Claims, JwsError> {
    verdict(&ED.token_of(Algorithm::EdDsa, br#"{"alg":"EdDSA"}"#, payload))
}

#[test]
fn a_token_of_every_algorithm_is_verified_by_its_key_alone() {
    for algorithm in Algorithm::ALL {
        let (signer, stranger) = (Signer::generate(algorithm), Signer::generate(algorithm));
        let token = signer.token(algorithm, &json!({"sub": "alice"}));
        let jws = parse(&token).unwrap();
        let claims = jws.verify(&signer.key_set(), &[algorithm]).unwrap();
        assert_eq!(claims.text("sub"), Ok(Some("alice")));
        assert_eq!(jws.verify_with(&signer.public(), &[algorithm]).unwrap(), claims);
        let wrong = jws.verify(&stranger.key_set(), &[algorithm]).unwrap_err();
        assert_eq!(wrong, JwsError::Signature, "{algorithm}");
        let wrong = jws.verify_with(&stranger.public(), &[algorithm]).unwrap_err();
        assert_eq!(wrong, JwsError::Signature, "{algorithm}");
        for other in Algorithm::ALL.into_iter().filter(|other| *other != algorithm) {
            let wrong = jws.verify(&signer.key_set(), &[other]).unwrap_err();
            assert_eq!(wrong, JwsError::Algorithm, "{algorithm} as {other}");
            let wrong = jws.verify_with(&signer.public(), &[other]).unwrap_err();
            assert_eq!(wrong, JwsError::Algorithm, "{algorithm} as {other}");
        }
    }
}

#[test]
fn nothing_is_verified_if_no_algorithm_is_allowed() {
    let token = ED.token(Algorithm::EdDsa, &json!({}));
    assert_eq!(parse(&token).unwrap().verify(&ED.key_set(), &[]), Err(JwsError::Algorithm));
}

#[test]
fn a_changed_part_breaks_the_signature() {
    let token = ED.token(Algorithm::EdDsa, &json!({"sub": "alice"}));
    let parts: Vec<&str> = token.split('.').collect();
    let header = encode(br#"{"alg":"EdDSA","typ":"JWT"}"#);
    let payload = encode(br#"{"sub":"mallory"}"#);
    for forged in [
        format!("{header}.{}.{}", parts[1], parts[2]),
        format!("{}.{payload}.{}", parts[0], parts[2]),
        format!("{}.{}.{}", parts[0], parts[1], encode(&[0; 64])),
        format!("{}.{}.{}", parts[0], parts[1], encode(&[0; 63])),
        format!("{}.{}.", parts[0], parts[1]),
    ] {
        assert_eq!(verdict(&forged), Err(JwsError::Signature), "{forged}");
    }
}

#[test]
fn none_and_hmac_are_no_algorithms() {
    for name in ["none", "None", "NONE", "nOnE", "HS256", "HS384", "HS512", "", "eddsa", "RS1"] {
        let header = json!({"alg": name}).to_string();
        let unsigned = format!("{}.{}.", encode(header.as_bytes()), encode(b"{}"));
        assert_eq!(verdict(&unsigned), Err(JwsError::Algorithm), "{name}");
        assert_eq!(with_header(&header), Err(JwsError::Algorithm), "{name}");
    }
}

#[test]
fn a_public_key_is_no_shared_secret() {
    use aws_lc_rs::hmac;

    let spki = RSA.jwk()["n"].as_str().unwrap().to_owned();
    let header = encode(br#"{"alg":"HS256"}"#);
    let signed = format!("{header}.{}", encode(br#"{"sub":"admin"}"#));
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, spki.as_bytes()), signed.as_bytes());
    let token = format!("{signed}.{}", encode(tag.as_ref()));
    let outcome = parse(&token).map(|jws| jws.verify(&RSA.key_set(), &Algorithm::ALL));
    assert_eq!(outcome.unwrap_err(), JwsError::Algorithm);
}

#[test]
fn an_algorithm_of_another_key_type_finds_no_key() {
    let header = br#"{"alg":"ES256"}"#;
    let token = ED.token_of(Algorithm::EdDsa, header, b"{}");
    assert_eq!(verdict(&token), Err(JwsError::UnknownKey));
    let jws = parse(&token).unwrap();
    assert_eq!(jws.verify_with(&ED.public(), &Algorithm::ALL), Err(JwsError::UnknownKey));
}

#[test]
fn the_alg_of_a_key_binds() {
    let mut jwk = RSA.jwk();
    jwk.insert("alg".to_owned(), json!("PS256"));
    let key = PublicKey::from_jwk(&jwk).unwrap();
    let keys = KeySet::new(vec![key.clone()]).unwrap();
    let pss = RSA.token(Algorithm::Ps256, &json!({}));
    parse(&pss).unwrap().verify(&keys, &Algorithm::ALL).unwrap();
    let pkcs1 = RSA.token(Algorithm::Rs256, &json!({}));
    let jws = parse(&pkcs1).unwrap();
    assert_eq!(jws.verify(&keys, &Algorithm::ALL), Err(JwsError::UnknownKey));
    assert_eq!(jws.verify_with(&key, &Algorithm::ALL), Err(JwsError::UnknownKey));
    parse(&pkcs1).unwrap().verify(&RSA.key_set(), &Algorithm::ALL).unwrap();
}

#[test]
fn a_kid_is_compared_and_nothing_else() {
    let key = PublicKey::from_jwk(&ED.jwk_named("key-1")).unwrap();
    let keys = KeySet::new(vec![key]).unwrap();
    let token = |key_id: &str| {
        let header = json!({"alg": "EdDSA", "kid": key_id}).to_string();
        ED.token_of(Algorithm::EdDsa, header.as_bytes(), b"{}")
    };
    let verify = |token: &str| parse(token)?.verify(&keys, &Algorithm::ALL);
    verify(&token("key-1")).unwrap();
    verify(&ED.token(Algorithm::EdDsa, &json!({}))).unwrap();
    for key_id in [
        "",
        "KEY-1",
        "key-1 ",
        "key-1\0",
        "../../../dev/null",
        "/etc/passwd",
        "' OR '1'='1",
        "key-1' UNION SELECT 'x",
        "http://attacker.example/key",
        "k\u{0435}y-1",
    ] {
        assert_eq!(verify(&token(key_id)), Err(JwsError::UnknownKey), "{key_id:?}");
    }
}

#[test]
fn a_kid_is_bounded() {
    let token = |bytes: usize| {
        let header = json!({"alg": "EdDSA", "kid": "k".repeat(bytes)}).to_string();
        ED.token_of(Algorithm::EdDsa, header.as_bytes(), b"{}")
    };
    let at_limit = token(crate::KEY_ID_BYTES_MAX);
    assert_eq!(verdict(&at_limit), Err(JwsError::UnknownKey));
    let past = token(crate::KEY_ID_BYTES_MAX + 1);
    assert_eq!(verdict(&past), Err(JwsError::TooLarge));
    let wide = JwsLimits { token_bytes: 4 << 20, header_bytes: 4 << 20, claims_depth: 8 };
    let outcome = CompactJws::parse(&token(1 << 20), wide).map(|_| ());
    assert_eq!(outcome.unwrap_err(), JwsError::TooLarge);
}

#[test]
fn keys_in_the_token_are_not_used() {
    let mallory = Signer::generate(Algorithm::EdDsa);
    let x5c = json!([base64::Engine::encode(&base64::prelude::BASE64_STANDARD, b"certificate")]);
    for (member, value) in [
        ("jwk", Value::Object(mallory.jwk())),
        ("jku", json!("http://127.0.0.1:1/jwks.json")),
        ("x5u", json!("http://127.0.0.1:1/chain.pem")),
        ("x5c", x5c),
    ] {
        let header = json!({"alg": "EdDSA", member: value}).to_string();
        let token = mallory.token_of(Algorithm::EdDsa, header.as_bytes(), b"{}");
        assert_eq!(verdict(&token), Err(JwsError::Signature), "{member}");
        // Nor do they stand in the way of the right key.
        with_header(&header).unwrap();
    }
}

#[test]
fn extensions_are_refused() {
    for header in [
        r#"{"alg":"EdDSA","crit":["exp"],"exp":1}"#,
        r#"{"alg":"EdDSA","crit":["b64"],"b64":false}"#,
        r#"{"alg":"EdDSA","crit":[]}"#,
        r#"{"alg":"EdDSA","crit":"exp"}"#,
        r#"{"alg":"EdDSA","crit":null}"#,
        r#"{"alg":"EdDSA","b64":false}"#,
        r#"{"alg":"EdDSA","b64":true}"#,
    ] {
        assert_eq!(with_header(header), Err(JwsError::Crit), "{header}");
    }
}

#[test]
fn headers_that_are_not_strict_are_refused() {
    for header in [
        "",
        "null",
        "[]",
        r#""EdDSA""#,
        "{}",
        r#"{"alg":null}"#,
        r#"{"alg":["EdDSA"]}"#,
        r#"{"alg":"EdDSA","alg":"EdDSA"}"#,
        r#"{"alg":"none","alg":"EdDSA"}"#,
        r#"{"alg":"EdDSA","jwk":{"a":1,"a":2}}"#,
        r#"{"alg":"EdDSA","kid":1}"#,
        r#"{"alg":"EdDSA","kid":null}"#,
        r#"{"alg":"EdDSA","typ":["JWT"]}"#,
        r#"{"alg":"EdDSA","enc":"A256GCM"}"#,
        r#"{"alg":"EdDSA"} {}"#,
        r#"{"alg":"EdDSA",}"#,
        r#"{'alg':'EdDSA'}"#,
        "{\"alg\":\"EdDSA\"}\0",
        "\u{feff}{\"alg\":\"EdDSA\"}",
        r#"{"alg":"EdDSA","x":{"x":{"x":{"x":{}}}}}"#,
    ] {
        assert_eq!(with_header(header), Err(JwsError::Header), "{header}");
    }
    with_header(r#"{"alg":"EdDSA","x":{"x":{"x":{}}}}"#).unwrap();
    let not_text = ED.token_of(Algorithm::EdDsa, b"{\"alg\":\"EdDSA\",\"x\":\"\xff\"}", b"{}");
    assert_eq!(verdict(&not_text), Err(JwsError::Header));
}

#[test]
fn payloads_that_are_not_strict_are_refused() {
    let deep = format!("{}1{}", r#"{"a":"#.repeat(17), "}".repeat(17));
    for payload in [
        b"".as_slice(),
        b"null",
        b"[]",
        b"\"sub\"",
        b"{\"sub\":\"alice\",\"sub\":\"mallory\"}",
        b"{\"act\":{\"sub\":\"a\",\"sub\":\"b\"}}",
        b"{\"sub\":\"\xff\xfe\"}",
        b"\xef\xbb\xbf{}",
        b"{\"exp\":NaN}",
        b"{\"exp\":Infinity}",
        b"{\"exp\":1e400}",
        b"{\"exp\":-1e400}",
        b"{\"exp\":9007199254740993}",
        b"{}{}",
        b"{}\0",
        b"{\"a\":\"\0\"}",
        deep.as_bytes(),
    ] {
        let text = String::from_utf8_lossy(payload);
        assert_eq!(with_payload(payload), Err(JwsError::Claims), "{text}");
    }
    let deepest = format!("{}1{}", r#"{"a":"#.repeat(16), "}".repeat(16));
    with_payload(deepest.as_bytes()).unwrap();
}

#[test]
fn deep_nesting_does_not_exhaust_the_stack() {
    let limits = JwsLimits { token_bytes: 8 << 20, header_bytes: 8 << 20, claims_depth: 16 };
    for (open, close) in [("[", "]"), (r#"{"a":"#, "}")] {
        let deep =
            format!(r#"{{"alg":"EdDSA","a":{}1{}}}"#, open.repeat(200_000), close.repeat(200_000));
        let token = format!("{}.{}.AA", encode(deep.as_bytes()), encode(b"{}"));
        let outcome = CompactJws::parse(&token, limits).map(|_| ());
        assert_eq!(outcome.unwrap_err(), JwsError::Header);
        let token = ED.token_of(Algorithm::EdDsa, br#"{"alg":"EdDSA"}"#, deep.as_bytes());
        let jws = CompactJws::parse(&token, limits).unwrap();
        assert_eq!(jws.verify(&ED.key_set(), &Algorithm::ALL), Err(JwsError::Claims));
    }
}

#[test]
fn only_three_parts_are_a_compact_jws() {
    let token = ED.token(Algorithm::EdDsa, &json!({}));
    let json = format!(r#"{{"payload":"{}","signatures":[]}}"#, encode(b"{}"));
    for text in [
        "",
        ".",
        "..",
        "...",
        "e30",
        "e30.e30",
        &format!("{token}.e30"),
        &format!("{token}.e30.e30"),
        &format!(".{token}"),
        &format!("{token}."),
        &json,
        &token.replacen('.', "..", 1),
    ] {
        // An empty header is base64url of nothing, which is no JSON.
        let wanted = if text == ".." { JwsError::Header } else { JwsError::Malformed };
        assert_eq!(verdict(text), Err(wanted), "{text}");
    }
}

#[test]
fn only_canonical_base64url_is_read() {
    let token = ED.token_of(Algorithm::EdDsa, br#"{"alg":"EdDSA"}"#, b"{\"a\":1}");
    verdict(&token).unwrap();
    let parts: Vec<&str> = token.split('.').collect();
    let with = |index: usize, part: &str| {
        let mut parts = parts.clone();
        parts[index] = part;
        parts.join(".")
    };
    for (index, part) in parts.iter().enumerate() {
        let rest: String = part.chars().skip(1).collect();
        for changed in [
            format!("{part}="),
            format!("{part}=="),
            format!("{part} "),
            format!(" {part}"),
            format!("{part}\n"),
            format!("{part}\0"),
            format!("{part}A"),
            format!("{part}\u{e9}"),
            format!("+{rest}"),
            format!("/{rest}"),
            format!("%{rest}"),
        ] {
            let token = with(index, &changed);
            // One more letter may make whole bytes again; then the bytes are others.
            let outcome = verdict(&token).unwrap_err();
            let wanted = [JwsError::Malformed, JwsError::Header, JwsError::Signature];
            assert!(wanted.contains(&outcome), "{token}: {outcome}");
            if !changed.ends_with('A') {
                assert_eq!(outcome, JwsError::Malformed, "{token}");
            }
        }
    }
    // 64 bytes leave four bits of the last letter unused: `A`, and others that differ there alone.
    let zeros = "A".repeat(86);
    assert_eq!(verdict(&with(2, &zeros)), Err(JwsError::Signature));
    for last in ["B", "C", "E", "I", "P"] {
        let same_bytes = format!("{}{last}", "A".repeat(85));
        assert_eq!(verdict(&with(2, &same_bytes)), Err(JwsError::Malformed), "{last}");
    }
}

#[test]
fn ecdsa_signatures_are_two_numbers_in_range() {
    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};

    let signed = format!("{}.{}", encode(br#"{"alg":"ES256"}"#), encode(b"{}"));
    let verify = |key: &Signer, signature: &[u8]| {
        let token = format!("{signed}.{}", encode(signature));
        parse(&token)?.verify(&key.key_set(), &Algorithm::ALL)
    };
    let good = EC.sign(Algorithm::Es256, signed.as_bytes());
    verify(&EC, &good).unwrap();
    let (r, s) = good.split_at(32);
    for bad in [
        Vec::new(),
        vec![0; 64],
        [r, &[0; 32]].concat(),
        [&[0; 32], s].concat(),
        [s, r].concat(),
        [r, &[0xff; 32]].concat(),
        [&[0xff; 32], s].concat(),
        good[..63].to_vec(),
        good[1..].to_vec(),
        [&good[..], &[0]].concat(),
        [&[0], &good[..]].concat(),
        [&[0], r, &[0], s].concat(),
    ] {
        assert_eq!(verify(&EC, &bad), Err(JwsError::Signature), "{bad:?}");
    }
    let random = SystemRandom::new();
    let der = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
    let signature = der.sign(&random, signed.as_bytes()).unwrap();
    let point = &der.public_key().as_ref()[1..];
    let jwk = json!({
        "kty": "EC", "crv": "P-256", "x": encode(&point[..32]), "y": encode(&point[32..]),
    });
    let key = PublicKey::from_jwk(jwk.as_object().unwrap()).unwrap();
    let token = format!("{signed}.{}", encode(signature.as_ref()));
    let outcome = parse(&token).unwrap().verify_with(&key, &Algorithm::ALL);
    assert_eq!(outcome, Err(JwsError::Signature));
}

#[test]
fn tokens_are_bounded_as_a_whole_and_in_their_header() {
    let padded = |bytes: usize| {
        let header = format!(r#"{{"alg":"EdDSA","x":"{}"}}"#, "x".repeat(bytes));
        (header.len(), ED.token_of(Algorithm::EdDsa, header.as_bytes(), b"{}"))
    };
    let (header_bytes, token) = padded(500);
    let limits = JwsLimits { token_bytes: token.len(), header_bytes, claims_depth: 16 };
    let verify = |limits| {
        CompactJws::parse(&token, limits)?.verify(&ED.key_set(), &Algorithm::ALL).map(|_| ())
    };
    assert_eq!(verify(limits), Ok(()));
    let short = JwsLimits { token_bytes: token.len() - 1, ..limits };
    assert_eq!(verify(short), Err(JwsError::TooLarge));
    let short = JwsLimits { header_bytes: header_bytes - 1, ..limits };
    assert_eq!(verify(short), Err(JwsError::TooLarge));
    let huge = "A".repeat(1 << 20);
    for text in [huge.clone(), format!("{huge}.{huge}.{huge}"), ".".repeat(1 << 20)] {
        assert_eq!(verdict(&text), Err(JwsError::TooLarge));
    }
}

#[test]
fn a_token_without_kid_costs_few_verifications() {
    let strangers = (0..crate::CANDIDATES_MAX).map(|_| Signer::generate(Algorithm::EdDsa).public());
    let mut keys: Vec<PublicKey> = strangers.collect();
    keys.push(ED.public());
    let token = ED.token(Algorithm::EdDsa, &json!({}));
    let jws = parse(&token).unwrap();
    let last = KeySet::new(keys.clone()).unwrap();
    assert_eq!(jws.verify(&last, &Algorithm::ALL), Err(JwsError::Signature));
    keys.remove(0);
    jws.verify(&KeySet::new(keys).unwrap(), &Algorithm::ALL).unwrap();
    assert_eq!(jws.verify(&KeySet::default(), &Algorithm::ALL), Err(JwsError::UnknownKey));
}

#[test]
fn unverified_content_is_there_for_those_who_ask() {
    let token = Signer::generate(Algorithm::EdDsa).token(Algorithm::EdDsa, &json!({"iss": "x"}));
    let jws = parse(&token).unwrap();
    assert_eq!(jws.dangerous_unverified_payload(), br#"{"iss":"x"}"#);
    let claims = jws.dangerous_unverified_claims().unwrap();
    assert_eq!(claims.text("iss"), Ok(Some("x")));
    assert_eq!(jws.verify(&ED.key_set(), &Algorithm::ALL), Err(JwsError::Signature));
}

#[test]
fn nothing_of_a_token_is_printed() {
    let header = br#"{"alg":"EdDSA","kid":"secret-kid","typ":"secret-typ"}"#;
    let token = ED.token_of(Algorithm::EdDsa, header, br#"{"secret-claim":"secret-value"}"#);
    let jws = parse(&token).unwrap();
    let claims = jws.dangerous_unverified_claims().unwrap();
    let key = PublicKey::from_jwk(&ED.jwk_named("secret-kid")).unwrap();
    let x = ED.jwk()["x"].as_str().unwrap().to_owned();
    let printed = format!("{jws:?} {:?} {claims:?} {key:?}", jws.header());
    assert!(!printed.contains("secret") && !printed.contains(&x), "{printed}");
    for error in JwsError::ALL {
        assert!(error.code().starts_with("jws_"), "{error}");
    }
}

proptest! {
    #[test]
    fn any_text_is_answered(text in "\\PC*", ascii in "[A-Za-z0-9_.=-]{0,200}") {
        let _answer = parse(&text).is_ok();
        let _answer = parse(&ascii).is_ok();
    }

    #[test]
    fn any_three_parts_are_answered(
        header in proptest::collection::vec(any::<u8>(), 0..64),
        payload in proptest::collection::vec(any::<u8>(), 0..64),
        signature in proptest::collection::vec(any::<u8>(), 0..100),
    ) {
        let parts = [encode(&header), encode(&payload), encode(&signature)];
        prop_assert!(verdict(&parts.join(".")).is_err());
        let good_header = encode(br#"{"alg":"EdDSA"}"#);
        prop_assert!(verdict(&[&good_header, &parts[1], &parts[2]].map(String::as_str).join(".")).is_err());
    }

    #[test]
    fn no_changed_byte_is_accepted(index in 0_usize..1000, change in 1_u8..128) {
        let mut token = ED.token(Algorithm::EdDsa, &json!({"sub": "alice"})).into_bytes();
        let index = index % token.len();
        token[index] = (token[index] ^ change) & 0x7f;
        prop_assert!(verdict(std::str::from_utf8(&token).unwrap()).is_err());
    }
}
