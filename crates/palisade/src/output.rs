//! Where commands write: results to standard output, the rest to standard error.
//!
//! A reader that went away is an error of its own here, not a panic as with `println!`.

use std::fmt;
use std::io::{self, IsTerminal as _, Write};

use crate::config::Environment;

/// Standard output and standard error, or what a test puts in their place.
pub struct Output {
    out: Box<dyn Write>,
    err: Box<dyn Write>,
    colored: bool,
    colored_notes: bool,
}

impl Output {
    /// The process's own. Each is coloured if it is a terminal and `NO_COLOR` is not set.
    #[must_use]
    pub fn standard(environment: &Environment) -> Self {
        let wanted = environment.get("NO_COLOR").is_none_or(String::is_empty);
        Self {
            out: Box::new(io::stdout()),
            err: Box::new(io::stderr()),
            colored: wanted && io::stdout().is_terminal(),
            colored_notes: wanted && io::stderr().is_terminal(),
        }
    }

    /// Other places, without colours.
    #[must_use]
    pub fn new(out: Box<dyn Write>, err: Box<dyn Write>) -> Self {
        Self { out, err, colored: false, colored_notes: false }
    }

    /// Whether to use colours in results.
    #[must_use]
    pub const fn colored(&self) -> bool {
        self.colored
    }

    /// Whether to use colours in whatever is no result.
    #[must_use]
    pub const fn colored_notes(&self) -> bool {
        self.colored_notes
    }

    /// Writes a line of the result.
    ///
    /// # Errors
    /// It cannot be written; `BrokenPipe` if the reader went away.
    pub fn line(&mut self, text: impl fmt::Display) -> io::Result<()> {
        writeln!(self.out, "{text}")
    }

    /// Writes a part of the result.
    ///
    /// # Errors
    /// As for [`Output::line`].
    pub fn text(&mut self, text: &str) -> io::Result<()> {
        self.out.write_all(text.as_bytes())?;
        self.out.flush()
    }

    /// Writes a line that is no part of the result.
    ///
    /// # Errors
    /// As for [`Output::line`].
    pub fn note(&mut self, text: impl fmt::Display) -> io::Result<()> {
        writeln!(self.err, "{text}")
    }
}

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Output").field("colored", &self.colored).finish_non_exhaustive()
    }
}
