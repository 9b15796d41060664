//! Durations as people write them in catalogs, annotations and limits: `250ms`, `30s`, `15m`.
//!
//! One whole number and one unit, nothing else: no fractions, no sums such as `1h30m`, no months.

use std::time::Duration;

/// Units, longest first, with their length in milliseconds.
const UNITS: [(&str, u64); 5] =
    [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// Reads a duration: digits, then one of `ms`, `s`, `m`, `h`, `d`.
///
/// `None` for anything else, spaces and signs included, and for more milliseconds than a `u64`
/// holds.
#[must_use]
pub fn parse_duration(text: &str) -> Option<Duration> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits)?;
    let (_, factor) = UNITS.iter().find(|(name, _)| *name == unit)?;
    // `u64::from_str` would also accept a sign; only digits are left here.
    let milliseconds = number.parse::<u64>().ok()?.checked_mul(*factor)?;
    Some(Duration::from_millis(milliseconds))
}

/// Writes a duration in the largest unit that says it exactly; less than a millisecond is
/// dropped, because nothing of ours measures it.
#[must_use]
pub fn format_duration(duration: Duration) -> String {
    let milliseconds = duration.as_millis();
    if milliseconds == 0 {
        return "0s".to_owned();
    }
    let (unit, factor) = UNITS
        .iter()
        .find(|(_, factor)| milliseconds.is_multiple_of(u128::from(*factor)))
        .copied()
        .unwrap_or(("ms", 1));
    format!("{}{unit}", milliseconds / u128::from(factor))
}

#[cfg(test)]
mod tests;
