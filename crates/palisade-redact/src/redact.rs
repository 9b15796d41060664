//! Masks what was found in one text.

use std::borrow::Cow;
use std::fmt::{self, Display};

use crate::mask;
use crate::naming;
use crate::prefilter;
use crate::scan::{Scan, Span};

/// What is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Keys, tokens, passwords and other credentials.
    Secrets,
    /// Those, and what identifies a person or leads to one.
    SecretsAndPersonal,
}

impl Scope {
    pub(crate) fn is_personal(self) -> bool {
        self == Self::SecretsAndPersonal
    }
}

/// The name of what was found, such as `aws_access_key`. Names are stable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Kind(pub(crate) &'static str);

impl Kind {
    /// The name: lower-case letters, digits and underscores.
    pub fn as_str(self) -> &'static str {
        self.0
    }
}

impl Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// A text with marks in the place of what was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedactedText<'a> {
    /// The text; borrowed if nothing was found.
    pub text: Cow<'a, str>,
    /// What was found, sorted, each once.
    pub kinds: Vec<Kind>,
}

impl RedactedText<'_> {
    /// Nothing was found.
    pub fn is_clean(&self) -> bool {
        self.kinds.is_empty()
    }
}

// LIMIT: a text is looked at this often. Each time masks what the masks before laid bare, such
// as a number whose neighbour is gone; what has not settled by then is masked whole.
const ROUNDS_MAX: usize = 8;

/// Whether nothing would be masked. Costs one pass over the bytes for ordinary text.
#[must_use]
pub fn is_clean(text: &str, scope: Scope) -> bool {
    spans(text, "", scope).is_empty()
}

/// Masks what is found in a text of any kind: prose, code, JSON, a log line.
///
/// Every mark is `[redacted:<kind>]`, and marks that stand in the text already stay. The output is
/// at most [`GROWTH_MAX`] times as long as the input (counted from 8 bytes on). Clean text is
/// borrowed and costs no allocation.
#[must_use]
pub fn text(text: &str, scope: Scope) -> RedactedText<'_> {
    rounds(text, "", scope)
}

/// Masks a value that stands beside a name: a field, an argument, a header, a flag.
///
/// A telling name has the whole value masked; any other name helps as the words around a value
/// do.
#[must_use]
pub fn named_text<'a>(name: &str, text: &'a str, scope: Scope) -> RedactedText<'a> {
    // The kinds in marks tell nothing about the value.
    let name = &mask::without_marks(name);
    if !prefilter::may_tell(name) {
        return rounds(text, name, scope);
    }
    if let Some(whole) = whole(name, text, scope) {
        return whole;
    }
    let redacted = rounds(text, name, scope);
    // Without what was found, the rest may be what the name says.
    let rest = whole(name, &redacted.text, scope).filter(|_| !redacted.is_clean());
    rest.unwrap_or(redacted)
}

/// The whole value as one mark, if it is what its name says.
fn whole(name: &str, text: &str, scope: Scope) -> Option<RedactedText<'static>> {
    let hit = naming::kind_of(name, text, scope.is_personal()).filter(|_| !only_marks(text))?;
    // A format inside says more than the name.
    let spans = spans(text, name, scope);
    let best = spans.iter().map(|span| span.hit).min_by_key(|hit| hit.priority);
    let kind = best.unwrap_or(hit).kind;
    Some(RedactedText { text: Cow::Owned(mask::mark(kind)), kinds: vec![Kind(kind)] })
}

/// How much longer a text may become: the longest mark in the place of the shortest finding.
pub const GROWTH_MAX: usize = 24;

fn only_marks(text: &str) -> bool {
    let whole = mask::between(text);
    whole
        .iter()
        .all(|(start, end)| text.get(*start..*end).is_some_and(|part| part.trim().is_empty()))
}

fn rounds<'a>(text: &'a str, name: &str, scope: Scope) -> RedactedText<'a> {
    let mut current = Cow::Borrowed(text);
    let mut kinds: Vec<Kind> = Vec::new();
    for _ in 0..ROUNDS_MAX {
        let spans = spans(&current, name, scope);
        if spans.is_empty() {
            kinds.sort_unstable();
            kinds.dedup();
            return RedactedText { text: current, kinds };
        }
        let (masked, found) = mask::apply(&current, spans);
        kinds.extend(found.into_iter().map(Kind));
        current = Cow::Owned(masked);
    }
    kinds.push(Kind(mask::UNSCANNABLE));
    kinds.sort_unstable();
    kinds.dedup();
    RedactedText { text: Cow::Owned(mask::mark(mask::UNSCANNABLE)), kinds }
}

fn spans(text: &str, name: &str, scope: Scope) -> Vec<Span> {
    let mut scan = Scan::new(scope.is_personal(), name, text);
    if !text.contains("[redacted:") {
        return scan.find(text);
    }
    let mut spans = Vec::new();
    for (start, end) in mask::between(text) {
        if let Some(part) = text.get(start..end) {
            let found = scan.find(part).into_iter();
            spans.extend(found.map(|span| Span {
                start: span.start + start,
                end: span.end + start,
                ..span
            }));
        }
    }
    spans
}

/// Compiles all rules, so that the first text does not wait for it (some tens of milliseconds).
pub fn warm() {
    crate::scan::warm();
}
