//! `palisade explain reads`: what policies can read of a request, and which policies do.

use std::path::PathBuf;

use palisade_engine::{PolicyRead, PolicySnapshot};
use serde_json::{Value, json};

use crate::cli::answer::Format;
use crate::cli::failure::Failure;
use crate::cli::{Context, bundle};
use crate::exit::Exit;

const EXAMPLES: &str = "\
Examples:
  palisade explain reads policies/quickstart
  palisade explain reads --tool crm.close_ticket policies/quickstart
  palisade explain reads --path context.args.amount policies/quickstart

Per tool: what the policies on its action can read. `value`: what it is; `presence`: only whether
it is there; `ancestors` and `tags`: of an entity. A decision is cached under what the policies
that can apply to it read, so what is not listed never makes a difference.";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Arguments {
    /// The bundle [default: the setting `bundle.path`]
    directory: Option<PathBuf>,
    /// Only this tool
    #[arg(long, value_name = "SERVICE.NAME")]
    tool: Option<String>,
    /// Only this path and what is below it
    #[arg(long)]
    path: Option<String>,
    /// How to show it
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

pub(super) fn run(arguments: Arguments, context: &mut Context<'_>) -> Result<Exit, Failure> {
    let Arguments { directory, tool, path, format } = arguments;
    let directory = context.bundle_directory(directory)?;
    let bundle = bundle::load(&directory, context)?;
    let tools = of_tools(bundle.snapshot(), tool.as_deref(), path.as_deref())?;
    match format {
        Format::Human => {
            for (tool, reads) in &tools {
                context.output.line(format_args!("{tool}"))?;
                for line in table(reads) {
                    context.output.line(format_args!("  {line}"))?;
                }
            }
            if tools.is_empty() {
                context.output.line("no policy reads that")?;
            }
        }
        Format::Json => {
            let tools: serde_json::Map<String, Value> =
                tools.into_iter().map(|(tool, reads)| (tool, as_json(&reads))).collect();
            context.output.line(format_args!("{:#}", json!({ "tools": tools })))?;
        }
    }
    Ok(Exit::Success)
}

/// The tools asked for, with what is asked for of their reads.
fn of_tools(
    snapshot: &PolicySnapshot,
    tool: Option<&str>,
    path: Option<&str>,
) -> Result<Vec<(String, Vec<PolicyRead>)>, Failure> {
    let names: Vec<&str> = match tool {
        Some(tool) => vec![tool],
        None => snapshot.catalog().tools().map(|tool| tool.name.as_str()).collect(),
    };
    let mut found = Vec::new();
    for name in names {
        let Some(mut reads) = snapshot.reads(name) else {
            return Err(Failure::Usage(format!("the catalog has no tool `{name}`")));
        };
        if let Some(path) = path {
            reads.retain(|read| is_within(&read.path, path));
        }
        if path.is_none() || !reads.is_empty() {
            found.push((name.to_owned(), reads));
        }
    }
    Ok(found)
}

/// Whether reading `read` shows something of what `path` leads to.
fn is_within(read: &str, path: &str) -> bool {
    let below = |of: &str, whole: &str| {
        whole.strip_prefix(of).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
    };
    // Who reads a record whole reads its fields, too.
    below(path, read) || below(read, path)
}

fn table(reads: &[PolicyRead]) -> Vec<String> {
    let width = reads.iter().map(|read| read.path.chars().count()).max().unwrap_or(0);
    let line = |PolicyRead { path, by, policies }: &PolicyRead| {
        let policies: Vec<&str> = policies.iter().map(|policy| policy.as_str()).collect();
        format!("{path:width$}  {:9}  {}", by.as_str(), policies.join(", "))
    };
    reads.iter().map(line).collect()
}

fn as_json(reads: &[PolicyRead]) -> Value {
    let read = |PolicyRead { path, by, policies }: &PolicyRead| {
        let policies: Vec<&str> = policies.iter().map(|policy| policy.as_str()).collect();
        json!({ "path": path, "by": by.as_str(), "policies": policies })
    };
    reads.iter().map(read).collect()
}

#[cfg(test)]
mod tests;
