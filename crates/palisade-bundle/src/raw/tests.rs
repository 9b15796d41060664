use std::fs;
use std::path::Path;

use tempfile::TempDir;

use super::{RawBundle, ReadLimits};
use crate::ReadBundleError;

impl RawBundle {
    /// A bundle that was not read from anywhere.
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        let files = files.iter().map(|(path, text)| ((*path).into(), (*text).into()));
        Self { files: files.collect() }
    }
}

fn directory(files: &[(&str, &[u8])]) -> TempDir {
    let directory = TempDir::new().unwrap();
    for (path, content) in files {
        let path = directory.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    directory
}

fn read(directory: &TempDir) -> Result<RawBundle, ReadBundleError> {
    RawBundle::read_directory(directory.path())
}

const SMALL: ReadLimits = ReadLimits { file_bytes: 4, files: 3, bytes: 8 };

fn read_small(files: &[(&str, &[u8])]) -> Result<RawBundle, ReadBundleError> {
    RawBundle::read_within(directory(files).path(), SMALL)
}

#[test]
fn every_file_is_read_by_its_path_in_the_bundle() {
    let directory = directory(&[
        ("bundle.yaml", b"b"),
        ("policies/b.cedar", b"pb"),
        ("policies/a.cedar", b"pa"),
        ("policies/links.yaml", b"links: []"),
        ("tests/x.json", b"[]"),
        ("README.md", b"read me"),
    ]);
    let bundle = read(&directory).unwrap();
    assert_eq!(bundle.text("policies/a.cedar"), Some("pa"));
    assert_eq!(bundle.text("policies/c.cedar"), None);
    let policies: Vec<_> = bundle.folder("policies", "cedar").into_iter().map(|f| f.name).collect();
    assert_eq!(policies, ["policies/a.cedar".into(), "policies/b.cedar".into()]);
    assert_eq!(bundle.files().count(), 6);
}

#[test]
fn what_editors_and_file_systems_leave_behind_is_skipped() {
    let directory = directory(&[
        (".git/HEAD", b"ref"),
        ("bundle.yaml~", b"old"),
        ("policies/.a.cedar.swp", b"\xff"),
        ("policies/a.swp", b"\xff"),
        ("policies/a.cedar", b"a"),
    ]);
    assert_eq!(read(&directory).unwrap().files().count(), 1);
}

#[test]
fn unknown_entries_are_refused_all_at_once_with_what_to_do() {
    let directory = directory(&[
        ("bundle.yml", b""),
        ("policy/a.cedar", b""),
        ("policies/notes.txt", b""),
        ("policies/deep/a.cedar", b""),
        ("entities/a.yaml", b""),
        ("tests/no_extension", b""),
    ]);
    let error = read(&directory).unwrap_err();
    let ReadBundleError::UnknownEntries { entries } = &error else { panic!("{error}") };
    let names: Vec<_> = entries.iter().map(|unknown| unknown.entry.as_str()).collect();
    assert_eq!(
        names,
        [
            "bundle.yml",
            "entities/a.yaml",
            "policies/deep/",
            "policies/notes.txt",
            "policy/",
            "tests/no_extension",
        ]
    );
    let text = error.to_string();
    assert!(text.contains("files at its top are bundle.yaml, catalog.yaml"), "{text}");
    assert!(text.contains("files of `policies/` end in .cedar"), "{text}");
    assert!(text.contains("files of `tests/` end in .yaml or .json"), "{text}");
}

#[test]
fn a_missing_directory_is_an_error_with_its_path() {
    let error = RawBundle::read_directory(Path::new("/nonexistent/bundle")).unwrap_err();
    assert_eq!(error.to_string(), "cannot read `/nonexistent/bundle`");
}

#[test]
fn content_that_is_not_utf_8_is_refused_with_its_place() {
    let error = read(&directory(&[("policies/a.cedar", b"ab\xffc")])).unwrap_err();
    assert!(
        matches!(&error, ReadBundleError::NotUtf8 { file, offset: 2 } if file == "policies/a.cedar"),
        "{error}"
    );
}

#[cfg(unix)]
#[test]
fn a_name_that_is_not_utf_8_is_refused() {
    use std::os::unix::ffi::OsStrExt;

    let directory = directory(&[("bundle.yaml", b"")]);
    let name = std::ffi::OsStr::from_bytes(b"\xff.cedar");
    fs::write(directory.path().join(name), "").unwrap();
    assert!(matches!(read(&directory), Err(ReadBundleError::NotUtf8Name { .. })));
}

#[cfg(unix)]
#[test]
fn links_are_refused_wherever_they_point() {
    let outside = directory(&[("a.cedar", b"permit (principal, action, resource);")]);
    let file_link = directory(&[("policies/b.cedar", b"")]);
    let target = outside.path().join("a.cedar");
    std::os::unix::fs::symlink(target, file_link.path().join("policies/a.cedar")).unwrap();
    let error = read(&file_link).unwrap_err();
    assert!(
        matches!(&error, ReadBundleError::NotAFile { entry } if entry == "policies/a.cedar"),
        "{error}"
    );

    let folder_link = directory(&[("bundle.yaml", b"")]);
    std::os::unix::fs::symlink(outside.path(), folder_link.path().join("policies")).unwrap();
    assert!(matches!(read(&folder_link), Err(ReadBundleError::NotAFile { .. })));
}

#[test]
fn a_file_at_the_limit_is_read_and_one_byte_more_is_not() {
    assert!(read_small(&[("bundle.yaml", b"1234")]).is_ok());
    let error = read_small(&[("bundle.yaml", b"12345")]).unwrap_err();
    assert!(matches!(error, ReadBundleError::FileTooLarge { limit: 4, .. }), "{error}");
}

#[test]
fn a_bundle_at_the_limit_of_bytes_is_read_and_one_byte_more_is_not() {
    let eight: [(&str, &[u8]); 2] = [("bundle.yaml", b"1234"), ("policies/a.cedar", b"1234")];
    assert!(read_small(&eight).is_ok());
    let error = read_small(&[eight[0], eight[1], ("tests/a.yaml", b"1")]).unwrap_err();
    assert!(matches!(error, ReadBundleError::TooLarge { limit: 8 }), "{error}");
}

#[test]
fn a_bundle_at_the_limit_of_files_is_read_and_one_file_more_is_not() {
    let three: [(&str, &[u8]); 3] =
        [("bundle.yaml", b""), ("policies/a.cedar", b""), ("policies/b.cedar", b"")];
    assert!(read_small(&three).is_ok());
    for extra in ["policies/c.cedar", "tests/a.yaml", "README.md"] {
        let error = read_small(&[three[0], three[1], three[2], (extra, b"")]).unwrap_err();
        assert!(matches!(error, ReadBundleError::TooManyFiles { limit: 3 }), "{extra}: {error}");
    }
}

#[test]
fn the_limit_of_a_file_is_the_one_of_a_bundle() {
    let directory = directory(&[("README.md", b"")]);
    let file = fs::File::options().write(true).open(directory.path().join("README.md")).unwrap();
    file.set_len(palisade_core::limits::BUNDLE_FILE_BYTES_MAX).unwrap();
    assert!(read(&directory).is_ok());
    file.set_len(palisade_core::limits::BUNDLE_FILE_BYTES_MAX + 1).unwrap();
    assert!(matches!(read(&directory), Err(ReadBundleError::FileTooLarge { .. })));
}

#[test]
fn the_digest_depends_on_every_path_and_every_byte_and_on_nothing_else() {
    let bundle = RawBundle::of(&[("a", "x"), ("b", "yz")]);
    // printf of lengths and bytes through sha256sum.
    assert_eq!(
        bundle.digest().to_string(),
        "54161407304e4601e57914051c6e437c85308c2530f0476c257629bc58e34730"
    );
    assert_eq!(bundle.digest(), RawBundle::of(&[("b", "yz"), ("a", "x")]).digest());
    for other in [
        RawBundle::of(&[("a", "x"), ("b", "yzz")]),
        RawBundle::of(&[("a", "xb"), ("b", "yz")]),
        RawBundle::of(&[("a", "xy"), ("b", "z")]),
        RawBundle::of(&[("c", "x"), ("b", "yz")]),
        RawBundle::of(&[("a", "x")]),
    ] {
        assert_ne!(bundle.digest(), other.digest());
    }
}
