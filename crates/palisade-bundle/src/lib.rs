//! Reads, validates and tests a bundle: the unit of policies, catalog, schema, entities and tests.
//!
//! A bundle's life is written in types: [`RawBundle`] (files as read) → [`ParsedBundle`] (every
//! file has its form) → [`ValidatedBundle`] (the whole makes sense) → a
//! [`PolicySnapshot`](palisade_engine::PolicySnapshot), which exists only after the bundle's own
//! tests have passed. What policies mean is the engine's business, what tools are the catalog's.

mod archive;
mod coverage;
mod error;
mod exceptions;
mod files;
mod junit;
mod layout;
mod lint;
mod load;
mod manifest;
mod parsed;
mod raw;
pub mod repository;
pub mod rollout;
mod template_links;
mod test_case;
mod test_report;
mod test_run;
mod validated;
mod wait;
mod watch;
mod yaml;

pub use archive::{ARCHIVE_BYTES_MAX, ArchiveProblem};
pub use coverage::{ClauseCoverage, ClauseGap, Coverage};
pub use error::{ActivateError, LoadBundleError, PackBundleError, ReadBundleError};
pub use layout::UnknownEntry;
pub use load::load_directory;
pub use parsed::ParsedBundle;
pub use raw::RawBundle;
pub use test_report::{CaseReport, TestReport};
pub use validated::ValidatedBundle;
pub use watch::{Watch, WatchError, WatchWaker, Watched};
