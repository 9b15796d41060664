use std::collections::BTreeSet;

use regex::bytes::RegexBuilder;

use super::*;
use crate::{Scope, text};

#[test]
fn kinds_are_unique_names() {
    let mut kinds = BTreeSet::new();
    for rule in all() {
        assert!(kinds.insert(rule.kind), "{} twice", rule.kind);
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        assert!(rule.kind.bytes().all(plain), "{}", rule.kind);
    }
}

#[test]
fn patterns_compile() {
    for rule in all() {
        let (Form::At { pattern }
        | Form::Code { pattern }
        | Form::Long { pattern }
        | Form::Net { pattern }
        | Form::Pattern { pattern, .. }) = rule.form
        else {
            continue;
        };
        let regex = RegexBuilder::new(pattern).unicode(false).size_limit(1 << 24).build();
        assert!(regex.is_ok(), "{}: {regex:?}", rule.kind);
    }
}

/// Longer than any word; what is left of it in the output was not masked.
fn telltale(example: &str) -> Option<&str> {
    example
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|part| part.len() >= 8 && part.bytes().any(|byte| byte.is_ascii_digit()))
        .max_by_key(|part| part.len())
}

#[test]
fn positives_are_found_as_their_kind_and_gone() {
    let mut wrong = Vec::new();
    for rule in all() {
        assert!(!rule.positive.is_empty(), "{} has no positive example", rule.kind);
        for example in rule.positive {
            let redacted = text(example, Scope::SecretsAndPersonal);
            let found = redacted.kinds.iter().any(|kind| kind.as_str() == rule.kind);
            let left = telltale(example).is_some_and(|part| redacted.text.contains(part));
            if !found || left {
                wrong.push(format!("{}: {example:?} became {:?}", rule.kind, redacted.text));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn negatives_are_not_found() {
    let mut wrong = Vec::new();
    for rule in all() {
        assert!(!rule.negative.is_empty(), "{} has no negative example", rule.kind);
        for example in rule.negative {
            let redacted = text(example, Scope::SecretsAndPersonal);
            if redacted.kinds.iter().any(|kind| kind.as_str() == rule.kind) {
                wrong.push(format!("{}: {example:?} became {:?}", rule.kind, redacted.text));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
