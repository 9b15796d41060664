use aws_lc_rs::encoding::AsDer as _;
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::base64url::encode;
use crate::signing::Signer;

fn read(jwk: &Value) -> Result<PublicKey, JwkError> {
    PublicKey::from_jwk(jwk.as_object().unwrap())
}

fn changed(signer: &Signer, member: &str, value: Value) -> Result<PublicKey, JwkError> {
    let mut jwk = signer.jwk();
    jwk.insert(member.to_owned(), value);
    PublicKey::from_jwk(&jwk)
}

fn rsa(n: &[u8], e: &[u8]) -> Result<PublicKey, JwkError> {
    read(&json!({"kty": "RSA", "n": encode(n), "e": encode(e)}))
}

/// A number of this many bits, odd.
fn modulus(bits: usize) -> Vec<u8> {
    let mut n = vec![0xa5; bits.div_ceil(8)];
    n[0] = 1 << ((bits - 1) % 8);
    n
}

fn spki(signer: &Signer) -> Vec<u8> {
    use aws_lc_rs::signature::KeyPair as _;
    match signer {
        Signer::Ec(_, pair) => pair.public_key().as_der().unwrap().as_ref().to_vec(),
        Signer::Ed25519(pair) => pair.public_key().as_der().unwrap().as_ref().to_vec(),
        Signer::Rsa(pair) => pair.public_key().as_der().unwrap().as_ref().to_vec(),
    }
}

#[test]
fn a_key_supports_its_own_algorithms_only() {
    let rsa = [
        Algorithm::Ps256,
        Algorithm::Ps384,
        Algorithm::Ps512,
        Algorithm::Rs256,
        Algorithm::Rs384,
        Algorithm::Rs512,
    ];
    for algorithm in Algorithm::ALL {
        let key = Signer::generate(algorithm).public();
        for other in Algorithm::ALL {
            let both_rsa = rsa.contains(&algorithm) && rsa.contains(&other);
            assert_eq!(key.supports(other), both_rsa || algorithm == other, "{algorithm} {other}");
            if !key.supports(other) {
                assert_eq!(key.verify(other, b"", b""), Err(SignatureError::Algorithm));
            }
        }
    }
}

