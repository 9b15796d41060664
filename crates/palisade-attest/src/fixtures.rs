//! Verifiers of our own, for tests: they sign what they are told.

use std::sync::{Arc, Mutex};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256, RSA_PSS_SHA384,
    RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use palisade_core::{Actor, EpochMillis};
use palisade_jose::{KeySet, PublicKey};
use serde_json::{Map, Value, json};

use crate::keys::VerifierKeys;

pub(crate) const NOW: EpochMillis = EpochMillis::new(1_800_000_000_000);
pub(crate) const NOW_SECONDS: i64 = 1_800_000_000;
pub(crate) const PEP: &str = "spiffe://corp/gateway";

pub(crate) fn later(millis: i64) -> EpochMillis {
    EpochMillis::new(NOW.as_millis() + millis)
}

pub(crate) fn bot() -> Actor {
    "agent:corp:bot".parse().expect("an actor")
}

pub(crate) fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// A key pair.
pub(crate) enum Signer {
    Es256(EcdsaKeyPair),
    Rsa(RsaKeyPair, &'static str),
}

impl Signer {
    pub(crate) fn es256() -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key");
        Self::Es256(pair)
    }

    pub(crate) fn rs256() -> Self {
        Self::Rsa(RsaKeyPair::generate(KeySize::Rsa2048).expect("a key"), "RS256")
    }

    pub(crate) fn ps384() -> Self {
        Self::Rsa(RsaKeyPair::generate(KeySize::Rsa2048).expect("a key"), "PS384")
    }

    pub(crate) fn jwk(&self) -> Map<String, Value> {
        let jwk = match self {
            Self::Es256(pair) => {
                let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
                json!({"kty": "EC", "crv": "P-256", "x": encode(x), "y": encode(y)})
            }
            Self::Rsa(pair, _) => {
                let n = encode(pair.public_key().modulus().big_endian_without_leading_zero());
                let e = encode(pair.public_key().exponent().big_endian_without_leading_zero());
                json!({"kty": "RSA", "n": n, "e": e})
            }
        };
        jwk.as_object().expect("an object").clone()
    }

    pub(crate) fn public(&self) -> PublicKey {
        PublicKey::from_jwk(&self.jwk()).expect("a public key")
    }

    /// `SubjectPublicKeyInfo` of a P-256 key (RFC 5480).
    pub(crate) fn spki_der(&self) -> Vec<u8> {
        let Self::Es256(pair) = self else { panic!("only for P-256") };
        let prefix = hex::decode("3059301306072a8648ce3d020106082a8648ce3d030107034200");
        [prefix.expect("digits").as_slice(), pair.public_key().as_ref()].concat()
    }

    pub(crate) fn keys(&self) -> Arc<KeySet> {
        Arc::new(KeySet::new(vec![self.public()]).expect("a key set"))
    }

    pub(crate) fn token(&self, claims: &Value) -> String {
        self.token_with(&json!({}), claims)
    }

    /// A token with these members in its header beside `alg`.
    pub(crate) fn token_with(&self, header: &Value, claims: &Value) -> String {
        let mut header = header.clone();
        header["alg"] = match self {
            Self::Es256(_) => json!("ES256"),
            Self::Rsa(_, name) => json!(name),
        };
        let signed = format!(
            "{}.{}",
            encode(header.to_string().as_bytes()),
            encode(claims.to_string().as_bytes())
        );
        format!("{signed}.{}", encode(&self.sign(signed.as_bytes())))
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match self {
            Self::Es256(pair) => pair.sign(&random, message).expect("signed").as_ref().to_vec(),
            Self::Rsa(pair, name) => {
                let padding = if *name == "PS384" { &RSA_PSS_SHA384 } else { &RSA_PKCS1_SHA256 };
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(padding, &random, message, &mut signature).expect("signed");
                signature
            }
        }
    }
}

/// Keys that change when a test says so, and what was missed.
#[derive(Default)]
pub(crate) struct ChangingKeys {
    pub(crate) current: Mutex<Option<Arc<KeySet>>>,
    pub(crate) missed: Mutex<Vec<Option<String>>>,
    /// Runs once, when the keys are next asked for.
    pub(crate) meanwhile: Mutex<Option<Box<dyn FnOnce() + Send>>>,
}

impl VerifierKeys for ChangingKeys {
    fn current(&self) -> Option<Arc<KeySet>> {
        let meanwhile = self.meanwhile.lock().expect("no panic").take();
        if let Some(meanwhile) = meanwhile {
            meanwhile();
        }
        self.current.lock().expect("no panic").clone()
    }

    fn miss(&self, key_id: Option<&str>) {
        self.missed.lock().expect("no panic").push(key_id.map(str::to_owned));
    }
}

/// Sets what stands at a JSON pointer; null removes it.
pub(crate) fn set(claims: &mut Value, pointer: &str, value: Value) {
    let (parent, name) = pointer.rsplit_once('/').expect("a pointer");
    let name = name.replace("~1", "/").replace("~0", "~");
    let parent = claims.pointer_mut(parent).expect("the parent is there");
    let parent = parent.as_object_mut().expect("an object");
    if value.is_null() {
        parent.remove(&name);
    } else {
        parent.insert(name, value);
    }
}
