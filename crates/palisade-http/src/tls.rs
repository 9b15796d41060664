//! TLS towards transmitters: certificates from files, followed without a restart.
//!
//! TLS 1.2 and 1.3, since transmitters are other people's; HTTP/1.1 only. Sessions are not
//! resumed. A client certificate opens the connection and proves nothing of an event.

use std::fmt;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use palisade_core::ErrorChain;
use tokio::task::spawn_blocking;
use tokio::time::sleep;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

use crate::error::LoadTlsError;
use crate::limits::TLS_FILE_BYTES_MAX;

/// HTTP/1.1 as ALPN calls it.
const HTTP1: &[u8] = b"http/1.1";

/// Where certificates and key are, in PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The server's certificate, then those that lead from it to an authority.
    pub certificate: PathBuf,
    /// The key of the server's certificate.
    pub key: PathBuf,
    /// The authorities of client certificates; with them, every transmitter must have one.
    pub client_ca: Option<PathBuf>,
    /// How often the files are looked at while the server runs.
    pub reload_interval: Duration,
}

/// Certificates and key in force.
pub(crate) struct Tls {
    files: TlsFiles,
    /// What the files held when they were last looked at, or why they could not be read.
    seen: Mutex<Result<Contents, String>>,
    /// Held to copy or to replace it.
    current: Mutex<Arc<ServerConfig>>,
}

/// The bytes of the files.
#[derive(Clone, PartialEq, Eq)]
struct Contents {
    certificate: Vec<u8>,
    key: Vec<u8>,
    client_ca: Option<Vec<u8>>,
}

impl Tls {
    /// Reads the files.
    pub(crate) fn load(files: TlsFiles) -> Result<Self, LoadTlsError> {
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
                tracing::info!("the certificates for transmitters have changed and are in force");
            }
            Err(error) => {
                tracing::warn!(error, "the new certificates cannot be used; the old stay");
            }
        }
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("files", &self.files).finish_non_exhaustive()
    }
}

impl Contents {
    fn read(files: &TlsFiles) -> Result<Self, LoadTlsError> {
        let TlsFiles { certificate, key, client_ca, reload_interval: _ } = files;
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
            .with_protocol_versions(&[&TLS13, &TLS12])
            .map_err(LoadTlsError::Version)?;
        let builder = match (&files.client_ca, &self.client_ca) {
            (Some(path), Some(client_ca)) => {
                let roots = authorities(path, client_ca)?;
                let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider)
                    .build()
                    .map_err(LoadTlsError::ClientVerifier)?;
                builder.with_client_cert_verifier(verifier)
            }
            (_, None) | (None, _) => builder.with_no_client_auth(),
        };
        let mut config = builder.with_single_cert(certificates, key).map_err(LoadTlsError::Pair)?;
        config.alpn_protocols = vec![HTTP1.to_vec()];
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(config)
    }
}

fn read(path: &Path) -> Result<Vec<u8>, LoadTlsError> {
    let failed = |source| LoadTlsError::Read { path: path.to_owned(), source };
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(failed)?;
    let read = file.take(TLS_FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(failed)?;
    if u64::try_from(read).is_ok_and(|read| read <= TLS_FILE_BYTES_MAX) {
        Ok(bytes)
    } else {
        Err(failed(io::Error::other(format!("it has more than {TLS_FILE_BYTES_MAX} bytes"))))
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
