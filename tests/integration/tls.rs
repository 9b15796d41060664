//! Decisions over TLS: who may connect, and certificates that change while the server runs.

use palisade_grpc::{Limits, TlsFiles};
use palisade_proto::v1;
use palisade_proto::v1::authorization_service_client::AuthorizationServiceClient;
use palisade_tests::tls::{Authority, Caller};
use palisade_tests::{TestServer, authorize_request, within};
use tokio::io::AsyncReadExt as _;
use tonic::transport::Channel;

use crate::answers::verdict;

async fn start(files: TlsFiles) -> TestServer {
    TestServer::start_with_tls(files, Limits::default()).await
}

async fn is_decided(channel: Channel) {
    let mut client = AuthorizationServiceClient::new(channel);
    let request = authorize_request("notes.read", r#"{"id":"n"}"#);
    let answer = within("an answer", client.authorize(request)).await.unwrap().into_inner();
    assert_eq!(verdict(&answer), (v1::Outcome::Allow, "permitted"));
}

#[tokio::test]
async fn decisions_are_made_over_tls() {
    let (directory, authority) = (tempfile::tempdir().unwrap(), Authority::new());
    let server = start(authority.issue().write(directory.path())).await;
    let caller = Caller::anonymous(&authority);
    is_decided(caller.channel(server.address()).await).await;
    // Drained as ever.
    server.begin_shutdown();
    server.ended().await;
}

#[tokio::test]
async fn whoever_speaks_no_tls_gets_nothing() {
    let (directory, authority) = (tempfile::tempdir().unwrap(), Authority::new());
    let server = start(authority.issue().write(directory.path())).await;
    let mut plain = AuthorizationServiceClient::new(server.channel().await);
    let request = authorize_request("notes.read", r#"{"id":"n"}"#);
    within("an answer", plain.authorize(request)).await.unwrap_err();
    assert!(server.log().records().is_empty());
    is_decided(Caller::anonymous(&authority).channel(server.address()).await).await;
}

#[tokio::test]
async fn only_http2_is_spoken() {
    let (directory, authority) = (tempfile::tempdir().unwrap(), Authority::new());
    let server = start(authority.issue().write(directory.path())).await;
    let other = Caller { protocols: &["http/1.1"], ..Caller::anonymous(&authority) };
    let refused = other.connect(server.address()).await.unwrap_err();
    assert!(refused.to_string().contains("NoApplicationProtocol"), "{refused}");
    let silent = Caller { protocols: &[], ..Caller::anonymous(&authority) };
    let mut closed = silent.connect(server.address()).await.unwrap();
    let read = within("the end", closed.read(&mut [0; 1])).await;
    assert!(!matches!(read, Ok(1..)), "{read:?}");
}

#[tokio::test]
async fn with_authorities_only_their_callers_connect() {
    let directory = tempfile::tempdir().unwrap();
    let (servers, callers, strangers) = (Authority::new(), Authority::new(), Authority::new());
    let client_ca = Some(callers.write(directory.path()));
    let files = TlsFiles { client_ca, ..servers.issue().write(directory.path()) };
    let server = start(files).await;
    let (known, unknown) = (callers.issue(), strangers.issue());
    for (identity, alert) in [(None, "CertificateRequired"), (Some(&unknown), "")] {
        let caller = Caller { identity, ..Caller::anonymous(&servers) };
        // In TLS 1.3 the caller learns of it with its first read.
        let mut stream = caller.connect(server.address()).await.unwrap();
        let refused = within("the alert", stream.read(&mut [0; 1])).await.unwrap_err();
        assert!(
            refused.to_string().contains("alert") && refused.to_string().contains(alert),
            "{refused}"
        );
    }
    let caller = Caller { identity: Some(&known), ..Caller::anonymous(&servers) };
    is_decided(caller.channel(server.address()).await).await;
    assert_eq!(server.log().records().len(), 1);
}

#[tokio::test]
async fn new_certificates_are_in_force_without_a_restart() {
    let (directory, authority) = (tempfile::tempdir().unwrap(), Authority::new());
    let (old, new) = (authority.issue(), authority.issue());
    let server = start(old.write(directory.path())).await;
    let caller = Caller::anonymous(&authority);
    let shown = async || {
        let stream = caller.connect(server.address()).await.unwrap();
        stream.get_ref().1.peer_certificates().unwrap().to_vec()
    };
    assert_eq!(shown().await, [old.certificate()]);
    let before = caller.channel(server.address()).await;
    let files = new.write(directory.path());
    within("the new certificate", async { while shown().await != [new.certificate()] {} }).await;
    // What was open stays open.
    is_decided(before).await;
    // Nonsense changes nothing, and neither ends the following of the files.
    std::fs::write(&files.certificate, "nonsense").unwrap();
    for _ in 0..20 {
        assert_eq!(shown().await, [new.certificate()]);
    }
    drop(old.write(directory.path()));
    within("the old certificate", async { while shown().await != [old.certificate()] {} }).await;
}
