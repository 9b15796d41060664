use proptest::prelude::*;

use palisade_core::{
    Actor, ActorChain, ActorKind, ChainError, IssuerName, NameError, Sha256Digest, Subject,
    ToolCall,
};
use palisade_pdp::PresentedLink;

use super::*;
use crate::error::NotServedError;

/// Nothing that has to be configured.
const PLAIN: Components = Components { attestation: false, identity: false };

fn authorize(request: v1::AuthorizeRequest) -> Result<Call, CallError> {
    super::authorize(request, PLAIN, None)
}

fn list_tools(request: v1::ListToolsRequest) -> Result<ListTools, CallError> {
    super::list_tools(request, PLAIN)
}

fn explain(request: v1::ExplainRequest) -> Result<Call, CallError> {
    super::explain(request, PLAIN)
}

/// Everything about a call whose actors are asserted: credentials have no equality, so that nobody
/// compares secrets with it.
fn shown(call: &Call) -> String {
    format!("{call:?}")
}

fn link(kind: v1::ActorKind, issuer: &str, subject: &str) -> v1::Link {
    let asserted = v1::AssertedActor {
        kind: kind.into(),
        issuer: issuer.to_owned(),
        subject: subject.to_owned(),
        attributes: None,
    };
    v1::Link { link: Some(v1::link::Link::Asserted(asserted)), possession: None }
}

fn alice() -> v1::Link {
    link(v1::ActorKind::User, "corp", "alice")
}

fn request() -> v1::AuthorizeRequest {
    v1::AuthorizeRequest {
        chain: vec![alice()],
        tool: "crm.read_ticket".to_owned(),
        ..Default::default()
    }
}

fn refusal(request: v1::AuthorizeRequest) -> CallError {
    authorize(request).unwrap_err()
}

fn reason(request: v1::AuthorizeRequest) -> &'static str {
    let error = refusal(request);
    let CallError::Malformed(error) = error else { panic!("{error:?}") };
    error.reason()
}

/// Whether the request passes with this change.
fn passes(change: impl FnOnce(&mut v1::AuthorizeRequest)) -> Result<(), &'static str> {
    let mut changed = request();
    change(&mut changed);
    if authorize(changed.clone()).is_ok() { Ok(()) } else { Err(reason(changed)) }
}

#[test]
fn a_minimal_request_passes() {
    let call = authorize(request()).unwrap();
    assert_eq!(call.request_id, None);
    assert_eq!(call.presented.arguments, b"");
    assert_eq!(call.presented.environment, Environment::default());
    assert_eq!(call.presented.options, RequestOptions::default());
}

#[test]
fn a_chain_has_1_to_8_links() {
    assert_eq!(passes(|r| r.chain = vec![]), Err("chain_empty"));
    assert_eq!(passes(|r| r.chain = vec![alice(); 8]), Ok(()));
    assert_eq!(passes(|r| r.chain = vec![alice(); 9]), Err("chain_too_long"));
}

#[test]
fn a_ninth_link_is_what_is_wrong_even_if_it_is_malformed() {
    let mut chain = vec![alice(); 8];
    chain.push(v1::Link { link: None, possession: None });
    assert_eq!(passes(|r| r.chain = chain), Err("chain_too_long"));
}

#[test]
fn a_link_names_a_known_kind_of_actor() {
    let unspecified = link(v1::ActorKind::Unspecified, "corp", "alice");
    assert_eq!(passes(|r| r.chain = vec![unspecified]), Err("actor_kind_unspecified"));
    let mut newer = alice();
    if let Some(v1::link::Link::Asserted(actor)) = &mut newer.link {
        actor.kind = 4;
    }
    assert_eq!(passes(|r| r.chain = vec![newer]), Err("actor_kind_unspecified"));
    assert_eq!(
        passes(|r| r.chain = vec![v1::Link { link: None, possession: None }]),
        Err("link_missing")
    );
}

