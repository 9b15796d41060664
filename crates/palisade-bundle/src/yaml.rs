//! Reads a YAML file of a bundle and says where it is wrong.

use std::ops::Range;

use serde::de::DeserializeOwned;
use serde_saphyr::options::MergeKeyPolicy;
use serde_saphyr::{MessageFormatter, Spanned, UserMessageFormatter};

use palisade_core::Problem;
use palisade_engine::SourceFile;

/// Reads one YAML document. Duplicate keys, unknown fields, merge keys, tags of unknown meaning
/// and further documents are errors; only `true` and `false` are booleans.
///
/// # Errors
/// What is wrong first; a YAML parser cannot go on after an error.
pub(crate) fn read<T: DeserializeOwned>(file: &SourceFile) -> Result<T, Problem> {
    let options = serde_saphyr::options! {
        merge_keys: MergeKeyPolicy::Error,
        reject_unsupported_tags: true,
        strict_booleans: true,
        with_snippet: false,
    };
    serde_saphyr::from_str_with_options(&file.text, options).map_err(|error| {
        let message = UserMessageFormatter.format_message(error.without_snippet());
        let message = message.split_whitespace().collect::<Vec<_>>().join(" ");
        let mut problem = Problem::error("yaml.invalid", message).in_file(&file.name);
        problem.span = error.location().and_then(|location| byte_range(file, location.span()));
        problem
    })
}

/// Where a value stands in its file, in bytes.
pub(crate) fn span<T>(file: &SourceFile, value: &Spanned<T>) -> Option<Range<usize>> {
    byte_range(file, value.referenced.span())
}

/// At least one character, if there is one: a place without extent is hard to point at.
fn byte_range(file: &SourceFile, span: serde_saphyr::Span) -> Option<Range<usize>> {
    let start = usize::try_from(span.byte_offset()?).ok()?;
    let length = usize::try_from(span.byte_len()?).ok()?;
    let character = file.text.get(start..)?.chars().next().map_or(0, char::len_utf8);
    let end = start.saturating_add(length.max(character)).min(file.text.len());
    Some(start..end)
}

#[cfg(test)]
mod tests;
