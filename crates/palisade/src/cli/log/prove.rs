//! `palisade log prove` and `palisade log check-proof`.

use std::io::Write as _;
use std::path::PathBuf;

use anyhow::{Context as _, anyhow};
use palisade_log::{CheckProofError, ProveError, ProvenRecord, check_proof, prove};
use serde_json::json;

use super::printable::{json_pretty, printable};
use super::{
    Directory, cannot_write, create, decode, detail, find, json, key, read_text, unreadable,
};
use crate::cli::Context;
use crate::cli::failure::{Failure, chain};
use crate::exit::Exit;

/// Bytes of a proof.
// LIMIT: as `palisade-log` reads them: the largest record in Base64 and 64 hashes.
const PROOF_BYTES_MAX: u64 = 16 * 1024 * 1024;

const EXAMPLES: &str = "\
Examples:
  palisade log prove 019b796d-d600-7000-8000-000000000001 --out refund.proof
  palisade log check-proof refund.proof --key log.pub

The proof (C2SP tlog-proof) holds the whole record, and the checkpoint that was signed next. Until
one is, nothing can be proven: see `log.checkpoint_interval`.";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// The decision's id, or the index of a record
    #[arg(value_name = "ID", value_parser = find::name)]
    id: find::Name,
    #[command(flatten)]
    directory: Directory,
    /// The file to make [default: standard output]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

pub(super) fn run(arguments: Arguments, context: &mut Context<'_>) -> Result<Exit, Failure> {
    let Arguments { id, directory, out } = arguments;
    let directory = directory.with_records(context)?;
    let found = find::record(&directory, id)?;
    let proof = prove(&directory, &found.stored).map_err(|error| match error {
        ProveError::Read(error) => unreadable(error),
        error => Failure::Other(anyhow!("{}", chain(&error))),
    })?;
    match out {
        None => context.output.text(&proof)?,
        Some(path) => {
            let written = create(&path)?.write_all(proof.as_bytes());
            written.with_context(|| cannot_write(&path))?;
            context.output.note(format_args!("wrote {}", path.display()))?;
        }
    }
    Ok(Exit::Success)
}

const CHECK_EXAMPLES: &str = "\
Examples:
  palisade log check-proof refund.proof --key log.pub
  palisade log check-proof refund.proof --key 'palisade/0badcafe+a1b2c3d4+AR…'

Needs neither the log nor a configuration. Exits with 0 if the record is in the log of this key,
else with 1.";

#[derive(Debug, clap::Args)]
#[command(after_help = CHECK_EXAMPLES)]
pub(super) struct CheckArguments {
    /// The proof
    file: PathBuf,
    /// The log's public key, or a file that holds it; `palisade log key` prints it
    #[arg(long, value_name = "VKEY|FILE")]
    key: String,
    /// Print what was proven as JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn check(
    arguments: &CheckArguments,
    context: &mut Context<'_>,
) -> Result<Exit, Failure> {
    let CheckArguments { file, key, json } = arguments;
    let trusted = key::named(key)?;
    let text = read_text(file, PROOF_BYTES_MAX)?;
    let proven = check_proof(&text, &trusted.key).map_err(|error: CheckProofError| {
        Failure::Other(anyhow!("`{}` proves nothing: {}", file.display(), chain(&error)))
    })?;
    let ProvenRecord { record: stored, head } = proven;
    let record = decode(&stored)?;
    if *json {
        let document = json!({
            "origin": head.origin,
            "size": head.size,
            "root": hex::encode(head.root),
            "record": json::record(&record),
        });
        context.output.line(json_pretty(&document))?;
        return Ok(Exit::Success);
    }
    context.output.line(format_args!(
        "proven: record {} is among the first {} of the log `{}`\n",
        stored.index,
        head.size,
        printable(&head.origin)
    ))?;
    detail::show(&record, &[], &[], context.output)?;
    Ok(Exit::Success)
}
