//! Callers that would have the server keep things for them: what it keeps is bounded, and others
//! get theirs.

use std::cell::Cell;
use std::num::NonZeroU32;
use std::time::Duration;

use futures::future::select_all;
use palisade_core::limits::{BATCH_MESSAGE_BYTES_MAX, MESSAGE_FIELDS_MAX};
use palisade_grpc::Limits;
use palisade_proto::v1;
use palisade_tests::{LogMode, TestServer, authorize_request, within};
use tonic::Code;

use crate::answers::{failure, response, verdict};
use crate::raw_http2::{RawCaller, end_of, prefix};
use crate::raw_message::unary;

const KIB: usize = 1024;

fn read(request_id: &str) -> v1::AuthorizeRequest {
    v1::AuthorizeRequest {
        request_id: request_id.to_owned(),
        ..authorize_request("notes.read", r#"{"id":"n"}"#)
    }
}

fn large(bytes: usize) -> v1::AuthorizeRequest {
    authorize_request("any.thing", &format!(r#"{{"a":"{}"}}"#, "x".repeat(bytes)))
}

fn exhausted() -> (Code, String) {
    (Code::ResourceExhausted, "bytes_exhausted".to_owned())
}

async fn is_answered(server: &TestServer) {
    let mut client = within("a connection", server.raw_client()).await;
    let answer = within("an answer", client.authorize(read("other"))).await.unwrap().into_inner();
    assert_eq!(verdict(&answer), (v1::Outcome::Allow, "permitted"));
}

#[tokio::test]
async fn what_is_held_for_all_is_bounded_and_ordinary_calls_are_answered() {
    let limits = Limits { held_bytes_max: 1024 * KIB, ..Limits::default() };
    let server = TestServer::start_with_limits(limits).await;
    let hoarder = RawCaller::connect(server.address()).await;
    // A connection may have 256 KiB for itself, of which each call takes some.
    let mut taken = hoarder.call("Authorize").await;
    taken.send(prefix(1200 * KIB)).await;
    let mut refused = hoarder.call("Authorize").await;
    refused.send(prefix(100 * KIB)).await;
    assert_eq!(failure(&within("an end", refused.ended()).await), exhausted());
    // Another connection has the same for itself and no more.
    let mut client = server.raw_client().await;
    let status = within("an answer", client.authorize(large(400 * KIB))).await.unwrap_err();
    assert_eq!(failure(&status), exhausted());
    client.authorize(large(200 * KIB)).await.expect("its own");
    is_answered(&server).await;
    // What is given up is there for others.
    drop(taken);
    let enough = async { while client.authorize(large(400 * KIB)).await.is_err() {} };
    within("room", enough).await;
}

#[tokio::test]
async fn what_a_stream_holds_is_given_back_with_each_answer() {
    let limits = Limits { held_bytes_max: 0, ..Limits::default() };
    let server = TestServer::start_with_limits(limits).await;
    let mut client = server.raw_client().await;
    let requests = (0..20).map(|number| v1::AuthorizeRequest {
        request_id: format!("r-{number}"),
        ..large(20 * KIB)
    });
    let (sender, receiver) = tokio::sync::mpsc::channel(1);
    let open = client.authorize_stream(tokio_stream::wrappers::ReceiverStream::new(receiver));
    let mut answers = open.await.unwrap().into_inner();
    // Far more than the connection may hold at once.
    for request in requests {
        sender.send(request).await.unwrap();
        let answer = within("an answer", answers.message()).await.unwrap().expect("it goes on");
        assert_eq!(verdict(response(&answer)), (v1::Outcome::Allow, "permitted"));
    }
    // Too much at once ends it.
    sender
        .send(v1::AuthorizeRequest { request_id: "r".to_owned(), ..large(400 * KIB) })
        .await
        .unwrap();
    let status = within("the end", answers.message()).await.unwrap_err();
    assert_eq!(failure(&status), exhausted());
}

#[tokio::test]
async fn a_message_that_would_take_more_once_decoded_is_refused_unread() {
    let server = TestServer::start().await;
    let channel = server.channel().await;
    let too_many = (Code::InvalidArgument, "message_fields_exceeded".to_owned());
    // Empty requests, two bytes each: eight million of some 400 bytes.
    let batch = [0x0a, 0].repeat(BATCH_MESSAGE_BYTES_MAX / 2);
    let status = unary(&channel, "AuthorizeBatch", batch).await.unwrap_err();
    assert_eq!(failure(&status), too_many);
    // Empty links.
    let links = [0x12, 0].repeat(MESSAGE_FIELDS_MAX + 1);
    for method in ["Authorize", "ListTools"] {
        let links =
            if method == "ListTools" { [0x0a, 0].repeat(links.len() / 2) } else { links.clone() };
        let status = unary(&channel, method, links).await.unwrap_err();
        assert_eq!(failure(&status), too_many, "{method}");
    }
    let just_enough = [0x12, 0].repeat(MESSAGE_FIELDS_MAX);
    let status = unary(&channel, "Authorize", just_enough).await.unwrap_err();
    assert_eq!(failure(&status), (Code::InvalidArgument, "chain_too_long".to_owned()));
    is_answered(&server).await;
}

#[tokio::test]
async fn a_message_that_began_on_a_stream_has_to_end() {
    let limits = Limits { request_timeout: Duration::from_millis(100), ..Limits::default() };
    let server = TestServer::start_with_limits(limits).await;
    let caller = RawCaller::connect(server.address()).await;
    let mut silent = caller.call("AuthorizeStream").await;
    for half in [&prefix(100)[..], &prefix(100)[..3], &[&prefix(100)[..], &[0x0a; 7]].concat()] {
        let mut slow = caller.call("AuthorizeStream").await;
        slow.send(half.to_vec()).await;
        let late = (Code::DeadlineExceeded, "message_late".to_owned());
        assert_eq!(failure(&within("an end", slow.ended()).await), late);
    }
    // One on which no message has begun waits for as long as it likes.
    silent.send_message(&read("r")).await;
    let answer: v1::AuthorizeResult = silent.message().await;
    assert_eq!(verdict(response(&answer)), (v1::Outcome::Allow, "permitted"));
}

#[tokio::test]
async fn a_message_that_never_ends_is_given_up_with_its_call() {
    let limits = Limits { request_timeout: Duration::from_millis(100), ..Limits::default() };
    let server = TestServer::start_with_limits(limits).await;
    let caller = RawCaller::connect(server.address()).await;
    let mut slow = caller.call("Authorize").await;
    slow.send([prefix(1000), vec![0x0a; 10]].concat()).await;
    let (code, _) = failure(&within("an end", slow.ended()).await);
    assert_eq!(code, Code::DeadlineExceeded);
}

#[tokio::test]
async fn answers_that_nobody_takes_count_as_held() {
    let limits = Limits { held_bytes_max: 0, ..Limits::default() };
    let server = TestServer::start_with_limits(limits).await;
    let deaf = RawCaller::deaf(server.address()).await;
    let mut unread = Vec::new();
    let mut refused = None;
    // The calls themselves have room; their answers, some 200 KiB, have none beside them.
    while unread.len() < 40 && refused.is_none() {
        let mut call = deaf.call("AuthorizeBatch").await;
        call.send_message(&v1::AuthorizeBatchRequest { requests: vec![read("r"); 20] }).await;
        call.finish();
        match call.answered().await {
            Ok(body) => unread.push(Box::pin(end_of(body))),
            Err(status) => refused = Some(status),
        }
    }
    // No answer can be taken, so only what is not answered ends.
    let status = match refused {
        Some(status) => status,
        None => within("an end", select_all(&mut unread)).await.0,
    };
    assert_eq!(failure(&status), exhausted());
    is_answered(&server).await;
}

#[tokio::test]
async fn a_connection_whose_caller_takes_no_answers_is_cut() {
    let limits = Limits { answer_timeout: Duration::from_millis(50), ..Limits::default() };
    let server = TestServer::start_with_limits(limits).await;
    let deaf = RawCaller::deaf(server.address()).await;
    // A stream that is answered when it is asked is not deaf.
    let patient = RawCaller::connect(server.address()).await;
    let mut silent = patient.call("AuthorizeStream").await;
    let mut call = deaf.call("Authorize").await;
    call.send_message(&read("r")).await;
    call.finish();
    let _unread = call.answered().await.unwrap();
    deaf.closed().await;
    silent.send_message(&read("r")).await;
    let answer: v1::AuthorizeResult = silent.message().await;
    assert_eq!(verdict(response(&answer)), (v1::Outcome::Allow, "permitted"));
}

#[tokio::test]
async fn a_stream_that_is_never_read_leaves_the_others_of_its_connection_alone() {
    let server = TestServer::start().await;
    let caller = RawCaller::connect(server.address()).await;
    let mut deaf = caller.call("AuthorizeStream").await;
    let sent = Cell::new(0);
    let flood = async {
        loop {
            deaf.send_message(&read(&format!("r-{}", sent.get()))).await;
            sent.set(sent.get() + 1);
        }
    };
    let others = async {
        // Until flow control has brought the flood to a stand.
        let mut standing = 0;
        while standing < 50 {
            let before = sent.get();
            let mut call = caller.call("Authorize").await;
            call.send_message(&read("other")).await;
            call.finish();
            let answer: v1::AuthorizeResponse = call.message().await;
            assert_eq!(verdict(&answer), (v1::Outcome::Allow, "permitted"));
            standing = if sent.get() == before { standing + 1 } else { 0 };
        }
    };
    within("the others", async {
        tokio::select! {
            never = flood => never,
            () = others => {}
        }
    })
    .await;
}

#[tokio::test]
async fn a_drain_ends_a_stream_that_is_never_read() {
    let limits = Limits { drain_timeout: Duration::from_millis(50), ..Limits::default() };
    let server = TestServer::start_with_limits(limits).await;
    let deaf = RawCaller::deaf(server.address()).await;
    let mut call = deaf.call("AuthorizeStream").await;
    server.log().set_mode(LogMode::Stall);
    call.send_message(&read("r")).await;
    server.log().wait_for_stalled(1).await;
    server.log().set_mode(LogMode::Keep);
    server.begin_shutdown();
    server.ended().await;
    deaf.closed().await;
}

#[tokio::test]
async fn a_connection_without_calls_is_closed_and_one_with_a_call_is_not() {
    let limits = Limits { idle_timeout: Duration::from_millis(50), ..Limits::default() };
    let server = TestServer::start_with_limits(limits).await;
    let used = RawCaller::connect(server.address()).await;
    let mut silent = used.call("AuthorizeStream").await;
    // When these are closed, so would have been the other.
    for asks in [false, true] {
        let idle = RawCaller::connect(server.address()).await;
        if asks {
            let mut call = idle.call("Authorize").await;
            call.send_message(&read("r")).await;
            call.finish();
            let _answer: v1::AuthorizeResponse = call.message().await;
        }
        idle.closed().await;
    }
    silent.send_message(&read("r")).await;
    let answer: v1::AuthorizeResult = silent.message().await;
    assert_eq!(verdict(response(&answer)), (v1::Outcome::Allow, "permitted"));
}

#[tokio::test]
async fn callers_for_whom_there_is_no_room_are_told_and_taken_again() {
    let limits = Limits {
        connections_max: NonZeroU32::MIN,
        place_timeout: Duration::from_millis(20),
        ..Limits::default()
    };
    let server = TestServer::start_with_limits(limits).await;
    let mut first = server.raw_client().await;
    first.authorize(read("r")).await.unwrap();
    let refused = async {
        let mut stream = tokio::net::TcpStream::connect(server.address()).await.unwrap();
        let mut said = Vec::new();
        tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut said).await.unwrap();
        said
    };
    let said = within("the refusal", refused).await;
    // Empty settings; then GOAWAY, no stream, ENHANCE_YOUR_CALM.
    let want =
        [&[0, 0, 0, 4, 0, 0, 0, 0, 0][..], &[0, 0, 28, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 11]];
    assert_eq!(said, [&want.concat()[..], b"too many connections"].concat());
    first.authorize(read("r")).await.expect("who is there is not affected");
    drop(first);
    let taken = async {
        let endpoint =
            tonic::transport::Endpoint::from_shared(format!("http://{}", server.address()));
        let endpoint = endpoint.unwrap();
        loop {
            // While the server does not know yet that the first is gone, this is refused.
            let Ok(channel) = endpoint.connect().await else { continue };
            let mut client =
                v1::authorization_service_client::AuthorizationServiceClient::new(channel);
            if client.authorize(read("r")).await.is_ok() {
                return;
            }
        }
    };
    within("a place", taken).await;
}
