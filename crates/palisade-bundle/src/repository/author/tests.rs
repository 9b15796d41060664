use std::fs;
use std::io::Write as _;
use std::path::Path;

use palisade_core::Clock;
use tempfile::TempDir;

use super::super::fixtures::{TestRepository, bundle, channels};
use super::super::{RoleName, author};
use super::{AuthorError, KeyFile, RotateRole, SigningKey, pem};

#[test]
fn keys_are_written_once_for_their_owner_alone() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("key");
    let key = SigningKey::generate(&path).unwrap();
    assert_eq!(KeyFile::read_signing(&path).unwrap().public(), key.public());
    let public = directory.path().join("key.pub");
    assert_eq!(KeyFile::read(&public).unwrap().public(), key.public());
    assert!(matches!(KeyFile::read_signing(&public), Err(AuthorError::KeyFile { .. })));
    let before = fs::read(&path).unwrap();
    assert!(matches!(SigningKey::generate(&path), Err(AuthorError::Exists { .. })));
    fs::remove_file(&path).unwrap();
    assert!(matches!(SigningKey::generate(&path), Err(AuthorError::Exists { .. })));
    assert!(!path.exists());
    fs::write(&path, &before).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let other = directory.path().join("other");
        SigningKey::generate(&other).unwrap();
        assert_eq!(fs::metadata(&other).unwrap().permissions().mode() & 0o777, 0o600);
    }
}

/// RFC 8410, section 10, has this key pair; OpenSSL writes keys in the same form.
#[test]
fn keys_of_other_tools_are_read() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("rfc8410");
    fs::write(
        &path,
        "-----BEGIN PRIVATE KEY-----\n\
         MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n\
         -----END PRIVATE KEY-----\n",
    )
    .unwrap();
    let key = KeyFile::read_signing(&path).unwrap();
    assert_eq!(
        key.public().to_pem(),
        "-----BEGIN PUBLIC KEY-----\n\
         MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n\
         -----END PUBLIC KEY-----\n"
    );
    let made = directory.path().join("made");
    let output = std::process::Command::new("openssl")
        .args(["genpkey", "-algorithm", "ed25519", "-out"])
        .arg(&made)
        .output();
    if output.is_ok_and(|output| output.status.success()) {
        let key = KeyFile::read_signing(&made).unwrap();
        let public = std::process::Command::new("openssl")
            .args(["pkey", "-pubout", "-in"])
            .arg(&made)
            .output()
            .unwrap();
        assert_eq!(String::from_utf8(public.stdout).unwrap(), key.public().to_pem());
        // And ours by it.
        let ours = directory.path().join("ours");
        let key = SigningKey::generate(&ours).unwrap();
        let public = std::process::Command::new("openssl")
            .args(["pkey", "-pubout", "-in"])
            .arg(&ours)
            .output()
            .unwrap();
        assert_eq!(String::from_utf8(public.stdout).unwrap(), key.public().to_pem());
    } else {
        writeln!(std::io::stderr(), "skipped: there is no `openssl` here").unwrap();
    }
}

#[test]
fn files_without_a_key_say_what_they_are() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("key");
    for (text, want) in [
        ("hello", "not one block of PEM"),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----", "something else"),
        ("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----", "another kind"),
        ("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----", "another kind"),
        (
            "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----",
            "encrypted",
        ),
    ] {
        fs::write(&path, text).unwrap();
        let error = KeyFile::read(&path).unwrap_err().to_string();
        assert!(error.contains(want), "{error}");
    }
}

#[test]
fn pem_is_read_as_it_is_written_and_strictly() {
    for length in 0..100 {
        let bytes: Vec<u8> = (0..length).map(|byte: u8| byte.wrapping_mul(7)).collect();
        assert_eq!(pem::read(&pem::write("X", &bytes)), Some(("X", bytes)));
    }
    for bad in [
        "-----BEGIN X-----\nAAA\n-----END X-----",
        "-----BEGIN X-----\nA===\n-----END X-----",
        "-----BEGIN X-----\nAA==AAAA\n-----END X-----",
        "-----BEGIN X-----\nAA*A\n-----END X-----",
        "-----BEGIN X-----\nAAAA\n-----END Y-----",
        "-----BEGIN X-----\nAAAA",
        "-----BEGIN X-----\nAAAA\n-----END X-----\n-----BEGIN X-----\nAAAA\n-----END X-----",
    ] {
        assert_eq!(pem::read(bad), None, "{bad}");
    }
}

