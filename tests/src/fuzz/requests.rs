//! The request decoder: bytes from a caller, to a checked call or a refusal.

use std::sync::{LazyLock, Mutex, PoisonError};

use palisade_core::limits::BATCH_REQUESTS_MAX;
use palisade_core::{Actor, ActorKind, DecisionRecord, RequestId};
use palisade_proto::v1;
use prost::Message as _;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use super::decision_point::DecisionPoint;
use super::request_model::{list_refusal, refusal};
use crate::request::link;

/// What came of some bytes, so that tests can hold that everything comes up.
#[derive(Clone, Copy, Debug, Default)]
pub struct Met {
    /// Answered with a decision.
    pub decided: usize,
    /// Batches answered, whatever with.
    pub batches: usize,
    /// Lists of tools answered.
    pub lists: usize,
    /// Refused: malformed, not served, revision not held.
    pub refused: [usize; 3],
    /// No message of the kind.
    pub unreadable: usize,
}

/// Asserts what holds for any bytes as each of the messages of the service.
///
/// # Panics
/// It does not hold.
pub fn check(bytes: &[u8]) -> Met {
    static DESK: LazyLock<Mutex<DecisionPoint>> =
        LazyLock::new(|| Mutex::new(DecisionPoint::over("desk")));
    // An assertion that failed before says nothing about the services.
    let desk = DESK.lock().unwrap_or_else(PoisonError::into_inner);
    // What a failed assertion left.
    drop(desk.take_records());
    let mut met = Met::default();
    match v1::AuthorizeRequest::decode(bytes) {
        Ok(request) => check_authorize(&desk, &request, &mut met),
        Err(_) => met.unreadable += 1,
    }
    match v1::AuthorizeBatchRequest::decode(bytes) {
        Ok(batch) => check_batch(&desk, &batch, &mut met),
        Err(_) => met.unreadable += 1,
    }
    match v1::ListToolsRequest::decode(bytes) {
        Ok(request) => check_list_tools(&desk, &request, &mut met),
        Err(_) => met.unreadable += 1,
    }
    match v1::ExplainRequest::decode(bytes) {
        Ok(request) => check_explain(&desk, &request),
        Err(_) => met.unreadable += 1,
    }
    met
}

fn check_authorize(desk: &DecisionPoint, request: &v1::AuthorizeRequest, met: &mut Met) {
    let answer = desk.authorize(request.clone());
    let records = desk.take_records();
    match (answer, refusal(request, desk.snapshot.revision().version)) {
        (Ok(answer), None) => {
            met.decided += 1;
            assert_ne!(answer.outcome(), v1::Outcome::Unspecified, "{request:?}");
            let [record] = &records[..] else { panic!("{records:?} of {request:?}") };
            check_record(record, request, &answer);
        }
        (Err(status), Some(code)) => {
            check_refusal(&status, code, request);
            assert!(records.is_empty(), "{records:?} of {request:?}");
            met.refused[refused(code)] += 1;
        }
        (answer, expected) => panic!("{answer:?} instead of {expected:?} to {request:?}"),
    }
}

/// The call that was decided on is the one that was asked about, whole.
fn check_record(
    record: &DecisionRecord,
    request: &v1::AuthorizeRequest,
    answer: &v1::AuthorizeResponse,
) {
    let environment = request.environment.clone().unwrap_or_default();
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    assert_eq!(record.decision.id.to_string(), answer.decision_id);
    assert_eq!(record.tool, request.tool);
    assert_eq!(record.request_id, RequestId::new(request.request_id.as_str()));
    assert_eq!(record.environment.pep_request_id, some(&environment.pep_request_id));
    assert_eq!(record.decision.dry_run, request.options.unwrap_or_default().dry_run);
    let chain = record.chain.as_ref().expect("a chain");
    assert_eq!(chain.links().iter().map(link).collect::<Vec<_>>(), request.chain);
    // The kinds once more, by hand: `link` is the way back of the very conversion.
    for (actor, link) in chain.links().iter().zip(&request.chain) {
        let Some(v1::link::Link::Asserted(asserted)) = &link.link else { panic!("{link:?}") };
        let kind = match asserted.kind {
            1 => ActorKind::User,
            2 => ActorKind::Agent,
            3 => ActorKind::Service,
            kind => panic!("a decision for an actor of kind {kind}"),
        };
        let Actor { kind: recorded, issuer, subject } = actor;
        assert_eq!(
            (*recorded, issuer.as_str(), subject.as_str()),
            (kind, asserted.issuer.as_str(), asserted.subject.as_str())
        );
    }
}

