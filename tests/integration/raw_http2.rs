//! A caller on the level of HTTP/2: one that can stop in the middle of a message, and need not
//! read what it is answered.

use std::net::SocketAddr;

use futures::future::poll_fn;
use h2::client::{Builder, ResponseFuture, SendRequest};
use h2::{RecvStream, SendStream};
use http::Request;
use palisade_tests::within;
use prost::Message;
use prost::bytes::Bytes;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tonic::Status;

/// A connection; dropping it closes it.
pub(crate) struct RawCaller {
    calls: SendRequest<Bytes>,
    driver: JoinSet<Result<(), h2::Error>>,
}

/// A call whose request has begun.
pub(crate) struct RawCall {
    pub(crate) request: SendStream<Bytes>,
    pub(crate) answer: ResponseFuture,
}

impl RawCaller {
    pub(crate) async fn connect(server: SocketAddr) -> Self {
        // One call that is not read leaves room for the answers of others.
        Self::connect_with(server, Builder::new().initial_connection_window_size(1024 * 1024)).await
    }

    /// A caller that never reads a byte of an answer.
    pub(crate) async fn deaf(server: SocketAddr) -> Self {
        Self::connect_with(server, Builder::new().initial_window_size(0)).await
    }

    async fn connect_with(server: SocketAddr, builder: &Builder) -> Self {
        let stream = TcpStream::connect(server).await.unwrap();
        let (calls, connection) = within("HTTP/2", builder.handshake(stream)).await.unwrap();
        let mut driver = JoinSet::new();
        driver.spawn(connection);
        Self { calls, driver }
    }

    /// Begins a call of the authorization service.
    pub(crate) async fn call(&self, method: &str) -> RawCall {
        let request = Request::post(format!("http://x/palisade.v1.AuthorizationService/{method}"))
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .body(())
            .unwrap();
        let mut calls = within("a stream", self.calls.clone().ready()).await.unwrap();
        let (answer, request) = calls.send_request(request, false).unwrap();
        RawCall { request, answer }
    }

    /// Waits until the server has closed the connection, which this does not do for as long as it
    /// can call.
    pub(crate) async fn closed(mut self) {
        // Whether with an error or without.
        drop(within("the end of the connection", self.driver.join_next()).await);
    }
}

impl RawCall {
    /// Sends bytes as far as the server takes them.
    pub(crate) async fn send(&mut self, bytes: impl Into<Bytes>) {
        let mut bytes = bytes.into();
        while !bytes.is_empty() {
            self.request.reserve_capacity(bytes.len());
            let room = within("room", poll_fn(|context| self.request.poll_capacity(context))).await;
            let Some(Ok(room)) = room else { return };
            self.request.send_data(bytes.split_to(room.min(bytes.len())), false).unwrap();
        }
    }

    /// Sends a whole message.
    pub(crate) async fn send_message(&mut self, message: &impl Message) {
        let bytes = message.encode_to_vec();
        self.send([prefix(bytes.len()), bytes].concat()).await;
    }

    /// Says that there are no further messages.
    pub(crate) fn finish(&mut self) {
        self.request.send_data(Bytes::new(), true).unwrap();
    }

    /// How the call ends, whether it is answered or not.
    pub(crate) async fn ended(self) -> Status {
        match self.answered().await {
            Ok(body) => end_of(body).await,
            Err(status) => status,
        }
    }

    /// Waits until the call is answered: what is left to read, or why it is not answered.
    pub(crate) async fn answered(self) -> Result<RecvStream, Status> {
        let Self { request: _open, answer } = self;
        let (head, body) = within("an answer", answer).await.unwrap().into_parts();
        Status::from_header_map(&head.headers).map_or(Ok(body), Err)
    }

    /// The first message of the answer.
    pub(crate) async fn message<M: Message + Default>(self) -> M {
        let Self { request: _open, answer } = self;
        let mut body = within("an answer", answer).await.unwrap().into_body();
        let bytes = within("a message", body.data()).await.expect("a message").unwrap();
        M::decode(&bytes[5..]).expect("a whole message")
    }
}

/// What stands at the end of an answer.
pub(crate) async fn end_of(mut body: RecvStream) -> Status {
    while let Some(bytes) = body.data().await {
        body.flow_control().release_capacity(bytes.unwrap().len()).unwrap();
    }
    let trailers = body.trailers().await.unwrap().expect("trailers");
    Status::from_header_map(&trailers).expect("a status")
}

/// What stands before a message of this length.
pub(crate) fn prefix(bytes: usize) -> Vec<u8> {
    let length = u32::try_from(bytes).unwrap().to_be_bytes();
    [&[0][..], &length].concat()
}
