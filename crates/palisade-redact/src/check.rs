//! What a value must pass besides its form: checksums, dates, randomness.
//!
//! All take the value as it stands in the text, separators included, and are total: anything
//! else than what they expect is `false`.

mod countries;
mod words;

pub(crate) use countries::*;
pub(crate) use words::*;

/// The decimal digits of a value, up to 32; anything else is skipped.
pub(crate) fn digits(value: &str) -> Vec<u32> {
    value.chars().filter_map(|c| c.to_digit(10)).take(32).collect()
}

/// Sum of `digit * weight` over the digits that have a weight.
pub(crate) fn weighted(digits: &[u32], weights: &[u32]) -> u32 {
    digits.iter().zip(weights).map(|(digit, weight)| digit * weight).sum()
}

/// ISO/IEC 7812: every second digit from the right counts double.
pub(crate) fn luhn_digits(digits: &[u32]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(position, digit)| match position % 2 {
            0 => *digit,
            _ => digit * 2 - if *digit > 4 { 9 } else { 0 },
        })
        .sum();
    sum.is_multiple_of(10) && digits.iter().any(|digit| *digit != 0)
}

/// The number modulo `modulus`, digit by digit.
pub(crate) fn remainder(digits: &[u32], modulus: u64) -> u64 {
    digits.iter().fold(0, |rest, digit| (rest * 10 + u64::from(*digit)) % modulus)
}

/// The number that these digits spell; 0 for none.
pub(crate) fn number(digits: &[u32]) -> u32 {
    digits.iter().take(9).fold(0, |sum, digit| sum * 10 + digit)
}

/// A month and a day that exist.
pub(crate) fn month_day(month: u32, day: u32) -> bool {
    (1..=12).contains(&month) && (1..=31).contains(&day)
}

/// A payment card: prefix of a brand, its length, and Luhn.
pub(crate) fn card(value: &str) -> bool {
    let digits = digits(value);
    let prefix = |length: usize| number(digits.get(..length).unwrap_or(&[]));
    let known = match digits.len() {
        13 => prefix(1) == 4,
        14 => matches!(prefix(2), 36 | 38 | 39) || (300..=305).contains(&prefix(3)),
        15 => matches!(prefix(2), 34 | 37) || matches!(prefix(4), 2131 | 1800 | 2014 | 2149),
        16 => {
            prefix(1) == 4
                || (51..=55).contains(&prefix(2))
                || (2221..=2720).contains(&prefix(4))
                || (3528..=3589).contains(&prefix(4))
                || matches!(prefix(2), 36 | 50 | 56..=58 | 60 | 62 | 63 | 64 | 65 | 67 | 81)
                || prefix(4) >= 2200 && prefix(4) <= 2204
        }
        12 | 17..=19 => prefix(1) == 4 || matches!(prefix(2), 50 | 56..=58 | 62 | 63 | 67),
        _ => false,
    };
    known && luhn_digits(&digits)
}

/// Luhn alone, for numbers whose name is told.
pub(crate) fn luhn(value: &str) -> bool {
    luhn_digits(&digits(value))
}

/// ISO 13616: the country's length and ISO 7064 modulo 97.
pub(crate) fn iban(value: &str) -> bool {
    let code: Vec<u8> = value.bytes().filter(u8::is_ascii_alphanumeric).collect();
    let Some((country, rest)) = code.split_at_checked(2) else {
        return false;
    };
    let country = country.to_ascii_uppercase();
    let lengths = "AD24AE23AL28AT20AZ28BA20BE16BG22BH22BI27BR29BY28CH21CR22CY28CZ24DE22DJ27DK18DO28EE20EG29ES24FI18FK18FO18FR27GB22GE22GI23GL18GR27GT28HN28HR21HU28IE22IL23IQ23IS26IT27JO30KW30KZ20LB28LC32LI21LT20LU20LV21LY25MC27MD24ME22MK19MN20MR27MT31MU30NI28NL18NO15OM23PK24PL28PS29PT25QA29RO24RS22RU33SA24SC31SD18SE24SI19SK24SM27SO23ST25SV28TL23TN24TR26UA29VA22VG24XK20YE30";
    let expected = lengths
        .as_bytes()
        .chunks_exact(4)
        .find(|entry| entry.starts_with(&country))
        .and_then(|entry| entry.get(2..))
        .map(|length| usize::from(length.iter().fold(0, |n, digit| n * 10 + (digit - b'0'))));
    if expected != Some(code.len()) {
        return false;
    }
    let rest97 = rest.iter().skip(2).chain(&country).chain(rest.iter().take(2)).try_fold(
        0_u32,
        |sum, byte| {
            let digit = char::from(*byte).to_digit(36)?;
            Some(if digit > 9 { sum * 100 + digit } else { sum * 10 + digit } % 97)
        },
    );
    rest97 == Some(1)
}

