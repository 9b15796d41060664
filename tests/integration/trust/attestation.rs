//! Calls that need proof of what the agent runs in: attestation results of a verifier.

use std::time::Duration;

use palisade_core::BundleStatus;
use palisade_proto::v1;
use palisade_tests::trust::{EAT, Said, World, manifest, reference};
use serde_json::json;
use tonic::Code;

use super::scene::{Scene, allowed, bearing, calling, challenged, denied, token_link};
use crate::answers::{failure, verdict};

/// The agent's call, with evidence of its environment.
fn open(scene: &Scene, evidence: Vec<v1::Evidence>) -> v1::AuthorizeRequest {
    let chain = vec![token_link(scene.world.exchanged("alice", &["planner"]))];
    v1::AuthorizeRequest { evidence, ..calling("vault.open", chain) }
}

/// The requirement of a challenge that asks for attestation.
pub(super) fn asked(answer: &v1::AuthorizeResponse) -> v1::AttestationRequirement {
    assert_eq!(verdict(answer), (v1::Outcome::Challenge, "requirements_unmet"));
    let [requirement] = &answer.requirements[..] else { panic!("{:?}", answer.requirements) };
    let Some(v1::requirement::Requirement::Attestation(asked)) = &requirement.requirement else {
        panic!("{requirement:?}");
    };
    asked.clone()
}

/// A nonce for the gateway and the agent.
async fn nonce(scene: &Scene) -> Vec<u8> {
    asked(&scene.ask("gateway", open(scene, Vec::new())).await).nonce
}

#[tokio::test]
async fn a_challenge_says_what_evidence_has_to_carry() {
    let scene = Scene::start().await;
    let first = asked(&scene.ask("gateway", open(&scene, Vec::new())).await);
    assert_eq!(first.nonce.len(), 32);
    assert_eq!(first.accepted_media_types, [EAT, "application/jwt"]);
    assert!(first.nonce_lifetime.is_some_and(|lifetime| lifetime.seconds > 0));
    let second = asked(&scene.ask("gateway", open(&scene, Vec::new())).await);
    assert_ne!(first.nonce, second.nonce);
    let options = v1::Options { dry_run: true, ..Default::default() };
    let dry = v1::AuthorizeRequest { options: Some(options), ..open(&scene, Vec::new()) };
    assert!(asked(&scene.ask("gateway", dry).await).nonce.is_empty());
}

#[tokio::test]
async fn a_result_with_the_nonce_opens_again_and_again_for_its_holder_only() {
    let scene = Scene::start().await;
    let result = scene.world.result(&nonce(&scene).await, Said::GOOD);
    scene.server.log().clear();
    assert_eq!(scene.verdict(open(&scene, vec![result.clone()])).await, allowed());
    let record = scene.server.log().only_record();
    let (attestation, _digest) = record.attestation.expect("it is recorded");
    assert_eq!((attestation.verifier.as_str(), attestation.subject.as_str()), ("cloud", "vm"));
    assert_eq!(attestation.references, ["release"]);
    assert!(attestation.nonce_fresh);
    assert_eq!(scene.verdict(open(&scene, vec![result.clone()])).await, allowed());
    // Another caller, and another agent.
    let other = open(&scene, vec![result.clone()]);
    assert_eq!(scene.verdict_as("trusted", other).await, denied("attestation_invalid"));
    let chain = vec![token_link(scene.world.exchanged("alice", &["worker"]))];
    let worker = v1::AuthorizeRequest { evidence: vec![result], ..calling("vault.open", chain) };
    assert_eq!(scene.verdict(worker).await, denied("attestation_invalid"));
}

#[tokio::test]
async fn a_nonce_is_good_for_one_result() {
    let scene = Scene::start().await;
    let nonce = nonce(&scene).await;
    let first = scene.world.result(&nonce, Said::GOOD);
    let second = scene.world.result(&nonce, Said { issued: -1, ..Said::GOOD });
    assert_eq!(scene.verdict(open(&scene, vec![first])).await, allowed());
    assert_eq!(scene.verdict(open(&scene, vec![second])).await, denied("attestation_invalid"));
}

