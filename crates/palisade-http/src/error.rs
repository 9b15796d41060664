//! Why the endpoint cannot be opened.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use tokio_rustls::rustls;
use tokio_rustls::rustls::pki_types::pem;
use tokio_rustls::rustls::server::VerifierBuilderError;

/// The endpoint cannot be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BindEventsError {
    /// The address cannot be listened on.
    #[error("events cannot be listened for on `{address}`")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Others than this machine could connect, and there is no TLS.
    #[error("events are received on `{address}` with TLS only, since it is no loopback address")]
    PlainTextBeyondLoopback {
        /// The address.
        address: SocketAddr,
    },
    /// TLS is not possible.
    #[error(transparent)]
    Tls(#[from] LoadTlsError),
}

/// Files for TLS cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadTlsError {
    /// The authorities of clients are no authorities.
    #[error("`{}` holds certificates that are no authorities", path.display())]
    ClientCa {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: rustls::Error,
    },
    /// Client certificates cannot be checked.
    #[error("client certificates cannot be checked")]
    ClientVerifier(#[source] VerifierBuilderError),
    /// There is no certificate.
    #[error("`{}` holds no certificate in PEM", path.display())]
    NoCertificate {
        /// The file.
        path: PathBuf,
    },
    /// Certificate and key are not accepted.
    #[error("certificate and key cannot be used together")]
    Pair(#[source] rustls::Error),
    /// A file is no PEM, or not the PEM that was expected.
    #[error("`{}` cannot be read as PEM", path.display())]
    Pem {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: pem::Error,
    },
    /// A file cannot be read.
    #[error("`{}` cannot be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A TLS version is not there.
    #[error("TLS 1.2 and 1.3 are not supported")]
    Version(#[source] rustls::Error),
}
