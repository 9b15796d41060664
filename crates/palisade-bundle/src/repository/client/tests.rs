use std::fs;
use std::sync::atomic::Ordering;

use serde_json::Value;

use super::super::author::Lifetimes;
use super::super::fixtures::server::{Behaviour, Server};
use super::super::fixtures::{TestRepository, bundle, running};
use super::super::{OpenRepositoryError, RepositoryError, RoleName};
use super::{Checked, RepositoryClient};
use crate::raw::RawBundle;

mod attacks;
mod keys;
mod state;

fn code(result: Result<Checked, RepositoryError>) -> &'static str {
    match result {
        Ok(checked) => panic!("accepted: {checked:?}"),
        Err(error) => error.code(),
    }
}

/// A repository with version 1 of the bundle published, a server, and a client that has seen it.
fn followed() -> (TestRepository, Server, RepositoryClient) {
    let repository = TestRepository::new(1, 1);
    repository.release(1, &["stable"]);
    let server = Server::start(repository.path());
    let mut client = repository.client(&server.url(), "trust");
    assert_eq!(client.check(&running()).unwrap().active.version(), 1);
    server.take_log();
    (repository, server, client)
}

#[test]
fn the_highest_version_of_the_channel_is_offered_and_fetched() {
    let repository = TestRepository::new(2, 2);
    repository.release(1, &["stable"]);
    repository.release(3, &["candidate"]);
    repository.release(2, &["stable", "candidate"]);
    let server = Server::start(repository.path());
    let mut client = repository.client(&server.url(), "trust");
    assert_eq!(client.metadata_expires(), None);
    let checked = client.check(&running()).unwrap();
    assert!(checked.changed);
    assert_eq!(checked.active.version(), 2);
    assert_eq!(checked.active.target(), "corp/corp-2.tar.gz");
    let shadow = checked.shadow.unwrap();
    assert_eq!(shadow.version(), 3);
    assert_eq!(client.metadata_expires(), Some(checked.expires));

    let archive = client.fetch(&checked.active, &running()).unwrap();
    let fetched = RawBundle::read_archive(&archive).unwrap();
    assert_eq!(fetched, bundle("corp", 2, "x"));
    assert!(checked.active.matches(&fetched));
    assert!(!shadow.matches(&fetched));
    assert!(client.fetch(&shadow, &running()).is_ok());
}

#[test]
fn files_are_served_from_a_directory_as_well() {
    let repository = TestRepository::new(1, 1);
    repository.release(1, &["stable"]);
    let url = format!("file://{}", repository.path().display());
    let mut client = repository.client(&url, "trust");
    let checked = client.check(&running()).unwrap();
    assert!(client.fetch(&checked.active, &running()).is_ok());
    assert!(!client.check(&running()).unwrap().changed);
    repository.release(2, &["stable"]);
    let checked = client.check(&running()).unwrap();
    assert!(checked.changed);
    assert_eq!(checked.active.version(), 2);
    fs::remove_dir_all(repository.path().join("targets")).unwrap();
    assert_eq!(client.fetch(&checked.active, &running()).unwrap_err().code(), "target_missing");
    fs::remove_dir_all(repository.path()).unwrap();
    assert_eq!(code(client.check(&running())), "http_status");
}

#[test]
fn what_has_not_changed_costs_one_answer_without_a_body() {
    let (repository, server, mut client) = followed();
    for _ in 0..3 {
        let checked = client.check(&running()).unwrap();
        assert!(!checked.changed);
        assert_eq!(checked.active.version(), 1);
        assert_eq!(server.take_log(), ["/metadata/timestamp.json 304"]);
    }
    repository.release(2, &["stable"]);
    assert_eq!(client.check(&running()).unwrap().active.version(), 2);
    assert_eq!(
        server.take_log(),
        [
            "/metadata/timestamp.json 200",
            "/metadata/2.root.json 404",
            "/metadata/3.snapshot.json 200",
            "/metadata/3.targets.json 200",
        ]
    );
}

#[test]
fn a_server_that_knows_no_conditions_is_asked_for_the_timestamp_alone() {
    let (_repository, server, mut client) = followed();
    server.ignore_conditions();
    assert!(!client.check(&running()).unwrap().changed);
    assert_eq!(server.take_log(), ["/metadata/timestamp.json 200"]);
}

