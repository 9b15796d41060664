//! The corpora that are generated; of the target `requests` one message for each shape a request
//! can have.
//!
//! Committed as encoded, because that is what a fuzzer starts from; a test holds the files to this.

mod credentials;

use std::collections::BTreeMap;

use palisade_proto::v1;
use prost::Message as _;
use prost_types::{Struct, Value, value};

pub use self::credentials::{certificates, cose, tokens, tpm};

use crate::{authorize_request, chain};

/// Every seed, encoded, by the name of its file.
#[must_use]
pub fn requests() -> Vec<(&'static str, Vec<u8>)> {
    let mut seeds = vec![("empty", Vec::new())];
    seeds.extend(decided().into_iter().chain(refused()).map(|(name, r)| (name, r.encode_to_vec())));
    seeds.extend(other_messages());
    // A field that no version of the contract has, before one that all have.
    let unknown = [&[0xfa, 0x7f, 0x01, 0x00][..], &read().encode_to_vec()].concat();
    seeds.push(("unknown-field", unknown));
    let mut cut_off = read().encode_to_vec();
    cut_off.truncate(cut_off.len() / 2);
    seeds.push(("cut-off", cut_off));
    seeds
}

fn read() -> v1::AuthorizeRequest {
    authorize_request("notes.read", r#"{"id":"n-1"}"#)
}

fn from(actors: &[&str]) -> v1::AuthorizeRequest {
    v1::AuthorizeRequest { chain: chain(actors), ..read() }
}

/// Well formed and served, so decided on.
fn decided() -> Vec<(&'static str, v1::AuthorizeRequest)> {
    let resource = v1::Resource { r#type: "Document".to_owned(), id: "a/b".to_owned() };
    let environment = v1::Environment {
        source_address: "10.1.2.3".to_owned(),
        pep_request_id: "gateway-7".to_owned(),
    };
    let whole = v1::AuthorizeRequest {
        request_id: "retry-1".to_owned(),
        tool_digest: "0".repeat(64),
        resource: Some(resource),
        environment: Some(environment),
        options: Some(v1::Options { grant: false, minimum_version: 7, dry_run: true }),
        ..authorize_request("docs.open", r#"{"path":"a//b"}"#)
    };
    let over_ipv6 = v1::AuthorizeRequest {
        environment: Some(v1::Environment {
            source_address: "2001:db8::1".to_owned(),
            pep_request_id: String::new(),
        }),
        ..authorize_request("docs.open", r#"{"path":"a"}"#)
    };
    vec![
        ("allowed", read()),
        ("denied", authorize_request("notes.write", r#"{"text":"a secret"}"#)),
        ("challenged", authorize_request("bank.transfer", r#"{"to":"DE1","amount":250}"#)),
        ("failing-policy", authorize_request("faulty.permit", r#"{"n":1025}"#)),
        ("no-json", authorize_request("any.thing", "\u{0}")),
        ("whole", whole),
        ("over-ipv6", over_ipv6),
        ("user-alone", from(&["user:corp:alice"])),
        ("service", from(&["service:corp:job", "agent:corp:bot"])),
        ("eight-links", from(&["user:corp:alice"; 8])),
        (
            "empty-parts",
            v1::AuthorizeRequest {
                presented: Some(v1::Presented::default()),
                environment: Some(v1::Environment::default()),
                options: Some(v1::Options::default()),
                ..read()
            },
        ),
    ]
}

/// Malformed, not served yet, or of a revision that is not held.
fn refused() -> Vec<(&'static str, v1::AuthorizeRequest)> {
    let linked = |link| {
        let chain = vec![v1::Link { link, possession: None }];
        v1::AuthorizeRequest { chain, ..read() }
    };
    let token = v1::link::Link::Token("e30.e30.".to_owned());
    let text = Value { kind: Some(value::Kind::StringValue("finance".to_owned())) };
    let attributes = Struct { fields: BTreeMap::from([("department".to_owned(), text)]) };
    let asserted = v1::AssertedActor {
        kind: v1::ActorKind::User.into(),
        issuer: "corp".to_owned(),
        subject: "alice".to_owned(),
        attributes: Some(attributes),
    };
    let of_kind = |kind| v1::AssertedActor { kind, attributes: None, ..asserted.clone() };
    let actor = |actor| linked(Some(v1::link::Link::Asserted(actor)));
    let presented = v1::Presented {
        approval_ids: vec!["a-1".to_owned()],
        confirmation_ids: vec!["c-1".to_owned()],
        step_up_token: "t".to_owned(),
    };
    let evidence =
        v1::Evidence { media_type: "application/eat+cwt".to_owned(), body: vec![0xd2, 0x84] };
    let options = |options| v1::AuthorizeRequest { options: Some(options), ..read() };
    vec![
        ("nine-links", from(&["user:corp:alice"; 9])),
        ("empty-link", linked(None)),
        ("token", linked(Some(token))),
        ("attributes", actor(asserted.clone())),
        ("kind-unspecified", actor(of_kind(0))),
        ("kind-of-the-future", actor(of_kind(99))),
        (
            "session",
            v1::AuthorizeRequest {
                session_id: "s-1".to_owned(),
                transaction_id: "t-1".to_owned(),
                ..read()
            },
        ),
        ("presented", v1::AuthorizeRequest { presented: Some(presented), ..read() }),
        ("evidence", v1::AuthorizeRequest { evidence: vec![evidence], ..read() }),
        ("grant", options(v1::Options { grant: true, ..Default::default() })),
        ("later-version", options(v1::Options { minimum_version: 8, ..Default::default() })),
        ("tool-digest-in-capitals", v1::AuthorizeRequest { tool_digest: "A".repeat(64), ..read() }),
        (
            "resource-without-id",
            v1::AuthorizeRequest {
                resource: Some(v1::Resource { r#type: "Document".to_owned(), id: String::new() }),
                ..read()
            },
        ),
        (
            "no-address",
            v1::AuthorizeRequest {
                environment: Some(v1::Environment {
                    source_address: "10.1.2.300".to_owned(),
                    pep_request_id: "two\nlines".to_owned(),
                }),
                ..read()
            },
        ),
    ]
}

fn other_messages() -> Vec<(&'static str, Vec<u8>)> {
    let batch = v1::AuthorizeBatchRequest {
        requests: decided().into_iter().chain(refused()).map(|(_, request)| request).collect(),
    };
    let list = v1::ListToolsRequest {
        chain: chain(&["user:corp:alice", "agent:corp:bot"]),
        include_denied: true,
        service: "notes".to_owned(),
        ..Default::default()
    };
    let list_by_session = v1::ListToolsRequest { session_id: "s-1".to_owned(), ..list.clone() };
    let explain = v1::ExplainRequest { request: Some(read()) };
    vec![
        ("batch", batch.encode_to_vec()),
        ("list", list.encode_to_vec()),
        ("list-by-session", list_by_session.encode_to_vec()),
        ("explain", explain.encode_to_vec()),
    ]
}
