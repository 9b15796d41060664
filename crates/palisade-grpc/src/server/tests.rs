use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream, UnixListener};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus as Health;
use tonic_health::pb::health_client::HealthClient;
use tonic_types::StatusExt as _;

use palisade_core::limits::BATCH_MESSAGE_BYTES_MAX;
use palisade_core::{
    DecisionLog, DigestKey, LogEntry, LogFuture, RandomIds, SystemClock, Unobserved,
};
use palisade_pdp::{PdpParts, Shadow, Snapshots};
use palisade_proto::v1;
use palisade_proto::v1::authorization_service_client::AuthorizationServiceClient;

use super::*;

/// Nothing is ever decided here, so nothing is recorded.
struct NoLog;

impl DecisionLog for NoLog {
    fn append<'a>(&'a self, _: LogEntry<'_>) -> LogFuture<'a> {
        Box::pin(async { Ok(()) })
    }
}

/// A server without a snapshot: everything that happens before a decision.
struct Running {
    address: SocketAddr,
    shutdown: CancellationToken,
    server: GrpcServer,
    ended: JoinHandle<Result<Drained, ServeError>>,
}

#[expect(clippy::disallowed_methods, reason = "a test waits for what it spawns")]
async fn start(surface: Surface, limits: Limits) -> Running {
    let parts = PdpParts {
        identity: None,
        attestation: None,
        snapshots: Arc::new(Snapshots::new()),
        shadow: Shadow::new(0.0).0,
        log: Arc::new(NoLog),
        clock: Arc::new(SystemClock::new()),
        ids: Arc::new(RandomIds),
        digest_key: DigestKey::new([0; 32]),
        records_arguments: false,
        observer: Arc::new(Unobserved),
    };
    let shutdown = CancellationToken::new();
    let server = GrpcServer::new(Pdp::new(parts), limits, shutdown.clone()).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = server.clone();
    let ended = tokio::spawn(async move { serving.serve(Listener::Tcp(listener), surface).await });
    Running { address, shutdown, server, ended }
}

impl Running {
    async fn channel(&self) -> Channel {
        let endpoint = Endpoint::from_shared(format!("http://{}", self.address)).unwrap();
        endpoint.connect().await.unwrap()
    }

    async fn client(&self) -> AuthorizationServiceClient<Channel> {
        AuthorizationServiceClient::new(self.channel().await)
    }

    async fn drained(self) -> Drained {
        self.shutdown.cancel();
        timeout(Duration::from_secs(10), self.ended).await.unwrap().unwrap().unwrap()
    }
}

fn request() -> v1::AuthorizeRequest {
    let actor = v1::AssertedActor {
        kind: v1::ActorKind::User.into(),
        issuer: "corp".to_owned(),
        subject: "alice".to_owned(),
        attributes: None,
    };
    v1::AuthorizeRequest {
        request_id: "r-1".to_owned(),
        chain: vec![v1::Link { link: Some(v1::link::Link::Asserted(actor)), possession: None }],
        tool: "crm.read_ticket".to_owned(),
        ..Default::default()
    }
}

fn reason(status: &Status) -> String {
    status.get_details_error_info().unwrap().reason
}

