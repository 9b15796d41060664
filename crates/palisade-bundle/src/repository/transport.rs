//! Brings metadata to `tough`, and remembers what went wrong on the way.
//!
//! `tough` takes any failure to get the next root for "there is none", which would let whoever can
//! disturb a download keep a client on old keys. So the first fault is kept here, nothing is given
//! after it, and the caller refuses the whole check because of it.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};

use futures::stream;
use tough::{Bytes, Transport, TransportError, TransportErrorKind, TransportStream};
use url::Url;

use super::download::{Downloaded, Downloader, Request};
use super::error::RepositoryError;
use super::metadata::{SMALL_METADATA_BYTES_MAX, TARGETS_METADATA_BYTES_MAX};
use super::refusal::printable;

/// Gets metadata for one check.
#[derive(Clone, Debug)]
pub(super) struct CheckTransport(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    downloader: Arc<Downloader>,
    stop: Arc<AtomicBool>,
    /// `timestamp.json`, which is here already.
    timestamp: Vec<u8>,
    /// The first fault.
    fault: Mutex<Option<RepositoryError>>,
}

impl CheckTransport {
    pub(super) fn new(
        downloader: Arc<Downloader>,
        stop: Arc<AtomicBool>,
        timestamp: Vec<u8>,
    ) -> Self {
        Self(Arc::new(Shared { downloader, stop, timestamp, fault: Mutex::new(None) }))
    }

    /// What went wrong, if something did.
    pub(super) fn take_fault(&self) -> Option<RepositoryError> {
        self.fault().take()
    }

    fn fault(&self) -> std::sync::MutexGuard<'_, Option<RepositoryError>> {
        self.0.fault.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn get(&self, url: &Url) -> Result<Option<Vec<u8>>, RepositoryError> {
        let name = url.path_segments().and_then(Iterator::last).unwrap_or_default();
        let (is_root, limit) = match kind(name) {
            Some(Kind::Timestamp) => return Ok(Some(self.0.timestamp.clone())),
            Some(Kind::Root) => (true, SMALL_METADATA_BYTES_MAX),
            Some(Kind::Snapshot) => (false, SMALL_METADATA_BYTES_MAX),
            Some(Kind::Targets) => (false, TARGETS_METADATA_BYTES_MAX),
            None => {
                return Err(RepositoryError::Malformed {
                    what: "the repository".to_owned(),
                    detail: format!(
                        "it refers to `{}`; only consistent snapshots without delegations are read",
                        printable(name)
                    ),
                });
            }
        };
        let timeout = self.0.downloader.timeouts().metadata;
        let request = Request { url, limit, timeout, validators: None };
        match self.0.downloader.get(request, &self.0.stop)? {
            Downloaded::File { bytes, .. } => Ok(Some(bytes)),
            Downloaded::Absent { .. } if is_root => Ok(None),
            Downloaded::Absent { status } => {
                Err(RepositoryError::HttpStatus { url: url.to_string(), status })
            }
            // Nothing was said that could be unchanged.
            Downloaded::Unchanged => {
                Err(RepositoryError::HttpStatus { url: url.to_string(), status: 304 })
            }
        }
    }
}

#[async_trait::async_trait]
impl Transport for CheckTransport {
    /// Blocks: the runtime that drives this has nothing else to do.
    async fn fetch(&self, url: Url) -> Result<TransportStream, TransportError> {
        // FAIL-CLOSED: after a fault nothing is given any more, so nothing is built on its absence.
        if self.fault().is_some() {
            return Err(TransportError::new(TransportErrorKind::Other, url));
        }
        match self.get(&url) {
            Ok(Some(bytes)) => Ok(Box::pin(stream::iter([Ok(Bytes::from(bytes))]))),
            Ok(None) => Err(TransportError::new(TransportErrorKind::FileNotFound, url)),
            Err(error) => {
                *self.fault() = Some(error);
                Err(TransportError::new(TransportErrorKind::Other, url))
            }
        }
    }
}

enum Kind {
    Root,
    Snapshot,
    Targets,
    Timestamp,
}

/// What a file of metadata is, by its name.
fn kind(name: &str) -> Option<Kind> {
    if name == "timestamp.json" {
        return Some(Kind::Timestamp);
    }
    let (version, rest) = name.split_once('.')?;
    if version.is_empty() || !version.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    match rest {
        "root.json" => Some(Kind::Root),
        "snapshot.json" => Some(Kind::Snapshot),
        "targets.json" => Some(Kind::Targets),
        _ => None,
    }
}
