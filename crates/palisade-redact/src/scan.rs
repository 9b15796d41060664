//! Finds what must be masked in one text: prefilter, rules, names, numbers, then encodings.

use std::sync::LazyLock;

use regex::bytes::{Captures, Regex, RegexBuilder, RegexSet, RegexSetBuilder};

use crate::assignment;
use crate::encoding::{self, Layer};
use crate::mask;
use crate::numbers;
use crate::prefilter::{self, RUN_LONG, RUN_MIN, Summary};
use crate::rules::{self, Class, Form, Rule};

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

// LIMIT: decoded bytes that are looked at for one text: this, and this many times its length.
const WORK_BYTES: usize = 64 * 1024;
const WORK_FACTOR: usize = 16;

// LIMIT: a longer token of base64 or hexadecimal digits is decoded up to here.
const TOKEN_BYTES_MAX: usize = 256 * 1024;

/// What is asked of one scan.
#[derive(Debug)]
pub(crate) struct Scan<'a> {
    /// Personal data as well as secrets.
    pub(crate) personal: bool,
    /// The name of the field that the text stands in; empty if unknown.
    pub(crate) name: &'a str,
    work: usize,
}

impl<'a> Scan<'a> {
    pub(crate) fn new(personal: bool, name: &'a str, text: &str) -> Self {
        let work = text.len().saturating_mul(WORK_FACTOR).saturating_add(WORK_BYTES);
        Self { personal, name, work }
    }

    /// All findings in a text, in no order; they may overlap. Masks in it stay as they are.
    pub(crate) fn find(&mut self, text: &str) -> Vec<Span> {
        let mut found = Vec::new();
        let summary = prefilter::summarise(text, self.personal);
        if !summary.is_idle(self.personal) && !is_plain_id(text, &summary) {
            self.look(text, &summary, 0, &mut found);
        }
        found
    }

    fn look(&mut self, text: &str, summary: &Summary, depth: usize, found: &mut Vec<Span>) {
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
        let patterns = &*PATTERNS;
        for pattern in &patterns.keyed {
            let worth = summary.has(pattern.index) && (summary.digits > 0 || !pattern.rule.digit);
            if worth && self.wants(pattern.rule) {
                self.matches(text, pattern, found);
            }
        }
        if summary.at {
            for pattern in patterns.at.iter().filter(|pattern| self.wants(pattern.rule)) {
                self.matches(text, pattern, found);
            }
        }
        if summary.run >= RUN_LONG {
            self.set(text, &patterns.long_set, &patterns.long, found);
        }
        if self.personal && summary.may_have_codes() {
            if summary.may_have_mixed_codes() {
                self.set(text, &patterns.code_set, &patterns.code, found);
            }
            if summary.may_have_net_addresses() {
                for pattern in &patterns.net {
                    self.matches(text, pattern, found);
                }
            }
            numbers::find(text, self.name, found);
        }
        if !summary.names.is_empty() {
            assignment::find(text, &summary.names, self.personal, found);
        }
    }

    fn wants(&self, rule: &Rule) -> bool {
        self.personal || rule.class == Class::Secret
    }

    fn set(&self, text: &str, set: &RegexSet, patterns: &[Compiled], found: &mut Vec<Span>) {
        for index in set.matches(text.as_bytes()) {
            if let Some(pattern) = patterns.get(index) {
                self.matches(text, pattern, found);
            }
        }
    }

