//! Authorities of our own, and what they have issued.
//!
//! They sign with Ed25519, whose signatures repeat: every process has the same certificates.

use std::collections::HashMap;
use std::sync::Arc;

use aws_lc_rs::signature::Ed25519KeyPair;
use palisade_identity::{TrustBundle, TrustBundles, TrustDomain};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType, date_time_ymd,
};

use crate::fuzz::keys::ed25519;

/// The trust domain of the authorities.
pub(super) const DOMAIN: &str = "good.example";
/// The common name of its root.
pub(super) const ROOT_NAME: &str = "root of good.example";

const WORKLOAD: &str = "spiffe://good.example/gateway/eu";
const FOREIGN: &str = "spiffe://other.example/gateway/eu";

/// Seeds of the keys.
const ROOT: u8 = 11;
const INTERMEDIATE: u8 = 12;
const LEAF: u8 = 13;
const OTHER_ROOT: u8 = 14;

/// A certificate that an authority has issued to a workload.
pub(in crate::fuzz) struct Issued {
    /// What it is, for the names of seeds.
    pub(in crate::fuzz) name: &'static str,
    pub(in crate::fuzz) der: Vec<u8>,
    /// The workload it names.
    pub(super) id: &'static str,
    /// Whether it is to be accepted.
    pub(super) is_good: bool,
    /// Whether the root itself has not signed it.
    pub(super) needs_intermediate: bool,
}

/// The authorities of a trust domain.
pub(in crate::fuzz) struct Authorities {
    root_pem: String,
    pub(in crate::fuzz) root: Vec<u8>,
    intermediate: Vec<u8>,
    pub(in crate::fuzz) issued: Vec<Issued>,
    /// What the root was asked to issue and should not have: the names and the certificates.
    pub(in crate::fuzz) unfit: Vec<(&'static str, Vec<u8>)>,
    key: Ed25519KeyPair,
}

impl Authorities {
    pub(in crate::fuzz) fn new() -> Self {
        let root_params = authority(ROOT_NAME);
        let root_certificate = root_params.self_signed(&key(ROOT)).expect("a certificate");
        let root = Issuer::new(root_params, key(ROOT));
        let below = authority("below the root");
        let intermediate = below.signed_by(&key(INTERMEDIATE), &root).expect("a certificate");
        let below = Issuer::new(below, key(INTERMEDIATE));
        let other = Issuer::new(authority(ROOT_NAME), key(OTHER_ROOT));
        let mut expired = workload(&[WORKLOAD]);
        expired.not_after = date_time_ymd(2025, 12, 31);
        let issue = |name, params: &CertificateParams, issuer: &Issuer<'_, KeyPair>| Issued {
            name,
            der: params.signed_by(&key(LEAF), issuer).expect("a certificate").der().to_vec(),
            id: WORKLOAD,
            is_good: false,
            needs_intermediate: false,
        };
        let good = workload(&[WORKLOAD]);
        let issued = vec![
            Issued { is_good: true, ..issue("leaf", &good, &root) },
            Issued {
                is_good: true,
                needs_intermediate: true,
                ..issue("leaf-below", &good, &below)
            },
            issue("expired", &expired, &root),
            issue("foreign", &workload(&[FOREIGN]), &root),
            issue("forged", &good, &other),
        ];
        let mut signing = workload(&[WORKLOAD]);
        signing.key_usages.push(KeyUsagePurpose::KeyCertSign);
        let mut unusable = workload(&[WORKLOAD]);
        unusable.key_usages.clear();
        let mut authority_too = workload(&[WORKLOAD]);
        authority_too.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let unfit = [
            ("authority", authority_too),
            ("no-name", workload(&[])),
            ("no-usage", unusable),
            ("signing", signing),
            ("trust-domain", workload(&["spiffe://good.example"])),
            ("two-names", workload(&[WORKLOAD, "spiffe://good.example/other"])),
        ];
        let unfit = unfit.map(|(name, params)| (name, issue(name, &params, &root).der));
        Self {
            root_pem: root_certificate.pem(),
            root: root_certificate.der().to_vec(),
            intermediate: intermediate.der().to_vec(),
            issued,
            unfit: unfit.into(),
            key: ed25519(ROOT),
        }
    }

    /// What a verifier trusts that trusts the root.
    pub(super) fn trust_bundles(&self) -> Arc<dyn TrustBundles> {
        let bundle = TrustBundle::from_pem(self.root_pem.as_bytes()).expect("an authority");
        let domain = TrustDomain::parse(DOMAIN).expect("a trust domain");
        Arc::new(HashMap::from([(domain, Arc::new(bundle))]))
    }

    /// What a verifier trusts that trusts nobody of the trust domain.
    pub(super) fn none() -> Arc<dyn TrustBundles> {
        let domain = TrustDomain::parse(DOMAIN).expect("a trust domain");
        Arc::new(HashMap::from([(domain, Arc::new(TrustBundle::default()))]))
    }

    pub(in crate::fuzz) fn intermediate(&self) -> &[u8] {
        &self.intermediate
    }

    pub(super) fn issued(&self, der: &[u8]) -> Option<&Issued> {
        self.issued.iter().find(|issued| issued.der == der)
    }

    /// A certificate with this `TBSCertificate` (RFC 5280, section 4.1), signed by the root.
    pub(super) fn sign(&self, content: &[u8]) -> Vec<u8> {
        // Ed25519 (RFC 8410, section 3), and a bit string of 64 bytes.
        let algorithm = [0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70];
        let signature = self.key.sign(content);
        let body = [content, &algorithm, &[0x03, 0x41, 0x00], signature.as_ref()].concat();
        let length = match u16::try_from(body.len()).unwrap_or(u16::MAX).to_be_bytes() {
            [0, short @ ..=0x7f] => vec![short],
            [0, long] => vec![0x81, long],
            [high, low] => vec![0x82, high, low],
        };
        [&[0x30], length.as_slice(), &body].concat()
    }
}

/// The content that was signed in a certificate.
pub(in crate::fuzz) fn signed_content(certificate: &[u8]) -> Vec<u8> {
    // Certificates of ours take three bytes for their lengths.
    let (content, _) = first_element(&certificate[4..]).expect("a certificate");
    content.to_vec()
}

/// The first DER sequence and what is behind it; `None` if there is no whole one.
pub(in crate::fuzz) fn first_element(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (head, length) = match *bytes {
        [0x30, short @ ..=0x7f, ..] => (2, usize::from(short)),
        [0x30, 0x81, length, ..] => (3, usize::from(length)),
        [0x30, 0x82, high, low, ..] => (4, usize::from(u16::from_be_bytes([high, low]))),
        _ => return None,
    };
    bytes.split_at_checked(head + length)
}

/// A key pair in PKCS #8 (RFC 8410, section 7).
fn key(seed: u8) -> KeyPair {
    let head = hex::decode("302e020100300506032b657004220420").expect("digits");
    KeyPair::try_from([head, vec![seed; 32]].concat()).expect("a key")
}

fn authority(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn workload(ids: &[&str]) -> CertificateParams {
    let mut params = CertificateParams::default();
    let name = |id: &&str| SanType::URI((*id).try_into().expect("a URI"));
    params.subject_alt_names = ids.iter().map(name).collect();
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params.not_before = date_time_ymd(2025, 1, 1);
    params.not_after = date_time_ymd(2027, 1, 1);
    params
}
