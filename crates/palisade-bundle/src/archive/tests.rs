use std::io::Write;

use flate2::{Compression, GzBuilder};
use tar::{EntryType, Header};

use super::{ArchiveProblem, BLOCK, header, padding};
use crate::raw::{RawBundle, ReadLimits};
use crate::{ReadBundleError, ReadBundleError as Error};

const SMALL: ReadLimits = ReadLimits { file_bytes: 600, files: 3, bytes: 1000 };

fn gzip(tar: &[u8]) -> Vec<u8> {
    let mut gzip =
        GzBuilder::new().mtime(0).operating_system(255).write(Vec::new(), Compression::new(6));
    gzip.write_all(tar).unwrap();
    gzip.finish().unwrap()
}

fn entry(header: &Header, content: &[u8]) -> Vec<u8> {
    let mut bytes = header.as_bytes().to_vec();
    bytes.extend_from_slice(content);
    bytes.resize(bytes.len() + padding(content.len() as u64), 0);
    bytes
}

fn file(name: &str, content: &[u8]) -> Vec<u8> {
    entry(&header(name, content.len() as u64).unwrap(), content)
}

fn tar(entries: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = entries.concat();
    bytes.resize(bytes.len() + 2 * BLOCK, 0);
    bytes
}

fn read(entries: &[Vec<u8>]) -> Result<RawBundle, ReadBundleError> {
    RawBundle::read_archive(&gzip(&tar(entries)))
}

/// What is wrong, with the entry it is said of.
fn problem(result: Result<RawBundle, ReadBundleError>) -> (ArchiveProblem, Option<String>) {
    match result {
        Err(Error::Archive { entry, problem, .. }) => (problem, entry),
        other => panic!("{other:?}"),
    }
}

/// A header with any bytes as its name, whatever `tar` thinks of it.
fn named(name: &[u8], entry_type: EntryType) -> Header {
    let mut header = header("README.md", 0).unwrap();
    let bytes = header.as_mut_bytes();
    bytes[..100].fill(0);
    bytes[..name.len()].copy_from_slice(name);
    header.set_entry_type(entry_type);
    header.set_cksum();
    header
}

fn sample() -> RawBundle {
    RawBundle::of(&[
        ("README.md", "read me"),
        ("bundle.yaml", "format: 1\n"),
        ("policies/a.cedar", "permit (principal, action, resource);"),
        ("policies/ä.cedar", ""),
        ("tests/x.yaml", &"x".repeat(1024)),
    ])
}

#[test]
fn what_was_packed_is_read_again() {
    let bundle = sample();
    let read = RawBundle::read_archive(&bundle.pack().unwrap()).unwrap();
    assert_eq!(read, bundle);
    assert_eq!(read.digest(), bundle.digest());
    let empty = RawBundle::of(&[]);
    assert_eq!(RawBundle::read_archive(&empty.pack().unwrap()).unwrap(), empty);
}

#[test]
fn any_bundle_is_read_as_it_was_packed() {
    let mut random = crate::repository::fixtures::Random::new(7);
    for _ in 0..200 {
        let names: Vec<(String, String)> = (0..random.below(12))
            .map(|_| {
                let folder = ["policies", "entities", "tests", "schema"][random.below(4)];
                let extension = match folder {
                    "policies" => "cedar",
                    "entities" => "json",
                    "tests" => "yaml",
                    _ => "cedarschema",
                };
                let stem = "n".repeat(1 + random.below(80)) + &random.below(50).to_string();
                let length = [0, 1, 511, 512, 513, random.below(5000)][random.below(6)];
                let text = (0..length)
                    .map(|_| char::from_u32(32 + u32::try_from(random.below(90)).unwrap()).unwrap())
                    .collect();
                (format!("{folder}/{stem}.{extension}"), text)
            })
            .collect();
        let files: Vec<(&str, &str)> =
            names.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        let bundle = RawBundle::of(&files);
        let packed = bundle.pack().unwrap();
        assert_eq!(RawBundle::read_archive(&packed).unwrap(), bundle);
        assert_eq!(RawBundle::read_archive(&packed).unwrap().pack().unwrap(), packed);
    }
}

