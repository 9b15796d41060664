//! Keys come and go: rotations are followed, what was removed does not count any more.

use std::fs;

use tough::schema::{Signed, Timestamp};

use super::super::super::author::sign_for_test;
use super::*;

#[test]
fn a_client_that_is_several_roots_behind_follows_every_rotation() {
    let repository = TestRepository::new(2, 2);
    repository.release(1, &["stable"]);
    let server = Server::start(repository.path());
    let mut client = repository.client(&server.url(), "trust");
    client.check(&running()).unwrap();

    repository.rotate(RoleName::Timestamp, &["timestamp2"], &["timestamp1"]);
    repository.sign(&["root1", "root2"]);
    repository.publish_with("snapshot1", "timestamp2").unwrap();
    repository.rotate(RoleName::Snapshot, &["snapshot2"], &["snapshot1"]);
    repository.sign(&["root1", "root2"]);
    repository.publish_with("snapshot2", "timestamp2").unwrap();
    repository.rotate(RoleName::Targets, &["root3"], &["targets1", "targets2"]);
    repository.sign(&["root1", "root2", "root3", "targets3"]);
    repository.publish_with("snapshot2", "timestamp2").unwrap();
    repository.rotate(RoleName::Root, &["targets1", "targets2"], &["root1"]);
    repository.sign(&["root2", "root3"]);
    repository.publish_with("snapshot2", "timestamp2").unwrap();
    repository.stage(&bundle("corp", 2, "x"), &["stable"]).unwrap();
    repository.sign(&["root3", "targets3"]);
    repository.publish_with("snapshot2", "timestamp2").unwrap();

    server.take_log();
    let checked = client.check(&running()).unwrap();
    assert_eq!(checked.active.version(), 2);
    assert!(client.fetch(&checked.active, &running()).is_ok());
    let roots = server.take_log().into_iter().filter(|line| line.contains("root.json 200"));
    assert_eq!(roots.count(), 4);
    // One that begins now, with the first root, gets there as well.
    let mut fresh = repository.client(&server.url(), "fresh");
    assert_eq!(fresh.check(&running()).unwrap().active.version(), 2);
}

#[test]
fn a_key_that_was_removed_does_not_count_any_more() {
    let (repository, server, mut client) = followed();
    repository.rotate(RoleName::Timestamp, &["timestamp2"], &["timestamp1"]);
    repository.sign(&["root1"]);
    let error = repository.publish().unwrap_err();
    assert!(error.to_string().contains("needs 1 keys of role timestamp"), "{error}");
    repository.publish_with("snapshot1", "timestamp2").unwrap();
    client.check(&running()).unwrap();
    // The thief of the old key signs a timestamp of his own.
    let path = repository.path().join("metadata/timestamp.json");
    let mut stolen: Signed<Timestamp> = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    stolen.signed.version = 99.try_into().unwrap();
    stolen.signatures.clear();
    sign_for_test(&mut stolen, &repository.key("timestamp1"));
    let bytes = serde_json::to_vec(&stolen).unwrap();
    server.misbehave("/metadata/timestamp.json", Behaviour::Bytes(bytes));
    assert_eq!(code(client.check(&running())), "wrong_key");
}

#[test]
fn a_root_without_the_old_keys_is_refused() {
    let repository = TestRepository::new(2, 1);
    repository.release(1, &["stable"]);
    let server = Server::start(repository.path());
    let mut client = repository.client(&server.url(), "trust");
    client.check(&running()).unwrap();
    for (keys, want) in [(&[][..], "wrong_key"), (&["root1"], "too_few_signatures")] {
        let mut root: Signed<tough::schema::Root> =
            serde_json::from_slice(&repository.root(1)).unwrap();
        root.signed.version = 2.try_into().unwrap();
        root.signatures.clear();
        for key in keys {
            sign_for_test(&mut root, &repository.key(key));
        }
        let bytes = serde_json::to_vec(&root).unwrap();
        server.misbehave("/metadata/2.root.json", Behaviour::Bytes(bytes));
        repository.publish().unwrap();
        assert_eq!(code(client.check(&running())), want);
    }
}

#[test]
fn a_root_that_skips_a_version_is_refused() {
    let (repository, server, mut client) = followed();
    for (version, want) in [(1, "rollback"), (3, "rollback")] {
        let mut root: Signed<tough::schema::Root> =
            serde_json::from_slice(&repository.root(1)).unwrap();
        root.signed.version = version.try_into().unwrap();
        root.signatures.clear();
        sign_for_test(&mut root, &repository.key("root1"));
        let bytes = serde_json::to_vec(&root).unwrap();
        server.misbehave("/metadata/2.root.json", Behaviour::Bytes(bytes));
        repository.publish().unwrap();
        assert_eq!(code(client.check(&running())), want);
    }
}

#[test]
fn two_of_three_must_sign_and_any_two_do() {
    for (keys, want) in [
        (&[][..], Some("wrong_key")),
        (&["targets1"][..], Some("too_few_signatures")),
        (&["targets1", "targets2"][..], None),
        (&["targets2", "targets3"][..], None),
        (&["targets3", "root1"][..], Some("too_few_signatures")),
    ] {
        let repository = TestRepository::new(1, 2);
        repository.release(1, &["stable"]);
        let server = Server::start(repository.path());
        let mut client = repository.client(&server.url(), "trust");
        client.check(&running()).unwrap();
        // Published as good, then signed otherwise, with snapshot and timestamp made to fit.
        repository.release(2, &["stable"]);
        resign_targets(&repository, keys);
        let result = client.check(&running());
        match want {
            Some(want) => assert_eq!(code(result), want, "{keys:?}"),
            None => assert_eq!(result.unwrap().active.version(), 2),
        }
    }
}

/// Signs the newest targets with these keys alone, and snapshot and timestamp with theirs.
fn resign_targets(repository: &TestRepository, keys: &[&str]) {
    let metadata = repository.path().join("metadata");
    let sha256 = |bytes: &[u8]| palisade_core::Sha256Digest::of(bytes).as_bytes().to_vec();
    let path = metadata.join("3.targets.json");
    let mut targets: Signed<tough::schema::Targets> =
        serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    targets.signatures.clear();
    for key in keys {
        sign_for_test(&mut targets, &repository.key(key));
    }
    let targets = serde_json::to_vec(&targets).unwrap();
    fs::write(&path, &targets).unwrap();

    let path = metadata.join("3.snapshot.json");
    let mut snapshot: Signed<tough::schema::Snapshot> =
        serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    let meta = snapshot.signed.meta.get_mut("targets.json").unwrap();
    meta.length = Some(targets.len() as u64);
    meta.hashes.as_mut().unwrap().sha256 = sha256(&targets).into();
    snapshot.signatures.clear();
    sign_for_test(&mut snapshot, &repository.key("snapshot1"));
    let snapshot = serde_json::to_vec(&snapshot).unwrap();
    fs::write(&path, &snapshot).unwrap();

    let path = metadata.join("timestamp.json");
    let mut timestamp: Signed<Timestamp> =
        serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    let meta = timestamp.signed.meta.get_mut("snapshot.json").unwrap();
    meta.length = Some(snapshot.len() as u64);
    meta.hashes.as_mut().unwrap().sha256 = sha256(&snapshot).into();
    timestamp.signatures.clear();
    sign_for_test(&mut timestamp, &repository.key("timestamp1"));
    fs::write(&path, serde_json::to_vec(&timestamp).unwrap()).unwrap();
}
