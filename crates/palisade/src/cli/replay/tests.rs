//! Recorded decisions are made again, and what a record lacks is named.

use std::fs;
use std::sync::Arc;

use palisade_core::{ArgumentsRecord, DecisionRecord};
use serde_json::Value;

use crate::cli::log::tests::fixture::Fixture;
use crate::cli::tests::copy;

const QUICKSTART: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../policies/quickstart");

/// Forbids reading one ticket.
const ONE_TICKET: &str = r#"
@id("not-this-one") @reason("sealed")
forbid (principal, action == Action::"crm.read_ticket", resource)
when { context.args.ticket_id == "T-1" };
"#;

/// Forbids reading tickets.
const NO_TICKETS: &str = r#"
@id("no-tickets") @reason("sealed")
forbid (principal, action == Action::"crm.read_ticket", resource);
"#;

/// A log, and a bundle like the sample with one more policy.
struct Desk {
    log: Fixture,
    bundle: String,
}

fn desk(policy: &str) -> Desk {
    let log = Fixture::new();
    let bundle = log.path("bundle");
    fs::create_dir_all(&bundle).expect("a folder");
    copy(QUICKSTART.as_ref(), &bundle);
    fs::write(bundle.join("policies/more.cedar"), policy).expect("written");
    Desk { bundle: bundle.display().to_string(), log }
}

impl Desk {
    fn with_arguments(&self, json: &str) -> DecisionRecord {
        let json = json.as_bytes().to_vec();
        let arguments = Some(ArgumentsRecord { json, redact: Arc::default() });
        DecisionRecord { arguments, ..self.log.allow() }
    }

    /// Replays the log of these; the exit code and the summary.
    fn replay(&self, records: &[DecisionRecord], more: &[&str]) -> (u8, Value) {
        self.log.write(records);
        let arguments = ["replay", "--bundle", &self.bundle, "--format", "json"];
        let ran = self.log.palisade(&[&arguments[..], more].concat());
        (ran.exit.code(), serde_json::from_str(&ran.out).expect(&ran.err))
    }
}

fn count(summary: &Value, name: &str) -> u64 {
    summary[name].as_u64().expect("a count")
}

