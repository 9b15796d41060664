//! MCP's `tools/list` as JSON, and the catalog proposed from it.
//!
//! A server's annotations are claims of a stranger: they make a proposal that a person reviews.
//! Talking to servers happens elsewhere.

mod diff;
mod propose;
mod yaml;

use palisade_core::Sha256Digest;
use serde_json::Value;

pub use self::diff::{Change, diff};
pub use self::propose::{LeftOut, Proposal, ProposedTool, propose};
pub use self::yaml::WriteCatalogError;
use crate::catalog::CATALOG_TOOLS_MAX;

/// One tool as an MCP server describes it.
#[derive(Clone, Debug, PartialEq)]
pub struct McpTool {
    /// Its name at the server.
    pub name: String,
    /// The whole definition.
    pub definition: Value,
    /// Digest of the whole definition in canonical form.
    pub digest: Sha256Digest,
}

/// Why a tools list cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// A definition cannot be written as canonical JSON.
    #[error("the definition of `{tool}` has no canonical form")]
    Digest {
        /// The tool.
        tool: String,
        /// Why.
        source: serde_json::Error,
    },
    /// The list says that it goes on.
    #[error("the list is only the first page: fetch the pages after `nextCursor` and join them")]
    Incomplete,
    /// An entry is no object with a name.
    #[error("tool {position} of the list has no name")]
    Nameless {
        /// Its place in the list, from 1.
        position: usize,
    },
    /// The text is something else.
    #[error("this is no tools list: expected an array of tools, or an object with `tools`")]
    NotAToolsList,
    /// The server answered with an error.
    #[error("the server answered `tools/list` with an error: {message}")]
    Server {
        /// What it said.
        message: String,
    },
    /// More tools than a catalog may have.
    #[error("the list has {count} tools; the limit is {CATALOG_TOOLS_MAX}")]
    TooMany {
        /// How many.
        count: usize,
    },
}

/// Reads a `tools/list` result: `{tools: […]}`, the JSON-RPC answer around it, or the bare array.
///
/// # Errors
/// It is something else, one page of several, or has an entry without a name.
pub fn parse_tools_list(json: &Value) -> Result<Vec<McpTool>, ImportError> {
    if let Some(error) = json.get("error") {
        let message = error.get("message").and_then(Value::as_str).unwrap_or("no message");
        return Err(ImportError::Server { message: message.escape_debug().to_string() });
    }
    let result = json.get("result").unwrap_or(json);
    if result.get("nextCursor").is_some_and(|cursor| !cursor.is_null()) {
        return Err(ImportError::Incomplete);
    }
    let tools =
        result.get("tools").unwrap_or(result).as_array().ok_or(ImportError::NotAToolsList)?;
    if tools.len() > CATALOG_TOOLS_MAX {
        return Err(ImportError::TooMany { count: tools.len() });
    }
    tools.iter().enumerate().map(|(index, definition)| parse_tool(index + 1, definition)).collect()
}

fn parse_tool(position: usize, definition: &Value) -> Result<McpTool, ImportError> {
    let name = match definition.get("name") {
        Some(Value::String(name)) if !name.is_empty() => name.clone(),
        _ => return Err(ImportError::Nameless { position }),
    };
    let digest = Sha256Digest::of_json(definition)
        .map_err(|source| ImportError::Digest { tool: name.clone(), source })?;
    Ok(McpTool { name, definition: definition.clone(), digest })
}

#[cfg(test)]
mod tests;
