//! Checks a raw catalog: the names it uses exist, the values mean something.
//!
//! Goes on after a mistake, so that an author sees all of them at once. What it returns beside
//! errors is not a usable catalog.

mod resource;
mod tool;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use palisade_core::{Problem, Problems, ToolName};
use serde_saphyr::Spanned;

use crate::catalog::{CATALOG_TOOLS_MAX, Catalog, Service};
use crate::raw::{Entries, RawCatalog, RawService};
use crate::yaml::span;

/// The only format of a catalog there is.
const FORMAT: u64 = 1;

/// Bytes of a service, segment or label name.
const NAME_BYTES_MAX: usize = 64;

/// Checks a whole catalog.
pub(crate) fn accept(file: &Arc<str>, text: &str, raw: RawCatalog) -> (Catalog, Problems) {
    let RawCatalog { format, segments, services, tools } = raw;
    let mut checker = Checker {
        file,
        text,
        problems: Vec::new(),
        segments: BTreeSet::new(),
        services: BTreeMap::new(),
        tool_names: tools.0.iter().map(|(name, _)| name.value.clone()).collect(),
    };
    if format.value != FORMAT {
        checker
            .error("catalog.format", format!("unknown catalog format {}", format.value), &format)
            .help(format!("this version reads `format: {FORMAT}`"));
    }
    checker.accept_segments(segments);
    checker.accept_services(services);
    if let Some((extra, _)) = tools.0.get(CATALOG_TOOLS_MAX) {
        let count = tools.0.len();
        checker
            .error("catalog.too_many_tools", format!("the catalog has {count} tools"), extra)
            .help(format!("the limit is {CATALOG_TOOLS_MAX}; split the catalog into two bundles"));
        return checker.finish(BTreeMap::new());
    }
    let mut accepted = BTreeMap::new();
    for (name, raw) in tools.0 {
        if let Some(tool) = checker.accept_tool(&name, raw) {
            accepted.insert(tool.name.as_str().to_owned(), tool);
        }
    }
    checker.finish(accepted)
}

struct Checker<'a> {
    file: &'a Arc<str>,
    text: &'a str,
    problems: Vec<Problem>,
    segments: BTreeSet<String>,
    services: BTreeMap<String, Service>,
    /// All names under `tools:`, acceptable or not.
    tool_names: BTreeSet<String>,
}

impl<'a> Checker<'a> {
    /// Notes a problem; help may be added to it.
    fn error<T>(
        &mut self,
        code: &'static str,
        message: impl Into<String>,
        place: &Spanned<T>,
    ) -> Noted<'_> {
        let problem = Problem::error(code, message);
        self.note(problem, place)
    }

    fn note<T>(&mut self, problem: Problem, place: &Spanned<T>) -> Noted<'_> {
        let mut problem = problem.in_file(self.file);
        problem.span = span(place.referenced, self.text);
        self.problems.push(problem);
        Noted(self.problems.last_mut())
    }

    fn accept_segments(&mut self, segments: Vec<Spanned<String>>) {
        for segment in segments {
            self.check_name("segment", &segment);
            if self.segments.contains(&segment.value) {
                let message = format!("the segment `{}` is declared twice", segment.value);
                self.error("catalog.duplicate", message, &segment).help("remove one of the two");
            }
            self.segments.insert(segment.value);
        }
    }

    fn accept_services(&mut self, services: Entries<RawService>) {
        for (name, RawService { segment, description }) in services.0 {
            self.check_name("service", &name);
            if !self.segments.contains(&segment.value) {
                let help = did_you_mean(&segment.value, self.segments.iter(), "under `segments:`");
                let message = format!("unknown segment `{}`", segment.value);
                self.error("catalog.unknown_segment", message, &segment).help(help);
            }
            self.services.insert(name.value, Service { segment: segment.value, description });
        }
    }

    fn check_name(&mut self, what: &str, name: &Spanned<String>) {
        let acceptable = (1..=NAME_BYTES_MAX).contains(&name.value.len())
            && name.value.chars().all(ToolName::is_service_character);
        if !acceptable {
            let message = format!("`{}` cannot name a {what}", name.value.escape_debug());
            self.error("catalog.name", message, name).help(format!(
                "a {what} is named with 1 to {NAME_BYTES_MAX} of a-z, 0-9, `_`, `-`"
            ));
        }
    }

    fn finish(self, tools: BTreeMap<String, crate::Tool>) -> (Catalog, Problems) {
        let Self { mut problems, segments, services, .. } = self;
        problems.sort_by_key(|problem| problem.span.as_ref().map(|span| span.start));
        let tools = tools.into_iter().map(|(name, tool)| (name, Arc::new(tool))).collect();
        (Catalog { tools, services, segments }, Problems(problems))
    }
}

/// A problem that was just noted.
struct Noted<'a>(Option<&'a mut Problem>);

impl Noted<'_> {
    fn help(self, help: impl Into<String>) {
        if let Some(problem) = self.0 {
            problem.help = Some(help.into());
        }
    }
}

/// What to do about a name that is not declared: the closest one that is, or where to declare it.
fn did_you_mean<'n>(name: &str, known: impl Iterator<Item = &'n String>, place: &str) -> String {
    let closest = known
        .map(|candidate| (distance(name, candidate), candidate))
        .filter(|(distance, _)| *distance <= name.chars().count() / 3 + 1)
        .min();
    match closest {
        Some((_, candidate)) => format!("did you mean `{candidate}`?"),
        None => format!("declare it {place}"),
    }
}

/// Edits that turn one name into the other (Levenshtein).
fn distance(one: &str, other: &str) -> usize {
    let mut row: Vec<usize> = (0..=other.chars().count()).collect();
    for (index, a) in one.chars().enumerate() {
        let mut diagonal = index;
        let mut left = index + 1;
        for (cell, b) in row.iter_mut().skip(1).zip(other.chars()) {
            let substituted = diagonal + usize::from(a != b);
            diagonal = *cell;
            left = substituted.min(*cell + 1).min(left + 1);
            *cell = left;
        }
        if let Some(first) = row.first_mut() {
            *first = index + 1;
        }
    }
    row.last().copied().unwrap_or(0)
}
