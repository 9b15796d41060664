//! Shows what is wrong with a bundle the way good compilers do: place, source, hint.

use std::ops::Range;
use std::path::{Path, PathBuf};

use miette::{
    Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, SourceCode,
    SourceSpan,
};
use palisade_bundle::RawBundle;
use palisade_core::{Problem, Problems, Severity};
use serde::Serialize;

/// How problems are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum ProblemFormat {
    Human,
    Json,
    Short,
}

/// Renders problems of one bundle.
#[derive(Debug)]
pub(crate) struct Renderer<'a> {
    /// The bundle's directory; stands before the names of its files.
    pub(crate) directory: &'a Path,
    /// The texts problems point into.
    pub(crate) sources: &'a RawBundle,
    /// Whether to use colours.
    pub(crate) colored: bool,
}

impl Renderer<'_> {
    /// All problems in this format, in the order of their places, ending with a line break;
    /// nothing if there is nothing to say.
    #[must_use]
    pub(crate) fn render(&self, problems: &Problems, format: ProblemFormat) -> String {
        let mut all: Vec<&Problem> = problems.0.iter().collect();
        all.sort_by_key(|problem| {
            let Problem { severity: _, code, message, help: _, file, span } = problem;
            (file, span.as_ref().map(|span| (span.start, span.end)), *code, message)
        });
        let all = all.into_iter();
        match format {
            ProblemFormat::Human => all.map(|problem| self.graphical(problem)).collect(),
            ProblemFormat::Json => {
                let problems = all.map(|problem| self.json(problem)).collect();
                let document = serde_json::to_value(JsonDocument { problems });
                // Plain strings and numbers can always be written.
                document.map(|document| format!("{document:#}\n")).unwrap_or_default()
            }
            ProblemFormat::Short => all.map(|problem| self.short(problem)).collect(),
        }
    }

    fn graphical(&self, problem: &Problem) -> String {
        let theme = if self.colored {
            GraphicalTheme::unicode()
        } else {
            GraphicalTheme::unicode_nocolor()
        };
        let report = Report::new(problem, self);
        let mut text = String::new();
        let handler = GraphicalReportHandler::new_themed(theme).with_links(false);
        if handler.render_report(&mut text, &report).is_err() {
            return self.short(problem);
        }
        text.push('\n');
        text
    }

    fn short(&self, problem: &Problem) -> String {
        let Problem { severity, code, message, help, file, span: _ } = problem;
        let severity = severity_word(*severity);
        let place = match (file, self.place(problem)) {
            (Some(file), Some(place)) => {
                let path = self.directory.join(&**file);
                format!("{}:{}:{}: ", path.display(), place.line, place.column)
            }
            (Some(file), None) => format!("{}: ", self.directory.join(&**file).display()),
            (None, _) => String::new(),
        };
        let help = help.as_ref().map(|help| format!(" (help: {help})")).unwrap_or_default();
        format!("{place}{severity}[{code}]: {message}{help}\n")
    }

    fn json<'p>(&self, problem: &'p Problem) -> JsonProblem<'p> {
        let place = self.place(problem);
        JsonProblem {
            severity: severity_word(problem.severity),
            code: problem.code,
            message: &problem.message,
            help: problem.help.as_deref(),
            file: problem.file.as_ref().map(|file| self.directory.join(&**file)),
            line: place.as_ref().map(|place| place.line),
            column: place.as_ref().map(|place| place.column),
            end_line: place.as_ref().map(|place| place.end_line),
            end_column: place.as_ref().map(|place| place.end_column),
        }
    }

    fn place(&self, problem: &Problem) -> Option<Place> {
        let text = self.sources.text(problem.file.as_deref()?)?;
        let span = within(text, problem.span.clone()?);
        let (line, column) = position(text, span.start);
        let (end_line, end_column) = position(text, span.end);
        Some(Place { line, column, end_line, end_column })
    }
}

/// Lines and columns count from 1; columns count characters; the end is exclusive.
#[derive(Debug)]
struct Place {
    line: usize,
    column: usize,
    end_line: usize,
    end_column: usize,
}

#[derive(Debug, Serialize)]
struct JsonDocument<'a> {
    problems: Vec<JsonProblem<'a>>,
}

#[derive(Debug, Serialize)]
struct JsonProblem<'a> {
    severity: &'static str,
    code: &'static str,
    message: &'a str,
    help: Option<&'a str>,
    file: Option<PathBuf>,
    line: Option<usize>,
    column: Option<usize>,
    end_line: Option<usize>,
    end_column: Option<usize>,
}

/// A problem as `miette` wants it.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
struct Report {
    message: String,
    code: &'static str,
    severity: miette::Severity,
    help: Option<String>,
    source_code: Option<NamedSource<String>>,
    span: Option<SourceSpan>,
}

impl Report {
    fn new(problem: &Problem, renderer: &Renderer<'_>) -> Self {
        let file = problem.file.as_deref();
        let text = file.and_then(|file| renderer.sources.text(file));
        let path = file.map(|file| renderer.directory.join(file).display().to_string());
        let span = text.and_then(|text| Some(within(text, problem.span.clone()?)));
        // Without a place in it, a source is only named.
        let message = match (&path, &span) {
            (Some(path), None) => format!("{path}: {}", problem.message),
            _ => problem.message.clone(),
        };
        Self {
            message,
            code: problem.code,
            severity: match problem.severity {
                Severity::Error => miette::Severity::Error,
                Severity::Advice => miette::Severity::Advice,
            },
            help: problem.help.clone(),
            source_code: path.zip(text).map(|(path, text)| NamedSource::new(path, text.to_owned())),
            span: span.map(|span| (span.start, span.len()).into()),
        }
    }
}

impl Diagnostic for Report {
    fn code<'a>(&'a self) -> Option<Box<dyn std::fmt::Display + 'a>> {
        Some(Box::new(self.code))
    }

    fn severity(&self) -> Option<miette::Severity> {
        Some(self.severity)
    }

    fn help<'a>(&'a self) -> Option<Box<dyn std::fmt::Display + 'a>> {
        self.help.as_ref().map(|help| Box::new(help) as Box<dyn std::fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.source_code.as_ref().map(|source| source as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let label = LabeledSpan::new_primary_with_span(Some("here".to_owned()), self.span?);
        Some(Box::new(std::iter::once(label)))
    }
}

/// The word for a severity.
const fn severity_word(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Advice => "advice",
    }
}

/// The span, cut to the text and to whole characters, so that showing it cannot fail.
fn within(text: &str, span: Range<usize>) -> Range<usize> {
    let start = text.floor_char_boundary(span.start);
    let end = text.ceil_char_boundary(span.end).max(start);
    start..end
}

/// Line and column, both from 1, of a byte.
fn position(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let line = before.matches('\n').count() + 1;
    let column = before.get(line_start..).unwrap_or_default().chars().count() + 1;
    (line, column)
}

#[cfg(test)]
mod tests;
