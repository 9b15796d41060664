//! The names of everything we say about a call to an observability stack: one table for logs,
//! metrics, spans and the resource that all of them come from.
//!
//! A name is written here and nowhere else. Names that OpenTelemetry gives a meaning are used with
//! that meaning: its general conventions, and those for generative AI and MCP as far as they are
//! more than proposals. Whatever they have no word for stands under `palisade.`.

use std::fmt::{self, Write as _};

/// The version of this table. It grows with every change that a reader of telemetry could notice:
/// the first number if a name goes or changes its meaning, the second if one comes.
pub const VERSION: &str = "1.1.0";

/// Names this table in what is exported. It ends in [`VERSION`].
pub const SCHEMA_URL: &str = "https://github.com/palisade-pdp/palisade/schemas/1.1.0";

/// The instrumentation scope of all signals, and the value of [`SERVICE_NAME`].
pub const SCOPE: &str = "palisade";

/// The event of an answer.
pub const EVENT_DECISION: &str = "palisade.decision";
/// The event of a report of what became of a call.
pub const EVENT_OUTCOME: &str = "palisade.outcome";
/// The event of a signed statement about all records before it.
pub const EVENT_CHECKPOINT: &str = "palisade.checkpoint";
/// The event of answers that could not be recorded.
pub const EVENT_GAP: &str = "palisade.gap";
/// The event of records that were deleted.
pub const EVENT_RETENTION: &str = "palisade.retention";
/// The event of a process that opened the log.
pub const EVENT_OPENED: &str = "palisade.opened";
/// The event of what became of a revision of the bundle.
pub const EVENT_ROLLOUT: &str = "palisade.rollout";
/// The event of an answer that would have been another one in the shadow.
pub const EVENT_SHADOW: &str = "palisade.shadow";
/// The event that stands for a record which cannot be decoded.
pub const EVENT_UNDECODABLE: &str = "palisade.undecodable";
/// The event that names a record which the collector has refused.
pub const EVENT_REFUSED: &str = "palisade.refused";

/// Every event of the log with what it says.
pub static EVENTS: &[(&str, &str)] = &[
    (EVENT_CHECKPOINT, "A signed statement about all records before this one."),
    (EVENT_DECISION, "An answer."),
    (EVENT_GAP, "Answers that could not be recorded."),
    (EVENT_OPENED, "A process opened the log."),
    (EVENT_OUTCOME, "What became of an allowed call."),
    (
        EVENT_REFUSED,
        "Names a record that the collector has refused. It is left out unless it follows.",
    ),
    (EVENT_RETENTION, "Records that were deleted because of their age or for space."),
    (EVENT_ROLLOUT, "What became of a revision of the bundle."),
    (EVENT_SHADOW, "What decides in the shadow would have answered otherwise."),
    (EVENT_UNDECODABLE, "Stands for a record that this version cannot decode."),
];

/// Where an attribute stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Signal {
    /// On log records.
    Logs,
    /// On points of metrics.
    Metrics,
    /// On the resource that all signals come from.
    Resource,
    /// On spans.
    Traces,
}

/// What kind of value an attribute has, in OTLP's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// True or false.
    Bool,
    /// A floating-point number.
    Double,
    /// A whole number; what is greater than 2^63 - 1 is sent as that.
    Int,
    /// Text. Digests are lower-case hexadecimal, instants RFC 3339 in UTC.
    String,
    /// Texts.
    Strings,
}

/// Whether an attribute is always there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Requirement {
    /// There if there is something to say.
    IfKnown,
    /// Always there, on the events, spans or metrics that its meaning names.
    Required,
}

/// One row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attribute {
    /// The name.
    pub name: &'static str,
    /// Where it stands.
    pub signals: &'static [Signal],
    /// What kind of value it has.
    pub kind: Kind,
    /// Whether it is always there.
    pub requirement: Requirement,
    /// What it says.
    pub meaning: &'static str,
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Logs => "logs",
            Self::Metrics => "metrics",
            Self::Resource => "resource",
            Self::Traces => "traces",
        })
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bool => "bool",
            Self::Double => "double",
            Self::Int => "int",
            Self::String => "string",
            Self::Strings => "string[]",
        })
    }
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::IfKnown => "if known",
            Self::Required => "required",
        })
    }
}

