//! `palisade fmt`: brings policies into the form of Cedar's own formatter.

mod blank;
mod unified;
mod write;

use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use cedar_policy_formatter::{Config, policies_str_to_pretty};
use miette::{GraphicalReportHandler, GraphicalTheme, MietteDiagnostic, NamedSource, Report};
use palisade_core::limits::BUNDLE_FILE_BYTES_MAX;

use super::Context;
use super::failure::Failure;
use crate::exit::Exit;

const EXAMPLES: &str = "\
Examples:
  palisade fmt policies/quickstart
  palisade fmt --check policies/quickstart
  palisade fmt policies/quickstart/policies/reads.cedar
  palisade fmt --stdin < draft.cedar

Formats `policies/*.cedar` of bundles, and single Cedar files; comments and annotations stay.
Schema fragments are left alone: Cedar has no formatter for them.
Exits with 1 if a file cannot be parsed, which is then left as it is, and with `--check` if one
would change.";

/// The form: lines of at most 100 characters, as in the shipped bundles.
const FORM: Config = Config { line_width: 100, indent_width: 2 };

/// How often a text is formatted until it does not change any more.
const PASSES_MAX: usize = 4;

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// Bundles or Cedar files [default: the setting `bundle.path`]
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Write nothing, show what would change
    #[arg(long)]
    check: bool,
    /// Format standard input to standard output
    #[arg(long, conflicts_with_all = ["paths", "check"])]
    stdin: bool,
}

pub(super) fn run(arguments: Arguments, context: &mut Context<'_>) -> Result<Exit, Failure> {
    let Arguments { mut paths, check, stdin } = arguments;
    if stdin {
        return format_input(context);
    }
    if paths.is_empty() {
        paths.push(context.bundle_directory(None)?);
    }
    let files = find(&paths)?;
    let mut counts = Counts { files: files.policies.len(), ..Counts::default() };
    for file in &files.policies {
        format_file(file, check, &mut counts, context)?;
    }
    if files.schemas > 0 {
        let count = files.schemas;
        let plural = if count == 1 { "" } else { "s" };
        context.output.note(format_args!(
            "{count} schema fragment{plural} left alone: nothing formats them"
        ))?;
    }
    counts.show(check, context)?;
    let failed = counts.broken > 0 || (check && counts.changed > 0);
    Ok(if failed { Exit::Failure } else { Exit::Success })
}

/// What became of the files.
#[derive(Debug, Default)]
struct Counts {
    files: usize,
    changed: usize,
    broken: usize,
}

impl Counts {
    fn show(&self, check: bool, context: &mut Context<'_>) -> Result<(), Failure> {
        let Self { files, changed, broken } = self;
        let plural = if *files == 1 { "" } else { "s" };
        let verb = if check { "would change" } else { "changed" };
        let broken = match broken {
            0 => String::new(),
            broken => format!(", {broken} cannot be parsed"),
        };
        context.output.line(format_args!("{files} file{plural}: {changed} {verb}{broken}"))?;
        Ok(())
    }
}

#[derive(Debug, Default)]
struct Files {
    policies: Vec<PathBuf>,
    /// How many schema fragments there are.
    schemas: usize,
}

fn find(paths: &[PathBuf]) -> Result<Files, Failure> {
    let mut files = Files::default();
    for path in paths {
        if !path.is_dir() {
            match extension(path) {
                Some("cedar") => files.policies.push(path.clone()),
                Some("cedarschema") => files.schemas += 1,
                Some(_) | None => {
                    let path = path.display();
                    let message = format!("`{path}` is neither a bundle nor a Cedar file");
                    return Err(Failure::Usage(message));
                }
            }
            continue;
        }
        let folder = path.join("policies");
        let folder = if folder.is_dir() { folder } else { path.clone() };
        let policies = with_extension(&folder, "cedar")?;
        if policies.is_empty() {
            let message = format!("`{}` has no Cedar files", folder.display());
            return Err(Failure::Usage(message));
        }
        files.policies.extend(policies);
        let schemas = path.join("schema");
        if schemas.is_dir() {
            files.schemas += with_extension(&schemas, "cedarschema")?.len();
        }
    }
    Ok(files)
}

