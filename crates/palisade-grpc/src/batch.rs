//! A batch is a sequence of single requests, answered in the same order.

use palisade_core::limits::BATCH_REQUESTS_MAX;
use palisade_proto::v1;

use crate::error::{CallError, RequestError};
use crate::status;

/// Requests of a batch or a stream that are decided before others on the same thread get a turn.
// LIMIT: none takes more than some 50 microseconds, so that others wait for half a millisecond.
pub(crate) const DECIDED_AT_ONCE_MAX: usize = 8;

/// Answers the requests one after the other. What fails for one of them is that one's result.
///
/// # Errors
/// There is no request, or there are too many.
pub(crate) async fn answer<F>(
    batch: v1::AuthorizeBatchRequest,
    authorize: impl Fn(v1::AuthorizeRequest) -> F,
) -> Result<v1::AuthorizeBatchResponse, CallError>
where
    F: Future<Output = Result<v1::AuthorizeResponse, CallError>>,
{
    let v1::AuthorizeBatchRequest { requests } = batch;
    if requests.is_empty() {
        return Err(RequestError::BatchEmpty.into());
    }
    if requests.len() > BATCH_REQUESTS_MAX {
        return Err(RequestError::BatchTooLarge { requests: requests.len() }.into());
    }
    let mut results = Vec::with_capacity(requests.len());
    for (number, request) in requests.into_iter().enumerate() {
        if number > 0 && number % DECIDED_AT_ONCE_MAX == 0 {
            // Deciding does not wait for anything, so others get their turn here.
            tokio::task::yield_now().await;
        }
        let request_id = request.request_id.clone();
        results.push(result(request_id, authorize(request).await));
    }
    Ok(v1::AuthorizeBatchResponse { results })
}

/// The result of one item of a batch or a stream.
pub(crate) fn result(
    request_id: String,
    answered: Result<v1::AuthorizeResponse, CallError>,
) -> v1::AuthorizeResult {
    let result = match answered {
        Ok(response) => v1::authorize_result::Result::Response(response),
        Err(error) => v1::authorize_result::Result::Error(status::item(&error)),
    };
    v1::AuthorizeResult { request_id, result: Some(result) }
}

#[cfg(test)]
mod tests;