#[test]
fn an_answer_of_unchanged_does_not_outlive_the_metadata() {
    let (repository, server, mut client) = followed();
    repository.clock.move_to(25);
    assert_eq!(code(client.check(&running())), "frozen");
    assert_eq!(server.take_log()[0], "/metadata/timestamp.json 200");
    // Whoever answers so without having been asked is not believed.
    server.misbehave("/metadata/timestamp.json", Behaviour::Status(304));
    assert_eq!(code(client.check(&running())), "http_status");
}

#[test]
fn a_stop_is_heeded_before_and_while_downloading() {
    let (_repository, server, mut client) = followed();
    let stop = running();
    stop.store(true, Ordering::Relaxed);
    assert_eq!(code(client.check(&stop)), "stopped");
    assert!(server.take_log().is_empty());

    server.misbehave("/metadata/timestamp.json", Behaviour::Trickle);
    let stop = running();
    let result = std::thread::scope(|scope| {
        let asking = scope.spawn(|| client.check(&stop));
        while server.take_log().is_empty() {
            std::thread::yield_now();
        }
        stop.store(true, Ordering::Relaxed);
        asking.join().unwrap()
    });
    assert_eq!(code(result), "stopped");
}

#[test]
fn a_url_must_be_of_a_folder_and_hold_no_secrets() {
    let repository = TestRepository::new(1, 1);
    for url in [
        "ftp://example.org/bundles",
        "https://user:secret@example.org/bundles",
        "https://example.org/bundles?token=1",
        "https://example.org/bundles#x",
        "data:text/plain,x",
    ] {
        let error = RepositoryClient::open(repository.config(url, "trust"), repository.clock())
            .unwrap_err();
        assert_eq!(error.code(), "bad_url", "{url}");
        assert!(!error.to_string().contains("secret"), "{error}");
    }
}

#[test]
fn a_directory_has_one_client_at_a_time() {
    let (repository, server, client) = followed();
    let open =
        || RepositoryClient::open(repository.config(&server.url(), "trust"), repository.clock());
    assert_eq!(open().unwrap_err().code(), "in_use");
    drop(client);
    assert!(open().is_ok());
}

#[test]
fn a_root_that_is_none_is_refused_at_once() {
    let repository = TestRepository::new(1, 1);
    let mut unsigned: Value = serde_json::from_slice(&repository.root(1)).unwrap();
    unsigned["signatures"] = Value::Array(Vec::new());
    for root in [b"{}".to_vec(), unsigned.to_string().into_bytes(), vec![b' '; 70_000]] {
        let mut config = repository.config("https://example.org/x", "trust");
        config.root = root;
        let error = RepositoryClient::open(config, repository.clock()).unwrap_err();
        assert!(matches!(error, OpenRepositoryError::Root { .. }), "{error}");
    }
}

#[test]
fn nothing_is_offered_where_there_is_nothing() {
    let repository = TestRepository::new(1, 1);
    let server = Server::start(repository.path());
    let mut client = repository.client(&server.url(), "trust");
    assert_eq!(code(client.check(&running())), "no_bundle");
    repository.release(1, &["candidate"]);
    assert_eq!(code(client.check(&running())), "no_bundle");
    repository.stage(&bundle("other", 7, "x"), &["stable"]).unwrap();
    repository.sign(&["targets1"]);
    repository.publish().unwrap();
    assert_eq!(code(client.check(&running())), "no_bundle");
}

#[test]
fn a_lower_version_in_the_shadow_does_not_keep_the_active_one_back() {
    let repository = TestRepository::new(1, 1);
    repository.release(1, &["stable", "candidate"]);
    repository.release(2, &["candidate"]);
    let server = Server::start(repository.path());
    let mut client = repository.client(&server.url(), "trust");
    assert_eq!(client.check(&running()).unwrap().shadow.unwrap().version(), 2);
    let none = super::super::fixtures::channels(&[]);
    let now = palisade_core::Clock::now(&*repository.clock);
    repository.folder.set_channels(None, 2, &none, Lifetimes::default(), now).unwrap();
    repository.sign(&["targets1"]);
    repository.publish().unwrap();
    let checked = client.check(&running()).unwrap();
    assert_eq!(checked.active.version(), 1);
    assert!(checked.shadow.is_none());
    assert_eq!(checked.shadow_refused.unwrap().code(), "rollback");
}

#[test]
fn every_role_name_is_one_of_tuf() {
    for role in RoleName::ALL {
        assert_eq!(role.role_type().to_string(), role.as_str());
        assert_eq!(RoleName::from(role.role_type()), role);
    }
}
