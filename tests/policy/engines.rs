//! The engine that decides against Cedar's own authorizer over all policies.
//!
//! Sets of 5 to 50 policies over a small universe, where scopes of every form, hierarchies four
//! deep, template links, tags, curable forbids and failing policies meet often. Verdict, reasons
//! and errors have to be the same. `ENGINE_TEST_SETS` says how many sets (default 260, that is
//! over 100,000 calls).

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use palisade_core::{
    ActorChain, ActorKind, Attestation, Authentication, Cure, Environment, EpochMillis,
    FactSources, Facts, Outcome, Proof, ToolCall, TrustTier, VerifiedChain,
};
use palisade_engine::{
    AttributeMapping, ClaimMappings, ClaimPath, ClaimType, Exception, KindMapping, PolicySnapshot,
    TemplateLink,
};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, RngSeed, TestRunner};

use crate::universe::{NOW, Universe, actor, call, decide, exception};

const SCHEMA: &str = "entity User = { level: Long, manager?: User, until?: datetime, dept?: String, \
                      seniority?: Long } tags String;\n\
                      entity Agent = { owner?: User };\n\
                      entity Document = { secret?: Bool };";

/// Groups `g0` > `g1` > `g2` > `g3` and `h0` > `h1`; documents within folders of groups.
const ENTITIES: &str = r#"[
  {"uid":{"type":"Group","id":"g0"},"attrs":{},"parents":[]},
  {"uid":{"type":"Group","id":"g1"},"attrs":{},"parents":[{"type":"Group","id":"g0"}]},
  {"uid":{"type":"Group","id":"g2"},"attrs":{},"parents":[{"type":"Group","id":"g1"}]},
  {"uid":{"type":"Group","id":"g3"},"attrs":{},"parents":[{"type":"Group","id":"g2"},{"type":"Group","id":"h1"}]},
  {"uid":{"type":"Group","id":"h0"},"attrs":{},"parents":[]},
  {"uid":{"type":"Group","id":"h1"},"attrs":{},"parents":[{"type":"Group","id":"h0"}]},
  {"uid":{"type":"Group","id":"t:staff"},"attrs":{},"parents":[{"type":"Group","id":"g2"}]},
  {"uid":{"type":"User","id":"t:ann"},"attrs":{"level":3,"until":{"__extn":{"fn":"datetime","arg":"2026-06-01T08:00:00Z"}}},"tags":{"team":"red"},"parents":[{"type":"Group","id":"g3"}]},
  {"uid":{"type":"User","id":"t:bob"},"attrs":{"level":1,"manager":{"__entity":{"type":"User","id":"t:ann"}}},"parents":[{"type":"Group","id":"h1"}]},
  {"uid":{"type":"Agent","id":"t:bot"},"attrs":{"owner":{"__entity":{"type":"User","id":"t:bob"}},"autonomous":true},"parents":[{"type":"Group","id":"g1"}]},
  {"uid":{"type":"Document","id":"a"},"attrs":{"secret":true},"parents":[]}
]"#;

fn scope_of_principal() -> impl Strategy<Value = String> {
    let group = prop::sample::select(vec![
        "g0", "g1", "g2", "g3", "h0", "h1", "nobody", "t:staff", "t:ops",
    ]);
    let user = prop::sample::select(vec!["t:ann", "t:bob", "t:stranger"]);
    let kind = prop::sample::select(vec!["User", "Agent", "Service"]);
    prop_oneof![
        2 => Just("principal".to_owned()),
        3 => group.clone().prop_map(|group| format!("principal in Group::\"{group}\"")),
        1 => user.clone().prop_map(|user| format!("principal == User::\"{user}\"")),
        1 => user.prop_map(|user| format!("principal in User::\"{user}\"")),
        1 => Just("principal == Agent::\"t:bot\"".to_owned()),
        1 => kind.clone().prop_map(|kind| format!("principal is {kind}")),
        1 => (kind, group).prop_map(|(k, g)| format!("principal is {k} in Group::\"{g}\"")),
    ]
}

fn scope_of_action() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "action",
        "action == Action::\"pay.send\"",
        "action == Action::\"docs.read\"",
        "action in Action::\"write\"",
        "action in [Action::\"read\", Action::\"tier1\", Action::\"pay.send\"]",
        "action in [Action::\"tier2\", Action::\"tier3\"]",
        "action in Action::\"irreversible\"",
    ])
    .prop_map(str::to_owned)
}

