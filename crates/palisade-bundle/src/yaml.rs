//! Reads a YAML file of a bundle and says where it is wrong.

use std::ops::Range;

use serde::de::DeserializeOwned;
use serde_saphyr::Spanned;

use palisade_core::Problem;
use palisade_engine::SourceFile;

/// Reads one YAML document, as strictly as the catalog is read.
///
/// # Errors
/// What is wrong first; a YAML parser cannot go on after an error.
pub(crate) fn read<T: DeserializeOwned>(file: &SourceFile) -> Result<T, Problem> {
    palisade_catalog::yaml::read(&file.name, &file.text, "yaml.invalid")
}

/// Where a value stands in its file, in bytes.
pub(crate) fn span<T>(file: &SourceFile, value: &Spanned<T>) -> Option<Range<usize>> {
    palisade_catalog::yaml::span(value.referenced, &file.text)
}

#[cfg(test)]
mod tests;
