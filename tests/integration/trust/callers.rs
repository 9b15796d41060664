//! Who may call at all, which methods, how often, and what they may say without proof.

use palisade_core::{ActorKind, Proof};
use palisade_proto::v1;
use palisade_proto::v1::admin_service_client::AdminServiceClient;
use palisade_tests::trust::{IDP, NOON_SECONDS, STS, Signer, World, access_claims, with};
use palisade_tests::{chain, within};
use serde_json::json;
use tonic::{Code, Request, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;

use super::scene::{Scene, allowed, bearing, calling, denied, reading, token_link};
use crate::answers::{failure, item_failure, response, verdict};

fn showing<T>(token: Option<&str>, message: T) -> Request<T> {
    match token {
        Some(token) => bearing(token, message),
        None => Request::new(message),
    }
}

/// What every method of the contract ends with for whoever shows this token.
async fn every_method(scene: &Scene, token: Option<&str>) -> Vec<(&'static str, Code, String)> {
    let call = reading(vec![token_link(scene.world.user("alice", json!({})))]);
    let links = || call.chain.clone();
    let reason = || "a drill".to_owned();
    let mut asks = scene.client().await;
    let mut admin = AdminServiceClient::new(scene.server.channel().await);
    let batch = v1::AuthorizeBatchRequest { requests: vec![call.clone()] };
    let list = v1::ListToolsRequest { chain: links(), ..Default::default() };
    let explain = v1::ExplainRequest { request: Some(call.clone()) };
    let report = v1::ReportOutcomeRequest {
        decision_id: "019b79a5-8200-7000-8000-000000000001".to_owned(),
        status: v1::CallStatus::Success.into(),
        ..Default::default()
    };
    let challenge = v1::ChallengeRequest { chain: links() };
    let back = v1::RollBackBundleRequest { version: 0, reason: reason() };
    let pin = v1::PinBundleRequest { reason: reason() };
    let unpin = v1::UnpinBundleRequest { reason: reason() };
    let stream = tokio_stream::iter([call.clone()]);
    let answers: Vec<(&'static str, Option<Status>)> = vec![
        ("Authorize", asks.authorize(showing(token, call.clone())).await.err()),
        ("AuthorizeBatch", asks.authorize_batch(showing(token, batch)).await.err()),
        ("AuthorizeStream", asks.authorize_stream(showing(token, stream)).await.err()),
        ("ListTools", asks.list_tools(showing(token, list)).await.err()),
        ("Challenge", asks.challenge(showing(token, challenge)).await.err()),
        ("ReportOutcome", asks.report_outcome(showing(token, report)).await.err()),
        ("Explain", asks.explain(showing(token, explain)).await.err()),
        (
            "GetBundleStatus",
            admin.get_bundle_status(showing(token, v1::GetBundleStatusRequest {})).await.err(),
        ),
        (
            "ReloadBundle",
            admin.reload_bundle(showing(token, v1::ReloadBundleRequest {})).await.err(),
        ),
        ("RollBackBundle", admin.roll_back_bundle(showing(token, back)).await.err()),
        ("PinBundle", admin.pin_bundle(showing(token, pin)).await.err()),
        ("UnpinBundle", admin.unpin_bundle(showing(token, unpin)).await.err()),
    ];
    let told = |status: Option<Status>| match status {
        None => (Code::Ok, String::new()),
        Some(status) => failure(&status),
    };
    answers
        .into_iter()
        .map(|(method, status)| {
            let (code, reason) = told(status);
            (method, code, reason)
        })
        .collect()
}

#[tokio::test]
async fn nothing_but_health_and_reflection_is_answered_without_a_credential() {
    let scene = Scene::start().await;
    for (method, code, reason) in every_method(&scene, None).await {
        assert_eq!((code, reason.as_str()), (Code::Unauthenticated, "unauthenticated"), "{method}");
    }
    assert!(scene.server.log().records().is_empty());
    let channel = scene.server.channel().await;
    HealthClient::new(channel.clone()).check(HealthCheckRequest::default()).await.unwrap();
    let listing = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let listed = ServerReflectionClient::new(channel)
        .server_reflection_info(tokio_stream::iter([listing]))
        .await
        .unwrap();
    assert!(listed.into_inner().message().await.unwrap().is_some());
}

#[tokio::test]
async fn every_role_may_call_its_own_methods_only() {
    let asking = [
        "Authorize",
        "AuthorizeBatch",
        "AuthorizeStream",
        "Challenge",
        "ListTools",
        "ReportOutcome",
    ];
    let looking = ["Explain", "GetBundleStatus"];
    let changing = ["PinBundle", "ReloadBundle", "RollBackBundle", "UnpinBundle"];
    let operating = [&looking[..], &changing].concat();
    for (caller, may) in [("gateway", &asking[..]), ("operator", &operating), ("auditor", &looking)]
    {
        let scene = Scene::start().await;
        let token = scene.world.caller(caller);
        for (method, code, reason) in every_method(&scene, Some(&token)).await {
            if may.contains(&method) {
                // There is no earlier revision to go back to.
                let expected =
                    if method == "RollBackBundle" { Code::FailedPrecondition } else { Code::Ok };
                assert_eq!(code, expected, "{caller} {method} {reason}");
            } else {
                let refused = (Code::PermissionDenied, "role_missing");
                assert_eq!((code, reason.as_str()), refused, "{caller} {method}");
            }
        }
    }
}

#[tokio::test]
async fn whoever_is_not_a_caller_is_told_the_same_whatever_was_wrong() {
    let scene = Scene::start().await;
    let world = &scene.world;
    let claims = |changes| with(access_claims(IDP, "gateway"), changes);
    let forged = Signer::new("idp-1").sign("at+jwt", &claims(json!({})));
    let good = world.caller("gateway");
    let bound = Signer::new("client").confirmation();
    let bad = [
        ("none", None),
        ("expired", Some(world.user("gateway", json!({ "exp": NOON_SECONDS })))),
        ("forged", Some(forged)),
        ("a key nobody knows", Some(Signer::new("idp-9").sign("at+jwt", &claims(json!({}))))),
        ("another issuer's", Some(world.sts.sign("at+jwt", &access_claims(STS, "gateway")))),
        ("an issuer nobody trusts", {
            let claims = access_claims("https://evil.example.com", "gateway");
            Some(world.idp.sign("at+jwt", &claims))
        }),
        ("for another service", Some(world.user("gateway", json!({ "aud": "https://x.example" })))),
        ("of somebody else", Some(world.caller("alice"))),
        ("another type", Some(world.idp.sign("secevent+jwt", &claims(json!({}))))),
        ("bound to a key", Some(world.user("gateway", bound))),
        ("cut", Some(good[..good.len() - 1].to_owned())),
        ("junk", Some("junk".to_owned())),
    ];
    let mut told = Vec::new();
    for (name, token) in bad {
        let status = scene.refusal(token.as_deref()).await;
        let told_of = (status.code(), status.message().to_owned(), status.details().to_vec());
        assert_eq!(status.code(), Code::Unauthenticated, "{name}");
        let mut headers: Vec<String> =
            status.metadata().keys().map(|key| format!("{key:?}")).collect();
        headers.sort();
        told.push((name, told_of, headers));
    }
    let (_, first, headers) = told[0].clone();
    for (name, other, others) in told {
        assert_eq!((other, others), (first.clone(), headers.clone()), "{name}");
    }
    assert!(scene.server.log().records().is_empty());
    // And the same call with the good token is decided.
    assert_eq!(
        scene.verdict(reading(vec![token_link(world.user("alice", json!({})))])).await,
        allowed()
    );
}

#[tokio::test]
async fn two_credentials_or_another_scheme_are_none() {
    let scene = Scene::start().await;
    let token = scene.world.caller("gateway");
    let mut client = scene.client().await;
    let call = || reading(vec![token_link(scene.world.user("alice", json!({})))]);
    let mut twice = bearing(&token, call());
    twice.metadata_mut().append("authorization", format!("Bearer {token}").parse().unwrap());
    let mut basic = Request::new(call());
    basic.metadata_mut().insert("authorization", format!("Basic {token}").parse().unwrap());
    for request in [twice, basic] {
        let status = client.authorize(request).await.unwrap_err();
        assert_eq!(failure(&status), (Code::Unauthenticated, "unauthenticated".to_owned()));
    }
    let mut lower = Request::new(call());
    lower.metadata_mut().insert("authorization", format!("bearer {token}").parse().unwrap());
    client.authorize(lower).await.unwrap();
}

#[tokio::test]
async fn a_token_that_ends_while_a_stream_is_open_ends_its_answers() {
    let scene = Scene::start().await;
    let (requests, receiver) = tokio::sync::mpsc::channel(1);
    let stream = tokio_stream::wrappers::ReceiverStream::new(receiver);
    let token = scene.world.caller("gateway");
    let alice = scene.world.user("alice", json!({ "exp": NOON_SECONDS + 3000 }));
    let call = |id: &str| v1::AuthorizeRequest {
        request_id: id.to_owned(),
        ..reading(vec![token_link(alice.clone())])
    };
    let mut client = scene.client().await;
    let opened = client.authorize_stream(bearing(&token, stream)).await.unwrap();
    let mut answers = opened.into_inner();
    requests.send(call("one")).await.unwrap();
    let one = within("an answer", answers.message()).await.unwrap().unwrap();
    assert_eq!(verdict(response(&one)).0, v1::Outcome::Allow);
    scene.server.clock().advance(std::time::Duration::from_secs(600));
    requests.send(call("two")).await.unwrap();
    let two = within("an answer", answers.message()).await.unwrap().unwrap();
    assert_eq!(item_failure(&two), (Code::Unauthenticated, "unauthenticated"));
}

#[tokio::test]
async fn whoever_asks_too_often_is_told_so_and_others_are_not() {
    let scene = Scene::start().await;
    let token = scene.world.caller("slow");
    let call = || reading(vec![token_link(scene.world.user("alice", json!({})))]);
    let mut client = scene.client().await;
    for _ in 0..2 {
        client.authorize(bearing(&token, call())).await.unwrap();
    }
    let status = client.authorize(bearing(&token, call())).await.unwrap_err();
    assert_eq!(failure(&status), (Code::ResourceExhausted, "caller_rate_exceeded".to_owned()));
    assert_eq!(scene.verdict(call()).await, allowed());
    // Every item of a batch counts.
    scene.server.clock().advance(std::time::Duration::from_secs(1));
    let batch = v1::AuthorizeBatchRequest { requests: vec![call(), call()] };
    let answer = client.authorize_batch(bearing(&token, batch)).await.unwrap().into_inner();
    assert_eq!(verdict(response(&answer.results[0])).0, v1::Outcome::Allow);
    let refused = item_failure(&answer.results[1]);
    assert_eq!(refused, (Code::ResourceExhausted, "caller_rate_exceeded"));
}

#[tokio::test]
async fn an_enforcement_point_asks_for_its_own_tools_only() {
    let scene = Scene::start().await;
    let alice = || vec![token_link(scene.world.user("alice", json!({ "department": "sales" })))];
    assert_eq!(scene.verdict_as("other", calling("crm.read", alice())).await, allowed());
    let refused = denied("pep_not_entitled");
    assert_eq!(scene.verdict_as("other", calling("crm.export", alice())).await, refused);
    assert_eq!(scene.verdict_as("gateway", calling("crm.export", alice())).await, allowed());
    let records = scene.server.log().records();
    let of_refused = records
        .iter()
        .find(|record| record.decision.verdict.reason.code.as_str() == "pep_not_entitled");
    let of_refused = of_refused.expect("it is recorded");
    assert_eq!(of_refused.tool, "crm.export");
    assert_eq!(of_refused.pep.as_deref(), Some("other (other of https://idp.example.com)"));
}

#[tokio::test]
async fn only_who_may_says_where_calls_come_from() {
    let scene = Scene::start().await;
    let from = |address: &str| v1::AuthorizeRequest {
        environment: Some(v1::Environment {
            source_address: address.to_owned(),
            ..Default::default()
        }),
        ..calling("vault.office", vec![token_link(scene.world.user("alice", json!({})))])
    };
    assert_eq!(scene.verdict(from("10.1.2.3")).await, denied("pep_not_entitled"));
    assert_eq!(scene.verdict_as("trusted", from("10.1.2.3")).await, allowed());
    assert_eq!(scene.verdict_as("trusted", from("192.0.2.1")).await, denied("no_permit"));
    assert_eq!(scene.verdict(from("")).await, denied("no_permit"));
}

#[tokio::test]
async fn only_who_may_names_actors_without_proof() {
    let scene = Scene::start().await;
    let alice = || reading(chain(&["user:corp:alice"]));
    assert_eq!(scene.verdict(alice()).await, denied("unverified_actor"));
    assert_eq!(scene.verdict_as("trusted", alice()).await, allowed());
    // Another kind, and another namespace.
    for other in ["agent:corp:alice", "user:fleet:alice"] {
        let asked = reading(chain(&[other]));
        assert_eq!(scene.verdict_as("trusted", asked).await, denied("unverified_actor"), "{other}");
    }
}

#[tokio::test]
async fn a_record_says_who_asked_and_how_actors_were_proven() {
    let scene = Scene::start().await;
    let proven = token_link(scene.world.agent("bot", json!({})));
    let mixed = [chain(&["user:corp:alice"]), vec![proven.clone()]].concat();
    assert_eq!(scene.verdict_as("trusted", reading(mixed)).await, allowed());
    let record = scene.server.log().only_record();
    assert_eq!(record.pep.as_deref(), Some("trusted (trusted of https://idp.example.com)"));
    let identity = record.identity.expect("it was verified");
    let proofs: Vec<Proof> = identity.links.iter().map(|link| link.proof).collect();
    assert_eq!(proofs, [Proof::Asserted, Proof::Bearer]);
    assert!(!identity.is_proven());
    scene.server.log().clear();
    assert_eq!(scene.verdict(reading(vec![proven])).await, allowed());
    let record = scene.server.log().only_record();
    assert!(record.identity.expect("it was verified").is_proven());
    let chain = record.chain.expect("it is known");
    let bot = &chain.links()[0];
    assert_eq!((bot.kind, bot.subject.as_str()), (ActorKind::Agent, "bot"));
}

#[tokio::test]
async fn on_the_administration_socket_nobody_needs_a_credential() {
    let scene = Scene::start().await;
    let mut admin = scene.server.raw_admin_client().await;
    let call = reading(chain(&["user:corp:alice"]));
    let explain = v1::ExplainRequest { request: Some(call.clone()) };
    let explained = admin.explain(explain).await.unwrap().into_inner().response.unwrap();
    assert_eq!(verdict(&explained), (v1::Outcome::Allow, "permitted"));
    let status = admin.authorize(call).await.unwrap_err();
    assert_eq!(failure(&status), (Code::PermissionDenied, "wrong_socket".to_owned()));
}

#[tokio::test]
async fn a_revoked_caller_is_nobody_from_the_next_call_on() {
    let world = World::new();
    let token = world.caller("gateway");
    let scene = Scene::of(world).await;
    let call = reading(vec![token_link(scene.world.user("alice", json!({})))]);
    assert_eq!(scene.verdict(call.clone()).await, allowed());
    let (requests, receiver) = tokio::sync::mpsc::channel(1);
    let stream = tokio_stream::wrappers::ReceiverStream::new(receiver);
    let opened = scene.client().await.authorize_stream(bearing(&token, stream)).await.unwrap();
    let event = scene.world.event("session-revoked", "gateway", json!({}));
    super::revocation::push(&scene.server, &event, 202).await;
    let status = scene.refusal(Some(&token)).await;
    assert_eq!(status.code(), Code::Unauthenticated);
    // Also in a stream that was open before.
    let again = v1::AuthorizeRequest { request_id: "again".to_owned(), ..call };
    requests.send(again).await.unwrap();
    let answer = within("an answer", opened.into_inner().message()).await.unwrap().unwrap();
    assert_eq!(item_failure(&answer), (Code::Unauthenticated, "unauthenticated"));
}

#[tokio::test]
async fn rights_name_issuers_by_their_identifiers_and_requests_may_use_aliases() {
    let world = World::new();
    world.change(
        "may_assert: [{ issuer: 'https://idp.example.com', kinds: [user] }]",
        "may_assert: [{ issuer: corp, kinds: [user] }]",
    );
    let scene = Scene::of(world).await;
    let alice = reading(chain(&["user:corp:alice"]));
    assert_eq!(scene.verdict_as("trusted", alice).await, denied("unverified_actor"));
}

#[tokio::test]
async fn a_report_says_who_reports() {
    let scene = Scene::start().await;
    let call = reading(vec![token_link(scene.world.user("alice", json!({})))]);
    let decision_id = scene.ask("gateway", call).await.decision_id;
    let report = v1::ReportOutcomeRequest {
        decision_id,
        status: v1::CallStatus::Success.into(),
        ..Default::default()
    };
    let token = scene.world.caller("gateway");
    scene.client().await.report_outcome(bearing(&token, report)).await.unwrap();
    let outcomes = scene.server.log().outcomes();
    let [outcome] = &outcomes[..] else { panic!("{outcomes:?}") };
    assert_eq!(outcome.pep.as_deref(), Some("gateway (gateway of https://idp.example.com)"));
}
