//! Tokens bound to the client's certificate (RFC 8705, section 3).

use palisade_core::Sha256Digest;
use palisade_jose::PublicKey;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::error::Refusal;
use crate::possession::not_bound;

/// Bytes of a certificate.
// LIMIT: real ones have one to four KiB.
const CERTIFICATE_BYTES_MAX: usize = 16 * 1024;

/// Checks that a certificate is the one with this SHA-256 digest; returns the thumbprint (RFC 7638)
/// of its key.
///
/// The TLS handshake proved the key, and the token's issuer names the certificate; who issued it,
/// and until when it is good, says nothing here (RFC 8705, section 6.2, on self-signed ones).
pub(super) fn check(leaf: &[u8], digest: &[u8; 32]) -> Result<[u8; 32], Refusal> {
    if leaf.len() > CERTIFICATE_BYTES_MAX || Sha256Digest::of(leaf).as_bytes() != digest {
        return Err(not_bound("certificate_digest"));
    }
    let (rest, certificate) =
        X509Certificate::from_der(leaf).map_err(|_why| not_bound("certificate_form"))?;
    if !rest.is_empty() {
        return Err(not_bound("certificate_form"));
    }
    let key = PublicKey::from_spki_der(certificate.public_key().raw)
        .map_err(|_why| not_bound("certificate_key"))?;
    Ok(*key.thumbprint())
}
