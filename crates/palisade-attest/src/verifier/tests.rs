//! The front: nonces are spent, evidence is remembered, and neither helps anybody else.

mod raw;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex};
use std::time::Duration;

use palisade_catalog::ReferenceValues;
use palisade_core::{Actor, Attestation, EpochMillis, ReasonCode, TrustTier};
use palisade_jose::KeySet;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::AttestationVerifier;
use crate::binding::Binding;
use crate::config::{
    AttestationConfig, AttestationConfigError, EarVerifier, MappedJwtVerifier, VERIFIERS_MAX,
    VerifierConfig, VerifierKind,
};
use crate::error::AttestationRefusal;
use crate::evidence::{EVIDENCE_BYTES_MAX, EVIDENCE_PIECES_MAX, Evidence};
use crate::fixtures::{ChangingKeys, NOW, NOW_SECONDS, PEP, Signer, bot, encode, later, set};
use crate::keys::VerifierKeys;
use crate::mapping::{ClaimMapping, MeasurementClaim};
use crate::nonce::{NonceLimits, SystemNonces};
use crate::validity::AgeLimits;

const EAT: &str = "application/eat+jwt";
const OTHER_NONCE: [u8; 32] = [3; 32];

fn references(text: &str) -> ReferenceValues {
    let file: Arc<str> = "reference/a.yaml".into();
    let text = format!("format: 1\nreferences:\n{text}");
    ReferenceValues::parse([(&file, text.as_str())]).expect("usable").0
}

fn ear_config(name: &str, keys: Arc<dyn VerifierKeys>) -> VerifierConfig {
    let image = MeasurementClaim::new("image", "/image").expect("usable");
    let ear =
        EarVerifier { keys, issuer: None, audience: None, submod: None, measurements: vec![image] };
    let age = AgeLimits { max_age: Duration::from_secs(300), clock_skew: Duration::from_secs(10) };
    VerifierConfig { name: name.to_owned(), age, kind: VerifierKind::Ear(ear) }
}

fn front_of(verifiers: Vec<VerifierConfig>) -> AttestationVerifier {
    let config = AttestationConfig::new(verifiers);
    AttestationVerifier::new(config, Box::new(SystemNonces)).expect("usable")
}

/// A verifier of results, and whoever signs them.
struct Scene {
    signer: Signer,
    front: AttestationVerifier,
    reference: ReferenceValues,
}

impl Scene {
    fn new() -> Self {
        let signer = Signer::es256();
        let front = front_of(vec![ear_config("ear", Arc::new(signer.keys()))]);
        let reference =
            references("  good: { verifier: ear, measurements: { image: \"sha256:aa\" } }");
        Self { signer, front, reference }
    }

    fn nonce(&self) -> [u8; 32] {
        self.front.issue_nonce(PEP, &bot(), NOW).expect("issued").nonce
    }

    fn token(&self, nonce: &[u8; 32]) -> String {
        self.signer.token(&claims(nonce))
    }

    fn verify(
        &self,
        token: &str,
        now: EpochMillis,
    ) -> Result<Arc<Attestation>, AttestationRefusal> {
        verify_as(&self.front, token, PEP, &bot(), None, &self.reference, now)
    }
}

fn verify_as(
    front: &AttestationVerifier,
    token: &str,
    requester: &str,
    actor: &Actor,
    key_thumbprint: Option<&[u8; 32]>,
    reference: &ReferenceValues,
    now: EpochMillis,
) -> Result<Arc<Attestation>, AttestationRefusal> {
    let evidence = [Evidence { media_type: EAT, body: token.as_bytes() }];
    let binding = Binding { requester, actor, key_thumbprint };
    front.verify(&evidence, &binding, reference, now)
}

