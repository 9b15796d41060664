//! Finds what must be masked in one text: prefilter, rules, names, numbers, then encodings.

mod near;
mod patterns;
mod windows;

use crate::assignment;
use crate::encoding::{self, Layer};
use crate::mask;
use crate::numbers;
use crate::prefilter::{self, RUN_LONG, RUN_MIN, Summary};
use crate::rules::{Class, Rule};
use crate::work::Work;

pub(crate) use near::{cost as near_cost, near};
use patterns::{Compiled, PATTERNS};
use regex::bytes::RegexSet;
use windows::Window;

/// What was found; the smaller priority gives the kind where findings overlap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Hit {
    pub(crate) kind: &'static str,
    pub(crate) priority: usize,
}

/// A part of a text, in bytes, that must be masked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) hit: Hit,
}

// LIMIT: encodings are taken off this often, one inside the other.
const DEPTH_MAX: usize = 3;

// LIMIT: a longer refused value is not looked into again, so that the work stays linear.
const RETRY_BYTES_MAX: usize = 128;

// LIMIT: a longer token of base64 or hexadecimal digits is decoded up to here.
const TOKEN_BYTES_MAX: usize = 256 * 1024;

/// What is asked of one scan.
#[derive(Debug)]
pub(crate) struct Scan<'a> {
    /// Personal data as well as secrets.
    pub(crate) personal: bool,
    /// The name of the field that the text stands in; empty if unknown.
    pub(crate) name: &'a str,
    /// What may still be done; if it runs out, the findings are not all there are.
    pub(crate) work: &'a Work,
}

