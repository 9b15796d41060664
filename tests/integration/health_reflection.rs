//! What tools find out about the server: whether it serves, and what.

use palisade_tests::TestServer;
use tonic::Code;
use tonic::transport::Channel;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;

const SERVICE: &str = "palisade.v1.AuthorizationService";

async fn health(channel: Channel, service: &str) -> Result<ServingStatus, Code> {
    let request = HealthCheckRequest { service: service.to_owned() };
    let answer = HealthClient::new(channel).check(request).await;
    answer.map(|answer| answer.into_inner().status()).map_err(|status| status.code())
}

async fn reflect(channel: Channel, request: MessageRequest) -> MessageResponse {
    let request = ServerReflectionRequest { host: String::new(), message_request: Some(request) };
    let answers = ServerReflectionClient::new(channel)
        .server_reflection_info(tokio_stream::iter([request]))
        .await
        .unwrap();
    answers.into_inner().message().await.unwrap().unwrap().message_response.unwrap()
}

#[tokio::test]
async fn both_sockets_say_that_they_serve() {
    let server = TestServer::start().await;
    for channel in [server.channel().await, server.admin_channel().await] {
        for service in ["", SERVICE] {
            assert_eq!(health(channel.clone(), service).await, Ok(ServingStatus::Serving));
        }
        assert_eq!(health(channel, "no.such.Service").await, Err(Code::NotFound));
    }
}

#[tokio::test]
async fn whoever_watches_learns_of_the_shutdown() {
    let server = TestServer::start().await;
    let mut client = HealthClient::new(server.channel().await);
    let watched = client.watch(HealthCheckRequest { service: SERVICE.to_owned() }).await.unwrap();
    let mut states = watched.into_inner();
    let first = states.message().await.unwrap().unwrap();
    assert_eq!(first.status(), ServingStatus::Serving);
    server.begin_shutdown();
    let next = palisade_tests::within("the next state", states.message()).await;
    assert_eq!(next.unwrap().unwrap().status(), ServingStatus::NotServing);
    // A watcher does not hold up the drain for ever; it goes when it has what it wanted.
    drop((states, client));
    server.ended().await;
}

#[tokio::test]
async fn the_contract_can_be_read_from_the_server() {
    let server = TestServer::start().await;
    for channel in [server.channel().await, server.admin_channel().await] {
        let listed = reflect(channel.clone(), MessageRequest::ListServices(String::new())).await;
        let MessageResponse::ListServicesResponse(listed) = listed else { panic!("{listed:?}") };
        let services: Vec<&str> = listed.service.iter().map(|s| s.name.as_str()).collect();
        for service in [SERVICE, "grpc.health.v1.Health"] {
            assert!(services.contains(&service), "{service} of {services:?}");
        }
        let symbol = MessageRequest::FileContainingSymbol(format!("{SERVICE}.Explain"));
        let file = reflect(channel, symbol).await;
        let MessageResponse::FileDescriptorResponse(file) = file else { panic!("{file:?}") };
        assert!(!file.file_descriptor_proto.is_empty());
    }
}