fn scope_of_resource() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "resource",
        "resource",
        "resource in Service::\"pay\"",
        "resource in Service::\"docs\"",
        "resource in Segment::\"office\"",
        "resource == Tool::\"docs.note\"",
        "resource == Document::\"a\"",
        "resource is Document",
        "resource is Tool in Segment::\"finance\"",
    ])
    .prop_map(str::to_owned)
}

fn condition() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "",
        "",
        "when { context.tool.tier > 1 }",
        "when { context.chain.depth > 1 } unless { context.chain has user }",
        "when { context.chain.users.contains(User::\"t:ann\") }",
        "when { principal is User && principal has manager && principal.manager.level > 2 }",
        "when { principal is User && principal.hasTag(\"team\") && principal.getTag(\"team\") == \"red\" }",
        "when { principal is User && principal.level > 1 }",
        "when { principal is Agent && principal has owner && principal.owner in Group::\"h0\" }",
        "when { resource is Document && resource has secret && resource.secret }",
        "when { resource in Segment::\"finance\" || principal in Group::\"g0\" }",
        "when { context.args has n && context.args.n > 5 }",
        "when { context.args has n && context.args.n + 9223372036854775800 > 0 }",
        "when { context.args has to && context.args.to like \"*@evil.example\" }",
        "when { context has args.amount && context.args.amount.greaterThan(decimal(\"10.0\")) }",
        "when { if context.tool.egress then context.argsInfo.unknown else principal in Group::\"g1\" }",
        "when { context.args has opts.mode }",
        "unless { context has args.opts.mode && context.args.opts.mode == \"dry\" }",
        "when { context.now < datetime(\"2027-01-01\") } unless { context has sourceIp }",
        "when { datetime(\"2026-06-01T08:00:00Z\") < context.now }",
        "when { context.now.toTime() >= duration(\"8h\") && context.now.toTime() <= duration(\"18h\") }",
        "when { principal is User && principal has until && context.now <= principal.until }",
        "when { context.now.durationSince(datetime(\"2026-06-01\")) > duration(\"8h\") }",
        "when { context.now == datetime(\"2027-01-01\") }",
        "when { context has sourceIp && context.sourceIp.isInRange(ip(\"10.0.0.0/8\")) }",
        "when { User::\"t:bob\".level == 1 }",
        "when { principal is User && principal has dept && principal.dept == \"ops\" }",
        "when { context.chain has user.dept && context.chain.user.dept == \"ops\" }",
        "when { context.chain has user.seniority && context.chain.user.seniority > 3 }",
        "when { User::\"t:ann\" has dept }",
        "when { principal is User && principal has seniority && principal.seniority > principal.level }",
        "when { context.chain.users.containsAny([User::\"t:bob\"]) || context.chain.proof == \"bearer\" }",
        "when { context has auth.acr && context.auth.acr == \"phr\" }",
        "when { context has auth.time && context.now < context.auth.time.offset(duration(\"1h\")) }",
        "unless { context has attestation && context.attestation.tier == \"affirming\" }",
        "when { context has attestation && context.attestation.references.contains(\"agent-1\") }",
        "when { context has attestation && context.now <= context.attestation.issuedAt.offset(duration(\"8h\")) }",
        "when { context has attestation.vector.executables && context.attestation.vector.executables < 32 }",
    ])
    .prop_map(str::to_owned)
}

fn cure() -> impl Strategy<Value = (&'static str, &'static str)> {
    prop::sample::select(vec![
        ("", ""),
        ("", ""),
        ("@require(\"approval\") @approvers(\"g\")", "unless { context.approval.granted }"),
        (
            "@require(\"approval\") @approvers(\"h\") @quorum(\"2\")",
            "unless { context.approval.granted && context.chain.depth < 3 }",
        ),
        ("@require(\"confirmation\")", "unless { context.confirmation.granted }"),
        ("@require(\"step_up\") @acr(\"phr\")", "unless { context.stepUp.granted }"),
        ("@require(\"step_up\") @max_age(\"1h\")", "unless { context.stepUp.granted }"),
        (
            "@require(\"attestation\") @max_age(\"8h\")",
            "unless { context has attestation && context.attestation.tier == \"affirming\" }",
        ),
    ])
}

/// One policy without its id, or a template.
#[derive(Clone, Debug)]
struct Text {
    body: String,
    template: bool,
}

