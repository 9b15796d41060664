//! `palisade.v1.AuthorizationService`: checks the envelope, asks the pipeline, writes the answer.

use std::pin::Pin;
use std::sync::Arc;

use futures::{Stream, TryStreamExt as _};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, Streaming};

use palisade_core::TraceContext;
use palisade_pdp::{Asker, IdentityRefusal, IssuerKeys, Pdp, Unrecorded};
use palisade_proto::v1;
use palisade_proto::v1::authorization_service_server::AuthorizationService;

use crate::access::{Access, Task};
use crate::error::CallError;
use crate::intake::Held;
use crate::not_served::Components;
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
    access: Access,
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
    /// A version of the bundle, or keys of an issuer, have to come first.
    Later(Box<Postponed>),
}

/// A call that waits before it is decided.
struct Postponed {
    call: convert::Call,
    /// The keys that were not known.
    keys: Option<Arc<dyn IssuerKeys>>,
}

/// What of a call is the same for all its messages.
#[derive(Clone)]
struct Caller {
    asker: Asker,
    trace: Option<TraceContext>,
    patience: Patience,
}

impl Service {
    /// The service on a surface, until `shutdown`.
    pub(crate) const fn new(
        surface: Surface,
        access: Access,
        decider: Arc<Decider>,
        shutdown: CancellationToken,
    ) -> Self {
        Self { surface, access, decider, shutdown }
    }

    /// Finds out who makes a call, if they may.
    pub(crate) fn require<T>(
        &self,
        task: Task,
        method: &'static str,
        request: &Request<T>,
    ) -> Result<Asker, CallError> {
        let asker = self.access.of_call(request.extensions())?;
        let own_socket = match self.surface {
            Surface::Administration => "administration",
            Surface::Decision => "decision",
        };
        // Whoever has proven who they are is told by their roles, others by their socket.
        if matches!(asker, Asker::Anybody) && task.socket() != own_socket {
            return Err(CallError::WrongSurface { method, socket: task.socket() });
        }
        task.check(&asker, method)?;
        Ok(asker)
    }

    /// The same for who asks for decisions, whose rate is counted by decision.
    fn caller<T>(&self, method: &'static str, request: &Request<T>) -> Result<Caller, CallError> {
        let asker = self.require(Task::Ask, method, request)?;
        Ok(Caller { asker, trace: trace_context(request), patience: patience(request) })
    }