#[test]
fn names_of_actors_have_their_limits() {
    let named =
        |issuer: &str, subject: &str| vec![alice(), link(v1::ActorKind::Agent, issuer, subject)];
    assert_eq!(passes(|r| r.chain = named("", "bot")), Err("issuer_invalid"));
    assert_eq!(passes(|r| r.chain = named(&"i".repeat(512), "bot")), Ok(()));
    assert_eq!(passes(|r| r.chain = named(&"i".repeat(513), "bot")), Err("issuer_invalid"));
    assert_eq!(passes(|r| r.chain = named("corp", "")), Err("subject_invalid"));
    assert_eq!(passes(|r| r.chain = named("corp", &"s".repeat(256))), Ok(()));
    assert_eq!(passes(|r| r.chain = named("corp", &"s".repeat(257))), Err("subject_invalid"));
    assert_eq!(passes(|r| r.chain = named("corp", "bot\n")), Err("subject_invalid"));
    assert_eq!(
        refusal(v1::AuthorizeRequest { chain: named("corp", ""), ..request() }),
        RequestError::Subject { link: 1, source: NameError::Empty }.into()
    );
}

#[test]
fn a_tool_has_1_to_256_bytes_and_anything_in_them() {
    assert_eq!(passes(|r| r.tool = String::new()), Err("tool_invalid"));
    assert_eq!(passes(|r| r.tool = "t".repeat(256)), Ok(()));
    assert_eq!(passes(|r| r.tool = "t".repeat(257)), Err("tool_invalid"));
    // Whether it exists is decided, and recorded.
    assert_eq!(passes(|r| r.tool = "read".to_owned()), Ok(()));
}

#[test]
fn a_tool_digest_is_64_lower_case_hexadecimal_digits() {
    assert_eq!(passes(|r| r.tool_digest = "0".repeat(64)), Ok(()));
    for digest in ["0".repeat(63), "0".repeat(65), "A".repeat(64), "g".repeat(64)] {
        assert_eq!(passes(|r| r.tool_digest = digest), Err("tool_digest_invalid"));
    }
}

#[test]
fn arguments_have_at_most_1_mib_of_anything() {
    assert_eq!(passes(|r| r.arguments = vec![b' '; 1024 * 1024]), Ok(()));
    assert_eq!(passes(|r| r.arguments = vec![b' '; 1024 * 1024 + 1]), Err("arguments_too_large"));
    // Whether they are JSON is decided, and recorded.
    assert_eq!(passes(|r| r.arguments = b"\xff[".to_vec()), Ok(()));
}

#[test]
fn a_request_id_is_empty_or_1_to_128_visible_bytes() {
    assert_eq!(passes(|r| r.request_id = "r".repeat(128)), Ok(()));
    assert_eq!(passes(|r| r.request_id = "r".repeat(129)), Err("request_id_invalid"));
    for id in [" ", "a b", "é", "\u{7f}"] {
        assert_eq!(passes(|r| r.request_id = id.to_owned()), Err("request_id_invalid"), "{id:?}");
    }
}

#[test]
fn a_resource_has_a_type_and_an_id_within_their_limits() {
    let resource = |entity_type: usize, id: usize| v1::Resource {
        r#type: "T".repeat(entity_type),
        id: "i".repeat(id),
    };
    for (entity_type, id, want) in [
        (1, 1, Ok(())),
        (256, 1024, Ok(())),
        (257, 1, Err("resource_invalid")),
        (1, 1025, Err("resource_invalid")),
        (0, 1, Err("resource_invalid")),
        (1, 0, Err("resource_invalid")),
    ] {
        let resource = resource(entity_type, id);
        assert_eq!(passes(|r| r.resource = Some(resource)), want, "{entity_type}, {id}");
    }
}

#[test]
fn what_was_observed_is_checked() {
    let observed = |source_address: &str, pep_request_id: &str| v1::Environment {
        source_address: source_address.to_owned(),
        pep_request_id: pep_request_id.to_owned(),
    };
    for (address, id, want) in [
        ("192.0.2.1", "", Ok(())),
        ("2001:db8::1", "é".repeat(64).as_str(), Ok(())),
        ("192.0.2.1:80", "", Err("source_address_invalid")),
        ("example.com", "", Err("source_address_invalid")),
        ("", "p".repeat(129).as_str(), Err("pep_request_id_invalid")),
        ("", "a\u{1b}b", Err("pep_request_id_invalid")),
    ] {
        let environment = observed(address, id);
        assert_eq!(passes(|r| r.environment = Some(environment)), want, "{address} {id}");
    }
}

