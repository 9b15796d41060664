//! Whom `authorize` and `explain` ask: a server, or a bundle in this very process.
//!
//! Both go through the same service; the second only leaves out the network.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use palisade_client::{Client, ClientError, Endpoint};
use palisade_core::{
    Clock, DecisionLog, DigestKey, EpochMillis, LogEntry, LogFuture, RandomIds, SystemClock,
    Unobserved,
};
use palisade_grpc::{GrpcServer, Limits, Surface};
use palisade_pdp::{Pdp, PdpParts, Shadow, Snapshots};
use palisade_proto::v1;
use palisade_proto::v1::authorization_service_server::AuthorizationService;
use tokio_util::sync::CancellationToken;

use super::Context;
use super::bundle;
use super::failure::Failure;
use crate::config::Listen;

/// How long a server may take to answer a person.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// An answer and how long it took to get.
#[derive(Debug)]
pub(super) struct Timed<T> {
    pub(super) answer: T,
    pub(super) took: Duration,
}

/// Measures a call.
pub(super) async fn timed<T, E>(call: impl Future<Output = Result<T, E>>) -> Result<Timed<T>, E> {
    let clock = SystemClock::new();
    let started = clock.monotonic();
    let answer = call.await?;
    Ok(Timed { answer, took: clock.monotonic().saturating_sub(started) })
}

/// The address of a server: as the client wants it, or without `http://`.
pub(super) fn endpoint(text: &str) -> Result<Endpoint, String> {
    let has_scheme = text.contains("://") || text.starts_with("unix:");
    let whole = if has_scheme { text.to_owned() } else { format!("http://{text}") };
    whole.parse().map_err(|error: palisade_client::ParseEndpointError| error.to_string())
}

/// The address of the server that this configuration would start.
pub(super) fn configured_endpoint(listen: &Listen) -> Result<Endpoint, Failure> {
    let text = match listen {
        Listen::Tcp(address) => format!("http://{address}"),
        Listen::Unix(path) => format!("unix:{}", path.display()),
    };
    endpoint(&text).map_err(Failure::Usage)
}

/// Connects to a server.
pub(super) async fn connect(endpoint: &Endpoint) -> Result<Client, ClientError> {
    Ok(Client::connect(endpoint).await?.with_timeout(ANSWER_TIMEOUT))
}

/// Asks a bundle for a decision. It is not recorded: nobody enforces it.
pub(super) fn authorize_with_bundle(
    directory: &Path,
    now: Option<EpochMillis>,
    request: v1::AuthorizeRequest,
    context: &mut Context<'_>,
) -> Result<Timed<v1::AuthorizeResponse>, Failure> {
    let pdp = local_pdp(directory, now, context)?;
    runtime()?.block_on(async {
        let service = local_service(pdp, Surface::Decision).await;
        let answer = timed(service.authorize(tonic::Request::new(request))).await;
        unwrap_status(answer)
    })
}

/// Asks a bundle for an explanation.
pub(super) fn explain_with_bundle(
    directory: &Path,
    now: Option<EpochMillis>,
    request: v1::ExplainRequest,
    context: &mut Context<'_>,
) -> Result<Timed<v1::ExplainResponse>, Failure> {
    let pdp = local_pdp(directory, now, context)?;
    runtime()?.block_on(async {
        let service = local_service(pdp, Surface::Administration).await;
        let answer = timed(service.explain(tonic::Request::new(request))).await;
        unwrap_status(answer)
    })
}

/// A runtime for one call.
pub(super) fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    let built = tokio::runtime::Builder::new_current_thread().enable_all().build();
    Ok(built.context("the async runtime cannot be started")?)
}

fn unwrap_status<T>(
    answer: Result<Timed<tonic::Response<T>>, tonic::Status>,
) -> Result<Timed<T>, Failure> {
    match answer {
        Ok(Timed { answer, took }) => Ok(Timed { answer: answer.into_inner(), took }),
        Err(status) => {
            let (message, code) = (status.message(), status.code());
            Err(Failure::Other(anyhow::anyhow!("no decision was made: {message} ({code:?})")))
        }
    }
}

async fn local_service(pdp: Pdp, surface: Surface) -> impl AuthorizationService {
    GrpcServer::new(pdp, Limits::default(), CancellationToken::new()).await.local(surface)
}

/// A decision point over the bundle in a directory. Its tests are not run, because the command is
/// how one finds out why they fail.
fn local_pdp(
    directory: &Path,
    now: Option<EpochMillis>,
    context: &mut Context<'_>,
) -> Result<Pdp, Failure> {
    let snapshot = bundle::load(directory, context)?.dangerous_into_untested_snapshot();
    let snapshots = Snapshots::new();
    snapshots.publish(Arc::new(snapshot));
    Ok(Pdp::new(PdpParts {
        snapshots: Arc::new(snapshots),
        shadow: Shadow::new(0.0).0,
        log: Arc::new(NotRecorded),
        clock: clock_at(now),
        ids: Arc::new(RandomIds),
        // Keys digests that go nowhere.
        digest_key: DigestKey::new([0; 32]),
        records_arguments: false,
        observer: Arc::new(Unobserved),
        identity: None,
        attestation: None,
    }))
}

/// Reads an instant that is to be taken for now.
pub(super) fn instant(text: &str) -> Result<EpochMillis, &'static str> {
    EpochMillis::parse_rfc3339(text).ok_or("write an instant, e.g. `2026-01-01T09:00:00Z`")
}

fn clock_at(now: Option<EpochMillis>) -> Arc<dyn Clock> {
    let system = SystemClock::new();
    match now {
        Some(now) => Arc::new(ClockAt { now, system }),
        None => Arc::new(system),
    }
}

/// Tells another time than it is.
#[derive(Debug)]
struct ClockAt {
    now: EpochMillis,
    system: SystemClock,
}

impl Clock for ClockAt {
    fn now(&self) -> EpochMillis {
        self.now
    }

    fn monotonic(&self) -> Duration {
        self.system.monotonic()
    }
}

/// Keeps nothing: what is decided here is shown to a person and enforced by nobody.
#[derive(Debug)]
struct NotRecorded;

impl DecisionLog for NotRecorded {
    fn append<'a>(&'a self, _entry: LogEntry<'_>) -> LogFuture<'a> {
        Box::pin(std::future::ready(Ok(())))
    }
}
