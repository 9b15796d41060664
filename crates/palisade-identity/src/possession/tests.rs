//! Bound tokens are good only with proof of the key.

use palisade_core::{Proof, Sha256Digest};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::issuers::TokenKind;
use crate::possession::{PROOF_ID_BYTES_MAX, Possession};
use crate::presented::{PresentedLink, PresentedToken, Rights};
use crate::testing::{
    DOMAIN, NOW, POSSESSION, Signer, TestRights, World, at, base64url, digest_of, now, with,
    workload,
};

const URI: &str = "https://mcp.example/tools?x=1#y";
const PATH: &str = "https://mcp.example/tools";

/// A world, a client's key, and a token that is bound to it.
struct Bound {
    world: World,
    client: Signer,
    token: String,
}

impl Bound {
    fn new() -> Self {
        let world = World::new();
        let client = Signer::new("client");
        let token = world.alice(json!({"cnf": {"jkt": client.jkt()}}));
        Self { world, client, token }
    }

    fn claims(&self) -> Value {
        json!({
            "jti": "p-1", "htm": "POST", "htu": PATH, "iat": NOW, "ath": digest_of(&self.token),
        })
    }

    fn proof(&self, changes: Value) -> String {
        self.proof_by(&self.client, json!({"typ": "dpop+jwt"}), changes)
    }

    fn proof_by(&self, signer: &Signer, header: Value, changes: Value) -> String {
        let default = json!({"typ": "dpop+jwt", "alg": signer.algorithm(), "jwk": signer.jwk()});
        signer.sign_with(&with(default, header), &with(self.claims(), changes))
    }

    fn verdict(&self, seen: Option<Possession>, rights: &dyn Rights) -> String {
        self.verdict_at(seen, rights, 0)
    }

    fn verdict_at(
        &self,
        possession: Option<Possession>,
        rights: &dyn Rights,
        seconds: i64,
    ) -> String {
        let link = PresentedLink::Token(PresentedToken { token: self.token.clone(), possession });
        match self.world.verifier.identify(&[link], rights, at(seconds)) {
            Ok(chain) => {
                assert_eq!(chain.links.last().unwrap().proof, Proof::KeyBound);
                assert_eq!(chain.key_thumbprint, Some(self.client.thumbprint()));
                "ok".to_owned()
            }
            Err(refusal) => format!("{} {}", refusal.code, refusal.detail),
        }
    }
}

fn seen(dpop: String) -> Option<Possession> {
    Some(Possession {
        dpop: Some(dpop),
        method: "POST".to_owned(),
        uri: URI.to_owned(),
        ..Possession::default()
    })
}

#[test]
fn a_bound_token_is_no_bearer_token() {
    let bound = Bound::new();
    assert_eq!(bound.verdict(None, &POSSESSION), "not_bound no_possession");
    let without = Possession { dpop: None, ..seen(String::new()).unwrap() };
    assert_eq!(bound.verdict(Some(without), &POSSESSION), "not_bound no_dpop");
    let proof = bound.proof(json!({}));
    assert_eq!(
        bound.verdict(seen(proof.clone()), &TestRights { compose: true, ..TestRights::default() }),
        "not_bound possession_not_vouched"
    );
    assert_eq!(bound.verdict(seen(proof), &POSSESSION), "ok");
}

