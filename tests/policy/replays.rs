//! A recorded call is decided again, or it is said what the record lacks.

use palisade_core::{
    ActorChain, ActorKind, EpochMillis, Facts, Outcome, Proof, ReasonCode, Sha256Digest, ToolCall,
};
use palisade_engine::{
    PolicySnapshot, RecordedActor, RecordedArguments, RecordedCall, RecordedResource,
    RecordedValue, Replayed,
};
use proptest::prelude::*;

use crate::properties::{policy, request, universe};
use crate::universe::{NOW, Universe, actor, call, decide, exception};

const PERMIT: &str = "@id(\"all\") permit (principal, action, resource);\n";

fn known<T>(value: T) -> RecordedValue<T> {
    RecordedValue::Known(value)
}

fn links(chain: &ActorChain) -> Vec<RecordedActor> {
    let link = |actor: &palisade_core::Actor| RecordedActor {
        kind: actor.kind,
        issuer: known(actor.issuer.clone()),
        subject: known(actor.subject.clone()),
        proof: Proof::Asserted,
    };
    chain.links().iter().map(link).collect()
}

/// The record of a call with everything in it.
fn recorded(call: &ToolCall, now: EpochMillis, reason: ReasonCode) -> RecordedCall {
    RecordedCall {
        chain: links(&call.chain),
        tool: known(call.tool.clone()),
        tool_digest: call.tool_digest,
        named_resource: call.resource.as_ref().map(|named| RecordedResource {
            entity_type: known(named.entity_type.clone()),
            id: known(named.id.clone()),
        }),
        source_address: known(call.environment.source_address),
        time: now,
        authentication: None,
        attestation: None,
        arguments: RecordedArguments::Recorded {
            text: call.arguments.clone(),
            redacted: Vec::new(),
        },
        reason: Some(reason),
    }
}

fn send(arguments: &str) -> RecordedCall {
    let call = call(vec![actor(ActorKind::User, "ann")], "pay.send", arguments);
    recorded(&call, NOW, ReasonCode::Permitted)
}

fn masked(arguments: &str, redacted: &[&str]) -> RecordedCall {
    let redacted = redacted.iter().map(|pointer| (*pointer).to_owned()).collect();
    let text = arguments.as_bytes().to_vec();
    RecordedCall { arguments: RecordedArguments::Recorded { text, redacted }, ..send("{}") }
}

fn unrecorded() -> RecordedCall {
    RecordedCall { arguments: RecordedArguments::NotRecorded, ..send("{}") }
}

fn snapshot(policies: &str) -> PolicySnapshot {
    Universe::with_policies(format!("{PERMIT}{policies}")).snapshot()
}

/// The outcome, or the field that is missing.
fn replay(snapshot: &PolicySnapshot, recorded: &RecordedCall) -> Result<ReasonCode, String> {
    match snapshot.replay(recorded) {
        Replayed::Decided(verdict) => Ok(verdict.reason.code),
        Replayed::NotReplayable { field } => Err(field),
    }
}

fn missing(field: &str) -> Result<ReasonCode, String> {
    Err(field.to_owned())
}

