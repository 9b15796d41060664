//! Which crate may use which.

use std::collections::BTreeSet;

use anyhow::{Result, ensure};

use crate::workspace::{Package, members, root, rust_files};

/// What each of our crates may use of ours. An edge that is not here is forbidden; whoever adds
/// one says why in ARCHITECTURE.md.
pub(crate) const EDGES: [(&str, &[&str]); 17] = [
    (
        "palisade",
        &[
            "attest",
            "bundle",
            "catalog",
            "client",
            "core",
            "engine",
            "grpc",
            "http",
            "identity",
            "jose",
            "log",
            "pdp",
            "proto",
            "redact",
            "state",
            "telemetry",
        ],
    ),
    ("palisade-attest", &["catalog", "core", "jose"]),
    ("palisade-bundle", &["catalog", "core", "engine"]),
    ("palisade-catalog", &["core"]),
    ("palisade-client", &["proto"]),
    ("palisade-core", &[]),
    ("palisade-engine", &["catalog", "core"]),
    ("palisade-grpc", &["core", "pdp", "proto", "redact"]),
    ("palisade-http", &["core"]),
    ("palisade-identity", &["core", "jose"]),
    ("palisade-jose", &["core"]),
    ("palisade-log", &["core", "proto", "redact"]),
    ("palisade-pdp", &["attest", "catalog", "core", "engine", "identity", "redact"]),
    ("palisade-proto", &[]),
    ("palisade-redact", &[]),
    ("palisade-state", &["core"]),
    ("palisade-telemetry", &["core", "log", "proto"]),
];

/// These use everything; nothing uses them.
const HARNESSES: [&str; 2] = ["palisade-benches", "palisade-tests"];

/// What crates must not use, even indirectly through a feature of their own: I/O, transport and
/// the policy language stay where they belong.
const FORBIDDEN: [(&str, &[&str]); 14] = [
    ("palisade-attest", &["tokio", "tonic", "prost", "cedar-policy", "cedar-policy-core"]),
    ("palisade-bundle", &["tonic", "cedar-policy", "cedar-policy-core"]),
    ("palisade-catalog", &["tokio", "tonic", "cedar-policy-core"]),
    ("palisade-client", &["cedar-policy", "cedar-policy-core"]),
    ("palisade-core", &["tokio", "tonic", "prost", "cedar-policy", "cedar-policy-core"]),
    ("palisade-engine", &["tokio", "tonic", "prost"]),
    ("palisade-grpc", &["cedar-policy", "cedar-policy-core"]),
    ("palisade-http", &["tonic", "prost", "cedar-policy", "cedar-policy-core"]),
    ("palisade-identity", &["tokio", "tonic", "prost", "cedar-policy", "cedar-policy-core"]),
    ("palisade-jose", &["tokio", "tonic", "prost", "cedar-policy", "cedar-policy-core"]),
    ("palisade-log", &["tonic", "cedar-policy", "cedar-policy-core"]),
    ("palisade-pdp", &["tonic", "prost", "cedar-policy", "cedar-policy-core"]),
    ("palisade-redact", &["tokio", "tonic", "prost", "cedar-policy", "cedar-policy-core"]),
    ("palisade-state", &["tokio", "tonic", "prost", "cedar-policy", "cedar-policy-core"]),
];

/// The members that are the product.
fn crates() -> Result<Vec<Package>> {
    let mut members = members()?;
    members.retain(|package| !HARNESSES.contains(&package.name.as_str()));
    Ok(members)
}

fn ours(package: &Package) -> BTreeSet<String> {
    let names = package.dependency_names().into_iter();
    names.filter_map(|name| name.strip_prefix("palisade-")).map(str::to_owned).collect()
}

#[test]
fn crates_use_only_what_the_table_allows() -> Result<()> {
    let crates = crates()?;
    let names: Vec<&str> = crates.iter().map(|package| package.name.as_str()).collect();
    let table: Vec<&str> = EDGES.iter().map(|(name, _)| *name).collect();
    ensure!(names == table, "the table has {table:?}, the workspace {names:?}");
    for package in &crates {
        let used = package.dependency_names();
        ensure!(!used.contains("palisade"), "{} depends on the binary", package.name);
        let allowed = EDGES.iter().find(|(name, _)| *name == package.name).map(|(_, used)| *used);
        for used in ours(package) {
            ensure!(
                allowed.is_some_and(|allowed| allowed.contains(&used.as_str())),
                "{} must not use palisade-{used}",
                package.name
            );
        }
    }
    Ok(())
}

#[test]
fn a_crate_lies_in_the_folder_of_its_name() -> Result<()> {
    for package in crates()? {
        let folder = root().join("crates").join(&package.name).canonicalize()?;
        ensure!(package.folder() == folder, "{} lies in {}", package.name, folder.display());
    }
    Ok(())
}

#[test]
fn io_transport_and_the_policy_language_stay_where_they_belong() -> Result<()> {
    let crates = crates()?;
    for (name, forbidden) in FORBIDDEN {
        let package = crates.iter().find(|package| package.name == name);
        let uses: Vec<_> = package.iter().flat_map(|package| &package.dependencies).collect();
        ensure!(package.is_some(), "no crate {name}");
        for dependency in uses.iter().filter(|dependency| dependency.kind.is_none()) {
            ensure!(
                !forbidden.contains(&dependency.name.as_str()),
                "{name} must not use {}",
                dependency.name
            );
        }
    }
    Ok(())
}

#[test]
fn the_core_of_cedar_is_used_by_one_module() -> Result<()> {
    for package in crates()? {
        let uses = package.dependency_names().contains("cedar-policy-core");
        let allowed = package.name == "palisade-engine";
        ensure!(uses == allowed, "{}: cedar-policy-core {uses}", package.name);
    }
    let module = "crates/palisade-engine/src/cedar_core";
    let name = ["cedar_policy", "core"].join("_");
    for file in rust_files()? {
        let inside =
            file.path.starts_with(&format!("{module}/")) || file.path == format!("{module}.rs");
        ensure!(inside || !file.text.contains(&name), "{} names {name}", file.path);
    }
    Ok(())
}
