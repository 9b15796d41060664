//! Takes encodings off: escapes, URL encoding, entities, look-alike characters, base64, hex.
//!
//! A layer that maps characters one by one remembers where each came from, so that only the part
//! that hides something is masked. Base64 and hexadecimal tokens are masked whole.

/// A text with one layer of encoding taken off.
#[derive(Debug)]
pub(crate) struct Layer {
    pub(crate) text: String,
    /// Of every byte of `text`, and of its end, the offset in the encoded text.
    origins: Vec<usize>,
}

impl Layer {
    /// The part of the encoded text that a part of the decoded text came from.
    pub(crate) fn origin(&self, start: usize, end: usize) -> Option<(usize, usize)> {
        Some((*self.origins.get(start)?, *self.origins.get(end)?))
    }

    fn push(&mut self, character: char, origin: usize) {
        self.text.push(character);
        self.origins.extend((0..character.len_utf8()).map(|_| origin));
    }
}

/// Decodes with `step`, which is given the rest of the text and says which character it starts
/// with and how many bytes that took; `None` stands for itself. `signs` is what can begin an
/// encoded character. `None` if nothing was decoded; then nothing was allocated.
fn layer(
    text: &str,
    signs: impl Fn(u8) -> bool,
    step: impl Fn(&str) -> Option<(Option<char>, usize)>,
) -> Option<Layer> {
    let starts = |(position, byte): (usize, u8)| {
        signs(byte) && text.get(position..).and_then(&step).is_some()
    };
    let first = text.bytes().enumerate().position(starts)?;
    let mut layer = Layer {
        text: String::with_capacity(text.len()),
        origins: Vec::with_capacity(text.len() + 1),
    };
    layer.text.push_str(text.get(..first)?);
    layer.origins.extend(0..first);
    let mut position = first;
    while let Some(rest) = text.get(position..) {
        let Some(plain) = rest.chars().next() else {
            break;
        };
        let (character, length) = step(rest).unwrap_or_else(|| (Some(plain), plain.len_utf8()));
        if let Some(character) = character {
            layer.push(character, position);
        }
        position += length.max(1);
    }
    layer.origins.push(text.len());
    Some(layer)
}

/// Several decoders one after the other, on a layer that another has made; `None` if the others
/// find nothing any more.
pub(crate) fn all(
    first: &Layer,
    decoders: impl Iterator<Item = fn(&str) -> Option<Layer>>,
) -> Option<Layer> {
    let mut current: Option<Layer> = None;
    for decode in decoders {
        let base = current.as_ref().unwrap_or(first);
        if let Some(Layer { text, origins }) = decode(&base.text) {
            let origin =
                |at: &usize| base.origins.get(*at).or_else(|| base.origins.last()).copied();
            let origins = origins.iter().map(|at| origin(at).unwrap_or(0)).collect();
            current = Some(Layer { text, origins });
        }
    }
    current
}

fn hex(digits: Option<&str>) -> Option<u32> {
    let digits = digits?;
    let all = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    all.then(|| u32::from_str_radix(digits, 16).ok()).flatten()
}

/// JSON, JavaScript, Python and C escapes: `\n`, `\"`, `\u0040`, `\u{40}`, `\x40`.
pub(crate) fn unescape(text: &str) -> Option<Layer> {
    layer(
        text,
        |byte| byte == b'\\',
        |rest| {
            let body = rest.strip_prefix('\\')?;
            let (character, length) = match body.chars().next()? {
                'n' => ('\n', 1),
                'r' => ('\r', 1),
                't' => ('\t', 1),
                'b' | 'f' => (' ', 1),
                'u' if body.starts_with("u{") => {
                    let end = body.bytes().take(10).position(|byte| byte == b'}')?;
                    (char::from_u32(hex(body.get(2..end))?)?, end + 1)
                }
                'u' => unicode_escape(body)?,
                'x' => (char::from_u32(hex(body.get(1..3))?)?, 3),
                plain @ ('"' | '\'' | '\\' | '/' | '`' | '@' | '-' | '_' | '.' | ':' | '='
                | '&' | '+') => (plain, 1),
                _ => return None,
            };
            Some((Some(character), length + 1))
        },
    )
}

/// `uXXXX`, two of them for characters outside the basic plane.
fn unicode_escape(body: &str) -> Option<(char, usize)> {
    let high = hex(body.get(1..5))?;
    if let Some(character) = char::from_u32(high) {
        return Some((character, 5));
    }
    let low = hex(body.get(5..)?.strip_prefix("\\u")?.get(..4))?;
    let pair = [u16::try_from(high).ok()?, u16::try_from(low).ok()?];
    let character = char::decode_utf16(pair).next()?.ok()?;
    Some((character, 11))
}

