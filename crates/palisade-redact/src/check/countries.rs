//! National numbers, each by the rule of its issuer.

use super::{digits, luhn_digits, month_day, number, remainder, weighted};

fn part(digits: &[u32], range: std::ops::Range<usize>) -> u32 {
    number(digits.get(range).unwrap_or(&[]))
}

fn last(digits: &[u32]) -> u32 {
    digits.last().copied().unwrap_or(10)
}

/// US: no area 000, 666 or 9xx, no zero group or serial; not the advertised ones.
pub(crate) fn ssn(value: &str) -> bool {
    let d = digits(value);
    let (area, group, serial) = (part(&d, 0..3), part(&d, 3..5), part(&d, 5..9));
    d.len() == 9 && area != 0 && area != 666 && area < 900 && group != 0 && serial != 0 || itin(&d)
}

fn itin(d: &[u32]) -> bool {
    part(d, 0..1) == 9 && matches!(part(d, 3..5), 50..=65 | 70..=88 | 90..=92 | 94..=99)
}

/// UK NHS number: modulo 11.
pub(crate) fn nhs(value: &str) -> bool {
    let d = digits(value);
    let rest = weighted(&d, &[10, 9, 8, 7, 6, 5, 4, 3, 2]) % 11;
    d.len() == 10 && (11 - rest) % 11 == last(&d)
}

/// UK national insurance: prefixes that are never given out.
pub(crate) fn nino(value: &str) -> bool {
    let prefix: String = value.chars().take(2).collect::<String>().to_ascii_uppercase();
    !["BG", "GB", "NK", "KN", "TN", "NT", "ZZ"].contains(&prefix.as_str())
}

/// German tax identification: ISO 7064 modulo 11, 10; one digit repeats.
pub(crate) fn steuer_id(value: &str) -> bool {
    let d = digits(value);
    let product = d.iter().take(10).fold(10, |product, digit| {
        let sum = (digit + product) % 10;
        (if sum == 0 { 10 } else { sum }) * 2 % 11
    });
    let mut body: Vec<u32> = d.iter().copied().take(10).collect();
    body.sort_unstable();
    body.dedup();
    d.len() == 11
        && d.first() != Some(&0)
        && (11 - product) % 10 == last(&d)
        && matches!(body.len(), 8 | 9)
}

/// French social security number with its key: 97 minus the rest.
pub(crate) fn nir(value: &str) -> bool {
    let code: String = value.chars().filter(char::is_ascii_alphanumeric).collect();
    let code = code.to_ascii_uppercase().replace("2A", "19").replace("2B", "18");
    let d = digits(&code);
    let body = remainder(d.get(..13).unwrap_or(&[]), 97);
    let month = part(&d, 3..5);
    d.len() == 15
        && matches!(d.first(), Some(1..=4 | 7 | 8))
        && ((1..=12).contains(&month) || (20..=42).contains(&month) || month >= 50)
        && 97 - body == u64::from(part(&d, 13..15))
}

/// Spanish DNI and NIE: the letter is the number modulo 23.
pub(crate) fn dni(value: &str) -> bool {
    let code: String = value.chars().filter(char::is_ascii_alphanumeric).collect();
    let code = code.to_ascii_uppercase();
    let lead = match code.bytes().next() {
        Some(b'X') => "0",
        Some(b'Y') => "1",
        Some(b'Z') => "2",
        _ => "",
    };
    let d = digits(&format!("{lead}{}", code.get(..code.len().saturating_sub(1)).unwrap_or("")));
    let letter = usize::try_from(number(&d) % 23)
        .ok()
        .and_then(|at| "TRWAGMYFPDXBNJZSQVHLCKE".chars().nth(at));
    d.len() == 8 && letter == code.chars().last()
}

/// Italian fiscal code: the sixteenth letter is a checksum over the others.
pub(crate) fn codice_fiscale(value: &str) -> bool {
    let odd = [
        1_u32, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25,
        24, 23,
    ];
    let code = value.to_ascii_uppercase();
    let sum: u32 = code
        .bytes()
        .take(15)
        .enumerate()
        .map(|(at, byte)| {
            let worth = if byte.is_ascii_digit() { byte - b'0' } else { byte.saturating_sub(b'A') };
            if at % 2 == 0 {
                odd.get(usize::from(worth)).copied().unwrap_or(0)
            } else {
                u32::from(worth)
            }
        })
        .sum();
    let letter = u8::try_from(sum % 26).map(|worth| char::from(b'A' + worth));
    code.len() == 16 && letter.ok() == code.chars().last()
}

/// Dutch citizen service number: weights 9 to 2 and minus 1, modulo 11.
pub(crate) fn bsn(value: &str) -> bool {
    let d = digits(value);
    let sum = weighted(&d, &[9, 8, 7, 6, 5, 4, 3, 2]);
    d.len() == 9 && sum > 0 && sum % 11 == last(&d)
}

