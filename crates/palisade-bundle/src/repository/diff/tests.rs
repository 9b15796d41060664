use std::path::Path;

use palisade_core::FactSources;

use super::{BundleDiff, Changes};
use crate::raw::RawBundle;

const FACTS: FactSources = FactSources {
    attestation: false,
    auth: false,
    grounding: false,
    labels: false,
    session: false,
};

/// The sample bundle, with texts of one file replaced.
fn sample(file: &str, changes: &[(&str, &str)]) -> RawBundle {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../policies/quickstart");
    let bundle = RawBundle::read_directory(Path::new(path)).unwrap();
    let files: Vec<(String, String)> = bundle
        .names()
        .map(|name| {
            let mut text = bundle.text(name).unwrap().to_owned();
            if name == file {
                for (from, to) in changes {
                    assert!(text.contains(from), "{from}");
                    text = text.replacen(from, to, 1);
                }
            }
            (name.to_owned(), text)
        })
        .collect();
    let files: Vec<(&str, &str)> =
        files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    RawBundle::of(&files)
}

fn policy_file(bundle: &RawBundle) -> (String, String) {
    let name = bundle.names().find(|name| name.ends_with(".cedar")).unwrap();
    (name.to_owned(), bundle.text(name).unwrap().to_owned())
}

fn set(names: &[&str]) -> std::collections::BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn a_bundle_does_not_differ_from_itself() {
    let bundle = sample("", &[]);
    let diff = BundleDiff::between(&bundle, &bundle, FACTS);
    assert!(diff.files.is_empty());
    assert_eq!(diff.policies, Some(Changes::default()));
}

#[test]
fn policies_are_told_apart_by_their_ids() {
    let old = sample("", &[]);
    let (file, text) = policy_file(&old);
    let first = text.split("@id(\"").nth(1).unwrap().split('"').next().unwrap();
    let renamed = sample(&file, &[(&format!("@id(\"{first}\")"), "@id(\"new-name\")")]);
    let diff = BundleDiff::between(&old, &renamed, FACTS);
    assert_eq!(diff.files.changed, set(&[&file]));
    let policies = diff.policies.unwrap();
    assert_eq!(policies.added, set(&["new-name"]));
    assert_eq!(policies.removed, set(&[first]));
    assert!(policies.changed.is_empty());

    let annotated = format!("@id(\"{first}\")");
    let commented = sample(&file, &[(&annotated, &format!("// said anew\n\n   {annotated}"))]);
    let diff = BundleDiff::between(&old, &commented, FACTS);
    assert_eq!(diff.files.changed, set(&[&file]));
    assert!(diff.policies.unwrap().is_empty());

    let changed = sample(&file, &[(&annotated, &format!("{annotated} @x_note(\"1\")"))]);
    let diff = BundleDiff::between(&old, &changed, FACTS);
    assert_eq!(diff.policies.unwrap().changed, set(&[first]));
}

#[test]
fn files_of_a_bundle_that_is_not_valid_are_compared_all_the_same() {
    let old = RawBundle::of(&[("README.md", "a"), ("bundle.yaml", "x")]);
    let new = RawBundle::of(&[("README.md", "b"), ("catalog.yaml", "x")]);
    let diff = BundleDiff::between(&old, &new, FACTS);
    assert_eq!(diff.policies, None);
    assert_eq!(diff.files.added, set(&["catalog.yaml"]));
    assert_eq!(diff.files.removed, set(&["bundle.yaml"]));
    assert_eq!(diff.files.changed, set(&["README.md"]));
}
