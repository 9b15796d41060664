//! Public keys of whoever signs provenance without certificates.

use std::fmt;

use sigstore_verify::crypto::{KeyAlgorithm, VerificationKey, validate_raw_public_key};
use sigstore_verify::types::{DerPublicKey, SignatureBytes};

/// A pinned public key: ECDSA on P-256 (with SHA-256) or P-384 (with SHA-384), Ed25519, or RSA of
/// 2048 to 8192 bits (PKCS #1 v1.5 with SHA-256). The key decides on the algorithm, never the
/// envelope.
///
/// ECDSA signatures are read in DER, as every implementation of DSSE writes them; JOSE's keys,
/// which read them in fixed length, are therefore no use here.
pub struct ProvenanceKey(VerificationKey);

/// Why bytes are no acceptable public key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProvenanceKeyError {
    /// An algorithm that provenance is not signed with.
    #[error("the key is of an algorithm that is not accepted")]
    Algorithm,
    /// No `SubjectPublicKeyInfo`, or a weak or malformed key in it.
    #[error("it is no acceptable public key")]
    Malformed(#[source] sigstore_verify::crypto::Error),
}

impl ProvenanceKey {
    /// Reads a `SubjectPublicKeyInfo` in DER (RFC 5280, section 4.1).
    ///
    /// # Errors
    /// Not one of the algorithms above, or malformed, or an RSA key of another length.
    pub fn from_spki_der(der: &[u8]) -> Result<Self, ProvenanceKeyError> {
        let key = VerificationKey::from_spki(&DerPublicKey::from_bytes(der))
            .map_err(ProvenanceKeyError::Malformed)?;
        match key.scheme().key_algorithm() {
            KeyAlgorithm::EcdsaP256
            | KeyAlgorithm::EcdsaP384
            | KeyAlgorithm::Ed25519
            | KeyAlgorithm::Rsa => {}
            _ => return Err(ProvenanceKeyError::Algorithm),
        }
        validate_raw_public_key(key.scheme(), key.as_bytes())
            .map_err(ProvenanceKeyError::Malformed)?;
        Ok(Self(key))
    }

    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        self.0.verify(message, &SignatureBytes::from_bytes(signature)).is_ok()
    }
}

impl fmt::Debug for ProvenanceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ProvenanceKey").field(&self.0.scheme().name()).finish()
    }
}

#[cfg(test)]
mod tests;
