use std::fs;

use super::*;
use crate::cli::tests::{QUICKSTART, copy, palisade};

fn quickstart() -> (tempfile::TempDir, String) {
    let bundle = tempfile::tempdir().expect("temporary directory");
    copy(QUICKSTART.as_ref(), bundle.path());
    let name = bundle.path().to_str().expect("UTF-8").to_owned();
    (bundle, name)
}

#[test]
fn the_shipped_bundles_are_covered_whole() {
    for bundle in ["attested", "operations", "quickstart"] {
        let path = format!("{}/../../policies/{bundle}", env!("CARGO_MANIFEST_DIR"));
        let ran = palisade(&["test", "--coverage", "--coverage-min", "100", &path]);
        assert_eq!(ran.exit, Exit::Success, "{}{}", ran.out, ran.err);
        assert!(ran.out.contains("coverage: 100% of "), "{}", ran.out);
        let ran = palisade(&["lint", &path]);
        assert_eq!(ran.exit, Exit::Success, "{}{}", ran.out, ran.err);
    }
}

#[test]
fn without_a_test_its_clauses_are_missing_and_too_little_is_1() {
    let (bundle, name) = quickstart();
    fs::remove_file(bundle.path().join("tests/reads.yaml")).expect("removed");
    let ran = palisade(&["test", "--coverage", &name]);
    assert_eq!(ran.exit, Exit::Success, "not asked for: {}", ran.err);
    assert!(ran.out.contains(": principal.region == context.args.region\n"), "{}", ran.out);
    assert!(ran.out.contains("  never evaluated: policies/reads.cedar:"), "{}", ran.out);
    let ran = palisade(&["test", "--coverage-min", "95", &name]);
    assert_eq!(ran.exit, Exit::Failure);
    assert!(ran.err.contains("95% are wanted"), "{}", ran.err);
    assert_eq!(palisade(&["test", "--coverage-min", "20", &name]).exit, Exit::Success);
    let ran = palisade(&["test", "--coverage", "--format", "json", &name]);
    let document: serde_json::Value = serde_json::from_str(&ran.out).expect("JSON");
    let clauses = document["coverage"]["clauses"].as_array().expect("a list");
    assert!(clauses.iter().any(|clause| clause["was_true"] == false), "{}", ran.out);
    let ran = palisade(&["lint", "--format", "short", &name]);
    assert_eq!(ran.exit, Exit::Failure);
    assert!(ran.out.contains("advice[tests.uncovered_clause]: no test sees"), "{}", ran.out);
}

#[test]
fn results_are_written_as_junit_beside_what_people_read() {
    let (bundle, name) = quickstart();
    let file = bundle.path().join("results.xml");
    let ran = palisade(&["test", "--junit", file.to_str().expect("UTF-8"), &name]);
    assert_eq!(ran.exit, Exit::Success, "{}", ran.err);
    assert!(ran.out.contains(" passed, 0 failed"), "{}", ran.out);
    let written = fs::read_to_string(&file).expect("written");
    fs::remove_file(&file).expect("removed");
    let ran = palisade(&["test", "--format", "junit", &name]);
    assert_eq!(ran.out, written);
    assert!(written.contains("<testsuites name=\"quickstart\""), "{written}");
    let ran = palisade(&["test", "--junit", "/nonexistent/results.xml", &name]);
    assert_eq!(ran.exit, Exit::Failure);
    assert!(ran.err.contains("`/nonexistent/results.xml` cannot be written"), "{}", ran.err);
}

#[test]
fn wrong_use_is_refused() {
    for arguments in [
        &["--coverage", "--filter", "refund"][..],
        &["--coverage-min", "101"],
        &["--coverage-min", "many"],
        &["--format", "xml"],
    ] {
        let arguments = [&["test"], arguments, &[QUICKSTART]].concat();
        assert_eq!(palisade(&arguments).exit, Exit::Usage, "{arguments:?}");
    }
    assert_eq!(palisade(&["lint", "/nonexistent"]).exit, Exit::Bundle);
}
