//! A second opinion on the decision log: a verifier in Python, written from the documented format
//! alone, agrees with ours on a sound log and on a tampered one.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

use palisade_core::{
    ActorChain, BundleName, Decision, DecisionId, DecisionLog as _, DecisionRecord, DigestKey,
    Environment, LogEntry, Obligations, Outcome, PolicyId, Reason, ReasonCode, RecordedLatency,
    Revision, RolloutAction, RolloutRecord, Sha256Digest, ShadowKind, ShadowRecord, Verdict,
};
use palisade_log::{
    Against, Durability, LogConfig, LogReader, OnFailure, Retention, SegmentLog, Unshipped,
    VerifierKey, check_proof, prove, verify,
};
use palisade_tests::external::installed;
use palisade_tests::{ManualClock, NOON, bundle};
use serde_json::Value;
use tempfile::TempDir;

/// Entries in each of two runs: decisions, and some of the other kinds that servers append.
const ENTRIES: u32 = 1500;

/// A log of two runs, closed, and its public key.
struct Written {
    home: TempDir,
    key: String,
    python: PathBuf,
}

impl Written {
    /// `None` if there is no Python and that is on purpose.
    async fn new() -> Option<Self> {
        let python = installed("venv/bin/python")?;
        let home = tempfile::tempdir().expect("temporary directory");
        let mut key = String::new();
        for run in 0..2 {
            let clock = Arc::new(ManualClock::default());
            let log = SegmentLog::open(config(home.path()), clock).expect("the log opens");
            log.verifier_key().clone_into(&mut key);
            for number in 0..ENTRIES {
                let record = decision(run * ENTRIES + number);
                let (shadow, rollout) = (shadow(&record), rollout(&record));
                let entry = match number % 10 {
                    8 => LogEntry::Shadow(&shadow),
                    9 => LogEntry::Rollout(&rollout),
                    _ => LogEntry::Decision(&record),
                };
                log.append(entry).await.expect("kept");
            }
            log.close();
        }
        Some(Self { home, key, python })
    }

    fn directory(&self) -> PathBuf {
        self.home.path().join("log")
    }

    fn segments(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.directory()).expect("read");
        let mut paths: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
        paths.retain(|path| path.extension().is_some_and(|extension| extension == "log"));
        paths.sort();
        paths
    }

    fn is_sound_to_us(&self) -> bool {
        let key = VerifierKey::parse(&self.key).expect("a key");
        let against = Against { key: Some(key), ..Against::default() };
        verify(&self.directory(), &against).expect("it can be read").is_sound()
    }

    fn python(&self, what: &str, path: &Path) -> Output {
        Command::new(&self.python)
            .arg(bundle::root().join("tests/src/outside/verify_log.py"))
            .arg(what)
            .arg(path)
            .arg(&self.key)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .stdin(Stdio::null())
            .output()
            .expect("python3 starts")
    }

    /// Both say that the log is not what was written.
    fn assert_wrong(&self, what: &str, said: &str) {
        assert!(!self.is_sound_to_us(), "{what}");
        assert_wrong(&self.python("log", &self.directory()), what, said);
    }
}

/// The verifier found something, rather than failing by itself.
fn assert_wrong(output: &Output, what: &str, said: &str) {
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{what}");
    assert!(error.starts_with("wrong: ") && error.contains(said), "{what}: {error}");
}

fn config(home: &Path) -> LogConfig {
    LogConfig {
        directory: home.join("log"),
        // Records are written together: what one is written with, and after, is part of the format.
        durability: Durability::Interval(Duration::from_millis(5)),
        on_failure: OnFailure::Deny,
        segment_bytes: 128 * 1024,
        retention: Retention { age: None, bytes: None, unshipped: Unshipped::Keep },
        is_shipped: false,
        checkpoint_interval: Duration::from_secs(60),
        checkpoint_key: home.join("checkpoint.key"),
    }
}

