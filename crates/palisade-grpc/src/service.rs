//! `palisade.v1.AuthorizationService`: checks the envelope, asks the pipeline, writes the answer.

use std::pin::Pin;
use std::sync::Arc;

use futures::{Stream, TryStreamExt as _};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, Streaming};

use palisade_core::TraceContext;
use palisade_pdp::{Pdp, Unrecorded};
use palisade_proto::v1;
use palisade_proto::v1::authorization_service_server::AuthorizationService;

use crate::error::CallError;
use crate::intake::Held;
use crate::panic::PanicGuard;
use crate::patience::{Patience, Waiting};
use crate::{answer, batch, convert, status, stream};

/// Who listens on a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Surface {
    /// Operators and auditors: explanations.
    Administration,
    /// Enforcement points: decisions.
    Decision,
}

/// The service on one surface.
#[derive(Clone, Debug)]
pub(crate) struct Service {
    surface: Surface,
    decider: Arc<Decider>,
    shutdown: CancellationToken,
}

/// What answers one request, whichever way it came in.
#[derive(Debug)]
pub(crate) struct Decider {
    /// The pipeline.
    pub(crate) pdp: Pdp,
    /// Catches what handlers panic with.
    pub(crate) panics: PanicGuard,
    /// Who waits for a version that is not in force yet.
    pub(crate) waiting: Waiting,
}

/// How far a call comes without waiting.
enum Progress {
    /// It is decided.
    Now(Unrecorded),
    /// A version has to be in force first.
    Later(Box<convert::Call>),
}

impl Service {
    /// The service on a surface, until `shutdown`.
    pub(crate) const fn new(
        surface: Surface,
        decider: Arc<Decider>,
        shutdown: CancellationToken,
    ) -> Self {
        Self { surface, decider, shutdown }
    }

    pub(crate) fn require(&self, surface: Surface, method: &'static str) -> Result<(), CallError> {
        let socket = match surface {
            Surface::Administration => "administration",
            Surface::Decision => "decision",
        };
        if self.surface == surface {
            Ok(())
        } else {
            Err(CallError::WrongSurface { method, socket })
        }
    }

    /// Runs a handler and turns what it returns into what tonic wants.
    pub(crate) async fn handle<T>(
        &self,
        request_id: &str,
        handler: impl Future<Output = Result<T, CallError>>,
    ) -> Result<Response<T>, Status> {
        match self.decider.panics.run(request_id, handler).await {
            Ok(message) => Ok(Response::new(message)),
            Err(error) => Err(self.refuse(&error, request_id)),
        }
    }

    fn refuse(&self, error: &CallError, request_id: &str) -> Status {
        self.decider.pdp.observer().refused(status::reason(error));
        refuse(error, request_id)
    }
}

impl Decider {
    /// Answers one request, alone or in a batch or a stream: a panic takes no other along.
    // What waits for nothing is done before anything is awaited, so that the future stays small:
    // it is moved about, and a stream has many.
    async fn authorize(
        &self,
        request: v1::AuthorizeRequest,
        trace: Option<TraceContext>,
        patience: Patience,
    ) -> Result<v1::AuthorizeResponse, CallError> {
        let id = request.request_id.clone();
        let decided = self.panics.catch(&id, || {
            let call = convert::authorize(request, trace)?;
            if !self.pdp.holds(call.tool_call.options.minimum_version) {
                return Ok(Progress::Later(Box::new(call)));
            }
            Ok(Progress::Now(self.pdp.decide(call.tool_call, call.request_id)?))
        });
        let decided = match decided {
            Ok(Progress::Now(decided)) => Ok(decided),
            Ok(Progress::Later(call)) => Box::pin(self.decide_later(&id, *call, patience)).await,
            Err(error) => Err(error),
        };
        let recorded = match decided {
            Ok(decided) => {
                let recorded = async { Ok(answer::decision(self.pdp.record(decided).await)) };
                self.panics.run(&id, recorded).await
            }
            Err(error) => Err(error),
        };
        recorded.inspect_err(|error| self.pdp.observer().refused(status::reason(error)))
    }

    /// Decides a call once the version it asks for is in force, or fails.
    async fn decide_later(
        &self,
        id: &str,
        call: convert::Call,
        patience: Patience,
    ) -> Result<Unrecorded, CallError> {
        let convert::Call { request_id, tool_call } = call;
        self.waiting.wait(&self.pdp, tool_call.options.minimum_version, patience).await;
        self.panics.catch(id, || Ok(self.pdp.decide(tool_call, request_id)?))
    }

    async fn report_outcome(
        &self,
        request: v1::ReportOutcomeRequest,
        trace: Option<TraceContext>,
    ) -> Result<v1::ReportOutcomeResponse, CallError> {
        let report = convert::outcome_report(request, trace)?;
        match self.pdp.report_outcome(report).await {
            Ok(()) => Ok(v1::ReportOutcomeResponse {}),
            Err(_logged) => Err(CallError::LogUnavailable),
        }
    }

