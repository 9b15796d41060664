//! Callers that prove themselves by the certificate of their connection (X.509-SVID).

use palisade_grpc::TlsFiles;
use palisade_proto::v1;
use palisade_proto::v1::authorization_service_client::AuthorizationServiceClient;
use palisade_tests::bundle::WrittenBundle;
use palisade_tests::tls::{Authority, Caller, Identity};
use palisade_tests::trust::{World, bundle};
use palisade_tests::{TestServer, within};
use serde_json::json;
use tonic::transport::Channel;
use tonic::{Code, Status};

use super::scene::{bearing, reading, token_link};
use crate::answers::{failure, verdict};

const GATEWAY: &str = "spiffe://prod.example.com/gateway/eu";

const DOMAIN: &str = "format: 1
trust_domains:
  - name: prod.example.com
    bundle: { pem: domain.pem }";

const CALLER: &str = "callers:
  - name: mesh
    certificates: ['spiffe://prod.example.com/gateway/*']
    roles: [pep]
    tools: ['*']
    may_pass_certificates: true";

const EVENTS: &str = "{ file: events.json }
    speaks_for: ['spiffe://prod.example.com']";

/// A server that knows a trust domain.
struct Mesh {
    world: World,
    servers: Authority,
    domain: Authority,
    server: TestServer,
    _bundle: WrittenBundle,
}

impl Mesh {
    async fn start() -> Self {
        let (world, servers, domain) = (World::new(), Authority::new(), Authority::new());
        let authority = domain.write(world.directory());
        std::fs::copy(&authority, world.path("domain.pem")).unwrap();
        world.change("format: 1", DOMAIN);
        world.change("callers:", CALLER);
        world.change("{ file: events.json }", EVENTS);
        let files = TlsFiles {
            client_ca: Some(authority),
            client_certificate_optional: true,
            ..servers.issue().write(world.directory())
        };
        let bundle = bundle();
        let trust = world.settings();
        let server = TestServer::start_with_trust(bundle.path(), Some(files), trust).await;
        Self { world, servers, domain, server, _bundle: bundle }
    }

    async fn client(&self, identity: Option<&Identity>) -> AuthorizationServiceClient<Channel> {
        let caller = Caller { identity, ..Caller::anonymous(&self.servers) };
        AuthorizationServiceClient::new(caller.channel(self.server.address()).await)
    }

    fn call(&self) -> v1::AuthorizeRequest {
        reading(vec![token_link(self.world.user("alice", json!({})))])
    }

    async fn ask(&self, uris: &[&str]) -> Result<v1::AuthorizeResponse, Status> {
        let identity = self.domain.issue_workload(uris, 2090);
        let mut client = self.client(Some(&identity)).await;
        let answer = within("an answer", client.authorize(self.call())).await;
        answer.map(tonic::Response::into_inner)
    }
}

#[tokio::test]
async fn a_workload_proves_itself_by_its_certificate() {
    let mesh = Mesh::start().await;
    let answer = mesh.ask(&[GATEWAY]).await.unwrap();
    assert_eq!(verdict(&answer), (v1::Outcome::Allow, "permitted"));
    let record = mesh.server.log().only_record();
    assert_eq!(record.pep.as_deref(), Some(format!("mesh ({GATEWAY})").as_str()));
}

#[tokio::test]
async fn certificates_that_name_no_caller_prove_nothing() {
    let mesh = Mesh::start().await;
    let cases: [(&str, &[&str]); 5] = [
        ("two URIs", &[GATEWAY, "spiffe://prod.example.com/gateway/us"]),
        ("another trust domain", &["spiffe://test.example.com/gateway/eu"]),
        ("a host", &[]),
        ("another workload", &["spiffe://prod.example.com/batch"]),
        ("no workload", &["https://prod.example.com/gateway/eu"]),
    ];
    for (name, uris) in cases {
        let status = mesh.ask(uris).await.expect_err(name);
        let told = failure(&status);
        assert_eq!(told, (Code::Unauthenticated, "unauthenticated".to_owned()), "{name}");
    }
    assert!(mesh.server.log().records().is_empty());
}

