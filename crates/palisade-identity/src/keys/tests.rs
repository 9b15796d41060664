//! Where keys come from.

use std::sync::Arc;
use std::time::Duration;

use palisade_core::{Clock, EpochMillis};
use palisade_jose::{Follower, KeySet, KeyUse, Origin, Source};
use serde_json::{Value, json};

use super::IssuerKeys;
use crate::testing::{Signer, now};
use crate::trust_bundle::TrustBundle;

struct Fixed;

impl Clock for Fixed {
    fn now(&self) -> EpochMillis {
        now()
    }

    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }
}

fn ids(keys: &dyn IssuerKeys) -> Vec<String> {
    let keys = keys.current().unwrap();
    keys.keys().iter().filter_map(|key| key.key_id()).map(str::to_owned).collect()
}

#[test]
fn followed_keys_are_those_of_the_issuer() {
    let set = KeySet::new(vec![Signer::new("a").public()]).unwrap();
    let fixed: &dyn IssuerKeys = &Arc::new(set.clone());
    assert_eq!(ids(fixed), ["a"]);
    assert_eq!(fixed.generation(), 0);
    let source = Source::keys("issuer", Origin::Fixed(set), KeyUse::Signature);
    let follower = Follower::start(vec![source], Arc::new(Fixed)).unwrap();
    let handle: &dyn IssuerKeys = &follower.handle("issuer").unwrap();
    assert_eq!(ids(handle), ["a"]);
    assert_eq!(handle.generation(), 1);
    handle.wants(Some("b"));
    handle.wants(None);
}

#[test]
fn keys_of_a_trust_bundle_are_those_for_tokens_alone() {
    let entry = |key_use: &str, key_id: &'static str| {
        let mut jwk = Signer::new(key_id).jwk();
        jwk.insert("kid".to_owned(), json!(key_id));
        jwk.insert("use".to_owned(), json!(key_use));
        Value::Object(jwk)
    };
    let keys = [entry("jwt-svid", "a"), entry("wit-svid", "b"), entry("sig", "c")];
    let text = json!({"keys": keys}).to_string();
    let bundle = TrustBundle::parse(text.as_bytes()).unwrap();
    let read = Arc::new(|_text: &[u8]| Err("never read"));
    let source = Source::new("domain", Origin::Fixed(bundle), 1024, read);
    let follower = Follower::start(vec![source], Arc::new(Fixed)).unwrap();
    let handle: &dyn IssuerKeys = &follower.handle("domain").unwrap();
    assert_eq!(ids(handle), ["a"]);
    assert_eq!(handle.generation(), 1);
    handle.wants(Some("b"));
}
