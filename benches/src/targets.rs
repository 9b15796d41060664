//! Holds what was measured against what is aimed at.
//!
//! Gates nothing: a target that is missed is a line of the report. What a part of a run did not
//! measure, its line says.

use crate::chart::time;
use crate::estimates::Estimate;
use crate::results::Table;

/// Rows of the `server` benchmark, and the least part of bare tonic's decisions per second that
/// the server is to give.
const PARTS_OF_ECHO: [(&str, f64); 9] = [
    ("1 K, one link, same arguments", 0.85),
    ("1 K, three links, same arguments", 0.85),
    ("10 K, one link, same arguments", 0.85),
    ("10 K, three links, same arguments", 0.85),
    ("1 K, one link, new unread arguments", 0.6),
    ("1 K, three links, new unread arguments", 0.6),
    ("10 K, one link, new read arguments", 0.35),
    ("10 K, three links, new read arguments", 0.2),
    ("1 K, stream 4 × 16, same arguments", 0.8),
];

/// The row of the `server` benchmark without a log, as many calls in flight as in the next.
const LOG_OFF: &str = "1 K, 8 × 64, log off";

/// The row in which every answer waits for the disk.
const LOG_SYNCED: &str = "1 K, 8 × 64, log on, commit";

/// The row in which a server that verifies takes the caller's word.
const ASSERTED: &str = "1 K, two links, asserted";

/// The row in which it has two tokens and an attestation with every call.
const PROVEN: &str = "1 K, two links, tokens and attestation";

/// The row of the `start` benchmark: policies and tools.
const START: &str = "10000/1000";

/// The row of the `rollout` benchmark about a server that nothing was changed on yet.
pub const COLD_START: &str = "cold start";

/// The row about a version with one policy changed.
pub const ANOTHER_POLICY: &str = "one policy of 10 K changed";

/// The row about a version under whose schema every policy is validated again.
pub const ANOTHER_SCHEMA: &str = "schema changed";

/// What a figure is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    Calls,
    Mebibytes,
    Micros,
    Ratio,
    Seconds,
}

/// What a figure is to be.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Bound {
    Least(f64),
    Most(f64),
}

/// One target.
struct Target {
    what: String,
    bound: Bound,
    unit: Unit,
    measured: Option<f64>,
}

/// The targets beside what was measured.
pub(crate) fn table(
    estimates: &[Estimate],
    start: Option<&Table>,
    server: Option<&Table>,
    rollout: Option<&Table>,
) -> Table {
    let mut table = Table::new(&["target", "asked for", "measured", "met"]);
    let targets = [of_server(server), in_process(estimates), of_start(start), of_rollout(rollout)];
    for target in targets.iter().flatten() {
        table.push(target.row());
    }
    table
}

/// The rows of the `server` benchmark that targets are about. A benchmark that lacks one would
/// pass for one that was not run.
pub fn server_rows() -> impl Iterator<Item = &'static str> {
    PARTS_OF_ECHO.iter().map(|(row, _)| *row).chain([LOG_OFF, LOG_SYNCED, ASSERTED, PROVEN])
}

fn of_server(server: Option<&Table>) -> Vec<Target> {
    let figure = |row: &str, column: &str| server?.cell(row, column)?.parse::<f64>().ok();
    let mut targets: Vec<Target> = PARTS_OF_ECHO
        .iter()
        .map(|(row, least)| Target {
            what: format!("`server`: {row}, against bare tonic"),
            bound: Bound::Least(*least),
            unit: Unit::Ratio,
            measured: figure(row, "ratio"),
        })
        .collect();
    let rate = |row| figure(row, "decisions/s");
    targets.push(Target {
        what: format!("`server`: {LOG_SYNCED}, against log off"),
        bound: Bound::Least(0.6),
        unit: Unit::Ratio,
        measured: quotient(rate(LOG_SYNCED), rate(LOG_OFF)),
    });
    targets.push(Target {
        what: format!("`server`: {PROVEN}, against asserted"),
        bound: Bound::Least(0.75),
        unit: Unit::Ratio,
        measured: quotient(rate(PROVEN), rate(ASSERTED)),
    });
    targets
}

