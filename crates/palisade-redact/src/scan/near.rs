//! Telling words around a value.

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

const NEAR_BEFORE_BYTES: usize = 48;
const NEAR_BEHIND_BYTES: usize = 24;

fn holds_word(text: &[u8], word: &[u8]) -> bool {
    let Some(first) = word.first() else {
        return false;
    };
    let fold = if first.is_ascii_alphabetic() { 0x20 } else { 0 };
    text.windows(word.len()).enumerate().any(|(position, window)| {
        window.first().is_some_and(|byte| byte | fold == *first)
            && begins_with(text, position, window, word)
    })
}

fn begins_with(text: &[u8], position: usize, window: &[u8], word: &[u8]) -> bool {
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
}

/// What a call with so many words and such a name costs, in steps.
pub(crate) fn cost(name: &str, words: &[&str]) -> usize {
    words.len() * (NEAR_BEFORE_BYTES + NEAR_BEHIND_BYTES + 16 + name.len()) / 2
}
