//! Tests of shipping, against a scripted collector and on a clock that is moved by waiting.

mod properties;
mod support;

use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use proptest::prelude::*;
use tonic::Code;

use self::support::{
    Answer, Memory, SILENT, content, failure, options, run, run_with, shipped, sleepless,
};
use super::*;
use crate::otlp::SendFailure;

const SECOND: Duration = Duration::from_secs(1);

fn unavailable() -> Answer {
    Answer::Fail(SendError::Retry { after: None, source: failure(Code::Unavailable) })
}

fn refused(code: Code) -> Answer {
    Answer::Fail(SendError::Permanent { source: failure(code) })
}

#[test]
fn records_arrive_in_order_and_the_cursor_is_kept() {
    let (source, seen, state) = run(Memory::with(1000), |_, _| Answer::Take);
    assert!(seen.delivered().into_iter().eq(0..1000), "{:?}", seen.delivered());
    assert_eq!(seen.sizes(), [512, 488]);
    assert_eq!(source.cursor(), 1000);
    assert_eq!((state.shipped, state.cursor, state.requests), (1000, 1000, 2));
    assert_eq!(state.oldest_unshipped_unix_ms, 0);
    assert!(state.reachable);
}

#[test]
fn shipping_goes_on_where_the_cursor_is() {
    let mut source = Memory::with(10);
    source.advance(7).unwrap();
    let (_, seen, _) = run(source, |_, _| Answer::Take);
    assert_eq!(seen.delivered(), [7, 8, 9]);
}

#[test]
fn waits_double_up_to_the_longest_and_begin_anew_after_success() {
    let answer =
        |request: usize, _: &[u64]| if request < 10 { unavailable() } else { Answer::Take };
    let (_, seen, state) = run(Memory::with(1), answer);
    let expected = [1, 2, 4, 8, 16, 32, 60, 60, 60, 60].map(Duration::from_secs);
    for (wait, longest) in seen.waits().into_iter().zip(expected) {
        assert!(longest / 2 <= wait && wait <= longest, "{wait:?} of {longest:?}");
    }
    assert_eq!((state.failures, state.shipped), (10, 1));

    let alternating = |request: usize, _: &[u64]| match request % 2 {
        0 => unavailable(),
        _ => Answer::Take,
    };
    let (_, seen, _) = run_with(Memory::with(4), options(1), alternating);
    assert!(seen.waits().into_iter().all(|wait| wait <= SECOND), "{:?}", seen.waits());
}

#[test]
fn a_collector_may_ask_for_a_longer_wait_but_not_for_ever() {
    for (asked, at_least, at_most) in [(0, 0, 1), (300, 300, 300), (u64::MAX, 3600, 3600)] {
        let answer = move |request: usize, _: &[u64]| match request {
            0 => Answer::Fail(SendError::Retry {
                after: Some(Duration::from_secs(asked)),
                source: failure(Code::ResourceExhausted),
            }),
            _ => Answer::Take,
        };
        let (_, seen, _) = run(Memory::with(1), answer);
        let wait = seen.waits()[0];
        assert!(wait >= Duration::from_secs(at_least), "{wait:?} of {asked}");
        // Timers tick in milliseconds.
        assert!(wait <= Duration::from_secs(at_most) + SECOND / 100, "{wait:?} of {asked}");
    }
}

#[test]
fn what_is_thrown_away_is_counted_and_not_sent_again() {
    let (source, seen, state) = run(Memory::with(10), |_, _| Answer::Partial(3));
    assert_eq!(seen.delivered(), (0..10).collect::<Vec<_>>());
    assert_eq!((state.rejected, state.shipped, source.cursor()), (3, 7, 10));
    // More than was sent cannot be thrown away.
    let (_, _, state) = run(Memory::with(10), |_, _| Answer::Partial(u64::MAX));
    assert_eq!((state.rejected, state.shipped), (10, 0));
}

#[test]
fn what_somebody_has_to_change_first_is_tried_seldom_and_never_given_up() {
    for code in [Code::NotFound, Code::PermissionDenied, Code::Unauthenticated, Code::Unimplemented]
    {
        let answer = move |request: usize, _: &[u64]| {
            if request < 50 { refused(code) } else { Answer::Take }
        };
        let (_, seen, state) = run(Memory::with(3), answer);
        assert!(seen.waits()[..50].iter().all(|wait| *wait >= 30 * SECOND), "{code:?}");
        assert_eq!(seen.delivered(), [0, 1, 2], "{code:?}");
        assert_eq!((state.skipped, state.failures), (0, 50), "{code:?}");
    }
}

