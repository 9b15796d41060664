//! TLS.

use std::fs;

use rcgen::{CertificateParams, KeyPair};
use tempfile::TempDir;
use tokio::time::Instant;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{
    ClientConfig, ProtocolVersion, RootCertStore, SupportedProtocolVersion,
};

use super::*;
use crate::limits::HANDSHAKE_MAX;

const NEWEST: &[&SupportedProtocolVersion] = &[&TLS13];

/// A certificate that vouches for itself, and its key.
struct Pair {
    certificate: String,
    key: String,
}

fn pair() -> Pair {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(["localhost".to_owned()]).unwrap();
    Pair { certificate: params.self_signed(&key).unwrap().pem(), key: key.serialize_pem() }
}

fn files(folder: &TempDir, pair: &Pair) -> TlsFiles {
    let files = TlsFiles {
        certificate: folder.path().join("certificate.pem"),
        key: folder.path().join("key.pem"),
        client_ca: None,
        reload_interval: Duration::from_secs(60),
    };
    fs::write(&files.certificate, &pair.certificate).unwrap();
    fs::write(&files.key, &pair.key).unwrap();
    files
}

fn config(tls: TlsFiles) -> EventServerConfig {
    EventServerConfig { tls: Some(tls), ..loopback() }
}

struct Client<'a> {
    trusts: &'a Pair,
    shows: Option<&'a Pair>,
    versions: &'a [&'static SupportedProtocolVersion],
    protocols: &'a [&'a [u8]],
}

impl<'a> Client<'a> {
    fn of(trusts: &'a Pair) -> Self {
        Self { trusts, shows: None, versions: NEWEST, protocols: &[b"http/1.1"] }
    }

    async fn connect(&self, address: SocketAddr) -> std::io::Result<TlsStream<TcpStream>> {
        let certificate =
            |pair: &Pair| CertificateDer::from_pem_slice(pair.certificate.as_bytes()).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(certificate(self.trusts)).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(self.versions)
            .unwrap()
            .with_root_certificates(roots);
        let mut config = match self.shows {
            Some(pair) => {
                let key = PrivateKeyDer::from_pem_slice(pair.key.as_bytes()).unwrap();
                builder.with_client_auth_cert(vec![certificate(pair)], key).unwrap()
            }
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = self.protocols.iter().map(|name| name.to_vec()).collect();
        let stream = TcpStream::connect(address).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        ended(TlsConnector::from(Arc::new(config)).connect(name, stream)).await
    }

    /// The status of the answer to a push; an error if there is no connection for it.
    async fn push(&self, address: SocketAddr) -> std::io::Result<u16> {
        let mut stream = self.connect(address).await?;
        stream.write_all(last_push("a.b.c").as_bytes()).await?;
        let mut answer = String::new();
        ended(stream.read_to_string(&mut answer)).await?;
        Ok(status(&answer))
    }
}

#[tokio::test]
async fn events_come_over_tls() {
    let (folder, pair) = (tempfile::tempdir().unwrap(), pair());
    let served = Served::with(config(files(&folder, &pair)), |_| Ok(())).await;
    let client = Client::of(&pair);
    let mut stream = client.connect(served.address).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(b"http/1.1".as_slice()));
    assert_eq!(status(&exchange(&mut stream, &push("a.b.c")).await), 202);
    assert_eq!(status(&exchange(&mut stream, &push("a.b.c")).await), 202);
    let older = Client { versions: &[&TLS12], protocols: &[], ..client };
    let stream = older.connect(served.address).await.unwrap();
    assert_eq!(stream.get_ref().1.protocol_version(), Some(ProtocolVersion::TLSv1_2));
    assert_eq!(older.push(served.address).await.unwrap(), 202);
    // A long answer to a long request, so that it does not end with the first record.
    let mut stream = older.connect(served.address).await.unwrap();
    let large = "x".repeat(crate::limits::BODY_BYTES_MAX);
    assert_eq!(status(&exchange(&mut stream, &push(&large)).await), 202);
}

