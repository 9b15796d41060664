//! What policies see of credentials, sign-ins and attestations, and what follows from it.

use std::sync::Arc;
use std::time::Duration;

use palisade_core::{
    ActorKind, Attestation, Authentication, EpochMillis, FactSources, Facts, Outcome, Proof,
    ReasonCode, Requirement, ToolCall, TrustTier, VerifiedChain,
};
use palisade_engine::{AttributeMapping, ClaimMappings, ClaimPath, ClaimType, KindMapping};
use serde_json::{Value, json};

use crate::universe::{NOW, Universe, actor, call, decide, reason};

fn mapped(ty: ClaimType) -> ClaimMappings {
    let claim = ClaimPath::new("department").expect("a claim");
    let attributes = [("dept".to_owned(), AttributeMapping { claim, ty })];
    let user = KindMapping {
        attributes: attributes.into_iter().collect(),
        groups: ClaimPath::new("groups"),
    };
    ClaimMappings([(ActorKind::User, user)].into_iter().collect())
}

fn universe(policies: &str) -> Universe {
    Universe {
        schema: "entity User = { dept?: String };".to_owned(),
        claims: mapped(ClaimType::String),
        facts: FactSources::AVAILABLE,
        ..Universe::with_policies(policies)
    }
}

fn claiming(claims: &Value) -> ToolCall {
    let call = call(vec![actor(ActorKind::User, "ann")], "pay.send", r#"{"n":1}"#);
    let mut identity = VerifiedChain::asserted(call.chain.clone());
    identity.links[0].proof = Proof::Bearer;
    identity.links[0].claims = Arc::new(claims.as_object().expect("claims").clone());
    ToolCall { identity: Some(Arc::new(identity)), ..call }
}

fn attested(tier: TrustTier, issued_at: EpochMillis) -> Arc<Attestation> {
    Arc::new(Attestation {
        verifier: "v".to_owned(),
        subject: "host".to_owned(),
        tier,
        vector: Vec::new(),
        issued_at,
        expires_at: later(issued_at, 3600),
        measurements: Vec::new(),
        references: Vec::new(),
        debug: false,
        nonce_fresh: true,
    })
}

const fn later(than: EpochMillis, seconds: i64) -> EpochMillis {
    EpochMillis::new(than.as_millis() + seconds * 1000)
}

#[test]
fn a_claim_becomes_an_attribute() {
    let policy = r#"@id("ops") permit (principal, action, resource)
        when { principal is User && principal has dept && principal.dept == "ops" };"#;
    let snapshot = universe(policy).snapshot();
    let asked = |claims| reason(&snapshot, &claiming(&claims));
    assert_eq!(asked(json!({ "department": "ops" })), ReasonCode::Permitted);
    assert_eq!(asked(json!({ "department": "sales" })), ReasonCode::NoPermit);
    assert_eq!(asked(json!({})), ReasonCode::NoPermit);
}

/// A forbid that looks for an attribute must not miss it because it came in another form.
#[test]
fn a_claim_of_another_type_denies() {
    let snapshot = universe(r#"@id("p") permit (principal, action, resource);"#).snapshot();
    for department in [json!(7), json!(["ops"]), json!({ "name": "ops" }), json!("x".repeat(1025))]
    {
        let asked = claiming(&json!({ "department": department }));
        assert_eq!(reason(&snapshot, &asked), ReasonCode::UnverifiedActor, "{department}");
    }
}

#[test]
fn a_claimed_group_is_the_issuers_and_not_the_bundles() {
    let policies = r#"@id("bundle") permit (principal in Group::"finance", action, resource);
                      @id("issuer") permit (principal in Group::"t:ops", action, resource);"#;
    let snapshot = universe(policies).snapshot();
    let asked = |groups| reason(&snapshot, &claiming(&json!({ "groups": groups })));
    assert_eq!(asked(json!(["finance"])), ReasonCode::NoPermit);
    assert_eq!(asked(json!(["Group::\"finance\"", "t:finance"])), ReasonCode::NoPermit);
    assert_eq!(asked(json!("ops")), ReasonCode::Permitted);
    assert_eq!(asked(json!(["x", "ops"])), ReasonCode::Permitted);
}

#[test]
fn mappings_have_to_fit_the_schema_and_the_bundles_entities() {
    let policy = r#"@id("p") permit (principal, action, resource);"#;
    let with = |schema: &str, ty, entities: &str| Universe {
        schema: schema.to_owned(),
        claims: mapped(ty),
        entities: entities.to_owned(),
        ..Universe::with_policies(policy)
    };
    let ann = r#"[{"uid":{"type":"User","id":"t:ann"},"attrs":{"dept":"ops"},"parents":[]}]"#;
    let other = r#"[{"uid":{"type":"User","id":"t:ann"},"attrs":{},"parents":[]}]"#;
    let text = "entity User = { dept?: String };";
    let cases: [(&str, ClaimType, &str, &[&str]); 7] = [
        (text, ClaimType::String, other, &[]),
        (text, ClaimType::String, ann, &["claims.overlap"]),
        (text, ClaimType::Long, "[]", &["claims.type"]),
        ("", ClaimType::String, "[]", &["claims.undeclared"]),
        ("entity User = { dept: String };", ClaimType::String, "[]", &["claims.required"]),
        ("entity User = { dept?: Set<String> };", ClaimType::Strings, "[]", &[]),
        ("entity User = { dept?: datetime };", ClaimType::Instant, "[]", &[]),
    ];
    for (schema, ty, entities, codes) in cases {
        assert_eq!(with(schema, ty, entities).error_codes(), codes, "{schema} {ty:?}");
    }
}

#[test]
fn a_chain_is_proven_as_far_as_its_weakest_link() {
    let policy = r#"@id("p") permit (principal, action, resource)
        when { context.chain.proof == "key_bound" };"#;
    let snapshot = universe(policy).snapshot();
    let links = vec![actor(ActorKind::User, "ann"), actor(ActorKind::Agent, "bot")];
    let call = call(links, "pay.send", r#"{"n":1}"#);
    for (first, second, permitted) in [
        (Proof::KeyBound, Proof::KeyBound, true),
        (Proof::KeyBound, Proof::Bearer, false),
        (Proof::Asserted, Proof::KeyBound, false),
    ] {
        let mut identity = VerifiedChain::asserted(call.chain.clone());
        identity.links[0].proof = first;
        identity.links[1].proof = second;
        let asked = ToolCall { identity: Some(Arc::new(identity)), ..call.clone() };
        let permitted = if permitted { ReasonCode::Permitted } else { ReasonCode::NoPermit };
        assert_eq!(reason(&snapshot, &asked), permitted, "{first:?} {second:?}");
    }
    assert_eq!(reason(&snapshot, &call), ReasonCode::NoPermit);
}

const STEP_UP: &str = r#"@id("p") permit (principal, action, resource);
    @id("fresh") @reason("r") @require("step_up") @acr("phr") @max_age("300s")
    forbid (principal, action, resource) unless { context.stepUp.granted };"#;

#[test]
fn the_heads_own_sign_in_is_a_step_up_until_it_is_too_old() {
    let snapshot = universe(STEP_UP).snapshot();
    let at = |acr: &str, time, now| {
        let (acr, amr) = (Some(acr.to_owned()), Vec::new());
        let authentication = Some(Arc::new(Authentication { acr, amr, time: Some(time) }));
        let facts = Facts { authentication, ..Facts::at(now) };
        decide(&snapshot, &claiming(&json!({})), &facts).outcome
    };
    // Kept answers must not outlive the sign-in.
    for _ in 0..3 {
        assert_eq!(at("phr", NOW, later(NOW, 299)), Outcome::Allow);
        assert_eq!(at("phr", NOW, later(NOW, 300)), Outcome::Allow);
        assert_eq!(at("phr", NOW, later(NOW, 301)), Outcome::Challenge);
        assert_eq!(at("pwd", NOW, NOW), Outcome::Challenge);
    }
    let asked = decide(&snapshot, &claiming(&json!({})), &Facts::at(NOW));
    let max_age = Some(Duration::from_secs(300));
    let want = Requirement::StepUp { acr: Some("phr".to_owned()), max_age };
    assert_eq!(asked.requirements[0].requirement, want);
}

const ATTESTED: &str = r#"@id("p") permit (principal, action, resource);
    @id("attested") @reason("r") @require("attestation") @max_age("300s")
    forbid (principal, action, resource) unless {
        context has attestation && context.attestation.tier == "affirming" &&
        context.now <= context.attestation.issuedAt.offset(duration("300s"))
    };"#;

#[test]
fn an_attestation_is_asked_for_when_it_is_missing_or_too_old() {
    let snapshot = universe(ATTESTED).snapshot();
    let at = |attestation, now| {
        let facts = Facts { attestation, ..Facts::at(now) };
        decide(&snapshot, &claiming(&json!({})), &facts)
    };
    for _ in 0..3 {
        assert_eq!(at(None, NOW).outcome, Outcome::Challenge);
        let affirming = || Some(attested(TrustTier::Affirming, NOW));
        assert_eq!(at(affirming(), later(NOW, 300)).outcome, Outcome::Allow);
        assert_eq!(at(affirming(), later(NOW, 301)).outcome, Outcome::Challenge);
    }
    let asked = at(None, NOW).requirements;
    assert_eq!(asked.len(), 1);
    let max_age = Some(Duration::from_secs(300));
    assert_eq!(asked[0].requirement, Requirement::Attestation { max_age });
}

/// Asking again for what has just been given and did not help would be a loop.
#[test]
fn a_recent_attestation_that_does_not_satisfy_is_denied_and_not_asked_for_again() {
    let snapshot = universe(ATTESTED).snapshot();
    for tier in [TrustTier::None, TrustTier::Warning, TrustTier::Contraindicated] {
        let attestation = Some(attested(tier, NOW));
        let facts = Facts { attestation, ..Facts::at(later(NOW, 10)) };
        let verdict = decide(&snapshot, &claiming(&json!({})), &facts);
        assert_eq!(verdict.outcome, Outcome::Deny, "{tier:?}");
        assert_eq!(verdict.reason.code, ReasonCode::PolicyForbid);
    }
}

#[test]
fn an_attestation_does_not_stand_in_for_what_else_is_forbidden() {
    let policies = format!(
        "{ATTESTED} @id(\"never\") @reason(\"r\") forbid (principal, action, resource) \
         when {{ context.tool.tier == 3 }};"
    );
    let snapshot = universe(&policies).snapshot();
    assert_eq!(reason(&snapshot, &claiming(&json!({}))), ReasonCode::PolicyForbid);
}
