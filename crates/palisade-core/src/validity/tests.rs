use super::*;

fn millis(millis: i64) -> EpochMillis {
    EpochMillis::new(millis)
}

#[test]
fn an_answer_stands_from_the_last_change_until_before_the_next() {
    let validity = Validity::between([10, 30, 20, 40], millis(25));
    assert!(!validity.contains(millis(19)));
    assert!(validity.contains(millis(20)));
    assert!(validity.contains(millis(29)));
    assert!(!validity.contains(millis(30)));
    assert_eq!(validity.end(), Some(millis(30)));
}

#[test]
fn an_answer_is_the_new_one_at_the_very_instant_of_a_change() {
    let validity = Validity::between([25], millis(25));
    assert!(!validity.contains(millis(24)));
    assert!(validity.contains(millis(25)));
    assert_eq!(validity.end(), None);
}

#[test]
fn two_answers_stand_together_while_each_does() {
    let both = Validity::between([10, 30], millis(20)).and(Validity::between([15, 40], millis(20)));
    assert!(!both.contains(millis(14)));
    assert!(both.contains(millis(15)));
    assert!(!both.contains(millis(30)));
    assert_eq!(Validity::ALWAYS.and(both), both);
}

#[test]
fn what_is_known_of_an_instant_stands_for_its_millisecond() {
    let validity = Validity::at(millis(5));
    assert!(validity.contains(millis(5)));
    assert!(!validity.contains(millis(4)));
    assert!(!validity.contains(millis(6)));
}
