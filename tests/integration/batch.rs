//! A batch is a sequence of single requests.

use palisade_core::limits::{BATCH_MESSAGE_BYTES_MAX, BATCH_REQUESTS_MAX};
use palisade_proto::v1;
use palisade_tests::{TestServer, authorize_request};
use tonic::Code;

use crate::answers::{failure, item_failure, response, verdict};

fn read(request_id: &str) -> v1::AuthorizeRequest {
    v1::AuthorizeRequest {
        request_id: request_id.to_owned(),
        ..authorize_request("notes.read", r#"{"id":"n-1"}"#)
    }
}

#[tokio::test]
async fn items_are_answered_in_order_and_fail_alone() {
    let server = TestServer::start().await;
    let mut no_chain = read("no-chain");
    no_chain.chain.clear();
    let mut session = read("session");
    session.session_id = "s-1".to_owned();
    let mut newer = read("newer");
    newer.options = Some(v1::Options { minimum_version: 8, ..Default::default() });
    // The same retry key twice is fine: only what consumed something is replayed.
    let requests = vec![
        read("same"),
        no_chain,
        session,
        authorize_request("notes.write", r#"{"text":"secret"}"#),
        newer,
        authorize_request("no.such_tool", "{}"),
        read("same"),
    ];
    let batch = v1::AuthorizeBatchRequest { requests };
    let answer = server.raw_client().await.authorize_batch(batch).await.unwrap().into_inner();
    let [allowed, no_chain, session, denied, newer, unknown, again] = &answer.results[..] else {
        panic!("seven results: {answer:?}");
    };
    assert_eq!(allowed.request_id, "same");
    assert_eq!(verdict(response(allowed)), (v1::Outcome::Allow, "permitted"));
    assert_eq!(no_chain.request_id, "no-chain");
    assert_eq!(item_failure(no_chain), (Code::InvalidArgument, "chain_empty"));
    assert_eq!(item_failure(session), (Code::Unimplemented, "not_served"));
    assert_eq!(denied.request_id, "");
    assert_eq!(verdict(response(denied)), (v1::Outcome::Deny, "policy_forbid"));
    assert_eq!(item_failure(newer), (Code::FailedPrecondition, "revision_not_held"));
    assert_eq!(verdict(response(unknown)), (v1::Outcome::Deny, "unknown_tool"));
    assert_eq!(verdict(response(again)), (v1::Outcome::Allow, "permitted"));
    // One record for each decision, in order, with the ids that were answered.
    let decided = [allowed, denied, unknown, again].map(|item| response(item).decision_id.clone());
    let recorded: Vec<_> =
        server.log().records().iter().map(|record| record.decision.id.to_string()).collect();
    assert_eq!(recorded, decided);
}

#[tokio::test]
async fn a_batch_is_answered_as_its_items_alone_are() {
    let server = TestServer::start().await;
    let requests: Vec<_> = [
        ("notes.read", r#"{"id":"n"}"#),
        ("notes.read", "{}"),
        ("bank.transfer", r#"{"to":"DE1","amount":250}"#),
        ("bank.transfer", r#"{"to":"DE1","amount":2500}"#),
        ("faulty.permit", r#"{"n":1025}"#),
    ]
    .map(|(tool, arguments)| authorize_request(tool, arguments))
    .into();
    let mut client = server.raw_client().await;
    let batch = v1::AuthorizeBatchRequest { requests: requests.clone() };
    let answer = client.authorize_batch(batch).await.unwrap().into_inner();
    assert_eq!(answer.results.len(), requests.len());
    for (result, request) in answer.results.iter().zip(requests) {
        let tool = request.tool.clone();
        let alone = client.authorize(request).await.unwrap().into_inner();
        let together = response(result).clone();
        assert_ne!(together.decision_id, alone.decision_id);
        let decision_id = alone.decision_id.clone();
        assert_eq!(v1::AuthorizeResponse { decision_id, ..together }, alone, "{tool}");
    }
}

#[tokio::test]
async fn a_batch_has_1_to_256_items() {
    let server = TestServer::start().await;
    let mut client = server.raw_client().await;
    let batch = |items| v1::AuthorizeBatchRequest { requests: vec![read("r"); items] };
    for items in [1, BATCH_REQUESTS_MAX] {
        let answer = client.authorize_batch(batch(items)).await.unwrap().into_inner();
        assert_eq!(answer.results.len(), items);
    }
    let decided = server.log().records().len();
    for (items, want) in [(0, "batch_empty"), (BATCH_REQUESTS_MAX + 1, "batch_too_large")] {
        let refused = client.authorize_batch(batch(items)).await.unwrap_err();
        assert_eq!(failure(&refused), (Code::InvalidArgument, want.to_owned()), "{items}");
    }
    // Nothing of a refused batch is decided.
    assert_eq!(server.log().records().len(), decided);
}

#[tokio::test]
async fn an_item_is_bounded_as_a_single_request_is() {
    let server = TestServer::start().await;
    let mut client = server.raw_client().await;
    // What fills it is a field that nothing else bounds.
    let padded = |bytes| {
        let mut request = read("large");
        request.session_id = "s".repeat(bytes);
        request
    };
    let batch = v1::AuthorizeBatchRequest { requests: vec![padded(2 * 1024 * 1024), read("r")] };
    let answer = client.authorize_batch(batch).await.unwrap().into_inner();
    assert_eq!(item_failure(&answer.results[0]), (Code::InvalidArgument, "message_too_large"));
    assert_eq!(verdict(response(&answer.results[1])), (v1::Outcome::Allow, "permitted"));

    let batch = v1::AuthorizeBatchRequest { requests: vec![padded(BATCH_MESSAGE_BYTES_MAX)] };
    let refused = client.authorize_batch(batch).await.unwrap_err();
    assert_eq!(failure(&refused), (Code::InvalidArgument, "message_too_large".to_owned()));
}
