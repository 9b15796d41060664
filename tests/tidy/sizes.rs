//! A file past a certain length wants to be two.

use anyhow::{Result, ensure};

use crate::workspace::rust_files;

/// Lines of a file that is no test.
const LINES_MAX: usize = 600;

#[test]
fn files_are_short() -> Result<()> {
    let files = rust_files()?;
    let code = files.iter().filter(|file| !file.is_test() && !file.is_generated());
    let long: Vec<String> = code
        .map(|file| (file.text.lines().count(), &file.path))
        .filter(|(lines, _)| *lines > LINES_MAX)
        .map(|(lines, path)| format!("{path} has {lines} lines"))
        .collect();
    ensure!(long.is_empty(), "over {LINES_MAX} lines: {long:#?}");
    Ok(())
}
