//! One key that verifies signatures: read once, with every check, then only used.

use std::fmt;

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::signature::ParsedPublicKey;
use serde_json::{Map, Value};

use crate::algorithm::Algorithm;
use crate::base64url;
use crate::jwk_error::JwkError;
use crate::key_material::{Curve, KeyMaterial};

/// Bytes of a key id.
// LIMIT: ids are names, hashes or URLs; a longer one is no id but a load.
pub const KEY_ID_BYTES_MAX: usize = 512;

/// Members that only private and symmetric keys have (RFC 7518, sections 6.2.2, 6.3.2 and 6.4.1).
const PRIVATE_MEMBERS: [&str; 8] = ["d", "dp", "dq", "k", "oth", "p", "q", "qi"];

/// Values of `use` that stand for signatures: RFC 7517, section 4.2, and SPIFFE's
/// `SPIFFE_Trust_Domain_and_Bundle`, section 4.2.
const SIGNATURE_USES: [&str; 3] = ["jwt-svid", "sig", "wit-svid"];

/// A public key for verifying signatures.
///
/// Cloning is cheap: the prepared key is shared.
#[derive(Clone)]
pub struct PublicKey {
    key_id: Option<String>,
    key_use: Option<String>,
    algorithm: Option<Algorithm>,
    thumbprint: [u8; 32],
    material: KeyMaterial,
    prepared: Vec<(Algorithm, ParsedPublicKey)>,
}

impl PublicKey {
    /// Reads a JSON Web Key (RFC 7517): RSA of 2048 to 8192 bits, EC on P-256, P-384 or P-521, or
    /// OKP with Ed25519.
    ///
    /// Members that are not understood are ignored, as section 4 has it; `x5c`, `x5u` and the
    /// like are among them: the key is what its own numbers say.
    ///
    /// # Errors
    /// Whatever is not exactly one usable public key; private and symmetric keys above all.
    pub fn from_jwk(jwk: &Map<String, Value>) -> Result<Self, JwkError> {
        let key_type = required(jwk, "kty")?;
        if key_type == "oct" || PRIVATE_MEMBERS.iter().any(|member| jwk.contains_key(*member)) {
            return Err(JwkError::Private);
        }
        let key_id = text(jwk, "kid")?;
        if key_id.is_some_and(|id| id.len() > KEY_ID_BYTES_MAX) {
            return Err(JwkError::Member { member: "kid" });
        }
        let key_use = text(jwk, "use")?;
        if key_use.is_some_and(|key_use| !SIGNATURE_USES.contains(&key_use)) {
            return Err(JwkError::Use);
        }
        check_operations(jwk)?;
        let material = match key_type {
            "EC" => KeyMaterial::Ec {
                curve: Curve::named(required(jwk, "crv")?).ok_or(JwkError::UnsupportedType)?,
                x: bytes(jwk, "x")?,
                y: bytes(jwk, "y")?,
            },
            "OKP" if required(jwk, "crv")? == "Ed25519" => {
                KeyMaterial::Ed25519 { x: bytes(jwk, "x")? }
            }
            "RSA" => KeyMaterial::Rsa { n: bytes(jwk, "n")?, e: bytes(jwk, "e")? },
            _ => return Err(JwkError::UnsupportedType),
        };
        let algorithm = match text(jwk, "alg")? {
            None => None,
            Some(name) => {
                Some(name.parse::<Algorithm>().map_err(|_name| JwkError::UnsupportedType)?)
            }
        };
        let key = Self::new(material, algorithm)?;
        Ok(Self { key_id: key_id.map(str::to_owned), key_use: key_use.map(str::to_owned), ..key })
    }

    /// Reads a `SubjectPublicKeyInfo` in DER, as certificates have it, of the same types as
    /// [`PublicKey::from_jwk`]. The key has neither an id nor a use.
    ///
    /// # Errors
    /// Not one whole `SubjectPublicKeyInfo`, or a key that is not usable.
    pub fn from_spki_der(der: &[u8]) -> Result<Self, JwkError> {
        let key = Self::new(KeyMaterial::from_spki_der(der)?, None)?;
        // The reader is lenient about tags and lengths. There is one DER for a key (X.690, section
        // 10), and the library that verifies writes it.
        let (_, prepared) = key.prepared.first().ok_or(JwkError::Spki)?;
        let canonical = prepared.as_der().map_err(|_unspecified| JwkError::Spki)?;
        if canonical.as_ref() == der { Ok(key) } else { Err(JwkError::Spki) }
    }

