//! Prints the tables of the last run and writes them, and the picture, beside the benchmarks.

#![allow(clippy::print_stdout, reason = "it prints")]

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use palisade_benches::{machine, report};

const BEGIN: &str = "<!-- results -->\n";
const END: &str = "<!-- /results -->";

fn main() -> Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let machine =
        format!("{}, {}, commit {}", machine::description(), machine::date(), machine::commit());
    let results = report::markdown(&machine)?;
    println!("{results}");
    let readme = folder.join("README.md");
    let text = fs::read_to_string(&readme)?;
    let (before, rest) = text.split_once(BEGIN).context("README.md has no place for results")?;
    let (_, after) = rest.split_once(END).context("README.md has no end of results")?;
    fs::write(&readme, format!("{before}{BEGIN}\n{results}\n{END}{after}"))?;
    fs::write(folder.join("cost.svg"), report::picture()?)?;
    Ok(())
}
