//! Tests of the endpoint, over real connections.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::Instant;

use super::*;
use crate::fixtures::{ManualClock, ended, instance};
use crate::metrics::Format;

/// A running endpoint.
struct Scraped {
    address: SocketAddr,
    shutdown: CancellationToken,
    tasks: TaskTracker,
}

impl Scraped {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let metrics = Arc::new(Metrics::new(ManualClock::noon()));
        let (shutdown, tasks) = (CancellationToken::new(), TaskTracker::new());
        tasks.spawn(serve(listener, metrics, instance(), shutdown.clone()));
        tasks.close();
        Self { address, shutdown, tasks }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// The whole answer to a request.
    async fn ask(&self, request: &str) -> String {
        let mut stream = self.connect().await;
        stream.write_all(request.as_bytes()).await.unwrap();
        rest(&mut stream).await
    }
}

async fn rest(stream: &mut TcpStream) -> String {
    let mut answer = String::new();
    ended(stream.read_to_string(&mut answer)).await.unwrap();
    answer
}

fn get(accept: &str) -> String {
    format!("GET /metrics HTTP/1.1\r\nHost: x\r\nAccept: {accept}\r\n\r\n")
}

#[tokio::test]
async fn the_scraper_gets_the_text_it_asks_for() {
    let scraped = Scraped::start().await;
    let answer = scraped.ask(&get("text/plain")).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.contains("content-type: text/plain; version=0.0.4; charset=utf-8\r\n"));
    assert!(answer.contains("\npalisade_spans_dropped_total 0\n"), "{answer}");
    assert!(!answer.contains("# EOF"));
    let answer = scraped.ask(&get("application/openmetrics-text; version=1.0.0")).await;
    let content_type = "content-type: application/openmetrics-text; version=1.0.0; charset=utf-8";
    assert!(answer.contains(content_type), "{answer}");
    assert!(answer.ends_with("# EOF\n"));
}

#[tokio::test]
async fn head_has_the_headers_only() {
    let scraped = Scraped::start().await;
    let answer = scraped.ask("HEAD /metrics HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.ends_with("\r\n\r\n"), "{answer}");
}

#[tokio::test]
async fn there_is_nothing_else() {
    let scraped = Scraped::start().await;
    for path in ["/", "/metrics/", "/metrics2", "/../metrics"] {
        let answer = scraped.ask(&format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n")).await;
        assert!(answer.starts_with("HTTP/1.1 404 Not Found\r\n"), "{path}: {answer}");
    }
    let answer =
        scraped.ask("POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 405 Method Not Allowed\r\n"), "{answer}");
    assert!(answer.contains("allow: GET, HEAD\r\n"), "{answer}");
}

#[tokio::test]
async fn a_header_that_is_too_long_is_refused() {
    let scraped = Scraped::start().await;
    let long = "x".repeat(2 * HEADER_BYTES_MAX);
    let mut stream = scraped.connect().await;
    // The connection may be closed before all of it is sent.
    drop(stream.write_all(get(&long).as_bytes()).await);
    let mut answer = Vec::new();
    drop(stream.read_to_end(&mut answer).await);
    let answer = String::from_utf8_lossy(&answer);
    assert!(!answer.contains("palisade_"), "{answer}");
}

#[tokio::test(start_paused = true)]
async fn whoever_is_slow_is_cut_off() {
    let scraped = Scraped::start().await;
    let mut stream = scraped.connect().await;
    stream.write_all(b"GET /metrics HTTP/1.1\r\n").await.unwrap();
    let began = Instant::now();
    assert_eq!(rest(&mut stream).await, "");
    assert_eq!(began.elapsed().as_secs(), HEADER_MAX.as_secs());
}

#[tokio::test(start_paused = true)]
async fn idle_connections_keep_a_scraper_waiting_but_not_out() {
    let scraped = Scraped::start().await;
    let mut idle = Vec::new();
    for _ in 0..CONNECTIONS_MAX {
        idle.push(scraped.connect().await);
    }
    let answer = scraped.ask(&get("text/plain")).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    for mut stream in idle {
        assert_eq!(rest(&mut stream).await, "");
    }
}

#[tokio::test]
async fn at_shutdown_nobody_is_accepted_any_more() {
    let scraped = Scraped::start().await;
    scraped.ask(&get("text/plain")).await;
    scraped.shutdown.cancel();
    ended(scraped.tasks.wait()).await;
    assert!(TcpStream::connect(scraped.address).await.is_err());
}

#[test]
fn openmetrics_is_chosen_if_it_is_liked_no_less() {
    let cases = [
        // Prometheus 2 and 3.
        (
            "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;\
             q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
            Format::OpenMetrics,
        ),
        (
            "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
             text/plain;version=0.0.4;q=0.4,*/*;q=0.2",
            Format::OpenMetrics,
        ),
        ("text/plain;version=0.0.4;q=0.5,application/openmetrics-text;q=0.2", Format::Prometheus),
        ("application/openmetrics-text;q=0", Format::Prometheus),
        ("application/openmetrics-text; version=2.0.0", Format::Prometheus),
        ("Application/OpenMetrics-Text; Version=\"1.0.0\"", Format::OpenMetrics),
        ("*/*", Format::Prometheus),
        ("", Format::Prometheus),
        ("application/openmetrics-text;q=nonsense", Format::Prometheus),
        ("text/html;q", Format::Prometheus),
    ];
    for (accept, format) in cases {
        let value = HeaderValue::from_str(accept).unwrap();
        assert_eq!(accept::format([&value]), format, "{accept}");
    }
    assert_eq!(accept::format([]), Format::Prometheus);
}
