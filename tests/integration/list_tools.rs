//! Which tools a chain may call, as far as that can be known.

use palisade_proto::v1;
use palisade_tests::{TestServer, authorize_request, chain};
use tonic::Code;

use crate::answers::failure;

async fn list(server: &TestServer, request: v1::ListToolsRequest) -> v1::ListToolsResponse {
    server.raw_client().await.list_tools(request).await.expect("a list").into_inner()
}

fn request(actors: &[&str]) -> v1::ListToolsRequest {
    v1::ListToolsRequest { chain: chain(actors), ..Default::default() }
}

fn prospects(answer: &v1::ListToolsResponse) -> Vec<(&str, v1::Prospect)> {
    answer.tools.iter().map(|tool| (tool.tool.as_str(), tool.prospect())).collect()
}

#[tokio::test]
async fn every_prospect_has_its_tool() {
    let server = TestServer::start().await;
    let answer = list(&server, request(&["user:corp:alice", "agent:corp:bot"])).await;
    assert_eq!(
        prospects(&answer),
        [
            ("any.thing", v1::Prospect::Allow),
            // 100.00, or more, or too much: it hangs on the amount.
            ("bank.transfer", v1::Prospect::Depends),
            ("faulty.forbid", v1::Prospect::Depends),
            ("faulty.permit", v1::Prospect::Depends),
            ("notes.read", v1::Prospect::Allow),
            ("notes.write", v1::Prospect::Depends),
        ]
    );
    let revision = answer.revision.unwrap();
    assert_eq!((revision.bundle.as_str(), revision.version), ("desk", 7));
    // Nothing was asked for, so nothing is on record.
    assert!(server.log().records().is_empty());
}

#[tokio::test]
async fn a_listed_tool_says_what_it_is() {
    let server = TestServer::start().await;
    let answer = list(&server, request(&["user:corp:alice", "agent:corp:bot"])).await;
    let read = answer.tools.iter().find(|tool| tool.tool == "notes.read").unwrap();
    assert_eq!(read.upstream_name, "readNote");
    assert_eq!(read.tool_digest, "00112233445566778899aabbccddeeff".repeat(2));
    assert_eq!((read.tier(), read.effect()), (v1::Tier::Tier1, v1::Effect::Read));
    assert_eq!(read.reason.as_ref().unwrap().code, "permitted");
    let transfer = answer.tools.iter().find(|tool| tool.tool == "bank.transfer").unwrap();
    assert_eq!((transfer.tier(), transfer.effect()), (v1::Tier::Tier3, v1::Effect::Write));
    assert_eq!(transfer.tool_digest, "");
    assert_eq!(transfer.reason.as_ref().unwrap().code, "depends_on_arguments");
}

#[tokio::test]
async fn denied_tools_are_listed_on_demand() {
    let server = TestServer::start().await;
    let mut asked = request(&["user:corp:alice", "agent:corp:bot"]);
    asked.service = "docs".to_owned();
    assert_eq!(prospects(&list(&server, asked.clone()).await), []);
    asked.include_denied = true;
    assert_eq!(prospects(&list(&server, asked.clone()).await), [("docs.open", v1::Prospect::Deny)]);
    // From the office it is no longer denied.
    asked.environment = Some(v1::Environment {
        source_address: "10.1.2.3".to_owned(),
        pep_request_id: String::new(),
    });
    assert_eq!(prospects(&list(&server, asked).await), [("docs.open", v1::Prospect::Allow)]);
}

#[tokio::test]
async fn time_decides_too() {
    let server = TestServer::start().await;
    server.clock().set("2026-01-01T18:00:00Z");
    let mut asked = request(&["user:corp:alice", "agent:corp:bot"]);
    asked.service = "bank".to_owned();
    asked.include_denied = true;
    let answer = list(&server, asked).await;
    assert_eq!(prospects(&answer), [("bank.transfer", v1::Prospect::Deny)]);
    let reason = answer.tools[0].reason.as_ref().unwrap();
    assert_eq!(reason.code, "policy_forbid");
    assert_eq!(reason.determining_policies, ["transfers-by-day"]);
}

#[tokio::test]
async fn a_chain_that_is_refused_may_call_nothing() {
    let server = TestServer::start().await;
    for (actors, code) in [
        (&["agent:corp:bot"][..], "agent_not_autonomous"),
        (&["user:evil:alice", "agent:corp:bot"], "unknown_issuer"),
        (&["user:corp:mallory", "agent:corp:bot"], "no_permit"),
    ] {
        let mut asked = request(actors);
        assert_eq!(prospects(&list(&server, asked.clone()).await), [], "{actors:?}");
        asked.include_denied = true;
        let answer = list(&server, asked).await;
        assert_eq!(answer.tools.len(), 7, "{actors:?}");
        for tool in answer.tools {
            assert_eq!(tool.prospect(), v1::Prospect::Deny, "{actors:?} {}", tool.tool);
            // A forbid that holds whatever the arguments are comes before a missing permit.
            let code = if tool.tool == "docs.open" && code == "no_permit" {
                "policy_forbid"
            } else {
                code
            };
            assert_eq!(tool.reason.unwrap().code, code, "{actors:?} {}", tool.tool);
        }
    }
}

#[tokio::test]
async fn a_malformed_request_is_refused() {
    let server = TestServer::start().await;
    let mut client = server.raw_client().await;
    let good = request(&["user:corp:alice", "agent:corp:bot"]);
    let refused = client.list_tools(v1::ListToolsRequest::default()).await.unwrap_err();
    assert_eq!(failure(&refused), (Code::InvalidArgument, "chain_empty".to_owned()));
    for (bytes, accepted) in [(256, true), (257, false)] {
        let asked = v1::ListToolsRequest { service: "s".repeat(bytes), ..good.clone() };
        match client.list_tools(asked).await {
            Ok(answer) => {
                assert!(accepted);
                assert_eq!(answer.into_inner().tools, []);
            }
            Err(status) => {
                assert!(!accepted);
                let want = (Code::InvalidArgument, "service_invalid".to_owned());
                assert_eq!(failure(&status), want);
            }
        }
    }
}

#[tokio::test]
async fn a_prospect_never_promises_more_than_the_call_gets() {
    let server = TestServer::start().await;
    let mut client = server.raw_client().await;
    let answer = list(&server, request(&["user:corp:alice", "agent:corp:bot"])).await;
    let arguments = |tool: &str| match tool {
        "any.thing" => r#"{"a":[1,{"b":null}]}"#,
        "bank.transfer" => r#"{"to":"DE1","amount":5000}"#,
        "faulty.permit" | "faulty.forbid" => r#"{"n":5000}"#,
        "notes.read" => r#"{"id":"n"}"#,
        "notes.write" => r#"{"text":"secret"}"#,
        other => panic!("{other}"),
    };
    for tool in answer.tools {
        let call = authorize_request(&tool.tool, arguments(&tool.tool));
        let outcome = client.authorize(call).await.unwrap().into_inner().outcome();
        let allowed_by_prospect = tool.prospect() == v1::Prospect::Allow;
        assert_eq!(outcome == v1::Outcome::Allow, allowed_by_prospect, "{}", tool.tool);
    }
}
