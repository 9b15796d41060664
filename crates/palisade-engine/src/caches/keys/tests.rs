//! What stands in the key of a link's verdict, byte by byte: a change of the key shows here, and
//! has to be meant.

use std::collections::BTreeMap;
use std::hash::BuildHasher as _;

use palisade_catalog::{Catalog, ReferenceValues};
use palisade_core::{
    Actor, ActorChain, ActorKind, BundleName, Environment, EpochMillis, FactSources, Facts,
    IssuerName, RequestOptions, Revision, Sha256Digest, Subject, ToolCall,
};

use super::*;
use crate::{ClaimMappings, Issuers, PolicySnapshot, SnapshotSources, SourceFile};

const CATALOG: &str = "
format: 1
segments: [money]
services: { pay: { segment: money } }
tools:
  pay.send:
    tier: 3
    effect: write
    arguments:
      type: object
      properties:
        amount: { type: number }
        note: { type: string }
        tags: { type: array, items: { type: string } }
        to: { type: object, properties: { name: { type: string }, zip: { type: string } } }
        urgent: { type: boolean }
        times: { type: integer }
";

const POLICIES: &str = r#"
@id("everything") @reason("r") forbid (principal is Service, action, resource)
when { context.args == context.args };
@id("send") permit (principal is User, action, resource)
when { context.args has amount && context.args.amount.lessThan(decimal("100.0")) }
when { context.args has tags && context.args.tags.contains("ok") }
when { context.args has to.name && context.args.to.name like "a*" }
when { context.args has urgent }
when { context.argsInfo.unknown || context.chain.depth == 1 };
@id("inside") @reason("r") @require("confirmation") forbid (principal, action, resource)
when { context has sourceIp && context.sourceIp.isIpv6() }
unless { context.confirmation.granted };
"#;

fn snapshot() -> PolicySnapshot {
    let file = |name: &str, text: &str| SourceFile { name: name.into(), text: text.into() };
    let sources = SnapshotSources {
        revision: Revision {
            bundle: BundleName::new("keys").unwrap(),
            version: 1,
            digest: Sha256Digest::of(b""),
        },
        issuers: Issuers::new(BTreeMap::from([("t".to_owned(), "https://t.example".to_owned())])),
        claims: ClaimMappings::default(),
        catalog: Catalog::parse(&"catalog.yaml".into(), CATALOG).unwrap().0,
        policies: vec![file("policies/keys.cedar", POLICIES)],
        links: Vec::new(),
        schema: Vec::new(),
        entities: Vec::new(),
        exceptions: Vec::new(),
        reference: ReferenceValues::default(),
    };
    PolicySnapshot::build(&sources, FactSources::default()).unwrap().0
}

fn call(kind: ActorKind, arguments: &str, source_address: Option<&str>) -> ToolCall {
    ToolCall {
        chain: ActorChain::new(vec![Actor {
            kind,
            issuer: IssuerName::new("t").unwrap(),
            subject: Subject::new("ann").unwrap(),
        }])
        .unwrap(),
        identity: None,
        tool: "pay.send".to_owned(),
        tool_digest: None,
        arguments: arguments.as_bytes().to_vec(),
        resource: None,
        environment: Environment {
            source_address: source_address.map(|address| address.parse().unwrap()),
            ..Environment::default()
        },
        options: RequestOptions::default(),
        trace: None,
    }
}

/// What the first link's candidates can see of a call.
fn seen(snapshot: &PolicySnapshot, call: &ToolCall, granted: Granted) -> String {
    let resolved = snapshot.resolve(call).call.unwrap();
    let mut seen = Vec::new();
    SeenByLink {
        link: resolved.scope.links.first().unwrap(),
        arguments: &resolved.arguments.seen,
        source_address: resolved.source_address,
        facts: &Facts::at(EpochMillis::new(0)),
        granted,
    }
    .write(&mut seen)
    .unwrap();
    seen.escape_ascii().to_string()
}