impl Scan<'_> {
    /// All findings in a text, in no order; they may overlap. Masks in it stay as they are.
    pub(crate) fn find(&self, text: &str) -> Vec<Span> {
        let mut found = Vec::new();
        if let Some(summary) = self.summarise(text)
            && !is_plain_id(text, &summary)
        {
            self.look(text, &summary, 0, &mut found);
        }
        found
    }

    /// `None` if there is nothing to look at, or no work left.
    fn summarise(&self, text: &str) -> Option<Summary> {
        if !self.work.pay(text.len() * cost::SUMMARY) {
            return None;
        }
        let summary = prefilter::summarise(text, self.personal);
        let idle = summary.is_idle(self.personal);
        (!idle && self.work.pay(cost::LOOK + summary.hits.len() * cost::HIT)).then_some(summary)
    }

    fn look(&self, text: &str, summary: &Summary, depth: usize, found: &mut Vec<Span>) {
        let from = found.len();
        self.direct(text, summary, found);
        if depth < DEPTH_MAX {
            self.layers(text, summary, depth, found);
            if summary.run >= RUN_MIN {
                self.tokens(text, depth, found);
            }
        }
        for span in found.iter_mut().skip(from) {
            widen(text, span);
        }
    }

    /// The rules, on the text as it stands.
    fn direct(&self, text: &str, summary: &Summary, found: &mut Vec<Span>) {
        let all = Window { start: 0, end: text.len() };
        for (rule, windows) in windows::of_hits(text, &summary.hits) {
            let Some(pattern) = PATTERNS.keyed.get(rule).and_then(Option::as_ref) else {
                continue;
            };
            let worth = summary.digits > 0 || !pattern.rule.digit;
            if worth && self.wants(pattern.rule) {
                let whole = [all];
                let windows = if pattern.rule.open { &whole } else { windows.as_slice() };
                self.matches(text, pattern, windows, found);
            }
        }
        if summary.at {
            let windows = windows::of_signs(text);
            for pattern in PATTERNS.at.iter().filter(|pattern| self.wants(pattern.rule)) {
                self.matches(text, pattern, &windows, found);
            }
        }
        if summary.run >= RUN_LONG {
            let windows = windows::of_runs(text);
            self.set(text, &PATTERNS.long_set, &PATTERNS.long, &windows, found);
        }
        if self.personal && summary.may_have_codes() {
            if summary.may_have_mixed_codes() {
                self.set(text, &PATTERNS.code_set, &PATTERNS.code, &[all], found);
            }
            if summary.may_have_net_addresses() {
                for pattern in &PATTERNS.net {
                    self.matches(text, pattern, &[all], found);
                }
            }
            numbers::find(text, self.name, self.work, found);
        }
        if !summary.names.is_empty() {
            assignment::find(text, &summary.names, self.personal, self.work, found);
        }
    }

    fn wants(&self, rule: &Rule) -> bool {
        self.personal || rule.class == Class::Secret
    }

    fn set(
        &self,
        text: &str,
        set: &RegexSet,
        patterns: &[Compiled],
        windows: &[Window],
        found: &mut Vec<Span>,
    ) {
        for window in windows {
            let haystack = text.as_bytes().get(..window.end).unwrap_or(&[]);
            let steps = (window.end - window.start) * cost::SET_BYTE + cost::SET;
            if !self.work.pay(steps) {
                return;
            }
            for index in set.matches_at(haystack, window.start) {
                if let Some(pattern) = patterns.get(index) {
                    self.matches(text, pattern, &[*window], found);
                }
            }
        }
    }

    fn matches(&self, text: &str, pattern: &Compiled, windows: &[Window], found: &mut Vec<Span>) {
        for window in windows {
            self.matches_in(text, pattern, *window, found);
        }
    }

    fn matches_in(&self, text: &str, pattern: &Compiled, window: Window, found: &mut Vec<Span>) {
        let haystack = text.as_bytes().get(..window.end).unwrap_or(&[]);
        let mut position = window.start;
        while position <= window.end && self.work.pay(cost::SEARCH) {
            let next = pattern.at(haystack, position);
            // A lazy pattern looks on to the end for a match that ends early.
            let end = next.filter(|_| !pattern.lazy).map_or(window.end, |(end, _)| end);
            let matched = next.and_then(|(end, part)| Some(end - part?.0)).unwrap_or(0);
            let steps = end.saturating_sub(position) * cost::BYTE + matched * cost::MATCHED_BYTE;
            if !self.work.pay(steps) {
                return;
            }
            let Some((whole, part)) = next else {
                return;
            };
            if let Some((start, end)) = part
                && let Some(mut span) = self.accept(text, pattern, start, end)
            {
                if span.end == window.end {
                    span.end = windows::end_of_value(text, span.start, span.end);
                }
                found.push(span);
                position = span.end.max(position + 1);
                continue;
            }
            // What was refused may hide something that begins at a later word of it.
            let skipped = part.map_or(whole, |(start, end)| {
                let value = text.as_bytes().get(start..end).unwrap_or(&[]);
                let word =
                    value.iter().position(|byte| !byte.is_ascii_alphanumeric() && *byte < 0x80);
                word.filter(|_| value.len() <= RETRY_BYTES_MAX)
                    .map_or(end, |word| start + word.max(1))
            });
            position = skipped.max(position + 1);
        }
    }

    fn accept(&self, text: &str, pattern: &Compiled, start: usize, end: usize) -> Option<Span> {
        let rule = pattern.rule;
        let mut value = text.get(start..end)?;
        if !self.work.pay(near_cost(self.name, rule.near) + cost::CHECK) {
            return None;
        }
        if !rule.near.is_empty() && !near(text, start, end, self.name, rule.near) {
            return None;
        }
        // A code in groups may have swallowed a word or two behind it.
        for _ in 0..3 {
            if rule.check.is_none_or(|check| check(value)) {
                let hit = Hit { kind: rule.kind, priority: pattern.index };
                return Some(Span { start, end: start + value.len(), hit });
            }
            value = value.rsplit_once([' ', '-'])?.0;
        }
        None
    }

    /// The same text without one layer of encoding. Where several encodings are present, each is
    /// taken off alone, and all together; only what is left of that is looked into again.
    fn layers(&self, text: &str, summary: &Summary, depth: usize, found: &mut Vec<Span>) {
        let decoders: [(bool, Decoder); 4] = [
            (summary.backslash, encoding::unescape),
            (summary.percent, encoding::percent),
            (summary.ampersand, encoding::entities),
            (summary.non_ascii, encoding::plain_characters),
        ];
        let mut layers = Vec::new();
        for (_, decode) in decoders.into_iter().filter(|(present, _)| *present) {
            if !self.work.pay(text.len() * cost::DECODE_BYTE) {
                return;
            }
            layers.extend(decode(text).map(|layer| (layer, decode)));
        }
        if let Some(((first, _), others)) = layers.split_first()
            && !others.is_empty()
        {
            if !self.work.pay(text.len() * others.len() * cost::DECODE_BYTE) {
                return;
            }
            let decoders = others.iter().map(|(_, decode)| *decode);
            let all = encoding::all(first, decoders);
            self.layer(all.as_ref().unwrap_or(first), depth, found);
            for (layer, _) in &layers {
                self.layer(layer, DEPTH_MAX - 1, found);
            }
        } else if let Some((layer, _)) = layers.first() {
            self.layer(layer, depth, found);
        }
    }

    fn layer(&self, layer: &Layer, depth: usize, found: &mut Vec<Span>) {
        for span in self.inside(&layer.text, depth) {
            if let Some((start, end)) = layer.origin(span.start, span.end) {
                found.push(Span { start, end, ..span });
            }
        }
    }

    /// Tokens of base64 or hexadecimal digits that hold text.
    fn tokens(&self, text: &str, depth: usize, found: &mut Vec<Span>) {
        for (start, end) in prefilter::runs(text.as_bytes()) {
            let limit = end.min(start.saturating_add(TOKEN_BYTES_MAX / 4 * 4));
            let Some(token) = text.get(start..limit) else {
                continue;
            };
            if !self.work.pay(token.len() * cost::TOKEN_BYTE + cost::TOKEN) {
                return;
            }
            // `name=value` and paths run into tokens: try the parts as well.
            let parts = std::iter::once((0, token)).chain(parts_of(token));
            for (offset, part) in parts {
                if !self.work.pay(cost::TOKEN) {
                    return;
                }
                let Some(decoded) =
                    encoding::hex_text(part).or_else(|| encoding::base64_text(part))
                else {
                    continue;
                };
                if let Some(span) =
                    self.inside(&decoded, depth).into_iter().min_by_key(|span| span.hit.priority)
                {
                    let part_end = if limit < end { end } else { start + offset + part.len() };
                    found.push(Span { start: start + offset, end: part_end, ..span });
                    break;
                }
            }
        }
    }

    /// Findings in a decoded text.
    fn inside(&self, text: &str, depth: usize) -> Vec<Span> {
        let mut found = Vec::new();
        let between = mask::between(text);
        // A mask inside is no finding.
        for (start, end) in between {
            let Some(part) = text.get(start..end) else {
                continue;
            };
            let mut spans = Vec::new();
            if let Some(summary) = self.summarise(part) {
                self.look(part, &summary, depth + 1, &mut spans);
            }
            found.extend(spans.into_iter().map(|span| Span {
                start: span.start + start,
                end: span.end + start,
                ..span
            }));
        }
        found
    }
}

