//! Calls as they come on one stream.

use std::cell::Cell;
use std::collections::BTreeSet;

use futures::StreamExt as _;
use palisade_core::limits::STREAM_IN_FLIGHT_MAX;
use palisade_proto::v1;
use palisade_proto::v1::authorization_service_client::AuthorizationServiceClient;
use palisade_tests::{LogMode, TestServer, authorize_request, within};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;
use tonic::{Code, Streaming};

use crate::answers::{item_failure, response, verdict};

/// An open stream.
struct Call {
    requests: mpsc::Sender<v1::AuthorizeRequest>,
    answers: Streaming<v1::AuthorizeResult>,
}

impl Call {
    async fn open(mut client: AuthorizationServiceClient<Channel>) -> Self {
        let (requests, receiver) = mpsc::channel(1);
        let open = client.authorize_stream(ReceiverStream::new(receiver));
        let answers = within("the stream to open", open).await.unwrap().into_inner();
        Self { requests, answers }
    }

    async fn send(&self, request: v1::AuthorizeRequest) {
        within("the request to be taken", self.requests.send(request)).await.unwrap();
    }

    async fn next(&mut self) -> v1::AuthorizeResult {
        let answer = within("an answer", self.answers.message()).await;
        answer.unwrap().expect("the stream goes on")
    }

    /// Ends the requests; all answers that are left.
    async fn finish(self) -> Vec<v1::AuthorizeResult> {
        drop(self.requests);
        let rest = self.answers.map(|answer| answer.unwrap()).collect();
        within("the end of the stream", rest).await
    }
}

