//! A bundle's way from its author to decisions, with the commands of the guide, and a web server
//! that is not ours in between.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use palisade_core::{Clock as _, SystemClock};

use super::{Server, assert_exit, command, home, text};

const CATALOG: &str = "
format: 1
segments: [customers]
services:
  crm: { segment: customers }
tools:
  crm.read_ticket:
    tier: 1
    effect: read
";

const READERS: &str = r#"
@id("read") permit (principal, action in Action::"read", resource);
"#;

const NOBODY: &str = r#"
@id("read") permit (principal, action in Action::"read", resource);
@id("stop") @reason("not today") forbid (principal, action, resource);
"#;

/// Serves a folder until the test is over.
struct WebServer {
    child: Child,
    port: u16,
}

impl WebServer {
    fn start(folder: &Path) -> Self {
        let mut child = Command::new("python3")
            .args(["-u", "-m", "http.server", "--bind", "127.0.0.1", "0", "--directory"])
            .arg(folder)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("python3 starts");
        let mut line = String::new();
        let output = child.stdout.take().expect("piped");
        BufReader::new(output).read_line(&mut line).expect("it says where it listens");
        // Serving HTTP on 127.0.0.1 port 37421 (http://127.0.0.1:37421/) ...
        let port = line.split(" port ").nth(1).and_then(|rest| rest.split(' ').next());
        let port = port.and_then(|port| port.parse().ok()).expect("a port");
        Self { child, port }
    }
}

impl Drop for WebServer {
    fn drop(&mut self) {
        drop(self.child.kill().and_then(|()| self.child.wait()));
    }
}

/// A place with keys, a repository, and a program that is run in it.
struct Desk {
    home: tempfile::TempDir,
}

impl Desk {
    fn run(&self, arguments: &[&str]) -> Output {
        command(self.home.path()).args(arguments).output().expect("the program starts")
    }

    /// Runs it and wants this exit code.
    #[track_caller]
    fn expect(&self, code: i32, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert_exit(&output, code);
        text(&output.stdout).to_owned()
    }

    fn write_bundle(&self, version: u64, policies: &str) {
        let bundle = self.home.path().join("desk");
        fs::create_dir_all(bundle.join("policies")).expect("a folder");
        let issuers = "issuers: { corp: https://corp.example }";
        let manifest = format!("format: 1\nname: desk\nversion: {version}\n{issuers}\n");
        let files = [
            ("bundle.yaml", &*manifest),
            ("catalog.yaml", CATALOG),
            ("policies/p.cedar", policies),
        ];
        for (name, content) in files {
            fs::write(bundle.join(name), content).expect("written");
        }
    }

    /// Packs, signs twice and publishes.
    fn release(&self, version: u64, policies: &str, channel: &str) {
        self.write_bundle(version, policies);
        let archive = format!("desk-{version}.tar.gz");
        self.expect(0, &["bundle", "build", "desk", "--out", &archive]);
        self.expect(0, &["bundle", "add", "repo", &archive, "--channel", channel]);
        self.sign_and_publish();
    }

    fn sign_and_publish(&self) {
        for key in ["release1.pem", "release2.pem"] {
            self.expect(0, &["bundle", "sign", "repo", "--key", key]);
        }
        let publish =
            ["bundle", "publish", "repo", "--snapshot-key", "publish.pem", "--timestamp-key"];
        self.expect(0, &[&publish[..], &["publish.pem"]].concat());
    }

    fn serve(&self, port: u16) -> Server {
        let repository = format!("bundle.repository=http://127.0.0.1:{port}/");
        let mut server = command(self.home.path());
        for setting in [
            &*repository,
            "bundle.root=root.json",
            "bundle.name=desk",
            "bundle.poll_interval=1h",
            "shadow.channel=candidate",
        ] {
            server.args(["--set", setting]);
        }
        let server = Server::start(server.args(["serve", "--listen", &self.socket()]));
        server.wait_for_line("listening");
        server
    }

    fn socket(&self) -> String {
        format!("unix:{}", self.home.path().join("decide.sock").display())
    }

    /// Waits until a difference in the shadow is on record: it is made after the answer.
    fn wait_for_difference(&self) {
        let clock = SystemClock::new();
        while self.expect(0, &["log", "tail", "--kind", "shadow", "-n", "1"]).is_empty() {
            assert!(clock.monotonic() < super::DEADLINE, "no difference was recorded");
        }
    }

