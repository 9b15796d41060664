//! The tests of the shipped bundle over the wire: one by one, in one batch, on one stream. Each
//! way has to give the answer that the engine gives alone.

use std::path::Path;

use palisade_bundle::RawBundle;
use palisade_core::{EpochMillis, FactSources, Facts, ToolCall, Verdict};
use palisade_engine::PolicySnapshot;
use palisade_proto::v1;
use palisade_tests::TestServer;
use palisade_tests::request::link;

use crate::answers::{determining, response, verdict};

/// The calls of the quickstart's tests that need no live approvals, with the instant they are
/// made at and the engine's own answer. Sorted by instant, so that a batch has one.
fn corpus() -> Vec<(EpochMillis, v1::AuthorizeRequest, Verdict)> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../policies/quickstart");
    let raw = RawBundle::read_directory(&directory).expect("the bundle is read");
    let (parsed, _) = raw.parse().expect("the bundle is understood");
    let (bundle, _) = parsed.validate(FactSources::default()).expect("the bundle is valid");
    let calls = bundle.test_calls().filter(|(_, _, facts)| facts.cures.is_empty());
    let mut corpus: Vec<_> = calls
        .map(|(_, call, facts)| (facts.now, request(call), answer(bundle.snapshot(), call, facts)))
        .collect();
    corpus.sort_by_key(|(now, _, _)| *now);
    for (index, (_, request, _)) in corpus.iter_mut().enumerate() {
        request.request_id = format!("case-{index}");
    }
    assert!(corpus.len() > 30, "the quickstart has tests");
    corpus
}

fn request(call: &ToolCall) -> v1::AuthorizeRequest {
    v1::AuthorizeRequest {
        chain: call.chain.links().iter().map(link).collect(),
        tool: call.tool.clone(),
        tool_digest: call.tool_digest.map(|digest| digest.to_string()).unwrap_or_default(),
        arguments: call.arguments.clone(),
        resource: call.resource.as_ref().map(|resource| v1::Resource {
            r#type: resource.entity_type.clone(),
            id: resource.id.clone(),
        }),
        environment: call.environment.source_address.map(|address| v1::Environment {
            source_address: address.to_string(),
            ..Default::default()
        }),
        ..Default::default()
    }
}

fn answer(snapshot: &PolicySnapshot, call: &ToolCall, facts: &Facts) -> Verdict {
    Verdict::clone(&snapshot.answer(call, facts).verdict)
}

fn check(request: &v1::AuthorizeRequest, got: &v1::AuthorizeResponse, want: &Verdict) {
    let outcome = match want.outcome {
        palisade_core::Outcome::Allow => v1::Outcome::Allow,
        palisade_core::Outcome::Challenge => v1::Outcome::Challenge,
        palisade_core::Outcome::Deny => v1::Outcome::Deny,
    };
    assert_eq!(verdict(got), (outcome, want.reason.code.as_str()), "{request:?}");
    let ids: Vec<&str> = want.determining.iter().map(palisade_core::PolicyId::as_str).collect();
    assert_eq!(determining(got), ids, "{request:?}");
    assert_eq!(got.requirements.len(), want.requirements.len(), "{request:?}");
}

async fn server() -> TestServer {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../policies/quickstart");
    TestServer::start_with_bundle(&directory).await
}

#[tokio::test]
async fn one_by_one() {
    let server = server().await;
    let mut client = server.raw_client().await;
    for (now, request, want) in corpus() {
        server.clock().set(&now.to_string());
        let got = client.authorize(request.clone()).await.expect("a decision").into_inner();
        check(&request, &got, &want);
    }
}

#[tokio::test]
async fn in_batches_and_on_a_stream() {
    let server = server().await;
    let mut client = server.raw_client().await;
    let corpus = corpus();
    for of_one_instant in corpus.chunk_by(|(a, _, _), (b, _, _)| a == b) {
        server.clock().set(&of_one_instant[0].0.to_string());
        let requests: Vec<_> = of_one_instant.iter().map(|(_, r, _)| r.clone()).collect();
        let batch = v1::AuthorizeBatchRequest { requests: requests.clone() };
        let results = client.authorize_batch(batch).await.expect("answers").into_inner().results;
        assert_eq!(results.len(), requests.len());
        for ((_, request, want), got) in of_one_instant.iter().zip(&results) {
            assert_eq!(got.request_id, request.request_id);
            check(request, response(got), want);
        }
        let stream = client.authorize_stream(tokio_stream::iter(requests)).await;
        let mut stream = stream.expect("a stream").into_inner();
        let mut open = of_one_instant.len();
        while let Some(got) = stream.message().await.expect("an answer") {
            let case = of_one_instant.iter().find(|(_, r, _)| r.request_id == got.request_id);
            let (_, request, want) = case.expect("it was asked");
            check(request, response(&got), want);
            open -= 1;
        }
        assert_eq!(open, 0, "every request is answered once");
    }
}
