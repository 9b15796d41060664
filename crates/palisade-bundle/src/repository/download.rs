//! Gets one file, over HTTP or from a directory, with bounds on its size and its time.
//!
//! Redirects are not followed, so nothing comes from another place than the configured one.
//! Proxies are those of the environment (`HTTPS_PROXY`, `NO_PROXY` and the like), as `ureq` reads
//! them.

use std::fmt;
use std::fs;
use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use palisade_core::Clock;
use ureq::http::Response;
use ureq::{Agent, Body};
use url::Url;

use super::config::DownloadTimeouts;
use super::error::RepositoryError;

/// Bytes that are read at once; between two reads a download can be stopped.
const CHUNK: usize = 16 * 1024;

/// Bytes of an `ETag` or `Last-Modified` that are kept.
// LIMIT: both are about 30 bytes; a longer one costs a whole download each time, nothing else.
const VALIDATOR_BYTES_MAX: usize = 256;

/// How long a file must have been as it is for what a server says about it to tell it from a later
/// one (RFC 9110, section 8.8.2.2).
// LIMIT: servers know the second of a change, and some make an ETag of nothing but that and the
// length, which is the same for most timestamps.
const SETTLED: Duration = Duration::from_secs(2);

/// What a server says about a file, to ask whether it has changed. Nothing, if the file was just
/// written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Validators {
    etag: Option<String>,
    last_modified: Option<String>,
}

impl Validators {
    fn of(response: &Response<Body>) -> Self {
        let header = |name: &str| {
            let text = response.headers().get(name)?.to_str().ok()?;
            (text.len() <= VALIDATOR_BYTES_MAX).then(|| text.to_owned())
        };
        let date = |name| httpdate::parse_http_date(&header(name)?).ok();
        let (modified, sent) = (date("Last-Modified"), date("Date"));
        let age =
            modified.zip(sent).and_then(|(modified, sent)| sent.duration_since(modified).ok());
        if modified.is_some() && age.is_none_or(|age| age < SETTLED) {
            return Self::default();
        }
        Self {
            etag: header("ETag"),
            // A date that nobody can read is not compared either.
            last_modified: header("Last-Modified").filter(|_| modified.is_some()),
        }
    }

    fn is_empty(&self) -> bool {
        self.etag.is_none() && self.last_modified.is_none()
    }
}

/// What came of a download.
#[derive(Debug)]
pub(super) enum Downloaded {
    /// There is no such file. Object stores answer 403 for it, so 403 counts as well.
    Absent { status: u16 },
    /// The file.
    File { bytes: Vec<u8>, validators: Validators },
    /// It has not changed since the validators were given.
    Unchanged,
}

/// What to get.
#[derive(Clone, Copy, Debug)]
pub(super) struct Request<'a> {
    pub(super) url: &'a Url,
    /// Bytes it may have.
    pub(super) limit: u64,
    /// How long it may take.
    pub(super) timeout: Duration,
    /// Only if it has changed.
    pub(super) validators: Option<&'a Validators>,
}

/// Gets files.
pub(super) struct Downloader {
    agent: Agent,
    timeouts: DownloadTimeouts,
    clock: Arc<dyn Clock>,
}

impl fmt::Debug for Downloader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Downloader").field("timeouts", &self.timeouts).finish_non_exhaustive()
    }
}

