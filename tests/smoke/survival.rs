//! What must survive: the process is killed at random moments, and its disk fills up, becomes
//! read-only and is mended. No answer that a caller has seen may be missing from the log.
//!
//! `LOG_TEST_KILLS` says how often it is killed.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use palisade_log::{Against, LogReader, VerifierKey, VerifyReport, verify};
use palisade_proto::v1;
use palisade_proto::v1::authorization_service_client::AuthorizationServiceClient;
use palisade_proto::v1::record::Entry;
use tokio::runtime;
use tokio::sync::mpsc::{self, UnboundedReceiver};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tonic::transport::{Channel, Endpoint};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use super::{DEADLINE, QUICKSTART, Server, command, home};

/// How often the process is killed if nobody says otherwise.
const KILLS_DEFAULT: usize = 100;

/// Callers that ask at once, each on a connection of its own.
const CALLERS: usize = 4;

/// Answers that a round waits for at most before it kills.
const ANSWERS_MAX: usize = 300;

fn serve(command: &mut Command) -> Server {
    command.args(["--set", "telemetry.format=json", "--set", "limits.threads=2"]);
    // Small files, so that the log goes from one to the next again and again.
    command.args(["--set", "log.segment_size=256KiB", "--set", "log.checkpoint_interval=1s"]);
    command.args(["serve", "--bundle", QUICKSTART, "--listen", "127.0.0.1:0"]);
    Server::start(command)
}

/// A field of a log line in JSON.
fn field(line: &str, name: &str) -> String {
    let line: serde_json::Value = serde_json::from_str(line).expect("JSON");
    let field = line.get(name).and_then(serde_json::Value::as_str);
    field.unwrap_or_else(|| panic!("`{name}` is not in {line}")).to_owned()
}

fn request() -> v1::AuthorizeRequest {
    let asserted = |kind: v1::ActorKind, subject: &str| v1::Link {
        link: Some(v1::link::Link::Asserted(v1::AssertedActor {
            kind: kind.into(),
            issuer: "corp".to_owned(),
            subject: subject.to_owned(),
            attributes: None,
        })),
        possession: None,
    };
    v1::AuthorizeRequest {
        chain: vec![
            asserted(v1::ActorKind::User, "alice"),
            asserted(v1::ActorKind::Agent, "helpdesk-bot"),
        ],
        tool: "crm.read_ticket".to_owned(),
        arguments: br#"{"ticket_id":"T-1"}"#.to_vec(),
        ..v1::AuthorizeRequest::default()
    }
}

type Service = AuthorizationServiceClient<Channel>;

/// Callers that ask until the server is gone, and tell the id of each decision they are given.
fn besiege(address: &str) -> (JoinSet<()>, UnboundedReceiver<String>) {
    let (tell, told) = mpsc::unbounded_channel();
    let mut callers = JoinSet::new();
    for _ in 0..CALLERS {
        let (tell, address) = (tell.clone(), format!("http://{address}"));
        callers.spawn(async move {
            // The server may be gone before it is reached.
            let endpoint = Endpoint::from_shared(address).expect("an address");
            let Ok(channel) = endpoint.connect().await else { return };
            let mut service = Service::new(channel);
            while let Ok(response) = service.authorize(request()).await {
                let sent = tell.send(response.into_inner().decision_id);
                sent.expect("somebody listens");
            }
        });
    }
    (callers, told)
}

/// Kills a server after this many answers; what callers were told until then.
fn kill_under_load(mut server: Server, address: &str, answers: usize) -> Vec<String> {
    let runtime = runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let (callers, mut told) = besiege(address);
        let mut ids = Vec::new();
        while ids.len() < answers {
            let id = timeout(DEADLINE, told.recv()).await.expect("answers come");
            ids.push(id.expect("callers ask"));
        }
        server.child.kill().expect("it runs");
        timeout(DEADLINE, callers.join_all()).await.expect("callers see that it is gone");
        while let Some(id) = told.recv().await {
            ids.push(id);
        }
        ids
    })
}

/// The ids of all decisions of a log, which has to be sound.
fn recorded(directory: &Path, key: &str) -> HashSet<String> {
    let mut reader = LogReader::new(directory, 0);
    let mut ids = HashSet::new();
    while let Some(record) = reader.next().expect("it is read") {
        if let Some(Entry::Decision(entry)) = record.decode().expect("a record").entry {
            ids.insert(entry.decision_id);
        }
    }
    let report = sound(directory, key);
    assert_eq!(report.records, reader.position());
    ids
}

#[track_caller]
fn sound(directory: &Path, key: &str) -> VerifyReport {
    let key = Some(VerifierKey::parse(key).expect("a key"));
    let report = verify(directory, &Against { key, ..Against::default() }).expect("it is read");
    assert!(report.is_sound(), "{report:#?}");
    report
}

