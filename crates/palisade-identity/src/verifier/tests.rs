//! Chains from one end to the other.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use palisade_core::{
    Actor, IssuerName, Proof, ReasonCode, RevocationCause, RevocationScope, SignInSession, Subject,
};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{IdentityConfigError, IdentityVerifier, VerifyCertificate};
use crate::caller::{AssertionRight, PepRights, VerifyBearer as _};
use crate::presented::{CertificateChain, NoRights, PresentedLink, Rights};
use crate::spiffe::SpiffeId;
use crate::testing::{
    ASSERT, CERTIFICATES, COMPOSE, DOMAIN, IDP, NOW, STS, Signer, TestRights, World, actor, at,
    link, nested, now, workload,
};
use crate::x509::VerifiedSvid;

fn identified(world: &World, links: &[PresentedLink], rights: TestRights) -> String {
    match world.verifier.identify(links, &rights, now()) {
        Ok(chain) => {
            assert_eq!(chain.links.len(), chain.chain.links().len());
            let names = chain.links.iter().map(|link| link.actor.subject.as_str());
            names.collect::<Vec<&str>>().join(" ")
        }
        Err(refusal) => format!("{} {} {}", refusal.link, refusal.reason, refusal.detail),
    }
}

const NONE: TestRights =
    TestRights { assert: false, compose: false, certificates: false, possession: false };

#[test]
fn credentials_join_to_one_chain_only_as_they_may() {
    let world = World::new();
    let alice = || link(world.alice(json!({})));
    let invites = |path: &str| link(world.alice(json!({"may_act": workload(path)})));
    let svid = |path: &str| link(world.svid(path, json!({})));
    let exchanged = |paths: &[&str]| link(world.exchanged(json!({"act": nested(paths)})));
    let bob = || link(world.alice(json!({"sub": "bob"})));
    let cases: Vec<(&str, Vec<PresentedLink>, TestRights, &str)> = vec![
        ("nobody", vec![], NONE, "0 unverified_actor no_links"),
        ("one", vec![alice()], NONE, "alice"),
        ("the exchanged token alone", vec![exchanged(&["a"])], NONE, "alice a"),
        ("a chain that grew", vec![alice(), exchanged(&["a"])], NONE, "alice a"),
        (
            "it grew twice",
            vec![alice(), exchanged(&["a"]), exchanged(&["a", "b"])],
            NONE,
            "alice a b",
        ),
        ("a prepended token", vec![alice(), svid("a")], NONE, "1 unlinked_chain unlinked_chain"),
        (
            "another user's token prepended",
            vec![bob(), exchanged(&["a"])],
            NONE,
            "1 unlinked_chain unlinked_chain",
        ),
        (
            "the agent left out between",
            vec![exchanged(&["a"]), exchanged(&["b"])],
            NONE,
            "1 unlinked_chain unlinked_chain",
        ),
        ("invited", vec![invites("a"), svid("a")], NONE, "alice a"),
        (
            "another was invited",
            vec![invites("a"), svid("b")],
            NONE,
            "1 unlinked_chain unlinked_chain",
        ),
        ("composed", vec![alice(), svid("a")], COMPOSE, "alice a"),
        ("a cycle", vec![exchanged(&["a"]), svid("a")], COMPOSE, "1 chain_cycle chain_cycle"),
        ("twice the same", vec![svid("a"), svid("a")], COMPOSE, "a"),
    ];
    for (name, links, rights, expected) in cases {
        assert_eq!(identified(&world, &links, rights), expected, "{name}");
    }
}

#[test]
fn at_most_eight_credentials_are_looked_at() {
    let world = World::new();
    let svid = |number: usize| link(world.svid(&format!("w{number}"), json!({})));
    let links: Vec<PresentedLink> = (0..9).map(svid).collect();
    assert_eq!(identified(&world, &links[..8], COMPOSE), "w0 w1 w2 w3 w4 w5 w6 w7");
    assert_eq!(identified(&world, &links, COMPOSE), "8 chain_too_deep chain_too_deep");
    // Counted before anything is read.
    let junk: Vec<PresentedLink> = (0..9).map(|_| link("junk".to_owned())).collect();
    assert_eq!(identified(&world, &junk, NONE), "8 chain_too_deep chain_too_deep");
}

