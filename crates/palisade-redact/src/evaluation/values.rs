//! Random values: strings over alphabets, digits with checksums.

use fastrand::Rng;

pub(super) const ALNUM: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const BASE58: &str = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
pub(super) const HEX: &str = "0123456789abcdef";
pub(super) const LOWER: &str = "abcdefghijklmnopqrstuvwxyz0123456789";
pub(super) const UPPER: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
pub(super) const DIGITS: &str = "0123456789";
pub(super) const BASE64: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
pub(super) const URL64: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

pub(super) fn string(rng: &mut Rng, alphabet: &str, length: usize) -> String {
    let alphabet = alphabet.as_bytes();
    (0..length).map(|_| char::from(alphabet[rng.usize(..alphabet.len())])).collect()
}

pub(super) fn pick<'a>(rng: &mut Rng, choices: &[&'a str]) -> &'a str {
    choices[rng.usize(..choices.len())]
}

/// Fills a template: `#` digit, `h` after `%` hexadecimal, and so on: `%h32` is 32 of them.
pub(super) fn fill(rng: &mut Rng, template: &str) -> String {
    let mut output = String::new();
    let mut rest = template.chars().peekable();
    while let Some(character) = rest.next() {
        if character != '%' {
            output.push(character);
            continue;
        }
        let alphabet = match rest.next() {
            Some('a') => ALNUM,
            Some('h') => HEX,
            Some('l') => LOWER,
            Some('u') => UPPER,
            Some('d') => DIGITS,
            Some('b') => BASE64,
            Some('w') => URL64,
            Some('5') => BASE58,
            other => panic!("{other:?} in {template}"),
        };
        let mut length = String::new();
        while let Some(digit) = rest.next_if(char::is_ascii_digit) {
            length.push(digit);
        }
        output.push_str(&string(rng, alphabet, length.parse().unwrap()));
    }
    output
}

pub(super) fn luhn_digit(body: &str) -> u32 {
    let sum: u32 = body
        .chars()
        .rev()
        .enumerate()
        .map(|(index, digit)| {
            let digit = digit.to_digit(10).unwrap();
            let doubled = if index % 2 == 0 { digit * 2 } else { digit };
            doubled / 10 + doubled % 10
        })
        .sum();
    (10 - sum % 10) % 10
}

pub(super) fn uuid(rng: &mut Rng) -> String {
    fill(rng, "%h8-%h4-4%h3-a%h3-%h12")
}

/// Standard base64 with padding.
pub(super) fn base64(text: &str) -> String {
    let alphabet = BASE64.as_bytes();
    text.as_bytes()
        .chunks(3)
        .flat_map(|chunk| {
            let at = |index: usize| u32::from(chunk.get(index).copied().unwrap_or(0));
            let bits = at(0) << 16 | at(1) << 8 | at(2);
            (0..4).map(move |index| {
                if index <= chunk.len() {
                    char::from(alphabet[(bits >> (18 - 6 * index) & 63) as usize])
                } else {
                    '='
                }
            })
        })
        .collect()
}

pub(super) fn percent(text: &str) -> String {
    text.bytes()
        .map(|byte| {
            if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
                char::from(byte).to_string()
            } else {
                format!("%{byte:02X}")
            }
        })
        .collect()
}
