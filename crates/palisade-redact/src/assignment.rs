//! Values beside telling names in text of any language: `password=…`, `"apiKey": "…"`,
//! `--token …`, `<secret>…</secret>`, `the password is …`.

use crate::naming;
use crate::rules::Class;
use crate::scan::{Hit, Span};
use crate::work::Work;

/// What stands between a name and its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Link {
    /// `name value`
    Beside,
    /// `--name value`
    Flag,
    /// A separator such as `=` or `:`.
    Separator,
    /// `<name>value</name>`
    Tag,
    /// `name is value`
    Verb,
}

// LIMIT: a name is read up to here, and a value without quotes is judged by so much of it: what
// is refused is read again for the next name in it, so that the work stays linear. What is
// accepted is masked to its end.
const NAME_BYTES_MAX: usize = 80;
const VALUE_BYTES_MAX: usize = 256;

// LIMIT: a value in quotes is judged by so much of it.
const QUOTED_BYTES_MAX: usize = 1024;

/// Steps, measured in nanoseconds of an optimised build and rounded up.
mod cost {
    /// Finding a name and what links it.
    pub(super) const NAME: usize = 120;
    /// Taking a linked name to its words and to the rules.
    pub(super) const LINKED: usize = 1500;
    /// Reading a value, and each byte of it.
    pub(super) const JUDGE: usize = 300;
    pub(super) const JUDGE_BYTE: usize = 15;
}

/// Looks at each place where the prefilter saw what telling names are made of.
pub(crate) fn find(
    text: &str,
    triggers: &[usize],
    personal: bool,
    work: &Work,
    found: &mut Vec<Span>,
) {
    let mut done = 0;
    for trigger in triggers {
        if *trigger < done {
            continue;
        }
        if !work.pay(cost::NAME) {
            return;
        }
        let (start, end) = name_around(text.as_bytes(), *trigger);
        done = end;
        let Some((link, value_start)) = link_after(text, start, end) else {
            continue;
        };
        if !work.pay(cost::LINKED) {
            return;
        }
        let first = with_words_before(text.as_bytes(), start);
        // `session id: …`: what comes before the separator may belong to the name.
        let longer =
            text.get(first..value_start).map(|name| name.trim_end_matches([' ', ':', '=']));
        let names = [longer.filter(|_| link != Link::Beside), text.get(first..end)];
        let span = names
            .into_iter()
            .flatten()
            .filter(|name| naming::rules_of(name).next().is_some())
            .find_map(|name| judge(text, name, link, value_start, personal, work));
        if let Some(span) = span {
            done = done.max(span.end);
            found.push(span);
        }
    }
}

/// What the end of a text says about a value that follows it: `password=`, `"token": "`.
pub(crate) fn announced(before: &str, work: &Work) -> Option<Hit> {
    let linked = before.trim_end().ends_with(['=', ':', '>', '"', '\'', '`', '(', '[']);
    if !linked || !work.pay(cost::LINKED) {
        return None;
    }
    let start = before.ceil_char_boundary(before.len().saturating_sub(ANNOUNCED_BYTES_MAX));
    // Any value that looks generated will do to ask with.
    let asked = [before.get(start..)?, "q7Zw3Xk9Rt5Lm1Vb"].concat();
    let names = crate::prefilter::summarise(&asked, false).names;
    let mut found = Vec::new();
    find(&asked, &names, false, work, &mut found);
    found.iter().find(|span| span.start + start == before.len()).map(|span| span.hit)
}

const ANNOUNCED_BYTES_MAX: usize = 120;