#[test]
fn nobody_is_asserted_without_the_right_to() {
    let world = World::new();
    let alice = || PresentedLink::Asserted(actor(&format!("user {IDP} alice")));
    assert_eq!(identified(&world, &[alice()], NONE), "0 unverified_actor assertion");
    let chain = world.verifier.identify(&[alice()], &ASSERT, now()).unwrap();
    assert_eq!(chain.links[0].proof, Proof::Asserted);
    assert_eq!(chain.expires, None);
    // Asserting is not composing.
    let both = [alice(), link(world.svid("a", json!({})))];
    assert_eq!(identified(&world, &both, ASSERT), "1 unlinked_chain unlinked_chain");
    let invited = [
        link(world.alice(json!({"may_act": workload("a")}))),
        PresentedLink::Asserted(actor(&format!("agent {DOMAIN} a"))),
    ];
    assert_eq!(identified(&world, &invited, ASSERT), "alice a");
}

#[test]
fn an_alias_names_the_actor_that_tokens_name() {
    let world = World::changed(|config| {
        config.aliases.insert("corp".to_owned(), IDP.to_owned());
        config.aliases.insert("prod".to_owned(), DOMAIN.to_owned());
    });
    let alice = || PresentedLink::Asserted(actor("user corp alice"));
    let grown = [alice(), link(world.exchanged(json!({"act": workload("a")})))];
    assert_eq!(identified(&world, &grown, ASSERT), "alice a");
    revoke(&world, of_actor(IDP, "alice"));
    assert_eq!(identified(&world, &[alice()], ASSERT), "0 revoked revoked");
    let whole_id = PresentedLink::Asserted(actor(&format!("agent prod {DOMAIN}/a")));
    assert_eq!(identified(&world, &[whole_id], ASSERT), "a");
    let foreign = PresentedLink::Asserted(actor("agent prod spiffe://x.example/a"));
    assert_eq!(identified(&world, &[foreign], ASSERT), "0 foreign_namespace foreign_namespace");
}

/// Takes any certificate for that of the workload that its text names.
struct TestCertificates;

impl VerifyCertificate for TestCertificates {
    fn verify(
        &self,
        chain: &[Vec<u8>],
        _now: palisade_core::EpochMillis,
    ) -> Result<VerifiedSvid, &'static str> {
        let id = String::from_utf8(chain[0].clone()).unwrap();
        Ok(VerifiedSvid {
            id: SpiffeId::parse(&id).map_err(|_why| "no_id")?,
            certificate_thumbprint: [1; 32],
            key_thumbprint: [2; 32],
            expires: at(50),
        })
    }
}

#[test]
fn certificates_count_only_if_the_caller_may_pass_them() {
    let mut world = World::new();
    let certificate =
        |id: &str| PresentedLink::Certificate(CertificateChain(vec![id.as_bytes().to_vec()]));
    let agent = format!("{DOMAIN}/a");
    assert_eq!(
        identified(&world, &[certificate(&agent)], CERTIFICATES),
        "0 unverified_actor certificates"
    );
    world.verifier.certificates = Some(Arc::new(TestCertificates));
    assert_eq!(identified(&world, &[certificate(&agent)], NONE), "0 unverified_actor certificate");
    assert_eq!(identified(&world, &[certificate("x")], CERTIFICATES), "0 unverified_actor no_id");
    let invited = [link(world.alice(json!({"may_act": workload("a")}))), certificate(&agent)];
    let chain = world.verifier.identify(&invited, &CERTIFICATES, now()).unwrap();
    assert_eq!(chain.links[1].actor, actor(&format!("agent {DOMAIN} a")));
    assert_eq!(chain.links[1].proof, Proof::KeyBound);
    assert_eq!(chain.key_thumbprint, Some([2; 32]));
    assert_eq!(chain.expires, Some(at(50)));
    let refusal = world.verifier.identify(&invited[1..], &CERTIFICATES, at(50)).unwrap_err();
    assert_eq!(refusal.code, "expired");
    revoke(&world, of_actor(DOMAIN, "a"));
    assert_eq!(identified(&world, &invited[1..], CERTIFICATES), "0 revoked revoked");
}

#[test]
fn a_chain_ends_with_the_first_credential_that_does() {
    let world = World::new();
    let links = |of_user: i64, of_agent: i64| {
        [
            link(world.alice(json!({"exp": NOW + of_user, "may_act": workload("a")}))),
            link(world.svid("a", json!({"exp": NOW + of_agent}))),
        ]
    };
    for (of_user, of_agent) in [(100, 200), (200, 100)] {
        let chain = world.verifier.identify(&links(of_user, of_agent), &NoRights, now()).unwrap();
        assert_eq!(chain.expires, Some(at(100)));
        assert_eq!(chain.key_thumbprint, None);
    }
}

