//! Replaces a file as a whole or not at all.

use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;

/// Replaces the content of a file; its mode stays. A link stays a link: what it points to is
/// replaced.
pub(super) fn replace(path: &Path, text: &str) -> io::Result<()> {
    let target = fs::canonicalize(path)?;
    let name = target.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    let mut beside = OsString::from(".");
    beside.push(name);
    beside.push(format!(".{}.fmt", std::process::id()));
    let beside = target.with_file_name(beside);
    let written = write(&beside, &target, text);
    if written.is_err() {
        // What is left of the attempt; if it cannot go, the error above is what matters.
        let _removed: io::Result<()> = fs::remove_file(&beside);
    }
    written
}

fn write(beside: &Path, target: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).open(beside)?;
    file.write_all(text.as_bytes())?;
    file.set_permissions(fs::metadata(target)?.permissions())?;
    file.sync_all()?;
    fs::rename(beside, target)
}