    fn matches(&self, text: &str, pattern: &Compiled, found: &mut Vec<Span>) {
        let mut position = 0;
        while let Some((whole, part)) = pattern.at(text.as_bytes(), position) {
            if let Some((start, end)) = part
                && let Some(span) = self.accept(text, pattern, start, end)
            {
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
            if position > text.len() {
                break;
            }
        }
    }

    fn accept(&self, text: &str, pattern: &Compiled, start: usize, end: usize) -> Option<Span> {
        let rule = pattern.rule;
        let mut value = text.get(start..end)?;
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

    /// The same text without one layer of encoding.
    fn layers(&mut self, text: &str, summary: &Summary, depth: usize, found: &mut Vec<Span>) {
        let decoders: [(bool, Decoder); 4] = [
            (summary.backslash, encoding::unescape),
            (summary.percent, encoding::percent),
            (summary.ampersand, encoding::entities),
            (summary.non_ascii, encoding::plain_characters),
        ];
        for (_, decode) in decoders.into_iter().filter(|(present, _)| *present) {
            let Some(layer) = decode(text) else {
                continue;
            };
            for span in self.inside(&layer.text, depth) {
                if let Some((start, end)) = layer.origin(span.start, span.end) {
                    found.push(Span { start, end, ..span });
                }
            }
        }
    }

    /// Tokens of base64 or hexadecimal digits that hold text.
    fn tokens(&mut self, text: &str, depth: usize, found: &mut Vec<Span>) {
        for (start, end) in prefilter::runs(text.as_bytes()) {
            let limit = end.min(start.saturating_add(TOKEN_BYTES_MAX / 4 * 4));
            let Some(token) = text.get(start..limit) else {
                continue;
            };
            // `name=value` and paths run into tokens: try the parts as well.
            let parts = std::iter::once((0, token)).chain(parts_of(token));
            for (offset, part) in parts {
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

    /// Findings in a decoded text, as far as the work allows.
    fn inside(&mut self, text: &str, depth: usize) -> Vec<Span> {
        let mut found = Vec::new();
        let Some(work) = self.work.checked_sub(text.len()) else {
            return found;
        };
        self.work = work;
        let summary = prefilter::summarise(text, self.personal);
        if !summary.is_idle(self.personal) {
            // A mask inside is no finding.
            for (start, end) in mask::between(text) {
                let Some(part) = text.get(start..end) else {
                    continue;
                };
                let mut spans = Vec::new();
                let part_summary = prefilter::summarise(part, self.personal);
                self.look(part, &part_summary, depth + 1, &mut spans);
                found.extend(spans.into_iter().map(|span| Span {
                    start: span.start + start,
                    end: span.end + start,
                    ..span
                }));
            }
        }
        found
    }
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

/// One of the words stands before the value, within it or shortly behind it, or in the name of
/// its field. A word counts where it begins a word.
pub(crate) fn near(text: &str, start: usize, end: usize, name: &str, words: &[&str]) -> bool {
    let from = start.saturating_sub(NEAR_BEFORE_BYTES);
    let to = end.saturating_add(NEAR_BEHIND_BYTES).min(text.len());
    let around = text.as_bytes().get(from..to).unwrap_or(&[]);
    words.iter().any(|word| {
        holds_word(around, word.as_bytes()) || holds_word(name.as_bytes(), word.as_bytes())
    })
}

// LIMIT: a longer refused value is not looked into again, so that the work stays linear.
const RETRY_BYTES_MAX: usize = 128;

const NEAR_BEFORE_BYTES: usize = 48;
const NEAR_BEHIND_BYTES: usize = 24;

fn holds_word(text: &[u8], word: &[u8]) -> bool {
    text.windows(word.len()).enumerate().any(|(position, window)| {
        let before = position.checked_sub(1).and_then(|at| text.get(at));
        let behind = text.get(position + word.len());
        let same = window
            .iter()
            .zip(word)
            .all(|(a, b)| a.eq_ignore_ascii_case(b) || *b == b' ' && matches!(a, b'_' | b'-'));
        let hump = window.first().is_some_and(u8::is_ascii_uppercase)
            && before.is_some_and(u8::is_ascii_lowercase);
        let begins = hump || before.is_none_or(|byte| !byte.is_ascii_alphabetic());
        let ends = word.len() > 4 || behind.is_none_or(|byte| !byte.is_ascii_lowercase());
        same && begins && ends
    })
}

/// A pattern without Unicode may cut a character; it is masked whole.
fn widen(text: &str, span: &mut Span) {
    span.start = text.floor_char_boundary(span.start);
    span.end = text.ceil_char_boundary(span.end);
}

/// The end of the match, and the first group that took part or the match.
fn parts(captures: &Captures<'_>) -> (usize, Option<(usize, usize)>) {
    let whole = captures.get(0).map_or(0, |all| all.end());
    let part = captures.iter().skip(1).flatten().next().or_else(|| captures.get(0));
    (whole, part.map(|part| (part.start(), part.end())))
}

type Decoder = fn(&str) -> Option<Layer>;

struct Compiled {
    index: usize,
    rule: &'static Rule,
    regex: Regex,
}

impl Compiled {
    /// The next match: its end, and the part to mask.
    fn at(&self, text: &[u8], position: usize) -> Option<(usize, Option<(usize, usize)>)> {
        // Without groups the quicker search will do.
        if self.regex.captures_len() == 1 {
            let found = self.regex.find_at(text, position)?;
            return Some((found.end(), Some((found.start(), found.end()))));
        }
        self.regex.captures_at(text, position).map(|captures| parts(&captures))
    }
}

struct Patterns {
    at: Vec<Compiled>,
    code: Vec<Compiled>,
    code_set: RegexSet,
    keyed: Vec<Compiled>,
    long: Vec<Compiled>,
    long_set: RegexSet,
    net: Vec<Compiled>,
}

static PATTERNS: LazyLock<Patterns> = LazyLock::new(patterns);

/// Compiles everything, so that the first text does not wait for it.
pub(crate) fn warm() {
    LazyLock::force(&PATTERNS);
    let _ = Scan::new(true, "", "").find("warm up: 12345678");
}

fn patterns() -> Patterns {
    let mut patterns = Patterns {
        at: Vec::new(),
        code: Vec::new(),
        code_set: RegexSet::empty(),
        keyed: Vec::new(),
        long: Vec::new(),
        long_set: RegexSet::empty(),
        net: Vec::new(),
    };
    let (mut codes, mut longs) = (Vec::new(), Vec::new());
    for (index, rule) in rules::all().enumerate() {
        let (list, pattern) = match rule.form {
            Form::At { pattern } => (&mut patterns.at, pattern),
            Form::Code { pattern } => {
                codes.push(pattern);
                (&mut patterns.code, pattern)
            }
            Form::Digits { .. } => continue,
            Form::Long { pattern } => {
                longs.push(pattern);
                (&mut patterns.long, pattern)
            }
            Form::Net { pattern } => (&mut patterns.net, pattern),
            Form::Pattern { pattern, .. } => (&mut patterns.keyed, pattern),
        };
        let regex = RegexBuilder::new(pattern).unicode(false).size_limit(REGEX_BYTES_MAX).build();
        // `rules::tests` proves that every pattern compiles.
        if let Ok(regex) = regex {
            list.push(Compiled { index, rule, regex });
        }
    }
    let set = |patterns: &[&str]| {
        RegexSetBuilder::new(patterns)
            .unicode(false)
            .size_limit(REGEX_BYTES_MAX)
            .build()
            .unwrap_or_default()
    };
    patterns.code_set = set(&codes);
    patterns.long_set = set(&longs);
    patterns
}

const REGEX_BYTES_MAX: usize = 16 << 20;
