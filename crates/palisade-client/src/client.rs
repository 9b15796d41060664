//! Asks a decision point.

use std::time::Duration;

use tonic::metadata::{Ascii, MetadataMap, MetadataValue};
use tonic::transport::Channel;
use tonic::{IntoStreamingRequest, Request, Response, Status, Streaming};

use palisade_proto::v1;
use palisade_proto::v1::authorization_service_client::AuthorizationServiceClient;

use crate::endpoint::Endpoint;
use crate::enforcement::{Answer, Enforcement};
use crate::error::ClientError;

/// How long a call may take unless said otherwise.
const TIMEOUT_DEFAULT: Duration = Duration::from_secs(1);

/// Bytes of one answer.
// LIMIT: explanations are the largest; as much as a server accepts for a batch.
const ANSWER_BYTES_MAX: usize = 16 * 1024 * 1024;

/// A connection to a decision point. Cheap to clone; clones share the connection, which is set up
/// anew when it broke.
#[derive(Clone, Debug)]
pub struct Client {
    endpoint: Endpoint,
    timeout: Duration,
    /// Says who we are; marked as sensitive, so that it is never printed.
    credential: Option<MetadataValue<Ascii>>,
    service: AuthorizationServiceClient<Channel>,
}

/// The answers of a stream, in the order in which they are ready.
#[derive(Debug)]
pub struct Answers {
    endpoint: Endpoint,
    timeout: Duration,
    answers: Streaming<v1::AuthorizeResult>,
}

impl Client {
    /// Connects, within one second.
    ///
    /// # Errors
    /// Nobody listens there.
    pub async fn connect(endpoint: &Endpoint) -> Result<Self, ClientError> {
        let channel = connect(endpoint).await?;
        Ok(Self {
            endpoint: endpoint.clone(),
            timeout: TIMEOUT_DEFAULT,
            credential: None,
            service: AuthorizationServiceClient::new(channel)
                .max_decoding_message_size(ANSWER_BYTES_MAX),
        })
    }

    /// The same connection with another time limit for each call; one second by default. For a
    /// stream it limits the opening only.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// The same connection, with this token in every call to say who we are. A secret: only to be
    /// sent over a connection that nobody else reads, such as a Unix socket or this machine's own
    /// network.
    ///
    /// # Errors
    /// It is no token that can stand in a header.
    pub fn with_credential(mut self, token: &str) -> Result<Self, ClientError> {
        let header = format!("Bearer {token}").parse::<MetadataValue<Ascii>>();
        let mut credential = header.map_err(|_invalid| ClientError::Credential)?;
        credential.set_sensitive(true);
        self.credential = Some(credential);
        Ok(self)
    }

    /// Asks whether one call may be made.
    ///
    /// # Errors
    /// There is no decision: deny.
    pub async fn authorize(
        &self,
        request: v1::AuthorizeRequest,
    ) -> Result<Enforcement, ClientError> {
        let mut service = self.service.clone();
        Ok(self.within(request, |request| service.authorize(request)).await?.into())
    }

    /// Asks about up to 256 calls; answers in the same order.
    ///
    /// # Errors
    /// There is no decision on any of them: deny.
    pub async fn authorize_batch(
        &self,
        requests: Vec<v1::AuthorizeRequest>,
    ) -> Result<Vec<Answer>, ClientError> {
        let asked = requests.len();
        let mut service = self.service.clone();
        let batch = v1::AuthorizeBatchRequest { requests };
        let answer = self.within(batch, |batch| service.authorize_batch(batch)).await?;
        let results = answer.results.len();
        if results != asked {
            let endpoint = self.endpoint.clone();
            return Err(ClientError::Incomplete { endpoint, requests: asked, results });
        }
        Ok(answer.results.into_iter().map(Answer::from).collect())
    }

    /// Asks about calls as they come. Every request needs a `request_id` that no other
    /// unanswered request of the stream has.
    ///
    /// # Errors
    /// The stream could not be opened: deny.
    pub async fn stream(
        &self,
        requests: impl IntoStreamingRequest<Message = v1::AuthorizeRequest>,
    ) -> Result<Answers, ClientError> {
        let mut service = self.service.clone();
        let mut requests = requests.into_streaming_request();
        self.identify(requests.metadata_mut());
        match tokio::time::timeout(self.timeout, service.authorize_stream(requests)).await {
            Ok(Ok(response)) => Ok(Answers {
                endpoint: self.endpoint.clone(),
                timeout: self.timeout,
                answers: response.into_inner(),
            }),
            Ok(Err(status)) => Err(self.error(status)),
            Err(_) => Err(self.late()),
        }
    }