#[test]
fn the_heads_own_token_says_how_it_signed_in() {
    let world = World::new();
    let acr = |links: &[PresentedLink], rights| {
        let chain = world.verifier.identify(links, &rights, now()).unwrap();
        chain.authentication.as_ref().and_then(|said| said.acr.clone())
    };
    let strong = || link(world.alice(json!({"acr": "strong"})));
    let silent = || link(world.alice(json!({})));
    let exchanged = |acr: Value| link(world.exchanged(json!({"act": workload("a"), "acr": acr})));
    let svid = || link(world.svid("b", json!({"acr": "agents"})));
    assert_eq!(acr(&[strong(), exchanged(json!("weak"))], NONE).as_deref(), Some("strong"));
    assert_eq!(acr(&[silent(), exchanged(json!("weak"))], NONE).as_deref(), Some("weak"));
    // What another says of its own sign-in is not the head's.
    assert_eq!(acr(&[silent(), svid()], COMPOSE), None);
}

fn of_actor(issuer: &str, subject: &str) -> RevocationScope {
    RevocationScope::Actor {
        issuer: IssuerName::new(issuer).unwrap(),
        subject: Subject::new(subject).unwrap(),
    }
}

fn revoke(world: &World, scope: RevocationScope) {
    world.revocations.revoke(scope, now(), RevocationCause::new("test"), now()).unwrap();
}

#[test]
fn a_revocation_of_anybody_in_a_chain_takes_effect_at_once() {
    let scopes = [
        of_actor(IDP, "alice"),
        of_actor(DOMAIN, "a"),
        of_actor(DOMAIN, "b"),
        RevocationScope::Issuer { issuer: IssuerName::new(STS).unwrap() },
        RevocationScope::Issuer { issuer: IssuerName::new(DOMAIN).unwrap() },
        RevocationScope::Session {
            issuer: IssuerName::new(STS).unwrap(),
            session: SignInSession::new("s-1").unwrap(),
        },
    ];
    for scope in scopes {
        let world = World::new();
        let claims = json!({"act": nested(&["a", "b"]), "sid": "s-1"});
        let token = world.exchanged(claims.clone());
        let other = world.alice(json!({"sub": "bob"}));
        assert_eq!(identified(&world, &[link(token.clone())], NONE), "alice a b");
        assert!(world.verifier.tokens.get(&token).is_some());
        revoke(&world, scope);
        // Of the cache, and once more when it is verified again.
        assert_eq!(identified(&world, &[link(token.clone())], NONE), "0 revoked revoked");
        assert!(world.verifier.tokens.get(&token).is_none());
        assert_eq!(identified(&world, &[link(token)], NONE), "0 revoked revoked");
        assert_eq!(identified(&world, &[link(other)], NONE), "bob");
        let newer = json!({"act": nested(&["a", "b"]), "sid": "s-1", "iat": NOW});
        assert_eq!(identified(&world, &[link(world.exchanged(newer))], NONE), "alice a b");
    }
}

#[test]
fn a_revoked_credential_is_told_by_its_place() {
    let world = World::new();
    let links =
        [link(world.alice(json!({"may_act": workload("a")}))), link(world.svid("a", json!({})))];
    revoke(&world, of_actor(DOMAIN, "a"));
    assert_eq!(identified(&world, &links, NONE), "1 revoked revoked");
}

#[test]
fn a_cached_token_ends_when_it_does() {
    let world = World::new();
    let token = || [link(world.alice(json!({"jti": "same", "exp": NOW + 100})))];
    let presented = token();
    let verdict = |seconds: i64| match world.verifier.identify(&presented, &NoRights, at(seconds)) {
        Ok(_) => "ok",
        Err(refusal) => refusal.code,
    };
    assert_eq!(verdict(0), "ok");
    assert_eq!(verdict(99), "ok");
    assert_eq!(verdict(100), "expired");
    assert_eq!(verdict(50), "ok");
    // Before it was verified it was not looked at, so it is looked at again.
    assert_eq!(verdict(-41), "not_yet_valid");
}

#[test]
fn a_hit_gives_the_very_same_chain() {
    let world = World::new();
    let presented = [link(world.exchanged(json!({"act": workload("a")})))];
    let first = world.verifier.identify(&presented, &NoRights, now()).unwrap();
    let second = world.verifier.identify(&presented, &NoRights, now()).unwrap();
    assert!(Arc::ptr_eq(&first, &second));
}

