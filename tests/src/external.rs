//! What is no Rust: the Python client and the MCP servers that `scripts/test` installs.

use std::path::PathBuf;

use crate::bundle::root;

/// A file that `scripts/test` installs under `target/test-tools`. `None` if `TESTS_OFFLINE=1` says
/// to do without; then this has said that the test is skipped.
///
/// # Panics
/// It is not there.
#[must_use]
#[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
pub fn installed(path: &str) -> Option<PathBuf> {
    if std::env::var_os("TESTS_OFFLINE").is_some_and(|value| value == "1") {
        eprintln!("skipped: TESTS_OFFLINE=1 and this needs {path}");
        return None;
    }
    let installed = root().join("target/test-tools").join(path);
    assert!(
        installed.exists(),
        "{} is missing: run `scripts/test`, which installs it",
        installed.display()
    );
    Some(installed)
}
