//! Tests of OCSF events against what the schema demands.
//!
//! The tables are written from files of `ocsf/ocsf-schema`: `events/base_event.json`,
//! `profiles/security_control.json` and `objects/{_entity,product,resource_details}.json` at
//! 1.5.0-dev, `events/application/api_activity.json` and the other objects at neighbouring
//! revisions. Ids of dispositions and severities were held against `py-ocsf-models` 0.10.0; captions
//! of severity and status are written as OCSF's pages show them. An attribute that the schema does not know is an error, as
//! is one of another type, a value outside its enumeration, a caption that is not that of its id,
//! and an object that has none of the attributes of which it must have one.

use serde_json::Value;

use super::*;
use Field::{Any, Enum, Int, List, Object, Text, Time};

/// The type of an attribute.
#[derive(Clone, Copy)]
enum Field {
    /// `object` without a schema.
    Any,
    /// A number with captions, and the attribute that has the caption.
    Enum(&'static [(i64, &'static str)], &'static str),
    Int,
    List(&'static Self),
    Object(&'static Class),
    Text,
    /// Milliseconds since 1970.
    Time,
}

/// An event class or an object.
struct Class {
    name: &'static str,
    required: &'static [&'static str],
    at_least_one: &'static [&'static str],
    fields: &'static [(&'static str, Field)],
}

const ACTIVITY: Field = Enum(
    &[(0, "Unknown"), (1, "Create"), (2, "Read"), (3, "Update"), (4, "Delete"), (99, "Other")],
    "activity_name",
);

const SEVERITY: Field = Enum(
    &[
        (0, "Unknown"),
        (1, "Informational"),
        (2, "Low"),
        (3, "Medium"),
        (4, "High"),
        (5, "Critical"),
        (6, "Fatal"),
        (99, "Other"),
    ],
    "severity",
);

const STATUS: Field =
    Enum(&[(0, "Unknown"), (1, "Success"), (2, "Failure"), (99, "Other")], "status");

const ACTION: Field = Enum(
    &[
        (0, "Unknown"),
        (1, "Allowed"),
        (2, "Denied"),
        (3, "Observed"),
        (4, "Modified"),
        (99, "Other"),
    ],
    "action",
);

const DISPOSITION: Field = Enum(
    &[
        (0, "Unknown"),
        (1, "Allowed"),
        (2, "Blocked"),
        (8, "Approved"),
        (14, "Delayed"),
        (17, "Logged"),
        (22, "Captcha"),
        (23, "Challenge"),
        (25, "Rejected"),
        (26, "Unauthorized"),
        (27, "Error"),
        (99, "Other"),
    ],
    "disposition",
);

/// Of 99 the caption is the source's own.
const USER_TYPE: Field = Enum(
    &[(0, "Unknown"), (1, "User"), (2, "Admin"), (3, "System"), (4, "Service"), (99, "")],
    "type",
);

static API_ACTIVITY: Class = Class {
    name: "api_activity",
    required: &[
        "activity_id",
        "actor",
        "api",
        "category_uid",
        "class_uid",
        "metadata",
        "severity_id",
        "src_endpoint",
        "time",
        "type_uid",
    ],
    at_least_one: &[],
    fields: &[
        ("action", Text),
        ("action_id", ACTION),
        ("activity_id", ACTIVITY),
        ("activity_name", Text),
        ("actor", Object(&ACTOR)),
        ("api", Object(&API)),
        ("authorizations", List(&Object(&AUTHORIZATION))),
        ("category_name", Text),
        ("category_uid", Enum(&[(6, "Application Activity")], "category_name")),
        ("class_name", Text),
        ("class_uid", Enum(&[(6003, "API Activity")], "class_name")),
        ("disposition", Text),
        ("disposition_id", DISPOSITION),
        ("message", Text),
        ("metadata", Object(&METADATA)),
        ("policy", Object(&POLICY)),
        ("resources", List(&Object(&RESOURCE_DETAILS))),
        ("severity", Text),
        ("severity_id", SEVERITY),
        ("src_endpoint", Object(&NETWORK_ENDPOINT)),
        ("status", Text),
        ("status_code", Text),
        ("status_detail", Text),
        ("status_id", STATUS),
        ("time", Time),
        ("type_name", Text),
        ("type_uid", Int),
        ("unmapped", Any),
    ],
};

static METADATA: Class = Class {
    name: "metadata",
    required: &["product", "version"],
    at_least_one: &[],
    fields: &[
        ("log_name", Text),
        ("log_provider", Text),
        ("log_version", Text),
        ("original_time", Text),
        ("product", Object(&PRODUCT)),
        ("profiles", List(&Text)),
        ("sequence", Int),
        ("uid", Text),
        ("version", Text),
    ],
};

static PRODUCT: Class = Class {
    name: "product",
    required: &[],
    at_least_one: &["name", "uid"],
    fields: &[("name", Text), ("uid", Text), ("vendor_name", Text), ("version", Text)],
};

