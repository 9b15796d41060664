//! Prints an error with everything that caused it, on one line.

use std::error::Error;
use std::fmt;

/// Displays an error and its sources, joined by `: `. For log lines and last-resort messages;
/// an error's own `Display` never prints its source.
#[derive(Debug)]
pub struct ErrorChain<'a>(pub &'a dyn Error);

impl fmt::Display for ErrorChain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut source = self.0.source();
        while let Some(error) = source {
            write!(f, ": {error}")?;
            source = error.source();
        }
        Ok(())
    }
}
