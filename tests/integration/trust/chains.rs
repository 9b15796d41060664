//! Whom a call speaks of: tokens with actors in them, several tokens, and proofs of their keys.

use palisade_core::Proof;
use palisade_proto::v1;
use palisade_tests::trust::{
    AGENTS, FLEET, IDP, NOON_SECONDS, STS, Signer, World, access_claims, act, with,
};
use serde_json::json;

use super::scene::{Scene, allowed, bearing, calling, denied, reading, token_link, token_links};
use crate::answers::verdict;

/// The chain of the only record, as subjects.
fn recorded(scene: &Scene) -> Vec<String> {
    let chain = scene.server.log().only_record().chain.expect("it was verified");
    chain.links().iter().map(|actor| actor.subject.as_str().to_owned()).collect()
}

#[tokio::test]
async fn actors_in_a_token_are_links_of_the_chain() {
    let scene = Scene::start().await;
    let token = scene.world.exchanged("alice", &["planner", "worker"]);
    assert_eq!(scene.verdict(reading(vec![token_link(token)])).await, allowed());
    assert_eq!(recorded(&scene), ["alice", "planner", "worker"]);
}

#[tokio::test]
async fn a_policy_asks_every_link_of_a_token() {
    let scene = Scene::start().await;
    // Nobody but people and agents exports; the user is of no department.
    let token = scene.world.exchanged("alice", &["planner"]);
    let asked = calling("crm.export", vec![token_link(token)]);
    assert_eq!(scene.verdict(asked).await, denied("no_permit"));
}

#[tokio::test]
async fn two_tokens_are_one_chain_if_the_first_names_the_second() {
    let scene = Scene::start().await;
    let invited = json!({ "may_act": { "iss": FLEET, "sub": "bot" } });
    let alice = scene.world.user("alice", invited);
    let bot = |name: &str| scene.world.agent(name, json!({}));
    let joined = reading(token_links([alice.clone(), bot("bot")]));
    assert_eq!(scene.verdict(joined).await, allowed());
    assert_eq!(recorded(&scene), ["alice", "bot"]);
    let other = reading(token_links([alice, bot("other")]));
    assert_eq!(scene.verdict(other).await, denied("unlinked_chain"));
}

#[tokio::test]
async fn a_spliced_chain_is_refused_unless_the_caller_may_compose() {
    let scene = Scene::start().await;
    let (alice, bot) = (scene.world.user("alice", json!({})), scene.world.agent("bot", json!({})));
    let spliced = || reading(token_links([alice.clone(), bot.clone()]));
    assert_eq!(scene.verdict(spliced()).await, denied("unlinked_chain"));
    assert_eq!(scene.verdict_as("trusted", spliced()).await, allowed());
    // Another person's token before a chain that has its own head.
    let stolen = [scene.world.user("bob", json!({})), scene.world.exchanged("alice", &["planner"])];
    assert_eq!(scene.verdict(reading(token_links(stolen))).await, denied("unlinked_chain"));
}

#[tokio::test]
async fn a_chain_that_comes_back_to_an_actor_is_refused() {
    let scene = Scene::start().await;
    let token = scene.world.exchanged("alice", &["planner", "worker", "planner"]);
    assert_eq!(scene.verdict(reading(vec![token_link(token)])).await, denied("chain_cycle"));
}

