//! A log with known records in a directory of its own.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use palisade_core::{
    ActorChain, BundleName, CallOutcome, CallStatus, Clock, Decision, DecisionId, DecisionLog as _,
    DecisionRecord, DigestKey, Effect, Environment, EpochMillis, ExceptionUse, LogEntry,
    Obligations, Outcome, PolicyId, PostedRequirement, Reason, ReasonCode, RecordedLatency,
    Requirement, Revision, RolloutAction, RolloutRecord, Sha256Digest, ShadowKind, ShadowRecord,
    Tier, TraceContext, Verdict,
};
use palisade_log::{Durability, LogConfig, OnFailure, Retention, SegmentLog, Unshipped};
use tempfile::TempDir;

use crate::cli::tests::{Ran, palisade};

/// 2026-01-01T12:00:00Z.
pub(in crate::cli) const NOON: i64 = 1_767_268_800_000;

/// Stands still until it is set.
#[derive(Debug)]
pub(in crate::cli) struct ManualClock(pub(in crate::cli) AtomicI64);

impl Clock for ManualClock {
    fn now(&self) -> EpochMillis {
        EpochMillis::new(self.0.load(Ordering::SeqCst))
    }

    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }
}

/// A log and its key, gone with this.
pub(in crate::cli) struct Fixture {
    home: TempDir,
    pub(in crate::cli) clock: Arc<ManualClock>,
    made: AtomicU64,
}

impl Fixture {
    pub(in crate::cli) fn new() -> Self {
        let home = tempfile::tempdir().expect("temporary directory");
        let clock = Arc::new(ManualClock(AtomicI64::new(NOON)));
        Self { home, clock, made: AtomicU64::new(0) }
    }

    pub(in crate::cli) fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    pub(in crate::cli) fn directory(&self) -> PathBuf {
        self.path("log")
    }

    pub(in crate::cli) fn config(&self) -> LogConfig {
        LogConfig {
            directory: self.directory(),
            durability: Durability::Commit,
            on_failure: OnFailure::Deny,
            segment_bytes: 4096,
            retention: Retention { age: None, bytes: None, unshipped: Unshipped::Delete },
            is_shipped: false,
            checkpoint_interval: Duration::from_secs(60),
            checkpoint_key: self.path("checkpoint.key"),
        }
    }

    pub(in crate::cli) fn open(&self) -> SegmentLog {
        SegmentLog::open(self.config(), Arc::clone(&self.clock) as _).expect("the log opens")
    }

    /// A log with these decisions, closed.
    pub(in crate::cli) fn write(&self, decisions: &[DecisionRecord]) {
        let log = self.open();
        for decision in decisions {
            append(&log, LogEntry::Decision(decision));
        }
        log.close();
    }

