//! Bad input: each kind has its stable reason or gRPC status, and what lies just within a limit is
//! accepted.

use palisade_core::limits::{
    ARGUMENTS_BYTES_MAX, ARGUMENTS_DEPTH_MAX, CHAIN_LINKS_MAX, TOOL_NAME_BYTES_MAX,
};
use palisade_proto::v1;
use palisade_tests::{TestServer, authorize_request, chain};
use tonic::Code;

use crate::answers::{failure, verdict};
use crate::raw_message::unary;

use v1::Outcome::{Allow, Challenge, Deny};

/// What comes of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Want {
    /// A recorded decision.
    Decision(v1::Outcome, &'static str),
    /// No decision and no record.
    Failure(Code, &'static str),
}

use Want::{Decision, Failure};

const fn malformed(reason: &'static str) -> Want {
    Failure(Code::InvalidArgument, reason)
}

/// Sends each request and compares what comes of it, records included.
async fn check(cases: Vec<(String, v1::AuthorizeRequest, Want)>) {
    let server = TestServer::start().await;
    let mut client = server.raw_client().await;
    let mut wrong = Vec::new();
    for (name, request, want) in cases {
        server.log().clear();
        let (got, records) = match client.authorize(request).await {
            Ok(answer) => {
                let answer = answer.into_inner();
                let (outcome, code) = verdict(&answer);
                (format!("{outcome:?} {code}"), 1)
            }
            Err(status) => {
                let (code, reason) = failure(&status);
                (format!("{code:?} {reason}"), 0)
            }
        };
        let want = match want {
            Decision(outcome, code) => format!("{outcome:?} {code}"),
            Failure(code, reason) => format!("{code:?} {reason}"),
        };
        if got != want {
            wrong.push(format!("{name}: want {want}, got {got}"));
        }
        if server.log().records().len() != records {
            wrong.push(format!("{name}: {} records", server.log().records().len()));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Calls of one tool that differ in their arguments.
async fn check_arguments(tool: &str, cases: &[(&str, Want)]) {
    let case = |(arguments, want): &(&str, Want)| {
        let name = arguments.chars().take(60).collect();
        (name, authorize_request(tool, arguments), want.clone())
    };
    check(cases.iter().map(case).collect()).await;
}

/// A call that alice makes through these links.
fn call_by(chain: Vec<v1::Link>) -> v1::AuthorizeRequest {
    v1::AuthorizeRequest { chain, ..authorize_request("notes.read", r#"{"id":"n"}"#) }
}

#[tokio::test]
async fn chains() {
    let links = |count: usize| {
        let mut actors = vec!["agent:corp:bot"; count];
        if let Some(head) = actors.first_mut() {
            *head = "user:corp:alice";
        }
        chain(&actors)
    };
    let alone = |actor: &str| chain(&[actor]);
    let cases = [
        ("empty chain", Vec::new(), malformed("chain_empty")),
        ("chain of 8", links(CHAIN_LINKS_MAX), Decision(Allow, "permitted")),
        ("chain of 9", links(CHAIN_LINKS_MAX + 1), malformed("chain_too_long")),
        ("agent alone", alone("agent:corp:bot"), Decision(Deny, "agent_not_autonomous")),
        ("unknown agent alone", alone("agent:corp:x"), Decision(Deny, "agent_not_autonomous")),
        ("autonomous agent alone", alone("agent:corp:night-bot"), Decision(Allow, "permitted")),
        ("user alone", alone("user:corp:alice"), Decision(Allow, "permitted")),
        ("empty link", vec![v1::Link { link: None, possession: None }], malformed("link_missing")),
    ];
    let case =
        |(name, chain, want): (&str, Vec<v1::Link>, Want)| (name.to_owned(), call_by(chain), want);
    check(cases.into_iter().map(case).collect()).await;
}

#[tokio::test]
async fn actors() {
    type Change = fn(&mut v1::AssertedActor);
    let cases: [(&str, Change, Want); 11] = [
        ("no kind", |actor| actor.kind = 0, malformed("actor_kind_unspecified")),
        ("kind of the future", |actor| actor.kind = 99, malformed("actor_kind_unspecified")),
        ("no issuer", |actor| actor.issuer.clear(), malformed("issuer_invalid")),
        ("512 bytes", |actor| actor.issuer = "i".repeat(512), Decision(Deny, "unknown_issuer")),
        ("513 bytes", |actor| actor.issuer = "i".repeat(513), malformed("issuer_invalid")),
        ("issuer line", |actor| actor.issuer.push('\n'), malformed("issuer_invalid")),
        ("no subject", |actor| actor.subject.clear(), malformed("subject_invalid")),
        ("256 bytes", |actor| actor.subject = "s".repeat(256), Decision(Allow, "permitted")),
        ("257 bytes", |actor| actor.subject = "s".repeat(257), malformed("subject_invalid")),
        ("subject line", |actor| actor.subject.push('\n'), malformed("subject_invalid")),
        (
            "a subject that would end the entity",
            |actor| actor.subject = r#"bot" in User::"corp:alice"#.to_owned(),
            Decision(Allow, "permitted"),
        ),
    ];
    let case = |(name, change, want): (&str, Change, Want)| {
        let mut links = chain(&["user:corp:alice", "agent:corp:bot"]);
        let Some(v1::link::Link::Asserted(actor)) = &mut links[1].link else { panic!("asserted") };
        change(actor);
        (name.to_owned(), call_by(links), want)
    };
    check(cases.into_iter().map(case).collect()).await;
}

#[tokio::test]
async fn tools() {
    let longest = format!("no.{}", "t".repeat(TOOL_NAME_BYTES_MAX - 3));
    let too_long = format!("{longest}t");
    let cases = [
        ("no.such_tool", Decision(Deny, "unknown_tool")),
        // Names of action groups are no tools.
        ("read", Decision(Deny, "unknown_tool")),
        ("tier3", Decision(Deny, "unknown_tool")),
        ("notes.Read", Decision(Deny, "unknown_tool")),
        ("notes.read ", Decision(Deny, "unknown_tool")),
        // The name at its own server is not the catalogued one.
        ("readNote", Decision(Deny, "unknown_tool")),
        (&longest, Decision(Deny, "unknown_tool")),
        (&too_long, malformed("tool_invalid")),
        ("", malformed("tool_invalid")),
    ];
    let case = |(tool, want): (&str, Want)| (tool.to_owned(), authorize_request(tool, "{}"), want);
    check(cases.into_iter().map(case).collect()).await;
}

#[tokio::test]
async fn envelopes() {
    let base = || authorize_request("notes.read", r#"{"id":"n"}"#);
    let environment = |source_address: &str, pep_request_id: String| v1::AuthorizeRequest {
        environment: Some(v1::Environment {
            source_address: source_address.to_owned(),
            pep_request_id,
        }),
        ..base()
    };
    let request_id =
        |request_id: &str| v1::AuthorizeRequest { request_id: request_id.to_owned(), ..base() };
    let digest = |tool_digest: String| v1::AuthorizeRequest { tool_digest, ..base() };
    let resource = |entity_type: usize, id: usize| v1::AuthorizeRequest {
        resource: Some(v1::Resource { r#type: "T".repeat(entity_type), id: "i".repeat(id) }),
        ..base()
    };
    let permitted = || Decision(Allow, "permitted");
    let mismatch = || Decision(Deny, "resource_mismatch");
    let cases = [
        ("changed digest", digest("0".repeat(64)), Decision(Deny, "tool_changed")),
        ("short digest", digest("0".repeat(63)), malformed("tool_digest_invalid")),
        ("long digest", digest("0".repeat(65)), malformed("tool_digest_invalid")),
        ("upper-case digest", digest("A".repeat(64)), malformed("tool_digest_invalid")),
        ("request id of 128 bytes", request_id(&"r".repeat(128)), permitted()),
        ("request id of 129 bytes", request_id(&"r".repeat(129)), malformed("request_id_invalid")),
        ("request id that is not visible", request_id("a b"), malformed("request_id_invalid")),
        ("request id that is not ASCII", request_id("ä"), malformed("request_id_invalid")),
        ("pep id of 128 bytes", environment("", "p".repeat(128)), permitted()),
        (
            "pep id of 129 bytes",
            environment("", "p".repeat(129)),
            malformed("pep_request_id_invalid"),
        ),
        (
            "pep id with control",
            environment("", "\t".to_owned()),
            malformed("pep_request_id_invalid"),
        ),
        ("no address", environment("10.0.0", String::new()), malformed("source_address_invalid")),
        (
            "address with port",
            environment("10.0.0.1:80", String::new()),
            malformed("source_address_invalid"),
        ),
        ("resource at its limits", resource(256, 1024), mismatch()),
        ("resource type too long", resource(257, 1), malformed("resource_invalid")),
        ("resource id too long", resource(1, 1025), malformed("resource_invalid")),
        ("resource without type", resource(0, 1), malformed("resource_invalid")),
        ("resource without id", resource(1, 0), malformed("resource_invalid")),
    ];
    check(
        cases.into_iter().map(|(name, request, want)| (name.to_owned(), request, want)).collect(),
    )
    .await;
}

#[tokio::test]
async fn arguments_that_are_no_json_object() {
    let invalid = || Decision(Deny, "invalid_arguments");
    check_arguments(
        "any.thing",
        &[
            ("{}", Decision(Allow, "permitted")),
            ("", Decision(Allow, "permitted")),
            (" {\"a\":1} \n", Decision(Allow, "permitted")),
            ("[]", invalid()),
            ("null", invalid()),
            ("\"{}\"", invalid()),
            ("1", invalid()),
            ("{", invalid()),
            ("{}{}", invalid()),
            ("{} x", invalid()),
            (" ", invalid()),
            ("{'a':1}", invalid()),
            ("{\"a\":1,}", invalid()),
            ("{\"a\":NaN}", invalid()),
            ("{\"a\":01}", invalid()),
            ("{\"a\":\"\t\"}", invalid()),
            ("\u{feff}{}", invalid()),
            // A lone surrogate has no UTF-8.
            (r#"{"a":"\ud800"}"#, invalid()),
            (r#"{"a":"\ud83d\ude00"}"#, Decision(Allow, "permitted")),
        ],
    )
    .await;
}

#[tokio::test]
async fn arguments_that_two_parsers_could_read_differently() {
    let invalid = || Decision(Deny, "invalid_arguments");
    let permitted = || Decision(Allow, "permitted");
    check_arguments(
        "any.thing",
        &[
            (r#"{"a":1,"a":1}"#, invalid()),
            (r#"{"a":1,"\u0061":2}"#, invalid()),
            (r#"{"o":{"a":1,"a":2}}"#, invalid()),
            (r#"{"l":[{"o":{"a":1,"a":2}}]}"#, invalid()),
            (r#"{"a":{"a":1},"b":{"a":1}}"#, permitted()),
            (r#"{"a":1,"A":2}"#, permitted()),
        ],
    )
    .await;
}

#[tokio::test]
async fn numbers_that_cannot_be_represented() {
    let refused = || Decision(Deny, "args_not_representable");
    let permitted = || Decision(Allow, "permitted");
    // Wherever a number stands, known to the schema or not.
    check_arguments(
        "any.thing",
        &[
            (r#"{"n":9007199254740991}"#, permitted()),
            (r#"{"n":-9007199254740991}"#, permitted()),
            (r#"{"n":9007199254740992}"#, refused()),
            (r#"{"n":-9007199254740992}"#, refused()),
            (r#"{"n":9007199254740992.0}"#, refused()),
            (r#"{"n":18446744073709551616}"#, refused()),
            (r#"{"n":1e15}"#, permitted()),
            (r#"{"n":1e30}"#, refused()),
            (r#"{"n":1e400}"#, refused()),
            (r#"{"n":1e-400}"#, refused()),
            (r#"{"n":[{"n":1e30}]}"#, refused()),
            (r#"{"n":0.12345678901234567}"#, permitted()),
            (r#"{"n":0.123456789012345678}"#, refused()),
        ],
    )
    .await;
    let asked = || Decision(Challenge, "requirements_unmet");
    check_arguments(
        "bank.transfer",
        &[
            (r#"{"to":"x","amount":1.2345}"#, asked()),
            (r#"{"to":"x","amount":1.23450}"#, asked()),
            (r#"{"to":"x","amount":1.23456}"#, refused()),
            (r#"{"to":"x","amount":12345e-4}"#, asked()),
            (r#"{"to":"x","amount":123456e-5}"#, refused()),
            (r#"{"to":"x","amount":-0.0}"#, asked()),
            (r#"{"to":"x","amount":922337203685477.5}"#, Decision(Deny, "policy_forbid")),
            (r#"{"to":"x","amount":922337203685478}"#, refused()),
        ],
    )
    .await;
}

#[tokio::test]
async fn arguments_that_do_not_fit_the_schema() {
    let invalid = || Decision(Deny, "invalid_arguments");
    let asked = || Decision(Challenge, "requirements_unmet");
    check_arguments(
        "bank.transfer",
        &[
            (r#"{"to":"x"}"#, invalid()),
            (r#"{"to":"x","amount":null}"#, invalid()),
            (r#"{"to":null,"amount":1}"#, invalid()),
            (r#"{"to":"x","amount":"1"}"#, invalid()),
            (r#"{"to":"x","amount":1,"extra":1}"#, invalid()),
            // Null where the schema lets it stand is the same as absent.
            (r#"{"to":"x","amount":1,"memo":null}"#, asked()),
            (r#"{"to":"x","amount":1,"memo":"m"}"#, asked()),
        ],
    )
    .await;
}

#[tokio::test]
async fn nested_arguments() {
    // The outermost object is depth 1.
    let nested = |depth: usize, open: &str, close: &str| {
        format!(r#"{{"a":{}1{}}}"#, open.repeat(depth - 1), close.repeat(depth - 1))
    };
    let lists = |depth| nested(depth, "[", "]");
    let objects = |depth| nested(depth, r#"{"a":"#, "}");
    check_arguments(
        "any.thing",
        &[
            (&lists(ARGUMENTS_DEPTH_MAX), Decision(Allow, "permitted")),
            (&lists(ARGUMENTS_DEPTH_MAX + 1), Decision(Deny, "invalid_arguments")),
            (&objects(ARGUMENTS_DEPTH_MAX), Decision(Allow, "permitted")),
            (&objects(ARGUMENTS_DEPTH_MAX + 1), Decision(Deny, "invalid_arguments")),
            (&lists(100_000), Decision(Deny, "invalid_arguments")),
        ],
    )
    .await;
}

#[tokio::test]
async fn large_arguments() {
    let of_bytes = |bytes: usize| format!(r#"{{"a":"{}"}}"#, "x".repeat(bytes - 8));
    assert_eq!(of_bytes(100).len(), 100);
    check_arguments(
        "any.thing",
        &[
            (&of_bytes(ARGUMENTS_BYTES_MAX), Decision(Allow, "permitted")),
            (&of_bytes(ARGUMENTS_BYTES_MAX + 1), malformed("arguments_too_large")),
        ],
    )
    .await;
}

#[tokio::test]
async fn bytes_that_are_no_utf8() {
    let mut request = authorize_request("any.thing", "");
    for (name, bytes) in [
        ("lone continuation", b"{\"a\":\"\x80\"}".to_vec()),
        ("overlong slash", b"{\"a\":\"\xc0\xaf\"}".to_vec()),
        ("UTF-16", "{\"a\":1}".encode_utf16().flat_map(u16::to_le_bytes).collect()),
        ("surrogate", b"{\"a\":\"\xed\xa0\x80\"}".to_vec()),
        ("in a key", b"{\"\xff\":1}".to_vec()),
    ] {
        request.arguments = bytes;
        check(vec![(name.to_owned(), request.clone(), Decision(Deny, "invalid_arguments"))]).await;
    }
}

#[tokio::test]
async fn cedar_escapes_in_arguments_stay_plain_data() {
    let alice = r#"{"__entity":{"type":"User","id":"corp:alice"}}"#;
    let address = r#"{"__extn":{"fn":"ip","arg":"10.0.0.1"}}"#;
    let invalid = || Decision(Deny, "invalid_arguments");
    check_arguments(
        "any.thing",
        &[
            (alice, Decision(Allow, "permitted")),
            (address, Decision(Allow, "permitted")),
            (&format!(r#"{{"a":[{alice},{address}]}}"#), Decision(Allow, "permitted")),
        ],
    )
    .await;
    // Where the schema wants a text or a number, they are none.
    check_arguments(
        "bank.transfer",
        &[
            (&format!(r#"{{"to":{alice},"amount":1}}"#), invalid()),
            (r#"{"to":"x","amount":{"__extn":{"fn":"decimal","arg":"1.0"}}}"#, invalid()),
        ],
    )
    .await;
    check_arguments(
        "notes.write",
        &[
            (&format!(r#"{{"text":{alice}}}"#), invalid()),
            (&format!(r#"{{"text":"x","__entity":{alice}}}"#), invalid()),
        ],
    )
    .await;
}

#[tokio::test]
async fn policies_that_fail() {
    for tool in ["faulty.permit", "faulty.forbid"] {
        check_arguments(
            tool,
            &[
                (r#"{"n":1}"#, Decision(Allow, "permitted")),
                (r#"{"n":1024}"#, Decision(Allow, "permitted")),
                (r#"{"n":1025}"#, Decision(Deny, "evaluation_error")),
                (r#"{"n":9007199254740991}"#, Decision(Deny, "evaluation_error")),
            ],
        )
        .await;
    }
}

#[tokio::test]
async fn what_fails_first_is_the_reason() {
    // Chain, tool, definition, arguments, resource: each request has all later faults as well.
    let mut request = authorize_request("docs.open", r#"{"path":"/b"}"#);
    request.resource = Some(v1::Resource { r#type: "Document".to_owned(), id: "/a".to_owned() });
    let resource = request.clone();
    request.arguments = b"{}".to_vec();
    let arguments = request.clone();
    request.tool_digest = "0".repeat(64);
    let digest = request.clone();
    request.tool = "docs.none".to_owned();
    let tool = request.clone();
    request.chain = chain(&["agent:corp:bot"]);
    let autonomous = request.clone();
    request.chain = chain(&["agent:evil:bot"]);
    let cases = [
        ("issuer", request, "unknown_issuer"),
        ("head", autonomous, "agent_not_autonomous"),
        ("tool", tool, "unknown_tool"),
        ("definition", digest, "tool_changed"),
        ("arguments", arguments, "invalid_arguments"),
        ("resource", resource, "resource_mismatch"),
    ];
    let case = |(name, request, code): (&str, v1::AuthorizeRequest, &'static str)| {
        (name.to_owned(), request, Decision(Deny, code))
    };
    check(cases.into_iter().map(case).collect()).await;
}

#[tokio::test]
async fn messages_that_are_no_protobuf() {
    let server = TestServer::start().await;
    let channel = server.channel().await;
    for (name, bytes) in [
        ("garbage", b"\xff\xff\xff\xff".to_vec()),
        ("cut off", b"\x1a\x7fx".to_vec()),
        // Field 3, `tool`, is a string.
        ("a string that is no UTF-8", b"\x1a\x01\xff".to_vec()),
        ("another wire type", b"\x18\x01".to_vec()),
    ] {
        let status = unary(&channel, "Authorize", bytes).await.unwrap_err();
        let want = (Code::InvalidArgument, "message_malformed".to_owned());
        assert_eq!(failure(&status), want, "{name}: {status:?}");
    }
    assert!(server.log().records().is_empty());
    // A field of a later contract is skipped, as protobuf has it.
    let mut bytes =
        prost::Message::encode_to_vec(&authorize_request("notes.read", r#"{"id":"n"}"#));
    bytes.extend(b"\xfa\x3e\x03new");
    let answer = unary(&channel, "Authorize", bytes).await.unwrap();
    let answer: v1::AuthorizeResponse = prost::Message::decode(&answer[..]).unwrap();
    assert_eq!(answer.outcome(), Allow);
}
