//! Why a request is answered as it is: policy by policy, clause by clause, with what it saw.

use palisade_proto::v1;
use palisade_proto::v1::{ClauseJoin, PolicyEffect, PolicyResult};
use palisade_tests::{TestServer, authorize_request};
use tonic::Code;

use crate::answers::{failure, verdict};

async fn explain(server: &TestServer, request: v1::AuthorizeRequest) -> v1::ExplainResponse {
    let request = v1::ExplainRequest { request: Some(request) };
    server.raw_admin_client().await.explain(request).await.expect("an explanation").into_inner()
}

/// What a policy said of the first link.
fn policy<'a>(answer: &'a v1::ExplainResponse, id: &str) -> &'a v1::PolicyExplanation {
    let policies = &answer.links[0].policies;
    policies.iter().find(|policy| policy.policy == id).unwrap_or_else(|| {
        panic!("no {id} among {:?}", policies.iter().map(|p| &p.policy).collect::<Vec<_>>())
    })
}

fn values(clause: &v1::ClauseExplanation) -> Vec<(&str, &str)> {
    let pairs = clause.values.iter().map(|v| (v.expression.as_str(), v.value.as_str()));
    pairs.collect()
}

#[tokio::test]
async fn a_false_clause_is_shown_with_what_it_saw() {
    let server = TestServer::start().await;
    let request = authorize_request("bank.transfer", r#"{"to":"DE1","amount":250}"#);
    let answer = explain(&server, request).await;
    let decided = answer.response.as_ref().unwrap();
    assert_eq!(verdict(decided), (v1::Outcome::Challenge, "requirements_unmet"));
    assert_eq!(decided.decision_id, "");
    let now = answer.evaluation_time.unwrap();
    assert_eq!((now.seconds, now.nanos), (1_767_268_800, 0));
    assert_eq!(answer.links.len(), 2);
    let link = &answer.links[0];
    assert_eq!(link.principal, r#"User::"corp:alice""#);
    assert_eq!(link.action, r#"Action::"bank.transfer""#);
    assert_eq!(link.resource, r#"Tool::"bank.transfer""#);
    assert_eq!(answer.links[1].principal, r#"Agent::"corp:bot""#);
    let candidates: Vec<&str> = link.policies.iter().map(|p| p.policy.as_str()).collect();
    assert_eq!(
        candidates,
        [
            "large-transfers-need-step-up",
            "staff-call-tools",
            "transfer-ceiling",
            "transfers-by-day",
            "transfers-need-approval",
        ]
    );
    assert_eq!(link.out_of_scope, 5);

    let ceiling = policy(&answer, "transfer-ceiling");
    assert_eq!(ceiling.effect(), PolicyEffect::Forbid);
    assert_eq!(ceiling.result(), PolicyResult::NotSatisfied);
    assert_eq!(ceiling.location, "policies/desk.cedar:32");
    let [clause] = &ceiling.clauses[..] else { panic!("one clause: {ceiling:#?}") };
    assert_eq!(clause.result(), PolicyResult::NotSatisfied);
    assert_eq!(clause.text, r#"context.args.amount.greaterThan(decimal("1000.00"))"#);
    assert_eq!(clause.join(), ClauseJoin::Leaf);
    let [(expression, value)] = values(clause)[..] else { panic!("one value: {clause:#?}") };
    assert_eq!(expression, "context.args.amount");
    assert!(value.contains("250"), "{value}");
}

#[tokio::test]
async fn a_curable_forbid_is_shown_with_its_requirement() {
    let server = TestServer::start().await;
    let request = authorize_request("bank.transfer", r#"{"to":"DE1","amount":250}"#);
    let answer = explain(&server, request).await;
    let step_up = policy(&answer, "large-transfers-need-step-up");
    assert_eq!(step_up.result(), PolicyResult::Satisfied);
    let Some(v1::requirement::Requirement::StepUp(asked)) =
        step_up.requirement.as_ref().and_then(|requirement| requirement.requirement.as_ref())
    else {
        panic!("a step-up: {step_up:#?}")
    };
    assert_eq!(asked.acr, "phr");
    let [when, unless] = &step_up.clauses[..] else { panic!("when and unless: {step_up:#?}") };
    assert_eq!(when.result(), PolicyResult::Satisfied);
    assert_eq!((unless.result(), unless.join()), (PolicyResult::Satisfied, ClauseJoin::Not));
    let [granted] = &unless.parts[..] else { panic!("one part: {unless:#?}") };
    assert_eq!(granted.result(), PolicyResult::NotSatisfied);
    assert_eq!(values(granted), [("context.stepUp.granted", "false")]);
}

#[tokio::test]
async fn an_absent_value_is_shown_as_absent_and_what_follows_as_not_evaluated() {
    let server = TestServer::start().await;
    let answer = explain(&server, authorize_request("docs.open", r#"{"path":"/a"}"#)).await;
    assert_eq!(verdict(answer.response.as_ref().unwrap()).1, "policy_forbid");
    assert_eq!(answer.links[0].resource, r#"Document::"/a""#);
    let office = policy(&answer, "documents-from-the-office-network");
    assert_eq!(office.result(), PolicyResult::Satisfied);
    let [unless] = &office.clauses[..] else { panic!("one clause: {office:#?}") };
    let [both] = &unless.parts[..] else { panic!("one part: {unless:#?}") };
    assert_eq!(both.join(), ClauseJoin::All);
    let [has, in_range] = &both.parts[..] else { panic!("two parts: {both:#?}") };
    assert_eq!(has.result(), PolicyResult::NotSatisfied);
    assert_eq!(values(has), [("context.sourceIp", "(absent)")]);
    assert_eq!(in_range.result(), PolicyResult::NotEvaluated);
}

#[tokio::test]
async fn an_error_is_shown_where_it_happened() {
    let server = TestServer::start().await;
    let answer = explain(&server, authorize_request("faulty.permit", r#"{"n":1025}"#)).await;
    assert_eq!(verdict(answer.response.as_ref().unwrap()).1, "evaluation_error");
    let faulty = policy(&answer, "overflowing-permit");
    assert_eq!((faulty.effect(), faulty.result()), (PolicyEffect::Permit, PolicyResult::Error));
    assert!(faulty.error.contains("overflow"), "{}", faulty.error);
    let [clause] = &faulty.clauses[..] else { panic!("one clause: {faulty:#?}") };
    assert_eq!(clause.result(), PolicyResult::Error);
    assert_eq!(values(clause), [("context.args.n", "1025")]);
}

#[tokio::test]
async fn a_refusal_before_any_policy_has_no_links() {
    let server = TestServer::start().await;
    let answer = explain(&server, authorize_request("no.such_tool", "{}")).await;
    assert_eq!(verdict(answer.response.as_ref().unwrap()).1, "unknown_tool");
    assert_eq!(answer.links, []);
}

#[tokio::test]
async fn an_explanation_answers_as_authorize_does_and_leaves_no_record() {
    let server = TestServer::start().await;
    let mut client = server.raw_client().await;
    for (tool, arguments) in [
        ("notes.read", r#"{"id":"n"}"#),
        ("notes.write", r#"{"text":"secret"}"#),
        ("bank.transfer", r#"{"to":"DE1","amount":250}"#),
        ("bank.transfer", r#"{"to":"DE1","amount":1.23456}"#),
        ("faulty.forbid", r#"{"n":1025}"#),
    ] {
        let explained = explain(&server, authorize_request(tool, arguments)).await;
        assert!(server.log().records().is_empty());
        let request = authorize_request(tool, arguments);
        let mut answer = client.authorize(request).await.unwrap().into_inner();
        answer.decision_id.clear();
        assert_eq!(explained.response, Some(answer), "{tool} {arguments}");
        server.log().clear();
    }
}

#[tokio::test]
async fn explanations_are_given_on_the_administration_socket_only() {
    let server = TestServer::start().await;
    let request =
        v1::ExplainRequest { request: Some(authorize_request("notes.read", r#"{"id":"n"}"#)) };
    let refused = server.raw_client().await.explain(request).await.unwrap_err();
    assert_eq!(failure(&refused), (Code::PermissionDenied, "wrong_socket".to_owned()));
}

#[tokio::test]
async fn decisions_are_not_given_on_the_administration_socket() {
    let server = TestServer::start().await;
    let mut client = server.raw_admin_client().await;
    let request = authorize_request("notes.read", r#"{"id":"n"}"#);
    let wrong = (Code::PermissionDenied, "wrong_socket".to_owned());
    let refused = client.authorize(request.clone()).await.unwrap_err();
    assert_eq!(failure(&refused), wrong);
    let batch = v1::AuthorizeBatchRequest { requests: vec![request.clone()] };
    assert_eq!(failure(&client.authorize_batch(batch).await.unwrap_err()), wrong);
    let stream = tokio_stream::iter([request.clone()]);
    assert_eq!(failure(&client.authorize_stream(stream).await.unwrap_err()), wrong);
    let list = v1::ListToolsRequest { chain: request.chain, ..Default::default() };
    assert_eq!(failure(&client.list_tools(list).await.unwrap_err()), wrong);
    assert!(server.log().records().is_empty());
}

#[tokio::test]
async fn an_explain_request_without_a_request_is_refused() {
    let server = TestServer::start().await;
    let request = v1::ExplainRequest { request: None };
    let refused = server.raw_admin_client().await.explain(request).await.unwrap_err();
    assert_eq!(failure(&refused), (Code::InvalidArgument, "request_missing".to_owned()));
}
