use serde_json::{Value, json};

use super::*;
use crate::limits::{
    BODY_BYTES_MAX, DESCRIPTION_BYTES_MAX, HEADERS_BYTES_MAX, HEADERS_MAX, LINGER_BYTES_MAX,
    REQUESTS_PER_CONNECTION_MAX,
};

/// A server that refuses everything as it is told.
async fn refusing(err: &'static str, description: &str) -> Served {
    let refusal = EventRefusal::new(err, description);
    Served::with(loopback(), move |_| Err(refusal.clone())).await
}

#[tokio::test]
async fn an_event_is_taken_as_it_was_sent() {
    let served = Served::start().await;
    let answer = served.ask(last_push("a.b.c\n")).await;
    assert_eq!(status(&answer), 202);
    assert_eq!(header(&answer, "content-length"), Some("0"));
    assert_eq!(header(&answer, "cache-control"), Some("no-store"));
    assert_eq!(header(&answer, "content-type"), None);
    assert_eq!(body(&answer), "");
    assert_eq!(served.received(), ["a.b.c\n"]);
}

#[tokio::test]
async fn a_final_refusal_is_told_in_json() {
    for err in EventRefusal::FINAL {
        let served = refusing(err, "it is \"not\" for us").await;
        let answer = served.ask(last_push("a.b.c")).await;
        assert_eq!(status(&answer), 400);
        assert_eq!(header(&answer, "content-type"), Some("application/json"));
        assert_eq!(header(&answer, "content-language"), Some("en"));
        let told: Value = serde_json::from_str(body(&answer)).unwrap();
        assert_eq!(told, json!({ "err": err, "description": "it is \"not\" for us" }));
    }
}

#[tokio::test]
async fn what_cannot_be_kept_now_is_asked_for_again() {
    for err in [EventRefusal::UNAVAILABLE, "something_new"] {
        let served = refusing(err, "the disk is full").await;
        let answer = served.ask(last_push("a.b.c")).await;
        assert_eq!(status(&answer), 503);
        assert_eq!(header(&answer, "retry-after"), Some("5"));
        assert_eq!(body(&answer), "");
    }
}

#[tokio::test]
async fn a_description_is_cut() {
    let fits = "x".repeat(DESCRIPTION_BYTES_MAX);
    let almost = "x".repeat(DESCRIPTION_BYTES_MAX - 1);
    for (description, told) in
        [(fits.clone(), &fits), (format!("{fits}x"), &fits), (format!("{almost}ä"), &almost)]
    {
        let served = refusing(EventRefusal::INVALID_KEY, &description).await;
        let answer = served.ask(last_push("a.b.c")).await;
        let body: Value = serde_json::from_str(body(&answer)).unwrap();
        assert_eq!(body["description"], **told);
    }
}

#[tokio::test]
async fn a_sink_that_panics_takes_nothing_down() {
    let served = Served::with(loopback(), |set| {
        assert_ne!(set, "panic");
        Ok(())
    })
    .await;
    for _ in 0..2 * crate::limits::RECEIVES_MAX {
        assert_eq!(status(&served.ask(push("panic")).await), 500);
    }
    assert_eq!(status(&served.ask(last_push("a.b.c")).await), 202);
}

#[tokio::test]
async fn what_is_no_text_is_no_event() {
    let served = Served::start().await;
    let mut request = last_push("abc").into_bytes();
    *request.last_mut().unwrap() = 0xff;
    let answer = served.ask(request).await;
    assert_eq!(status(&answer), 400);
    assert!(body(&answer).contains("\"err\":\"invalid_request\""), "{answer}");
    served.assert_untouched();
}

#[tokio::test]
async fn there_is_nothing_but_events() {
    let served = Served::start().await;
    for path in ["/", "/events/", "/Events", "/events2", "/../events", "//events", "/%65vents", "*"]
    {
        let answer = served.ask(push("a.b.c").replace("/events", path)).await;
        assert_eq!(status(&answer), 404, "{path}");
        assert_eq!(header(&answer, "connection"), Some("close"));
    }
    for method in ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "post", "CONNECTED"]
    {
        let answer = served.ask(push("a.b.c").replace("POST", method)).await;
        assert_eq!(status(&answer), 405, "{method}");
        assert_eq!(header(&answer, "allow"), Some("POST"));
    }
    served.assert_untouched();
    let absolute = last_push("a.b.c").replace("/events", "http://x/events?y=z");
    assert_eq!(status(&served.ask(absolute).await), 202);
}

