use palisade_core::EpochMillis;

use super::*;

#[test]
fn a_share_of_the_decisions_is_taken() {
    let id = |last: [u8; 4]| {
        let [a, b, c, d] = last;
        DecisionId::new(EpochMillis::new(0), [0, 0, 0, 0, 0, 0, a, b, c, d])
    };
    for (share, last, taken) in [
        (0.0, [0; 4], false),
        (0.5, [0x7f, 0xff, 0xff, 0xff], true),
        (0.5, [0x80, 0, 0, 0], false),
        (1.0, [0xff; 4], true),
        (7.0, [0xff; 4], true),
        (-1.0, [0; 4], false),
        (f64::NAN, [0; 4], false),
    ] {
        assert_eq!(Sample::new(share).takes(id(last)), taken, "{share} {last:?}");
    }
}
