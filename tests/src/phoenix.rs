//! Phoenix (`arize-phoenix`): a receiver of OTLP traces that is not ours, and what it has received.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::bundle::root;

/// How long it may take to start: ten seconds on a quiet machine, most of it Python's imports.
const START_DEADLINE: Duration = Duration::from_secs(180);

/// How long spans may take until they can be read back.
const SPANS_DEADLINE: Duration = Duration::from_secs(30);

/// How often it is asked whether it is that far.
const ASK_EVERY: Duration = Duration::from_millis(200);

/// A running Phoenix with an empty database of its own; ended when dropped.
#[derive(Debug)]
pub struct Phoenix {
    process: Child,
    directory: TempDir,
    http: SocketAddr,
    grpc: SocketAddr,
}

impl Phoenix {
    /// Starts the program and waits until it is healthy.
    ///
    /// # Panics
    /// It does not start.
    pub async fn start(program: &Path) -> Self {
        // Its ports are free until somebody else takes them first: then it ends, and has new ones.
        for _ in 0..3 {
            let mut phoenix = Self::spawn(program);
            if timeout(START_DEADLINE, phoenix.healthy()).await.unwrap_or(false) {
                return phoenix;
            }
            eprint_log(phoenix.directory.path());
        }
        panic!("{} does not start", program.display());
    }

    /// Where it takes OTLP over gRPC.
    #[must_use]
    pub fn grpc_url(&self) -> String {
        format!("http://{}", self.grpc)
    }

    /// Where it takes OTLP over HTTP.
    #[must_use]
    pub fn http_url(&self) -> String {
        format!("http://{}", self.http)
    }

    /// The spans of a trace (lower-case hexadecimal) as OTLP in JSON, once there are `count`.
    ///
    /// # Panics
    /// They do not come.
    pub async fn spans(&self, trace: &str, count: usize) -> Vec<Value> {
        let path = format!("/v1/projects/default/spans/otlpv1?trace_id={trace}");
        let mut last = String::new();
        let waiting = async {
            let mut ticks = ticks();
            loop {
                ticks.tick().await;
                last = self.get(&path).await.unwrap_or_default();
                let body = last.split_once("\r\n\r\n").map(|(_, body)| body).unwrap_or_default();
                let answer: Value = serde_json::from_str(body).unwrap_or_default();
                let spans = answer["data"].as_array().cloned().unwrap_or_default();
                if spans.len() >= count {
                    return spans;
                }
            }
        };
        let spans = timeout(SPANS_DEADLINE, waiting).await;
        spans.unwrap_or_else(|_| panic!("{count} spans of {trace} did not come: {last}"))
    }

    fn spawn(program: &Path) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let log = File::create(directory.path().join("log")).expect("a file");
        let [http, grpc] = free_ports();
        let process = Command::new(program)
            .arg("serve")
            .env("HOME", directory.path())
            .env("PHOENIX_HOST", http.ip().to_string())
            .env("PHOENIX_PORT", http.port().to_string())
            .env("PHOENIX_GRPC_PORT", grpc.port().to_string())
            .env("PHOENIX_WORKING_DIR", directory.path())
            // It says nothing to anybody, and has nothing but what the test needs.
            .env("PHOENIX_TELEMETRY_ENABLED", "false")
            .env("PHOENIX_ALLOW_EXTERNAL_RESOURCES", "false")
            .env("PHOENIX_DISABLE_AGENT_ASSISTANT", "true")
            .env("PHOENIX_ENABLE_MCP_SERVER", "false")
            .env("PYTHONDONTWRITEBYTECODE", "1")
            // Has what keeps its gRPC server on loopback.
            .env("PYTHONPATH", root().join("tests/phoenix"))
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a file"))
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| panic!("{} does not start: {error}", program.display()));
        Self { process, directory, http, grpc }
    }

    /// Waits until both listeners are there; false if the process ends.
    async fn healthy(&mut self) -> bool {
        let mut ticks = ticks();
        loop {
            ticks.tick().await;
            if self.process.try_wait().expect("a child").is_some() {
                return false;
            }
            let answer = self.get("/healthz").await.unwrap_or_default();
            let healthy = answer.split(' ').nth(1) == Some("200");
            if healthy && TcpStream::connect(self.grpc).await.is_ok() {
                return true;
            }
        }
    }

    /// The whole answer to a request; HTTP/1.0, so that it is not in chunks.
    async fn get(&self, path: &str) -> std::io::Result<String> {
        let mut stream = TcpStream::connect(self.http).await?;
        let request = format!("GET {path} HTTP/1.0\r\nHost: {}\r\n\r\n", self.http);
        stream.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        Ok(answer)
    }
}

impl Drop for Phoenix {
    fn drop(&mut self) {
        // It may be gone already.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

fn ticks() -> tokio::time::Interval {
    let mut ticks = interval(ASK_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

/// Two addresses that nobody listens on now.
fn free_ports() -> [SocketAddr; 2] {
    // Both are held until both are known, so that they differ.
    let listeners = [(), ()].map(|()| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port"));
    listeners.map(|listener| listener.local_addr().expect("an address"))
}

#[expect(clippy::print_stderr, reason = "why an attempt failed is of interest if all do")]
fn eprint_log(directory: &Path) {
    eprintln!("{}", fs::read_to_string(directory.join("log")).unwrap_or_default());
}
