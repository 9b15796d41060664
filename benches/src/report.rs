//! Makes the tables and the picture of what was measured last.
//!
//! What was not measured is not there: a missing table says so, a missing series is not drawn.

use anyhow::Result;

use crate::chart::{self, Series, time};
use crate::estimates::{Estimate, estimates};
use crate::results::{NAME, Table};
use crate::targets;

/// What the README holds between the marks of its results.
///
/// # Errors
/// Results cannot be read.
pub fn markdown(machine: &str) -> Result<String> {
    let estimates = estimates()?;
    let [start, server, rollout] = ["start", "server", "rollout"].map(Table::load);
    let targets =
        targets::table(&estimates, start.as_ref(), server.as_ref(), rollout.as_ref()).markdown();
    let none = || "Not measured in this run.\n".to_owned();
    let saved = |table: Option<Table>| table.map_or_else(none, |table| table.markdown());
    let group = |name, key| match table_of(&estimates, name, key) {
        table if table.rows.is_empty() => none(),
        table => table.markdown(),
    };
    let (engine, context) = (group("engine", "policies"), group("context", "fields"));
    let [start, server, rollout] = [start, server, rollout].map(saved);
    Ok(format!(
        "Measured on {machine}.\n\n\
         ### Targets\n\n{targets}\n\
         ### `engine`: time per decision\n\n{engine}\n\
         ### `context`: time per call\n\n{context}\n\
         ### `start`: building a snapshot\n\n{start}\n\
         ### `server`: under load, beside bare tonic\n\n{server}\n\
         ### `rollout`: a new version of 10,000 policies over 1,000 tools\n\n{rollout}"
    ))
}

/// The picture of cost against number of policies.
///
/// # Errors
/// Results cannot be read.
pub fn picture() -> Result<String> {
    let estimates = estimates()?;
    let engine = |name: &str, label: &str, color| Series {
        label: label.to_owned(),
        color,
        joined: true,
        points: points(&estimates, "engine", name),
    };
    let mut series = vec![
        engine("stock, one link", "Cedar 4.14.1 as it is: is_authorized + Context::from_json_value, in process, one link, this run", "#c0392b"),
        engine("cold, one link", "Palisade, nothing remembered: parse, validate, hash, decide, in process, one link, this run", "#1f6fb2"),
        engine("repeated, one link", "Palisade, the same calls again, in process, one link, this run", "#27ae60"),
        Series {
            label: "Palisade server, gRPC, new arguments, processor time per decision, one link, this run".to_owned(),
            color: "#0b3d6b",
            joined: false,
            points: server_points(),
        },
        Series {
            label: "Cerbos 0.51 server, gRPC, time per decision on one core, audit off: measured before this run".to_owned(),
            color: "#7d3c98",
            joined: false,
            points: CERBOS_MEASURED.map(|(policies, rate)| (policies, 1e6 / rate)).to_vec(),
        },
        Series {
            label: "Cerbos server, gRPC, published by Cerbos: 4 vCPUs ÷ requests per second, audit, schema and JWT off".to_owned(),
            color: "#b7950b",
            joined: false,
            points: CERBOS_PUBLISHED.map(|(policies, rate)| (policies, 4e6 / rate)).to_vec(),
        },
    ];
    series.retain(|series| !series.points.is_empty());
    Ok(chart::svg("What a decision costs as policies grow", &series))
}

/// Policies and requests per second of Cerbos 0.51 on a machine with two cores (Xeon, 2.1 GHz),
/// server on one core; the middle of the range where a range was seen.
const CERBOS_MEASURED: [(f64, f64); 3] = [(5.0, 4_500.0), (1_000.0, 562.0), (10_000.0, 9.0)];

/// Policies and requests per second that Cerbos publishes for 4 vCPUs.
const CERBOS_PUBLISHED: [(f64, f64); 3] =
    [(800.0, 8_638.0), (8_000.0, 7_700.0), (40_000.0, 5_736.0)];

fn points(estimates: &[Estimate], group: &str, name: &str) -> Vec<(f64, f64)> {
    let own = estimates.iter().filter(|estimate| estimate.group == group && estimate.name == name);
    own.map(|estimate| (estimate.key as f64, estimate.micros)).collect()
}

/// The rows of the server's table that compare with other servers.
fn server_points() -> Vec<(f64, f64)> {
    let Some(table) = Table::load("server") else { return Vec::new() };
    let point = |policies, name: &str| {
        let micros = table.cell(name, "server µs/decision")?.parse().ok()?;
        Some((policies, micros))
    };
    let points = [
        point(1_000.0, "1 K, one link, new read arguments"),
        point(10_000.0, "10 K, one link, new read arguments"),
    ];
    points.into_iter().flatten().collect()
}

/// One row for each name, one column for each key.
fn table_of(estimates: &[Estimate], group: &str, key: &str) -> Table {
    let own: Vec<&Estimate> = estimates.iter().filter(|estimate| estimate.group == group).collect();
    let mut keys: Vec<u64> = own.iter().map(|estimate| estimate.key).collect();
    keys.sort_unstable();
    keys.dedup();
    let mut names: Vec<&str> = own.iter().map(|estimate| estimate.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    let mut head = vec![NAME.to_owned()];
    head.extend(keys.iter().map(|number| format!("{number} {key}")));
    let cell = |name: &str, key: u64| {
        let found = own.iter().find(|estimate| estimate.name == name && estimate.key == key);
        found.map_or_else(|| "–".to_owned(), |estimate| time(estimate.micros))
    };
    let row = |name: &&str| {
        let cells = keys.iter().map(|key| cell(name, *key));
        std::iter::once((*name).to_owned()).chain(cells).collect()
    };
    Table { head, rows: names.iter().map(row).collect() }
}