static ACTOR: Class = Class {
    name: "actor",
    required: &[],
    at_least_one: &["process", "user", "invoked_by", "session", "app_name", "app_uid"],
    fields: &[
        ("app_name", Text),
        ("app_uid", Text),
        ("idp", Object(&IDP)),
        ("session", Object(&SESSION)),
        ("user", Object(&USER)),
    ],
};

static IDP: Class =
    Class { name: "idp", required: &[], at_least_one: &["name", "uid"], fields: &[("name", Text)] };

static SESSION: Class =
    Class { name: "session", required: &[], at_least_one: &[], fields: &[("uid", Text)] };

static USER: Class = Class {
    name: "user",
    required: &[],
    at_least_one: &["account", "name", "uid"],
    fields: &[
        ("domain", Text),
        ("name", Text),
        ("type", Text),
        ("type_id", USER_TYPE),
        ("uid", Text),
    ],
};

static API: Class = Class {
    name: "api",
    required: &["operation"],
    at_least_one: &[],
    fields: &[("operation", Text), ("request", Object(&REQUEST)), ("service", Object(&SERVICE))],
};

static REQUEST: Class =
    Class { name: "request", required: &["uid"], at_least_one: &[], fields: &[("uid", Text)] };

static SERVICE: Class = Class {
    name: "service",
    required: &[],
    at_least_one: &["name", "uid"],
    fields: &[("name", Text)],
};

static NETWORK_ENDPOINT: Class = Class {
    name: "network_endpoint",
    required: &[],
    at_least_one: &[
        "ip",
        "uid",
        "name",
        "hostname",
        "svc_name",
        "instance_uid",
        "interface_uid",
        "interface_name",
    ],
    fields: &[("ip", Text), ("name", Text), ("svc_name", Text)],
};

static AUTHORIZATION: Class = Class {
    name: "authorization",
    required: &[],
    at_least_one: &[],
    fields: &[("decision", Text), ("policy", Object(&POLICY))],
};

static POLICY: Class = Class {
    name: "policy",
    required: &[],
    at_least_one: &["name", "uid"],
    fields: &[("name", Text), ("uid", Text), ("version", Text)],
};

static RESOURCE_DETAILS: Class = Class {
    name: "resource_details",
    required: &[],
    at_least_one: &["name", "uid"],
    fields: &[("name", Text)],
};

fn check_class(class: &Class, value: &Value) -> Result<(), String> {
    let name = class.name;
    let object = value.as_object().ok_or_else(|| format!("{name} is no object"))?;
    for required in class.required {
        object.get(*required).ok_or_else(|| format!("{name} has no {required}"))?;
    }
    if !class.at_least_one.is_empty()
        && !class.at_least_one.iter().any(|one| object.contains_key(*one))
    {
        return Err(format!("{name} has none of {:?}", class.at_least_one));
    }
    for (key, value) in object {
        let field = class.fields.iter().find(|(name, _)| name == key);
        let (_, field) = field.ok_or_else(|| format!("{name}.{key} is not in the schema"))?;
        check_field(*field, value, object).map_err(|error| format!("{name}.{key}: {error}"))?;
    }
    Ok(())
}

fn check_field(
    field: Field,
    value: &Value,
    siblings: &serde_json::Map<String, Value>,
) -> Result<(), String> {
    let fits = match field {
        Any => value.is_object(),
        Int => value.is_i64() || value.is_u64(),
        Text => value.is_string(),
        Time => value.as_i64().is_some_and(|time| time > 1_000_000_000_000),
        List(item) => {
            let items = value.as_array().ok_or("no list")?;
            return items.iter().try_for_each(|value| check_field(*item, value, siblings));
        }
        Object(class) => return check_class(class, value),
        Enum(values, sibling) => {
            let found = values.iter().find(|(id, _)| Some(*id) == value.as_i64());
            let (_, caption) = found.ok_or_else(|| format!("{value} is not in its enumeration"))?;
            let sibling = siblings.get(sibling).and_then(Value::as_str);
            sibling.is_none_or(|text| caption.is_empty() || text == *caption)
        }
    };
    if fits { Ok(()) } else { Err(format!("{value} does not fit")) }
}

/// What ties attributes of one event together.
fn check(event: &Value) -> Result<(), String> {
    check_class(&API_ACTIVITY, event)?;
    let number = |name: &str| event[name].as_i64().unwrap();
    if number("type_uid") != number("class_uid") * 100 + number("activity_id") {
        return Err("type_uid is not class and activity".to_owned());
    }
    let profile = event["metadata"]["profiles"]
        .as_array()
        .is_some_and(|profiles| profiles.iter().any(|profile| profile == "security_control"));
    if event.get("action_id").is_some() && !profile {
        return Err("the profile is not named".to_owned());
    }
    Ok(())
}

fn event(decision: DecisionEntry) -> Value {
    let bytes = encoded(7, Entry::Decision(decision));
    let record = projection(Format::Ocsf).record(7, &bytes, OBSERVED);
    serde_json::from_str(&body(&record)).unwrap()
}

