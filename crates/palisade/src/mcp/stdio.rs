//! Talks to a server that we start: one JSON message per line over its standard input and output.
//!
//! Its standard error is passed through, so that its complaints are seen; so are lines of its
//! standard output that are no JSON objects, because many servers greet there although they must
//! not.

use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use palisade_core::Clock;
use serde_json::Value;

use super::message::{self, Call, Incoming, RpcError};
use super::{ANSWER_TIMEOUT, MESSAGE_BYTES_MAX, McpError, Transport};

/// How long a server may take to end after its input was closed; then it is killed.
const END_TIMEOUT: Duration = Duration::from_secs(2);

/// Lines read ahead; when full, the reading thread waits and the server's pipe fills.
const LINES_AHEAD: usize = 16;

type Line = Result<Vec<u8>, McpError>;

/// A server that runs as our child.
pub(crate) struct StdioTransport<'a> {
    child: Child,
    /// `None` once it is closed.
    input: Option<ChildStdin>,
    lines: Receiver<Line>,
    clock: &'a dyn Clock,
}

impl<'a> StdioTransport<'a> {
    /// Starts a server.
    pub(crate) fn start(
        program: &OsString,
        arguments: &[OsString],
        clock: &'a dyn Clock,
    ) -> Result<Self, McpError> {
        let mut child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|source| McpError::Start {
                command: program.to_string_lossy().into_owned(),
                source,
            })?;
        let (sender, lines) = sync_channel(LINES_AHEAD);
        if let Some(output) = child.stdout.take() {
            // Ends with the server's output or when the transport is dropped.
            thread::spawn(move || read_lines(output, &sender));
        }
        Ok(Self { input: child.stdin.take(), child, lines, clock })
    }

    fn send(&mut self, line: &str) -> Result<(), McpError> {
        let Some(input) = &mut self.input else { return Err(McpError::Ended) };
        let written = input.write_all(format!("{line}\n").as_bytes()).and_then(|()| input.flush());
        written.map_err(|error| match error.kind() {
            ErrorKind::BrokenPipe => McpError::Ended,
            _ => McpError::Io(error),
        })
    }

    fn receive(&self, deadline: Duration) -> Result<Vec<u8>, McpError> {
        let left = deadline.saturating_sub(self.clock.monotonic());
        match self.lines.recv_timeout(left) {
            Ok(line) => line,
            Err(RecvTimeoutError::Timeout) => Err(McpError::Timeout),
            Err(RecvTimeoutError::Disconnected) => Err(McpError::Ended),
        }
    }
}

impl Transport for StdioTransport<'_> {
    fn request(&mut self, call: &Call<'_>) -> Result<Result<Value, RpcError>, McpError> {
        let deadline = self.clock.monotonic() + ANSWER_TIMEOUT;
        self.send(&call.to_line())?;
        loop {
            let line = self.receive(deadline)?;
            if !line.trim_ascii_start().starts_with(b"{") {
                pass_through(&line)?;
                continue;
            }
            match message::read(&line)? {
                Incoming::Answer { id, result } if id == 0 || Some(id) == call.id => {
                    return Ok(result);
                }
                Incoming::Request { id } => self.send(&message::method_not_found(&id))?,
                Incoming::Answer { .. } | Incoming::Other => {}
            }
        }
    }

    fn notify(&mut self, call: &Call<'_>) -> Result<(), McpError> {
        self.send(&call.to_line())
    }
}

impl Drop for StdioTransport<'_> {
    fn drop(&mut self) {
        // A server ends when its input does (MCP, stdio shutdown); its output ends with it.
        drop(self.input.take());
        let deadline = self.clock.monotonic() + END_TIMEOUT;
        while self.receive(deadline).is_ok() {}
        if matches!(self.child.try_wait(), Ok(Some(_))) {
            return;
        }
        // It may be gone already, or just about to; either way it has to be collected.
        if self.child.kill().and_then(|()| self.child.wait()).is_err() {
            tracing::warn!("the MCP server could not be stopped");
        }
    }
}

fn pass_through(line: &[u8]) -> Result<(), McpError> {
    writeln!(io::stderr().lock(), "{}", message::excerpt(line)).map_err(McpError::Io)
}

fn read_lines(output: ChildStdout, sender: &SyncSender<Line>) {
    let mut output = BufReader::new(output);
    loop {
        let mut line = Vec::new();
        // One byte more than allowed shows that the line is too long.
        let limit = u64::try_from(MESSAGE_BYTES_MAX).unwrap_or(u64::MAX).saturating_add(1);
        let read = output.by_ref().take(limit).read_until(b'\n', &mut line);
        let message = match read {
            Ok(0) => return,
            Ok(_) if line.len() > MESSAGE_BYTES_MAX => Err(McpError::MessageTooLarge),
            Ok(_) if line.trim_ascii().is_empty() => continue,
            Ok(_) => Ok(line),
            Err(error) => Err(McpError::Io(error)),
        };
        let last = message.is_err();
        if sender.send(message).is_err() || last {
            return;
        }
    }
}
