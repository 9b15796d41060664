//! Masks what was found in one text.

use std::borrow::Cow;
use std::fmt::{self, Display};

use crate::assignment;
use crate::mask;
use crate::naming;
use crate::prefilter;
use crate::scan::{Scan, Span};
use crate::work::Work;

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
    let work = Work::new(text.len());
    spans(text, "", scope, &work).is_empty() && !work.is_exhausted()
}

/// Masks what is found in a text of any kind: prose, code, JSON, a log line.
///
/// Every mark is `[redacted:<kind>]`, and marks that stand in the text already stay. The output is
/// at most [`GROWTH_MAX`] times as long as the input (counted from 8 bytes on). Clean text is
/// borrowed and costs no allocation.
///
/// The work for a text is linear in its length, whatever it holds. A text that wants more is
/// masked whole, as `unscannable`. There is no limit of size, but beyond 64 KiB the work that a
/// byte may cause is less.
#[must_use]
pub fn text(text: &str, scope: Scope) -> RedactedText<'_> {
    rounds(text, "", scope, &Work::new(text.len()))
}

/// Masks a value that stands beside a name: a field, an argument, a header, a flag.
///
/// A telling name has the whole value masked; any other name helps as the words around a value
/// do. For the rest see [`text`].
#[must_use]
pub fn named_text<'a>(name: &str, text: &'a str, scope: Scope) -> RedactedText<'a> {
    named_text_within(name, text, scope, &Work::new(text.len()))
}

/// The same with a budget of its own.
pub(crate) fn named_text_within<'a>(
    name: &str,
    text: &'a str,
    scope: Scope,
    work: &Work,
) -> RedactedText<'a> {
    // The kinds in marks tell nothing about the value.
    let name = &mask::without_marks(name);
    if !prefilter::may_tell(name) {
        return rounds(text, name, scope, work);
    }
    if !work.pay(NAME_STEPS + text.len() * NAME_STEPS_PER_BYTE) {
        return unscannable();
    }
    if let Some(whole) = whole(name, text, scope, work) {
        return whole;
    }
    let redacted = rounds(text, name, scope, work);
    // Without what was found, the rest may be what the name says.
    let rest = whole_unless_clean(name, &redacted, scope, work);
    rest.unwrap_or(redacted)
}

fn whole_unless_clean(
    name: &str,
    redacted: &RedactedText<'_>,
    scope: Scope,
    work: &Work,
) -> Option<RedactedText<'static>> {
    if redacted.is_clean() || work.is_exhausted() {
        return None;
    }
    whole(name, &redacted.text, scope, work)
}

/// The whole value as one mark, if it is what its name says.
fn whole(name: &str, text: &str, scope: Scope, work: &Work) -> Option<RedactedText<'static>> {
    let hit = naming::kind_of(name, text, scope.is_personal()).filter(|_| !only_marks(text))?;
    // A format inside says more than the name.
    let spans = spans(text, name, scope, work);
    let best = spans.iter().map(|span| span.hit).min_by_key(|hit| hit.priority);
    let kind = best.filter(|_| !work.is_exhausted()).unwrap_or(hit).kind;
    Some(RedactedText { text: Cow::Owned(mask::mark(kind)), kinds: vec![Kind(kind)] })
}

/// What a name that may tell costs, and each byte of its value.
const NAME_STEPS: usize = 1500;
const NAME_STEPS_PER_BYTE: usize = 5;

/// How much longer a text may become: the longest mark in the place of the shortest finding.
pub const GROWTH_MAX: usize = 24;

fn only_marks(text: &str) -> bool {
    let whole = mask::between(text);
    whole
        .iter()
        .all(|(start, end)| text.get(*start..*end).is_some_and(|part| part.trim().is_empty()))
}

fn rounds<'a>(text: &'a str, name: &str, scope: Scope, work: &Work) -> RedactedText<'a> {
    let mut current = Cow::Borrowed(text);
    let mut kinds: Vec<Kind> = Vec::new();
    for _ in 0..ROUNDS_MAX {
        let spans = spans(&current, name, scope, work);
        if work.is_exhausted() {
            return unscannable();
        }
        if spans.is_empty() {
            kinds.sort_unstable();
            kinds.dedup();
            return RedactedText { text: current, kinds };
        }
        let (masked, found) = mask::apply(&current, spans);
        kinds.extend(found.into_iter().map(Kind));
        current = Cow::Owned(masked);
    }
    unscannable()
}

/// In the place of what could not be looked at to its end.
fn unscannable() -> RedactedText<'static> {
    let kind = mask::UNSCANNABLE;
    RedactedText { text: Cow::Owned(mask::mark(kind)), kinds: vec![Kind(kind)] }
}

fn spans(text: &str, name: &str, scope: Scope, work: &Work) -> Vec<Span> {
    let scan = Scan { personal: scope.is_personal(), name, work };
    if !text.contains("[redacted:") {
        return scan.find(text);
    }
    let mut spans = Vec::new();
    let parts = mask::between(text);
    let pairs = parts.iter().zip(parts.iter().skip(1));
    spans.extend(pairs.filter_map(|(before, behind)| rest_of_value(text, *before, *behind, work)));
    for (start, end) in parts {
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

/// What follows a mark that stands where a name announces a value, as in
/// `password=[redacted:email]x`, belongs to the value: the mark may be forged.
fn rest_of_value(
    text: &str,
    before: (usize, usize),
    (start, end): (usize, usize),
    work: &Work,
) -> Option<Span> {
    let before = text.get(before.0..before.1)?;
    let behind = text.get(start..end)?;
    let quote = before.chars().next_back().filter(|last| matches!(last, '"' | '\'' | '`'));
    let ends = |character: char| match quote {
        Some(quote) => character == quote || character == '\n' || character == '\r',
        None => character.is_whitespace() || "\"'`,;&|<>(){}[]\\".contains(character),
    };
    let value = behind.split(ends).next()?.trim_end_matches('\\');
    if value.trim().is_empty() {
        return None;
    }
    let hit = assignment::announced(before, work)?;
    Some(Span { start, end: start + value.len(), hit })
}

/// Compiles all rules, so that the first text does not wait for it (some tens of milliseconds).
pub fn warm() {
    crate::scan::warm();
}
