//! `palisade matrix`: who may call which tool, as far as that can be known without arguments.

mod render;

use std::path::PathBuf;

use palisade_core::{
    Actor, ActorChain, ActorKind, Clock as _, Environment, EpochMillis, Facts, Prospect,
    ReasonCode, Revision, SystemClock, Tier, ToolName,
};
use palisade_engine::{PolicySnapshot, ToolProspect};

use super::failure::Failure;
use super::{Context, asking, bundle, request};
use crate::exit::Exit;

/// Rows of a matrix that nobody chose.
// LIMIT: more than a person reads; beyond it they have to say what they are interested in.
const ROWS_MAX: usize = 200;

const EXAMPLES: &str = "\
Examples:
  palisade matrix policies/quickstart
  palisade matrix --format html policies/quickstart > matrix.html
  palisade matrix --chain user:corp:alice,agent:corp:helpdesk-bot policies/quickstart

Rows are, without --chain: every user and every service of the bundle alone, every agent behind
every user, and every autonomous agent alone; at most 200.
Cells: `allow` and `challenge` hold for all arguments, `deny` means that no arguments could be
allowed, `depends` that it hangs on the arguments. All of it is so at one instant: now, or --now.";

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    Table,
    Csv,
    Html,
}

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// The bundle [default: the setting `bundle.path`]
    directory: Option<PathBuf>,
    /// A chain to show, its actors separated by commas, head first; repeat it for more rows
    #[arg(long, value_name = "ACTOR,…", value_parser = chain)]
    chain: Vec<ActorChain>,
    /// Say what is so at this instant, RFC 3339 [default: now]
    #[arg(long, value_name = "TIME", value_parser = asking::instant)]
    now: Option<EpochMillis>,
    /// How to show it
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

/// A tool permission matrix.
#[derive(Debug)]
struct Matrix {
    revision: Revision,
    tools: Vec<Column>,
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Column {
    name: ToolName,
    tier: Tier,
}

#[derive(Debug)]
struct Row {
    chain: ActorChain,
    /// One for each tool.
    cells: Vec<Cell>,
}

#[derive(Debug)]
struct Cell {
    prospect: Prospect,
    /// Why, for a person.
    sentence: String,
    policies: Vec<String>,
}

pub(super) fn run(arguments: Arguments, context: &mut Context<'_>) -> Result<Exit, Failure> {
    let Arguments { directory, chain, now, format } = arguments;
    let directory = context.bundle_directory(directory)?;
    let bundle = bundle::load(&directory, context)?;
    let snapshot = bundle.snapshot();
    let chains = if chain.is_empty() { default_chains(snapshot)? } else { chain };
    // One instant for all rows, or they could not be compared.
    let facts = Facts::at(now.unwrap_or_else(|| SystemClock::new().now()));
    let matrix = compute(snapshot, chains, &facts);
    let text = match format {
        Format::Table => render::table(&matrix),
        Format::Csv => render::csv(&matrix),
        Format::Html => render::html(&matrix),
    };
    context.output.text(&text)?;
    Ok(Exit::Success)
}

fn chain(text: &str) -> Result<ActorChain, String> {
    let links: Result<Vec<Actor>, String> = text.split(',').map(request::actor).collect();
    ActorChain::new(links?).map_err(|error| error.to_string())
}

/// The chains of somebody who did not say which.
fn default_chains(snapshot: &PolicySnapshot) -> Result<Vec<ActorChain>, Failure> {
    let actors = snapshot.known_actors();
    let of = |kind| actors.iter().filter(move |actor| actor.kind == kind);
    let alone = of(ActorKind::User).chain(of(ActorKind::Service)).map(|actor| vec![actor.clone()]);
    let behind = of(ActorKind::Agent)
        .flat_map(|agent| of(ActorKind::User).map(move |user| vec![user.clone(), agent.clone()]));
    let autonomous = of(ActorKind::Agent)
        .filter(|agent| is_autonomous(snapshot, agent))
        .map(|agent| vec![agent.clone()]);
    let rows: Vec<Vec<Actor>> = alone.chain(behind).chain(autonomous).take(ROWS_MAX + 1).collect();
    if rows.is_empty() {
        return Err(Failure::Usage(
            "the bundle's entities name no user and no service; say whose rows to show, e.g. \
             `--chain user:corp:alice`"
                .to_owned(),
        ));
    }
    if rows.len() > ROWS_MAX {
        return Err(Failure::Usage(format!(
            "the bundle makes more than {ROWS_MAX} rows; choose some with `--chain`"
        )));
    }
    // One or two links are always a chain.
    Ok(rows.into_iter().filter_map(|links| ActorChain::new(links).ok()).collect())
}

fn is_autonomous(snapshot: &PolicySnapshot, agent: &Actor) -> bool {
    let Ok(chain) = ActorChain::new(vec![agent.clone()]) else { return false };
    let facts = Facts::at(SystemClock::new().now());
    match snapshot.prospects(&chain, None, &Environment::default(), &facts) {
        Ok(_) => true,
        Err(refusal) => refusal.reason.code != ReasonCode::AgentNotAutonomous,
    }
}

fn compute(snapshot: &PolicySnapshot, chains: Vec<ActorChain>, facts: &Facts) -> Matrix {
    let tools: Vec<Column> = snapshot
        .catalog()
        .tools()
        .map(|tool| Column { name: tool.name.clone(), tier: tool.tier })
        .collect();
    let row = |chain: ActorChain| {
        let cells = match snapshot.prospects(&chain, None, &Environment::default(), facts) {
            Ok(prospects) => prospects.into_iter().map(cell).collect(),
            Err(refusal) => tools
                .iter()
                .map(|_| Cell {
                    prospect: Prospect::Deny,
                    sentence: refusal.reason.sentence.clone(),
                    policies: Vec::new(),
                })
                .collect(),
        };
        Row { chain, cells }
    };
    let rows = chains.into_iter().map(row).collect();
    Matrix { revision: snapshot.revision().clone(), tools, rows }
}

fn cell(of: ToolProspect) -> Cell {
    let ToolProspect { tool: _, prospect, reason, determining, requirements: _ } = of;
    let policies = determining.iter().map(ToString::to_string).collect();
    Cell { prospect, sentence: reason.sentence, policies }
}

#[cfg(test)]
mod tests;