fn read(request_id: &str) -> v1::AuthorizeRequest {
    v1::AuthorizeRequest {
        request_id: request_id.to_owned(),
        ..authorize_request("notes.read", r#"{"id":"n-1"}"#)
    }
}

#[tokio::test]
async fn every_answer_carries_the_id_of_its_request() {
    let server = TestServer::start().await;
    let mut call = Call::open(server.raw_client().await).await;
    call.send(read("first")).await;
    let first = call.next().await;
    assert_eq!(first.request_id, "first");
    assert_eq!(verdict(response(&first)), (v1::Outcome::Allow, "permitted"));
    let denied = authorize_request("notes.write", r#"{"text":"secret"}"#);
    call.send(v1::AuthorizeRequest { request_id: "second".to_owned(), ..denied }).await;
    let second = call.next().await;
    assert_eq!(second.request_id, "second");
    assert_eq!(verdict(response(&second)), (v1::Outcome::Deny, "policy_forbid"));
    assert!(call.finish().await.is_empty());
}

#[tokio::test]
async fn a_request_that_cannot_be_decided_does_not_end_the_stream() {
    let server = TestServer::start().await;
    let mut call = Call::open(server.raw_client().await).await;
    let mut no_chain = read("no-chain");
    no_chain.chain.clear();
    let mut grant = read("grant");
    grant.options = Some(v1::Options { grant: true, ..Default::default() });
    for (request, want) in [
        (read(""), (Code::InvalidArgument, "request_id_missing")),
        (no_chain, (Code::InvalidArgument, "chain_empty")),
        (grant, (Code::Unimplemented, "not_served")),
        (read("with space"), (Code::InvalidArgument, "request_id_invalid")),
        (read(&"r".repeat(129)), (Code::InvalidArgument, "request_id_invalid")),
    ] {
        let request_id = request.request_id.clone();
        call.send(request).await;
        let answer = call.next().await;
        assert_eq!(answer.request_id, request_id);
        assert_eq!(item_failure(&answer), want);
    }
    let longest = "r".repeat(128);
    call.send(read(&longest)).await;
    assert_eq!(verdict(response(&call.next().await)), (v1::Outcome::Allow, "permitted"));
}

#[tokio::test]
async fn an_id_is_unique_among_the_requests_in_flight() {
    let server = TestServer::start().await;
    let mut call = Call::open(server.raw_client().await).await;
    server.log().set_mode(LogMode::Stall);
    call.send(read("a")).await;
    server.log().wait_for_stalled(1).await;
    call.send(read("a")).await;
    // The second overtakes the first.
    let refused = call.next().await;
    assert_eq!(refused.request_id, "a");
    assert_eq!(item_failure(&refused), (Code::InvalidArgument, "request_id_in_flight"));
    server.log().set_mode(LogMode::Keep);
    assert_eq!(verdict(response(&call.next().await)), (v1::Outcome::Allow, "permitted"));
    // Answered, so free again.
    call.send(read("a")).await;
    assert_eq!(verdict(response(&call.next().await)), (v1::Outcome::Allow, "permitted"));
    assert_eq!(server.log().records().len(), 2);
}

#[tokio::test]
async fn a_thousand_requests_are_answered_exactly_once() {
    let server = TestServer::start().await;
    let Call { requests, answers } = Call::open(server.raw_client().await).await;
    let ids: BTreeSet<String> = (0..1000).map(|number| format!("r-{number}")).collect();
    let send = async {
        for id in &ids {
            requests.send(read(id)).await.unwrap();
        }
        drop(requests);
    };
    let receive = answers.map(|answer| answer.unwrap()).collect::<Vec<_>>();
    let ((), answers) = within("all answers", async { tokio::join!(send, receive) }).await;
    assert_eq!(answers.len(), 1000);
    let answered: BTreeSet<String> =
        answers.iter().map(|answer| answer.request_id.clone()).collect();
    assert_eq!(answered, ids);
    let decisions: BTreeSet<&str> =
        answers.iter().map(|answer| response(answer).decision_id.as_str()).collect();
    assert_eq!(decisions.len(), 1000);
    assert_eq!(server.log().records().len(), 1000);
}

#[tokio::test]
async fn at_most_64_requests_of_a_stream_are_in_flight() {
    let server = TestServer::start().await;
    let mut client = server.raw_client().await;
    let Call { requests, answers } = Call::open(client.clone()).await;
    server.log().set_mode(LogMode::Stall);
    let send = async {
        for number in 0..STREAM_IN_FLIGHT_MAX + 16 {
            requests.send(read(&format!("r-{number}"))).await.unwrap();
        }
        drop(requests);
    };
    let receive = answers.map(|answer| answer.unwrap()).collect::<Vec<_>>();
    let release = async {
        server.log().wait_for_stalled(STREAM_IN_FLIGHT_MAX).await;
        // Round trips on the same connection: whatever the server would take, it has taken.
        for _ in 0..20 {
            let request = v1::ListToolsRequest { chain: read("").chain, ..Default::default() };
            client.list_tools(request).await.unwrap();
        }
        assert_eq!(server.log().stalled(), STREAM_IN_FLIGHT_MAX);
        server.log().set_mode(LogMode::Keep);
    };
    let all = async { tokio::join!(send, receive, release) };
    let ((), answers, ()) = within("all answers", all).await;
    assert_eq!(answers.len(), STREAM_IN_FLIGHT_MAX + 16);
}

#[tokio::test]
async fn a_caller_that_never_reads_holds_up_nobody_else() {
    let server = TestServer::start().await;
    let deaf = Call::open(server.raw_client().await).await;
    let sent = Cell::new(0);
    let flood = async {
        loop {
            deaf.send(read(&format!("r-{}", sent.get()))).await;
            sent.set(sent.get() + 1);
        }
    };
    let others = async {
        let mut client = server.raw_client().await;
        // Until flow control has brought the flood to a stand.
        let mut standing = 0;
        while standing < 50 {
            let before = sent.get();
            let answer = client.authorize(read("other")).await.unwrap().into_inner();
            assert_eq!(verdict(&answer), (v1::Outcome::Allow, "permitted"));
            standing = if sent.get() == before { standing + 1 } else { 0 };
        }
    };
    within("the others", async {
        tokio::select! {
            never = flood => never,
            () = others => {}
        }
    })
    .await;
}