#[test]
fn every_check_of_a_dpop_proof_is_made() {
    let bound = Bound::new();
    let other = Signer::new("other");
    let ed = Signer::ed25519("ed");
    let private = {
        let mut jwk = bound.client.jwk();
        jwk.insert("d".to_owned(), json!("AA"));
        jwk
    };
    let header = |header| bound.proof_by(&bound.client, header, json!({}));
    let cases = [
        ("typ", header(json!({"typ": "JWT"})), "not_bound dpop_typ"),
        ("no typ", header(json!({"typ": null})), "not_bound dpop_typ"),
        ("no key", header(json!({"jwk": null})), "not_bound dpop_jwk"),
        ("a private key", header(json!({"jwk": private})), "not_bound dpop_jwk"),
        ("an oct key", header(json!({"jwk": {"kty": "oct", "k": "AA"}})), "not_bound dpop_jwk"),
        ("another's key", bound.proof_by(&other, json!({}), json!({})), "not_bound dpop_key"),
        ("another's key and kind", bound.proof_by(&ed, json!({}), json!({})), "not_bound dpop_key"),
        (
            "another's signature",
            bound.proof_by(&other, json!({"jwk": bound.client.jwk()}), json!({})),
            "not_bound dpop_signature",
        ),
        ("none", header(json!({"alg": "none"})), "not_bound dpop_form"),
        ("HMAC", header(json!({"alg": "HS256"})), "not_bound dpop_form"),
        ("another algorithm", header(json!({"alg": "ES384"})), "not_bound dpop_signature"),
        ("two proofs", format!("{0},{0}", bound.proof(json!({}))), "not_bound dpop_form"),
        ("another method", bound.proof(json!({"htm": "GET"})), "not_bound dpop_htm"),
        ("another case", bound.proof(json!({"htm": "post"})), "not_bound dpop_htm"),
        ("no method", bound.proof(json!({"htm": null})), "malformed htm"),
        ("another path", bound.proof(json!({"htu": format!("{PATH}/x")})), "not_bound proof_uri"),
        ("a slash more", bound.proof(json!({"htu": format!("{PATH}/")})), "not_bound proof_uri"),
        (
            "another scheme",
            bound.proof(json!({"htu": "http://mcp.example/tools"})),
            "not_bound proof_uri",
        ),
        (
            "another host",
            bound.proof(json!({"htu": "https://mcp.example.evil/tools"})),
            "not_bound proof_uri",
        ),
        (
            "another port",
            bound.proof(json!({"htu": "https://mcp.example:444/tools"})),
            "not_bound proof_uri",
        ),
        (
            "a user",
            bound.proof(json!({"htu": "https://u@mcp.example/tools"})),
            "not_bound proof_uri",
        ),
        ("a path alone", bound.proof(json!({"htu": "/tools"})), "not_bound proof_uri"),
        ("no target", bound.proof(json!({"htu": null})), "malformed htu"),
        ("another token", bound.proof(json!({"ath": digest_of("x")})), "not_bound dpop_ath"),
        ("no token", bound.proof(json!({"ath": null})), "malformed ath"),
        ("too old", bound.proof(json!({"iat": NOW - 61})), "expired proof_iat"),
        ("from the future", bound.proof(json!({"iat": NOW + 31})), "not_yet_valid proof_iat"),
        ("no iat", bound.proof(json!({"iat": null})), "not_bound proof_iat"),
        ("no jti", bound.proof(json!({"jti": null})), "malformed jti"),
        (
            "a long jti",
            bound.proof(json!({"jti": "j".repeat(PROOF_ID_BYTES_MAX + 1)})),
            "not_bound proof_jti",
        ),
        ("the token itself", bound.token.clone(), "not_bound dpop_typ"),
    ];
    for (name, proof, expected) in cases {
        assert_eq!(bound.verdict(seen(proof), &POSSESSION), expected, "{name}");
    }
}

#[test]
fn proofs_are_good_up_to_their_limits_and_in_any_spelling_of_the_target() {
    let bound = Bound::new();
    let changes = [
        json!({"iat": NOW - 60}),
        json!({"iat": NOW + 30}),
        json!({"jti": "j".repeat(PROOF_ID_BYTES_MAX)}),
        json!({"htu": "HTTPS://MCP.example:443/tools"}),
        json!({"htu": "https://mcp.example/a/../tools?other=query"}),
        json!({"nonce": "not asked for"}),
    ];
    for (number, change) in changes.into_iter().enumerate() {
        let named = with(json!({"jti": format!("p-{number}")}), change);
        let proof = bound.proof(named.clone());
        assert_eq!(bound.verdict(seen(proof), &POSSESSION), "ok", "{named}");
    }
}

#[test]
fn targets_that_are_no_plain_http_uris_are_refused_even_if_they_are_the_same() {
    let bound = Bound::new();
    let long = format!("https://mcp.example/{}", "a".repeat(8 * 1024));
    let targets = [
        "https://user@mcp.example/tools",
        "https://:secret@mcp.example/tools",
        "ftp://mcp.example/tools",
        "data:tools",
        "https://mcp.example/to ols",
        "https://mcp.example/to\tols",
        "tools",
        long.as_str(),
    ];
    for target in targets {
        let mut possession = seen(bound.proof(json!({"htu": target}))).unwrap();
        possession.uri = target.to_owned();
        assert_eq!(bound.verdict(Some(possession), &POSSESSION), "not_bound proof_uri", "{target}");
    }
}

