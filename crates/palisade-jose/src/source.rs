//! Where a document is kept by those who publish it, and how often to look.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use url::{Host, Url};

use crate::key_set::{KEY_SET_BYTES_MAX, KeySet, KeySetError, KeyUse};

/// Reads a document; an error is a stable code for status, metrics and logs, such as
/// `key_set_malformed`.
pub type ReadDocument<T> = Arc<dyn Fn(&[u8]) -> Result<T, &'static str> + Send + Sync>;

/// How long a document says that it is fresh, such as `spiffe_refresh_hint`; `None` if it does not.
pub type DocumentLifetime<T> = Arc<dyn Fn(&T) -> Option<Duration> + Send + Sync>;

/// Where a document is.
#[derive(Clone, Debug)]
pub enum Origin<T> {
    /// In a file, which is looked at every few seconds.
    File(PathBuf),
    /// Here. It never changes.
    Fixed(T),
    /// On a server: `https`, or `http` on this machine.
    Url(Url),
}

/// A document to keep fresh.
#[derive(Clone)]
pub struct Source<T> {
    /// Its name in handles, status and logs.
    pub name: String,
    /// Where it is.
    pub origin: Origin<T>,
    /// How it is read.
    pub read: ReadDocument<T>,
    /// How long it says that it is fresh; that counts before what the server says.
    pub lifetime: DocumentLifetime<T>,
    /// Bytes it may have.
    pub bytes_max: usize,
    /// The least time between two requests, whatever anybody asks for.
    pub minimum_refetch: Duration,
    /// How long it is taken for fresh if neither it nor the server says.
    pub default_lifetime: Duration,
    /// How long it is taken for fresh at most, whatever anybody says.
    pub max_lifetime: Duration,
    /// How long one request may take in all.
    pub timeout: Duration,
    /// How long the last good document is kept while no newer look at it succeeds; `None`: for as
    /// long as it takes.
    pub withdraw_after: Option<Duration>,
}

impl<T> Source<T> {
    /// A document with the usual times.
    #[must_use]
    pub fn new(name: &str, origin: Origin<T>, bytes_max: usize, read: ReadDocument<T>) -> Self {
        Self {
            name: name.to_owned(),
            origin,
            read,
            lifetime: Arc::new(|_document| None),
            bytes_max,
            minimum_refetch: Duration::from_secs(30),
            default_lifetime: Duration::from_mins(5),
            max_lifetime: Duration::from_hours(24),
            timeout: Duration::from_secs(5),
            withdraw_after: None,
        }
    }
}

impl Source<KeySet> {
    /// A JWK set with the usual times and limits.
    #[must_use]
    pub fn keys(name: &str, origin: Origin<KeySet>, key_use: KeyUse) -> Self {
        let read =
            move |text: &[u8]| KeySet::from_jwks_for(text, key_use).map_err(KeySetError::code);
        Self::new(name, origin, KEY_SET_BYTES_MAX, Arc::new(read))
    }
}

/// Without the document itself.
impl<T> fmt::Debug for Source<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Whether a document may be got from there: over TLS, or without leaving this machine, and with
/// no credentials in the URL, which end up in logs.
pub(crate) fn is_acceptable(url: &Url) -> bool {
    let on_this_machine = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    let has_credentials = !url.username().is_empty() || url.password().is_some();
    (url.scheme() == "https" || (url.scheme() == "http" && on_this_machine)) && !has_credentials
}
