//! Roll-outs, shadows and exceptions, as `palisade log` shows them.

use palisade_core::{Outcome, RolloutAction, ShadowKind};

use super::*;

const EXCEPTED: &str = "019b796d-d9e8-7000-8000-000000000001";

/// A log of roll-outs, two decisions with shadows, and a use of an exception.
fn log_of_revisions() -> Fixture {
    let fixture = Fixture::new();
    let log = fixture.open();
    let allow = fixture.allow();
    append(&log, LogEntry::Decision(&allow));
    let excepted = fixture.excepted();
    append(&log, LogEntry::Decision(&excepted));
    append(&log, LogEntry::Shadow(&fixture.shadow(&excepted, &["night", "weekend"])));
    let mut policies = fixture.shadow(&allow, &[]);
    policies.kind = ShadowKind::Policies;
    append(&log, LogEntry::Shadow(&policies));
    let deny = fixture.deny();
    append(&log, LogEntry::Decision(&deny));
    append(&log, LogEntry::Shadow(&fixture.shadow(&deny, &["night"])));
    for action in [RolloutAction::Activated, RolloutAction::Refused, RolloutAction::RolledBack] {
        append(&log, LogEntry::Rollout(&fixture.rollout(action)));
    }
    log.close();
    fixture
}

#[test]
fn rollouts_and_shadows_have_lines() {
    let fixture = log_of_revisions();
    let ran = fixture.run(&["tail", "--kind", "rollout", "--kind", "shadow"]);
    assert_eq!((ran.exit, ran.err.as_str()), (Exit::Success, ""));
    let expected = [
        "2026-01-01T12:00:01.000Z  shadow      allow → deny, permitted → policy_forbid (night, \
         weekend)  crm.read_ticket  user:corp:alice → agent:corp:helpdesk-bot  \
         019b796d-d9e8-7000-8000-000000000001  revision of quickstart@2 (acacacacacac)",
        "2026-01-01T12:00:00.000Z  shadow      allow → deny, permitted → policy_forbid  \
         crm.read_ticket  user:corp:alice → agent:corp:helpdesk-bot  \
         019b796d-d600-7000-8000-000000000000  policies of quickstart@2 (acacacacacac)",
        r"2026-01-01T12:00:02.000Z  shadow      deny → deny, unknown_tool → policy_forbid (night)  evil\u{1b}[2J\u{9b}1m.x  user:corp:alice → agent:corp:helpdesk-bot  019b796d-ddd0-7000-8000-000000000002  revision of quickstart@2 (acacacacacac)",
        "2026-01-01T12:00:03.000Z  rollout     activated  quickstart@1 (abababababab) → \
         quickstart@2 (acacacacacac)",
        r"2026-01-01T12:00:04.000Z  rollout     refused  quickstart@2 (acacacacacac)  tests_failed  1 of 9 tests\u{1b}[2J",
        "2026-01-01T12:00:05.000Z  rollout     rolled_back  quickstart@1 (abababababab) → \
         quickstart@2 (acacacacacac)",
    ];
    assert_eq!(lines(&ran.out), expected, "{}", ran.out);
    let ran = fixture.run(&["tail", "--kind", "decision"]);
    assert!(lines(&ran.out)[1].ends_with(&format!("{EXCEPTED}  by exception migration")));
    assert!(!lines(&ran.out)[0].contains("exception"), "{}", ran.out);
}

