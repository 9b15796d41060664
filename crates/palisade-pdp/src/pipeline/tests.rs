mod expiry;
mod shadow;
mod swap;

use std::collections::BTreeMap;
use std::io;
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, Ordering};
use std::task::{Context, Poll, Waker};

use palisade_catalog::Catalog;
use palisade_catalog::ReferenceValues;
use palisade_core::ActorChain;
use palisade_core::{
    Actor, ActorKind, BundleName, DecisionId, FactSources, IssuerName, LogFuture, RequestOptions,
    Subject, Unobserved, VerifiedChain,
};
use palisade_engine::{ClaimMappings, Issuers, SnapshotSources, SourceFile};

use super::*;

const CATALOG: &str = "
format: 1
segments: [customers]
services:
  crm: { segment: customers }
tools:
  crm.read_ticket:
    tier: 1
    effect: read
    deadline: 2s
    valid_for: 30s
    redact_result: [/ssn]
  crm.delete_ticket:
    tier: 3
    effect: write
";

const POLICIES: &str = r#"
@id("read") permit (principal, action in Action::"read", resource);
@id("delete") permit (principal, action == Action::"crm.delete_ticket", resource);
@id("ask-first") @require("confirmation") @reason("deleting is final")
forbid (principal, action in Action::"tier3", resource)
unless { context.confirmation.granted };
"#;

const AGENTS: &str = r#"[
  { "uid": { "type": "Agent", "id": "corp:bot" }, "attrs": { "autonomous": false }, "parents": [] }
]"#;

/// Keeps records, or fails to.
#[derive(Default)]
struct MemoryLog {
    records: Mutex<Vec<DecisionRecord>>,
    broken: bool,
}

impl DecisionLog for MemoryLog {
    fn append<'a>(&'a self, entry: LogEntry<'_>) -> LogFuture<'a> {
        let LogEntry::Decision(record) = entry else { panic!("only decisions are made here") };
        let record = record.clone();
        Box::pin(async move {
            if self.broken {
                return Err(LogError(io::Error::from(io::ErrorKind::StorageFull)));
            }
            self.records.lock().unwrap().push(record);
            Ok(())
        })
    }
}

/// Moves on by one millisecond whenever it is looked at.
#[derive(Default)]
struct TickingClock(AtomicI64);

impl Clock for TickingClock {
    fn now(&self) -> EpochMillis {
        EpochMillis::new(self.0.fetch_add(1, Ordering::Relaxed))
    }

    fn monotonic(&self) -> Duration {
        Duration::from_millis(u64::try_from(self.now().as_millis()).unwrap())
    }
}

struct OneId;

impl IdSource for OneId {
    fn decision_id(&self, now: EpochMillis) -> DecisionId {
        DecisionId::new(now, [1; 10])
    }
}

fn snapshot(version: u64) -> Arc<PolicySnapshot> {
    snapshot_with(version, POLICIES)
}

fn snapshot_with(version: u64, policies: &str) -> Arc<PolicySnapshot> {
    let file = |name: &str, text: &str| SourceFile { name: name.into(), text: text.into() };
    let catalog = Catalog::parse(&"catalog.yaml".into(), CATALOG).unwrap().0;
    let corp = BTreeMap::from([("corp".to_owned(), "https://corp.example".to_owned())]);
    let sources = SnapshotSources {
        revision: Revision {
            bundle: BundleName::new("desk").unwrap(),
            version,
            digest: Sha256Digest::of(b"desk"),
        },
        issuers: Issuers::new(corp),
        claims: ClaimMappings::default(),
        catalog,
        policies: vec![file("policies/desk.cedar", policies)],
        links: Vec::new(),
        schema: Vec::new(),
        entities: vec![file("entities/agents.json", AGENTS)],
        exceptions: Vec::new(),
        reference: ReferenceValues::default(),
    };
    Arc::new(PolicySnapshot::build(&sources, FactSources::default()).unwrap().0)
}

fn pdp(log: &Arc<MemoryLog>) -> Pdp {
    let pdp = empty_pdp(log);
    pdp.parts.snapshots.publish(snapshot(3));
    pdp
}

fn empty_pdp(log: &Arc<MemoryLog>) -> Pdp {
    Pdp::new(PdpParts {
        identity: None,
        attestation: None,
        snapshots: Arc::new(Snapshots::new()),
        shadow: Shadow::new(1.0).0,
        log: Arc::clone(log) as Arc<dyn DecisionLog>,
        clock: Arc::new(TickingClock::default()),
        ids: Arc::new(OneId),
        digest_key: DigestKey::new([9; 32]),
        records_arguments: false,
        observer: Arc::new(Unobserved),
    })
}

fn actor(kind: ActorKind, subject: &str) -> Actor {
    Actor {
        kind,
        issuer: IssuerName::new("corp").unwrap(),
        subject: Subject::new(subject).unwrap(),
    }
}

