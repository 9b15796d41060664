//! `tail` and `show`: the forms of records, and which are shown.

use std::sync::atomic::Ordering;

use palisade_proto::v1;
use palisade_proto::v1::record::Entry;

use super::*;
use crate::cli::log::line;

const ALLOWED: &str = "019b796d-d600-7000-8000-000000000000";

#[test]
fn a_line_says_who_called_what_and_why() {
    let fixture = small();
    let ran = fixture.run(&["tail"]);
    assert_eq!((ran.exit, ran.err.as_str()), (Exit::Success, ""));
    let key = fixture.public_key();
    let origin = key.split('+').next().expect("a name");
    let version = env!("CARGO_PKG_VERSION");
    let expected = [
        format!("2026-01-01T12:00:00.000Z  opened      by palisade {version}, durability commit"),
        format!(
            "2026-01-01T12:00:00.000Z  allow       crm.read_ticket  user:corp:alice → \
             agent:corp:helpdesk-bot  permitted (agents-read)  {ALLOWED}"
        ),
        r"2026-01-01T12:00:01.000Z  deny        evil\u{1b}[2J\u{9b}1m.x  user:corp:alice → agent:corp:helpdesk-bot  unknown_tool  019b796d-d9e8-7000-8000-000000000001  dry run".to_owned(),
        format!("2026-01-01T12:00:00.500Z  reported    success after 12 ms  {ALLOWED}"),
        "2026-01-01T12:00:02.000Z  challenge   payments.refund  service:corp:billing  \
         requirements_unmet (refunds-need-approval)  019b796d-ddd0-7000-8000-000000000002"
            .to_owned(),
        format!(
            "2026-01-01T12:00:03.000Z  checkpoint  signed by {origin}: the first 5 records, the \
             log was closed"
        ),
    ];
    assert_eq!(lines(&ran.out), expected, "{}", ran.out);
}

#[test]
fn other_entries_have_lines_too() {
    let line = |entry| {
        let record = v1::Record { index: 4, time_unix_ms: 0, entry };
        line::line(&record, false)
    };
    let gap = v1::GapEntry {
        records: 3,
        first_unix_ms: 1000,
        last_unix_ms: 2000,
        cause: "No space left on device".to_owned(),
        answered: false,
    };
    assert_eq!(
        line(Some(Entry::Gap(gap))),
        "1970-01-01T00:00:00.000Z  gap         3 calls from 1970-01-01T00:00:01.000Z to \
         1970-01-01T00:00:02.000Z are not on record, but denied: No space left on device"
    );
    let retention =
        v1::RetentionEntry { first_index: 9, records: 5, unshipped: 1, cause: "age".to_owned() };
    assert_eq!(
        line(Some(Entry::Retention(retention))),
        "1970-01-01T00:00:00.000Z  retention   5 records deleted for age, 1 of them not shipped; \
         the first is now 9"
    );
    let opened = v1::OpenedEntry {
        software_version: "9.9".to_owned(),
        torn_bytes: 12,
        ..v1::OpenedEntry::default()
    };
    assert_eq!(
        line(Some(Entry::Opened(opened))),
        "1970-01-01T00:00:00.000Z  opened      by palisade 9.9, durability interval; the process \
         before did not close it and left 12 bytes half written"
    );
    let unknown = "1970-01-01T00:00:00.000Z  unknown     record 4; update this program";
    assert_eq!(line(None), unknown);
}

#[test]
fn outcomes_are_coloured_only_if_colours_are_wanted() {
    let entry = v1::DecisionEntry { outcome: v1::Outcome::Deny.into(), ..Default::default() };
    let entry = Some(Entry::Decision(entry));
    let record = v1::Record { index: 0, time_unix_ms: 0, entry };
    assert!(line::line(&record, true).contains("\u{1b}[31mdeny      \u{1b}[0m"));
    assert!(!line::line(&record, false).contains('\u{1b}'));
}

