//! `palisade log verify`: is the log what it was when it was written?

use std::path::{Path, PathBuf};

use anyhow::anyhow;
use palisade_log::{Against, Damage, TreeHead, VerifyReport};
use serde_json::{Value, json};

use super::key::{self, Trusted};
use super::printable::{json_pretty, printable};
use super::{Directory, no_log, read_text, unreadable};
use crate::cli::Context;
use crate::cli::failure::{Failure, chain};
use crate::exit::Exit;

/// Bytes of a checkpoint.
// LIMIT: three short lines and a few signatures.
const CHECKPOINT_BYTES_MAX: u64 = 64 * 1024;

const EXAMPLES: &str = "\
Examples:
  palisade log verify
  palisade log verify --key log.pub --checkpoint yesterday.checkpoint
  palisade log verify --from 100000 --to 200000
  palisade log verify --directory /backup/log --key log.pub --json

Every byte is read; every record is held against its checksum, the hashes that were kept and the
next signed checkpoint. Whoever can write the log and read its key could have rewritten all of that:
what speaks against them is a checkpoint that was kept elsewhere. The file `checkpoint` in the log's
directory is one to copy.

Exits with 0 if everything is as it was written, else with 1.";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    #[command(flatten)]
    directory: Directory,
    /// The log's public key, or a file that holds it [default: the public part of the key in
    /// `log.checkpoint_key_file`, if it may be read]
    #[arg(long, value_name = "VKEY|FILE")]
    key: Option<String>,
    /// A checkpoint that was kept elsewhere; repeat it for more
    #[arg(long, value_name = "FILE")]
    checkpoint: Vec<PathBuf>,
    /// Read only the files that hold records from this index on; the hashes that were kept stand
    /// for what is before them
    #[arg(long, value_name = "INDEX")]
    from: Option<u64>,
    /// Read only the files that hold records up to this index
    #[arg(long, value_name = "INDEX")]
    to: Option<u64>,
    /// Print what was found as JSON
    #[arg(long)]
    json: bool,
}

/// What was verified, against what.
struct Verified {
    directory: PathBuf,
    report: VerifyReport,
    trusted: Option<Trusted>,
    /// Checkpoints that were given.
    given: usize,
    /// Those of them that are about deleted records only.
    passed_over: usize,
    /// Only a range of the log was read.
    is_part: bool,
}

fn shown(from: Option<u64>, to: Option<u64>) -> String {
    let to = to.map_or_else(String::new, |to| to.to_string());
    format!("{}..={to}", from.unwrap_or(0))
}

pub(super) fn run(arguments: Arguments, context: &mut Context<'_>) -> Result<Exit, Failure> {
    let Arguments { directory, key, checkpoint, from, to, json } = arguments;
    let directory = directory.with_records(context)?;
    let trusted = match key {
        Some(key) => Some(key::named(&key)?),
        None => key::configured(context)?,
    };
    let heads: Result<Vec<TreeHead>, Failure> =
        checkpoint.iter().map(|path| head(path, trusted.as_ref())).collect();
    let is_part = from.is_some() || to.is_some();
    let range = is_part.then(|| from.unwrap_or(0)..=to.unwrap_or(u64::MAX));
    let against = Against { key: trusted.as_ref().map(|it| it.key.clone()), heads: heads?, range };
    let report = palisade_log::verify(&directory, &against).map_err(unreadable)?;
    if report.segments == 0 && is_part {
        return Err(Failure::Other(anyhow!(
            "there are no records from {range}",
            range = shown(from, to)
        )));
    }
    if report.segments == 0 {
        return Err(no_log(&directory));
    }
    let is_past = |head: &&TreeHead| head.size < report.first;
    let passed_over = against.heads.iter().filter(is_past).count();
    let given = against.heads.len();
    let exit = if report.is_sound() { Exit::Success } else { Exit::Failure };
    let verified = Verified { directory, report, trusted, given, passed_over, is_part };
    warn(&verified, context)?;
    if json {
        context.output.line(json_pretty(&verified.as_json()))?;
    } else {
        context.output.text(&verified.as_text())?;
    }
    Ok(exit)
}

