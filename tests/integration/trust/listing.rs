//! Lists of tools and explanations where links are proven.

use palisade_proto::v1;
use palisade_tests::chain;
use palisade_tests::trust::{NOON_SECONDS, Said, Signer};
use serde_json::json;
use tonic::Code;

use super::scene::{Scene, bearing, calling, token_link, token_links};
use crate::answers::{failure, verdict};

async fn listed(scene: &Scene, caller: &str, chain: Vec<v1::Link>) -> Vec<(String, v1::Prospect)> {
    let request = v1::ListToolsRequest { chain, ..Default::default() };
    let token = scene.world.caller(caller);
    let answer = scene.client().await.list_tools(bearing(&token, request)).await.unwrap();
    let tools = answer.into_inner().tools;
    tools.into_iter().map(|tool| (tool.tool.clone(), tool.prospect())).collect()
}

fn names(tools: &[(String, v1::Prospect)]) -> Vec<&str> {
    tools.iter().map(|(tool, _)| tool.as_str()).collect()
}

#[tokio::test]
async fn tools_are_listed_for_what_credentials_prove() {
    let scene = Scene::start().await;
    let sales = token_links([scene.world.user("alice", json!({ "department": "sales" }))]);
    let tools = listed(&scene, "gateway", sales).await;
    assert_eq!(names(&tools), ["bank.transfer", "crm.export", "crm.read", "vault.open"]);
    let prospect = |tool: &str| tools.iter().find(|(name, _)| name == tool).map(|(_, p)| *p);
    assert_eq!(prospect("bank.transfer"), Some(v1::Prospect::Challenge));
    assert_eq!(prospect("crm.read"), Some(v1::Prospect::Allow));
    assert_ne!(prospect("vault.open"), Some(v1::Prospect::Allow));
    let nobody = token_links([scene.world.user("alice", json!({}))]);
    let tools = listed(&scene, "gateway", nobody).await;
    assert_eq!(names(&tools), ["bank.transfer", "crm.read", "vault.open"]);
}

#[tokio::test]
async fn a_list_holds_nothing_the_caller_may_not_ask_for() {
    let scene = Scene::start().await;
    let sales = || token_links([scene.world.user("alice", json!({ "department": "sales" }))]);
    assert_eq!(names(&listed(&scene, "other", sales()).await), ["crm.read"]);
    // And none for a chain that does not hold.
    let forged = Signer::new("idp-1")
        .sign("at+jwt", &palisade_tests::trust::access_claims(palisade_tests::trust::IDP, "alice"));
    for bad in [token_links([forged]), chain(&["user:corp:alice"])] {
        assert!(listed(&scene, "gateway", bad).await.is_empty());
    }
}

#[tokio::test]
async fn an_operator_explains_what_tokens_prove() {
    let scene = Scene::start().await;
    let mut client = scene.client().await;
    let links = token_links([scene.world.user("alice", json!({ "department": "sales" }))]);
    for caller in ["operator", "auditor"] {
        let token = scene.world.caller(caller);
        let request = v1::ExplainRequest { request: Some(calling("crm.export", links.clone())) };
        let answer = client.explain(bearing(&token, request)).await.unwrap().into_inner();
        let decided = answer.response.unwrap();
        assert_eq!(verdict(&decided), (v1::Outcome::Allow, "permitted"));
        assert_eq!(answer.links[0].principal, r#"User::"corp:alice""#);
    }
    // They may suppose actors as well; nothing is allowed by it.
    let token = scene.world.caller("operator");
    let asserted = calling("crm.read", chain(&["user:corp:alice"]));
    let request = v1::ExplainRequest { request: Some(asserted) };
    let answer = client.explain(bearing(&token, request)).await.unwrap().into_inner();
    assert_eq!(verdict(&answer.response.unwrap()), (v1::Outcome::Allow, "permitted"));
    // A token that does not hold is none all the same.
    let expired = scene.world.user("alice", json!({ "exp": NOON_SECONDS }));
    let request = v1::ExplainRequest { request: Some(calling("crm.read", token_links([expired]))) };
    let answer = client.explain(bearing(&token, request)).await.unwrap().into_inner();
    assert_eq!(verdict(&answer.response.unwrap()), (v1::Outcome::Deny, "unverified_actor"));
    assert!(answer.links.is_empty());
    assert!(scene.server.log().records().is_empty());
}

#[tokio::test]
async fn an_explanation_spends_no_proof_that_is_good_once() {
    let scene = Scene::start().await;
    let token = scene.world.caller("operator");
    let (mut client, key) = (scene.client().await, Signer::new("client"));
    let bound = scene.world.user("alice", key.confirmation());
    let proof = calling("crm.read", vec![key.prove(bound, "p-1")]);
    let evidence = v1::AuthorizeRequest {
        evidence: vec![scene.world.result(&[1; 32], Said::GOOD)],
        ..calling("vault.open", vec![token_link(scene.world.user("alice", json!({})))])
    };
    for request in [proof.clone(), evidence] {
        let explain = v1::ExplainRequest { request: Some(request) };
        let status = client.explain(bearing(&token, explain)).await.unwrap_err();
        assert_eq!(failure(&status), (Code::InvalidArgument, "explain_spends".to_owned()));
    }
    assert_eq!(scene.verdict(proof).await, super::scene::allowed());
}

#[tokio::test]
async fn a_list_knows_of_fresh_logins_and_of_revocations() {
    let scene = Scene::start().await;
    let login = json!({ "acr": "phr", "auth_time": NOON_SECONDS - 5 });
    let alice = || token_links([scene.world.user("alice", login.clone())]);
    let tools = listed(&scene, "gateway", alice()).await;
    assert!(tools.contains(&("bank.transfer".to_owned(), v1::Prospect::Allow)), "{tools:?}");
    let event = scene.world.event("session-revoked", "alice", json!({}));
    super::revocation::push(&scene.server, &event, 202).await;
    assert!(listed(&scene, "gateway", alice()).await.is_empty());
}