#[tokio::test]
async fn without_tls_nothing_is_said() {
    let (folder, pair) = (tempfile::tempdir().unwrap(), pair());
    let served = Served::with(config(files(&folder, &pair)), |_| Ok(())).await;
    let answer = {
        let mut stream = served.connect().await;
        stream.write_all(push("a.b.c").as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        drop(ended(stream.read_to_end(&mut answer)).await);
        String::from_utf8_lossy(&answer).into_owned()
    };
    assert!(!answer.contains("HTTP"), "{answer}");
    let http2 = Client { protocols: &[b"h2"], ..Client::of(&pair) };
    assert!(http2.push(served.address).await.is_err());
    served.assert_untouched();
}

#[tokio::test]
async fn with_authorities_of_clients_every_client_shows_a_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let (server, known, stranger) = (pair(), pair(), pair());
    let client_ca = folder.path().join("ca.pem");
    fs::write(&client_ca, &known.certificate).unwrap();
    let files = TlsFiles { client_ca: Some(client_ca), ..files(&folder, &server) };
    let served = Served::with(config(files), |_| Ok(())).await;
    let nobody = Client::of(&server);
    for versions in [[&TLS12], [&TLS13]] {
        let nobody = Client { versions: &versions, ..nobody };
        assert!(nobody.push(served.address).await.is_err());
        let stranger = Client { shows: Some(&stranger), ..nobody };
        assert!(stranger.push(served.address).await.is_err());
        served.assert_untouched();
    }
    let known = Client { shows: Some(&known), ..nobody };
    assert_eq!(known.push(served.address).await.unwrap(), 202);
}

#[tokio::test(start_paused = true)]
async fn whoever_does_not_agree_on_tls_is_cut_off() {
    let (folder, pair) = (tempfile::tempdir().unwrap(), pair());
    let served = Served::with(config(files(&folder, &pair)), |_| Ok(())).await;
    let mut stream = served.connect().await;
    stream.write_all(&[22, 3, 1]).await.unwrap();
    let began = Instant::now();
    let mut answer = Vec::new();
    drop(ended(stream.read_to_end(&mut answer)).await);
    assert_eq!(answer, b"");
    assert_eq!(began.elapsed().as_secs(), HANDSHAKE_MAX.as_secs());
    let mut stream = served.connect().await;
    stream.write_all(&[22, 3, 1]).await.unwrap();
    served.shutdown.cancel();
    let began = Instant::now();
    served.ended().await;
    assert_eq!(began.elapsed().as_secs(), 0, "nobody waits for it at the end");
}

#[tokio::test]
async fn changed_files_come_into_force() {
    let folder = tempfile::tempdir().unwrap();
    let (one, other) = (pair(), pair());
    let files = TlsFiles { reload_interval: Duration::from_millis(1), ..files(&folder, &one) };
    let served = Served::with(config(files.clone()), |_| Ok(())).await;
    assert_eq!(Client::of(&one).push(served.address).await.unwrap(), 202);
    fs::write(&files.certificate, &other.certificate).unwrap();
    fs::write(&files.key, &other.key).unwrap();
    let in_force = async { while Client::of(&other).push(served.address).await.is_err() {} };
    ended(in_force).await;
    assert!(Client::of(&one).push(served.address).await.is_err());
}

#[tokio::test]
async fn beyond_this_machine_there_is_nothing_without_tls() {
    let sink: Arc<dyn EventSink> =
        Arc::new(FakeSink { behaviour: Box::new(|_| Ok(())), received: Mutex::default() });
    let bind = async |address: &str, tls: Option<TlsFiles>| {
        let address = address.parse().unwrap();
        let config = EventServerConfig { address, bearer_digest: None, tls };
        EventServer::bind(config, Arc::clone(&sink)).await
    };
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0", "[::ffff:192.0.2.1]:0", "10.0.0.1:443"] {
        let error = bind(address, None).await.unwrap_err();
        let is_refused = matches!(error, BindEventsError::PlainTextBeyondLoopback { .. });
        assert!(is_refused, "{address}: {error:?}");
    }
    for address in ["127.0.0.1:0", "127.8.8.8:0", "[::1]:0", "[::ffff:127.0.0.1]:0"] {
        // Not every machine has all of them.
        if let Err(error) = bind(address, None).await {
            assert!(matches!(error, BindEventsError::Listen { .. }), "{address}: {error:?}");
        }
    }
    let (folder, pair) = (tempfile::tempdir().unwrap(), pair());
    let server = bind("0.0.0.0:0", Some(files(&folder, &pair))).await.unwrap();
    assert_ne!(server.address().port(), 0);
    let taken = bind(&server.address().to_string(), Some(files(&folder, &pair))).await;
    assert!(matches!(taken, Err(BindEventsError::Listen { .. })), "{taken:?}");
    let missing = TlsFiles { key: folder.path().join("missing"), ..files(&folder, &pair) };
    let error = bind("127.0.0.1:0", Some(missing)).await.unwrap_err();
    assert!(matches!(error, BindEventsError::Tls(_)), "{error:?}");
}
