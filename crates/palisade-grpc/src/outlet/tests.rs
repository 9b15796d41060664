//! How long an answer counts, and what becomes of one for which there is no room.

use std::task::Waker;

use hyper::body::Body as _;
use tonic::Code;
use tonic_types::StatusExt as _;

use super::*;
use crate::usage::{Budget, CONNECTION_ALLOWANCE_BYTES};

/// A connection without a share of the budget, and a call on it that is answered with so many
/// bytes.
fn answered_with(bytes: usize) -> (Arc<Usage>, Outlet) {
    let usage = Arc::new(Usage::new(Arc::new(Budget::new(0))));
    let call = Arc::new(usage.charge(100).expect("room"));
    let body = Body::new("x".repeat(bytes));
    (Arc::clone(&usage), Outlet::new(body, usage, call))
}

fn next(outlet: &mut Outlet) -> Option<Frame<Bytes>> {
    let mut context = Context::from_waker(Waker::noop());
    match Pin::new(outlet).poll_frame(&mut context) {
        Poll::Ready(frame) => frame.map(|frame| frame.expect("a frame")),
        Poll::Pending => panic!("it is ready"),
    }
}

/// Whether a connection has room for so many bytes.
fn has_room(usage: &Arc<Usage>, bytes: usize) -> bool {
    usage.charge(bytes).is_some()
}

#[test]
fn answer_and_call_count_until_the_answer_is_written() {
    let (usage, mut outlet) = answered_with(1000);
    let bytes = next(&mut outlet).and_then(|frame| frame.into_data().ok()).expect("data");
    assert_eq!(bytes.len(), 1000);
    assert!(next(&mut outlet).is_none());
    drop(outlet);
    let part = bytes.slice(999..);
    drop(bytes);
    assert!(has_room(&usage, CONNECTION_ALLOWANCE_BYTES - 1100));
    assert!(!has_room(&usage, CONNECTION_ALLOWANCE_BYTES - 1099));
    drop(part);
    assert!(has_room(&usage, CONNECTION_ALLOWANCE_BYTES));
}

#[test]
fn an_answer_for_which_there_is_no_room_is_a_status() {
    let (_, mut outlet) = answered_with(CONNECTION_ALLOWANCE_BYTES - 100);
    assert!(next(&mut outlet).is_some_and(|frame| frame.is_data()));
    let (usage, mut outlet) = answered_with(CONNECTION_ALLOWANCE_BYTES - 99);
    let trailers = next(&mut outlet).and_then(|frame| frame.into_trailers().ok());
    let status = Status::from_header_map(&trailers.expect("trailers")).expect("a status");
    let reason = status.get_details_error_info().map(|info| info.reason);
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert_eq!(reason.as_deref(), Some("bytes_exhausted"));
    assert!(outlet.is_end_stream() && next(&mut outlet).is_none());
    drop(outlet);
    assert!(has_room(&usage, CONNECTION_ALLOWANCE_BYTES));
}
