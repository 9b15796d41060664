//! Collects what file, variables and flags say, each text with its origin.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use palisade_core::ErrorChain;

use super::error::{ConfigError, ConfigProblem};
use super::file;
use super::settings::{
    CONFIG_FILE_VARIABLE, Fallback, Meta, SETTINGS, Setting, VARIABLE_PREFIX, by_key, by_variable,
};

/// The process environment as `main` saw it.
pub type Environment = BTreeMap<String, String>;

/// Where a value was said.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// Nowhere: the built-in default.
    Default,
    /// In the configuration file.
    File {
        /// The file.
        path: PathBuf,
        /// The line, from 1; 0: the file as a whole.
        line: u64,
        /// The column in characters, from 1.
        column: u64,
    },
    /// In a variable.
    Variable(String),
    /// In a flag.
    Flag(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { path, line: 0, column: _ } => write!(f, "{}", path.display()),
            Self::File { path, line, column } => {
                write!(f, "{}:{line}:{column}", path.display())
            }
            Self::Variable(name) => f.write_str(name),
            Self::Flag(flag) => f.write_str(flag),
        }
    }
}

/// A value that was given as a flag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlagValue {
    /// The flag, e.g. `--set` or `--listen`.
    pub flag: &'static str,
    /// The setting's key.
    pub key: String,
    /// The value.
    pub text: String,
}

/// Texts and their origins; nothing is accepted yet.
#[derive(Debug)]
pub struct RawConfig {
    values: BTreeMap<&'static str, RawValue>,
    runtime_directory: PathBuf,
    state_directory: PathBuf,
    problems: Vec<ConfigProblem>,
}

#[derive(Clone, Debug)]
pub(super) struct RawValue {
    pub(super) text: String,
    pub(super) origin: Origin,
}

impl RawConfig {
    /// Reads file, variables and flags, in that order; later wins. `file` is the `--config` flag;
    /// without it `PALISADE_CONFIG` names the file; without that there is none.
    #[must_use]
    pub fn read(file: Option<&Path>, environment: &Environment, flags: &[FlagValue]) -> Self {
        let mut raw = Self {
            values: BTreeMap::new(),
            runtime_directory: runtime_directory(environment),
            state_directory: state_directory(environment),
            problems: Vec::new(),
        };
        let from_variable = environment.get(CONFIG_FILE_VARIABLE).map(Path::new);
        if let Some(path) = file.or(from_variable) {
            let (entries, problems) = file::read(path);
            raw.problems.extend(problems);
            for entry in entries {
                raw.put(by_key(&entry.key), &entry.key, entry.key_origin, entry.text, entry.origin);
            }
        }
        for (name, text) in environment {
            if name.starts_with(VARIABLE_PREFIX) && name != CONFIG_FILE_VARIABLE {
                let origin = Origin::Variable(name.clone());
                raw.put(by_variable(name), name, origin.clone(), text.clone(), origin);
            }
        }
        for FlagValue { flag, key, text } in flags {
            let origin = Origin::Flag(flag);
            raw.put(by_key(key), key, origin.clone(), text.clone(), origin);
        }
        raw
    }

    fn put(
        &mut self,
        setting: Option<&'static Meta>,
        name: &str,
        name_origin: Origin,
        text: String,
        origin: Origin,
    ) {
        match setting {
            Some(meta) => {
                self.values.insert(meta.key, RawValue { text, origin });
            }
            None => self.problems.push(unknown(name, name_origin)),
        }
    }

    /// What holds for a setting; `None` if nothing was said and there is no default.
    pub(super) fn effective(&self, meta: &Meta) -> Option<RawValue> {
        let default = || match meta.default {
            Fallback::Fixed(text) => Some(text.to_owned()),
            Fallback::RuntimeFile(name) => {
                Some(self.runtime_directory.join(name).to_string_lossy().into_owned())
            }
            Fallback::StateFile(name) => {
                Some(self.state_directory.join(name).to_string_lossy().into_owned())
            }
            Fallback::Unset(_) => None,
        };
        let said = self.values.get(meta.key).cloned();
        said.or_else(|| Some(RawValue { text: default()?, origin: Origin::Default }))
    }

    pub(super) fn reader(&self) -> Reader<'_> {
        Reader { raw: self, problems: self.problems.clone() }
    }
}

/// Takes settings out of a [`RawConfig`], collecting what is wrong with them.
pub(super) struct Reader<'a> {
    raw: &'a RawConfig,
    problems: Vec<ConfigProblem>,
}