/// The events and the attributes as tables for people.
#[must_use]
pub fn markdown() -> String {
    let mut text = format!("Version {VERSION}, `schema_url` <{SCHEMA_URL}>.\n\n");
    text.push_str("| Event | Meaning |\n|---|---|\n");
    for (name, meaning) in EVENTS {
        row(&mut text, format_args!("| `{name}` | {meaning} |"));
    }
    text.push_str("\n| Attribute | Signals | Type | Presence | Meaning |\n|---|---|---|---|---|\n");
    for Attribute { name, signals, kind, requirement, meaning } in ATTRIBUTES {
        let signals: Vec<String> = signals.iter().map(ToString::to_string).collect();
        let signals = signals.join(", ");
        row(
            &mut text,
            format_args!("| `{name}` | {signals} | {kind} | {requirement} | {meaning} |"),
        );
    }
    text
}

fn row(text: &mut String, row: fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let written = writeln!(text, "{row}");
    debug_assert!(written.is_ok(), "a string takes everything");
}

/// Writes a constant for each name, and the table of all.
macro_rules! attributes {
    ($($constant:ident = $name:literal [$($signal:ident),+] $kind:ident $requirement:ident
        $meaning:literal;)+) => {
        $(
            #[doc = $meaning]
            pub const $constant: &str = $name;
        )+

        /// The whole table: the resource first, then what others named, then our own names.
        pub static ATTRIBUTES: &[Attribute] = &[$(Attribute {
            name: $constant,
            signals: &[$(Signal::$signal),+],
            kind: Kind::$kind,
            requirement: Requirement::$requirement,
            meaning: $meaning,
        }),+];
    };
}

