//! The whole server as the product runs it, its bundle out of a signed repository.
//!
//! Beside what decides there is what an operator has: a log on disk that every answer waits for,
//! and log lines, which are written to a file.

use std::fs::File;
use std::io::{self, Write};
use std::net::Ipv4Addr;
use std::num::NonZeroU32;
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use palisade::config::{
    Listen, RecordConfig, RecordedArguments, RepositorySettings, RolloutSettings, ServerConfig,
};
use palisade::{Parts, Server};
use palisade_bundle::repository::Channel;
use palisade_core::BundleName;
use palisade_engine::CACHE_BYTES_DEFAULT;
use palisade_grpc::Limits;
use palisade_redact::Scope;

use crate::organisation::BUNDLE;
use crate::repository::{root_file, url};

/// How often the repository is asked.
const POLL_INTERVAL: Duration = Duration::from_millis(200);

/// Serves the bundle of the repository in this place, with everything the server keeps beside it.
#[expect(clippy::print_stdout, reason = "whoever started it reads the port")]
pub(super) async fn serve(place: &Path) -> Result<()> {
    write_log_lines(place)?;
    palisade_redact::warm();
    let config = config(place)?;
    let (parts, log) = Parts::standard(&config.record)?;
    let server = Server::build(&config, parts).await?;
    let Listen::Tcp(address) = server.address() else { bail!("it listens elsewhere") };
    println!("{}", address.port());
    server.announce();
    server.run(std::future::pending()).await?;
    log.close();
    Ok(())
}

fn config(place: &Path) -> Result<ServerConfig> {
    let repository = RepositorySettings {
        url: url(place)?,
        root: root_file(place),
        bundle: BundleName::new(BUNDLE).context("a bundle's name")?,
        channel: Channel::stable(),
        shadow_channel: None,
        state: place.join("state"),
    };
    Ok(ServerConfig {
        bundle: place.join("none"),
        rollout: RolloutSettings {
            repository: Some(repository),
            poll_interval: POLL_INTERVAL,
            ..RolloutSettings::DIRECTORY
        },
        listen: Listen::Tcp((Ipv4Addr::LOCALHOST, 0).into()),
        tls: None,
        trust: None,
        admin_socket: place.join("admin.sock"),
        record: RecordConfig {
            log: super::log_config(&place.join("log"), true),
            arguments: RecordedArguments::Digest,
            digest_key_file: None,
        },
        cache_bytes: usize::try_from(CACHE_BYTES_DEFAULT)?,
        limits: Limits { threads: NonZeroU32::MIN, ..Limits::default() },
    })
}

/// Log lines as the product writes them, into a file.
fn write_log_lines(place: &Path) -> Result<()> {
    let file = Mutex::new(WithoutSecrets(File::create(place.join("server.log"))?));
    let lines = tracing_subscriber::fmt().with_ansi(false).with_writer(file);
    lines.try_init().map_err(|error| anyhow::anyhow!("no log lines: {error}"))
}

/// Masks secrets in what is written, as the product does.
struct WithoutSecrets(File);

impl Write for WithoutSecrets {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(line);
        self.0.write_all(palisade_redact::text(&text, Scope::Secrets).text.as_bytes())?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}