fn claims(nonce: &[u8; 32]) -> Value {
    json!({
        "eat_profile": "tag:github.com,2023:veraison/ear",
        "iat": NOW_SECONDS,
        "eat_nonce": encode(nonce),
        "ear.verifier-id": { "build": "1", "developer": "us" },
        "submods": { "vm": { "ear.status": "affirming", "image": "sha256:aa" } }
    })
}

fn code<T>(answer: Result<T, AttestationRefusal>) -> &'static str {
    answer.err().map_or("accepted", |refusal| refusal.code)
}

#[test]
fn a_result_with_a_nonce_of_ours_becomes_one_attestation() {
    let scene = Scene::new();
    let nonce = scene.nonce();
    let attestation = scene.verify(&scene.token(&nonce), NOW).expect("accepted");
    let want = Attestation {
        verifier: "ear".to_owned(),
        subject: "vm".to_owned(),
        tier: TrustTier::Affirming,
        vector: vec![],
        issued_at: NOW,
        expires_at: later(300_000),
        measurements: vec!["image:sha256:aa".to_owned()],
        references: vec!["good".to_owned()],
        debug: false,
        nonce_fresh: true,
    };
    assert_eq!(*attestation, want);
}

#[test]
fn evidence_is_good_again_for_the_same_requester_and_actor_until_it_expires() {
    let scene = Scene::new();
    let token = scene.token(&scene.nonce());
    let first = scene.verify(&token, NOW).expect("accepted");
    let again = scene.verify(&token, later(299_999)).expect("remembered");
    assert!(Arc::ptr_eq(&first, &again));
    let refusal = scene.verify(&token, later(300_000)).expect_err("expired");
    assert_eq!(refusal, AttestationRefusal::expired("expired"));
    assert_eq!(refusal.reason, ReasonCode::AttestationExpired);
    let once_more = scene.verify(&token, later(300_000)).expect_err("expired");
    assert_eq!(once_more, AttestationRefusal::expired("expired"));
}

#[test]
fn evidence_is_a_replay_from_anybody_else() {
    let scene = Scene::new();
    let token = scene.token(&scene.nonce());
    scene.verify(&token, NOW).expect("accepted");
    let other: Actor = "agent:corp:other".parse().expect("an actor");
    let user: Actor = "user:corp:bot".parse().expect("an actor");
    let bot = bot();
    for (requester, actor, key) in [
        ("spiffe://corp/other", &bot, None),
        (PEP, &other, None),
        (PEP, &user, None),
        (PEP, &bot, Some(&[1; 32])),
    ] {
        let answer = verify_as(&scene.front, &token, requester, actor, key, &scene.reference, NOW);
        assert_eq!(code(answer), "not_bound", "{requester} {actor}");
    }
    scene.verify(&token, NOW).expect("still remembered");
}

#[test]
fn under_other_reference_values_evidence_is_not_remembered() {
    let scene = Scene::new();
    let token = scene.token(&scene.nonce());
    scene.verify(&token, NOW).expect("accepted");
    let other = references("  good: { verifier: ear, measurements: { image: \"sha256:bb\" } }");
    let answer = verify_as(&scene.front, &token, PEP, &bot(), None, &other, NOW);
    assert_eq!(code(answer), "not_bound");
}

#[test]
fn a_change_of_anything_in_the_evidence_makes_it_other_evidence() {
    let scene = Scene::new();
    let nonce = scene.nonce();
    scene.verify(&scene.token(&nonce), NOW).expect("accepted");
    // The same claims under another signature, and the same token under another media type.
    assert_eq!(code(scene.verify(&scene.token(&nonce), NOW)), "not_bound");
    let token = scene.token(&scene.nonce());
    scene.verify(&token, NOW).expect("accepted");
    let evidence = [Evidence { media_type: "application/jwt", body: token.as_bytes() }];
    let bot = bot();
    let binding = Binding { requester: PEP, actor: &bot, key_thumbprint: None };
    let answer = scene.front.verify(&evidence, &binding, &scene.reference, NOW);
    assert_eq!(code(answer), "not_bound");
}