/// URL encoding. A `+` is a space where the text has the form of a query.
pub(crate) fn percent(text: &str) -> Option<Layer> {
    let query = text.contains('=') && !text.contains(' ');
    if !text.contains('%') {
        return None;
    }
    layer(
        text,
        |byte| matches!(byte, b'%' | b'+'),
        |rest| {
            if rest.starts_with('+') && query {
                return Some((Some(' '), 1));
            }
            let mut bytes = [0_u8; 4];
            let first = percent_byte(rest)?;
            // A character of several bytes is decoded as one.
            let length = match first {
                0..=0x7f => 1,
                0xc0..=0xdf => 2,
                0xe0..=0xef => 3,
                _ => 4,
            };
            for (index, byte) in bytes.iter_mut().enumerate().take(length) {
                *byte = percent_byte(rest.get(index * 3..)?)?;
            }
            let character = std::str::from_utf8(bytes.get(..length)?).ok()?.chars().next()?;
            Some((Some(character), length * 3))
        },
    )
}

fn percent_byte(rest: &str) -> Option<u8> {
    let value = hex(rest.strip_prefix('%')?.get(..2))?;
    u8::try_from(value).ok()
}

/// HTML and XML entities.
pub(crate) fn entities(text: &str) -> Option<Layer> {
    layer(
        text,
        |byte| byte == b'&',
        |rest| {
            let body = rest.strip_prefix('&')?;
            let end = body.bytes().take(10).position(|byte| byte == b';')?;
            let name = body.get(..end)?;
            let character = match name {
                "amp" => '&',
                "quot" => '"',
                "apos" => '\'',
                "lt" => '<',
                "gt" => '>',
                "nbsp" => ' ',
                "commat" => '@',
                "colon" => ':',
                "equals" => '=',
                "period" => '.',
                _ => {
                    let number = name.strip_prefix('#')?;
                    let code = match number.strip_prefix(['x', 'X']) {
                        Some(digits) => hex(Some(digits))?,
                        None => number.parse().ok()?,
                    };
                    char::from_u32(code)?
                }
            };
            Some((Some(character), end + 2))
        },
    )
}

/// Full-width forms become ASCII, special spaces and hyphens plain ones; characters without
/// width are dropped.
pub(crate) fn plain_characters(text: &str) -> Option<Layer> {
    layer(
        text,
        |byte| byte >= 0x80,
        |rest| {
            let character = rest.chars().next()?;
            let plain = match character {
                '\u{ad}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2060}'..='\u{2064}'
                | '\u{feff}'
                | '\u{180e}' => None,
                '\u{a0}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}' => {
                    Some(' ')
                }
                '\u{2010}'..='\u{2015}' | '\u{2212}' => Some('-'),
                '\u{2018}' | '\u{2019}' => Some('\''),
                '\u{201c}' | '\u{201d}' => Some('"'),
                '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(character) - 0xfee0),
                _ => return None,
            };
            Some((plain, character.len_utf8()))
        },
    )
}

/// The text that a base64 or base64url token holds, if it holds text.
pub(crate) fn base64_text(token: &str) -> Option<String> {
    let token = token.trim_end_matches('=');
    if token.len() % 4 == 1 {
        return None;
    }
    // Most tokens show at their beginning that they hold no text.
    if let Some(head) = token.get(..12).filter(|head| head.len() < token.len()) {
        let mut few = [0; 9];
        decode(head, &mut few.iter_mut())?;
    }
    let mut bytes = vec![0; token.len() / 4 * 3 + token.len() % 4 * 3 / 4];
    decode(token, &mut bytes.iter_mut())?;
    String::from_utf8(bytes).ok()
}

/// Decodes base64 of text; `None` for any other byte.
fn decode<'a>(token: &str, output: &mut impl Iterator<Item = &'a mut u8>) -> Option<()> {
    let (mut bits, mut count) = (0_u32, 0);
    for byte in token.bytes() {
        let six = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(six);
        count += 6;
        if count >= 8 {
            count -= 8;
            let byte = u8::try_from(bits >> count & 0xff).unwrap_or(0);
            if !is_text(byte) {
                return None;
            }
            *output.next()? = byte;
        }
    }
    Some(())
}

/// The text that hexadecimal digits hold, if they hold text.
pub(crate) fn hex_text(token: &str) -> Option<String> {
    let digits = token.strip_prefix("0x").unwrap_or(token);
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    let mut bytes = Vec::new();
    for pair in digits.as_bytes().chunks_exact(2) {
        let byte = u8::try_from(hex(std::str::from_utf8(pair).ok())?).ok()?;
        if !is_text(byte) {
            return None;
        }
        bytes.push(byte);
    }
    String::from_utf8(bytes).ok()
}

/// A printable character, white space, or part of a longer character.
fn is_text(byte: u8) -> bool {
    byte >= 0x20 && byte != 0x7f || matches!(byte, b'\n' | b'\r' | b'\t')
}

#[cfg(test)]
mod tests;
