//! What is wrong with a configuration, and where it was said.

use std::fmt;

use super::raw::Origin;

/// Everything that is wrong with a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    problems: Vec<ConfigProblem>,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigProblem {
    /// Where it was said.
    pub origin: Origin,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

impl ConfigError {
    pub(super) const fn new(problems: Vec<ConfigProblem>) -> Self {
        Self { problems }
    }

    /// A setting was neither read nor complained about: a bug, reported instead of ignored.
    pub(super) fn incomplete() -> Self {
        Self::new(vec![ConfigProblem {
            origin: Origin::Default,
            message: "a setting was lost while the configuration was read".to_owned(),
            help: None,
        }])
    }

    /// All problems, in the order of sources and settings.
    #[must_use]
    pub fn problems(&self) -> &[ConfigProblem] {
        &self.problems
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}

impl fmt::Display for ConfigProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { origin, message, help } = self;
        write!(f, "{origin}: {message}")?;
        match help {
            Some(help) => write!(f, " (help: {help})"),
            None => Ok(()),
        }
    }
}
