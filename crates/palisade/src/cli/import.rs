//! `palisade import mcp`: a first catalog from what an MCP server says of its tools.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use palisade_catalog::{Catalog, Proposal, diff, parse_tools_list, propose};
use palisade_core::limits::BUNDLE_FILE_BYTES_MAX;
use palisade_core::{SystemClock, Tier, ToolName};
use serde_json::Value;

use super::Context;
use super::failure::{Failure, chain};
use crate::exit::Exit;
use crate::mcp::{HttpTransport, StdioTransport, fetch_tools, strict};
use crate::output::Output;

const EXAMPLES: &str = "\
Examples:
  palisade import mcp --service files -- npx -y @modelcontextprotocol/server-filesystem /srv
  palisade import mcp --service search --url https://mcp.example.com/mcp --out catalog.yaml
  palisade import mcp --service crm --json tools.json

Tiers are proposed from the server's annotations, which are its own claims; what it does not say is
taken as the worst case. Every entry carries `review` until a person removes it.

If the file named by --out exists, it is not touched: the command shows what has changed since, and
exits with 1 if anything has.";

#[derive(Debug, clap::Subcommand)]
pub(super) enum Source {
    /// From an MCP server's `tools/list`
    Mcp(Arguments),
}

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
#[command(group(clap::ArgGroup::new("from").required(true).args(["json", "url", "command"])))]
pub(super) struct Arguments {
    /// The service the tools act on; their names become `<service>.<name>`
    #[arg(long, value_name = "NAME", value_parser = service)]
    service: String,
    /// The segment the service lies in [default: the service's name]
    #[arg(long, value_name = "NAME", value_parser = service)]
    segment: Option<String>,
    /// A file with the answer to `tools/list`
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// A server that speaks streamable HTTP
    #[arg(long)]
    url: Option<String>,
    /// A server to start and talk to over standard input and output
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<OsString>,
    /// The catalog to write, or to compare with [default: standard output]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Replace the file named by --out, reviewed entries and all
    #[arg(long, requires = "out")]
    write: bool,
}

pub(super) fn run(source: Source, context: &mut Context<'_>) -> Result<Exit, Failure> {
    let Source::Mcp(arguments) = source;
    let tools = fetch(&arguments)?;
    let tools = parse_tools_list(&tools).context("the tools cannot be read")?;
    let Arguments { service, segment, out, write, .. } = arguments;
    let segment = segment.unwrap_or_else(|| service.clone());
    let proposal = propose(&service, &segment, &tools);
    let text = proposal.to_yaml().context("the catalog cannot be written")?;
    // What is proposed has to load; names of service and segment are checked by this.
    if let Err(problems) = Catalog::parse(&Arc::from("catalog.yaml"), &text) {
        return Err(Failure::Other(anyhow!("the proposed catalog is not usable: {problems}")));
    }
    for left_out in &proposal.left_out {
        context.output.note(format_args!("warning: {left_out}"))?;
    }
    match out {
        None => {
            context.output.text(&text)?;
            summarise(&proposal, context.output)?;
            Ok(Exit::Success)
        }
        Some(out) if !out.exists() => {
            create(&out, &text)?;
            summarise(&proposal, context.output)?;
            context.output.note(format_args!("wrote {}", out.display()))?;
            Ok(Exit::Success)
        }
        Some(out) => compare(&out, &proposal, write.then_some(&*text), context.output),
    }
}

/// The name of a service or a segment: refused before a server is started for it.
fn service(text: &str) -> Result<String, String> {
    match ToolName::new(format!("{text}.x")) {
        Ok(name) if name.service() == text => Ok(text.to_owned()),
        Ok(_) => Err("a name has no dot".to_owned()),
        Err(error) => Err(chain(&error)),
    }
}

fn fetch(arguments: &Arguments) -> Result<Value, Failure> {
    let Arguments { json, url, command, .. } = arguments;
    if let Some(file) = json {
        return read_json(file);
    }
    let fetched = match (url, command.split_first()) {
        (Some(url), _) => fetch_tools(&mut HttpTransport::new(url)),
        (None, Some((program, arguments))) => {
            let clock = SystemClock::new();
            StdioTransport::start(program, arguments, &clock)
                .and_then(|mut transport| fetch_tools(&mut transport))
        }
        (None, None) => {
            return Err(Failure::Usage("name a file, a URL or a command".to_owned()));
        }
    };
    Ok(fetched.context("the server's tools cannot be fetched")?)
}

fn read_json(file: &Path) -> Result<Value, Failure> {
    let read = || -> anyhow::Result<Value> {
        let mut text = Vec::new();
        File::open(file)?.take(BUNDLE_FILE_BYTES_MAX + 1).read_to_end(&mut text)?;
        if u64::try_from(text.len()).unwrap_or(u64::MAX) > BUNDLE_FILE_BYTES_MAX {
            return Err(anyhow!("it has more than {BUNDLE_FILE_BYTES_MAX} bytes"));
        }
        Ok(strict::from_slice(&text)?)
    };
    Ok(read().with_context(|| format!("`{}` cannot be read", file.display()))?)
}

/// Writes a file that must not exist yet.
fn create(path: &Path, text: &str) -> Result<(), Failure> {
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()));
    Ok(written.with_context(|| format!("`{}` cannot be written", path.display()))?)
}

/// Shows what has changed since the catalog at `path` was written; replaces it by `text` if given.
fn compare(
    path: &Path,
    proposal: &Proposal,
    text: Option<&str>,
    output: &mut Output,
) -> Result<Exit, Failure> {
    let existing =
        fs::read_to_string(path).with_context(|| format!("`{}` cannot be read", path.display()))?;
    let name: Arc<str> = path.to_string_lossy().into();
    let (existing, _advice) = Catalog::parse(&name, &existing).map_err(|problems| {
        Failure::Other(anyhow!("the existing catalog is not valid: {}", chain(&problems)))
    })?;
    let changes = diff(&existing, proposal);
    for change in &changes {
        output.line(change)?;
    }
    let Some(text) = text else {
        let count = changes.len();
        return if changes.is_empty() {
            output.note(format_args!("{} is up to date", path.display()))?;
            Ok(Exit::Success)
        } else {
            output.note(format_args!("{count} changes; {} is left as it is", path.display()))?;
            Ok(Exit::Failure)
        };
    };
    let others: Vec<&str> = existing
        .services()
        .map(|(name, _)| name)
        .filter(|name| *name != proposal.service)
        .collect();
    if !others.is_empty() {
        // Nothing is lost silently: a proposal is about one service only.
        return Err(Failure::Other(anyhow!(
            "`{}` also holds {}; write to another file and copy the entries",
            path.display(),
            others.join(", ")
        )));
    }
    fs::write(path, text).with_context(|| format!("`{}` cannot be written", path.display()))?;
    summarise(proposal, output)?;
    output.note(format_args!("replaced {}", path.display()))?;
    Ok(Exit::Success)
}

fn summarise(proposal: &Proposal, output: &mut Output) -> Result<(), Failure> {
    let of = |tier| proposal.tools.iter().filter(|tool| tool.tier == tier).count();
    let [read_only, low, high] = Tier::ALL.map(of);
    output.note(format_args!(
        "{} tools proposed: {read_only} in tier 1, {low} in tier 2, {high} in tier 3; review each \
         and remove its `review`",
        proposal.tools.len()
    ))?;
    Ok(())
}
