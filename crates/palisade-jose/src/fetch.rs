//! Gets a document once, from a file or over HTTP, with bounds on its size and its time.
//!
//! Redirects are not followed, so nothing comes from another place than the configured one.
//! Proxies for `https` are those of the environment, as `ureq` reads them.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;
use std::time::Duration;

use ureq::http::{HeaderMap, header};
use ureq::{Agent, Body};
use url::Url;

/// Bytes of an `ETag` that are kept.
// LIMIT: it is about 30 bytes; a longer one costs a whole download each time, nothing else.
const ETAG_BYTES_MAX: usize = 256;

/// What came of asking a server.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Fetched {
    /// The document.
    Document { bytes: Vec<u8>, etag: Option<String>, lifetime: Option<Duration> },
    /// It is still what the tag that was given stands for.
    Unchanged { lifetime: Option<Duration> },
}

/// Why there is no document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FetchError {
    #[error("the file cannot be read")]
    File,
    #[error("the server sends to another place")]
    Redirect,
    #[error("the server does not answer with a document")]
    Status,
    #[error("it takes too long")]
    Timeout,
    #[error("it is too large")]
    TooLarge,
    #[error("the server cannot be reached")]
    Unreachable,
}

impl FetchError {
    /// A stable name for metrics and logs.
    pub(crate) const fn code(self) -> &'static str {
        match self {
            Self::File => "fetch_file",
            Self::Redirect => "fetch_redirect",
            Self::Status => "fetch_status",
            Self::Timeout => "fetch_timeout",
            Self::TooLarge => "fetch_too_large",
            Self::Unreachable => "fetch_unreachable",
        }
    }
}

/// What to ask a server for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Question<'a> {
    pub(crate) url: &'a Url,
    pub(crate) bytes_max: usize,
    pub(crate) timeout: Duration,
    /// The tag of the document that is here already.
    pub(crate) etag: Option<&'a str>,
}

/// Something to ask servers with.
pub(crate) fn new_agent() -> Agent {
    Agent::config_builder().http_status_as_error(false).max_redirects(0).build().new_agent()
}

/// Asks a server, once.
pub(crate) fn ask(agent: &Agent, question: Question<'_>) -> Result<Fetched, FetchError> {
    let Question { url, bytes_max, timeout, etag } = question;
    let mut call = agent.get(url.as_str()).header(header::ACCEPT, "application/json, */*;q=0.5");
    if let Some(etag) = etag {
        call = call.header(header::IF_NONE_MATCH, etag);
    }
    let mut config = call.config().timeout_global(Some(timeout));
    if url.scheme() == "http" {
        // It does not leave this machine.
        config = config.proxy(None);
    }
    let response = config.build().call().map_err(|error| fault(&error))?;
    let lifetime = lifetime(response.headers());
    match response.status().as_u16() {
        200 => {}
        304 if etag.is_some() => return Ok(Fetched::Unchanged { lifetime }),
        301..=303 | 307 | 308 => return Err(FetchError::Redirect),
        _ => return Err(FetchError::Status),
    }
    let etag = response.headers().get(header::ETAG).and_then(|tag| tag.to_str().ok());
    let etag = etag.filter(|tag| tag.len() <= ETAG_BYTES_MAX).map(str::to_owned);
    let bytes = receive(response.into_body(), bytes_max)?;
    Ok(Fetched::Document { bytes, etag, lifetime })
}

/// Reads a file, whole.
pub(crate) fn read_file(path: &Path, bytes_max: usize) -> Result<Vec<u8>, FetchError> {
    let unreadable = |_error: io::Error| FetchError::File;
    // Asked before it is opened: opening a pipe would wait for somebody to write.
    if !fs::metadata(path).map_err(unreadable)?.is_file() {
        return Err(FetchError::File);
    }
    let file = File::open(path).map_err(unreadable)?;
    read_bounded(file, bytes_max).map_err(unreadable)?.ok_or(FetchError::TooLarge)
}

fn receive(body: Body, bytes_max: usize) -> Result<Vec<u8>, FetchError> {
    if body
        .content_length()
        .is_some_and(|length| usize::try_from(length).map_or(true, |length| length > bytes_max))
    {
        return Err(FetchError::TooLarge);
    }
    read_bounded(body.into_reader(), bytes_max)
        .map_err(|error| fault(&ureq::Error::from(error)))?
        .ok_or(FetchError::TooLarge)
}

/// All bytes; `None` if there are more than the limit.
fn read_bounded(reader: impl Read, bytes_max: usize) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    let one_past = u64::try_from(bytes_max).unwrap_or(u64::MAX).saturating_add(1);
    reader.take(one_past).read_to_end(&mut bytes)?;
    Ok((bytes.len() <= bytes_max).then_some(bytes))
}

/// How long the server takes its answer for fresh (RFC 9111, sections 4.2.1 and 5.2.2); `None` if
/// it does not say.
fn lifetime(headers: &HeaderMap) -> Option<Duration> {
    let mut max_age = None;
    for value in headers.get_all(header::CACHE_CONTROL) {
        for directive in value.to_str().ok()?.split(',') {
            let directive = directive.trim();
            if directive.eq_ignore_ascii_case("no-cache")
                || directive.eq_ignore_ascii_case("no-store")
            {
                return Some(Duration::ZERO);
            }
            let Some((name, seconds)) = directive.split_once('=') else { continue };
            if name.trim().eq_ignore_ascii_case("max-age") {
                // Of several, or of what is no number, the shortest (section 4.2.1).
                let seconds = seconds.trim().trim_matches('"').parse::<u64>().unwrap_or(0);
                max_age = Some(max_age.map_or(seconds, |least: u64| least.min(seconds)));
            }
        }
    }
    let age = headers.get(header::AGE).and_then(|age| age.to_str().ok()?.trim().parse().ok());
    max_age.map(|seconds| Duration::from_secs(seconds.saturating_sub(age.unwrap_or(0))))
}

fn fault(error: &ureq::Error) -> FetchError {
    match error {
        ureq::Error::Timeout(_) => FetchError::Timeout,
        ureq::Error::Io(source) if source.kind() == io::ErrorKind::TimedOut => FetchError::Timeout,
        _ => FetchError::Unreachable,
    }
}