#[tokio::test]
async fn without_a_snapshot_every_decision_is_unavailable() {
    let running = start(Surface::Decision, Limits::default()).await;
    let mut client = running.client().await;
    let status = client.authorize(request()).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::Unavailable, "not_ready"));
    let list = v1::ListToolsRequest { chain: request().chain, ..Default::default() };
    let status = client.list_tools(list).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::Unavailable, "not_ready"));
    let batch = v1::AuthorizeBatchRequest { requests: vec![request(), request()] };
    let results = client.authorize_batch(batch).await.unwrap().into_inner().results;
    for result in results {
        match result.result.unwrap() {
            v1::authorize_result::Result::Error(error) => assert_eq!(error.reason, "not_ready"),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(running.drained().await, Drained { connections_cut: 0 });
}

#[tokio::test]
async fn a_stream_answers_each_request_and_ends_with_the_callers_last() {
    let running = start(Surface::Decision, Limits::default()).await;
    let mut client = running.client().await;
    let requests = ["a", "b"].map(|id| v1::AuthorizeRequest { request_id: id.into(), ..request() });
    let mut answers =
        client.authorize_stream(tokio_stream::iter(requests)).await.unwrap().into_inner();
    let mut answered = Vec::new();
    while let Some(answer) = answers.message().await.unwrap() {
        answered.push(answer.request_id);
    }
    answered.sort();
    assert_eq!(answered, ["a", "b"]);
    running.drained().await;
}

#[tokio::test]
async fn each_method_is_served_on_its_own_surface_only() {
    let decision = start(Surface::Decision, Limits::default()).await;
    let status = decision.client().await.explain(explain()).await.unwrap_err();
    assert_eq!(status.code(), Code::PermissionDenied);
    assert!(status.message().contains("administration socket"), "{}", status.message());
    let administration = start(Surface::Administration, Limits::default()).await;
    let mut client = administration.client().await;
    let status = client.explain(explain()).await.unwrap_err();
    assert_eq!(reason(&status), "not_ready");
    let list = v1::ListToolsRequest::default();
    let batch = v1::AuthorizeBatchRequest { requests: vec![request()] };
    let stream = tokio_stream::iter([request()]);
    for status in [
        client.authorize(request()).await.unwrap_err(),
        client.authorize_batch(batch).await.unwrap_err(),
        client.authorize_stream(stream).await.unwrap_err(),
        client.list_tools(list).await.unwrap_err(),
    ] {
        assert_eq!(status.code(), Code::PermissionDenied);
        assert_eq!(reason(&status), "wrong_socket");
    }
}

fn explain() -> v1::ExplainRequest {
    v1::ExplainRequest { request: Some(request()) }
}

#[tokio::test]
async fn health_is_not_serving_without_a_snapshot() {
    let running = start(Surface::Decision, Limits::default()).await;
    running.server.report_health().await;
    let mut health = HealthClient::new(running.channel().await);
    for service in ["", "palisade.v1.AuthorizationService"] {
        let request = HealthCheckRequest { service: service.to_owned() };
        let status = health.check(request).await.unwrap().into_inner().status();
        assert_eq!(status, Health::NotServing, "{service}");
    }
}

#[tokio::test]
async fn a_message_over_16_mib_is_the_callers_mistake() {
    let running = start(Surface::Decision, Limits::default()).await;
    let mut client = running.client().await;
    let large =
        v1::AuthorizeRequest { arguments: vec![b' '; BATCH_MESSAGE_BYTES_MAX + 1], ..request() };
    let status = client.authorize(large).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    assert_eq!(reason(&status), "message_too_large");
}

#[tokio::test]
async fn a_message_that_is_no_protobuf_is_the_callers_mistake() {
    let running = start(Surface::Decision, Limits::default()).await;
    // A health check's string where a request has its id: field 1, but not UTF-8.
    let mut grpc = tonic::client::Grpc::new(running.channel().await);
    grpc.ready().await.unwrap();
    let path = "/palisade.v1.AuthorizationService/Authorize".parse().unwrap();
    let codec = tonic_prost::ProstCodec::<RawId, v1::AuthorizeResponse>::default();
    let raw = RawId { request_id: vec![0xff] };
    let status = grpc.unary(tonic::Request::new(raw), path, codec).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    assert_eq!(reason(&status), "message_malformed");
}

/// An authorize request whose id is any bytes.
#[derive(Clone, PartialEq, prost::Message)]
struct RawId {
    #[prost(bytes = "vec", tag = "1")]
    request_id: Vec<u8>,
}

#[tokio::test]
async fn a_request_that_never_arrives_whole_is_deadline_exceeded() {
    let limits = Limits { request_timeout: Duration::from_millis(20), ..Limits::default() };
    let running = start(Surface::Decision, limits).await;
    let mut grpc = tonic::client::Grpc::new(running.channel().await);
    grpc.ready().await.unwrap();
    let path = "/palisade.v1.AuthorizationService/Authorize".parse().unwrap();
    let codec = tonic_prost::ProstCodec::<RawId, v1::AuthorizeResponse>::default();
    let never = tonic::Request::new(tokio_stream::pending());
    let status = grpc.client_streaming(never, path, codec).await.unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded);
    assert_eq!(reason(&status), "deadline_exceeded");
}

#[tokio::test]
async fn draining_refuses_new_connections_and_ends_open_streams() {
    let running = start(Surface::Decision, Limits::default()).await;
    let mut client = running.client().await;
    let (sender, requests) = tokio::sync::mpsc::channel(1);
    let requests = tokio_stream::wrappers::ReceiverStream::new(requests);
    let mut answers = client.authorize_stream(requests).await.unwrap().into_inner();
    let address = running.address;
    assert_eq!(running.drained().await, Drained { connections_cut: 0 });
    let status = answers.message().await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::Unavailable, "draining"));
    assert!(TcpStream::connect(address).await.is_err());
    drop(sender);
}

#[tokio::test]
async fn a_call_that_does_not_end_is_cut_after_the_drain_timeout() {
    let limits = Limits { drain_timeout: Duration::from_millis(50), ..Limits::default() };
    let running = start(Surface::Decision, limits).await;
    // A health watch has no end of its own.
    let mut health = HealthClient::new(running.channel().await);
    let mut watch = health.watch(HealthCheckRequest::default()).await.unwrap().into_inner();
    watch.message().await.unwrap();
    assert_eq!(running.drained().await, Drained { connections_cut: 1 });
    assert!(watch.message().await.is_err());
}

#[tokio::test]
async fn a_connection_too_many_waits_until_another_ends() {
    let limits = Limits { connections_max: std::num::NonZeroU32::MIN, ..Limits::default() };
    let running = start(Surface::Decision, limits).await;
    let mut first = running.client().await;
    first.authorize(request()).await.unwrap_err();
    let second = Endpoint::from_shared(format!("http://{}", running.address)).unwrap();
    let mut second = AuthorizationServiceClient::new(second.connect_lazy());
    let mut waiting = std::pin::pin!(second.authorize(request()));
    let early = timeout(Duration::from_millis(50), waiting.as_mut()).await;
    assert!(early.is_err(), "{early:?}");
    drop(first);
    let status = timeout(Duration::from_secs(10), waiting).await.unwrap().unwrap_err();
    assert_eq!(reason(&status), "not_ready");
}

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "a test waits for what it spawns")]
async fn a_unix_socket_serves_the_same() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("palisade.sock");
    let listener = Listener::Unix(UnixListener::bind(&path).unwrap());
    let running = start(Surface::Decision, Limits::default()).await;
    let server = running.server.clone();
    let ended = tokio::spawn(async move { server.serve(listener, Surface::Administration).await });
    let endpoint = Endpoint::from_shared(format!("unix:{}", path.display())).unwrap();
    let mut client = AuthorizationServiceClient::new(endpoint.connect().await.unwrap());
    assert_eq!(reason(&client.explain(explain()).await.unwrap_err()), "not_ready");
    running.drained().await;
    assert_eq!(ended.await.unwrap().unwrap(), Drained { connections_cut: 0 });
}
