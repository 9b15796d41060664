//! Keys that everybody knows, to sign what is fuzzed with.
//!
//! They are the same in every process, so that seeds stay what they are.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

/// RFC 6979, appendix A.2.5: the private key, and the public one as a point.
const P256: [&str; 2] = [
    "C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721",
    "0460FED4BA255A9D31C961EB74C6356D68C049B8923B61FA6CE669622E60F29FB6\
     7903FE1008B8BC99A41AE9E95628BC64F2F1B20C2D7E9F5177A3C294D4462299",
];

pub(super) fn p256() -> EcdsaKeyPair {
    let [private, public] = P256.map(|digits| hex::decode(digits).expect("digits"));
    let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
    EcdsaKeyPair::from_private_key_and_public_key(algorithm, &private, &public).expect("a key pair")
}

/// Signatures by it are the same every time.
pub(super) fn ed25519(seed: u8) -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).expect("a seed")
}

pub(super) fn base64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The public half of a key on P-256.
pub(super) fn p256_jwk(pair: &EcdsaKeyPair, key_id: &str) -> Value {
    let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
    json!({"kty": "EC", "crv": "P-256", "x": base64url(x), "y": base64url(y), "kid": key_id})
}

pub(super) fn ed25519_jwk(pair: &Ed25519KeyPair, key_id: &str) -> Value {
    let x = base64url(pair.public_key().as_ref());
    json!({"kty": "OKP", "crv": "Ed25519", "x": x, "kid": key_id})
}

/// A compact JWS with exactly this header and payload, by a key whose signatures repeat.
pub(super) fn sign_eddsa(pair: &Ed25519KeyPair, header: &Value, payload: &[u8]) -> String {
    let signed = signing_input(header, payload);
    format!("{signed}.{}", base64url(pair.sign(signed.as_bytes()).as_ref()))
}

/// A compact JWS with exactly this header and payload.
pub(super) fn sign_es256(pair: &EcdsaKeyPair, header: &Value, payload: &[u8]) -> String {
    let signed = signing_input(header, payload);
    let signature = pair.sign(&SystemRandom::new(), signed.as_bytes()).expect("a signature");
    format!("{signed}.{}", base64url(signature.as_ref()))
}

fn signing_input(header: &Value, payload: &[u8]) -> String {
    format!("{}.{}", base64url(header.to_string().as_bytes()), base64url(payload))
}
