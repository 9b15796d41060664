//! Callers that take what they can from a process: its memory and its file descriptors.
//!
//! What is said to them is tested with the server in the test's own process; here it is about what
//! the process takes from the machine.

use std::fs;
use std::io::{Cursor, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::Duration;

use h2::SendStream;
use h2::client::{Builder, ResponseFuture, SendRequest};
use tokio::runtime;
use tokio::task::JoinSet;

use super::{CHAIN, DEADLINE, QUICKSTART, Server, assert_exit, command, home};

const MIB: usize = 1024 * 1024;

/// What HTTP/2 begins with, and empty settings.
const OPENING: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

/// What a call sends, over and over.
const ZEROS: &[u8] = &[0; 16 * 1024];

/// A process that serves the quickstart bundle on a free port.
struct Victim {
    home: tempfile::TempDir,
    server: Server,
    address: SocketAddr,
    /// Connections that it announced.
    connections: usize,
}

impl Victim {
    /// Started with this limit of open files.
    fn start(files: u32) -> Self {
        let home = home();
        let mut limited = Command::new("sh");
        let palisade = env!("CARGO_BIN_EXE_palisade");
        let script = format!("ulimit -n {files} && exec \"$0\" \"$@\"");
        limited.args(["-c", &script, palisade, "--set", "telemetry.format=json"]);
        limited.args(["--set", "limits.threads=2", "--set", "log.durability=interval"]);
        limited.args(["serve", "--bundle", QUICKSTART, "--listen", "127.0.0.1:0"]);
        limited.env_clear().env("HOME", home.path()).env("PATH", "/usr/bin:/bin");
        let server = Server::start(limited.current_dir(home.path()));
        let line = server.wait_for_line("\"listening\"");
        let field = |name: &str| {
            let (_, rest) = line.split_once(&format!("\"{name}\":")).expect("it is logged");
            rest.split([',', '}']).next().expect("a value").trim_matches('"').to_owned()
        };
        let address = field("address").parse().expect("an address");
        let connections = field("connections").parse().expect("a number");
        Self { home, server, address, connections }
    }

    fn proc(&self, file: &str) -> String {
        format!("/proc/{}/{file}", self.server.child.id())
    }

    /// The most memory that it ever had, in bytes.
    fn memory_peak(&self) -> usize {
        let status = fs::read_to_string(self.proc("status")).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("Linux");
        line.trim().trim_end_matches(" kB").parse::<usize>().expect("a number") * 1024
    }

    /// Time that it has computed for, in hundredths of a second.
    fn computed(&self) -> u64 {
        let stat = fs::read_to_string(self.proc("stat")).expect("it runs");
        let (_, fields) = stat.rsplit_once(") ").expect("Linux");
        let ticks = fields.split(' ').skip(11).take(2);
        ticks.map(|ticks| ticks.parse::<u64>().expect("a number")).sum()
    }

    /// Asks as anybody would.
    fn is_answered(&self) {
        self.answers(&["authorize", "--server", &self.address.to_string()]);
    }

    fn answers(&self, command_line: &[&str]) {
        let answered = command(self.home.path())
            .args(command_line)
            .args(["--chain", CHAIN, "--tool", "crm.read_ticket"])
            .args(["--args", r#"{"ticket_id":"T-1"}"#])
            .output();
        assert_exit(&answered.expect("the program starts"), 0);
    }

    /// A connection that has sent what HTTP/2 begins with.
    fn connect(&self) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).expect("a connection");
        stream.set_read_timeout(Some(DEADLINE)).expect("a timeout");
        stream.write_all(OPENING).expect("room for the opening");
        stream
    }

    fn limit_files(&self, files: u32) {
        let id = self.server.child.id().to_string();
        let limit = format!("--nofile={files}:");
        let set = Command::new("prlimit").args(["--pid", &id, &limit]).status();
        assert!(set.expect("prlimit starts").success());
    }
}

/// A call that is open until dropped.
type Call = (ResponseFuture, SendStream<Cursor<&'static [u8]>>);

type Calls = SendRequest<Cursor<&'static [u8]>>;

/// Opens a connection whose calls are driven until it is dropped.
async fn connect(address: SocketAddr, builder: &Builder, driven: &mut JoinSet<()>) -> Calls {
    let stream = tokio::net::TcpStream::connect(address).await.expect("a connection");
    let (calls, connection) = builder.handshake(stream).await.expect("HTTP/2");
    driven.spawn(async move { drop(connection.await) });
    calls
}

/// What a call sends: the head of a message of so many bytes, and then so many bytes of nothing.
#[derive(Clone, Copy)]
struct Hoard {
    method: &'static str,
    head: &'static [u8],
    bytes: usize,
}

impl Hoard {
    /// Half of a message of 2 MiB.
    const LARGE: Self = Self { method: "Authorize", head: &[0, 0, 0x20, 0, 0], bytes: MIB };
    /// Most of a message of 48 KiB.
    const MEDIUM: Self = Self { method: "Authorize", head: &[0, 0, 0, 0xc0, 0], bytes: 40 * 1024 };
    /// The same on a stream, which may stay open for longer.
    const STREAM: Self = Self { method: "AuthorizeStream", ..Self::LARGE };
    /// Empty messages on a stream, each of which is answered with an error of its own.
    const MESSAGES: Self = Self { method: "AuthorizeStream", head: &[0; 5], bytes: MIB };

    /// Sends as much of it as is taken. The call stays open until it is dropped.
    async fn send(self, calls: Calls) -> Call {
        let Self { method, head, bytes } = self;
        let path = format!("http://x/palisade.v1.AuthorizationService/{method}");
        let request = http::Request::post(path)
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .body(())
            .expect("a request");
        let mut calls = calls.ready().await.expect("room for a call");
        let (answer, mut stream) = calls.send_request(request, false).expect("a call");
        let (mut piece, mut sent) = (head, 0);
        while sent < bytes {
            stream.reserve_capacity(piece.len());
            let room = std::future::poll_fn(|context| stream.poll_capacity(context));
            // A call that is refused takes no more, one that is not read any more takes nothing.
            let Ok(Some(Ok(room))) = tokio::time::timeout(PATIENCE, room).await else {
                break;
            };
            let (now, later) = piece.split_at(room.min(piece.len()));
            if stream.send_data(Cursor::new(now), false).is_err() {
                break;
            }
            sent += now.len();
            piece = if later.is_empty() { ZEROS } else { later };
        }
        (answer, stream)
    }
}

/// How long a call waits for the server to take more.
const PATIENCE: Duration = Duration::from_secs(2);

const CONNECTIONS: usize = 300;

/// Everything that callers can have a server keep, on many connections at once: 2 GiB of requests
/// whose ends never come, and answers that nobody reads.
async fn attack(address: SocketAddr) -> (Vec<Call>, JoinSet<()>) {
    let (mut driven, mut hoards) = (JoinSet::new(), JoinSet::new());
    for hoard in KINDS.into_iter().cycle().take(CONNECTIONS) {
        let mut builder = Builder::new();
        builder.initial_window_size(0);
        let calls = connect(address, &builder, &mut driven).await;
        for _ in 0..10 {
            hoards.spawn(hoard.send(calls.clone()));
        }
    }
    let mut open = Vec::new();
    while let Some(hoard) = hoards.join_next().await {
        open.push(hoard.expect("no panic"));
    }
    (open, driven)
}

const KINDS: [Hoard; 4] = [Hoard::LARGE, Hoard::MEDIUM, Hoard::STREAM, Hoard::MESSAGES];

#[test]
fn memory_is_bounded_whatever_callers_send_and_others_are_answered() {
    let victim = Victim::start(1024);
    victim.is_answered();
    let before = victim.memory_peak();
    let address = victim.address;
    let (done, all_sent) = sync_channel(0);
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let attacker = std::thread::spawn(move || {
        let runtime = runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(async {
            let open = attack(address).await;
            done.send(()).expect("the test waits");
            // Until the test is over.
            stopped.await.expect_err("it is dropped");
            drop(open);
        });
    });
    while all_sent.try_recv().is_err() {
        victim.is_answered();
    }
    victim.is_answered();
    let grown = victim.memory_peak().saturating_sub(before);
    drop(stop);
    attacker.join().expect("no panic");
    // `limits.held_bytes`; what a connection may have for itself; what HTTP/2 may keep for it.
    let bound = 64 * MIB + CONNECTIONS * (256 + 512) * 1024;
    assert!(grown < bound, "it took {} MiB of {}", grown / MIB, bound / MIB);
    assert!(grown > 64 * MIB, "it was no attack: {} MiB", grown / MIB);
}

#[test]
fn connections_are_bounded_by_descriptors_and_taken_again() {
    let victim = Victim::start(72);
    assert!((1..72).contains(&victim.connections), "{}", victim.connections);
    let is_served = |stream: &mut TcpStream| stream.read_exact(&mut [0]).expect("settings");
    let mut open = Vec::new();
    for _ in 0..victim.connections {
        let mut stream = victim.connect();
        is_served(&mut stream);
        open.push(stream);
    }
    for _ in 0..100 {
        let mut refused = TcpStream::connect(victim.address).expect("a connection");
        refused.set_read_timeout(Some(DEADLINE)).expect("a timeout");
        let mut said = Vec::new();
        refused.read_to_end(&mut said).expect("the end");
        assert!(said.ends_with(b"too many connections"), "{said:?}");
    }
    drop(open);
    // While the server does not know yet that they are gone, this is refused, and the settings that
    // a refusal begins with are empty.
    let is_taken = || {
        let mut head = [0; 9];
        victim.connect().read_exact(&mut head).is_ok_and(|()| head[..3] != [0; 3])
    };
    while !is_taken() {}
    victim.is_answered();
}

#[test]
fn running_out_of_descriptors_neither_ends_nor_spins() {
    let victim = Victim::start(1024);
    // Both sockets are served, so nothing is being started any more.
    victim.is_answered();
    victim.answers(&["explain"]);
    // As if something else in the process had taken the rest.
    victim.limit_files(3);
    let mut waiting = victim.connect();
    victim.server.wait_for_line("connections are not accepted");
    let before = victim.computed();
    let more = victim.server.lines.recv_timeout(Duration::from_secs(1));
    assert_eq!(more, Err(RecvTimeoutError::Timeout), "it says so once");
    let computed = victim.computed() - before;
    assert!(computed < 20, "it computed for {computed} hundredths of a second");
    victim.limit_files(1024);
    waiting.read_exact(&mut [0]).expect("it is served after all");
    victim.is_answered();
}
