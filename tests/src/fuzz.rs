//! What is fuzzed: the bodies of the targets in `tests/fuzz`, and input for them without a fuzzer.
//!
//! A body takes bytes from a stranger and asserts what has to hold whatever they are. The fuzzer
//! calls it, and plain tests call it with the committed corpus and with generated input.

pub mod arguments;
mod attestation;
pub mod certificates;
pub mod cose;
mod decision_point;
pub mod input;
mod keys;
mod request_model;
pub mod requests;
pub mod seeds;
pub mod tokens;
pub mod tpm;
