//! The collector over HTTP: as much of HTTP/1.1 as a client with a `Content-Length` needs.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use opentelemetry_proto::tonic::collector::logs::v1::{
    ExportLogsPartialSuccess, ExportLogsServiceRequest, ExportLogsServiceResponse,
};
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsPartialSuccess, ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::metrics::v1::Metric;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::grpc::{logs_of, metrics_of, spans_of};
use super::wire::{Cut, Wire};
use super::{Fate, Fault, Shared, accept};

/// Bytes of an answer that are sent before the connection breaks: not even the status is whole.
const BYTES_OF_A_BROKEN_ANSWER: usize = 10;

/// Serves until `stop`.
pub(super) async fn serve(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    shared: Arc<Shared>,
    stop: CancellationToken,
) {
    let mut connections = JoinSet::new();
    while let Some(wire) = accept(&listener, tls.as_ref(), &shared, &stop).await {
        let shared = Arc::clone(&shared);
        connections.spawn(async move {
            // However it ends: the client sees it.
            let _ended = converse(wire, &shared).await;
        });
    }
}

/// A request.
struct Asked {
    path: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

/// What a request carries.
#[derive(Default)]
struct Carried {
    logs: Vec<LogRecord>,
    metrics: Vec<Metric>,
    spans: Vec<Span>,
}

/// An answer: status, further headers, body.
type Answer = (u16, Vec<String>, Vec<u8>);

async fn converse(mut wire: Wire, shared: &Shared) -> io::Result<()> {
    let mut unread = Vec::new();
    while let Some(asked) = read(&mut wire, &mut unread).await? {
        let (status, headers, body) = answer(asked, &wire.cut(), shared).await?;
        let mut text = format!("HTTP/1.1 {status} Told\r\ncontent-length: {}\r\n", body.len());
        for header in headers {
            text.push_str(&header);
            text.push_str("\r\n");
        }
        text.push_str("\r\n");
        wire.write_all(text.as_bytes()).await?;
        wire.write_all(&body).await?;
        wire.flush().await?;
    }
    Ok(())
}

/// The next request; `None` if there is none.
async fn read(wire: &mut Wire, unread: &mut Vec<u8>) -> io::Result<Option<Asked>> {
    const END: &[u8] = b"\r\n\r\n";
    let head_bytes = loop {
        if let Some(at) = unread.windows(END.len()).position(|window| window == END) {
            break at + END.len();
        }
        if wire.read_buf(unread).await? == 0 {
            return Ok(None);
        }
    };
    let head: Vec<u8> = unread.drain(..head_bytes).collect();
    let head = String::from_utf8(head).map_err(io::Error::other)?;
    let mut lines = head.lines();
    let path = lines.next().and_then(|line| line.split(' ').nth(1)).unwrap_or_default().to_owned();
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let length = length.map_or(Ok(0), |(_, value)| value.parse()).map_err(io::Error::other)?;
    while unread.len() < length {
        if wire.read_buf(unread).await? == 0 {
            return Ok(None);
        }
    }
    let body = unread.drain(..length).collect();
    Ok(Some(Asked { path, headers, body }))
}

/// What becomes of a request; an error cuts the connection.
async fn answer(asked: Asked, cut: &Cut, shared: &Shared) -> io::Result<Answer> {
    let Asked { path, headers, body } = asked;
    shared.came(&path, headers);
    let Some(carried) = decode(&path, &body) else { return Ok((404, Vec::new(), Vec::new())) };
    let fault = match shared.fate(&carried.logs) {
        Fate::Take => {
            take(shared, carried);
            return Ok(taken(&path, 0));
        }
        Fate::Spoiled => return Ok((400, Vec::new(), Vec::new())),
        Fate::Break(fault) => fault,
    };
    match fault {
        Fault::Exhausted(wait) => Ok((429, retry_after(wait), Vec::new())),
        Fault::Freeze => {
            cut.freeze();
            std::future::pending().await
        }
        Fault::Hold => {
            shared.released().await;
            take(shared, carried);
            Ok(taken(&path, 0))
        }
        Fault::Http(status, retry_after) => {
            let header = retry_after.map(|value| format!("retry-after: {value}"));
            Ok((status, header.into_iter().collect(), Vec::new()))
        }
        Fault::Partial(rejected) => {
            take(shared, carried);
            Ok(taken(&path, i64::try_from(rejected).unwrap_or(i64::MAX)))
        }
        Fault::ResetAmidAnswer => {
            take(shared, carried);
            cut.after(BYTES_OF_A_BROKEN_ANSWER);
            Ok(taken(&path, 0))
        }
        Fault::ResetBefore => Err(io::ErrorKind::ConnectionReset.into()),
        Fault::Status(_) => Ok((500, Vec::new(), Vec::new())),
        Fault::Unavailable(wait) => Ok((503, retry_after(wait), Vec::new())),
    }
}

fn decode(path: &str, body: &[u8]) -> Option<Carried> {
    match path {
        "/v1/logs" => {
            let logs = logs_of(&ExportLogsServiceRequest::decode(body).ok()?);
            Some(Carried { logs, ..Carried::default() })
        }
        "/v1/metrics" => {
            let metrics = metrics_of(&ExportMetricsServiceRequest::decode(body).ok()?);
            Some(Carried { metrics, ..Carried::default() })
        }
        "/v1/traces" => {
            let spans = spans_of(&ExportTraceServiceRequest::decode(body).ok()?);
            Some(Carried { spans, ..Carried::default() })
        }
        _ => None,
    }
}

fn take(shared: &Shared, carried: Carried) {
    shared.take(carried.logs, carried.metrics, carried.spans);
}

fn taken(path: &str, rejected: i64) -> Answer {
    let error_message = if rejected > 0 { "some are too old" } else { "" }.to_owned();
    let body = match path {
        "/v1/logs" => {
            let partial =
                ExportLogsPartialSuccess { rejected_log_records: rejected, error_message };
            ExportLogsServiceResponse { partial_success: Some(partial) }.encode_to_vec()
        }
        "/v1/metrics" => {
            let partial =
                ExportMetricsPartialSuccess { rejected_data_points: rejected, error_message };
            ExportMetricsServiceResponse { partial_success: Some(partial) }.encode_to_vec()
        }
        _ => {
            let partial = ExportTracePartialSuccess { rejected_spans: rejected, error_message };
            ExportTraceServiceResponse { partial_success: Some(partial) }.encode_to_vec()
        }
    };
    (200, vec!["content-type: application/x-protobuf".to_owned()], body)
}

fn retry_after(wait: Option<Duration>) -> Vec<String> {
    wait.map(|wait| format!("retry-after: {}", wait.as_secs())).into_iter().collect()
}
