//! A cached token is found by all of it, and only for as long as it is good.

use std::sync::Arc;

use serde_json::json;

use super::{HASHED_BYTES, TokenKey, TokenKeyRef, VerifiedTokens, weight};
use crate::issuers::Issuers;
use crate::testing::{World, now};
use crate::token::verify;
use equivalent::Equivalent as _;

fn verified() -> Arc<crate::token::VerifiedToken> {
    let world = World::new();
    let keys = Arc::clone(&world.idp_keys);
    let issuer = crate::TrustedIssuer {
        audiences: vec![crate::testing::US.to_owned()],
        ..crate::TrustedIssuer::new(crate::testing::IDP, keys)
    };
    let issuers = Issuers::new(vec![issuer], false).unwrap();
    Arc::new(verify(&issuers, &world.alice(json!({})), now()).unwrap())
}

#[test]
fn tokens_of_one_end_are_told_apart_by_the_rest() {
    let tokens = VerifiedTokens::new(1024 * 1024);
    let end = "s".repeat(HASHED_BYTES);
    let (one, other) = (format!("one{end}"), format!("two{end}"));
    tokens.insert(&one, &verified());
    assert!(tokens.get(&one).is_some());
    assert!(tokens.get(&other).is_none());
    assert!(tokens.get(&end).is_none());
    assert!(!TokenKeyRef(&other).equivalent(&TokenKey(one.as_str().into())));
    tokens.remove(&other);
    assert!(tokens.get(&one).is_some());
    tokens.remove(&one);
    assert!(tokens.get(&one).is_none());
}

#[test]
fn short_tokens_are_found_too() {
    let tokens = VerifiedTokens::new(1024 * 1024);
    tokens.insert("short", &verified());
    assert!(tokens.get("short").is_some());
    assert!(tokens.get("shorT").is_none());
}

#[test]
fn what_is_kept_is_bounded_in_bytes() {
    let each = u64::from(weight(&"t".repeat(1000)));
    let tokens = VerifiedTokens::new(each * 10);
    let verified = verified();
    for number in 0..1000 {
        tokens.insert(&format!("{number:01000}"), &verified);
    }
    tokens.0.run_pending_tasks();
    assert!(tokens.0.weighted_size() <= each * 10);
    assert!(tokens.0.entry_count() <= 10);
}

#[test]
fn a_key_is_never_printed() {
    assert_eq!(format!("{:?}", TokenKey("secret".into())), "TokenKey { bytes: 6, .. }");
}
