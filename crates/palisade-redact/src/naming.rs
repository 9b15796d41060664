//! What a name says about the value beside it.

use std::sync::LazyLock;

use crate::check;
use crate::rules::Class;
use crate::rules::names::{ABOUT, HARMLESS, LONG, NAMES, NameRule, Test};
use crate::scan::Hit;

/// Longer names are not looked at in full.
const NAME_BYTES_MAX: usize = 120;

/// The rules that a name fits, the likeliest first.
pub(crate) fn rules_of(name: &str) -> impl Iterator<Item = &'static NameRule> {
    let words = words(name);
    let mut candidates = candidates(&words.concat());
    candidates.retain(|(_, rule, telling)| tells(&words, telling, rule));
    candidates.dedup_by_key(|(index, ..)| *index);
    candidates.into_iter().map(|(_, rule, _)| rule)
}

/// A telling name with the position of its rule.
type Telling = (usize, &'static NameRule, &'static str);

/// The telling names that occur in a name without gaps, in the order of the rules.
fn candidates(joined: &str) -> Vec<Telling> {
    let mut candidates: Vec<Telling> = Vec::new();
    for (position, window) in joined.as_bytes().array_windows::<3>().enumerate() {
        let Some(bucket) = TELLING.get(bucket(*window)) else {
            continue;
        };
        let rest = joined.as_bytes().get(position..).unwrap_or(&[]);
        candidates
            .extend(bucket.iter().filter(|(.., telling)| rest.starts_with(telling.as_bytes())));
    }
    candidates.extend(SHORT.iter().filter(|(.., telling)| joined.contains(telling)));
    candidates.sort_by_key(|(index, ..)| *index);
    candidates
}

/// The few telling names that are too short for the index.
static SHORT: LazyLock<Vec<Telling>> = LazyLock::new(|| {
    let all = NAMES
        .iter()
        .enumerate()
        .flat_map(|(index, rule)| rule.names.iter().map(move |telling| (index, rule, *telling)));
    all.filter(|(.., telling)| telling.len() < 3).collect()
});

/// All other telling names by their first three bytes.
static TELLING: LazyLock<Vec<Vec<Telling>>> = LazyLock::new(|| {
    let mut buckets: Vec<Vec<Telling>> = vec![Vec::new(); 1 << BUCKET_BITS];
    for (index, rule) in NAMES.iter().enumerate() {
        for telling in rule.names {
            let Some(head) = telling.as_bytes().first_chunk::<3>() else {
                continue;
            };
            if let Some(bucket) = buckets.get_mut(bucket(*head)) {
                bucket.push((index, rule, telling));
            }
        }
    }
    buckets
});

const BUCKET_BITS: u32 = 11;

fn bucket([a, b, c]: [u8; 3]) -> usize {
    (u32::from_le_bytes([a, b, c, 0]).wrapping_mul(0x9E37_79B1) >> (32 - BUCKET_BITS)) as usize
}

/// What a value is, beside a name; `None` if it is nothing of what the name says.
pub(crate) fn kind_of(name: &str, value: &str, personal: bool) -> Option<Hit> {
    kind_among(name, value, |class| personal || class == Class::Secret)
}

/// The same for some classes.
pub(crate) fn kind_among(name: &str, value: &str, of: impl Fn(Class) -> bool) -> Option<Hit> {
    rules_of(name)
        .filter(|rule| of(rule.class))
        .find(|rule| passes(value, rule.test))
        .map(|rule| Hit { kind: rule.kind, priority: NAMED })
}

/// After all rules: a format says more than a name.
const NAMED: usize = 1000;

/// The words of a name in lower case: split at what is no letter or digit, and at humps.
fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut previous = ' ';
    let mut characters = name.chars().take(NAME_BYTES_MAX).peekable();
    while let Some(character) = characters.next() {
        let next_lower = characters.peek().is_some_and(char::is_ascii_lowercase);
        let hump = character.is_uppercase() && (!previous.is_uppercase() || next_lower);
        if character.is_alphanumeric() {
            if !previous.is_alphanumeric() || hump {
                words.push(String::new());
            }
            if let Some(word) = words.last_mut() {
                word.extend(character.to_lowercase());
            }
        }
        previous = character;
    }
    words
}

