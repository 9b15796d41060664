use palisade_core::ToolCall;
use palisade_engine::{CacheCounts, CacheStats};

use super::*;
use crate::organisation::{Organisation, Scale, answer};

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

/// What the caches counted while calls came again and again, after they came a few times.
fn counted(links: usize, varying: Varying) -> [CacheCounts; 3] {
    const ROUNDS: u64 = 3;
    let organisation = Organisation::generate(Scale { policies: 100, tools: 10, fields: 12 });
    let (snapshot, calls) = (organisation.snapshot(), organisation.calls(links));
    let frames: Vec<Frame> = calls.iter().map(|call| Frame::unary(call, varying)).collect();
    let mut number = 0;
    let mut rounds = || {
        for (call, frame) in (0..ROUNDS).flat_map(|_| calls.iter().zip(&frames)) {
            number += 1;
            let message: v1::AuthorizeRequest = decoded(&frame.numbered(number));
            let call = ToolCall { arguments: message.arguments, ..call.tool_call() };
            drop(answer(&snapshot, &call));
        }
        let CacheStats { calls, arguments, verdicts, .. } = snapshot.cache_stats().expect("some");
        [calls, arguments, verdicts]
    };
    let (before, mut after) = (rounds(), rounds());
    for (after, before) in after.iter_mut().zip(before) {
        after.hits -= before.hits;
        after.misses -= before.misses;
    }
    after
}

fn all_hit(counts: CacheCounts) -> bool {
    counts.hits > 0 && counts.misses == 0
}

fn all_missed(counts: CacheCounts) -> bool {
    counts.hits == 0 && counts.misses > 0
}

#[test]
fn the_same_arguments_are_mostly_found_as_whole_calls() {
    for links in [1, 3] {
        let [calls, arguments, verdicts] = counted(links, Varying::Nothing);
        // A few calls share a place in their table, and push each other out.
        assert!(calls.hits > calls.misses, "{links}: {calls:?}");
        assert_eq!(arguments.misses + verdicts.misses, 0, "{links}");
    }
}

#[test]
fn new_unread_arguments_are_read_anew_and_find_their_verdicts() {
    for links in [1, 3] {
        let [calls, arguments, verdicts] = counted(links, Varying::UnreadArgument);
        assert!(all_missed(calls), "{links}: {calls:?}");
        assert!(all_missed(arguments), "{links}: {arguments:?}");
        assert!(all_hit(verdicts), "{links}: {verdicts:?}");
    }
}

#[test]
fn new_read_arguments_find_nothing() {
    for links in [1, 3] {
        let counts = counted(links, Varying::ReadArgument);
        assert!(counts.iter().all(|counts| all_missed(*counts)), "{links}: {counts:?}");
    }
}