fn text() -> impl Strategy<Value = Text> {
    let scope = (scope_of_principal(), scope_of_action(), scope_of_resource());
    let kind = (prop::bool::weighted(0.35), prop::bool::weighted(0.08), prop::bool::weighted(0.05));
    (scope, condition(), cure(), kind).prop_map(
        |((principal, action, resource), condition, (require, cure), kind)| {
            let (forbid, template, shadow) = kind;
            let principal = if template { "principal in ?principal".to_owned() } else { principal };
            let (effect, require, cure) =
                if forbid { ("forbid", require, cure) } else { ("permit", "", "") };
            let shadow = if shadow { "@mode(\"shadow\") " } else { "" };
            let body = format!(
                "@reason(\"r\") {shadow}{require} {effect} ({principal}, {action}, {resource}) \
                 {condition} {cure};"
            );
            Text { body, template }
        },
    )
}

/// An exception to one of the policies, if that is a forbid.
#[derive(Clone, Debug)]
struct Lifted {
    policy: usize,
    principal: &'static str,
    tool: &'static str,
    until: EpochMillis,
}

fn lifted() -> impl Strategy<Value = Lifted> {
    let principal = prop::sample::select(vec![
        "user:t:ann",
        "user:t:bob",
        "user:t:stranger",
        "agent:t:bot",
        "service:t:job",
    ]);
    let tool = prop::sample::select(vec!["docs.read", "docs.note", "pay.send"]);
    (0..50_usize, principal, tool, instant()).prop_map(|(policy, principal, tool, until)| Lifted {
        policy,
        principal,
        tool,
        until,
    })
}

/// The exceptions of those, each once.
fn exceptions(texts: &[Text], lifted: &[Lifted]) -> Vec<Exception> {
    let mut exceptions: Vec<Exception> = Vec::new();
    for (number, Lifted { policy, principal, tool, until }) in lifted.iter().enumerate() {
        let policy = policy % texts.len();
        let text = &texts[policy];
        let counts = text.body.contains("forbid (") && !text.body.contains("shadow");
        if !counts || !is_possible(text) {
            continue;
        }
        let name = if text.template { format!("p{policy}-x") } else { format!("p{policy}") };
        let id = format!("e{number}").into();
        exceptions.push(Exception { id, ..exception(&name, principal, tool, *until) });
    }
    exceptions
}

/// The policies of a set that strict validation lets through together with a permit for all.
fn snapshot(texts: &[Text], lifted: &[Lifted]) -> PolicySnapshot {
    let mut universe = Universe {
        schema: SCHEMA.to_owned(),
        entities: ENTITIES.to_owned(),
        facts: FactSources::AVAILABLE,
        claims: claims(),
        exceptions: exceptions(texts, lifted),
        ..Universe::with_policies("@id(\"p\") permit (principal, action, resource);")
    };
    for (index, text) in texts.iter().enumerate() {
        let before = universe.clone();
        universe.policies.push_str(&format!("\n@id(\"p{index}\") {}", text.body));
        if text.template {
            for (link, group) in [("x", "g1"), ("y", "h0")] {
                universe.links.push(TemplateLink {
                    id: format!("p{index}-{link}"),
                    template: format!("p{index}"),
                    principal: Some(format!("Group::\"{group}\"")),
                    resource: None,
                    file: Arc::from("policies/links.yaml"),
                    span: None,
                    line: 1,
                });
            }
        }
        // Some scopes and conditions can never go together; those are no part of any bundle.
        if !is_possible(text) {
            universe = before;
        }
    }
    if !texts.iter().any(|text| text.body.contains("permit (principal, action, resource)")) {
        universe.policies =
            universe.policies.replacen("permit (principal,", "permit (principal is User,", 1);
    }
    universe.snapshot()
}

/// Whether strict validation accepts this policy alone.
fn is_possible(text: &Text) -> bool {
    use std::collections::HashMap;
    use std::sync::{LazyLock, Mutex};
    static KNOWN: LazyLock<Mutex<HashMap<String, bool>>> = LazyLock::new(Mutex::default);
    if let Some(known) = KNOWN.lock().expect("no panic under the lock").get(&text.body) {
        return *known;
    }
    let alone = Universe {
        schema: SCHEMA.to_owned(),
        entities: ENTITIES.to_owned(),
        facts: FactSources::AVAILABLE,
        claims: claims(),
        ..Universe::with_policies(format!("@id(\"a\") {}", text.body))
    };
    let possible = alone.build().is_ok();
    KNOWN.lock().expect("no panic under the lock").insert(text.body.clone(), possible);
    possible
}

