//! Bundles that must not load, each with what is wrong and where.
//!
//! A case is a directory of `fixtures/bad_bundles`: files laid over `fixtures/bundles/minimal`, and
//! a file `WANT` with every error there is, as `code file:line`, or a line that begins with `!` and
//! has the error's text. `UPDATE_SNAPSHOTS=1` writes `WANT`; read what it wrote.

use std::fs;
use std::path::{Path, PathBuf};

use palisade_bundle::{LoadBundleError, load_directory};
use palisade_core::{FactSources, Problem, Problems, Severity};
use palisade_tests::bundle::{WrittenBundle, fixture, root};

pub(crate) fn cases() -> Vec<PathBuf> {
    let directory = root().join("tests/fixtures/bad_bundles");
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let mut cases: Vec<PathBuf> = entries.collect();
    cases.sort();
    cases
}

pub(crate) fn overlay(bundle: &WrittenBundle, from: &Path, within: &str) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let name = format!("{within}{}", entry.file_name().to_str().unwrap());
        if entry.file_type().unwrap().is_dir() {
            overlay(bundle, &entry.path(), &format!("{name}/"));
        } else if name != "WANT" {
            bundle.write(&name, &fs::read_to_string(entry.path()).unwrap());
        }
    }
}

fn bundle_of(case: &Path) -> WrittenBundle {
    let bundle = WrittenBundle::new(&[]);
    overlay(&bundle, &fixture("minimal"), "");
    overlay(&bundle, case, "");
    bundle
}

/// Every error, one a line.
fn describe(error: &LoadBundleError, bundle: &Path) -> String {
    match error {
        LoadBundleError::Invalid(Problems(problems)) => {
            let errors = problems.iter().filter(|problem| problem.severity == Severity::Error);
            errors.map(|problem| place(problem, bundle)).collect()
        }
        other => format!("! {other}\n"),
    }
}

fn place(problem: &Problem, bundle: &Path) -> String {
    let Problem { code, file, span, .. } = problem;
    match (file, span) {
        (None, _) => format!("{code}\n"),
        (Some(file), None) => format!("{code} {file}\n"),
        (Some(file), Some(span)) => {
            let text = fs::read_to_string(bundle.join(&**file)).unwrap();
            assert!(span.end <= text.len(), "{problem:#?}");
            let line = text[..span.start].matches('\n').count() + 1;
            format!("{code} {file}:{line}\n")
        }
    }
}

#[test]
fn every_bad_bundle_is_rejected_for_what_is_wrong_with_it() {
    let update = std::env::var_os("UPDATE_SNAPSHOTS").is_some_and(|value| value == "1");
    let mut wrong = Vec::new();
    for case in cases() {
        let bundle = bundle_of(&case);
        let got = match load_directory(bundle.path(), FactSources::default()) {
            Ok(_) => "it loads\n".to_owned(),
            Err(error) => describe(&error, bundle.path()),
        };
        let file = case.join("WANT");
        if update {
            fs::write(&file, &got).unwrap();
        }
        let want = fs::read_to_string(&file).unwrap_or_default();
        if got != want || want.is_empty() {
            wrong.push(format!("{}\nwant:\n{want}got:\n{got}", case.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_the_bad_bundles_are_laid_over_loads() {
    load_directory(&fixture("minimal"), FactSources::default()).unwrap();
}

#[test]
fn a_symbolic_link_is_rejected() {
    for (from, to) in [
        ("policies/base.cedar", "policies/link.cedar"),
        ("policies", "tests"),
        // Whether or not it leads anywhere.
        ("nowhere", "entities"),
    ] {
        let bundle = WrittenBundle::new(&[]);
        overlay(&bundle, &fixture("minimal"), "");
        let target = bundle.path().join(from);
        std::os::unix::fs::symlink(target, bundle.path().join(to)).unwrap();
        let error = load_directory(bundle.path(), FactSources::default()).unwrap_err();
        let message = error.to_string();
        assert!(message.contains(&format!("`{to}`")), "{message}");
        assert!(message.contains("a bundle holds no links"), "{message}");
    }
}

#[test]
fn a_directory_without_a_bundle_says_so() {
    let empty = tempfile::tempdir().unwrap();
    let error = load_directory(empty.path(), FactSources::default()).unwrap_err();
    assert_eq!(describe(&error, empty.path()), "bundle.missing_file\nbundle.missing_file\n");
    let error = load_directory(&empty.path().join("none"), FactSources::default()).unwrap_err();
    assert!(error.to_string().contains("/none"), "{error}");
}

#[test]
fn a_file_that_is_no_text_is_rejected() {
    let bundle = WrittenBundle::new(&[]);
    overlay(&bundle, &fixture("minimal"), "");
    fs::write(bundle.path().join("policies/base.cedar"), b"// \xff").unwrap();
    let error = load_directory(bundle.path(), FactSources::default()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "`policies/base.cedar` is not UTF-8: byte 3 is no part of a character"
    );
}
