use std::sync::Arc;

use palisade_core::TrustTier;
use palisade_jose::{KeySet, PublicKey};
use serde_json::{Value, json};

use crate::appraisal::Judgement;
use crate::binding::Expected;
use crate::config::{EarVerifier, VerifierConfig, VerifierKind};
use crate::ear::SUBMODS_MAX;
use crate::fixtures::{NOW, NOW_SECONDS, Signer, encode, set};
use crate::mapping::MeasurementClaim;
use crate::token::appraise;
use crate::validity::AgeLimits;

const NONCE: [u8; 32] = [9; 32];

/// The claims of the published example, in the spelling of the drafts.
const EXAMPLE: &str = include_str!("../../../../tests/fixtures/attestation/ear/claims.json");

/// The public key that is published with it.
const EXAMPLE_KEY: &str = include_str!("../../../../tests/fixtures/attestation/ear/ec_key_pub.jwk");

/// Issued now, with our nonce.
fn example() -> Value {
    let mut claims: Value = serde_json::from_str(EXAMPLE).expect("the fixture is JSON");
    set(&mut claims, "/iat", json!(NOW_SECONDS));
    set(&mut claims, "/eat_nonce", json!(encode(&NONCE)));
    claims
}

/// The same in the deployed spelling.
fn deployed() -> Value {
    let text = example().to_string();
    let text = text
        .replace("ear_status", "ear.status")
        .replace("ear_trustworthiness_vector", "ear.trustworthiness-vector")
        .replace("ear_verifier_id", "ear.verifier-id")
        .replace("ear_raw_evidence", "ear.raw-evidence")
        .replace("ear_appraisal_policy_ids", "ear.appraisal-policy-id")
        .replace("tag:ietf.org,2026:rats/ear#04", "tag:github.com,2023:veraison/ear");
    serde_json::from_str(&text).expect("JSON")
}

fn verifier(signer: &Signer) -> EarVerifier {
    EarVerifier {
        keys: Arc::new(signer.keys()),
        issuer: None,
        audience: None,
        submod: None,
        measurements: Vec::new(),
    }
}

struct Said {
    subject: String,
    tier: TrustTier,
    vector: usize,
    measurements: Vec<String>,
    debug: bool,
}

fn appraise_with(
    signer: &Signer,
    verifier: EarVerifier,
    claims: &Value,
) -> Result<Said, &'static str> {
    let config = VerifierConfig {
        name: "ear".to_owned(),
        age: AgeLimits::default(),
        kind: VerifierKind::Ear(verifier),
    };
    let expected = Expected::new(&[NONCE], None);
    let token = signer.token(claims);
    let appraised = appraise(token.as_bytes(), &[config], &expected, NOW);
    let appraisal = appraised.map_err(|refusal| refusal.code)?.appraisal;
    let Judgement::Verifier(tier) = appraisal.judgement else { panic!("it is a result") };
    Ok(Said {
        subject: appraisal.subject,
        tier,
        vector: appraisal.vector.len(),
        measurements: appraisal.measurements,
        debug: appraisal.debug,
    })
}

fn said(claims: &Value) -> Result<Said, &'static str> {
    let signer = Signer::es256();
    appraise_with(&signer, verifier(&signer), claims)
}

fn code(claims: &Value) -> &'static str {
    said(claims).err().unwrap_or("accepted")
}

#[test]
fn the_published_example_is_accepted_in_both_spellings() {
    assert!(deployed()["submods"]["test"]["ear.status"] == json!("affirming"));
    for claims in [example(), deployed()] {
        let said = said(&claims).expect("accepted");
        assert_eq!((said.subject.as_str(), said.tier), ("test", TrustTier::Affirming));
        assert!(said.vector == 8 && !said.debug && said.measurements.is_empty());
    }
}

