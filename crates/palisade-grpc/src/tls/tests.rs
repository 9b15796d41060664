use std::fs;

use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};
use tempfile::TempDir;

use super::*;

struct Pair {
    certificate: String,
    key: String,
}

fn pair() -> Pair {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    Pair { certificate: params.self_signed(&key).unwrap().pem(), key: key.serialize_pem() }
}

fn files(directory: &TempDir) -> TlsFiles {
    TlsFiles {
        certificate: directory.path().join("certificate.pem"),
        key: directory.path().join("key.pem"),
        client_ca: None,
        client_certificate_optional: false,
        reload_interval: Duration::from_millis(10),
    }
}

fn write(files: &TlsFiles, certificate: &str, key: &str) {
    fs::write(&files.certificate, certificate).unwrap();
    fs::write(&files.key, key).unwrap();
}

fn load(certificate: &str, key: &str) -> Result<Tls, LoadTlsError> {
    let directory = tempfile::tempdir().unwrap();
    let files = files(&directory);
    write(&files, certificate, key);
    Tls::load(files)
}

fn in_force(tls: &Tls) -> Arc<ServerConfig> {
    Arc::clone(&lock(&tls.current))
}

#[test]
fn certificate_and_key_must_be_there_and_fit() {
    let (one, other) = (pair(), pair());
    assert!(load(&one.certificate, &one.key).is_ok());
    let mixed = load(&one.certificate, &other.key).unwrap_err();
    assert!(matches!(mixed, LoadTlsError::Pair(_)), "{mixed:?}");
    let swapped = load(&one.key, &one.certificate).unwrap_err();
    assert!(matches!(swapped, LoadTlsError::NoCertificate { .. }), "{swapped:?}");
    let no_key = load(&one.certificate, "").unwrap_err();
    assert!(matches!(no_key, LoadTlsError::Pem { .. }), "{no_key:?}");
    let directory = tempfile::tempdir().unwrap();
    let missing = Tls::load(files(&directory)).unwrap_err();
    assert!(matches!(missing, LoadTlsError::Read { .. }), "{missing:?}");
    let limit = usize::try_from(FILE_BYTES_MAX).unwrap() - one.certificate.len();
    assert!(load(&(one.certificate.clone() + &" ".repeat(limit)), &one.key).is_ok());
    let large = load(&(one.certificate.clone() + &" ".repeat(limit + 1)), &one.key).unwrap_err();
    assert!(matches!(large, LoadTlsError::Read { .. }), "{large:?}");
}

#[test]
fn a_file_of_authorities_without_any_is_no_way_to_switch_clients_off() {
    let directory = tempfile::tempdir().unwrap();
    let client_ca = directory.path().join("ca.pem");
    let files = TlsFiles { client_ca: Some(client_ca.clone()), ..files(&directory) };
    let one = pair();
    write(&files, &one.certificate, &one.key);
    fs::write(&client_ca, &one.certificate).unwrap();
    assert!(Tls::load(files.clone()).is_ok());
    fs::write(&client_ca, "").unwrap();
    let empty = Tls::load(files).unwrap_err();
    assert!(matches!(empty, LoadTlsError::NoCertificate { .. }), "{empty:?}");
}

#[test]
fn what_cannot_be_used_leaves_the_old_in_force_until_it_can() {
    let directory = tempfile::tempdir().unwrap();
    let files = files(&directory);
    let (one, other) = (pair(), pair());
    write(&files, &one.certificate, &one.key);
    let tls = Tls::load(files.clone()).unwrap();
    let first = in_force(&tls);
    let look = || tls.look_at(Contents::read(&files));
    look();
    assert!(Arc::ptr_eq(&in_force(&tls), &first), "nothing has changed");
    // Certificate and key are never replaced at once.
    fs::write(&files.certificate, &other.certificate).unwrap();
    look();
    assert!(Arc::ptr_eq(&in_force(&tls), &first));
    fs::remove_file(&files.key).unwrap();
    look();
    assert!(Arc::ptr_eq(&in_force(&tls), &first));
    fs::write(&files.key, &other.key).unwrap();
    look();
    assert!(!Arc::ptr_eq(&in_force(&tls), &first));
}
