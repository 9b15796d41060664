//! What the policies say, without a network: the engine against references and properties.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod argument_converter;
mod credential_readers;
mod engines;
mod exceptions;
mod facts;
mod fail_closed;
mod identity;
mod incremental;
mod lints;
mod matrix;
mod memory;
mod properties;
mod prospects;
mod replays;
mod shadow;
mod universe;
mod verdicts;
mod warm;