#[test]
fn a_nonce_is_spent_by_success_only() {
    let scene = Scene::new();
    let nonce = scene.nonce();
    let forged = Signer::es256().token(&claims(&nonce));
    assert_eq!(code(scene.verify(&forged, NOW)), "jws_signature");
    let mut contradicting = claims(&nonce);
    set(&mut contradicting, "/submods/vm/ear.status", json!("great"));
    assert_eq!(code(scene.verify(&scene.signer.token(&contradicting), NOW)), "trust_status");
    scene.verify(&scene.token(&nonce), NOW).expect("accepted");
}

#[test]
fn a_nonce_lives_to_the_millisecond() {
    let scene = Scene::new();
    let token = scene.token(&scene.nonce());
    assert_eq!(code(scene.verify(&token, later(60_000))), "not_bound");
    scene.verify(&token, later(59_999)).expect("accepted");
}

#[test]
fn a_nonce_nobody_issued_binds_nothing() {
    let scene = Scene::new();
    scene.nonce();
    for nonce in [&OTHER_NONCE, &[0; 32]] {
        let refusal = scene.verify(&scene.token(nonce), NOW).expect_err("unbound");
        assert_eq!(refusal, AttestationRefusal::invalid("not_bound"));
        assert_eq!(refusal.reason, ReasonCode::AttestationInvalid);
    }
}

#[test]
fn the_proven_key_binds_without_being_fresh() {
    let scene = Scene::new();
    let key = Signer::es256().public();
    let mut bound = claims(key.thumbprint());
    let verify = |claims: &Value, key: Option<&[u8; 32]>| {
        let token = scene.signer.token(claims);
        verify_as(&scene.front, &token, PEP, &bot(), key, &scene.reference, NOW)
    };
    let attestation = verify(&bound, Some(key.thumbprint())).expect("accepted");
    assert!(!attestation.nonce_fresh);
    assert_eq!(code(verify(&bound, None)), "not_bound");
    assert_eq!(code(verify(&bound, Some(&OTHER_NONCE))), "not_bound");
    set(&mut bound, "/eat_nonce", Value::Null);
    set(&mut bound, "/cnf", json!({ "jkt": encode(key.thumbprint()) }));
    assert!(!verify(&bound, Some(key.thumbprint())).expect("accepted").nonce_fresh);
    assert_eq!(code(verify(&bound, None)), "confirmation_mismatch");
    // A confirmed key that was not proven spoils even a good nonce, and does not spend it.
    let nonce = scene.nonce();
    set(&mut bound, "/eat_nonce", json!(encode(&nonce)));
    assert_eq!(code(verify(&bound, None)), "confirmation_mismatch");
    assert!(verify(&bound, Some(key.thumbprint())).expect("accepted").nonce_fresh);
}

#[test]
fn of_many_pieces_with_one_nonce_exactly_one_is_accepted() {
    const THREADS: usize = 8;
    for _ in 0..10 {
        let scene = Scene::new();
        let nonce = scene.nonce();
        let tokens: Vec<String> = (0..THREADS).map(|_| scene.token(&nonce)).collect();
        let accepted = AtomicUsize::new(0);
        let start = Barrier::new(THREADS);
        std::thread::scope(|scope| {
            for token in &tokens {
                let (scene, accepted, start) = (&scene, &accepted, &start);
                scope.spawn(move || {
                    start.wait();
                    match scene.verify(token, NOW) {
                        Ok(_) => drop(accepted.fetch_add(1, Ordering::Relaxed)),
                        Err(refusal) => {
                            assert!(["nonce_spent", "not_bound"].contains(&refusal.code));
                        }
                    }
                });
            }
        });
        assert_eq!(accepted.load(Ordering::Relaxed), 1);
    }
}

