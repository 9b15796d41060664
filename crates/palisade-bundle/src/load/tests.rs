use std::path::PathBuf;

use palisade_core::{FactSources, Problems};

use super::load_directory;
use crate::{LoadBundleError, RawBundle};

fn quickstart() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../policies/quickstart")
}

#[test]
fn the_shipped_bundle_passes_its_tests_without_any_advice() {
    let raw = RawBundle::read_directory(&quickstart()).unwrap();
    let (parsed, advice) = raw.parse().unwrap();
    assert_eq!(advice, Problems::default());
    let (validated, advice) = parsed.validate(FactSources::default()).unwrap();
    assert_eq!(advice, Problems::default());
    let report = validated.run_tests();
    let failed: Vec<_> = report.failed().collect();
    assert!(failed.is_empty(), "{failed:#?}");
    assert!(report.uncovered.is_empty(), "{:#?}", report.uncovered);
}

#[test]
fn no_policy_of_the_shipped_bundle_can_be_removed_without_a_test_that_notices() {
    let raw = RawBundle::read_directory(&quickstart()).unwrap();
    let files: Vec<_> = raw.files().collect();
    let mut removed = 0;
    for (index, file) in files.iter().enumerate().filter(|(_, f)| f.name.ends_with(".cedar")) {
        // Policies are separated by blank lines.
        let blocks: Vec<&str> = file.text.split("\n\n").collect();
        for (policy, block) in blocks.iter().enumerate().filter(|(_, b)| b.contains("@id(")) {
            let mut rest = blocks.clone();
            rest.remove(policy);
            let text = rest.join("\n\n");
            let mut changed: Vec<(&str, &str)> =
                files.iter().map(|file| (&*file.name, &*file.text)).collect();
            changed[index].1 = &text;
            let (parsed, _) = RawBundle::of(&changed).parse().unwrap();
            // A template cannot be removed at all, because it is linked.
            if let Ok((validated, _)) = parsed.validate(FactSources::default()) {
                assert!(!validated.run_tests().passed(), "nothing misses this policy:\n{block}");
            }
            removed += 1;
        }
    }
    assert!(removed >= 15, "only {removed} policies were found");
}

#[test]
fn a_directory_is_loaded_in_one_step() {
    let (snapshot, advice) = load_directory(&quickstart(), FactSources::default()).unwrap();
    assert_eq!(snapshot.revision().bundle.as_str(), "quickstart");
    assert_eq!(snapshot.revision().version, 1);
    assert_eq!(advice, Problems::default());
}

#[test]
fn the_first_step_that_fails_is_the_error() {
    let directory = tempfile::TempDir::new().unwrap();
    let load = || load_directory(directory.path(), FactSources::default()).unwrap_err();

    std::fs::write(directory.path().join("bundle.yml"), "").unwrap();
    assert!(matches!(load(), LoadBundleError::Read(_)));

    std::fs::remove_file(directory.path().join("bundle.yml")).unwrap();
    assert!(matches!(load(), LoadBundleError::Invalid(_)));

    std::fs::write(
        directory.path().join("bundle.yaml"),
        "format: 1\nname: a\nversion: 1\nissuers: { corp: https://idp }\n",
    )
    .unwrap();
    std::fs::write(directory.path().join("catalog.yaml"), "format: 1\n").unwrap();
    std::fs::create_dir(directory.path().join("tests")).unwrap();
    std::fs::write(
        directory.path().join("tests/a.yaml"),
        "tests: [{ name: a, chain: [user:corp:x], tool: a.b, want: { outcome: allow } }]\n",
    )
    .unwrap();
    assert!(matches!(load(), LoadBundleError::Activate(_)));
}
