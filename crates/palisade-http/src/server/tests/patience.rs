//! How long the server waits, and for how many. The clock stands still, and goes on to the next
//! event when there is nothing else to do.

use tokio::time::{Instant, advance};

use super::*;
use crate::limits::{
    ANSWER_MAX_TIME, BODY_MAX_TIME, CONNECTION_MAX_TIME, HEADERS_MAX_TIME, LINGER_MAX_TIME,
    RECEIVES_MAX,
};

/// Everything up to the end of a connection, and how long that took in seconds.
async fn rest_in_time(stream: &mut TcpStream) -> (String, u64) {
    let began = Instant::now();
    let answer = rest(stream).await;
    (answer, began.elapsed().as_secs())
}

#[tokio::test(start_paused = true)]
async fn whoever_does_not_end_its_headers_is_cut_off() {
    let served = Served::start().await;
    let mut stream = served.connect().await;
    stream.write_all(b"POST /events HTTP/1.1\r\nHost:").await.unwrap();
    let (answer, seconds) = rest_in_time(&mut stream).await;
    assert_eq!(status(&answer), 408);
    assert_eq!(seconds, HEADERS_MAX_TIME.as_secs());
}

#[tokio::test(start_paused = true)]
async fn a_header_now_and_then_wins_no_time() {
    let served = Served::start().await;
    let mut stream = served.connect().await;
    stream.write_all(b"POST /events HTTP/1.1\r\n").await.unwrap();
    let began = Instant::now();
    let mut answer = [0; 12];
    loop {
        let second = Duration::from_secs(1);
        match timeout(second, stream.read_exact(&mut answer)).await {
            Ok(read) => {
                read.unwrap();
                break;
            }
            Err(_elapsed) => stream.write_all(b"X: y\r\n").await.unwrap(),
        }
    }
    assert_eq!(&answer, b"HTTP/1.1 408");
    assert_eq!(began.elapsed().as_secs(), HEADERS_MAX_TIME.as_secs());
}

#[tokio::test(start_paused = true)]
async fn whoever_says_nothing_is_told_nothing() {
    let served = Served::start().await;
    let mut stream = served.connect().await;
    let (answer, seconds) = rest_in_time(&mut stream).await;
    assert_eq!((answer.as_str(), seconds), ("", HEADERS_MAX_TIME.as_secs()));
    let mut stream = served.connect().await;
    assert_eq!(status(&exchange(&mut stream, &push("a.b.c")).await), 202);
    let (answer, seconds) = rest_in_time(&mut stream).await;
    assert_eq!((answer.as_str(), seconds), ("", HEADERS_MAX_TIME.as_secs()));
}

#[tokio::test(start_paused = true)]
async fn whoever_does_not_end_its_body_is_cut_off() {
    let served = Served::start().await;
    let half = push("0123456789").replace("56789", "");
    let chunk = push("").replace("Content-Length: 0", "Transfer-Encoding: chunked") + "5\r\n01";
    for request in [half, chunk] {
        let mut stream = served.connect().await;
        stream.write_all(request.as_bytes()).await.unwrap();
        let (answer, seconds) = rest_in_time(&mut stream).await;
        assert_eq!(status(&answer), 408, "{request}");
        assert_eq!(header(&answer, "connection"), Some("close"));
        assert_eq!(seconds, BODY_MAX_TIME.as_secs());
    }
    served.assert_untouched();
}

#[tokio::test(start_paused = true)]
async fn whoever_stays_after_the_last_answer_is_left() {
    let served = Served::start().await;
    let mut stream = served.connect().await;
    assert_eq!(status(&exchange(&mut stream, &last_push("a.b.c")).await), 202);
    assert_eq!(rest(&mut stream).await, "");
    let began = Instant::now();
    served.shutdown.cancel();
    served.ended().await;
    assert_eq!(began.elapsed().as_secs(), LINGER_MAX_TIME.as_secs());
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_takes_its_time_makes_the_transmitter_come_again() {
    let (mut gate, behaviour) = gated();
    let served = Served::with(loopback(), behaviour).await;
    let mut stream = served.connect().await;
    stream.write_all(push("a.b.c").as_bytes()).await.unwrap();
    gate.arrival().await;
    // Time does not pass on its own while a thread is busy.
    advance(ANSWER_MAX_TIME - Duration::from_secs(1)).await;
    assert!(stream.try_read(&mut [0]).is_err(), "nothing is answered yet");
    advance(Duration::from_secs(2)).await;
    assert_eq!(status(&one_answer(&mut stream).await), 503);
    gate.open();
    // The connection is as good as before.
    gate.open();
    assert_eq!(status(&exchange(&mut stream, &push("d.e.f")).await), 202);
}

#[tokio::test(start_paused = true)]
async fn a_connection_is_given_up_after_a_while() {
    let served = Served::start().await;
    let mut stream = served.connect().await;
    let began = Instant::now();
    let pause = HEADERS_MAX_TIME - Duration::from_secs(1);
    let mut end = [0];
    loop {
        assert_eq!(status(&exchange(&mut stream, &push("a.b.c")).await), 202);
        match timeout(pause, stream.read(&mut end)).await {
            Err(_elapsed) => {}
            Ok(read) => break assert_eq!(read.unwrap(), 0),
        }
    }
    assert_eq!(began.elapsed().as_secs(), CONNECTION_MAX_TIME.as_secs());
}

#[tokio::test(start_paused = true)]
async fn idle_connections_keep_a_transmitter_waiting_but_not_out() {
    let served = Served::start().await;
    let mut idle = Vec::new();
    for _ in 0..CONNECTIONS_MAX {
        idle.push(served.connect().await);
    }
    let began = Instant::now();
    let mut stream = served.connect().await;
    let answer = exchange(&mut stream, &last_push("a.b.c")).await;
    assert_eq!(status(&answer), 202);
    assert!(began.elapsed() >= HEADERS_MAX_TIME, "{:?}", began.elapsed());
    drop(idle);
    // With one place less taken nobody waits.
    let mut open = Vec::new();
    for _ in 1..CONNECTIONS_MAX {
        open.push(served.connect().await);
    }
    drop(stream);
    let began = Instant::now();
    assert_eq!(status(&served.ask(last_push("a.b.c")).await), 202);
    assert_eq!(began.elapsed().as_secs(), 0);
}

#[tokio::test]
async fn so_many_events_are_stored_at_once() {
    let (mut gate, behaviour) = gated();
    let served = Served::with(loopback(), behaviour).await;
    let mut streams = Vec::new();
    for _ in 0..=RECEIVES_MAX {
        let mut stream = served.connect().await;
        stream.write_all(push("a.b.c").as_bytes()).await.unwrap();
        streams.push(stream);
    }
    for _ in 0..RECEIVES_MAX {
        gate.arrival().await;
    }
    // Whatever is answered now comes from other connections, so the last event had its time.
    for _ in 0..10 {
        assert_eq!(status(&served.ask(push("a").replace("/events", "/")).await), 404);
    }
    assert!(gate.arrived.try_recv().is_err(), "one too many is stored");
    gate.open();
    gate.arrival().await;
    for _ in 0..RECEIVES_MAX {
        gate.open();
    }
    for stream in &mut streams {
        assert_eq!(status(&one_answer(stream).await), 202);
    }
}