#[test]
fn the_same_evidence_at_once_is_accepted_for_all() {
    const THREADS: usize = 8;
    for _ in 0..10 {
        let scene = Scene::new();
        let token = scene.token(&scene.nonce());
        let start = Barrier::new(THREADS);
        std::thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    start.wait();
                    assert_eq!(code(scene.verify(&token, NOW)), "accepted");
                });
            }
        });
        scene.verify(&token, NOW).expect("remembered");
    }
}

#[test]
fn evidence_that_somebody_else_verifies_meanwhile_is_the_same_attestation() {
    let signer = Signer::es256();
    let keys = Arc::new(ChangingKeys::default());
    *keys.current.lock().expect("no panic") = Some(signer.keys());
    let handle: Arc<dyn VerifierKeys> = Arc::<ChangingKeys>::clone(&keys);
    let front = Arc::new(front_of(vec![ear_config("ear", handle)]));
    let issue = || front.issue_nonce(PEP, &bot(), NOW).expect("issued").nonce;
    let verify = |front: &AttestationVerifier, token: &str| {
        verify_as(front, token, PEP, &bot(), None, &ReferenceValues::default(), NOW)
    };
    for same in [true, false] {
        let nonce = issue();
        let token = signer.token(&claims(&nonce));
        let theirs = if same { token.clone() } else { signer.token(&claims(&nonce)) };
        let other = Arc::clone(&front);
        let meanwhile = move || assert_eq!(code(verify(&other, &theirs)), "accepted");
        *keys.meanwhile.lock().expect("no panic") = Some(Box::new(meanwhile));
        let want = if same { "accepted" } else { "nonce_spent" };
        assert_eq!(code(verify(&front, &token)), want);
    }
}

#[test]
fn when_keys_change_what_is_remembered_is_verified_again() {
    let signer = Signer::es256();
    let keys = Arc::new(ChangingKeys::default());
    let handle: Arc<dyn VerifierKeys> = Arc::<ChangingKeys>::clone(&keys);
    let front = front_of(vec![ear_config("ear", handle)]);
    let reference = ReferenceValues::default();
    let verify = |token: &str| verify_as(&front, token, PEP, &bot(), None, &reference, NOW);
    let nonce = front.issue_nonce(PEP, &bot(), NOW).expect("issued").nonce;
    let token = signer.token(&claims(&nonce));
    assert_eq!(code(verify(&token)), "keys_unavailable");
    assert_eq!(keys.missed.lock().expect("no panic").len(), 1);
    let put = |set: Option<Arc<KeySet>>| *keys.current.lock().expect("no panic") = set;
    put(Some(signer.keys()));
    let first = verify(&token).expect("accepted");
    // The same key in another set: verified again, with the nonce that it has spent itself.
    put(Some(signer.keys()));
    let again = verify(&token).expect("accepted again");
    assert!(!Arc::ptr_eq(&first, &again) && first == again);
    assert!(Arc::ptr_eq(&again, &verify(&token).expect("remembered")));
    put(Some(Signer::es256().keys()));
    assert_eq!(code(verify(&token)), "jws_signature");
    put(None);
    assert_eq!(code(verify(&token)), "keys_unavailable");
    put(Some(signer.keys()));
    assert!(verify(&token).is_ok());
}

#[test]
fn a_missing_key_is_asked_for() {
    let keys =
        Arc::new(ChangingKeys { current: Mutex::new(Some(Arc::default())), ..Default::default() });
    let handle: Arc<dyn VerifierKeys> = Arc::<ChangingKeys>::clone(&keys);
    let front = front_of(vec![ear_config("ear", handle)]);
    let token = Signer::es256().token_with(&json!({"kid": "k1"}), &claims(&OTHER_NONCE));
    let reference = ReferenceValues::default();
    let answer = verify_as(&front, &token, PEP, &bot(), None, &reference, NOW);
    assert_eq!(code(answer), "jws_unknown_key");
    assert_eq!(*keys.missed.lock().expect("no panic"), [Some("k1".to_owned())]);
}

