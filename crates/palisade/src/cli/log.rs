//! `palisade log`: reads, checks and proves the decision log.
//!
//! Everything here only reads, takes no lock, and works while a server writes the log. What callers
//! wrote reaches a terminal only with its control characters escaped (`printable.rs`).

mod detail;
mod export;
pub(super) mod filter;
mod find;
pub(super) mod json;
mod key;
pub(super) mod line;
pub(super) mod period;
pub(super) mod principal;
pub(super) mod printable;
mod prove;
mod show;
mod stats;
mod tail;
mod verify;

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use palisade_core::EpochMillis;
use palisade_log::{LogReader, ReadLogError, StoredRecord};
use palisade_proto::v1;

use super::Context;
use super::failure::{Failure, chain};
use crate::exit::Exit;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

/// What can be done with a log.
#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Print the last records, and go on as they come
    Tail(tail::Arguments),
    /// Print one record and what was reported of it
    Show(show::Arguments),
    /// Check that the log is what it was when it was written
    Verify(verify::Arguments),
    /// Prove that a record is in the log
    Prove(prove::Arguments),
    /// Check such a proof with the log's public key and nothing else
    CheckProof(prove::CheckArguments),
    /// Write records as JSON lines
    Export(export::Arguments),
    /// Count records
    Stats(stats::Arguments),
    /// Print the public key that checks the log's signatures
    Key(key::Arguments),
}

pub(super) fn run(arguments: Arguments, context: &mut Context<'_>) -> Result<Exit, Failure> {
    match arguments.action {
        Action::Tail(arguments) => tail::run(arguments, context),
        Action::Show(arguments) => show::run(arguments, context),
        Action::Verify(arguments) => verify::run(arguments, context),
        Action::Prove(arguments) => prove::run(arguments, context),
        Action::CheckProof(arguments) => prove::check(&arguments, context),
        Action::Export(arguments) => export::run(arguments, context),
        Action::Stats(arguments) => stats::run(arguments, context),
        Action::Key(key::Arguments {}) => key::run(context),
    }
}

/// Which log.
#[derive(Debug, clap::Args)]
struct Directory {
    /// Where the decision log lies [default: the setting `log.directory`]
    #[arg(long, value_name = "DIR")]
    directory: Option<PathBuf>,
}

impl Directory {
    /// The directory named, else the configured one.
    fn path(self, context: &Context<'_>) -> Result<PathBuf, Failure> {
        named_or_configured(self.directory, context)
    }

    /// The same, if there is a log in it.
    fn with_records(self, context: &Context<'_>) -> Result<PathBuf, Failure> {
        with_records(self.path(context)?)
    }
}

/// The log's directory: the one named, else the configured one.
pub(super) fn named_or_configured(
    named: Option<PathBuf>,
    context: &Context<'_>,
) -> Result<PathBuf, Failure> {
    match named {
        Some(directory) => Ok(directory),
        None => Ok(context.config(Vec::new())?.server.record.log.directory),
    }
}

/// The directory, if there is a log in it.
pub(super) fn with_records(directory: PathBuf) -> Result<PathBuf, Failure> {
    match LogReader::first(&directory) {
        Ok(Some(_)) => Ok(directory),
        Ok(None) => Err(no_log(&directory)),
        Err(error) => Err(unreadable(error)),
    }
}

fn no_log(directory: &Path) -> Failure {
    Failure::Other(anyhow!(
        "there is no decision log in `{}`\n  help: `palisade serve` begins one; name another \
         directory, or set `log.directory`",
        directory.display()
    ))
}

/// A log that cannot be read, and what to do about it.
#[expect(clippy::needless_pass_by_value, reason = "what `map_err` takes")]
fn unreadable(error: ReadLogError) -> Failure {
    let help = match &error {
        ReadLogError::File { directory, source } if source.kind() == io::ErrorKind::NotFound => {
            return no_log(directory);
        }
        ReadLogError::File { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
            "\n  help: only the account that the server runs as may read it; run this as that one"
        }
        ReadLogError::Damaged(_) => "\n  help: `palisade log verify` lists all that is damaged",
        _ => "",
    };
    Failure::Other(anyhow!("{}{help}", chain(&error)))
}

/// How much older the first record that is looked at is than what is asked for, or how much newer
/// the last one.
// LIMIT: records of one moment are in any order, and clocks are set back; by more than an hour they
// are not. It costs the reading of an hour of records.
const SLACK_MS: i64 = 60 * 60 * 1000;

/// A record that everything since then comes after; the oldest one, if it is all of the log.
fn first_since(directory: &Path, since: EpochMillis) -> Result<u64, Failure> {
    let earlier = EpochMillis::new(since.as_millis().saturating_sub(SLACK_MS));
    let first = LogReader::first_around(directory, earlier).map_err(unreadable)?;
    Ok(first.unwrap_or(0))
}

/// The record as a message.
fn decode(stored: &StoredRecord) -> Result<v1::Record, Failure> {
    let index = stored.index;
    stored.decode().map_err(|error| {
        let help = "`palisade log verify` lists all that is damaged";
        Failure::Other(anyhow!("record {index} is no record: {error}\n  help: {help}"))
    })
}

/// Reads records from one on until `take` has enough, or to the end, of which it makes sure that
/// it is one.
fn read_on(
    directory: &Path,
    from: u64,
    mut take: impl FnMut(StoredRecord) -> Result<ControlFlow<()>, Failure>,
) -> Result<(), Failure> {
    let mut reader = LogReader::new(directory, from);
    while let Some(record) = reader.next().map_err(unreadable)? {
        if take(record)?.is_break() {
            return Ok(());
        }
    }
    reader.check_end().map_err(unreadable)
}

/// Makes a file that does not exist yet.
fn create(path: &Path) -> Result<File, Failure> {
    let created = OpenOptions::new().write(true).create_new(true).open(path);
    Ok(created.with_context(|| cannot_write(path))?)
}

fn cannot_write(path: &Path) -> String {
    format!("`{}` cannot be written", path.display())
}

/// Reads a text file of at most this many bytes.
fn read_text(path: &Path, bytes_max: u64) -> Result<String, Failure> {
    let read = || -> anyhow::Result<String> {
        let mut text = String::new();
        let read = File::open(path)?.take(bytes_max.saturating_add(1)).read_to_string(&mut text)?;
        if u64::try_from(read).unwrap_or(u64::MAX) > bytes_max {
            return Err(anyhow!("it has more than {bytes_max} bytes"));
        }
        Ok(text)
    };
    Ok(read().with_context(|| format!("`{}` cannot be read", path.display()))?)
}

#[cfg(test)]
pub(super) mod tests;