/// The files of a folder, sorted; what is hidden belongs to editors.
fn with_extension(folder: &Path, wanted: &str) -> Result<Vec<PathBuf>, Failure> {
    let read = || -> io::Result<Vec<PathBuf>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            let hidden =
                path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
            if extension(&path) == Some(wanted) && !hidden {
                found.push(path);
            }
        }
        found.sort();
        Ok(found)
    };
    Ok(read().with_context(|| format!("`{}` cannot be read", folder.display()))?)
}

fn extension(path: &Path) -> Option<&str> {
    path.extension().and_then(|extension| extension.to_str())
}

fn format_file(
    path: &Path,
    check: bool,
    counts: &mut Counts,
    context: &mut Context<'_>,
) -> Result<(), Failure> {
    let text = read(path)?;
    let formatted = match format(&text) {
        Ok(formatted) => formatted,
        Err(report) => {
            counts.broken += 1;
            return show_error(&path.display().to_string(), text, &report, context);
        }
    };
    if formatted == text {
        return Ok(());
    }
    counts.changed += 1;
    if check {
        let name = path.display().to_string();
        context.output.text(&unified::diff(&name, &text, &formatted))?;
    } else {
        write::replace(path, &formatted)
            .with_context(|| format!("`{}` cannot be written", path.display()))?;
        context.output.line(format_args!("formatted {}", path.display()))?;
    }
    Ok(())
}

fn format_input(context: &mut Context<'_>) -> Result<Exit, Failure> {
    let mut text = String::new();
    let input = io::stdin().lock().take(BUNDLE_FILE_BYTES_MAX + 1).read_to_string(&mut text);
    input.context("standard input cannot be read")?;
    check_size("standard input", text.len())?;
    match format(&text) {
        Ok(formatted) => {
            context.output.text(&formatted)?;
            Ok(Exit::Success)
        }
        Err(report) => {
            show_error("standard input", text, &report, context)?;
            Ok(Exit::Failure)
        }
    }
}

fn read(path: &Path) -> Result<String, Failure> {
    let size = fs::metadata(path).map(|metadata| metadata.len());
    let size = size.with_context(|| format!("`{}` cannot be read", path.display()))?;
    check_size(&path.display().to_string(), usize::try_from(size).unwrap_or(usize::MAX))?;
    let text = fs::read_to_string(path);
    Ok(text.with_context(|| format!("`{}` cannot be read", path.display()))?)
}

fn check_size(name: &str, bytes: usize) -> Result<(), Failure> {
    if u64::try_from(bytes).unwrap_or(u64::MAX) > BUNDLE_FILE_BYTES_MAX {
        let message = format!("`{name}` has more than {BUNDLE_FILE_BYTES_MAX} bytes");
        return Err(Failure::Other(anyhow::anyhow!(message)));
    }
    Ok(())
}

/// The text in its final form: what formatting again does not change.
fn format(text: &str) -> miette::Result<String> {
    // What is said of a mistake has to be about the text as it is.
    let mut formatted = match pass(text) {
        Ok(formatted) => formatted,
        Err(_) => policies_str_to_pretty(text, &FORM)?,
    };
    for _ in 1..PASSES_MAX {
        let again = pass(&formatted)?;
        if again == formatted {
            return Ok(formatted);
        }
        formatted = again;
    }
    // Better left alone than changed by every run.
    Err(miette::miette!("the formatter does not come to an end"))
}

fn pass(text: &str) -> miette::Result<String> {
    Ok(blank::unmark(&policies_str_to_pretty(&blank::mark(text), &FORM)?))
}

fn show_error(
    name: &str,
    text: String,
    report: &Report,
    context: &mut Context<'_>,
) -> Result<(), Failure> {
    let colored = context.output.colored_notes();
    let theme = if colored { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
    // The formatter's own report has the text without the name of its file.
    let mut named = MietteDiagnostic::new(report.root_cause().to_string());
    named.labels = report.labels().map(Iterator::collect);
    named.help = report.help().map(|help| help.to_string());
    let report = Report::from(named).with_source_code(NamedSource::new(name, text));
    let mut shown = String::new();
    let handler = GraphicalReportHandler::new_themed(theme).with_links(false);
    if handler.render_report(&mut shown, report.as_ref()).is_err() {
        shown = format!("{name}: {report}");
    }
    Ok(context.output.note(shown.trim_end())?)
}

#[cfg(test)]
mod tests;