/// The files below a directory, with their content.
fn tree(path: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    let mut folders = vec![path.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files.push((path.display().to_string(), fs::read(&path).unwrap()));
            }
        }
    }
    files.sort();
    files
}

#[test]
fn signatures_are_added_one_after_the_other_and_counted() {
    let repository = TestRepository::new(1, 2);
    repository.stage(&bundle("corp", 1, "x"), &["stable"]).unwrap();
    let published = tree(&repository.path().join("metadata"));
    let error = repository.publish().unwrap_err();
    assert!(error.to_string().contains("targets has 0 of 2 signatures"), "{error}");
    let signed = repository.folder.sign(&repository.key("targets1")).unwrap();
    assert_eq!(signed.roles, [RoleName::Targets]);
    assert_eq!(signed.needed[0].to_string(), "targets has 1 of 2 signatures");
    // Again by the same key: still one.
    let signed = repository.folder.sign(&repository.key("targets1")).unwrap();
    assert_eq!(signed.needed[0].valid, 1);
    let error = repository.folder.sign(&repository.key("root1")).unwrap_err();
    assert!(matches!(error, AuthorError::KeyOfNoRole { .. }), "{error}");
    assert!(matches!(repository.publish(), Err(AuthorError::NotSigned { .. })));
    assert_eq!(tree(&repository.path().join("metadata")), published);
    let signed = repository.folder.sign(&repository.key("targets3")).unwrap();
    assert!(signed.needed.is_empty());
    assert_eq!(repository.publish().unwrap().targets, 2);
    assert!(!repository.path().join("staged").exists());
    let error = repository.folder.sign(&repository.key("targets1")).unwrap_err();
    assert!(matches!(error, AuthorError::NothingStaged), "{error}");
}

#[test]
fn what_changes_after_a_signature_has_to_be_signed_again() {
    let repository = TestRepository::new(1, 1);
    repository.stage(&bundle("corp", 1, "x"), &["stable"]).unwrap();
    repository.sign(&["targets1"]);
    let added = repository.stage(&bundle("corp", 2, "x"), &["stable"]).unwrap();
    assert_eq!(added.signatures_dropped, 1);
    assert!(matches!(repository.publish(), Err(AuthorError::NotSigned { .. })));
}

#[test]
fn a_version_has_one_content_for_ever() {
    let repository = TestRepository::new(1, 1);
    repository.release(1, &["candidate"]);
    let error = repository.stage(&bundle("corp", 1, "other"), &["candidate"]).unwrap_err();
    assert!(matches!(error, AuthorError::VersionTaken { version: 1, .. }), "{error}");
    // The same content may be added again, to be in other channels.
    assert!(repository.stage(&bundle("corp", 1, "x"), &["candidate", "stable"]).is_ok());
}

