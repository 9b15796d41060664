use std::str::FromStr as _;

use super::*;

/// What a condition can read, as lists show it.
fn reads(condition: &str) -> Vec<String> {
    let text = format!("permit (principal, action, resource) when {{ {condition} }};");
    let reads = Reads::of_policy(&Policy::from_str(&text).unwrap());
    reads.iter().map(|read| format!("{read} {}", read.by.as_str())).collect()
}

#[test]
fn a_path_is_read_to_its_end_and_no_further() {
    assert_eq!(reads("context.args.to.name == \"a\""), ["context.args.to.name value"]);
    assert_eq!(reads("context.args[\"a b\"] == 1"), ["context.args[\"a b\"] value"]);
    assert_eq!(reads("principal.owner.level > 1"), ["principal.owner.level value"]);
    assert_eq!(reads("User::\"a\".level == 1"), ["User::\"a\".level value"]);
}

#[test]
fn what_is_asked_for_with_has_is_read_by_presence() {
    assert_eq!(reads("context.args has n"), ["context.args.n presence"]);
    assert_eq!(reads("context has args.to.name"), ["context.args.to.name presence"]);
    assert_eq!(
        reads("principal has owner && principal.owner == User::\"a\""),
        ["principal.owner presence", "principal.owner value"]
    );
}

#[test]
fn entities_are_read_by_ancestors_and_tags_beside_what_they_are() {
    assert_eq!(
        reads("principal.owner in Group::\"g\""),
        ["principal.owner ancestors", "principal.owner value"]
    );
    assert_eq!(
        reads("principal.hasTag(\"team\") && principal.getTag(context.args.tag) == \"red\""),
        ["context.args.tag value", "principal tags", "principal value"]
    );
    assert_eq!(
        reads("principal.getTag(\"boss\").level > 2"),
        ["principal tags", "principal value"]
    );
}

#[test]
fn what_is_no_path_is_read_as_everything_it_is_made_of() {
    assert_eq!(reads("context == {}"), ["context value"]);
    assert_eq!(reads("context.args == {}"), ["context.args value"]);
    assert_eq!(
        reads("(if context.args.a then principal else resource) has x"),
        ["context.args.a value", "principal value", "resource value"]
    );
    assert_eq!(
        reads("(if context.args.a then context.args else context.data).n == 1"),
        ["context.args value", "context.args.a value", "context.data value"]
    );
    assert_eq!(
        reads("[context.args.a, { x: context.args.b }].contains(context.args.c)"),
        ["context.args.a value", "context.args.b value", "context.args.c value"]
    );
    assert_eq!(
        reads("context.args.ip.isInRange(ip(context.args.range))"),
        ["context.args.ip value", "context.args.range value"]
    );
}

#[test]
fn both_conditions_of_a_policy_count() {
    let policy = "permit (principal, action, resource) when { context.args.a } unless { context.now > datetime(\"2026-01-01\") };";
    let reads = Reads::of_policy(&Policy::from_str(policy).unwrap());
    assert!(reads.names(ContextPart::Args) && reads.names(ContextPart::Now));
    assert!(!reads.names(ContextPart::Chain) && !reads.whole_context() && !reads.resource());
}
