use std::fs;

use palisade_core::SystemClock;
use serde_json::json;

use super::*;
use crate::algorithm::Algorithm;
use crate::handle::{Handle, Signal, SourceStatus};
use crate::key_set::{KEY_SET_BYTES_MAX, KeySet, KeyUse};
use crate::loopback::{Answer, Server, StillClock};
use crate::signing::Signer;

const SECOND: Duration = Duration::from_secs(1);
const MILLISECOND: Duration = Duration::from_millis(1);

struct Bench {
    keeper: Keeper<KeySet>,
    clock: Arc<StillClock>,
    handle: Handle<KeySet>,
}

impl Bench {
    fn new(origin: Origin<KeySet>) -> Self {
        Self::with(Source {
            timeout: 10 * SECOND,
            ..Source::keys("idp", origin, KeyUse::Signature)
        })
    }

    fn with(source: Source<KeySet>) -> Self {
        let clock = Arc::new(StillClock::default());
        let slot = Arc::new(Slot::new());
        let handle = Handle { slot: Arc::clone(&slot), signal: Arc::new(Signal::default()) };
        let given: Arc<dyn Clock> = Arc::<StillClock>::clone(&clock);
        let keeper = Keeper::new(vec![(source, slot)], given, fastrand::Rng::with_seed(7));
        Self { keeper, clock, handle }
    }

    fn of(server: &Server) -> Self {
        Self::new(Origin::Url(server.url()))
    }

    /// Lets time pass, and has the keeper do what is due then.
    fn after(&mut self, time: Duration) -> Option<Duration> {
        self.clock.advance(time);
        self.keeper.step()
    }

    fn key_ids(&self) -> Vec<String> {
        let keys = self.handle.current().unwrap();
        keys.keys().iter().filter_map(|key| key.key_id().map(str::to_owned)).collect()
    }

    fn last_error(&self) -> Option<&'static str> {
        self.handle.status().last_error
    }
}

fn jwks(key_id: &str) -> Vec<u8> {
    let jwk = Signer::generate(Algorithm::EdDsa).jwk_named(key_id);
    json!({"keys": [jwk]}).to_string().into_bytes()
}

fn within(wait: Option<Duration>, least: Duration, most: Duration) -> bool {
    wait.is_some_and(|wait| least <= wait && wait <= most)
}

#[test]
fn keys_rotate_when_the_server_says_so() {
    let server = Server::start([
        Answer::ok_with("Cache-Control: public, max-age=600", &jwks("old")),
        Answer::ok(&jwks("new")),
    ]);
    let mut bench = Bench::of(&server);
    assert!(bench.handle.current().is_none());
    assert_eq!((bench.handle.generation(), server.count()), (0, 0));
    let wait = bench.keeper.step();
    assert!(within(wait, 540 * SECOND, 600 * SECOND), "{wait:?}");
    assert_eq!((bench.key_ids(), bench.handle.generation()), (vec!["old".to_owned()], 1));
    let wait = wait.unwrap();
    bench.after(wait.saturating_sub(MILLISECOND * 2));
    assert_eq!(server.count(), 1);
    bench.after(MILLISECOND * 3);
    assert_eq!(server.count(), 2);
    assert_eq!((bench.key_ids(), bench.handle.generation()), (vec!["new".to_owned()], 2));
    let fetched_at = bench.handle.status().fetched_at;
    assert_eq!(fetched_at, Some(bench.clock.now()));
}

#[test]
fn unchanged_keys_are_not_sent_again() {
    let keys = jwks("a");
    let server = Server::start([
        Answer::ok_with("ETag: \"v1\"", &keys),
        Answer::new("304 Not Modified", &["Cache-Control: max-age=1000"], b""),
        Answer::ok(&keys),
        Answer::ok(&jwks("b")),
    ]);
    let mut bench = Bench::of(&server);
    let wait = bench.keeper.step().unwrap();
    assert!(!server.last_request().contains("if-none-match"));
    let first = bench.handle.current().unwrap();
    let wait = bench.after(wait + MILLISECOND);
    assert!(server.last_request().contains("if-none-match: \"v1\""));
    assert!(within(wait, 900 * SECOND, 1000 * SECOND), "{wait:?}");
    assert_eq!(bench.handle.generation(), 1);
    let status = bench.handle.status();
    assert_eq!(status, SourceStatus { fetched_at: Some(bench.clock.now()), ..status });
    // The same bytes once more are no other set; and this answer had no tag.
    let wait = bench.after(wait.unwrap() + MILLISECOND).unwrap();
    assert_eq!((server.count(), bench.handle.generation()), (3, 1));
    assert!(Arc::ptr_eq(&first, &bench.handle.current().unwrap()));
    bench.after(wait + MILLISECOND);
    assert!(!server.last_request().contains("if-none-match"));
    assert_eq!((server.count(), bench.handle.generation()), (4, 2));
}

