//! Serves one connection: agrees on TLS, answers its requests, ends it so that the last answer
//! arrives.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use palisade_core::ErrorChain;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use crate::answer::{self, Answer};
use crate::endpoint::Endpoint;
use crate::limits::{
    CONNECTION_MAX_TIME, DRAIN_MAX_TIME, HANDSHAKE_MAX, HEADERS_BYTES_MAX, HEADERS_MAX,
    HEADERS_MAX_TIME, LINGER_BYTES_MAX, LINGER_MAX_TIME, REQUESTS_PER_CONNECTION_MAX,
};

/// What is said to whoever began a request and did not go on; hyper says nothing.
const TOO_SLOW: &[u8] =
    b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

type AnswerFuture = Pin<Box<dyn Future<Output = Result<Answer, Infallible>> + Send>>;

/// Serves a connection until it ends, or until some time after `shutdown`.
pub(crate) async fn serve(
    endpoint: Arc<Endpoint>,
    stream: TcpStream,
    tls: Option<TlsAcceptor>,
    shutdown: CancellationToken,
) {
    let Some(acceptor) = tls else { return answer_requests(endpoint, stream, shutdown).await };
    let handshake = timeout(HANDSHAKE_MAX, acceptor.accept(stream));
    match shutdown.run_until_cancelled(handshake).await {
        Some(Ok(Ok(stream))) => answer_requests(endpoint, stream, shutdown).await,
        Some(Ok(Err(error))) => {
            tracing::debug!(error = %ErrorChain(&error), "no TLS with a transmitter");
        }
        Some(Err(_elapsed)) => tracing::debug!("a transmitter is too slow to agree on TLS"),
        None => {}
    }
}

async fn answer_requests<S>(endpoint: Arc<Endpoint>, stream: S, shutdown: CancellationToken)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let requests = AtomicUsize::new(1);
    let service = service_fn(move |request: Request<Incoming>| -> AnswerFuture {
        let endpoint = Arc::clone(&endpoint);
        let is_last = requests.fetch_add(1, Ordering::Relaxed) >= REQUESTS_PER_CONNECTION_MAX;
        Box::pin(async move {
            let answer = endpoint.answer(request).await;
            Ok(if is_last { answer::closing(answer) } else { answer })
        })
    });
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        // A transmitter that has sent all it wants to may still listen.
        .half_close(true)
        .header_read_timeout(HEADERS_MAX_TIME)
        .max_headers(HEADERS_MAX)
        .max_buf_size(HEADERS_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service);
    let ended = tokio::select! {
        ended = poll_fn(|context| connection.poll_without_shutdown(context)) => Some(ended),
        () = shutdown.cancelled() => None,
        () = sleep(CONNECTION_MAX_TIME) => None,
    };
    let ended = match ended {
        Some(ended) => ended,
        None => {
            Pin::new(&mut connection).graceful_shutdown();
            let ending = poll_fn(|context| connection.poll_without_shutdown(context));
            let Ok(ended) = timeout(DRAIN_MAX_TIME, ending).await else {
                tracing::debug!("a transmitter's connection is cut");
                return;
            };
            ended
        }
    };
    let parts = connection.into_parts();
    let mut stream = parts.io.into_inner();
    let mut last_word: &[u8] = b"";
    if let Err(error) = ended {
        tracing::debug!(error = %ErrorChain(&error), "a transmitter's connection broke");
        if error.is_timeout() && !parts.read_buf.is_empty() {
            last_word = TOO_SLOW;
        }
    }
    // Whoever does not listen is not waited for.
    drop(timeout(LINGER_MAX_TIME, linger(&mut stream, last_word)).await);
}

/// Ends a connection, then reads on for a while: see [`LINGER_MAX_TIME`].
async fn linger<S>(stream: &mut S, last_word: &[u8]) -> std::io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    stream.write_all(last_word).await?;
    stream.shutdown().await?;
    let mut buffer = [0; 4096];
    let mut bytes = 0;
    while bytes < LINGER_BYTES_MAX {
        match stream.read(&mut buffer).await? {
            0 => break,
            read => bytes += read,
        }
    }
    Ok(())
}
