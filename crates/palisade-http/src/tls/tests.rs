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

fn files(folder: &TempDir) -> TlsFiles {
    TlsFiles {
        certificate: folder.path().join("certificate.pem"),
        key: folder.path().join("key.pem"),
        client_ca: None,
        reload_interval: Duration::from_secs(1),
    }
}

fn write(files: &TlsFiles, certificate: &str, key: &str) {
    fs::write(&files.certificate, certificate).unwrap();
    fs::write(&files.key, key).unwrap();
}

fn load(certificate: &str, key: &str) -> Result<Tls, LoadTlsError> {
    let folder = tempfile::tempdir().unwrap();
    let files = files(&folder);
    write(&files, certificate, key);
    Tls::load(files)
}

fn in_force(tls: &Tls) -> Arc<ServerConfig> {
    Arc::clone(&lock(&tls.current))
}

#[test]
fn certificate_and_key_must_be_there_and_fit() {
    let (one, other) = (pair(), pair());
    let tls = load(&one.certificate, &one.key).unwrap();
    assert!(!format!("{tls:?}").contains("PRIVATE"), "{tls:?}");
    let mixed = load(&one.certificate, &other.key).unwrap_err();
    assert!(matches!(mixed, LoadTlsError::Pair(_)), "{mixed:?}");
    let swapped = load(&one.key, &one.certificate).unwrap_err();
    assert!(matches!(swapped, LoadTlsError::NoCertificate { .. }), "{swapped:?}");
    let no_key = load(&one.certificate, "").unwrap_err();
    assert!(matches!(no_key, LoadTlsError::Pem { .. }), "{no_key:?}");
    let folder = tempfile::tempdir().unwrap();
    let missing = Tls::load(files(&folder)).unwrap_err();
    assert!(matches!(missing, LoadTlsError::Read { .. }), "{missing:?}");
}

#[test]
fn a_file_has_so_many_bytes() {
    let one = pair();
    let limit = usize::try_from(TLS_FILE_BYTES_MAX).unwrap() - one.certificate.len();
    assert!(load(&(one.certificate.clone() + &" ".repeat(limit)), &one.key).is_ok());
    let large = load(&(one.certificate.clone() + &" ".repeat(limit + 1)), &one.key).unwrap_err();
    assert!(matches!(large, LoadTlsError::Read { .. }), "{large:?}");
}

#[test]
fn a_file_of_authorities_without_any_is_no_way_to_switch_clients_off() {
    let folder = tempfile::tempdir().unwrap();
    let client_ca = folder.path().join("ca.pem");
    let files = TlsFiles { client_ca: Some(client_ca.clone()), ..files(&folder) };
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
    let folder = tempfile::tempdir().unwrap();
    let files = files(&folder);
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
