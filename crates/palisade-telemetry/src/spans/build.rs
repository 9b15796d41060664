//! The OTLP spans of a call.
//!
//! ```text
//! palisade.v1.AuthorizationService/Authorize   SERVER, child of the caller's span
//! ├ decide                                     INTERNAL
//! └ record                                     INTERNAL
//! ```

use std::time::Duration;

use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{Span, SpanFlags, Status};
use palisade_core::{ReasonCode, RequirementKind, SpanId};

use super::{AnsweredCall, Redact, SPANS_PER_CALL, random_span_id};
use crate::{attributes, values};

/// The method whose calls these are, and the name of their spans.
const METHOD: &str = "palisade.v1.AuthorizationService/Authorize";

impl AnsweredCall {
    /// The spans: the call itself, deciding, recording. Their ends are exact to each other; the
    /// start of the call is its end less the time of both.
    pub(super) fn spans(&self, redact: &Redact) -> [Span; SPANS_PER_CALL] {
        let before = |time: Duration| {
            let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
            self.end_unix_nanos.saturating_sub(nanos)
        };
        let decided = before(self.record_for);
        let start = before(self.decide.saturating_add(self.record_for));
        let unrecorded = self.verdict.reason.code == ReasonCode::LogUnavailable;
        let record_status = if unrecorded { log_unavailable() } else { Status::default() };
        let call_status = if unrecorded {
            log_unavailable()
        } else {
            Status { code: StatusCode::Ok.into(), message: String::new() }
        };
        let own = self.span.context.span;
        let parent_is_remote = SpanFlags::ContextIsRemoteMask as u32;
        let call = Span {
            attributes: self.attributes(redact),
            status: Some(call_status),
            flags: FLAGS | self.span.parent.map_or(0, |_| parent_is_remote),
            ..self.span(METHOD, SpanKind::Server, own, self.span.parent, start..self.end_unix_nanos)
        };
        let child =
            |name, times| self.span(name, SpanKind::Internal, random_span_id(), Some(own), times);
        let decide = child("decide", start..decided);
        let record =
            Span { status: Some(record_status), ..child("record", decided..self.end_unix_nanos) };
        [call, decide, record]
    }

    fn span(
        &self,
        name: &str,
        kind: SpanKind,
        id: SpanId,
        parent: Option<SpanId>,
        times: std::ops::Range<u64>,
    ) -> Span {
        Span {
            trace_id: self.span.context.trace.as_bytes().to_vec(),
            span_id: id.as_bytes().to_vec(),
            parent_span_id: parent.map(|id| id.as_bytes().to_vec()).unwrap_or_default(),
            flags: FLAGS,
            name: name.to_owned(),
            kind: kind.into(),
            start_time_unix_nano: times.start,
            end_time_unix_nano: times.end,
            ..Span::default()
        }
    }

    fn attributes(&self, redact: &Redact) -> Vec<KeyValue> {
        let Self { verdict, revision, .. } = self;
        let mut attributes = vec![
            values::string(attributes::RPC_SYSTEM_NAME, "grpc"),
            values::string(attributes::RPC_METHOD, METHOD),
            values::string(attributes::RPC_RESPONSE_STATUS_CODE, "OK"),
            values::string(attributes::GEN_AI_OPERATION_NAME, "execute_tool"),
            values::string(attributes::DECISION_ID, self.decision.to_string()),
            values::string(attributes::DECISION_OUTCOME, verdict.outcome.as_str()),
            values::string(attributes::DECISION_REASON, verdict.reason.code.as_str()),
            values::bool(attributes::DECISION_DRY_RUN, self.dry_run),
            values::string(attributes::REVISION_BUNDLE, revision.bundle.as_str()),
            values::int(attributes::REVISION_VERSION, revision.version),
            values::string(attributes::REVISION_DIGEST, revision.digest.to_string()),
        ];
        if !verdict.determining.is_empty() {
            let policies = verdict.determining.iter().map(ToString::to_string);
            attributes.push(values::strings(attributes::POLICY_IDS, policies));
        }
        let kinds = self.requirement_kinds();
        if !kinds.is_empty() {
            attributes.push(values::strings(attributes::DECISION_REQUIREMENTS, kinds));
        }
        if let Some(tool) = &self.tool {
            attributes.push(values::string(attributes::GEN_AI_TOOL_NAME, tool.as_str()));
        }
        if let Some(tier) = self.tier {
            attributes.push(values::int(attributes::TOOL_TIER, u64::from(tier.number())));
        }
        if let Some(effect) = self.effect {
            attributes.push(values::string(attributes::TOOL_EFFECT, effect.as_str()));
        }
        if let Some(agent) = &self.agent {
            let agent = format!("{}:{}", agent.issuer.as_str(), agent.subject.as_str());
            attributes.push(values::string(attributes::GEN_AI_AGENT_ID, redact(&agent)));
        }
        if verdict.reason.code == ReasonCode::LogUnavailable {
            let reason = verdict.reason.code.as_str();
            attributes.push(values::string(attributes::ERROR_TYPE, reason));
        }
        attributes
    }

    /// What a challenge asks for, each kind once.
    fn requirement_kinds(&self) -> Vec<String> {
        let posted = &self.verdict.requirements;
        let asked =
            |kind: &RequirementKind| posted.iter().any(|posted| posted.requirement.kind() == *kind);
        let kinds = RequirementKind::ALL.into_iter().filter(asked);
        kinds.map(|kind| kind.as_str().to_owned()).collect()
    }
}

/// Sampled (W3C), and it is known whether the parent is in another process.
const FLAGS: u32 = 1 | SpanFlags::ContextHasIsRemoteMask as u32;

fn log_unavailable() -> Status {
    let message = "the decision could not be recorded".to_owned();
    Status { code: StatusCode::Error.into(), message }
}