#[test]
fn the_json_has_the_names_of_the_contract() {
    let fixture = log_of_revisions();
    let all = objects(&fixture.run(&["export"]).out);
    let of = |kind: &str| all.iter().filter(|it| it["kind"] == kind).collect::<Vec<_>>();
    let revision = |version: u64, digest: &str| json!({ "bundle": "quickstart", "version": version, "digest": digest.repeat(32) });
    assert_eq!(
        of("rollout"),
        [
            &json!({
                "index": 7,
                "time": "2026-01-01T12:00:03.000Z",
                "kind": "rollout",
                "action": "activated",
                "from": revision(1, "ab"),
                "to": revision(2, "ac"),
            }),
            &json!({
                "index": 8,
                "time": "2026-01-01T12:00:04.000Z",
                "kind": "rollout",
                "action": "refused",
                "to": revision(2, "ac"),
                "code": "tests_failed",
                "detail": "1 of 9 tests\u{1b}[2J",
            }),
            &json!({
                "index": 9,
                "time": "2026-01-01T12:00:05.000Z",
                "kind": "rollout",
                "action": "rolled_back",
                "from": revision(1, "ab"),
                "to": revision(2, "ac"),
            }),
        ]
    );
    assert_eq!(
        of("shadow")[0],
        &json!({
            "index": 3,
            "time": "2026-01-01T12:00:01.000Z",
            "kind": "shadow",
            "decision_id": EXCEPTED,
            "shadow_kind": "revision",
            "revision": revision(2, "ac"),
            "chain": [
                { "kind": "user", "issuer": "corp", "subject": "alice" },
                { "kind": "agent", "issuer": "corp", "subject": "helpdesk-bot" },
            ],
            "tool": "crm.read_ticket",
            "outcome": "allow",
            "reason": {
                "code": "permitted",
                "sentence": "Every link is permitted.",
                "determining_policies": ["agents-read"],
            },
            "shadow_outcome": "deny",
            "shadow_reason": {
                "code": "policy_forbid",
                "sentence": "Not in this week.",
                "determining_policies": ["night", "weekend"],
            },
        })
    );
    assert_eq!(of("shadow")[1]["shadow_kind"], "policies");
    let uses = |policy: &str| json!({ "id": "migration", "policy": policy, "ticket": "SEC-7" });
    assert_eq!(of("decision")[1]["exceptions"], json!([uses("no-bulk"), uses("no-nights")]));
    assert_eq!(of("decision")[0].get("exceptions"), None);
}

#[test]
fn a_decision_is_shown_with_its_exceptions_and_its_shadows() {
    let fixture = log_of_revisions();
    let ran = fixture.run(&["show", EXCEPTED]);
    assert_eq!(ran.exit, Exit::Success, "{}", ran.err);
    for line in [
        "  exception migration lifted no-bulk, ticket SEC-7\n",
        "  exception migration lifted no-nights, ticket SEC-7\n",
        "  shadow    allow → deny, permitted → policy_forbid (night, weekend), by quickstart@2 \
         (acacacacacac)\n            Not in this week.\n",
    ] {
        assert!(ran.out.contains(line), "{line}{}", ran.out);
    }
    assert_eq!(ran.out.matches("shadow").count(), 1, "those of other decisions are not its own");
    let ran = fixture.run(&["show", "--json", EXCEPTED]);
    let shown: Value = serde_json::from_str(&ran.out).expect("JSON");
    assert_eq!(shown["shadows"].as_array().map(Vec::len), Some(1));
    assert_eq!(shown["shadows"][0]["index"], 3);
    assert_eq!(shown.get("reports"), None);
    let ran = fixture.run(&["show", "1"]);
    assert!(ran.out.contains(", with its shadow policies\n"), "{}", ran.out);
    assert!(fixture.run(&["show", "7"]).out.contains("  rollout     activated  "));
}

#[test]
fn what_stands_before_its_decision_is_shown_with_it() {
    let fixture = Fixture::new();
    let log = fixture.open();
    let allow = fixture.allow();
    append(&log, LogEntry::Shadow(&fixture.shadow(&allow, &["night"])));
    append(&log, LogEntry::Outcome(&success(&allow)));
    append(&log, LogEntry::Decision(&allow));
    log.close();
    let ran = fixture.run(&["show", &allow.decision.id.to_string()]);
    assert!(ran.out.contains("  reported  success") && ran.out.contains("  shadow    allow"));
}

