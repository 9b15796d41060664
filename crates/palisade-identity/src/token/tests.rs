//! One token at a time: which are good, and why the others are not.

use palisade_core::{ActorKind, Proof, ReasonCode};
use palisade_jose::Algorithm;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::issuers::TokenKind;
use crate::presented::NoRights;
use crate::testing::{
    DOMAIN, IDP, NOW, STS, Signer, US, World, access_claims, actor, at, base64url, link, nested,
    now, with, workload,
};
use crate::token::TOKEN_BYTES_MAX;

/// What comes of a token alone: `ok`, or the coarse code and the detail.
fn verdict(world: &World, token: String) -> String {
    match world.verifier.identify(&[link(token)], &NoRights, now()) {
        Ok(_) => "ok".to_owned(),
        Err(refusal) => format!("{} {}", refusal.code, refusal.detail),
    }
}

fn check_all(world: &World, cases: Vec<(&str, String, &str)>) {
    for (name, token, expected) in cases {
        assert_eq!(verdict(world, token), expected, "{name}");
    }
}

#[test]
fn each_claim_of_an_access_token_is_checked() {
    let world = World::new();
    let alice = |changes: Value| world.alice(changes);
    check_all(
        &world,
        vec![
            ("as issued", alice(json!({})), "ok"),
            ("no end", alice(json!({"exp": null})), "malformed exp"),
            ("an end in words", alice(json!({"exp": "never"})), "malformed claim_type"),
            ("ends now", alice(json!({"exp": NOW})), "expired exp"),
            ("ended", alice(json!({"exp": NOW - 1})), "expired exp"),
            ("ends in a second", alice(json!({"exp": NOW + 1})), "ok"),
            ("the longest life", alice(json!({"iat": NOW, "exp": NOW + 3600})), "ok"),
            ("too long a life", alice(json!({"iat": NOW, "exp": NOW + 3601})), "lifetime lifetime"),
            (
                "too long a life, most of it over",
                alice(json!({"iat": NOW - 3500, "exp": NOW + 101})),
                "lifetime lifetime",
            ),
            (
                "ends in 100 years",
                alice(json!({"exp": NOW + 3_155_760_000_i64})),
                "lifetime lifetime",
            ),
            ("begins within the skew", alice(json!({"nbf": NOW + 30})), "ok"),
            ("begins later", alice(json!({"nbf": NOW + 31})), "not_yet_valid nbf"),
            ("issued within the skew", alice(json!({"iat": NOW + 30})), "ok"),
            ("issued later", alice(json!({"iat": NOW + 31})), "not_yet_valid iat"),
            ("nbf is a text", alice(json!({"nbf": "soon"})), "malformed claim_type"),
            ("no iat", alice(json!({"iat": null})), "malformed iat"),
            ("no sub", alice(json!({"sub": null})), "malformed sub"),
            ("an empty sub", alice(json!({"sub": ""})), "malformed sub"),
            ("a sub with a control", alice(json!({"sub": "al\nice"})), "malformed actor_subject"),
            ("a long sub", alice(json!({"sub": "a".repeat(257)})), "malformed actor_subject"),
            ("no jti", alice(json!({"jti": null})), "malformed jti"),
            ("no client", alice(json!({"client_id": null})), "malformed client_id"),
            ("no audience", alice(json!({"aud": null})), "audience no_audience"),
            ("an empty audience", alice(json!({"aud": []})), "audience audience"),
            ("for others", alice(json!({"aud": ["a", "b"]})), "audience audience"),
            ("for others and us", alice(json!({"aud": ["a", US]})), "ok"),
            ("almost for us", alice(json!({"aud": format!("{US}/")})), "audience audience"),
            ("an audience of numbers", alice(json!({"aud": [1, US]})), "malformed claim_type"),
            ("a number as issuer", alice(json!({"iss": 1})), "malformed claim_type"),
            ("no issuer", alice(json!({"iss": null})), "untrusted unknown_issuer"),
            (
                "an unknown issuer",
                alice(json!({"iss": "https://evil"})),
                "untrusted unknown_issuer",
            ),
            (
                "another case",
                alice(json!({"iss": "https://IDP.example"})),
                "untrusted unknown_issuer",
            ),
            ("another issuer's name", alice(json!({"iss": STS})), "untrusted unknown_key"),
            ("a session of a number", alice(json!({"sid": 1})), "malformed claim_type"),
            ("an empty session", alice(json!({"sid": ""})), "malformed sid"),
            ("acr of a number", alice(json!({"acr": 1})), "malformed claim_type"),
            ("a kind of a number", alice(json!({"sub_profile": 1})), "malformed kind"),
        ],
    );
}

