//! The calls: who calls which tool with which arguments.

use palisade_core::{
    Actor, ActorChain, ActorKind, Environment, IssuerName, RequestOptions, Subject, ToolCall,
};
use palisade_proto::v1;
use serde_json::{Map, Value, json};

use super::entities::{agent, user};
use super::{Grant, ISSUER, Scale, tools};

/// Stands in an argument that guardrails read; a load generator may count there.
pub const READ_COUNTER: &str = "r0000000000000000";

/// Stands in an argument that no policy reads.
pub const UNREAD_COUNTER: &str = "t0000000000000000";

/// Bytes of the arguments of 12 fields: those of the request that earlier figures were taken with.
const ARGUMENTS_BYTES: usize = 412;

/// One call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    chain: Vec<(ActorKind, String)>,
    tool: usize,
    arguments: String,
}

impl Call {
    /// As the engine takes it.
    ///
    /// # Panics
    /// The generated call is no call.
    #[must_use]
    pub fn tool_call(&self) -> ToolCall {
        let links = self.chain.iter().map(|(kind, subject)| Actor {
            kind: *kind,
            issuer: IssuerName::new(ISSUER).expect("an issuer"),
            subject: Subject::new(subject.as_str()).expect("a subject"),
        });
        ToolCall {
            chain: ActorChain::new(links.collect()).expect("a chain"),
            identity: None,
            tool: self.tool_name(),
            tool_digest: None,
            arguments: self.arguments.as_bytes().to_vec(),
            resource: None,
            environment: Environment::default(),
            options: RequestOptions::default(),
            trace: None,
        }
    }

    /// The same with another value in an argument that no policy reads.
    #[must_use]
    pub fn numbered_tool_call(&self, number: u64) -> ToolCall {
        let letter = UNREAD_COUNTER.trim_end_matches('0');
        let digits = UNREAD_COUNTER.len() - letter.len();
        let counter = format!("{letter}{number:0digits$}");
        let arguments = self.arguments.replace(UNREAD_COUNTER, &counter).into_bytes();
        ToolCall { arguments, ..self.tool_call() }
    }

    /// As the wire takes it.
    #[must_use]
    pub fn request(&self, request_id: &str) -> v1::AuthorizeRequest {
        let link = |(kind, subject): &(ActorKind, String)| {
            let kind = match kind {
                ActorKind::Agent => v1::ActorKind::Agent,
                ActorKind::Service => v1::ActorKind::Service,
                ActorKind::User => v1::ActorKind::User,
            };
            let asserted = v1::AssertedActor {
                kind: kind.into(),
                issuer: ISSUER.to_owned(),
                subject: subject.clone(),
                attributes: None,
            };
            v1::Link { link: Some(v1::link::Link::Asserted(asserted)), possession: None }
        };
        v1::AuthorizeRequest {
            request_id: request_id.to_owned(),
            chain: self.chain.iter().map(link).collect(),
            tool: self.tool_name(),
            arguments: self.arguments.clone().into_bytes(),
            ..Default::default()
        }
    }

    /// The chain as tests of bundles write it, `user:corp:alice`.
    #[must_use]
    pub fn links(&self) -> Vec<String> {
        let link = |(kind, subject): &(ActorKind, String)| {
            let kind = match kind {
                ActorKind::Agent => "agent",
                ActorKind::Service => "service",
                ActorKind::User => "user",
            };
            format!("{kind}:{ISSUER}:{subject}")
        };
        self.chain.iter().map(link).collect()
    }

    /// The tool's name.
    #[must_use]
    pub fn tool_name(&self) -> String {
        tools::name(self.tool)
    }

    /// The arguments, as JSON text.
    #[must_use]
    pub fn arguments(&self) -> &str {
        &self.arguments
    }

    /// Types and ids of the chain's entities.
    #[must_use]
    pub fn principals(&self) -> Vec<(&'static str, String)> {
        let entity = |(kind, subject): &(ActorKind, String)| {
            let kind = match kind {
                ActorKind::Agent => "Agent",
                ActorKind::Service => "Service",
                ActorKind::User => "User",
            };
            (kind, super::entities::actor(subject))
        };
        self.chain.iter().map(entity).collect()
    }