/// Polish PESEL: century in the month, weights 1, 3, 7, 9.
pub(crate) fn pesel(value: &str) -> bool {
    let d = digits(value);
    let sum = weighted(&d, &[1, 3, 7, 9, 1, 3, 7, 9, 1, 3]);
    d.len() == 11
        && month_day(part(&d, 2..4) % 20, part(&d, 4..6))
        && (10 - sum % 10) % 10 == last(&d)
}

/// Swedish personal number: a date and Luhn over the last ten digits; coordination numbers add
/// 60 to the day.
pub(crate) fn personnummer(value: &str) -> bool {
    let all = digits(value);
    let d = all.get(all.len().saturating_sub(10)..).unwrap_or(&[]);
    let day = part(d, 4..6);
    d.len() == 10
        && month_day(part(d, 2..4), if day > 60 { day - 60 } else { day })
        && luhn_digits(d)
}

/// Finnish personal code: the sign is the number modulo 31.
pub(crate) fn finnish(value: &str) -> bool {
    let d = digits(value.get(..10).unwrap_or(""));
    let sign = usize::try_from(number(&d) % 31)
        .ok()
        .and_then(|at| "0123456789ABCDEFHJKLMNPRSTUVWXY".chars().nth(at));
    d.len() == 9
        && month_day(part(&d, 2..4), part(&d, 0..2))
        && sign == value.to_ascii_uppercase().chars().last()
}

/// Danish CPR: a date; the checksum is no longer kept.
pub(crate) fn cpr(value: &str) -> bool {
    let d = digits(value);
    d.len() == 10 && month_day(part(&d, 2..4), part(&d, 0..2))
}

/// Norwegian birth number: a date and two checksums modulo 11.
pub(crate) fn norwegian(value: &str) -> bool {
    let d = digits(value);
    let day = part(&d, 0..2);
    let first = weighted(&d, &[3, 7, 6, 1, 8, 9, 4, 5, 2, 1]) % 11;
    let second = weighted(&d, &[5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1]) % 11;
    d.len() == 11
        && month_day(part(&d, 2..4) % 40, if day > 40 { day - 40 } else { day })
        && first == 0
        && second == 0
}

/// Belgian national number: 97 minus the rest, with a 2 before it since 2000.
pub(crate) fn belgian(value: &str) -> bool {
    let d = digits(value);
    let body = d.get(..9).unwrap_or(&[]);
    let young: Vec<u32> = std::iter::once(2).chain(body.iter().copied()).collect();
    let key = u64::from(part(&d, 9..11));
    let date = part(&d, 2..4) % 20 <= 12 && part(&d, 4..6) <= 31;
    d.len() == 11 && date && (97 - remainder(body, 97) == key || 97 - remainder(&young, 97) == key)
}

/// Portuguese NIF: modulo 11.
pub(crate) fn portuguese(value: &str) -> bool {
    let d = digits(value);
    let rest = weighted(&d, &[9, 8, 7, 6, 5, 4, 3, 2]) % 11;
    d.len() == 9 && d.first() != Some(&0) && last(&d) == if rest < 2 { 0 } else { 11 - rest }
}

fn brazilian(d: &[u32], weights: &[u32]) -> u32 {
    let rest = weighted(d, weights) % 11;
    if rest < 2 { 0 } else { 11 - rest }
}

/// Brazilian CPF: two checksums modulo 11.
pub(crate) fn cpf(value: &str) -> bool {
    let d = digits(value);
    let varied = d.iter().any(|digit| Some(digit) != d.first());
    d.len() == 11
        && varied
        && d.get(9) == Some(&brazilian(&d, &[10, 9, 8, 7, 6, 5, 4, 3, 2]))
        && d.get(10) == Some(&brazilian(&d, &[11, 10, 9, 8, 7, 6, 5, 4, 3, 2]))
}

/// Brazilian CNPJ: two checksums modulo 11.
pub(crate) fn cnpj(value: &str) -> bool {
    let d = digits(value);
    d.len() == 14
        && d.get(12) == Some(&brazilian(&d, &[5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2]))
        && d.get(13) == Some(&brazilian(&d, &[6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2]))
}

/// Indian Aadhaar: Verhoeff, first digit 2 to 9.
pub(crate) fn aadhaar(value: &str) -> bool {
    let d = digits(value);
    d.len() == 12 && d.first().is_some_and(|digit| *digit >= 2) && verhoeff(&d)
}

