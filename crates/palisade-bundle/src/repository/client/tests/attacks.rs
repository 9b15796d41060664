//! What somebody between repository and client can do, and what comes of it: a code each, and
//! trust that stays what it was.

use std::fs;
use std::path::Path;

use super::super::super::fixtures::Random;
use super::*;

/// The state on disk, as one string; what a refusal must not change.
fn trusted(repository: &TestRepository) -> Vec<u8> {
    fs::read(repository.directory.path().join("trust/trusted.json")).unwrap()
}

/// Version 2 is published; `misbehave` spoils it; the check must fail with `want`, then succeed
/// when the server behaves again, with and without a restart.
fn refused(want: &str, misbehave: impl Fn(&TestRepository, &Server)) {
    let (repository, server, mut client) = followed();
    repository.release(2, &["stable"]);
    let before = trusted(&repository);
    misbehave(&repository, &server);
    let error = client.check(&running()).unwrap_err();
    assert_eq!(error.code(), want, "{error}");
    assert!(!error.to_string().is_empty());
    // Versions that were seen stay; only what was verified before the fault may be newer.
    let after = String::from_utf8(trusted(&repository)).unwrap();
    assert!(after.contains(r#""corp/stable":{"version":1,"#), "{after}");
    if server.take_log().len() == 1 {
        assert!(after.as_bytes() == before, "{want}");
    }
    drop(client);
    let mut client = repository.client(&server.url(), "trust");
    assert_eq!(client.check(&running()).unwrap_err().code(), want);
    server.behave();
    server.serve(repository.path());
    assert_eq!(client.check(&running()).unwrap().active.version(), 2);
}

const TIMESTAMP: &str = "/metadata/timestamp.json";
const SNAPSHOT: &str = "/metadata/3.snapshot.json";
const TARGETS: &str = "/metadata/3.targets.json";
const NEXT_ROOT: &str = "/metadata/2.root.json";
const FILES: [&str; 4] = [TIMESTAMP, SNAPSHOT, TARGETS, NEXT_ROOT];

fn file(repository: &TestRepository, path: &str) -> Vec<u8> {
    fs::read(repository.path().join(path.trim_start_matches('/'))).unwrap()
}

fn json(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap()
}

#[test]
fn a_status_that_is_neither_a_file_nor_its_absence_fails_the_check() {
    for path in FILES {
        for status in [500, 503, 302, 401, 429, 304, 204, 206] {
            // Which the timestamp may be: it was asked for on condition.
            if path == TIMESTAMP && status == 304 {
                continue;
            }
            refused("http_status", |_, server| server.misbehave(path, Behaviour::Status(status)));
        }
    }
}

#[test]
fn only_the_next_root_may_be_absent() {
    for path in [TIMESTAMP, SNAPSHOT, TARGETS] {
        for status in [403, 404] {
            refused("http_status", |_, server| server.misbehave(path, Behaviour::Status(status)));
        }
    }
    for status in [403, 404] {
        let (repository, server, mut client) = followed();
        repository.release(2, &["stable"]);
        server.misbehave(NEXT_ROOT, Behaviour::Status(status));
        assert_eq!(client.check(&running()).unwrap().active.version(), 2);
    }
}

#[test]
fn a_root_that_cannot_be_had_is_not_a_root_that_is_not_there() {
    for behaviour in [
        Behaviour::Status(500),
        Behaviour::Endless,
        Behaviour::Stall,
        Behaviour::Bytes(b"{".to_vec()),
        Behaviour::Bytes(Vec::new()),
    ] {
        let (repository, server, mut client) = followed();
        repository.release(2, &["stable"]);
        server.misbehave(NEXT_ROOT, behaviour.clone());
        let error = client.check(&running()).unwrap_err();
        assert!(
            ["http_status", "too_large", "too_slow", "truncated"].contains(&error.code()),
            "{behaviour:?}: {error}"
        );
    }
}

#[test]
fn a_server_that_is_not_there_is_unreachable() {
    let (repository, server, mut client) = followed();
    let before = trusted(&repository);
    drop(server);
    assert_eq!(code(client.check(&running())), "unreachable");
    assert_eq!(trusted(&repository), before);
}

#[test]
fn data_without_end_is_too_large() {
    for path in FILES {
        refused("too_large", |_, server| server.misbehave(path, Behaviour::Endless));
    }
    let large = Behaviour::Bytes(vec![b' '; 64 * 1024 + 1]);
    refused("too_large", |_, server| server.misbehave(TIMESTAMP, large.clone()));
}

#[test]
fn data_that_trickles_or_stalls_is_too_slow() {
    for path in [TIMESTAMP, SNAPSHOT] {
        refused("too_slow", |_, server| server.misbehave(path, Behaviour::Trickle));
        refused("too_slow", |_, server| server.misbehave(path, Behaviour::Stall));
    }
}

#[test]
fn an_answer_that_breaks_off_is_truncated() {
    for path in [TIMESTAMP, SNAPSHOT, TARGETS] {
        for count in [0, 1, 100] {
            refused("truncated", |_, server| server.misbehave(path, Behaviour::Cut(count)));
        }
        refused("truncated", |_, server| server.misbehave(path, Behaviour::CutChunked(100)));
    }
    // Without a length, its form tells.
    refused("truncated", |repository, server| {
        let cut = file(repository, TIMESTAMP)[..200].to_vec();
        server.misbehave(TIMESTAMP, Behaviour::Bytes(cut));
    });
}

#[test]
fn what_is_no_metadata_is_malformed() {
    refused("malformed", |_, server| {
        server.misbehave(TIMESTAMP, Behaviour::Bytes(b"<html>please log in</html>".to_vec()));
    });
    refused("malformed", |repository, server| {
        server.misbehave(TIMESTAMP, Behaviour::Bytes(repository.root(1)));
    });
}

#[test]
fn metadata_without_a_signature_of_its_role_is_of_the_wrong_key() {
    for (path, want) in [(TIMESTAMP, "wrong_key"), (NEXT_ROOT, "wrong_key")] {
        refused(want, |repository, server| {
            let mut forged = if path == NEXT_ROOT {
                let mut root = json(&repository.root(1));
                root["signed"]["version"] = 2.into();
                root
            } else {
                json(&file(repository, path))
            };
            forged["signed"]["expires"] = "2099-01-01T00:00:00Z".into();
            server.misbehave(path, Behaviour::Bytes(forged.to_string().into_bytes()));
        });
    }
    // Signed, but by a key of another role.
    refused("wrong_key", |repository, server| {
        let mut other = repository.copy("other");
        other.push("metadata");
        let path = other.join("timestamp.json");
        let mut signed: tough::schema::Signed<tough::schema::Timestamp> =
            serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        signed.signatures.clear();
        super::super::super::author::sign_for_test(&mut signed, &repository.key("snapshot1"));
        let bytes = serde_json::to_vec(&signed).unwrap();
        server.misbehave(TIMESTAMP, Behaviour::Bytes(bytes));
    });
}

#[test]
fn the_same_signature_twice_does_not_count_twice() {
    refused("malformed", |repository, server| {
        let mut doubled = json(&file(repository, TIMESTAMP));
        let signature = doubled["signatures"][0].clone();
        doubled["signatures"].as_array_mut().unwrap().push(signature);
        server.misbehave(TIMESTAMP, Behaviour::Bytes(doubled.to_string().into_bytes()));
    });
}

#[test]
fn files_of_different_states_do_not_mix() {
    refused("mixed_versions", |repository, server| {
        let old = file(repository, "/metadata/2.snapshot.json");
        server.misbehave(SNAPSHOT, Behaviour::Bytes(old));
    });
    refused("mixed_versions", |repository, server| {
        let old = file(repository, "/metadata/2.targets.json");
        server.misbehave(TARGETS, Behaviour::Bytes(old));
    });
    refused("mixed_versions", |repository, server| {
        let mut longer = file(repository, SNAPSHOT);
        longer.push(b' ');
        server.misbehave(SNAPSHOT, Behaviour::Bytes(longer));
    });
}

#[test]
fn an_older_state_is_a_rollback() {
    let (repository, server, mut client) = followed();
    let old = repository.copy("old");
    repository.release(2, &["stable"]);
    assert_eq!(client.check(&running()).unwrap().active.version(), 2);
    let before = trusted(&repository);
    server.serve(&old);
    assert_eq!(code(client.check(&running())), "rollback");
    assert_eq!(trusted(&repository), before);
    drop(client);
    let mut client = repository.client(&server.url(), "trust");
    assert_eq!(code(client.check(&running())), "rollback");
    assert_eq!(trusted(&repository), before);
}

#[test]
fn a_lower_version_of_the_bundle_is_a_rollback_even_if_it_is_signed() {
    let (repository, server, mut client) = followed();
    repository.release(2, &["stable"]);
    assert_eq!(client.check(&running()).unwrap().active.version(), 2);
    withdraw(&repository, 2);
    let error = client.check(&running()).unwrap_err();
    assert_eq!(error.code(), "rollback");
    assert!(error.to_string().contains("from version 2 to 1"), "{error}");
    drop(client);
    let mut client = repository.client(&server.url(), "trust");
    assert_eq!(code(client.check(&running())), "rollback");
    repository.release(3, &["stable"]);
    assert_eq!(client.check(&running()).unwrap().active.version(), 3);
}

fn withdraw(repository: &TestRepository, version: u64) {
    let none = super::super::super::fixtures::channels(&[]);
    let now = palisade_core::Clock::now(&*repository.clock);
    repository.folder.set_channels(None, version, &none, repository.lifetimes, now).unwrap();
    repository.sign(&["targets1"]);
    repository.publish().unwrap();
}

#[test]
fn a_version_whose_content_changed_is_refused_even_if_it_is_signed() {
    // Another repository with the same keys, in which version 1 has another content.
    let (repository, server, mut client) = followed();
    let path = repository.path().join("metadata/2.targets.json");
    repository.release(2, &["candidate"]);
    let other = bundle("corp", 1, "other content");
    forge_version(&repository, &other);
    drop(path);
    let before_digest = client.check(&running());
    assert_eq!(code(before_digest), "target_changed");
    server.behave();
}

/// Replaces version 1 by other content, signed and published.
fn forge_version(repository: &TestRepository, other: &RawBundle) {
    let now = palisade_core::Clock::now(&*repository.clock);
    repository.folder.renew(RoleName::Targets, repository.lifetimes, now).unwrap();
    let staged = repository.path().join("staged/targets.json");
    let mut targets: Value = json(&fs::read(&staged).unwrap());
    let archive = other.pack().unwrap();
    let sha256 = palisade_core::Sha256Digest::of(&archive).to_string();
    let target = &mut targets["signed"]["targets"]["corp/corp-1.tar.gz"];
    target["length"] = archive.len().into();
    target["hashes"]["sha256"] = sha256.clone().into();
    target["custom"]["palisade"]["digest"] = other.digest().to_string().into();
    fs::write(&staged, targets.to_string()).unwrap();
    let place = repository.path().join(format!("staged/targets/{sha256}.corp"));
    fs::create_dir_all(&place).unwrap();
    fs::write(place.join("corp-1.tar.gz"), archive).unwrap();
    repository.sign(&["targets1"]);
    repository.publish().unwrap();
}

#[test]
fn metadata_past_its_time_is_refused() {
    for (hours, want) in [(25, "frozen"), (8 * 24, "frozen")] {
        let (repository, _server, mut client) = followed();
        let expires = client.metadata_expires();
        repository.clock.move_to(hours);
        assert_eq!(code(client.check(&running())), want);
        assert_eq!(client.metadata_expires(), expires);
    }
    // Each role alone.
    for role in ["root", "targets", "snapshot", "timestamp"] {
        let mut repository = TestRepository::new(1, 1);
        repository.release(1, &["stable"]);
        let long = Lifetimes {
            root_days: 900,
            targets_days: 900,
            snapshot_days: 900,
            timestamp_days: 900,
        };
        let mut lifetimes = long;
        match role {
            "root" => lifetimes.root_days = 2,
            "targets" => lifetimes.targets_days = 2,
            "snapshot" => lifetimes.snapshot_days = 2,
            _ => lifetimes.timestamp_days = 2,
        }
        repository.lifetimes = lifetimes;
        let now = palisade_core::Clock::now(&*repository.clock);
        repository.folder.renew(RoleName::Root, lifetimes, now).unwrap();
        repository.folder.renew(RoleName::Targets, lifetimes, now).unwrap();
        repository.sign(&["root1", "targets1"]);
        repository.publish().unwrap();
        let server = Server::start(repository.path());
        let mut client = repository.client(&server.url(), "trust");
        let offer = client.check(&running()).unwrap().active;
        repository.clock.move_to(3 * 24);
        let error = client.check(&running()).unwrap_err();
        assert_eq!(error.code(), if role == "timestamp" { "frozen" } else { "expired" }, "{role}");
        let error = client.fetch(&offer, &running()).unwrap_err();
        assert_eq!(error.code(), if role == "timestamp" { "frozen" } else { "expired" }, "{role}");
    }
}

/// The machine's own clock is asked as well, by the library below.
#[test]
fn metadata_that_expired_long_ago_is_refused_whatever_our_clock_says() {
    for role in ["root", "targets", "snapshot", "timestamp"] {
        let mut repository = TestRepository::new(1, 1);
        repository.release(1, &["stable"]);
        // Ten days ago this was good for a day; the rest is good for years.
        repository.clock.move_to(-240);
        let mut lifetimes = Lifetimes {
            root_days: 900,
            targets_days: 900,
            snapshot_days: 900,
            timestamp_days: 900,
        };
        match role {
            "root" => lifetimes.root_days = 1,
            "targets" => lifetimes.targets_days = 1,
            "snapshot" => lifetimes.snapshot_days = 1,
            _ => lifetimes.timestamp_days = 1,
        }
        repository.lifetimes = lifetimes;
        let now = palisade_core::Clock::now(&*repository.clock);
        repository.folder.renew(RoleName::Root, lifetimes, now).unwrap();
        repository.folder.renew(RoleName::Targets, lifetimes, now).unwrap();
        repository.sign(&["root1", "targets1"]);
        let error = repository.publish().unwrap_err();
        // Not even our own publishing accepts it.
        let refused = std::error::Error::source(&error).unwrap().to_string();
        let want = if role == "timestamp" { "timestamp" } else { role };
        assert!(refused.contains(want) && refused.contains("expired"), "{role}: {refused}");
    }
}

fn target_path(repository: &TestRepository, version: u64) -> String {
    let name = format!("corp-{version}.tar.gz");
    fs::read_dir(repository.path().join("targets"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .map(|folder| format!("/targets/{folder}/{name}"))
        .find(|path| repository.path().join(path.trim_start_matches('/')).is_file())
        .unwrap()
}

#[test]
fn a_target_that_is_not_what_was_signed_is_refused() {
    let (repository, server, mut client) = followed();
    let offer = client.check(&running()).unwrap().active;
    let path = target_path(&repository, 1);
    let good = file(&repository, &path);
    let longer = [good.clone(), vec![0]].concat();
    let shorter = good[..good.len() - 1].to_vec();
    let mut other = good.clone();
    other[20] ^= 1;
    for (behaviour, want) in [
        (Behaviour::Status(404), "target_missing"),
        (Behaviour::Status(403), "target_missing"),
        (Behaviour::Status(500), "http_status"),
        (Behaviour::Status(302), "http_status"),
        (Behaviour::Bytes(longer), "too_large"),
        (Behaviour::Bytes(shorter), "truncated"),
        (Behaviour::Cut(10), "truncated"),
        (Behaviour::CutChunked(10), "truncated"),
        (Behaviour::Bytes(other), "target_changed"),
        (Behaviour::Endless, "too_large"),
        (Behaviour::Stall, "too_slow"),
        (Behaviour::Trickle, "too_slow"),
    ] {
        server.misbehave(&path, behaviour.clone());
        let error = client.fetch(&offer, &running()).unwrap_err();
        assert_eq!(error.code(), want, "{behaviour:?}: {error}");
    }
    server.behave();
    assert_eq!(client.fetch(&offer, &running()).unwrap(), good);
}

#[test]
fn an_archive_that_is_not_the_signed_bundle_is_refused_although_its_bytes_are_signed() {
    // Signed with the digest of a bundle it does not hold; publishing refuses that, so it is put
    // in place by hand.
    let (repository, _server, mut client) = followed();
    let mut offer = client.check(&running()).unwrap().active;
    let fake = bundle("corp", 1, "other").pack().unwrap();
    offer.length = fake.len() as u64;
    offer.sha256 = palisade_core::Sha256Digest::of(&fake);
    let verify = super::super::super::follower::verify_target;
    assert_eq!(verify(&offer, &fake).unwrap_err().code(), "target_changed");
    let renamed = bundle("corp", 2, "x");
    let packed = renamed.pack().unwrap();
    offer.length = packed.len() as u64;
    offer.sha256 = palisade_core::Sha256Digest::of(&packed);
    offer.digest = renamed.digest();
    assert_eq!(verify(&offer, &packed).unwrap_err().code(), "target_changed");
    offer.version = 2;
    assert!(verify(&offer, &packed).is_ok());
    let junk = b"no archive".to_vec();
    offer.length = junk.len() as u64;
    offer.sha256 = palisade_core::Sha256Digest::of(&junk);
    assert_eq!(verify(&offer, &junk).unwrap_err().code(), "malformed");
    drop(repository);
}

#[test]
fn only_what_is_offered_now_is_fetched() {
    let (repository, server, mut client) = followed();
    let first = client.check(&running()).unwrap().active;
    repository.release(2, &["stable"]);
    let second = client.check(&running()).unwrap().active;
    assert_eq!(client.fetch(&first, &running()).unwrap_err().code(), "target_missing");
    server.misbehave(TIMESTAMP, Behaviour::Status(500));
    assert_eq!(code(client.check(&running())), "http_status");
    // A failed check takes nothing away that is still good.
    assert!(client.fetch(&second, &running()).is_ok());
}

#[test]
fn what_is_signed_about_a_bundle_must_be_understood() {
    type Change = fn(&mut Value);
    let changes: [Change; 7] = [
        |target| target["custom"]["palisade"]["version"] = 0.into(),
        |target| target["custom"]["palisade"]["version"] = 9.into(),
        |target| target["custom"]["palisade"]["bundle"] = "other".into(),
        |target| target["custom"]["palisade"]["digest"] = "00".into(),
        |target| target["custom"]["palisade"]["channels"] = serde_json::json!(["Stable!"]),
        |target| target["custom"]["palisade"]["more"] = 1.into(),
        |target| target["custom"] = serde_json::json!({}),
    ];
    for (index, change) in changes.into_iter().enumerate() {
        let (repository, _server, mut client) = followed();
        let now = palisade_core::Clock::now(&*repository.clock);
        repository.folder.renew(RoleName::Targets, repository.lifetimes, now).unwrap();
        let staged = repository.path().join("staged/targets.json");
        let mut targets = json(&fs::read(&staged).unwrap());
        change(&mut targets["signed"]["targets"]["corp/corp-1.tar.gz"]);
        fs::write(&staged, targets.to_string()).unwrap();
        repository.sign(&["targets1"]);
        repository.publish().unwrap();
        assert_eq!(code(client.check(&running())), "malformed", "{index}");
    }
}

/// Sampled, with a seed: a change of any byte of any file is refused, or changes nothing.
#[test]
fn no_changed_or_cut_file_is_ever_accepted() {
    let (repository, _server, client) = followed();
    drop(client);
    let url = format!("file://{}", repository.path().display());
    let mut random = Random::new(11);
    let files: Vec<_> =
        ["metadata/timestamp.json", "metadata/2.snapshot.json", "metadata/2.targets.json"]
            .map(|name| repository.path().join(name))
            .into_iter()
            .chain([repository.path().join(target_path(&repository, 1).trim_start_matches('/'))])
            .collect();
    let attempt = |number: usize| -> Result<Vec<u8>, RepositoryError> {
        let mut client = repository.client(&url, &format!("fresh{number}"));
        let offer = client.check(&running())?.active;
        client.fetch(&offer, &running())
    };
    let good = attempt(0).unwrap();
    let mut refused = 0;
    for (index, path) in files.iter().enumerate() {
        let whole = fs::read(path).unwrap();
        for round in 0..40 {
            let at = random.below(whole.len());
            let changed = if round % 4 == 3 {
                whole[..at].to_vec()
            } else {
                let mut changed = whole.clone();
                changed[at] ^= 1 << random.below(8);
                changed
            };
            fs::write(path, &changed).unwrap();
            match attempt(1 + index * 40 + round) {
                Ok(bytes) => assert_eq!(bytes, good, "{} at {at}", path.display()),
                Err(_) => refused += 1,
            }
        }
        fs::write(path, &whole).unwrap();
    }
    // White space and the case of hexadecimal digits are all that may change.
    assert!(refused > 140, "{refused}");
    assert!(attempt(999).is_ok());
    assert!(Path::new(&files[0]).is_file());
}

/// The first root is what everything hangs on: it is given, not fetched.
#[test]
fn no_changed_root_is_ever_accepted() {
    let (repository, server, client) = followed();
    drop(client);
    let good = repository.root(1);
    let signed = json(&good)["signed"].clone();
    let mut random = Random::new(13);
    for round in 0..60 {
        let mut config = repository.config(&server.url(), &format!("root{round}"));
        let at = random.below(good.len());
        if round % 4 == 3 {
            config.root.truncate(at);
        } else {
            config.root[at] ^= 1 << random.below(8);
        }
        let root = config.root.clone();
        if RepositoryClient::open(config, repository.clock()).is_ok() {
            assert_eq!(json(&root)["signed"], signed, "{at}");
        }
    }
}
