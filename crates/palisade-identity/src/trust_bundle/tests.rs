//! Bundles with authorities that OpenSSL made.

use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use palisade_core::SystemClock;
use palisade_jose::Follower;
use proptest::prelude::*;
use serde_json::json;

use crate::openssl::{AUTHORITY, Openssl, Order, in_days};
use crate::x509::{SvidError, SvidVerifier};

use super::*;

/// The numbers of a P-256 key that was made, as a JWK.
fn jwk(openssl: &Openssl, name: &str) -> Map<String, Value> {
    let key = format!("{name}.key");
    let der = openssl.run(&["pkey", "-in", &key, "-pubout", "-outform", "DER"]);
    let (x, y) = der.last_chunk::<64>().unwrap().split_at(32);
    let (x, y) = (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y));
    let Value::Object(jwk) = json!({"kty": "EC", "crv": "P-256", "x": x, "y": y}) else { panic!() };
    jwk
}

/// An entry of a bundle: these numbers and further members.
fn entry(numbers: &Map<String, Value>, members: Value) -> Value {
    let Value::Object(members) = members else { panic!() };
    Value::Object(numbers.clone().into_iter().chain(members).collect())
}

fn bundle(keys: &[Value]) -> Result<TrustBundle, TrustBundleError> {
    TrustBundle::parse(json!({ "keys": keys }).to_string().as_bytes())
}

/// The entry of an authority.
fn authority(openssl: &Openssl, name: &str) -> Value {
    let certificate = STANDARD.encode(openssl.der(name));
    entry(&jwk(openssl, name), json!({"use": "x509-svid", "x5c": [certificate]}))
}

#[test]
fn a_bundle_holds_each_key_for_its_own_use() {
    let Some(openssl) = Openssl::with_chain() else { return };
    let (one, two) = (jwk(&openssl, "intermediate"), jwk(&openssl, "leaf"));
    let text = json!({
        "keys": [
            authority(&openssl, "root"),
            entry(&one, json!({"use": "jwt-svid", "kid": "1"})),
            entry(&two, json!({"use": "wit-svid", "kid": "1"})),
        ],
        "spiffe_sequence": 12_i64,
        "spiffe_refresh_hint": 300_i64,
        "something_else": {"keys": []},
    });
    let bundle = TrustBundle::parse(text.to_string().as_bytes()).unwrap();
    assert_eq!((bundle.authorities(), bundle.ignored()), (1, 0));
    assert_eq!(bundle.sequence(), Some(12));
    assert_eq!(bundle.refresh_hint(), Some(Duration::from_secs(300)));
    let thumbprints = |set: &KeySet| -> Vec<[u8; 32]> {
        set.keys().iter().map(|key| *key.thumbprint()).collect()
    };
    assert_eq!(thumbprints(bundle.jwt_keys()), [*PublicKey::from_jwk(&one).unwrap().thumbprint()]);
    assert_eq!(thumbprints(bundle.wit_keys()), [*PublicKey::from_jwk(&two).unwrap().thumbprint()]);
    let domain = TrustDomain::parse("good.example").unwrap();
    let verifier = SvidVerifier::new(Arc::new(HashMap::from([(domain, Arc::new(bundle))])));
    let chain = [openssl.der("leaf"), openssl.der("intermediate")];
    assert!(verifier.verify(&chain, in_days(1)).is_ok());
}

#[test]
fn what_is_for_something_else_is_ignored_and_counted() {
    let Some(openssl) = Openssl::with_chain() else { return };
    let numbers = jwk(&openssl, "root");
    let certificate = STANDARD.encode(openssl.der("root"));
    let x5c = json!([certificate]);
    for ignored in [
        entry(&numbers, json!({"kid": "1"})),
        entry(&numbers, json!({"use": "sig", "kid": "1"})),
        entry(&numbers, json!({"use": "X509-SVID", "x5c": x5c})),
        entry(&numbers, json!({"use": "x509-svid "})),
        entry(&numbers, json!({"use": "x509-svid"})),
        entry(&numbers, json!({"use": "x509-svid", "x5c": []})),
        entry(&numbers, json!({"use": "x509-svid", "x5c": x5c, "kty": "AKP"})),
        entry(&numbers, json!({"use": "jwt-svid"})),
        entry(&numbers, json!({"use": "wit-svid"})),
        entry(&numbers, json!({"use": "jwt-svid", "kid": "1", "kty": "AKP"})),
        entry(&numbers, json!({"use": "jwt-svid", "kid": "1", "d": "AA"})),
        json!({"use": "jwt-svid", "kid": "1", "kty": "oct", "k": "AAAA"}),
    ] {
        let bundle = bundle(&[authority(&openssl, "root"), ignored.clone()]).unwrap();
        assert_eq!((bundle.authorities(), bundle.ignored()), (1, 1), "{ignored}");
        assert!(bundle.jwt_keys().keys().is_empty() && bundle.wit_keys().keys().is_empty());
    }
    let empty = bundle(&[]).unwrap();
    assert_eq!((empty.authorities(), empty.ignored(), empty.sequence()), (0, 0, None));
}