/// The dihedral group of order ten: `a * b`, written out as arithmetic.
fn dihedral(a: u32, b: u32) -> u32 {
    match (a < 5, b < 5) {
        (true, true) => (a + b) % 5,
        (true, false) => 5 + (a + b) % 5,
        (false, true) => 5 + (a + 5 - b) % 5,
        (false, false) => (a + 5 - b) % 5,
    }
}

fn verhoeff(d: &[u32]) -> bool {
    let permute = |digit: u32| match digit {
        0 => 1,
        1 => 5,
        2 => 7,
        3 => 6,
        4 => 2,
        5 => 8,
        6 => 3,
        7 => 0,
        8 => 9,
        _ => 4,
    };
    let sum = d.iter().rev().enumerate().fold(0, |sum, (position, digit)| {
        dihedral(sum, (0..position % 8).fold(*digit, |digit, _| permute(digit)))
    });
    sum == 0
}

/// Canadian SIN: Luhn, no leading 0 or 8.
pub(crate) fn sin(value: &str) -> bool {
    let d = digits(value);
    d.len() == 9 && !matches!(d.first(), Some(0 | 8)) && luhn_digits(&d)
}

/// Australian tax file number: modulo 11.
pub(crate) fn tfn(value: &str) -> bool {
    let d = digits(value);
    d.len() == 9
        && weighted(&d, &[1, 4, 3, 7, 5, 8, 6, 9, 10]).is_multiple_of(11)
        && part(&d, 0..9) > 0
}

/// Australian Medicare: first digit 2 to 6, check digit in the ninth place.
pub(crate) fn medicare(value: &str) -> bool {
    let d = digits(value);
    let sum = weighted(&d, &[1, 3, 7, 9, 1, 3, 7, 9]);
    matches!(d.len(), 10 | 11) && matches!(d.first(), Some(2..=6)) && d.get(8) == Some(&(sum % 10))
}

/// Chinese resident identity: a date and ISO 7064 modulo 11, 2.
pub(crate) fn chinese(value: &str) -> bool {
    let d = digits(value.get(..17).unwrap_or(""));
    let sum = weighted(&d, &[7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2]);
    let sign = usize::try_from(sum % 11).ok().and_then(|at| "10X98765432".chars().nth(at));
    d.len() == 17
        && month_day(part(&d, 10..12), part(&d, 12..14))
        && sign == value.to_ascii_uppercase().chars().last()
}

/// Japanese individual number: modulo 11.
pub(crate) fn my_number(value: &str) -> bool {
    let d = digits(value);
    let rest = weighted(&d, &[6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11;
    d.len() == 12 && last(&d) == if rest < 2 { 0 } else { 11 - rest }
}

/// Korean resident number: a date and the digit of sex and century.
pub(crate) fn korean(value: &str) -> bool {
    let d = digits(value);
    d.len() == 13 && month_day(part(&d, 2..4), part(&d, 4..6)) && matches!(d.get(6), Some(1..=8))
}

/// South African identity: a date, citizenship and Luhn.
pub(crate) fn south_african(value: &str) -> bool {
    let d = digits(value);
    d.len() == 13
        && month_day(part(&d, 2..4), part(&d, 4..6))
        && matches!(d.get(10), Some(0..=2))
        && luhn_digits(&d)
}

/// Singaporean NRIC and FIN: weights and a letter that depends on the series.
pub(crate) fn nric(value: &str) -> bool {
    let code = value.to_ascii_uppercase();
    let (offset, letters) = match code.bytes().next() {
        Some(b'S') => (0, "JZIHGFEDCBA"),
        Some(b'T') => (4, "JZIHGFEDCBA"),
        Some(b'F') => (0, "XWUTRQPNMLK"),
        Some(b'G') => (4, "XWUTRQPNMLK"),
        Some(b'M') => (3, "KLJNPQRTUWX"),
        _ => return false,
    };
    let rest = (weighted(&digits(&code), &[2, 7, 6, 5, 4, 3, 2]) + offset) % 11;
    let rest = if code.starts_with('M') { 10 - rest } else { rest };
    let letter = usize::try_from(rest).ok().and_then(|at| letters.chars().nth(at));
    code.len() == 9 && letter == code.chars().last()
}

/// Mexican CURP: the date inside and the check digit.
pub(crate) fn curp(value: &str) -> bool {
    let code = value.to_ascii_uppercase();
    let sum = code.chars().take(17).zip((2..=18).rev()).try_fold(0, |sum, (sign, weight)| {
        let worth =
            "0123456789ABCDEFGHIJKLMNÑOPQRSTUVWXYZ".chars().position(|other| other == sign)?;
        Some(sum + worth * weight)
    });
    let expected = sum.map(|sum| (10 - sum % 10) % 10);
    expected
        == code.chars().last().and_then(|c| c.to_digit(10)).and_then(|d| usize::try_from(d).ok())
}
