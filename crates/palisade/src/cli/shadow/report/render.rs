//! Shows the report.

use std::fmt::Write as _;

use palisade_core::EpochMillis;
use palisade_proto::v1;
use serde_json::{Value, json};

use super::{Answer, Example, Report, RevisionKey};
use crate::cli::counts;
use crate::cli::counts::text::Text;
use crate::cli::log::principal::Principal;
use crate::cli::log::printable::printable;
use crate::wording;

pub(super) fn as_text(report: &Report, top: usize) -> String {
    let mut text = Text::default();
    match report.times {
        Some((first, last)) => text.row("time", format_args!("{first} to {last}")),
        None => text.row("time", "nothing is on record of this period"),
    }
    text.row("decisions", report.decisions);
    if report.unlogged > 0 {
        text.row("missing", format_args!("{} calls are not on record", report.unlogged));
    }
    let otherwise = "would have been answered otherwise in the shadow";
    text.row("different", format_args!("{} {otherwise}", report.differences));
    text.table("decisions by revision in force", &report.revisions, top, |key| {
        revision(key.as_ref())
    });
    text.table("revisions in the shadow", &report.rollouts, top, |(action, key)| {
        format!("{action} {}", revision(key.as_ref()))
    });
    text.table("by what decides in the shadow", &report.kinds, top, |(kind, key)| {
        format!("{kind} {}", revision(key.as_ref()))
    });
    text.table("by outcome", &report.outcomes, top, |(answered, instead)| {
        let only = if answered == instead { " (for another reason)" } else { "" };
        format!("{answered} → {instead}{only}")
    });
    text.table("by tool", &report.tools, top, Clone::clone);
    text.table("by principal", &report.principals, top, ToString::to_string);
    policies(&mut text, report, top);
    text.0
}

pub(super) fn as_json(report: &Report, top: usize) -> Value {
    let instant = |time: Option<EpochMillis>| time.map(|time| time.to_string());
    json!({
        "since": instant(report.period.since),
        "until": instant(report.period.until),
        "first_time": instant(report.times.map(|(first, _)| first)),
        "last_time": instant(report.times.map(|(_, last)| last)),
        "decisions": report.decisions,
        "unlogged": report.unlogged,
        "differences": report.differences,
        "decisions_by_revision": counts::as_json(&report.revisions, top, |key, count| {
            json!({ "revision": revision_json(key.as_ref()), "count": count })
        }),
        "rollouts": counts::as_json(&report.rollouts, top, |(action, key), count| {
            json!({ "action": action, "to": revision_json(key.as_ref()), "count": count })
        }),
        "by_kind": counts::as_json(&report.kinds, top, |(kind, key), count| {
            json!({ "shadow_kind": kind, "revision": revision_json(key.as_ref()), "count": count })
        }),
        "by_outcome": counts::as_json(&report.outcomes, top, |(answered, instead), count| {
            json!({ "outcome": answered, "shadow_outcome": instead, "count": count })
        }),
        "by_tool": counts::as_json(&report.tools, top, |tool, count| {
            json!({ "tool": tool, "count": count })
        }),
        "by_principal": counts::as_json(&report.principals, top, |Principal { head, last }, count| {
            json!({ "head": head, "last": last, "count": count })
        }),
        "by_policy": counts::as_json(&report.policies, top, |policy, count| {
            let examples = report.examples.get(policy).map(Vec::as_slice).unwrap_or_default();
            let examples: Vec<Value> = examples.iter().map(example_json).collect();
            let policy = (!policy.is_empty()).then_some(policy);
            json!({ "policy": policy, "count": count, "examples": examples })
        }),
    })
}

fn example_json(example: &Example) -> Value {
    let Example { decision_id, tool, principal: Principal { head, last }, answered, instead } =
        example;
    let reason = |Answer { outcome: _, code, sentence }: &Answer| json!({ "code": code, "sentence": sentence });
    json!({
        "decision_id": decision_id,
        "tool": tool,
        "head": head,
        "last": last,
        "outcome": answered.outcome,
        "reason": reason(answered),
        "shadow_outcome": instead.outcome,
        "shadow_reason": reason(instead),
    })
}

fn revision(key: Option<&RevisionKey>) -> String {
    let Some(RevisionKey { bundle, version, digest }) = key else {
        return "(unknown revision)".to_owned();
    };
    let (bundle, digest) = (bundle.clone(), digest.clone());
    wording::revision(&v1::Revision { bundle, version: *version, digest })
}

fn revision_json(key: Option<&RevisionKey>) -> Value {
    match key {
        Some(RevisionKey { bundle, version, digest }) => {
            json!({ "bundle": bundle, "version": version, "digest": digest })
        }
        None => Value::Null,
    }
}

fn policies(text: &mut Text, report: &Report, top: usize) {
    let title = "by policy that would have determined the answer";
    text.listed(title, &report.policies, top, |text, policy, count| {
        text.counted(count, if policy.is_empty() { "(none)" } else { policy });
        for example in report.examples.get(policy).into_iter().flatten() {
            show_example(text, example);
        }
    });
}

fn show_example(text: &mut Text, example: &Example) {
    let Example { decision_id, tool, principal, answered, instead } = example;
    let head = format!("{decision_id}  {tool}  {principal}");
    let _written = writeln!(text.0, "             {}", printable(&head));
    for Answer { outcome, code, sentence } in [answered, instead] {
        let answer = format!("{outcome:9}  {code}: {sentence}");
        let _written = writeln!(text.0, "               {}", printable(&answer));
    }
}
