//! An answer that is not on record permits nothing.

use palisade_proto::v1;
use palisade_tests::{LogMode, TestServer, authorize_request};

use crate::answers::{determining, response, verdict};

fn read() -> v1::AuthorizeRequest {
    authorize_request("notes.read", r#"{"id":"n"}"#)
}

#[tokio::test]
async fn what_cannot_be_recorded_is_denied() {
    let server = TestServer::start().await;
    let mut client = server.raw_client().await;
    server.log().set_mode(LogMode::Fail);
    for (tool, arguments) in [
        ("notes.read", r#"{"id":"n"}"#),
        ("bank.transfer", r#"{"to":"x","amount":1}"#),
        ("notes.write", r#"{"text":"secret"}"#),
        ("no.such_tool", "{}"),
    ] {
        let answer = client.authorize(authorize_request(tool, arguments)).await.unwrap();
        let answer = answer.into_inner();
        assert_eq!(verdict(&answer), (v1::Outcome::Deny, "log_unavailable"), "{tool}");
        assert_eq!(determining(&answer), [""; 0], "{tool}");
        assert_eq!(answer.requirements, [], "{tool}");
        assert_eq!(answer.obligations, None, "{tool}");
        assert_eq!(answer.valid_for, None, "{tool}");
    }
    assert!(server.log().records().is_empty());
}

#[tokio::test]
async fn a_dry_run_is_no_exception() {
    let server = TestServer::start().await;
    server.log().set_mode(LogMode::Fail);
    let mut request = read();
    request.options = Some(v1::Options { dry_run: true, ..Default::default() });
    let answer = server.raw_client().await.authorize(request).await.unwrap().into_inner();
    assert_eq!(verdict(&answer), (v1::Outcome::Deny, "log_unavailable"));
    assert!(answer.dry_run);
}

#[tokio::test]
async fn every_item_of_a_batch_is_denied() {
    let server = TestServer::start().await;
    server.log().set_mode(LogMode::Fail);
    let batch = v1::AuthorizeBatchRequest { requests: vec![read(), read()] };
    let answer = server.raw_client().await.authorize_batch(batch).await.unwrap().into_inner();
    for result in &answer.results {
        assert_eq!(verdict(response(result)), (v1::Outcome::Deny, "log_unavailable"));
    }
}

#[tokio::test]
async fn decisions_go_on_when_the_log_is_back() {
    let server = TestServer::start().await;
    let mut client = server.raw_client().await;
    server.log().set_mode(LogMode::Fail);
    client.authorize(read()).await.unwrap();
    server.log().set_mode(LogMode::Keep);
    let answer = client.authorize(read()).await.unwrap().into_inner();
    assert_eq!(verdict(&answer), (v1::Outcome::Allow, "permitted"));
    assert_eq!(server.log().only_record().decision.id.to_string(), answer.decision_id);
}

#[tokio::test]
async fn lists_and_explanations_need_no_log() {
    let server = TestServer::start().await;
    server.log().set_mode(LogMode::Fail);
    let list = v1::ListToolsRequest { chain: read().chain, ..Default::default() };
    assert!(
        !server.raw_client().await.list_tools(list).await.unwrap().into_inner().tools.is_empty()
    );
    let explain = v1::ExplainRequest { request: Some(read()) };
    let answer = server.raw_admin_client().await.explain(explain).await.unwrap().into_inner();
    assert_eq!(verdict(&answer.response.unwrap()), (v1::Outcome::Allow, "permitted"));
}
