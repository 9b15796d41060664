//! Why a server's tools could not be fetched.

use std::io;

use palisade_catalog::CATALOG_TOOLS_MAX;

use super::message::RpcError;
use super::{ANSWER_TIMEOUT, MESSAGE_BYTES_MAX, PAGES_MAX};

/// Why a server's tools could not be fetched.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum McpError {
    #[error("the server ended before it answered")]
    Ended,
    #[error("the server at `{url}` cannot be reached")]
    Http {
        url: String,
        #[source]
        source: Box<ureq::Error>,
    },
    #[error("the server answered HTTP {status}: {body}")]
    HttpStatus { status: u16, body: String },
    #[error("the connection to the server failed")]
    Io(#[source] io::Error),
    #[error("the server sent a message of more than {MESSAGE_BYTES_MAX} bytes")]
    MessageTooLarge,
    #[error("the server sent what is no acceptable JSON: `{start}`")]
    NotJson {
        /// The first characters of the message.
        start: String,
        #[source]
        source: serde_json::Error,
    },
    #[error("this does not look like an MCP server: {what}")]
    NotMcp { what: &'static str },
    #[error("the server refused")]
    Refused(#[source] RpcError),
    #[error(
        "the server refused both `initialize` ({initialize}) and a `tools/list` without it \
         ({stateless})"
    )]
    RefusedTwice { initialize: RpcError, stateless: RpcError },
    #[error("`{command}` cannot be started")]
    Start {
        command: String,
        #[source]
        source: io::Error,
    },
    #[error("the server did not answer within {} seconds", ANSWER_TIMEOUT.as_secs())]
    Timeout,
    #[error("the server's tool list has more than {PAGES_MAX} pages")]
    TooManyPages,
    #[error("the server has more than {CATALOG_TOOLS_MAX} tools")]
    TooManyTools,
}
