//! TLS for the decision socket: certificates from files, followed without a restart.
//!
//! TLS 1.3 and HTTP/2 only. Sessions are not resumed, so that every connection proves anew who it
//! is. Nothing here says who a caller may speak for: a client certificate opens the connection, and
//! `access` finds out whose it is.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::task::spawn_blocking;
use tokio::time::sleep;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject as _};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::{
    NoServerSessionStorage, VerifierBuilderError, WebPkiClientVerifier,
};
use tokio_rustls::rustls::version::TLS13;
use tokio_rustls::rustls::{self, RootCertStore, ServerConfig};
use tokio_rustls::server::TlsStream;

use palisade_core::ErrorChain;

/// Bytes of a file with certificates or a key.
// LIMIT: some hundred certificates of authorities.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// HTTP/2 as ALPN calls it.
const HTTP2: &[u8] = b"h2";

/// Where certificates and key are, in PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The server's certificate, then those that lead from it to an authority.
    pub certificate: PathBuf,
    /// The key of the server's certificate.
    pub key: PathBuf,
    /// The authorities of client certificates; with them, every caller must have one, unless it may
    /// show another credential.
    pub client_ca: Option<PathBuf>,
    /// Callers without a certificate are let in, because they may show another credential.
    pub client_certificate_optional: bool,
    /// How often the files are looked at while the server runs.
    pub reload_interval: Duration,
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
    /// The TLS version is not there.
    #[error("TLS 1.3 is not supported")]
    Version(#[source] rustls::Error),
}

/// A connection was not opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HandshakeError {
    #[error("the caller did not agree to speak HTTP/2")]
    NoHttp2,
    #[error(transparent)]
    Transport(io::Error),
}

/// Certificates and key in force.
#[derive(Debug)]
pub struct Tls {
    files: TlsFiles,
    /// What the files held when they were last looked at; held by whoever follows them.
    seen: Mutex<Seen>,
    /// Held to copy or to replace it.
    current: Mutex<Arc<ServerConfig>>,
}

/// What was read, or why it could not be.
type Seen = Result<Contents, String>;

/// The bytes of the files.
#[derive(Clone, PartialEq, Eq)]
struct Contents {
    certificate: Vec<u8>,
    key: Vec<u8>,
    client_ca: Option<Vec<u8>>,
}

impl std::fmt::Debug for Contents {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Contents").finish_non_exhaustive()
    }
}

impl Tls {
    /// Reads the files.
    ///
    /// # Errors
    /// A file cannot be read, or they hold nothing that TLS works with.
    pub fn load(files: TlsFiles) -> Result<Self, LoadTlsError> {
        let contents = Contents::read(&files)?;
        let current = Mutex::new(Arc::new(contents.accept(&files)?));
        Ok(Self { files, seen: Mutex::new(Ok(contents)), current })
    }

    /// What opens the next connection.
    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&lock(&self.current)))
    }

    /// Puts in force what the files hold whenever that changes, for connections from then on. What
    /// cannot be used is logged once and leaves the old in force. Never ends.
    pub(crate) async fn follow_files(&self) {
        loop {
            sleep(self.files.reload_interval).await;
            let files = self.files.clone();
            // On a thread for what may block, since a disk may be slow.
            match spawn_blocking(move || Contents::read(&files)).await {
                Ok(read) => self.look_at(read),
                Err(error) => tracing::error!(error = %ErrorChain(&error), "reading panicked"),
            }
        }
    }

    fn look_at(&self, read: Result<Contents, LoadTlsError>) {
        let read = read.map_err(|error| ErrorChain(&error).to_string());
        let mut seen = lock(&self.seen);
        if *seen == read {
            return;
        }
        let accepted = match &read {
            Ok(contents) => {
                contents.accept(&self.files).map_err(|error| ErrorChain(&error).to_string())
            }
            Err(error) => Err(error.clone()),
        };
        *seen = read;
        match accepted {
            Ok(config) => {
                *lock(&self.current) = Arc::new(config);
                tracing::info!("the certificates for TLS have changed and are in force");
            }
            Err(error) => {
                tracing::warn!(error, "the new certificates for TLS cannot be used; the old stay");
            }
        }
    }
}

impl Contents {
    fn read(files: &TlsFiles) -> Result<Self, LoadTlsError> {
        let TlsFiles {
            certificate,
            key,
            client_ca,
            client_certificate_optional: _,
            reload_interval: _,
        } = files;
        Ok(Self {
            certificate: read(certificate)?,
            key: read(key)?,
            client_ca: client_ca.as_deref().map(read).transpose()?,
        })
    }

    fn accept(&self, files: &TlsFiles) -> Result<ServerConfig, LoadTlsError> {
        let provider = Arc::new(ring::default_provider());
        let certificates = certificates(&files.certificate, &self.certificate)?;
        let key = PrivateKeyDer::from_pem_slice(&self.key)
            .map_err(|source| LoadTlsError::Pem { path: files.key.clone(), source })?;
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[&TLS13])
            .map_err(LoadTlsError::Version)?;
        let builder = match (&files.client_ca, &self.client_ca) {
            (Some(path), Some(client_ca)) => {
                let roots = authorities(path, client_ca)?;
                let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider);
                let verifier = if files.client_certificate_optional {
                    verifier.allow_unauthenticated()
                } else {
                    verifier
                };
                let verifier = verifier.build().map_err(LoadTlsError::ClientVerifier)?;
                builder.with_client_cert_verifier(verifier)
            }
            (_, None) | (None, _) => builder.with_no_client_auth(),
        };
        let mut config = builder.with_single_cert(certificates, key).map_err(LoadTlsError::Pair)?;
        config.alpn_protocols = vec![HTTP2.to_vec()];
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(config)
    }
}

/// Agrees on TLS with a caller.
pub(crate) async fn handshake(
    acceptor: TlsAcceptor,
    stream: TcpStream,
) -> Result<TlsStream<TcpStream>, HandshakeError> {
    let stream = acceptor.accept(stream).await.map_err(HandshakeError::Transport)?;
    // Who offers other protocols only was refused already; this is for who offers none.
    if stream.get_ref().1.alpn_protocol() == Some(HTTP2) {
        Ok(stream)
    } else {
        Err(HandshakeError::NoHttp2)
    }
}

fn read(path: &Path) -> Result<Vec<u8>, LoadTlsError> {
    let failed = |source| LoadTlsError::Read { path: path.to_owned(), source };
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(failed)?;
    let read = file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(failed)?;
    if u64::try_from(read).is_ok_and(|read| read <= FILE_BYTES_MAX) {
        Ok(bytes)
    } else {
        Err(failed(io::Error::other(format!("it has more than {FILE_BYTES_MAX} bytes"))))
    }
}

fn certificates(path: &Path, text: &[u8]) -> Result<Vec<CertificateDer<'static>>, LoadTlsError> {
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text).collect();
    let certificates =
        certificates.map_err(|source| LoadTlsError::Pem { path: path.to_owned(), source })?;
    if certificates.is_empty() {
        return Err(LoadTlsError::NoCertificate { path: path.to_owned() });
    }
    Ok(certificates)
}

fn authorities(path: &Path, text: &[u8]) -> Result<RootCertStore, LoadTlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path, text)? {
        roots
            .add(certificate)
            .map_err(|source| LoadTlsError::ClientCa { path: path.to_owned(), source })?;
    }
    Ok(roots)
}

/// Nothing that panics runs under these locks, so poison says nothing about what they hold.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
