//! Verifies a repository's metadata from the newest trusted root on, and keeps what it trusts.

use std::fs::{self, File, TryLockError};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use palisade_core::{Clock, EpochMillis, Sha256Digest};
use tough::{ExpirationEnforcement, Limits, Repository, RepositoryLoader};
use url::Url;

use super::config::DownloadTimeouts;
use super::download::{Downloaded, Downloader, Request, Validators};
use super::error::{OpenRepositoryError, RepositoryError, TrustStateError};
use super::metadata::{
    RoleName, SMALL_METADATA_BYTES_MAX, TARGETS_METADATA_BYTES_MAX, expires, self_signed_root,
};
use super::offer::Offer;
use super::refusal::{expired, printable, refusal};
use super::transport::CheckTransport;
use super::trust::{TrustFile, TrustState};
use crate::archive::ARCHIVE_BYTES_MAX;
use crate::raw::RawBundle;

/// New versions of the root that are followed in one check; the next check goes on.
// LIMIT: a rotation every other day for a year; a longer chain is somebody playing.
const ROOT_UPDATES_MAX: u64 = 200;

const LIMITS: Limits = Limits {
    max_root_size: SMALL_METADATA_BYTES_MAX,
    max_targets_size: TARGETS_METADATA_BYTES_MAX,
    max_timestamp_size: SMALL_METADATA_BYTES_MAX,
    max_snapshot_size: SMALL_METADATA_BYTES_MAX,
    max_root_updates: ROOT_UPDATES_MAX,
};

/// When the metadata of each role expires.
pub(super) type Expiries = [(RoleName, EpochMillis); 4];

/// Follows a repository, whatever is in it.
pub(super) struct Follower {
    metadata_url: Url,
    targets_url: Url,
    clock: Arc<dyn Clock>,
    downloader: Arc<Downloader>,
    pub(super) trust: TrustState,
    file: TrustFile,
    /// Held as long as this lives.
    _lock: File,
}