    fn list_tools(
        &self,
        request: v1::ListToolsRequest,
    ) -> Result<v1::ListToolsResponse, CallError> {
        let asked = convert::list_tools(request)?;
        Ok(answer::tool_list(self.pdp.list_tools(&asked.chain, &asked.environment)?, &asked))
    }

    fn explain(&self, request: v1::ExplainRequest) -> Result<v1::ExplainResponse, CallError> {
        let convert::Call { tool_call, .. } = convert::explain(request)?;
        Ok(answer::explained(self.pdp.explain(&tool_call)?, tool_call.options.dry_run))
    }
}

#[tonic::async_trait]
impl AuthorizationService for Service {
    async fn authorize(
        &self,
        request: Request<v1::AuthorizeRequest>,
    ) -> Result<Response<v1::AuthorizeResponse>, Status> {
        let (trace, patience) = (trace_context(&request), patience(&request));
        let request = request.into_inner();
        let request_id = request.request_id.clone();
        self.require(Surface::Decision, "Authorize")
            .map_err(|error| self.refuse(&error, &request_id))?;
        // What is not answered is counted there.
        let answered = self.decider.authorize(request, trace, patience).await;
        answered.map(Response::new).map_err(|error| refuse(&error, &request_id))
    }

    async fn authorize_batch(
        &self,
        request: Request<v1::AuthorizeBatchRequest>,
    ) -> Result<Response<v1::AuthorizeBatchResponse>, Status> {
        let (trace, patience) = (trace_context(&request), patience(&request));
        self.handle("", async {
            self.require(Surface::Decision, "AuthorizeBatch")?;
            let authorize = |item| self.decider.authorize(item, trace, patience);
            Box::pin(batch::answer(request.into_inner(), authorize)).await
        })
        .await
    }

    type AuthorizeStreamStream =
        Pin<Box<dyn Stream<Item = Result<v1::AuthorizeResult, Status>> + Send>>;

    async fn authorize_stream(
        &self,
        request: Request<Streaming<v1::AuthorizeRequest>>,
    ) -> Result<Response<Self::AuthorizeStreamStream>, Status> {
        self.require(Surface::Decision, "AuthorizeStream")
            .map_err(|error| self.refuse(&error, ""))?;
        let (trace, patience) = (trace_context(&request), patience(&request));
        let decider = Arc::clone(&self.decider);
        let authorize = move |item| {
            let decider = Arc::clone(&decider);
            async move { decider.authorize(item, trace, patience).await }
        };
        // Not there in a program that asks in its own process.
        let held = request.extensions().get::<Arc<Held>>().cloned();
        let requests = request
            .into_inner()
            .map_ok(move |item| (item, held.as_ref().and_then(|held| held.take_oldest())));
        let answers = stream::answers(requests, authorize, self.shutdown.clone());
        Ok(Response::new(Box::pin(answers)))
    }

    async fn list_tools(
        &self,
        request: Request<v1::ListToolsRequest>,
    ) -> Result<Response<v1::ListToolsResponse>, Status> {
        self.handle("", async {
            self.require(Surface::Decision, "ListTools")?;
            self.decider.list_tools(request.into_inner())
        })
        .await
    }

    async fn explain(
        &self,
        request: Request<v1::ExplainRequest>,
    ) -> Result<Response<v1::ExplainResponse>, Status> {
        let request = request.into_inner();
        let request_id = request.request.as_ref().map(|request| request.request_id.clone());
        self.handle(&request_id.unwrap_or_default(), async {
            self.require(Surface::Administration, "Explain")?;
            self.decider.explain(request)
        })
        .await
    }

    async fn report_outcome(
        &self,
        request: Request<v1::ReportOutcomeRequest>,
    ) -> Result<Response<v1::ReportOutcomeResponse>, Status> {
        let trace = trace_context(&request);
        self.handle("", async {
            self.require(Surface::Decision, "ReportOutcome")?;
            self.decider.report_outcome(request.into_inner(), trace).await
        })
        .await
    }
}

/// The span that a call was sent from (W3C Trace Context). A batch or a stream has one for all of
/// its requests.
fn trace_context<T>(request: &Request<T>) -> Option<TraceContext> {
    TraceContext::parse(request.metadata().get("traceparent")?.to_str().ok()?)
}

/// How long requests of a call wait. A program that asks in its own process does not.
fn patience<T>(request: &Request<T>) -> Patience {
    request.extensions().get().copied().unwrap_or(Patience::None)
}

fn refuse(error: &CallError, request_id: &str) -> Status {
    let status = status::of(error, request_id);
    // The status has neither secrets nor personal data in it; the error may.
    let (code, message) = (status.code(), status.message());
    tracing::debug!(?code, message, "a call was not answered");
    status
}