#[test]
fn of_several_certificates_the_first_counts() {
    let Some(openssl) = Openssl::with_chain() else { return };
    let certificates = ["root", "leaf"].map(|name| STANDARD.encode(openssl.der(name)));
    let listed = json!({"use": "x509-svid", "x5c": certificates});
    let bundle = bundle(&[entry(&jwk(&openssl, "root"), listed)]).unwrap();
    assert_eq!(bundle.authorities(), 1);
}

#[test]
fn entries_that_lie_or_cannot_be_read_are_refused() {
    let Some(openssl) = Openssl::with_chain() else { return };
    let (root, leaf) = (jwk(&openssl, "root"), jwk(&openssl, "leaf"));
    let der = openssl.der("root");
    let first = |certificate: &str| json!({"use": "x509-svid", "x5c": [certificate]});
    let malformed = TrustBundleError::Entry { index: 1 };
    let unreadable = TrustBundleError::Certificate { index: 1, source: SvidError::Malformed };
    let mut private = root.clone();
    private.insert("d".to_owned(), json!("AA"));
    let mut numberless = root.clone();
    numberless.remove("x");
    let standard = STANDARD.encode(&der);
    for (entry, error) in [
        (entry(&leaf, first(&standard)), TrustBundleError::KeyMismatch { index: 1 }),
        (entry(&private, first(&standard)), malformed.clone()),
        (entry(&numberless, first(&standard)), malformed.clone()),
        (entry(&root, first("%%%")), malformed.clone()),
        (entry(&root, first(&format!("{standard}="))), malformed.clone()),
        (entry(&root, first(&format!(" {standard}"))), malformed.clone()),
        (entry(&root, first(&STANDARD.encode(&der[..40]))), unreadable.clone()),
        (entry(&root, first(&STANDARD.encode([&der[..], &[0]].concat()))), unreadable.clone()),
        (entry(&root, first("")), unreadable),
        (entry(&root, json!({"use": "x509-svid", "x5c": standard})), malformed.clone()),
        (entry(&root, json!({"use": "x509-svid", "x5c": [7]})), malformed.clone()),
        (entry(&root, json!({"use": 7, "x5c": [standard]})), malformed.clone()),
        (authority(&openssl, "leaf"), TrustBundleError::NotAnAuthority { index: 1 }),
        (json!("key"), malformed),
    ] {
        let answer = bundle(&[authority(&openssl, "root"), entry.clone()]);
        assert_eq!(answer.err(), Some(error), "{entry}");
    }
    let twice = entry(&leaf, json!({"use": "jwt-svid", "kid": "1"}));
    let answer = bundle(&[twice.clone(), twice]);
    assert_eq!(answer.err(), Some(TrustBundleError::DuplicateKeyId));
}

#[test]
fn what_is_no_jwk_set_is_refused() {
    for text in [
        "",
        "[]",
        "{}",
        r#"{"keys":{}}"#,
        r#"{"keys":[],"keys":[]}"#,
        r#"{"keys":[]} x"#,
        r#"{"keys":[{"a":{"b":{"c":{"d":{}}}}}]}"#,
        r#"{"keys":[],"spiffe_sequence":"1"}"#,
        r#"{"keys":[],"spiffe_sequence":-1}"#,
        r#"{"keys":[],"spiffe_sequence":1.5}"#,
        r#"{"keys":[],"spiffe_refresh_hint":null}"#,
        "-----BEGIN CERTIFICATE-----",
    ] {
        let answer = TrustBundle::parse(text.as_bytes());
        assert_eq!(answer.err(), Some(TrustBundleError::Malformed), "{text}");
    }
}