#[test]
fn a_storm_of_unknown_keys_costs_one_request_per_interval() {
    let server = Server::start([Answer::ok(&jwks("known"))]);
    let mut bench = Bench::of(&server);
    bench.keeper.step();
    let storm = |bench: &Bench| (0..1000).for_each(|n| bench.handle.wants(&format!("{n}")));
    for round in 1..5 {
        storm(&bench);
        bench.after(Duration::ZERO);
        storm(&bench);
        bench.after(30 * SECOND - MILLISECOND);
        assert_eq!(server.count(), round);
        storm(&bench);
        bench.after(MILLISECOND);
        storm(&bench);
        bench.after(Duration::ZERO);
        assert_eq!(server.count(), round + 1);
    }
}

#[test]
fn a_known_key_costs_no_request() {
    let server = Server::start([Answer::ok(&jwks("known"))]);
    let mut bench = Bench::of(&server);
    bench.keeper.step();
    bench.handle.wants("known");
    bench.after(100 * SECOND);
    assert_eq!(server.count(), 1);
    bench.handle.wants_newer();
    bench.after(Duration::ZERO);
    assert_eq!(server.count(), 2);
}

#[test]
fn an_unknown_key_is_found_after_the_interval() {
    let server = Server::start([Answer::ok(&jwks("old")), Answer::ok(&jwks("new"))]);
    let mut bench = Bench::of(&server);
    bench.keeper.step();
    bench.handle.wants("new");
    let wait = bench.after(SECOND);
    assert_eq!(wait, Some(29 * SECOND));
    bench.after(29 * SECOND);
    assert_eq!(bench.key_ids(), ["new"]);
}