#[tokio::test]
async fn only_security_events_are_taken() {
    let served = Served::start().await;
    let typed = |media_type: &str| {
        last_push("a.b.c").replace("Content-Type: application/secevent+jwt", media_type)
    };
    for media_type in [
        "X: y",
        "Content-Type:",
        "Content-Type: application/jwt",
        "Content-Type: application/json",
        "Content-Type: secevent+jwt",
        "Content-Type: application/secevent+jwtx",
        "Content-Type: application/secevent+jwt, application/json",
        "Content-Type: application/secevent+jwt\r\nContent-Type: application/secevent+jwt",
        "Content-Type: application/secevent+jwt\r\nContent-Encoding: gzip",
        "Content-Type: application/secevent+jwt\r\nContent-Encoding: identity, gzip",
    ] {
        let answer = served.ask(typed(media_type)).await;
        assert_eq!(status(&answer), 415, "{media_type}");
        assert_eq!(header(&answer, "accept"), Some("application/secevent+jwt"));
    }
    served.assert_untouched();
    for media_type in [
        "Content-Type: Application/SecEvent+JWT",
        "content-type:application/secevent+jwt ; charset=utf-8",
        "Content-Type: application/secevent+jwt\r\nContent-Encoding: identity",
    ] {
        assert_eq!(status(&served.ask(typed(media_type)).await), 202, "{media_type}");
    }
}

#[tokio::test]
async fn a_request_names_one_host() {
    let served = Served::start().await;
    for hosts in ["", "Host: x\r\nHost: x\r\n", "Host: x\r\nHost: y\r\n"] {
        let answer = served.ask(push("a.b.c").replace("Host: x\r\n", hosts)).await;
        assert_eq!(status(&answer), 400, "{hosts}");
    }
    served.assert_untouched();
    let old = push("a.b.c").replace("Host: x\r\n", "").replace("HTTP/1.1", "HTTP/1.0");
    assert_eq!(status(&served.ask(old).await), 202);
}

fn chunked(chunks: &[&str], trailers: &str) -> String {
    let chunks: String =
        chunks.iter().map(|chunk| format!("{:x}\r\n{chunk}\r\n", chunk.len())).collect();
    let head = last_push("").replace("Content-Length: 0", "Transfer-Encoding: chunked");
    format!("{head}{chunks}0\r\n{trailers}\r\n")
}

#[tokio::test]
async fn an_event_may_come_in_chunks() {
    let served = Served::start().await;
    assert_eq!(status(&served.ask(chunked(&["a.", "b", ".c"], "")).await), 202);
    assert_eq!(status(&served.ask(chunked(&["d.e.f"], "X: y\r\n")).await), 202);
    assert_eq!(served.received(), ["a.b.c", "d.e.f"]);
}

#[tokio::test]
async fn chunks_that_are_none_are_no_event() {
    let served = Served::start().await;
    let good = chunked(&["a.b.c"], "");
    for bad in [good.replace("5\r\n", "x\r\n"), good.replace("a.b.c", "a.b.c.d")] {
        let answer = served.ask(&bad).await;
        assert_eq!(status(&answer), 400, "{bad}");
    }
    served.assert_untouched();
}

#[tokio::test]
async fn one_byte_more_than_the_largest_event_is_refused() {
    let served = Served::start().await;
    let largest = "x".repeat(BODY_BYTES_MAX);
    let (first, second) = largest.split_at(BODY_BYTES_MAX / 2);
    assert_eq!(status(&served.ask(last_push(&largest)).await), 202);
    assert_eq!(status(&served.ask(chunked(&[first, second], "")).await), 202);
    assert_eq!(served.received(), [largest.as_str(), &largest]);
    let more = [last_push(&format!("{largest}x")), chunked(&[first, second, "x"], "")];
    for request in more {
        let answer = served.ask(request).await;
        assert_eq!(status(&answer), 413);
        assert_eq!(header(&answer, "connection"), Some("close"));
    }
    assert_eq!(served.received().len(), 2);
}

#[tokio::test]
async fn a_refusal_arrives_although_its_request_is_still_being_sent() {
    let served = Served::start().await;
    let answer = served.ask(push(&"x".repeat(LINGER_BYTES_MAX / 2))).await;
    assert_eq!(status(&answer), 413);
}

