//! Requirements at their limits and one millisecond past them.

use super::*;
use crate::attestation::TrustTier;

const NOON: i64 = 1_767_268_800_000;

fn at(millis: i64) -> EpochMillis {
    EpochMillis::new(millis)
}

fn signed_in(acr: Option<&str>, time: Option<i64>) -> Facts {
    let authentication =
        Authentication { acr: acr.map(str::to_owned), amr: Vec::new(), time: time.map(at) };
    Facts { authentication: Some(Arc::new(authentication)), ..Facts::at(at(NOON)) }
}

fn step_up(acr: Option<&str>, max_age: Option<u64>) -> Requirement {
    Requirement::StepUp { acr: acr.map(str::to_owned), max_age: max_age.map(Duration::from_millis) }
}

fn attested(issued_at: i64, expires_at: i64) -> Facts {
    let attestation = Attestation {
        verifier: "hosts".to_owned(),
        subject: "host-1".to_owned(),
        tier: TrustTier::Affirming,
        vector: Vec::new(),
        issued_at: at(issued_at),
        expires_at: at(expires_at),
        measurements: Vec::new(),
        references: Vec::new(),
        debug: false,
        nonce_fresh: true,
    };
    Facts { attestation: Some(Arc::new(attestation)), ..Facts::at(at(NOON)) }
}

fn attestation(max_age: Option<u64>) -> Requirement {
    Requirement::Attestation { max_age: max_age.map(Duration::from_millis) }
}

#[test]
fn nothing_known_satisfies_nothing() {
    let facts = Facts::at(at(NOON));
    for requirement in [step_up(None, None), attestation(None)] {
        assert!(!facts.satisfy(&requirement));
        assert_eq!(facts.changes(&requirement).count(), 0);
    }
}

#[test]
fn a_sign_in_counts_until_it_is_too_old() {
    let asked = step_up(None, Some(1000));
    assert!(signed_in(None, Some(NOON - 1000)).satisfy(&asked));
    assert!(!signed_in(None, Some(NOON - 1001)).satisfy(&asked));
    let changes: Vec<i64> = signed_in(None, Some(NOON)).changes(&asked).collect();
    assert_eq!(changes, [NOON + 1001]);
}

#[test]
fn a_sign_in_of_unknown_time_is_no_recent_one() {
    assert!(!signed_in(Some("phr"), None).satisfy(&step_up(Some("phr"), Some(u64::MAX >> 1))));
    assert!(signed_in(Some("phr"), None).satisfy(&step_up(Some("phr"), None)));
    assert!(!signed_in(None, None).satisfy(&step_up(None, None)));
}

#[test]
fn another_class_is_not_the_one_asked_for() {
    assert!(signed_in(Some("phr"), Some(NOON)).satisfy(&step_up(Some("phr"), None)));
    assert!(!signed_in(Some("phrh"), Some(NOON)).satisfy(&step_up(Some("phr"), None)));
    assert!(!signed_in(None, Some(NOON)).satisfy(&step_up(Some("phr"), None)));
}

#[test]
fn an_attestation_counts_until_it_is_too_old_or_expires() {
    let asked = attestation(Some(1000));
    assert!(attested(NOON - 1000, NOON + 1).satisfy(&asked));
    assert!(!attested(NOON - 1001, NOON + 1).satisfy(&asked));
    assert!(!attested(NOON - 1000, NOON).satisfy(&asked));
    assert!(!attested(NOON - 1000, NOON).satisfy(&attestation(None)));
    let changes: Vec<i64> = attested(NOON, NOON + 5).changes(&asked).collect();
    assert_eq!(changes, [NOON + 1001, NOON + 5]);
}