#[test]
fn a_proof_is_good_once() {
    let bound = Bound::new();
    let proof = bound.proof(json!({}));
    assert_eq!(bound.verdict(seen(proof.clone()), &POSSESSION), "ok");
    assert_eq!(bound.verdict(seen(proof.clone()), &POSSESSION), "replayed proof_jti");
    assert_eq!(bound.verdict_at(seen(proof.clone()), &POSSESSION, 60), "replayed proof_jti");
    assert_eq!(bound.verdict_at(seen(proof), &POSSESSION, 61), "expired proof_iat");
    // The same name for another target is another proof.
    let other = bound.proof(json!({"htu": "https://mcp.example/other"}));
    let mut there = seen(other);
    there.as_mut().unwrap().uri = "https://mcp.example/other".to_owned();
    assert_eq!(bound.verdict(there, &POSSESSION), "ok");
    assert_eq!(bound.verdict(seen(bound.proof(json!({"jti": "p-2"}))), &POSSESSION), "ok");
}

#[test]
fn a_proof_that_was_refused_with_its_request_can_come_again() {
    let bound = Bound::new();
    let proof = bound.proof(json!({}));
    let link = |token: &str, possession| {
        PresentedLink::Token(PresentedToken { token: token.to_owned(), possession })
    };
    let stranger = link(&bound.world.svid("a", json!({})), None);
    let both = [link(&bound.token, seen(proof.clone())), stranger];
    let refusal = bound.world.verifier.identify(&both, &POSSESSION, now()).unwrap_err();
    assert_eq!((refusal.code, refusal.link), ("unlinked_chain", 1));
    assert_eq!(bound.verdict(seen(proof), &POSSESSION), "ok");
}

#[test]
fn only_the_current_actor_of_a_bound_token_is_bound() {
    let bound = Bound::new();
    let changes = json!({"cnf": {"jkt": bound.client.jkt()}, "act": workload("a")});
    let token = bound.world.exchanged(changes);
    let bound = Bound { token, ..bound };
    let possession = seen(bound.proof(json!({})));
    let link = PresentedLink::Token(PresentedToken { token: bound.token.clone(), possession });
    let chain = bound.world.verifier.identify(&[link], &POSSESSION, now()).unwrap();
    let proofs: Vec<Proof> = chain.links.iter().map(|link| link.proof).collect();
    assert_eq!(proofs, [Proof::Bearer, Proof::KeyBound]);
}

#[test]
fn bindings_that_are_not_understood_are_not_proven() {
    let bound = Bound::new();
    let jkt = bound.client.jkt();
    let cases = [
        (json!({}), "not_bound cnf_empty"),
        (json!("x"), "malformed claim_type"),
        (json!({"kid": "x"}), "not_bound cnf_member"),
        (json!({"jwk": bound.client.jwk()}), "not_bound cnf_member"),
        (json!({"jkt": jkt, "x": 1}), "not_bound cnf_member"),
        (json!({"jkt": 1}), "not_bound cnf_digest"),
        (json!({"jkt": "AA"}), "not_bound cnf_digest"),
        (json!({"jkt": format!("{jkt}=")}), "not_bound cnf_digest"),
        (json!({"x5t": "x"}), "not_bound cnf_member"),
        (json!({"jkt": jkt, "x5t#S256": jkt}), "not_bound no_certificate"),
    ];
    for (confirmation, expected) in cases {
        let token = bound.world.alice(json!({"cnf": confirmation}));
        let dpop = bound.proof(json!({"ath": digest_of(&token)}));
        let possession = seen(dpop);
        let link = PresentedLink::Token(PresentedToken { token, possession });
        let refusal = bound.world.verifier.identify(&[link], &POSSESSION, now()).unwrap_err();
        assert_eq!(format!("{} {}", refusal.code, refusal.detail), expected);
    }
}

