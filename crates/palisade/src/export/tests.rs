//! What is configured for an observability stack, good and bad.

use std::path::PathBuf;
use std::sync::Mutex;

use palisade_core::{
    BundleControlError, BundleControlFuture, BundleFailure, BundleName, BundleStatus, EpochMillis,
    HeldRevision, Revision, Sha256Digest,
};
use palisade_telemetry::metrics::render;

use super::*;

fn written(text: &str) -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("headers");
    fs::write(&path, text).expect("written");
    (directory, path)
}

#[test]
fn headers_are_one_to_a_line() {
    let (_directory, path) = written("authorization: Bearer a:b\n\n  x-scope : desk  \r\nempty:\n");
    let headers = headers(&path).expect("headers");
    let headers: Vec<_> = headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.to_str().expect("text")))
        .collect();
    assert_eq!(headers, [("authorization", "Bearer a:b"), ("x-scope", "desk"), ("empty", "")]);
}

#[test]
fn a_bad_line_is_named_and_not_shown() {
    for (text, line) in [("a: b\nhunter2", 2), ("two words: b", 1), ("a: b\u{7f}", 1)] {
        let (_directory, path) = written(text);
        let error = headers(&path).expect_err("no header");
        assert!(matches!(error, StartExportError::Header { line: at, .. } if at == line), "{text}");
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
    assert!(matches!(headers(Path::new("/nonexistent")), Err(StartExportError::File { .. })));
}

/// A bundle whose state is set by hand.
#[derive(Default)]
struct Set(Mutex<BundleStatus>);

impl Set {
    fn to(&self, status: BundleStatus) {
        *self.0.lock().expect("no panic") = status;
    }
}

impl BundleControl for Set {
    fn status(&self) -> BundleStatus {
        self.0.lock().expect("no panic").clone()
    }

    fn reload(&self) -> BundleControlFuture<'_> {
        Box::pin(async { Err(BundleControlError::Stopping) })
    }

    fn roll_back(&self, _version: u64, _reason: String) -> BundleControlFuture<'_> {
        self.reload()
    }

    fn pin(&self, _reason: String) -> BundleControlFuture<'_> {
        self.reload()
    }

    fn unpin(&self, _reason: String) -> BundleControlFuture<'_> {
        self.reload()
    }
}

/// A minute after the epoch, for ever.
struct Minute;

impl Clock for Minute {
    fn now(&self) -> EpochMillis {
        EpochMillis::new(60_000)
    }

    fn monotonic(&self) -> Duration {
        Duration::from_secs(7)
    }
}

#[test]
fn the_state_of_the_bundle_is_measured() {
    let clock: Arc<dyn Clock> = Arc::new(Minute);
    let metrics = Metrics::new(Arc::clone(&clock));
    let set = Arc::new(Set::default());
    let control: Arc<dyn BundleControl> = Arc::<Set>::clone(&set);
    readings::register_bundle(&metrics, &Arc::default());
    readings::register_status(&metrics, &control, &clock);
    let measured = |name: &str| {
        let text =
            render(palisade_telemetry::metrics::Format::Prometheus, &metrics.snapshot(), &[]);
        let name = format!("palisade_bundle_{name} ");
        let values: Vec<f64> =
            text.lines().filter_map(|line| line.strip_prefix(&name)?.parse().ok()).collect();
        assert!(values.len() <= 1, "{text}");
        values.first().copied()
    };
    // A directory with nothing in force yet.
    for name in ["failing", "pinned", "stale"] {
        assert_eq!(measured(name), Some(0.0), "{name}");
    }
    assert_eq!(measured("metadata_expires_seconds"), None);
    assert_eq!(measured("age_seconds"), None);

    let revision = Revision {
        bundle: BundleName::new("desk").expect("a name"),
        version: 7,
        digest: Sha256Digest::from([0xab; 32]),
    };
    let since = EpochMillis::new(57_500);
    let status = |expires: i64| BundleStatus {
        signed: true,
        active: Some(HeldRevision { revision: Arc::new(revision.clone()), since }),
        pinned: true,
        last_failure: Some(BundleFailure { code: "rollback", message: String::new(), since }),
        metadata_expires: Some(EpochMillis::new(expires)),
        ..BundleStatus::default()
    };
    set.to(status(63_250));
    for (name, value) in [
        ("age_seconds", 2.5),
        ("failing", 1.0),
        ("metadata_expires_seconds", 3.25),
        ("pinned", 1.0),
        ("stale", 0.0),
    ] {
        assert_eq!(measured(name), Some(value), "{name}");
    }
    // Metadata is good until it expires, and not then.
    set.to(status(60_001));
    assert_eq!(measured("stale"), Some(0.0));
    set.to(status(60_000));
    assert_eq!(measured("stale"), Some(1.0));
    set.to(status(58_500));
    assert_eq!(measured("metadata_expires_seconds"), Some(-1.5));
    assert_eq!(measured("stale"), Some(1.0));
}
