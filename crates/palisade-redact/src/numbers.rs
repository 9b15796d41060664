//! Digits in groups, as people write numbers: `536-22-8726`, `+49 30 901820`.
//!
//! A sequence of groups is taken apart at spaces, and each part is looked up by its shape.

use std::sync::LazyLock;

use crate::rules::{self, Class, Form, Rule};
use crate::scan::{Hit, Span, near, near_cost};
use crate::work::Work;

/// Groups looked at together; a longer sequence is cut.
const GROUPS_MAX: usize = 8;

/// Fewer digits are no number of a person.
const DIGITS_MIN: usize = 6;

/// Where numbers are looked for.
struct Place<'a> {
    text: &'a str,
    /// The name of the field that the text stands in.
    name: &'a str,
    work: &'a Work,
}

/// Steps for one sequence of groups, and for one check.
const SEQUENCE_STEPS: usize = 150;
const CHECK_STEPS: usize = 120;

#[derive(Clone, Copy, Debug, Default)]
struct Group {
    start: usize,
    end: usize,
    /// What stands behind it, before the next group.
    separator: u8,
}

impl Group {
    fn digits(&self) -> usize {
        self.end - self.start
    }
}

#[derive(Debug, Default)]
struct Sequence {
    groups: Vec<Group>,
    /// Begins with `+`.
    plus: bool,
    /// Part of a longer code, as in `INV-20240115`.
    attached: bool,
}

/// A rule's shape, by which it is looked up.
struct Shape {
    key: u64,
    index: usize,
    rule: &'static Rule,
    beside: bool,
}

