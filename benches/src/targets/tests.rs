use super::*;
use crate::results::NAME;

fn estimate(group: &str, name: &str, key: u64, micros: f64) -> Estimate {
    Estimate { group: group.to_owned(), name: name.to_owned(), key, micros }
}

fn results(head: &[&str], rows: &[&[&str]]) -> Table {
    let mut table = Table::new(head);
    for row in rows {
        table.push(row.iter().map(|cell| (*cell).to_owned()).collect());
    }
    table
}

/// The three last cells of the line about this.
fn line<'a>(table: &'a Table, what: &str) -> [&'a str; 3] {
    let row = table.rows.iter().find(|row| row[0].contains(what)).expect("a line");
    [&row[1], &row[2], &row[3]]
}

#[test]
fn a_target_is_met_or_missed_by_a_factor() {
    let server = results(
        &[NAME, "decisions/s", "ratio"],
        &[
            &["1 K, one link, same arguments", "90000", "0.848"],
            &["1 K, three links, same arguments", "90000", "0.850"],
            &["1 K, three links, new unread arguments", "30000", "0.300"],
            &[LOG_OFF, "100000", "0.900"],
            &[LOG_SYNCED, "48000", "0.400"],
        ],
    );
    let start = results(&[NAME, "load, s", "resident, MiB"], &[&["10000/1000", "> 300", "150"]]);
    let table = table(&[], Some(&start), Some(&server), None);
    assert_eq!(line(&table, "1 K, three links, same arguments"), ["≥ 0.85", "0.85", "yes"]);
    let by_little = ["≥ 0.85", "0.848", "no, by a factor of 1.002"];
    assert_eq!(line(&table, "1 K, one link, same arguments"), by_little);
    let missed = ["≥ 0.6", "0.3", "no, by a factor of 2"];
    assert_eq!(line(&table, "1 K, three links, new unread"), missed);
    assert_eq!(line(&table, "commit"), ["≥ 0.6", "0.48", "no, by a factor of 1.25"]);
    assert_eq!(line(&table, "load, s"), ["≤ 10 s", "300 s", "no, by a factor of 30"]);
    assert_eq!(line(&table, "resident"), ["≤ 200 MiB", "150 MiB", "yes"]);
}

#[test]
fn times_in_process_are_compared_across_sizes_and_steps() {
    let estimates = [
        estimate("engine", "repeated, one link", 10_000, 0.5),
        estimate("engine", "cold, one link", 1_000, 10.0),
        estimate("engine", "cold, one link", 100_000, 18.0),
        estimate("context", "resolve, new arguments", 200, 60.0),
        estimate("context", "validate", 200, 5.0),
        estimate("context", "hash", 200, 44.0),
    ];
    let table = table(&estimates, None, None, None);
    assert_eq!(line(&table, "repeated, one link"), ["≤ 2 µs", "0.5 µs", "yes"]);
    let missed = ["≤ 15 µs", "18 µs", "no, by a factor of 1.2"];
    assert_eq!(line(&table, "cold, one link, 100 K policies"), missed);
    let against = line(&table, "cold, one link, 100 K policies against 1 K");
    assert_eq!(against, ["≤ 1.5", "1.8", "no, by a factor of 1.2"]);
    assert_eq!(line(&table, "200 fields"), ["≤ 12 µs", "11 µs", "yes"]);
}

#[test]
fn nothing_may_be_lost_in_a_roll_out() {
    let head = [NAME, "until it decides, s", "p99, ratio", "lost", "resident, MiB"];
    let rows: [&[&str]; 3] = [
        &[COLD_START, "3.00", "–", "–", "200"],
        &[ANOTHER_POLICY, "1.50", "1.600", "0", "230"],
        &[ANOTHER_SCHEMA, "8.00", "1.100", "3", "250"],
    ];
    let table = table(&[], None, None, Some(&results(&head, &rows)));
    assert_eq!(line(&table, "one policy of 10 K changed, lost"), ["≤ 0", "0", "yes"]);
    assert_eq!(line(&table, "schema changed, lost"), ["≤ 0", "3", "no"]);
    let missed = ["≤ 1.5", "1.6", "no, by a factor of 1.067"];
    assert_eq!(line(&table, "one policy of 10 K changed, p99"), missed);
    assert_eq!(line(&table, "schema changed, until"), ["≤ 10 s", "8 s", "yes"]);
    let memory = ["≤ 1.2", "1.25", "no, by a factor of 1.042"];
    assert_eq!(line(&table, "resident after both"), memory);
}

#[test]
fn what_was_not_measured_says_so() {
    let table = table(&[], None, None, None);
    assert_eq!(table.rows.len(), PARTS_OF_ECHO.len() + 2 + 7 + 2 + 7);
    for row in &table.rows {
        assert_eq!(row[2..], ["–", "not measured"], "{row:?}");
    }
}
