//! What a real TPM quotes, through the whole server.

use std::time::Duration;

use palisade_proto::v1;
use palisade_tests::TestServer;
use palisade_tests::trust::{SoftwareTpm, World, bundle};

use super::attestation::asked;
use super::scene::{Scene, allowed, calling, denied, token_link};

fn open(scene: &Scene, evidence: Vec<v1::Evidence>) -> v1::AuthorizeRequest {
    let chain = vec![token_link(scene.world.exchanged("alice", &["planner"]))];
    v1::AuthorizeRequest { evidence, ..calling("vault.open", chain) }
}

/// A server that knows the machine and its registers.
async fn start(tpm: &SoftwareTpm) -> Scene {
    let world = World::new();
    world.write("rack-1.pub", tpm.key());
    world.change(
        "  verifiers:",
        "  verifiers:
    - name: machines
      max_age: 5m
      tpm:
        bank: sha256
        registers: [16, 23]
        machines: [{ name: rack-1, key: rack-1.pub }]",
    );
    let bundle = bundle();
    let measured = tpm.registers();
    let registers: Vec<String> = measured
        .iter()
        .map(|(register, value)| format!("      pcr{register}: 'sha256:{value}'\n"))
        .collect();
    let reference =
        "format: 1\nreferences:\n  release:\n    verifier: machines\n    measurements:\n";
    bundle.write("reference/images.yaml", &[reference, &registers.concat()].concat());
    let server = TestServer::start_with_trust(bundle.path(), None, world.settings()).await;
    Scene { world, bundle, server }
}

async fn nonce(scene: &Scene) -> Vec<u8> {
    let asked = asked(&scene.ask("gateway", open(scene, Vec::new())).await);
    let quote = "application/vnd.palisade.tpm2-quote+json".to_owned();
    assert!(asked.accepted_media_types.contains(&quote));
    asked.nonce
}

#[tokio::test]
async fn a_quote_of_a_known_machine_opens_for_its_nonce_while_nothing_changes() {
    let Some(tpm) = SoftwareTpm::start() else { return };
    tpm.extend(16, 1);
    let scene = start(&tpm).await;
    let live = nonce(&scene).await;
    let elsewhere = open(&scene, vec![tpm.quote(&[9; 32])]);
    assert_eq!(scene.verdict(elsewhere).await, denied("attestation_invalid"));
    let quote = tpm.quote(&live);
    scene.server.log().clear();
    assert_eq!(scene.verdict(open(&scene, vec![quote.clone()])).await, allowed());
    let record = scene.server.log().only_record();
    let (attestation, _digest) = record.attestation.expect("it is recorded");
    assert_eq!(attestation.subject, "rack-1");
    assert_eq!(attestation.references, ["release"]);
    // A replay by somebody else is refused, by its holder answered until it ends.
    let other = open(&scene, vec![quote.clone()]);
    assert_eq!(scene.verdict_as("trusted", other).await, denied("attestation_invalid"));
    assert_eq!(scene.verdict(open(&scene, vec![quote.clone()])).await, allowed());
    scene.server.clock().advance(Duration::from_secs(300));
    assert_eq!(scene.verdict(open(&scene, vec![quote])).await, denied("attestation_expired"));
    // Spent.
    let again = tpm.quote(&live);
    assert_eq!(scene.verdict(open(&scene, vec![again])).await, denied("attestation_invalid"));
}

#[tokio::test]
async fn a_changed_register_or_a_lie_about_it_opens_nothing() {
    let Some(tpm) = SoftwareTpm::start() else { return };
    tpm.extend(16, 1);
    let scene = start(&tpm).await;
    let before = tpm.registers();
    tpm.extend(23, 2);
    let changed = tpm.quote(&nonce(&scene).await);
    assert_ne!(scene.verdict(open(&scene, vec![changed])).await.0, v1::Outcome::Allow);
    let mut lie = tpm.quote(&nonce(&scene).await);
    let mut body: serde_json::Value = serde_json::from_slice(&lie.body).unwrap();
    body["pcrs"] = serde_json::json!({ "sha256": before });
    lie.body = body.to_string().into_bytes();
    assert_eq!(scene.verdict(open(&scene, vec![lie])).await, denied("attestation_invalid"));
}

#[tokio::test]
async fn a_machine_that_nobody_registered_is_nobody() {
    let (Some(tpm), Some(stranger)) = (SoftwareTpm::start(), SoftwareTpm::start()) else { return };
    let scene = start(&tpm).await;
    let quote = stranger.quote(&nonce(&scene).await);
    assert_eq!(scene.verdict(open(&scene, vec![quote])).await, denied("attestation_invalid"));
}