#[tokio::test]
async fn a_chain_has_at_most_eight_links() {
    let scene = Scene::start().await;
    let names: Vec<String> = (1..=8).map(|number| format!("a{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let seven = scene.world.exchanged("alice", &names[..7]);
    assert_eq!(scene.verdict(reading(vec![token_link(seven)])).await, allowed());
    let eight = scene.world.exchanged("alice", &names);
    assert_eq!(scene.verdict(reading(vec![token_link(eight)])).await, denied("chain_too_deep"));
}

#[tokio::test]
async fn an_issuer_speaks_for_its_own_namespaces_only() {
    let scene = Scene::start().await;
    let foreign = with(access_claims(STS, "alice"), json!({ "act": act(FLEET, &["bot"]) }));
    let token = scene.world.sts.sign("at+jwt", &foreign);
    assert_eq!(scene.verdict(reading(vec![token_link(token)])).await, denied("foreign_namespace"));
    // It may name people of the provider, but no agents of it.
    let claims = with(access_claims(STS, "alice"), json!({ "sub_profile": "ai_agent" }));
    let token = scene.world.sts.sign("at+jwt", &claims);
    assert_eq!(scene.verdict(reading(vec![token_link(token)])).await, denied("foreign_namespace"));
}

#[tokio::test]
async fn a_bound_token_is_good_with_proof_of_its_key_and_once() {
    let scene = Scene::start().await;
    let client = Signer::new("client");
    let token = scene.world.user("alice", client.confirmation());
    let bare = reading(vec![token_link(token.clone())]);
    assert_eq!(scene.verdict(bare).await, denied("unverified_actor"));
    let thief = reading(vec![Signer::new("thief").prove(token.clone(), "p-0")]);
    assert_eq!(scene.verdict(thief).await, denied("unverified_actor"));
    scene.server.log().clear();
    let proven = reading(vec![client.prove(token.clone(), "p-1")]);
    assert_eq!(scene.verdict(proven.clone()).await, allowed());
    let identity = scene.server.log().only_record().identity.expect("it was verified");
    assert_eq!(identity.links[0].proof, Proof::KeyBound);
    assert_eq!(identity.key_thumbprint, Some(client.thumbprint()));
    assert_eq!(scene.verdict(proven).await, denied("unverified_actor"));
    let again = reading(vec![client.prove(token.clone(), "p-2")]);
    assert_eq!(scene.verdict(again).await, allowed());
    // That the proof came with the token is the caller's word, and not every caller's counts.
    let unheard = reading(vec![client.prove(token, "p-3")]);
    assert_eq!(scene.verdict_as("other", unheard).await, denied("unverified_actor"));
}

#[tokio::test]
async fn actors_of_an_issuer_without_an_alias_are_unknown_to_policies() {
    let scene = Scene::start().await;
    scene.bundle.write("entities/agents.json", "[]");
    let manifest = palisade_tests::trust::manifest(2);
    scene
        .bundle
        .write("bundle.yaml", &manifest.replace("  fleet: https://fleet.example.com\n", ""));
    let next = |status: &palisade_core::BundleStatus| {
        status.active.as_ref().is_some_and(|held| held.revision.version == 2)
    };
    scene.server.bundle_becomes(next).await;
    let bot = vec![token_link(scene.world.agent("bot", json!({})))];
    assert_eq!(scene.verdict(reading(bot)).await, denied("unknown_issuer"));
    let alice = vec![token_link(scene.world.user("alice", json!({})))];
    assert_eq!(scene.verdict(reading(alice)).await, allowed());
}

#[tokio::test]
async fn whatever_is_wrong_with_a_token_is_told_alike() {
    let scene = Scene::start().await;
    let claims = access_claims(IDP, "alice");
    let untrusted = access_claims("https://evil.example.com", "alice");
    let mut told = Vec::new();
    for token in [
        Signer::new("idp-1").sign("at+jwt", &claims),
        Signer::new("idp-9").sign("at+jwt", &claims),
        Signer::new("idp-1").sign("at+jwt", &untrusted),
        scene.world.sts.sign("at+jwt", &claims),
    ] {
        let answer = scene.ask("gateway", reading(vec![token_link(token)])).await;
        assert_eq!(verdict(&answer), (v1::Outcome::Deny, "unverified_actor"));
        told.push(answer.reason.unwrap().sentence);
    }
    assert!(told.iter().all(|sentence| *sentence == told[0]), "{told:?}");
    assert!(!told[0].contains("evil"), "{told:?}");
}

#[tokio::test]
async fn tokens_that_do_not_hold_now_prove_nothing() {
    let scene = Scene::start().await;
    let alice = |changes| scene.world.user("alice", changes);
    for (name, token) in [
        ("expired", alice(json!({ "exp": NOON_SECONDS }))),
        ("not yet valid", alice(json!({ "nbf": NOON_SECONDS + 31 }))),
        ("for too long", alice(json!({ "exp": NOON_SECONDS + 7200 }))),
        ("for another", alice(json!({ "aud": "https://x.example" }))),
        ("an ID token", scene.world.idp.sign("JWT", &access_claims(IDP, "alice"))),
    ] {
        let asked = reading(vec![token_link(token)]);
        assert_eq!(scene.verdict(asked).await, denied("unverified_actor"), "{name}");
    }
    let token = alice(json!({}));
    assert_eq!(scene.verdict(reading(vec![token_link(token.clone())])).await, allowed());
    // Known by now, and all the same no longer good.
    scene.server.clock().advance(std::time::Duration::from_secs(600));
    let caller =
        scene.world.user("gateway", json!({ "exp": NOON_SECONDS + 3000, "iat": NOON_SECONDS }));
    let late = bearing(&caller, reading(vec![token_link(token)]));
    let answer = scene.client().await.authorize(late).await.unwrap().into_inner();
    assert_eq!(verdict(&answer), (v1::Outcome::Deny, "unverified_actor"));
}

#[tokio::test]
async fn claims_are_what_the_bundle_says_they_are() {
    let scene = Scene::start().await;
    let export =
        |claims| calling("crm.export", vec![token_link(scene.world.user("alice", claims))]);
    let cases = [
        ("the department", json!({ "department": "sales" }), allowed()),
        ("another department", json!({ "department": "legal" }), denied("no_permit")),
        ("no department", json!({}), denied("no_permit")),
        ("a group", json!({ "groups": ["board"] }), allowed()),
        ("another group", json!({ "groups": ["staff"] }), denied("no_permit")),
        ("a list", json!({ "department": ["sales"] }), denied("unverified_actor")),
        ("a number of groups", json!({ "groups": 7 }), denied("unverified_actor")),
    ];
    for (name, claims, expected) in cases {
        assert_eq!(scene.verdict(export(claims)).await, expected, "{name}");
    }
    // An agent that says to be of the board is none of the user's.
    let claims = with(
        access_claims(STS, "alice"),
        json!({ "act": with(act(AGENTS, &["planner"]), json!({ "department": "sales" })) }),
    );
    let token = scene.world.sts.sign("at+jwt", &claims);
    let asked = calling("crm.export", vec![token_link(token)]);
    assert_eq!(scene.verdict(asked).await, denied("no_permit"));
}

#[tokio::test]
async fn an_alias_and_its_identifier_name_one_actor() {
    let scene = Scene::of(World::new()).await;
    // Asserted by the alias, the user is the one whose token that is.
    let token = scene.world.exchanged("alice", &["planner"]);
    let asserted = palisade_tests::chain(&["user:corp:alice"]);
    let grown = [asserted, vec![token_link(token)]].concat();
    assert_eq!(scene.verdict_as("trusted", reading(grown)).await, allowed());
    assert_eq!(recorded(&scene), ["alice", "planner"]);
}

#[tokio::test]
async fn an_answer_is_good_for_no_longer_than_the_credentials() {
    let scene = Scene::start().await;
    let valid_for = async |exp: i64| {
        let token = scene.world.user("alice", json!({ "exp": NOON_SECONDS + exp }));
        let answer = scene.ask("gateway", reading(vec![token_link(token)])).await;
        assert_eq!(verdict(&answer), (v1::Outcome::Allow, "permitted"));
        answer.valid_for.map_or(0, |time| time.seconds)
    };
    assert_eq!(valid_for(600).await, 60);
    assert_eq!(valid_for(20).await, 20);
}
