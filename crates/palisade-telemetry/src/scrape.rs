//! The endpoint that Prometheus and its like read metrics from: `GET /metrics` over HTTP/1.1.
//!
//! It is read by one or two scrapers every few seconds, so each connection serves one request and
//! has a few seconds for it. Nothing secret is there; who may connect is up to the address that
//! it listens on.

mod accept;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use http::header::{ACCEPT, ALLOW, CONTENT_TYPE, HeaderValue, VARY};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use opentelemetry_proto::tonic::common::v1::KeyValue;
use palisade_core::ErrorChain;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::metrics::{Metrics, render};
use crate::project::{Instance, resource};

/// Connections at the same time; others wait to be accepted.
// LIMIT: scrapers are few; a page takes some 50 KB.
const CONNECTIONS_MAX: usize = 16;

/// How long a connection may take, from its first byte to the last of the answer.
// LIMIT: Prometheus itself gives up after 10 s by default.
const CONNECTION_MAX: Duration = Duration::from_secs(10);

/// How long the header of a request may take.
const HEADER_MAX: Duration = Duration::from_secs(5);

/// Bytes of a request's header: the least that hyper takes.
const HEADER_BYTES_MAX: usize = 8 * 1024;

/// How long to wait before accepting again after that failed: there may be no file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// Serves `/metrics` on the listener until `shutdown`; then finishes what it has begun. The
/// metrics are those of `instance`.
pub async fn serve(
    listener: TcpListener,
    metrics: Arc<Metrics>,
    instance: Instance,
    shutdown: CancellationToken,
) {
    let page = Arc::new(Page { metrics, resource: resource(&instance).attributes });
    let connections = TaskTracker::new();
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    while let Some(Ok(room)) = shutdown.run_until_cancelled(Arc::clone(&room).acquire_owned()).await
    {
        let stream = match shutdown.run_until_cancelled(listener.accept()).await {
            Some(Ok((stream, _peer))) => stream,
            Some(Err(error)) => {
                tracing::warn!(error = %ErrorChain(&error), "a scraper is not accepted");
                sleep(ACCEPT_PAUSE).await;
                continue;
            }
            None => break,
        };
        let page = Arc::clone(&page);
        connections.spawn(async move {
            serve_connection(stream, page).await;
            drop(room);
        });
    }
    drop(listener);
    connections.close();
    connections.wait().await;
}

async fn serve_connection(stream: TcpStream, page: Arc<Page>) {
    let service = service_fn(move |request: Request<_>| {
        let response = page.answer(request.method(), request.uri().path(), request.headers());
        std::future::ready(Ok::<_, Infallible>(response))
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_MAX)
        .keep_alive(false)
        .max_buf_size(HEADER_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service);
    match timeout(CONNECTION_MAX, connection).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => {
            tracing::debug!(error = %ErrorChain(&error), "a scraper's connection broke");
        }
        Err(_elapsed) => tracing::debug!("a scraper's connection took too long"),
    }
}

struct Page {
    metrics: Arc<Metrics>,
    resource: Vec<KeyValue>,
}

impl Page {
    /// The answer. That to `HEAD` loses its body when it is written.
    fn answer(&self, method: &Method, path: &str, headers: &HeaderMap) -> Response<String> {
        if path != "/metrics" {
            return plain(StatusCode::NOT_FOUND, "metrics are at /metrics\n");
        }
        if method != Method::GET && method != Method::HEAD {
            let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD\n");
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return response;
        }
        let format = accept::format(headers.get_all(ACCEPT));
        let text = render(format, &self.metrics.snapshot(), &self.resource);
        let mut response = Response::new(text);
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(format.content_type()));
        headers.insert(VARY, HeaderValue::from_static("accept"));
        response
    }
}

fn plain(status: StatusCode, text: &str) -> Response<String> {
    let mut response = Response::new(text.to_owned());
    *response.status_mut() = status;
    let content_type = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}

#[cfg(test)]
mod tests;