#[tokio::test]
async fn a_result_ends() {
    let scene = Scene::start().await;
    let stale = Said { issued: -300, ..Said::GOOD };
    let stale = scene.world.result(&nonce(&scene).await, stale);
    assert_eq!(scene.verdict(open(&scene, vec![stale])).await, denied("attestation_expired"));
    let result = scene.world.result(&nonce(&scene).await, Said::GOOD);
    assert_eq!(scene.verdict(open(&scene, vec![result.clone()])).await, allowed());
    scene.server.clock().advance(Duration::from_secs(299));
    assert_eq!(scene.verdict(open(&scene, vec![result.clone()])).await, allowed());
    scene.server.clock().advance(Duration::from_secs(1));
    assert_eq!(scene.verdict(open(&scene, vec![result])).await, denied("attestation_expired"));
}

#[tokio::test]
async fn results_that_do_not_hold_are_refused_alike() {
    let scene = Scene::start().await;
    let good = |nonce: &[u8]| scene.world.result(nonce, Said::GOOD);
    let live = nonce(&scene).await;
    let forged = {
        let other = World::new();
        other.result(&live, Said::GOOD)
    };
    let mut cut = good(&live);
    cut.body.pop();
    let unknown = v1::Evidence { media_type: "text/plain".to_owned(), body: b"x".to_vec() };
    let mut told = Vec::new();
    for (name, evidence) in [
        ("another nonce", vec![good(&[9; 32])]),
        ("forged", vec![forged]),
        ("cut", vec![cut]),
        ("another form", vec![unknown]),
        ("two results", vec![good(&live), good(&live)]),
    ] {
        let answer = scene.ask("gateway", open(&scene, evidence)).await;
        assert_eq!(verdict(&answer), (v1::Outcome::Deny, "attestation_invalid"), "{name}");
        told.push(answer.reason.unwrap().sentence);
    }
    assert!(told.iter().all(|sentence| *sentence == told[0]), "{told:?}");
    // None of it has spent the nonce.
    assert_eq!(scene.verdict(open(&scene, vec![good(&live)])).await, allowed());
}

#[tokio::test]
async fn an_unknown_image_opens_nothing() {
    let scene = Scene::start().await;
    let unknown = Said { image: "sha256:bb", ..Said::GOOD };
    let result = scene.world.result(&nonce(&scene).await, unknown);
    // It holds, so it is not asked for again: the same would come.
    assert_eq!(scene.verdict(open(&scene, vec![result])).await, denied("policy_forbid"));
}

#[tokio::test]
async fn an_image_that_is_taken_out_of_the_bundle_loses_access_with_the_next_call() {
    let scene = Scene::start().await;
    let result = scene.world.result(&nonce(&scene).await, Said::GOOD);
    assert_eq!(scene.verdict(open(&scene, vec![result.clone()])).await, allowed());
    scene.bundle.write("reference/images.yaml", &reference("sha256:cc"));
    scene.bundle.write("bundle.yaml", &manifest(2));
    let is_second = |status: &BundleStatus| {
        status.active.as_ref().is_some_and(|held| held.revision.version == 2)
    };
    scene.server.bundle_becomes(is_second).await;
    assert_ne!(scene.verdict(open(&scene, vec![result])).await.0, v1::Outcome::Allow);
    let next = Said { image: "sha256:cc", ..Said::GOOD };
    let next = scene.world.result(&nonce(&scene).await, next);
    assert_eq!(scene.verdict(open(&scene, vec![next])).await, allowed());
}

#[tokio::test]
async fn a_nonce_can_be_asked_for_before_the_call() {
    let scene = Scene::start().await;
    let token = scene.world.caller("gateway");
    let chain = vec![token_link(scene.world.exchanged("alice", &["planner"]))];
    let request = v1::ChallengeRequest { chain };
    let mut client = scene.client().await;
    let given = client.challenge(bearing(&token, request)).await.unwrap().into_inner();
    assert_eq!(given.nonce.len(), 32);
    assert_eq!(given.accepted_media_types, [EAT, "application/jwt"]);
    assert!(given.lifetime.is_some_and(|lifetime| lifetime.seconds > 0));
    let result = scene.world.result(&given.nonce, Said::GOOD);
    assert_eq!(scene.verdict(open(&scene, vec![result])).await, allowed());
    // For a chain that does not hold there is none.
    for chain in [vec![token_link("junk".to_owned())], palisade_tests::chain(&["agent:fleet:bot"])]
    {
        let request = v1::ChallengeRequest { chain };
        let status = client.challenge(bearing(&token, request)).await.unwrap_err();
        assert_eq!(failure(&status), (Code::FailedPrecondition, "unverified_actor".to_owned()));
    }
}

