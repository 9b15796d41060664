//! `palisade log show`: one record and what belongs to it.

use serde_json::Value;

use super::printable::json_pretty;
use super::{Directory, detail, find, json};
use crate::cli::Context;
use crate::cli::failure::Failure;
use crate::exit::Exit;

const EXAMPLES: &str = "\
Examples:
  palisade log show 019b796d-d600-7000-8000-000000000001
  palisade log show --json 4711

The id of a decision is in every answer; its time says which file to look into.";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// The decision's id, or the index of a record
    #[arg(value_name = "ID", value_parser = find::name)]
    id: find::Name,
    #[command(flatten)]
    directory: Directory,
    /// Print it as JSON, what belongs to it as the members `reports` and `shadows`
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: Arguments, context: &mut Context<'_>) -> Result<Exit, Failure> {
    let Arguments { id, directory, json } = arguments;
    let directory = directory.with_records(context)?;
    let found = find::record_and_more(&directory, id)?;
    if json {
        let mut document = json::record(&found.record);
        for (name, records) in [("reports", &found.reports), ("shadows", &found.shadows)] {
            if let Value::Object(members) = &mut document
                && !records.is_empty()
            {
                let records = records.iter().map(json::record).collect();
                members.insert(name.to_owned(), records);
            }
        }
        context.output.line(json_pretty(&document))?;
    } else {
        detail::show(&found.record, &found.reports, &found.shadows, context.output)?;
    }
    Ok(Exit::Success)
}
