//! `palisade log`: what it prints of a known log, and how it fails.

use std::fs;

use palisade_core::LogEntry;
use serde_json::{Value, json};

use crate::exit::Exit;

mod damage;
pub(in crate::cli) mod fixture;
mod proofs;
mod revisions;
mod showing;

use fixture::{Fixture, append, success};

/// A log of one decision of each kind, with a report on the first.
fn small() -> Fixture {
    let fixture = Fixture::new();
    let log = fixture.open();
    let (allow, deny, challenge) = (fixture.allow(), fixture.deny(), fixture.challenge());
    append(&log, LogEntry::Decision(&allow));
    append(&log, LogEntry::Decision(&deny));
    append(&log, LogEntry::Outcome(&success(&allow)));
    append(&log, LogEntry::Decision(&challenge));
    log.close();
    fixture
}

/// A log of many segments; every tenth decision is a challenge.
fn large() -> Fixture {
    let fixture = Fixture::new();
    let decisions: Vec<_> = (0..200)
        .map(|number| if number % 10 == 0 { fixture.challenge() } else { fixture.allow() })
        .collect();
    fixture.write(&decisions);
    assert!(fixture.segments().len() > 5, "{:?}", fixture.segments());
    fixture
}

fn lines(text: &str) -> Vec<&str> {
    text.lines().collect()
}

