//! One client of an OTLP receiver for logs, metrics and traces: gRPC, or protobuf over HTTP.
//!
//! It sends a request once and says what came of it, in the words of the OTLP specification (1.x):
//! taken, to be tried again, or not to be. When to try again is up to the caller. It follows no
//! redirect and uses no proxy, so that headers go where the configuration says and nowhere else.

mod answer;
mod connect;
mod endpoint;
mod error;
mod grpc;
mod web;

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use tokio::time::timeout;

use palisade_core::Clock;

pub use self::endpoint::{ClientIdentity, ClientTls, Endpoint, NewClientError, Protocol};
pub use self::error::{SendError, SendFailure};
use self::grpc::Grpc;
use self::web::Web;

/// Bytes of an answer that are read.
// LIMIT: an answer is a count and a sentence.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// What is sent.
#[derive(Clone, Debug, PartialEq)]
pub enum Request {
    /// Log records.
    Logs(ExportLogsServiceRequest),
    /// Points of metrics.
    Metrics(ExportMetricsServiceRequest),
    /// Spans.
    Traces(ExportTraceServiceRequest),
}

/// The receiver has taken a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Accepted {
    /// Items of the request that it has thrown away. They must not be sent again.
    pub rejected: u64,
    /// What it says about that, or a warning; printable, cut off. Empty if it says nothing.
    pub message: String,
}

/// Where requests go, as a port: tests send to a script.
pub trait Sink: Send + Sync {
    /// Sends a request once.
    ///
    /// # Errors
    /// The receiver has not acknowledged the request. It may have taken it all the same.
    fn send(&self, request: Request) -> impl Future<Output = Result<Accepted, SendError>> + Send;
}

/// A client of one receiver. It connects when the first request is sent.
pub struct Client {
    transport: Transport,
    timeout: Duration,
}

enum Transport {
    Grpc(Box<Grpc>),
    Web(Box<Web>),
}

impl Client {
    /// A client of the receiver at `endpoint`. `clock` is what dates in `Retry-After` are compared
    /// with. Needs a tokio runtime around it.
    ///
    /// # Errors
    /// The endpoint cannot be one: see [`NewClientError`].
    pub fn new(endpoint: &Endpoint, clock: Arc<dyn Clock>) -> Result<Self, NewClientError> {
        let transport = match endpoint.protocol {
            Protocol::Grpc => Transport::Grpc(Box::new(Grpc::new(endpoint)?)),
            Protocol::HttpProtobuf => Transport::Web(Box::new(Web::new(endpoint, clock)?)),
        };
        Ok(Self { transport, timeout: endpoint.timeout })
    }

    /// Sends a request once and waits for the answer, at most as long as the endpoint says.
    ///
    /// # Errors
    /// The receiver has not acknowledged the request. It may have taken it all the same.
    pub async fn send(&self, request: Request) -> Result<Accepted, SendError> {
        let answer = async {
            match &self.transport {
                Transport::Grpc(grpc) => Box::pin(grpc.send(request)).await,
                Transport::Web(web) => Box::pin(web.send(request)).await,
            }
        };
        match timeout(self.timeout, answer).await {
            Ok(answer) => answer,
            Err(_elapsed) => {
                if let Transport::Grpc(grpc) = &self.transport {
                    grpc.reconnect();
                }
                Err(SendError::Retry { after: None, source: SendFailure::Timeout })
            }
        }
    }
}

impl Sink for Client {
    fn send(&self, request: Request) -> impl Future<Output = Result<Accepted, SendError>> + Send {
        self.send(request)
    }
}

impl<K: Sink> Sink for Arc<K> {
    fn send(&self, request: Request) -> impl Future<Output = Result<Accepted, SendError>> + Send {
        K::send(self, request)
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let protocol = match self.transport {
            Transport::Grpc(_) => Protocol::Grpc,
            Transport::Web(_) => Protocol::HttpProtobuf,
        };
        f.debug_struct("Client").field("protocol", &protocol).finish_non_exhaustive()
    }
}

/// What a receiver says, fit to be printed: one line, cut off.
fn printable(message: &str) -> String {
    /// Characters that are kept.
    // LIMIT: a line of a log file.
    const KEPT: usize = 256;
    let kept = message.chars().take(KEPT);
    kept.map(|character| if character.is_control() { ' ' } else { character }).collect()
}

#[cfg(test)]
mod tests;