#[tokio::test]
async fn leave_to_send_is_given_to_what_fits() {
    let served = Served::start().await;
    let head = |length: usize| {
        let headers = "Expect: 100-continue\r\nConnection: close\r\n";
        push_with(headers, "").replace("Content-Length: 0", &format!("Content-Length: {length}"))
    };
    let answer = served.ask(head(BODY_BYTES_MAX + 1)).await;
    assert_eq!(status(&answer), 413);
    let mut stream = served.connect().await;
    stream.write_all(head(5).as_bytes()).await.unwrap();
    let mut leave = [0; 25];
    ended(stream.read_exact(&mut leave)).await.unwrap();
    assert_eq!(&leave, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(b"a.b.c").await.unwrap();
    assert_eq!(status(&rest(&mut stream).await), 202);
}

#[tokio::test]
async fn one_header_more_than_there_may_be_is_refused() {
    let served = Served::start().await;
    // Five are there already.
    let more = |count: usize| "X: y\r\n".repeat(count - 5);
    let request = |count| push_with(&format!("Connection: close\r\n{}", more(count)), "a.b.c");
    assert_eq!(status(&served.ask(request(HEADERS_MAX)).await), 202);
    let answer = served.ask(request(HEADERS_MAX + 1)).await;
    assert_eq!(status(&answer), 431);
    assert_eq!(served.received().len(), 1);
}

#[tokio::test]
async fn headers_beyond_their_limit_are_refused() {
    let served = Served::start().await;
    let request = |bytes: usize| {
        let head = |padding: &str| push_with(&format!("Connection: close\r\nX: {padding}\r\n"), "");
        head(&"x".repeat(bytes - head("").len()))
    };
    let largest = request(HEADERS_BYTES_MAX);
    assert_eq!(largest.len(), HEADERS_BYTES_MAX);
    assert_eq!(status(&served.ask(largest).await), 202);
    let answer = served.ask(request(HEADERS_BYTES_MAX + 1)).await;
    assert_eq!(status(&answer), 431);
    let answer = served.ask(request(100 * HEADERS_BYTES_MAX)).await;
    assert_eq!(status(&answer), 431);
    assert_eq!(served.received().len(), 1);
}

#[tokio::test]
async fn requests_that_follow_one_another_are_answered_in_order() {
    let served = Served::with(loopback(), |set| match set {
        "b" => Err(EventRefusal::new(EventRefusal::INVALID_KEY, "")),
        _ => Ok(()),
    })
    .await;
    let mut stream = served.connect().await;
    stream.write_all((push("a") + &push("b") + &last_push("c")).as_bytes()).await.unwrap();
    let answers = [
        one_answer(&mut stream).await,
        one_answer(&mut stream).await,
        one_answer(&mut stream).await,
    ];
    assert_eq!(answers.map(|answer| status(&answer)), [202, 400, 202]);
    assert_eq!(rest(&mut stream).await, "");
    assert_eq!(served.received(), ["a", "b", "c"]);
}

#[tokio::test]
async fn a_connection_takes_so_many_requests() {
    let served = Served::start().await;
    let mut stream = served.connect().await;
    for _ in 1..REQUESTS_PER_CONNECTION_MAX {
        let answer = exchange(&mut stream, &push("a")).await;
        assert_eq!((status(&answer), header(&answer, "connection")), (202, None));
    }
    let answer = exchange(&mut stream, &push("a")).await;
    assert_eq!((status(&answer), header(&answer, "connection")), (202, Some("close")));
    assert_eq!(rest(&mut stream).await, "");
}

#[tokio::test]
async fn whoever_has_sent_all_still_gets_the_answer() {
    let served = Served::start().await;
    let mut stream = served.connect().await;
    stream.write_all(push("a.b.c").as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    assert_eq!(status(&rest(&mut stream).await), 202);
}

#[tokio::test]
async fn without_the_secret_nothing_is_taken() {
    let digest = Sha256Digest::of(b"s3cret");
    let config = EventServerConfig { bearer_digest: Some(digest), ..loopback() };
    assert!(!format!("{config:?}").contains(&digest.to_string()));
    let served = Served::with(config, |_| Ok(())).await;
    let unknown = "Bearer";
    let wrong = "Bearer error=\"invalid_token\"";
    for (headers, challenge) in [
        ("", unknown),
        ("Authorization: s3cret\r\n", unknown),
        ("Authorization: Basic s3cret\r\n", unknown),
        ("Authorization: Bearer\r\n", unknown),
        ("Authorization: Bearer s3cret\r\nAuthorization: Bearer s3cret\r\n", unknown),
        ("Proxy-Authorization: Bearer s3cret\r\n", unknown),
        ("Authorization: Bearer S3cret\r\n", wrong),
        ("Authorization: Bearer s3cre\r\n", wrong),
        ("Authorization: Bearer s3crets\r\n", wrong),
        ("Authorization: Bearer  s3cret\r\n", wrong),
    ] {
        let answer = served.ask(push_with(headers, "a.b.c")).await;
        assert_eq!(status(&answer), 401, "{headers}");
        assert_eq!(header(&answer, "www-authenticate"), Some(challenge), "{headers}");
    }
    // Not even what is wrong with it is told to strangers.
    let large = push(&"x".repeat(BODY_BYTES_MAX + 1)).replace("secevent+jwt", "jwt");
    assert_eq!(status(&served.ask(large).await), 401);
    served.assert_untouched();
    for scheme in ["Bearer", "bearer", "BEARER"] {
        let headers = format!("Connection: close\r\nAuthorization: {scheme} s3cret\r\n");
        assert_eq!(status(&served.ask(push_with(&headers, "a.b.c")).await), 202, "{scheme}");
    }
}