/// If this fails after an update of a library, archives have other bytes than before: bundles
/// that several people build to compare them must then be built with the same version.
#[test]
fn the_bytes_of_an_archive_do_not_change() {
    let packed = sample().pack().unwrap();
    assert_eq!(
        palisade_core::Sha256Digest::of(&packed).to_string(),
        "b5afb2f32cf9de07880a4fdc978f20876e7e08692c0e0e3bfe430b38aa33a9bf"
    );
}

#[test]
fn names_that_do_not_fit_are_not_packed() {
    let fits = format!("policies/{}.cedar", "n".repeat(94));
    let bundle = RawBundle::of(&[(&fits, "x")]);
    assert_eq!(RawBundle::read_archive(&bundle.pack().unwrap()).unwrap(), bundle);
    let long = format!("policies/{}.cedar", "n".repeat(95));
    let error = RawBundle::of(&[(&long, "x")]).pack().unwrap_err();
    assert!(error.to_string().contains("too long"), "{error}");
}

#[test]
fn names_that_lead_elsewhere_are_refused() {
    for (name, want) in [
        ("../bundle.yaml", ArchiveProblem::Name),
        ("/bundle.yaml", ArchiveProblem::Name),
        ("./bundle.yaml", ArchiveProblem::Name),
        ("policies/../bundle.yaml", ArchiveProblem::Name),
        ("policies/./a.cedar", ArchiveProblem::Name),
        ("policies//a.cedar", ArchiveProblem::Name),
        ("policies/x/../a.cedar", ArchiveProblem::Name),
        ("policies/a/b.cedar", ArchiveProblem::Name),
        ("policies\\a.cedar", ArchiveProblem::Name),
        ("policies/a\n.cedar", ArchiveProblem::Name),
        ("policies/", ArchiveProblem::Name),
        ("", ArchiveProblem::Name),
        (".hidden", ArchiveProblem::Skipped),
        ("policies/.a.cedar", ArchiveProblem::Skipped),
        ("policies/a.cedar~", ArchiveProblem::Skipped),
        (".git/a.cedar", ArchiveProblem::Skipped),
    ] {
        let (problem, entry) =
            problem(read(&[entry(&named(name.as_bytes(), EntryType::Regular), b"")]));
        assert_eq!(problem, want, "{name}");
        assert_eq!(entry.unwrap(), name.escape_debug().to_string());
    }
    // A name ends at the first NUL; what is behind it makes the header another one.
    let hidden = named(b"bundle.yaml\0/../x", EntryType::Regular);
    assert_eq!(problem(read(&[entry(&hidden, b"")])).0, ArchiveProblem::Header);
    let latin = named(b"policies/\xff.cedar", EntryType::Regular);
    assert_eq!(problem(read(&[entry(&latin, b"")])).0, ArchiveProblem::NameNotUtf8);
}

#[test]
fn whatever_is_no_file_is_refused() {
    for (entry_type, want) in [
        (EntryType::Link, ArchiveProblem::Link),
        (EntryType::Symlink, ArchiveProblem::Link),
        (EntryType::Directory, ArchiveProblem::Directory),
        (EntryType::Char, ArchiveProblem::Special),
        (EntryType::Block, ArchiveProblem::Special),
        (EntryType::Fifo, ArchiveProblem::Special),
        (EntryType::Continuous, ArchiveProblem::Special),
        (EntryType::GNULongName, ArchiveProblem::Special),
        (EntryType::GNULongLink, ArchiveProblem::Special),
        (EntryType::GNUSparse, ArchiveProblem::Special),
        (EntryType::XHeader, ArchiveProblem::Special),
        (EntryType::XGlobalHeader, ArchiveProblem::Special),
        (EntryType::new(b'Z'), ArchiveProblem::Special),
    ] {
        let (problem, entry) = problem(read(&[entry(&named(b"bundle.yaml", entry_type), b"")]));
        assert_eq!(problem, want, "{entry_type:?}");
        assert_eq!(entry.as_deref(), Some("bundle.yaml"));
    }
}

