use std::time::Duration;

use proptest::prelude::*;

use super::{format_duration, parse_duration};

#[test]
fn each_unit_is_read() {
    assert_eq!(parse_duration("250ms"), Some(Duration::from_millis(250)));
    assert_eq!(parse_duration("30s"), Some(Duration::from_secs(30)));
    assert_eq!(parse_duration("15m"), Some(Duration::from_mins(15)));
    assert_eq!(parse_duration("1h"), Some(Duration::from_hours(1)));
    assert_eq!(parse_duration("2d"), Some(Duration::from_hours(48)));
    assert_eq!(parse_duration("0s"), Some(Duration::ZERO));
}

#[test]
fn whatever_is_not_one_number_and_one_unit_is_refused() {
    let refused =
        ["", "s", "30", "30 s", " 30s", "30s ", "-1s", "+1s", "1.5h", "1h30m", "1w", "30S", "٣s"];
    for text in refused {
        assert_eq!(parse_duration(text), None, "{text:?}");
    }
}

#[test]
fn the_longest_duration_is_read_and_one_more_is_refused() {
    assert_eq!(parse_duration("18446744073709551615ms"), Some(Duration::from_millis(u64::MAX)));
    assert_eq!(parse_duration("18446744073709551616ms"), None);
    assert_eq!(parse_duration("18446744073709552s"), None);
}

#[test]
fn the_largest_exact_unit_is_written() {
    assert_eq!(format_duration(Duration::from_secs(90)), "90s");
    assert_eq!(format_duration(Duration::from_mins(15)), "15m");
    assert_eq!(format_duration(Duration::from_millis(1_500)), "1500ms");
    assert_eq!(format_duration(Duration::ZERO), "0s");
}

proptest! {
    #[test]
    fn what_is_written_reads_back(milliseconds in any::<u64>()) {
        let duration = Duration::from_millis(milliseconds);
        prop_assert_eq!(parse_duration(&format_duration(duration)), Some(duration));
    }
}
