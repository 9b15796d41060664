//! `palisade log export`: records for other programs.

use std::io::{BufWriter, Write as _};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::str::FromStr;

use anyhow::Context as _;
use palisade_core::{Clock as _, EpochMillis, SystemClock};
use palisade_log::LogReader;

use super::filter::When;
use super::printable::json_line;
use super::{Directory, cannot_write, create, decode, first_since, json, read_on, unreadable};
use crate::cli::Context;
use crate::cli::failure::Failure;
use crate::exit::Exit;

const EXAMPLES: &str = "\
Examples:
  palisade log export --out decisions.jsonl
  palisade log export --from 2026-01-01T00:00:00Z --to 2026-02-01T00:00:00Z --out january.jsonl
  palisade log export --from 4711 | jq 'select(.outcome == \"deny\")'

Each record is a JSON object on a line of its own, whatever its kind. Where the log is damaged the
export ends, with an error.";

/// How records are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// JSON lines
    Json,
}

/// A place in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Index(u64),
    Time(When),
}

impl FromStr for Place {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(index) = text.parse() {
            return Ok(Self::Index(index));
        }
        let error = "write an index, `15m`, `1h`, `7d`, or `2026-01-01T09:00:00Z`";
        text.parse().map(Self::Time).map_err(|_of_time_only| error)
    }
}

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    #[command(flatten)]
    directory: Directory,
    /// How to write records
    #[arg(long, value_enum, default_value_t = Format::Json)]
    format: Format,
    /// The first record: its index, an instant in RFC 3339, or so long ago [default: the oldest]
    #[arg(long, value_name = "INDEX|TIME")]
    from: Option<Place>,
    /// Where to end; what is there is left out [default: the end of the log]
    #[arg(long, value_name = "INDEX|TIME")]
    to: Option<Place>,
    /// The file to make [default: standard output]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Which records are meant, by index and by time. Times need not grow with the index: two answers
/// of the same moment are recorded in any order.
#[derive(Clone, Copy, Debug)]
struct Range {
    first: u64,
    end: u64,
    since: EpochMillis,
    until: EpochMillis,
}

pub(super) fn run(arguments: Arguments, context: &mut Context<'_>) -> Result<Exit, Failure> {
    let Arguments { directory, format: Format::Json, from, to, out } = arguments;
    let directory = directory.with_records(context)?;
    let now = SystemClock::new().now();
    let mut range = Range {
        first: LogReader::first(&directory).map_err(unreadable)?.unwrap_or(0),
        end: u64::MAX,
        since: EpochMillis::new(i64::MIN),
        until: EpochMillis::new(i64::MAX),
    };
    match from {
        Some(Place::Index(index)) => range.first = index,
        Some(Place::Time(when)) => {
            range.since = when.instant(now);
            range.first = first_since(&directory, range.since)?;
        }
        None => {}
    }
    match to {
        Some(Place::Index(index)) => range.end = index,
        Some(Place::Time(when)) => range.until = when.instant(now),
        None => {}
    }
    let mut file = match &out {
        Some(path) => Some((BufWriter::new(create(path)?), cannot_write(path))),
        None => None,
    };
    let mut written: u64 = 0;
    let read = read_on(&directory, range.first, |stored| {
        if stored.index >= range.end {
            return Ok(ControlFlow::Break(()));
        }
        let record = decode(&stored)?;
        let times = range.since.as_millis()..range.until.as_millis();
        if times.contains(&record.time_unix_ms) {
            let line = json_line(&json::record(&record));
            match &mut file {
                Some((file, failed)) => writeln!(file, "{line}").with_context(|| failed.clone())?,
                None => context.output.line(line)?,
            }
            written += 1;
        }
        Ok(ControlFlow::Continue(()))
    });
    if let Some((mut file, failed)) = file {
        file.flush().context(failed)?;
        context.output.note(format_args!("wrote {written} records"))?;
    }
    read.map(|()| Exit::Success)
}