#[test]
fn what_answers_as_before_is_no_change() {
    let desk = desk("");
    let known = desk.with_arguments(r#"{"ticket_id":"T-1"}"#);
    let (exit, summary) = desk.replay(&[known, desk.log.deny()], &[]);
    assert_eq!(exit, 0, "{summary:#}");
    assert_eq!(count(&summary, "decisions"), 2);
    assert_eq!(count(&summary, "other_outcome"), 0);
    assert_eq!(count(&summary, "not_replayable"), 0);
}

#[test]
fn another_outcome_is_counted_by_tool_and_by_who_asked() {
    let desk = desk(ONE_TICKET);
    let sealed = desk.with_arguments(r#"{"ticket_id":"T-1"}"#);
    let open = desk.with_arguments(r#"{"ticket_id":"T-2"}"#);
    let id = sealed.decision.id.to_string();
    let (exit, summary) = desk.replay(&[sealed, open], &[]);
    assert_eq!(exit, 4, "{summary:#}");
    assert_eq!(count(&summary, "other_outcome"), 1);
    let change = &summary["changes"]["rows"][0];
    assert_eq!(change["tool"], "crm.read_ticket");
    assert_eq!((&change["from"], &change["to"]), (&"allow".into(), &"deny".into()));
    let example = &change["examples"][0];
    assert_eq!(example["decision_id"], id.as_str());
    assert_eq!(example["new"]["policies"][0], "not-this-one");
    let principal = &summary["principals"]["rows"][0];
    assert_eq!(principal["head"], "user:corp:alice");
    assert_eq!(principal["last"], "agent:corp:helpdesk-bot");
    let human = desk.log.palisade(&["replay", "--bundle", &desk.bundle]);
    assert_eq!(human.exit.code(), 4);
    for part in ["crm.read_ticket  allow → deny", &id, "deny       policy_forbid (not-this-one)"]
    {
        assert!(human.out.contains(part), "{part} is not in:\n{}", human.out);
    }
}

#[test]
fn without_arguments_only_what_cannot_hang_on_them_is_decided() {
    let on_them = desk(ONE_TICKET);
    let (exit, summary) = on_them.replay(&[on_them.log.allow()], &[]);
    assert_eq!(exit, 0, "what is not known is no change");
    assert_eq!(summary["lacking"]["rows"][0]["field"], "arguments");
    let (exit, _) = on_them.replay(&[], &["--complete"]);
    assert_eq!(exit, 1, "unless everything has to be known");
    let on_nothing = desk(NO_TICKETS);
    let (exit, summary) = on_nothing.replay(&[on_nothing.log.allow()], &[]);
    assert_eq!((exit, count(&summary, "other_outcome")), (4, 1), "{summary:#}");
}

#[test]
fn a_masked_argument_matters_only_to_those_who_read_it() {
    let secret = r#"{"ticket_id":"ghp_16C7e42F292c6912E7710c838347Ae178B4a"}"#;
    let reading = desk(ONE_TICKET);
    let (_, summary) = reading.replay(&[reading.with_arguments(secret)], &[]);
    assert_eq!(summary["lacking"]["rows"][0]["field"], "arguments.ticket_id", "{summary:#}");
    let others = desk(NO_TICKETS);
    let catalog = std::path::Path::new(&others.bundle).join("catalog.yaml");
    let text = fs::read_to_string(&catalog).expect("read");
    // Whether a masked text was too long cannot be known.
    fs::write(&catalog, text.replace(", maxLength: 64", "")).expect("written");
    let (exit, summary) = others.replay(&[others.with_arguments(secret)], &[]);
    assert_eq!((exit, count(&summary, "not_replayable")), (4, 0), "{summary:#}");
}

#[test]
fn only_the_period_is_replayed() {
    let desk = desk(NO_TICKETS);
    let records = [desk.log.allow(), desk.log.allow(), desk.log.allow()];
    let second = records[1].time.to_string();
    let (_, summary) = desk.replay(&records, &["--since", &second]);
    assert_eq!(count(&summary, "decisions"), 2);
    let (_, summary) = desk.replay(&[], &["--until", &second]);
    assert_eq!(count(&summary, "decisions"), 1);
}

#[test]
fn a_bundle_that_does_not_load_and_a_log_that_is_not_there_are_no_answers() {
    let broken = desk("permit (");
    broken.log.write(&[broken.log.allow()]);
    let ran = broken.log.palisade(&["replay", "--bundle", &broken.bundle]);
    assert_eq!(ran.exit.code(), 65);
    let fine = desk("");
    let nowhere = fine.log.path("nowhere").display().to_string();
    let ran = fine.log.palisade(&["replay", "--bundle", &fine.bundle, "--log", &nowhere]);
    assert_eq!(ran.exit.code(), 1, "{}", ran.out);
}

#[test]
fn two_bundles_are_compared_over_recorded_calls() {
    let desk = desk(ONE_TICKET);
    desk.log.write(&[
        desk.with_arguments(r#"{"ticket_id":"T-1"}"#),
        desk.with_arguments(r#"{"ticket_id":"T-2"}"#),
        desk.log.allow(),
    ]);
    let log = desk.log.directory().display().to_string();
    let arguments = ["diff", "--format", "json", "--log", &log, QUICKSTART, &desk.bundle];
    let ran = desk.log.palisade(&arguments);
    assert_eq!(ran.exit.code(), 4, "{}", ran.err);
    let recorded = &serde_json::from_str::<Value>(&ran.out).expect("JSON")["recorded"];
    assert_eq!(count(recorded, "other_outcome"), 1, "{recorded:#}");
    assert_eq!(count(recorded, "not_replayable"), 1, "{recorded:#}");
}