#[test]
fn each_member_of_a_header_is_checked() {
    let world = World::new();
    let claims = access_claims(IDP, "alice");
    let typed = |typ: &str| world.idp.sign(typ, &claims);
    let headed = |header: Value| world.idp.sign_with(&header, &claims);
    let other = Signer::new("idp-1");
    let jwk = other.jwk();
    check_all(
        &world,
        vec![
            ("a media type", typed("application/at+jwt"), "ok"),
            ("another case", typed("AT+JWT"), "ok"),
            ("a plain JWT", typed("JWT"), "untrusted unknown_issuer"),
            ("a proof", typed("dpop+jwt"), "unsupported typ"),
            ("an event", typed("secevent+jwt"), "unsupported typ"),
            ("a logout token", typed("logout+jwt"), "unsupported typ"),
            ("a transaction", typed("txntoken+jwt"), "untrusted unknown_issuer"),
            ("a workload token", typed("wit+jwt"), "untrusted unknown_issuer"),
            ("no kid", headed(json!({"typ": "at+jwt", "alg": "ES256"})), "ok"),
            (
                "a kid of nobody",
                headed(json!({"typ": "at+jwt", "alg": "ES256", "kid": "x"})),
                "untrusted unknown_key",
            ),
            (
                "another issuer's kid",
                headed(json!({"typ": "at+jwt", "alg": "ES256", "kid": "sts-1"})),
                "untrusted unknown_key",
            ),
            (
                "another algorithm",
                headed(json!({"typ": "at+jwt", "alg": "ES384", "kid": "idp-1"})),
                "untrusted unknown_key",
            ),
            (
                "an algorithm that is not allowed",
                headed(json!({"typ": "at+jwt", "alg": "ES512", "kid": "idp-1"})),
                "unsupported jws_algorithm",
            ),
            ("none", headed(json!({"typ": "at+jwt", "alg": "none"})), "unsupported jws_algorithm"),
            ("HMAC", headed(json!({"typ": "at+jwt", "alg": "HS256"})), "unsupported jws_algorithm"),
            (
                "an extension",
                headed(json!({"typ": "at+jwt", "alg": "ES256", "crit": ["exp"], "exp": 1})),
                "unsupported jws_crit",
            ),
            (
                "its own key",
                other.sign_with(
                    &json!({"typ": "at+jwt", "alg": "ES256", "kid": "idp-1", "jwk": jwk}),
                    &claims,
                ),
                "untrusted jws_signature",
            ),
            ("a megabyte", "a".repeat(1024 * 1024), "malformed jws_too_large"),
            ("nothing", String::new(), "malformed jws_malformed"),
            ("an unsigned token", unsigned(&claims), "unsupported jws_algorithm"),
        ],
    );
}

#[test]
fn names_that_stand_twice_are_refused() {
    let world = World::new();
    let claims = access_claims(IDP, "alice");
    check_all(
        &world,
        vec![
            (
                "two types",
                world.idp.sign_text(
                    r#"{"typ":"at+jwt","alg":"ES256","typ":"JWT"}"#,
                    &claims.to_string(),
                ),
                "malformed jws_header",
            ),
            (
                "two subjects",
                world.idp.sign_text(
                    r#"{"typ":"at+jwt","alg":"ES256"}"#,
                    r#"{"sub":"alice","sub":"bob"}"#,
                ),
                "malformed jws_claims",
            ),
        ],
    );
}

fn unsigned(claims: &Value) -> String {
    let header = json!({"typ": "at+jwt", "alg": "none"}).to_string();
    format!("{}.{}.", base64url(header.as_bytes()), base64url(claims.to_string().as_bytes()))
}

#[test]
fn a_token_has_at_most_its_limit_of_bytes() {
    let world = World::new();
    let padded = |length: usize| world.alice(json!({"pad": "x".repeat(length)}));
    // Three bytes of claims are four of the token.
    let fits = (0..)
        .map(|length| TOKEN_BYTES_MAX / 4 * 3 - 500 + length)
        .take_while(|length| padded(*length).len() <= TOKEN_BYTES_MAX)
        .last()
        .unwrap();
    assert!(padded(fits).len() > TOKEN_BYTES_MAX - 4);
    assert_eq!(verdict(&world, padded(fits)), "ok");
    assert_eq!(verdict(&world, padded(fits + 3)), "malformed jws_too_large");
}

