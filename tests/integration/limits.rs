//! What bounds a server: time, calls at once, bytes.

use std::num::NonZeroU32;
use std::time::Duration;

use palisade_client::ClientError;
use palisade_core::limits::MESSAGE_BYTES_MAX;
use palisade_grpc::Limits;
use palisade_proto::v1;
use palisade_tests::{LogMode, TestServer, authorize_request, within};
use tonic::{Code, Request};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

use crate::answers::failure;

fn read() -> v1::AuthorizeRequest {
    authorize_request("notes.read", r#"{"id":"n"}"#)
}

#[tokio::test]
async fn a_call_that_takes_too_long_is_answered() {
    let request_timeout = Duration::from_millis(50);
    let limits = Limits { request_timeout, ..Default::default() };
    let server = TestServer::start_with_limits(limits).await;
    let mut client = server.raw_client().await;
    server.log().set_mode(LogMode::Stall);
    let status = within("the deadline", client.authorize(read())).await.unwrap_err();
    assert_eq!(failure(&status), (Code::DeadlineExceeded, "deadline_exceeded".to_owned()));
    assert_eq!(server.log().stalled(), 0, "the call is no longer worked on");
    server.log().set_mode(LogMode::Keep);
    client.authorize(read()).await.unwrap();
}

#[tokio::test]
async fn a_caller_may_ask_for_less_time() {
    let server = TestServer::start().await;
    server.log().set_mode(LogMode::Stall);
    let client = server.client().await.with_timeout(Duration::from_millis(50));
    let error = within("the deadline", client.authorize(read())).await.unwrap_err();
    let timed_out = match &error {
        // Whichever side's timer is first.
        ClientError::Timeout { .. } => true,
        ClientError::Refused { code, .. } => *code == Code::DeadlineExceeded,
        _ => false,
    };
    assert!(timed_out, "{error:?}");
}

#[tokio::test]
async fn more_calls_than_are_taken_at_once_are_refused() {
    let calls_max = NonZeroU32::new(2).unwrap();
    let server = TestServer::start_with_limits(Limits { calls_max, ..Default::default() }).await;
    server.log().set_mode(LogMode::Stall);
    let (mut one, mut two) = (server.raw_client().await, server.raw_client().await);
    let third = async {
        server.log().wait_for_stalled(2).await;
        let status = server.raw_client().await.authorize(read()).await.unwrap_err();
        assert_eq!(failure(&status), (Code::ResourceExhausted, "overloaded".to_owned()));
        // Whoever watches the server still can.
        let mut health = HealthClient::new(server.channel().await);
        health.check(HealthCheckRequest::default()).await.unwrap();
        server.log().set_mode(LogMode::Keep);
    };
    let calls = async { tokio::join!(one.authorize(read()), two.authorize(read()), third) };
    let (one_answer, two_answer, ()) = within("the calls", calls).await;
    assert!(one_answer.is_ok() && two_answer.is_ok());
    // There is room again.
    one.authorize(read()).await.unwrap();
}

#[tokio::test]
async fn a_request_has_at_most_2_mib() {
    let server = TestServer::start().await;
    let mut client = server.raw_client().await;
    let of_bytes = |bytes: usize| {
        // The pad is a field that nothing else bounds.
        let mut request = read();
        request.session_id = "s".repeat(bytes);
        let excess = prost::Message::encoded_len(&request) - bytes;
        request.session_id.truncate(bytes - excess);
        // The pad's length may take a byte less now.
        while prost::Message::encoded_len(&request) < bytes {
            request.session_id.push('s');
        }
        assert_eq!(prost::Message::encoded_len(&request), bytes);
        request
    };
    for (bytes, want) in [
        (MESSAGE_BYTES_MAX, (Code::Unimplemented, "not_served")),
        (MESSAGE_BYTES_MAX + 1, (Code::InvalidArgument, "message_too_large")),
        // Refused by the transport before it is read.
        (17 * 1024 * 1024, (Code::InvalidArgument, "message_too_large")),
    ] {
        let status = client.authorize(Request::new(of_bytes(bytes))).await.unwrap_err();
        assert_eq!(failure(&status), (want.0, want.1.to_owned()), "{bytes}");
    }
    client.authorize(read()).await.unwrap();
}
