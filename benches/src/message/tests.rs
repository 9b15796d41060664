use super::*;
use crate::organisation::{Organisation, Scale};

fn calls() -> Vec<Call> {
    Organisation::generate(Scale { policies: 10, tools: 10, fields: 12 }).calls(3)
}

#[test]
fn a_numbered_message_differs_in_its_counters_alone() {
    let frame = Frame::stream(&calls()[0], Varying::ReadArgument);
    let message: v1::AuthorizeRequest = decoded(&frame.numbered(42));
    assert_eq!(message.request_id, "s0000000000000042");
    let arguments = String::from_utf8(message.arguments).expect("UTF-8");
    assert!(arguments.contains("r0000000000000042@"), "{arguments}");
    assert!(arguments.contains(UNREAD_COUNTER), "{arguments}");
}

#[test]
fn messages_are_counted_however_they_are_cut() {
    let frame = Frame::batch(&calls(), 2).numbered(0);
    let mut bytes = frame.to_vec();
    bytes.extend([0; HEAD_BYTES]);
    bytes.extend(&frame);
    for size in [1, 3, 7, 1_000, bytes.len()] {
        let mut counter = Counter::default();
        let ended: usize = bytes.chunks(size).map(|chunk| counter.ended(chunk)).sum();
        assert_eq!(ended, 3, "cut at {size}");
    }
}