impl Downloader {
    pub(super) fn new(timeouts: DownloadTimeouts, clock: Arc<dyn Clock>) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_resolve(Some(timeouts.connect))
            .timeout_connect(Some(timeouts.connect))
            .timeout_per_read(Some(timeouts.stall))
            .timeout_per_write(Some(timeouts.stall))
            .build();
        Self { agent: config.new_agent(), timeouts, clock }
    }

    pub(super) fn timeouts(&self) -> &DownloadTimeouts {
        &self.timeouts
    }

    /// Gets a file.
    ///
    /// # Errors
    /// Whatever is not the whole file within its bounds, and not a clear answer that it is not
    /// there or has not changed.
    pub(super) fn get(
        &self,
        request: Request<'_>,
        stop: &AtomicBool,
    ) -> Result<Downloaded, RepositoryError> {
        if stop.load(Ordering::Relaxed) {
            return Err(RepositoryError::Stopped);
        }
        if request.url.scheme() == "file" {
            self.read(request, stop)
        } else {
            self.ask(request, stop)
        }
    }

    fn ask(&self, request: Request<'_>, stop: &AtomicBool) -> Result<Downloaded, RepositoryError> {
        let Request { url, limit, timeout, validators } = request;
        let started = self.clock.monotonic();
        let elapsed = || self.clock.monotonic().saturating_sub(started);
        let mut call = self.agent.get(url.as_str());
        if let Some(Validators { etag, last_modified }) = validators {
            // With both, servers go by the tag alone (RFC 9110, section 13.1.3).
            if let Some(etag) = etag {
                call = call.header("If-None-Match", etag);
            }
            if let Some(last_modified) = last_modified {
                call = call.header("If-Modified-Since", last_modified);
            }
        }
        let call = call.config().timeout_global(Some(timeout)).build();
        let response = call.call().map_err(|error| fault(url, error, 0, elapsed()))?;
        match response.status().as_u16() {
            200 => {}
            304 if validators.is_some_and(|known| !known.is_empty()) => {
                return Ok(Downloaded::Unchanged);
            }
            status @ (403 | 404) => return Ok(Downloaded::Absent { status }),
            status => return Err(RepositoryError::HttpStatus { url: url.to_string(), status }),
        }
        let validators = Validators::of(&response);
        if response.body().content_length().is_some_and(|length| length > limit) {
            return Err(RepositoryError::TooLarge { url: url.to_string(), limit });
        }
        let body = response.into_body().into_reader();
        let bytes = self.receive(body, request, started, stop)?;
        Ok(Downloaded::File { bytes, validators })
    }

    fn read(&self, request: Request<'_>, stop: &AtomicBool) -> Result<Downloaded, RepositoryError> {
        let url = request.url;
        let failed = |source| RepositoryError::Unreachable {
            url: url.to_string(),
            source: Box::new(ureq::Error::Io(source)),
        };
        let Ok(path) = url.to_file_path() else {
            return Err(failed(io::Error::other("the URL is not the path of a file")));
        };
        // Asked before it is opened: opening a pipe would wait for somebody to write.
        let metadata = match fs::metadata(&path) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(Downloaded::Absent { status: 404 });
            }
            Err(error) => return Err(failed(error)),
        };
        if !metadata.is_file() {
            return Err(failed(io::Error::other("it is not a file")));
        }
        let file = fs::File::open(&path).map_err(failed)?;
        let bytes = self.receive(file, request, self.clock.monotonic(), stop)?;
        Ok(Downloaded::File { bytes, validators: Validators::default() })
    }

    /// Reads all of a body.
    fn receive(
        &self,
        mut body: impl Read,
        request: Request<'_>,
        started: Duration,
        stop: &AtomicBool,
    ) -> Result<Vec<u8>, RepositoryError> {
        let Request { url, limit, timeout, validators: _ } = request;
        let mut bytes = Vec::new();
        let mut chunk = [0; CHUNK];
        loop {
            if stop.load(Ordering::Relaxed) {
                return Err(RepositoryError::Stopped);
            }
            let elapsed = self.clock.monotonic().saturating_sub(started);
            let received = bytes.len() as u64;
            let owed = u128::from(self.timeouts.bytes_per_second_min) * elapsed.as_millis() / 1000;
            let lags = elapsed > self.timeouts.stall && u128::from(received) < owed;
            if lags || elapsed > timeout {
                let url = url.to_string();
                return Err(RepositoryError::TooSlow { url, received, elapsed });
            }
            let count = match body.read(&mut chunk) {
                Ok(0) => return Ok(bytes),
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(fault(url, error.into(), received, elapsed)),
            };
            if received.saturating_add(count as u64) > limit {
                return Err(RepositoryError::TooLarge { url: url.to_string(), limit });
            }
            bytes.extend_from_slice(chunk.get(..count).unwrap_or_default());
        }
    }
}

fn fault(url: &Url, error: ureq::Error, received: u64, elapsed: Duration) -> RepositoryError {
    let address = url.to_string();
    match error {
        ureq::Error::Timeout(ureq::Timeout::Resolve | ureq::Timeout::Connect) => {
            RepositoryError::Unreachable { url: address, source: Box::new(error) }
        }
        ureq::Error::Timeout(_) => RepositoryError::TooSlow { url: address, received, elapsed },
        ureq::Error::Io(source) if source.kind() == io::ErrorKind::UnexpectedEof => {
            RepositoryError::Truncated { what: format!("`{url}`") }
        }
        error => RepositoryError::Unreachable { url: address, source: Box::new(error) },
    }
}