    /// Says what became of a call that was allowed.
    ///
    /// # Errors
    /// The report is not on record.
    pub async fn report_outcome(
        &self,
        report: v1::ReportOutcomeRequest,
    ) -> Result<(), ClientError> {
        let mut service = self.service.clone();
        self.within(report, |report| service.report_outcome(report)).await?;
        Ok(())
    }

    /// Asks for a nonce that attestation evidence has to carry.
    ///
    /// # Errors
    /// There is none.
    pub async fn challenge(
        &self,
        request: v1::ChallengeRequest,
    ) -> Result<v1::ChallengeResponse, ClientError> {
        let mut service = self.service.clone();
        self.within(request, |request| service.challenge(request)).await
    }

    /// Asks which tools a chain may call.
    ///
    /// # Errors
    /// There is no answer: assume none.
    pub async fn list_tools(
        &self,
        request: v1::ListToolsRequest,
    ) -> Result<v1::ListToolsResponse, ClientError> {
        let mut service = self.service.clone();
        self.within(request, |request| service.list_tools(request)).await
    }

    /// Asks why a call is answered as it is. For the administration socket.
    ///
    /// # Errors
    /// There is no answer.
    pub async fn explain(
        &self,
        request: v1::ExplainRequest,
    ) -> Result<v1::ExplainResponse, ClientError> {
        let mut service = self.service.clone();
        self.within(request, |request| service.explain(request)).await
    }

    async fn within<Q, A, F>(
        &self,
        message: Q,
        call: impl FnOnce(Request<Q>) -> F,
    ) -> Result<A, ClientError>
    where
        F: Future<Output = Result<Response<A>, Status>>,
    {
        let identified = |mut request: Request<Q>| {
            self.identify(request.metadata_mut());
            call(request)
        };
        within(&self.endpoint, self.timeout, message, identified).await
    }

    /// Says who we are.
    fn identify(&self, metadata: &mut MetadataMap) {
        if let Some(credential) = &self.credential {
            metadata.insert("authorization", credential.clone());
        }
    }

    fn late(&self) -> ClientError {
        ClientError::Timeout { endpoint: self.endpoint.clone(), after: self.timeout }
    }

    fn error(&self, status: Status) -> ClientError {
        ClientError::from_status(status, &self.endpoint, self.timeout)
    }
}

/// Connects, within one second.
pub(crate) async fn connect(endpoint: &Endpoint) -> Result<Channel, ClientError> {
    let connect = async {
        let transport = tonic::transport::Endpoint::from_shared(endpoint.as_str().to_owned())?;
        transport.connect_timeout(TIMEOUT_DEFAULT).connect().await
    };
    let unreachable = |source| ClientError::Unreachable { endpoint: endpoint.clone(), source };
    connect.await.map_err(unreachable)
}

/// Makes a call that has to be over in time, on the server's side as well.
pub(crate) async fn within<Q, A, F>(
    endpoint: &Endpoint,
    timeout: Duration,
    message: Q,
    call: impl FnOnce(Request<Q>) -> F,
) -> Result<A, ClientError>
where
    F: Future<Output = Result<Response<A>, Status>>,
{
    let mut request = Request::new(message);
    request.set_timeout(timeout);
    match tokio::time::timeout(timeout, call(request)).await {
        Ok(Ok(response)) => Ok(response.into_inner()),
        Ok(Err(status)) => Err(ClientError::from_status(status, endpoint, timeout)),
        Err(_) => Err(ClientError::Timeout { endpoint: endpoint.clone(), after: timeout }),
    }
}

impl Answers {
    /// The next answer; `None`: the stream is over. Requests that are unanswered then are denied.
    ///
    /// # Errors
    /// The stream broke: deny whatever is unanswered.
    pub async fn next(&mut self) -> Option<Result<Answer, ClientError>> {
        match self.answers.message().await {
            Ok(result) => result.map(|result| Ok(result.into())),
            Err(status) => {
                Some(Err(ClientError::from_status(status, &self.endpoint, self.timeout)))
            }
        }
    }
}

#[cfg(test)]
mod tests;
