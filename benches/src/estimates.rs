//! What criterion measured in process, read from the files it leaves.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::results::directory;

/// One median of criterion's.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Estimate {
    pub(crate) group: String,
    pub(crate) name: String,
    /// What grows within the group: policies or fields.
    pub(crate) key: u64,
    pub(crate) micros: f64,
}

/// All of them, by group, name and key.
///
/// # Errors
/// Criterion's files are not what they were.
pub(crate) fn estimates() -> Result<Vec<Estimate>> {
    let mut found = Vec::new();
    collect(&directory().join("criterion"), &mut found)?;
    found.sort_by(|a, b| (&a.group, &a.name, a.key).cmp(&(&b.group, &b.name, b.key)));
    Ok(found)
}

fn collect(folder: &Path, found: &mut Vec<Estimate>) -> Result<()> {
    let Ok(entries) = fs::read_dir(folder) else { return Ok(()) };
    for entry in entries {
        let path = entry?.path();
        if path.file_name().is_some_and(|name| name == "new") {
            let read = |file: &str| -> Result<Value> {
                Ok(serde_json::from_str(&fs::read_to_string(path.join(file))?)?)
            };
            let (benchmark, estimates) = (read("benchmark.json")?, read("estimates.json")?);
            let text = |name: &str| {
                benchmark[name].as_str().with_context(|| format!("no {name} in {}", path.display()))
            };
            let nanos = estimates["median"]["point_estimate"].as_f64().context("no median")?;
            found.push(Estimate {
                group: text("group_id")?.to_owned(),
                name: text("function_id")?.to_owned(),
                key: text("value_str")?.parse()?,
                micros: nanos / 1e3,
            });
        } else if path.is_dir() {
            collect(&path, found)?;
        }
    }
    Ok(())
}
