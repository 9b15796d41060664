use std::fs;
use std::path::Path;

use crate::cli::tests::{QUICKSTART, copy, palisade};
use crate::exit::Exit;

fn edited(file: &str, from: &str, to: &str) -> (tempfile::TempDir, String) {
    let bundle = tempfile::tempdir().expect("temporary directory");
    copy(QUICKSTART.as_ref(), bundle.path());
    edit(&bundle.path().join(file), from, to);
    let name = bundle.path().to_str().expect("UTF-8").to_owned();
    (bundle, name)
}

fn edit(path: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(path).expect("read");
    assert!(text.contains(from), "{from} in {}", path.display());
    fs::write(path, text.replace(from, to)).expect("written");
}

#[test]
fn a_bundle_answers_like_itself() {
    let ran = palisade(&["diff", QUICKSTART, QUICKSTART]);
    assert_eq!(ran.exit, Exit::Success, "{}", ran.err);
    assert!(ran.out.contains("\n0 of "), "{}", ran.out);
    assert!(!ran.out.contains("policies:"), "{}", ran.out);
}

#[test]
fn another_limit_shows_in_the_answers_and_in_the_policies() {
    let (_bundle, new) =
        edited("policies/money.cedar", "decimal(\"100.00\")", "decimal(\"10.00\")");
    let ran = palisade(&["diff", QUICKSTART, &new]);
    assert_eq!((ran.exit, ran.exit.code()), (Exit::Different, 4), "{}", ran.err);
    assert!(ran.out.contains("policies:\n  ~ support-refunds-small-amounts\n"), "{}", ran.out);
    assert!(
        ran.out.contains(
            "\nsupport refunds up to 100.00\n  User::\"corp:alice\" → \
             Agent::\"corp:helpdesk-bot\" calls payments.refund\n  \
             - CHALLENGE requirements_unmet by finance-needs-approval\n  + DENY no_permit\n"
        ),
        "{}",
        ran.out
    );
    let ran = palisade(&["diff", "--format", "json", QUICKSTART, &new]);
    let document: serde_json::Value = serde_json::from_str(&ran.out).expect("JSON");
    assert_eq!(document["differences"][0]["new"]["outcome"], "deny");
    assert_eq!(
        document["changes"]["policies"]["changed"][0]["name"],
        "support-refunds-small-amounts"
    );
}

#[test]
fn tests_of_the_new_bundle_are_asked_of_the_old_one_too() {
    let (bundle, new) =
        edited("policies/reads.cedar", "@id(\"agents-read\")", "@id(\"bots-read\")");
    edit(&bundle.path().join("tests/reads.yaml"), "T-1001", "T-1002");
    let ran = palisade(&["diff", QUICKSTART, &new]);
    assert_eq!(ran.exit, Exit::Different);
    assert!(ran.out.contains("  + bots-read\n  - agents-read\n"), "{}", ran.out);
    let count = ran.out.matches("\nan agent reads tickets for a support agent\n").count();
    assert_eq!(count, 2, "once with the arguments of each bundle: {}", ran.out);
}

#[test]
fn layout_comments_and_words_change_no_answer() {
    let (bundle, new) = edited("policies/segments.cedar", "// Walls", "// Fences");
    let ran = palisade(&["diff", QUICKSTART, &new]);
    assert_eq!(ran.exit, Exit::Success);
    assert!(!ran.out.contains("policies:"), "{}", ran.out);
    edit(&bundle.path().join("policies/segments.cedar"), "@reason(\"the", "@reason(\"THE");
    let ran = palisade(&["diff", QUICKSTART, &new]);
    assert_eq!(ran.exit, Exit::Success);
    assert!(ran.out.contains("  ~ finance-wall\n"), "{}", ran.out);
}

#[test]
fn another_tier_is_listed() {
    let (_bundle, new) = edited(
        "catalog.yaml",
        "Adds an internal comment to a ticket.\n    tier: 2",
        "Adds an internal comment to a ticket.\n    tier: 3",
    );
    let ran = palisade(&["diff", QUICKSTART, &new]);
    assert_eq!(ran.exit, Exit::Different);
    assert!(
        ran.out.contains("tools:\n  ~ crm.add_comment: tier 2 write → tier 3 write\n"),
        "{}",
        ran.out
    );
}

#[test]
fn both_have_to_load() {
    assert_eq!(palisade(&["diff", QUICKSTART, "/nonexistent"]).exit, Exit::Bundle);
    assert_eq!(palisade(&["diff", QUICKSTART]).exit, Exit::Usage);
}