/// A batch is its requests, one after the other.
fn check_batch(desk: &DecisionPoint, batch: &v1::AuthorizeBatchRequest, met: &mut Met) {
    let answer = desk.authorize_batch(batch.clone());
    drop(desk.take_records());
    let answer = match answer {
        Ok(answer) => answer,
        Err(status) => {
            check_refusal(&status, Code::InvalidArgument, batch);
            assert!(!(1..=BATCH_REQUESTS_MAX).contains(&batch.requests.len()), "{status:?}");
            return;
        }
    };
    met.batches += 1;
    assert!((1..=BATCH_REQUESTS_MAX).contains(&batch.requests.len()), "{answer:?}");
    assert_eq!(answer.results.len(), batch.requests.len());
    for (result, request) in answer.results.into_iter().zip(&batch.requests) {
        assert_eq!(result.request_id, request.request_id);
        let alone = desk.authorize(request.clone());
        match (result.result, alone) {
            (Some(v1::authorize_result::Result::Response(together)), Ok(alone)) => {
                assert_ne!(together.decision_id, alone.decision_id, "{request:?}");
                let decision_id = alone.decision_id.clone();
                assert_eq!(v1::AuthorizeResponse { decision_id, ..together }, alone);
            }
            (Some(v1::authorize_result::Result::Error(error)), Err(status)) => {
                assert_eq!(error.code, i32::from(status.code()), "{request:?}");
                assert_eq!(error.reason, reason(&status), "{request:?}");
            }
            (together, alone) => panic!("{together:?} in a batch, {alone:?} alone: {request:?}"),
        }
    }
    drop(desk.take_records());
}

fn check_list_tools(desk: &DecisionPoint, request: &v1::ListToolsRequest, met: &mut Met) {
    let answer = desk.list_tools(request.clone());
    match (answer, list_refusal(request)) {
        (Ok(answer), None) => {
            met.lists += 1;
            let catalog = desk.snapshot.catalog();
            let service = |tool: &str| tool.split('.').next() == Some(&request.service);
            for tool in &answer.tools {
                assert!(catalog.tool(&tool.tool).is_some(), "{tool:?}");
                assert!(request.service.is_empty() || service(&tool.tool), "{tool:?}");
                let denied = tool.prospect() == v1::Prospect::Deny;
                assert!(request.include_denied || !denied, "{tool:?} to {request:?}");
                assert_ne!(tool.prospect(), v1::Prospect::Unspecified, "{tool:?}");
            }
        }
        (Err(status), Some(code)) => check_refusal(&status, code, request),
        (answer, expected) => panic!("{answer:?} instead of {expected:?} to {request:?}"),
    }
    assert!(desk.take_records().is_empty(), "a list of tools is no decision");
}

/// What is explained is the answer that would be given, and nothing is recorded.
fn check_explain(desk: &DecisionPoint, request: &v1::ExplainRequest) {
    let explained = desk.explain(request.clone());
    assert!(desk.take_records().is_empty(), "an explanation is no decision");
    let Some(asked) = &request.request else {
        let status = explained.expect_err("nothing was asked");
        return check_refusal(&status, Code::InvalidArgument, request);
    };
    match (explained, refusal(asked, desk.snapshot.revision().version)) {
        (Ok(explained), None) => {
            let answer = explained.response.expect("an explanation has an answer");
            let decided = desk.authorize(asked.clone()).expect("it is explained, so decided");
            let verdict = (answer.outcome(), answer.reason);
            assert_eq!(verdict, (decided.outcome(), decided.reason), "{request:?}");
            drop(desk.take_records());
        }
        (Err(status), Some(code)) => check_refusal(&status, code, request),
        (explained, expected) => panic!("{explained:?} instead of {expected:?} to {request:?}"),
    }
}

fn check_refusal(status: &Status, code: Code, request: &impl std::fmt::Debug) {
    assert_eq!(status.code(), code, "{status:?} to {request:?}");
    assert!(!reason(status).is_empty(), "{status:?} to {request:?}");
}

fn reason(status: &Status) -> String {
    let info = status.get_details_error_info();
    info.unwrap_or_else(|| panic!("no google.rpc.ErrorInfo: {status:?}")).reason
}

fn refused(code: Code) -> usize {
    match code {
        Code::InvalidArgument => 0,
        Code::Unimplemented => 1,
        Code::FailedPrecondition => 2,
        code => panic!("{code:?} refuses no request"),
    }
}