/// Compiles everything, so that the first text does not wait for it.
pub(crate) fn warm() {
    let work = Work::new(0);
    std::sync::LazyLock::force(&PATTERNS);
    let _ = Scan { personal: true, name: "", work: &work }.find("warm up: 12345678");
}

/// Steps, measured in nanoseconds of an optimised build and rounded up.
mod cost {
    /// A byte in the prefilter.
    pub(super) const SUMMARY: usize = 2;
    pub(super) const LOOK: usize = 100;
    pub(super) const HIT: usize = 40;
    /// A call of a pattern, each byte that it passes, and each that it matches.
    pub(super) const SEARCH: usize = 60;
    pub(super) const BYTE: usize = 4;
    pub(super) const MATCHED_BYTE: usize = 20;
    pub(super) const SET: usize = 100;
    pub(super) const SET_BYTE: usize = 10;
    pub(super) const CHECK: usize = 60;
    pub(super) const DECODE_BYTE: usize = 8;
    pub(super) const TOKEN: usize = 60;
    pub(super) const TOKEN_BYTE: usize = 10;
}

/// A UUID, a digest in hexadecimal digits or a time stamp, and nothing else: by far the most
/// common texts with digits, and none of them is a secret without a name that says so.
fn is_plain_id(text: &str, summary: &Summary) -> bool {
    if summary.digits < 4 || text.len() > 64 {
        return false;
    }
    let stamp = |at: usize| text.as_bytes().get(at).copied().unwrap_or(0);
    let time = (19..=35).contains(&text.len())
        && stamp(4) == b'-'
        && stamp(7) == b'-'
        && matches!(stamp(10), b'T' | b' ')
        && stamp(13) == b':'
        && text.bytes().all(|byte| byte.is_ascii_digit() || b"-T :.Z+".contains(&byte));
    let digest = matches!(text.len(), 32 | 40 | 64)
        && summary.letters > 0
        && text.bytes().all(|byte| byte.is_ascii_hexdigit())
        && encoding::hex_text(text).is_none();
    time || digest || crate::check::uuid(text)
}

/// The parts of a run at `=` and `/`, with their offsets.
fn parts_of(token: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut offset = 0;
    token.split_inclusive(['=', '/']).filter_map(move |piece| {
        let start = offset;
        offset += piece.len();
        let part = piece.trim_end_matches(['=', '/']);
        (part.len() >= RUN_MIN && part.len() < token.trim_end_matches('=').len())
            .then_some((start, part))
    })
}

/// A pattern without Unicode may cut a character; it is masked whole.
fn widen(text: &str, span: &mut Span) {
    span.start = text.floor_char_boundary(span.start);
    span.end = text.ceil_char_boundary(span.end);
}

type Decoder = fn(&str) -> Option<Layer>;
