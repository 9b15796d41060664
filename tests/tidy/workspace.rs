//! The files of the repository and what Cargo says of its members.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;

/// A member of the workspace.
#[derive(Debug, Deserialize)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) manifest_path: PathBuf,
    pub(crate) dependencies: Vec<Dependency>,
}

/// What a member depends on, be it to run, to build or to test.
#[derive(Debug, Deserialize)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    /// `None` for a dependency of the crate itself, else `dev` or `build`.
    pub(crate) kind: Option<String>,
}

impl Package {
    /// Its folder.
    pub(crate) fn folder(&self) -> &Path {
        self.manifest_path.parent().unwrap_or_else(|| Path::new(""))
    }

    /// What it depends on, tests and build included.
    pub(crate) fn dependency_names(&self) -> BTreeSet<&str> {
        self.dependencies.iter().map(|dependency| dependency.name.as_str()).collect()
    }
}

/// A source file: its path in the repository and its text.
#[derive(Debug)]
pub(crate) struct RustFile {
    pub(crate) path: String,
    pub(crate) text: String,
}

impl RustFile {
    /// Whether it is compiled only for tests.
    pub(crate) fn is_test(&self) -> bool {
        self.path.starts_with("tests/") || self.is_unit_test()
    }

    /// Whether it is the `tests` module of another module, or a part of it.
    pub(crate) fn is_unit_test(&self) -> bool {
        self.path.ends_with("/tests.rs") || self.path.contains("/tests/")
    }

    /// Whether a tool wrote it.
    pub(crate) fn is_generated(&self) -> bool {
        self.path.starts_with("crates/palisade-proto/src/gen/")
    }
}

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    palisade_tests::bundle::root()
}

/// The members, by name.
pub(crate) fn members() -> Result<Vec<Package>> {
    #[derive(Deserialize)]
    struct Metadata {
        packages: Vec<Package>,
    }
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(root())
        .output()
        .context("cargo does not run")?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let Metadata { mut packages } = serde_json::from_slice(&output.stdout)?;
    packages.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(packages)
}

/// Every `.rs` file of crates and tests, by path.
pub(crate) fn rust_files() -> Result<Vec<RustFile>> {
    let mut files = Vec::new();
    for folder in ["benches", "crates", "tests"] {
        if root().join(folder).exists() {
            collect(folder, &mut files)?;
        }
    }
    ensure!(files.len() > 100, "only {} source files found", files.len());
    files.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(files)
}

fn collect(folder: &str, files: &mut Vec<RustFile>) -> Result<()> {
    for entry in fs::read_dir(root().join(folder))? {
        let entry = entry?;
        let path = format!("{folder}/{}", entry.file_name().display());
        if entry.file_type()?.is_dir() {
            collect(&path, files)?;
        } else if entry.path().extension().is_some_and(|extension| extension == "rs") {
            files.push(RustFile { text: fs::read_to_string(entry.path())?, path });
        }
    }
    Ok(())
}