#[test]
fn headers_that_say_more_than_a_name_and_a_length_are_refused() {
    let changes: [fn(&mut Header); 8] = [
        |header| header.set_mode(0o755),
        |header| header.set_uid(1),
        |header| header.set_gid(1),
        |header| header.set_mtime(1),
        |header| header.set_username("root").unwrap(),
        |header| header.set_link_name("x").unwrap(),
        |header| header.as_mut_bytes()[511] = 1,
        |header| header.as_mut_bytes()[156] = 0,
    ];
    for (index, change) in changes.iter().enumerate() {
        let mut changed = header("bundle.yaml", 1).unwrap();
        change(&mut changed);
        changed.set_cksum();
        let (problem, _) = problem(read(&[entry(&changed, b"x")]));
        assert_eq!(problem, ArchiveProblem::Header, "{index}");
    }
    let mut unsummed = header("bundle.yaml", 1).unwrap();
    unsummed.as_mut_bytes()[150] ^= 1;
    assert_eq!(problem(read(&[entry(&unsummed, b"x")])).0, ArchiveProblem::Header);
    let mut gnu = Header::new_gnu();
    gnu.set_path("bundle.yaml").unwrap();
    gnu.set_size(1);
    gnu.set_cksum();
    assert_eq!(problem(read(&[entry(&gnu, b"x")])).0, ArchiveProblem::Header);
}

#[test]
fn names_stand_once_and_in_order() {
    let (a, b) = (file("policies/a.cedar", b""), file("policies/b.cedar", b""));
    assert!(read(&[a.clone(), b.clone()]).is_ok());
    assert_eq!(problem(read(&[a.clone(), a.clone()])).0, ArchiveProblem::Duplicate);
    assert_eq!(problem(read(&[b, a])).0, ArchiveProblem::Order);
}

#[test]
fn the_layout_is_that_of_a_directory() {
    let error = read(&[file("bundle.yml", b""), file("policy/a.cedar", b"")]).unwrap_err();
    let Error::UnknownEntries { entries } = &error else { panic!("{error}") };
    assert_eq!(entries.len(), 2);
    let error = read(&[file("policies/a.cedar", b"ab\xff")]).unwrap_err();
    assert!(matches!(error, Error::NotUtf8 { offset: 2, .. }), "{error}");
}

#[test]
fn limits_hold_at_their_value_and_not_one_beyond() {
    let read = |entries: &[Vec<u8>]| RawBundle::read_archive_within(&gzip(&tar(entries)), SMALL);
    let of = |name: &str, length: usize| file(name, &vec![b'x'; length]);
    assert!(read(&[of("bundle.yaml", 600)]).is_ok());
    let error = read(&[of("bundle.yaml", 601)]).unwrap_err();
    assert!(matches!(error, Error::FileTooLarge { limit: 600, .. }), "{error}");
    assert!(read(&[of("bundle.yaml", 600), of("catalog.yaml", 400)]).is_ok());
    let error = read(&[of("bundle.yaml", 600), of("catalog.yaml", 401)]).unwrap_err();
    assert!(matches!(error, Error::TooLarge { limit: 1000 }), "{error}");
    let four = ["policies/a.cedar", "policies/b.cedar", "policies/c.cedar", "policies/d.cedar"]
        .map(|name| of(name, 0));
    assert!(read(&four[..3]).is_ok());
    let error = read(&four).unwrap_err();
    assert!(matches!(error, Error::TooManyFiles { limit: 3 }), "{error}");
}

#[test]
fn unknown_entries_count_as_files() {
    let names: Vec<String> = (1000..1005).map(|number| format!("unknown{number}")).collect();
    let entries: Vec<Vec<u8>> = names.iter().map(|name| file(name, b"")).collect();
    let error = RawBundle::read_archive_within(&gzip(&tar(&entries)), SMALL).unwrap_err();
    assert!(matches!(error, Error::TooManyFiles { .. }), "{error}");
}

#[test]
fn a_length_that_is_not_there_costs_nothing() {
    let lying = header("bundle.yaml", 16 * 1024 * 1024).unwrap();
    let (problem, _) = problem(RawBundle::read_archive(&gzip(lying.as_bytes())));
    assert_eq!(problem, ArchiveProblem::Truncated);
    let error = read(&[entry(&header("bundle.yaml", 1 << 32).unwrap(), b"")]).unwrap_err();
    assert!(matches!(error, Error::FileTooLarge { .. }), "{error}");
}

