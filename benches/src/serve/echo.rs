//! Bare tonic with the messages of the product and no work: the most that a server of this shape
//! can do.

use std::pin::Pin;
use std::sync::Arc;

use anyhow::Result;
use futures::{Stream, StreamExt as _};
use palisade_core::limits::BATCH_MESSAGE_BYTES_MAX;
use palisade_proto::v1;
use palisade_proto::v1::authorization_service_server::{
    AuthorizationService, AuthorizationServiceServer,
};
use prost::Message as _;
use tokio::net::TcpListener;
use tokio_rustls::rustls::ServerConfig;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::Server;
use tonic::{Request, Response, Status, Streaming};

use crate::stream::Stream as Connection;

#[derive(Debug)]
struct Echo {
    answer: v1::AuthorizeResponse,
}

impl Echo {
    fn result(
        answer: &v1::AuthorizeResponse,
        request: v1::AuthorizeRequest,
    ) -> v1::AuthorizeResult {
        let result = v1::authorize_result::Result::Response(answer.clone());
        v1::AuthorizeResult { request_id: request.request_id, result: Some(result) }
    }
}

/// Serves until the process ends. Every answer holds `answer`, an encoded `AuthorizeResponse`.
pub(super) async fn serve(
    listener: TcpListener,
    tls: Option<Arc<ServerConfig>>,
    answer: &[u8],
) -> Result<()> {
    let service = Echo { answer: v1::AuthorizeResponse::decode(answer)? };
    let service =
        AuthorizationServiceServer::new(service).max_decoding_message_size(BATCH_MESSAGE_BYTES_MAX);
    // One after the other: its only client opens them so.
    let incoming = TcpListenerStream::new(listener).then(move |accepted| {
        let tls = tls.clone();
        async move { Connection::accept(accepted?, tls).await }
    });
    Server::builder().add_service(service).serve_with_incoming(incoming).await?;
    Ok(())
}

#[tonic::async_trait]
impl AuthorizationService for Echo {
    async fn authorize(
        &self,
        _: Request<v1::AuthorizeRequest>,
    ) -> Result<Response<v1::AuthorizeResponse>, Status> {
        Ok(Response::new(self.answer.clone()))
    }

    async fn authorize_batch(
        &self,
        request: Request<v1::AuthorizeBatchRequest>,
    ) -> Result<Response<v1::AuthorizeBatchResponse>, Status> {
        let requests = request.into_inner().requests.into_iter();
        let results = requests.map(|request| Self::result(&self.answer, request)).collect();
        Ok(Response::new(v1::AuthorizeBatchResponse { results }))
    }

    type AuthorizeStreamStream =
        Pin<Box<dyn Stream<Item = Result<v1::AuthorizeResult, Status>> + Send>>;

    async fn authorize_stream(
        &self,
        request: Request<Streaming<v1::AuthorizeRequest>>,
    ) -> Result<Response<Self::AuthorizeStreamStream>, Status> {
        let answer = self.answer.clone();
        let results = request
            .into_inner()
            .map(move |request| request.map(|request| Self::result(&answer, request)));
        Ok(Response::new(Box::pin(results)))
    }

    async fn list_tools(
        &self,
        _: Request<v1::ListToolsRequest>,
    ) -> Result<Response<v1::ListToolsResponse>, Status> {
        Err(Status::unimplemented("an echo"))
    }

    async fn explain(
        &self,
        _: Request<v1::ExplainRequest>,
    ) -> Result<Response<v1::ExplainResponse>, Status> {
        Err(Status::unimplemented("an echo"))
    }

    async fn challenge(
        &self,
        _: Request<v1::ChallengeRequest>,
    ) -> Result<Response<v1::ChallengeResponse>, Status> {
        Err(Status::unimplemented("an echo"))
    }

    async fn report_outcome(
        &self,
        _: Request<v1::ReportOutcomeRequest>,
    ) -> Result<Response<v1::ReportOutcomeResponse>, Status> {
        Err(Status::unimplemented("an echo"))
    }
}
