use proptest::prelude::*;

use super::*;

fn revocation(issued_before: i64, until: i64, cause: &str) -> Revocation {
    Revocation {
        scope: RevocationScope::Issuer { issuer: IssuerName::new("https://idp.example").unwrap() },
        issued_before: EpochMillis::new(issued_before),
        until: EpochMillis::new(until),
        recorded_at: EpochMillis::new(issued_before + 1),
        cause: RevocationCause::new(cause),
    }
}

/// Whether it revokes, at `now`, what was issued at `issued`.
fn revokes(revocation: &Revocation, issued: i64, now: i64) -> bool {
    EpochMillis::new(issued) < revocation.issued_before
        && !revocation.is_over(EpochMillis::new(now))
}

#[test]
fn a_session_has_a_name_of_bounded_length_without_control_characters() {
    assert!(SignInSession::new("x".repeat(SIGN_IN_SESSION_BYTES_MAX)).is_ok());
    let long = SignInSession::new("x".repeat(SIGN_IN_SESSION_BYTES_MAX + 1));
    assert!(matches!(long, Err(NameError::TooLong { .. })), "{long:?}");
    assert_eq!(SignInSession::new(""), Err(NameError::Empty));
    let disguised = SignInSession::new("a\u{7}b");
    assert_eq!(disguised, Err(NameError::ControlCharacter { character: '\u{7}' }));
    assert_eq!(SignInSession::new("s-1").unwrap().as_str(), "s-1");
}

#[test]
fn a_cause_is_cut_and_never_refused() {
    let fits = "x".repeat(REVOCATION_CAUSE_BYTES_MAX);
    assert_eq!(RevocationCause::new(&fits).as_str(), fits);
    assert_eq!(RevocationCause::new(&format!("{fits}x")).as_str(), fits);
    // A character of two bytes that begins at the last byte is left out whole.
    let almost = "x".repeat(REVOCATION_CAUSE_BYTES_MAX - 1);
    assert_eq!(RevocationCause::new(&format!("{almost}ä")).as_str(), almost);
    assert_eq!(RevocationCause::new("a\nb").to_string(), "a\u{fffd}b");
    assert_eq!(RevocationCause::new("").as_str(), "");
}

#[test]
fn it_is_over_at_the_instant_it_says() {
    let revocation = revocation(10, 20, "");
    assert!(!revocation.is_over(EpochMillis::new(19)));
    assert!(revocation.is_over(EpochMillis::new(20)));
}

#[test]
fn of_two_the_one_that_revokes_more_says_why() {
    let (early, late) = (revocation(10, 50, "early"), revocation(20, 40, "late"));
    let joined = Revocation { until: EpochMillis::new(50), ..late.clone() };
    assert_eq!(early.clone().joined(&late), joined);
    assert_eq!(late.joined(&early), joined);
    // What was told before stays, if nothing is new.
    let again = revocation(10, 50, "again");
    assert_eq!(early.clone().joined(&again), early);
}

#[test]
fn codes_are_stable() {
    assert_eq!(StateError::Corrupt { detail: String::new() }.code(), "state_corrupt");
    assert_eq!(StateError::Full { limit: 1 }.code(), "state_full");
    let unavailable = StateError::Unavailable(std::io::Error::other("x"));
    assert_eq!(unavailable.code(), "state_unavailable");
}

proptest! {
    #[test]
    fn joined_they_revoke_what_either_does(
        one in (0..9_i64, 0..9_i64),
        other in (0..9_i64, 0..9_i64),
        issued in 0..9_i64,
        now in 0..9_i64,
    ) {
        let one = revocation(one.0, one.1, "one");
        let other = revocation(other.0, other.1, "other");
        let either = revokes(&one, issued, now) || revokes(&other, issued, now);
        let joined = one.joined(&other);
        prop_assert!(!either || revokes(&joined, issued, now));
    }

    #[test]
    fn any_cause_fits(text in ".{0,600}") {
        let cause = RevocationCause::new(&text);
        prop_assert!(cause.as_str().len() <= REVOCATION_CAUSE_BYTES_MAX);
        prop_assert_eq!(RevocationCause::new(cause.as_str()), cause);
    }
}