fn objects(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

#[test]
fn every_command_says_where_there_is_no_log() {
    let fixture = Fixture::new();
    for missing in [true, false] {
        for arguments in
            [&["tail"][..], &["show", "1"], &["verify"], &["prove", "1"], &["export"], &["stats"]]
        {
            let ran = fixture.run(arguments);
            assert_eq!(ran.exit, Exit::Failure, "{arguments:?}: {}", ran.out);
            assert!(ran.err.contains("there is no decision log in `"), "{}", ran.err);
            assert!(ran.err.contains("help: "), "{}", ran.err);
        }
        if missing {
            assert_eq!(fixture.run(&["tail", "--follow"]).exit, Exit::Failure);
            fs::create_dir(fixture.directory()).expect("made");
        }
    }
    fs::remove_dir(fixture.directory()).expect("removed");
    fs::write(fixture.directory(), "no directory").expect("written");
    let ran = fixture.run(&["tail"]);
    assert_eq!(ran.exit, Exit::Failure);
    assert!(ran.err.contains("cannot be read: Not a directory"), "{}", ran.err);
}

#[test]
fn a_log_that_may_not_be_read_says_who_may() {
    let source = std::io::ErrorKind::PermissionDenied.into();
    let failure = super::unreadable(palisade_log::ReadLogError::File {
        directory: "/var/lib/palisade/log".into(),
        source,
    });
    let crate::cli::failure::Failure::Other(error) = failure else { panic!("{failure:?}") };
    let text = format!("{error:#}");
    assert!(text.contains("permission denied\n  help: only the account that the server"), "{text}");
}

#[test]
fn wrong_use_is_64() {
    let fixture = small();
    for arguments in [
        &["nonsense"][..],
        &[],
        &["show", "nonsense"],
        // A UUID, but of version 4: no decision has it.
        &["show", "936da01f-9abd-4d9d-80c7-02af85c822a8"],
        &["tail", "--reason", "no_premit"],
        &["tail", "--tool", "*.read"],
        &["tail", "--since", "yesterday"],
        &["tail", "-n", "1000001"],
        &["export", "--from", "soon"],
        &["export", "--format", "ocsf"],
        &["check-proof", "x"],
        &["check-proof", "x", "--key", "/nonexistent"],
        &["verify", "--key", "PRIVATE+KEY+a+b+c"],
    ] {
        let ran = fixture.run(arguments);
        assert_eq!(ran.exit, Exit::Usage, "{arguments:?}: {}{}", ran.out, ran.err);
    }
}

#[test]
fn a_log_is_read_while_it_is_written() {
    let fixture = Fixture::new();
    let log = fixture.open();
    let decision = fixture.allow();
    append(&log, LogEntry::Decision(&decision));
    let id = decision.decision.id.to_string();
    assert_eq!(lines(&fixture.run(&["tail", "--decisions"]).out).len(), 1);
    for arguments in [&["show", &id][..], &["export"], &["stats"], &["verify"]] {
        let ran = fixture.run(arguments);
        assert_eq!(ran.exit, Exit::Success, "{arguments:?}: {}{}", ran.out, ran.err);
    }
    let ran = fixture.run(&["prove", &id]);
    assert_eq!(ran.exit, Exit::Failure);
    assert!(ran.err.contains("no checkpoint was signed since"), "{}", ran.err);
    log.close();
}

#[test]
fn the_public_key_is_printed_and_no_key_is_made_for_it() {
    let fixture = Fixture::new();
    let ran = fixture.run(&["key"]);
    assert_eq!(ran.exit, Exit::Failure);
    assert!(ran.err.contains("help: `palisade serve` makes the key"), "{}", ran.err);
    assert!(!fixture.path("checkpoint.key").exists());

    fixture.write(&[]);
    let private = fs::read_to_string(fixture.path("checkpoint.key")).expect("made");
    let ran = fixture.run(&["key"]);
    assert_eq!(ran.exit, Exit::Success);
    assert!(palisade_log::VerifierKey::parse(ran.out.trim_end()).is_some(), "{}", ran.out);
    // PRIVATE+KEY+name+hash+key: the key itself is base64 and may have a `+` in it.
    let secret = private.trim_end().splitn(5, '+').nth(4).expect("a field");
    assert!(!ran.out.contains(secret));

    fs::write(fixture.path("checkpoint.key"), "hunter2").expect("written");
    let ran = fixture.run(&["key"]);
    assert_eq!(ran.exit, Exit::Failure);
    assert!(ran.err.contains("holds no checkpoint key") && !ran.err.contains("hunter2"));
}

#[test]
fn statistics_count_what_is_there() {
    let fixture = large();
    let ran = fixture.run(&["stats", "--json"]);
    assert_eq!(ran.exit, Exit::Success, "{}", ran.err);
    let stats: Value = serde_json::from_str(&ran.out).expect("JSON");
    assert_eq!(stats["records"], 202);
    assert_eq!(stats["decisions"], 200);
    assert_eq!(stats["outcomes"], json!({ "allow": 180, "challenge": 20 }));
    assert_eq!(stats["reasons"], json!({ "permitted": 180, "requirements_unmet": 20 }));
    assert_eq!(stats["requirements"], json!({ "approval": 20 }));
    assert_eq!(stats["tiers"], json!({ "1": 180, "3": 20 }));
    assert_eq!(stats["tools"], json!({ "crm.read_ticket": 180, "payments.refund": 20 }));
    assert_eq!(stats["actors"]["user:corp:alice"], 180);
    assert_eq!(stats["checkpoints"], 1);
    assert_eq!((&stats["opened"], &stats["crashes"]), (&json!(1), &json!(0)));
    // Latencies are 100 µs and one more for each decision.
    assert_eq!(stats["decide_ns"], json!({ "p50": 199_000, "p99": 297_000, "max": 299_000 }));
    // 200 within 199 seconds.
    let rate = stats["decisions_per_minute"].as_f64().expect("a number");
    assert!((rate - 200.0 * 60.0 / 199.0).abs() < 1e-9, "{rate}");
    assert_eq!(stats["first_time"], "2026-01-01T12:00:00.000Z");
    assert_eq!(stats["last_time"], "2026-01-01T12:03:19.000Z");
    let on_disk = |path: &std::path::PathBuf| fs::metadata(path).expect("there").len();
    assert_eq!(stats["bytes"], fixture.segments().iter().map(on_disk).sum::<u64>());

    let ran = fixture.run(&["stats", "--since", "2026-01-01T12:03:10Z", "--top", "1"]);
    assert!(ran.out.contains("\n          9  allow\n          1  challenge\n"), "{}", ran.out);
    assert!(
        ran.out.contains("\ntools\n          9  crm.read_ticket\n  and 1 more\n"),
        "{}",
        ran.out
    );
    assert!(ran.out.contains("latency    p50 0.29 ms, p99 0.30 ms"), "{}", ran.out);
}

#[test]
fn an_export_has_every_record_once() {
    let fixture = large();
    let all = objects(&fixture.run(&["export"]).out);
    let indices: Vec<u64> = all.iter().map(|it| it["index"].as_u64().expect("a number")).collect();
    assert_eq!(indices, (0..202).collect::<Vec<_>>());

    let some = objects(&fixture.run(&["export", "--from", "10", "--to", "13"]).out);
    assert_eq!(some, all[10..13]);
    let arguments = [
        "export",
        "--from",
        "2026-01-01T12:01:00Z",
        "--to",
        "2026-01-01T12:01:02Z",
        "--format",
        "json",
    ];
    assert_eq!(
        objects(&fixture.run(&arguments).out),
        all[61..63],
        "the first decision is record 1"
    );

    let out = fixture.path("out.jsonl");
    let name = out.to_str().expect("UTF-8");
    let ran = fixture.run(&["export", "--out", name]);
    assert_eq!((ran.exit, ran.out.as_str()), (Exit::Success, ""));
    assert_eq!(objects(&fs::read_to_string(&out).expect("written")), all);
    let ran = fixture.run(&["export", "--out", name]);
    assert_eq!(ran.exit, Exit::Failure, "a file that exists is not overwritten");
    assert_eq!(objects(&fs::read_to_string(&out).expect("written")), all);
}
