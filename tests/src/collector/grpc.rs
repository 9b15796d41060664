//! The collector over gRPC: the official services, on a tonic server.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use opentelemetry_proto::tonic::collector::logs::v1::logs_service_server::{
    LogsService, LogsServiceServer,
};
use opentelemetry_proto::tonic::collector::logs::v1::{
    ExportLogsPartialSuccess, ExportLogsServiceRequest, ExportLogsServiceResponse,
};
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_server::{
    MetricsService, MetricsServiceServer,
};
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsPartialSuccess, ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::metadata::KeyAndValueRef;
use tonic::transport::Server;
use tonic::{Code, Request, Response, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use super::wire::{Cut, Wire};
use super::{Fate, Fault, Shared, accept};

/// Bytes of an answer that are sent before the connection breaks: less than the frame that begins
/// it.
const BYTES_OF_A_BROKEN_ANSWER: usize = 5;

/// Serves until `stop`.
pub(super) async fn serve(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    shared: Arc<Shared>,
    stop: CancellationToken,
) {
    // Connections are handed on one by one; those that wait are the kernel's.
    let (sender, receiver) = mpsc::channel::<io::Result<Wire>>(1);
    let service = Service(Arc::clone(&shared));
    let server = Server::builder()
        .add_service(LogsServiceServer::new(service.clone()))
        .add_service(MetricsServiceServer::new(service.clone()))
        .add_service(TraceServiceServer::new(service))
        .serve_with_incoming(ReceiverStream::new(receiver));
    let accepting = async {
        while let Some(wire) = accept(&listener, tls.as_ref(), &shared, &stop).await {
            if sender.send(Ok(wire)).await.is_err() {
                break;
            }
        }
    };
    tokio::select! {
        () = accepting => {}
        served = server => served.expect("the server"),
    }
}

#[derive(Clone)]
struct Service(Arc<Shared>);

impl Service {
    /// What becomes of a request: how many items are thrown away, or how it fails. `take` keeps
    /// what is in it.
    async fn meet<T>(
        &self,
        request: &Request<T>,
        path: &str,
        logs: &[LogRecord],
        take: impl FnOnce(),
    ) -> Result<i64, Status> {
        let headers = request.metadata().iter().filter_map(|pair| match pair {
            KeyAndValueRef::Ascii(name, value) => {
                Some((name.to_string(), value.to_str().ok()?.to_owned()))
            }
            KeyAndValueRef::Binary(..) => None,
        });
        self.0.came(path, headers.collect());
        let cut = request.extensions().get::<Cut>().expect("the connection is ours").clone();
        let fault = match self.0.fate(logs) {
            Fate::Take => {
                take();
                return Ok(0);
            }
            Fate::Spoiled => return Err(Status::invalid_argument("a record is not to my liking")),
            Fate::Break(fault) => fault,
        };
        match fault {
            Fault::Exhausted(wait) => Err(with_wait(Code::ResourceExhausted, wait)),
            Fault::Freeze => {
                cut.freeze();
                std::future::pending().await
            }
            Fault::Hold => {
                self.0.released().await;
                take();
                Ok(0)
            }
            Fault::Http(..) => Err(Status::unknown("no gRPC")),
            Fault::Partial(rejected) => {
                take();
                Ok(i64::try_from(rejected).unwrap_or(i64::MAX))
            }
            Fault::ResetAmidAnswer => {
                take();
                cut.after(BYTES_OF_A_BROKEN_ANSWER);
                Ok(0)
            }
            Fault::ResetBefore => {
                cut.now();
                std::future::pending().await
            }
            Fault::Status(code) => Err(Status::new(code, "as it was told")),
            Fault::Unavailable(wait) => Err(with_wait(Code::Unavailable, wait)),
        }
    }
}

fn with_wait(code: Code, wait: Option<Duration>) -> Status {
    match wait {
        Some(wait) => {
            let details = ErrorDetails::with_retry_info(Some(wait));
            Status::with_error_details(code, "not now", details)
        }
        None => Status::new(code, "not now"),
    }
}

#[tonic::async_trait]
impl LogsService for Service {
    async fn export(
        &self,
        request: Request<ExportLogsServiceRequest>,
    ) -> Result<Response<ExportLogsServiceResponse>, Status> {
        let logs = logs_of(request.get_ref());
        let take = || self.0.take(logs.clone(), Vec::new(), Vec::new());
        let rejected = self.meet(&request, "logs", &logs, take).await?;
        let partial_success = (rejected > 0).then(|| ExportLogsPartialSuccess {
            rejected_log_records: rejected,
            error_message: "some are too old".to_owned(),
        });
        Ok(Response::new(ExportLogsServiceResponse { partial_success }))
    }
}

#[tonic::async_trait]
impl MetricsService for Service {
    async fn export(
        &self,
        request: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        let metrics = metrics_of(request.get_ref());
        let take = || self.0.take(Vec::new(), metrics, Vec::new());
        let rejected = self.meet(&request, "metrics", &[], take).await?;
        let partial_success = (rejected > 0).then(|| ExportMetricsPartialSuccess {
            rejected_data_points: rejected,
            error_message: "some are too old".to_owned(),
        });
        Ok(Response::new(ExportMetricsServiceResponse { partial_success }))
    }
}

#[tonic::async_trait]
impl TraceService for Service {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let spans = spans_of(request.get_ref());
        let take = || self.0.take(Vec::new(), Vec::new(), spans);
        let rejected = self.meet(&request, "traces", &[], take).await?;
        let partial_success = (rejected > 0).then(|| ExportTracePartialSuccess {
            rejected_spans: rejected,
            error_message: "some are too old".to_owned(),
        });
        Ok(Response::new(ExportTraceServiceResponse { partial_success }))
    }
}

pub(super) fn logs_of(request: &ExportLogsServiceRequest) -> Vec<LogRecord> {
    let scopes = request.resource_logs.iter().flat_map(|resource| &resource.scope_logs);
    scopes.flat_map(|scope| scope.log_records.clone()).collect()
}

pub(super) fn metrics_of(
    request: &ExportMetricsServiceRequest,
) -> Vec<opentelemetry_proto::tonic::metrics::v1::Metric> {
    let scopes = request.resource_metrics.iter().flat_map(|resource| &resource.scope_metrics);
    scopes.flat_map(|scope| scope.metrics.clone()).collect()
}

pub(super) fn spans_of(
    request: &ExportTraceServiceRequest,
) -> Vec<opentelemetry_proto::tonic::trace::v1::Span> {
    let scopes = request.resource_spans.iter().flat_map(|resource| &resource.scope_spans);
    scopes.flat_map(|scope| scope.spans.clone()).collect()
}
