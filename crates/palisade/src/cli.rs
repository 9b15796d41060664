//! The command line: one file per command, each a thin front of the crates that do the work.

mod answer;
mod asking;
mod authorize;
mod bundle;
mod check;
mod config;
mod counts;
mod diff;
mod explain;
mod explanation;
mod failure;
mod fmt;
mod import;
mod lint;
mod log;
mod matrix;
mod new;
mod quickstart;
mod replay;
mod repository;
mod request;
mod rollout;
mod schema;
mod serve;
mod shadow;
mod test;
mod watch;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::{Parser, Subcommand};

use crate::config::{Config, Environment, FlagValue, RawConfig};
use crate::exit::Exit;
use crate::output::Output;
use failure::Failure;
#[cfg(test)]
pub(crate) use request::asserted;

const EXIT_CODES: &str = "\
Exit codes:
  0   done; for `authorize` and `explain`: allowed
  1   failed; for `authorize`: no decision was made, treat it as a deny
  2   denied
  3   challenged
  4   there are differences
  64  wrong use or configuration
  65  the bundle does not load

Start with `palisade quickstart`.";

/// A policy decision point for AI agents: may this chain of actors call this tool with these
/// arguments, now?
#[derive(Debug, Parser)]
#[command(name = "palisade", version, after_help = EXIT_CODES)]
struct Cli {
    #[command(flatten)]
    options: GlobalOptions,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Args)]
struct GlobalOptions {
    /// Configuration file [default: the one `PALISADE_CONFIG` names, else none]
    #[arg(long, global = true, value_name = "FILE", help_heading = "Global options")]
    config: Option<PathBuf>,
    /// Set one setting, e.g. `--set limits.concurrency=64`; wins over variables and file
    #[arg(
        long,
        global = true,
        value_name = "KEY=VALUE",
        value_parser = key_and_value,
        help_heading = "Global options"
    )]
    set: Vec<(String, String)>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a server with a sample bundle and play an agent run against it
    Quickstart(quickstart::Arguments),
    /// Run the server
    Serve(serve::Arguments),
    /// Check a bundle: syntax, strict validation, lints
    Check(check::Arguments),
    /// Check a bundle more strictly: all advice counts as a failure
    Lint(lint::Arguments),
    /// Run a bundle's tests
    Test(test::Arguments),
    /// Bring policies into the usual form
    Fmt(fmt::Arguments),
    /// Make a bundle to start from
    New(new::Arguments),
    /// Show which requests two bundles answer differently
    Diff(diff::Arguments),
    /// Ask for one decision
    Authorize(authorize::Arguments),
    /// Show why a request is answered as it is, policy by policy
    Explain(explain::Arguments),
    /// Make catalogs from what tool servers say of themselves
    #[command(subcommand)]
    Import(import::Source),
    /// Print the Cedar schema of a bundle, generated from its catalog
    Schema(schema::Arguments),
    /// Print who may call which tool
    Matrix(matrix::Arguments),
    /// Read, check and prove the decision log
    Log(log::Arguments),
    /// Pack bundles, and sign and publish them in repositories
    #[command(subcommand)]
    Bundle(repository::Step),
    /// Decide recorded requests again under another bundle
    Replay(replay::Arguments),
    /// Show what decides in the shadow and would answer otherwise
    #[command(subcommand_required = true)]
    Shadow(shadow::Arguments),
    /// Show and change which bundle decides on a running server
    Rollout(rollout::Arguments),
    /// Show the configuration
    Config(config::Arguments),
}

/// What every command may use.
struct Context<'a> {
    options: GlobalOptions,
    environment: Environment,
    output: &'a mut Output,
}

impl Context<'_> {
    /// The configuration, not accepted yet; `flags` are the command's own.
    fn raw_config(&self, mut flags: Vec<FlagValue>) -> RawConfig {
        let set = |(key, text): &(String, String)| FlagValue {
            flag: "--set",
            key: key.clone(),
            text: text.clone(),
        };
        // A command's own flag is more specific than `--set`.
        let mut all: Vec<FlagValue> = self.options.set.iter().map(set).collect();
        all.append(&mut flags);
        RawConfig::read(self.options.config.as_deref(), &self.environment, &all)
    }

    /// The configuration.
    fn config(&self, flags: Vec<FlagValue>) -> Result<Config, Failure> {
        self.raw_config(flags).accept().map_err(Failure::Config)
    }

    /// The bundle's directory: the one named, else the configured one.
    fn bundle_directory(&self, named: Option<PathBuf>) -> Result<PathBuf, Failure> {
        match named {
            Some(directory) => Ok(directory),
            None => Ok(self.config(Vec::new())?.server.bundle),
        }
    }
}

/// Runs the program with these arguments, the first being its own name.
pub fn run(
    arguments: impl IntoIterator<Item = OsString>,
    environment: Environment,
    output: &mut Output,
) -> Exit {
    let Cli { options, command } = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => return usage(&error, output),
    };
    let context = &mut Context { options, environment, output };
    let result = match command {
        Command::Authorize(arguments) => authorize::run(arguments, context),
        Command::Bundle(step) => repository::run(step, context),
        Command::Check(arguments) => check::run(arguments, context),
        Command::Config(arguments) => config::run(&arguments, context),
        Command::Diff(arguments) => diff::run(&arguments, context),
        Command::Explain(arguments) => explain::run(arguments, context),
        Command::Fmt(arguments) => fmt::run(arguments, context),
        Command::Import(source) => import::run(source, context),
        Command::Lint(arguments) => lint::run(arguments, context),
        Command::Log(arguments) => log::run(arguments, context),
        Command::Matrix(arguments) => matrix::run(arguments, context),
        Command::New(arguments) => new::run(&arguments, context),
        Command::Quickstart(arguments) => quickstart::run(&arguments, context),
        Command::Replay(arguments) => replay::run(arguments, context),
        Command::Rollout(arguments) => rollout::run(arguments, context),
        Command::Schema(arguments) => schema::run(arguments, context),
        Command::Serve(arguments) => serve::run(arguments, context),
        Command::Shadow(arguments) => shadow::run(arguments, context),
        Command::Test(arguments) => test::run(arguments, context),
    };
    result.unwrap_or_else(|failure| failure.report(context.output))
}

/// Help and version are results; everything else clap has to say is an error.
fn usage(error: &clap::Error, output: &mut Output) -> Exit {
    let is_result = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
    let colored = if is_result { output.colored() } else { output.colored_notes() };
    let text = error.render();
    let text = if colored { text.ansi().to_string() } else { text.to_string() };
    let (written, exit) = if is_result {
        (output.text(&text), Exit::Success)
    } else {
        (output.note(text.trim_end()), Exit::Usage)
    };
    if written.is_ok() { exit } else { Exit::Failure }
}

fn key_and_value(text: &str) -> Result<(String, String), &'static str> {
    match text.split_once('=') {
        Some((key, value)) => Ok((key.to_owned(), value.to_owned())),
        None => Err("write `key=value`, e.g. `limits.concurrency=64`"),
    }
}

#[cfg(test)]
mod tests;