    /// The exit code of a decision about reading a ticket.
    fn asked(&self) -> Option<i32> {
        let socket = self.socket();
        let asked = ["authorize", "--server", &socket, "--chain", "user:corp:alice"];
        self.run(&[&asked[..], &["--tool", "crm.read_ticket"]].concat()).status.code()
    }
}

const ALLOW: Option<i32> = Some(0);
const NO_DECISION: Option<i32> = Some(1);
const DENY: Option<i32> = Some(2);

fn desk() -> Desk {
    let desk = Desk { home: home() };
    for key in ["root.pem", "release1.pem", "release2.pem", "publish.pem"] {
        desk.expect(0, &["bundle", "key", "--out", key]);
    }
    let mut init = vec!["bundle", "init-repo", "repo", "--root-key", "root.pem"];
    init.extend(["--root-threshold", "1", "--targets-threshold", "2"]);
    init.extend(["--targets-key", "release1.pem.pub", "--targets-key", "release2.pem.pub"]);
    init.extend(["--snapshot-key", "publish.pem", "--timestamp-key", "publish.pem"]);
    desk.expect(0, &init);
    desk.sign_and_publish();
    let root = desk.home.path().join("repo/metadata/1.root.json");
    fs::copy(root, desk.home.path().join("root.json")).expect("copied");
    desk
}

#[test]
fn a_bundle_goes_from_its_author_to_decisions_and_back() {
    let desk = desk();
    let web = WebServer::start(&desk.home.path().join("repo"));
    let server = desk.serve(web.port);
    assert_eq!(desk.asked(), NO_DECISION, "there is no bundle yet");
    desk.expect(65, &["rollout", "reload"]);

    desk.release(1, READERS, "stable");
    let status = desk.expect(0, &["rollout", "reload"]);
    assert!(status.contains("desk@1 ") && status.contains("(signed)"), "{status}");
    assert_eq!(desk.asked(), ALLOW);

    desk.release(2, NOBODY, "candidate");
    let status = desk.expect(0, &["rollout", "reload"]);
    assert!(status.contains("shadow     desk@2 "), "{status}");
    assert_eq!(desk.asked(), ALLOW, "a candidate changes nothing");
    desk.wait_for_difference();
    let report = desk.expect(4, &["shadow", "report"]);
    assert!(report.contains("allow → deny"), "{report}");

    desk.expect(0, &["bundle", "channel", "repo", "2", "--channel", "stable"]);
    desk.sign_and_publish();
    desk.expect(0, &["rollout", "reload"]);
    assert_eq!(desk.asked(), DENY);
    let status = desk.expect(0, &["rollout", "roll-back", "--reason", "denies everything"]);
    assert!(status.contains("desk@1 ") && status.contains(", pinned"), "{status}");
    assert_eq!(desk.asked(), ALLOW);

    drop(web);
    assert_eq!(server.terminate("-TERM").code(), Some(0));
    let server = desk.serve(1);
    assert_eq!(desk.asked(), ALLOW, "what was kept serves without the repository");
    let status = desk.expect(65, &["rollout", "reload"]);
    assert!(status.contains(", pinned") && status.contains("[unreachable]"), "{status}");
    assert_eq!(server.terminate("-TERM").code(), Some(0));

    desk.expect(0, &["log", "verify"]);
    let changes = desk.expect(0, &["log", "tail", "--kind", "rollout", "-n", "100"]);
    for part in ["activated", "refused", "shadow_started", "rolled_back", "denies everything"] {
        assert!(changes.contains(part), "{part} is not in:\n{changes}");
    }
}

#[test]
fn a_bundle_that_does_not_load_is_not_packed() {
    let desk = desk();
    desk.write_bundle(1, "permit (");
    desk.expect(65, &["bundle", "build", "desk", "--out", "desk.tar.gz"]);
    assert!(!desk.home.path().join("desk.tar.gz").exists());
}

#[test]
fn one_signature_of_two_is_not_published() {
    let desk = desk();
    desk.write_bundle(1, READERS);
    desk.expect(0, &["bundle", "build", "desk", "--out", "desk.tar.gz"]);
    desk.expect(0, &["bundle", "add", "repo", "desk.tar.gz"]);
    desk.expect(0, &["bundle", "sign", "repo", "--key", "release1.pem"]);
    let publish = ["bundle", "publish", "repo", "--snapshot-key", "publish.pem"];
    desk.expect(1, &[&publish[..], &["--timestamp-key", "publish.pem"]].concat());
}