#[test]
fn the_last_good_keys_outlive_failures() {
    let endless = b"HTTP/1.1 200 OK\r\n\r\n{\"keys\":[]".to_vec();
    let liar = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{{}}", KEY_SET_BYTES_MAX + 1);
    let short = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"keys\":[]}".to_vec();
    let large = [br#"{"keys":[]}"#.as_slice(), &vec![b' '; KEY_SET_BYTES_MAX]].concat();
    let not_modified = Answer::new("304 Not Modified", &[], b"");
    for (answer, code) in [
        (Answer::new("500 Oops", &[], &jwks("b")), "fetch_status"),
        (Answer::new("404 Not Found", &[], &jwks("b")), "fetch_status"),
        (Answer::new("204 No Content", &[], b""), "fetch_status"),
        (Answer::new("203 Other", &[], &jwks("b")), "fetch_status"),
        (not_modified, "fetch_status"),
        (Answer::Bytes(b"garbage\r\n\r\n".to_vec()), "fetch_unreachable"),
        (Answer::Bytes(Vec::new()), "fetch_unreachable"),
        (Answer::Bytes(short), "fetch_unreachable"),
        (Answer::Endless(endless), "fetch_too_large"),
        (Answer::Bytes(liar.into_bytes()), "fetch_too_large"),
        (Answer::ok(&large), "fetch_too_large"),
        (Answer::ok(b"<html>log in</html>"), "key_set_malformed"),
        (Answer::ok(b""), "key_set_malformed"),
        (Answer::ok(b"{\"keys\":[],\"keys\":[]}"), "key_set_malformed"),
    ] {
        let server = Server::start([Answer::ok(&jwks("a")), answer.clone()]);
        let mut bench = Bench::of(&server);
        let wait = bench.keeper.step().unwrap();
        let before = bench.handle.status();
        bench.after(wait + MILLISECOND);
        assert_eq!(bench.last_error(), Some(code), "{answer:?}");
        assert_eq!((bench.key_ids(), bench.handle.generation()), (vec!["a".to_owned()], 1));
        let status = bench.handle.status();
        assert_eq!((status.fetched_at, status.failures), (before.fetched_at, 1));
    }
}

#[test]
fn a_set_without_keys_takes_all_keys_away() {
    let server = Server::start([Answer::ok(&jwks("a")), Answer::ok(br#"{"keys":[]}"#)]);
    let mut bench = Bench::of(&server);
    let wait = bench.keeper.step().unwrap();
    bench.after(wait + MILLISECOND);
    assert!(bench.key_ids().is_empty());
}

#[test]
fn redirects_are_not_followed() {
    let elsewhere = Server::start([Answer::ok(&jwks("mallory"))]);
    let location = format!("Location: {}", elsewhere.url());
    for status in ["301 Moved", "302 Found", "303 See", "307 Temporary", "308 Permanent"] {
        let server = Server::start([Answer::new(status, &[&location], &jwks("mallory"))]);
        let mut bench = Bench::of(&server);
        bench.keeper.step();
        assert_eq!(bench.last_error(), Some("fetch_redirect"), "{status}");
        assert!(bench.handle.current().is_none());
    }
    assert_eq!(elsewhere.count(), 0);
}

#[test]
fn a_silent_server_is_left_after_the_timeout() {
    let part = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{".to_vec();
    for answer in [Answer::Silence(Vec::new()), Answer::Silence(part)] {
        let server = Server::start([answer]);
        let source = Source::keys("idp", Origin::Url(server.url()), KeyUse::Signature);
        let mut bench = Bench::with(Source { timeout: 50 * MILLISECOND, ..source });
        let watch = SystemClock::new();
        bench.keeper.step();
        assert_eq!(bench.last_error(), Some("fetch_timeout"));
        assert!(watch.monotonic() < 2 * SECOND);
    }
}

#[test]
fn https_is_spoken_with_tls_only() {
    let server = Server::start([Answer::ok(&jwks("a"))]);
    let mut url = server.url();
    url.set_scheme("https").unwrap();
    let source = Source::keys("idp", Origin::Url(url), KeyUse::Signature);
    let mut bench = Bench::with(Source { timeout: 50 * MILLISECOND, ..source });
    bench.keeper.step();
    assert!(bench.last_error().is_some());
    assert_eq!(server.count(), 0);
}

#[test]
fn a_server_that_is_not_there_is_unreachable() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("http://{closed}/").parse().unwrap();
    let mut bench = Bench::new(Origin::Url(url));
    bench.keeper.step();
    assert_eq!(bench.last_error(), Some("fetch_unreachable"));
}

#[test]
fn failures_back_off_whatever_is_wanted() {
    let server = Server::start([Answer::new("500 Oops", &[], b"")]);
    let mut bench = Bench::of(&server);
    let mut wait = bench.keeper.step();
    for failures in 1..40 {
        assert_eq!(bench.handle.status().failures, failures);
        let whole = SECOND.saturating_mul(1 << (failures - 1).min(12)).min(300 * SECOND);
        assert!(within(wait, whole / 2, whole), "{failures} {wait:?}");
        bench.handle.wants("unknown");
        bench.after(wait.unwrap() - 2 * MILLISECOND);
        assert_eq!(server.count(), usize::try_from(failures).unwrap());
        wait = bench.after(3 * MILLISECOND);
    }
    server.answer([Answer::ok(&jwks("a"))]);
    bench.after(300 * SECOND);
    assert_eq!((bench.handle.status().failures, bench.last_error()), (0, None));
    assert_eq!(bench.key_ids(), ["a"]);
}

#[test]
fn what_the_server_says_of_freshness_is_clamped() {
    let day = 24 * 3600;
    for (header, seconds) in [
        ("X: y", 300),
        ("Cache-Control: public", 300),
        ("Cache-Control: max-age=0", 30),
        ("Cache-Control: max-age=29", 30),
        ("Cache-Control: max-age=-1", 30),
        ("Cache-Control: max-age=soon", 30),
        ("Cache-Control: no-store", 30),
        ("Cache-Control: max-age=600, No-Cache", 30),
        ("Cache-Control: MAX-AGE=\"600\"", 600),
        ("Cache-Control: max-age = 600 , public", 600),
        ("Cache-Control: max-age=600, max-age=60", 60),
        ("Cache-Control: max-age=600\r\nCache-Control: max-age=60", 60),
        ("Cache-Control: s-maxage=60, max-age=600", 600),
        ("Cache-Control: max-age=600\r\nAge: 500", 100),
        ("Cache-Control: max-age=600\r\nAge: 700", 30),
        ("Cache-Control: max-age=86400", day),
        ("Cache-Control: max-age=86401", day),
        ("Cache-Control: max-age=18446744073709551615", day),
        ("Cache-Control: max-age=18446744073709551616", 30),
    ] {
        let server = Server::start([Answer::ok_with(header, &jwks("a"))]);
        let wait = Bench::of(&server).keeper.step();
        let most = Duration::from_secs(seconds);
        let least = (most * 9 / 10).max(30 * SECOND);
        assert!(within(wait, least, most), "{header} {wait:?}");
    }
}

#[test]
fn what_a_document_says_of_its_lifetime_is_clamped_as_well() {
    for (hint, seconds) in [(1000, 1000), (1, 30), (u64::MAX, 24 * 3600)] {
        let server = Server::start([
            Answer::ok_with("Cache-Control: max-age=60\r\nETag: \"v1\"", &jwks("a")),
            Answer::new("304 Not Modified", &["Cache-Control: max-age=60"], b""),
        ]);
        let source = Source::keys("idp", Origin::Url(server.url()), KeyUse::Signature);
        let lifetime = Arc::new(move |_keys: &KeySet| Some(Duration::from_secs(hint)));
        let mut bench = Bench::with(Source { lifetime, ..source });
        let most = Duration::from_secs(seconds);
        let least = (most * 9 / 10).max(30 * SECOND);
        let wait = bench.keeper.step();
        assert!(within(wait, least, most), "{hint} {wait:?}");
        let wait = bench.after(wait.unwrap() + MILLISECOND);
        assert!(within(wait, least, most), "{hint} {wait:?}");
        assert_eq!(server.count(), 2);
    }
}

#[test]
fn keys_nobody_confirms_are_withdrawn_if_configured_so() {
    let keys = Answer::ok_with("ETag: \"v1\"", &jwks("a"));
    let server = Server::start([keys.clone(), Answer::new("500 Oops", &[], b"")]);
    let source = Source::keys("idp", Origin::Url(server.url()), KeyUse::Signature);
    let mut bench = Bench::with(Source { withdraw_after: Some(3600 * SECOND), ..source });
    bench.keeper.step();
    bench.after(3600 * SECOND);
    assert_eq!((bench.handle.status().failures, bench.key_ids().len()), (1, 1));
    bench.after(300 * SECOND);
    assert!(bench.handle.current().is_none());
    assert_eq!(bench.handle.generation(), 2);
    // The same keys are good again as soon as somebody confirms them.
    server.answer([keys]);
    bench.after(300 * SECOND);
    assert!(!server.last_request().contains("if-none-match"));
    assert_eq!((bench.key_ids().len(), bench.handle.generation()), (1, 3));
}

#[test]
fn fixed_keys_never_change() {
    let keys = Signer::generate(Algorithm::EdDsa).key_set();
    let mut bench = Bench::new(Origin::Fixed(keys));
    assert_eq!(bench.handle.current().unwrap().keys().len(), 1);
    assert_eq!((bench.handle.generation(), bench.keeper.step()), (1, None));
    bench.handle.wants_newer();
    assert_eq!(bench.after(3600 * SECOND), None);
    assert_eq!(bench.handle.generation(), 1);
    assert_eq!(bench.handle.status().last_error, None);
}

#[test]
fn files_are_looked_at_every_few_seconds() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.json");
    let mut bench = Bench::new(Origin::File(path.clone()));
    assert_eq!(bench.keeper.step(), Some(FILE_INTERVAL));
    assert_eq!(bench.last_error(), Some("fetch_file"));
    let old = jwks("old");
    fs::write(&path, &old).unwrap();
    bench.after(FILE_INTERVAL - MILLISECOND);
    assert!(bench.handle.current().is_none());
    bench.after(MILLISECOND);
    assert_eq!((bench.key_ids(), bench.last_error()), (vec!["old".to_owned()], None));
    // As long, and within one tick of the file system's clock.
    let new = jwks("new");
    assert_eq!(old.len(), new.len());
    fs::write(&path, new).unwrap();
    bench.after(FILE_INTERVAL);
    assert_eq!((bench.key_ids(), bench.handle.generation()), (vec!["new".to_owned()], 2));
    bench.after(FILE_INTERVAL);
    assert_eq!(bench.handle.generation(), 2);
    fs::write(&path, b"{").unwrap();
    bench.after(FILE_INTERVAL);
    assert_eq!(bench.last_error(), Some("key_set_malformed"));
    fs::write(&path, vec![b' '; KEY_SET_BYTES_MAX + 1]).unwrap();
    bench.after(FILE_INTERVAL);
    assert_eq!(bench.last_error(), Some("fetch_too_large"));
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    assert_eq!(bench.after(FILE_INTERVAL), Some(FILE_INTERVAL));
    assert_eq!(bench.last_error(), Some("fetch_file"));
    assert_eq!(bench.key_ids(), ["new"]);
}

#[test]
fn only_a_regular_file_is_read() {
    // Others may have no end, or wait for somebody to write.
    let mut bench = Bench::new(Origin::File("/dev/null".into()));
    bench.keeper.step();
    assert_eq!(bench.last_error(), Some("fetch_file"));
}

#[test]
fn one_source_does_not_hold_up_another() {
    let (bad, good) = (
        Server::start([Answer::new("500 Oops", &[], b"")]),
        Server::start([Answer::ok(&jwks("a"))]),
    );
    let slots = [Arc::new(Slot::new()), Arc::new(Slot::new())];
    let sources = [&bad, &good].into_iter().zip(&slots).map(|(server, slot)| {
        let origin = Origin::Url(server.url());
        (Source::keys("idp", origin, KeyUse::Signature), Arc::clone(slot))
    });
    let clock = Arc::new(StillClock::default());
    let mut keeper = Keeper::new(sources.collect(), clock, fastrand::Rng::with_seed(7));
    keeper.step_files();
    assert_eq!((bad.count(), good.count()), (0, 0));
    assert!(within(keeper.step(), SECOND / 2, SECOND));
    assert_eq!((bad.count(), good.count()), (1, 1));
}
