//! Reads the YAML files of a bundle, strictly, and says where they are wrong.

use std::ops::Range;
use std::sync::Arc;

use palisade_core::Problem;
use serde::de::DeserializeOwned;
use serde_saphyr::options::MergeKeyPolicy;
use serde_saphyr::{Location, MessageFormatter, UserMessageFormatter};

/// What a file may expand through `*alias`, in YAML events.
// LIMIT: keeps a "billion laughs" file from growing; sharing a schema among tools stays possible.
const ALIAS_EVENTS_MAX: usize = 100_000;

/// Nesting of the text.
// LIMIT: an imported schema comes from a JSON reader that stops at 128 levels; it stands in the
// fourth level of a catalog.
const DEPTH_MAX: usize = 144;

/// YAML nodes of the text.
// LIMIT: the size of a bundle's file already bounds them (two bytes each, at least); the parser's
// own limit would not carry the schemas of `CATALOG_TOOLS_MAX` tools.
const NODES_MAX: usize = 8 * 1024 * 1024;

/// Reads one YAML document. Duplicate keys, unknown fields, merge keys, tags of unknown meaning
/// and further documents are errors; only `true` and `false` are booleans.
///
/// # Errors
/// The first mistake, under the given code: a YAML parser cannot go on after one.
pub fn read<T: DeserializeOwned>(
    file: &Arc<str>,
    text: &str,
    code: &'static str,
) -> Result<T, Problem> {
    let options = serde_saphyr::options! {
        strict_booleans: true,
        reject_unsupported_tags: true,
        merge_keys: MergeKeyPolicy::Error,
        with_snippet: false,
        budget: serde_saphyr::budget! {
            max_depth: DEPTH_MAX,
            max_nodes: NODES_MAX,
            max_events: 2 * NODES_MAX,
        },
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: ALIAS_EVENTS_MAX },
    };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        let message = UserMessageFormatter.format_message(error.without_snippet());
        let message = message.split_whitespace().collect::<Vec<_>>().join(" ");
        let mut problem = Problem::error(code, message).in_file(file);
        problem.span = error.location().and_then(|location| span(location, text));
        problem
    })
}

/// Where a YAML node stands, in bytes; at least one character if there is one, because a place
/// without extent is hard to point at.
#[must_use]
pub fn span(location: Location, text: &str) -> Option<Range<usize>> {
    let start = usize::try_from(location.span().byte_offset()?).ok()?.min(text.len());
    let length = usize::try_from(location.span().byte_len()?).ok()?;
    let first = text.get(start..)?.chars().next().map_or(0, char::len_utf8);
    Some(start..start.saturating_add(length.max(first)).min(text.len()))
}