#[test]
fn the_key_holds_what_the_candidates_read() {
    let snapshot = snapshot();
    let arguments = r#"{ "amount": 12.50, "note": "unread", "tags": ["ok", "also"],
        "to": { "name": "ann", "zip": "unread" }, "times": 3, "other": 1 }"#;
    let call = call(ActorKind::User, arguments, Some("2001:db8::1"));
    let all = Granted { approval: true, confirmation: true, step_up: true };
    let parts = [
        // Nothing is known of the credential.
        r"\x00",
        // Of the cures only the confirmation is read.
        r"\x00\x01\x00",
        // The source address.
        r"\t\x0b\x00\x00\x002001:db8::1",
        // The chain's depth.
        r"\x04\x01\x00\x00\x00\x00\x00\x00\x00",
        // The amount: that it is there, and what it is.
        r"\x01",
        r"\t\x04\x00\x00\x0012.5",
        // The tags, in one order whatever theirs.
        r"\x01",
        r"\x07\x02\x00\x00\x00\x05\x02\x00\x00\x00ok\x05\x04\x00\x00\x00also",
        // The name, but not the postal code.
        r"\x01",
        r"\x05\x03\x00\x00\x00ann",
        // It is not urgent: the path ends before its first step.
        r"\x00\x00\x00\x00\x00",
        // There are arguments that the type does not name.
        r"\x03",
    ];
    assert_eq!(seen(&snapshot, &call, all), parts.concat());
}

#[test]
fn who_reads_all_arguments_has_them_all_in_the_key() {
    let snapshot = snapshot();
    let arguments = r#"{ "to": { "zip": "12" }, "urgent": false }"#;
    let call = call(ActorKind::Service, arguments, None);
    let parts = [
        // Nothing is known of the credential.
        r"\x00",
        r"\x00\x00\x00",
        // No source address.
        r"\x00",
        r"\x08\x02\x00\x00\x00",
        r"\x02\x00\x00\x00to\x08\x01\x00\x00\x00\x03\x00\x00\x00zip\x05\x02\x00\x00\x0012",
        r"\x06\x00\x00\x00urgent\x02",
    ];
    assert_eq!(seen(&snapshot, &call, Granted::NOTHING), parts.concat());
}

#[test]
fn keys_and_their_borrowed_twins_hash_and_compare_alike() {
    let snapshot = snapshot();
    let hasher = foldhash::quality::RandomState::default();
    let asked = call(ActorKind::User, "{}", None);
    let resolved = snapshot.resolve(&asked).call.unwrap();
    let (scope, link) = (&resolved.scope, resolved.scope.links.first().unwrap());

    let arguments = ArgumentsKeyRef { tool: 0, text: b"{}" };
    assert!(arguments.equivalent(&arguments.to_key()));
    assert!(!ArgumentsKeyRef { tool: 1, ..arguments }.equivalent(&arguments.to_key()));
    assert!(!ArgumentsKeyRef { text: b"{ }", ..arguments }.equivalent(&arguments.to_key()));
    assert_eq!(hasher.hash_one(arguments), hasher.hash_one(arguments.to_key()));

    let chain = ScopeKeyRef {
        chain: &asked.chain,
        credentials: b"seen",
        tool: 0,
        resource: &scope.resource,
    };
    assert!(chain.equivalent(&chain.to_key()));
    assert!(!ScopeKeyRef { credentials: b"", ..chain }.equivalent(&chain.to_key()));
    assert!(!ScopeKeyRef { tool: 1, ..chain }.equivalent(&chain.to_key()));
    assert_eq!(hasher.hash_one(chain), hasher.hash_one(chain.to_key()));

    let verdict = VerdictKeyRef { scope, link, seen: b"seen" };
    assert!(verdict.equivalent(&verdict.to_key()));
    assert!(!VerdictKeyRef { seen: b"", ..verdict }.equivalent(&verdict.to_key()));
    assert_eq!(hasher.hash_one(verdict), hasher.hash_one(verdict.to_key()));
    // Whatever the fingerprint, another link is another key.
    let other = snapshot.resolve(&call(ActorKind::Service, "{}", None)).call.unwrap();
    let mut key = verdict.to_key();
    key.principal = other.scope.links.first().unwrap().principal.clone();
    assert!(!verdict.equivalent(&key));
}
