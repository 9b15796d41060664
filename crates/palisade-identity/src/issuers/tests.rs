//! Which configurations of issuers are refused.

use std::time::Duration;

use palisade_core::ActorKind;
use serde_json::json;

use super::{
    CLOCK_SKEW_MAX, ISSUERS_MAX, Issuers, IssuersError, Namespace, TOKEN_LIFETIME_MAX, TokenKind,
    TrustedIssuer,
};
use crate::testing::{TestKeys, object};

fn issuer(name: &str) -> TrustedIssuer {
    TrustedIssuer {
        audiences: vec!["us".to_owned()],
        ..TrustedIssuer::new(name, TestKeys::of(&[]))
    }
}

fn changed(change: impl FnOnce(&mut TrustedIssuer)) -> Result<Issuers, IssuersError> {
    let mut issuer = issuer("https://i");
    change(&mut issuer);
    Issuers::new(vec![issuer], false)
}

#[test]
fn unusable_issuers_are_named() {
    let name = || "https://i".to_owned();
    assert!(changed(|_| {}).is_ok());
    let empty = |list| IssuersError::Empty { issuer: name(), list };
    let bounds = |setting| IssuersError::OutOfBounds { issuer: name(), setting };
    assert_eq!(changed(|i| i.audiences.clear()).unwrap_err(), empty("audiences"));
    assert_eq!(changed(|i| i.algorithms.clear()).unwrap_err(), empty("algorithms"));
    assert_eq!(changed(|i| i.tokens.clear()).unwrap_err(), empty("tokens"));
    assert_eq!(changed(|i| i.namespaces.clear()).unwrap_err(), empty("namespaces"));
    let second = Duration::from_secs(1);
    assert!(changed(|i| i.clock_skew = CLOCK_SKEW_MAX).is_ok());
    assert_eq!(
        changed(|i| i.clock_skew = CLOCK_SKEW_MAX + second).unwrap_err(),
        bounds("clock_skew")
    );
    assert!(changed(|i| i.lifetime_max = TOKEN_LIFETIME_MAX).is_ok());
    assert_eq!(
        changed(|i| i.lifetime_max = TOKEN_LIFETIME_MAX + second).unwrap_err(),
        bounds("lifetime_max")
    );
    assert_eq!(changed(|i| i.lifetime_max = Duration::ZERO).unwrap_err(), bounds("lifetime_max"));
    assert_eq!(
        changed(|i| i.tokens = vec![TokenKind::JwtSvid]).unwrap_err(),
        IssuersError::NoTrustDomain { issuer: name() }
    );
    assert_eq!(
        changed(|i| i.subject_issuer = Some("https://other".to_owned())).unwrap_err(),
        IssuersError::SubjectNamespace { issuer: name() }
    );
    assert_eq!(
        changed(|i| i.issuer = String::new()).unwrap_err(),
        IssuersError::Name { issuer: String::new() }
    );
}

#[test]
fn workload_tokens_have_to_be_switched_on() {
    let domain =
        || TrustedIssuer { tokens: vec![TokenKind::WorkloadToken], ..issuer("spiffe://d") };
    assert_eq!(
        Issuers::new(vec![domain()], false).unwrap_err(),
        IssuersError::WorkloadTokens { issuer: "spiffe://d".to_owned() }
    );
    assert!(Issuers::new(vec![domain()], true).is_ok());
}

#[test]
fn each_issuer_stands_once_and_there_are_not_too_many() {
    let twice = vec![issuer("https://i"), issuer("https://i")];
    assert_eq!(
        Issuers::new(twice, false).unwrap_err(),
        IssuersError::Duplicate { issuer: "https://i".to_owned() }
    );
    let many =
        |count: usize| (0..count).map(|number| issuer(&format!("https://{number}"))).collect();
    assert!(Issuers::new(many(ISSUERS_MAX), false).is_ok());
    assert_eq!(
        Issuers::new(many(ISSUERS_MAX + 1), false).unwrap_err(),
        IssuersError::TooMany { issuers: ISSUERS_MAX + 1 }
    );
}

#[test]
fn kinds_are_told_by_words_and_in_doubt_are_agents() {
    let issuer = issuer("https://i");
    let kind = |claims| issuer.kind_of(&object(claims)).unwrap();
    assert_eq!(kind(json!({})), None);
    assert_eq!(kind(json!({"sub_profile": "user"})), Some(ActorKind::User));
    assert_eq!(kind(json!({"sub_profile": "ai_agent"})), Some(ActorKind::Agent));
    assert_eq!(kind(json!({"sub_profile": "service  service"})), Some(ActorKind::Service));
    assert_eq!(kind(json!({"sub_profile": "service user"})), Some(ActorKind::Agent));
    assert_eq!(kind(json!({"sub_profile": "service robot"})), Some(ActorKind::Agent));
    assert_eq!(kind(json!({"sub_profile": "robot service"})), Some(ActorKind::Agent));
    assert_eq!(kind(json!({"sub_profile": "User"})), Some(ActorKind::Agent));
    assert_eq!(kind(json!({"sub_profile": ""})), Some(ActorKind::Agent));
    assert!(issuer.kind_of(&object(json!({"sub_profile": null}))).is_err());
    assert!(issuer.kind_of(&object(json!({"sub_profile": ["user"]}))).is_err());
}

#[test]
fn issuers_speak_for_namespaces_kind_by_kind() {
    let mut issuer = issuer("https://i");
    let other = Namespace { issuer: "https://o".to_owned(), kinds: vec![ActorKind::User] };
    issuer.namespaces.push(other);
    let speaks = |text| issuer.may_speak_for(&crate::testing::actor(text));
    assert!(speaks("agent https://i a"));
    assert!(speaks("user https://o a"));
    assert!(!speaks("agent https://o a"));
    assert!(!speaks("user https://o/ a"));
}