#[test]
fn a_request_has_at_most_2_mib_even_in_a_batch() {
    // One huge field will do; whichever it is, the size is looked at first.
    let padded = |bytes: usize| {
        let mut padded = request();
        padded.resource = Some(v1::Resource { r#type: "T".to_owned(), id: "x".repeat(bytes) });
        padded
    };
    let near = MESSAGE_BYTES_MAX - 1000;
    let exact = MESSAGE_BYTES_MAX - (padded(near).encoded_len() - near);
    assert_eq!(padded(exact).encoded_len(), MESSAGE_BYTES_MAX);
    assert_eq!(reason(padded(exact)), "resource_invalid");
    assert_eq!(reason(padded(exact + 1)), "message_too_large");
}

#[test]
fn a_field_of_an_absent_capability_is_named() {
    let presented = |presented| v1::AuthorizeRequest { presented: Some(presented), ..request() };
    let with_link = |link| v1::AuthorizeRequest {
        chain: vec![v1::Link { link: Some(link), possession: None }],
        ..request()
    };
    let attributed = v1::AssertedActor {
        kind: v1::ActorKind::User.into(),
        issuer: "corp".to_owned(),
        subject: "alice".to_owned(),
        attributes: Some(prost_types::Struct::default()),
    };
    let grant = v1::Options { grant: true, ..Default::default() };
    for (request, field) in [
        (with_link(v1::link::Link::Token(String::new())), "chain.token"),
        (with_link(v1::link::Link::Asserted(attributed)), "chain.asserted.attributes"),
        (v1::AuthorizeRequest { session_id: "s".to_owned(), ..request() }, "session_id"),
        (v1::AuthorizeRequest { transaction_id: "t".to_owned(), ..request() }, "transaction_id"),
        (
            presented(v1::Presented { approval_ids: vec![String::new()], ..Default::default() }),
            "presented.approval_ids",
        ),
        (
            presented(v1::Presented { confirmation_ids: vec!["c".into()], ..Default::default() }),
            "presented.confirmation_ids",
        ),
        (
            presented(v1::Presented { step_up_token: "t".to_owned(), ..Default::default() }),
            "presented.step_up_token",
        ),
        (v1::AuthorizeRequest { evidence: vec![v1::Evidence::default()], ..request() }, "evidence"),
        (v1::AuthorizeRequest { options: Some(grant), ..request() }, "options.grant"),
    ] {
        let error = refusal(request);
        let CallError::NotServed(NotServedError { field: named, .. }) = error else {
            panic!("{field}: {error:?}")
        };
        assert_eq!(named, field);
    }
}

#[test]
fn messages_that_are_there_but_empty_are_no_use_of_a_capability() {
    let empty = v1::AuthorizeRequest {
        presented: Some(v1::Presented::default()),
        options: Some(v1::Options::default()),
        environment: Some(v1::Environment::default()),
        ..request()
    };
    assert_eq!(shown(&authorize(empty).unwrap()), shown(&authorize(request()).unwrap()));
}

#[test]
fn listing_tools_is_checked_the_same_way() {
    let list = v1::ListToolsRequest { chain: vec![alice()], ..Default::default() };
    assert_eq!(list_tools(list.clone()).unwrap().service, None);
    let session = v1::ListToolsRequest { session_id: "s".to_owned(), ..list.clone() };
    assert!(matches!(list_tools(session), Err(CallError::NotServed(_))));
    let empty = v1::ListToolsRequest { chain: vec![], ..list.clone() };
    assert_eq!(list_tools(empty).unwrap_err(), RequestError::Chain(ChainError::Empty).into());
    let service = |bytes| v1::ListToolsRequest { service: "s".repeat(bytes), ..list.clone() };
    assert!(list_tools(service(256)).is_ok());
    assert_eq!(list_tools(service(257)).unwrap_err(), RequestError::Service.into());
}

#[test]
fn explaining_needs_a_request() {
    let missing = explain(v1::ExplainRequest { request: None }).unwrap_err();
    assert_eq!(missing, RequestError::RequestMissing.into());
    let same = explain(v1::ExplainRequest { request: Some(request()) }).unwrap();
    assert_eq!(shown(&same), shown(&authorize(request()).unwrap()));
}

/// The wire form of a call: what an enforcement point would send for it.
fn to_wire(call: &Call) -> v1::AuthorizeRequest {
    let Call { request_id, presented: tool_call } = call;
    let actor = |actor: &Actor| {
        let kind = match actor.kind {
            ActorKind::Agent => v1::ActorKind::Agent,
            ActorKind::Service => v1::ActorKind::Service,
            ActorKind::User => v1::ActorKind::User,
        };
        link(kind, actor.issuer.as_str(), actor.subject.as_str())
    };
    let environment = &tool_call.environment;
    v1::AuthorizeRequest {
        request_id: request_id.as_ref().map(|id| id.as_str().to_owned()).unwrap_or_default(),
        chain: tool_call
            .credentials
            .links
            .iter()
            .map(|link| match link {
                PresentedLink::Asserted(asserted) => actor(asserted),
                PresentedLink::Certificate(_) | PresentedLink::Token(_) => panic!("not asserted"),
            })
            .collect(),
        tool: tool_call.tool.clone(),
        tool_digest: tool_call.tool_digest.map(|d| d.to_string()).unwrap_or_default(),
        arguments: tool_call.arguments.clone(),
        resource: tool_call
            .resource
            .clone()
            .map(|ResourceName { entity_type, id }| v1::Resource { r#type: entity_type, id }),
        environment: Some(v1::Environment {
            source_address: environment.source_address.map(|a| a.to_string()).unwrap_or_default(),
            pep_request_id: environment.pep_request_id.clone().unwrap_or_default(),
        }),
        options: Some(v1::Options {
            grant: false,
            minimum_version: tool_call.options.minimum_version,
            dry_run: tool_call.options.dry_run,
        }),
        ..Default::default()
    }
}

fn any_call() -> impl Strategy<Value = Call> {
    let kind = prop::sample::select(ActorKind::ALL.to_vec());
    let actor =
        (kind, "[^\\p{Cc}]{1,40}", "[^\\p{Cc}]{1,40}").prop_map(|(kind, issuer, subject)| {
            let issuer = IssuerName::new(issuer).unwrap();
            Actor { kind, issuer, subject: Subject::new(subject).unwrap() }
        });
    let chain = prop::collection::vec(actor, 1..=8).prop_map(|l| ActorChain::new(l).unwrap());
    let resource = ("[A-Z][a-z]{0,9}", ".{1,40}")
        .prop_map(|(entity_type, id)| ResourceName { entity_type, id });
    let environment =
        (prop::option::of(any::<IpAddr>()), prop::option::of("[!-~]{1,128}")).prop_map(
            |(source_address, pep_request_id)| Environment { source_address, pep_request_id },
        );
    let options = (any::<u64>(), any::<bool>())
        .prop_map(|(minimum_version, dry_run)| RequestOptions { minimum_version, dry_run });
    (
        prop::option::of("[!-~]{1,128}").prop_map(|id| id.map(|id| RequestId::new(id).unwrap())),
        chain,
        ".{1,64}",
        prop::option::of(any::<[u8; 32]>().prop_map(Sha256Digest::from)),
        prop::collection::vec(any::<u8>(), 0..200),
        prop::option::of(resource),
        environment,
        options,
    )
        .prop_map(
            |(request_id, chain, tool, tool_digest, arguments, resource, environment, options)| {
                let tool_call = ToolCall {
                    chain,
                    identity: None,
                    tool,
                    tool_digest,
                    arguments,
                    resource,
                    environment,
                    options,
                    trace: None,
                };
                Call { request_id, presented: tool_call.into() }
            },
        )
}

proptest! {
    #[test]
    fn a_call_survives_the_wire(call in any_call()) {
        let bytes = to_wire(&call).encode_to_vec();
        let decoded = v1::AuthorizeRequest::decode(bytes.as_slice()).unwrap();
        prop_assert_eq!(shown(&authorize(decoded).unwrap()), shown(&call));
    }
}
