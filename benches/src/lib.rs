//! What the benchmarks share: generated organisations, stock Cedar beside them, servers to load,
//! a load generator, and what is made of the results.
//!
//! Nothing here is part of the product, and nothing fails on a slow machine: benchmarks measure,
//! tests test.
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a benchmark: what is not as expected ends it"
)]

pub mod certificates;
pub mod chart;
pub mod credentials;
mod estimates;
pub mod evidence;
pub mod load;
pub mod machine;
pub mod message;
pub mod organisation;
pub mod report;
pub mod repository;
pub mod results;
pub mod serve;
pub mod stock;
mod stream;
pub mod targets;

use mimalloc::MiMalloc;

/// The product's allocator, for everything that is measured beside it as well.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Whether this run only checks that the benchmarks work.
#[must_use]
pub fn is_smoke_test() -> bool {
    std::env::args().any(|argument| argument == "--test")
}
