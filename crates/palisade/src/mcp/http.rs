//! Talks to a server over streamable HTTP: every message is a POST, the answer JSON or a stream
//! of events. Does no authentication and follows no redirects.

use std::io::{self, BufReader, Read};

use serde_json::Value;
use ureq::http::Response;
use ureq::{Agent, Body};

use super::message::{self, Call, Incoming, RpcError};
use super::sse::EventReader;
use super::{ANSWER_TIMEOUT, MESSAGE_BYTES_MAX, McpError, Transport};

/// Bytes of an error page that are read.
const ERROR_PAGE_BYTES: u64 = 64 * 1024;

/// A server behind a URL.
#[derive(Debug)]
pub(crate) struct HttpTransport {
    agent: Agent,
    url: String,
    /// `Mcp-Session-Id`, if the server gave one.
    session: Option<String>,
}

impl HttpTransport {
    /// Connects when the first message is sent.
    pub(crate) fn new(url: &str) -> Self {
        let config = Agent::config_builder()
            .timeout_global(Some(ANSWER_TIMEOUT))
            .http_status_as_error(false)
            .max_redirects(0)
            .build();
        Self { agent: config.new_agent(), url: url.to_owned(), session: None }
    }

    fn post(&mut self, call: &Call<'_>) -> Result<Response<Body>, McpError> {
        let mut request = self
            .agent
            .post(&self.url)
            .header("Content-Type", "application/json")
            .header("Accept", "application/json, text/event-stream");
        if let Some(version) = call.version {
            request = request.header("MCP-Protocol-Version", version);
            request = request.header("Mcp-Method", call.method);
        }
        if let Some(session) = &self.session {
            request = request.header("Mcp-Session-Id", session);
        }
        let response = request
            .send(call.to_line().as_bytes())
            .map_err(|source| McpError::Http { url: self.url.clone(), source: Box::new(source) })?;
        let session = response.headers().get("Mcp-Session-Id").and_then(|id| id.to_str().ok());
        if let Some(session) = session {
            self.session = Some(session.to_owned());
        }
        Ok(response)
    }
}

impl Transport for HttpTransport {
    fn request(&mut self, call: &Call<'_>) -> Result<Result<Value, RpcError>, McpError> {
        let response = self.post(call)?;
        if !response.status().is_success() {
            return refusal(response);
        }
        let is_stream = response.body().mime_type() == Some("text/event-stream");
        let limit = u64::try_from(MESSAGE_BYTES_MAX).unwrap_or(u64::MAX).saturating_add(1);
        let mut body = response.into_body().into_reader();
        if is_stream {
            return answer_in_stream(
                &mut EventReader::new(BufReader::new(body), MESSAGE_BYTES_MAX),
                call,
            );
        }
        let mut text = Vec::new();
        body.by_ref().take(limit).read_to_end(&mut text).map_err(McpError::Io)?;
        if text.len() > MESSAGE_BYTES_MAX {
            return Err(McpError::MessageTooLarge);
        }
        answer(&text, call)?.ok_or(McpError::Ended)
    }

    fn notify(&mut self, call: &Call<'_>) -> Result<(), McpError> {
        let response = self.post(call)?;
        let status = response.status();
        if status.is_success() { Ok(()) } else { Err(status_error(response)) }
    }
}

/// Looks for the answer to `call` among the events of a stream.
pub(super) fn answer_in_stream<R: io::BufRead>(
    events: &mut EventReader<R>,
    call: &Call<'_>,
) -> Result<Result<Value, RpcError>, McpError> {
    while let Some(data) = events.next_data().map_err(McpError::Io)? {
        // An event without content only carries an id to resume at.
        if data.is_empty() {
            continue;
        }
        if let Some(answer) = answer(&data, call)? {
            return Ok(answer);
        }
    }
    Err(McpError::Ended)
}

fn answer(text: &[u8], call: &Call<'_>) -> Result<Option<Result<Value, RpcError>>, McpError> {
    match message::read(text)? {
        Incoming::Answer { id, result } if id == 0 || Some(id) == call.id => Ok(Some(result)),
        Incoming::Answer { .. } | Incoming::Request { .. } | Incoming::Other => Ok(None),
    }
}

/// A refusal with a JSON-RPC error is an answer; any other page is none.
fn refusal(response: Response<Body>) -> Result<Result<Value, RpcError>, McpError> {
    let status = response.status().as_u16();
    let body = error_page(response);
    match message::read(&body) {
        Ok(Incoming::Answer { result: Err(error), .. }) => Ok(Err(error)),
        _ => Err(McpError::HttpStatus { status, body: message::excerpt(&body) }),
    }
}

fn status_error(response: Response<Body>) -> McpError {
    let status = response.status().as_u16();
    McpError::HttpStatus { status, body: message::excerpt(&error_page(response)) }
}

/// As much of an error page as can be read.
fn error_page(response: Response<Body>) -> Vec<u8> {
    let mut body = Vec::new();
    let read = response.into_body().into_reader().take(ERROR_PAGE_BYTES).read_to_end(&mut body);
    if read.is_err() {
        tracing::debug!("the error page ended early");
    }
    body
}
