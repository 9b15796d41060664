//! What a server refuses to start with.

use palisade::Exit;
use palisade::config::{EventSettings, TrustSettings};
use palisade_tests::TestServer;
use palisade_tests::bundle::WrittenBundle;
use palisade_tests::cli::palisade;
use palisade_tests::trust::{World, bundle};

/// What it says of a trust file with a text replaced.
async fn with_change(from: &str, to: &str) -> String {
    let world = World::new();
    world.change(from, to);
    refused(&world).await
}

/// What it says when it does not start with this trust file.
async fn refused(world: &World) -> String {
    TestServer::refusal(bundle().path(), Some(world.settings())).await
}

fn says(told: &str, parts: &[&str]) {
    for part in parts {
        assert!(told.contains(part), "`{part}` is not in:\n{told}");
    }
}

#[tokio::test]
async fn a_trust_file_that_is_not_there_is_named() {
    let world = World::new();
    std::fs::remove_file(world.path("trust.yaml")).unwrap();
    says(&refused(&world).await, &["trust.yaml", "cannot be read"]);
}

#[tokio::test]
async fn a_trust_file_that_makes_no_sense_is_named_with_the_place() {
    says(&with_change("callers:", "callers: [").await, &["trust.yaml", "no trust file"]);
    says(
        &with_change("    roles: [operator]", "    rolls: [operator]").await,
        &["trust.yaml", "rolls"],
    );
    says(&with_change("format: 1", "format: 1\nissuer: x").await, &["trust.yaml", "issuer"]);
    says(&with_change("format: 1", "format: 2").await, &["format 2"]);
    let world = World::new();
    world.write("trust.yaml", b"\xff\xfe");
    says(&refused(&world).await, &["trust.yaml", "UTF-8"]);
}

#[tokio::test]
async fn an_entry_that_means_nothing_is_named() {
    let cases = [
        ("    roles: [operator]", "    roles: [root]", ["operator", "roles"]),
        ("    tools: [crm.read]", "    tools: ['crm*']", ["other", "tools"]),
        ("may_set: [source_address]", "may_set: [time]", ["trusted", "may_set"]),
        ("kinds: [agent] }", "kinds: [robot] }", ["https://sts.example.com", "speaks_for"]),
        ("max_age: 5m", "max_age: five", ["cloud", "max_age"]),
        ("{ file: idp.json }", "{ file: idp.json, url: 'https://x.example/' }", ["idp", "keys"]),
        ("{ file: idp.json }", "{}", ["idp", "keys"]),
        ("{ file: idp.json }", "{ url: 'http://keys.example.com/' }", ["idp", "followed"]),
        ("roles: [operator]", "roles: [operator]\n    may_compose: true", ["operator", "pep"]),
        ("audiences: ['https://palisade.example.com']", "audiences: []", ["issuers", "audiences"]),
        (
            "rate: { per_second: 1, burst: 2 }",
            "rate: { per_second: 0, burst: 2 }",
            ["slow", "rate"],
        ),
    ];
    for (from, to, parts) in cases {
        says(&with_change(from, to).await, &parts);
    }
}

#[test]
fn strangers_are_not_asked_for_credentials_in_the_open() {
    let accepts = |settings: &[&str]| {
        let set = settings.iter().flat_map(|setting| ["--set", setting]);
        palisade(set.chain(["config", "--print"]))
    };
    let everywhere = "listen.address=0.0.0.0:7711";
    let ended = accepts(&[everywhere]);
    assert_eq!(ended.exit, Exit::Usage);
    says(&ended.err, &["listen.address", "without `trust.file`"]);
    let ended = accepts(&[everywhere, "trust.file=/x/trust.yaml"]);
    assert_eq!(ended.exit, Exit::Usage);
    says(&ended.err, &["listen.address", "without `listen.tls_certificate`"]);
    let tls = ["listen.tls_certificate=/x/c.pem", "listen.tls_key=/x/k.pem"];
    let ended = accepts(&[&tls[..], &[everywhere, "trust.file=/x/trust.yaml"]].concat());
    assert_eq!(ended.exit, Exit::Success, "{}", ended.err);
    // TLS alone proves nothing about callers that need no certificate.
    let ended = accepts(&[&tls[..], &[everywhere]].concat());
    assert_eq!(ended.exit, Exit::Usage, "{}", ended.err);
}

#[tokio::test]
async fn events_need_somebody_who_may_send_them() {
    let world = World::new();
    world.write("trust.yaml", World::trust_file_without_transmitters());
    says(&refused(&world).await, &["events.address", "transmitters"]);
    // Without an address there is nothing wrong with it.
    let settings = TrustSettings { events: None, ..world.settings() };
    let server = TestServer::start_with_trust(bundle().path(), None, settings).await;
    assert_eq!(server.events_address(), None);
}

#[tokio::test]
async fn policies_that_read_facts_nobody_proves_do_not_load() {
    let told = TestServer::refusal(bundle().path(), None).await;
    says(&told, &["context.attestation", "no configured component provides"]);
    let world = World::new();
    let text = World::trust_file();
    let (without_verifiers, _attestation) = text.split_once("\nattestation:").unwrap();
    world.write("trust.yaml", without_verifiers);
    says(&refused(&world).await, &["context.attestation"]);
    let signed_in = WrittenBundle::new(&[
        ("bundle.yaml", "format: 1\nname: a\nversion: 1\n"),
        ("catalog.yaml", CATALOG),
        ("policies/a.cedar", SIGNED_IN),
    ]);
    let told = TestServer::refusal(signed_in.path(), None).await;
    says(&told, &["context.auth", "no configured component provides"]);
    drop(TestServer::start_with_trust(signed_in.path(), None, world.settings()).await);
}

const CATALOG: &str = "
format: 1
segments: [office]
services: { crm: { segment: office } }
tools:
  crm.read: { tier: 1, effect: read }
";

const SIGNED_IN: &str = r#"
@id("a") permit (principal, action, resource) when { context has auth && context.auth has acr };
"#;

#[test]
fn without_a_trust_file_no_events_are_received() {
    let ended = palisade(["--set", "events.address=127.0.0.1:7712", "config", "--print"]);
    assert_eq!(ended.exit, Exit::Usage);
    says(&ended.err, &["only with `trust.file`"]);
}

#[tokio::test]
async fn events_are_not_received_in_the_open() {
    let world = World::new();
    let address = ([0, 0, 0, 0], 0).into();
    let events = Some(EventSettings { address, tls: None });
    let settings = TrustSettings { events, ..world.settings() };
    let told = TestServer::refusal(bundle().path(), Some(settings)).await;
    says(&told, &["security events cannot be received", "TLS"]);
}
