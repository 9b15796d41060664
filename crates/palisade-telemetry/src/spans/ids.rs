//! Random ids of traces and spans.

use std::cell::RefCell;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;

use fastrand::Rng;
use palisade_core::{SpanId, TraceId};

/// Two generators for each thread, so that a trace id has 128 random bits. They are seeded by the
/// operating system: processes that start at the same moment must not make the same ids. Ids are
/// no secret, so the generators need not be cryptographic ones.
struct Generators {
    high: Rng,
    low: Rng,
}

impl Generators {
    fn seeded() -> Self {
        // Each `RandomState` of a thread has other keys, which come from the operating system.
        let seed = || RandomState::new().hash_one(std::thread::current().id());
        Self { high: Rng::with_seed(seed()), low: Rng::with_seed(seed()) }
    }
}

thread_local! {
    static GENERATORS: RefCell<Generators> = RefCell::new(Generators::seeded());
}

/// A fresh trace id.
pub(crate) fn random_trace_id() -> TraceId {
    loop {
        let (high, low) = GENERATORS.with_borrow_mut(|ids| (ids.high.u64(..), ids.low.u64(..)));
        let id = (u128::from(high) << 64) | u128::from(low);
        // Zero is no id.
        if let Some(id) = TraceId::new(id.to_be_bytes()) {
            return id;
        }
    }
}

/// A fresh span id.
pub(crate) fn random_span_id() -> SpanId {
    loop {
        let id = GENERATORS.with_borrow_mut(|ids| ids.low.u64(..));
        if let Some(id) = SpanId::new(id.to_be_bytes()) {
            return id;
        }
    }
}