#[test]
fn statistics_count_rollouts_shadows_and_exceptions() {
    let fixture = log_of_revisions();
    let ran = fixture.run(&["stats", "--json"]);
    let stats: Value = serde_json::from_str(&ran.out).expect("JSON");
    assert_eq!(stats["rollouts"], json!({ "activated": 1, "refused": 1, "rolled_back": 1 }));
    assert_eq!(stats["refused_rollouts"], json!({ "tests_failed": 1 }));
    assert_eq!(
        stats["shadow_differences"],
        json!({ "policies: allow → deny": 1, "revision: allow → deny": 1, "revision: deny → deny": 1 })
    );
    assert_eq!(stats["exceptions"], json!({ "migration": 2 }));
    let text = fixture.run(&["stats"]).out;
    for row in [
        "bundle     3 changes, 1 of them refused\n",
        "shadow     3 answers would have been others\n",
        "excepted   2 forbids did not count\n",
        "\nrefused revisions by reason\n          1  tests_failed\n",
        "\nuses of exceptions\n          2  migration\n",
    ] {
        assert!(text.contains(row), "{row}{text}");
    }
}

#[test]
fn kinds_are_asked_for_by_name() {
    let fixture = log_of_revisions();
    for (arguments, expected) in [
        (&["--kind", "rollout"][..], &[7, 8, 9][..]),
        (&["--kind", "shadow"], &[3, 4, 6]),
        (&["--kind", "opened", "--kind", "checkpoint"], &[0, 10]),
        (&["--kind", "gap"], &[]),
        (&["--kind", "retention"], &[]),
        (&["--kind", "outcome"], &[]),
        (&["--decisions"], &[1, 2, 5]),
        (&["--decisions", "--kind", "rollout"], &[1, 2, 5, 7, 8, 9]),
        // What is said of decisions is about decisions alone unless shadows are named.
        (&["--outcome", "deny"], &[5]),
        (&["--tool", "crm.*"], &[1, 2]),
        (&["--tool", "crm.*", "--kind", "shadow"], &[3, 4]),
        (&["--outcome", "deny", "--kind", "shadow"], &[3, 4, 6]),
        (&["--outcome", "allow", "--kind", "shadow"], &[3, 4]),
        (&["--outcome", "challenge", "--kind", "shadow"], &[]),
        (&["--reason", "unknown_tool", "--kind", "shadow"], &[6]),
        (&["--reason", "unknown_tool", "--kind", "shadow", "--kind", "decision"], &[5, 6]),
        (&["--actor", "service:*", "--kind", "shadow"], &[]),
    ] {
        let ran = fixture.run(&[&["tail", "--json", "-n", "99"], arguments].concat());
        assert_eq!(ran.exit, Exit::Success, "{arguments:?}: {}", ran.err);
        let shown: Vec<u64> =
            objects(&ran.out).iter().filter_map(|record| record["index"].as_u64()).collect();
        assert_eq!(shown, expected, "{arguments:?}");
    }
    let ran = fixture.run(&["tail", "--kind", "rollout", "--tool", "crm.*"]);
    assert_eq!(ran.exit, Exit::Usage, "{}", ran.out);
    assert!(ran.err.contains("are about `--kind decision` and `--kind shadow` only"));
}

#[test]
fn bad_news_of_revisions_is_coloured() {
    use palisade_proto::v1::{Record, RolloutAction as Action, RolloutEntry, record::Entry};
    let shown = |action: Action| {
        let entry = RolloutEntry { action: action.into(), ..RolloutEntry::default() };
        let record = Record { entry: Some(Entry::Rollout(entry)), ..Record::default() };
        crate::cli::log::line::line(&record, true)
    };
    assert!(shown(Action::Refused).contains("\u{1b}[31mrollout   \u{1b}[0m"));
    assert!(shown(Action::RolledBack).contains("\u{1b}[33mrollout   \u{1b}[0m"));
    assert!(!shown(Action::Activated).contains('\u{1b}'));
}

#[test]
fn outcomes_of_shadows_need_not_be_denies() {
    let fixture = Fixture::new();
    let log = fixture.open();
    let deny = fixture.deny();
    append(&log, LogEntry::Decision(&deny));
    let mut shadow = fixture.shadow(&deny, &["reading"]);
    std::sync::Arc::make_mut(&mut shadow.shadow_verdict).outcome = Outcome::Allow;
    append(&log, LogEntry::Shadow(&shadow));
    log.close();
    let ran = fixture.run(&["tail", "--kind", "shadow", "--outcome", "allow"]);
    assert!(ran.out.contains("  shadow      deny → allow, "), "{}", ran.out);
}
