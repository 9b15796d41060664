//! A client that shares nothing with us: Python's gRPC, by the published contract alone.

use std::process::{Command, Stdio};

use palisade_tests::external::installed;
use palisade_tests::{TestServer, bundle, within};
use tokio::task::spawn_blocking;

async fn run(contract: &str) {
    let Some(python) = installed("venv/bin/python") else { return };
    let server = TestServer::start().await;
    let mut client = Command::new(python);
    client
        .arg(bundle::root().join("tests/python/client_test.py"))
        .args(["--server", &server.address().to_string(), "--contract", contract])
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .stdin(Stdio::null());
    // Every call of the client has a deadline of its own.
    let finished = within("the Python client", spawn_blocking(move || client.output())).await;
    let output = finished.expect("no panic").expect("python starts");
    assert!(
        output.status.success(),
        "{}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    // Not a run of nothing.
    let report = String::from_utf8_lossy(&output.stderr);
    assert!(report.contains("Ran 11 tests"), "{report}");
}

#[tokio::test]
async fn a_python_client_made_from_the_proto_files_is_served() {
    let proto = bundle::root().join("proto");
    run(proto.to_str().expect("UTF-8")).await;
}

#[tokio::test]
async fn a_python_client_made_by_reflection_is_served() {
    run("reflection").await;
}
