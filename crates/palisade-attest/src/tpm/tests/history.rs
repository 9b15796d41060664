//! A TPM never goes back.

use super::forge::{Forge, Statement};
use crate::tpm::{
    QUOTE_HISTORY_KEYS_MAX, QuoteHistory, QuoteHistoryError, TpmHash, TpmQuoteClaims,
};

/// What a key said at this moment: resets, restarts, clock; and whether the clock is safe.
fn claims(forge: &Forge, moment: (u32, u32, u64), safe: bool) -> TpmQuoteClaims {
    let (reset_count, restart_count, clock) = moment;
    let safe = u8::from(safe);
    forge
        .answer(&Statement { reset_count, restart_count, clock, safe, ..Statement::good() })
        .unwrap()
}

/// The answers of a history to these moments, one after the other.
fn answers(moments: &[((u32, u32, u64), bool)]) -> Vec<bool> {
    let forge = Forge::new(TpmHash::Sha256);
    let history = QuoteHistory::default();
    moments
        .iter()
        .map(|(moment, safe)| match history.record(&claims(&forge, *moment, *safe)) {
            Ok(()) => true,
            Err(error) => {
                assert_eq!(error, QuoteHistoryError::WentBack);
                assert_eq!(error.code(), "tpm_quote_went_back");
                false
            }
        })
        .collect()
}

#[test]
fn time_goes_on() {
    let moments = [((1, 0, 10), true), ((1, 0, 10), true), ((1, 0, 11), true), ((1, 1, 12), true)];
    assert_eq!(answers(&moments), [true; 4]);
}

#[test]
fn a_clock_does_not_go_back() {
    assert_eq!(answers(&[((1, 0, 10), true), ((1, 0, 9), true)]), [true, false]);
    // Not even if the TPM is unsure of it: within one boot it has no reason to be.
    assert_eq!(answers(&[((1, 0, 10), true), ((1, 0, 9), false)]), [true, false]);
    assert_eq!(answers(&[((1, 0, 10), true), ((1, 1, 9), true)]), [true, false]);
}

#[test]
fn the_latest_moment_counts() {
    let moments = [((1, 0, 10), true), ((1, 0, 20), true), ((1, 0, 15), true)];
    assert_eq!(answers(&moments), [true, true, false]);
}

#[test]
fn a_restart_is_not_undone() {
    assert_eq!(answers(&[((1, 2, 10), true), ((1, 1, 11), true)]), [true, false]);
}

#[test]
fn a_reset_is_not_undone() {
    assert_eq!(answers(&[((2, 0, 10), true), ((1, 0, 11), true)]), [true, false]);
    assert_eq!(answers(&[((2, 0, 10), true), ((1, 9, 11), false)]), [true, false]);
}

#[test]
fn restarts_count_from_zero_after_a_reset() {
    assert_eq!(answers(&[((1, 5, 10), true), ((2, 0, 11), true)]), [true, true]);
}

#[test]
fn a_clock_that_is_not_safe_may_have_lost_time_with_a_reset() {
    assert_eq!(answers(&[((1, 0, 10), true), ((2, 0, 5), false)]), [true, true]);
    assert_eq!(answers(&[((1, 0, 10), true), ((2, 0, 5), true)]), [true, false]);
}

#[test]
fn what_was_refused_is_not_remembered() {
    let moments = [((5, 0, 10), true), ((4, 0, 99), true), ((5, 0, 11), true)];
    assert_eq!(answers(&moments), [true, false, true]);
}

#[test]
fn keys_have_histories_of_their_own() {
    let history = QuoteHistory::default();
    let (one, other) = (Forge::new(TpmHash::Sha256), Forge::new(TpmHash::Sha256));
    assert_eq!(history.record(&claims(&one, (9, 0, 10), true)), Ok(()));
    assert_eq!(history.record(&claims(&other, (1, 0, 1), true)), Ok(()));
    assert_eq!(history.record(&claims(&one, (8, 0, 11), true)), Err(QuoteHistoryError::WentBack));
}

#[test]
fn a_full_history_refuses_new_keys_and_knows_the_old_ones() {
    let history = QuoteHistory::new(2);
    let keys: Vec<Forge> = (0..3).map(|_| Forge::new(TpmHash::Sha256)).collect();
    let at = |key: usize, clock| claims(&keys[key], (1, 0, clock), true);
    assert_eq!(history.record(&at(0, 10)), Ok(()));
    assert_eq!(history.record(&at(1, 10)), Ok(()));
    let full = history.record(&at(2, 10)).unwrap_err();
    assert_eq!(full, QuoteHistoryError::Full { limit: 2 });
    assert_eq!(full.code(), "tpm_history_full");
    assert_eq!(history.record(&at(0, 11)), Ok(()));
    assert_eq!(history.record(&at(1, 9)), Err(QuoteHistoryError::WentBack));
}

#[test]
fn the_default_history_has_room_for_65_536_keys() {
    assert_eq!(QUOTE_HISTORY_KEYS_MAX, 65_536);
    let forge = Forge::new(TpmHash::Sha256);
    let mut claims = claims(&forge, (1, 0, 10), true);
    let history = QuoteHistory::default();
    for number in 0..=QUOTE_HISTORY_KEYS_MAX {
        let name = format!("000b{number:064x}");
        claims.ak_name = crate::tpm::TpmName::parse_hex(&name).unwrap();
        assert_eq!(history.record(&claims).is_ok(), number < QUOTE_HISTORY_KEYS_MAX, "{number}");
    }
}
