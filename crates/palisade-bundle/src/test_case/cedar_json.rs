//! Tests in the form of Cedar's own `run-tests` command.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;

use palisade_core::Problem;
use palisade_engine::SourceFile;

use super::{TestCase, TestKind};

/// A plain Cedar request and the wanted answer.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CedarCase {
    name: Option<String>,
    pub(crate) request: CedarCaseRequest,
    /// Cedar's entity format.
    #[serde(default = "empty_array")]
    pub(crate) entities: Value,
    pub(crate) decision: CedarDecision,
    /// Policies that have to be among the determining ones.
    #[serde(default)]
    pub(crate) reason: Vec<String>,
    /// How many policies fail to evaluate.
    #[serde(default)]
    pub(crate) num_errors: usize,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CedarCaseRequest {
    pub(crate) principal: String,
    pub(crate) action: String,
    pub(crate) resource: String,
    #[serde(default = "empty_object")]
    pub(crate) context: Value,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum CedarDecision {
    Allow,
    Deny,
}

impl CedarDecision {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
        }
    }
}

/// Reads a file of tests. What cannot be read is left out and stands in `problems`.
pub(crate) fn read(file: &SourceFile, problems: &mut Vec<Problem>) -> Vec<TestCase> {
    let cases: Vec<CedarCase> = match serde_json::from_str(&file.text) {
        Ok(cases) => cases,
        Err(error) => {
            let help = "a list of tests as `cedar run-tests` takes it";
            let mut problem = Problem::error("tests.invalid", error.to_string())
                .with_help(help)
                .in_file(&file.name);
            problem.span = offset(&file.text, error.line(), error.column()).map(|at| at..at);
            problems.push(problem);
            return Vec::new();
        }
    };
    let cases = cases.into_iter().enumerate().map(|(index, case)| TestCase {
        name: case.name.clone().unwrap_or_else(|| format!("test {}", index + 1)),
        file: Arc::clone(&file.name),
        line: None,
        span: None,
        kind: TestKind::Cedar(Box::new(case)),
    });
    cases.collect()
}

/// The byte at a line and column, both from 1; a column counts bytes.
fn offset(text: &str, line: usize, column: usize) -> Option<usize> {
    let before: usize = text.split_inclusive('\n').take(line.checked_sub(1)?).map(str::len).sum();
    Some((before + column.saturating_sub(1)).min(text.len()))
}

fn empty_array() -> Value {
    Value::Array(Vec::new())
}

fn empty_object() -> Value {
    Value::Object(serde_json::Map::new())
}
