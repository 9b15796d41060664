//! Certificates made for one test, and a caller that uses them.
//!
//! Our client speaks no TLS, so this is what a gateway's would do.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::TokioIo;
use palisade_grpc::TlsFiles;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, KeyUsagePurpose, SanType,
    date_time_ymd,
};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use tonic::transport::{Channel, Endpoint};
use tower::service_fn;

use crate::within;

/// An authority that signs certificates.
#[derive(Debug)]
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// A certificate and its key.
#[derive(Debug)]
pub struct Identity {
    certificate: String,
    key: String,
}

/// Whom a caller trusts, what it shows and what it wants to speak.
#[derive(Debug)]
pub struct Caller<'a> {
    /// The authority of the server.
    pub trusts: &'a Authority,
    /// Its own certificate.
    pub identity: Option<&'a Identity>,
    /// The protocols it offers.
    pub protocols: &'a [&'a str],
}

impl Authority {
    /// An authority that nobody else has.
    ///
    /// # Panics
    /// There is no key.
    #[must_use]
    pub fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let key = KeyPair::generate().expect("a key");
        let issuer = CertifiedIssuer::self_signed(params, key).expect("an authority");
        Self { issuer }
    }

    /// A certificate for `127.0.0.1`, or for a caller from there.
    ///
    /// # Panics
    /// There is no key.
    #[must_use]
    pub fn issue(&self) -> Identity {
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(["127.0.0.1".to_owned()]).expect("a name");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        Identity { certificate: certificate.pem(), key: key.serialize_pem() }
    }

    /// A certificate for a workload with these URIs, as in an X.509-SVID, good until the end of a
    /// year. Without URIs it names a host.
    ///
    /// # Panics
    /// There is no key.
    #[must_use]
    pub fn issue_workload(&self, uris: &[&str], year: i32) -> Identity {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::default();
        let uri = |uri: &&str| SanType::URI((*uri).try_into().expect("ASCII"));
        params.subject_alt_names = uris.iter().map(uri).collect();
        if uris.is_empty() {
            let name = "gateway.example.com".try_into().expect("ASCII");
            params.subject_alt_names.push(SanType::DnsName(name));
        }
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.not_after = date_time_ymd(year, 12, 31);
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        Identity { certificate: certificate.pem(), key: key.serialize_pem() }
    }

    /// Writes the authority's own certificate.
    ///
    /// # Panics
    /// The file cannot be written.
    #[must_use]
    pub fn write(&self, directory: &Path) -> PathBuf {
        let path = directory.join("ca.pem");
        fs::write(&path, self.issuer.as_ref().pem()).expect("written");
        path
    }
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}

impl Identity {
    /// Writes certificate and key, over those of another identity if they are there.
    ///
    /// # Panics
    /// They cannot be written.
    #[must_use]
    pub fn write(&self, directory: &Path) -> TlsFiles {
        let (certificate, key) = (directory.join("certificate.pem"), directory.join("key.pem"));
        fs::write(&certificate, &self.certificate).expect("written");
        fs::write(&key, &self.key).expect("written");
        let reload_interval = Duration::from_millis(10);
        TlsFiles {
            certificate,
            key,
            client_ca: None,
            client_certificate_optional: false,
            reload_interval,
        }
    }

    /// The certificate as it goes over the wire.
    ///
    /// # Panics
    /// It is none.
    #[must_use]
    pub fn certificate(&self) -> CertificateDer<'static> {
        CertificateDer::from_pem_slice(self.certificate.as_bytes()).expect("a certificate")
    }

    fn key(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::from_pem_slice(self.key.as_bytes()).expect("a key")
    }
}

impl<'a> Caller<'a> {
    /// A caller without a certificate, as gRPC wants it.
    #[must_use]
    pub const fn anonymous(trusts: &'a Authority) -> Self {
        Self { trusts, identity: None, protocols: &["h2"] }
    }

    /// A TLS connection.
    ///
    /// # Errors
    /// The two do not agree.
    ///
    /// # Panics
    /// The server does not listen.
    pub async fn connect(&self, address: SocketAddr) -> io::Result<TlsStream<TcpStream>> {
        let mut roots = RootCertStore::empty();
        roots.add(self.trusts.issuer.as_ref().der().clone()).expect("an authority");
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("a version")
            .with_root_certificates(roots);
        let mut config = match self.identity {
            Some(identity) => builder
                .with_client_auth_cert(vec![identity.certificate()], identity.key())
                .expect("a pair"),
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols =
            self.protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
        let stream = TcpStream::connect(address).await.expect("a connection");
        let connecting = TlsConnector::from(Arc::new(config));
        let name = ServerName::from(address.ip());
        within("the TLS handshake", connecting.connect(name, stream)).await
    }

    /// A connection for gRPC.
    ///
    /// # Panics
    /// There is none.
    pub async fn channel(&self, address: SocketAddr) -> Channel {
        let mut stream = Some(self.connect(address).await.expect("TLS"));
        let connector = service_fn(move |_| {
            let stream = stream.take().ok_or_else(|| io::Error::other("it was closed"));
            std::future::ready(stream.map(TokioIo::new))
        });
        let endpoint = Endpoint::from_static("http://palisade");
        let connecting = endpoint.connect_with_connector(connector);
        within("a connection", connecting).await.expect("a connection")
    }
}
