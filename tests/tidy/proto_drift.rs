//! Generates the code of `palisade-proto` anew and compares it with what is committed, so that a
//! build needs neither `protoc` nor a build script. With `UPDATE_GENERATED=1` it writes instead.
//!
//! Also holds that everything in the contract says what it means.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use prost_types::{DescriptorProto, EnumDescriptorProto, FileDescriptorProto};

const PROTOS: [&str; 4] = [
    "palisade/v1/admin.proto",
    "palisade/v1/authorization.proto",
    "palisade/v1/record.proto",
    "palisade/v1/types.proto",
];
const GENERATED: [&str; 2] = ["palisade.v1.rs", "palisade_v1_descriptor.bin"];

#[test]
fn committed_code_is_what_the_contract_generates() -> Result<()> {
    let fresh = tempfile::tempdir()?;
    generate(fresh.path())?;
    let committed = root().join("crates/palisade-proto/src/gen");
    let update = std::env::var_os("UPDATE_GENERATED").is_some_and(|value| value == "1");
    for file in GENERATED {
        let (from, to) = (fresh.path().join(file), committed.join(file));
        if update {
            fs::copy(&from, &to).with_context(|| format!("cannot write {}", to.display()))?;
            continue;
        }
        ensure!(
            fs::read(&from)? == fs::read(&to)?,
            "{} is not what proto/ generates; run \
             `UPDATE_GENERATED=1 cargo test -p palisade-tests --test tidy proto_drift`",
            to.display()
        );
    }
    Ok(())
}

#[test]
fn everything_in_the_contract_is_commented() -> Result<()> {
    let mut uncommented = Vec::new();
    for file in compiler()?.file_descriptor_set().file {
        if file.package() == "palisade.v1" {
            uncommented.extend(elements(&file).into_iter().filter_map(|(path, name)| {
                (!is_commented(&file, &path)).then(|| format!("{}: {name}", file.name()))
            }));
        }
    }
    ensure!(uncommented.is_empty(), "no comment: {uncommented:#?}");
    Ok(())
}

#[test]
fn the_zero_value_of_an_enum_says_nothing() -> Result<()> {
    for file in compiler()?.file_descriptor_set().file {
        if file.package() != "palisade.v1" {
            continue;
        }
        for item in &file.enum_type {
            let zero = item.value.iter().find(|value| value.number() == 0);
            let name = zero.map_or("", |value| value.name());
            ensure!(name.ends_with("_UNSPECIFIED"), "{}: {name}", item.name());
        }
    }
    Ok(())
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn compiler() -> Result<protox::Compiler> {
    let mut compiler = protox::Compiler::new([root().join("proto")])?;
    compiler.include_imports(true).include_source_info(true).open_files(PROTOS)?;
    Ok(compiler)
}

fn generate(into: &Path) -> Result<()> {
    let compiler = compiler()?;
    fs::write(into.join("palisade_v1_descriptor.bin"), compiler.encode_file_descriptor_set())?;
    tonic_prost_build::configure()
        .emit_rerun_if_changed(false)
        .out_dir(into)
        .compile_fds(compiler.file_descriptor_set())?;
    Ok(())
}

/// Every message, field, enum, value, service and method of a file: where its comment would be
/// (`SourceCodeInfo.Location.path`, field numbers of `descriptor.proto`) and its name.
fn elements(file: &FileDescriptorProto) -> Vec<(Vec<i32>, String)> {
    let mut found = Vec::new();
    for (index, message) in (0..).zip(&file.message_type) {
        add_message(&mut found, &[4, index], message);
    }
    for (index, item) in (0..).zip(&file.enum_type) {
        add_enum(&mut found, &[5, index], item);
    }
    for (index, service) in (0..).zip(&file.service) {
        found.push((vec![6, index], service.name().to_owned()));
        for (method_index, method) in (0..).zip(&service.method) {
            found.push((vec![6, index, 2, method_index], method.name().to_owned()));
        }
    }
    found
}

fn add_message(found: &mut Vec<(Vec<i32>, String)>, path: &[i32], message: &DescriptorProto) {
    found.push((path.to_vec(), message.name().to_owned()));
    for (index, field) in (0..).zip(&message.field) {
        found.push(([path, &[2, index]].concat(), format!("{}.{}", message.name(), field.name())));
    }
    for (index, nested) in (0..).zip(&message.nested_type) {
        add_message(found, &[path, &[3, index]].concat(), nested);
    }
    for (index, item) in (0..).zip(&message.enum_type) {
        add_enum(found, &[path, &[4, index]].concat(), item);
    }
}

fn add_enum(found: &mut Vec<(Vec<i32>, String)>, path: &[i32], item: &EnumDescriptorProto) {
    found.push((path.to_vec(), item.name().to_owned()));
    for (index, value) in (0..).zip(&item.value) {
        found.push(([path, &[2, index]].concat(), value.name().to_owned()));
    }
}

fn is_commented(file: &FileDescriptorProto, path: &[i32]) -> bool {
    let locations = file.source_code_info.iter().flat_map(|info| &info.location);
    locations.filter(|location| location.path == path).any(|location| {
        !location.leading_comments().trim().is_empty()
            || !location.trailing_comments().trim().is_empty()
    })
}