#[test]
fn decisions_of_every_kind_are_valid() {
    let kinds = [ActorKind::Agent, ActorKind::Service, ActorKind::Unspecified, ActorKind::User];
    let effects = [Effect::Admin, Effect::Read, Effect::Unspecified, Effect::Write];
    let outcomes = [Outcome::Allow, Outcome::Challenge, Outcome::Deny, Outcome::Unspecified];
    let tiers = [Tier::Unspecified, Tier::Tier1, Tier::Tier2, Tier::Tier3];
    for kind in kinds {
        for effect in effects {
            for outcome in outcomes {
                for tier in tiers {
                    let decision = DecisionEntry {
                        chain: vec![actor(kind, "somebody")],
                        effect: effect.into(),
                        outcome: outcome.into(),
                        tier: tier.into(),
                        ..full_decision()
                    };
                    check(&event(decision)).unwrap();
                }
            }
        }
    }
    check(&event(full_decision())).unwrap();
}

#[test]
fn a_decision_that_says_nothing_is_valid() {
    check(&event(DecisionEntry::default())).unwrap();
    let odd = DecisionEntry { source_address: "somewhere".to_owned(), ..DecisionEntry::default() };
    check(&event(odd)).unwrap();
}

#[test]
fn events_that_are_not_valid_are_found() {
    let valid = event(full_decision());
    let broken: [(&str, Value); 7] = [
        ("/actor", Value::Null),
        ("/actor/user/type_id", 7.into()),
        ("/severity", "Grave".into()),
        ("/time", "2026-01-01T00:00:00Z".into()),
        ("/type_uid", 600_301.into()),
        ("/api/request", serde_json::json!({})),
        ("/src_endpoint", serde_json::json!({ "colour": "red" })),
    ];
    for (pointer, value) in broken {
        let mut event = valid.clone();
        *event.pointer_mut(pointer).unwrap() = value;
        assert!(check(&event).is_err(), "{pointer}");
    }
    for required in API_ACTIVITY.required {
        let mut event = valid.clone();
        event.as_object_mut().unwrap().remove(*required);
        assert!(check(&event).is_err(), "{required}");
    }
}

#[test]
fn a_decision_reads_as_an_api_activity() {
    let event = event(full_decision());
    let expected = [
        ("/activity_id", Value::from(3)),
        ("/type_uid", 600_303.into()),
        ("/time", 1_790_000_000_123_i64.into()),
        ("/metadata/version", OCSF_VERSION.into()),
        ("/metadata/uid", "01990000-0000-7000-8000-000000000001".into()),
        ("/metadata/sequence", 7.into()),
        ("/actor/user/uid", "corp:alice".into()),
        ("/actor/app_uid", "corp:helper".into()),
        ("/actor/session/uid", "session-1".into()),
        ("/api/operation", "payments.transfer".into()),
        ("/api/service/name", "payments".into()),
        ("/api/request/uid", "call-1".into()),
        ("/src_endpoint/ip", "192.0.2.7".into()),
        ("/src_endpoint/svc_name", "gateway-1".into()),
        ("/action_id", 2.into()),
        ("/disposition_id", 23.into()),
        ("/status_id", 2.into()),
        ("/status_code", "requirements_unmet".into()),
        ("/policy/version", "12".into()),
        ("/authorizations/0/policy/uid", "large-transfers".into()),
        ("/unmapped/palisade.tool.tier", 3.into()),
        ("/unmapped/palisade.decision.dry_run", true.into()),
        ("/unmapped/palisade.decision.exceptions/0", "e-1 no-egress SEC-1 and SEC-2".into()),
        ("/unmapped/palisade.decision.exceptions/1", "e-2 night".into()),
    ];
    for (pointer, value) in expected {
        assert_eq!(event.pointer(pointer), Some(&value), "{pointer}");
    }
}

#[test]
fn only_an_allow_is_an_allowed_action() {
    for (outcome, action, disposition) in [
        (Outcome::Allow, 1, 1),
        (Outcome::Challenge, 2, 23),
        (Outcome::Deny, 2, 2),
        (Outcome::Unspecified, 2, 2),
    ] {
        let event = event(DecisionEntry { outcome: outcome.into(), ..full_decision() });
        assert_eq!(event["action_id"], action, "{outcome:?}");
        assert_eq!(event["disposition_id"], disposition, "{outcome:?}");
    }
}

#[test]
fn all_but_the_body_is_the_same_in_every_format() {
    let bytes = encoded(7, Entry::Decision(full_decision()));
    let native = projection(Format::Native).record(7, &bytes, OBSERVED);
    let ocsf = projection(Format::Ocsf).record(7, &bytes, OBSERVED);
    assert_ne!(native.body, ocsf.body);
    assert_eq!(native, LogRecord { body: native.body.clone(), ..ocsf });
    let gap = encoded(7, Entry::Gap(GapEntry::default()));
    assert_eq!(
        projection(Format::Native).record(7, &gap, OBSERVED),
        projection(Format::Ocsf).record(7, &gap, OBSERVED)
    );
}
