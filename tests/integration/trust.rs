//! A server that asks who calls, verifies whom calls speak of, and what those run in.

mod attestation;
mod callers;
mod certificates;
mod chains;
mod keys;
mod listing;
mod quotes;
mod revocation;
mod scene;
mod settings;
mod step_up;
