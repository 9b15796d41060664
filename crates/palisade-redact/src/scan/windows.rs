//! Where in a text a pattern is tried: around what leads to it, and nowhere else.

use crate::prefilter::{self, HIT_BYTES, RUN_LONG};

/// A part of a text, in bytes. Patterns see what stands before it, and nothing behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) start: usize,
    pub(crate) end: usize,
}

// LIMIT: a pattern finds what begins so far before its keyword and ends so far behind it. Values
// that reach the end of a window are taken to go on (see `end_of_value`); no pattern whose length
// is bounded reaches so far.
const KEYWORD_BEFORE_BYTES: usize = 192;
const KEYWORD_BEHIND_BYTES: usize = 768 + HIT_BYTES;

// LIMIT: the same for an `@`: user, password and host are this long at most.
const SIGN_BEFORE_BYTES: usize = 512;
const SIGN_BEHIND_BYTES: usize = 256;

/// What may stand around a long run of token characters.
const RUN_BYTES: usize = 64;

/// The windows of every rule that was hit.
pub(crate) fn of_hits(text: &str, hits: &[(usize, usize)]) -> Vec<(usize, Vec<Window>)> {
    let mut hits = hits.to_vec();
    hits.sort_unstable();
    let rules = hits.chunk_by(|a, b| a.0 == b.0);
    let windows = |hits: &[(usize, usize)]| {
        let positions = hits.iter().map(|(_, position)| (*position, *position));
        merged(text, positions, KEYWORD_BEFORE_BYTES, KEYWORD_BEHIND_BYTES)
    };
    rules.filter_map(|hits| Some((hits.first()?.0, windows(hits)))).collect()
}

/// The windows around every `@`.
pub(crate) fn of_signs(text: &str) -> Vec<Window> {
    let signs = text.bytes().enumerate().filter(|(_, byte)| *byte == b'@');
    let positions = signs.map(|(position, _)| (position, position));
    merged(text, positions, SIGN_BEFORE_BYTES, SIGN_BEHIND_BYTES)
}

/// The windows around every long run of token characters.
pub(crate) fn of_runs(text: &str) -> Vec<Window> {
    let runs = prefilter::runs(text.as_bytes()).filter(|(start, end)| end - start >= RUN_LONG);
    merged(text, runs, RUN_BYTES, RUN_BYTES)
}

/// Widens the places and joins those that overlap, so that no byte is passed twice.
fn merged(
    text: &str,
    places: impl Iterator<Item = (usize, usize)>,
    before: usize,
    behind: usize,
) -> Vec<Window> {
    let mut windows: Vec<Window> = Vec::new();
    for (start, end) in places {
        let start = text.floor_char_boundary(start.saturating_sub(before));
        let end = text.ceil_char_boundary(end.saturating_add(behind).min(text.len()));
        match windows.last_mut() {
            Some(last) if start <= last.end => last.end = last.end.max(end),
            _ => windows.push(Window { start, end }),
        }
    }
    windows
}

/// Where a value ends that reached the end of its window: at the next white space or quote, or if
/// it holds spaces, at the end of its line.
pub(crate) fn end_of_value(text: &str, start: usize, end: usize) -> usize {
    let spaced = text.get(start..end).is_some_and(|value| value.contains(' '));
    let rest = text.get(end..).unwrap_or("");
    let ends = |character: char| match character {
        '\r' | '\n' | '"' | '\'' | '`' | '<' | '>' => true,
        other => !spaced && other.is_whitespace(),
    };
    end + rest.find(ends).unwrap_or(rest.len())
}
