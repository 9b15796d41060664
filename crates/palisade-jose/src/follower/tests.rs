use std::sync::{Condvar, Mutex, mpsc};

use palisade_core::EpochMillis;
use serde_json::json;
use url::Url;

use super::*;
use crate::algorithm::Algorithm;
use crate::key_set::KeyUse;
use crate::loopback::{Answer, Server, StillClock};
use crate::signing::Signer;

/// How long a test waits for the thread before it fails.
const PATIENCE: Duration = Duration::from_secs(30);

fn jwks(key_id: &str) -> Vec<u8> {
    let jwk = Signer::generate(Algorithm::EdDsa).jwk_named(key_id);
    json!({"keys": [jwk]}).to_string().into_bytes()
}

fn source(name: &str, url: Url) -> KeySource {
    KeySource::keys(name, KeyOrigin::Url(url), KeyUse::Signature)
}

fn fixed(name: &str) -> KeySource {
    KeySource::keys(name, KeyOrigin::Fixed(KeySet::default()), KeyUse::Signature)
}

fn start(sources: Vec<KeySource>) -> Result<KeyFollower, StartFollowerError> {
    KeyFollower::start(sources, Arc::new(StillClock::default()))
}

/// Waits until the handle's document is so.
fn wait_until<T>(handle: &Handle<T>, is_so: impl Fn(&Handle<T>) -> bool) {
    let looked = Arc::new((Mutex::new(()), Condvar::new()));
    let hook = Arc::clone(&looked);
    handle.on_change(Box::new(move || {
        drop(hook.0.lock().unwrap());
        hook.1.notify_all();
    }));
    let guard = looked.0.lock().unwrap();
    let (_guard, timeout) =
        looked.1.wait_timeout_while(guard, PATIENCE, |()| !is_so(handle)).unwrap();
    assert!(!timeout.timed_out(), "{handle:?}");
}

#[test]
fn the_thread_fetches_and_fetches_again_when_asked() {
    let server = Server::start([Answer::ok(&jwks("old")), Answer::ok(&jwks("new"))]);
    let clock = Arc::new(StillClock::default());
    let given: Arc<dyn Clock> = Arc::<StillClock>::clone(&clock);
    let follower = KeyFollower::start(vec![source("idp", server.url())], given).unwrap();
    let handle = follower.handle("idp").unwrap();
    wait_until(&handle, |handle| handle.generation() == 1);
    assert!(handle.current().unwrap().knows("old"));
    clock.advance(Duration::from_secs(30));
    handle.wants("new");
    wait_until(&handle, |handle| handle.generation() == 2);
    assert!(handle.current().unwrap().knows("new"));
}

#[test]
fn readers_never_wait_for_a_server() {
    let server = Server::start([Answer::Silence(Vec::new())]);
    let follower = start(vec![source("idp", server.url()), fixed("own")]).unwrap();
    let handle = follower.handle("idp").unwrap();
    handle.wants("unknown");
    assert!(handle.current().is_none());
    assert!(follower.handle("own").unwrap().current().is_some());
    assert!(follower.handle("other").is_none());
}

#[test]
fn files_are_read_before_it_starts() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.json");
    std::fs::write(&path, jwks("a")).unwrap();
    let file = |path| KeySource::keys("file", KeyOrigin::File(path), KeyUse::Signature);
    let handle = start(vec![file(path)]).unwrap().handle("file").unwrap();
    assert!(handle.current().unwrap().knows("a"));
    let handle = start(vec![file(folder.path().join("none"))]).unwrap().handle("file").unwrap();
    assert_eq!(handle.status().last_error, Some("fetch_file"));
}

#[test]
fn documents_of_any_kind_are_followed() {
    let server = Server::start([Answer::ok(b"hello")]);
    let read = |text: &[u8]| String::from_utf8(text.to_vec()).map_err(|_utf8| "no_text");
    let source = Source::new("text", Origin::Url(server.url()), 5, Arc::new(read));
    let follower = Follower::start(vec![source], Arc::new(StillClock::default())).unwrap();
    let handle = follower.handle("text").unwrap();
    let (sender, receiver) = mpsc::channel();
    handle.on_change(Box::new(move || sender.send(()).unwrap_or_default()));
    if handle.current().is_none() {
        receiver.recv_timeout(PATIENCE).unwrap();
    }
    assert_eq!(handle.current().unwrap().as_str(), "hello");
}

#[test]
fn a_reader_that_panics_does_not_end_the_thread() {
    let server = Server::start([Answer::ok(b"hello")]);
    let bad: crate::ReadDocument<String> = Arc::new(|_text| panic!("on purpose"));
    let good: crate::ReadDocument<String> = Arc::new(|_text| Ok("read".to_owned()));
    let source = |name, read| Source::new(name, Origin::Url(server.url()), 5, read);
    let sources = vec![source("bad", bad), source("good", good)];
    let follower = Follower::start(sources, Arc::new(StillClock::default())).unwrap();
    let (bad, good) = (follower.handle("bad").unwrap(), follower.handle("good").unwrap());
    wait_until(&good, |good| good.current().is_some());
    assert!(bad.current().is_none());
    assert_eq!(server.count(), 2);
}

#[test]
fn the_thread_ends_with_the_follower() {
    struct Dropped(mpsc::Sender<()>);
    impl Drop for Dropped {
        fn drop(&mut self) {
            self.0.send(()).unwrap_or_default();
        }
    }
    impl Clock for Dropped {
        fn now(&self) -> EpochMillis {
            EpochMillis::new(0)
        }
        fn monotonic(&self) -> Duration {
            Duration::ZERO
        }
    }
    let (sender, receiver) = mpsc::channel();
    let follower = KeyFollower::start(vec![fixed("own")], Arc::new(Dropped(sender))).unwrap();
    let handle = follower.handle("own").unwrap();
    assert!(receiver.try_recv().is_err());
    drop(follower);
    receiver.recv_timeout(PATIENCE).unwrap();
    assert!(handle.current().is_some());
}

#[test]
fn only_tls_or_this_machine_will_do() {
    for url in [
        "https://idp.example/jwks.json",
        "https://10.0.0.1/",
        "http://127.0.0.1:8080/",
        "http://127.9.9.9/",
        "http://[::1]/",
        "http://localhost/",
        "http://LOCALHOST/",
    ] {
        assert!(is_acceptable(&url.parse().unwrap()), "{url}");
    }
    for url in [
        "http://idp.example/",
        "http://10.0.0.1/",
        "http://localhost.example/",
        "http://127.0.0.1.example/",
        "http://[::ffff:127.0.0.1]/",
        "https://user@idp.example/",
        "https://:secret@idp.example/",
        "http://user:secret@127.0.0.1/",
        "file:///etc/passwd",
        "ftp://127.0.0.1/",
        "data:application/json,{}",
    ] {
        assert!(!is_acceptable(&url.parse().unwrap()), "{url}");
    }
    let error = start(vec![source("idp", "http://idp.example/".parse().unwrap())]).unwrap_err();
    assert!(matches!(error, StartFollowerError::Url { name } if name == "idp"));
}

#[test]
fn names_are_given_once() {
    let error = start(vec![fixed("a"), fixed("b"), fixed("a")]).unwrap_err();
    assert!(matches!(error, StartFollowerError::DuplicateName { name } if name == "a"));
}

#[test]
fn sources_are_bounded() {
    let many = |count: usize| start((0..count).map(|n| fixed(&n.to_string())).collect());
    many(SOURCES_MAX).unwrap();
    let error = many(SOURCES_MAX + 1).unwrap_err();
    assert_eq!(error.to_string(), "there are 65 sources; the limit is 64");
}
