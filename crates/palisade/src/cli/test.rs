//! `palisade test`: runs the tests a bundle brings along.

mod coverage;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use palisade_bundle::{CaseReport, Coverage, TestReport};
use serde_json::json;

use super::Context;
use super::bundle;
use super::failure::Failure;
use super::watch;
use crate::exit::Exit;
use crate::output::Output;

const EXAMPLES: &str = "\
Examples:
  palisade test policies/quickstart
  palisade test --filter refund policies/quickstart
  palisade test --coverage policies/quickstart
  palisade test --coverage-min 90 --junit results.xml policies/quickstart

Tests are YAML files (request and wanted answer) and Cedar's own JSON test files, in `tests/`.
A policy is covered if it determined the answer of a test; a clause, which is a part of a `when` or
`unless` without `&&`, `||`, `!` or `if` in it, if it was true in one and false in one.
Exits with 1 if a test fails or too little is covered, and with 65 if the bundle does not load.";

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    Human,
    Json,
    Junit,
}

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// The bundle [default: the setting `bundle.path`]
    directory: Option<PathBuf>,
    /// How to show results
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
    #[arg(long, value_name = "FILE", help = "Write the results as JUnit XML as well")]
    junit: Option<PathBuf>,
    /// Only tests whose name or file contains this
    #[arg(long, value_name = "SUBSTRING")]
    filter: Option<String>,
    /// Show which policies and clauses no test exercises
    #[arg(long, conflicts_with = "filter")]
    coverage: bool,
    /// Fail if less than this much of the policies or of the clauses is covered
    #[arg(
        long,
        value_name = "PERCENT",
        conflicts_with = "filter",
        value_parser = clap::value_parser!(u8).range(0..=100)
    )]
    coverage_min: Option<u8>,
    /// Run them again whenever a file changes, until interrupted
    #[arg(long)]
    watch: bool,
}

pub(super) fn run(mut arguments: Arguments, context: &mut Context<'_>) -> Result<Exit, Failure> {
    let directory = context.bundle_directory(arguments.directory.take())?;
    let test = |context: &mut Context<'_>| once(&directory, &arguments, context);
    if arguments.watch { watch::repeat(&directory, "tested", context, test) } else { test(context) }
}

fn once(
    directory: &Path,
    arguments: &Arguments,
    context: &mut Context<'_>,
) -> Result<Exit, Failure> {
    let Arguments { format, junit, filter, coverage, coverage_min, .. } = arguments;
    let bundle = bundle::load(directory, context)?;
    let policies = bundle.snapshot().policies().iter().filter(|policy| !policy.shadow).count();
    let mut report = bundle.run_tests();
    let measured = (*coverage || coverage_min.is_some()).then(|| bundle.coverage(&report));
    if let Some(filter) = filter {
        report.cases.retain(|case| case.name.contains(filter) || case.file.contains(filter));
        if report.cases.is_empty() {
            return Err(Failure::Usage(format!("no test contains `{filter}`")));
        }
    }
    let name = bundle.snapshot().revision().bundle.as_str().to_owned();
    if let Some(file) = junit {
        fs::write(file, report.to_junit_xml(&name))
            .with_context(|| format!("`{}` cannot be written", file.display()))?;
    }
    // Coverage is of the whole suite; of a part of it, it would say nothing.
    let policies = filter.is_none().then_some(policies);
    match format {
        Format::Human => {
            show(&report, policies, context.output)?;
            if let Some(measured) = &measured {
                coverage::show(measured, context.output)?;
            }
        }
        Format::Json => {
            let document = as_json(&report, policies, measured.as_ref());
            context.output.line(format_args!("{document:#}"))?;
        }
        Format::Junit => context.output.text(&report.to_junit_xml(&name))?,
    }
    let enough = match (&measured, coverage_min) {
        (Some(measured), Some(minimum)) => enough(measured, *minimum, context.output)?,
        (_, None) | (None, Some(_)) => true,
    };
    Ok(if report.passed() && enough { Exit::Success } else { Exit::Failure })
}

fn enough(measured: &Coverage, minimum: u8, output: &mut Output) -> Result<bool, Failure> {
    let covered = measured.policies_percent().min(measured.clauses_percent());
    let enough = covered >= usize::from(minimum);
    if !enough {
        output.note(format_args!(
            "error: {}% of the policies and {}% of the clauses are covered, {minimum}% are wanted",
            measured.policies_percent(),
            measured.clauses_percent()
        ))?;
    }
    Ok(enough)
}

fn show(report: &TestReport, policies: Option<usize>, output: &mut Output) -> Result<(), Failure> {
    let mut files: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for case in &report.cases {
        let (passed, all) = files.entry(&*case.file).or_default();
        *passed += usize::from(case.passed());
        *all += 1;
    }
    for case in report.failed() {
        show_failure(case, output)?;
    }
    for (file, (passed, all)) in files {
        let mark = if passed == all { "ok    " } else { "FAILED" };
        output.line(format_args!("{mark}  {file}  {passed}/{all}"))?;
    }
    let failed = report.failed().count();
    output.line(format_args!("\n{} passed, {failed} failed", report.cases.len() - failed))?;
    if let Some(policies) = policies {
        let uncovered = report.uncovered.len();
        let covered = policies.saturating_sub(uncovered);
        output.line(format_args!("{covered} of {policies} policies determined an answer"))?;
        for policy in &report.uncovered {
            output.line(format_args!("  never: {} ({})", policy.id, policy.location))?;
        }
    }
    Ok(())
}

fn show_failure(case: &CaseReport, output: &mut Output) -> Result<(), Failure> {
    let line = case.line.map(|line| format!(":{line}")).unwrap_or_default();
    output.line(format_args!("FAILED  {}{line}  {}", case.file, case.name))?;
    for mismatch in &case.mismatches {
        output.line(format_args!("    {mismatch}"))?;
    }
    output.line("")?;
    Ok(())
}

fn as_json(
    report: &TestReport,
    policies: Option<usize>,
    measured: Option<&Coverage>,
) -> serde_json::Value {
    let case = |case: &CaseReport| {
        json!({
            "name": case.name,
            "file": &*case.file,
            "line": case.line,
            "passed": case.passed(),
            "mismatches": case.mismatches,
        })
    };
    let coverage = policies.map(|policies| {
        let uncovered: Vec<&str> =
            report.uncovered.iter().map(|policy| policy.id.as_str()).collect();
        let mut document = json!({ "policies": policies, "uncovered": uncovered });
        if let (Some(measured), Some(document)) = (measured, document.as_object_mut()) {
            document.extend(coverage::as_json(measured));
        }
        document
    });
    json!({
        "passed": report.passed(),
        "cases": report.cases.iter().map(case).collect::<Vec<_>>(),
        "coverage": coverage,
    })
}

#[cfg(test)]
mod tests;