#[test]
fn no_other_failure_loses_anything() {
    let failures = [
        SendFailure::Http { status: 500, message: String::new() },
        SendFailure::Http { status: 401, message: String::new() },
        SendFailure::Http { status: 301, message: String::new() },
        SendFailure::NotOtlp { detail: "a page" },
        failure(Code::Internal),
        failure(Code::Unknown),
        failure(Code::ResourceExhausted),
    ];
    for source in failures {
        let failing = source.clone();
        let answer = move |request: usize, _: &[u64]| match request {
            0..20 => Answer::Fail(SendError::Permanent { source: failing.clone() }),
            _ => Answer::Take,
        };
        let (_, seen, state) = run(Memory::with(100), answer);
        assert_eq!(seen.delivered(), (0..100).collect::<Vec<_>>(), "{source:?}");
        assert_eq!((state.skipped, state.shipped), (0, 100), "{source:?}");
    }
}

#[test]
fn a_record_that_spoils_its_batch_is_found_and_named_and_the_rest_arrives() {
    for source in [
        failure(Code::InvalidArgument),
        SendFailure::Http { status: 400, message: String::new() },
        SendFailure::Http { status: 413, message: String::new() },
    ] {
        let poison = [17, 18, 400];
        let refusal = source.clone();
        let answer = move |_: usize, indices: &[u64]| {
            if indices.iter().any(|index| poison.contains(index)) {
                Answer::Fail(SendError::Permanent { source: refusal.clone() })
            } else {
                Answer::Take
            }
        };
        let (source, seen, state) = run(Memory::with(1000), answer);
        let others: Vec<u64> = (0..1000).filter(|index| !poison.contains(index)).collect();
        assert_eq!(seen.delivered(), others);
        assert_eq!(seen.named(), poison);
        assert_eq!((state.skipped, state.shipped, source.cursor()), (3, 997, 1000));
        assert!(state.requests < 70, "{}", state.requests);
    }
}

#[test]
fn a_collector_that_calls_everything_bad_loses_nothing() {
    let answer = |request: usize, _: &[u64]| match request {
        0..100 => refused(Code::InvalidArgument),
        _ => Answer::Take,
    };
    let (_, seen, state) = run(Memory::with(1000), answer);
    assert!(seen.delivered().into_iter().eq(0..1000), "{:?}", seen.delivered());
    assert_eq!(state.skipped, 0);
    // The search ends without a wait; from then on it is two requests a minute.
    let wait = seen.waits().into_iter().find(|wait| !wait.is_zero());
    assert!(wait.unwrap() >= 30 * SECOND, "{wait:?}");
    assert!(seen.span() >= 40 * 30 * SECOND, "{:?}", seen.span());
}

#[test]
fn a_collector_that_refuses_record_after_record_gets_few_of_them() {
    let (_, seen, state) = run_with(Memory::with(100), options(1), content);
    assert_eq!((state.skipped, seen.named().len()), (100, 100));
    assert!(seen.span() >= 90 * 30 * SECOND, "{:?}", seen.span());
}

#[test]
fn batches_that_may_be_too_large_shrink_until_they_are_taken() {
    let too_large = [
        SendError::Retry { after: None, source: failure(Code::OutOfRange) },
        SendError::Permanent { source: failure(Code::ResourceExhausted) },
        SendError::Retry { after: None, source: SendFailure::Timeout },
    ];
    for error in too_large {
        let text = format!("{error:?}");
        let error = std::sync::Mutex::new(Some(error));
        let answer = move |_: usize, indices: &[u64]| {
            if indices.len() <= 20 {
                return Answer::Take;
            }
            let mut error = error.lock().unwrap();
            let again = error.take().map(|error| (support::copy(&error), error));
            let (now, later) = again.unwrap();
            *error = Some(later);
            Answer::Fail(now)
        };
        let (_, seen, _) = run(Memory::with(1000), answer);
        assert!(seen.delivered().into_iter().eq(0..1000), "{text}");
    }
}