#[test]
fn of_several_verifiers_the_one_that_signed_counts() {
    let (one, two) = (Signer::es256(), Signer::es256());
    let front = front_of(vec![
        ear_config("one", Arc::new(one.keys())),
        ear_config("two", Arc::new(two.keys())),
    ]);
    let reference = references("  good: { verifier: one, measurements: { image: \"sha256:aa\" } }");
    let verify = |signer: &Signer| {
        let nonce = front.issue_nonce(PEP, &bot(), NOW).expect("issued").nonce;
        let token = signer.token(&claims(&nonce));
        verify_as(&front, &token, PEP, &bot(), None, &reference, NOW).expect("accepted")
    };
    let by_one = verify(&one);
    assert_eq!((by_one.verifier.as_str(), by_one.references.len()), ("one", 1));
    let by_two = verify(&two);
    assert_eq!((by_two.verifier.as_str(), by_two.references.len()), ("two", 0));
}

#[test]
fn a_reference_value_without_debug_is_not_met_in_debug_mode() {
    let scene = Scene::new();
    let mut open = claims(&scene.nonce());
    set(&mut open, "/submods/vm/ear.status", json!("contraindicated"));
    set(&mut open, "/submods/vm/ear.trustworthiness-vector", json!({"runtime-opaque": 96}));
    let attestation = scene.verify(&scene.signer.token(&open), NOW).expect("accepted");
    assert!(attestation.debug && attestation.references.is_empty());
    assert_eq!(attestation.tier, TrustTier::Contraindicated);
    let allowed =
        references("  lab: { verifier: ear, measurements: { image: \"sha256:aa\" }, debug: true }");
    set(&mut open, "/eat_nonce", json!(encode(&scene.nonce())));
    let token = scene.signer.token(&open);
    let met = verify_as(&scene.front, &token, PEP, &bot(), None, &allowed, NOW).expect("accepted");
    assert_eq!(
        (met.references.join(","), met.tier),
        ("lab".to_owned(), TrustTier::Contraindicated)
    );
}

#[test]
fn a_token_for_another_purpose_is_refused() {
    let scene = Scene::new();
    for typ in ["at+jwt", "application/at+jwt", "secevent+jwt", ""] {
        let token = scene.signer.token_with(&json!({ "typ": typ }), &claims(&scene.nonce()));
        assert_eq!(code(scene.verify(&token, NOW)), "token_type", "{typ}");
    }
    for typ in ["JWT", "jwt", "eat+jwt", "application/eat+jwt"] {
        let token = scene.signer.token_with(&json!({ "typ": typ }), &claims(&scene.nonce()));
        assert_eq!(code(scene.verify(&token, NOW)), "accepted", "{typ}");
    }
}

#[test]
fn issue_times_are_held_to_the_skew() {
    let scene = Scene::new();
    for (ahead, want) in
        [(10, "accepted"), (11, "issued_in_the_future"), (-299, "accepted"), (-300, "expired")]
    {
        let mut claims = claims(&scene.nonce());
        set(&mut claims, "/iat", json!(NOW_SECONDS + ahead));
        assert_eq!(code(scene.verify(&scene.signer.token(&claims), NOW)), want, "{ahead}");
    }
    let mut claims = claims(&scene.nonce());
    // What it says itself counts only where it is stricter.
    set(&mut claims, "/exp", json!(NOW_SECONDS + 301));
    let attestation = scene.verify(&scene.signer.token(&claims), NOW).expect("accepted");
    assert_eq!(attestation.expires_at, later(300_000));
    set(&mut claims, "/eat_nonce", json!(encode(&scene.nonce())));
    set(&mut claims, "/exp", json!(NOW_SECONDS + 1));
    let attestation = scene.verify(&scene.signer.token(&claims), NOW).expect("accepted");
    assert_eq!(attestation.expires_at, later(1000));
    set(&mut claims, "/nbf", json!(NOW_SECONDS + 10));
    set(&mut claims, "/eat_nonce", json!(encode(&scene.nonce())));
    assert_eq!(code(scene.verify(&scene.signer.token(&claims), NOW)), "accepted");
    set(&mut claims, "/nbf", json!(NOW_SECONDS + 11));
    assert_eq!(code(scene.verify(&scene.signer.token(&claims), NOW)), "not_yet_valid");
}

