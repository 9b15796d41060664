//! What `palisade shadow report` says of a known log.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use palisade_core::{
    DecisionRecord, LogEntry, Outcome, Reason, ReasonCode, RolloutAction, ShadowKind, Verdict,
};
use palisade_log::SegmentLog;
use serde_json::Value;

use super::*;
use crate::cli::log::tests::fixture::{Fixture, append, flip};
use crate::cli::tests::Ran;

/// A decision and what version 2 says of it.
fn differs(fixture: &Fixture, log: &SegmentLog, decision: &DecisionRecord, policies: &[&str]) {
    append(log, LogEntry::Decision(decision));
    append(log, LogEntry::Shadow(&fixture.shadow(decision, policies)));
}

/// Ten decisions, one a second: two denied instead of allowed, one of them by two policies; a deny
/// for another reason; a challenge that would be allowed with the shadow policies.
fn fixture() -> Fixture {
    let fixture = Fixture::new();
    let log = fixture.open();
    for _ in 0..6 {
        append(&log, LogEntry::Decision(&fixture.allow()));
    }
    differs(&fixture, &log, &fixture.allow(), &["night", "weekend"]);
    differs(&fixture, &log, &fixture.allow(), &["night"]);
    differs(&fixture, &log, &fixture.deny(), &[]);
    let challenge = fixture.challenge();
    append(&log, LogEntry::Decision(&challenge));
    let mut shadow = fixture.shadow(&challenge, &[]);
    shadow.kind = ShadowKind::Policies;
    let reason = Reason::new(ReasonCode::Permitted, "Every link is permitted.");
    shadow.shadow_verdict = Arc::new(Verdict { outcome: Outcome::Allow, ..Verdict::deny(reason) });
    append(&log, LogEntry::Shadow(&shadow));
    append(&log, LogEntry::Rollout(&fixture.rollout(RolloutAction::ShadowStarted)));
    append(&log, LogEntry::Rollout(&fixture.rollout(RolloutAction::Activated)));
    log.close();
    fixture
}

fn report(fixture: &Fixture, arguments: &[&str]) -> Ran {
    fixture.palisade(&[&["shadow", "report"], arguments].concat())
}

fn json_of(fixture: &Fixture, arguments: &[&str]) -> Value {
    let ran = report(fixture, &[&["--format", "json"], arguments].concat());
    serde_json::from_str(&ran.out).unwrap_or_else(|error| panic!("{error}: {}{}", ran.out, ran.err))
}

/// A table as `name: count` pairs; names of several members are joined.
fn rows(report: &Value, table: &str) -> Vec<(String, u64)> {
    let rows = report[table]["rows"].as_array().expect("rows");
    let name = |row: &Value| {
        let members = row.as_object().expect("an object").iter();
        let names = members.filter(|(key, _)| !["count", "examples"].contains(&key.as_str()));
        let names = names.map(|(_, value)| match value {
            Value::Object(revision) => format!("v{}", revision["version"]),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        });
        names.collect::<Vec<_>>().join(" ")
    };
    rows.iter().map(|row| (name(row), row["count"].as_u64().expect("a count"))).collect()
}

fn pairs(pairs: &[(&str, u64)]) -> Vec<(String, u64)> {
    pairs.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()
}

#[test]
fn differences_are_counted_in_every_way() {
    let fixture = fixture();
    let ran = report(&fixture, &[]);
    assert_eq!((ran.exit, ran.exit.code()), (Exit::Different, 4), "{}", ran.err);
    let report = json_of(&fixture, &[]);
    assert_eq!((&report["decisions"], &report["differences"]), (&10.into(), &4.into()));
    assert_eq!(report["first_time"], "2026-01-01T12:00:00.000Z");
    assert_eq!(report["last_time"], "2026-01-01T12:00:10.000Z", "of what is counted");
    assert_eq!(rows(&report, "decisions_by_revision"), pairs(&[("v1", 10)]));
    assert_eq!(rows(&report, "rollouts"), pairs(&[("shadow_started v2", 1)]));
    assert_eq!(rows(&report, "by_kind"), pairs(&[("revision v2", 3), ("policies v2", 1)]));
    assert_eq!(
        rows(&report, "by_outcome"),
        pairs(&[("allow deny", 2), ("challenge allow", 1), ("deny deny", 1)])
    );
    assert_eq!(
        rows(&report, "by_tool"),
        pairs(&[("crm.read_ticket", 2), ("evil\u{1b}[2J\u{9b}1m.x", 1), ("payments.refund", 1)])
    );
    assert_eq!(
        rows(&report, "by_principal"),
        pairs(&[
            ("user:corp:alice agent:corp:helpdesk-bot", 3),
            ("service:corp:billing service:corp:billing", 1),
        ])
    );
    assert_eq!(rows(&report, "by_policy"), pairs(&[("null", 2), ("night", 2), ("weekend", 1)]));
}

