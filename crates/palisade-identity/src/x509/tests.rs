//! Chains that OpenSSL made, good and bad. What OpenSSL does not make is patched or made by rcgen.

use std::collections::HashMap;

use crate::openssl::{AUTHORITY, Openssl, Order, P256, WORKLOAD, in_days};
use crate::spiffe::{SpiffeIdError, TrustDomain};
use crate::trust_bundle::TrustBundleError;

use super::*;

mod encodings;
mod leaves;
mod paths;

/// Verifies against one authority for each of these trust domains.
fn verifier(trusted: &[(&str, &[u8])]) -> SvidVerifier {
    let bundles: HashMap<_, _> = trusted
        .iter()
        .map(|(domain, pem)| {
            let bundle = TrustBundle::from_pem(pem).unwrap();
            (TrustDomain::parse(domain).unwrap(), Arc::new(bundle))
        })
        .collect();
    SvidVerifier::new(Arc::new(bundles))
}

impl Openssl {
    /// Verifies certificates of these names, leaf first, where `root` is the authority of
    /// `good.example`.
    fn verify(&self, chain: &[&str], now: EpochMillis) -> Result<VerifiedSvid, SvidError> {
        let chain: Vec<_> = chain.iter().map(|name| self.der(name)).collect();
        verifier(&[("good.example", &self.pem("root"))]).verify(&chain, now)
    }
}

#[test]
fn a_good_chain_names_its_workload() {
    let Some(openssl) = Openssl::with_chain() else { return };
    let svid = openssl.verify(&["leaf", "intermediate"], in_days(1)).unwrap();
    assert_eq!(svid.id.as_str(), "spiffe://good.example/gateway/eu");
    // OpenSSL agrees on both thumbprints.
    let print = openssl.run(&["x509", "-in", "leaf.pem", "-noout", "-sha256", "-fingerprint"]);
    let print = String::from_utf8(print).unwrap().replace(':', "").to_lowercase();
    let digest = Sha256Digest::from(svid.certificate_thumbprint).to_string();
    assert!(print.trim().ends_with(&format!("={digest}")), "{print}");
    let key = openssl.run(&["pkey", "-in", "leaf.key", "-pubout", "-outform", "DER"]);
    assert_eq!(&svid.key_thumbprint, PublicKey::from_spki_der(&key).unwrap().thumbprint());
    assert!(format!("{svid:?}").contains(&digest));
}

#[test]
fn the_root_and_the_order_of_issuers_do_not_matter() {
    let Some(openssl) = Openssl::with_chain() else { return };
    let expected = openssl.verify(&["leaf", "intermediate"], in_days(1)).unwrap();
    for chain in [
        &["leaf", "intermediate", "root"][..],
        &["leaf", "root", "intermediate"],
        &["leaf", "intermediate", "intermediate"],
    ] {
        assert_eq!(openssl.verify(chain, in_days(1)).as_ref(), Ok(&expected), "{chain:?}");
    }
}

#[test]
fn a_chain_has_at_least_one_and_at_most_six_certificates() {
    let Some(openssl) = Openssl::with_chain() else { return };
    let mut chain = vec!["leaf", "intermediate", "root", "root", "root", "root"];
    assert_eq!(chain.len(), CHAIN_CERTIFICATES_MAX);
    assert!(openssl.verify(&chain, in_days(1)).is_ok());
    chain.push("root");
    let error = SvidError::ChainTooLong { certificates: 7 };
    assert_eq!(openssl.verify(&chain, in_days(1)), Err(error));
    assert_eq!(openssl.verify(&[], in_days(1)), Err(SvidError::ChainEmpty));
}

#[test]
fn every_kind_of_key_that_jose_knows_is_taken() {
    let Some(openssl) = Openssl::new() else { return };
    let p384: &[&str] = &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"];
    let p521: &[&str] = &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-521"];
    let rsa: &[&str] = &["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"];
    for (key, digest) in [
        (P256, "-sha256"),
        (p384, "-sha384"),
        (p521, "-sha512"),
        (&["-algorithm", "ED25519"], "-sha256"),
        (rsa, "-sha256"),
    ] {
        let (root, leaf) = (Order::authority("root", "root"), Order::workload("leaf", "root"));
        openssl.make(Order { key, digest, ..root });
        openssl.make(Order { key, digest, ..leaf });
        let svid = openssl.verify(&["leaf"], in_days(1));
        assert!(svid.is_ok(), "{key:?}: {svid:?}");
        for file in ["root.key", "leaf.key"] {
            std::fs::remove_file(openssl.path(file)).unwrap();
        }
    }
}

#[test]
fn weak_keys_and_digests_are_refused() {
    let Some(openssl) = Openssl::new() else { return };
    let rsa: &[&str] = &["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024"];
    let koblitz: &[&str] = &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:secp256k1"];
    openssl.make(Order::authority("root", "root"));
    openssl.make(Order { key: rsa, ..Order::workload("small", "root") });
    openssl.make(Order { key: koblitz, ..Order::workload("koblitz", "root") });
    openssl.make(Order { digest: "-sha1", ..Order::workload("sha1", "root") });
    for (name, error) in
        [("small", SvidError::Key), ("koblitz", SvidError::Key), ("sha1", SvidError::Untrusted)]
    {
        assert_eq!(openssl.verify(&[name], in_days(1)), Err(error), "{name}");
    }
    openssl.make(Order { key: rsa, ..Order::authority("weak", "root") });
    openssl.make(Order::workload("strong", "weak"));
    assert_eq!(openssl.verify(&["strong", "weak"], in_days(1)), Err(SvidError::Untrusted));
}
