//! Which records are asked for.

use std::str::FromStr;
use std::time::Duration;

use palisade_core::{EpochMillis, ReasonCode, parse_duration};
use palisade_proto::v1;
use palisade_proto::v1::record::Entry;

use super::line;

/// What people say of the records they want.
#[derive(Debug, clap::Args)]
pub(super) struct FilterArguments {
    /// Only decisions with this actor in the chain, `kind:issuer:subject`; `*` at the end stands
    /// for anything
    #[arg(long, value_name = "ACTOR", value_parser = Pattern::from_str)]
    actor: Vec<Pattern>,
    /// Only decisions about this tool; `*` at the end stands for anything, e.g. `crm.*`
    #[arg(long, value_name = "TOOL", value_parser = Pattern::from_str)]
    tool: Vec<Pattern>,
    /// Only decisions with this outcome
    #[arg(long, value_enum)]
    outcome: Vec<OutcomeName>,
    /// Only decisions with this reason, e.g. `no_permit`
    #[arg(long, value_name = "CODE", value_parser = reason)]
    reason: Vec<String>,
    /// Only decisions
    #[arg(long)]
    decisions: bool,
    /// Only what happened since: an instant in RFC 3339, or so long ago, e.g. `1h`
    #[arg(long, value_name = "TIME")]
    since: Option<When>,
}

impl FilterArguments {
    pub(super) fn at(self, now: EpochMillis) -> Filter {
        let Self { actor, tool, outcome, reason, decisions, since } = self;
        let outcomes = outcome.into_iter().map(v1::Outcome::from).collect();
        let since = since.map(|since| since.instant(now));
        Filter { actors: actor, tools: tool, outcomes, reasons: reason, decisions, since }
    }
}

/// The names of outcomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum OutcomeName {
    Allow,
    Challenge,
    Deny,
}

impl From<OutcomeName> for v1::Outcome {
    fn from(name: OutcomeName) -> Self {
        match name {
            OutcomeName::Allow => Self::Allow,
            OutcomeName::Challenge => Self::Challenge,
            OutcomeName::Deny => Self::Deny,
        }
    }
}

/// A code, checked against those there are: a misspelt one would find nothing and look like peace.
fn reason(text: &str) -> Result<String, String> {
    if ReasonCode::ALL.iter().any(|code| code.as_str() == text) {
        return Ok(text.to_owned());
    }
    let all: Vec<&str> = ReasonCode::ALL.iter().map(|code| code.as_str()).collect();
    Err(format!("there is no such code; there are {}", all.join(", ")))
}

/// A text, or how a text begins.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Pattern {
    Exact(String),
    Prefix(String),
}

impl Pattern {
    fn matches(&self, text: &str) -> bool {
        match self {
            Self::Exact(whole) => text == whole,
            Self::Prefix(start) => text.starts_with(start),
        }
    }
}

impl FromStr for Pattern {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.strip_suffix('*') {
            Some(start) if !start.contains('*') => Ok(Self::Prefix(start.to_owned())),
            None if !text.contains('*') => Ok(Self::Exact(text.to_owned())),
            _ => Err("`*` may only stand at the end"),
        }
    }
}

/// An instant, as people say it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum When {
    Ago(Duration),
    At(EpochMillis),
}

impl When {
    pub(super) fn instant(self, now: EpochMillis) -> EpochMillis {
        match self {
            Self::At(instant) => instant,
            Self::Ago(duration) => {
                let millis = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
                EpochMillis::new(now.as_millis().saturating_sub(millis))
            }
        }
    }
}

impl FromStr for When {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let ago = parse_duration(text).map(Self::Ago);
        let at = || EpochMillis::parse_rfc3339(text).map(Self::At);
        ago.or_else(at).ok_or("write `15m`, `1h`, `7d`, or `2026-01-01T09:00:00Z`")
    }
}

/// Which records are asked for. What is said of decisions leaves all else out.
#[derive(Debug, Default)]
pub(super) struct Filter {
    actors: Vec<Pattern>,
    tools: Vec<Pattern>,
    outcomes: Vec<v1::Outcome>,
    reasons: Vec<String>,
    decisions: bool,
    /// Only records since then.
    pub(super) since: Option<EpochMillis>,
}

impl Filter {
    pub(super) fn matches(&self, record: &v1::Record) -> bool {
        let Self { actors, tools, outcomes, reasons, decisions, since } = self;
        if since.is_some_and(|since| record.time_unix_ms < since.as_millis()) {
            return false;
        }
        let Some(Entry::Decision(decision)) = &record.entry else {
            return !decisions
                && actors.is_empty()
                && tools.is_empty()
                && outcomes.is_empty()
                && reasons.is_empty();
        };
        let code = decision.reason.as_ref().map_or("", |reason| &reason.code);
        let actor_is = |pattern: &Pattern| {
            decision.chain.iter().any(|actor| pattern.matches(&line::actor(actor)))
        };
        any(actors, actor_is)
            && any(tools, |pattern| pattern.matches(&decision.tool))
            && any(outcomes, |outcome| decision.outcome() == *outcome)
            && any(reasons, |reason| reason == code)
    }
}

/// Whether one of them fits; if there is none, nothing is asked.
fn any<T>(wanted: &[T], fits: impl FnMut(&T) -> bool) -> bool {
    wanted.is_empty() || wanted.iter().any(fits)
}
