//! Starts the real binary, as a person would.
//!
//! Everything that can be tested in-process is tested elsewhere; here it is about arguments,
//! exit codes, standard streams and signals. Waits for states with a deadline, never for time.
#![allow(clippy::expect_used, clippy::panic, reason = "a test; its helpers are no test functions")]

mod guide;
mod hostile;
mod rollout;
mod survival;
mod trust;

use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

/// How long the program may take for anything.
const DEADLINE: Duration = Duration::from_secs(60);

const QUICKSTART: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../policies/quickstart");
const CHAIN: &str = "user:corp:alice,agent:corp:helpdesk-bot";

/// The program in an environment of its own.
fn command(home: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_palisade"));
    command.env_clear().env("HOME", home).env("TMPDIR", home).current_dir(home);
    command
}

fn home() -> tempfile::TempDir {
    tempfile::tempdir().expect("temporary directory")
}

fn run(arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Output {
    let home = home();
    command(home.path()).args(arguments).output().expect("the program starts")
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("UTF-8")
}

#[track_caller]
fn assert_exit(output: &Output, code: i32) {
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "stdout:\n{out}\nstderr:\n{err}");
}

/// A server that is stopped when the test is over, however it ends.
struct Server {
    child: Child,
    /// Lines of its standard error.
    lines: Receiver<String>,
}

impl Server {
    fn start(command: &mut Command) -> Self {
        let mut child = command.stderr(Stdio::piped()).spawn().expect("the program starts");
        let errors = child.stderr.take().expect("piped");
        let (sender, lines) = channel();
        thread::spawn(move || {
            for line in BufReader::new(errors).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Self { child, lines }
    }

    /// Waits for a log line that contains `part`.
    fn wait_for_line(&self, part: &str) -> String {
        let mut seen = Vec::new();
        loop {
            match self.lines.recv_timeout(DEADLINE) {
                Ok(line) if line.contains(part) => return line,
                Ok(line) => seen.push(line),
                Err(error) => panic!("`{part}` was not logged ({error}): {seen:#?}"),
            }
        }
    }

    fn terminate(mut self, signal: &str) -> ExitStatus {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args([signal, &id]).status().expect("kill starts");
        assert!(sent.success());
        // Its standard error ends when it does.
        while self.lines.recv_timeout(DEADLINE).is_ok() {}
        self.child.wait().expect("it is ours")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill().and_then(|()| self.child.wait()));
    }
}

#[test]
fn the_sample_bundle_is_valid_and_its_tests_pass() {
    assert_exit(&run(["check", "--deny-advice", QUICKSTART]), 0);
    let tested = run(["test", QUICKSTART]);
    assert_exit(&tested, 0);
    assert!(text(&tested.stdout).contains(" passed, 0 failed"), "{}", text(&tested.stdout));
}

#[test]
fn one_request_is_decided_without_a_server() {
    let authorize = |tool: &str, arguments: &str| {
        let flags = ["--bundle", QUICKSTART, "--chain", CHAIN, "--tool", tool, "--args", arguments];
        run([&["authorize", "--format", "json"][..], &flags].concat())
    };
    let ticket = r#"{"ticket_id":"T-1"}"#;
    let allowed = authorize("crm.read_ticket", ticket);
    assert_exit(&allowed, 0);
    assert!(text(&allowed.stdout).contains("\"outcome\": \"allow\""));
    assert_exit(&authorize("crm.close_ticket", ticket), 2);
    let refund = r#"{"invoice_id":"I-7","amount":49.9,"currency":"EUR"}"#;
    assert_exit(&authorize("payments.refund", refund), 3);
    assert_exit(&authorize("no_dot", "{}"), 2);
}

#[test]
fn the_matrix_is_printed_in_every_format() {
    for (format, part) in [
        ("table", "user:corp:alice → agent:corp:helpdesk-bot"),
        ("csv", "principal,crm.add_comment"),
        ("html", "<!DOCTYPE html>"),
    ] {
        let printed = run(["matrix", "--format", format, QUICKSTART]);
        assert_exit(&printed, 0);
        assert!(text(&printed.stdout).contains(part), "{}", text(&printed.stdout));
    }
}

#[test]
fn the_quickstart_plays_its_run() {
    let home = home();
    let arguments = ["--set", "listen.address=127.0.0.1:0", "quickstart", "--once"];
    let played = command(home.path()).args(arguments).output().expect("the program starts");
    assert_exit(&played, 0);
    let shown = text(&played.stdout);
    for part in ["ALLOW", "DENY", "CHALLENGE", "approval by 1 of finance-approvers"] {
        assert!(shown.contains(part), "{part} is not in:\n{shown}");
    }
    assert!(text(&played.stderr).contains("development mode"), "{}", text(&played.stderr));
    let left = std::fs::read_dir(home.path()).expect("read").count();
    assert_eq!(left, 0, "nothing is left behind");
}

#[test]
fn a_server_answers_records_and_ends_on_a_signal() {
    for signal in ["-TERM", "-INT"] {
        let home = home();
        let socket = home.path().join("decide.sock");
        let listen = format!("unix:{}", socket.display());
        let server = Server::start(command(home.path()).args([
            "--set",
            "telemetry.format=json",
            "serve",
            "--bundle",
            QUICKSTART,
            "--listen",
            &listen,
        ]));
        server.wait_for_line("development mode");
        server.wait_for_line("\"listening\"");
        let request =
            ["--chain", CHAIN, "--tool", "crm.read_ticket", "--args", r#"{"ticket_id":"T-1"}"#];
        let ask = |command_line: &[&str]| {
            let arguments = [command_line, &request].concat();
            command(home.path()).args(arguments).output().expect("the program starts")
        };
        let answered = ask(&["authorize", "--server", &listen]);
        assert_exit(&answered, 0);
        // The default administration socket is the same for both.
        let explained = ask(&["explain"]);
        assert_exit(&explained, 0);
        assert!(text(&explained.stdout).contains("agents-read"), "{}", text(&explained.stdout));
        let tail = ["log", "tail", "--json", "--decisions", "-n", "100"];
        let log = command(home.path()).args(tail).output().expect("the program starts");
        assert_exit(&log, 0);
        let log = text(&log.stdout);
        assert_eq!(log.lines().count(), 1, "one decision, and explanations are none: {log}");
        assert_eq!(server.terminate(signal).code(), Some(0), "{signal}");
        assert!(!socket.exists(), "the socket goes with the server");
        assert_exit(&ask(&["authorize", "--server", &listen]), 1);
    }
}

#[test]
fn wrong_use_configuration_and_bundles_have_their_exit_codes() {
    assert_exit(&run(["nonsense"]), 64);
    assert_exit(&run(["--set", "listen.address=0.0.0.0:7711", "serve"]), 64);
    assert_exit(&run(["serve", "--bundle", "/nonexistent"]), 65);
    let home = home();
    let mut unknown = command(home.path());
    let unknown = unknown.env("PALISADE_NONSENSE", "1").arg("serve").output();
    assert_exit(&unknown.expect("the program starts"), 64);
}

#[test]
fn a_reader_that_goes_away_is_no_panic() {
    let home = home();
    let mut child = command(home.path())
        .args(["schema", QUICKSTART])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(text(&output.stderr), "");
    assert_eq!(output.status.code(), Some(1));
}