    fn new(material: KeyMaterial, algorithm: Option<Algorithm>) -> Result<Self, JwkError> {
        if algorithm.is_some_and(|algorithm| !material.algorithms().contains(&algorithm)) {
            return Err(JwkError::Algorithm);
        }
        Ok(Self {
            key_id: None,
            key_use: None,
            algorithm,
            thumbprint: material.thumbprint(),
            prepared: material.prepare(algorithm)?,
            material,
        })
    }

    /// `kid`.
    #[must_use]
    pub fn key_id(&self) -> Option<&str> {
        self.key_id.as_deref()
    }

    /// `use`: `sig`, `jwt-svid`, `wit-svid`, or nothing.
    #[must_use]
    pub fn key_use(&self) -> Option<&str> {
        self.key_use.as_deref()
    }

    /// `alg`: the only algorithm it may be used with.
    #[must_use]
    pub const fn algorithm(&self) -> Option<Algorithm> {
        self.algorithm
    }

    /// Whether it verifies this algorithm: its type and curve are the algorithm's, and its `alg`,
    /// if it has one, says so.
    #[must_use]
    pub fn supports(&self, algorithm: Algorithm) -> bool {
        self.prepared_for(algorithm).is_some()
    }

    /// SHA-256 thumbprint (RFC 7638), the same wherever the key was read from.
    #[must_use]
    pub const fn thumbprint(&self) -> &[u8; 32] {
        &self.thumbprint
    }

    /// Verifies a signature as JWS has it: ECDSA as the two numbers one after the other, not DER
    /// (RFC 7518, section 3.4).
    ///
    /// # Errors
    /// The key does not verify this algorithm, or the signature is not of this message.
    pub fn verify(
        &self,
        algorithm: Algorithm,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), SignatureError> {
        let key = self.prepared_for(algorithm).ok_or(SignatureError::Algorithm)?;
        key.verify_sig(message, signature).map_err(|_unspecified| SignatureError::Mismatch)
    }

    fn prepared_for(&self, algorithm: Algorithm) -> Option<&ParsedPublicKey> {
        self.prepared.iter().find(|(name, _)| *name == algorithm).map(|(_, key)| key)
    }

    /// Whether both have the same `kty`.
    pub(crate) const fn same_type(&self, other: &Self) -> bool {
        self.material.same_type(&other.material)
    }
}

/// Says what kind of key it is, not which.
impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PublicKey")
            .field("algorithms", &self.prepared.iter().map(|(name, _)| name).collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

/// Why a signature is not taken. Says nothing of what was wrong with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// The key does not verify this algorithm.
    #[error("the key does not verify this algorithm")]
    Algorithm,
    /// It is not the signature of this message by this key.
    #[error("the signature does not match")]
    Mismatch,
}

/// `key_ops`, if given, has to name `verify` (RFC 7517, section 4.3).
fn check_operations(jwk: &Map<String, Value>) -> Result<(), JwkError> {
    let Some(operations) = jwk.get("key_ops") else {
        return Ok(());
    };
    let malformed = JwkError::Member { member: "key_ops" };
    let operations = operations.as_array().ok_or(malformed)?;
    if operations.iter().any(|operation| !operation.is_string()) {
        return Err(malformed);
    }
    if operations.iter().any(|operation| operation == "verify") {
        Ok(())
    } else {
        Err(JwkError::Use)
    }
}

fn text<'a>(
    jwk: &'a Map<String, Value>,
    member: &'static str,
) -> Result<Option<&'a str>, JwkError> {
    match jwk.get(member) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(JwkError::Member { member }),
    }
}

fn required<'a>(jwk: &'a Map<String, Value>, member: &'static str) -> Result<&'a str, JwkError> {
    text(jwk, member)?.ok_or(JwkError::Member { member })
}

fn bytes(jwk: &Map<String, Value>, member: &'static str) -> Result<Vec<u8>, JwkError> {
    base64url::decode(required(jwk, member)?).ok_or(JwkError::Member { member })
}

#[cfg(test)]
mod tests;