struct Shapes {
    exact: Vec<Shape>,
    international: Vec<(usize, &'static Rule)>,
    any: Vec<(usize, &'static Rule)>,
}

static SHAPES: LazyLock<Shapes> = LazyLock::new(shapes);

/// Finds numbers. `name` is the name of the field that the text stands in.
pub(crate) fn find(text: &str, name: &str, work: &Work, found: &mut Vec<Span>) {
    let place = Place { text, name, work };
    let mut position = 0;
    while let Some(sequence) = next(text.as_bytes(), &mut position) {
        if !work.pay(SEQUENCE_STEPS) {
            return;
        }
        let digits: usize = sequence.groups.iter().map(Group::digits).sum();
        if digits >= DIGITS_MIN {
            examine(&place, &sequence, found);
        }
    }
}

fn next(bytes: &[u8], position: &mut usize) -> Option<Sequence> {
    loop {
        let start = *position + bytes.get(*position..)?.iter().position(u8::is_ascii_digit)?;
        let byte_before = |back: usize| {
            start.checked_sub(back).and_then(|at| bytes.get(at)).copied().unwrap_or(b' ')
        };
        let (groups, end) = groups(bytes, start);
        *position = end;
        if byte_before(1).is_ascii_alphabetic() || byte_before(1) == b'_' || groups.is_empty() {
            continue;
        }
        let attached = matches!(byte_before(1), b'-' | b'/' | b'.' | b':')
            && byte_before(2).is_ascii_alphanumeric();
        return Some(Sequence { groups, plus: byte_before(1) == b'+', attached });
    }
}

/// The groups from `start` on, and where looking goes on. A last group that letters, a time or
/// a decimal part follow is no part of a number.
fn groups(bytes: &[u8], start: usize) -> (Vec<Group>, usize) {
    let mut groups: Vec<Group> = Vec::new();
    let mut position = start;
    loop {
        let digits = bytes
            .get(position..)
            .unwrap_or(&[])
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        let end = position + digits;
        let mut group = Group { start: position, end, separator: 0 };
        let tail = bytes.get(end..).unwrap_or(&[]);
        let (separator, length) = separator(tail);
        group.separator = separator;
        groups.push(group);
        if separator == 0 {
            let at = |index: usize| tail.get(index).copied().unwrap_or(b' ');
            let extension = at(0) == b'x' && at(1).is_ascii_digit();
            let time = at(0) == b':' && at(1).is_ascii_digit();
            if at(0).is_ascii_alphabetic() && !extension || at(0) == b'_' || at(0) == b'%' || time {
                groups.pop();
            }
            return (groups, end.max(start + 1));
        }
        if groups.len() == GROUPS_MAX {
            return (groups, end);
        }
        position = end + length;
    }
}

/// What separates two groups, and its length; 0 where no digit follows.
fn separator(tail: &[u8]) -> (u8, usize) {
    let length = tail.iter().take(4).take_while(|byte| b" -./()".contains(byte)).count();
    let run = tail.get(..length).unwrap_or(&[]);
    let digit = tail.get(length).is_some_and(u8::is_ascii_digit);
    let shape: &[u8] = match run {
        [one @ (b' ' | b'-' | b'.' | b'/')] => &[*one],
        [b')'] | [b')', b' '] | [b' ', b'('] | [b')', b'('] => b" ",
        [b'-', b'('] | [b')', b'-'] | [b' ', b'-', b' '] | [b')', b' ', b'-', b' '] => b"-",
        [b'(', ..] => b" ",
        _ => b"",
    };
    match (shape.first(), digit) {
        (Some(separator), true) => (*separator, length),
        _ => (0, 0),
    }
}

/// Tries every part of a sequence that spaces delimit, the longest first.
fn examine(place: &Place<'_>, sequence: &Sequence, found: &mut Vec<Span>) {
    let groups = &sequence.groups;
    let mut first = 0;
    while first < groups.len() {
        let starts =
            first == 0 || groups.get(first - 1).is_some_and(|group| group.separator == b' ');
        let length = (1..=groups.len() - first).rev().find(|length| {
            let ends = groups
                .get(first + length - 1)
                .is_some_and(|group| matches!(group.separator, 0 | b' '));
            let last = first + length == groups.len();
            starts && (ends || last) && accept(place, sequence, first, *length, found)
        });
        first += length.unwrap_or(1);
    }
}

fn accept(
    place: &Place<'_>,
    sequence: &Sequence,
    first: usize,
    length: usize,
    found: &mut Vec<Span>,
) -> bool {
    let groups = sequence.groups.get(first..first + length).unwrap_or(&[]);
    let (Some(head), Some(tail)) = (groups.first(), groups.last()) else {
        return false;
    };
    let digits: usize = groups.iter().map(Group::digits).sum();
    if digits < DIGITS_MIN {
        return false;
    }
    let plus = first == 0 && sequence.plus;
    let (start, end) = (head.start - usize::from(plus), tail.end);
    let Some(value) = place.text.get(start..end) else {
        return false;
    };
    let attached = sequence.attached && first == 0;
    let fits = |rule: &Rule, beside: bool| {
        let needs_word = beside || attached && length == 1;
        let words = if needs_word { near_cost(place.name, rule.near) } else { 0 };
        place.work.pay(CHECK_STEPS + words)
            && rule.check.is_none_or(|check| check(value))
            && (!needs_word || near(place.text, start, end, place.name, rule.near))
    };
    let shapes = &*SHAPES;
    let key = key(groups.iter().map(|group| (group.digits(), group.separator)));
    let from = shapes.exact.partition_point(|shape| shape.key < key);
    let exact = shapes
        .exact
        .iter()
        .skip(from)
        .take_while(|shape| shape.key == key)
        .filter(|_| !plus)
        .find(|shape| fits(shape.rule, shape.beside))
        .map(|shape| (shape.index, shape.rule));
    let hit = exact.or_else(|| {
        let whole = length == sequence.groups.len();
        let rules = match (plus, whole) {
            (true, _) if (8..=15).contains(&digits) => &shapes.international,
            (false, true) if digits <= 15 => &shapes.any,
            _ => return None,
        };
        rules.iter().find(|(_, rule)| fits(rule, !plus)).copied()
    });
    let Some((priority, rule)) = hit else {
        return false;
    };
    found.push(Span { start, end, hit: Hit { kind: rule.kind, priority } });
    true
}

/// Lengths and separators in eight bits a group; the last separator does not count.
fn key(groups: impl Iterator<Item = (usize, u8)>) -> u64 {
    let mut key = 0;
    let mut before = 0;
    for (digits, separator) in groups {
        let length = u64::try_from(digits.min(31)).unwrap_or(31);
        key = key << 8 | before << 5 | length;
        before = match separator {
            b' ' => 1,
            b'-' => 2,
            b'.' => 3,
            b'/' => 4,
            _ => 0,
        };
    }
    key
}

fn shapes() -> Shapes {
    let mut shapes = Shapes { exact: Vec::new(), international: Vec::new(), any: Vec::new() };
    for (index, rule) in rules::all().enumerate().filter(|(_, rule)| rule.class == Class::Personal)
    {
        let Form::Digits { alone, beside } = rule.form else {
            continue;
        };
        let all = alone
            .iter()
            .map(|shape| (shape, false))
            .chain(beside.iter().map(|shape| (shape, true)));
        for (shape, beside) in all {
            match *shape {
                "+" => shapes.international.push((index, rule)),
                "*" => shapes.any.push((index, rule)),
                shape => shapes.exact.extend(keys_of(shape).into_iter().map(|key| Shape {
                    key,
                    index,
                    rule,
                    beside,
                })),
            }
        }
    }
    shapes.exact.sort_by_key(|shape| (shape.key, shape.index));
    shapes
}

/// The keys of a written shape: one for each choice of what every `~` stands for.
fn keys_of(shape: &str) -> Vec<u64> {
    let lengths: Vec<usize> =
        shape.split(|c: char| !c.is_ascii_digit()).map(|n| n.parse().unwrap_or(0)).collect();
    let mut choices: Vec<Vec<u8>> = vec![Vec::new()];
    for sign in shape.bytes().filter(|byte| !byte.is_ascii_digit()) {
        let signs: &[u8] = if sign == b'~' { b" -." } else { &[sign] };
        choices = choices
            .iter()
            .flat_map(|choice| signs.iter().map(|sign| [choice.as_slice(), &[*sign]].concat()))
            .collect();
    }
    let keys = choices
        .into_iter()
        .map(|between| key(lengths.iter().copied().zip(between.into_iter().chain([0]))));
    keys.collect()
}
