//! What is in force decides until its metadata is too old, and not one millisecond longer.

use super::*;

/// The clock moves on by one millisecond whenever it is looked at, and a decision looks more than
/// once, so that these are reached and left between two calls.
const SOON: i64 = 1_000;

fn expiring(until: i64) -> Pdp {
    let pdp = pdp(&Arc::default());
    pdp.parts.snapshots.set_decides_until(Some(EpochMillis::new(until)));
    pdp
}

#[test]
fn until_then_the_bundle_decides_and_answers_are_good_no_longer() {
    let decision = authorize(&expiring(SOON + 5_000), &call("crm.read_ticket")).unwrap();
    assert_eq!(decision.verdict.outcome, Outcome::Allow);
    assert_eq!(decision.valid_for, Duration::from_secs(5), "the catalog says 30 s");
    let decision = authorize(&expiring(SOON), &call("crm.read_ticket")).unwrap();
    assert_eq!(decision.valid_for, Duration::ZERO);
}

#[test]
fn from_then_on_everything_is_a_recorded_deny() {
    let log = Arc::new(MemoryLog::default());
    let pdp = pdp(&log);
    pdp.parts.snapshots.set_decides_until(Some(EpochMillis::new(0)));
    for tool in ["crm.read_ticket", "crm.delete_ticket", "crm.no_such_tool"] {
        let decision = authorize(&pdp, &call(tool)).unwrap();
        assert_eq!(decision.verdict.outcome, Outcome::Deny, "{tool}");
        assert_eq!(decision.verdict.reason.code, ReasonCode::BundleExpired, "{tool}");
        assert_eq!(decision.obligations, Obligations::default());
        assert_eq!(decision.valid_for, Duration::ZERO);
        assert_eq!(explain(&pdp, &call(tool)).unwrap().verdict, *decision.verdict);
    }
    assert_eq!(log.records.lock().unwrap().len(), 3);
    let list = list_tools(&pdp, &call("")).unwrap();
    let is_denied = |tool: &ListedTool| {
        tool.prospect.prospect == Prospect::Deny
            && tool.prospect.reason.code == ReasonCode::BundleExpired
    };
    assert!(list.tools.len() == 2 && list.tools.iter().all(is_denied), "{list:?}");
}

#[test]
fn fresh_metadata_lets_it_decide_again() {
    let pdp = expiring(0);
    assert_eq!(authorize(&pdp, &call("crm.read_ticket")).unwrap().verdict.outcome, Outcome::Deny);
    for until in [Some(EpochMillis::new(i64::MAX - 1)), None] {
        pdp.parts.snapshots.set_decides_until(until);
        let decision = authorize(&pdp, &call("crm.read_ticket")).unwrap();
        assert_eq!(decision.verdict.outcome, Outcome::Allow);
        pdp.parts.snapshots.set_decides_until(Some(EpochMillis::new(0)));
        let decision = authorize(&pdp, &call("crm.read_ticket")).unwrap();
        assert_eq!(decision.verdict.outcome, Outcome::Deny, "a remembered answer expires, too");
    }
}

#[test]
fn whoever_waits_for_a_version_is_woken_by_it() {
    let pdp = pdp(&Arc::default());
    let mut waiting = std::pin::pin!(pdp.reached(5));
    let mut poll = || waiting.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    assert_eq!(poll(), Poll::Pending);
    pdp.parts.snapshots.publish(snapshot(4));
    assert_eq!(poll(), Poll::Pending);
    pdp.parts.snapshots.publish(snapshot(5));
    assert_eq!(poll(), Poll::Ready(()));
    pdp.parts.snapshots.publish(snapshot(7));
    let mut older = std::pin::pin!(pdp.reached(6));
    let polled = older.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    assert_eq!(polled, Poll::Ready(()), "a later one is as good");
}

#[test]
fn at_that_very_instant_it_has_expired() {
    // The first look at the clock is when the call began, the second is the decision's instant.
    for (until, outcome) in [(1, Outcome::Deny), (2, Outcome::Allow)] {
        let decision = authorize(&expiring(until), &call("crm.read_ticket")).unwrap();
        assert_eq!(decision.id, OneId.decision_id(EpochMillis::new(1)));
        assert_eq!(decision.verdict.outcome, outcome, "{until}");
    }
}
