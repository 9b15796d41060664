//! The argument converter: bytes from an agent, to what policies see of them.

mod keys;
mod policy_model;

use std::fmt::Write as _;
use std::sync::{LazyLock, Mutex, PoisonError};

use palisade_core::limits::ARGUMENTS_BYTES_MAX;
use palisade_core::{
    ActorChain, Arguments, Environment, Facts, Outcome, Reason, ReasonCode, RequestOptions,
    Sha256Digest, ToolCall, Verdict,
};
use palisade_engine::{Explanation, PolicySnapshot, Refusal, ResolvedCall};
use serde::Deserialize as _;
use serde_json::Value;

use self::keys::Keys;
use super::decision_point::DecisionPoint;
use crate::{NOON, authorize_request};

/// The tools of the bundle `shapes`.
const TOOLS: [&str; 4] = ["shapes.closed", "shapes.document", "shapes.every", "shapes.free"];

/// What came of one text, so that tests can hold that everything comes up.
#[derive(Clone, Copy, Debug, Default)]
pub struct Met {
    /// Verdicts by outcome: allow, challenge, deny by a policy or for lack of one.
    pub decided: [usize; 3],
    /// Denied because a policy failed.
    pub failed: usize,
    /// Refused before any policy was looked at, although it is proper JSON.
    pub unfit: usize,
    /// Not read as arguments.
    pub unreadable: usize,
}

/// Asserts what holds for any text as the arguments of any tool.
///
/// # Panics
/// It does not hold.
pub fn check(text: &[u8]) -> Met {
    static SHAPES: LazyLock<Mutex<DecisionPoint>> =
        LazyLock::new(|| Mutex::new(DecisionPoint::over("shapes")));
    // An assertion that failed before says nothing about the services.
    let shapes = SHAPES.lock().unwrap_or_else(PoisonError::into_inner);
    drop(shapes.take_records());
    let read = Arguments::parse(text);
    let turned = match &read {
        Ok(arguments) => {
            check_reading(text, arguments);
            Some(turned(arguments.as_value())).filter(|text| text.len() <= ARGUMENTS_BYTES_MAX)
        }
        Err(_) => None,
    };
    let mut met = Met::default();
    for tool in TOOLS {
        let (verdict, decided) = decide(&shapes.snapshot, tool, text);
        let shown = text.escape_ascii();
        if let Some(turned) = &turned {
            let (other, _) = decide(&shapes.snapshot, tool, turned.as_bytes());
            assert_eq!(
                without_sentence(other),
                without_sentence(verdict.clone()),
                "{tool} {shown}"
            );
        }
        check_answer(&shapes, tool, text, &verdict);
        match (decided, verdict.reason.code) {
            (true, ReasonCode::EvaluationError) => met.failed += 1,
            (true, _) => met.decided[verdict.outcome as usize] += 1,
            (false, _) => {
                assert_eq!(verdict.outcome, Outcome::Deny, "{tool} {shown}");
                met.unfit += usize::from(read.is_ok());
            }
        }
        assert!(!decided || read.is_ok(), "{tool} was decided on arguments not read: {shown}");
    }
    met.unreadable += usize::from(read.is_err());
    met
}

/// What was read is read again as the same, however it is written, and other parsers agree.
fn check_reading(text: &[u8], arguments: &Arguments) {
    let shown = text.escape_ascii();
    let written = serde_json::to_vec(arguments.as_value()).expect("a value can be written");
    for again in [written, turned(arguments.as_value()).into_bytes()] {
        // Numbers and characters may have more bytes than they came in.
        if again.len() > ARGUMENTS_BYTES_MAX {
            continue;
        }
        let read = Arguments::parse(&again);
        let read = read.unwrap_or_else(|error| panic!("{shown} as {again:?}: {error}"));
        assert_eq!(&read, arguments, "{shown}");
        assert_eq!(digest(&read), digest(arguments), "{shown}");
    }
    if !text.is_empty() {
        let theirs: Value = serde_json::from_slice(text)
            .unwrap_or_else(|error| panic!("only we read {shown}: {error}"));
        assert!(is_same(arguments.as_value(), &theirs), "{shown}: {arguments:?}, {theirs:?}");
        let Keys(sent) = serde_json::from_slice(text).expect("it was read before");
        let Keys(kept) = Keys::deserialize(arguments.as_value()).expect("a value has keys");
        assert_eq!(kept, sent, "a key stands twice in {shown}");
    }
}

fn digest(arguments: &Arguments) -> Sha256Digest {
    arguments.digest().expect("arguments have a canonical form")
}

/// Whether two parsers read the same. `serde_json` may miss a double by its last bit.
fn is_same(ours: &Value, theirs: &Value) -> bool {
    match (ours, theirs) {
        (Value::Number(ours), Value::Number(theirs)) => {
            let (Some(ours), Some(theirs)) = (ours.as_f64(), theirs.as_f64()) else { return false };
            (ours - theirs).abs() <= ours.abs() * 2.0 * f64::EPSILON
        }
        (Value::Array(ours), Value::Array(theirs)) => {
            ours.len() == theirs.len()
                && ours.iter().zip(theirs).all(|(ours, theirs)| is_same(ours, theirs))
        }
        (Value::Object(ours), Value::Object(theirs)) => {
            ours.len() == theirs.len()
                && ours.iter().all(|(name, ours)| {
                    theirs.get(name).is_some_and(|theirs| is_same(ours, theirs))
                })
        }
        _ => ours == theirs,
    }
}

