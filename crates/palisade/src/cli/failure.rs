//! How a command fails: what is said, and with which exit code.

use std::io;

use palisade_core::ErrorChain;

use crate::config::ConfigError;
use crate::exit::Exit;
use crate::output::Output;

/// Why a command failed.
#[derive(Debug)]
pub(super) enum Failure {
    /// The bundle does not load; what is wrong with it has been shown.
    BundleShown,
    /// The configuration is not acceptable.
    Config(ConfigError),
    /// The result cannot be written.
    Output(io::Error),
    /// Something else.
    Other(anyhow::Error),
    /// The command was called wrongly.
    Usage(String),
}

impl Failure {
    /// Says what happened and returns the exit code.
    pub(super) fn report(self, output: &mut Output) -> Exit {
        let (said, exit) = match self {
            Self::BundleShown => (Ok(()), Exit::Bundle),
            Self::Config(error) => (report_config(&error, output), Exit::Usage),
            // FAIL-CLOSED: nobody has seen the result, so this is not the 0 that means `allow`.
            Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                (Ok(()), Exit::Failure)
            }
            Self::Output(error) => {
                (output.note(format_args!("error: cannot write: {error}")), Exit::Failure)
            }
            Self::Other(error) => (output.note(format_args!("error: {error:#}")), Exit::Failure),
            Self::Usage(message) => (output.note(format_args!("error: {message}")), Exit::Usage),
        };
        if said.is_ok() { exit } else { Exit::Failure }
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Other(error)
    }
}

/// Every `io::Error` that commands pass on as it is comes from writing the result; all others get
/// context first.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

fn report_config(error: &ConfigError, output: &mut Output) -> io::Result<()> {
    for problem in error.problems() {
        output.note(format_args!("error: {}: {}", problem.origin, problem.message))?;
        if let Some(help) = &problem.help {
            output.note(format_args!("  help: {help}"))?;
        }
    }
    Ok(())
}

/// An error with all its causes, as a message of its own.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    ErrorChain(error).to_string()
}
