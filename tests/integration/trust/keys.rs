//! Keys of issuers that change, or cannot be looked up, while the server runs.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use palisade_tests::trust::{IDP, Signer, World, access_claims};
use palisade_tests::within;
use serde_json::{Value, json};

use super::scene::{Scene, allowed, denied, reading, token_link};

/// Longer than the least time between two looks at a key set.
const LATER: Duration = Duration::from_secs(40);

/// A server of key sets.
struct KeyServer {
    /// What it answers with; `None`: an error.
    keys: Arc<Mutex<Option<Value>>>,
    url: String,
}

impl KeyServer {
    fn start(keys: Value) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/keys", listener.local_addr().unwrap());
        let keys = Arc::new(Mutex::new(Some(keys)));
        let shared = Arc::clone(&keys);
        // It ends with the process.
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut request = Vec::new();
                let mut byte = [0];
                while !request.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap_or(0) == 1 {
                    request.push(byte[0]);
                }
                let (status, body) = match shared.lock().unwrap().as_ref() {
                    Some(keys) => ("200 OK", keys.to_string()),
                    None => ("503 Service Unavailable", String::new()),
                };
                let length = body.len();
                let answer = format!(
                    "HTTP/1.1 {status}\r\nConnection: close\r\nContent-Type: application/json\r\n\
                     Content-Length: {length}\r\n\r\n{body}"
                );
                // Whoever asks may have given up.
                let _sent = stream.write_all(answer.as_bytes());
            }
        });
        Self { keys, url }
    }

    fn answer(&self, keys: Option<Value>) {
        *self.keys.lock().unwrap() = keys;
    }
}

fn set(signers: &[&Signer]) -> Value {
    json!({ "keys": signers.iter().map(|signer| signer.published()).collect::<Vec<_>>() })
}

fn alice(signer: &Signer) -> palisade_proto::v1::AuthorizeRequest {
    reading(vec![token_link(signer.sign("at+jwt", &access_claims(IDP, "alice")))])
}

/// Callers have keys of their own, so that they are known whatever happens to the others.
async fn start_with(url: &str) -> Scene {
    let world = World::new();
    world.change(
        "  - issuer: https://idp.example.com\n    keys: { file: idp.json }",
        &format!(
            "  - issuer: https://people.example.com\n    keys: {{ url: '{url}' }}\n    audiences: \
             ['https://palisade.example.com']\n    subject_issuer: https://idp.example.com\n    \
             speaks_for: [{{ issuer: 'https://idp.example.com', kinds: [user] }}]\n  \
             - issuer: https://idp.example.com\n    keys: {{ file: idp.json }}"
        ),
    );
    Scene::of(world).await
}

fn person(signer: &Signer) -> palisade_proto::v1::AuthorizeRequest {
    let claims = access_claims("https://people.example.com", "alice");
    reading(vec![token_link(signer.sign("at+jwt", &claims))])
}

/// Asks until the answer is as wanted: keys come from a server of their own.
async fn becomes(
    scene: &Scene,
    request: &palisade_proto::v1::AuthorizeRequest,
    wanted: (palisade_proto::v1::Outcome, String),
) {
    within("the answer", async {
        while scene.verdict(request.clone()).await != wanted {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_key_that_was_added_to_its_file_is_waited_for() {
    let scene = Scene::start().await;
    let new = Signer::new("idp-2");
    // A caller's credential is not waited for, so it has to be known.
    assert_eq!(scene.verdict(alice(&new)).await, denied("unverified_actor"));
    scene.world.publish("idp.json", &[&scene.world.idp, &new]);
    scene.server.clock().advance(LATER);
    assert_eq!(scene.verdict(alice(&new)).await, allowed());
    assert_eq!(scene.verdict(alice(&scene.world.idp)).await, allowed());
}

#[tokio::test]
async fn a_key_that_was_withdrawn_verifies_nothing_known_either() {
    let scene = Scene::start().await;
    let (old, new) = (Signer::new("fleet-0"), Signer::new("fleet-2"));
    let claims = access_claims(palisade_tests::trust::FLEET, "bot");
    let by = |signer: &Signer| reading(vec![token_link(signer.sign("at+jwt", &claims))]);
    scene.world.publish("fleet.json", &[&old]);
    scene.server.clock().advance(LATER);
    assert_eq!(scene.verdict(by(&old)).await, allowed());
    scene.world.publish("fleet.json", &[&new]);
    scene.server.clock().advance(LATER);
    assert_eq!(scene.verdict(by(&new)).await, allowed());
    assert_eq!(scene.verdict(by(&old)).await, denied("unverified_actor"));
}

#[tokio::test]
async fn keys_on_a_server_are_followed_and_outlive_it() {
    let (old, new) = (Signer::new("p-1"), Signer::new("p-2"));
    let keys = KeyServer::start(set(&[&old]));
    let scene = start_with(&keys.url).await;
    // They are asked for after the start.
    becomes(&scene, &person(&old), allowed()).await;
    assert_eq!(scene.verdict(person(&new)).await, denied("unverified_actor"));
    keys.answer(Some(set(&[&old, &new])));
    scene.server.clock().advance(LATER);
    assert_eq!(scene.verdict(person(&new)).await, allowed());
    // The server is down: what was known goes on deciding, what was not is no reason to allow.
    keys.answer(None);
    scene.server.clock().advance(LATER);
    let unknown = Signer::new("p-3");
    assert_eq!(scene.verdict(person(&unknown)).await, denied("unverified_actor"));
    assert_eq!(scene.verdict(person(&old)).await, allowed());
    assert_eq!(scene.verdict(person(&new)).await, allowed());
}

#[tokio::test]
async fn a_server_starts_without_keys_and_trusts_nobody_until_they_come() {
    let signer = Signer::new("p-1");
    let keys = KeyServer::start(json!({}));
    keys.answer(None);
    let scene = start_with(&keys.url).await;
    assert_eq!(scene.verdict(person(&signer)).await, denied("unverified_actor"));
    assert_eq!(scene.verdict(alice(&scene.world.idp)).await, allowed());
    keys.answer(Some(set(&[&signer])));
    scene.server.clock().advance(LATER);
    becomes(&scene, &person(&signer), allowed()).await;
}