#[test]
fn evidence_has_bounds() {
    let scene = Scene::new();
    let token = scene.token(&scene.nonce());
    let bot = bot();
    let binding = Binding { requester: PEP, actor: &bot, key_thumbprint: None };
    let verify = |evidence: &[Evidence<'_>]| {
        code(scene.front.verify(evidence, &binding, &scene.reference, NOW))
    };
    let piece = Evidence { media_type: EAT, body: token.as_bytes() };
    let large = vec![b'a'; EVIDENCE_BYTES_MAX + 1];
    let long_type = "a".repeat(257);
    assert_eq!(verify(&[]), "no_evidence");
    assert_eq!(verify(&[piece; EVIDENCE_PIECES_MAX + 1]), "too_many_pieces");
    assert_eq!(verify(&[piece; EVIDENCE_PIECES_MAX]), "several_attestations");
    assert_eq!(verify(&[Evidence { body: &large, ..piece }]), "too_large");
    let largest = large.get(..EVIDENCE_BYTES_MAX).expect("it is longer");
    assert_eq!(verify(&[Evidence { body: largest, ..piece }]), "jws_malformed");
    assert_eq!(verify(&[Evidence { media_type: &long_type, ..piece }]), "too_large");
    for media_type in ["", "text/plain", "application/eat+jwtx", "eat+jwt", "application/eat+cwt"] {
        assert_eq!(verify(&[Evidence { media_type, ..piece }]), "media_type", "{media_type}");
    }
    let with_profile = "Application/EAT+JWT; eat_profile=\"tag:github.com,2023:veraison/ear\"";
    assert_eq!(verify(&[Evidence { media_type: with_profile, ..piece }]), "accepted");
}

#[test]
fn media_types_and_unknown_verifiers_are_told() {
    let scene = Scene::new();
    assert_eq!(scene.front.accepted_media_types(), ["application/eat+jwt", "application/jwt"]);
    assert!(front_of(vec![]).accepted_media_types().is_empty());
    let reference = references(
        "  a: { verifier: ear, measurements: { m: x } }\n  b: { verifier: gcp, measurements: { m: x } }",
    );
    assert_eq!(scene.front.unknown_verifiers(&reference), [("b", "gcp")]);
}

fn mapped(mapping: &str, issuer: Option<&str>, audience: Option<&str>) -> VerifierConfig {
    let verifier = MappedJwtVerifier {
        keys: Arc::new(Arc::<KeySet>::default()),
        mapping: ClaimMapping::built_in(mapping).expect("built in"),
        issuer: issuer.map(str::to_owned),
        audience: audience.map(str::to_owned),
    };
    let kind = VerifierKind::MappedJwt(verifier);
    VerifierConfig { name: mapping.to_owned(), age: AgeLimits::default(), kind }
}