#[test]
fn a_bomb_is_refused_before_it_goes_off() {
    // 10 GB of zeros are an empty archive with something behind it.
    let mut bomb = GzBuilder::new().operating_system(255).write(Vec::new(), Compression::new(6));
    let block = vec![0; 1024 * 1024];
    for _ in 0..256 {
        bomb.write_all(&block).unwrap();
    }
    let bomb = bomb.finish().unwrap();
    assert!(bomb.len() < 1024 * 1024);
    assert_eq!(problem(RawBundle::read_archive(&bomb)).0, ArchiveProblem::Trailing);

    let mut many = GzBuilder::new().operating_system(255).write(Vec::new(), Compression::new(6));
    for number in 0..20_000 {
        many.write_all(&file(&format!("tests/{number:08}.yaml"), b"")).unwrap();
    }
    let error = RawBundle::read_archive(&many.finish().unwrap()).unwrap_err();
    assert!(matches!(error, Error::TooManyFiles { .. }), "{error}");
}

#[test]
fn nothing_may_stand_behind_the_end() {
    let good = tar(&[file("bundle.yaml", b"x")]);
    assert!(RawBundle::read_archive(&gzip(&good)).is_ok());
    for more in [vec![0], vec![0; BLOCK], file("catalog.yaml", b"")] {
        let (problem, _) = problem(RawBundle::read_archive(&gzip(&[good.clone(), more].concat())));
        assert_eq!(problem, ArchiveProblem::Trailing);
    }
    for more in [vec![0], gzip(b""), gzip(&good)] {
        let (problem, _) = problem(RawBundle::read_archive(&[gzip(&good), more].concat()));
        assert_eq!(problem, ArchiveProblem::Trailing);
    }
    let one_block = [file("bundle.yaml", b"x"), vec![0; BLOCK]].concat();
    assert_eq!(problem(RawBundle::read_archive(&gzip(&one_block))).0, ArchiveProblem::Truncated);
    let second = [one_block, file("catalog.yaml", b"")].concat();
    assert_eq!(problem(RawBundle::read_archive(&gzip(&second))).0, ArchiveProblem::Trailing);
    let mut padded = file("bundle.yaml", b"x");
    padded[BLOCK + 1] = 1;
    assert_eq!(problem(read(&[padded])).0, ArchiveProblem::Padding);
}

/// A few bits can be changed so that the same bytes come out: compression has several ways to say
/// one thing. What counts is that never something else comes out.
#[test]
fn an_archive_that_was_cut_or_changed_anywhere_never_says_something_else() {
    let packed = sample().pack().unwrap();
    for length in 0..packed.len() {
        assert!(RawBundle::read_archive(&packed[..length]).is_err(), "{length}");
    }
    for index in 0..packed.len() {
        for bit in 0..8 {
            let mut changed = packed.clone();
            changed[index] ^= 1 << bit;
            if let Ok(read) = RawBundle::read_archive(&changed) {
                assert_eq!(read, sample(), "{index} {bit}");
            }
        }
    }
}

#[test]
fn gzip_headers_with_names_and_times_are_refused() {
    let tar = tar(&[file("bundle.yaml", b"x")]);
    for builder in [
        GzBuilder::new().mtime(1).operating_system(255),
        GzBuilder::new().operating_system(3),
        GzBuilder::new().operating_system(255).filename("x"),
        GzBuilder::new().operating_system(255).comment("x"),
    ] {
        let mut gzip = builder.write(Vec::new(), Compression::new(6));
        gzip.write_all(&tar).unwrap();
        let (problem, _) = problem(RawBundle::read_archive(&gzip.finish().unwrap()));
        assert_eq!(problem, ArchiveProblem::NotGzip);
    }
    assert_eq!(problem(RawBundle::read_archive(&tar)).0, ArchiveProblem::NotGzip);
    assert_eq!(problem(RawBundle::read_archive(b"")).0, ArchiveProblem::Truncated);
}

/// What the usual tool writes says more than names and contents, so it is refused as well.
#[test]
fn archives_of_other_tools_are_refused() {
    let directory = tempfile::TempDir::new().unwrap();
    std::fs::create_dir(directory.path().join("policies")).unwrap();
    std::fs::write(directory.path().join("bundle.yaml"), "format: 1").unwrap();
    for format in ["gnu", "pax", "ustar"] {
        let output = std::process::Command::new("tar")
            .args(["--format", format, "-cf", "-", "bundle.yaml", "policies"])
            .current_dir(directory.path())
            .output();
        let Ok(output) = output else {
            writeln!(std::io::stderr(), "skipped: there is no `tar` here").unwrap();
            return;
        };
        assert!(!output.stdout.is_empty());
        assert!(RawBundle::read_archive(&gzip(&output.stdout)).is_err(), "{format}");
    }
}