#[test]
fn the_published_key_is_usable_and_has_signed_none_of_ours() {
    let jwk: Value = serde_json::from_str(EXAMPLE_KEY).expect("the fixture is JSON");
    let key = PublicKey::from_jwk(jwk.as_object().expect("an object")).expect("usable");
    let keys = KeySet::new(vec![key]).expect("a key set");
    let signer = Signer::es256();
    let theirs = EarVerifier { keys: Arc::new(Arc::new(keys)), ..verifier(&signer) };
    assert_eq!(appraise_with(&signer, theirs, &example()).err(), Some("jws_signature"));
}

#[test]
fn every_draft_has_the_same_profile_and_nothing_else_has_it() {
    for profile in ["tag:ietf.org,2026:rats/ear#05", "tag:ietf.org,2026:rats/ear#rfc"] {
        let mut claims = example();
        set(&mut claims, "/eat_profile", json!(profile));
        assert_eq!(code(&claims), "accepted", "{profile}");
    }
    for profile in [
        json!("tag:ietf.org,2026:rats/ear"),
        json!("tag:ietf.org,2026:rats/ear#"),
        json!("tag:ietf.org,2026:rats/eat#05"),
        json!("tag:github.com,2023:veraison/ear#1"),
        json!("TAG:github.com,2023:veraison/ear"),
        json!(1),
        Value::Null,
    ] {
        let mut claims = example();
        set(&mut claims, "/eat_profile", profile.clone());
        assert_eq!(code(&claims), "unknown_verifier", "{profile}");
    }
}

#[test]
fn a_claim_in_both_spellings_is_refused() {
    for (pointer, value) in [
        ("/submods/test/ear.status", json!("affirming")),
        ("/submods/test/ear.trustworthiness-vector", json!({})),
        ("/ear.verifier-id", json!({"build": "b", "developer": "d"})),
    ] {
        let mut claims = example();
        set(&mut claims, pointer, value);
        assert_eq!(code(&claims), "spelled_twice", "{pointer}");
    }
    let mut claims = example();
    set(&mut claims, "/ear_status", json!("affirming"));
    assert_eq!(code(&claims), "accepted");
    set(&mut claims, "/ear.status", json!("affirming"));
    assert_eq!(code(&claims), "spelled_twice");
}

#[test]
fn claims_of_the_wrong_form_are_refused_each_with_its_code() {
    for (pointer, value, want) in [
        ("/ear_verifier_id", Value::Null, "verifier_id"),
        ("/ear_verifier_id", json!({"build": "b"}), "verifier_id"),
        ("/ear_verifier_id/developer", json!(1), "verifier_id"),
        ("/submods", Value::Null, "submods_malformed"),
        ("/submods", json!({}), "submods_malformed"),
        ("/submods", json!([]), "submods_malformed"),
        ("/submods/test", json!("affirming"), "submods_malformed"),
        ("/submods/other", json!({"ear_status": "affirming"}), "submods_ambiguous"),
        ("/submods/test/ear_status", json!("great"), "trust_status"),
        ("/submods/test/ear_status", json!(1), "trust_status"),
        ("/submods/test/ear_trustworthiness_vector", json!([]), "trust_value"),
        ("/submods/test/ear_trustworthiness_vector/hardware", json!(128), "trust_value"),
        ("/submods/test/ear_trustworthiness_vector/Hardware", json!(2), "trust_category"),
        (
            "/submods/test/ear_trustworthiness_vector/hardware",
            json!(32),
            "status_better_than_claims",
        ),
        ("/ear_status", json!("great"), "trust_status"),
        ("/eat_nonce", json!(5), "nonce_malformed"),
        ("/eat_nonce", json!(encode(&[1; 32])), "not_bound"),
        ("/eat_nonce", Value::Null, "not_bound"),
        ("/submods/test/eat_nonce", json!(encode(&[1; 32])), "not_bound"),
        ("/cnf", json!({"jkt": encode(&[1; 32])}), "confirmation_mismatch"),
        ("/iat", Value::Null, "iat_missing"),
        ("/iat", json!("now"), "time_malformed"),
        ("/iat", json!(-1), "time_malformed"),
        ("/exp", json!("never"), "time_malformed"),
        ("/exp", json!(NOW_SECONDS), "expired"),
        ("/nbf", json!(NOW_SECONDS + 61), "not_yet_valid"),
        ("/aud", json!("somebody"), "audience"),
        ("/aud", json!([]), "audience"),
    ] {
        let mut claims = example();
        set(&mut claims, pointer, value.clone());
        assert_eq!(code(&claims), want, "{pointer}: {value}");
    }
    let mut claims = example();
    let submod = claims["submods"]["test"].clone();
    set(&mut claims, "/submods", json!({"te\nst": submod}));
    assert_eq!(code(&claims), "subject_malformed");
}