#[test]
fn only_a_single_audience_is_taken_where_that_is_asked_for() {
    let world = World::changed(|config| config.issuers[0].single_audience = true);
    check_all(
        &world,
        vec![
            ("ours alone", world.alice(json!({"aud": [US]})), "ok"),
            ("a stranger's too", world.alice(json!({"aud": [US, "x"]})), "audience other_audience"),
        ],
    );
}

#[test]
fn svids_follow_their_profile() {
    let world = World::new();
    let svid = |changes: Value| world.svid("agents/a", changes);
    let claims = json!({"sub": format!("{DOMAIN}/a"), "aud": US, "exp": NOW + 60});
    let headed = |header: Value| world.domain.sign_with(&header, &claims);
    check_all(
        &world,
        vec![
            ("as issued", svid(json!({})), "ok"),
            ("without iat", svid(json!({"iat": null})), "ok"),
            ("too long a life", svid(json!({"iat": null, "exp": NOW + 3601})), "lifetime lifetime"),
            ("the longest life", svid(json!({"iat": null, "exp": NOW + 3600})), "ok"),
            ("no audience", svid(json!({"aud": null})), "audience no_audience"),
            ("no end", svid(json!({"exp": null})), "malformed exp"),
            (
                "another domain",
                svid(json!({"sub": "spiffe://x.example/a"})),
                "untrusted unknown_issuer",
            ),
            ("the domain itself", svid(json!({"sub": DOMAIN})), "untrusted unknown_issuer"),
            (
                "upper case",
                svid(json!({"sub": "spiffe://PROD.example/a"})),
                "untrusted unknown_issuer",
            ),
            (
                "a dot segment",
                svid(json!({"sub": format!("{DOMAIN}/../a")})),
                "untrusted unknown_issuer",
            ),
            ("no subject", svid(json!({"sub": null})), "untrusted unknown_issuer"),
            ("JOSE", headed(json!({"typ": "JOSE", "alg": "ES256"})), "ok"),
            ("no typ", headed(json!({"alg": "ES256", "kid": "domain-1"})), "ok"),
            (
                "a lower-case typ",
                headed(json!({"typ": "jwt", "alg": "ES256"})),
                "malformed svid_header",
            ),
            (
                "another member",
                headed(json!({"alg": "ES256", "cty": "x"})),
                "malformed svid_header",
            ),
            ("not its key", world.idp.sign("JWT", &claims), "untrusted unknown_key"),
        ],
    );
    let chain = world.verifier.identify(&[link(svid(json!({})))], &NoRights, now()).unwrap();
    assert_eq!(chain.chain.links(), [actor(&format!("agent {DOMAIN} agents/a"))]);
}

#[test]
fn svids_are_never_signed_with_ed25519() {
    let signer = Signer::ed25519("domain-ed");
    let keys = crate::testing::TestKeys::of(&[&signer]);
    let world = World::changed(|config| {
        config.issuers[2].keys = keys;
        assert!(config.issuers[2].algorithms.contains(&Algorithm::EdDsa));
    });
    let claims = json!({"sub": format!("{DOMAIN}/a"), "aud": US, "exp": NOW + 60});
    assert_eq!(verdict(&world, signer.sign("JWT", &claims)), "unsupported jws_algorithm");
}

#[test]
fn plain_tokens_are_taken_only_of_issuers_that_may_send_them() {
    let world = World::changed(|config| config.issuers[0].tokens = vec![TokenKind::PlainJwt]);
    let claims = json!({"iss": IDP, "sub": "alice", "aud": US, "exp": NOW + 60});
    check_all(
        &world,
        vec![
            ("plain", world.idp.sign("JWT", &claims), "ok"),
            ("an access token", world.alice(json!({})), "untrusted unknown_issuer"),
            (
                "plain of another",
                world.sts.sign("JWT", &with(claims, json!({"iss": STS}))),
                "untrusted unknown_issuer",
            ),
        ],
    );
}