    /// The same for what counts as one decision.
    fn require_and_take<T>(
        &self,
        method: &'static str,
        request: &Request<T>,
    ) -> Result<Asker, CallError> {
        let asker = self.require(Task::Ask, method, request)?;
        self.access.take(&asker)?;
        Ok(asker)
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
    /// Which capabilities the pipeline has.
    fn components(&self) -> Components {
        Components {
            attestation: self.pdp.verifies_attestations(),
            identity: self.pdp.verifies_identities(),
        }
    }

    /// Answers one request, alone or in a batch or a stream: a panic takes no other along.
    // What waits for nothing is done before anything is awaited, so that the future stays small:
    // it is moved about, and a stream has many.
    async fn authorize(
        &self,
        request: v1::AuthorizeRequest,
        access: &Access,
        caller: Caller,
    ) -> Result<v1::AuthorizeResponse, CallError> {
        let id = request.request_id.clone();
        let Caller { asker, trace, patience } = caller;
        let decided = self.panics.catch(&id, || {
            access.take(&asker)?;
            let call = convert::authorize(request, self.components(), trace)?;
            self.try_decide(call, &asker)
        });
        let decided = match decided {
            Ok(Progress::Now(decided)) => Ok(decided),
            Ok(Progress::Later(postponed)) => {
                Box::pin(self.decide_later(&id, *postponed, &asker, patience)).await
            }
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

    /// Decides a call unless something has to come first.
    fn try_decide(&self, call: convert::Call, asker: &Asker) -> Result<Progress, CallError> {
        if !self.pdp.holds(call.presented.options.minimum_version) {
            return Ok(Progress::Later(Box::new(Postponed { call, keys: None })));
        }
        let identified = self.pdp.identify(&call.presented.credentials, asker);
        match identified {
            Err(IdentityRefusal { unknown_key: Some(keys), .. }) => {
                Ok(Progress::Later(Box::new(Postponed { call, keys: Some(keys) })))
            }
            identified => {
                let convert::Call { request_id, presented } = call;
                let decided = self.pdp.decide(presented, identified, asker, request_id);
                Ok(Progress::Now(decided?))
            }
        }
    }

    /// Decides a call once what it needs has come, or fails.
    async fn decide_later(
        &self,
        id: &str,
        postponed: Postponed,
        asker: &Asker,
        patience: Patience,
    ) -> Result<Unrecorded, CallError> {
        let Postponed { call: convert::Call { request_id, presented }, keys } = postponed;
        self.waiting.wait(&self.pdp, presented.options.minimum_version, patience).await;
        if let Some(keys) = keys {
            self.waiting.wait_for_keys(keys.as_ref(), patience).await;
        }
        self.panics.catch(id, || {
            let identified = self.pdp.identify(&presented.credentials, asker);
            Ok(self.pdp.decide(presented, identified, asker, request_id)?)
        })
    }

    async fn report_outcome(
        &self,
        request: v1::ReportOutcomeRequest,
        asker: &Asker,
        trace: Option<TraceContext>,
    ) -> Result<v1::ReportOutcomeResponse, CallError> {
        let report = convert::outcome_report(request, trace)?;
        match self.pdp.report_outcome(report, asker).await {
            Ok(()) => Ok(v1::ReportOutcomeResponse {}),
            Err(_logged) => Err(CallError::LogUnavailable),
        }
    }

    fn list_tools(
        &self,
        request: v1::ListToolsRequest,
        asker: &Asker,
    ) -> Result<v1::ListToolsResponse, CallError> {
        let asked = convert::list_tools(request, self.components())?;
        let identified = self.pdp.identify(&asked.credentials, asker);
        let list = self.pdp.list_tools(&identified, asker, &asked.environment)?;
        Ok(answer::tool_list(list, &asked))
    }

    fn challenge(
        &self,
        request: v1::ChallengeRequest,
        asker: &Asker,
    ) -> Result<v1::ChallengeResponse, CallError> {
        let credentials = convert::challenge(request, self.components())?;
        Ok(answer::challenge(&self.pdp.challenge(&credentials, asker)?))
    }

    fn explain(&self, request: v1::ExplainRequest) -> Result<v1::ExplainResponse, CallError> {
        let convert::Call { presented, .. } = convert::explain(request, self.components())?;
        let dry_run = presented.options.dry_run;
        // Whoever may ask for explanations may suppose any actor: nothing is allowed by one.
        let identified = self.pdp.identify(&presented.credentials, &Asker::Anybody);
        Ok(answer::explained(self.pdp.explain(presented, identified)?, dry_run))
    }
}

#[tonic::async_trait]
impl AuthorizationService for Service {
    async fn authorize(
        &self,
        request: Request<v1::AuthorizeRequest>,
    ) -> Result<Response<v1::AuthorizeResponse>, Status> {
        let request_id = request.get_ref().request_id.clone();
        let caller =
            self.caller("Authorize", &request).map_err(|error| self.refuse(&error, &request_id))?;
        // What is not answered is counted there.
        let answered = self.decider.authorize(request.into_inner(), &self.access, caller).await;
        answered.map(Response::new).map_err(|error| refuse(&error, &request_id))
    }

    async fn authorize_batch(
        &self,
        request: Request<v1::AuthorizeBatchRequest>,
    ) -> Result<Response<v1::AuthorizeBatchResponse>, Status> {
        let caller = self.caller("AuthorizeBatch", &request);
        self.handle("", async {
            let caller = caller?;
            let authorize = |item| self.decider.authorize(item, &self.access, caller.clone());
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
        let caller =
            self.caller("AuthorizeStream", &request).map_err(|error| self.refuse(&error, ""))?;
        let (decider, access) = (Arc::clone(&self.decider), Arc::new(self.access.clone()));
        let authorize = move |item| {
            let (decider, access) = (Arc::clone(&decider), Arc::clone(&access));
            let caller = caller.clone();
            async move { decider.authorize(item, &access, caller).await }
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
        let asker = self.require_and_take("ListTools", &request);
        self.handle("", async { self.decider.list_tools(request.into_inner(), &asker?) }).await
    }

    async fn explain(
        &self,
        request: Request<v1::ExplainRequest>,
    ) -> Result<Response<v1::ExplainResponse>, Status> {
        let allowed = self.require(Task::Look, "Explain", &request);
        let request = request.into_inner();
        let request_id = request.request.as_ref().map(|request| request.request_id.clone());
        self.handle(&request_id.unwrap_or_default(), async {
            allowed?;
            self.decider.explain(request)
        })
        .await
    }

    async fn challenge(
        &self,
        request: Request<v1::ChallengeRequest>,
    ) -> Result<Response<v1::ChallengeResponse>, Status> {
        let asker = self.require_and_take("Challenge", &request);
        self.handle("", async { self.decider.challenge(request.into_inner(), &asker?) }).await
    }

    async fn report_outcome(
        &self,
        request: Request<v1::ReportOutcomeRequest>,
    ) -> Result<Response<v1::ReportOutcomeResponse>, Status> {
        let (asker, trace) =
            (self.require_and_take("ReportOutcome", &request), trace_context(&request));
        self.handle("", async {
            self.decider.report_outcome(request.into_inner(), &asker?, trace).await
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
