//! The server in this process, with parts of the test's own.

use std::path::Path;
use std::sync::Mutex;

use palisade_client::{Client, Enforcement};
use palisade_core::{
    Clock, DecisionLog, DecisionRecord, DigestKey, EpochMillis, LogEntry, LogFuture, RandomIds,
    Unobserved,
};
use palisade_proto::v1;

use super::*;
use palisade_log::{Durability, LogConfig, OnFailure, Retention, Unshipped};

use crate::config::{RecordConfig, RolloutSettings};

/// Remembers records.
#[derive(Default)]
struct Records(Mutex<Vec<DecisionRecord>>);

impl DecisionLog for Records {
    fn append<'a>(&'a self, entry: LogEntry<'_>) -> LogFuture<'a> {
        if let LogEntry::Decision(record) = entry {
            self.0.lock().expect("not poisoned").push(record.clone());
        }
        Box::pin(std::future::ready(Ok(())))
    }
}

/// Stands still.
struct Stopped;

impl Clock for Stopped {
    fn now(&self) -> EpochMillis {
        EpochMillis::new(1_000_000)
    }

    fn monotonic(&self) -> std::time::Duration {
        std::time::Duration::ZERO
    }
}

fn record(directory: &Path) -> RecordConfig {
    RecordConfig {
        log: LogConfig {
            directory: directory.join("log"),
            durability: Durability::Commit,
            on_failure: OnFailure::Deny,
            segment_bytes: 1024 * 1024,
            retention: Retention { age: None, bytes: None, unshipped: Unshipped::Keep },
            is_shipped: false,
            checkpoint_interval: std::time::Duration::from_secs(60),
            checkpoint_key: directory.join("checkpoint.key"),
        },
        arguments: RecordedArguments::Digest,
        digest_key_file: None,
    }
}

fn config(directory: &Path) -> ServerConfig {
    ServerConfig {
        bundle: Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies/quickstart"),
        rollout: RolloutSettings::DIRECTORY,
        listen: Listen::Tcp(([127, 0, 0, 1], 0).into()),
        tls: None,
        trust: None,
        admin_socket: directory.join("admin.sock"),
        record: record(directory),
        cache_bytes: 1024 * 1024,
        limits: Limits::default(),
    }
}

#[tokio::test]
async fn decisions_are_made_and_recorded_with_the_tests_own_clock_and_log() {
    let directory = tempfile::tempdir().expect("temporary directory");
    let records = Arc::new(Records::default());
    let log: Arc<dyn DecisionLog> = Arc::<Records>::clone(&records);
    let parts = Parts {
        clock: Arc::new(Stopped),
        ids: Arc::new(RandomIds),
        log,
        log_state: None,
        digest_key: DigestKey::new([1; 32]),
        observer: Arc::new(Unobserved),
    };
    let config = config(directory.path());
    let server = Server::build(&config, parts).await.expect("built");
    let endpoint = format!("http://{}", server.address()).parse().expect("an address");
    let stop = CancellationToken::new();
    let asking = async {
        let client = Client::connect(&endpoint).await.expect("connects");
        let request = v1::AuthorizeRequest {
            chain: vec![crate::cli::asserted(&"user:corp:alice".parse().expect("an actor"))],
            tool: "crm.read_ticket".to_owned(),
            arguments: br#"{"ticket_id":"T-1"}"#.to_vec(),
            ..v1::AuthorizeRequest::default()
        };
        let answer = client.authorize(request).await;
        stop.cancel();
        answer.expect("decided")
    };
    let (ran, answer) = tokio::join!(server.run(stop.cancelled()), asking);
    ran.expect("ends");
    assert!(matches!(answer, Enforcement::Allow(_)), "{answer:?}");
    let records = records.0.lock().expect("not poisoned");
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].time, EpochMillis::new(1_000_000));
    assert!(!config.admin_socket.exists(), "sockets go with their server");
}

#[tokio::test]
async fn a_bundle_that_does_not_load_binds_nothing() {
    let directory = tempfile::tempdir().expect("temporary directory");
    let config = ServerConfig { bundle: directory.path().to_owned(), ..config(directory.path()) };
    let (parts, _log) = Parts::standard(&config.record).expect("made");
    let built = Server::build(&config, parts).await;
    assert!(matches!(built, Err(BuildServerError::Bundle(_))), "{built:?}");
    assert!(!config.admin_socket.exists());
}

#[tokio::test]
async fn certificates_that_cannot_be_used_bind_nothing() {
    let directory = tempfile::tempdir().expect("temporary directory");
    let missing = TlsFiles {
        certificate: directory.path().join("certificate.pem"),
        key: directory.path().join("key.pem"),
        client_ca: None,
        client_certificate_optional: false,
        reload_interval: std::time::Duration::from_secs(10),
    };
    let config = ServerConfig { tls: Some(missing), ..config(directory.path()) };
    let (parts, _log) = Parts::standard(&config.record).expect("made");
    let built = Server::build(&config, parts).await;
    assert!(matches!(built, Err(BuildServerError::Tls(_))), "{built:?}");
    assert!(!config.admin_socket.exists());
}

#[test]
fn digest_keys_are_64_hexadecimal_digits() {
    let directory = tempfile::tempdir().expect("temporary directory");
    let file = directory.path().join("key");
    let config = RecordConfig { digest_key_file: Some(file.clone()), ..record(directory.path()) };
    let parts = |text: &str| {
        std::fs::write(&file, text).expect("written");
        Parts::standard(&config)
    };
    assert!(parts(&"0a".repeat(32)).is_ok());
    assert!(parts(&format!("{}\n", "0A".repeat(32))).is_ok());
    for bad in [String::new(), "0a".repeat(31), "0a".repeat(33), "zz".repeat(32)] {
        let made = parts(&bad);
        assert!(matches!(made, Err(PartsError::DigestKey { .. })), "{bad}");
    }
    std::fs::remove_file(&file).expect("removed");
    assert!(matches!(Parts::standard(&config), Err(PartsError::ReadDigestKey { .. })));
}