#[test]
fn withdrawn_keys_verify_no_cached_token() {
    let world = World::new();
    let presented = [link(world.alice(json!({})))];
    assert_eq!(identified(&world, &presented, NONE), "alice");
    let next = Signer::new("idp-2");
    world.idp_keys.publish(&[&next]);
    let refusal = world.verifier.identify(&presented, &NoRights, now()).unwrap_err();
    assert_eq!((refusal.code, refusal.detail), ("untrusted", "unknown_key"));
    world.idp_keys.publish(&[&next, &world.idp]);
    assert_eq!(identified(&world, &presented, NONE), "alice");
}

#[test]
fn an_unknown_key_is_asked_for_and_the_refusal_says_so() {
    let world = World::new();
    let next = Signer::new("idp-2");
    let token = next.sign("at+jwt", &crate::testing::access_claims(IDP, "alice"));
    let presented = [link(token)];
    let refusal = world.verifier.identify(&presented, &NoRights, now()).unwrap_err();
    assert_eq!(world.idp_keys.wanted.load(Ordering::SeqCst), 1);
    let keys = refusal.unknown_key.unwrap();
    let before = keys.generation();
    world.idp_keys.publish(&[&world.idp, &next]);
    assert_ne!(keys.generation(), before);
    assert_eq!(identified(&world, &presented, NONE), "alice");
    // A bad signature is no reason to fetch anything.
    let forged = Signer::new("idp-1").sign("at+jwt", &crate::testing::access_claims(IDP, "x"));
    let refusal = world.verifier.identify(&[link(forged)], &NoRights, now()).unwrap_err();
    assert!(refusal.unknown_key.is_none());
    assert_eq!(world.idp_keys.wanted.load(Ordering::SeqCst), 1);
}

#[test]
fn what_is_told_of_a_forgery_is_always_the_same() {
    let world = World::new();
    let claims = crate::testing::access_claims(IDP, "alice");
    let forged = [
        Signer::new("idp-1").sign("at+jwt", &claims),
        Signer::new("other").sign("at+jwt", &claims),
        Signer::new("x").sign("at+jwt", &crate::testing::access_claims("https://x", "alice")),
    ];
    let told: Vec<(ReasonCode, &str, String)> = forged
        .into_iter()
        .map(|token| {
            let refusal = world.verifier.identify(&[link(token)], &NoRights, now()).unwrap_err();
            (refusal.reason, refusal.code, refusal.sentence())
        })
        .collect();
    assert_eq!(told[0], told[1]);
    assert_eq!(told[0], told[2]);
    assert_eq!(
        told[0].2,
        "credential 1 of the chain is refused: nobody who is trusted vouches for it"
    );
}

#[test]
fn a_step_up_is_the_heads_own_sign_in() {
    let world = World::changed(|config| {
        config.aliases.insert("corp".to_owned(), IDP.to_owned());
    });
    let alice = actor(&format!("user {IDP} alice"));
    let step_up = |token: String, head: &Actor| match world.verifier.step_up(&token, head, now()) {
        Ok(authentication) => authentication.acr.unwrap_or_default(),
        Err(refusal) => format!("{} {}", refusal.code, refusal.detail),
    };
    let strong = |changes: Value| {
        world.alice(crate::testing::with(json!({"acr": "phr", "auth_time": NOW - 5}), changes))
    };
    assert_eq!(step_up(strong(json!({})), &alice), "phr");
    assert_eq!(step_up(strong(json!({})), &actor("user corp alice")), "phr");
    let other = "untrusted step_up_subject";
    assert_eq!(step_up(strong(json!({"sub": "bob"})), &alice), other);
    assert_eq!(step_up(strong(json!({})), &actor(&format!("user {STS} alice"))), other);
    let delegated = world.exchanged(json!({"acr": "phr", "act": workload("a")}));
    assert_eq!(step_up(delegated, &alice), other);
    let silent = strong(json!({"acr": null, "auth_time": null}));
    assert_eq!(step_up(silent, &alice), "unsupported step_up_silent");
    let bound = strong(json!({"cnf": {"jkt": Signer::new("x").jkt()}}));
    assert_eq!(step_up(bound, &alice), "not_bound step_up");
    assert_eq!(step_up(strong(json!({"exp": NOW})), &alice), "expired exp");
    revoke(&world, of_actor(IDP, "alice"));
    assert_eq!(step_up(strong(json!({})), &alice), "revoked revoked");
}

