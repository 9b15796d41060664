//! The rules of the workspace hold for every member, and for tests as well.

use std::fs;

use anyhow::{Result, ensure};

use crate::workspace::{members, rust_files};

/// Generated code; the one exception.
const EXEMPT: &str = "palisade-proto";

#[test]
fn every_member_inherits_the_lints() -> Result<()> {
    for package in members()? {
        let manifest = fs::read_to_string(&package.manifest_path)?;
        let inherits = manifest.contains("\n[lints]\nworkspace = true\n");
        ensure!(
            inherits == (package.name != EXEMPT),
            "{}: `[lints] workspace = true` is {inherits}",
            package.name
        );
    }
    Ok(())
}

#[test]
fn no_test_is_switched_off() -> Result<()> {
    let mark = ["#[", "ignore"].concat();
    for file in rust_files()? {
        ensure!(!file.text.contains(&mark), "{} has {mark}…]", file.path);
    }
    Ok(())
}

#[test]
fn tests_wait_for_states_and_never_sleep() -> Result<()> {
    let calls = ["thread", "time"].map(|module| format!("{module}::{}", "sleep"));
    for file in rust_files()?.iter().filter(|file| file.is_test()) {
        for call in &calls {
            ensure!(!file.text.contains(call), "{} calls {call}", file.path);
        }
    }
    Ok(())
}