#[test]
fn a_token_bound_to_a_certificate_needs_that_certificate() {
    let world = World::new();
    let certificate = || {
        let key = rcgen::KeyPair::generate().unwrap();
        let made = rcgen::CertificateParams::new(vec!["c.example".to_owned()]).unwrap();
        made.self_signed(&key).unwrap().der().to_vec()
    };
    let (own, other) = (certificate(), certificate());
    let bind = |leaf: &[u8]| {
        let digest = base64url(Sha256Digest::of(leaf).as_bytes());
        world.alice(json!({"cnf": {"x5t#S256": digest}}))
    };
    let mut trailing = own.clone();
    trailing.push(0);
    let cases = [
        (bind(&own), Some(own.clone()), "ok"),
        (bind(&own), Some(other), "not_bound certificate_digest"),
        (bind(&own), None, "not_bound no_certificate"),
        (bind(&trailing), Some(trailing.clone()), "not_bound certificate_form"),
        (bind(b"x"), Some(b"x".to_vec()), "not_bound certificate_form"),
        (bind(&own), Some(vec![0; 17 * 1024]), "not_bound certificate_digest"),
    ];
    for (token, certificate, expected) in cases {
        let possession = Some(Possession { certificate, ..Possession::default() });
        let link = PresentedLink::Token(PresentedToken { token, possession });
        let verdict = match world.verifier.identify(&[link], &POSSESSION, now()) {
            Ok(chain) => {
                assert!(chain.key_thumbprint.is_some());
                assert_eq!(chain.links[0].proof, Proof::KeyBound);
                "ok".to_owned()
            }
            Err(refusal) => format!("{} {}", refusal.code, refusal.detail),
        };
        assert_eq!(verdict, expected);
    }
}

/// A workload with its identity token, and what else is shown.
struct Workload {
    world: World,
    key: Signer,
    wit: String,
}

impl Workload {
    fn new() -> Self {
        let world = World::changed(|config| {
            config.workload_tokens = true;
            config.issuers[2].tokens = vec![TokenKind::JwtSvid, TokenKind::WorkloadToken];
        });
        let key = Signer::new("w");
        let mut jwk = key.jwk();
        jwk.insert("alg".to_owned(), json!("ES256"));
        let claims = json!({"sub": format!("{DOMAIN}/a"), "exp": NOW + 60, "cnf": {"jwk": jwk}});
        let wit = world.domain.sign("wit+jwt", &claims);
        Self { world, key, wit }
    }

    fn proof(&self, typ: &str, changes: Value) -> String {
        let claims = json!({
            "aud": PATH, "exp": NOW + 60, "jti": "w-1", "wth": digest_of(&self.wit),
        });
        let header = json!({"typ": typ, "alg": "ES256"});
        self.key.sign_with(&header, &with(claims, changes))
    }

    fn verdict(&self, wpt: String, others: &[&str]) -> String {
        let link = |token: &str, wpt| {
            let possession = Some(Possession { wpt, uri: URI.to_owned(), ..Possession::default() });
            PresentedLink::Token(PresentedToken { token: token.to_owned(), possession })
        };
        let mut links: Vec<PresentedLink> = others.iter().map(|other| link(other, None)).collect();
        links.push(link(&self.wit, Some(wpt)));
        let rights = TestRights { compose: true, ..POSSESSION };
        match self.world.verifier.identify(&links, &rights, now()) {
            Ok(chain) => {
                assert_eq!(chain.key_thumbprint, Some(self.key.thumbprint()));
                "ok".to_owned()
            }
            Err(refusal) => format!("{} {}", refusal.code, refusal.detail),
        }
    }
}

#[test]
fn every_check_of_a_workload_proof_is_made() {
    let workload = Workload::new();
    let proof = |changes| workload.proof("wpt+jwt", changes);
    let cases = [
        ("typ", workload.proof("JWT", json!({})), "not_bound wpt_typ"),
        ("another target", proof(json!({"aud": "https://x.example/"})), "not_bound proof_uri"),
        ("two targets", proof(json!({"aud": [PATH, PATH]})), "malformed claim_type"),
        ("no target", proof(json!({"aud": null})), "malformed aud"),
        ("no end", proof(json!({"exp": null})), "not_bound wpt_exp"),
        ("ended", proof(json!({"exp": NOW})), "expired wpt_exp"),
        ("too long", proof(json!({"exp": NOW + 301})), "lifetime wpt_exp"),
        ("no jti", proof(json!({"jti": null})), "malformed jti"),
        ("another token", proof(json!({"wth": digest_of("x")})), "not_bound wpt_wth"),
        ("another header", proof(json!({"oth": {"x": "y"}})), "not_bound wpt_oth"),
        ("a transaction that is not there", proof(json!({"tth": "x"})), "not_bound wpt_covers"),
        ("an access token that is not there", proof(json!({"ath": "x"})), "not_bound wpt_covers"),
        (
            "another's",
            Workload { key: Signer::new("w"), ..Workload::new() }.proof("wpt+jwt", json!({})),
            "not_bound wpt_signature",
        ),
        ("as it should be", proof(json!({"exp": NOW + 300})), "ok"),
        ("again", proof(json!({})), "replayed proof_jti"),
    ];
    for (name, proof, expected) in cases {
        assert_eq!(workload.verdict(proof, &[]), expected, "{name}");
    }
}

