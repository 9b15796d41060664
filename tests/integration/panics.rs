//! A bug in a handler costs one answer, not the process.

use palisade_proto::v1;
use palisade_tests::{LogMode, TestServer, authorize_request};
use tokio_stream::StreamExt as _;
use tonic::Code;

use crate::answers::{failure, item_failure, response, verdict};

fn read(request_id: &str) -> v1::AuthorizeRequest {
    v1::AuthorizeRequest {
        request_id: request_id.to_owned(),
        ..authorize_request("notes.read", r#"{"id":"n"}"#)
    }
}

#[tokio::test]
async fn a_panic_is_answered_internal_and_the_next_request_as_ever() {
    let server = TestServer::start().await;
    let mut client = server.raw_client().await;
    server.log().set_mode(LogMode::Panic);
    let status = client.authorize(read("r-1")).await.unwrap_err();
    assert_eq!(failure(&status), (Code::Internal, "internal".to_owned()));
    // Nothing of the inside comes out.
    assert!(!status.message().contains("broke"), "{status:?}");
    server.log().set_mode(LogMode::Keep);
    // Same connection, same server.
    let answer = client.authorize(read("r-2")).await.unwrap().into_inner();
    assert_eq!(verdict(&answer), (v1::Outcome::Allow, "permitted"));
}

#[tokio::test]
async fn every_method_survives_a_panic() {
    let server = TestServer::start().await;
    let mut client = server.raw_client().await;
    let internal = (Code::Internal, "internal".to_owned());
    server.clock().break_once();
    assert_eq!(failure(&client.authorize(read("")).await.unwrap_err()), internal);
    server.clock().break_once();
    let list = v1::ListToolsRequest { chain: read("").chain, ..Default::default() };
    assert_eq!(failure(&client.list_tools(list).await.unwrap_err()), internal);
    server.clock().break_once();
    let explain = v1::ExplainRequest { request: Some(read("")) };
    let mut admin = server.raw_admin_client().await;
    assert_eq!(failure(&admin.explain(explain).await.unwrap_err()), internal);
    let answer = client.authorize(read("")).await.unwrap().into_inner();
    assert_eq!(verdict(&answer), (v1::Outcome::Allow, "permitted"));
}

#[tokio::test]
async fn a_panic_costs_a_batch_one_item() {
    let server = TestServer::start().await;
    server.clock().break_once();
    let batch = v1::AuthorizeBatchRequest { requests: vec![read("a"), read("b")] };
    let answer = server.raw_client().await.authorize_batch(batch).await.unwrap().into_inner();
    assert_eq!(item_failure(&answer.results[0]), (Code::Internal, "internal"));
    assert_eq!(verdict(response(&answer.results[1])), (v1::Outcome::Allow, "permitted"));
}

#[tokio::test]
async fn a_panic_costs_a_stream_one_item() {
    let server = TestServer::start().await;
    server.clock().break_once();
    let requests = tokio_stream::iter(["a", "b", "c"].map(read));
    let answers = server.raw_client().await.authorize_stream(requests).await.unwrap();
    let answers: Vec<_> = answers.into_inner().map(|answer| answer.unwrap()).collect().await;
    assert_eq!(answers.len(), 3);
    let failed: Vec<_> = answers
        .iter()
        .filter(|answer| matches!(answer.result, Some(v1::authorize_result::Result::Error(_))))
        .collect();
    assert_eq!(failed.len(), 1);
    assert_eq!(item_failure(failed[0]), (Code::Internal, "internal"));
}
