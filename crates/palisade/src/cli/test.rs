//! `palisade test`: runs the tests a bundle brings along.

use std::collections::BTreeMap;
use std::path::PathBuf;

use palisade_bundle::{CaseReport, TestReport};
use serde_json::json;

use super::Context;
use super::bundle;
use super::failure::Failure;
use crate::exit::Exit;
use crate::output::Output;

const EXAMPLES: &str = "\
Examples:
  palisade test policies/quickstart
  palisade test --filter refund policies/quickstart

Tests are YAML files (request and wanted answer) and Cedar's own JSON test files, in `tests/`.
Exits with 1 if a test fails and with 65 if the bundle does not load.";

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    Human,
    Json,
}

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// The bundle [default: the setting `bundle.path`]
    directory: Option<PathBuf>,
    /// How to show results
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
    /// Only tests whose name or file contains this
    #[arg(long, value_name = "SUBSTRING")]
    filter: Option<String>,
}

pub(super) fn run(arguments: Arguments, context: &mut Context<'_>) -> Result<Exit, Failure> {
    let Arguments { directory, format, filter } = arguments;
    let directory = context.bundle_directory(directory)?;
    let bundle = bundle::load(&directory, context)?;
    let policies = bundle.snapshot().policies().iter().filter(|policy| !policy.shadow).count();
    let mut report = bundle.run_tests();
    if let Some(filter) = &filter {
        report.cases.retain(|case| case.name.contains(filter) || case.file.contains(filter));
        if report.cases.is_empty() {
            return Err(Failure::Usage(format!("no test contains `{filter}`")));
        }
    }
    // Coverage is of the whole suite; of a part of it, it would say nothing.
    let coverage = filter.is_none().then_some(policies);
    match format {
        Format::Human => show(&report, coverage, context.output)?,
        Format::Json => context.output.line(format_args!("{:#}", as_json(&report, coverage)))?,
    }
    Ok(if report.passed() { Exit::Success } else { Exit::Failure })
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

fn as_json(report: &TestReport, policies: Option<usize>) -> serde_json::Value {
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
        json!({ "policies": policies, "uncovered": uncovered })
    });
    json!({
        "passed": report.passed(),
        "cases": report.cases.iter().map(case).collect::<Vec<_>>(),
        "coverage": coverage,
    })
}