#[test]
fn a_bundle_of_256_kib_is_read_and_a_larger_one_refused() {
    let mut text = br#"{"keys":[]}"#.to_vec();
    text.resize(TRUST_BUNDLE_BYTES_MAX, b' ');
    assert!(TrustBundle::parse(&text).is_ok());
    text.push(b' ');
    let error = TrustBundleError::TooLarge { bytes: TRUST_BUNDLE_BYTES_MAX + 1 };
    assert_eq!(TrustBundle::parse(&text).err(), Some(error.clone()));
    assert_eq!(TrustBundle::from_pem(&text).err(), Some(error));
    text.pop();
    assert_eq!(TrustBundle::from_pem(&text).err(), Some(TrustBundleError::NoCertificate));
}

#[test]
fn a_bundle_has_128_entries_and_32_authorities_at_most() {
    let Some(openssl) = Openssl::with_chain() else { return };
    let entries = vec![json!({}); TRUST_BUNDLE_KEYS_MAX];
    assert_eq!(bundle(&entries).unwrap().ignored(), TRUST_BUNDLE_KEYS_MAX);
    let error = TrustBundleError::TooManyKeys { keys: TRUST_BUNDLE_KEYS_MAX + 1 };
    assert_eq!(bundle(&[&entries[..], &[json!({})]].concat()).err(), Some(error));

    let entries = vec![authority(&openssl, "root"); TRUST_BUNDLE_AUTHORITIES_MAX];
    assert_eq!(bundle(&entries).unwrap().authorities(), TRUST_BUNDLE_AUTHORITIES_MAX);
    let more = [&entries[..], &entries[..1]].concat();
    assert_eq!(bundle(&more).err(), Some(TrustBundleError::TooManyAuthorities));
    let pem = openssl.pem("root").repeat(TRUST_BUNDLE_AUTHORITIES_MAX);
    assert_eq!(TrustBundle::from_pem(&pem).unwrap().authorities(), TRUST_BUNDLE_AUTHORITIES_MAX);
    let more = openssl.pem("root").repeat(TRUST_BUNDLE_AUTHORITIES_MAX + 1);
    assert_eq!(TrustBundle::from_pem(&more).err(), Some(TrustBundleError::TooManyAuthorities));
}

#[test]
fn pem_holds_authorities_and_nothing_that_is_none() {
    let Some(openssl) = Openssl::with_chain() else { return };
    let (root, leaf) = (openssl.pem("root"), openssl.pem("leaf"));
    let both = [b"# our roots\n", &root[..], b"\n", &openssl.pem("intermediate")].concat();
    let bundle = TrustBundle::from_pem(&both).unwrap();
    assert_eq!((bundle.authorities(), bundle.jwt_keys().keys().len()), (2, 0));
    let error = TrustBundleError::NotAnAuthority { index: 1 };
    assert_eq!(TrustBundle::from_pem(&[root.clone(), leaf].concat()).err(), Some(error));
    let no_certificate = Some(TrustBundleError::NoCertificate);
    assert_eq!(TrustBundle::from_pem(b"").err(), no_certificate);
    assert_eq!(TrustBundle::from_pem(&openssl.der("root")).err(), no_certificate);
    let key = std::fs::read(openssl.path("root.key")).unwrap();
    assert_eq!(TrustBundle::from_pem(&key).err(), no_certificate);
    let cut = &root[..root.len() / 2];
    assert_eq!(TrustBundle::from_pem(cut).err(), Some(TrustBundleError::Malformed));
    let broken = String::from_utf8(root).unwrap().replacen("MII", "%%%", 1);
    let answer = TrustBundle::from_pem(broken.as_bytes());
    assert_eq!(answer.err(), Some(TrustBundleError::Malformed));
}

#[test]
fn an_anchor_may_sign_certificates() {
    let Some(openssl) = Openssl::new() else { return };
    for (extensions, is_authority) in [
        (AUTHORITY, true),
        ("basicConstraints=CA:TRUE\n", true),
        ("basicConstraints=CA:TRUE\nkeyUsage=cRLSign\n", false),
        ("basicConstraints=CA:FALSE\nkeyUsage=critical,keyCertSign\n", false),
        ("keyUsage=critical,keyCertSign\n", false),
    ] {
        openssl.make(Order { extensions, ..Order::authority("root", "root") });
        let bundle = TrustBundle::from_pem(&openssl.pem("root"));
        assert_eq!(bundle.is_ok(), is_authority, "{extensions}: {bundle:?}");
    }
}

