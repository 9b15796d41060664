//! Tests of the search for a record that spoils its batch.

use super::*;

/// Sends to a collector that refuses what holds `poison`; answers how many requests it takes until
/// the record is alone.
fn requests_until_alone(records: u64, poison: u64) -> u32 {
    let mut aim = Aim::new(512);
    let (mut next, mut requests) = (0, 0);
    loop {
        requests += 1;
        let count = aim.records(next).min(usize::try_from(records - next).unwrap());
        let end = next + u64::try_from(count).unwrap();
        if !(next..end).contains(&poison) {
            aim.accepted(end);
            next = end;
        } else if count == 1 {
            return requests;
        } else {
            aim.refused(next, count);
        }
    }
}

#[test]
fn a_spoiling_record_is_found_by_halves() {
    for poison in 0..512 {
        // One for the whole, one for each halving, and one for what is left.
        assert!(requests_until_alone(512, poison) <= 1 + 9 + 1, "record {poison}");
    }
    assert_eq!(requests_until_alone(1, 0), 1);
}

#[test]
fn too_large_batches_shrink_and_grow_again() {
    let mut aim = Aim::new(8);
    aim.shrink(8);
    assert_eq!(aim.records(0), 4);
    aim.shrink(1);
    assert_eq!(aim.records(0), 1);
    for expected in [2, 4, 8, 8] {
        aim.accepted(1);
        assert_eq!(aim.records(1), expected);
    }
}

#[test]
fn a_batch_has_at_least_one_record() {
    assert_eq!(Aim::new(0).records(7), 1);
    let mut aim = Aim::new(512);
    aim.refused(7, 2);
    assert_eq!(aim.records(7), 1);
    aim.accepted(8);
    assert_eq!(aim.records(8), 1);
    aim.accepted(9);
    assert_eq!(aim.records(9), 512);
}
