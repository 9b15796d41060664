//! What is configured for an observability stack, good and bad.

use std::path::PathBuf;

use super::*;

fn written(text: &str) -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("headers");
    fs::write(&path, text).expect("written");
    (directory, path)
}

#[test]
fn headers_are_one_to_a_line() {
    let (_directory, path) = written("authorization: Bearer a:b\n\n  x-scope : desk  \r\nempty:\n");
    let headers = headers(&path).expect("headers");
    let headers: Vec<_> = headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.to_str().expect("text")))
        .collect();
    assert_eq!(headers, [("authorization", "Bearer a:b"), ("x-scope", "desk"), ("empty", "")]);
}

#[test]
fn a_bad_line_is_named_and_not_shown() {
    for (text, line) in [("a: b\nhunter2", 2), ("two words: b", 1), ("a: b\u{7f}", 1)] {
        let (_directory, path) = written(text);
        let error = headers(&path).expect_err("no header");
        assert!(matches!(error, StartExportError::Header { line: at, .. } if at == line), "{text}");
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
    assert!(matches!(headers(Path::new("/nonexistent")), Err(StartExportError::File { .. })));
}
