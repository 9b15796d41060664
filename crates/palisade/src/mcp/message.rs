//! JSON-RPC messages as far as a client that only asks needs them.

use serde_json::{Value, json};

use super::error::McpError;
use super::strict;

/// Characters of a broken message that are shown.
const EXCERPT_CHARACTERS: usize = 200;

/// A request or, without id, a notification.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    pub(crate) id: Option<u64>,
    pub(crate) method: &'a str,
    pub(crate) params: Value,
    /// The protocol version, if one is agreed on.
    pub(crate) version: Option<&'a str>,
}

/// A server's refusal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message} ({code})")]
pub(crate) struct RpcError {
    pub(crate) code: i64,
    pub(crate) message: String,
}

/// A message of a server.
#[derive(Debug, PartialEq)]
pub(super) enum Incoming {
    /// The answer to a request of ours.
    Answer { id: u64, result: Result<Value, RpcError> },
    /// A request to us; its id goes back as it came.
    Request { id: Value },
    /// A notification, which is nothing to us.
    Other,
}

impl Call<'_> {
    /// The message on one line.
    pub(super) fn to_line(&self) -> String {
        let Self { id, method, params, version: _ } = self;
        let mut message = json!({ "jsonrpc": "2.0", "method": method, "params": params });
        if let (Some(id), Some(object)) = (id, message.as_object_mut()) {
            object.insert("id".to_owned(), Value::from(*id));
        }
        message.to_string()
    }
}

/// Reads one message.
pub(super) fn read(text: &[u8]) -> Result<Incoming, McpError> {
    let mut message = match strict::from_slice(text) {
        Ok(message) => message,
        Err(source) => return Err(McpError::NotJson { start: excerpt(text), source }),
    };
    let id = message.get("id").filter(|id| !id.is_null()).cloned();
    if message.get("method").is_some() {
        return Ok(id.map_or(Incoming::Other, |id| Incoming::Request { id }));
    }
    let result = if let Some(result) = message.get_mut("result") {
        Ok(result.take())
    } else if let Some(error) = message.get("error") {
        Err(RpcError {
            code: error.get("code").and_then(Value::as_i64).unwrap_or_default(),
            message: error.get("message").and_then(Value::as_str).unwrap_or("no reason").to_owned(),
        })
    } else {
        return Err(McpError::NotMcp { what: "it sent neither a result nor an error" });
    };
    match (id, result) {
        (Some(id), result) => match id.as_u64() {
            Some(id) => Ok(Incoming::Answer { id, result }),
            None => Ok(Incoming::Other),
        },
        // A refusal of a request that could not be read carries no id (JSON-RPC 2.0, section 5).
        // One call is open at a time, so it is that one's; 0 matches any.
        (None, Err(error)) => Ok(Incoming::Answer { id: 0, result: Err(error) }),
        (None, Ok(_)) => Err(McpError::NotMcp { what: "it sent a result without an id" }),
    }
}

/// What we answer to every request of a server: this client offers nothing.
pub(super) fn method_not_found(id: &Value) -> String {
    let error = json!({ "code": -32601, "message": "method not found" });
    json!({ "jsonrpc": "2.0", "id": id, "error": error }).to_string()
}

/// The start of a text for an error message, without control characters.
pub(super) fn excerpt(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    text.chars().filter(|character| !character.is_control()).take(EXCERPT_CHARACTERS).collect()
}