#[test]
fn transaction_tokens_follow_their_draft() {
    let world = World::new();
    let claims = json!({
        "iat": NOW - 1, "aud": US, "exp": NOW + 60, "txn": "t-1", "sub": "alice",
        "scope": "pay", "req_wl": "gateway", "act": workload("agents/a"),
    });
    let signed = |changes: Value| world.sts.sign("txntoken+jwt", &with(claims.clone(), changes));
    check_all(
        &world,
        vec![
            ("without iss", signed(json!({})), "ok"),
            ("with iss", signed(json!({"iss": STS})), "ok"),
            ("another iss", signed(json!({"iss": IDP})), "untrusted unknown_issuer"),
            ("no txn", signed(json!({"txn": null})), "malformed txn"),
            ("no scope", signed(json!({"scope": null})), "malformed scope"),
            ("no req_wl", signed(json!({"req_wl": null})), "malformed req_wl"),
            ("req_wl as a list", signed(json!({"req_wl": ["a"]})), "malformed claim_type"),
            ("no iat", signed(json!({"iat": null})), "malformed iat"),
            ("no sub", signed(json!({"sub": null})), "malformed sub"),
            ("no audience", signed(json!({"aud": null})), "untrusted unknown_issuer"),
            ("two domains", signed(json!({"aud": [US, "x"]})), "malformed txn_audience"),
            ("another domain", signed(json!({"aud": "x"})), "untrusted unknown_issuer"),
            ("claims of later drafts", signed(json!({"tctx": {"a": 1}, "agentic_ctx": {}})), "ok"),
        ],
    );
}

#[test]
fn a_transaction_token_without_issuer_has_to_be_of_one_issuer_only() {
    let world = World::changed(|config| {
        config.issuers[0].tokens = vec![TokenKind::TransactionToken];
    });
    let claims = json!({
        "iat": NOW - 1, "aud": US, "exp": NOW + 60, "txn": "t-1", "sub": "alice",
        "scope": "pay", "req_wl": "gateway",
    });
    assert_eq!(
        verdict(&world, world.sts.sign("txntoken+jwt", &claims)),
        "untrusted unknown_issuer"
    );
}

#[test]
fn the_claim_that_names_the_actor_can_be_configured() {
    let world = World::changed(|config| config.issuers[1].actor_claim = "actor".to_owned());
    let token = world.exchanged(json!({"actor": workload("a"), "act": workload("b")}));
    let chain = world.verifier.identify(&[link(token)], &NoRights, now()).unwrap();
    assert_eq!(chain.chain.links()[1], actor(&format!("agent {DOMAIN} a")));
    assert_eq!(chain.chain.links().len(), 2);
}

#[test]
fn nested_actors_are_expanded_from_the_earliest_to_the_current() {
    let world = World::new();
    let mut act = nested(&["first", "second", "third"]);
    act["sub_profile"] = json!("service");
    act["department"] = json!("ops");
    act["exp"] = json!(1);
    act["act"]["department"] = json!("inner");
    let token = world.exchanged(json!({"act": act, "groups": ["g"], "acr": "phr"}));
    let chain = world.verifier.identify(&[link(token)], &NoRights, now()).unwrap();
    let expected = [
        format!("user {IDP} alice"),
        format!("agent {DOMAIN} first"),
        format!("agent {DOMAIN} second"),
        format!("service {DOMAIN} third"),
    ];
    assert_eq!(chain.chain.links(), expected.map(|text| actor(&text)));
    let claims: Vec<Value> =
        chain.links.iter().map(|link| Value::Object((*link.claims).clone())).collect();
    assert_eq!(claims[0]["groups"], json!(["g"]));
    assert!(claims[0].get("act").is_none());
    assert_eq!(claims[1..3], [json!({}), json!({})]);
    assert_eq!(claims[3], json!({"sub_profile": "service", "department": "ops"}));
    assert!(chain.links.iter().all(|link| link.proof == Proof::Bearer));
    assert_eq!(chain.expires, Some(at(600)));
    assert_eq!(chain.authentication.as_ref().unwrap().acr.as_deref(), Some("phr"));
}