#[test]
fn an_older_bundle_than_one_before_is_refused() {
    let text = |sequence: u64| json!({"keys": [], "spiffe_sequence": sequence}).to_string();
    let source = TrustBundle::source("good.example", Origin::File("x".into()));
    assert_eq!((source.name.as_str(), source.bytes_max), ("good.example", TRUST_BUNDLE_BYTES_MAX));
    let read = |text: &str| (source.read)(text.as_bytes()).map(|bundle| bundle.sequence());
    assert_eq!(read(&text(7)), Ok(Some(7)));
    assert_eq!(read(&text(7)), Ok(Some(7)));
    assert_eq!(read(&text(6)), Err("trust_bundle_outdated"));
    assert_eq!(read(r#"{"keys":[]}"#), Err("trust_bundle_outdated"));
    assert_eq!(read(&text(8)), Ok(Some(8)));
    assert_eq!(read(&text(7)), Err("trust_bundle_outdated"));
    assert_eq!(read("[]"), Err("trust_bundle_malformed"));
    let hinting = TrustBundle::parse(br#"{"keys":[],"spiffe_refresh_hint":90}"#).unwrap();
    assert_eq!((source.lifetime)(&hinting), Some(Duration::from_secs(90)));
    // Another source has seen nothing yet.
    let other = TrustBundle::source("other.example", Origin::File("x".into()));
    assert!((other.read)(text(1).as_bytes()).is_ok());
}

#[test]
fn a_bundle_that_is_kept_fresh_verifies_what_its_file_says() {
    let Some(openssl) = Openssl::with_chain() else { return };
    let domains = ["good", "pem", "missing"];
    let file = json!({"keys": [authority(&openssl, "root")]}).to_string();
    std::fs::write(openssl.path("good.json"), file).unwrap();
    let sources = vec![
        TrustBundle::source("good", Origin::File(openssl.path("good.json"))),
        TrustBundle::pem_source("pem", Origin::File(openssl.path("root.pem"))),
        TrustBundle::source("missing", Origin::File(openssl.path("missing.json"))),
    ];
    let follower = Follower::start(sources, Arc::new(SystemClock::new())).unwrap();
    let handles = domains
        .into_iter()
        .map(|name| (TrustDomain::parse(name).unwrap(), follower.handle(name).unwrap()));
    let bundles = FollowedTrustBundles::new(handles.collect());
    let of = |name| bundles.trust_bundle(&TrustDomain::parse(name).unwrap());
    assert_eq!(of("good").map(|bundle| bundle.authorities()), Some(1));
    assert_eq!(of("pem").map(|bundle| bundle.authorities()), Some(1));
    assert!(of("missing").is_none() && of("unknown").is_none());
}

#[test]
fn a_bundle_shows_how_much_is_in_it_and_no_keys() {
    let Some(openssl) = Openssl::with_chain() else { return };
    let shown = format!("{:?}", bundle(&[authority(&openssl, "root")]).unwrap());
    assert_eq!(
        shown,
        "TrustBundle { authorities: 1, jwt_keys: 0, wit_keys: 0, sequence: None, \
         refresh_hint: None, ignored: 0 }"
    );
}

proptest! {
    #[test]
    fn any_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _answer = TrustBundle::parse(&bytes);
        prop_assert!(TrustBundle::from_pem(&bytes).is_err());
    }

    #[test]
    fn any_entry_is_answered(
        key_type in "EC|RSA|OKP|oct|",
        key_use in "x509-svid|jwt-svid|wit-svid|sig",
        bytes in prop::collection::vec(any::<u8>(), 0..100),
    ) {
        let text = STANDARD.encode(&bytes);
        let entry = json!({
            "kty": key_type, "use": key_use, "kid": text, "x5c": [text], "x": text, "y": text,
            "n": text, "e": "AQAB", "crv": "P-256",
        });
        prop_assert!(bundle(&[entry]).is_ok_and(|bundle| bundle.authorities() == 0)
            || key_use == "x509-svid");
    }
}