#[test]
fn thumbprints_are_those_of_the_rfcs() {
    // RFC 7638, section 3.1.
    let key = read(&json!({
        "kty": "RSA",
        "n": concat!(
            "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc",
            "_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQ",
            "R0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bF",
            "TWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw",
        ),
        "e": "AQAB",
        "alg": "RS256",
        "kid": "2011-04-29",
    }))
    .unwrap();
    assert_eq!(encode(key.thumbprint()), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    assert_eq!(key.algorithm(), Some(Algorithm::Rs256));
    assert_eq!((key.key_id(), key.key_use()), (Some("2011-04-29"), None));
    assert!(key.supports(Algorithm::Rs256) && !key.supports(Algorithm::Ps256));
    // RFC 8037, appendix A.3.
    let key = read(&json!({
        "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
    }))
    .unwrap();
    assert_eq!(encode(key.thumbprint()), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
}

#[test]
fn a_key_is_the_same_from_spki_as_from_jwk() {
    for algorithm in Algorithm::ALL {
        let signer = Signer::generate(algorithm);
        let der = spki(&signer);
        let key = PublicKey::from_spki_der(&der).unwrap();
        assert_eq!(key.thumbprint(), signer.public().thumbprint(), "{algorithm}");
        let signature = signer.sign(algorithm, b"message");
        assert_eq!(key.verify(algorithm, b"message", &signature), Ok(()));
        let mismatch = Err(SignatureError::Mismatch);
        assert_eq!(key.verify(algorithm, b"another", &signature), mismatch);
        assert_eq!((key.key_id(), key.key_use(), key.algorithm()), (None, None, None));
        for length in 0..der.len() {
            assert!(PublicKey::from_spki_der(&der[..length]).is_err(), "{algorithm} {length}");
        }
        let longer = [der.as_slice(), &[0]].concat();
        assert_eq!(PublicKey::from_spki_der(&longer).unwrap_err(), JwkError::Spki);
    }
}

#[test]
fn raw_keys_are_no_spki() {
    use aws_lc_rs::signature::KeyPair as _;
    for signer in [Algorithm::EdDsa, Algorithm::Es256, Algorithm::Rs256].map(Signer::generate) {
        let raw = match &signer {
            Signer::Ec(_, pair) => pair.public_key().as_ref().to_vec(),
            Signer::Ed25519(pair) => pair.public_key().as_ref().to_vec(),
            Signer::Rsa(pair) => pair.public_key().as_ref().to_vec(),
        };
        assert!(PublicKey::from_spki_der(&raw).is_err());
    }
}

#[test]
fn private_and_symmetric_keys_are_refused() {
    for algorithm in [Algorithm::EdDsa, Algorithm::Es256, Algorithm::Rs256] {
        let signer = Signer::generate(algorithm);
        for member in ["d", "p", "q", "dp", "dq", "qi", "oth", "k"] {
            for value in [json!("AAAA"), Value::Null, json!([])] {
                let error = changed(&signer, member, value).unwrap_err();
                assert_eq!(error, JwkError::Private, "{algorithm} {member}");
            }
        }
    }
    assert_eq!(read(&json!({"kty": "oct", "k": "AAAA"})).unwrap_err(), JwkError::Private);
    assert_eq!(read(&json!({"kty": "oct"})).unwrap_err(), JwkError::Private);
}

#[test]
fn keys_for_something_else_are_refused() {
    let signer = Signer::generate(Algorithm::EdDsa);
    for key_use in ["sig", "jwt-svid", "wit-svid"] {
        let key = changed(&signer, "use", json!(key_use)).unwrap();
        assert_eq!(key.key_use(), Some(key_use));
    }
    for key_use in ["enc", "x509-svid", "", "SIG", "sig "] {
        assert_eq!(changed(&signer, "use", json!(key_use)).unwrap_err(), JwkError::Use);
    }
    for operations in [json!(["verify"]), json!(["sign", "verify"])] {
        changed(&signer, "key_ops", operations).unwrap();
    }
    for operations in [json!([]), json!(["sign"]), json!(["Verify", "encrypt"])] {
        assert_eq!(changed(&signer, "key_ops", operations).unwrap_err(), JwkError::Use);
    }
}

#[test]
fn members_of_the_wrong_type_are_refused() {
    for algorithm in [Algorithm::EdDsa, Algorithm::Es256, Algorithm::Rs256] {
        let signer = Signer::generate(algorithm);
        let own = signer.jwk();
        let optional = ["kid", "use", "alg", "key_ops"].map(str::to_owned);
        for member in own.keys().cloned().chain(optional) {
            for value in [Value::Null, json!(1), json!({}), json!([1])] {
                let error = changed(&signer, &member, value).unwrap_err();
                assert!(matches!(error, JwkError::Member { .. }), "{member}: {error}");
            }
            let mut without = own.clone();
            if without.remove(&member).is_some() {
                let error = PublicKey::from_jwk(&without).unwrap_err();
                assert!(matches!(error, JwkError::Member { .. }), "{member}: {error}");
            }
        }
        for member in own.keys().filter(|name| !["kty", "crv"].contains(&name.as_str())) {
            let text = own[member].as_str().unwrap();
            for bad in [format!("{text}="), format!("{text} "), "+/+/".to_owned()] {
                let error = changed(&signer, member, json!(bad)).unwrap_err();
                assert!(matches!(error, JwkError::Member { .. }), "{member} {bad}: {error}");
            }
        }
    }
}

#[test]
fn types_curves_and_algorithms_have_to_agree() {
    let (ed, ec) = (Signer::generate(Algorithm::EdDsa), Signer::generate(Algorithm::Es256));
    for name in ["ES256", "RS256", "ES384"] {
        assert_eq!(changed(&ed, "alg", json!(name)).unwrap_err(), JwkError::Algorithm);
    }
    for name in ["ES384", "ES512", "EdDSA", "PS256"] {
        assert_eq!(changed(&ec, "alg", json!(name)).unwrap_err(), JwkError::Algorithm);
    }
    for name in ["none", "HS256", "RSA-OAEP", "ECDH-ES", "", "ES256K"] {
        assert_eq!(changed(&ec, "alg", json!(name)).unwrap_err(), JwkError::UnsupportedType);
    }
    changed(&ed, "alg", json!("Ed25519")).unwrap();
    for curve in ["P-224", "p-256", "secp256k1", "Ed25519", "X25519", ""] {
        assert_eq!(changed(&ec, "crv", json!(curve)).unwrap_err(), JwkError::UnsupportedType);
    }
    for curve in ["Ed448", "X25519", "P-256", ""] {
        assert_eq!(changed(&ed, "crv", json!(curve)).unwrap_err(), JwkError::UnsupportedType);
    }
    for curve in ["P-384", "P-521"] {
        assert_eq!(changed(&ec, "crv", json!(curve)).unwrap_err(), JwkError::Length);
    }
}

#[test]
fn coordinates_have_full_length_and_lie_on_the_curve() {
    for (algorithm, bytes) in
        [(Algorithm::Es256, 32), (Algorithm::Es384, 48), (Algorithm::Es512, 66)]
    {
        let signer = Signer::generate(algorithm);
        for member in ["x", "y"] {
            for length in [0, 1, bytes - 1, bytes + 1, 2 * bytes] {
                let error = changed(&signer, member, json!(encode(&vec![1; length]))).unwrap_err();
                assert_eq!(error, JwkError::Length, "{algorithm} {length}");
            }
            for off in [0, 0xff] {
                let error = changed(&signer, member, json!(encode(&vec![off; bytes]))).unwrap_err();
                assert_eq!(error, JwkError::Point, "{algorithm}");
            }
        }
    }
    // The same bytes, cut elsewhere, are the same point to whoever joins them before looking.
    let signer = Signer::generate(Algorithm::Es256);
    let coordinate = |member: &str| base64url::decode(signer.jwk()[member].as_str().unwrap());
    let joined = [coordinate("x").unwrap(), coordinate("y").unwrap()].concat();
    for cut in [31, 33] {
        let (x, y) = joined.split_at(cut);
        let jwk = json!({"kty": "EC", "crv": "P-256", "x": encode(x), "y": encode(y)});
        assert_eq!(read(&jwk).unwrap_err(), JwkError::Length);
    }
    let signer = Signer::generate(Algorithm::EdDsa);
    for length in [0, 31, 33, 57] {
        let error = changed(&signer, "x", json!(encode(&vec![9; length]))).unwrap_err();
        assert_eq!(error, JwkError::Length);
    }
}

#[test]
fn points_that_anybody_can_sign_for_are_refused() {
    for point in [
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    ] {
        let byte = |pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
        let mut x: Vec<u8> = point.as_bytes().chunks(2).map(byte).collect();
        for sign in [0, 0x80] {
            x[31] |= sign;
            let jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": encode(&x)});
            assert_eq!(read(&jwk).unwrap_err(), JwkError::Point, "{point}");
        }
    }
}

#[test]
fn moduli_have_2048_to_8192_bits() {
    for bits in [2048, 2049, 4096, 8192] {
        rsa(&modulus(bits), &[1, 0, 1]).unwrap();
    }
    for bits in [8, 512, 1024, 2047, 8193, 16384] {
        assert_eq!(rsa(&modulus(bits), &[1, 0, 1]).unwrap_err(), JwkError::Length, "{bits}");
    }
    assert_eq!(rsa(&[], &[1, 0, 1]).unwrap_err(), JwkError::Length);
    let padded = [&[0], modulus(2048).as_slice()].concat();
    assert_eq!(rsa(&padded, &[1, 0, 1]).unwrap_err(), JwkError::Length);
    let mut even = modulus(2048);
    even[255] = 2;
    assert_eq!(rsa(&even, &[1, 0, 1]).unwrap_err(), JwkError::Rsa);
}

#[test]
fn exponents_are_odd_and_have_at_most_32_bits() {
    let n = modulus(2048);
    for e in [[3].as_slice(), &[1, 0, 1], &[0xff; 4]] {
        rsa(&n, e).unwrap();
    }
    for e in [[1].as_slice(), &[2], &[1, 0, 0], &[1, 0, 0, 0, 1], &[0xff; 256]] {
        assert_eq!(rsa(&n, e).unwrap_err(), JwkError::Rsa, "{e:?}");
    }
    for e in [[].as_slice(), &[0], &[0, 1, 0, 1]] {
        assert_eq!(rsa(&n, e).unwrap_err(), JwkError::Length, "{e:?}");
    }
}

#[test]
fn key_ids_are_bounded() {
    let signer = Signer::generate(Algorithm::EdDsa);
    changed(&signer, "kid", json!("k".repeat(KEY_ID_BYTES_MAX))).unwrap();
    let error = changed(&signer, "kid", json!("k".repeat(KEY_ID_BYTES_MAX + 1))).unwrap_err();
    assert_eq!(error, JwkError::Member { member: "kid" });
    assert_eq!(error.code(), "jwk_member");
}

proptest! {
    #[test]
    fn any_der_is_answered(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(PublicKey::from_spki_der(&bytes).is_err());
    }

    #[test]
    fn a_changed_spki_is_another_key_or_none(index in 0_usize..91, change in 1_u8..=255) {
        let signer = Signer::generate(Algorithm::Es256);
        let mut der = spki(&signer);
        let index = index % der.len();
        der[index] ^= change;
        if let Ok(key) = PublicKey::from_spki_der(&der) {
            prop_assert_ne!(*key.thumbprint(), *signer.public().thumbprint());
        }
    }

    #[test]
    fn any_signature_is_answered(signature in proptest::collection::vec(any::<u8>(), 0..600)) {
        for algorithm in [Algorithm::EdDsa, Algorithm::Es256] {
            let key = Signer::generate(algorithm).public();
            prop_assert!(key.verify(algorithm, b"message", &signature).is_err());
        }
    }
}