#[test]
fn people_see_tables_and_examples() {
    let fixture = fixture();
    let text = report(&fixture, &["--examples", "1"]).out;
    let expected = r"time       2026-01-01T12:00:00.000Z to 2026-01-01T12:00:10.000Z
decisions  10
different  4 would have been answered otherwise in the shadow

decisions by revision in force
         10  quickstart@1 (abababababab)

revisions in the shadow
          1  shadow_started quickstart@2 (acacacacacac)

by what decides in the shadow
          3  revision quickstart@2 (acacacacacac)
          1  policies quickstart@2 (acacacacacac)

by outcome
          2  allow → deny
          1  challenge → allow
          1  deny → deny (for another reason)

by tool
          2  crm.read_ticket
          1  evil\u{1b}[2J\u{9b}1m.x
          1  payments.refund

by principal
          3  user:corp:alice → agent:corp:helpdesk-bot
          1  service:corp:billing

by policy that would have determined the answer
          2  (none)
             019b796d-f540-7000-8000-000000000008  evil\u{1b}[2J\u{9b}1m.x  user:corp:alice → agent:corp:helpdesk-bot
               deny       unknown_tool: The tool `evil\u{1b}[2J` is not in the catalog.
               deny       policy_forbid: Not in this week.
          2  night
             019b796d-ed70-7000-8000-000000000006  crm.read_ticket  user:corp:alice → agent:corp:helpdesk-bot
               allow      permitted: Every link is permitted.
               deny       policy_forbid: Not in this week.
          1  weekend
             019b796d-ed70-7000-8000-000000000006  crm.read_ticket  user:corp:alice → agent:corp:helpdesk-bot
               allow      permitted: Every link is permitted.
               deny       policy_forbid: Not in this week.
";
    assert_eq!(text, expected);
}

#[test]
fn as_many_examples_are_shown_as_are_asked_for() {
    let fixture = fixture();
    for (count, shown) in [("0", 0), ("1", 1), ("2", 2), ("100", 2)] {
        let report = json_of(&fixture, &["--examples", count]);
        let night = &report["by_policy"]["rows"][1];
        assert_eq!(night["policy"], "night");
        assert_eq!(night["examples"].as_array().map(Vec::len), Some(shown), "{count}");
    }
    let example = &json_of(&fixture, &[])["by_policy"]["rows"][2]["examples"][0];
    let expected = serde_json::json!({
        "decision_id": "019b796d-ed70-7000-8000-000000000006",
        "tool": "crm.read_ticket",
        "head": "user:corp:alice",
        "last": "agent:corp:helpdesk-bot",
        "outcome": "allow",
        "reason": { "code": "permitted", "sentence": "Every link is permitted." },
        "shadow_outcome": "deny",
        "shadow_reason": { "code": "policy_forbid", "sentence": "Not in this week." },
    });
    assert_eq!(*example, expected);
    assert_eq!(report(&fixture, &["--examples", "101"]).exit, Exit::Usage);
}

#[test]
fn a_period_leaves_out_what_is_before_and_after() {
    let fixture = fixture();
    let between = |since: &str, until: &str| {
        let (since, until) =
            (format!("2026-01-01T12:00:{since}Z"), format!("2026-01-01T12:00:{until}Z"));
        let report = json_of(&fixture, &["--since", &since, "--until", &until]);
        let number = |name: &str| report[name].as_u64().expect("a number");
        (number("decisions"), number("differences"))
    };
    assert_eq!(between("00", "06"), (6, 0), "the end is excluded");
    assert_eq!(between("06", "07"), (1, 1), "the beginning is included");
    assert_eq!(between("07", "59"), (3, 3));
    let ran = report(&fixture, &["--until", "2026-01-01T12:00:06Z"]);
    assert_eq!(ran.exit, Exit::Success, "without a difference: {}", ran.out);
    let ran = report(&fixture, &["--since", "1h"]);
    assert_eq!(ran.exit, Exit::Success);
    assert!(ran.out.starts_with("time       nothing is on record of this period\n"), "{}", ran.out);
}

#[test]
fn only_so_much_is_listed() {
    let fixture = fixture();
    let text = report(&fixture, &["--top", "1"]).out;
    assert!(text.contains("\nby tool\n          2  crm.read_ticket\n  and 2 more\n"), "{text}");
    let report = json_of(&fixture, &["--top", "1"]);
    assert_eq!((&report["by_tool"]["more"], &report["by_tool"]["others"]), (&2.into(), &0.into()));
}

#[test]
fn the_log_is_named_or_configured() {
    let fixture = fixture();
    let directory = fixture.directory().display().to_string();
    let ran = crate::cli::tests::palisade(&["shadow", "report", "--log", &directory]);
    assert_eq!(ran.exit, Exit::Different, "{}", ran.err);
    let nothing = Fixture::new();
    let ran = report(&nothing, &[]);
    assert_eq!(ran.exit, Exit::Failure);
    assert!(ran.err.contains("there is no decision log in `"), "{}", ran.err);
}

#[test]
fn a_damaged_log_is_no_success() {
    let fixture = Fixture::new();
    fixture.write(&(0..40).map(|_| fixture.allow()).collect::<Vec<_>>());
    assert_eq!(report(&fixture, &[]).exit, Exit::Success);
    flip(&fixture.segments()[1], "crm.read_ticket");
    let ran = report(&fixture, &[]);
    assert_eq!((ran.exit, ran.out.as_str()), (Exit::Failure, ""));
}

#[test]
fn what_is_long_after_the_period_is_not_read() {
    let fixture = Fixture::new();
    let log = fixture.open();
    let early = fixture.allow();
    fixture.clock.0.fetch_add(3_000_000, Ordering::SeqCst);
    // Records of one moment are in any order, and clocks are set back a little.
    append(&log, LogEntry::Decision(&fixture.allow()));
    differs(&fixture, &log, &early, &["night"]);
    log.close();
    drop(log);
    fixture.clock.0.fetch_add(3_600_000, Ordering::SeqCst);
    fixture.write(&(0..40).map(|_| fixture.allow()).collect::<Vec<_>>());
    // Whoever reads the last segment finds it damaged.
    let segments = fixture.segments();
    flip(segments.last().expect("some"), "crm.read_ticket");
    let report_of = json_of(&fixture, &["--until", "2026-01-01T12:00:30Z"]);
    assert_eq!((&report_of["decisions"], &report_of["differences"]), (&1.into(), &1.into()));
    assert_eq!(report(&fixture, &[]).exit, Exit::Failure);
}

fn entry(number: usize) -> Option<Entry> {
    let reason = |policies: Vec<String>| {
        Some(v1::Reason {
            code: "c".to_owned(),
            sentence: "s".repeat(1000),
            determining_policies: policies,
        })
    };
    Some(Entry::Shadow(v1::ShadowEntry {
        tool: format!("t.{number}"),
        chain: vec![v1::RecordedActor { subject: number.to_string(), ..Default::default() }],
        shadow_reason: reason(vec![format!("p-{number}")]),
        ..v1::ShadowEntry::default()
    }))
}

#[test]
fn memory_is_bounded_whatever_callers_send() {
    let mut report = Report::new(Period::default(), 2);
    let now = EpochMillis::new(0);
    for number in 0..KEYS_MAX + 7 {
        report.add(now, entry(number));
    }
    assert_eq!(report.differences, u64::try_from(KEYS_MAX).expect("small") + 7);
    for (others, what) in [
        (report.tools.most_frequent(1).others, "tools"),
        (report.principals.most_frequent(1).others, "principals"),
        (report.policies.most_frequent(1).others, "policies"),
    ] {
        assert_eq!(others, 7, "{what}");
    }
    let kept: usize = report.examples.values().map(Vec::len).sum();
    assert_eq!((kept, report.examples_kept), (EXAMPLES_KEPT_MAX, EXAMPLES_KEPT_MAX));
    let example = &report.examples["p-0"][0];
    assert_eq!(example.instead.sentence.chars().count(), SENTENCE_CHARACTERS_MAX + 1);
    let text = render::as_text(&report, 1);
    assert!(text.contains("          7  (others)\n  and 9999 more\n"), "{text}");
}

#[test]
fn a_sentence_of_just_the_length_is_kept_whole() {
    let exact = "ä".repeat(SENTENCE_CHARACTERS_MAX);
    assert_eq!(cut(&exact), exact);
    assert_eq!(cut(&format!("{exact}b")), format!("{exact}…"));
}

#[test]
fn calls_that_are_not_on_record_are_said() {
    let mut report = Report::new(Period::default(), 2);
    let gap = v1::GapEntry { records: 3, ..v1::GapEntry::default() };
    report.add(EpochMillis::new(0), Some(Entry::Gap(gap)));
    let text = render::as_text(&report, 1);
    assert!(text.contains("missing    3 calls are not on record\n"), "{text}");
}
