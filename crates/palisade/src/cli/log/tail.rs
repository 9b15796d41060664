//! `palisade log tail`: the last records, and those that come.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use palisade_core::{Clock as _, SystemClock};
use palisade_log::{LogReader, ReadLogError, StoredSegment};

use super::filter::{Filter, FilterArguments};
use super::printable::json_line;
use super::{Directory, decode, first_since, json, line, unreadable};
use crate::cli::failure::{Failure, chain};
use crate::cli::{Context, asking};
use crate::exit::Exit;
use crate::output::Output;

/// How often the log is looked at for new records.
// LIMIT: a person takes a fifth of a second for at once, and one look costs a small read.
const POLL_INTERVAL: Duration = Duration::from_millis(200);

/// Records that are counted back.
// LIMIT: their indices are held, eight bytes each; whoever wants more wants `palisade log export`.
const COUNT_MAX: u64 = 1_000_000;

const EXAMPLES: &str = "\
Examples:
  palisade log tail --follow
  palisade log tail -n 100 --outcome deny --outcome challenge --since 1h
  palisade log tail --tool 'crm.*' --actor agent:corp:helpdesk-bot
  palisade log tail --kind rollout --kind shadow --since 7d
  palisade log tail --json --decisions -n 1000 | jq -r .reason.code | sort | uniq -c

Filters of one kind are alternatives; filters of several kinds all have to fit. --actor, --tool,
--outcome and --reason leave out whatever is no decision; with --kind shadow they are about what a
shadow would have answered otherwise, and one of the two answers has to fit. --follow ends with Ctrl-C.";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    #[command(flatten)]
    directory: Directory,
    /// How many of the last records that fit
    #[arg(
        short = 'n',
        long,
        value_name = "COUNT",
        default_value_t = 10,
        value_parser = clap::value_parser!(u64).range(..=COUNT_MAX)
    )]
    lines: u64,
    /// Go on with records as they come
    #[arg(short, long)]
    follow: bool,
    #[command(flatten)]
    filter: FilterArguments,
    /// Print each record as a JSON object on a line of its own
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: Arguments, context: &mut Context<'_>) -> Result<Exit, Failure> {
    let Arguments { directory, lines, follow, filter, json } = arguments;
    let directory = match follow {
        // A log that has just been begun may have no segment yet.
        true => directory.path(context)?,
        false => directory.with_records(context)?,
    };
    let filter = filter.at(SystemClock::new().now())?;
    let wanted = usize::try_from(lines).unwrap_or(usize::MAX);
    let Start { from, damaged } = start(&directory, &filter, wanted)?;
    let reader = LogReader::new(&directory, from);
    let mut tail = Tail { directory, reader, filter, json };
    if let Some(error) = &damaged {
        // What is behind the damage is shown, but not as if there were nothing else.
        let help = "help: `palisade log verify` lists all that is damaged";
        context.output.note(format_args!("error: {}\n  {help}", chain(error)))?;
    }
    tail.drain(context.output)?;
    tail.reader.check_end().map_err(unreadable)?;
    if follow {
        asking::runtime()?.block_on(async {
            let mut interrupted = std::pin::pin!(tokio::signal::ctrl_c());
            tail.follow(&mut interrupted, context.output).await
        })?;
    }
    Ok(if damaged.is_some() { Exit::Failure } else { Exit::Success })
}

/// Where to begin.
#[derive(Debug)]
struct Start {
    from: u64,
    /// What keeps it from beginning earlier.
    damaged: Option<ReadLogError>,
}

/// Where the last `wanted` records that fit begin. Looks at the last segments first, and at as few
/// as it takes.
fn start(directory: &Path, filter: &Filter, wanted: usize) -> Result<Start, Failure> {
    let segments = LogReader::segments(directory).map_err(unreadable)?;
    let oldest = match filter.since {
        Some(since) => first_since(directory, since)?,
        None => 0,
    };
    let mut start = Start { from: segments.last().map_or(0, |last| last.first), damaged: None };
    let mut missing = wanted;
    let mut until = u64::MAX;
    for segment in segments.iter().rev() {
        let looked = look(directory, segment, until, filter, missing)?;
        match looked.found.front() {
            Some(first) => start.from = *first,
            // Nothing fits so far: it begins with what comes.
            None if until == u64::MAX => start.from = looked.end,
            None => {}
        }
        missing -= looked.found.len();
        let is_last = until == u64::MAX;
        if let Some(error) = looked.damaged {
            // At the end of the log the damage is met again when the records are shown.
            if !is_last {
                start = Start { from: until.max(start.from), damaged: Some(error) };
            }
            break;
        }
        if missing == 0 || segment.first <= oldest {
            break;
        }
        until = segment.first;
    }
    Ok(start)
}

/// What one segment has.
#[derive(Debug)]
struct Looked {
    /// The last records that fit.
    found: VecDeque<u64>,
    /// The record after the last one that was read.
    end: u64,
    damaged: Option<ReadLogError>,
}

fn look(
    directory: &Path,
    segment: &StoredSegment,
    until: u64,
    filter: &Filter,
    wanted: usize,
) -> Result<Looked, Failure> {
    let mut reader = LogReader::new(directory, segment.first);
    let mut looked = Looked { found: VecDeque::new(), end: segment.first, damaged: None };
    while reader.position() < until {
        match reader.next() {
            Ok(Some(stored)) => {
                // What is no record is met again when the records are shown.
                if wanted > 0 && stored.decode().is_ok_and(|record| filter.matches(&record)) {
                    if looked.found.len() == wanted {
                        looked.found.pop_front();
                    }
                    looked.found.push_back(stored.index);
                }
            }
            // Deleted meanwhile: the next segment has what is left.
            Ok(None) | Err(ReadLogError::Deleted { .. }) => break,
            Err(error @ ReadLogError::Damaged(_)) => {
                looked.damaged = Some(error);
                break;
            }
            Err(error) => return Err(unreadable(error)),
        }
    }
    looked.end = reader.position();
    Ok(looked)
}

/// Shows records from some point on.
#[derive(Debug)]
struct Tail {
    directory: PathBuf,
    reader: LogReader,
    filter: Filter,
    json: bool,
}

impl Tail {
    /// Shows what there is.
    fn drain(&mut self, output: &mut Output) -> Result<(), Failure> {
        loop {
            let stored = match self.reader.next() {
                Ok(Some(stored)) => stored,
                Ok(None) => return Ok(()),
                Err(ReadLogError::Deleted { first }) => {
                    let next = self.reader.position();
                    output.note(format_args!(
                        "warning: records {next} to {first}, the latter excluded, were deleted \
                         before they were shown"
                    ))?;
                    self.reader = LogReader::new(&self.directory, first);
                    continue;
                }
                Err(error) => return Err(unreadable(error)),
            };
            let record = decode(&stored)?;
            if !self.filter.matches(&record) {
                continue;
            }
            if self.json {
                output.line(json_line(&json::record(&record)))?;
            } else {
                output.line(line::line(&record, output.colored()))?;
            }
        }
    }

    /// Shows what comes, until `stop` is ready.
    async fn follow<E>(
        &mut self,
        stop: &mut (impl Future<Output = Result<(), E>> + Unpin),
        output: &mut Output,
    ) -> Result<(), Failure>
    where
        E: std::error::Error + Send + Sync + 'static,
    {
        loop {
            self.drain(output)?;
            tokio::select! {
                stopped = &mut *stop => {
                    return Ok(stopped.context("signals cannot be received")?);
                }
                () = tokio::time::sleep(POLL_INTERVAL) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests;
