//! Shutting down: what is in flight is answered, nothing new is taken.

use std::time::Duration;

use palisade_grpc::Limits;
use palisade_proto::v1;
use palisade_tests::{LogMode, TestServer, authorize_request, within};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Code;

use crate::answers::{response, verdict};

fn read(request_id: &str) -> v1::AuthorizeRequest {
    v1::AuthorizeRequest {
        request_id: request_id.to_owned(),
        ..authorize_request("notes.read", r#"{"id":"n"}"#)
    }
}

/// Waits until nobody listens any more.
async fn refused(server: &TestServer) {
    while TcpStream::connect(server.address()).await.is_ok() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn what_is_in_flight_is_answered() {
    let server = TestServer::start().await;
    let mut client = server.raw_client().await;
    server.log().set_mode(LogMode::Stall);
    let finish = async {
        server.log().wait_for_stalled(1).await;
        server.begin_shutdown();
        within("new connections to be refused", refused(&server)).await;
        server.log().set_mode(LogMode::Keep);
    };
    let (answer, ()) = tokio::join!(client.authorize(read("r")), finish);
    let answer = answer.expect("an answer").into_inner();
    assert_eq!(verdict(&answer), (v1::Outcome::Allow, "permitted"));
    assert_eq!(server.log().only_record().decision.id.to_string(), answer.decision_id);
    server.ended().await;
}

#[tokio::test]
async fn an_open_stream_gets_its_answers_and_then_ends() {
    let server = TestServer::start().await;
    let (requests, receiver) = mpsc::channel(4);
    let mut client = server.raw_client().await;
    let open = client.authorize_stream(ReceiverStream::new(receiver));
    let mut answers = open.await.unwrap().into_inner();
    server.log().set_mode(LogMode::Stall);
    requests.send(read("in-flight")).await.unwrap();
    server.log().wait_for_stalled(1).await;
    server.begin_shutdown();
    within("new connections to be refused", refused(&server)).await;
    server.log().set_mode(LogMode::Keep);
    let answer = within("the answer", answers.message()).await.unwrap().expect("an answer");
    assert_eq!(answer.request_id, "in-flight");
    assert_eq!(verdict(response(&answer)), (v1::Outcome::Allow, "permitted"));
    // The caller learns that this was not its own doing.
    let status = within("the end", answers.message()).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    server.ended().await;
}

#[tokio::test]
async fn an_idle_server_ends_at_once() {
    let server = TestServer::start().await;
    let mut client = server.raw_client().await;
    client.authorize(read("r")).await.unwrap();
    server.begin_shutdown();
    server.ended().await;
    let status = client.authorize(read("r")).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
}

#[tokio::test]
async fn what_does_not_end_in_time_is_cut() {
    let drain_timeout = Duration::from_millis(50);
    let limits = Limits { drain_timeout, ..Default::default() };
    let server = TestServer::start_with_limits(limits).await;
    let mut client = server.raw_client().await;
    server.log().set_mode(LogMode::Stall);
    let stop = async {
        server.log().wait_for_stalled(1).await;
        server.begin_shutdown();
    };
    let (answer, ()) =
        within("the call", async { tokio::join!(client.authorize(read("r")), stop) }).await;
    assert!(answer.is_err(), "{answer:?}");
    assert!(server.log().records().is_empty());
    server.ended().await;
}
