use super::*;

fn limits() -> Limits {
    let threads = NonZeroU32::new(2).expect("not zero");
    let connections_max = NonZeroU32::new(1000).expect("not zero");
    Limits { threads, connections_max, ..Limits::default() }
}

#[test]
fn what_is_asked_for_holds_while_there_are_descriptors() {
    let connections = |allowed| connections(&limits(), allowed).map(NonZeroU32::get);
    // (2 + 2) × 3 + 16 + 24 are not for decisions.
    assert_eq!(connections(None), Ok(1000));
    assert_eq!(connections(Some(u64::MAX)), Ok(1000));
    assert_eq!(connections(Some(1052)), Ok(1000));
    assert_eq!(connections(Some(1051)), Ok(999));
    assert_eq!(connections(Some(53)), Ok(1));
    let too_few = TooFewDescriptors { allowed: 52, threads: 2, needed: 53 };
    assert_eq!(connections(Some(52)), Err(too_few));
    assert!(connections(Some(0)).is_err());
}