/// Around the instants at which the conditions above change, and in between.
fn instant() -> impl Strategy<Value = EpochMillis> {
    let around = [
        "2026-06-01T00:00:00Z",
        "2026-06-01T08:00:00Z",
        "2026-06-01T18:00:00Z",
        "2027-01-01T00:00:00Z",
    ];
    let around = around.map(|text| EpochMillis::parse_rfc3339(text).expect("an instant"));
    let offset = prop::sample::select(vec![-3_600_000, -1, 0, 1, 3_600_000_i64]);
    let around = prop::sample::select(around.to_vec());
    let near =
        (around, offset).prop_map(|(instant, by)| EpochMillis::new(instant.as_millis() + by));
    prop_oneof![1 => Just(NOW), 1 => near]
}

fn source_address() -> impl Strategy<Value = Option<IpAddr>> {
    let addresses = [None, Some("10.1.2.3"), Some("192.0.2.1")];
    let addresses = addresses.map(|text| text.map(|text| text.parse().expect("an address")));
    prop::sample::select(addresses.to_vec())
}

/// What users' credentials say of departments and groups.
fn claims() -> ClaimMappings {
    let claim =
        |claim: &str, ty| AttributeMapping { claim: ClaimPath::new(claim).expect("a claim"), ty };
    let attributes = [
        ("dept".to_owned(), claim("department", ClaimType::String)),
        ("seniority".to_owned(), claim("/org/level", ClaimType::Long)),
    ];
    let user = KindMapping {
        attributes: attributes.into_iter().collect(),
        groups: ClaimPath::new("groups"),
    };
    ClaimMappings([(ActorKind::User, user)].into_iter().collect())
}

/// Claims of one user.
fn claimed() -> impl Strategy<Value = serde_json::Value> {
    prop::sample::select(vec![
        serde_json::json!({}),
        serde_json::json!({ "department": "ops" }),
        serde_json::json!({ "department": "sales", "org": { "level": 5 } }),
        serde_json::json!({ "groups": "staff", "org": { "level": 2 } }),
        serde_json::json!({ "groups": ["ops", "staff"], "department": null }),
    ])
}

/// How the chain was proven; mostly not at all.
fn identity() -> impl Strategy<Value = Option<(Proof, Vec<serde_json::Value>)>> {
    let proof = prop::sample::select(Proof::ALL.to_vec());
    let known = (proof, proptest::collection::vec(claimed(), 3));
    prop_oneof![2 => Just(None), 3 => known.prop_map(Some)]
}

fn verified(chain: &ActorChain, (proof, claims): (Proof, Vec<serde_json::Value>)) -> VerifiedChain {
    let mut identity = VerifiedChain::asserted(chain.clone());
    for (link, claims) in identity.links.iter_mut().zip(claims) {
        link.proof = proof;
        link.claims = Arc::new(claims.as_object().expect("claims").clone());
    }
    identity
}

fn authentication() -> impl Strategy<Value = Option<Arc<Authentication>>> {
    let acr = prop::sample::select(vec![None, Some("phr"), Some("pwd")]);
    let time = prop_oneof![1 => Just(None), 3 => instant().prop_map(Some)];
    let known = (acr, time).prop_map(|(acr, time)| {
        let (acr, amr) = (acr.map(str::to_owned), vec!["hwk".to_owned()]);
        Some(Arc::new(Authentication { acr, amr, time }))
    });
    prop_oneof![1 => Just(None), 1 => known]
}

fn attestation() -> impl Strategy<Value = Option<Arc<Attestation>>> {
    let tier = prop::sample::select(TrustTier::ALL.to_vec());
    let reference = prop::sample::select(vec!["agent-1", "agent-2"]);
    let vector = prop::sample::select(vec![Vec::new(), vec![("executables".to_owned(), 2_i8)]]);
    let known = (tier, reference, vector, instant()).prop_map(|(tier, reference, vector, at)| {
        Some(Arc::new(Attestation {
            verifier: "v".to_owned(),
            subject: "host".to_owned(),
            tier,
            vector,
            issued_at: at,
            expires_at: EpochMillis::new(at.as_millis() + 36_000_000),
            measurements: Vec::new(),
            references: vec![reference.to_owned()],
            debug: false,
            nonce_fresh: true,
        }))
    });
    prop_oneof![1 => Just(None), 1 => known]
}

/// A chain, tool and arguments, with the facts they are decided on.
#[derive(Clone, Debug)]
struct Asked {
    call: ToolCall,
    facts: Facts,
}

