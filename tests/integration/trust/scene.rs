//! A server with a trust file, and short ways to call it.

use palisade_proto::v1;
use palisade_proto::v1::authorization_service_client::AuthorizationServiceClient;
use palisade_tests::bundle::WrittenBundle;
use palisade_tests::trust::{World, bundle};
use palisade_tests::{TestServer, within};
use serde_json::json;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::Channel;
use tonic::{Request, Status};

/// A server, whom it trusts, and its bundle.
pub(super) struct Scene {
    pub(super) world: World,
    pub(super) bundle: WrittenBundle,
    pub(super) server: TestServer,
}

impl Scene {
    pub(super) async fn start() -> Self {
        Self::of(World::new()).await
    }

    /// With a trust file that a test has changed.
    pub(super) async fn of(world: World) -> Self {
        let bundle = bundle();
        let server = TestServer::start_with_trust(bundle.path(), None, world.settings()).await;
        Self { world, bundle, server }
    }

    /// The answer to a call that a caller asks about.
    pub(super) async fn ask(
        &self,
        caller: &str,
        request: v1::AuthorizeRequest,
    ) -> v1::AuthorizeResponse {
        let token = self.world.caller(caller);
        let mut client = self.client().await;
        let answer = within("an answer", client.authorize(bearing(&token, request))).await;
        answer.unwrap_or_else(|status| panic!("no answer: {status:?}")).into_inner()
    }

    /// Outcome and reason of a call that the gateway asks about.
    pub(super) async fn verdict(&self, request: v1::AuthorizeRequest) -> (v1::Outcome, String) {
        self.verdict_as("gateway", request).await
    }

    /// The same of any caller.
    pub(super) async fn verdict_as(
        &self,
        caller: &str,
        request: v1::AuthorizeRequest,
    ) -> (v1::Outcome, String) {
        let answer = self.ask(caller, request).await;
        let (outcome, reason) = crate::answers::verdict(&answer);
        (outcome, reason.to_owned())
    }

    /// What a call ends with that shows this token, or none.
    pub(super) async fn refusal(&self, token: Option<&str>) -> Status {
        let request = reading(vec![token_link(self.world.user("alice", json!({})))]);
        let request = match token {
            Some(token) => bearing(token, request),
            None => Request::new(request),
        };
        let mut client = self.client().await;
        within("an answer", client.authorize(request)).await.expect_err("it is refused")
    }

    pub(super) async fn client(&self) -> AuthorizationServiceClient<Channel> {
        self.server.raw_client().await
    }
}

/// What an enforcement point sends that shows a token (RFC 6750, section 2.1).
pub(super) fn bearing<T>(token: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    let header: MetadataValue<Ascii> = format!("Bearer {token}").parse().unwrap();
    request.metadata_mut().insert("authorization", header);
    request
}

/// A link that is proven by a token.
pub(super) fn token_link(token: String) -> v1::Link {
    v1::Link { link: Some(v1::link::Link::Token(token)), possession: None }
}

/// Links that are proven by tokens.
pub(super) fn token_links(tokens: impl IntoIterator<Item = String>) -> Vec<v1::Link> {
    tokens.into_iter().map(token_link).collect()
}

/// A call of a tool.
pub(super) fn calling(tool: &str, chain: Vec<v1::Link>) -> v1::AuthorizeRequest {
    v1::AuthorizeRequest { chain, tool: tool.to_owned(), ..Default::default() }
}

/// A call of the tool that everybody may call.
pub(super) fn reading(chain: Vec<v1::Link>) -> v1::AuthorizeRequest {
    calling("crm.read", chain)
}

pub(super) fn allowed() -> (v1::Outcome, String) {
    (v1::Outcome::Allow, "permitted".to_owned())
}

pub(super) fn challenged() -> (v1::Outcome, String) {
    (v1::Outcome::Challenge, "requirements_unmet".to_owned())
}

pub(super) fn denied(reason: &str) -> (v1::Outcome, String) {
    (v1::Outcome::Deny, reason.to_owned())
}