/// The same JSON, written as nobody would: keys in reverse, every character of a string escaped,
/// white space wherever it may stand.
fn turned(value: &Value) -> String {
    let mut text = String::new();
    turn(value, &mut text);
    text
}

fn turn(value: &Value, into: &mut String) {
    match value {
        Value::Array(items) => {
            into.push_str("[\n");
            for (index, item) in items.iter().enumerate() {
                into.push_str(if index == 0 { " " } else { "\t, " });
                turn(item, into);
            }
            into.push_str("\r]");
        }
        Value::Object(fields) => {
            into.push_str(" {");
            // Sorted here, so that the order is another one however the map keeps its own.
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_by(|(one, _), (other, _)| other.cmp(one));
            for (index, (name, value)) in fields.into_iter().enumerate() {
                into.push_str(if index == 0 { "\n" } else { " ,\n" });
                escape(name, into);
                into.push_str(" :\t");
                turn(value, into);
            }
            into.push_str("} ");
        }
        Value::String(text) => escape(text, into),
        Value::Null | Value::Bool(_) | Value::Number(_) => write!(into, "{value}").expect("text"),
    }
}

fn escape(text: &str, into: &mut String) {
    into.push('"');
    for unit in text.encode_utf16() {
        write!(into, "\\u{unit:04x}").expect("text");
    }
    into.push('"');
}

/// The verdict of the engine, and whether policies were asked for it.
fn decide(snapshot: &PolicySnapshot, tool: &str, text: &[u8]) -> (Verdict, bool) {
    match resolve(snapshot, &call(tool, text)) {
        Ok(resolved) => {
            let facts = Facts::at(NOON);
            let verdict = snapshot.decide_afresh(&resolved, &facts).verdict;
            for memory in ["cold", "warm"] {
                let remembered = snapshot.decide(&resolved, &facts).verdict;
                assert_eq!(remembered, verdict, "{memory} {tool} {}", text.escape_ascii());
            }
            let stock = snapshot.decide_by_stock_cedar(&resolved, &facts);
            assert_eq!(verdict, stock, "{tool} {}", text.escape_ascii());
            check_sight(tool, text, &snapshot.explain(&resolved, &facts));
            (verdict, true)
        }
        Err(Refusal { reason }) => {
            let content = [ReasonCode::ArgsNotRepresentable, ReasonCode::InvalidArguments];
            assert!(content.contains(&reason.code), "{reason:?}: {}", text.escape_ascii());
            (Verdict::deny(reason), false)
        }
    }
}

/// What policies saw is what was sent.
fn check_sight(tool: &str, text: &[u8], explanation: &Explanation) {
    let shown = text.escape_ascii();
    let arguments = Arguments::parse(text);
    let arguments = arguments.unwrap_or_else(|error| panic!("{tool} {shown} is decided: {error}"));
    if tool == "shapes.every" {
        assert!(policy_model::decimals_are_exact(&arguments), "{shown}");
    }
    for policy in explanation.links.iter().flat_map(|link| &link.policies) {
        if let Some(expected) = policy_model::result(policy.policy.as_str(), tool, &arguments) {
            assert_eq!(policy.result, expected, "{} on {tool} {shown}", policy.policy);
        }
    }
}

/// The one place that knows how the engine takes a call.
fn resolve(snapshot: &PolicySnapshot, call: &ToolCall) -> Result<ResolvedCall, Refusal> {
    snapshot.resolve(call).call
}

fn call(tool: &str, text: &[u8]) -> ToolCall {
    let chain = ["user:corp:alice", "agent:corp:bot"].map(|actor| actor.parse().expect("an actor"));
    ToolCall {
        chain: ActorChain::new(chain.into()).expect("a chain"),
        identity: None,
        tool: tool.to_owned(),
        tool_digest: None,
        arguments: text.to_vec(),
        resource: None,
        environment: Environment::default(),
        options: RequestOptions::default(),
        trace: None,
    }
}

/// Through the service the answer is the engine's: what does not fit is never allowed.
fn check_answer(shapes: &DecisionPoint, tool: &str, text: &[u8], verdict: &Verdict) {
    let shown = text.escape_ascii();
    if text.len() > ARGUMENTS_BYTES_MAX {
        return;
    }
    let request = palisade_proto::v1::AuthorizeRequest {
        arguments: text.to_vec(),
        ..authorize_request(tool, "")
    };
    let answer = shapes.authorize(request);
    let answer = answer.unwrap_or_else(|status| panic!("{tool} {shown}: {status:?}"));
    let reason = answer.reason.as_ref().expect("an answer has a reason");
    let expected = match verdict.outcome {
        Outcome::Allow => palisade_proto::v1::Outcome::Allow,
        Outcome::Challenge => palisade_proto::v1::Outcome::Challenge,
        Outcome::Deny => palisade_proto::v1::Outcome::Deny,
    };
    assert_eq!(answer.outcome(), expected, "{tool} {shown}");
    assert_eq!(reason.code, verdict.reason.code.as_str(), "{tool} {shown}");
    assert_eq!(shapes.take_records().len(), 1, "{tool} {shown}");
}

/// Sentences may name what is wrong in the order it is found.
fn without_sentence(verdict: Verdict) -> Verdict {
    Verdict { reason: Reason::new(verdict.reason.code, ""), ..verdict }
}
