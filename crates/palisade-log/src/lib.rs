//! Decision records behind the log port of `palisade-core`.
//!
//! A file of JSON lines for now. It is neither tamper-evident nor rotated, and it holds no
//! argument values: a record has none.

mod json;
mod json_lines;

pub use json_lines::{JsonLinesLog, OpenLogError};