/// Reads the value in the ways that its name may mean it: a token ends at white space, a name
/// of a person does not.
fn judge(
    text: &str,
    name: &str,
    link: Link,
    start: usize,
    personal: bool,
    work: &Work,
) -> Option<Span> {
    let rest = text.get(start..)?;
    let (quoted, offset) = opening(rest);
    let inner = rest.get(offset..)?;
    if let Some(quote) = quoted {
        let (length, closed) = closing(inner, quote, QUOTED_BYTES_MAX);
        if !work.pay(cost::JUDGE + length * cost::JUDGE_BYTE) {
            return None;
        }
        let value = inner.get(..length)?;
        // A quote that never ends may as well close what began before the name.
        if !closed && !convincing(value, link) {
            return None;
        }
        let hit = naming::kind_of(name, value, personal)?;
        let length = if closed { length } else { closing(inner, quote, usize::MAX).0 };
        return (!value.is_empty()).then_some(Span {
            start: start + offset,
            end: start + offset + length,
            hit,
        });
    }
    if crate::check::template_prefix(inner) {
        return None;
    }
    // What follows a colon in prose goes on to the next sign; secrets have no spaces, unless
    // something says where they end.
    let colon = text.get(..start).is_some_and(|before| before.trim_end().ends_with(':'));
    let ways = if colon { [true, false] } else { [false, true] };
    ways.into_iter().find_map(|phrase| {
        let length = unquoted(inner, link, phrase, VALUE_BYTES_MAX);
        if !work.pay(cost::JUDGE + length * cost::JUDGE_BYTE) {
            return None;
        }
        let value = inner.get(..length)?;
        let value = value.trim_end_matches(['.', ':']).trim_end();
        let convincing = convincing(value, link);
        if crate::check::reference(value) || link != Link::Separator && !convincing {
            return None;
        }
        let spaced = link == Link::Tag || !phrase;
        // A phrase that names another value is more than one.
        if link == Link::Beside && !beside(value) || phrase && value.contains([':', '=']) {
            return None;
        }
        let hit = naming::kind_among(name, value, |class| {
            class == Class::Personal && personal || class == Class::Secret && spaced
        })?;
        let prose = rest_is_prose(inner, length) && !convincing;
        let end = if length < VALUE_BYTES_MAX {
            value.len()
        } else {
            unquoted(inner, link, phrase, usize::MAX)
        };
        (!prose && !value.is_empty()).then_some(Span {
            start: start + offset,
            end: start + offset + end,
            hit,
        })
    })
}

/// Convincing without a separator: digits alone, or generated.
fn beside(value: &str) -> bool {
    let digits = value.len() >= 3 && value.bytes().all(|byte| byte.is_ascii_digit());
    digits || crate::check::random(value)
}

/// A plain word that more words follow: `password: must be …`.
fn rest_is_prose(inner: &str, length: usize) -> bool {
    let rest = inner.get(length..).unwrap_or("");
    let mut characters = rest.chars();
    characters.next() == Some(' ') && characters.next().is_some_and(char::is_lowercase)
}

/// No word of the language: holds a digit or a sign, changes its case, or is long.
fn convincing(value: &str, link: Link) -> bool {
    let symbol = |byte: u8| byte.is_ascii_digit() || b"!@#$%^&*+=?~_".contains(&byte);
    let inner_capital = value.bytes().skip(1).any(|byte| byte.is_ascii_uppercase());
    link == Link::Tag
        || value.bytes().any(symbol)
        || inner_capital
        || value.len() >= 20 && !value.contains(' ')
}

/// The identifier around a position.
fn name_around(bytes: &[u8], position: usize) -> (usize, usize) {
    let part =
        |byte: &&u8| byte.is_ascii_alphanumeric() || b"_-.$".contains(byte) || **byte >= 0x80;
    let before = bytes.get(..position).unwrap_or(&[]);
    let left = before.iter().rev().take(NAME_BYTES_MAX).take_while(part).count();
    let behind = bytes.get(position..).unwrap_or(&[]);
    let right = behind.iter().take(NAME_BYTES_MAX).take_while(part).count();
    // Not the end of a sentence.
    let dots =
        behind.get(..right).unwrap_or(&[]).iter().rev().take_while(|byte| **byte == b'.').count();
    (position - left, position + right.saturating_sub(dots).max(1))
}

/// Up to three words before the name, as in `date of birth`.
fn with_words_before(bytes: &[u8], mut start: usize) -> usize {
    for _ in 0..3 {
        let before = bytes.get(..start).unwrap_or(&[]);
        let Some((b' ', words)) = before.split_last() else {
            break;
        };
        let length =
            words.iter().rev().take(20).take_while(|byte| byte.is_ascii_alphabetic()).count();
        if length == 0 || length == 20 {
            break;
        }
        start -= length + 1;
    }
    start
}