#[test]
fn a_batch_is_bounded_in_bytes_as_sent() {
    let bounds = ShipOptions { batch_bytes_max: 5_000, ..ShipOptions::default() };
    let (_, seen, _) = run_with(Memory::with(100), bounds, |_, _| Answer::Take);
    assert_eq!(seen.delivered(), (0..100).collect::<Vec<_>>());
    assert!(seen.requests.iter().all(|request| request.bytes <= 5_000 + 600));
    assert!(seen.sizes().iter().all(|size| *size > 1));
    // What is larger goes alone.
    let bounds = ShipOptions { batch_bytes_max: 1, ..ShipOptions::default() };
    let (_, seen, _) = run_with(Memory::with(3), bounds, |_, _| Answer::Take);
    assert_eq!(seen.sizes(), [1, 1, 1]);
}

#[test]
fn records_deleted_before_they_were_shipped_are_counted() {
    let mut source = Memory::with(100);
    source.delete_before(40);
    let (source, seen, state) = run(source, |_, _| Answer::Take);
    assert_eq!(seen.delivered(), (40..100).collect::<Vec<_>>());
    assert_eq!((state.gone, state.shipped, source.cursor()), (40, 60, 100));
}

#[test]
fn records_deleted_during_an_outage_do_not_stop_shipping() {
    let source = Memory::with(100);
    let retention = source.clone();
    let answer = move |request: usize, _: &[u64]| {
        if request == 3 {
            retention.clone().delete_before(99);
        }
        if request < 5 { unavailable() } else { Answer::Take }
    };
    let (_, seen, state) = run(source, answer);
    assert_eq!(seen.delivered(), [99]);
    assert_eq!(state.gone, 99);
}

#[test]
fn a_record_that_cannot_be_decoded_is_shipped_as_one() {
    let mut source = Memory::with(3);
    source.damage(1);
    let (_, seen, _) = run(source, |_, _| Answer::Take);
    assert_eq!(seen.delivered(), [0, 1, 2]);
    let names: Vec<&str> = seen.names.iter().map(String::as_str).collect();
    assert_eq!(names, ["palisade.gap", "palisade.undecodable", "palisade.gap"]);
}

#[test]
fn a_log_that_cannot_be_read_is_tried_again() {
    let source = Memory::with(3).failing_reads(4);
    let (_, seen, state) = run(source, |_, _| Answer::Take);
    assert_eq!(seen.delivered(), [0, 1, 2]);
    assert_eq!(state.source_failures, 4);
}

#[test]
fn a_cursor_that_cannot_be_kept_stops_nothing() {
    let source = Memory::with(3).failing_advances(2);
    let (source, seen, state) = run_with(source, options(1), |_, _| Answer::Take);
    assert_eq!(seen.delivered(), [0, 1, 2]);
    assert_eq!(source.cursor(), 3);
    assert!(!state.cursor_failed);
}

#[test]
fn shutdown_ends_a_request_and_a_wait_at_once() {
    for answer in [Answer::Never, unavailable()] {
        let slot = std::sync::Mutex::new(Some(answer));
        let script =
            move |_: usize, _: &[u64]| slot.lock().unwrap().take().unwrap_or(Answer::Never);
        let waited = sleepless(Memory::with(1), script);
        assert_eq!(waited, Duration::ZERO);
    }
}

#[test]
fn an_outage_is_announced_once_and_so_is_its_end() {
    let tries = AtomicUsize::new(0);
    let (said, _) = shipped(Memory::with(2), options(1), move |_, _| {
        // Two outages: one before each record.
        match tries.fetch_add(1, Relaxed) {
            0..=4 | 6..=8 => unavailable(),
            _ => Answer::Take,
        }
    });
    let count = |level: &str| said.lines().filter(|line| line.contains(level)).count();
    assert_eq!((count(" WARN "), count(" INFO "), count("ERROR ")), (2, 2, 0), "{said}");
}

#[test]
fn a_skipped_record_is_announced_by_its_index_and_never_by_its_content() {
    let (said, _) = shipped(Memory::with(3), options(3), |request, indices| {
        if indices.contains(&1) { content(request, indices) } else { Answer::Take }
    });
    let lines: Vec<&str> = said.lines().filter(|line| line.contains("ERROR")).collect();
    assert_eq!(lines.len(), 1, "{said}");
    assert!(lines[0].contains("index=1"), "{said}");
    assert!(!said.contains(SILENT), "{said}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_everything_arrives_in_order(plan in properties::plan()) {
        properties::check(&plan)?;
    }
}
