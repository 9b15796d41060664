//! Which records are asked for.

use std::str::FromStr;
use std::time::Duration;

use palisade_core::{EpochMillis, ReasonCode, parse_duration};
use palisade_proto::v1;
use palisade_proto::v1::record::Entry;

use super::line;
use crate::cli::failure::Failure;

/// What people say of the records they want.
#[derive(Debug, clap::Args)]
pub(super) struct FilterArguments {
    /// Only with this actor in the chain, `kind:issuer:subject`; `*` at the end stands
    /// for anything
    #[arg(long, value_name = "ACTOR", value_parser = Pattern::from_str)]
    actor: Vec<Pattern>,
    /// Only about this tool; `*` at the end stands for anything, e.g. `crm.*`
    #[arg(long, value_name = "TOOL", value_parser = Pattern::from_str)]
    tool: Vec<Pattern>,
    /// Only with this outcome
    #[arg(long, value_enum)]
    outcome: Vec<OutcomeName>,
    /// Only with this reason, e.g. `no_permit`
    #[arg(long, value_name = "CODE", value_parser = reason)]
    reason: Vec<String>,
    /// Only decisions
    #[arg(long)]
    decisions: bool,
    /// Only records of this kind
    #[arg(long, value_enum)]
    kind: Vec<KindName>,
    /// Only what happened since: an instant in RFC 3339, or so long ago, e.g. `1h`
    #[arg(long, value_name = "TIME")]
    since: Option<When>,
}

impl FilterArguments {
    /// The filter as of now.
    ///
    /// # Errors
    /// It could find nothing.
    pub(super) fn at(self, now: EpochMillis) -> Result<Filter, Failure> {
        let Self { actor, tool, outcome, reason, decisions, mut kind, since } = self;
        let outcomes: Vec<_> = outcome.into_iter().map(v1::Outcome::from).collect();
        let since = since.map(|since| since.instant(now));
        let asks =
            !(actor.is_empty() && tool.is_empty() && outcomes.is_empty() && reason.is_empty());
        if decisions || (asks && kind.is_empty()) {
            kind.push(KindName::Decision);
        }
        if asks && !kind.iter().any(|kind| matches!(kind, KindName::Decision | KindName::Shadow)) {
            // It would find nothing and look like peace.
            let about = "`--actor`, `--tool`, `--outcome` and `--reason` are about";
            return Err(Failure::Usage(format!(
                "{about} `--kind decision` and `--kind shadow` only"
            )));
        }
        Ok(Filter { actors: actor, tools: tool, outcomes, reasons: reason, kinds: kind, since })
    }
}

/// The kinds of records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum KindName {
    Checkpoint,
    Decision,
    Gap,
    Opened,
    Outcome,
    Retention,
    Rollout,
    Shadow,
}

impl KindName {
    const fn of(entry: &Entry) -> Self {
        match entry {
            Entry::Checkpoint(_) => Self::Checkpoint,
            Entry::Decision(_) => Self::Decision,
            Entry::Gap(_) => Self::Gap,
            Entry::Opened(_) => Self::Opened,
            Entry::Outcome(_) => Self::Outcome,
            Entry::Retention(_) => Self::Retention,
            Entry::Rollout(_) => Self::Rollout,
            Entry::Shadow(_) => Self::Shadow,
        }
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
pub(in crate::cli) enum When {
    Ago(Duration),
    At(EpochMillis),
}

impl When {
    pub(in crate::cli) fn instant(self, now: EpochMillis) -> EpochMillis {
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

/// Which records are asked for.
#[derive(Debug, Default)]
pub(super) struct Filter {
    actors: Vec<Pattern>,
    tools: Vec<Pattern>,
    outcomes: Vec<v1::Outcome>,
    reasons: Vec<String>,
    kinds: Vec<KindName>,
    /// Only records since then.
    pub(super) since: Option<EpochMillis>,
}

impl Filter {
    pub(super) fn matches(&self, record: &v1::Record) -> bool {
        if self.since.is_some_and(|since| record.time_unix_ms < since.as_millis()) {
            return false;
        }
        let Some(entry) = &record.entry else { return self.kinds.is_empty() };
        any(&self.kinds, |kind| *kind == KindName::of(entry))
            && match entry {
                Entry::Decision(entry) => self.fits(
                    &entry.chain,
                    &entry.tool,
                    &[(entry.outcome(), entry.reason.as_ref())],
                ),
                Entry::Shadow(entry) => self.fits(
                    &entry.chain,
                    &entry.tool,
                    &[
                        (entry.outcome(), entry.reason.as_ref()),
                        (entry.shadow_outcome(), entry.shadow_reason.as_ref()),
                    ],
                ),
                _ => self.fits(&[], "", &[]),
            }
    }

    /// Whether it is about this chain and this tool, and some of these answers is asked for.
    fn fits(
        &self,
        chain: &[v1::RecordedActor],
        tool: &str,
        answers: &[(v1::Outcome, Option<&v1::Reason>)],
    ) -> bool {
        let Self { actors, tools, outcomes, reasons, kinds: _, since: _ } = self;
        let actor_is =
            |pattern: &Pattern| chain.iter().any(|actor| pattern.matches(&line::actor(actor)));
        any(actors, actor_is)
            && any(tools, |pattern| pattern.matches(tool))
            && any(outcomes, |outcome| answers.iter().any(|(answer, _)| answer == outcome))
            && any(reasons, |code| {
                answers.iter().any(|(_, reason)| reason.is_some_and(|reason| reason.code == *code))
            })
    }
}

/// Whether one of them fits; if there is none, nothing is asked.
fn any<T>(wanted: &[T], fits: impl FnMut(&T) -> bool) -> bool {
    wanted.is_empty() || wanted.iter().any(fits)
}
