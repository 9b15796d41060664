use super::*;

#[test]
fn only_registered_codes_are_final() {
    for err in EventRefusal::FINAL {
        assert!(EventRefusal::new(err, "").is_final(), "{err}");
    }
    for err in [EventRefusal::UNAVAILABLE, "invalid_state", "", "INVALID_KEY"] {
        assert!(!EventRefusal::new(err, "").is_final(), "{err}");
    }
}