#[test]
fn unknown_claims_are_ignored() {
    let mut claims = example();
    set(&mut claims, "/submods/test/ear_something", json!({"x": [1]}));
    set(&mut claims, "/other", json!(true));
    assert_eq!(code(&claims), "accepted");
}

#[test]
fn a_result_says_nothing_unless_its_status_does() {
    let mut claims = example();
    set(&mut claims, "/submods/test/ear_status", Value::Null);
    assert_eq!(said(&claims).map(|said| said.tier), Ok(TrustTier::None));
    set(&mut claims, "/submods/test/ear_status", json!("none"));
    assert_eq!(said(&claims).map(|said| said.tier), Ok(TrustTier::None));
    let mut claims = example();
    set(&mut claims, "/submods/test/ear_trustworthiness_vector", Value::Null);
    let bare = said(&claims).expect("accepted");
    assert_eq!((bare.tier, bare.vector), (TrustTier::Affirming, 0));
}

#[test]
fn the_status_of_the_whole_makes_a_part_worse_and_never_better() {
    for (whole, part, want) in [
        ("affirming", "warning", TrustTier::Warning),
        ("warning", "affirming", TrustTier::Warning),
        ("none", "affirming", TrustTier::None),
        ("contraindicated", "affirming", TrustTier::Contraindicated),
        ("affirming", "affirming", TrustTier::Affirming),
    ] {
        let mut claims = example();
        set(&mut claims, "/ear_status", json!(whole));
        set(&mut claims, "/submods/test/ear_status", json!(part));
        assert_eq!(said(&claims).map(|said| said.tier), Ok(want), "{whole} {part}");
    }
}

#[test]
fn of_several_parts_the_configured_one_counts() {
    let signer = Signer::es256();
    let mut claims = example();
    set(&mut claims, "/submods/other", json!({"ear_status": "contraindicated"}));
    let picked = |label: &str| {
        let verifier = EarVerifier { submod: Some(label.to_owned()), ..verifier(&signer) };
        appraise_with(&signer, verifier, &claims).map(|said| (said.subject, said.tier))
    };
    assert_eq!(picked("test"), Ok(("test".to_owned(), TrustTier::Affirming)));
    assert_eq!(picked("other"), Ok(("other".to_owned(), TrustTier::Contraindicated)));
    assert_eq!(picked("third"), Err("submods_ambiguous"));
    let parts = |count: usize| {
        let mut claims = claims.clone();
        set(&mut claims, "/submods/other", Value::Null);
        for n in 1..count {
            set(&mut claims, &format!("/submods/p{n}"), json!({}));
        }
        let verifier = EarVerifier { submod: Some("test".to_owned()), ..verifier(&signer) };
        appraise_with(&signer, verifier, &claims).map(|said| said.tier)
    };
    assert_eq!(parts(SUBMODS_MAX), Ok(TrustTier::Affirming));
    assert_eq!(parts(SUBMODS_MAX + 1), Err("submods_malformed"));
}

#[test]
fn an_environment_that_can_be_looked_into_is_in_debug_mode() {
    let mut claims = example();
    set(&mut claims, "/submods/test/ear_status", json!("contraindicated"));
    set(&mut claims, "/submods/test/ear_trustworthiness_vector/runtime-opaque", json!(96));
    assert!(said(&claims).expect("accepted").debug);
    set(&mut claims, "/submods/test/ear_trustworthiness_vector/runtime-opaque", json!(32));
    set(&mut claims, "/submods/test/ear_trustworthiness_vector/hardware", json!(96));
    assert!(!said(&claims).expect("accepted").debug);
}