#[test]
fn a_redacted_actor_or_tool_cannot_be_replayed() {
    let snapshot = snapshot("");
    let chain = call(vec![actor(ActorKind::User, "ann"), actor(ActorKind::Agent, "bot")], "", "");
    let mut call = RecordedCall { chain: links(&chain.chain), ..send(r#"{"n":1}"#) };
    assert_eq!(replay(&snapshot, &call), Ok(ReasonCode::Permitted));
    call.chain[1].subject = RecordedValue::Redacted;
    assert_eq!(replay(&snapshot, &call), missing("chain[1].subject"));
    call.chain[0].issuer = RecordedValue::Redacted;
    assert_eq!(replay(&snapshot, &call), missing("chain[0].issuer"));
    let nobody = RecordedCall { chain: Vec::new(), ..send(r#"{"n":1}"#) };
    assert_eq!(replay(&snapshot, &nobody), missing("chain"));
    let tool = RecordedCall { tool: RecordedValue::Redacted, ..send(r#"{"n":1}"#) };
    assert_eq!(replay(&snapshot, &tool), missing("tool"));
}

#[test]
fn a_call_is_refused_for_what_comes_first_whatever_comes_later() {
    let snapshot = snapshot("");
    let with = |change: fn(&mut RecordedCall)| {
        let mut call = RecordedCall { reason: None, ..unrecorded() };
        change(&mut call);
        replay(&snapshot, &call)
    };
    assert_eq!(with(|_| ()), missing("arguments"));
    assert_eq!(with(|c| c.tool = known("pay.nope".to_owned())), Ok(ReasonCode::UnknownTool));
    assert_eq!(with(|c| c.tool_digest = Some(Sha256Digest::of(b"x"))), Ok(ReasonCode::ToolChanged));
    assert_eq!(with(|c| c.chain[0].kind = ActorKind::Agent), Ok(ReasonCode::AgentNotAutonomous));
    let elsewhere = palisade_core::IssuerName::new("elsewhere").expect("an issuer");
    let stranger = RecordedActor { issuer: known(elsewhere), ..unrecorded().chain[0].clone() };
    let call = RecordedCall { chain: vec![stranger], ..unrecorded() };
    assert_eq!(replay(&snapshot, &call), Ok(ReasonCode::UnknownIssuer));
}

#[test]
fn without_arguments_only_what_cannot_hang_on_them_is_decided() {
    let on = |policies: &str| replay(&snapshot(policies), &unrecorded());
    assert_eq!(on(""), Ok(ReasonCode::Permitted));
    let reads = "@id(\"f\") @reason(\"r\") forbid (principal, action == Action::\"pay.send\", \
                 resource) when { context.args.n > 5 };";
    assert_eq!(on(reads), missing("arguments"));
    // It is forbidden for all arguments, but by whom hangs on them.
    let always = "@id(\"g\") @reason(\"g\") forbid (principal, action, resource);";
    assert_eq!(on(always), Ok(ReasonCode::PolicyForbid));
    assert_eq!(on(&format!("{reads}{always}")), missing("arguments"));
    let fails = "@id(\"f\") @reason(\"r\") forbid (principal, action == Action::\"pay.send\", \
                 resource) when { context.args.n + 9223372036854775807 > 0 };";
    assert_eq!(on(&format!("{fails}{always}")), missing("arguments"));
    // Another tool's policies do not matter.
    let other =
        reads.replace("pay.send", "docs.note").replace("context.args.n", "context.tool.tier");
    assert_eq!(on(&other), Ok(ReasonCode::Permitted));
}

#[test]
fn without_arguments_what_does_not_show_may_hang_on_them() {
    let read = RecordedCall { tool: known("docs.read".to_owned()), ..unrecorded() };
    let on = |policies: &str| replay(&snapshot(policies), &read);
    let one = "@id(\"a\") @reason(\"a\") forbid (principal, action, resource == Document::\"a\");";
    let all = "@id(\"g\") @reason(\"g\") forbid (principal, action, resource);";
    let asks = |scope: &str| {
        format!(
            "@id(\"c\") @reason(\"c\") @require(\"confirmation\") \
             forbid (principal, action, {scope}) unless {{ context.confirmation.granted }};"
        )
    };
    assert_eq!(on(one), missing("arguments"));
    // It is forbidden, but by how many policies hangs on the document.
    assert_eq!(on(&format!("{one}{all}")), missing("arguments"));
    // What asks for something does not show beside what asks for nothing.
    assert_eq!(
        on(&format!("{}{all}", asks("resource == Document::\"a\""))),
        Ok(ReasonCode::PolicyForbid)
    );
    assert_eq!(on(&asks("resource == Document::\"a\"")), missing("arguments"));
    assert_eq!(on(&asks("resource")), Ok(ReasonCode::RequirementsUnmet));
    assert_eq!(on(&format!("{one}{}", asks("resource"))), missing("arguments"));
}

#[test]
fn without_arguments_only_answers_that_show_they_fitted_are_decided() {
    let snapshot = snapshot("");
    for code in ReasonCode::ALL.iter().copied() {
        let replayed = replay(&snapshot, &RecordedCall { reason: Some(code), ..unrecorded() });
        let fitted = [
            ReasonCode::EvaluationError,
            ReasonCode::NoPermit,
            ReasonCode::Permitted,
            ReasonCode::PolicyForbid,
            ReasonCode::RequirementsUnmet,
            ReasonCode::ResourceMismatch,
        ];
        let expected = match fitted.contains(&code) {
            true => Ok(ReasonCode::Permitted),
            false => missing("arguments"),
        };
        assert_eq!(replayed, expected, "{code}");
    }
    let unknown = RecordedCall { reason: None, ..unrecorded() };
    assert_eq!(replay(&snapshot, &unknown), missing("arguments"));
}

#[test]
fn an_exception_counts_at_the_time_of_the_record() {
    let until = EpochMillis::new(NOW.as_millis() + 1000);
    let policies =
        format!("{PERMIT}@id(\"f\") @reason(\"r\") forbid (principal, action, resource);");
    let universe = Universe {
        exceptions: vec![exception("f", "user:t:ann", "pay.send", until)],
        ..Universe::with_policies(policies)
    };
    let snapshot = universe.snapshot();
    for arguments in [unrecorded().arguments, send(r#"{"n":1}"#).arguments] {
        let at = |time| {
            snapshot.replay(&RecordedCall { time, arguments: arguments.clone(), ..send("") })
        };
        let Replayed::Decided(before) = at(NOW) else { panic!("it is decided") };
        assert_eq!((before.outcome, before.exceptions.len()), (Outcome::Allow, 1));
        let Replayed::Decided(after) = at(until) else { panic!("it is decided") };
        assert_eq!((after.outcome, after.exceptions.len()), (Outcome::Deny, 0));
    }
    // Whether an exception is used shows, so that has to be known, too.
    let open = universe.policies.replace("resource);\n@", "resource);@").replacen(
        "forbid (principal, action, resource)",
        "forbid (principal, action == Action::\"pay.send\", resource) when { context.args.n > 5 }",
        1,
    );
    let open = Universe { policies: open, ..universe }.snapshot();
    assert_eq!(replay(&open, &unrecorded()), missing("arguments"));
}

#[test]
fn a_redacted_address_matters_where_somebody_reads_it() {
    let inside = "@id(\"in\") @reason(\"r\") forbid (principal == User::\"t:ann\", action, resource) \
                  unless { context has sourceIp && context.sourceIp.isInRange(ip(\"10.0.0.0/8\")) };";
    for (arguments, tool) in [
        (send(r#"{"n":1}"#).arguments, "pay.send"),
        (unrecorded().arguments, "pay.send"),
        (unrecorded().arguments, "docs.read"),
    ] {
        let call = RecordedCall {
            source_address: RecordedValue::Redacted,
            tool: known(tool.to_owned()),
            arguments,
            ..send("")
        };
        assert_eq!(replay(&snapshot(inside), &call), missing("source_address"), "{tool}");
        let other = inside.replace("t:ann", "t:bob");
        assert_eq!(replay(&snapshot(&other), &call), Ok(ReasonCode::Permitted), "{tool}");
    }
    let outside = RecordedCall { source_address: known(None), ..send(r#"{"n":1}"#) };
    assert_eq!(replay(&snapshot(inside), &outside), Ok(ReasonCode::PolicyForbid));
}

#[test]
fn a_named_resource_is_compared_as_far_as_it_is_known() {
    let snapshot = snapshot("");
    let named = |entity_type: RecordedValue<&str>, id: RecordedValue<&str>| {
        let own = |value| match value {
            RecordedValue::Known(text) => known(String::from(text)),
            RecordedValue::Redacted => RecordedValue::Redacted,
        };
        Some(RecordedResource { entity_type: own(entity_type), id: own(id) })
    };
    let hidden = RecordedValue::Redacted;
    for (resource, expected) in [
        (named(known("Tool"), known("pay.send")), Ok(ReasonCode::Permitted)),
        (named(known("Tool"), known("pay.take")), Ok(ReasonCode::ResourceMismatch)),
        (named(known("Tool"), hidden.clone()), missing("named_resource.id")),
        (named(hidden.clone(), known("pay.send")), missing("named_resource.type")),
        (named(known("Document"), hidden.clone()), Ok(ReasonCode::ResourceMismatch)),
        (named(hidden, known("pay.take")), Ok(ReasonCode::ResourceMismatch)),
    ] {
        for call in [send(r#"{"n":1}"#), unrecorded()] {
            let call = RecordedCall { named_resource: resource.clone(), ..call };
            assert_eq!(replay(&snapshot, &call), expected, "{resource:?}");
        }
    }
    // Which document it was stands in the arguments.
    let call = RecordedCall {
        tool: known("docs.read".to_owned()),
        named_resource: named(known("Document"), known("a")),
        ..unrecorded()
    };
    assert_eq!(replay(&snapshot, &call), missing("arguments"));
}

#[test]
fn a_redacted_argument_that_nobody_reads_does_not_matter() {
    let text =
        r#"{"n":9,"to":"[redacted:email]","opts":{"mode":"[redacted:x]"},"more":"[redacted:y]"}"#;
    let call = masked(text, &["/to", "/opts/mode", "/more"]);
    let reads_n = "@id(\"f\") @reason(\"r\") forbid (principal, action == Action::\"pay.send\", \
                   resource) when { context.args.n > 5 };";
    assert_eq!(replay(&snapshot(""), &call), Ok(ReasonCode::Permitted));
    assert_eq!(replay(&snapshot(reads_n), &call), Ok(ReasonCode::PolicyForbid));
}

#[test]
fn a_redacted_argument_that_somebody_reads_is_named() {
    let text = r#"{"n":9,"to":"[redacted:email]","opts":{"mode":"[redacted:x]"}}"#;
    let call = masked(text, &["/opts/mode", "/to"]);
    let on = |condition: &str, principal: &str| {
        let policy = format!(
            "@id(\"f\") @reason(\"r\") forbid (principal {principal}, action == \
             Action::\"pay.send\", resource) when {{ {condition} }};"
        );
        replay(&snapshot(&policy), &call)
    };
    let to = "context.args has to && context.args.to like \"*@evil.example\"";
    assert_eq!(on(to, ""), missing("arguments.to"));
    // No candidate reads it.
    assert_eq!(on(to, "== User::\"t:bob\""), Ok(ReasonCode::Permitted));
    let mode = "context.args has opts.mode && context.args.opts.mode == \"dry\"";
    assert_eq!(on(mode, ""), missing("arguments.opts.mode"));
    // A mask may stand for `null`, which is absent; that there are options is known.
    assert_eq!(on("context.args has to", ""), missing("arguments.to"));
    assert_eq!(on("context.args has opts", ""), Ok(ReasonCode::PolicyForbid));
    assert_eq!(
        on("context.args has opts && context.args.opts == context.args.opts", ""),
        missing("arguments.opts.mode")
    );
    assert_eq!(on("context.argsInfo.unknown", ""), Ok(ReasonCode::Permitted));
}

const SHAPES: &str = r"
format: 1
segments: [s]
services: { a: { segment: s } }
tools:
  a.b:
    tier: 1
    effect: read
    arguments:
      type: object
      properties:
        any: {}
        text: { type: string, description: what it says }
        short: { type: string, maxLength: 80 }
        kind: { enum: [x, '[redacted:x]'] }
        number: { type: integer }
        either: { type: [string, number] }
        items: { type: array, minItems: 1, items: { type: object, properties: { card: { type: string } } } }
        both: { allOf: [{ type: object }] }
  a.doc:
    tier: 1
    effect: read
    arguments: { type: object, properties: { id: { type: string } }, required: [id] }
    resource: { type: Document, argument: id, normalize: exact }
";

#[test]
fn a_redacted_argument_that_could_have_failed_to_fit_is_named() {
    let universe = Universe {
        catalog: SHAPES.to_owned(),
        schema: "entity Document;".to_owned(),
        ..Universe::with_policies(PERMIT)
    };
    let snapshot = universe.snapshot();
    let ask = |tool: &str, reason, text: &str, redacted: &[&str]| {
        let call = masked(text, redacted);
        replay(&snapshot, &RecordedCall { tool: known(tool.to_owned()), reason, ..call })
    };
    let mask = "\"[redacted:x]\"";
    let fitted = Some(ReasonCode::Permitted);
    for (text, pointer, expected) in [
        (format!("{{\"any\":{mask}}}"), "/any", Ok(ReasonCode::Permitted)),
        (format!("{{\"any\":{{\"a\":{mask}}}}}"), "/any/a", Ok(ReasonCode::Permitted)),
        (format!("{{\"text\":{mask}}}"), "/text", Ok(ReasonCode::Permitted)),
        (format!("{{\"more\":{mask}}}"), "/more", Ok(ReasonCode::Permitted)),
        (
            format!("{{\"items\":[{{}},{{\"card\":{mask}}}]}}"),
            "/items/1/card",
            Ok(ReasonCode::Permitted),
        ),
        (format!("{{\"items\":{mask}}}"), "/items", missing("arguments.items")),
        (format!("{{\"short\":{mask}}}"), "/short", missing("arguments.short")),
        (format!("{{\"kind\":{mask}}}"), "/kind", missing("arguments.kind")),
        (format!("{{\"number\":{mask}}}"), "/number", missing("arguments.number")),
        (format!("{{\"either\":{mask}}}"), "/either", missing("arguments.either")),
        (format!("{{\"both\":{{\"a\":{mask}}}}}"), "/both/a", missing("arguments.both.a")),
        (format!("{{\"a b\":{mask}}}"), "/a b", Ok(ReasonCode::Permitted)),
        // Where it stood is not known, or not there.
        (format!("{{{mask}:1}}"), "/[redacted:x]", missing("arguments[\"[redacted:x]\"]")),
        ("{}".to_owned(), "/gone", missing("arguments.gone")),
        ("{}".to_owned(), "", missing("arguments")),
        (String::new(), "", missing("arguments")),
        ("{".to_owned(), "/a", missing("arguments")),
    ] {
        assert_eq!(ask("a.b", fitted, &text, &[pointer]), expected, "{text}");
    }
    // Of what was never checked, even the type is open.
    let text = format!("{{\"text\":{mask}}}");
    assert_eq!(
        ask("a.b", Some(ReasonCode::UnknownTool), &text, &["/text"]),
        missing("arguments.text")
    );
    let text = format!("{{\"any\":{mask}}}");
    assert_eq!(
        ask("a.b", Some(ReasonCode::InvalidArguments), &text, &["/any"]),
        Ok(ReasonCode::Permitted)
    );
    // The rest does not fit, but who knows what it was with what is masked.
    let text = format!("{{\"any\":{mask},\"number\":\"x\"}}");
    assert_eq!(ask("a.b", fitted, &text, &["/any"]), missing("arguments.any"));
    assert_eq!(ask("a.b", fitted, "{\"number\":\"x\"}", &[]), Ok(ReasonCode::InvalidArguments));
    // Which document it was.
    let text = format!("{{\"id\":{mask}}}");
    assert_eq!(ask("a.doc", fitted, &text, &["/id"]), missing("arguments.id"));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, max_global_rejects: 100_000, ..ProptestConfig::default() })]

    /// With everything on record the replay is the answer. Without arguments it is, too, if it is
    /// decided at all.
    #[test]
    fn a_replay_under_the_same_snapshot_is_the_answer(
        policies in proptest::collection::vec(policy(), 1..6),
        calls in proptest::collection::vec(request(), 12),
    ) {
        let Some(snapshot) = universe(&policies) else {
            return Err(TestCaseError::reject("strict validation refuses a policy"));
        };
        for call in calls {
            let verdict = decide(&snapshot, &call, &Facts::at(NOW));
            let record = recorded(&call, NOW, verdict.reason.code);
            prop_assert_eq!(snapshot.replay(&record), Replayed::Decided(verdict.clone()));
            let bare = RecordedCall { arguments: RecordedArguments::NotRecorded, ..record };
            if let Replayed::Decided(replayed) = snapshot.replay(&bare) {
                if replayed.reason.code == ReasonCode::EvaluationError {
                    // What an error says may be about arguments.
                    prop_assert_eq!(replayed.determining, verdict.determining);
                } else {
                    prop_assert_eq!(replayed, verdict);
                }
            }
        }
    }
}
