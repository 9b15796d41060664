//! The servers under load, each in a process of its own: this program, started again.
//!
//! Both run on one current-thread runtime, which is how the product uses a core.

mod echo;
mod product;

use std::io::{BufRead as _, BufReader};
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use palisade_core::{
    DecisionLog, DigestKey, LogEntry, LogFuture, RandomIds, SystemClock, Unobserved,
};
use palisade_grpc::{GrpcServer, Limits, Listener, Surface, Tls};
use palisade_log::{Durability, LogConfig, OnFailure, Retention, SegmentLog, Unshipped};
use palisade_pdp::{Pdp, PdpParts, Shadow, Snapshots};
use tokio::net::TcpListener;
use tokio_rustls::rustls::ClientConfig;
use tokio_util::sync::CancellationToken;

use crate::certificates::Certificates;
use crate::credentials::Signer;
use crate::evidence::ear_front;
use crate::organisation::{Organisation, Scale};

/// The argument that makes this program a server.
pub const SERVE: &str = "--serve";

/// Which server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Role {
    /// Answers everything with one message.
    Echo {
        /// The answer of `Authorize`, encoded.
        answer: Vec<u8>,
    },
    /// The product's pipeline behind its transport.
    Palisade {
        /// How many policies it has.
        policies: usize,
        /// Where decisions are recorded.
        log: Log,
        /// Whether it verifies tokens and evidence of [`Signer::of_servers`].
        verifies: bool,
    },
    /// The product as a whole.
    Product {
        /// Where its repository is and it keeps its files.
        place: PathBuf,
    },
}

/// Where decisions are recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Log {
    /// In segments.
    Segments {
        /// Where.
        directory: PathBuf,
        /// Whether an answer waits for the disk.
        sync: bool,
    },
    /// Nowhere.
    Off,
}

/// A server that runs. Dropping it ends it.
#[derive(Debug)]
pub struct Child {
    process: std::process::Child,
    port: u16,
    tls: Option<Arc<ClientConfig>>,
}

impl Child {
    /// Starts a server, with TLS if there are certificates, on one core only if one is given, and
    /// waits until it answers.
    ///
    /// # Errors
    /// It does not start.
    pub fn start(
        role: &Role,
        certificates: Option<&Certificates>,
        core: Option<usize>,
    ) -> Result<Self> {
        let program = std::env::current_exe()?;
        let mut command = match core {
            None => Command::new(program),
            Some(core) => {
                let mut command = Command::new("taskset");
                command.args(["-c", &core.to_string()]).arg(program);
                command
            }
        };
        let folder = certificates.map_or_else(|| Path::new(""), Certificates::folder);
        command.arg(SERVE).arg(folder).args(role.arguments());
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let tls = certificates.map(Certificates::client).transpose()?;
        let mut process = command.spawn().context("the server does not start")?;
        let mut line = String::new();
        let output = process.stdout.take().context("its output is piped")?;
        BufReader::new(output).read_line(&mut line)?;
        let port = line.trim().parse().context("the server does not name its port")?;
        Ok(Self { process, port, tls })
    }

    /// Where it listens, on 127.0.0.1.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// What a client needs to speak TLS with it; `None` if it speaks none.
    #[must_use]
    pub const fn tls(&self) -> Option<&Arc<ClientConfig>> {
        self.tls.as_ref()
    }

    /// Its process.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.process.id()
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // It may have ended on its own.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

impl Role {
    fn arguments(&self) -> Vec<String> {
        match self {
            Self::Echo { answer } => vec!["echo".to_owned(), hex::encode(answer)],
            Self::Palisade { policies, log, verifies } => {
                let (mode, path) = match log {
                    Log::Segments { directory, sync: false } => ("interval", directory.as_path()),
                    Log::Segments { directory, sync: true } => ("commit", directory.as_path()),
                    Log::Off => ("off", Path::new("")),
                };
                let path = path.to_string_lossy().into_owned();
                let verifies = verifies.to_string();
                vec!["palisade".to_owned(), policies.to_string(), mode.to_owned(), path, verifies]
            }
            Self::Product { place } => {
                vec!["product".to_owned(), place.to_string_lossy().into_owned()]
            }
        }
    }