fn in_process(estimates: &[Estimate]) -> Vec<Target> {
    let micros = |group: &str, name: &str, key| {
        let found = estimates.iter().find(|e| (&*e.group, &*e.name, e.key) == (group, name, key));
        found.map(|estimate| estimate.micros)
    };
    let at_most = |what: String, most, measured| Target {
        what,
        bound: Bound::Most(most),
        unit: Unit::Micros,
        measured,
    };
    let mut targets: Vec<Target> = [("repeated, one link", 2.0), ("repeated, three links", 4.0)]
        .into_iter()
        .map(|(name, most)| {
            let measured = micros("engine", name, 10_000);
            at_most(format!("`engine`: {name}, 10 K policies"), most, measured)
        })
        .collect();
    for name in ["evaluated, one link", "cold, one link"] {
        let (small, large) = (micros("engine", name, 1_000), micros("engine", name, 100_000));
        targets.push(at_most(format!("`engine`: {name}, 100 K policies"), 15.0, large));
        targets.push(Target {
            what: format!("`engine`: {name}, 100 K policies against 1 K"),
            bound: Bound::Most(1.5),
            unit: Unit::Ratio,
            measured: quotient(large, small),
        });
    }
    let of_200 = |name| micros("context", name, 200);
    // What is left is parsing, building what policies read, and looking up the chain.
    let context = of_200("resolve, new arguments")
        .zip(of_200("validate"))
        .zip(of_200("hash"))
        .map(|((resolve, validate), hash)| resolve - validate - hash);
    let what = "`context`: 200 fields, resolve new arguments without validate and hash";
    targets.push(at_most(what.to_owned(), 12.0, context));
    targets
}

fn of_start(start: Option<&Table>) -> Vec<Target> {
    // A load that was given up has `> 300`, which misses as 300 does.
    let figure =
        |column: &str| start?.cell(START, column)?.trim_start_matches("> ").parse::<f64>().ok();
    let target = |column: &str, most, unit| Target {
        what: format!("`start`: {START} policies/tools, {column}"),
        bound: Bound::Most(most),
        unit,
        measured: figure(column),
    };
    vec![target("load, s", 10.0, Unit::Seconds), target("resident, MiB", 200.0, Unit::Mebibytes)]
}

fn of_rollout(rollout: Option<&Table>) -> Vec<Target> {
    let figure = |row: &str, column: &str| rollout?.cell(row, column)?.parse::<f64>().ok();
    let mut targets = Vec::new();
    for row in [ANOTHER_POLICY, ANOTHER_SCHEMA] {
        for (column, most, unit) in [
            ("until it decides, s", 10.0, Unit::Seconds),
            ("p99, ratio", 1.5, Unit::Ratio),
            ("lost", 0.0, Unit::Calls),
        ] {
            targets.push(Target {
                what: format!("`rollout`: {row}, {column}"),
                bound: Bound::Most(most),
                unit,
                measured: figure(row, column),
            });
        }
    }
    let resident = |row| figure(row, "resident, MiB");
    targets.push(Target {
        what: "`rollout`: resident after both, against cold start".to_owned(),
        bound: Bound::Most(1.2),
        unit: Unit::Ratio,
        measured: quotient(resident(ANOTHER_SCHEMA), resident(COLD_START)),
    });
    targets
}

fn quotient(of: Option<f64>, by: Option<f64>) -> Option<f64> {
    Some(of? / by.filter(|by| *by > 0.0)?)
}

impl Target {
    fn row(&self) -> Vec<String> {
        let Self { what, bound, unit, measured } = self;
        let asked = match bound {
            Bound::Least(least) => format!("≥ {}", unit.text(*least)),
            Bound::Most(most) => format!("≤ {}", unit.text(*most)),
        };
        let (measured, met) = match measured {
            None => ("–".to_owned(), "not measured".to_owned()),
            Some(measured) => (unit.text(*measured), bound.says_of(*measured)),
        };
        vec![what.clone(), asked, measured, met]
    }
}

impl Bound {
    /// Whether a figure keeps to it, or how many times too small or too large it is.
    fn says_of(self, measured: f64) -> String {
        let (is_met, factor) = match self {
            Self::Least(least) => (measured >= least, least / measured),
            Self::Most(most) => (measured <= most, measured / most),
        };
        if is_met {
            "yes".to_owned()
        } else if factor.is_finite() {
            format!("no, by a factor of {}", rounded(factor))
        } else {
            "no".to_owned()
        }
    }
}

impl Unit {
    fn text(self, value: f64) -> String {
        match self {
            Self::Calls => format!("{value:.0}"),
            Self::Mebibytes => format!("{value:.0} MiB"),
            Self::Micros => time(value),
            Self::Ratio => rounded(value).to_string(),
            Self::Seconds => format!("{} s", rounded(value)),
        }
    }
}

/// Enough digits that what is missed by little does not look met.
fn rounded(value: f64) -> f64 {
    (value * 1e3).round() / 1e3
}

#[cfg(test)]
mod tests;
