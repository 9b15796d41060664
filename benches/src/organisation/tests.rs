use palisade_core::Outcome;

use super::*;
use crate::stock::StockCedar;

fn scale(policies: usize) -> Scale {
    Scale { policies, tools: 10, fields: FIELDS }
}

#[test]
fn the_same_scale_gives_the_same_organisation() {
    let (one, other) = (Organisation::generate(scale(300)), Organisation::generate(scale(300)));
    assert_eq!(one.policies, other.policies);
    assert_eq!(one.entities, other.entities);
    assert_eq!(one.calls(3), other.calls(3));
    assert_eq!(one.policies.len(), 300);
}

#[test]
fn arguments_of_twelve_fields_have_412_bytes() {
    let organisation = Organisation::generate(scale(1));
    assert_eq!(organisation.calls(1)[0].arguments().len(), 412);
}

#[test]
fn calls_are_mostly_allowed_and_stock_cedar_agrees() {
    for policies in [1, 10, 300] {
        let organisation = Organisation::generate(scale(policies));
        let snapshot = organisation.snapshot();
        let stock = StockCedar::new(&organisation);
        for links in [1, 3] {
            let calls = organisation.calls(links);
            let mut allowed = 0;
            for call in &calls {
                let verdict = evaluate(&snapshot, &call.tool_call());
                let ours = verdict.outcome == Outcome::Allow;
                assert_eq!(ours, stock.allows(&stock.call(call)), "{call:?}: {verdict:?}");
                allowed += usize::from(ours);
            }
            assert!(allowed * 10 >= calls.len() * 8, "{policies}, {links}: {allowed} allowed");
        }
    }
}
