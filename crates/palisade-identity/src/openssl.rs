//! Certificates for tests, made by the `openssl` command: what is verified here was not made by
//! the libraries that verify it.

use std::path::PathBuf;
use std::process::Command;

use palisade_core::{Clock as _, EpochMillis, SystemClock};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use tempfile::TempDir;

/// An authority of the trust domain `good.example`.
pub(crate) const AUTHORITY: &str = "basicConstraints=critical,CA:TRUE\n\
     keyUsage=critical,keyCertSign,cRLSign\n\
     subjectAltName=URI:spiffe://good.example\n";

/// A workload of the trust domain `good.example`.
pub(crate) const WORKLOAD: &str = "basicConstraints=critical,CA:FALSE\n\
     keyUsage=critical,digitalSignature\n\
     extendedKeyUsage=serverAuth,clientAuth\n\
     subjectAltName=URI:spiffe://good.example/gateway/eu\n";

/// A folder with keys and certificates, by name.
pub(crate) struct Openssl(TempDir);

/// A certificate to be made.
#[derive(Clone, Copy)]
pub(crate) struct Order<'a> {
    pub(crate) name: &'a str,
    /// Who signs it; itself if this is its own name.
    pub(crate) issuer: &'a str,
    /// What `openssl genpkey` is told.
    pub(crate) key: &'a [&'a str],
    /// Lines of an extension section.
    pub(crate) extensions: &'a str,
    pub(crate) days: u32,
    /// Its common name.
    pub(crate) subject: &'a str,
    pub(crate) digest: &'a str,
}

pub(crate) const P256: &[&str] = &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"];

impl<'a> Order<'a> {
    /// An authority for thirty days.
    pub(crate) const fn authority(name: &'a str, issuer: &'a str) -> Self {
        Self {
            name,
            issuer,
            key: P256,
            extensions: AUTHORITY,
            days: 30,
            subject: name,
            digest: "-sha256",
        }
    }

    /// A workload for ten days.
    pub(crate) const fn workload(name: &'a str, issuer: &'a str) -> Self {
        Self { extensions: WORKLOAD, days: 10, ..Self::authority(name, issuer) }
    }
}

impl Openssl {
    /// An empty folder. `None` if `TESTS_OFFLINE=1` says to do without what is not installed; then
    /// this has said that the test is skipped.
    ///
    /// # Panics
    /// There is no `openssl`.
    #[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
    pub(crate) fn new() -> Option<Self> {
        let found = Command::new("openssl").arg("version").output();
        if !found.is_ok_and(|output| output.status.success()) {
            let offline = std::env::var_os("TESTS_OFFLINE").is_some_and(|value| value == "1");
            assert!(offline, "`openssl` is missing: run `scripts/test`, which installs it");
            eprintln!("skipped: TESTS_OFFLINE=1 and this needs the command `openssl`");
            return None;
        }
        Some(Self(TempDir::new().unwrap()))
    }

    /// A folder with the authority `root`, the authority `intermediate` that it signed, and the
    /// workload `leaf` that `intermediate` signed.
    pub(crate) fn with_chain() -> Option<Self> {
        let openssl = Self::new()?;
        openssl.make(Order::authority("root", "root"));
        openssl.make(Order::authority("intermediate", "root"));
        openssl.make(Order::workload("leaf", "intermediate"));
        Some(openssl)
    }

    /// Makes a key, if there is none of that name yet, and a certificate; gives it in DER.
    pub(crate) fn make(&self, order: Order<'_>) -> Vec<u8> {
        let (name, issuer) = (order.name, order.issuer);
        if !self.path(&format!("{name}.key")).exists() {
            let key = ["genpkey", "-out", &format!("{name}.key")];
            self.run(&[&key[..], order.key].concat());
        }
        let config = format!("[req]\ndistinguished_name=dn\n[dn]\n[ext]\n{}", order.extensions);
        std::fs::write(self.path("config"), config).unwrap();
        let (key, pem) = (format!("{name}.key"), format!("{name}.pem"));
        let (issuer_key, issuer_pem) = (format!("{issuer}.key"), format!("{issuer}.pem"));
        let (subject, days) = (format!("/CN={}", order.subject), order.days.to_string());
        let mut command = vec!["req", "-new", "-x509", "-config", "config", "-extensions", "ext"];
        command.extend([order.digest, "-key", &key, "-subj", &subject, "-days", &days]);
        command.extend(["-out", &pem]);
        if name != issuer {
            command.extend(["-CA", &issuer_pem, "-CAkey", &issuer_key]);
        }
        self.run(&command);
        self.der(name)
    }

    /// A certificate that was made, in DER.
    pub(crate) fn der(&self, name: &str) -> Vec<u8> {
        CertificateDer::from_pem_slice(&self.pem(name)).unwrap().to_vec()
    }

    /// A certificate that was made, in PEM.
    pub(crate) fn pem(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(&format!("{name}.pem"))).unwrap()
    }

    /// Runs `openssl` in the folder; gives what it wrote.
    pub(crate) fn run(&self, arguments: &[&str]) -> Vec<u8> {
        let output =
            Command::new("openssl").args(arguments).current_dir(self.0.path()).output().unwrap();
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "openssl {arguments:?}: {complaint}");
        output.stdout
    }

    /// Where a file of the folder lies.
    pub(crate) fn path(&self, file: &str) -> PathBuf {
        self.0.path().join(file)
    }
}

/// This many days after now; certificates are good from now on.
pub(crate) fn in_days(days: i64) -> EpochMillis {
    EpochMillis::new(SystemClock::new().now().as_millis() + days * 86_400_000)
}