#[tokio::test]
async fn a_token_counts_where_there_is_no_certificate_and_before_one() {
    let mesh = Mesh::start().await;
    let mut without = mesh.client(None).await;
    let status = without.authorize(mesh.call()).await.unwrap_err();
    assert_eq!(status.code(), Code::Unauthenticated);
    let gateway = mesh.world.caller("gateway");
    without.authorize(bearing(&gateway, mesh.call())).await.unwrap();
    let identity = mesh.domain.issue_workload(&[GATEWAY], 2090);
    let mut both = mesh.client(Some(&identity)).await;
    both.authorize(bearing(&gateway, mesh.call())).await.unwrap();
    // A bad token is not made good by the connection.
    let status = both.authorize(bearing("junk", mesh.call())).await.unwrap_err();
    assert_eq!(status.code(), Code::Unauthenticated);
    let records = mesh.server.log().records();
    let peps: Vec<_> = records.iter().map(|record| record.pep.as_deref().unwrap()).collect();
    assert_eq!(peps, ["gateway (gateway of https://idp.example.com)"; 2]);
}

#[tokio::test]
async fn a_certificate_that_ends_while_its_connection_is_open_ends_its_calls() {
    let mesh = Mesh::start().await;
    let identity = mesh.domain.issue_workload(&[GATEWAY], 2089);
    let mut client = mesh.client(Some(&identity)).await;
    client.authorize(mesh.call()).await.unwrap();
    mesh.server.clock().set("2089-12-30T23:59:59Z");
    let answer = client.authorize(mesh.call()).await.unwrap().into_inner();
    // The token of the chain has ended, the caller has not.
    assert_eq!(verdict(&answer), (v1::Outcome::Deny, "unverified_actor"));
    mesh.server.clock().set("2090-01-01T00:00:00Z");
    let status = client.authorize(mesh.call()).await.unwrap_err();
    assert_eq!(failure(&status), (Code::Unauthenticated, "unauthenticated".to_owned()));
}

#[tokio::test]
async fn a_workload_that_is_revoked_while_its_connection_is_open_is_nobody() {
    let mesh = Mesh::start().await;
    let identity = mesh.domain.issue_workload(&[GATEWAY], 2090);
    let mut client = mesh.client(Some(&identity)).await;
    client.authorize(mesh.call()).await.unwrap();
    let subject =
        json!({ "format": "iss_sub", "iss": "spiffe://prod.example.com", "sub": GATEWAY });
    let event = mesh.world.event("session-revoked", "gateway", json!({ "sub_id": subject }));
    super::revocation::push(&mesh.server, &event, 202).await;
    let status = client.authorize(mesh.call()).await.unwrap_err();
    assert_eq!(failure(&status), (Code::Unauthenticated, "unauthenticated".to_owned()));
    // Nor when it connects again; another workload of the same caller is still let in.
    assert_eq!(mesh.ask(&[GATEWAY]).await.unwrap_err().code(), Code::Unauthenticated);
    mesh.ask(&["spiffe://prod.example.com/gateway/us"]).await.unwrap();
}

#[tokio::test]
async fn certificates_of_peers_are_links_where_the_caller_may_pass_them_on() {
    let mesh = Mesh::start().await;
    let peer = mesh.domain.issue_workload(&["spiffe://prod.example.com/batch"], 2090);
    let stranger = Authority::new().issue_workload(&["spiffe://prod.example.com/batch"], 2090);
    let passing = |identity: &Identity| {
        let certificates = vec![identity.certificate().to_vec()];
        let link = v1::link::Link::Certificate(v1::CertificateChain { certificates });
        reading(vec![v1::Link { link: Some(link), possession: None }])
    };
    let identity = mesh.domain.issue_workload(&[GATEWAY], 2090);
    let mut client = mesh.client(Some(&identity)).await;
    let answer = client.authorize(passing(&stranger)).await.unwrap().into_inner();
    assert_eq!(verdict(&answer), (v1::Outcome::Deny, "unverified_actor"));
    let answer = client.authorize(passing(&peer)).await.unwrap().into_inner();
    // Who it is, is known; the bundle has no alias for its trust domain.
    assert_eq!(verdict(&answer), (v1::Outcome::Deny, "unknown_issuer"));
    let gateway = mesh.world.caller("gateway");
    let answer = client.authorize(bearing(&gateway, passing(&peer))).await.unwrap().into_inner();
    assert_eq!(verdict(&answer), (v1::Outcome::Deny, "unverified_actor"));
}
