//! The MCP client against scripted servers; real ones are met in the integration tests.

use std::collections::VecDeque;
use std::io::Cursor;

use super::http::answer_in_stream;
use super::message::{Incoming, read};
use super::sse::EventReader;
use super::*;

type Answer = Result<Value, RpcError>;

/// Answers from a script and remembers what was asked.
#[derive(Default)]
struct Script {
    answers: VecDeque<Answer>,
    /// Given when the script is over.
    rest: Option<Value>,
    asked: Vec<(String, Value, Option<String>)>,
}

impl Script {
    fn new(answers: impl IntoIterator<Item = Answer>) -> Self {
        Self { answers: answers.into_iter().collect(), ..Self::default() }
    }

    fn note(&mut self, call: &Call<'_>) {
        let version = call.version.map(str::to_owned);
        self.asked.push((call.method.to_owned(), call.params.clone(), version));
    }
}

impl Transport for Script {
    fn request(&mut self, call: &Call<'_>) -> Result<Answer, McpError> {
        self.note(call);
        let next = self.answers.pop_front();
        next.or_else(|| self.rest.clone().map(Ok)).ok_or(McpError::Ended)
    }

    fn notify(&mut self, call: &Call<'_>) -> Result<(), McpError> {
        self.note(call);
        Ok(())
    }
}

fn initialized() -> Answer {
    Ok(json!({ "protocolVersion": "2025-06-18", "capabilities": {} }))
}

fn refused() -> Answer {
    Err(RpcError { code: -32601, message: "no such method".to_owned() })
}

#[test]
fn pages_are_joined_and_tools_kept_as_sent() {
    let tool = json!({ "name": "a", "x-unknown": [1, { "y": null }] });
    let mut script = Script::new([
        initialized(),
        Ok(json!({ "tools": [tool], "nextCursor": "2" })),
        Ok(json!({ "tools": [{ "name": "b" }] })),
    ]);
    let tools = fetch_tools(&mut script).expect("fetched");
    assert_eq!(tools, json!({ "tools": [tool, { "name": "b" }] }));
    let methods: Vec<&str> = script.asked.iter().map(|(method, ..)| method.as_str()).collect();
    let expected = ["initialize", "notifications/initialized", "tools/list", "tools/list"];
    assert_eq!(methods, expected);
    assert_eq!(script.asked[3].1, json!({ "cursor": "2" }));
    let versions: Vec<_> = script.asked.iter().map(|(_, _, version)| version.as_deref()).collect();
    let agreed = Some("2025-06-18");
    assert_eq!(versions, [None, agreed, agreed, agreed]);
}

#[test]
fn a_server_without_initialize_is_asked_statelessly() {
    let mut script = Script::new([refused(), Ok(json!({ "tools": [] }))]);
    assert_eq!(fetch_tools(&mut script).expect("fetched"), json!({ "tools": [] }));
    let (method, params, version) = &script.asked[1];
    assert_eq!((method.as_str(), version.as_deref()), ("tools/list", Some(STATELESS_VERSION)));
    let meta = &params["_meta"];
    assert_eq!(meta["io.modelcontextprotocol/protocolVersion"], STATELESS_VERSION);
    assert_eq!(meta["io.modelcontextprotocol/clientCapabilities"], json!({}));
}

#[test]
fn a_server_that_refuses_both_eras_is_named_with_both_refusals() {
    let error = fetch_tools(&mut Script::new([refused(), refused()])).expect_err("refused");
    assert!(matches!(error, McpError::RefusedTwice { .. }), "{error}");
}

#[test]
fn a_list_that_never_ends_is_cut_off() {
    let mut script = Script::new([initialized()]);
    script.rest = Some(json!({ "tools": [{ "name": "a" }], "nextCursor": "again" }));
    let error = fetch_tools(&mut script).expect_err("endless");
    assert!(matches!(error, McpError::TooManyPages), "{error}");
    assert_eq!(script.asked.len(), 2 + PAGES_MAX);
}

#[test]
fn tools_are_taken_up_to_the_limit_and_not_one_more() {
    let page = |tools: usize| Ok(json!({ "tools": vec![json!({ "name": "a" }); tools] }));
    assert!(fetch_tools(&mut Script::new([initialized(), page(CATALOG_TOOLS_MAX)])).is_ok());
    let error = fetch_tools(&mut Script::new([initialized(), page(CATALOG_TOOLS_MAX + 1)]));
    assert!(matches!(error, Err(McpError::TooManyTools)), "{error:?}");
}

