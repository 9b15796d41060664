//! A server in a process of its own, which can be killed: this test program once more, as which the
//! command line is run.

use std::ffi::OsString;
use std::fs;
use std::io::{BufRead as _, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;

use palisade::config::Environment;
use palisade::{Exit, Output};
use palisade_proto::v1::authorization_service_client::AuthorizationServiceClient;
use tokio::sync::watch;
use tonic::transport::{Channel, Endpoint};

use crate::bundle::root;
use crate::within;

/// The command line that a process is to run instead of its tests, as JSON.
const SERVE_VARIABLE: &str = "TEST_PROGRAM_SERVES";

/// The test of the program that is a server if it is asked to be one.
const SERVER_TEST: &str = "process::is_a_server_if_asked";

/// Runs the command line that this process was started for; nothing if it was started for tests.
///
/// # Panics
/// The command fails.
pub fn serve_if_asked() {
    let Ok(asked) = std::env::var(SERVE_VARIABLE) else { return };
    let arguments: Vec<String> = serde_json::from_str(&asked).expect("arguments");
    let home = std::env::var("HOME").expect("a home");
    let environment: Environment = [("HOME".to_owned(), home)].into_iter().collect();
    let mut output = Output::standard(&environment);
    let arguments = arguments.into_iter().map(OsString::from);
    assert_eq!(palisade::cli::run(arguments, environment, &mut output), Exit::Success);
}

/// A running server. Dropping it kills it.
#[derive(Debug)]
pub struct ServerProcess {
    child: Child,
    printed: watch::Receiver<Vec<String>>,
    address: String,
}

impl ServerProcess {
    /// Serves the quickstart bundle, with its log and whatever else it keeps below `home`, and waits
    /// until it listens. `settings` are `key=value`.
    ///
    /// # Panics
    /// It does not start.
    pub async fn start(home: &Path, settings: &[&str]) -> Self {
        let bundle = root().join("policies/quickstart");
        let mut arguments: Vec<String> =
            ["palisade", "serve", "--listen", "127.0.0.1:0", "--bundle"]
                .map(str::to_owned)
                .to_vec();
        arguments.push(bundle.to_str().expect("UTF-8").to_owned());
        let own = ["telemetry.format=json", "limits.threads=2"];
        for setting in own.iter().chain(settings) {
            arguments.extend(["--set".to_owned(), (*setting).to_owned()]);
        }
        let mut child = Command::new(std::env::current_exe().expect("this program"))
            .args(["--exact", SERVER_TEST, "--nocapture", "--test-threads=1"])
            .env_clear()
            .env("HOME", home)
            .env(SERVE_VARIABLE, serde_json::to_string(&arguments).expect("JSON"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        let (print, mut printed) = watch::channel(Vec::new());
        let streams: [Box<dyn Read + Send>; 2] = [
            Box::new(child.stdout.take().expect("piped")),
            Box::new(child.stderr.take().expect("piped")),
        ];
        for stream in streams {
            let print = print.clone();
            thread::spawn(move || {
                for line in BufReader::new(stream).lines().map_while(Result::ok) {
                    print.send_modify(|lines: &mut Vec<String>| lines.push(line));
                }
            });
        }
        drop(print);
        let address = {
            let listening = |line: &String| line.contains("\"listening\"");
            let waiting = printed.wait_for(|lines| lines.iter().any(listening));
            let lines = within("the server to listen", waiting).await.expect("it listens");
            let line = lines.iter().find(|line| listening(line)).expect("it was there");
            let line: serde_json::Value = serde_json::from_str(line).expect("JSON");
            line["address"].as_str().expect("an address").to_owned()
        };
        Self { child, printed, address }
    }

    /// Where its log is, if `home` is where it lives.
    #[must_use]
    pub fn log_directory(home: &Path) -> PathBuf {
        home.join(".palisade/log")
    }

    /// A client of it.
    ///
    /// # Panics
    /// It does not connect.
    pub async fn client(&self) -> AuthorizationServiceClient<Channel> {
        let endpoint =
            Endpoint::from_shared(format!("http://{}", self.address)).expect("an address");
        let channel = within("a connection", endpoint.connect()).await.expect("a connection");
        AuthorizationServiceClient::new(channel)
    }

    /// Everything it has printed.
    #[must_use]
    pub fn printed(&self) -> String {
        self.printed.borrow().join("\n")
    }

    /// Bytes of memory that it has now.
    ///
    /// # Panics
    /// It is gone.
    #[must_use]
    pub fn memory(&self) -> usize {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let status = status.expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("Linux");
        line.trim().trim_end_matches(" kB").parse::<usize>().expect("a number") * 1024
    }

    /// Kills it, as a crash would.
    ///
    /// # Panics
    /// It was gone already.
    pub fn kill(mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it is ours");
    }

    /// Asks it to end, and waits until it has. What it printed.
    ///
    /// # Panics
    /// It does not end well.
    pub async fn terminate(mut self) -> String {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args(["-TERM", &id]).status().expect("kill starts");
        assert!(sent.success());
        // Both streams end when it does.
        let ended = self.printed.wait_for(|_| false);
        drop(within("the server to end", ended).await);
        let status = self.child.wait().expect("it is ours");
        assert!(status.success(), "{status}: {}", self.printed());
        self.printed()
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        drop(self.child.kill().and_then(|()| self.child.wait()));
    }
}