#[test]
fn a_candidate_is_promoted_and_withdrawn() {
    let repository = TestRepository::new(1, 1);
    repository.release(1, &["candidate"]);
    let now = repository.clock.now();
    let set = |bundle: Option<&str>, version, to: &[&str]| {
        let bundle = bundle.map(|name| palisade_core::BundleName::new(name).unwrap());
        repository.folder.set_channels(
            bundle.as_ref(),
            version,
            &channels(to),
            repository.lifetimes,
            now,
        )
    };
    set(None, 1, &["stable"]).unwrap();
    let overview = repository.folder.overview().unwrap();
    let names = |offers: &[crate::repository::Offer]| {
        offers[0].channels().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(names(&overview.offers), ["candidate"]);
    assert_eq!(names(&overview.staged_offers.unwrap()), ["stable"]);
    assert_eq!(overview.needed.len(), 1);
    assert!(matches!(set(None, 9, &[]), Err(AuthorError::UnknownVersion { version: 9, .. })));
    repository.stage(&bundle("other", 1, "x"), &["stable"]).unwrap();
    assert!(matches!(set(None, 1, &[]), Err(AuthorError::Ambiguous { .. })));
    set(Some("corp"), 1, &[]).unwrap();
    let offers = repository.folder.overview().unwrap().staged_offers.unwrap();
    assert!(names(&offers).is_empty());
}

#[test]
fn publishing_with_nothing_staged_renews_snapshot_and_timestamp_alone() {
    let repository = TestRepository::new(1, 1);
    repository.release(1, &["stable"]);
    let before = repository.folder.overview().unwrap();
    repository.clock.move_to(20);
    let published = repository.publish().unwrap();
    assert_eq!(published.root, 1);
    assert_eq!(published.targets, 2);
    assert_eq!(published.timestamp, 3);
    let after = repository.folder.overview().unwrap();
    assert_eq!(before.published[0], after.published[0]);
    assert_eq!(before.published[1], after.published[1]);
    assert!(before.published[3].expires < after.published[3].expires);
}

#[test]
fn what_clients_would_refuse_is_not_published() {
    let repository = TestRepository::new(1, 1);
    repository.stage(&bundle("corp", 1, "x"), &["stable"]).unwrap();
    repository.sign(&["targets1"]);
    let before = tree(&repository.path().join("metadata"));
    // The staged archive is damaged, then lost.
    let staged = tree(&repository.path().join("staged/targets"));
    let (path, archive) = &staged[0];
    fs::write(path, &archive[1..]).unwrap();
    let error = repository.publish().unwrap_err();
    assert!(
        matches!(&error, AuthorError::Refused(refused) if refused.code() == "truncated"),
        "{error:?}"
    );
    fs::remove_file(path).unwrap();
    let error = repository.publish().unwrap_err();
    assert!(
        matches!(&error, AuthorError::Refused(refused) if refused.code() == "target_missing"),
        "{error:?}"
    );
    // The clock of this machine is wrong, so that everything has expired.
    fs::write(path, archive).unwrap();
    repository.clock.move_to(24 * 400);
    let error = repository.publish().unwrap_err();
    assert!(
        matches!(&error, AuthorError::Refused(refused) if refused.code() == "expired"),
        "{error:?}"
    );
    assert_eq!(tree(&repository.path().join("metadata")), before);
    repository.clock.move_to(0);
    assert!(repository.publish().is_ok());
}

#[test]
fn a_publishing_that_was_cut_off_can_be_done_again() {
    let repository = TestRepository::new(1, 1);
    repository.rotate(RoleName::Timestamp, &["timestamp2"], &[]);
    repository.stage(&bundle("corp", 1, "x"), &["stable"]).unwrap();
    repository.sign(&["root1", "targets1"]);
    let staged = repository.path().join("staged");
    let kept = repository.directory.path().join("kept");
    super::super::fixtures::copy_tree(&staged, &kept);
    let timestamp = fs::read(repository.path().join("metadata/timestamp.json")).unwrap();
    repository.publish().unwrap();
    // As if it had ended right before the timestamp.
    super::super::fixtures::copy_tree(&kept, &staged);
    fs::write(repository.path().join("metadata/timestamp.json"), timestamp).unwrap();
    repository.publish().unwrap();
    // And as if it had ended right after it.
    super::super::fixtures::copy_tree(&kept, &staged);
    repository.publish().unwrap();
    let overview = repository.folder.overview().unwrap();
    assert_eq!(overview.offers.len(), 1);
    assert!(overview.staged.is_empty());
}

#[test]
fn what_was_staged_before_something_else_was_published_is_stale() {
    let repository = TestRepository::new(1, 1);
    repository.stage(&bundle("corp", 1, "x"), &["stable"]).unwrap();
    let staged = repository.path().join("staged");
    let kept = repository.directory.path().join("kept");
    super::super::fixtures::copy_tree(&staged, &kept);
    fs::remove_dir_all(&staged).unwrap();
    repository.release(2, &["stable"]);
    super::super::fixtures::copy_tree(&kept, &staged);
    let stale = |result: Result<(), AuthorError>| {
        assert!(
            matches!(result, Err(AuthorError::Stale { staged: 2, published: 2, .. })),
            "{result:?}"
        );
    };
    stale(repository.publish().map(drop));
    stale(repository.stage(&bundle("corp", 3, "x"), &["stable"]).map(drop));
}

#[test]
fn a_rotation_needs_old_and_new_keys() {
    let repository = TestRepository::new(2, 1);
    let change = |role, add: &[&str], remove: &[&str], threshold| RotateRole {
        role,
        add: add.iter().map(|name| repository.public(name)).collect(),
        remove: remove.iter().map(|name| repository.public(name).id().to_string()).collect(),
        threshold,
    };
    let rotate = |change: &RotateRole| {
        repository.folder.rotate(change, repository.lifetimes, repository.clock.now())
    };
    rotate(&change(RoleName::Root, &["targets1", "targets2"], &["root1", "root2"], Some(3)))
        .unwrap();
    let signed = repository.folder.sign(&repository.key("root3")).unwrap();
    let needed: Vec<String> = signed.needed.iter().map(ToString::to_string).collect();
    assert_eq!(
        needed,
        [
            "root has 1 of 2 signatures by the keys of the published root",
            "root has 1 of 3 signatures by the keys of the staged root",
        ]
    );
    repository.sign(&["targets1", "targets2"]);
    assert!(matches!(repository.publish(), Err(AuthorError::NotSigned { .. })));
    repository.sign(&["root1"]);
    assert_eq!(repository.publish().unwrap().root, 2);

    for (add, remove, threshold) in [
        (&[][..], &[][..], Some(0)),
        (&[], &[], Some(4)),
        (&[], &["targets1", "targets2", "targets3"], None),
    ] {
        let result = rotate(&change(RoleName::Targets, add, remove, threshold));
        assert!(matches!(result, Err(AuthorError::Threshold { .. })), "{result:?}");
    }
    let result = rotate(&change(RoleName::Targets, &[], &["root1"], None));
    assert!(matches!(result, Err(AuthorError::UnknownKey { .. })), "{result:?}");
}

#[test]
fn a_whole_repository_is_verified_with_its_bundles() {
    let repository = TestRepository::new(2, 2);
    repository.release(1, &["stable"]);
    repository.release(2, &[]);
    let url = url::Url::from_directory_path(repository.path()).unwrap();
    let verify = |name: &str| {
        let scratch = repository.directory.path().join(name);
        author::verify(&url, &repository.root(1), &scratch, repository.clock())
    };
    let verified = verify("one").unwrap();
    assert_eq!(verified.offers.len(), 2);
    assert_eq!(verified.root, 1);
    let (path, _) = &tree(&repository.path().join("targets"))[0];
    fs::write(path, "x").unwrap();
    let error = verify("two").unwrap_err();
    assert!(
        matches!(&error, AuthorError::Refused(refused) if refused.code() == "truncated"),
        "{error:?}"
    );
}

#[test]
fn a_repository_is_made_in_an_empty_place_only() {
    let repository = TestRepository::new(1, 1);
    let role = |name: &str| author::RoleSetup {
        keys: vec![KeyFile::Signing(Box::new(repository.key(name)))],
        threshold: 1,
    };
    let setup = author::Setup {
        root: role("root1"),
        targets: role("targets1"),
        snapshot: role("snapshot1"),
        timestamp: role("timestamp1"),
    };
    let init = |path: &Path| {
        author::RepositoryFolder::init(path, &setup, repository.lifetimes, repository.clock.now())
    };
    assert!(matches!(init(repository.path()), Err(AuthorError::Exists { .. })));
    let empty = repository.directory.path().join("empty");
    fs::create_dir(&empty).unwrap();
    assert!(matches!(
        author::RepositoryFolder::open(&empty),
        Err(AuthorError::NotARepository { .. })
    ));
    // With private keys of every role there is nothing left to sign.
    assert!(init(&empty).unwrap().signatures_needed().unwrap().is_empty());
}