/// What links the name to a value, and where the value begins.
fn link_after(text: &str, start: usize, end: usize) -> Option<(Link, usize)> {
    let rest = text.get(end..)?;
    let after_name = rest.trim_start_matches(['"', '\'', '`', '\\', ']', ')', '*']);
    let closed = rest.len() - after_name.len();
    if closed > 6 {
        return None;
    }
    let position = end + closed;
    if let Some(length) = pair_value(after_name) {
        return Some((Link::Separator, position + length));
    }
    let (words, verb) = fillers(after_name);
    let tail = after_name.get(words..)?;
    if let Some((tag, length)) = separator(tail) {
        let link = if tag && words == 0 && closed == 0 { Link::Tag } else { Link::Separator };
        return Some((link, position + words + length));
    }
    if verb {
        return Some((Link::Verb, position + words));
    }
    let flag = text.get(..start)?.ends_with('-') || text.get(start..end)?.starts_with('-');
    let spaces = rest.len() - rest.trim_start_matches(' ').len();
    let next = rest.bytes().skip(spaces).take(VALUE_BYTES_MAX);
    let mut next = next.take_while(|byte| !byte.is_ascii_whitespace());
    // Most words are followed by words.
    if !flag && !next.any(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let link = if flag { Link::Flag } else { Link::Beside };
    (closed == 0 && spaces > 0 && spaces <= 2).then_some((link, end + spaces))
}

/// `"name": "DB_PASSWORD", "value": "…"`, behind the name.
fn pair_value(text: &str) -> Option<usize> {
    let tail = text.trim_start().strip_prefix([',', ';'])?.trim_start();
    let tail = tail.trim_start_matches(['"', '\'', '\\']);
    let tail = tail.strip_prefix("value").or_else(|| tail.strip_prefix("Value"))?;
    let tail = tail.trim_start_matches(['"', '\'', '\\', ' ']).strip_prefix([':', '='])?;
    Some(text.len() - tail.trim_start().len())
}

/// The length of the words that may stand between name and separator; whether one is a verb.
fn fillers(text: &str) -> (usize, bool) {
    let mut length = 0;
    let mut verb = false;
    for _ in 0..3 {
        let tail = text.get(length..).unwrap_or("");
        let word = tail.trim_start_matches(' ');
        let spaces = tail.len() - word.len();
        let letters = word.bytes().take_while(u8::is_ascii_alphabetic).count();
        let known = [
            "is", "was", "are", "be", "equals", "to", "as", "number", "no", "num", "code", "value",
            "set", "id", "of", "string", "str",
        ];
        let text = word.get(..letters).unwrap_or("");
        if spaces == 0 || !known.iter().any(|known| text.eq_ignore_ascii_case(known)) {
            break;
        }
        verb |= matches!(text, "is" | "was" | "are" | "equals" | "to" | "be" | "IS" | "as");
        length += spaces + letters;
        let dot = word.get(letters..).unwrap_or("").starts_with(['.', '#']);
        length += usize::from(dot);
    }
    if verb {
        let tail = text.get(length..).unwrap_or("");
        length += tail.len() - tail.trim_start_matches(' ').len();
    }
    (length, verb)
}

/// The length of a separator with the space around it; whether it closes a tag.
fn separator(text: &str) -> Option<(bool, usize)> {
    let spaces = |text: &str| text.len() - text.trim_start_matches([' ', '\t']).len();
    let before = spaces(text);
    let tail = text.get(before..)?;
    let signs = ["===", ":=", "=>", "->", "==", "::", "=", ":", "|", ">", "(", "["];
    let sign = signs.iter().find(|sign| tail.starts_with(**sign)).copied();
    let call = sign.is_none() && tail.starts_with(", ");
    let sign = if call { "," } else { sign? };
    let behind = tail.get(sign.len()..)?;
    if matches!(sign, "(" | "[" | ",") && !behind.trim_start().starts_with(['"', '\'']) {
        return None;
    }
    let mut length = before + sign.len() + spaces(behind);
    // A list: its first value. YAML: the value on the next line.
    let value = text.get(length..)?;
    if let Some(list) = value.strip_prefix('[') {
        length += 1 + spaces(list);
    } else if let Some(next) = value.strip_prefix('\n').filter(|_| sign != "|") {
        let indented = spaces(next);
        length += if indented > 0 && !next.lines().next().unwrap_or("").contains([':', '=']) {
            1 + indented
        } else {
            0
        };
    }
    Some((sign == ">", length))
}

/// The quote that opens a value, with how it is escaped, and the length up to the value.
fn opening(text: &str) -> (Option<&str>, usize) {
    let prefix = usize::from(text.starts_with(['b', 'r', 'f', 'u', '@', '$', 'L', '(']));
    for skip in [0, prefix] {
        let tail = text.get(skip..).unwrap_or("");
        for quote in ["\"\"\"", "'''", "\\\\\\\"", "\\\"", "\\'", "&quot;", "\"", "'", "`"] {
            if tail.starts_with(quote) {
                return (text.get(skip..skip + quote.len()), skip + quote.len());
            }
        }
    }
    (None, 0)
}

/// The length of a value up to its closing quote, and whether there is one; without, up to the
/// end of the line.
fn closing(text: &str, quote: &str, limit: usize) -> (usize, bool) {
    let mut position = 0;
    while let Some(rest) = text.get(position..).filter(|_| position < limit) {
        if rest.starts_with(quote) {
            return (position, true);
        }
        let mut characters = rest.chars();
        match characters.next() {
            None => break,
            Some('\\') if !quote.starts_with('\\') => {
                position += 1 + characters.next().map_or(0, char::len_utf8);
            }
            Some('\n') if quote.len() == 1 && quote != "`" => break,
            Some(character) => position += character.len_utf8(),
        }
    }
    (position.min(text.len()), false)
}

/// The length of a value without quotes. A phrase goes on over single spaces; the scheme of an
/// `Authorization` header belongs to what follows it.
fn unquoted(text: &str, link: Link, phrase: bool, limit: usize) -> usize {
    let length = unquoted_word(text, link, phrase, limit);
    let scheme = ["bearer ", "basic ", "token ", "digest ", "apikey "];
    let after_scheme = text
        .get(..length + 1)
        .is_some_and(|head| scheme.iter().any(|word| head.eq_ignore_ascii_case(word)));
    if after_scheme && !phrase {
        let rest = text.get(length + 1..).unwrap_or("");
        return length + 1 + unquoted_word(rest, link, false, limit);
    }
    length
}

fn unquoted_word(text: &str, link: Link, phrase: bool, limit: usize) -> usize {
    let mut length = 0;
    let mut previous = ' ';
    for (position, character) in text.char_indices().take(limit) {
        let ends = match character {
            '\'' => {
                !(previous.is_alphanumeric()
                    && text
                        .get(position + 1..)
                        .is_some_and(|rest| rest.starts_with(char::is_alphanumeric)))
            }
            '\n' | '\r' | '"' | '`' | '<' | '>' => true,
            ' ' | '\t' => link != Link::Tag && (!phrase || previous == ' ' || character == '\t'),
            ';' | '&' => link != Link::Tag,
            ',' | ')' | '}' | ']' | '|' => {
                // Within a password such a sign is followed by more of it.
                link != Link::Tag
                    && (phrase
                        || text.get(position + 1..).is_none_or(|rest| {
                            rest.is_empty()
                                || rest.starts_with([
                                    ' ', '\n', '\r', '"', '\'', ',', ')', '}', ']', ';', '\\',
                                ])
                        })
                        || character == ',')
            }
            '\\' => text
                .get(position + 1..)
                .is_some_and(|rest| rest.starts_with(['n', 'r', 't', '"', '\''])),
            '.' if phrase => text
                .get(position + 1..)
                .is_some_and(|rest| rest.starts_with([' ', '\n']) && previous.is_lowercase()),
            _ => false,
        };
        if ends {
            break;
        }
        previous = character;
        length = position + character.len_utf8();
    }
    text.get(..length).unwrap_or("").trim_end().len()
}

#[cfg(test)]
mod tests;