#[tokio::test]
async fn a_nonce_ends() {
    let world = World::new();
    world.change("attestation:\n", "attestation:\n  nonce_lifetime: 30s\n");
    let scene = Scene::of(world).await;
    let asked = asked(&scene.ask("gateway", open(&scene, Vec::new())).await);
    assert_eq!(asked.nonce_lifetime.map(|lifetime| lifetime.seconds), Some(30));
    scene.server.clock().advance(Duration::from_secs(30));
    let result = scene.world.result(&asked.nonce, Said { issued: 30, ..Said::GOOD });
    assert_eq!(scene.verdict(open(&scene, vec![result])).await, denied("attestation_invalid"));
}

#[tokio::test]
async fn evidence_for_the_proven_key_needs_no_nonce() {
    let scene = Scene::start().await;
    let client = palisade_tests::trust::Signer::new("agent");
    let token = scene.world.agent("bot", client.confirmation());
    let result = scene.world.result(&client.thumbprint(), Said::GOOD);
    let call = |proof_id: &str, evidence| v1::AuthorizeRequest {
        evidence,
        ..calling("vault.open", vec![client.prove(token.clone(), proof_id)])
    };
    assert_eq!(scene.verdict(call("p-1", vec![result.clone()])).await, allowed());
    // Another key's is another environment's.
    let other = palisade_tests::trust::Signer::new("other").thumbprint();
    let theirs = scene.world.result(&other, Said::GOOD);
    assert_eq!(scene.verdict(call("p-2", vec![theirs])).await, denied("attestation_invalid"));
    // Nor is the key worth anything where it was not proven.
    let bearer = vec![token_link(scene.world.agent("bot", json!({})))];
    let unproven = v1::AuthorizeRequest { evidence: vec![result], ..calling("vault.open", bearer) };
    assert_eq!(scene.verdict(unproven).await, denied("attestation_invalid"));
    assert_eq!(scene.verdict(call("p-3", Vec::new())).await, challenged());
}

#[tokio::test]
async fn without_verifiers_evidence_and_nonces_are_not_served() {
    let world = World::new();
    let text = World::trust_file();
    let (rest, _attestation) = text.split_once("\nattestation:").unwrap();
    world.write("trust.yaml", rest);
    let bundle = palisade_tests::bundle::WrittenBundle::new(&[
        (
            "bundle.yaml",
            "format: 1\nname: plain\nversion: 1\nissuers: { corp: 'https://idp.example.com' }\n",
        ),
        ("catalog.yaml", PLAIN_CATALOG),
        ("policies/all.cedar", "@id(\"all\") permit (principal, action, resource);\n"),
    ]);
    let trust = world.settings();
    let server = palisade_tests::TestServer::start_with_trust(bundle.path(), None, trust).await;
    let scene = Scene { world, bundle, server };
    let token = scene.world.caller("gateway");
    let chain = || vec![token_link(scene.world.user("alice", json!({})))];
    let evidence = vec![scene.world.result(&[1; 32], Said::GOOD)];
    let mut client = scene.client().await;
    let call = v1::AuthorizeRequest { evidence, ..calling("crm.read", chain()) };
    let status = client.authorize(bearing(&token, call)).await.unwrap_err();
    assert_eq!(status.code(), Code::Unimplemented);
    let challenge = v1::ChallengeRequest { chain: chain() };
    let status = client.challenge(bearing(&token, challenge)).await.unwrap_err();
    assert_eq!(status.code(), Code::Unimplemented);
}

const PLAIN_CATALOG: &str = "
format: 1
segments: [office]
services: { crm: { segment: office } }
tools:
  crm.read: { tier: 1, effect: read }
";