    fn parse(arguments: &[String]) -> Result<Self> {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        match arguments[..] {
            ["echo", answer] => Ok(Self::Echo { answer: hex::decode(answer)? }),
            ["palisade", policies, mode, path, verifies] => {
                let log = match mode {
                    "off" => Log::Off,
                    mode => {
                        Log::Segments { directory: PathBuf::from(path), sync: mode == "commit" }
                    }
                };
                let (policies, verifies) = (policies.parse()?, verifies.parse()?);
                Ok(Self::Palisade { policies, log, verifies })
            }
            ["product", place] => Ok(Self::Product { place: place.into() }),
            _ => anyhow::bail!("unknown role {arguments:?}"),
        }
    }
}

/// Becomes a server if this program was started as one; `false`: it was not.
///
/// # Errors
/// The server fails.
pub fn serve_if_asked() -> Result<bool> {
    let arguments: Vec<String> = std::env::args().collect();
    let Some(place) = arguments.iter().position(|argument| argument == SERVE) else {
        return Ok(false);
    };
    let certificates = match arguments.get(place + 1).map(String::as_str) {
        None | Some("") => None,
        Some(folder) => Some(Certificates::of(folder.into())),
    };
    let role = Role::parse(arguments.get(place + 2..).context("no role")?)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(serve(role, certificates))?;
    Ok(true)
}

#[expect(clippy::print_stdout, reason = "whoever started it reads the port")]
async fn serve(role: Role, certificates: Option<Certificates>) -> Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let port = listener.local_addr()?.port();
    match role {
        Role::Echo { answer } => {
            let tls = certificates.map(|certificates| certificates.server()).transpose()?;
            println!("{port}");
            echo::serve(listener, tls, &answer).await
        }
        Role::Palisade { policies, log, verifies } => {
            let server = GrpcServer::new(
                pdp(Scale::of_policies(policies), &log, verifies)?,
                // Nothing may time out only because a benchmark asks for too much.
                Limits {
                    threads: NonZeroU32::MIN,
                    request_timeout: Duration::from_secs(60),
                    ..Limits::default()
                },
                CancellationToken::new(),
            )
            .await;
            let listener = match certificates {
                None => Listener::Tcp(listener),
                Some(certificates) => Listener::Tls(listener, Tls::load(certificates.files())?),
            };
            println!("{port}");
            server.serve(listener, Surface::Decision).await?;
            Ok(())
        }
        // It binds its own sockets.
        Role::Product { place } => {
            drop(listener);
            product::serve(&place).await
        }
    }
}

fn pdp(scale: Scale, log: &Log, verifies: bool) -> Result<Pdp> {
    let snapshots = Arc::new(Snapshots::new());
    let snapshot = Organisation::generate(scale).snapshot();
    ensure!(snapshot.policies().len() == scale.policies, "policies are missing");
    snapshots.publish(Arc::new(snapshot));
    let log: Arc<dyn DecisionLog> = match log {
        Log::Segments { directory, sync } => Arc::new(segment_log(directory, *sync)?),
        Log::Off => Arc::new(NullLog),
    };
    let trusted = verifies.then(Signer::of_servers);
    Ok(Pdp::new(PdpParts {
        identity: trusted.as_ref().map(|signer| Arc::new(signer.verifier(0))),
        attestation: trusted.as_ref().map(|signer| Arc::new(ear_front(signer))),
        snapshots,
        shadow: Shadow::new(0.0).0,
        log,
        clock: Arc::new(SystemClock::new()),
        ids: Arc::new(RandomIds),
        digest_key: DigestKey::new([7; 32]),
        records_arguments: false,
        observer: Arc::new(Unobserved),
    }))
}

fn segment_log(directory: &Path, sync: bool) -> Result<SegmentLog> {
    let config = log_config(directory, sync);
    Ok(SegmentLog::open(config, Arc::new(SystemClock::new()))?)
}

/// The log as the product keeps it by default, but for the key beside it.
fn log_config(directory: &Path, sync: bool) -> LogConfig {
    let durability = match sync {
        true => Durability::Commit,
        false => Durability::Interval(Duration::from_millis(100)),
    };
    LogConfig {
        directory: directory.to_owned(),
        durability,
        on_failure: OnFailure::Deny,
        segment_bytes: 64 * 1024 * 1024,
        retention: Retention { age: None, bytes: Some(1 << 30), unshipped: Unshipped::Keep },
        is_shipped: false,
        checkpoint_interval: Duration::from_secs(60),
        checkpoint_key: directory.join("checkpoint.key"),
    }
}

/// Keeps nothing: the product cannot be run like this.
#[derive(Debug)]
struct NullLog;

impl DecisionLog for NullLog {
    fn append<'a>(&'a self, _: LogEntry<'_>) -> LogFuture<'a> {
        Box::pin(std::future::ready(Ok(())))
    }
}