#[test]
fn what_was_answered_is_in_the_log_whenever_the_process_is_killed() {
    let kills = std::env::var("LOG_TEST_KILLS")
        .map_or(KILLS_DEFAULT, |kills| kills.parse().expect("`LOG_TEST_KILLS` is a number"));
    let home = home();
    let log = home.path().join(".palisade/log");
    let mut random = fastrand::Rng::with_seed(4);
    let mut answered = HashSet::new();
    for kill in 0..kills {
        let server = serve(&mut command(home.path()));
        let key = field(&server.wait_for_line("\"verifier\""), "verifier");
        let address = field(&server.wait_for_line("\"listening\""), "address");
        answered.extend(kill_under_load(server, &address, random.usize(1..ANSWERS_MAX)));
        // Reading all of it each time would take longer than everything else.
        if kill % 10 == 9 || kill + 1 == kills {
            // Whoever opens the log next takes away what is torn.
            let server = serve(&mut command(home.path()));
            server.wait_for_line("\"listening\"");
            assert_eq!(server.terminate("-TERM").code(), Some(0));
            let lost: Vec<_> = answered.difference(&recorded(&log, &key)).cloned().collect();
            assert!(lost.is_empty(), "after {kill} kills: {lost:?}");
        }
    }
    assert!(answered.len() > kills, "{} answers", answered.len());
}

/// A command in a mount namespace of its own, with a small file system at a directory.
fn on_small_disk(home: &Path, mount: &Path) -> Command {
    fs::create_dir(mount).expect("a directory");
    let script = "mount -t tmpfs -o size=2m,mode=700 tmpfs \"$0\" && \
                  head -c 1M /dev/zero > \"$0/filler\" && exec \"$@\"";
    let mut command = Command::new("unshare");
    command.args(["-rm", "sh", "-c", script]).arg(mount).arg(env!("CARGO_BIN_EXE_palisade"));
    command.args(["--set", &format!("log.directory={}", mount.join("log").display())]);
    command.env_clear().env("HOME", home).env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    command.current_dir(home);
    command
}

async fn is_serving(channel: &Channel) -> bool {
    let checked = HealthClient::new(channel.clone()).check(HealthCheckRequest::default()).await;
    checked.expect("health is served").into_inner().status() == ServingStatus::Serving
}

/// The reason of one more answer.
async fn ask(service: &mut Service) -> String {
    let answer = service.authorize(request()).await.expect("an answer").into_inner();
    answer.reason.expect("a reason").code
}

#[test]
fn a_full_disk_denies_and_is_forgotten_once_there_is_room() {
    let home = home();
    let mount = home.path().join("disk");
    let server = serve(&mut on_small_disk(home.path(), &mount));
    let key = field(&server.wait_for_line("\"verifier\""), "verifier");
    let address = field(&server.wait_for_line("\"listening\""), "address");
    // `unshare` became the shell, and that the server.
    let inside = format!("/proc/{}/root{}", server.child.id(), mount.display());
    let inside = PathBuf::from(inside);
    let runtime = runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let filled = async {
        let endpoint = Endpoint::from_shared(format!("http://{address}")).expect("an address");
        let channel = endpoint.connect().await.expect("a connection");
        let mut service = Service::new(channel.clone());
        assert!(is_serving(&channel).await);
        let mut denied = 0;
        // A segment that is given up makes some room, so it may go on for a while.
        loop {
            if ask(&mut service).await == "log_unavailable" {
                denied += 1;
                if !is_serving(&channel).await {
                    break;
                }
            }
        }
        fs::remove_file(inside.join("filler")).expect("the filler is there");
        while ask(&mut service).await == "log_unavailable" {
            denied += 1;
        }
        while !is_serving(&channel).await {}
        let log = inside.join("log");
        let gaps = gaps(&log);
        assert_eq!(gaps.iter().map(|gap| gap.records).sum::<u64>(), denied);
        for gap in gaps {
            assert!(gap.cause.contains("No space left"), "{gap:?}");
            assert!(!gap.answered);
        }
        sound(&log, &key);
    };
    runtime.block_on(async { timeout(DEADLINE, filled).await.expect("in time") });
    // The file system goes with the process.
    assert_eq!(server.terminate("-TERM").code(), Some(0));
}

fn gaps(directory: &Path) -> Vec<v1::GapEntry> {
    let mut reader = LogReader::new(directory, 0);
    let mut gaps = Vec::new();
    while let Some(record) = reader.next().expect("it is read") {
        if let Some(Entry::Gap(gap)) = record.decode().expect("a record").entry {
            gaps.push(gap);
        }
    }
    gaps
}
