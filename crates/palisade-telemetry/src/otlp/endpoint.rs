//! Where a receiver is and how to speak to it.

use std::fmt;
use std::time::Duration;

use http::uri::InvalidUri;
use http::{HeaderMap, HeaderName, HeaderValue};
use tokio_rustls::rustls;
use tokio_rustls::rustls::pki_types::pem;
use url::Url;

/// How requests are carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// gRPC over HTTP/2; by convention port 4317.
    Grpc,
    /// Protobuf over HTTP/1.1; by convention port 4318.
    HttpProtobuf,
}

/// A receiver of OTLP.
#[derive(Clone)]
pub struct Endpoint {
    /// `http` or `https`, host and port. For [`Protocol::HttpProtobuf`] also a base path, below
    /// which `v1/logs`, `v1/metrics` and `v1/traces` are; a path that ends in one of them stands
    /// for its base.
    pub url: Url,
    /// How requests are carried.
    pub protocol: Protocol,
    /// Sent with every request. Values may be secret: they are never printed.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// For `https`.
    pub tls: ClientTls,
    /// How long an answer may take, connecting included.
    pub timeout: Duration,
}

/// Whom to trust, and who we are.
#[derive(Clone, Default)]
pub struct ClientTls {
    /// The authorities of the receiver's certificate, in PEM; otherwise Mozilla's list.
    pub authorities: Option<Vec<u8>>,
    /// Our own certificate, if the receiver wants to see one.
    pub identity: Option<ClientIdentity>,
}

/// A client certificate and its key.
#[derive(Clone)]
pub struct ClientIdentity {
    /// The certificate, then those that lead from it to an authority, in PEM.
    pub certificate: Vec<u8>,
    /// The certificate's key, in PEM.
    pub key: Vec<u8>,
}

/// An endpoint cannot be one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NewClientError {
    /// An authority is none.
    #[error("the authorities of the collector hold a certificate that is no authority")]
    Authority(#[source] rustls::Error),
    /// A user or a password stands in the URL.
    #[error("the URL of a collector must not hold credentials; use a header")]
    Credentials,
    /// No URL without host.
    #[error("the URL of a collector needs a host")]
    Host,
    /// The client certificate and its key are not accepted.
    #[error("the client certificate and its key cannot be used together")]
    Identity(#[source] rustls::Error),
    /// There is no certificate.
    #[error("{what} hold no certificate in PEM")]
    NoCertificate {
        /// Whose.
        what: &'static str,
    },
    /// gRPC has no paths.
    #[error("the URL of a collector over gRPC has no path and no query")]
    Path,
    /// Something is no PEM, or not the PEM that was expected.
    #[error("{what} cannot be read as PEM")]
    Pem {
        /// What.
        what: &'static str,
        /// Why.
        #[source]
        source: pem::Error,
    },
    /// Neither `http` nor `https`.
    #[error("the URL of a collector begins with `http` or `https`")]
    Scheme,
    /// TLS cannot be used at all.
    #[error("TLS cannot be used")]
    Tls(#[source] rustls::Error),
    /// Not a URL that HTTP can use.
    #[error("the URL of the collector cannot be used in a request")]
    Url(#[source] InvalidUri),
}

impl Endpoint {
    /// Checks what both protocols need.
    pub(super) fn check(&self) -> Result<(), NewClientError> {
        if !matches!(self.url.scheme(), "http" | "https") {
            return Err(NewClientError::Scheme);
        }
        if !self.url.username().is_empty() || self.url.password().is_some() {
            return Err(NewClientError::Credentials);
        }
        match self.url.host_str() {
            Some(host) if !host.is_empty() => Ok(()),
            Some(_) | None => Err(NewClientError::Host),
        }
    }

    pub(super) fn is_tls(&self) -> bool {
        self.url.scheme() == "https"
    }

    /// The headers, marked as secret.
    pub(super) fn header_map(&self) -> HeaderMap {
        let marked = self.headers.iter().map(|(name, value)| {
            let mut value = value.clone();
            value.set_sensitive(true);
            (name.clone(), value)
        });
        marked.collect()
    }
}

/// Leaves out what may be secret: the values of headers, and the URL's credentials and query.
impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { url, protocol, headers, tls, timeout } = self;
        let host = url.host_str().unwrap_or_default();
        let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
        let shown = format!("{}://{host}{port}{}", url.scheme(), url.path());
        let names: Vec<&str> = headers.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("Endpoint")
            .field("url", &shown)
            .field("protocol", protocol)
            .field("headers", &names)
            .field("tls", tls)
            .field("timeout", timeout)
            .finish()
    }
}

impl fmt::Debug for ClientTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientTls")
            .field("authorities", &self.authorities.is_some())
            .field("identity", &self.identity.is_some())
            .finish()
    }
}

impl fmt::Debug for ClientIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientIdentity").finish_non_exhaustive()
    }
}
