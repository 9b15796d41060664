use super::*;
use crate::conformance;

#[test]
fn it_does_what_every_store_does() {
    conformance::check(MemoryState::with_revocations_max);
}

#[test]
fn it_says_that_it_forgets() {
    assert!(!MemoryState::new().is_durable());
}

#[test]
fn it_has_room_for_as_many_as_every_store() {
    assert_eq!(MemoryState::default().revocations_max, REVOCATIONS_MAX);
}