    /// `context`, in Cedar's JSON form, as a program that embeds Cedar would write it.
    ///
    /// # Panics
    /// The generated arguments are no JSON object.
    #[must_use]
    pub fn cedar_context(&self) -> Value {
        let tools::Kind { tier, effect, reversible, egress } = tools::kind(self.tool);
        let service = self.tool / 10;
        let uid = |kind: &str, id: &str| json!({ "__entity": { "type": kind, "id": id } });
        let principals = self.principals();
        let of_kind = |kind: &str| -> Vec<Value> {
            let found = principals.iter().filter(|(own, _)| *own == kind);
            found.map(|(own, id)| uid(own, id)).collect()
        };
        let mut args: Map<String, Value> =
            serde_json::from_str(&self.arguments).expect("an object");
        for (_, value) in &mut args {
            if value.is_f64() {
                *value = json!({ "__extn": { "fn": "decimal", "arg": value.to_string() } });
            }
        }
        let granted = json!({ "granted": false });
        json!({
            "args": args,
            "argsInfo": { "counts": { "labels": 2 }, "unknown": false },
            "chain": {
                "depth": principals.len(),
                "user": uid(principals[0].0, &principals[0].1),
                "users": of_kind("User"),
                "agents": of_kind("Agent"),
                "services": of_kind("Service"),
            },
            "tool": {
                "tier": tier, "effects": [effect], "reversible": reversible, "egress": egress,
                "service": uid("Service", &tools::service(service)),
                "segment": uid("Segment", &tools::segment(service)),
            },
            "ungrounded": [],
            "approval": granted,
            "confirmation": granted,
            "stepUp": granted,
            "now": { "__extn": { "fn": "datetime", "arg": super::NOW.to_string() } },
            "data": [],
        })
    }
}

/// Calls that follow grants, one in ten of them a stray one.
pub(super) fn generate(scale: Scale, grants: &[Grant], links: usize, count: usize) -> Vec<Call> {
    let mut random = fastrand::Rng::with_seed(0x6361_6c6c);
    let arguments = arguments(scale.fields);
    let call = |i: usize| {
        let stray = i % 10 == 9 || grants.is_empty();
        let Grant { user: by, tool } = if stray {
            Grant { user: random.usize(..scale.users()), tool: random.usize(..scale.tools) }
        } else {
            grants[random.usize(..grants.len())]
        };
        let mut chain = vec![(ActorKind::User, user(by))];
        // Different ones: a link that stands twice in a chain is decided once.
        let first = random.usize(..scale.agents());
        for i in 1..links {
            chain.push((ActorKind::Agent, agent((first + i) % scale.agents())));
        }
        Call { chain, tool, arguments: arguments.clone() }
    };
    (0..count).map(call).collect()
}

/// The JSON Schema of arguments of so many fields, as one line of YAML. `note`: with an optional
/// field more.
pub(super) fn arguments_schema(fields: usize, note: bool) -> String {
    let mut properties = Map::new();
    for (name, value) in example(fields, "") {
        properties.insert(name, schema_of(&value));
    }
    let required: Vec<String> = properties.keys().cloned().collect();
    if note {
        properties.insert("note".to_owned(), schema_of(&json!("")));
    }
    let schema = json!({
        "type": "object", "required": required, "properties": properties,
        "additionalProperties": false,
    });
    schema.to_string()
}

fn schema_of(value: &Value) -> Value {
    match value {
        Value::Bool(_) => json!({ "type": "boolean" }),
        Value::Number(number) if number.is_f64() => json!({ "type": "number", "minimum": 0 }),
        Value::Number(_) => json!({ "type": "integer", "minimum": 0 }),
        Value::Array(_) => json!({ "type": "array", "items": { "type": "string" } }),
        Value::Object(fields) => {
            let properties: Map<String, Value> =
                fields.iter().map(|(name, value)| (name.clone(), schema_of(value))).collect();
            json!({ "type": "object", "properties": properties, "additionalProperties": false })
        }
        Value::Null | Value::String(_) => json!({ "type": "string", "maxLength": 400 }),
    }
}

/// Arguments of so many fields; those of 12 have 412 bytes.
fn arguments(fields: usize) -> String {
    let text = |comment: &str| Value::Object(example(fields, comment)).to_string();
    let bare = text("").len();
    let filler = "Please settle this with the customer before the end of the quarter. ";
    let missing = ARGUMENTS_BYTES.saturating_sub(bare);
    let comment: String = filler.chars().cycle().take(missing).collect();
    text(&comment)
}

fn example(fields: usize, comment: &str) -> Map<String, Value> {
    assert!(fields >= 10, "policies read the first ten fields");
    let named = [
        ("account", json!("ACC-0001-4711")),
        ("amount", json!(1250.5)),
        ("comment", json!(comment)),
        ("count", json!(3)),
        ("currency", json!("EUR")),
        ("dry_run", json!(false)),
        ("recipient", json!(format!("{READ_COUNTER}@partner.example"))),
        ("region", json!("eu")),
        ("subject", json!("Refund of an order")),
        ("trace", json!(UNREAD_COUNTER)),
        ("labels", json!(["invoice", "quarter-3"])),
        ("origin", json!({ "system": "desk", "ticket": "T-1001" })),
    ];
    let more = (named.len()..fields).map(|i| {
        let value = match i % 4 {
            0 => json!(format!("value of field {i:03}")),
            1 => json!(i),
            2 => json!(i % 8 == 2),
            _ => json!(0.25 + i as f64),
        };
        (format!("field_{i:03}"), value)
    });
    let named = named.into_iter().map(|(name, value)| (name.to_owned(), value));
    named.take(fields).chain(more).collect()
}