#[test]
fn actors_that_are_not_named_exactly_are_refused() {
    let world = World::new();
    let acting = |act: Value| world.exchanged(json!({"act": act}));
    let inner = |member: Value| with(workload("a"), member);
    let agent = format!("{DOMAIN}/a");
    check_all(
        &world,
        vec![
            ("a text", acting(json!("agent")), "malformed act"),
            ("a list", acting(json!([workload("a")])), "malformed act"),
            ("no sub", acting(json!({"iss": DOMAIN})), "malformed act_sub"),
            ("no iss", acting(json!({"sub": agent})), "malformed act_iss"),
            ("a number as iss", acting(json!({"sub": "a", "iss": 1})), "malformed act_iss"),
            ("no SPIFFE id", acting(json!({"sub": "a", "iss": DOMAIN})), "malformed spiffe_id"),
            ("a key", acting(inner(json!({"cnf": {"jkt": "x"}}))), "malformed act_member"),
            ("a client", acting(inner(json!({"client_profile": "x"}))), "malformed act_member"),
            ("an inner text", acting(inner(json!({"act": "x"}))), "malformed act"),
            ("unknown members", acting(inner(json!({"x": {"y": 1}, "nbf": NOW + 99}))), "ok"),
            (
                "another domain's workload",
                acting(json!({"sub": "spiffe://x.example/a", "iss": DOMAIN})),
                "foreign_namespace foreign_namespace",
            ),
            (
                "an issuer that it may not speak for",
                acting(json!({"sub": "a", "iss": "https://other.example"})),
                "foreign_namespace foreign_namespace",
            ),
            (
                "an inner one",
                acting(inner(json!({"act": {"sub": "a", "iss": "https://other.example"}}))),
                "foreign_namespace foreign_namespace",
            ),
        ],
    );
}

#[test]
fn an_issuer_speaks_only_for_its_own_unless_told() {
    let world = World::new();
    let token = world.alice(json!({"act": workload("a")}));
    let refusal = world.verifier.identify(&[link(token)], &NoRights, now()).unwrap_err();
    assert_eq!(refusal.reason, ReasonCode::ForeignNamespace);
    // Nor does a trust domain speak for users, of the same subject or not.
    let svid = world.svid("a", json!({"act": {"iss": IDP, "sub": "alice"}}));
    let refusal = world.verifier.identify(&[link(svid)], &NoRights, now()).unwrap_err();
    assert_eq!(refusal.reason, ReasonCode::ForeignNamespace);
}

#[test]
fn an_issuer_speaks_only_for_the_kinds_that_it_may() {
    let world = World::changed(|config| {
        for namespace in &mut config.issuers[1].namespaces {
            if namespace.issuer == DOMAIN {
                namespace.kinds = vec![ActorKind::Service];
            }
        }
    });
    let acting = |profile: &str| {
        world.exchanged(json!({"act": with(workload("a"), json!({"sub_profile": profile}))}))
    };
    check_all(
        &world,
        vec![
            ("a service", acting("service"), "ok"),
            ("an agent", acting("ai_agent"), "foreign_namespace foreign_namespace"),
            ("a user", acting("user"), "foreign_namespace foreign_namespace"),
            ("neither", acting("robot"), "foreign_namespace foreign_namespace"),
            ("a service and something", acting("service x"), "foreign_namespace foreign_namespace"),
            ("a service twice", acting("service service"), "ok"),
        ],
    );
}

#[test]
fn a_chain_of_a_token_has_at_most_eight_links() {
    let world = World::new();
    let names = ["a", "b", "c", "d", "e", "f", "g", "h"];
    let deep = |count: usize| world.exchanged(json!({"act": nested(&names[..count])}));
    let verify = |token| world.verifier.identify(&[link(token)], &NoRights, now()).map(|_| ());
    verify(deep(7)).unwrap();
    assert_eq!(verify(deep(8)).unwrap_err().reason, ReasonCode::ChainTooDeep);
    let long: Vec<String> = (0..25).map(|number| format!("w{number}")).collect();
    let long: Vec<&str> = long.iter().map(String::as_str).collect();
    let token = world.exchanged(json!({"act": nested(&long)}));
    assert_eq!(verify(token).unwrap_err().reason, ReasonCode::ChainTooDeep);
    let longer: Vec<String> = (0..200).map(|number| format!("w{number}")).collect();
    let longer: Vec<&str> = longer.iter().map(String::as_str).collect();
    let token = world.exchanged(json!({"act": nested(&longer)}));
    assert_eq!(verify(token).unwrap_err().reason, ReasonCode::UnverifiedActor);
}

