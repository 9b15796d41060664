//! What the index itself promises; that it changes no answer is tested against Cedar.

mod against_cedar;

use palisade_core::Problems;

use super::*;
use crate::SourceFile;
use crate::names::{ACTION, entity};
use crate::policy::Policies;

fn policies(text: &str) -> Policies {
    let file = SourceFile { name: "policies/a.cedar".into(), text: text.into() };
    let mut problems = Problems::default();
    let policies = Policies::read(&[file], &[], None, &mut problems);
    assert!(!problems.has_errors(), "{problems}");
    policies
}

fn action(name: &str) -> EntityUid {
    entity(&ACTION, name)
}

#[test]
fn a_policy_on_several_actions_is_found_once() {
    let policies = policies(
        "@id(\"a\") permit (principal, action in [Action::\"read\", Action::\"tier1\"], resource);",
    );
    let groups = [action("read"), action("tier1")];
    let position = policies.index.position(&action("x.y"), groups.iter());
    let nowhere = Position::default();
    assert_eq!(policies.index.candidates(&nowhere, &position, &nowhere), [0]);
}

#[test]
fn a_policy_on_no_action_is_never_found() {
    let policies = policies("@id(\"a\") permit (principal, action in [], resource);");
    let position = policies.index.position(&action("read"), std::iter::empty());
    let nowhere = Position::default();
    assert!(policies.index.candidates(&nowhere, &position, &nowhere).is_empty());
}

#[test]
fn policies_stand_where_the_fewest_do() {
    let mut text = String::new();
    for number in 0..100 {
        text.push_str(&format!(
            "@id(\"p{number}\") permit (principal in Group::\"all\", \
             action == Action::\"x.t{number}\", resource);"
        ));
    }
    let policies = policies(&text);
    let crowds = policies.index.by_key.values().map(Vec::len);
    assert_eq!(crowds.max(), Some(1), "none stands under the group that all are in");
}
