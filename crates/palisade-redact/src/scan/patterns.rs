//! The compiled patterns of all rules, by what leads to them.

use std::sync::LazyLock;

use regex::bytes::{Captures, Regex, RegexBuilder, RegexSet, RegexSetBuilder};

use crate::rules::{self, Form, Rule};

/// The end of the match, and the first group that took part or the match.
fn parts(captures: &Captures<'_>) -> (usize, Option<(usize, usize)>) {
    let whole = captures.get(0).map_or(0, |all| all.end());
    let part = captures.iter().skip(1).flatten().next().or_else(|| captures.get(0));
    (whole, part.map(|part| (part.start(), part.end())))
}

pub(crate) struct Compiled {
    /// The position of the rule among all.
    pub(crate) index: usize,
    pub(crate) rule: &'static Rule,
    regex: Regex,
    /// A search passes all of the text, wherever its match ends.
    pub(crate) lazy: bool,
}

impl Compiled {
    fn new(index: usize, rule: &'static Rule, pattern: &str, regex: Regex) -> Self {
        Self { index, rule, regex, lazy: pattern.contains(r"[\s\S]*?") }
    }

    /// The next match: its end, and the part to mask.
    pub(crate) fn at(
        &self,
        text: &[u8],
        position: usize,
    ) -> Option<(usize, Option<(usize, usize)>)> {
        // Without groups the quicker search will do.
        if self.regex.captures_len() == 1 {
            let found = self.regex.find_at(text, position)?;
            return Some((found.end(), Some((found.start(), found.end()))));
        }
        self.regex.captures_at(text, position).map(|captures| parts(&captures))
    }
}

pub(crate) struct Patterns {
    pub(crate) at: Vec<Compiled>,
    pub(crate) code: Vec<Compiled>,
    pub(crate) code_set: RegexSet,
    /// By the position of the rule among all.
    pub(crate) keyed: Vec<Option<Compiled>>,
    pub(crate) long: Vec<Compiled>,
    pub(crate) long_set: RegexSet,
    pub(crate) net: Vec<Compiled>,
}

pub(crate) static PATTERNS: LazyLock<Patterns> = LazyLock::new(patterns);

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
        patterns.keyed.push(None);
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
            Form::Pattern { pattern, .. } => {
                if let Some(last) = patterns.keyed.last_mut() {
                    *last =
                        compile(pattern).map(|regex| Compiled::new(index, rule, pattern, regex));
                }
                continue;
            }
        };
        list.extend(compile(pattern).map(|regex| Compiled::new(index, rule, pattern, regex)));
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

/// `rules::tests` proves that every pattern compiles.
fn compile(pattern: &str) -> Option<Regex> {
    RegexBuilder::new(pattern).unicode(false).size_limit(REGEX_BYTES_MAX).build().ok()
}

const REGEX_BYTES_MAX: usize = 16 << 20;
