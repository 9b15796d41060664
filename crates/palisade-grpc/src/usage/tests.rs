//! Allowances and the budget beyond them. What follows from time is in the tests of the whole.

use super::*;

const ALLOWANCE: usize = CONNECTION_ALLOWANCE_BYTES;

fn connection(budget: &Arc<Budget>) -> Arc<Usage> {
    Arc::new(Usage::new(Arc::clone(budget)))
}

#[test]
fn an_allowance_is_there_whatever_others_hold() {
    let budget = Arc::new(Budget::new(100));
    let (one, two) = (connection(&budget), connection(&budget));
    let all = one.charge(ALLOWANCE + 100).expect("allowance and budget");
    assert!(one.charge(1).is_none());
    assert!(two.charge(ALLOWANCE + 1).is_none());
    let own = two.charge(ALLOWANCE).expect("its allowance");
    assert!(two.charge(1).is_none());
    drop(all);
    let more = two.charge(100).expect("the budget is free again");
    assert!(one.charge(ALLOWANCE + 1).is_none());
    drop((own, more));
    assert_eq!(budget.held.load(Ordering::Relaxed), 0);
    assert_eq!(two.held.load(Ordering::Relaxed), 0);
}

#[test]
fn the_budget_does_not_depend_on_the_order_of_release() {
    let budget = Arc::new(Budget::new(1000));
    let usage = connection(&budget);
    let [small, large, last] = [10, ALLOWANCE, 500].map(|bytes| usage.charge(bytes).expect("room"));
    assert_eq!(budget.held.load(Ordering::Relaxed), 510);
    // What is within the allowance is not tied to a call.
    drop(large);
    assert_eq!(budget.held.load(Ordering::Relaxed), 0);
    drop((small, last));
    assert_eq!(usage.held.load(Ordering::Relaxed), 0);
}

#[test]
fn what_is_refused_is_not_held() {
    let budget = Arc::new(Budget::new(1000));
    let usage = connection(&budget);
    assert!(usage.charge(ALLOWANCE + 1001).is_none());
    assert_eq!(budget.held.load(Ordering::Relaxed), 0);
    assert!(usage.charge(ALLOWANCE + 1000).is_some());
}
