//! `palisade new`: makes a bundle that passes every check, to be changed from there.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use palisade_core::BundleName;

use super::Context;
use super::failure::Failure;
use crate::exit::Exit;

const EXAMPLES: &str = "\
Examples:
  palisade new desk
  palisade new desk --template full --dir bundles/desk

`minimal` has one service with two tools; `full` has walls, limits, a template, attributes of its
own and every kind of challenge. Either passes `palisade lint` and covers all of its policies.
Nothing is written over: the directory must not exist, or be empty.";

/// What stands for the bundle's name in the files.
const NAME: &str = "@NAME@";

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Template {
    Minimal,
    Full,
}

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// The bundle's name: 1 to 64 of the characters a-z, 0-9 and `-`
    #[arg(value_parser = bundle_name)]
    name: BundleName,
    /// Where to make it [default: a directory of that name here]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// What to start from
    #[arg(long, value_enum, default_value_t = Template::Minimal)]
    template: Template,
}

pub(super) fn run(arguments: &Arguments, context: &mut Context<'_>) -> Result<Exit, Failure> {
    let Arguments { name, dir, template } = arguments;
    let directory = dir.clone().unwrap_or_else(|| PathBuf::from(name.as_str()));
    make_empty(&directory)?;
    for (path, text) in template.files() {
        let path = directory.join(path);
        let text = text.replace(NAME, name.as_str());
        create(&path, &text).with_context(|| format!("`{}` cannot be written", path.display()))?;
        context.output.line(format_args!("wrote {}", path.display()))?;
    }
    context.output.line(format_args!(
        "\nnext: `palisade test --coverage {0}`, then put your tools into {0}/catalog.yaml",
        directory.display()
    ))?;
    Ok(Exit::Success)
}

fn bundle_name(text: &str) -> Result<BundleName, &'static str> {
    BundleName::new(text).ok_or("a bundle name has 1 to 64 of the characters a-z, 0-9 and `-`")
}

/// A directory with nothing in it.
fn make_empty(directory: &Path) -> Result<(), Failure> {
    let named = || format!("`{}` cannot be made", directory.display());
    fs::create_dir_all(directory).with_context(named)?;
    if fs::read_dir(directory).with_context(named)?.next().is_some() {
        let directory = directory.display();
        return Err(Failure::Other(anyhow!("`{directory}` is not empty; nothing was written")));
    }
    Ok(())
}

/// Writes a file that must not exist yet.
fn create(path: &Path, text: &str) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    OpenOptions::new().write(true).create_new(true).open(path)?.write_all(text.as_bytes())
}

/// The files of a template: where they go and what is in them.
macro_rules! files {
    ($folder:literal, $($path:literal),+ $(,)?) => {
        &[$(($path, include_str!(concat!("new/", $folder, "/", $path)))),+]
    };
}

impl Template {
    const fn files(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Minimal => files![
                "minimal",
                "bundle.yaml",
                "catalog.yaml",
                "policies/notes.cedar",
                "entities/people.json",
                "tests/notes.yaml",
                "README.md",
            ],
            Self::Full => files![
                "full",
                "bundle.yaml",
                "catalog.yaml",
                "schema/people.cedarschema",
                "policies/access.cedar",
                "policies/guardrails.cedar",
                "policies/links.yaml",
                "entities/people.json",
                "entities/notes.json",
                "tests/reading.yaml",
                "tests/writing.yaml",
                "README.md",
            ],
        }
    }
}

#[cfg(test)]
mod tests;
