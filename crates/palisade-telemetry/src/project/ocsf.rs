//! A decision as an OCSF event: API Activity, class 6003, with the profile Security Control.
//!
//! The tool is the API's operation, the head of the chain its user, the last agent the application
//! that calls. What OCSF has no word for stands in `unmapped` under the names of our attributes.

use std::net::IpAddr;

use serde_json::{Map, Value, json};

use palisade_core::EpochMillis;
use palisade_proto::v1::{
    ActorKind, DecisionEntry, Effect, Outcome, RecordedActor, Revision, Tier,
};

use super::events::{
    actor, actor_id, effect_name, exception, last_agent, outcome_name, requirement_names,
};
use super::{Instance, hex};
use crate::attributes as name;

/// The version of OCSF. Later 1.x versions only add to it.
pub const VERSION: &str = "1.5.0";

const CLASS_API_ACTIVITY: u32 = 6003;
const CATEGORY_APPLICATION: u32 = 6;

/// What OCSF says an id means, with its caption.
type Captioned = (u32, &'static str);

/// The event of a decision.
pub(super) fn api_activity(
    index: u64,
    time: EpochMillis,
    decision: &DecisionEntry,
    message: &str,
    instance: &Instance,
) -> Value {
    let reason = decision.reason.clone().unwrap_or_default();
    let (activity_id, activity_name) = activity(decision.effect());
    let (severity_id, severity) = severity(decision);
    let (status_id, status) = status(decision.outcome());
    let (action_id, action) = action(decision.outcome());
    let (disposition_id, disposition) = disposition(decision.outcome());
    let mut event = json!({
        "activity_id": activity_id,
        "activity_name": activity_name,
        "category_uid": CATEGORY_APPLICATION,
        "category_name": "Application Activity",
        "class_uid": CLASS_API_ACTIVITY,
        "class_name": "API Activity",
        "type_uid": CLASS_API_ACTIVITY * 100 + activity_id,
        "type_name": format!("API Activity: {activity_name}"),
        "time": time.as_millis(),
        "severity_id": severity_id,
        "severity": severity,
        "status_id": status_id,
        "status": status,
        "status_code": reason.code,
        "status_detail": reason.sentence,
        "message": message,
        "metadata": metadata(index, time, decision, instance),
        "actor": actor_object(decision),
        "api": api(decision),
        "src_endpoint": src_endpoint(decision),
        "action_id": action_id,
        "action": action,
        "disposition_id": disposition_id,
        "disposition": disposition,
        "authorizations": authorizations(decision),
        "unmapped": unmapped(decision),
    });
    if let Value::Object(event) = &mut event {
        if let Some(revision) = &decision.revision {
            event.insert("policy".to_owned(), bundle(revision));
        }
        if !decision.resource.is_empty() {
            event.insert("resources".to_owned(), json!([{ "name": decision.resource }]));
        }
    }
    event
}

const fn activity(effect: Effect) -> Captioned {
    match effect {
        Effect::Read => (2, "Read"),
        // Which of create, update and delete a tool does is not known of it.
        Effect::Admin | Effect::Write => (3, "Update"),
        Effect::Unspecified => (0, "Unknown"),
    }
}

/// A denied call of the highest tier is worth a look.
fn severity(decision: &DecisionEntry) -> Captioned {
    match (decision.outcome(), decision.tier()) {
        (Outcome::Allow | Outcome::Challenge, _) => (1, "Informational"),
        (Outcome::Deny | Outcome::Unspecified, Tier::Tier3) => (3, "Medium"),
        (Outcome::Deny | Outcome::Unspecified, _) => (2, "Low"),
    }
}

/// Whether the request was granted: what became of the call is not known yet.
const fn status(outcome: Outcome) -> Captioned {
    match outcome {
        Outcome::Allow => (1, "Success"),
        Outcome::Challenge | Outcome::Deny | Outcome::Unspecified => (2, "Failure"),
    }
}

const fn action(outcome: Outcome) -> Captioned {
    match outcome {
        Outcome::Allow => (1, "Allowed"),
        Outcome::Challenge | Outcome::Deny | Outcome::Unspecified => (2, "Denied"),
    }
}

const fn disposition(outcome: Outcome) -> Captioned {
    match outcome {
        Outcome::Allow => (1, "Allowed"),
        Outcome::Challenge => (23, "Challenge"),
        Outcome::Deny | Outcome::Unspecified => (2, "Blocked"),
    }
}

fn metadata(index: u64, time: EpochMillis, decision: &DecisionEntry, instance: &Instance) -> Value {
    json!({
        "version": VERSION,
        "product": {
            "name": "Palisade",
            "vendor_name": "Palisade",
            "version": instance.version,
            "uid": instance.id,
        },
        "profiles": ["security_control"],
        "uid": decision.decision_id,
        "sequence": index,
        "original_time": time.to_string(),
        "log_name": name::EVENT_DECISION,
        "log_provider": name::SCOPE,
        "log_version": name::VERSION,
    })
}

fn actor_object(decision: &DecisionEntry) -> Value {
    let mut object = Map::new();
    if let Some(head) = decision.chain.first() {
        object.insert("user".to_owned(), user(head));
        if !head.issuer.is_empty() {
            object.insert("idp".to_owned(), json!({ "name": head.issuer }));
        }
    }
    if let Some(agent) = last_agent(&decision.chain) {
        object.insert("app_name".to_owned(), agent.subject.clone().into());
        object.insert("app_uid".to_owned(), actor_id(agent).into());
    }
    if !decision.session_id.is_empty() {
        object.insert("session".to_owned(), json!({ "uid": decision.session_id }));
    }
    if object.is_empty() {
        // An actor has to be somebody.
        object.insert("app_name".to_owned(), "unknown".into());
    }
    Value::Object(object)
}

fn user(head: &RecordedActor) -> Value {
    let (type_id, kind) = match head.kind() {
        ActorKind::Agent => (99, "Agent"),
        ActorKind::Service => (4, "Service"),
        ActorKind::Unspecified => (0, "Unknown"),
        ActorKind::User => (1, "User"),
    };
    json!({
        "name": head.subject,
        "uid": actor_id(head),
        "domain": head.issuer,
        "type_id": type_id,
        "type": kind,
    })
}

fn api(decision: &DecisionEntry) -> Value {
    // The first of the ids that there is: the decision's always is.
    let ids = [&decision.pep_request_id, &decision.request_id, &decision.decision_id];
    let request = ids.into_iter().find(|id| !id.is_empty());
    let mut api = json!({
        "operation": decision.tool,
        "request": { "uid": request.unwrap_or(&decision.decision_id) },
    });
    if let Some((service, _)) = decision.tool.split_once('.')
        && let Value::Object(api) = &mut api
    {
        api.insert("service".to_owned(), json!({ "name": service }));
    }
    api
}

/// Where the call came from. OCSF wants to know something of it.
fn src_endpoint(decision: &DecisionEntry) -> Value {
    let mut endpoint = Map::new();
    if decision.source_address.parse::<IpAddr>().is_ok() {
        endpoint.insert("ip".to_owned(), decision.source_address.clone().into());
    }
    if !decision.pep.is_empty() {
        endpoint.insert("svc_name".to_owned(), decision.pep.clone().into());
    }
    if endpoint.is_empty() {
        endpoint.insert("name".to_owned(), "unknown".into());
    }
    Value::Object(endpoint)
}

fn authorizations(decision: &DecisionEntry) -> Value {
    let outcome = outcome_name(decision.outcome());
    let policies = decision.reason.iter().flat_map(|reason| &reason.determining_policies);
    let mut authorizations: Vec<Value> =
        policies.map(|id| json!({ "decision": outcome, "policy": { "uid": id } })).collect();
    if authorizations.is_empty() {
        authorizations.push(json!({ "decision": outcome }));
    }
    Value::Array(authorizations)
}

fn bundle(revision: &Revision) -> Value {
    json!({
        "name": revision.bundle,
        "uid": revision.digest,
        "version": revision.version.to_string(),
    })
}

fn unmapped(decision: &DecisionEntry) -> Value {
    let chain: Vec<String> = decision.chain.iter().map(actor).collect();
    let mut object = Map::new();
    object.insert(name::ACTOR_CHAIN.to_owned(), chain.into());
    object.insert(name::ACTORS_PROVEN.to_owned(), decision.actors_proven.into());
    object.insert(name::ARGUMENTS_DIGEST.to_owned(), hex(&decision.arguments_digest).into());
    object.insert(name::DECISION_DRY_RUN.to_owned(), decision.dry_run.into());
    object.insert(name::DECISION_DECIDE_NS.to_owned(), decision.decide_ns.into());
    if decision.tier() != Tier::Unspecified {
        object.insert(name::TOOL_TIER.to_owned(), decision.tier.into());
    }
    let texts = [
        (name::ARGUMENTS, decision.arguments.as_str()),
        (name::TOOL_DIGEST, decision.tool_digest.as_str()),
        (name::TOOL_EFFECT, effect_name(decision.effect())),
        (name::GRANT_ID, decision.grant_id.as_str()),
        (name::REQUEST_ID, decision.request_id.as_str()),
        (name::TRANSACTION_ID, decision.transaction_id.as_str()),
    ];
    for (name, text) in texts {
        if !text.is_empty() {
            object.insert(name.to_owned(), text.into());
        }
    }
    let lists = [
        (name::APPROVAL_IDS, decision.approval_ids.clone()),
        (name::DATA_LABELS, decision.labels.clone()),
        (name::DECISION_EXCEPTIONS, decision.exceptions.iter().map(exception).collect()),
        (name::DECISION_REQUIREMENTS, requirement_names(&decision.requirements)),
    ];
    for (name, list) in lists {
        if !list.is_empty() {
            object.insert(name.to_owned(), list.into());
        }
    }
    Value::Object(object)
}
