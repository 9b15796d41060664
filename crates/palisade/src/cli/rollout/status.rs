//! The state of the bundle, for people and as JSON.

use palisade_core::EpochMillis;
use palisade_proto::v1;
use prost_types::Timestamp;
use serde_json::{Value, json};

use crate::cli::failure::Failure;
use crate::output::Output;
use crate::wording;

/// Shows the state to people.
pub(super) fn show(state: &v1::BundleStatus, output: &mut Output) -> Result<(), Failure> {
    // Destructured whole, so that a new field cannot be forgotten here.
    let v1::BundleStatus {
        source,
        signed,
        active,
        candidate,
        shadow,
        pinned,
        last_failure,
        checked,
        metadata_expires,
        stale,
        decides_until,
        kept,
    } = state;
    let mut row = |label: &str, text: String| output.line(format_args!("{label:10} {text}"));
    let pin = if *pinned { ", pinned" } else { "" };
    match active {
        Some(active) => row("active", format!("{}{pin}", held(active)))?,
        None => row("active", "none: nothing is decided yet".to_owned())?,
    }
    if let Some(v1::CandidateRevision { revision, stage, since }) = candidate {
        let revision = revision.as_ref().map_or_else(|| "unknown".to_owned(), wording::revision);
        let since = since_when(since.as_ref());
        match stage.as_str() {
            "pinned" => row("waiting", format!("{revision} until the pin is taken away{since}"))?,
            stage => row("next", format!("{revision} at {stage}{since}"))?,
        }
    }
    if let Some(shadow) = shadow {
        row("shadow", held(shadow))?;
    }
    if let Some(v1::BundleFailure { code, message, since }) = last_failure {
        row("failure", format!("{message} [{code}]{}", since_when(since.as_ref())))?;
    }
    let trust = if *signed { "signed" } else { "NOT SIGNED, for development only" };
    row("source", format!("{source} ({trust})"))?;
    if let Some(checked) = checked {
        row("checked", time(checked))?;
    }
    if let Some(expires) = metadata_expires {
        let stale = if *stale { ": STALE, no fresh metadata came" } else { "" };
        row("expires", format!("{}{stale}", time(expires)))?;
    }
    if let Some(until) = decides_until {
        row("decides", format!("until {}, unless fresh metadata comes", time(until)))?;
    }
    if !kept.is_empty() {
        let kept: Vec<String> = kept.iter().map(wording::revision).collect();
        row("kept", kept.join(", "))?;
    }
    Ok(())
}

/// The state as JSON; names are those of the wire contract. What is not known is `null`.
pub(super) fn as_json(state: &v1::BundleStatus) -> Value {
    let v1::BundleStatus {
        source,
        signed,
        active,
        candidate,
        shadow,
        pinned,
        last_failure,
        checked,
        metadata_expires,
        stale,
        decides_until,
        kept,
    } = state;
    let held = |held: &v1::HeldRevision| {
        json!({
            "revision": held.revision.as_ref().map(revision),
            "since": held.since.as_ref().map(time),
        })
    };
    json!({
        "source": source,
        "signed": signed,
        "active": active.as_ref().map(held),
        "candidate": candidate.as_ref().map(|candidate| json!({
            "revision": candidate.revision.as_ref().map(revision),
            "stage": candidate.stage,
            "since": candidate.since.as_ref().map(time),
        })),
        "shadow": shadow.as_ref().map(held),
        "pinned": pinned,
        "last_failure": last_failure.as_ref().map(|failure| json!({
            "code": failure.code,
            "message": failure.message,
            "since": failure.since.as_ref().map(time),
        })),
        "checked": checked.as_ref().map(time),
        "metadata_expires": metadata_expires.as_ref().map(time),
        "stale": stale,
        "decides_until": decides_until.as_ref().map(time),
        "kept": kept.iter().map(revision).collect::<Vec<_>>(),
    })
}

fn revision(revision: &v1::Revision) -> Value {
    let v1::Revision { bundle, version, digest } = revision;
    json!({ "bundle": bundle, "version": version, "digest": digest })
}

fn held(held: &v1::HeldRevision) -> String {
    let revision = held.revision.as_ref().map(wording::revision).unwrap_or_default();
    format!("{revision}{}", since_when(held.since.as_ref()))
}

fn since_when(since: Option<&Timestamp>) -> String {
    since.map(|since| format!(" since {}", time(since))).unwrap_or_default()
}

fn time(time: &Timestamp) -> String {
    let millis = i64::from(time.nanos) / 1_000_000;
    EpochMillis::new(time.seconds.saturating_mul(1000).saturating_add(millis)).to_string()
}