/// As an operator asks.
fn explain(pdp: &Pdp, call: &ToolCall) -> Result<Explained, AuthorizeError> {
    let call = PresentedCall::from(call.clone());
    let identified = pdp.identify(&call.credentials, &Asker::Anybody);
    pdp.explain(call, identified)
}

/// As an enforcement point asks.
fn list_tools(pdp: &Pdp, call: &ToolCall) -> Result<ToolList, ListToolsError> {
    let presented = PresentedCall::from(call.clone());
    let identified = pdp.identify(&presented.credentials, &Asker::Anybody);
    pdp.list_tools(&identified, &Asker::Anybody, &call.environment)
}

fn call(tool: &str) -> ToolCall {
    call_by("alice", tool)
}

fn call_by(user: &str, tool: &str) -> ToolCall {
    ToolCall {
        identity: None,
        chain: ActorChain::new(vec![actor(ActorKind::User, user), actor(ActorKind::Agent, "bot")])
            .unwrap(),
        tool: tool.to_owned(),
        tool_digest: None,
        arguments: Vec::new(),
        resource: None,
        environment: Environment::default(),
        options: RequestOptions::default(),
        trace: None,
    }
}

/// Nothing here waits, so one poll finishes it.
fn authorize(pdp: &Pdp, call: &ToolCall) -> Result<Decision, AuthorizeError> {
    let request_id = RequestId::new("r-1");
    let mut future = std::pin::pin!(pdp.authorize(call.clone(), request_id));
    match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => result,
        Poll::Pending => panic!("it waited"),
    }
}

#[test]
fn an_allow_carries_its_obligations_and_is_recorded_as_answered() {
    let log = Arc::new(MemoryLog::default());
    let asked = call("crm.read_ticket");
    let decision = authorize(&pdp(&log), &asked).unwrap();
    assert_eq!(decision.verdict.outcome, Outcome::Allow);
    assert_eq!(decision.revision.version, 3);
    assert_eq!(
        decision.obligations,
        Obligations {
            deadline: Some(Duration::from_secs(2)),
            redact_result: vec!["/ssn".to_owned()]
        }
    );
    assert_eq!(decision.valid_for, Duration::from_secs(30));
    let records = log.records.lock().unwrap();
    let [record] = records.as_slice() else { panic!("{records:?}") };
    assert_eq!(record.decision, decision);
    assert_eq!(record.request_id, RequestId::new("r-1"));
    // Without a verifier every link is the caller's word.
    let asserted = VerifiedChain::asserted(asked.chain.clone());
    assert_eq!(record.identity.as_deref(), Some(&asserted));
    assert_eq!(record.chain, Some(asked.chain));
    assert_eq!((record.tier, record.effect), (Some(Tier::ReadOnly), Some(Effect::Read)));
    assert_eq!(record.resource.as_deref(), Some("Tool::\"crm.read_ticket\""));
    assert!(record.latency.decide > Duration::ZERO);
    // The clock was looked at once for the decision: id and record tell the same time.
    assert_eq!(decision.id, OneId.decision_id(record.time));
}

#[test]
fn a_challenge_obliges_to_nothing_and_is_not_to_be_used_again() {
    let log = Arc::new(MemoryLog::default());
    let decision = authorize(&pdp(&log), &call("crm.delete_ticket")).unwrap();
    assert_eq!(decision.verdict.outcome, Outcome::Challenge);
    assert_eq!(decision.obligations, Obligations::default());
    assert_eq!(decision.valid_for, Duration::ZERO);
}

#[test]
fn a_call_that_does_not_fit_the_catalog_is_a_recorded_deny() {
    let log = Arc::new(MemoryLog::default());
    let decision = authorize(&pdp(&log), &call("crm.no_such_tool")).unwrap();
    assert_eq!(decision.verdict.outcome, Outcome::Deny);
    assert_eq!(decision.verdict.reason.code, ReasonCode::UnknownTool);
    let records = log.records.lock().unwrap();
    assert_eq!((records[0].tier, &records[0].resource), (None, &None));
    assert_eq!(records[0].tool, "crm.no_such_tool");
}

#[test]
fn what_cannot_be_recorded_is_denied() {
    let log = Arc::new(MemoryLog { broken: true, ..MemoryLog::default() });
    let decision = authorize(&pdp(&log), &call("crm.read_ticket")).unwrap();
    assert_eq!(decision.verdict.outcome, Outcome::Deny);
    assert_eq!(decision.verdict.reason.code, ReasonCode::LogUnavailable);
    assert!(decision.verdict.determining.is_empty());
    assert_eq!(decision.obligations, Obligations::default());
    assert_eq!(decision.valid_for, Duration::ZERO);
}

#[test]
fn a_dry_run_is_recorded_as_one_and_not_to_be_used_at_all() {
    let log = Arc::new(MemoryLog::default());
    let mut dry = call("crm.read_ticket");
    dry.options.dry_run = true;
    let decision = authorize(&pdp(&log), &dry).unwrap();
    assert_eq!(decision.verdict.outcome, Outcome::Allow);
    assert!(decision.dry_run);
    assert_eq!(decision.valid_for, Duration::ZERO);
    assert!(log.records.lock().unwrap()[0].decision.dry_run);
}