#[test]
fn nobody_stands_in_a_token_twice() {
    let world = World::new();
    let cases = [
        nested(&["a", "b", "a"]),
        json!({"iss": IDP, "sub": "alice"}),
        // Under another kind it is still the same one.
        json!({"iss": IDP, "sub": "alice", "sub_profile": "ai_agent"}),
    ];
    for act in cases {
        let token = world.exchanged(json!({"act": act}));
        let refusal = world.verifier.identify(&[link(token)], &NoRights, now()).unwrap_err();
        assert_eq!(refusal.reason, ReasonCode::ChainCycle);
    }
    // The same subject of another issuer is somebody else.
    let token = world.exchanged(json!({"act": {"iss": STS, "sub": "alice"}}));
    assert_eq!(verdict(&world, token), "ok");
}

#[test]
fn actors_without_issuer_are_the_signers_own_only_if_configured() {
    let world = World::changed(|config| config.issuers[1].actors_default_to_issuer = true);
    let token = world.exchanged(json!({"act": {"sub": "bot"}}));
    let chain = world.verifier.identify(&[link(token)], &NoRights, now()).unwrap();
    assert_eq!(chain.chain.links()[1], actor(&format!("agent {STS} bot")));
}

#[test]
fn what_is_said_of_the_sign_in_is_sorted() {
    let world = World::new();
    let token =
        world.alice(json!({"acr": "phr", "amr": ["pwd", "hwk", "pwd"], "auth_time": NOW - 7}));
    let chain = world.verifier.identify(&[link(token)], &NoRights, now()).unwrap();
    let authentication = chain.authentication.as_ref().unwrap();
    assert_eq!(authentication.amr, ["hwk", "pwd"]);
    assert_eq!(authentication.time, Some(at(-7)));
    let silent = world.alice(json!({}));
    let chain = world.verifier.identify(&[link(silent)], &NoRights, now()).unwrap();
    assert_eq!(chain.authentication, None);
}

#[test]
fn no_changed_byte_of_a_token_is_accepted() {
    let world = World::new();
    let token = world.exchanged(json!({"act": workload("a")}));
    for (index, byte) in token.bytes().enumerate() {
        for other in [b'A', b'-', b'.', byte ^ 1, byte ^ 0x20, byte ^ 2] {
            let mut changed = token.clone().into_bytes();
            changed[index] = other;
            let Ok(changed) = String::from_utf8(changed) else { continue };
            if changed != token {
                assert_ne!(verdict(&world, changed), "ok", "byte {index} as {other}");
            }
        }
    }
}

#[test]
fn no_cut_or_longer_token_is_accepted() {
    let world = World::new();
    let token = world.alice(json!({}));
    for end in 0..token.len() {
        assert_ne!(verdict(&world, token.get(..end).unwrap().to_owned()), "ok");
    }
    for tail in [".", "=", " ", "\n", "A", "AA", "\0"] {
        assert_ne!(verdict(&world, format!("{token}{tail}")), "ok");
        assert_ne!(verdict(&world, format!("{tail}{token}")), "ok");
    }
}

proptest! {
    #[test]
    fn any_text_is_answered(text in "\\PC*", dots in "[a-zA-Z0-9_-]{0,40}\\.[a-zA-Z0-9_-]{0,40}\\.[a-zA-Z0-9_-]{0,40}") {
        let world = World::new();
        prop_assert_ne!(verdict(&world, text), "ok");
        prop_assert_ne!(verdict(&world, dots), "ok");
    }

    #[test]
    fn any_signed_claim_is_answered(
        name in "(sub|iss|aud|exp|nbf|iat|act|may_act|cnf|acr|amr|auth_time|sid|sub_profile)",
        value in json_value(),
    ) {
        let world = World::new();
        let mut claims = access_claims(IDP, "alice");
        claims[name] = value;
        let token = world.idp.sign("at+jwt", &claims);
        // Whatever is accepted of it names only the issuer's own.
        if let Ok(chain) = world.verifier.identify(&[link(token)], &NoRights, now()) {
            prop_assert!(chain.chain.links().iter().all(|link| link.issuer.as_str() == IDP));
            prop_assert!(chain.expires.unwrap() > now());
            prop_assert!(chain.expires.unwrap() <= at(3600));
        }
    }
}

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-10_i64..NOW * 2).prop_map(Value::from),
        prop_oneof![Just(IDP), Just(US), Just("alice"), Just("")].prop_map(Value::from),
        "[a-z ]{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::hash_map("(sub|iss|act|jkt|x)", inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}