fn request() -> impl Strategy<Value = Asked> {
    let user = |name| actor(ActorKind::User, name);
    let bot = actor(ActorKind::Agent, "bot");
    let chains = vec![
        vec![user("ann")],
        vec![user("bob")],
        vec![user("stranger")],
        vec![bot.clone()],
        vec![actor(ActorKind::Service, "job"), bot.clone()],
        vec![user("ann"), bot.clone()],
        vec![user("bob"), bot, user("ann")],
    ];
    let calls = vec![
        ("docs.read", r#"{"id":"a"}"#),
        ("docs.read", r#"{"id":"./b"}"#),
        ("docs.note", r#"{"n":9,"more":[1]}"#),
        ("docs.note", "{}"),
        ("pay.send", r#"{"n":3,"amount":11.5}"#),
        ("pay.send", r#"{"n":30,"to":"x@evil.example"}"#),
        ("pay.send", r#"{"n":1,"amount":2,"opts":{"mode":"dry"}}"#),
        ("pay.send", r#"{"n":7,"opts":{}}"#),
    ];
    let age = Duration::from_secs(1);
    let cures = vec![
        Cure::Approval { approvers: "g".to_owned(), people: 1, age },
        Cure::Approval { approvers: "h".to_owned(), people: 2, age },
        Cure::Confirmation { age },
        Cure::StepUp { acr: Some("phr".to_owned()), age },
    ];
    let calls = prop::sample::select(calls);
    // Most calls have no cures: those are the ones that are remembered whole.
    let cures =
        prop_oneof![2 => Just(Vec::new()), 1 => proptest::sample::subsequence(cures, 0..=4)];
    let proven = (identity(), authentication(), attestation());
    (prop::sample::select(chains), calls, cures, instant(), source_address(), proven).prop_map(
        |(chain, (tool, arguments), cures, now, source_address, proven)| {
            let (identity, authentication, attestation) = proven;
            let environment = Environment { source_address, ..Environment::default() };
            let call = call(chain, tool, arguments);
            let identity = identity.map(|known| Arc::new(verified(&call.chain, known)));
            let call = ToolCall { environment, identity, ..call };
            Asked { call, facts: Facts { now, cures, authentication, attestation } }
        },
    )
}

#[test]
fn the_index_the_projection_and_the_caches_change_nothing() {
    let sets: u32 = std::env::var("ENGINE_TEST_SETS").map_or(260, |n| n.parse().expect("a number"));
    let seed =
        std::env::var("ENGINE_TEST_SEED").map_or(20_261_122, |n| n.parse().expect("a number"));
    println!("ENGINE_TEST_SETS={sets} ENGINE_TEST_SEED={seed}");
    let config = Config { rng_seed: RngSeed::Fixed(seed), ..Config::default() };
    let mut runner = TestRunner::new(config);
    let mut outcomes = [0_u32; 3];
    let mut failures = 0;
    let mut exceptions = 0;
    let (mut hits, mut clock) = (0, 0);
    for _ in 0..sets {
        let draw = |runner: &mut TestRunner| {
            let size = (5..50_usize).new_tree(runner).expect("draws").current();
            let texts = proptest::collection::vec(text(), size).new_tree(runner);
            let calls = proptest::collection::vec(request(), 400).new_tree(runner);
            let (texts, calls) = (texts.expect("draws").current(), calls.expect("draws").current());
            let lifted = proptest::collection::vec(lifted(), 0..40).new_tree(runner);
            (texts, calls, lifted.expect("draws").current())
        };
        let (texts, calls, lifted) = draw(&mut runner);
        let snapshot = snapshot(&texts, &lifted);
        for Asked { call, facts } in calls {
            // Compares all ways; see `decide`.
            let verdict = decide(&snapshot, &call, &facts);
            outcomes[verdict.outcome as usize] += 1;
            exceptions += u32::from(!verdict.exceptions.is_empty());
            failures +=
                u32::from(verdict.reason.code == palisade_core::ReasonCode::EvaluationError);
        }
        let stats = snapshot.cache_stats().expect("caches");
        hits += stats.verdicts.hits;
        clock += stats.uncacheable_clock;
    }
    // If one of these never came up, the universe would not test what it is there for.
    for outcome in [Outcome::Allow, Outcome::Challenge, Outcome::Deny] {
        assert!(outcomes[outcome as usize] > sets, "{outcomes:?}");
    }
    assert!(failures > sets, "{failures}");
    assert!(exceptions > sets, "{exceptions}");
    assert!(hits > u64::from(sets) && clock > u64::from(sets), "{hits}, {clock}");
    println!(
        "{outcomes:?}, {failures} failed to evaluate, {exceptions} with exceptions, {hits} found in memory, {clock} not kept \
         because of the time"
    );
}