    /// An allowed read by Alice's agent, a second after the one before.
    pub(in crate::cli) fn allow(&self) -> DecisionRecord {
        let number = self.made.fetch_add(1, Ordering::SeqCst);
        let time = self.clock.0.fetch_add(1000, Ordering::SeqCst);
        let time = EpochMillis::new(time);
        let mut random = [0; 10];
        random[2..].copy_from_slice(&number.to_be_bytes());
        let links = ["user:corp:alice", "agent:corp:helpdesk-bot"];
        let links = links.map(|link| link.parse().expect("an actor")).to_vec();
        DecisionRecord {
            time,
            decision: Decision {
                id: DecisionId::new(time, random),
                verdict: Arc::new(Verdict {
                    outcome: Outcome::Allow,
                    reason: Reason::new(ReasonCode::Permitted, "Every link is permitted."),
                    determining: vec![PolicyId::new("agents-read")],
                    requirements: Vec::new(),
                    exceptions: Vec::new(),
                }),
                revision: revision(1),
                dry_run: false,
                obligations: Obligations {
                    deadline: Some(Duration::from_secs(30)),
                    redact_result: vec!["/card".to_owned()],
                },
                valid_for: Duration::from_secs(5),
                attestation_challenge: None,
            },
            request_id: None,
            environment: Environment::default(),
            pep: None,
            chain: ActorChain::new(links).ok(),
            identity: None,
            authentication: None,
            attestation: None,
            tool: "crm.read_ticket".to_owned(),
            tool_digest: None,
            tier: Some(Tier::ReadOnly),
            effect: Some(Effect::Read),
            resource: Some("Tool::\"crm.read_ticket\"".into()),
            named_resource: None,
            minimum_version: 0,
            arguments_digest: DigestKey::new([1; 32]).digest(b"{}"),
            arguments: None,
            trace: TraceContext::parse("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
            latency: RecordedLatency { decide: Duration::from_micros(100 + number) },
        }
    }

    /// A refund by a service that needs an approval.
    pub(in crate::cli) fn challenge(&self) -> DecisionRecord {
        let mut record = self.allow();
        let policies = vec![PolicyId::new("refunds-need-approval")];
        record.decision.verdict = Arc::new(Verdict {
            outcome: Outcome::Challenge,
            reason: Reason::new(ReasonCode::RequirementsUnmet, "Somebody has to approve."),
            determining: policies.clone(),
            requirements: vec![PostedRequirement {
                requirement: Requirement::Approval {
                    approvers: "finance-approvers".to_owned(),
                    quorum: 1,
                    expires: Some(Duration::from_secs(900)),
                },
                policies,
            }],
            exceptions: Vec::new(),
        });
        record.decision.valid_for = Duration::ZERO;
        let link = "service:corp:billing".parse().expect("an actor");
        record.chain = ActorChain::new(vec![link]).ok();
        record.tool = "payments.refund".to_owned();
        (record.tier, record.effect) = (Some(Tier::HighImpact), Some(Effect::Write));
        record.resource = Some("Tool::\"payments.refund\"".into());
        record
    }

    /// A tool that is not catalogued, with a name that would clear the screen.
    pub(in crate::cli) fn deny(&self) -> DecisionRecord {
        let mut record = self.allow();
        record.decision.verdict = Arc::new(Verdict::deny(Reason::new(
            ReasonCode::UnknownTool,
            "The tool `evil\u{1b}[2J` is not in the catalog.",
        )));
        record.decision.valid_for = Duration::ZERO;
        record.decision.dry_run = true;
        record.tool = "evil\u{1b}[2J\u{9b}1m.x".to_owned();
        (record.tier, record.effect, record.resource) = (None, None, None);
        (record.trace, record.minimum_version) = (None, 7);
        record
    }

    /// An allow for which two exceptions were used.
    pub(in crate::cli) fn excepted(&self) -> DecisionRecord {
        let mut record = self.allow();
        let used = |id: &str, policy: &str| ExceptionUse {
            id: id.into(),
            policy: PolicyId::new(policy),
            ticket: "SEC-7".into(),
        };
        Arc::make_mut(&mut record.decision.verdict).exceptions =
            vec![used("migration", "no-bulk"), used("migration", "no-nights")];
        record
    }

    /// What the sample bundle's version 2 says of a decision: a deny because of these policies.
    pub(in crate::cli) fn shadow(&self, of: &DecisionRecord, policies: &[&str]) -> ShadowRecord {
        let reason = Reason::new(ReasonCode::PolicyForbid, "Not in this week.");
        let determining = policies.iter().copied().map(PolicyId::new).collect();
        ShadowRecord {
            time: of.time,
            decision: of.decision.id,
            chain: of.chain.clone().expect("a chain"),
            tool: of.tool.clone(),
            tool_is_known: of.tier.is_some(),
            verdict: Arc::clone(&of.decision.verdict),
            kind: ShadowKind::Revision,
            revision: revision(2),
            shadow_verdict: Arc::new(Verdict { determining, ..Verdict::deny(reason) }),
        }
    }

    /// A change of the sample bundle, a second after what came before.
    pub(in crate::cli) fn rollout(&self, action: RolloutAction) -> RolloutRecord {
        let refused = action == RolloutAction::Refused;
        RolloutRecord {
            time: EpochMillis::new(self.clock.0.fetch_add(1000, Ordering::SeqCst)),
            action,
            from: (!refused).then(|| revision(1)),
            to: Some(revision(2)),
            code: if refused { "tests_failed" } else { "" },
            detail: if refused { "1 of 9 tests\u{1b}[2J".to_owned() } else { String::new() },
        }
    }

    /// Runs `palisade log …` on this log.
    pub(in crate::cli) fn run(&self, arguments: &[&str]) -> Ran {
        self.palisade(&[&["log"], arguments].concat())
    }

    /// Runs `palisade …` on this log.
    pub(in crate::cli) fn palisade(&self, arguments: &[&str]) -> Ran {
        let directory = format!("log.directory={}", self.directory().display());
        let key = format!("log.checkpoint_key_file={}", self.path("checkpoint.key").display());
        palisade(&[&["--set", &directory, "--set", &key], arguments].concat())
    }

    /// The public key.
    pub(in crate::cli) fn public_key(&self) -> String {
        self.run(&["key"]).out.trim_end().to_owned()
    }

    /// The files of segments, oldest first.
    pub(in crate::cli) fn segments(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.directory()).expect("read");
        let mut paths: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
        paths.retain(|path| path.extension().is_some_and(|extension| extension == "log"));
        paths.sort();
        paths
    }
}

/// A revision of the sample bundle.
fn revision(version: u64) -> Arc<Revision> {
    Arc::new(Revision {
        bundle: BundleName::new("quickstart").expect("a name"),
        version,
        digest: Sha256Digest::from([0xaa + u8::try_from(version).expect("small"); 32]),
    })
}

/// Records that the call of a decision succeeded, half a second after it.
pub(in crate::cli) fn success(of: &DecisionRecord) -> CallOutcome {
    CallOutcome {
        time: EpochMillis::new(of.time.as_millis() + 500),
        pep: None,
        decision: of.decision.id,
        status: CallStatus::Success,
        duration: Duration::from_millis(12),
        error: String::new(),
        result_bytes: 120,
        result_digest: None,
        trace: None,
    }
}

/// Appends and waits for the disk, on a thread of its own: the caller may be within a runtime.
pub(in crate::cli) fn append(log: &SegmentLog, entry: LogEntry<'_>) {
    std::thread::scope(|scope| {
        let kept = scope.spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().build();
            runtime.expect("a runtime").block_on(log.append(entry))
        });
        kept.join().expect("no panic").expect("kept");
    });
}

/// Changes the first byte of the first occurrence of a text in a file.
pub(in crate::cli) fn flip(path: &std::path::Path, text: &str) {
    let mut bytes = fs::read(path).expect("read");
    let found = bytes.windows(text.len()).position(|window| window == text.as_bytes());
    bytes[found.expect("the text is there")] ^= 1;
    fs::write(path, bytes).expect("written");
}
