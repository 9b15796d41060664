//! Text that callers wrote, as a terminal or a log viewer may be given it.
//!
//! Control characters could move the cursor, hide what stands before, or set the terminal's title
//! and keys; format characters could let text read other than it is (Unicode TR 36, section 2.8).

use std::borrow::Cow;
use std::fmt::Write as _;

use serde::Serialize;
use serde_json::Value;

/// Whether a character does something else than stand for itself.
const fn is_hidden(character: char) -> bool {
    matches!(
        character,
        '\0'..='\u{1f}'
            | '\u{7f}'..='\u{9f}'
            | '\u{ad}'
            | '\u{61c}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}'
    )
}

/// The text with such characters written as `\u{1b}`.
pub(in crate::cli) fn printable(text: &str) -> Cow<'_, str> {
    if !text.contains(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        if is_hidden(character) {
            safe.extend(character.escape_unicode());
        } else {
            safe.push(character);
        }
    }
    Cow::Owned(safe)
}

/// A value as JSON on one line. Such characters are escaped, which any parser undoes: in JSON
/// they stand within strings only.
pub(super) fn json_line(value: &Value) -> String {
    escape(&value.to_string(), false)
}

/// A value as JSON for people.
pub(in crate::cli) fn json_pretty(value: &impl Serialize) -> String {
    // Values of ours have string keys only, so this cannot fail.
    escape(&serde_json::to_string_pretty(value).unwrap_or_default(), true)
}

fn escape(json: &str, has_line_breaks: bool) -> String {
    let mut safe = String::with_capacity(json.len());
    for character in json.chars() {
        if !is_hidden(character) || (has_line_breaks && character == '\n') {
            safe.push(character);
            continue;
        }
        for unit in character.encode_utf16(&mut [0; 2]) {
            // Writing to a string cannot fail.
            let _written = write!(safe, "\\u{unit:04x}");
        }
    }
    safe
}

#[cfg(test)]
mod tests;