#[test]
fn a_caller_proves_itself_with_a_token_of_its_own() {
    let world = World::new();
    let bearer = |token: &str| match world.verifier.verify_bearer(token, now()) {
        Ok(bearer) => format!("{} {}", bearer.issuer.as_str(), bearer.subject.as_str()),
        Err(refusal) => refusal.code.to_owned(),
    };
    let alice = world.alice(json!({}));
    assert_eq!(bearer(&alice), format!("{IDP} alice"));
    let first = world.verifier.verify_bearer(&alice, now()).unwrap();
    assert_eq!(first.expires, at(600));
    assert!(Arc::ptr_eq(&first, &world.verifier.verify_bearer(&alice, now()).unwrap()));
    // Who signs for the users of another is still only itself as far as callers go.
    assert_eq!(bearer(&world.exchanged(json!({}))), format!("{STS} alice"));
    assert_eq!(bearer(&world.svid("a", json!({}))), format!("{DOMAIN} {DOMAIN}/a"));
    assert_eq!(bearer(&world.exchanged(json!({"act": workload("a")}))), "bearer_not_alone");
    let bound = world.alice(json!({"cnf": {"jkt": Signer::new("x").jkt()}}));
    assert_eq!(bearer(&bound), "bearer_not_alone");
    assert_eq!(bearer(&world.alice(json!({"exp": NOW}))), "exp");
    revoke(&world, of_actor(IDP, "alice"));
    assert_eq!(bearer(&alice), "revoked");
}

#[test]
fn rights_of_enforcement_points_are_taken_as_configured() {
    let rights = PepRights {
        assertions: vec![AssertionRight {
            issuer: IDP.parse().unwrap(),
            kinds: vec![palisade_core::ActorKind::User],
        }],
        may_compose: true,
        ..PepRights::default()
    };
    let rights: &dyn Rights = &rights;
    assert!(rights.may_assert(&actor(&format!("user {IDP} alice"))));
    assert!(!rights.may_assert(&actor(&format!("agent {IDP} alice"))));
    assert!(rights.may_compose());
    assert!(!rights.may_pass_certificates());
    assert!(!rights.may_vouch_for_possession());
    let none: &dyn Rights = &PepRights::default();
    assert!(!none.may_compose());
    assert!(!none.may_assert(&actor(&format!("user {IDP} alice"))));
}

#[test]
fn unusable_configurations_are_refused() {
    let world = World::new();
    let config = crate::IdentityConfig::new(Vec::new());
    let new = |config| {
        IdentityVerifier::new(config, None, Arc::clone(&world.revocations)).map(|_| ()).unwrap_err()
    };
    for age in [Duration::ZERO, Duration::from_secs(301)] {
        let config = crate::IdentityConfig { proof_age_max: age, ..config.clone() };
        assert_eq!(new(config), IdentityConfigError::ProofAge);
    }
    let aliases = std::iter::once(("corp".to_owned(), String::new())).collect();
    let config = crate::IdentityConfig { aliases, ..config };
    assert_eq!(new(config), IdentityConfigError::Alias { alias: "corp".to_owned() });
}

proptest! {
    /// Whatever an agent shows beside its own delegated token, the chain is that token's or none.
    #[test]
    fn a_spliced_chain_is_the_last_token_or_nothing(
        shown in proptest::collection::vec((0_usize..6, any::<bool>()), 0..4),
        own in 0_usize..3,
    ) {
        let world = World::new();
        let seen = |(which, invites): (usize, bool)| {
            let may_act = if invites { workload("someone") } else { Value::Null };
            let extra = json!({"may_act": may_act});
            match which {
                0 => world.alice(extra),
                1 => world.alice(crate::testing::with(extra, json!({"sub": "bob"}))),
                2 => world.exchanged(crate::testing::with(extra, json!({"act": workload("a")}))),
                3 => world.exchanged(crate::testing::with(extra, json!({"act": workload("b")}))),
                4 => world.svid("a", extra),
                _ => world.svid("victim", extra),
            }
        };
        let own = match own {
            0 => world.svid("mallory", json!({})),
            1 => world.exchanged(json!({"act": workload("mallory")})),
            _ => world.exchanged(json!({"act": nested(&["a", "mallory"])})),
        };
        let alone = world.verifier.identify(&[link(own.clone())], &NoRights, now()).unwrap();
        let mut links: Vec<PresentedLink> = shown.into_iter().map(|one| link(seen(one))).collect();
        links.push(link(own));
        if let Ok(chain) = world.verifier.identify(&links, &NoRights, now()) {
            prop_assert_eq!(&chain.links, &alone.links);
        }
    }
}
