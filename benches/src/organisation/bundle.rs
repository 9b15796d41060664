//! The organisation as a bundle's files, and what its author changes in them.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use palisade_engine::{PolicySnapshot, SourceFile};
use serde_json::{Value, json};

use super::{Call, ISSUER, ISSUER_NAME, NOW, Organisation, answer, build, tools};

/// The name of the bundle.
pub const BUNDLE: &str = "organisation";

const MANIFEST_FILE: &str = "bundle.yaml";
const CATALOG_FILE: &str = "catalog.yaml";

/// The files of a bundle, by their paths.
#[derive(Clone, Debug)]
pub struct BundleFiles(BTreeMap<String, String>);

impl Organisation {
    /// The bundle, with so many tests of its own: calls, with the verdicts that it gives.
    ///
    /// # Panics
    /// The organisation does not load.
    #[must_use]
    pub fn bundle(&self, tests: usize) -> BundleFiles {
        let sources = self.sources();
        let catalog = tools::catalog(self.scale, false);
        let mut files = BTreeMap::from([
            (CATALOG_FILE.to_owned(), catalog),
            ("tests/calls.yaml".to_owned(), self.tests(&build(&sources), tests)),
        ]);
        for SourceFile { name, text } in
            [&sources.policies, &sources.schema, &sources.entities].into_iter().flatten()
        {
            files.insert(name.as_ref().to_owned(), text.as_ref().to_owned());
        }
        BundleFiles(files)
    }

    /// The bundle with an optional field more in the arguments of a tool, so that its schema is
    /// another and nothing is known of any policy.
    #[must_use]
    pub fn with_another_schema(&self, mut bundle: BundleFiles) -> BundleFiles {
        bundle.0.insert(CATALOG_FILE.to_owned(), tools::catalog(self.scale, true));
        bundle
    }

    fn tests(&self, snapshot: &PolicySnapshot, count: usize) -> String {
        // By one and by three links in turn.
        let by = |links| self.many_calls(links, count.div_ceil(2));
        let calls = by(1).into_iter().zip(by(3)).flat_map(<[_; 2]>::from).take(count);
        let mut text = "tests:\n".to_owned();
        for (number, call) in calls.enumerate() {
            // JSON is YAML, too.
            text.push_str(&format!("  - {}\n", test(snapshot, number, &call)));
        }
        text
    }
}

impl BundleFiles {
    /// The bundle with its last policy changed: something is added that no call is about.
    ///
    /// # Panics
    /// There is no policy.
    #[must_use]
    pub fn with_another_policy(mut self) -> Self {
        let mut policies = self.0.iter_mut().filter(|(name, _)| name.starts_with("policies/"));
        let (_, text) = policies.next_back().expect("a file of policies");
        let policy = text.strip_suffix(';').expect("a policy ends");
        *text = format!("{policy}\nunless {{ context.args.dry_run }};");
        self
    }

    /// Writes it as this version into a directory that does not exist.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write(&self, directory: &Path, version: u64) -> Result<()> {
        let manifest = format!(
            "format: 1\nname: {BUNDLE}\nversion: {version}\nissuers: {{ {ISSUER}: {ISSUER_NAME} }}\n"
        );
        let manifest = (MANIFEST_FILE.to_owned(), manifest);
        for (name, text) in self.0.iter().chain([(&manifest.0, &manifest.1)]) {
            let path = directory.join(name);
            fs::create_dir_all(path.parent().context("a file stands in a directory")?)?;
            fs::write(path, text)?;
        }
        Ok(())
    }
}

/// One test: a call and the verdict that the snapshot gives.
fn test(snapshot: &PolicySnapshot, number: usize, call: &Call) -> Value {
    let verdict = &answer(snapshot, &call.tool_call()).verdict;
    let determining: Vec<&str> = verdict.determining.iter().map(|id| id.as_str()).collect();
    json!({
        "name": format!("call {number}"),
        "now": NOW.to_string(),
        "chain": call.links(),
        "tool": call.tool_name(),
        "arguments_text": call.arguments(),
        "want": {
            "outcome": verdict.outcome.as_str(),
            "reason": verdict.reason.code.as_str(),
            "determining": determining,
        },
    })
}
