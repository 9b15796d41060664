//! A small synchronous MCP client that can do one thing: fetch a server's tools.
//!
//! Speaks both eras of the protocol: the one that begins with `initialize` (up to 2025-11-25)
//! and the stateless one (2026-07-28). Tools are handed on as the JSON the server sent, because
//! their digests are over exactly that. Never calls a tool.

mod error;
mod http;
mod message;
mod sse;
mod stdio;
pub(crate) mod strict;

use std::time::Duration;

use palisade_catalog::CATALOG_TOOLS_MAX;
use serde_json::{Map, Value, json};

pub(crate) use error::McpError;
pub(crate) use http::HttpTransport;
use message::{Call, RpcError};
pub(crate) use stdio::StdioTransport;

/// The newest version that begins with `initialize`.
const SESSION_VERSION: &str = "2025-11-25";

/// The version without sessions.
const STATELESS_VERSION: &str = "2026-07-28";

/// Pages of one tool list.
// LIMIT: with 10 tools a page, which is the least seen, as many tools as a large catalog has.
const PAGES_MAX: usize = 1_000;

/// Bytes of one message of a server.
// LIMIT: a page of a few hundred tools with long descriptions is below 1 MiB.
const MESSAGE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// How long a server may take for one answer. Starting it is part of the first one, and `npx`
/// may have to download it.
pub(crate) const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);

/// Carries calls to a server and its answers back.
pub(crate) trait Transport {
    /// Sends a request and waits for its answer.
    fn request(&mut self, call: &Call<'_>) -> Result<Result<Value, RpcError>, McpError>;

    /// Sends a notification.
    fn notify(&mut self, call: &Call<'_>) -> Result<(), McpError>;
}

/// Fetches all tools of a server: a JSON object with the array `tools`, as a server that answers
/// in one page would have sent it.
///
/// # Errors
/// The server cannot be talked to, refuses in both eras, or never ends its list.
pub(crate) fn fetch_tools(transport: &mut dyn Transport) -> Result<Value, McpError> {
    let mut session = Session { transport, next_id: 1, version: None };
    match session.initialize()? {
        Ok(()) => session.list_tools()?.map_err(McpError::Refused),
        // Whatever a server of the stateless era says to `initialize`, it is an error: method not
        // found, a missing header, missing metadata.
        Err(refused) => {
            session.version = None;
            session
                .list_tools()?
                .map_err(|stateless| McpError::RefusedTwice { initialize: refused, stateless })
        }
    }
}

struct Session<'a> {
    transport: &'a mut dyn Transport,
    next_id: u64,
    /// The version agreed on by `initialize`; `None`: stateless.
    version: Option<String>,
}

impl Session<'_> {
    fn initialize(&mut self) -> Result<Result<(), RpcError>, McpError> {
        let params = json!({
            "protocolVersion": SESSION_VERSION,
            "capabilities": {},
            "clientInfo": client_info(),
        });
        let result = match self.call("initialize", params)? {
            Ok(result) => result,
            Err(refused) => return Ok(Err(refused)),
        };
        let Some(version) = result.get("protocolVersion").and_then(Value::as_str) else {
            return Err(McpError::NotMcp { what: "`initialize` was answered without a version" });
        };
        self.version = Some(version.to_owned());
        let call = Call {
            id: None,
            method: "notifications/initialized",
            params: json!({}),
            version: self.version.as_deref(),
        };
        self.transport.notify(&call)?;
        Ok(Ok(()))
    }

    fn list_tools(&mut self) -> Result<Result<Value, RpcError>, McpError> {
        let mut tools = Vec::new();
        let mut cursor: Option<String> = None;
        for _ in 0..PAGES_MAX {
            let mut result = match self.call("tools/list", self.list_params(cursor.as_deref()))? {
                Ok(result) => result,
                Err(refused) => return Ok(Err(refused)),
            };
            let Some(Value::Array(page)) = result.get_mut("tools").map(Value::take) else {
                return Err(McpError::NotMcp { what: "`tools/list` was answered without tools" });
            };
            tools.extend(page);
            if tools.len() > CATALOG_TOOLS_MAX {
                return Err(McpError::TooManyTools);
            }
            match result.get("nextCursor") {
                None | Some(Value::Null) => return Ok(Ok(json!({ "tools": tools }))),
                Some(Value::String(next)) => cursor = Some(next.clone()),
                Some(_) => return Err(McpError::NotMcp { what: "a cursor is no string" }),
            }
        }
        Err(McpError::TooManyPages)
    }

    fn list_params(&self, cursor: Option<&str>) -> Value {
        let mut params = Map::new();
        if let Some(cursor) = cursor {
            params.insert("cursor".to_owned(), Value::from(cursor));
        }
        if self.version.is_none() {
            let meta = json!({
                "io.modelcontextprotocol/protocolVersion": STATELESS_VERSION,
                "io.modelcontextprotocol/clientCapabilities": {},
                "io.modelcontextprotocol/clientInfo": client_info(),
            });
            params.insert("_meta".to_owned(), meta);
        }
        Value::Object(params)
    }

    fn call(&mut self, method: &str, params: Value) -> Result<Result<Value, RpcError>, McpError> {
        let id = self.next_id;
        self.next_id += 1;
        let version = match (method, &self.version) {
            // The version is what `initialize` is there to find out.
            ("initialize", _) => None,
            (_, Some(version)) => Some(version.as_str()),
            (_, None) => Some(STATELESS_VERSION),
        };
        self.transport.request(&Call { id: Some(id), method, params, version })
    }
}

fn client_info() -> Value {
    json!({ "name": "palisade", "version": env!("CARGO_PKG_VERSION") })
}

#[cfg(test)]
mod tests;
