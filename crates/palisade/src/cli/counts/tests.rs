//! Tests of counting in bounded memory.

use super::*;

#[test]
fn keys_beyond_the_limit_are_counted_together() {
    let mut counts = Counts::new(3);
    for key in ["a", "b", "c", "b", "d", "e", "d", "c", "b"] {
        counts.add(key);
    }
    let most = counts.most_frequent(10);
    assert_eq!(most.rows, [(&"b", 3), (&"c", 2), (&"a", 1)]);
    assert_eq!((most.more, most.others), (0, 3));
    let most = counts.most_frequent(2);
    assert_eq!(most.rows, [(&"b", 3), (&"c", 2)]);
    assert_eq!((most.more, most.others), (1, 3));
}
