use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

use tokio::sync::{Notify, mpsc};
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::Code;

use super::*;

/// A request for which nothing is held.
fn request(id: &str) -> (v1::AuthorizeRequest, ()) {
    (v1::AuthorizeRequest { request_id: id.to_owned(), ..Default::default() }, ())
}

async fn allow(_: v1::AuthorizeRequest) -> Result<v1::AuthorizeResponse, CallError> {
    Ok(v1::AuthorizeResponse::default())
}

/// `id`, or `id: reason` if it failed.
fn said(result: Result<v1::AuthorizeResult, Status>) -> String {
    match result {
        Ok(v1::AuthorizeResult { request_id, result }) => match result {
            Some(v1::authorize_result::Result::Error(error)) => {
                format!("{request_id}: {}", error.reason)
            }
            Some(v1::authorize_result::Result::Response(_)) => request_id,
            None => format!("{request_id}: nothing"),
        },
        Err(status) => format!("{:?}", status.code()),
    }
}

#[tokio::test]
async fn an_item_that_fails_does_not_end_the_stream() {
    let requests = stream::iter([Ok(request("a")), Ok(request("")), Ok(request("b"))]);
    let answers = answers(requests, allow, CancellationToken::new());
    let mut said: Vec<_> = answers.map(said).collect().await;
    said.sort();
    assert_eq!(said, [": request_id_missing", "a", "b"]);
}

#[tokio::test]
async fn an_answer_may_overtake_another_and_its_id_is_free_again() {
    let go = Notify::new();
    let (sender, requests) = mpsc::unbounded_channel();
    let authorize = async |request: v1::AuthorizeRequest| {
        if request.tool == "slow" {
            go.notified().await;
        }
        Ok(v1::AuthorizeResponse::default())
    };
    let requests = UnboundedReceiverStream::new(requests);
    let authorize = |request| authorize(request);
    let mut answers = std::pin::pin!(answers(requests, authorize, CancellationToken::new()));
    let (mut slow, held) = request("slow");
    slow.tool = "slow".to_owned();
    sender.send(Ok((slow, held))).unwrap();
    sender.send(Ok(request("fast"))).unwrap();
    assert_eq!(said(answers.next().await.unwrap()), "fast");
    sender.send(Ok(request("slow"))).unwrap();
    assert_eq!(said(answers.next().await.unwrap()), "slow: request_id_in_flight");
    go.notify_one();
    assert_eq!(said(answers.next().await.unwrap()), "slow");
    sender.send(Ok(request("slow"))).unwrap();
    assert_eq!(said(answers.next().await.unwrap()), "slow");
    drop(sender);
    assert!(answers.next().await.is_none());
}

#[tokio::test]
async fn at_most_64_requests_are_read_ahead_of_their_answers() {
    let read = AtomicUsize::new(0);
    let requests = stream::iter(0..200).map(|index| {
        read.fetch_add(1, Ordering::Relaxed);
        Ok(request(&format!("r-{index}")))
    });
    let never = |_| future::pending::<Result<v1::AuthorizeResponse, CallError>>();
    let mut answers = std::pin::pin!(answers(requests, never, CancellationToken::new()));
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..200 {
        assert!(matches!(answers.as_mut().poll_next(&mut context), Poll::Pending));
    }
    assert_eq!(read.load(Ordering::Relaxed), 64);
}

#[tokio::test]
async fn what_is_held_for_a_request_is_released_when_it_is_answered() {
    let held = Arc::new(());
    let requests = stream::iter(["a", "b", "a"]).map(|id| Ok((request(id).0, Arc::clone(&held))));
    let go = Notify::new();
    let authorize = |_| async {
        go.notified().await;
        Ok(v1::AuthorizeResponse::default())
    };
    let mut answers = std::pin::pin!(answers(requests, authorize, CancellationToken::new()));
    // Answered with an error at once.
    assert_eq!(said(answers.next().await.unwrap()), "a: request_id_in_flight");
    assert_eq!(Arc::strong_count(&held), 1 + 2);
    go.notify_one();
    answers.next().await.unwrap().unwrap();
    assert_eq!(Arc::strong_count(&held), 1 + 1);
}

#[tokio::test]
async fn a_message_that_was_refused_keeps_its_status() {
    let refused = status::of(&CallError::BytesExhausted, "");
    let requests = stream::iter([Ok(request("a")), Err(refused.clone())]);
    let ended: Vec<_> = answers(requests, allow, CancellationToken::new()).collect().await;
    let status = ended.last().unwrap().as_ref().unwrap_err();
    assert_eq!((status.code(), status.details()), (Code::ResourceExhausted, refused.details()));
}

#[tokio::test]
async fn a_broken_transport_ends_the_stream_after_what_is_in_flight() {
    let requests = stream::iter([
        Ok(request("a")),
        Err(Status::out_of_range("too large")),
        Ok(request("never read")),
    ]);
    let answers = answers(requests, allow, CancellationToken::new());
    let ended: Vec<_> = answers.collect().await;
    let status = ended.last().unwrap().as_ref().unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    let said: Vec<_> = ended.into_iter().map(said).collect();
    assert_eq!(said, ["a", "InvalidArgument"]);
}

#[tokio::test]
async fn shutting_down_answers_what_is_in_flight_and_says_so() {
    let shutdown = CancellationToken::new();
    let (sender, requests) = mpsc::unbounded_channel();
    let go = Notify::new();
    let authorize = |_| async {
        go.notified().await;
        Ok(v1::AuthorizeResponse::default())
    };
    let requests = UnboundedReceiverStream::new(requests);
    let mut answers = std::pin::pin!(answers(requests, authorize, shutdown.clone()));
    sender.send(Ok(request("a"))).unwrap();
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..10 {
        assert!(matches!(answers.as_mut().poll_next(&mut context), Poll::Pending));
    }
    shutdown.cancel();
    go.notify_one();
    assert_eq!(said(answers.next().await.unwrap()), "a");
    assert_eq!(said(answers.next().await.unwrap()), "Unavailable");
    assert!(answers.next().await.is_none());
}