#[test]
fn a_nonce_may_stand_in_the_whole_or_in_the_part() {
    let mut claims = example();
    set(&mut claims, "/submods/test/eat_nonce", json!([encode(&NONCE)]));
    assert_eq!(code(&claims), "accepted");
    set(&mut claims, "/eat_nonce", Value::Null);
    assert_eq!(code(&claims), "accepted");
    set(&mut claims, "/eat_nonce", json!(encode(&[1; 32])));
    assert_eq!(code(&claims), "not_bound");
}

#[test]
fn an_attested_key_binds_if_it_is_the_proven_one() {
    let signer = Signer::es256();
    let holder = Signer::es256();
    let config = || VerifierConfig {
        name: "ear".to_owned(),
        age: AgeLimits::default(),
        kind: VerifierKind::Ear(verifier(&signer)),
    };
    let expected = Expected::new(&[], Some(holder.public().thumbprint()));
    for (name, key, want) in [
        ("ear.veraison.key-attestation", &holder, true),
        ("ear_veraison_key_attestation", &holder, true),
        ("ear.veraison.key-attestation", &signer, false),
        ("ear.key", &holder, false),
    ] {
        let mut claims = example();
        set(&mut claims, "/eat_nonce", Value::Null);
        let attested = json!({"akpub": encode(&key.spki_der())});
        set(&mut claims, &format!("/submods/test/{name}"), attested);
        let token = signer.token(&claims);
        let accepted = appraise(token.as_bytes(), &[config()], &expected, NOW).is_ok();
        assert_eq!(accepted, want, "{name}");
    }
}

#[test]
fn measurements_are_what_the_configuration_points_at() {
    let signer = Signer::es256();
    let measured = |value: Value| {
        let mut claims = example();
        set(&mut claims, "/submods/test/ear_attester_claims", json!({ "image": value }));
        let image = MeasurementClaim::new("image", "/ear_attester_claims/image");
        let verifier =
            EarVerifier { measurements: vec![image.expect("usable")], ..verifier(&signer) };
        appraise_with(&signer, verifier, &claims).map(|said| said.measurements)
    };
    assert_eq!(measured(json!("sha256:aa")), Ok(vec!["image:sha256:aa".to_owned()]));
    assert_eq!(
        measured(json!(["a", 1, true])).map(|list| list.join(" ")),
        Ok("image:a image:1 image:true".to_owned())
    );
    assert_eq!(measured(Value::Null), Ok(vec![]));
    for bad in [
        json!({"x": 1}),
        json!([[1]]),
        json!(""),
        json!("a\nb"),
        json!("x".repeat(1025)),
        json!(vec!["x"; 129]),
    ] {
        assert_eq!(measured(bad), Err("measurement_malformed"));
    }
    assert!(measured(json!("x".repeat(1024))).is_ok() && measured(json!(vec!["x"; 128])).is_ok());
}

#[test]
fn issuer_and_audience_count_where_they_are_configured() {
    let signer = Signer::es256();
    let mut claims = example();
    set(&mut claims, "/iss", json!("https://verifier"));
    set(&mut claims, "/aud", json!(["a", "pdp"]));
    let with = |issuer: Option<&str>, audience: Option<&str>| {
        let verifier = EarVerifier {
            issuer: issuer.map(str::to_owned),
            audience: audience.map(str::to_owned),
            ..verifier(&signer)
        };
        appraise_with(&signer, verifier, &claims).err().unwrap_or("accepted")
    };
    assert_eq!(with(None, Some("pdp")), "accepted");
    assert_eq!(with(Some("https://verifier"), Some("pdp")), "accepted");
    assert_eq!(with(Some("https://other"), Some("pdp")), "unknown_verifier");
    assert_eq!(with(None, Some("other")), "audience");
    assert_eq!(with(None, None), "audience");
}