attributes! {
    SERVICE_NAME = "service.name" [Resource] String Required
        "`palisade`.";
    SERVICE_VERSION = "service.version" [Resource] String Required
        "The version of the software that sends.";
    SERVICE_INSTANCE_ID = "service.instance.id" [Resource] String Required
        "The process that sends.";
    CLIENT_ADDRESS = "client.address" [Logs] String IfKnown
        "Where the call came from, as the enforcement point saw it.";
    ERROR_TYPE = "error.type" [Logs, Traces] String IfKnown
        "`palisade.outcome`: a class of error, as it was reported.";
    GEN_AI_AGENT_ID = "gen_ai.agent.id" [Logs, Traces] String IfKnown
        "`palisade.decision`: the last agent of the chain, as `issuer:subject`.";
    GEN_AI_CONVERSATION_ID = "gen_ai.conversation.id" [Logs] String IfKnown
        "The agent run.";
    GEN_AI_OPERATION_NAME = "gen_ai.operation.name" [Logs, Traces] String Required
        "`palisade.decision`: `execute_tool`.";
    GEN_AI_TOOL_NAME = "gen_ai.tool.name" [Logs, Traces] String Required
        "`palisade.decision` and `palisade.shadow`: the tool's name as sent.";
    RPC_METHOD = "rpc.method" [Traces] String Required
        "The method that was called, e.g. `palisade.v1.AuthorizationService/Authorize`.";
    RPC_RESPONSE_STATUS_CODE = "rpc.response.status_code" [Traces] String Required
        "How the call was answered, e.g. `OK`: a deny is an answer.";
    RPC_SYSTEM_NAME = "rpc.system.name" [Traces] String Required
        "`grpc`.";
    ACTOR_CHAIN = "palisade.actor.chain" [Logs] Strings Required
        "`palisade.decision` and `palisade.shadow`: who asked, head first, as `kind:issuer:subject`.";
    ACTOR_PROOFS = "palisade.actor.proofs" [Logs] Strings Required
        "`palisade.decision`: how each actor of the chain was proven, `asserted`, `bearer` or `key_bound`.";
    ACTORS_PROVEN = "palisade.actor.proven" [Logs] Bool Required
        "`palisade.decision`: whether the actors were proven; otherwise they are the caller's word.";
    APPROVAL_IDS = "palisade.approval.ids" [Logs] Strings IfKnown
        "Approvals that were spent.";
    ARGUMENTS = "palisade.arguments" [Logs] String IfKnown
        "The arguments as JSON, redacted; only if the configuration keeps them.";
    ARGUMENTS_DIGEST = "palisade.arguments.digest" [Logs] String Required
        "`palisade.decision`: keyed digest of the arguments.";
    ATTESTATION_EVIDENCE_DIGEST = "palisade.attestation.evidence_digest" [Logs] String IfKnown
        "SHA-256 of the evidence.";
    ATTESTATION_ISSUED_AT = "palisade.attestation.issued_at" [Logs] String IfKnown
        "When the attestation result was issued.";
    ATTESTATION_DEBUG = "palisade.attestation.debug" [Logs] Bool IfKnown
        "Whether somebody could look into the environment.";
    ATTESTATION_REFERENCES = "palisade.attestation.references" [Logs] Strings IfKnown
        "Reference values of the bundle that the environment meets.";
    ATTESTATION_SUBJECT = "palisade.attestation.subject" [Logs] String IfKnown
        "What was attested, as the verifier names it.";
    ATTESTATION_TIER = "palisade.attestation.tier" [Logs] String IfKnown
        "What was proven of the last actor's environment.";
    ATTESTATION_VERIFIER = "palisade.attestation.verifier" [Logs] String IfKnown
        "Who appraised the evidence.";
    AUTH_ACR = "palisade.auth.acr" [Logs] String IfKnown
        "Authentication context class of the head of the chain.";
    AUTH_AMR = "palisade.auth.amr" [Logs] Strings IfKnown
        "Authentication methods of the head of the chain.";
    AUTH_TIME = "palisade.auth.time" [Logs] String IfKnown
        "When the head of the chain had signed in.";
    CACHE_NAME = "palisade.cache.name" [Metrics] String IfKnown
        "Which of the caches.";
    CALL_DURATION_MS = "palisade.call.duration_ms" [Logs] Int Required
        "`palisade.outcome`: how long the call took, in milliseconds.";
    CALL_RESULT_BYTES = "palisade.call.result_bytes" [Logs] Int Required
        "`palisade.outcome`: bytes of the result.";
    CALL_RESULT_DIGEST = "palisade.call.result_digest" [Logs] String IfKnown
        "`palisade.outcome`: keyed digest of the result's reported digest.";
    CALL_STATUS = "palisade.call.status" [Logs, Metrics] String Required
        "`palisade.outcome`: `success`, `failure`, `not_made` or `unknown`.";
    CHECKPOINT_CLOSING = "palisade.checkpoint.closing" [Logs] Bool Required
        "`palisade.checkpoint`: whether the process closed the log with it.";
    CHECKPOINT_NOTE = "palisade.checkpoint.note" [Logs] String Required
        "`palisade.checkpoint`: the whole signed note. The tree's size is the record's index.";
    DATA_LABELS = "palisade.data.labels" [Logs] Strings IfKnown
        "Labels on the data involved.";
    DECISION_DECIDE_NS = "palisade.decision.decide_ns" [Logs] Int Required
        "`palisade.decision`: from the decoded request to the verdict, in nanoseconds.";
    DECISION_DRY_RUN = "palisade.decision.dry_run" [Logs, Metrics, Traces] Bool Required
        "`palisade.decision`: a dry run, not to be enforced.";
    DECISION_EXCEPTIONS = "palisade.decision.exceptions" [Logs] Strings IfKnown
        "Exceptions of the bundle that lifted a forbid, as `id policy ticket`.";
    DECISION_ID = "palisade.decision.id" [Logs, Traces] String Required
        "`palisade.decision`, `palisade.outcome` and `palisade.shadow`: names the decision.";
    DECISION_OUTCOME = "palisade.decision.outcome" [Logs, Metrics, Traces] String Required
        "`palisade.decision` and `palisade.shadow`: what was answered, `allow`, `deny` or `challenge`.";
    DECISION_REASON = "palisade.decision.reason" [Logs, Metrics, Traces] String Required
        "`palisade.decision` and `palisade.shadow`: why, a stable code.";
    DECISION_REQUIREMENTS = "palisade.decision.requirements" [Logs, Traces] Strings IfKnown
        "What a challenge asks for: `approval`, `attestation`, `confirmation`, `step_up`.";
    DECISION_VALID_FOR_MS = "palisade.decision.valid_for_ms" [Logs] Int IfKnown
        "How long the answer could be used again, in milliseconds.";
    GAP_ANSWERED = "palisade.gap.answered" [Logs] Bool Required
        "`palisade.gap`: whether the calls were answered all the same; otherwise each was denied.";
    GAP_CAUSE = "palisade.gap.cause" [Logs] String IfKnown
        "`palisade.gap`: what the operating system said.";
    GAP_FIRST_TIME = "palisade.gap.first_time" [Logs] String Required
        "`palisade.gap`: when the first of them happened.";
    GAP_LAST_TIME = "palisade.gap.last_time" [Logs] String Required
        "`palisade.gap`: when the last of them happened.";
    GAP_RECORDS = "palisade.gap.records" [Logs] Int Required
        "`palisade.gap`: how many records are missing.";
    GRANT_ID = "palisade.grant.id" [Logs] String IfKnown
        "The grant that was given.";
    LOG_INDEX = "palisade.log.index" [Logs] Int Required
        "All events but `palisade.refused`: the record's position in the log, from 0, without gaps.";
    LOG_LEAF_HASH = "palisade.log.leaf_hash" [Logs] String Required
        "All events but `palisade.refused`: the record's leaf hash in the log's Merkle tree (RFC 6962).";
    OBLIGATION_DEADLINE_MS = "palisade.obligation.deadline_ms" [Logs] Int IfKnown
        "The call had to be over this long after the answer, in milliseconds.";
    OBLIGATION_REDACT_RESULT = "palisade.obligation.redact_result" [Logs] Strings IfKnown
        "JSON pointers of result fields that had to be removed.";
    OPENED_SOFTWARE_VERSION = "palisade.opened.software_version" [Logs] String Required
        "`palisade.opened`: the version of the software that wrote what follows.";
    OPENED_TORN_BYTES = "palisade.opened.torn_bytes" [Logs] Int Required
        "`palisade.opened`: bytes that were being written when the process before died, and were taken away.";
    OPENED_VERIFIER_KEY = "palisade.opened.verifier_key" [Logs] String IfKnown
        "`palisade.opened`: the public key of the checkpoints that follow.";
    OPENED_WAITS_FOR_DISK = "palisade.opened.waits_for_disk" [Logs] Bool Required
        "`palisade.opened`: whether answers wait until their record is on disk.";
    OPENED_WAS_CLOSED = "palisade.opened.was_closed" [Logs] Bool Required
        "`palisade.opened`: whether the process before closed the log.";
    PEP_ID = "palisade.pep.id" [Logs] String IfKnown
        "The enforcement point, as it was authenticated.";
    PEP_REQUEST_ID = "palisade.pep.request_id" [Logs] String IfKnown
        "The enforcement point's own id of the call.";
    POLICY_IDS = "palisade.policy.ids" [Logs, Traces] Strings IfKnown
        "The policies that determined the answer.";
    RECORD_REDACTIONS = "palisade.record.redactions" [Logs] Strings IfKnown
        "What was redacted in the record, as `pointer kind`.";
    REFUSED_INDEX = "palisade.refused.index" [Logs] Int Required
        "`palisade.refused`: the position of the record that the collector has refused.";
    REFUSED_LEAF_HASH = "palisade.refused.leaf_hash" [Logs] String Required
        "`palisade.refused`: the leaf hash of that record.";
    REFUSAL_REASON = "palisade.refusal.reason" [Metrics] String Required
        "Why a call was answered with an error instead of a decision, a stable code.";
    REQUEST_ID = "palisade.request.id" [Logs] String IfKnown
        "The caller's retry key.";
    REQUEST_MINIMUM_VERSION = "palisade.request.minimum_version" [Logs] Int IfKnown
        "The oldest bundle version that the caller accepts.";
    REQUIREMENT_KIND = "palisade.requirement.kind" [Metrics] String Required
        "What a challenge asks for: `approval`, `attestation`, `confirmation` or `step_up`.";
    RESOURCE_ENTITY = "palisade.resource.entity" [Logs] String IfKnown
        "The Cedar entity the call acts on.";
    RESOURCE_NAMED = "palisade.resource.named" [Logs] String IfKnown
        "The target that the caller named, as `type:id`.";
    RETENTION_CAUSE = "palisade.retention.cause" [Logs] String Required
        "`palisade.retention`: `age` or `size`.";
    RETENTION_FIRST_INDEX = "palisade.retention.first_index" [Logs] Int Required
        "`palisade.retention`: the first record that is left.";
    RETENTION_RECORDS = "palisade.retention.records" [Logs] Int Required
        "`palisade.retention`: how many were deleted.";
    RETENTION_UNSHIPPED = "palisade.retention.unshipped" [Logs] Int Required
        "`palisade.retention`: how many of them had not been shipped.";
    REVISION_BUNDLE = "palisade.revision.bundle" [Logs, Traces] String IfKnown
        "The name of the bundle that decided; `palisade.rollout`: that it is about; `palisade.shadow`: that decides in the shadow.";
    REVISION_DIGEST = "palisade.revision.digest" [Logs, Traces] String IfKnown
        "The digest of the bundle that decided; `palisade.rollout`: that it is about; `palisade.shadow`: that decides in the shadow.";
    REVISION_VERSION = "palisade.revision.version" [Logs, Traces] Int IfKnown
        "The version of the bundle that decided; `palisade.rollout`: that it is about; `palisade.shadow`: that decides in the shadow.";
    ROLLOUT_ACTION = "palisade.rollout.action" [Logs, Metrics] String Required
        "`palisade.rollout`: `activated`, `pinned`, `refused`, `rolled_back`, `shadow_ended`, `shadow_started` or `unpinned`.";
    ROLLOUT_CODE = "palisade.rollout.code" [Logs, Metrics] String IfKnown
        "Why a revision was refused, a stable code.";
    ROLLOUT_DETAIL = "palisade.rollout.detail" [Logs] String IfKnown
        "Why a revision was refused, or what an operator wrote.";
    ROLLOUT_FROM_BUNDLE = "palisade.rollout.from.bundle" [Logs] String IfKnown
        "The name of the bundle that was in force before.";
    ROLLOUT_FROM_DIGEST = "palisade.rollout.from.digest" [Logs] String IfKnown
        "The digest of the bundle that was in force before.";
    ROLLOUT_FROM_VERSION = "palisade.rollout.from.version" [Logs] Int IfKnown
        "The version of the bundle that was in force before.";
    SHADOW_KIND = "palisade.shadow.kind" [Logs, Metrics] String Required
        "`palisade.shadow`: what decides in the shadow: another `revision`, or the one in force with its shadow `policies` counted.";
    SHADOW_OUTCOME = "palisade.shadow.outcome" [Logs] String Required
        "`palisade.shadow`: what would have been answered, `allow`, `deny` or `challenge`.";
    SHADOW_POLICIES = "palisade.shadow.policies" [Logs] Strings IfKnown
        "The policies that would have determined the answer.";
    SHADOW_REASON = "palisade.shadow.reason" [Logs] String Required
        "`palisade.shadow`: why, a stable code.";
    SHADOW_RESULT = "palisade.shadow.result" [Metrics] String Required
        "`same`; `reason_only` if the outcome is the same; otherwise what was answered and what would have been, e.g. `allow_to_deny`.";
    TOOL_DIGEST = "palisade.tool.digest" [Logs] String IfKnown
        "The digest of the tool definition that the caller saw.";
    TOOL_EFFECT = "palisade.tool.effect" [Logs, Traces] String IfKnown
        "The tool's effect: `read`, `write` or `admin`.";
    TOOL_TIER = "palisade.tool.tier" [Logs, Metrics, Traces] Int IfKnown
        "The tool's tier, 1 to 3.";
    TRANSACTION_ID = "palisade.transaction.id" [Logs] String IfKnown
        "The transaction within the agent run.";
}

#[cfg(test)]
mod tests;
