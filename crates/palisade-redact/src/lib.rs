//! Finds and masks secrets and personal data in text and JSON.
//!
//! Nothing leaves the process unseen by this crate: the decision log, OTLP, traces, metrics, log
//! lines and error texts all pass here first. It is pure: no clock, no I/O, no state but the
//! rules, which are compiled once.
//!
//! The rules are our own. `kingfisher-rules` was tried: 1.0.0 wants Rust 1.96 and a C++ matcher
//! (vectorscan), 3.x adds rules under CC-BY-SA-4.0; no other library is lean and kept as well.
//!
//! A text costs one pass of a prefilter; only what that points out is tried in full, out of a budget
//! that is linear in its length (`work`); a text that wants more is masked whole. See `rules`
//! for what is looked for, and `evaluation` (in the tests) for how well it is found. Known to be
//! missed: names of people in prose that are no common given names, secrets without a known
//! format or a telling name, encodings more than three deep, compressed data. Masked whole without need: long texts
//! (some 64 KiB and more) that mix several encodings.
#![warn(missing_docs)]

mod assignment;
mod check;
mod encoding;
mod json;
mod mask;
mod naming;
mod numbers;
mod prefilter;
mod redact;
mod rules;
mod scan;
mod work;

#[cfg(test)]
mod evaluation;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod properties;

pub use json::{Finding, json};
pub use redact::{GROWTH_MAX, Kind, RedactedText, Scope, is_clean, named_text, text, warm};
