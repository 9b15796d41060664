//! Callers that say nothing, never end or say too much: they get a bounded share, and nobody else
//! waits for them.

use std::io::ErrorKind;
use std::num::NonZeroU32;
use std::time::Duration;

use palisade_grpc::Limits;
use palisade_proto::v1;
use palisade_tests::tls::{Authority, Caller};
use palisade_tests::{TestServer, authorize_request, within};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tonic::{Code, Request};

use crate::answers::verdict;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// An empty settings frame.
const SETTINGS: [u8; 9] = [0, 0, 0, 4, 0, 0, 0, 0, 0];

const HEADERS: u8 = 1;
const CONTINUATION: u8 = 9;

/// A frame on stream 1 without any flag.
fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = length[1..].to_vec();
    frame.extend([kind, 0, 0, 0, 0, 1]);
    frame.extend(payload);
    frame
}

async fn is_answered(server: &TestServer) {
    let request = authorize_request("notes.read", r#"{"id":"n"}"#);
    let mut client = within("a connection", server.raw_client()).await;
    let answer = within("an answer", client.authorize(request)).await.unwrap().into_inner();
    assert_eq!(verdict(&answer), (v1::Outcome::Allow, "permitted"));
}

/// Waits until the other side has closed a connection.
async fn closed(mut stream: impl AsyncRead + Unpin) {
    let mut bytes = [0; 1024];
    let end = async {
        loop {
            match stream.read(&mut bytes).await {
                Ok(0) => return,
                Ok(_) => {}
                Err(error) => {
                    let ends = [ErrorKind::ConnectionReset, ErrorKind::UnexpectedEof];
                    assert!(ends.contains(&error.kind()), "{error}");
                    return;
                }
            }
        }
    };
    within("the end of the connection", end).await;
}

fn few_connections() -> Limits {
    Limits {
        connections_max: NonZeroU32::new(4).unwrap(),
        opening_timeout: Duration::from_millis(100),
        // Whoever comes waits for a place.
        place_timeout: Duration::from_secs(60),
        ..Limits::default()
    }
}

#[tokio::test]
async fn connections_that_never_begin_give_back_their_places() {
    let server = TestServer::start_with_limits(few_connections()).await;
    let mut silent = Vec::new();
    // All places; the second half of them stops in the middle.
    for said in [&b""[..], &b""[..], &PREFACE[..10], PREFACE] {
        let mut stream = TcpStream::connect(server.address()).await.unwrap();
        stream.write_all(said).await.unwrap();
        silent.push(stream);
    }
    is_answered(&server).await;
    for stream in silent {
        closed(stream).await;
    }
}

#[tokio::test]
async fn handshakes_that_never_end_give_back_their_places() {
    let (directory, authority) = (tempfile::tempdir().unwrap(), Authority::new());
    let files = authority.issue().write(directory.path());
    let server = TestServer::start_with_tls(files, few_connections()).await;
    let mut silent = Vec::new();
    // The second half begins a handshake message of 512 bytes.
    for said in [&b""[..], &b""[..], &[22, 3, 1, 2, 0][..], &[22, 3, 1, 2, 0, 1][..]] {
        let mut stream = TcpStream::connect(server.address()).await.unwrap();
        stream.write_all(said).await.unwrap();
        silent.push(stream);
    }
    let caller = Caller::anonymous(&authority);
    // Neither does TLS alone keep a place.
    let unused = caller.connect(server.address()).await.unwrap();
    drop(caller.channel(server.address()).await);
    for stream in silent {
        closed(stream).await;
    }
    closed(unused).await;
}

#[tokio::test]
async fn a_connection_that_began_in_time_may_idle() {
    let server = TestServer::start_with_limits(few_connections()).await;
    let mut client = server.raw_client().await;
    // When this one is cut, so would have been the other.
    closed(TcpStream::connect(server.address()).await.unwrap()).await;
    let request = authorize_request("notes.read", r#"{"id":"n"}"#);
    client.authorize(request).await.expect("the same connection");
}

#[tokio::test]
async fn headers_without_end_are_cut() {
    /// Far beyond what the server keeps of headers, far below what a caller can send.
    const BYTES_MAX: usize = 16 * 1024 * 1024;
    let server = TestServer::start().await;
    let mut endless = TcpStream::connect(server.address()).await.unwrap();
    endless.write_all(&[PREFACE, &SETTINGS[..]].concat()).await.unwrap();
    // The header `a: b` over and over, uncompressed.
    let block = [0, 1, b'a', 1, b'b'].repeat(3 * 1024);
    endless.write_all(&frame(HEADERS, &block)).await.unwrap();
    let mut sent = 0;
    let flood = async {
        while endless.write_all(&frame(CONTINUATION, &block)).await.is_ok() {
            sent += block.len();
            assert!(sent < BYTES_MAX, "the server takes headers without end");
            tokio::task::yield_now().await;
        }
    };
    within("the cut", async { tokio::join!(flood, is_answered(&server)) }).await;
    closed(endless).await;
    is_answered(&server).await;
}

#[tokio::test]
async fn headers_that_are_too_large_are_answered_431() {
    let server = TestServer::start().await;
    let mut client = server.raw_client().await;
    let with_header = |bytes: usize| {
        let mut request = Request::new(authorize_request("notes.read", r#"{"id":"n"}"#));
        request.metadata_mut().insert("authorization", "x".repeat(bytes).parse().unwrap());
        request
    };
    client.authorize(with_header(16 * 1024)).await.expect("a token of 16 KiB");
    let status = client.authorize(with_header(32 * 1024)).await.unwrap_err();
    // Answered by HTTP/2 before there is a call; gRPC has no better code for it.
    assert_eq!(status.code(), Code::Unknown);
    assert!(status.message().contains("431"), "{status:?}");
    // The connection is as good as before.
    client.authorize(with_header(0)).await.expect("an answer");
}

#[tokio::test]
async fn limits_hold_for_all_threads_together() {
    let threads = NonZeroU32::new(3).unwrap();
    let server = TestServer::start_with_limits(Limits { threads, ..few_connections() }).await;
    // Each on a thread of its own, and one more; all are in use.
    let mut clients = Vec::new();
    for _ in 0..4 {
        let mut client = server.raw_client().await;
        let request = authorize_request("notes.read", r#"{"id":"n"}"#);
        client.authorize(request).await.unwrap();
        clients.push(client);
    }
    let mut fifth = TcpStream::connect(server.address()).await.unwrap();
    fifth.write_all(&[PREFACE, &SETTINGS[..]].concat()).await.unwrap();
    // The kernel has it; the server has not, and so does not answer.
    let mut answer = [0; 1];
    let mut reading = std::pin::pin!(fifth.read_exact(&mut answer));
    let early = tokio::time::timeout(Duration::from_millis(50), reading.as_mut()).await;
    assert!(early.is_err(), "{early:?}");
    drop(clients.pop());
    within("a place", reading).await.unwrap();
}