#[test]
fn a_record_as_json_has_the_names_of_the_contract() {
    let fixture = small();
    let ran = fixture.run(&["tail", "--json", "--decisions"]);
    let lines = lines(&ran.out);
    assert_eq!(lines.len(), 3);
    assert_eq!(
        lines[0],
        r#"{"index":1,"time":"2026-01-01T12:00:00.000Z","kind":"decision","decision_id":"019b796d-d600-7000-8000-000000000000","chain":[{"kind":"user","issuer":"corp","subject":"alice","proof":"asserted"},{"kind":"agent","issuer":"corp","subject":"helpdesk-bot","proof":"asserted"}],"actors_proven":false,"tool":"crm.read_ticket","tier":1,"effect":"read","resource":"Tool::\"crm.read_ticket\"","outcome":"allow","reason":{"code":"permitted","sentence":"Every link is permitted.","determining_policies":["agents-read"]},"revision":{"bundle":"quickstart","version":1,"digest":"abababababababababababababababababababababababababababababababab"},"dry_run":false,"obligations":{"deadline_ms":30000,"redact_result":["/card"]},"valid_for_ms":5000,"arguments_digest":"DIGEST","decide_ns":100000,"trace":{"trace_id":"0af7651916cd43dd8448eb211c80319c","span_id":"b7ad6b7169203331","sampled":true}}"#
            .replace("DIGEST", &fixture.allow().arguments_digest.to_string())
    );
    assert!(lines[1].contains(r#""tool":"evil\u001b[2J\u009b1m.x""#), "{}", lines[1]);
    assert!(lines[1].contains(r#""minimum_version":7,"dry_run":true,"valid_for_ms":0"#));
    let challenge: Value = serde_json::from_str(lines[2]).expect("JSON");
    assert_eq!(
        challenge["requirements"],
        json!([{
            "kind": "approval",
            "approvers": "finance-approvers",
            "quorum": 1,
            "expires_ms": 900_000,
            "policies": ["refunds-need-approval"],
        }])
    );
}

#[test]
fn arguments_stand_in_json_as_json() {
    let fixture = Fixture::new();
    let mut decision = fixture.allow();
    let json = br#"{"amount":49.9,"to":{"iban":"x"}}"#.to_vec();
    decision.arguments =
        Some(palisade_core::ArgumentsRecord { json, redact: std::sync::Arc::new([]) });
    fixture.write(&[decision]);
    let ran = fixture.run(&["tail", "--json", "--decisions"]);
    assert!(ran.out.contains(r#""arguments":{"amount":49.9,"to":{"iban":"x"}}"#), "{}", ran.out);
}

#[test]
fn the_last_records_are_counted_back_over_segments() {
    let fixture = large();
    let all = objects(&fixture.run(&["export"]).out);
    for (count, expected) in [(0, 0), (1, 1), (10, 10), (60, 60), (202, 202), (100_000, 202)] {
        let ran = fixture.run(&["tail", "--json", "-n", &count.to_string()]);
        assert_eq!(ran.exit, Exit::Success, "{}", ran.err);
        assert_eq!(objects(&ran.out), all[202 - expected..], "{count}");
    }
    assert_eq!(lines(&fixture.run(&["tail"]).out).len(), 10);
    // Rare ones are looked for as far back as it takes.
    let ran = fixture.run(&["tail", "--json", "-n", "15", "--outcome", "challenge"]);
    let challenges: Vec<&Value> = all.iter().filter(|it| it["outcome"] == "challenge").collect();
    assert_eq!(objects(&ran.out).iter().collect::<Vec<_>>(), challenges[5..]);
}

#[test]
fn few_records_do_not_take_the_whole_log() {
    let fixture = large();
    fixture.clock.0.fetch_add(3 * 3_600_000, Ordering::SeqCst);
    let late: Vec<_> = (0..40).map(|_| fixture.allow()).collect();
    fixture.write(&late);
    // Whoever reads the first segment finds it damaged.
    fixture::flip(&fixture.segments()[0], "crm.read_ticket");
    let ran = fixture.run(&["tail"]);
    assert_eq!((ran.exit, lines(&ran.out).len()), (Exit::Success, 10), "{}", ran.err);
    // Nor do those since some time, give or take an hour.
    let time = "2026-01-01T15:03:20Z";
    let ran = fixture.run(&["export", "--from", time]);
    assert_eq!((ran.exit, objects(&ran.out).len()), (Exit::Success, 42), "{}", ran.err);
    let ran = fixture.run(&["tail", "-n", "1000", "--since", time]);
    assert_eq!((ran.exit, lines(&ran.out).len()), (Exit::Success, 42), "{}", ran.err);
    let ran = fixture.run(&["stats", "--json", "--since", time]);
    assert!(ran.out.contains("\"decisions\": 40"), "{}{}", ran.out, ran.err);
}

#[test]
fn filters_leave_out_what_does_not_fit() {
    let fixture = small();
    for (arguments, expected) in [
        (&[][..], &[0, 1, 2, 3, 4, 5][..]),
        (&["--decisions"], &[1, 2, 4]),
        (&["--outcome", "allow"], &[1]),
        (&["--outcome", "allow", "--outcome", "challenge"], &[1, 4]),
        (&["--tool", "crm.read_ticket"], &[1]),
        (&["--tool", "crm.read"], &[]),
        (&["--tool", "crm.*", "--tool", "payments.*"], &[1, 4]),
        (&["--actor", "agent:corp:helpdesk-bot"], &[1, 2]),
        (&["--actor", "service:*"], &[4]),
        (&["--actor", "user:corp:alice", "--outcome", "challenge"], &[]),
        (&["--reason", "unknown_tool"], &[2]),
        (&["--since", "2026-01-01T12:00:01Z"], &[2, 4, 5]),
        (&["--since", "1h"], &[]),
    ] {
        let ran = fixture.run(&[&["tail", "--json"], arguments].concat());
        assert_eq!(ran.exit, Exit::Success, "{arguments:?}: {}", ran.err);
        let shown: Vec<u64> =
            objects(&ran.out).iter().filter_map(|record| record["index"].as_u64()).collect();
        assert_eq!(shown, expected, "{arguments:?}");
    }
}

#[test]
fn a_decision_is_shown_with_what_became_of_the_call() {
    let fixture = small();
    let ran = fixture.run(&["show", ALLOWED]);
    assert_eq!(ran.exit, Exit::Success, "{}", ran.err);
    let digest = fixture.allow().arguments_digest;
    let expected = format!(
        "\
ALLOW
  decision  019b796d-d600-7000-8000-000000000000
  time      2026-01-01T12:00:00.000Z
  record    1
  asked by  user:corp:alice → agent:corp:helpdesk-bot (the caller's word)
  tool      crm.read_ticket (tier 1, read)
  resource  Tool::\"crm.read_ticket\"
  reason    Every link is permitted. [permitted]
  policies  agents-read
  deadline  the call has to be over within 30s
  redact    /card in the result
  good for  5s
  revision  quickstart@1 (abababababab)
  digest    {digest}
  took      0.10 ms
  trace     0af7651916cd43dd8448eb211c80319c, span b7ad6b7169203331
  reported  success after 12 ms, 120 bytes, at 2026-01-01T12:00:00.500Z
"
    );
    assert_eq!(ran.out, expected);
    assert_eq!(fixture.run(&["show", "1"]).out, expected, "by its index as well");
    let ran = fixture.run(&["show", "--json", ALLOWED]);
    let shown: Value = serde_json::from_str(&ran.out).expect("JSON");
    assert_eq!((&shown["index"], &shown["reports"][0]["status"]), (&json!(1), &json!("success")));

    let ran = fixture.run(&["show", "2"]);
    assert!(ran.out.starts_with("DENY  (dry run: not to be enforced)\n"), "{}", ran.out);
    assert!(ran.out.contains(r"evil\u{1b}[2J\u{9b}1m.x (not catalogued)"), "{}", ran.out);
    assert!(!ran.out.contains('\u{1b}'));
    let ran = fixture.run(&["show", "4"]);
    assert!(
        ran.out.contains("needs     approval by 1 of finance-approvers, good for 15m"),
        "{}",
        ran.out
    );
    assert!(fixture.run(&["show", "0"]).out.contains("  opened      by palisade "));
}

#[test]
fn a_decision_is_found_although_the_clock_was_set_back() {
    let fixture = Fixture::new();
    let early = (0..30).map(|_| fixture.allow()).collect::<Vec<_>>();
    fixture.write(&early);
    fixture.clock.0.store(fixture::NOON - 3_600_000, Ordering::SeqCst);
    let late = (0..30).map(|_| fixture.allow()).collect::<Vec<_>>();
    fixture.write(&late);
    for decision in early.iter().chain(&late) {
        let id = decision.decision.id.to_string();
        let ran = fixture.run(&["show", &id]);
        assert!(ran.out.contains(&id), "{id}: {}", ran.err);
    }
}

#[test]
fn what_is_not_there_is_said_to_be_deleted_or_unknown() {
    let fixture = large();
    let unknown = "019b796d-d600-7000-8000-00000000ffff";
    let ran = fixture.run(&["show", unknown]);
    assert_eq!(ran.exit, Exit::Failure);
    assert!(ran.err.contains("made at 2026-01-01T12:00:00.000Z, is in"), "{}", ran.err);
    assert!(ran.err.contains("nothing was deleted from this log"), "{}", ran.err);
    let ran = fixture.run(&["show", "202"]);
    assert!(ran.err.contains("there is no record 202 yet"), "{}", ran.err);

    fs::remove_file(&fixture.segments()[0]).expect("removed");
    let ran = fixture.run(&["show", ALLOWED]);
    assert_eq!(ran.exit, Exit::Failure);
    assert!(ran.err.contains("or was deleted with the "), "{}", ran.err);
    let ran = fixture.run(&["show", "0"]);
    assert!(ran.err.contains("record 0 was deleted"), "{}", ran.err);
}
