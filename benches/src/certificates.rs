//! Certificates made for one run, and what both ends of a connection make of them.
//!
//! As the product has it: TLS 1.3 and HTTP/2, nothing resumed, and clients that must have a
//! certificate too. One certificate serves both ends: what is measured is what comes after the
//! handshake.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use palisade_grpc::TlsFiles;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use tokio_rustls::rustls::version::TLS13;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig};

/// HTTP/2 as ALPN calls it.
const HTTP2: &[u8] = b"h2";

/// Longer than any run: nothing is to be read again under load.
const RELOAD_INTERVAL: Duration = Duration::from_secs(24 * 60 * 60);

/// An authority, a certificate for 127.0.0.1 and its key, as files of one folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificates {
    folder: PathBuf,
}

impl Certificates {
    /// Those that were made in a folder.
    #[must_use]
    pub const fn of(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Makes new ones in a folder.
    ///
    /// # Errors
    /// There is no key, or a file cannot be written.
    pub fn make(folder: PathBuf) -> Result<Self> {
        let mut authority = CertificateParams::default();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate()?)?;
        let key = KeyPair::generate()?;
        let certificate =
            CertificateParams::new(["127.0.0.1".to_owned()])?.signed_by(&key, &authority)?;
        let own = Self::of(folder);
        fs::create_dir_all(&own.folder)?;
        fs::write(own.authority(), authority.as_ref().pem())?;
        fs::write(own.certificate(), certificate.pem())?;
        fs::write(own.key(), key.serialize_pem())?;
        Ok(own)
    }

    /// Where they are.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// As the product takes them.
    #[must_use]
    pub fn files(&self) -> TlsFiles {
        TlsFiles {
            certificate: self.certificate(),
            key: self.key(),
            client_ca: Some(self.authority()),
            client_certificate_optional: false,
            reload_interval: RELOAD_INTERVAL,
        }
    }

    /// What the product makes of them, for a server beside it.
    ///
    /// # Errors
    /// They are not what was made.
    pub fn server(&self) -> Result<Arc<ServerConfig>> {
        let clients = WebPkiClientVerifier::builder_with_provider(self.roots()?.into(), provider());
        let (certificates, key) = self.identity()?;
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&TLS13])?
            .with_client_cert_verifier(clients.build()?)
            .with_single_cert(certificates, key)?;
        config.alpn_protocols = vec![HTTP2.to_vec()];
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(config.into())
    }

    /// What a client makes of them.
    ///
    /// # Errors
    /// They are not what was made.
    pub fn client(&self) -> Result<Arc<ClientConfig>> {
        let (certificates, key) = self.identity()?;
        let mut config = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&TLS13])?
            .with_root_certificates(self.roots()?)
            .with_client_auth_cert(certificates, key)?;
        config.alpn_protocols = vec![HTTP2.to_vec()];
        Ok(config.into())
    }

    fn roots(&self) -> Result<RootCertStore> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(self.authority())?)?;
        Ok(roots)
    }

    fn identity(&self) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)> {
        let certificate = CertificateDer::from_pem_file(self.certificate())?;
        Ok((vec![certificate], PrivateKeyDer::from_pem_file(self.key())?))
    }

    fn authority(&self) -> PathBuf {
        self.folder.join("ca.pem")
    }

    fn certificate(&self) -> PathBuf {
        self.folder.join("certificate.pem")
    }

    fn key(&self) -> PathBuf {
        self.folder.join("key.pem")
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}
