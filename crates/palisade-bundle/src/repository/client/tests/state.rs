//! What is remembered across restarts, and what is made of a state that cannot be used.

use std::fs;
use std::path::PathBuf;

use super::*;

fn trust_file(repository: &TestRepository) -> PathBuf {
    repository.directory.path().join("trust/trusted.json")
}

#[test]
fn expiry_is_known_after_a_restart_without_any_download() {
    let (repository, server, client) = followed();
    let expires = client.metadata_expires();
    assert!(expires.is_some());
    drop(client);
    let client = repository.client(&server.url(), "trust");
    assert_eq!(client.metadata_expires(), expires);
    assert!(server.take_log().is_empty());
}

#[test]
fn a_torn_or_changed_state_is_refused_and_never_a_fresh_start() {
    let (repository, server, client) = followed();
    drop(client);
    let path = trust_file(&repository);
    let whole = fs::read(&path).unwrap();
    let open =
        || RepositoryClient::open(repository.config(&server.url(), "trust"), repository.clock());
    let mut random = super::super::super::fixtures::Random::new(3);
    for round in 0..60 {
        let at = random.below(whole.len());
        let mut damaged = whole.clone();
        if round % 2 == 0 {
            damaged.truncate(at);
        } else {
            damaged[at] ^= 1 << random.below(8);
        }
        fs::write(&path, &damaged).unwrap();
        let error = open().unwrap_err();
        assert_eq!(error.code(), "trust_state", "{at}: {error}");
        assert_eq!(fs::read(&path).unwrap(), damaged);
    }
    // Whole, but made by hand: another version than was signed.
    let text = String::from_utf8(whole.clone()).unwrap();
    let json = text.split_once('\n').unwrap().1.replace(r#"\"version\":2"#, r#"\"version\":1"#);
    let digest = palisade_core::Sha256Digest::of(json.as_bytes());
    assert!(!text.ends_with(&json));
    fs::write(&path, format!("{digest}\n{json}")).unwrap();
    assert_eq!(open().unwrap_err().code(), "trust_state");
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    assert_eq!(open().unwrap_err().code(), "trust_state");
    fs::remove_dir(&path).unwrap();
    fs::write(&path, &whole).unwrap();
    assert_eq!(open().unwrap().check(&running()).unwrap().active.version(), 1);
}

#[test]
fn what_a_crash_leaves_behind_does_no_harm() {
    let (repository, server, client) = followed();
    drop(client);
    let trust = repository.directory.path().join("trust");
    fs::write(trust.join("trusted.json.new"), "half of a sta").unwrap();
    fs::remove_dir_all(trust.join("scratch")).unwrap();
    fs::write(trust.join("scratch"), "not even a directory").unwrap_or(());
    fs::remove_file(trust.join("scratch")).unwrap();
    fs::create_dir(trust.join("scratch")).unwrap();
    fs::write(trust.join("scratch/timestamp.json"), "{").unwrap();
    repository.release(2, &["stable"]);
    let mut client = repository.client(&server.url(), "trust");
    assert_eq!(client.check(&running()).unwrap().active.version(), 2);
}

#[test]
fn a_state_that_cannot_be_kept_fails_the_check() {
    let (repository, _server, mut client) = followed();
    repository.release(2, &["stable"]);
    fs::create_dir(repository.directory.path().join("trust/trusted.json.new")).unwrap();
    assert_eq!(code(client.check(&running())), "trust_state");
    fs::remove_dir(repository.directory.path().join("trust/trusted.json.new")).unwrap();
    assert_eq!(client.check(&running()).unwrap().active.version(), 2);
}

/// With the configured root, which knows the old timestamp key, as the beginning of each check,
/// every check would see a rotation and forget the versions it has seen.
#[test]
fn rotated_keys_do_not_make_a_client_forget_what_it_has_seen() {
    let (repository, server, mut client) = followed();
    repository.rotate(RoleName::Timestamp, &["timestamp2"], &["timestamp1"]);
    repository.sign(&["root1"]);
    repository.publish_with("snapshot1", "timestamp2").unwrap();
    let old = repository.copy("old");
    client.check(&running()).unwrap();
    // Nothing about the bundle is new, so that only metadata can tell.
    repository.publish_with("snapshot1", "timestamp2").unwrap();
    client.check(&running()).unwrap();
    server.serve(&old);
    assert_eq!(code(client.check(&running())), "rollback");
    drop(client);
    let mut client = repository.client(&server.url(), "trust");
    assert_eq!(code(client.check(&running())), "rollback");
    assert_eq!(code(client.check(&running())), "rollback");
    server.serve(repository.path());
    assert_eq!(client.check(&running()).unwrap().active.version(), 1);
}

/// A timestamp with a very high version, signed with a key that was stolen.
fn run_up(repository: &TestRepository) -> Behaviour {
    let path = repository.path().join("metadata/timestamp.json");
    let mut run_up: tough::schema::Signed<tough::schema::Timestamp> =
        serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    run_up.signed.version = 1_000_000.try_into().unwrap();
    run_up.signatures.clear();
    super::super::super::author::sign_for_test(&mut run_up, &repository.key("timestamp1"));
    Behaviour::Bytes(serde_json::to_vec(&run_up).unwrap())
}

/// What the old keys were made to sign must not stand in the way of the new ones.
#[test]
fn a_rotation_recovers_from_versions_that_were_run_up() {
    let (repository, server, mut client) = followed();
    server.misbehave("/metadata/timestamp.json", run_up(&repository));
    client.check(&running()).unwrap();
    server.behave();
    assert_eq!(code(client.check(&running())), "rollback");
    repository.rotate(RoleName::Timestamp, &["timestamp2"], &["timestamp1"]);
    repository.sign(&["root1"]);
    repository.publish_with("snapshot1", "timestamp2").unwrap();
    assert_eq!(client.check(&running()).unwrap().active.version(), 1);
}

/// The same when the check that sees the rotation breaks off right after it, and the key that
/// signed the high version is still good.
#[test]
fn a_rotation_recovers_even_if_the_first_check_fails() {
    let (repository, server, mut client) = followed();
    server.misbehave("/metadata/timestamp.json", run_up(&repository));
    client.check(&running()).unwrap();
    repository.rotate(RoleName::Snapshot, &["snapshot2"], &["snapshot1"]);
    repository.sign(&["root1"]);
    repository.publish_with("snapshot2", "timestamp1").unwrap();
    server.misbehave("/metadata/timestamp.json", Behaviour::Bytes(b"{}".to_vec()));
    assert_eq!(code(client.check(&running())), "malformed");
    server.behave();
    assert_eq!(client.check(&running()).unwrap().active.version(), 1);
}

#[test]
fn what_was_verified_before_a_check_failed_counts_after_a_restart() {
    let (repository, server, mut client) = followed();
    repository.publish().unwrap();
    let between = repository.copy("between");
    repository.publish().unwrap();
    server.misbehave("/metadata/4.snapshot.json", Behaviour::Status(500));
    assert_eq!(code(client.check(&running())), "http_status");
    drop(client);
    server.serve(&between);
    let mut client = repository.client(&server.url(), "trust");
    assert_eq!(code(client.check(&running())), "rollback");
}

#[test]
fn another_configured_root_begins_trust_anew_but_keeps_the_versions_seen() {
    let (repository, server, mut client) = followed();
    repository.release(5, &["stable"]);
    assert_eq!(client.check(&running()).unwrap().active.version(), 5);
    drop(client);
    let other = TestRepository::new(1, 1);
    other.release(4, &["stable"]);
    server.serve(other.path());
    // The old root does not accept the other repository.
    assert_eq!(code(repository.client(&server.url(), "trust").check(&running())), "wrong_key");
    let mut config = repository.config(&server.url(), "trust");
    config.root = other.root(1);
    let mut client = RepositoryClient::open(config.clone(), repository.clock()).unwrap();
    assert_eq!(client.metadata_expires(), None);
    assert_eq!(code(client.check(&running())), "rollback");
    other.release(6, &["stable"]);
    assert_eq!(client.check(&running()).unwrap().active.version(), 6);
    drop(client);
    let client = RepositoryClient::open(config, repository.clock()).unwrap();
    assert!(client.metadata_expires().is_some());
}

#[test]
fn a_clock_that_went_back_is_refused() {
    let (repository, server, mut client) = followed();
    repository.clock.move_to(2);
    repository.release(2, &["stable"]);
    let offer = client.check(&running()).unwrap().active;
    repository.clock.move_to(0);
    assert_eq!(code(client.check(&running())), "clock");
    assert_eq!(client.fetch(&offer, &running()).unwrap_err().code(), "clock");
    drop(client);
    let mut client = repository.client(&server.url(), "trust");
    assert_eq!(code(client.check(&running())), "clock");
    repository.clock.move_to(3);
    assert_eq!(client.check(&running()).unwrap().active.version(), 2);
}
