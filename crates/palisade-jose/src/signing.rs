//! Signs tokens, for tests only: the product verifies, it never signs.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING,
    ECDSA_P521_SHA512_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256,
    RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384, RSA_PSS_SHA512, RsaKeyPair,
};
use serde_json::{Map, Value, json};

use crate::algorithm::Algorithm;
use crate::base64url::encode;
use crate::key_set::KeySet;
use crate::public_key::PublicKey;

/// A key pair.
pub(crate) enum Signer {
    Ec(Algorithm, EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    Rsa(RsaKeyPair),
}

impl Signer {
    /// A new key pair for the algorithm.
    pub(crate) fn generate(algorithm: Algorithm) -> Self {
        let ec = match algorithm {
            Algorithm::EdDsa => return Self::Ed25519(Ed25519KeyPair::generate().unwrap()),
            Algorithm::Es256 => &ECDSA_P256_SHA256_FIXED_SIGNING,
            Algorithm::Es384 => &ECDSA_P384_SHA384_FIXED_SIGNING,
            Algorithm::Es512 => &ECDSA_P521_SHA512_FIXED_SIGNING,
            _ => return Self::Rsa(RsaKeyPair::generate(KeySize::Rsa2048).unwrap()),
        };
        Self::Ec(algorithm, EcdsaKeyPair::generate(ec).unwrap())
    }

    /// The public half as a JWK without any other member.
    pub(crate) fn jwk(&self) -> Map<String, Value> {
        let jwk = match self {
            Self::Ec(algorithm, pair) => {
                let point = &pair.public_key().as_ref()[1..];
                let (x, y) = point.split_at(point.len() / 2);
                let curve = match algorithm {
                    Algorithm::Es256 => "P-256",
                    Algorithm::Es384 => "P-384",
                    _ => "P-521",
                };
                json!({"kty": "EC", "crv": curve, "x": encode(x), "y": encode(y)})
            }
            Self::Ed25519(pair) => {
                json!({"kty": "OKP", "crv": "Ed25519", "x": encode(pair.public_key().as_ref())})
            }
            Self::Rsa(pair) => {
                let key = pair.public_key();
                let n = encode(key.modulus().big_endian_without_leading_zero());
                let e = encode(key.exponent().big_endian_without_leading_zero());
                json!({"kty": "RSA", "n": n, "e": e})
            }
        };
        jwk.as_object().unwrap().clone()
    }

    /// The public half as a JWK with an id.
    pub(crate) fn jwk_named(&self, key_id: &str) -> Map<String, Value> {
        let mut jwk = self.jwk();
        jwk.insert("kid".to_owned(), json!(key_id));
        jwk
    }

    /// The public half.
    pub(crate) fn public(&self) -> PublicKey {
        PublicKey::from_jwk(&self.jwk()).unwrap()
    }

    /// A set of this key alone.
    pub(crate) fn key_set(&self) -> KeySet {
        KeySet::new(vec![self.public()]).unwrap()
    }

    /// A signature as JWS has it.
    pub(crate) fn sign(&self, algorithm: Algorithm, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        let padding = match (self, algorithm) {
            (Self::Ec(_, pair), _) => {
                return pair.sign(&random, message).unwrap().as_ref().to_vec();
            }
            (Self::Ed25519(pair), _) => return pair.sign(message).as_ref().to_vec(),
            (Self::Rsa(_), Algorithm::Ps256) => &RSA_PSS_SHA256,
            (Self::Rsa(_), Algorithm::Ps384) => &RSA_PSS_SHA384,
            (Self::Rsa(_), Algorithm::Ps512) => &RSA_PSS_SHA512,
            (Self::Rsa(_), Algorithm::Rs384) => &RSA_PKCS1_SHA384,
            (Self::Rsa(_), Algorithm::Rs512) => &RSA_PKCS1_SHA512,
            (Self::Rsa(_), _) => &RSA_PKCS1_SHA256,
        };
        let Self::Rsa(pair) = self else { panic!("returned above") };
        let mut signature = vec![0; pair.public_modulus_len()];
        pair.sign(padding, &random, message, &mut signature).unwrap();
        signature
    }

    /// A token with this header and payload, byte for byte.
    pub(crate) fn token_of(&self, algorithm: Algorithm, header: &[u8], payload: &[u8]) -> String {
        let signed = format!("{}.{}", encode(header), encode(payload));
        let signature = self.sign(algorithm, signed.as_bytes());
        format!("{signed}.{}", encode(&signature))
    }

    /// A token with these claims and no header member but `alg`.
    pub(crate) fn token(&self, algorithm: Algorithm, claims: &Value) -> String {
        let header = json!({"alg": algorithm.as_str()}).to_string();
        self.token_of(algorithm, header.as_bytes(), claims.to_string().as_bytes())
    }
}