fn decision(number: u32) -> DecisionRecord {
    let mut random = [0; 10];
    random[6..].copy_from_slice(&number.to_be_bytes());
    let chain = vec!["user:corp:alice".parse().expect("an actor")];
    DecisionRecord {
        time: NOON,
        decision: Decision {
            id: DecisionId::new(NOON, random),
            verdict: Arc::new(Verdict {
                outcome: Outcome::Allow,
                reason: Reason::new(ReasonCode::Permitted, "Every link is permitted."),
                determining: vec![PolicyId::new("users-read")],
                requirements: Vec::new(),
                exceptions: Vec::new(),
            }),
            revision: Arc::new(Revision {
                bundle: BundleName::new("quickstart").expect("a name"),
                version: 1,
                digest: Sha256Digest::from([0xab; 32]),
            }),
            dry_run: false,
            obligations: Obligations::default(),
            valid_for: Duration::ZERO,
            attestation_challenge: None,
        },
        request_id: None,
        environment: Environment::default(),
        pep: None,
        chain: ActorChain::new(chain).ok(),
        identity: None,
        authentication: None,
        attestation: None,
        // Of different lengths, so that frames begin anywhere.
        tool: format!("crm.read_{}", "x".repeat(usize::try_from(number % 37).expect("small"))),
        tool_digest: None,
        tier: None,
        effect: None,
        resource: None,
        named_resource: None,
        minimum_version: 0,
        arguments_digest: DigestKey::new([1; 32]).digest(&number.to_be_bytes()),
        arguments: None,
        trace: None,
        latency: RecordedLatency::default(),
    }
}

/// What would have been answered in the shadow.
fn shadow(of: &DecisionRecord) -> ShadowRecord {
    ShadowRecord {
        time: of.time,
        decision: of.decision.id,
        chain: of.chain.clone().expect("a chain"),
        tool: of.tool.clone(),
        tool_is_known: true,
        verdict: Arc::clone(&of.decision.verdict),
        kind: ShadowKind::Revision,
        revision: Arc::clone(&of.decision.revision),
        shadow_verdict: Arc::new(Verdict::deny(Reason::new(ReasonCode::NoPermit, "Nobody may."))),
    }
}

/// A revision that did not come into force.
fn rollout(of: &DecisionRecord) -> RolloutRecord {
    RolloutRecord {
        time: of.time,
        action: RolloutAction::Refused,
        from: None,
        to: Some(Arc::clone(&of.decision.revision)),
        code: "tests_failed",
        detail: of.tool.clone(),
    }
}

/// Changes a file, and puts it back when the closure has looked.
fn tampered(path: &Path, change: impl FnOnce(&mut Vec<u8>), look: impl FnOnce()) {
    let original = fs::read(path).expect("read");
    let mut bytes = original.clone();
    change(&mut bytes);
    fs::write(path, bytes).expect("written");
    look();
    fs::write(path, original).expect("written");
}

/// Where a text begins in a file, from some byte on.
fn place(bytes: &[u8], text: &[u8], from: usize) -> usize {
    let found = bytes[from..].windows(text.len()).position(|window| window == text);
    from + found.expect("the text is there")
}

#[tokio::test]
async fn a_verifier_written_from_the_documentation_agrees_on_a_whole_log() {
    let Some(written) = Written::new().await else { return };
    let segments = written.segments();
    assert!(segments.len() > 4, "{segments:?}");
    let key = VerifierKey::parse(&written.key).expect("a key");
    let against = Against { key: Some(key), ..Against::default() };
    let ours = verify(&written.directory(), &against).expect("it can be read");
    assert!(ours.is_sound(), "{ours:?}");
    let output = written.python("log", &written.directory());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let theirs: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    // What was appended, and for each run that the log was opened and a checkpoint.
    assert_eq!(ours.records, u64::from(2 * ENTRIES + 4));
    assert_eq!(theirs["records"], ours.records);
    assert_eq!(theirs["segments"], ours.segments);
    assert_eq!((&theirs["checkpoints"], ours.signed), (&2.into(), 2));
    let root: String = ours.root.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(theirs["root"], root);
}

