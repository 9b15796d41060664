//! A release from the first key to a client, as people would do it.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use crate::cli::tests::{Ran, palisade};
use crate::exit::Exit;

const QUICKSTART: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../policies/quickstart");

/// Runs `palisade bundle`; a word `@x` is the file `x` of the directory.
fn step(directory: &Path, line: &str) -> Ran {
    let words: Vec<String> = line
        .split_whitespace()
        .map(|word| match word.strip_prefix('@') {
            Some(name) => directory.join(name).to_str().unwrap().to_owned(),
            None => word.to_owned(),
        })
        .collect();
    let mut arguments = vec!["bundle"];
    arguments.extend(words.iter().map(String::as_str));
    palisade(&arguments)
}

fn done(directory: &Path, line: &str) -> String {
    let ran = step(directory, line);
    assert_eq!(ran.exit, Exit::Success, "{line}: {}", ran.err);
    ran.out
}

fn refused(directory: &Path, line: &str) -> String {
    let ran = step(directory, line);
    assert_ne!(ran.exit, Exit::Success, "{line}: {}", ran.out);
    ran.err
}

const PUBLISH: &str = "publish @repo --snapshot-key @publish --timestamp-key @publish";
const VERIFY: &str = "verify @repo --root @repo/metadata/1.root.json";

fn repository() -> TempDir {
    let directory = TempDir::new().unwrap();
    let path = directory.path();
    for key in ["root", "release1", "release2", "release3", "publish"] {
        assert!(done(path, &format!("key --out @{key}")).contains("BEGIN PUBLIC KEY"));
    }
    let out = done(
        path,
        "init-repo @repo --root-key @root --root-threshold 1 --targets-key @release1.pub \
         --targets-key @release2.pub --targets-key @release3.pub --targets-threshold 2 \
         --snapshot-key @publish --timestamp-key @publish --expires timestamp=2d",
    );
    assert!(out.contains("needed: targets has 0 of 2 signatures"), "{out}");
    directory
}

#[test]
fn a_release_goes_from_a_key_to_a_client() {
    let directory = repository();
    let path = directory.path();
    assert!(refused(path, PUBLISH).contains("targets has 0 of 2 signatures"));
    let out = done(path, &format!("build {QUICKSTART} --out @one.tar.gz"));
    assert!(out.contains("sha256"), "{out}");
    done(path, &format!("build {QUICKSTART} --out @two.tar.gz"));
    assert_eq!(
        fs::read(path.join("one.tar.gz")).unwrap(),
        fs::read(path.join("two.tar.gz")).unwrap()
    );

    done(path, "add @repo @one.tar.gz --channel candidate");
    let out = done(path, "sign @repo --key @release1");
    assert!(out.contains("needed: targets has 1 of 2 signatures"), "{out}");
    let err = refused(path, PUBLISH);
    assert!(err.contains("1 of 2"), "{err}");
    assert!(done(path, "sign @repo --key @release3").contains("ready"));
    assert!(done(path, PUBLISH).contains("published: root 1, targets 1"));
    assert!(done(path, VERIFY).contains("candidate"));

    done(path, "channel @repo 1 --channel stable,candidate");
    let out = done(path, "show @repo");
    assert!(out.contains("staged:") && out.contains("candidate, stable"), "{out}");
    done(path, "sign @repo --key @release1");
    done(path, "sign @repo --key @release2");
    done(path, PUBLISH);
    assert!(done(path, VERIFY).contains("candidate, stable"));

    done(path, "key --out @release4");
    done(path, "rotate @repo --role targets --add-key @release4.pub --threshold 1");
    done(path, "sign @repo --key @root");
    done(path, "sign @repo --key @release4");
    assert!(done(path, PUBLISH).contains("root 2, targets 3"));
    assert!(done(path, VERIFY).contains("genuine, by root 2"));
    assert!(done(path, PUBLISH).contains("root 2, targets 3"));

    done(path, "channel @repo 1 --withdraw");
    done(path, "renew @repo --role targets");
    assert!(done(path, "show @repo").contains("withdrawn"));
}

#[test]
fn a_spoilt_repository_is_refused_with_a_code() {
    let directory = repository();
    let path = directory.path();
    for key in ["release1", "release2"] {
        done(path, &format!("sign @repo --key @{key}"));
    }
    done(path, PUBLISH);
    fs::write(path.join("repo/metadata/timestamp.json"), "{").unwrap();
    let err = refused(path, VERIFY);
    assert!(err.contains("[truncated]"), "{err}");
    let err = refused(path, "verify @nowhere --root @repo/metadata/1.root.json");
    assert!(err.contains("cannot read"), "{err}");
}

#[test]
fn bundles_are_shown_and_compared_packed_or_not() {
    let directory = TempDir::new().unwrap();
    let path = directory.path();
    let built = done(path, &format!("build {QUICKSTART} --out @q.tar.gz"));
    let shown = done(path, "show @q.tar.gz");
    let sha256 = built.lines().find(|line| line.starts_with("sha256")).unwrap();
    assert!(shown.contains(sha256) && shown.contains("bundle.yaml"), "{shown}");
    assert_eq!(done(path, &format!("diff @q.tar.gz {QUICKSTART}")), "");
    fs::create_dir(path.join("empty")).unwrap();
    let ran = step(path, &format!("diff {QUICKSTART} @empty"));
    assert_eq!(ran.exit, Exit::Failure);
    assert!(ran.out.contains("- file bundle.yaml"), "{}", ran.out);
    assert!(ran.err.contains("not valid"), "{}", ran.err);
}

#[test]
fn a_bundle_that_does_not_load_is_not_packed() {
    let directory = TempDir::new().unwrap();
    let path = directory.path();
    fs::create_dir(path.join("bad")).unwrap();
    fs::write(path.join("bad/bundle.yaml"), "format: 9").unwrap();
    let ran = step(path, "build @bad --out @bad.tar.gz");
    assert_eq!(ran.exit, Exit::Bundle);
    assert!(!path.join("bad.tar.gz").exists());
}

#[test]
fn wrong_words_are_refused_with_a_hint() {
    let directory = TempDir::new().unwrap();
    for (line, want) in [
        ("publish @repo --snapshot-key @k --timestamp-key @k --expires week=1d", "the roles are"),
        ("publish @repo --snapshot-key @k --timestamp-key @k --expires root=1", "targets=90d"),
        ("publish @repo --snapshot-key @k --timestamp-key @k --expires root=0d", "3650d"),
        ("renew @repo --role timestamp", "`publish` renews"),
        ("channel @repo 1", "required"),
        ("channel @repo 1 --channel Bad!", "a channel has"),
        ("rotate @repo --role targets", "required"),
        ("show @repo", "cannot read"),
        ("add @repo @x", "is no repository"),
    ] {
        let err = refused(directory.path(), line);
        assert!(err.contains(want), "{line}: {err}");
    }
}
