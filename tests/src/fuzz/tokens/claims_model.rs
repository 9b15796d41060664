//! What has to be true of the claims of every access token that is accepted, once more: read by
//! `serde_json`, from RFC 9068, RFC 8693 and RFC 7519 and not from the product.

use palisade_core::Actor;
use palisade_identity::{CLOCK_SKEW_DEFAULT, TOKEN_LIFETIME_DEFAULT};
use serde_json::{Map, Value};

use super::issuers::{DOMAIN, IDP, US};
use crate::NOON;

/// Asserts it.
pub(super) fn check_accepted(claims: &Map<String, Value>, chain: &[&Actor], shown: &str) {
    let text = |name: &str| claims.get(name).and_then(Value::as_str).unwrap_or_default();
    assert_eq!(text("iss"), IDP, "{shown}");
    for required in ["sub", "client_id", "jti"] {
        assert!(!text(required).is_empty(), "no `{required}`: {shown}");
    }
    let is_for_us = match claims.get("aud") {
        Some(Value::Array(audiences)) => audiences.iter().any(|audience| audience == US),
        Some(audience) => audience == US,
        None => false,
    };
    assert!(is_for_us, "{shown}");
    check_time(claims, shown);
    // Nothing was shown beside the token.
    assert!(!claims.contains_key("cnf"), "a bound token without proof: {shown}");
    let said: Vec<(String, String)> =
        parties(claims).into_iter().map(|(issuer, subject)| named(issuer, subject)).collect();
    let proven: Vec<(String, String)> = chain
        .iter()
        .map(|actor| (actor.issuer.as_str().to_owned(), actor.subject.as_str().to_owned()))
        .collect();
    assert_eq!(proven, said, "{shown}");
    for (issuer, _) in &said {
        assert!([IDP, DOMAIN].contains(&issuer.as_str()), "it spoke for {issuer}: {shown}");
    }
}

fn check_time(claims: &Map<String, Value>, shown: &str) {
    let seconds = |name: &str| claims.get(name).and_then(Value::as_f64);
    let now = f64::from(u32::try_from(NOON.as_millis() / 1000).expect("before 2106"));
    let skew = CLOCK_SKEW_DEFAULT.as_secs_f64();
    let expires = seconds("exp").unwrap_or_else(|| panic!("it never ends: {shown}"));
    let issued = seconds("iat").unwrap_or_else(|| panic!("it never began: {shown}"));
    // Fractions of a millisecond are nobody's business.
    let most = |at: f64, limit: f64| at <= limit + 0.001;
    assert!(!most(expires, now - 0.001), "it is over: {shown}");
    assert!(most(issued, now + skew), "it is from the future: {shown}");
    assert!(most(expires, issued + TOKEN_LIFETIME_DEFAULT.as_secs_f64()), "too long: {shown}");
    assert!(seconds("nbf").is_none_or(|begins| most(begins, now + skew)), "not yet: {shown}");
}

/// Issuer and subject of whoever the claims name: the head first, the current actor last.
fn parties(claims: &Map<String, Value>) -> Vec<(&str, &str)> {
    let mut actors = Vec::new();
    let mut actor = claims.get("act");
    while let Some(members) = actor {
        let issuer = members.get("iss").and_then(Value::as_str).unwrap_or_default();
        let subject = members.get("sub").and_then(Value::as_str).unwrap_or_default();
        actors.push((issuer, subject));
        actor = members.get("act");
    }
    let subject = claims.get("sub").and_then(Value::as_str).unwrap_or_default();
    actors.push((IDP, subject));
    actors.reverse();
    actors
}

/// Workloads are subjects of their trust domain by their paths.
fn named(issuer: &str, subject: &str) -> (String, String) {
    let path = subject.strip_prefix(issuer).and_then(|rest| rest.strip_prefix('/'));
    let is_workload = subject.starts_with("spiffe://");
    let subject = if is_workload { path.unwrap_or(subject) } else { subject };
    (issuer.to_owned(), subject.to_owned())
}
