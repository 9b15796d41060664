//! The marks that stand for what was masked: `[redacted:<kind>]`.

use std::borrow::Cow;
use std::sync::LazyLock;

use crate::rules::{self, names::NAMES};
use crate::scan::Span;

const OPEN: &str = "[redacted:";

/// No kind is longer, nor its end looked for further.
const KIND_BYTES_MAX: usize = 48;

/// The kind of fields that the catalog names.
pub(crate) const CATALOGUED: &str = "catalogued";

/// The kind of what cannot be looked at: nested too deep, or never settled.
pub(crate) const UNSCANNABLE: &str = "unscannable";

/// All kinds, sorted. Only marks of these are taken for marks.
static KINDS: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
    let rules = rules::all().map(|rule| rule.kind);
    let names = NAMES.iter().map(|rule| rule.kind);
    let mut kinds: Vec<&str> = rules.chain(names).chain([CATALOGUED, UNSCANNABLE]).collect();
    kinds.sort_unstable();
    kinds.dedup();
    kinds
});

/// The mark of a kind.
pub(crate) fn mark(kind: &str) -> String {
    [OPEN, kind, "]"].concat()
}

/// The parts of a text between its marks; the whole text if there are none.
pub(crate) fn between(text: &str) -> Vec<(usize, usize)> {
    let mut parts = Vec::new();
    let (mut start, mut position) = (0, 0);
    while let Some(found) = text.get(position..).and_then(|rest| rest.find(OPEN)) {
        let open = position + found;
        let body = text.get(open + OPEN.len()..).unwrap_or("");
        let known =
            body.bytes().take(KIND_BYTES_MAX).position(|byte| byte == b']').filter(|end| {
                body.get(..*end).is_some_and(|kind| KINDS.binary_search(&kind).is_ok())
            });
        position = open + OPEN.len();
        if let Some(end) = known {
            parts.push((start, open));
            position += end + 1;
            start = position;
        }
    }
    parts.push((start, text.len()));
    parts.retain(|(start, end)| start < end);
    parts
}

/// The text with a gap in the place of its marks.
pub(crate) fn without_marks(text: &str) -> Cow<'_, str> {
    if !text.contains(OPEN) {
        return Cow::Borrowed(text);
    }
    let parts = between(text).into_iter().filter_map(|(start, end)| text.get(start..end));
    Cow::Owned(parts.collect::<Vec<_>>().join("\u{1}"))
}

/// Puts marks in the place of the spans; names the kinds in the order of the text.
pub(crate) fn apply(text: &str, mut spans: Vec<Span>) -> (String, Vec<&'static str>) {
    spans.sort_unstable_by_key(|span| (span.start, span.end, span.hit.priority));
    let mut merged: Vec<Span> = Vec::with_capacity(spans.len());
    for span in spans {
        match merged.last_mut() {
            Some(last) if span.start < last.end => {
                last.end = last.end.max(span.end);
                if span.hit.priority < last.hit.priority {
                    last.hit = span.hit;
                }
            }
            _ => merged.push(span),
        }
    }
    let mut output = String::with_capacity(text.len());
    let mut kinds = Vec::with_capacity(merged.len());
    let mut position = 0;
    for Span { start, end, hit } in merged {
        output.push_str(text.get(position..start).unwrap_or(""));
        output.push_str(&mark(hit.kind));
        kinds.push(hit.kind);
        position = end;
    }
    output.push_str(text.get(position..).unwrap_or(""));
    (output, kinds)
}
