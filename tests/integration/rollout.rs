//! Revisions come into force while calls are decided: what callers and operators see of it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use palisade::config::RolloutSettings;
use palisade_client::ClientError;
use palisade_core::{CandidateStage, RolloutAction, ShadowKind};
use palisade_grpc::Limits;
use palisade_proto::v1;
use palisade_proto::v1::admin_service_client::AdminServiceClient;
use palisade_tests::bundle::{WrittenBundle, fixture};
use palisade_tests::{TestServer, chain, within};
use tonic::{Code, Request, Status};
use tonic_types::StatusExt as _;

use crate::bad_bundles::{cases, overlay};

const CATALOG: &str = "
format: 1
segments: [customers]
services:
  crm: { segment: customers }
tools:
  crm.read_ticket:
    tier: 1
    effect: read
";

const READERS: &str = r#"
@id("read") permit (principal, action in Action::"read", resource);
"#;

const NOBODY: &str = r#"
@id("read") permit (principal, action in Action::"read", resource);
@id("stop") @reason("not today") forbid (principal, action, resource);
"#;

const WATCHED: &str = r#"
@id("read") permit (principal, action in Action::"read", resource);
@id("stop") @reason("not today") @mode("shadow") forbid (principal, action, resource);
"#;

fn manifest(version: u64) -> String {
    format!(
        "format: 1\nname: desk\nversion: {version}\nissuers: {{ corp: https://corp.example }}\n"
    )
}

fn bundle(version: u64, policies: &str) -> WrittenBundle {
    WrittenBundle::new(&[
        ("bundle.yaml", &manifest(version)),
        ("catalog.yaml", CATALOG),
        ("policies/desk.cedar", policies),
    ])
}

fn asking(minimum_version: u64) -> v1::AuthorizeRequest {
    v1::AuthorizeRequest {
        request_id: format!("at-least-{minimum_version}"),
        chain: chain(&["user:corp:alice"]),
        tool: "crm.read_ticket".to_owned(),
        options: Some(v1::Options { minimum_version, ..Default::default() }),
        ..Default::default()
    }
}

fn version(response: &v1::AuthorizeResponse) -> u64 {
    response.revision.as_ref().expect("a revision").version
}

fn reason(status: &Status) -> String {
    status.get_details_error_info().expect("details").reason
}

#[tokio::test]
async fn a_directory_is_followed_without_being_asked() {
    let bundle = bundle(1, READERS);
    let server = TestServer::start_with_bundle(bundle.path()).await;
    bundle.write("bundle.yaml", &manifest(2));
    let is_active = |wanted: u64| {
        move |status: &palisade_core::BundleStatus| {
            status.active.as_ref().is_some_and(|active| active.revision.version == wanted)
        }
    };
    let status = server.bundle_becomes(is_active(2)).await;
    assert!(!status.signed);
    bundle.write("policies/desk.cedar", "permit (");
    let status = server.bundle_becomes(|status| status.last_failure.is_some()).await;
    assert!(is_active(2)(&status), "{status:?}");
    let failure = status.last_failure.expect("it failed");
    assert!(failure.message.starts_with("policies/desk.cedar:1: "), "{failure:?}");
    let answer = server.client().await.authorize(asking(0)).await.expect("decided");
    assert_eq!(version(answer.response()), 2);
    bundle.write("policies/desk.cedar", NOBODY);
    bundle.write("bundle.yaml", &manifest(3));
    let status = server.bundle_becomes(is_active(3)).await;
    assert_eq!(status.last_failure, None);
    let answer = server.client().await.authorize(asking(0)).await.expect("decided");
    assert_eq!(answer.response().outcome(), v1::Outcome::Deny);
    let actions: Vec<_> = server.log().rollouts().iter().map(|record| record.action).collect();
    assert_eq!(actions.first(), Some(&RolloutAction::Activated));
    assert!(actions.contains(&RolloutAction::Refused), "{actions:?}");
}

#[tokio::test]
async fn a_call_that_wants_a_newer_version_waits_for_it() {
    let bundle = bundle(1, READERS);
    let server = TestServer::start_with_bundle(bundle.path()).await;
    let (one, stream) = (server.raw_client().await, server.raw_client().await);
    let unary = async {
        let mut client = one;
        client.authorize(asking(2)).await.expect("decided").into_inner()
    };
    let streamed = async {
        let mut client = stream;
        let requests = tokio_stream::iter([asking(2)]);
        let mut answers = client.authorize_stream(requests).await.expect("open").into_inner();
        answers.message().await.expect("no error").expect("an answer")
    };
    let roll_out = async {
        bundle.write("bundle.yaml", &manifest(2));
        server.admin().await.reload_bundle().await.expect("looked")
    };
    let all = async { tokio::join!(unary, streamed, roll_out) };
    let (unary, streamed, _) = within("the version", all).await;
    assert_eq!(version(&unary), 2);
    match streamed.result.expect("a result") {
        v1::authorize_result::Result::Response(response) => assert_eq!(version(&response), 2),
        v1::authorize_result::Result::Error(error) => panic!("{error:?}"),
    }
}