/// ABA routing number: weights 3, 7, 1 and the prefix of a Federal Reserve district.
pub(crate) fn aba(value: &str) -> bool {
    let digits = digits(value);
    let district = number(digits.get(..2).unwrap_or(&[]));
    digits.len() == 9
        && matches!(district, 1..=12 | 21..=32 | 61..=72 | 80)
        && weighted(&digits, &[3, 7, 1, 3, 7, 1, 3, 7, 1]).is_multiple_of(10)
}

/// An IPv4 address of a host, in full or with a prefix length. Versions look alike, so a
/// leading zero or an unspecified, broadcast or loopback address does not count.
pub(crate) fn ipv4(value: &str) -> bool {
    value.parse::<std::net::Ipv4Addr>().is_ok_and(|address| {
        let [first, ..] = address.octets();
        !address.is_unspecified() && !address.is_broadcast() && !address.is_loopback() && first != 0
    })
}

/// An IPv6 address other than the unspecified and the loopback one.
pub(crate) fn ipv6(value: &str) -> bool {
    value
        .parse::<std::net::Ipv6Addr>()
        .is_ok_and(|address| !address.is_unspecified() && !address.is_loopback() && value.len() > 5)
}

/// A MAC address that stands for one device.
pub(crate) fn mac(value: &str) -> bool {
    let hex = || value.bytes().filter(u8::is_ascii_hexdigit);
    hex().any(|byte| byte != b'0') && hex().any(|byte| !byte.eq_ignore_ascii_case(&b'f'))
}

/// ITU E.164 and common national groupings. Dates, decimal numbers and round amounts have other
/// shapes; a grouping that is not listed comes from a telling word and only has a length.
pub(crate) fn phone(value: &str) -> bool {
    let digits = digits(value);
    let first = digits.first().copied().unwrap_or(0);
    let at = |index: usize| digits.get(index).copied().unwrap_or(0);
    let groups: Vec<&str> =
        value.split(|c: char| !c.is_ascii_digit()).filter(|group| !group.is_empty()).collect();
    let lengths: Vec<usize> = groups.iter().map(|group| group.len()).collect();
    let decimal = groups.len() == 2 && value.contains('.');
    let round = groups.iter().any(|group| group.bytes().all(|byte| byte == b'0'));
    if digits.iter().all(|digit| *digit == first) {
        return false;
    }
    if value.starts_with('+') {
        return (8..=15).contains(&digits.len()) && first != 0;
    }
    match lengths.as_slice() {
        _ if decimal => false,
        [4, 2, 2] | [2, 2, 4] => first == 0 && lengths == [4, 2, 2],
        [_] => (6..=15).contains(&digits.len()),
        _ if first == 0 => {
            (9..=15).contains(&digits.len()) && !(lengths.first() == Some(&1) && groups.len() < 5)
        }
        [3, 3, 4] => at(0) >= 2 && at(3) >= 1,
        [1, 3, 3, 4] => first == 1 && at(1) >= 2,
        [1, 3, 3, 2, 2] => matches!(first, 7 | 8),
        [3, 4, 4] => first == 1 && at(1) >= 3,
        [5, 5] => first >= 6,
        [2, 5, 4] => at(2) == 9,
        [2, 4, 4] => value.contains('-'),
        [3, 3, 3] | [3, 2, 2, 2] | [2, 3, 2, 2] | [3, 3, 2, 2] => first >= 5 && !round,
        [3, 4] | [4, 4] => true,
        _ => false,
    }
}

/// A vehicle identification number: 17 characters, ISO 3779, with the check digit of North
/// America; elsewhere the word beside it decides.
pub(crate) fn vin(value: &str) -> bool {
    let weights = [8_u32, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2];
    let sum = value.bytes().zip(weights).try_fold(0, |sum, (byte, weight)| {
        let worth = match byte.to_ascii_uppercase() {
            digit @ b'0'..=b'9' => digit - b'0',
            letter @ b'A'..=b'H' => letter - b'A' + 1,
            letter @ b'J'..=b'R' => letter - b'J' + 1,
            letter @ b'S'..=b'Z' => letter - b'S' + 2,
            _ => return None,
        };
        Some(sum + u32::from(worth) * weight)
    });
    let expected = sum.and_then(|sum| match sum % 11 {
        10 => Some('X'),
        digit => char::from_digit(digit, 10),
    });
    value.len() == 17 && expected.is_some() && value.to_ascii_uppercase().chars().nth(8) == expected
}

#[cfg(test)]
mod tests;