impl Follower {
    pub(super) fn open(
        url: &Url,
        root: &[u8],
        directory: &Path,
        timeouts: DownloadTimeouts,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, OpenRepositoryError> {
        check_url(url)?;
        let no_base = |_| bad_url(url, "it has no path that files can be below");
        let mut base = url.clone();
        if !base.path().ends_with('/') {
            base.set_path(&format!("{}/", url.path()));
        }
        let metadata_url = base.join("metadata/").map_err(no_base)?;
        let targets_url = base.join("targets/").map_err(no_base)?;
        if root.len() as u64 > SMALL_METADATA_BYTES_MAX {
            let detail = format!("it has more than {SMALL_METADATA_BYTES_MAX} bytes");
            return Err(OpenRepositoryError::Root { detail });
        }
        self_signed_root(root)
            .map_err(|detail| OpenRepositoryError::Root { detail: printable(&detail) })?;
        let lock = lock(directory)?;
        let (file, trust) =
            TrustFile::open(directory, root).map_err(OpenRepositoryError::TrustState)?;
        let downloader = Arc::new(Downloader::new(timeouts, Arc::clone(&clock)));
        Ok(Self { metadata_url, targets_url, clock, downloader, trust, file, _lock: lock })
    }

    /// The time, unless the clock went back.
    pub(super) fn now(&self) -> Result<EpochMillis, RepositoryError> {
        let now = self.clock.now();
        self.trust.check_time(now)?;
        Ok(now)
    }

    /// Gets `timestamp.json`, on condition that it has changed if validators are given.
    pub(super) fn timestamp(
        &self,
        validators: Option<&Validators>,
        stop: &AtomicBool,
    ) -> Result<Option<(Vec<u8>, Validators)>, RepositoryError> {
        let name = "timestamp.json";
        let url = self.metadata_url.join(name).map_err(|_no_base| not_a_path(name))?;
        let timeout = self.downloader.timeouts().metadata;
        let request = Request { url: &url, limit: SMALL_METADATA_BYTES_MAX, timeout, validators };
        match self.downloader.get(request, stop)? {
            Downloaded::File { bytes, validators } => Ok(Some((bytes, validators))),
            Downloaded::Unchanged => Ok(None),
            Downloaded::Absent { status } => {
                Err(RepositoryError::HttpStatus { url: url.to_string(), status })
            }
        }
    }

    /// Has `tough` verify everything, and takes what it could verify.
    pub(super) fn load(
        &mut self,
        timestamp: Vec<u8>,
        now: EpochMillis,
        stop: &Arc<AtomicBool>,
    ) -> Result<Repository, RepositoryError> {
        let scratch = self.file.scratch();
        self.trust.unpack(&scratch).map_err(RepositoryError::TrustState)?;
        let transport =
            CheckTransport::new(Arc::clone(&self.downloader), Arc::clone(stop), timestamp);
        // INVARIANT: begins with the newest trusted root. With an older one, `tough` would take
        // every rotation since for a new one and forget the versions it has seen.
        let root = self.trust.root.clone().into_bytes();
        let loader =
            RepositoryLoader::new(&root, self.metadata_url.clone(), self.targets_url.clone())
                .transport(transport.clone())
                .limits(LIMITS)
                .datastore(scratch.clone())
                .expiration_enforcement(ExpirationEnforcement::Safe);
        let runtime = tokio::runtime::Builder::new_current_thread().build().map_err(|source| {
            RepositoryError::TrustState(TrustStateError::Io { path: scratch.clone(), source })
        })?;
        let loaded = runtime.block_on(loader.load());
        self.trust.time = self.trust.time.max(now.as_millis());
        self.trust.adopt(&scratch).map_err(RepositoryError::TrustState)?;
        // FAIL-CLOSED: whatever was loaded in spite of a fault was loaded without something.
        match (transport.take_fault(), loaded) {
            (Some(fault), _) => Err(fault),
            (None, Ok(repository)) => Ok(repository),
            (None, Err(error)) => Err(refusal(&error, &scratch)),
        }
    }

    /// Gets and verifies everything, without conditions, and keeps what could be verified.
    pub(super) fn refresh(
        &mut self,
        stop: &Arc<AtomicBool>,
    ) -> Result<Repository, RepositoryError> {
        let now = self.now()?;
        let Some((timestamp, _)) = self.timestamp(None, stop)? else {
            let url = self.metadata_url.to_string();
            return Err(RepositoryError::HttpStatus { url, status: 304 });
        };
        let loaded = self.load(timestamp, now, stop);
        self.keep()?;
        let repository = loaded?;
        check_expiries(&expiries(&repository), now)?;
        Ok(repository)
    }

    /// Keeps the state of trust on disk.
    pub(super) fn keep(&mut self) -> Result<(), RepositoryError> {
        self.file.write(&self.trust).map_err(RepositoryError::TrustState)
    }

    /// Downloads an offered bundle and verifies it.
    pub(super) fn fetch(
        &self,
        offer: &Offer,
        stop: &AtomicBool,
    ) -> Result<Vec<u8>, RepositoryError> {
        let target = || offer.target.clone();
        if offer.length > ARCHIVE_BYTES_MAX {
            return Err(RepositoryError::TooLarge { url: target(), limit: ARCHIVE_BYTES_MAX });
        }
        let path = offer.path();
        let url = self.targets_url.join(&path).map_err(|_no_base| not_a_path(&path))?;
        let timeout = self.downloader.timeouts().target;
        let request = Request { url: &url, limit: offer.length, timeout, validators: None };
        let bytes = match self.downloader.get(request, stop)? {
            Downloaded::File { bytes, .. } => bytes,
            Downloaded::Absent { status } => {
                let detail = format!("`{url}` answers with status {status}");
                return Err(RepositoryError::TargetMissing { target: target(), detail });
            }
            Downloaded::Unchanged => {
                return Err(RepositoryError::HttpStatus { url: url.to_string(), status: 304 });
            }
        };
        verify_target(offer, &bytes)?;
        Ok(bytes)
    }
}

/// When the metadata of each role expires.
pub(super) fn expiries(repository: &Repository) -> Expiries {
    [
        (RoleName::Timestamp, expires(&repository.timestamp().signed)),
        (RoleName::Root, expires(&repository.root().signed)),
        (RoleName::Snapshot, expires(&repository.snapshot().signed)),
        (RoleName::Targets, expires(&repository.targets().signed)),
    ]
}

/// Refuses metadata that has expired. `tough` goes by the machine's clock, this by ours.
pub(super) fn check_expiries(expiries: &Expiries, now: EpochMillis) -> Result<(), RepositoryError> {
    match expiries.iter().find(|(_, expires)| *expires < now) {
        Some((role, _)) => Err(expired(*role)),
        None => Ok(()),
    }
}

/// Whether downloaded bytes are the offered bundle.
pub(super) fn verify_target(offer: &Offer, bytes: &[u8]) -> Result<(), RepositoryError> {
    let target = || offer.target.clone();
    if (bytes.len() as u64) < offer.length {
        return Err(RepositoryError::Truncated { what: format!("`{}`", offer.target) });
    }
    if bytes.len() as u64 != offer.length || Sha256Digest::of(bytes) != offer.sha256 {
        let detail = "its bytes are not those that were signed".to_owned();
        return Err(RepositoryError::TargetChanged { target: target(), detail });
    }
    let bundle = RawBundle::read_archive(bytes)
        .map_err(|source| RepositoryError::Archive { target: target(), source })?;
    if !offer.matches(&bundle) {
        let detail = "the bundle in it has another name, version or content than was signed";
        return Err(RepositoryError::TargetChanged { target: target(), detail: detail.to_owned() });
    }
    Ok(())
}

fn not_a_path(path: &str) -> RepositoryError {
    RepositoryError::Malformed {
        what: "the repository's URL".to_owned(),
        detail: format!("nothing can be below it, such as `{path}`"),
    }
}

fn check_url(url: &Url) -> Result<(), OpenRepositoryError> {
    if !matches!(url.scheme(), "http" | "https" | "file") {
        return Err(bad_url(url, "use https, http or file"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(bad_url(url, "it has credentials, which would show in logs"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(bad_url(url, "it has a query or a fragment"));
    }
    if url.scheme() == "file" && url.to_file_path().is_err() {
        return Err(bad_url(url, "it is not the path of a directory here"));
    }
    Ok(())
}

fn bad_url(url: &Url, reason: &'static str) -> OpenRepositoryError {
    let mut shown = url.clone();
    // Where a URL cannot have credentials, there are none to hide.
    let is_bare = shown.set_username("").is_ok() && shown.set_password(None).is_ok();
    let has_secrets = !url.username().is_empty() || url.password().is_some();
    let shown = if is_bare || !has_secrets { shown.as_str() } else { url.scheme() };
    OpenRepositoryError::Url { url: shown.to_owned(), reason }
}

fn lock(directory: &Path) -> Result<File, OpenRepositoryError> {
    let path = directory.join("lock");
    let failed = |source| {
        OpenRepositoryError::TrustState(TrustStateError::Io { path: path.clone(), source })
    };
    fs::create_dir_all(directory).map_err(failed)?;
    let file = File::options().create(true).append(true).open(&path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            Err(OpenRepositoryError::InUse { directory: directory.to_owned() })
        }
        Err(TryLockError::Error(source)) => Err(failed(source)),
    }
}
