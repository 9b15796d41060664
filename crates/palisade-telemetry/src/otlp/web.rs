//! OTLP as protobuf over HTTP/1.1.

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use http::header::{CONTENT_TYPE, RETRY_AFTER, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::client::legacy;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceResponse;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceResponse;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message as _;
use tonic_types::pb;

use palisade_core::{Clock, EpochMillis, ErrorChain};

use super::answer::{Answer, read_json, read_protobuf};
use super::connect::Connector;
use super::endpoint::{Endpoint, NewClientError};
use super::{ANSWER_BYTES_MAX, Accepted, Request, SendError, SendFailure, printable};

/// How we introduce ourselves.
pub(super) const OUR_NAME: &str = concat!("palisade/", env!("CARGO_PKG_VERSION"));

const JSON: &str = "application/json";
const PROTOBUF: &str = "application/x-protobuf";

/// How long a connection is kept for the next request.
const IDLE_MAX: Duration = Duration::from_secs(60);

const LOGS_PATH: &str = "v1/logs";
const METRICS_PATH: &str = "v1/metrics";
const TRACES_PATH: &str = "v1/traces";

/// A client over HTTP.
pub(super) struct Web {
    client: legacy::Client<Connector, Full<Bytes>>,
    logs: Uri,
    metrics: Uri,
    traces: Uri,
    headers: HeaderMap,
    clock: Arc<dyn Clock>,
}

impl Web {
    pub(super) fn new(endpoint: &Endpoint, clock: Arc<dyn Clock>) -> Result<Self, NewClientError> {
        endpoint.check()?;
        let client = legacy::Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_MAX)
            .pool_max_idle_per_host(1)
            .build(Connector::new(endpoint, b"http/1.1")?);
        let mut headers = HeaderMap::new();
        headers.insert(USER_AGENT, HeaderValue::from_static(OUR_NAME));
        headers.extend(endpoint.header_map());
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(PROTOBUF));
        Ok(Self {
            client,
            logs: signal_uri(endpoint, LOGS_PATH)?,
            metrics: signal_uri(endpoint, METRICS_PATH)?,
            traces: signal_uri(endpoint, TRACES_PATH)?,
            headers,
            clock,
        })
    }

    pub(super) async fn send(&self, request: Request) -> Result<Accepted, SendError> {
        match request {
            Request::Logs(logs) => {
                self.post::<ExportLogsServiceResponse>(&self.logs, logs.encode_to_vec()).await
            }
            Request::Metrics(metrics) => {
                let body = metrics.encode_to_vec();
                self.post::<ExportMetricsServiceResponse>(&self.metrics, body).await
            }
            Request::Traces(traces) => {
                let body = traces.encode_to_vec();
                self.post::<ExportTraceServiceResponse>(&self.traces, body).await
            }
        }
    }

    async fn post<A: Answer>(&self, uri: &Uri, body: Vec<u8>) -> Result<Accepted, SendError> {
        let mut request = http::Request::new(Full::new(Bytes::from(body)));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = uri.clone();
        *request.headers_mut() = self.headers.clone();
        let response = self.client.request(request).await;
        let response = response.map_err(|error| broken(&ErrorChain(&error).to_string()))?;
        let (head, body) = response.into_parts();
        // What is too long is no answer to read, but the status still says what happened.
        let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await;
        let body = match body {
            Ok(body) => Ok(body.to_bytes()),
            Err(error) if error.is::<http_body_util::LengthLimitError>() => Err(TooLong),
            Err(error) => return Err(broken(&ErrorChain(&*error).to_string())),
        };
        read_response::<A>(&Response::from_parts(head, body), self.clock.now())
    }
}

/// The answer has more than [`ANSWER_BYTES_MAX`] bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooLong;

fn broken(detail: &str) -> SendError {
    let source = SendFailure::Connection { detail: printable(detail) };
    SendError::Retry { after: None, source }
}

/// Where a signal goes: the base with the signal's path appended (OTLP exporter specification,
/// "Endpoint URLs for OTLP/HTTP"). Many write the path of one signal instead of the base.
pub(super) fn signal_uri(endpoint: &Endpoint, signal: &str) -> Result<Uri, NewClientError> {
    let mut url = endpoint.url.clone();
    url.set_fragment(None);
    let base = url.path().trim_end_matches('/').to_owned();
    let paths = [LOGS_PATH, METRICS_PATH, TRACES_PATH];
    let stripped = paths.iter().find_map(|path| base.strip_suffix(path)?.strip_suffix('/'));
    let path = format!("{}/{signal}", stripped.unwrap_or(&base));
    url.set_path(&path);
    url.as_str().parse().map_err(NewClientError::Url)
}

/// What an answer says (OTLP specification, "OTLP/HTTP Response").
pub(super) fn read_response<A: Answer>(
    response: &Response<Result<Bytes, TooLong>>,
    now: EpochMillis,
) -> Result<Accepted, SendError> {
    let status = response.status();
    if status.is_success() {
        return read_success::<A>(response);
    }
    let body = response.body().as_ref().map(Bytes::as_ref).unwrap_or_default();
    let message = error_message(media_type(response.headers()), body);
    let source = SendFailure::Http { status: status.as_u16(), message };
    // Every other status, redirects included, would be the same again.
    let is_retryable = matches!(
        status,
        StatusCode::TOO_MANY_REQUESTS
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT
    );
    if is_retryable {
        Err(SendError::Retry { after: retry_after(response.headers(), now), source })
    } else {
        Err(SendError::Permanent { source })
    }
}

/// A success is only believed of something that speaks OTLP: a page of text with status 200 comes
/// from something else, and to take it for an acknowledgement would lose records.
fn read_success<A: Answer>(
    response: &Response<Result<Bytes, TooLong>>,
) -> Result<Accepted, SendError> {
    let not_otlp = |detail| SendError::Permanent { source: SendFailure::NotOtlp { detail } };
    let Ok(body) = response.body() else { return Err(not_otlp("it is too long")) };
    if body.is_empty() {
        // In protobuf a full success has no bytes.
        return Ok(Accepted::default());
    }
    let answer = match media_type(response.headers()) {
        Some(JSON) => read_json::<A>(body),
        Some(PROTOBUF | "application/protobuf") | None => read_protobuf::<A>(body),
        Some(_) => return Err(not_otlp("it is neither protobuf nor JSON")),
    };
    answer.ok_or_else(|| not_otlp("it cannot be decoded"))
}

/// The message of an error: `google.rpc.Status` in the encoding that the answer names.
fn error_message(media_type: Option<&str>, body: &[u8]) -> String {
    let message = match media_type {
        Some(PROTOBUF | "application/protobuf") => {
            pb::Status::decode(body).ok().map(|status| status.message)
        }
        Some(JSON) => serde_json::from_slice::<serde_json::Value>(body)
            .ok()
            .and_then(|status| Some(status.get("message")?.as_str()?.to_owned())),
        Some(_) | None => None,
    };
    printable(&message.unwrap_or_default())
}

fn media_type(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    value.split(';').next().map(str::trim)
}

/// `Retry-After`: seconds, or a date (RFC 9110, section 10.2.3). What has passed already is no
/// time; what cannot be read says nothing.
fn retry_after(headers: &HeaderMap, now: EpochMillis) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    let date = date.duration_since(UNIX_EPOCH).ok()?;
    let now = Duration::from_millis(u64::try_from(now.as_millis()).unwrap_or(0));
    Some(date.saturating_sub(now))
}