#[tokio::test]
async fn a_version_that_does_not_come_is_said_before_the_deadline() {
    let bundle = bundle(1, READERS);
    let server = TestServer::start_with_bundle(bundle.path()).await;
    let mut client = server.raw_client().await;
    let mut request = Request::new(asking(2));
    request.set_timeout(Duration::from_millis(500));
    let status = client.authorize(request).await.expect_err("it never comes");
    assert_eq!(
        (status.code(), reason(&status).as_str()),
        (Code::FailedPrecondition, "revision_not_held")
    );
    let batch = v1::AuthorizeBatchRequest { requests: vec![asking(2), asking(0), asking(3)] };
    let mut request = Request::new(batch);
    request.set_timeout(Duration::from_millis(500));
    let results = client.authorize_batch(request).await.expect("answered").into_inner().results;
    let outcomes: Vec<_> = results
        .into_iter()
        .map(|result| match result.result.expect("a result") {
            v1::authorize_result::Result::Response(response) => version(&response).to_string(),
            v1::authorize_result::Result::Error(error) => error.reason,
        })
        .collect();
    assert_eq!(outcomes, ["revision_not_held", "1", "revision_not_held"]);
    assert_eq!(server.log().records().len(), 1, "what has no answer has no record");
}

#[tokio::test]
async fn only_a_share_of_the_calls_may_wait() {
    let bundle = bundle(1, READERS);
    let limits = Limits {
        calls_max: 8.try_into().expect("not zero"),
        request_timeout: Duration::from_secs(60),
        ..Limits::default()
    };
    let rollout = RolloutSettings::DIRECTORY;
    let server = TestServer::start_with_rollout(bundle.path(), limits, rollout).await;
    let (refused, answered) = (AtomicU64::new(0), AtomicU64::new(0));
    let client = server.raw_client().await;
    let ask = || {
        let mut client = client.clone();
        let (refused, answered) = (&refused, &answered);
        async move {
            match client.authorize(asking(2)).await {
                Ok(_) => answered.fetch_add(1, Ordering::Relaxed),
                Err(status) => {
                    assert_eq!(reason(&status), "revision_not_held");
                    refused.fetch_add(1, Ordering::Relaxed)
                }
            }
        }
    };
    let asking_all = async { tokio::join!(ask(), ask(), ask(), ask(), ask()) };
    let roll_out = async {
        // Two of eight wait; the others are told at once.
        while refused.load(Ordering::Relaxed) < 3 {
            tokio::task::yield_now().await;
        }
        bundle.write("bundle.yaml", &manifest(2));
        server.admin().await.reload_bundle().await.expect("looked")
    };
    within("all answers", async { tokio::join!(asking_all, roll_out) }).await;
    assert_eq!((refused.into_inner(), answered.into_inner()), (3, 2));
}

#[tokio::test]
async fn operators_go_back_pin_and_unpin() {
    let bundle = bundle(1, READERS);
    let server = TestServer::start_with_bundle(bundle.path()).await;
    let admin = server.admin().await;
    bundle.write("policies/desk.cedar", NOBODY);
    bundle.write("bundle.yaml", &manifest(2));
    let status = admin.reload_bundle().await.expect("looked");
    assert_eq!(status.active.and_then(|held| held.revision).map(|r| r.version), Some(2));
    let client = server.client().await;
    let outcome =
        || async { client.authorize(asking(0)).await.expect("decided").response().outcome() };
    assert_eq!(outcome().await, v1::Outcome::Deny);
    let status = admin.roll_back_bundle(0, "denies everything".to_owned()).await.expect("done");
    assert!(status.pinned);
    assert_eq!(outcome().await, v1::Outcome::Allow);
    let status = admin.reload_bundle().await.expect("looked");
    assert_eq!(status.candidate.expect("it waits").stage, CandidateStage::Pinned.as_str());
    assert_eq!(outcome().await, v1::Outcome::Allow, "it is pinned");
    admin.unpin_bundle("mended".to_owned()).await.expect("done");
    assert_eq!(outcome().await, v1::Outcome::Deny);
    let pinned = admin.pin_bundle(String::new()).await.expect("done");
    assert!(pinned.pinned);
    let records = server.log().rollouts();
    let of = |action| records.iter().rfind(|r| r.action == action).expect("on record");
    let back = of(RolloutAction::RolledBack);
    assert_eq!(back.detail, "denies everything");
    assert_eq!(back.from.as_ref().map(|revision| revision.version), Some(2));
    assert_eq!(back.to.as_ref().map(|revision| revision.version), Some(1));
    assert_eq!(of(RolloutAction::Unpinned).detail, "mended");
    of(RolloutAction::Pinned);
}