#[test]
fn a_workload_proof_covers_exactly_what_is_shown_beside_it() {
    let workload = Workload::new();
    let transaction = workload.world.sts.sign(
        "txntoken+jwt",
        &json!({
            "iat": NOW - 1, "aud": crate::testing::US, "exp": NOW + 60, "txn": "t-1",
            "sub": "alice", "scope": "pay", "req_wl": "gateway",
        }),
    );
    let access = workload.world.alice(json!({}));
    let proof = |changes| workload.proof("wpt+jwt", changes);
    let tth = json!({"tth": digest_of(&transaction)});
    let ath = json!({"ath": digest_of(&access)});
    let uncovered = "not_bound wpt_covers";
    assert_eq!(workload.verdict(proof(json!({})), &[&transaction]), uncovered);
    assert_eq!(workload.verdict(proof(ath.clone()), &[&transaction]), uncovered);
    assert_eq!(workload.verdict(proof(json!({})), &[&access]), uncovered);
    assert_eq!(workload.verdict(proof(tth.clone()), &[&access]), uncovered);
    // What no claim of the proof can cover is not used beside it.
    let svid = workload.world.svid("b", json!({}));
    assert_eq!(workload.verdict(proof(json!({})), &[&svid]), uncovered);
    let another = workload.world.alice(json!({"sub": "bob"}));
    assert_eq!(workload.verdict(proof(ath.clone()), &[&access, &another]), uncovered);
    assert_eq!(workload.verdict(proof(with(tth, json!({"jti": "1"}))), &[&transaction]), "ok");
    assert_eq!(workload.verdict(proof(with(ath, json!({"jti": "2"}))), &[&access]), "ok");
}

#[test]
fn a_workload_token_is_never_a_bearer_token_and_names_its_key_fully() {
    let workload = Workload::new();
    let link = PresentedLink::Token(PresentedToken {
        token: workload.wit.clone(),
        possession: Some(Possession { uri: URI.to_owned(), ..Possession::default() }),
    });
    let refusal = workload.world.verifier.identify(&[link], &POSSESSION, now()).unwrap_err();
    assert_eq!(refusal.detail, "no_wpt");
    let refused = |cnf: Value, expected: &str| {
        let claims = json!({"sub": format!("{DOMAIN}/a"), "exp": NOW + 60, "cnf": cnf});
        let token = workload.world.domain.sign("wit+jwt", &with(claims, json!({})));
        let link = PresentedLink::Token(PresentedToken { token, possession: None });
        let refusal = workload.world.verifier.identify(&[link], &POSSESSION, now()).unwrap_err();
        assert_eq!(refusal.detail, expected);
    };
    refused(Value::Null, "claim_type");
    refused(json!({"jkt": workload.key.jkt()}), "wit_cnf");
    refused(json!({"jwk": Value::Object(workload.key.jwk())}), "cnf_jwk_alg");
    refused(json!({"jwk": "x"}), "cnf_jwk");
}

#[test]
fn proofs_are_never_printed() {
    let possession = seen("secret-proof".to_owned()).unwrap();
    assert!(!format!("{possession:?}").contains("secret"));
    let token = PresentedToken { token: "secret".to_owned(), possession: Some(possession) };
    assert!(!format!("{:?}", PresentedLink::Token(token)).contains("secret"));
}

proptest! {
    #[test]
    fn any_proof_is_answered(proof in "\\PC*", uri in "\\PC*", method in "\\PC*") {
        let bound = Bound::new();
        let possession = Possession { dpop: Some(proof), method, uri, ..Possession::default() };
        prop_assert_ne!(bound.verdict(Some(possession), &POSSESSION), "ok");
    }

    #[test]
    fn no_changed_byte_of_a_proof_is_accepted(index in 0_usize..600, bit in 0_u8..7) {
        let bound = Bound::new();
        let mut proof = bound.proof(json!({})).into_bytes();
        let index = index % proof.len();
        proof[index] ^= 1 << bit;
        if let Ok(proof) = String::from_utf8(proof) {
            prop_assert_ne!(bound.verdict(seen(proof), &POSSESSION), "ok");
        }
    }
}