#[test]
fn answers_without_tools_are_no_mcp() {
    for answer in [json!({}), json!({ "tools": {} }), json!({ "tools": [], "nextCursor": 3 })] {
        let error = fetch_tools(&mut Script::new([initialized(), Ok(answer.clone())]));
        assert!(matches!(error, Err(McpError::NotMcp { .. })), "{answer}");
    }
}

fn events(text: &str) -> EventReader<Cursor<Vec<u8>>> {
    EventReader::new(Cursor::new(text.as_bytes().to_vec()), 100)
}

#[test]
fn events_are_read_with_comments_fields_and_both_line_ends() {
    let mut reader = events(
        ": hello\n\nevent: message\nid: 1\ndata: {\"a\":\ndata:1}\n\n\r\ndata: two\r\n\r\ndata: cut off",
    );
    assert_eq!(reader.next_data().expect("reads"), Some(b"{\"a\":\n1}".to_vec()));
    assert_eq!(reader.next_data().expect("reads"), Some(b"two".to_vec()));
    assert_eq!(reader.next_data().expect("reads"), None);
}

#[test]
fn events_end_at_their_limit() {
    let event = |bytes: usize| format!("data:{}\n\n", "x".repeat(bytes - 5));
    assert!(events(&event(100)).next_data().expect("reads").is_some());
    assert!(events(&event(101)).next_data().is_err());
    assert!(events(&"data:x\n".repeat(1_000)).next_data().is_err());
    assert!(events(&"x".repeat(1_000)).next_data().is_err());
}

#[test]
fn the_answer_is_found_among_other_events() {
    let stream = concat!(
        "data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\"}\n\n",
        "data:\n\n",
        "data: {\"jsonrpc\":\"2.0\",\"id\":8,\"result\":1}\n\n",
        "data: {\"jsonrpc\":\"2.0\",\"id\":7,\"result\":2}\n\n",
    );
    let call = Call { id: Some(7), method: "tools/list", params: json!({}), version: None };
    let mut reader = EventReader::new(Cursor::new(stream), 1_000);
    assert_eq!(answer_in_stream(&mut reader, &call).expect("answered"), Ok(json!(2)));
    let error = answer_in_stream(&mut reader, &call).expect_err("over");
    assert!(matches!(error, McpError::Ended), "{error}");
}

#[test]
fn messages_are_told_apart() {
    let request = read(br#"{"id":"x","method":"ping"}"#).expect("reads");
    assert_eq!(request, Incoming::Request { id: json!("x") });
    assert_eq!(read(br#"{"method":"ping"}"#).expect("reads"), Incoming::Other);
    let refusal = read(br#"{"id":null,"error":{"code":-32600,"message":"bad"}}"#).expect("reads");
    let error = RpcError { code: -32600, message: "bad".to_owned() };
    assert_eq!(refusal, Incoming::Answer { id: 0, result: Err(error) });
    assert!(matches!(read(b"Listening on port 3000"), Err(McpError::NotJson { .. })));
    assert!(matches!(read(br#"{"id":1}"#), Err(McpError::NotMcp { .. })));
}

#[test]
fn a_command_that_ends_at_once_is_an_error() {
    let clock = palisade_core::SystemClock::new();
    let mut transport = StdioTransport::start(&"true".into(), &[], &clock).expect("starts");
    let error = fetch_tools(&mut transport).expect_err("no server");
    assert!(matches!(error, McpError::Ended), "{error}");
}

#[test]
fn a_command_that_does_not_exist_is_an_error() {
    let clock = palisade_core::SystemClock::new();
    let started = StdioTransport::start(&"/nonexistent/server".into(), &[], &clock);
    assert!(matches!(started.err(), Some(McpError::Start { .. })));
}

#[test]
fn keys_that_stand_twice_are_refused_at_any_depth() {
    for text in [
        r#"{"id":1,"id":1,"result":{}}"#,
        r#"{"id":1,"result":{"tools":[{"name":"a","name":"b"}]}}"#,
        r#"{"id":1,"result":{"tools":[{"name":"a","\u006eame":"b"}]}}"#,
    ] {
        assert!(matches!(read(text.as_bytes()), Err(McpError::NotJson { .. })), "{text}");
    }
}

#[test]
fn strict_reading_changes_nothing_else() {
    let text = r#"{"a":[1,-2,3.5,18446744073709551615,true,null,"\u00e9"],"b":{"a":{}}}"#;
    let plain: Value = serde_json::from_str(text).expect("JSON");
    assert_eq!(strict::from_slice(text.as_bytes()).expect("JSON"), plain);
}
