//! PEM files with one block (RFC 7468), strictly.

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Writes one block.
pub(super) fn write(label: &str, bytes: &[u8]) -> String {
    let mut text = format!("-----BEGIN {label}-----\n");
    let encoded: Vec<char> = bytes.chunks(3).flat_map(encode).collect();
    for line in encoded.chunks(64) {
        text.extend(line);
        text.push('\n');
    }
    text.push_str(&format!("-----END {label}-----\n"));
    text
}

/// Reads a file that is one block: its label and its content.
pub(super) fn read(text: &str) -> Option<(&str, Vec<u8>)> {
    let mut lines = text.trim().lines().map(str::trim);
    let label = lines.next()?.strip_prefix("-----BEGIN ")?.strip_suffix("-----")?;
    let end = format!("-----END {label}-----");
    let mut body = String::new();
    loop {
        let line = lines.next()?;
        if line == end {
            break;
        }
        body.push_str(line);
    }
    if lines.next().is_some() {
        return None;
    }
    Some((label, decode(body.as_bytes())?))
}

fn encode(chunk: &[u8]) -> [char; 4] {
    let byte = |index| u32::from(chunk.get(index).copied().unwrap_or(0));
    let bits = (byte(0) << 16) | (byte(1) << 8) | byte(2);
    let digit = |shift: u32, used: bool| {
        let index = usize::try_from((bits >> shift) & 63).unwrap_or(0);
        let digit = ALPHABET.get(index).copied().map_or('=', char::from);
        if used { digit } else { '=' }
    };
    [digit(18, true), digit(12, true), digit(6, chunk.len() > 1), digit(0, chunk.len() > 2)]
}

fn decode(text: &[u8]) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(4) {
        return None;
    }
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let last = (text.len() / 4).saturating_sub(1);
    for (index, group) in text.chunks(4).enumerate() {
        let padding = group.iter().rev().take_while(|byte| **byte == b'=').count();
        if padding > 2 || (padding > 0 && index != last) {
            return None;
        }
        let mut bits: u32 = 0;
        for byte in group.iter().take(4 - padding) {
            let digit = ALPHABET.iter().position(|known| known == byte)?;
            bits = (bits << 6) | u32::try_from(digit).ok()?;
        }
        bits <<= 6 * padding;
        let [_, one, two, three] = bits.to_be_bytes();
        bytes.extend([one, two, three].into_iter().take(3 - padding));
    }
    Some(bytes)
}