/// The words hold the telling name, and neither what precedes nor what follows takes it back.
fn tells(words: &[String], telling: &str, rule: &NameRule) -> bool {
    let weak = matches!(rule.test, Test::Random | Test::Token | Test::FullName)
        && (telling.len() <= 5 || telling == "secret");
    (0..words.len()).any(|first| {
        let mut rest = telling;
        let mut last = first;
        for word in words.get(first..).unwrap_or(&[]) {
            let Some(tail) = rest.strip_prefix(word.as_str()) else {
                break;
            };
            rest = tail;
            last += 1;
            if rest.is_empty() {
                break;
            }
        }
        let whole = rest.is_empty();
        let inside = !whole
            && telling.len() >= LONG
            && rule.test != Test::FullName
            && words
                .get(first)
                .is_some_and(|word| word.contains(telling) && word.len() <= telling.len() + 8);
        // `apikeys`, `passwd2`
        let nearly = !whole
            && words.get(first).is_some_and(|word| {
                word.strip_prefix(telling)
                    .is_some_and(|end| end == "s" || end.bytes().all(|byte| byte.is_ascii_digit()))
                    || telling == "pass"
                        && word.ends_with("pass")
                        && !HARMLESS.contains(&word.as_str())
            });
        if !(whole || inside || nearly) {
            return false;
        }
        let last = if whole { last } else { first + 1 };
        let about = words.get(last..).unwrap_or(&[]);
        let before = words.get(..first).unwrap_or(&[]);
        let harmless = before.iter().any(|word| HARMLESS.contains(&word.as_str()));
        // The id of a patient is personal; the id of a token is not the token.
        let id_counts = rule.class == Class::Personal && rule.test == Test::Code;
        let is_about =
            |word: &String| ABOUT.contains(&word.as_str()) && !(word == "id" && id_counts);
        let harmless_here = harmless && (weak || rule.test == Test::FullName);
        !harmless_here && !about.iter().any(is_about)
    })
}

fn passes(value: &str, test: Test) -> bool {
    let value = value.trim();
    let digits = value.bytes().filter(u8::is_ascii_digit).count();
    let short = value.len() <= VALUE_BYTES_MAX;
    let letter = value.chars().any(char::is_alphabetic);
    let known = !check::placeholder(value);
    match test {
        Test::Any => known && !value.is_empty(),
        Test::Digits(least) => {
            digits >= least
                && short
                && value.bytes().all(|byte| {
                    byte.is_ascii_digit() || b" -+()./x".contains(&byte) || byte == b','
                })
        }
        Test::Code => known && short && digits >= 2 && value.len() <= 60,
        Test::Letters => {
            known
                && letter
                && digits == 0
                && value.len() <= 80
                && value.chars().all(|c| c.is_alphabetic() || " .'’-,".contains(c))
        }
        Test::Words => known && short && letter && value.len() >= 3,
        Test::FullName => full_name(value),
        Test::Token => check::token(value),
        Test::Random => check::random(value),
    }
}

/// Two to four words, each with a capital, the first a known given name.
fn full_name(value: &str) -> bool {
    let words: Vec<&str> = value.split(' ').collect();
    let capital = |word: &&str| word.chars().next().is_some_and(char::is_uppercase);
    (2..=4).contains(&words.len())
        && words.iter().all(capital)
        && value.chars().all(|c| c.is_alphabetic() || " .'’-".contains(c))
        && words.first().is_some_and(|word| crate::rules::is_given_name(word))
}

/// Personal values beside names are short.
const VALUE_BYTES_MAX: usize = 200;

#[cfg(test)]
mod tests;
