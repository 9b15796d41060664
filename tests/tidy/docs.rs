//! What is documented is so. With `UPDATE_GENERATED=1` the generated tables are written instead.

use std::fmt::Write as _;
use std::fs;
use std::sync::Mutex;

use anyhow::{Context as _, Result, bail, ensure};
use palisade_core::ReasonCode;
use palisade_telemetry::metrics::instruments::{self, Instrument, InstrumentKind};

use crate::edges::EDGES;
use crate::workspace::{root, rust_files};

#[test]
fn the_readme_lists_every_reason_code() -> Result<()> {
    let mut table = "| Code | Meaning |\n|---|---|\n".to_owned();
    for code in ReasonCode::ALL {
        writeln!(table, "| `{code}` | {} |", code.meaning().trim())?;
    }
    generated("README.md", "reason-codes", &table)
}

#[test]
fn the_readme_lists_every_setting() -> Result<()> {
    generated("README.md", "configuration", &palisade::config::markdown())
}

#[test]
fn every_attribute_and_metric_is_documented() -> Result<()> {
    generated("docs/telemetry.md", "attributes", &palisade_telemetry::attributes::markdown())?;
    let mut table = "| Metric | Kind | Unit | Meaning |\n|---|---|---|---|\n".to_owned();
    for instrument in instruments::ALL {
        let Instrument { name, kind, unit, description, .. } = instrument;
        let kind = match kind {
            InstrumentKind::Counter => "counter",
            InstrumentKind::Gauge => "gauge",
            InstrumentKind::Histogram => "histogram",
        };
        let unit = if unit.is_empty() { "–".to_owned() } else { format!("`{unit}`") };
        writeln!(table, "| `{name}` | {kind} | {unit} | {description} |")?;
    }
    generated("docs/telemetry.md", "metrics", &table)
}

/// The table of crates says what [`EDGES`] allows.
#[test]
fn the_architecture_lists_every_crate_with_its_edges() -> Result<()> {
    let text = fs::read_to_string(root().join("ARCHITECTURE.md"))?;
    let rows: Vec<Vec<&str>> = text
        .lines()
        .filter(|line| line.starts_with("| `palisade"))
        .map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
        .collect();
    let mut documented = Vec::new();
    for row in &rows {
        let [name, _holds, uses] = row[..] else { bail!("three columns: {row:?}") };
        let mut uses: Vec<&str> = uses.split(", ").collect();
        uses.sort_unstable();
        documented.push((name.trim_matches('`').to_owned(), uses.join(", ")));
    }
    documented.sort();
    let edges = EDGES.map(|(name, uses)| {
        let uses = match uses {
            [] => "–".to_owned(),
            _ if name == "palisade" => "all".to_owned(),
            _ => uses.join(", "),
        };
        (name.to_owned(), uses)
    });
    ensure!(documented == edges, "ARCHITECTURE.md: {documented:#?}, edges.rs: {edges:#?}");
    Ok(())
}

#[test]
fn every_file_says_what_it_is_for() -> Result<()> {
    let silent: Vec<String> = rust_files()?
        .into_iter()
        // The tests of a module are about that module.
        .filter(|file| !file.is_unit_test() && !file.is_generated())
        .filter(|file| !file.text.starts_with("//! "))
        .map(|file| file.path)
        .collect();
    ensure!(silent.is_empty(), "no `//!` at the top: {silent:#?}");
    Ok(())
}

/// Held to read and write a document: two tests may be about the same one.
static DOCUMENTS: Mutex<()> = Mutex::new(());

/// Holds what stands between `<!-- name -->` and `<!-- /name -->` against what it should be.
fn generated(file: &str, name: &str, want: &str) -> Result<()> {
    let _guard = DOCUMENTS.lock();
    let path = root().join(file);
    let text = fs::read_to_string(&path)?;
    let (begin, end) = (format!("<!-- {name} -->\n"), format!("<!-- /{name} -->"));
    let (before, rest) = text.split_once(&begin).with_context(|| format!("{file}: no {begin}"))?;
    let (found, after) = rest.split_once(&end).with_context(|| format!("{file}: no {end}"))?;
    if std::env::var_os("UPDATE_GENERATED").is_some_and(|value| value == "1") {
        fs::write(&path, format!("{before}{begin}{want}{end}{after}"))?;
        return Ok(());
    }
    ensure!(
        found == want,
        "{file} is out of date between {begin} and {end}; run \
         `UPDATE_GENERATED=1 cargo test -p palisade-tests --test tidy docs`"
    );
    Ok(())
}