impl Reader<'_> {
    /// The value; `None` means that a problem was noted.
    pub(super) fn read<T>(&mut self, setting: &Setting<T>) -> Option<T> {
        let Some(value) = self.raw.effective(&setting.meta) else {
            self.problems.push(ConfigProblem {
                origin: Origin::Default,
                message: format!("`{}` is not set and has no default", setting.meta.key),
                help: Some(format!("set `{}`", setting.meta.variable())),
            });
            return None;
        };
        self.parse(setting, value)
    }

    /// The value, if there is one.
    pub(super) fn read_optional<T>(&mut self, setting: &Setting<T>) -> Option<T> {
        let value = self.raw.effective(&setting.meta)?;
        self.parse(setting, value)
    }

    /// Whether there is a value, acceptable or not.
    pub(super) fn is_set<T>(&self, setting: &Setting<T>) -> bool {
        self.raw.effective(&setting.meta).is_some()
    }

    /// Notes that a setting is needed, if nobody set it.
    pub(super) fn require<T>(&mut self, setting: &Setting<T>, reason: &str) {
        if !self.is_set(setting) {
            self.problems.push(ConfigProblem {
                origin: Origin::Default,
                message: format!("`{}` is not set: {reason}", setting.meta.key),
                help: Some(format!("set `{}`", setting.meta.variable())),
            });
        }
    }

    /// Notes that a setting does not go with another, if somebody set it: a default is nobody's
    /// word.
    pub(super) fn refuse_if_set<T>(&mut self, setting: &Setting<T>, reason: &str) {
        let effective = self.raw.effective(&setting.meta);
        if effective.is_some_and(|value| !matches!(value.origin, Origin::Default)) {
            self.refuse(setting, reason);
        }
    }

    /// Notes that a setting is not acceptable, whoever set it.
    pub(super) fn refuse<T>(&mut self, setting: &Setting<T>, reason: &str) {
        if let Some(value) = self.raw.effective(&setting.meta) {
            self.problems.push(ConfigProblem {
                origin: value.origin,
                message: format!("`{}`: {reason}", setting.meta.key),
                help: None,
            });
        }
    }

    fn parse<T>(&mut self, setting: &Setting<T>, value: RawValue) -> Option<T> {
        match (setting.parse)(&value.text) {
            Ok(accepted) => Some(accepted),
            Err(error) => {
                self.problems.push(ConfigProblem {
                    origin: value.origin,
                    message: format!("`{}`: {}", setting.meta.key, ErrorChain(&error)),
                    help: Some(format!("it takes a {}", setting.meta.accepts)),
                });
                None
            }
        }
    }

    pub(super) fn finish(self) -> Result<(), ConfigError> {
        if self.problems.is_empty() { Ok(()) } else { Err(ConfigError::new(self.problems)) }
    }
}

/// Where run-time state such as sockets lives: `$XDG_RUNTIME_DIR/palisade`, which the system keeps
/// private to the user; else `$HOME/.palisade`; else, for a service without either,
/// `/run/palisade`. Never a place in `/tmp`, where somebody else can be first.
fn runtime_directory(environment: &Environment) -> PathBuf {
    directory(environment, "XDG_RUNTIME_DIR", "/run/palisade")
}

/// Where state that outlives a reboot lives, by the same rule.
fn state_directory(environment: &Environment) -> PathBuf {
    directory(environment, "XDG_STATE_HOME", "/var/lib/palisade")
}

fn directory(environment: &Environment, variable: &str, fallback: &str) -> PathBuf {
    let absolute = |variable: &str| {
        environment.get(variable).map(PathBuf::from).filter(|path| path.is_absolute())
    };
    absolute(variable)
        .map(|directory| directory.join("palisade"))
        .or_else(|| absolute("HOME").map(|home| home.join(".palisade")))
        .unwrap_or_else(|| PathBuf::from(fallback))
}

fn unknown(name: &str, origin: Origin) -> ConfigProblem {
    let is_variable = matches!(origin, Origin::Variable(_));
    let known = |meta: &&'static Meta| {
        if is_variable { meta.variable() } else { meta.key.to_owned() }
    };
    let nearest = SETTINGS.iter().map(known).min_by_key(|candidate| distance(name, candidate));
    let similar = nearest.filter(|candidate| distance(name, candidate) <= SIMILAR_DISTANCE_MAX);
    let (noun, list) =
        if is_variable { ("variable", "config --markdown") } else { ("key", "config --print") };
    ConfigProblem {
        origin,
        message: format!("unknown {noun} `{name}`"),
        help: Some(similar.map_or_else(
            || format!("`palisade {list}` shows every setting"),
            |candidate| format!("did you mean `{candidate}`?"),
        )),
    }
}

/// Edits up to which a name is taken for a misspelling.
const SIMILAR_DISTANCE_MAX: usize = 4;

/// Levenshtein distance in characters.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (index, from) in left.chars().enumerate() {
        let mut diagonal = index;
        let mut before = index + 1;
        if let Some(first) = row.first_mut() {
            *first = before;
        }
        for (cell, to) in row.iter_mut().skip(1).zip(&right) {
            let replaced = diagonal + usize::from(from != *to);
            diagonal = *cell;
            before = replaced.min(*cell + 1).min(before + 1);
            *cell = before;
        }
    }
    row.last().copied().unwrap_or(0)
}