#[tokio::test]
async fn both_find_what_was_tampered_with() {
    let Some(written) = Written::new().await else { return };
    let segments = written.segments();
    let (second, last) = (&segments[1], segments.last().expect("some"));
    tampered(
        second,
        |bytes| {
            let at = place(bytes, b"users-read", 40_000);
            bytes[at] ^= 1;
        },
        || written.assert_wrong("a byte of a record", "a record is damaged"),
    );
    tampered(
        second,
        |bytes| bytes[40] ^= 1,
        || written.assert_wrong("a byte of a header", "the header is damaged"),
    );
    tampered(
        last,
        |bytes| {
            // The signature's last characters but the padding and the line break, and the checksum
            // made to fit again: only the signature itself speaks against it.
            let at = place(bytes, "\u{2014} palisade/".as_bytes(), 80) + 60;
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            mend_checksums(bytes);
        },
        || written.assert_wrong("a signature", "a signature does not hold"),
    );
    tampered(
        second,
        |bytes| {
            let at = place(bytes, b"users-read", 40_000);
            bytes[at] ^= 1;
            mend_checksums(bytes);
        },
        || written.assert_wrong("a record and its checksum", "the root in its header"),
    );
    let moved = written.home.path().join("moved");
    fs::rename(second, &moved).expect("moved");
    written.assert_wrong("a segment", "records are missing");
    fs::rename(&moved, second).expect("moved back");
    assert!(written.is_sound_to_us(), "what was tampered with was put back");
    assert!(written.python("log", &written.directory()).status.success());
}

/// Computes the checksum of each frame anew.
fn mend_checksums(bytes: &mut [u8]) {
    let mut at = 80;
    while at + 16 <= bytes.len() && bytes[at..at + 4] != [0; 4] {
        let length = <[u8; 4]>::try_from(&bytes[at..at + 4]).expect("four bytes");
        let end = at + 16 + usize::try_from(u32::from_le_bytes(length)).expect("fits");
        let sum = crc32(&[&bytes[at..at + 4], &bytes[at + 8..end]].concat());
        bytes[at + 4..at + 8].copy_from_slice(&sum.to_le_bytes());
        at = end;
    }
}

/// CRC-32 as in Ethernet and zlib.
fn crc32(bytes: &[u8]) -> u32 {
    let step = |sum: u32, byte: &u8| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| (sum >> 1) ^ (0xedb8_8320 * (sum & 1)))
    };
    !bytes.iter().fold(u32::MAX, step)
}

#[tokio::test]
async fn both_check_proofs_alike() {
    let Some(written) = Written::new().await else { return };
    let key = VerifierKey::parse(&written.key).expect("a key");
    let path = written.home.path().join("a.proof");
    let end = u64::from(2 * ENTRIES + 4);
    // In the first tree and the second, at their edges and in between; the last checkpoint itself
    // is in none.
    for index in [0, 1, 2, 777, 1024, 1499, 1500, 1501, 1502, 2047, 2048, end - 2] {
        let record = LogReader::new(&written.directory(), index).next().expect("read");
        let record = record.expect("it is there");
        let proof = prove(&written.directory(), &record).expect("proven");
        let proven = check_proof(&proof, &key).expect("a proof");
        fs::write(&path, &proof).expect("written");
        let output = written.python("proof", &path);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "record {index}: {error}");
        let theirs: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        assert_eq!((&theirs["index"], &theirs["size"]), (&index.into(), &proven.head.size.into()));

        // One character of each line in turn: the record, its place, a hash, the checkpoint.
        let lines: Vec<&str> = proof.lines().collect();
        for (at, line) in lines.iter().enumerate().filter(|(_, line)| !line.is_empty()) {
            if index > 1 && at > 4 {
                continue;
            }
            let changed = changed(line);
            let mut tampered = lines.clone();
            tampered[at] = &changed;
            let tampered = format!("{}\n", tampered.join("\n"));
            assert!(check_proof(&tampered, &key).is_err(), "record {index}, line {at}");
            fs::write(&path, &tampered).expect("written");
            assert_wrong(&written.python("proof", &path), &format!("line {at}"), "");
        }
    }
}

/// The line with another digit or letter: the last one, or in long lines, which end in Base64, one
/// that no padding follows.
fn changed(line: &str) -> String {
    let at = if line.len() > 40 { line.len() - 5 } else { line.len() - 1 };
    let other = match &line[at..=at] {
        "0" => "1",
        digit if digit.bytes().all(|byte| byte.is_ascii_digit()) => "0",
        "a" => "b",
        _ => "a",
    };
    format!("{}{other}{}", &line[..at], &line[at + 1..])
}
