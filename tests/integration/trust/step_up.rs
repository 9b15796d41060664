//! Calls that need a fresh or stronger login (RFC 9470).

use std::time::Duration;

use palisade_proto::v1;
use palisade_tests::trust::{NOON_SECONDS, Signer, with};
use serde_json::{Value, json};

use super::scene::{Scene, allowed, calling, challenged, denied, token_link};

/// What a token says of a login just now.
fn signed_in(seconds_ago: i64) -> Value {
    json!({ "acr": "phr", "auth_time": NOON_SECONDS - seconds_ago, "amr": ["hwk"] })
}

fn transfer(scene: &Scene, step_up_token: String) -> v1::AuthorizeRequest {
    let presented = v1::Presented { step_up_token, ..Default::default() };
    v1::AuthorizeRequest {
        presented: Some(presented),
        ..calling("bank.transfer", vec![token_link(scene.world.exchanged("alice", &["planner"]))])
    }
}

#[tokio::test]
async fn a_login_that_is_asked_for_lifts_the_challenge() {
    let scene = Scene::start().await;
    let answer = scene.ask("gateway", transfer(&scene, String::new())).await;
    assert_eq!(crate::answers::verdict(&answer).0, v1::Outcome::Challenge);
    let [requirement] = &answer.requirements[..] else { panic!("{:?}", answer.requirements) };
    assert_eq!(requirement.policies, ["fresh-login"]);
    let Some(v1::requirement::Requirement::StepUp(step_up)) = &requirement.requirement else {
        panic!("{requirement:?}");
    };
    assert_eq!(step_up.acr, "phr");
    assert_eq!(step_up.max_age.map(|age| age.seconds), Some(300));
    let header = &step_up.www_authenticate;
    for part in ["Bearer ", "insufficient_user_authentication", "acr_values=\"phr\"", "max_age=300"]
    {
        assert!(header.contains(part), "{part} is not in {header}");
    }
    scene.server.log().clear();
    let token = scene.world.user("alice", signed_in(5));
    assert_eq!(scene.verdict(transfer(&scene, token)).await, allowed());
    let recorded = scene.server.log().only_record().authentication.expect("it was told");
    assert_eq!(
        (recorded.acr.as_deref(), recorded.amr.as_slice()),
        (Some("phr"), &["hwk".to_owned()][..])
    );
}

#[tokio::test]
async fn a_login_that_the_chain_itself_tells_of_is_enough() {
    let scene = Scene::start().await;
    let own =
        |claims| calling("bank.transfer", vec![token_link(scene.world.user("alice", claims))]);
    assert_eq!(scene.verdict(own(signed_in(5))).await, allowed());
    assert_eq!(scene.verdict(own(json!({}))).await, challenged());
}

#[tokio::test]
async fn a_weaker_or_older_login_is_challenged_again() {
    let scene = Scene::start().await;
    let weak = scene.world.user("alice", with(signed_in(5), json!({ "acr": "pwd" })));
    assert_eq!(scene.verdict(transfer(&scene, weak)).await, challenged());
    let ago = |seconds| scene.world.user("alice", signed_in(seconds));
    assert_eq!(scene.verdict(transfer(&scene, ago(300))).await, allowed());
    assert_eq!(scene.verdict(transfer(&scene, ago(301))).await, challenged());
    // The same token, once time has passed.
    let token = ago(200);
    assert_eq!(scene.verdict(transfer(&scene, token.clone())).await, allowed());
    scene.server.clock().advance(Duration::from_secs(101));
    assert_eq!(scene.verdict(transfer(&scene, token)).await, challenged());
}

#[tokio::test]
async fn a_login_of_somebody_else_or_a_forged_one_denies() {
    let scene = Scene::start().await;
    let forged = Signer::new("idp-1").sign(
        "at+jwt",
        &with(
            palisade_tests::trust::access_claims(palisade_tests::trust::IDP, "alice"),
            signed_in(5),
        ),
    );
    let expired = with(signed_in(5), json!({ "exp": NOON_SECONDS }));
    for (name, token) in [
        ("somebody else's", scene.world.user("bob", signed_in(5))),
        ("an agent's", scene.world.agent("alice", signed_in(5))),
        ("a delegation", scene.world.exchanged("alice", &["planner"])),
        ("one that says nothing", scene.world.user("alice", json!({}))),
        ("a forged one", forged),
        ("an expired one", scene.world.user("alice", expired)),
        ("no token", "junk".to_owned()),
    ] {
        let asked = transfer(&scene, token);
        assert_eq!(scene.verdict(asked).await, denied("unverified_actor"), "{name}");
    }
}
