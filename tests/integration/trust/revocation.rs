//! Security events that are pushed (RFC 8935), and what they end.

use palisade_proto::v1;
use palisade_tests::trust::{AUDIENCE, IDP, NOON_SECONDS, Signer};
use palisade_tests::{TestServer, within};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::scene::{Scene, allowed, bearing, denied, reading, token_link};
use crate::answers::{response, verdict};

/// Pushes an event and gives what is answered.
pub(super) async fn push(server: &TestServer, event: &str, status: u16) -> String {
    let address = server.events_address().expect("events are received");
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!(
        "POST /events HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Type: \
         application/secevent+jwt\r\nAccept: application/json\r\nContent-Length: {}\r\n\r\n{event}",
        event.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    within("an answer", stream.read_to_string(&mut answer)).await.unwrap();
    assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
    answer
}

fn alice(scene: &Scene) -> v1::AuthorizeRequest {
    reading(vec![token_link(scene.world.user("alice", json!({})))])
}

#[tokio::test]
async fn a_revoked_session_denies_from_the_next_decision_on() {
    let scene = Scene::start().await;
    let bob = || reading(vec![token_link(scene.world.user("bob", json!({})))]);
    assert_eq!(scene.verdict(alice(&scene)).await, allowed());
    assert_eq!(scene.verdict(bob()).await, allowed());
    push(&scene.server, &scene.world.event("session-revoked", "alice", json!({})), 202).await;
    assert_eq!(scene.verdict(alice(&scene)).await, denied("revoked"));
    // Also as the head of another's token, and nobody else.
    let exchanged = reading(vec![token_link(scene.world.exchanged("alice", &["planner"]))]);
    assert_eq!(scene.verdict(exchanged).await, denied("revoked"));
    assert_eq!(scene.verdict(bob()).await, allowed());
    // Whoever signs in again is let in again.
    scene.server.clock().advance(std::time::Duration::from_secs(60));
    let later = scene.world.user("alice", json!({ "iat": NOON_SECONDS + 50 }));
    assert_eq!(scene.verdict(reading(vec![token_link(later)])).await, allowed());
}

#[tokio::test]
async fn a_revocation_reaches_an_open_stream() {
    let scene = Scene::start().await;
    let (requests, receiver) = tokio::sync::mpsc::channel(1);
    let stream = tokio_stream::wrappers::ReceiverStream::new(receiver);
    let caller = scene.world.caller("gateway");
    let opened = scene.client().await.authorize_stream(bearing(&caller, stream)).await.unwrap();
    let mut answers = opened.into_inner();
    let mut next = async |id: &str| {
        let request = v1::AuthorizeRequest { request_id: id.to_owned(), ..alice(&scene) };
        requests.send(request).await.unwrap();
        let answer = within("an answer", answers.message()).await.unwrap().unwrap();
        let (outcome, reason) = verdict(response(&answer));
        (outcome, reason.to_owned())
    };
    assert_eq!(next("before").await, allowed());
    push(&scene.server, &scene.world.event("session-revoked", "alice", json!({})), 202).await;
    assert_eq!(next("after").await, denied("revoked"));
}

#[tokio::test]
async fn a_revocation_outlives_the_server() {
    let scene = Scene::start().await;
    push(&scene.server, &scene.world.event("session-revoked", "alice", json!({})), 202).await;
    let Scene { world, bundle: first, server } = scene;
    server.begin_shutdown();
    server.ended().await;
    drop(first);
    let scene = Scene::of(world).await;
    assert_eq!(scene.verdict(alice(&scene)).await, denied("revoked"));
    let bob = reading(vec![token_link(scene.world.user("bob", json!({})))]);
    assert_eq!(scene.verdict(bob).await, allowed());
}

#[tokio::test]
async fn every_event_that_takes_trust_away_revokes_and_no_other() {
    let of = |name: &str, event: serde_json::Value| {
        let event_type = format!("https://schemas.openid.net/secevent/caep/event-type/{name}");
        json!({ "events": { event_type: event } })
    };
    let changed = json!({ "credential_type": "password", "change_type": "revoke" });
    for (name, event, expected) in [
        ("credential-change", changed, denied("revoked")),
        ("assurance-level-change", json!({ "change_direction": "decrease" }), denied("revoked")),
        ("assurance-level-change", json!({ "change_direction": "increase" }), allowed()),
        ("token-claims-change", json!({ "claims": {} }), allowed()),
    ] {
        let scene = Scene::start().await;
        let set = scene.world.event(name, "alice", of(name, event.clone()));
        push(&scene.server, &set, 202).await;
        assert_eq!(scene.verdict(alice(&scene)).await, expected, "{name} {event}");
    }
}

#[tokio::test]
async fn an_event_that_does_not_hold_has_no_effect() {
    let scene = Scene::start().await;
    let claims = json!({
        "iss": IDP, "aud": [AUDIENCE], "jti": "x", "iat": NOON_SECONDS,
        "sub_id": { "format": "iss_sub", "iss": IDP, "sub": "alice" },
        "events": { "https://schemas.openid.net/secevent/caep/event-type/session-revoked": {} },
    });
    let forged = Signer::new("events-1").sign("secevent+jwt", &claims);
    let event = |changes| scene.world.event("session-revoked", "alice", changes);
    let foreign = json!({ "sub_id": {
        "format": "iss_sub", "iss": "https://sts.example.com", "sub": "alice" } });
    for (event, code) in [
        (forged, "invalid_key"),
        // The provider's own key signs tokens, not events.
        (scene.world.idp.sign("secevent+jwt", &claims), ""),
        (event(json!({ "aud": "https://x.example" })), "invalid_audience"),
        (event(json!({ "iss": "https://x.example" })), "invalid_issuer"),
        (event(foreign), "access_denied"),
        (scene.world.events.sign("JWT", &claims), "invalid_request"),
        ("junk".to_owned(), "invalid_request"),
    ] {
        // A key that is not known may become so; all else is final.
        let status = if code.is_empty() { 503 } else { 400 };
        let answer = push(&scene.server, &event, status).await;
        assert!(answer.contains(code), "{code}: {answer}");
    }
    assert_eq!(scene.verdict(alice(&scene)).await, allowed());
}
