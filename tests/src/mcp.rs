//! A small MCP client over stdio, to do what an agent runtime does: list a server's tools and call
//! them. Shares nothing with the client of `palisade import mcp`.

use std::ffi::OsString;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

/// How long a server may take for one answer, its start included.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// A running MCP server; ended when dropped. Blocks: not for a runtime of one thread.
#[derive(Debug)]
pub struct McpServer {
    process: Child,
    input: ChildStdin,
    messages: mpsc::Receiver<Value>,
    next_id: u64,
}

impl McpServer {
    /// Starts a server and greets it.
    ///
    /// # Panics
    /// It does not start or does not answer.
    #[must_use]
    pub fn start(command: &[OsString]) -> Self {
        let mut process = Command::new(&command[0])
            .args(&command[1..])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("{} does not start: {error}", command[0].display()));
        let input = process.stdin.take().expect("piped");
        let output = BufReader::new(process.stdout.take().expect("piped"));
        let (sender, messages) = mpsc::channel();
        thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                let message = serde_json::from_str(&line).expect("a server writes only JSON");
                if sender.send(message).is_err() {
                    break;
                }
            }
        });
        let mut server = Self { process, input, messages, next_id: 1 };
        let greeting = json!({
            "protocolVersion": "2025-11-25",
            "capabilities": {},
            "clientInfo": { "name": "palisade-tests", "version": "0" },
        });
        server.request("initialize", &greeting);
        server.send(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }));
        server
    }

    /// The definitions of its tools.
    pub fn list_tools(&mut self) -> Vec<Value> {
        let result = self.request("tools/list", &json!({}));
        assert!(result.get("nextCursor").is_none(), "one page");
        result["tools"].as_array().expect("tools").clone()
    }

    /// Calls a tool; the text it answers with, or its error.
    ///
    /// # Errors
    /// The server did not do what it was asked for.
    pub fn call(&mut self, tool: &str, arguments: &Value) -> Result<String, String> {
        let result = self.request("tools/call", &json!({ "name": tool, "arguments": arguments }));
        let text = result["content"][0]["text"].as_str().unwrap_or_default().to_owned();
        if result["isError"] == json!(true) { Err(text) } else { Ok(text) }
    }

    fn request(&mut self, method: &str, params: &Value) -> Value {
        let id = self.next_id;
        self.next_id += 1;
        self.send(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }));
        loop {
            let message = self.messages.recv_timeout(ANSWER_TIMEOUT);
            let message = message.unwrap_or_else(|_| panic!("no answer to {method}"));
            if message["id"] == json!(id) {
                assert!(message.get("error").is_none(), "{method}: {message}");
                return message["result"].clone();
            }
        }
    }

    fn send(&mut self, message: &Value) {
        writeln!(self.input, "{message}").expect("the server reads");
    }
}

impl Drop for McpServer {
    fn drop(&mut self) {
        // It may be gone already.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}
