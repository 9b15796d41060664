//! OTLP over gRPC.

use std::error::Error as _;
use std::sync::{Mutex, PoisonError};

use opentelemetry_proto::tonic::collector::logs::v1::logs_service_client::LogsServiceClient;
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_client::MetricsServiceClient;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use tonic::metadata::MetadataMap;
use tonic::transport::{self, Channel};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use palisade_core::ErrorChain;

use super::answer::Answer as _;
use super::connect::Connector;
use super::endpoint::{Endpoint, NewClientError};
use super::{ANSWER_BYTES_MAX, Accepted, Request, SendError, SendFailure, printable};

/// A client over gRPC.
pub(super) struct Grpc {
    target: transport::Endpoint,
    connector: Connector,
    metadata: MetadataMap,
    /// Held to copy or to replace it.
    channel: Mutex<Channel>,
}

impl Grpc {
    pub(super) fn new(endpoint: &Endpoint) -> Result<Self, NewClientError> {
        endpoint.check()?;
        if !matches!(endpoint.url.path(), "" | "/") || endpoint.url.query().is_some() {
            return Err(NewClientError::Path);
        }
        let uri = endpoint.url.as_str().parse().map_err(NewClientError::Url)?;
        let target = Channel::builder(uri);
        let target = target.user_agent(super::web::OUR_NAME).unwrap_or_else(|_invalid| {
            debug_assert!(false, "our own name is a header value");
            Channel::from_static("http://invalid")
        });
        let connector = Connector::new(endpoint, b"h2")?;
        let metadata = MetadataMap::from_headers(endpoint.header_map());
        let channel = Mutex::new(target.connect_with_connector_lazy(connector.clone()));
        Ok(Self { target, connector, metadata, channel })
    }

    /// Leaves the connection: it does not answer, and without an answer only pings could tell
    /// whether it ever will. Servers throw out clients that ping often.
    pub(super) fn reconnect(&self) {
        let fresh = self.target.connect_with_connector_lazy(self.connector.clone());
        *self.channel.lock().unwrap_or_else(PoisonError::into_inner) = fresh;
    }

    pub(super) async fn send(&self, request: Request) -> Result<Accepted, SendError> {
        let channel = self.channel.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let answer = match request {
            Request::Logs(logs) => {
                let client = LogsServiceClient::new(channel);
                let mut client = client.max_decoding_message_size(ANSWER_BYTES_MAX);
                client.export(self.request(logs)).await.map(|answer| answer.into_inner().read())
            }
            Request::Metrics(metrics) => {
                let client = MetricsServiceClient::new(channel);
                let mut client = client.max_decoding_message_size(ANSWER_BYTES_MAX);
                client.export(self.request(metrics)).await.map(|answer| answer.into_inner().read())
            }
            Request::Traces(traces) => {
                let client = TraceServiceClient::new(channel);
                let mut client = client.max_decoding_message_size(ANSWER_BYTES_MAX);
                client.export(self.request(traces)).await.map(|answer| answer.into_inner().read())
            }
        };
        answer.map_err(|status| classify(&status))
    }

    fn request<T>(&self, message: T) -> tonic::Request<T> {
        let mut request = tonic::Request::new(message);
        *request.metadata_mut() = self.metadata.clone();
        request
    }
}

/// What a status says about trying again (OTLP specification, "OTLP/gRPC Response", "Failures").
pub(super) fn classify(status: &Status) -> SendError {
    // The receiver's own statuses have no source; those that stand for a broken connection have.
    if let Some(source) = status.source() {
        let detail = printable(&ErrorChain(source).to_string());
        return SendError::Retry { after: None, source: SendFailure::Connection { detail } };
    }
    let after = status.get_details_retry_info().and_then(|info| info.retry_delay);
    let has_retry_info = status.get_details_retry_info().is_some();
    let code = status.code();
    let source = SendFailure::Grpc { code, message: printable(status.message()) };
    let is_retryable = match code {
        Code::Aborted
        | Code::Cancelled
        | Code::DataLoss
        | Code::DeadlineExceeded
        | Code::OutOfRange
        | Code::Unavailable => true,
        // Without the detail the receiver does not say that it will recover.
        Code::ResourceExhausted => has_retry_info,
        Code::AlreadyExists
        | Code::FailedPrecondition
        | Code::Internal
        | Code::InvalidArgument
        | Code::NotFound
        | Code::Ok
        | Code::PermissionDenied
        | Code::Unauthenticated
        | Code::Unimplemented
        | Code::Unknown => false,
    };
    if is_retryable { SendError::Retry { after, source } } else { SendError::Permanent { source } }
}
