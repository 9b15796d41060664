//! From a directory to a snapshot in one step.

use std::path::Path;

use palisade_core::{FactSources, Problems};
use palisade_engine::PolicySnapshot;

use crate::error::LoadBundleError;
use crate::raw::RawBundle;

/// Reads, parses, validates and tests the bundle in a directory. With the snapshot come all
/// advices for the bundle's author.
///
/// # Errors
/// The first step that fails, with everything it found.
pub fn load_directory(
    path: &Path,
    facts: FactSources,
) -> Result<(PolicySnapshot, Problems), LoadBundleError> {
    let raw = RawBundle::read_directory(path)?;
    let (parsed, Problems(mut advice)) = raw.parse().map_err(LoadBundleError::Invalid)?;
    let (validated, more) = parsed.validate(facts).map_err(LoadBundleError::Invalid)?;
    advice.extend(more.0);
    let report = validated.run_tests();
    advice.extend(validated.coverage_advice(&report).0);
    Ok((validated.activate_after(report)?, Problems(advice)))
}

#[cfg(test)]
mod tests;
