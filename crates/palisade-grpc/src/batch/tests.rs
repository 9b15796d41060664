use std::sync::Mutex;

use super::*;

fn requests(count: usize) -> v1::AuthorizeBatchRequest {
    let request = |index: usize| v1::AuthorizeRequest {
        request_id: format!("r-{index}"),
        ..Default::default()
    };
    v1::AuthorizeBatchRequest { requests: (0..count).map(request).collect() }
}

async fn allow(_: v1::AuthorizeRequest) -> Result<v1::AuthorizeResponse, CallError> {
    Ok(v1::AuthorizeResponse::default())
}

#[tokio::test]
async fn a_batch_has_1_to_256_requests() {
    assert_eq!(answer(requests(0), allow).await.unwrap_err(), RequestError::BatchEmpty.into());
    assert_eq!(answer(requests(1), allow).await.unwrap().results.len(), 1);
    assert_eq!(answer(requests(256), allow).await.unwrap().results.len(), 256);
    assert_eq!(
        answer(requests(257), allow).await.unwrap_err(),
        RequestError::BatchTooLarge { requests: 257 }.into()
    );
}

#[tokio::test]
async fn items_are_answered_one_after_the_other_and_fail_alone() {
    let seen = Mutex::new(Vec::new());
    let answered = answer(requests(3), async |request: v1::AuthorizeRequest| {
        let id = request.request_id;
        seen.lock().unwrap().push(format!("begin {id}"));
        tokio::task::yield_now().await;
        seen.lock().unwrap().push(format!("end {id}"));
        if id == "r-1" {
            return Err(RequestError::Tool.into());
        }
        Ok(v1::AuthorizeResponse { decision_id: id, ..Default::default() })
    });
    let results = answered.await.unwrap().results;
    let order = ["begin r-0", "end r-0", "begin r-1", "end r-1", "begin r-2", "end r-2"];
    assert_eq!(*seen.lock().unwrap(), order);
    let said: Vec<_> = results
        .into_iter()
        .map(|result| match result.result.unwrap() {
            v1::authorize_result::Result::Response(response) => response.decision_id,
            v1::authorize_result::Result::Error(error) => {
                format!("{}: {}", result.request_id, error.reason)
            }
        })
        .collect();
    assert_eq!(said, ["r-0", "r-1: tool_invalid", "r-2"]);
}