#[test]
fn a_configuration_that_is_ambiguous_is_refused() {
    let new = |verifiers: Vec<VerifierConfig>| {
        let config = AttestationConfig::new(verifiers);
        AttestationVerifier::new(config, Box::new(SystemNonces)).err()
    };
    let ear = |name: &str| ear_config(name, Arc::new(Arc::<KeySet>::default()));
    let google = "google-confidential-space";
    let many = |count: usize| (0..count).map(|n| ear(&format!("v{n}"))).collect();
    assert_eq!(new(many(VERIFIERS_MAX)), None);
    let count = VERIFIERS_MAX + 1;
    assert_eq!(new(many(count)), Some(AttestationConfigError::TooManyVerifiers { count }));
    let name = || "a".to_owned();
    assert_eq!(
        new(vec![ear("a"), ear("a")]),
        Some(AttestationConfigError::DuplicateName { name: name() })
    );
    for name in ["", "A", "a b", &"x".repeat(65)] {
        assert_eq!(
            new(vec![ear(name)]),
            Some(AttestationConfigError::Name { name: name.to_owned() })
        );
    }
    let named = |name: &str| name.to_owned();
    assert_eq!(new(vec![mapped(google, None, Some("a"))]), None);
    assert_eq!(
        new(vec![mapped(google, Some("https://confidentialcomputing.googleapis.com"), Some("a"))]),
        None
    );
    assert_eq!(
        new(vec![mapped(google, None, None)]),
        Some(AttestationConfigError::Audience { name: named(google) })
    );
    assert_eq!(
        new(vec![mapped(google, Some("https://other"), Some("a"))]),
        Some(AttestationConfigError::Issuer { name: named(google) })
    );
    for issuer in [None, Some("")] {
        assert_eq!(
            new(vec![mapped("azure-sev-snp", issuer, None)]),
            Some(AttestationConfigError::Issuer { name: named("azure-sev-snp") })
        );
    }
    let azure = ["azure-sev-snp", "azure-guest-sev-snp"].map(|name| mapped(name, Some("i"), None));
    let issuer = "i".to_owned();
    assert_eq!(new(azure.into()), Some(AttestationConfigError::DuplicateIssuer { issuer }));
    let twice = vec![MeasurementClaim::new("m", "/m").expect("usable"); 2];
    let mut config = ear("a");
    if let VerifierKind::Ear(ear) = &mut config.kind {
        ear.measurements = twice;
    }
    assert!(matches!(new(vec![config]), Some(AttestationConfigError::Measurements { .. })));
}

#[test]
fn nonces_are_limited_as_configured() {
    let nonces = NonceLimits { lifetime: Duration::from_secs(1), live_max: 1 };
    let config = AttestationConfig { nonces, ..AttestationConfig::new(vec![]) };
    let front = AttestationVerifier::new(config, Box::new(SystemNonces)).expect("usable");
    let issued = front.issue_nonce(PEP, &bot(), NOW).expect("issued");
    assert_eq!(issued.expires_at, later(1000));
    assert!(front.issue_nonce(PEP, &bot(), NOW).is_err());
}

#[test]
fn evidence_does_not_show_in_debug_output() {
    let body = b"eyJhbGciOiJFUzI1NiJ9.c2VjcmV0.c2ln";
    let shown = format!("{:?} {:?}", Evidence { media_type: EAT, body }, Scene::new().front);
    assert!(!shown.contains("eyJ") && !shown.contains("101"), "{shown}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_bytes_are_answered(body in any::<Vec<u8>>(), media_type in "\\PC{0,40}") {
        let front = front_of(vec![ear_config("ear", Arc::new(Arc::<KeySet>::default()))]);
        let bot = bot();
        let binding = Binding { requester: PEP, actor: &bot, key_thumbprint: None };
        for media_type in [media_type.as_str(), EAT, crate::tpm::TPM_EVIDENCE_TYPE] {
            let evidence = [Evidence { media_type, body: &body }];
            let answer = front.verify(&evidence, &binding, &ReferenceValues::default(), NOW);
            prop_assert!(answer.is_err());
        }
    }

    #[test]
    fn every_altered_byte_is_refused(place in any::<prop::sample::Index>(), flip in 1_u8..) {
        let scene = Scene::new();
        let mut token = scene.token(&scene.nonce()).into_bytes();
        let place = place.index(token.len());
        token[place] ^= flip;
        let evidence = [Evidence { media_type: EAT, body: &token }];
        let bot = bot();
        let binding = Binding { requester: PEP, actor: &bot, key_thumbprint: None };
        prop_assert!(scene.front.verify(&evidence, &binding, &scene.reference, NOW).is_err());
    }
}