#[tokio::test]
async fn what_an_operator_asks_for_is_checked() {
    let bundle = bundle(1, READERS);
    let server = TestServer::start_with_bundle(bundle.path()).await;
    let admin = server.admin().await;
    let not_kept = admin.roll_back_bundle(7, String::new()).await.expect_err("there is none");
    let ClientError::Refused { code, reason: why, .. } = not_kept else { panic!("{not_kept:?}") };
    assert_eq!((code, why.as_str()), (Code::FailedPrecondition, "revision_not_kept"));
    for bad in ["x".repeat(513), "two\nlines".to_owned()] {
        let refused = admin.pin_bundle(bad).await.expect_err("malformed");
        let ClientError::Refused { code, reason: why, .. } = refused else { panic!("{refused:?}") };
        assert_eq!((code, why.as_str()), (Code::InvalidArgument, "reason_invalid"));
    }
    admin.pin_bundle("x".repeat(512)).await.expect("as long as it may be");
    let mut elsewhere = AdminServiceClient::new(server.channel().await);
    let status = elsewhere.pin_bundle(v1::PinBundleRequest::default()).await.expect_err("refused");
    assert_eq!((status.code(), reason(&status).as_str()), (Code::PermissionDenied, "wrong_socket"));
}

#[tokio::test]
async fn no_call_is_lost_while_revisions_come_and_go() {
    const LAST: u64 = 12;
    let bundle = bundle(1, READERS);
    let server = TestServer::start_with_bundle(bundle.path()).await;
    let admin = server.admin().await;
    let ask = || async {
        let client = server.client().await;
        let (mut outcomes, mut newest) = (HashMap::new(), 0);
        while newest < LAST {
            let answer = client.authorize(asking(0)).await.expect("decided");
            let response = answer.response();
            let revision = response.revision.clone().expect("a revision");
            let before = outcomes.insert(revision.digest, response.outcome());
            assert!(before.is_none_or(|before| before == response.outcome()), "{response:?}");
            assert!(newest <= revision.version, "an older version answers after a newer one");
            newest = revision.version;
        }
        outcomes.len()
    };
    let roll_out = async {
        for next in 2..=LAST {
            let policies = if next % 2 == 1 { READERS } else { NOBODY };
            bundle.write("policies/desk.cedar", policies);
            bundle.write("bundle.yaml", &manifest(next));
            admin.reload_bundle().await.expect("looked");
        }
    };
    let all = async { tokio::join!(ask(), ask(), roll_out) };
    let (one, other, ()) = within("the last revision", all).await;
    assert!(one > 1 && other > 1, "they were asked under more than one");
}

#[tokio::test]
async fn another_revision_decides_in_the_shadow() {
    let (bundle, candidate) = (bundle(1, READERS), bundle(2, NOBODY));
    let rollout = RolloutSettings {
        shadow_directory: Some(candidate.path().to_owned()),
        ..RolloutSettings::DIRECTORY
    };
    let server = TestServer::start_with_rollout(bundle.path(), Limits::default(), rollout).await;
    let status = server.bundle_becomes(|status| status.shadow.is_some()).await;
    assert_eq!(status.shadow.expect("it is there").revision.version, 2);
    let answer = server.client().await.authorize(asking(0)).await.expect("decided");
    assert_eq!(answer.response().outcome(), v1::Outcome::Allow);
    let shadow = server.log().wait_for_shadow().await;
    assert_eq!(shadow.kind, ShadowKind::Revision);
    assert_eq!(shadow.decision.to_string(), answer.response().decision_id);
    assert_eq!(shadow.revision.version, 2);
    assert_eq!(shadow.shadow_verdict.reason.sentence, "not today");
}

#[tokio::test]
async fn a_policy_that_only_watches_is_compared_and_changes_nothing() {
    let bundle = bundle(1, WATCHED);
    let server = TestServer::start_with_bundle(bundle.path()).await;
    let answer = server.client().await.authorize(asking(0)).await.expect("decided");
    assert_eq!(answer.response().outcome(), v1::Outcome::Allow);
    let shadow = server.log().wait_for_shadow().await;
    assert_eq!(shadow.kind, ShadowKind::Policies);
    assert_eq!(shadow.revision.version, 1);
    assert_eq!(shadow.shadow_verdict.outcome, palisade_core::Outcome::Deny);
}

#[tokio::test]
async fn no_bad_bundle_gets_past_a_running_server() {
    let bundle = WrittenBundle::new(&[]);
    overlay(&bundle, &fixture("minimal"), "");
    let server = TestServer::start_with_bundle(bundle.path()).await;
    let admin = server.admin().await;
    let good = admin.bundle_status().await.expect("asked").active;
    for case in cases() {
        overlay(&bundle, &case, "");
        let status = admin.reload_bundle().await.expect("looked");
        let failure = status.last_failure.unwrap_or_else(|| panic!("{} loads", case.display()));
        assert!(!failure.message.is_empty(), "{failure:?}");
        assert_eq!(status.active, good, "{}", case.display());
        for entry in std::fs::read_dir(bundle.path()).expect("read") {
            let path = entry.expect("an entry").path();
            let removed = if path.is_dir() {
                std::fs::remove_dir_all(path)
            } else {
                std::fs::remove_file(path)
            };
            removed.expect("removed");
        }
        overlay(&bundle, &fixture("minimal"), "");
    }
    let status = admin.reload_bundle().await.expect("looked");
    assert_eq!((status.active, status.last_failure), (good, None));
}