#[test]
fn equal_arguments_have_equal_digests_and_no_json_is_digested_as_sent() {
    let log = Arc::new(MemoryLog::default());
    let pdp = pdp(&log);
    let texts: [&[u8]; 5] =
        [b"{\"a\":1,\"b\":2}", b"{ \"b\": 2.0, \"a\": 1 }", b"", b"{}", b"\xff"];
    for text in texts {
        authorize(&pdp, &ToolCall { arguments: text.to_vec(), ..call("crm.read_ticket") }).unwrap();
    }
    let records = log.records.lock().unwrap();
    let digests: Vec<_> = records.iter().map(|record| record.arguments_digest).collect();
    assert_eq!(digests[0], digests[1]);
    assert_eq!(digests[2], digests[3]);
    assert_ne!(digests[0], digests[2]);
    let as_sent = Sha256Digest::of(b"\xff");
    assert_eq!(digests[4], DigestKey::new([9; 32]).digest(as_sent.as_bytes()));
    assert_eq!(records[4].decision.verdict.reason.code, ReasonCode::InvalidArguments);
}

#[test]
fn a_version_that_is_not_held_is_no_decision() {
    let log = Arc::new(MemoryLog::default());
    let pdp = pdp(&log);
    let mut asked = call("crm.read_ticket");
    asked.options.minimum_version = 3;
    assert_eq!(authorize(&pdp, &asked).unwrap().revision.version, 3);
    asked.options.minimum_version = 4;
    let expected = AuthorizeError::RevisionNotHeld { minimum: 4, held: 3 };
    assert_eq!(authorize(&pdp, &asked), Err(expected));
    assert_eq!(explain(&pdp, &asked).unwrap_err(), expected);
    pdp.parts.snapshots.publish(snapshot(4));
    assert_eq!(authorize(&pdp, &asked).unwrap().revision.version, 4);
}

#[test]
fn before_the_first_snapshot_nothing_is_decided() {
    let log = Arc::new(MemoryLog::default());
    let pdp = empty_pdp(&log);
    assert!(!pdp.is_ready());
    let asked = call("crm.read_ticket");
    assert_eq!(authorize(&pdp, &asked), Err(AuthorizeError::NoSnapshot));
    assert_eq!(explain(&pdp, &asked).unwrap_err(), AuthorizeError::NoSnapshot);
    let listed = list_tools(&pdp, &asked);
    assert_eq!(listed.unwrap_err(), ListToolsError::NoSnapshot);
    assert!(log.records.lock().unwrap().is_empty());
}

#[test]
fn an_explanation_says_what_authorize_would_and_records_nothing() {
    let log = Arc::new(MemoryLog::default());
    let pdp = pdp(&log);
    for tool in ["crm.read_ticket", "crm.delete_ticket", "crm.no_such_tool"] {
        let explained = explain(&pdp, &call(tool)).unwrap();
        assert!(log.records.lock().unwrap().is_empty());
        let decision = authorize(&pdp, &call(tool)).unwrap();
        log.records.lock().unwrap().clear();
        assert_eq!(explained.verdict, *decision.verdict);
        assert_eq!(explained.obligations, decision.obligations);
        assert_eq!(explained.valid_for, decision.valid_for);
        assert_eq!(explained.revision, decision.revision);
        let links = explained.explanation.map(|explanation| explanation.links.len());
        assert_eq!(links, (tool != "crm.no_such_tool").then_some(2), "{tool}");
    }
}

#[test]
fn listed_tools_carry_what_the_catalog_says_of_them() {
    let log = Arc::new(MemoryLog::default());
    let asked = call("");
    let list = list_tools(&pdp(&log), &asked).unwrap();
    let listed: Vec<_> = list
        .tools
        .iter()
        .map(|tool| (tool.prospect.tool.as_str(), tool.prospect.prospect, tool.tier))
        .collect();
    assert_eq!(
        listed,
        [
            ("crm.delete_ticket", Prospect::Challenge, Tier::HighImpact),
            ("crm.read_ticket", Prospect::Allow, Tier::ReadOnly),
        ]
    );
}

#[test]
fn a_chain_that_is_refused_is_denied_every_tool() {
    let log = Arc::new(MemoryLog::default());
    let alone = ActorChain::new(vec![actor(ActorKind::Agent, "bot")]).unwrap();
    let list = list_tools(&pdp(&log), &ToolCall { chain: alone, ..call("") }).unwrap();
    let listed: Vec<_> = list
        .tools
        .iter()
        .map(|tool| {
            let ToolProspect { tool, prospect, reason, .. } = &tool.prospect;
            (tool.as_str(), *prospect, reason.code)
        })
        .collect();
    let refused = |tool| (tool, Prospect::Deny, ReasonCode::AgentNotAutonomous);
    assert_eq!(listed, [refused("crm.delete_ticket"), refused("crm.read_ticket")]);
}
