//! Shows what tests exercise.

use std::collections::BTreeMap;

use palisade_bundle::{ClauseCoverage, Coverage};
use serde_json::{Map, Value, json};

use crate::cli::failure::Failure;
use crate::output::Output;

/// A table of the files, then every clause that something is missing about.
pub(super) fn show(coverage: &Coverage, output: &mut Output) -> Result<(), Failure> {
    let mut files: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for clause in &coverage.clauses {
        let (covered, all) = files.entry(&*clause.file).or_default();
        *covered += usize::from(clause.gap().is_none());
        *all += 1;
    }
    let width = files.keys().map(|file| file.chars().count()).max().unwrap_or(0);
    output.line("\nclauses that were true and were false:")?;
    for (file, (covered, all)) in files {
        output.line(format_args!("  {file:<width$}  {covered}/{all}"))?;
    }
    for (clause, gap) in coverage.gaps() {
        let ClauseCoverage { file, line, text, .. } = clause;
        output.line(format_args!("  {}: {file}:{line}: {text}", gap.as_str()))?;
    }
    output.line(format_args!(
        "coverage: {}% of {} policies, {}% of {} clauses",
        coverage.policies_percent(),
        coverage.policies,
        coverage.clauses_percent(),
        coverage.clauses.len()
    ))?;
    Ok(())
}

/// The members of the JSON document's `coverage`.
pub(super) fn as_json(coverage: &Coverage) -> Map<String, Value> {
    let clause = |clause: &ClauseCoverage| {
        let policies: Vec<&str> = clause.policies.iter().map(|policy| policy.as_str()).collect();
        json!({
            "file": &*clause.file,
            "line": clause.line,
            "text": clause.text,
            "policies": policies,
            "evaluated": clause.evaluated,
            "was_true": clause.was_true,
            "was_false": clause.was_false,
        })
    };
    let clauses: Vec<Value> = coverage.clauses.iter().map(clause).collect();
    Map::from_iter([
        ("policies_percent".to_owned(), json!(coverage.policies_percent())),
        ("clauses_percent".to_owned(), json!(coverage.clauses_percent())),
        ("clauses_covered".to_owned(), json!(coverage.clauses_covered())),
        ("clauses".to_owned(), Value::Array(clauses)),
    ])
}