fn head(path: &Path, trusted: Option<&Trusted>) -> Result<TreeHead, Failure> {
    let note = read_text(path, CHECKPOINT_BYTES_MAX)?;
    let head = match trusted {
        Some(trusted) => trusted.key.verify(&note),
        None => TreeHead::dangerous_unverified(&note),
    };
    head.map_err(|error| Failure::Other(anyhow!("`{}`: {}", path.display(), chain(&error))))
}

/// What the result does not say although one might think so.
fn warn(verified: &Verified, context: &mut Context<'_>) -> Result<(), Failure> {
    let Verified { trusted, passed_over, .. } = verified;
    match trusted {
        None => context.output.note(
            "warning: SIGNATURES WERE NOT CHECKED: there is no key; whoever could write the log \
             could have rewritten all of it\n  help: name the log's public key with `--key`; \
             `palisade log key` prints it",
        )?,
        Some(Trusted { configured: Some(path), .. }) => context.output.note(format_args!(
            "note: signatures are checked with the public part of `{}`; give one that was kept \
             elsewhere with `--key` if this machine is not to be trusted",
            path.display()
        ))?,
        Some(Trusted { configured: None, .. }) => {}
    }
    if *passed_over > 0 {
        context.output.note(format_args!(
            "warning: {passed_over} of the checkpoints given are about deleted records only and \
             were not looked at"
        ))?;
    }
    Ok(())
}

impl Verified {
    fn as_text(&self) -> String {
        let Self { directory, report, trusted, given, passed_over, is_part: _ } = self;
        let head = if report.is_sound() {
            let what = if self.is_part { "what was read" } else { "everything" };
            format!("SOUND: {what} is as it was written")
        } else {
            format!("DAMAGED: {} findings", report.damaged)
        };
        let mut lines = vec![head, format!("  log          {}", directory.display())];
        let (first, segments) = (report.first, report.segments);
        let deleted = match first {
            0 => String::new(),
            _ if self.is_part => format!(", from record {first} on"),
            _ => format!("; {first} before them were deleted"),
        };
        let records = report.records;
        lines.push(format!("  records      {records} in {segments} segments{deleted}"));
        let checkpoints = report.checkpoints;
        lines.push(match trusted {
            Some(Trusted { text, .. }) => {
                format!("  checkpoints  {checkpoints}, signed with {}", printable(text))
            }
            None => format!("  checkpoints  {checkpoints}, SIGNATURES NOT CHECKED"),
        });
        if *given > 0 {
            lines.push(format!("  held against {} checkpoints given", given - passed_over));
        }
        lines.push(format!(
            "  unsigned     {} records after the newest checkpoint",
            report.unsigned_records
        ));
        if report.torn_bytes > 0 {
            lines.push(format!(
                "  torn         {} bytes at the end, being written now or when the process died",
                report.torn_bytes
            ));
        }
        lines.push(format!("  root         {}", hex::encode(report.root)));
        for Damage { path, offset, index, what } in &report.damage {
            lines.push(format!("record {index}: {what}"));
            lines.push(format!("  {}, byte {offset}", path.display()));
        }
        let listed = u64::try_from(report.damage.len()).unwrap_or(u64::MAX);
        if report.damaged > listed {
            lines.push(format!("and {} more", report.damaged - listed));
        }
        lines.push(String::new());
        lines.join("\n")
    }

    fn as_json(&self) -> Value {
        let Self { directory, report, trusted, given, passed_over, is_part: _ } = self;
        let damage = |found: &Damage| {
            let Damage { path, offset, index, what } = found;
            let file = path.display().to_string();
            json!({ "index": index, "what": what, "file": file, "byte": offset })
        };
        json!({
            "sound": report.is_sound(),
            "directory": directory.display().to_string(),
            "records": report.records,
            "first_index": report.first,
            "segments": report.segments,
            "checkpoints": report.checkpoints,
            "signatures_checked": trusted.is_some(),
            "verifier_key": trusted.as_ref().map(|trusted| &trusted.text),
            "checkpoints_given": given - passed_over,
            "unsigned_records": report.unsigned_records,
            "torn_bytes": report.torn_bytes,
            "root": hex::encode(report.root),
            "damaged": report.damaged,
            "damage": report.damage.iter().map(damage).collect::<Vec<_>>(),
        })
    }
}
