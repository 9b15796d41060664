//! Fields of capabilities that do not exist yet: set, they are answered `UNIMPLEMENTED`.

use palisade_proto::v1;
use palisade_tests::{TestServer, authorize_request, chain};
use tonic::Code;

use crate::answers::failure;

type Change<T> = fn(&mut T);

/// Every field of a request that says "Not served yet" in the contract.
const AUTHORIZE: [(&str, Change<v1::AuthorizeRequest>); 10] = [
    ("chain.token", |request| {
        request.chain[0] =
            v1::Link { link: Some(v1::link::Link::Token("eyJ".to_owned())), possession: None };
    }),
    // Empty, but said.
    ("chain.token", |request| {
        request.chain[1] =
            v1::Link { link: Some(v1::link::Link::Token(String::new())), possession: None };
    }),
    ("chain.asserted.attributes", |request| {
        let Some(v1::link::Link::Asserted(actor)) = &mut request.chain[1].link else {
            panic!("asserted")
        };
        actor.attributes = Some(prost_types::Struct::default());
    }),
    ("session_id", |request| request.session_id = "s-1".to_owned()),
    ("transaction_id", |request| request.transaction_id = "t-1".to_owned()),
    ("presented.approval_ids", |request| {
        request.presented =
            Some(v1::Presented { approval_ids: vec![String::new()], ..Default::default() });
    }),
    ("presented.confirmation_ids", |request| {
        request.presented =
            Some(v1::Presented { confirmation_ids: vec!["c-1".to_owned()], ..Default::default() });
    }),
    ("presented.step_up_token", |request| {
        request.presented =
            Some(v1::Presented { step_up_token: "eyJ".to_owned(), ..Default::default() });
    }),
    ("evidence", |request| request.evidence.push(v1::Evidence::default())),
    ("options.grant", |request| {
        request.options = Some(v1::Options { grant: true, ..Default::default() });
    }),
];

const LIST_TOOLS: [(&str, Change<v1::ListToolsRequest>); 3] = [
    ("chain.token", |request| {
        request.chain[0] =
            v1::Link { link: Some(v1::link::Link::Token("eyJ".to_owned())), possession: None };
    }),
    ("chain.asserted.attributes", |request| {
        let Some(v1::link::Link::Asserted(actor)) = &mut request.chain[0].link else {
            panic!("asserted")
        };
        actor.attributes = Some(prost_types::Struct::default());
    }),
    ("session_id", |request| request.session_id = "s-1".to_owned()),
];

fn assert_not_served(status: &tonic::Status, field: &str) {
    assert_eq!(failure(status), (Code::Unimplemented, "not_served".to_owned()), "{field}");
    assert!(status.message().contains(&format!("`{field}`")), "{field}: {}", status.message());
}

#[tokio::test]
async fn a_field_of_an_absent_capability_is_unimplemented() {
    let server = TestServer::start().await;
    let (mut client, mut admin) = (server.raw_client().await, server.raw_admin_client().await);
    for (field, set) in AUTHORIZE {
        let mut request = authorize_request("notes.read", r#"{"id":"n"}"#);
        set(&mut request);
        let refused = client.authorize(request.clone()).await.unwrap_err();
        assert_not_served(&refused, field);
        let explain = v1::ExplainRequest { request: Some(request) };
        assert_not_served(&admin.explain(explain).await.unwrap_err(), field);
    }
    for (field, set) in LIST_TOOLS {
        let chain = chain(&["user:corp:alice"]);
        let mut request = v1::ListToolsRequest { chain, ..Default::default() };
        set(&mut request);
        assert_not_served(&client.list_tools(request).await.unwrap_err(), field);
    }
    assert!(server.log().records().is_empty());
}

#[tokio::test]
async fn messages_of_absent_capabilities_may_be_there_empty() {
    let server = TestServer::start().await;
    let request = v1::AuthorizeRequest {
        presented: Some(v1::Presented::default()),
        options: Some(v1::Options::default()),
        environment: Some(v1::Environment::default()),
        ..authorize_request("notes.read", r#"{"id":"n"}"#)
    };
    let answer = server.raw_client().await.authorize(request).await.unwrap().into_inner();
    assert_eq!(answer.outcome(), v1::Outcome::Allow);
}

/// The contract marks exactly the fields that are in the tables here.
#[test]
fn the_tables_have_every_field_that_the_contract_marks() {
    let proto = palisade_tests::bundle::root().join("proto/palisade/v1");
    let mut marked = 0;
    for file in ["authorization.proto", "types.proto"] {
        let text = std::fs::read_to_string(proto.join(file)).unwrap();
        let words: Vec<&str> = text.split_whitespace().filter(|word| *word != "//").collect();
        let text = words.join(" ");
        // Some are served if the server is configured to.
        marked += text.matches("Not served yet: ").count();
        marked += text.matches("A server without ").count();
    }
    // `session_id` is marked in both requests, and so is a whole method; `chain.token` is there
    // twice, set and empty.
    let mut fields: Vec<&str> = AUTHORIZE.iter().map(|(field, _)| *field).collect();
    fields.dedup();
    assert_eq!(marked, fields.len() + 2);
}
