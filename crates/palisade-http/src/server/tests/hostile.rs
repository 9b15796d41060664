//! Whatever is sent is answered or not, and harms nobody.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::*;

/// Parts that requests are made of, and what is none.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let part = prop_oneof![
        Just(push("a.b.c").into_bytes()),
        Just(b"POST /events HTTP/1.1\r\n".to_vec()),
        Just(b"Host: x\r\n".to_vec()),
        Just(b"Content-Type: application/secevent+jwt\r\n".to_vec()),
        Just(b"Content-Length: 3\r\n".to_vec()),
        Just(b"Content-Length: 99999999999999999999\r\n".to_vec()),
        Just(b"Transfer-Encoding: chunked\r\n".to_vec()),
        Just(b"Expect: 100-continue\r\n".to_vec()),
        Just(b"Upgrade: h2c\r\nConnection: upgrade\r\n".to_vec()),
        Just(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec()),
        Just(b"\r\n".to_vec()),
        Just(b"ffffffffffffffff\r\n".to_vec()),
        prop::collection::vec(any::<u8>(), 0..50),
    ];
    prop::collection::vec(part, 0..12).prop_map(|parts| parts.concat())
}

#[test]
fn any_bytes_are_answered_or_not() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let served = runtime.block_on(Served::start());
    let mut runner = TestRunner::new(Config { cases: 200, ..Config::default() });
    runner
        .run(&bytes(), |bytes| {
            runtime.block_on(async {
                let mut stream = served.connect().await;
                drop(stream.write_all(&bytes).await);
                drop(stream.shutdown().await);
                let mut answer = Vec::new();
                // A connection that is reset is an answer, too.
                drop(ended(stream.read_to_end(&mut answer)).await);
            });
            Ok(())
        })
        .unwrap();
    runtime.block_on(async {
        assert_eq!(status(&served.ask(last_push("a.b.c")).await), 202);
        served.shutdown.cancel();
        served.ended().await;
    });
}

/// Two lengths are two requests to two readers (RFC 9112, section 6.1).
#[tokio::test]
async fn no_request_hides_in_another() {
    let served = Served::start().await;
    let hidden = push("hidden");
    for lengths in [
        "Content-Length: 5\r\nContent-Length: 6".to_owned(),
        "Content-Length: 5, 6".to_owned(),
        "Content-Length: +5".to_owned(),
        "Transfer-Encoding: chunked, identity".to_owned(),
        "Transfer-Encoding: xchunked".to_owned(),
        format!("Content-Length: {}\r\nTransfer-Encoding: chunked", hidden.len() + 5),
        format!("Transfer-Encoding: chunked\r\nContent-Length: {}", hidden.len() + 5),
    ] {
        let head = push("").replace("Content-Length: 0", &lengths);
        let answer = served.ask(format!("{head}0\r\n\r\n{hidden}")).await;
        assert!(!served.received().contains(&"hidden".to_owned()), "{lengths}: {answer}");
    }
}
