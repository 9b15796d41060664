//! `TPMT_SIGNATURE`: read, and verified (Part 2, section 11.3).

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, RSA_PKCS1_2048_8192_SHA256,
    RSA_PKCS1_2048_8192_SHA384, RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384,
    RsaPublicKeyComponents, UnparsedPublicKey,
};

use super::algorithm::{SignatureAlgorithm, SignatureScheme, TpmHash};
use super::error::TpmError;
use super::key::{AttestationKey, KeyMaterial, RSA_BYTES_MAX, pad_left};
use super::reader::Reader;

/// Verifies that the key made this signature of the message.
pub(super) fn verify(
    key: &AttestationKey,
    message: &[u8],
    signature: &[u8],
) -> Result<(), TpmError> {
    let mut reader = Reader::new(signature, SIGNATURE_BYTES_MAX, "TPMT_SIGNATURE")?;
    let scheme = SignatureScheme::read(&mut reader)?;
    // FAIL-CLOSED: a restricted key signs with its own scheme and with no other.
    if scheme != key.scheme() {
        return Err(TpmError::Signature);
    }
    let verified = match key.material() {
        KeyMaterial::P256(point) => {
            let fixed = read_ecdsa(reader, 32)?;
            UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(message, &fixed)
        }
        KeyMaterial::P384(point) => {
            let fixed = read_ecdsa(reader, 48)?;
            UnparsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, point).verify(message, &fixed)
        }
        KeyMaterial::Rsa(modulus) => {
            let signature = reader.sized(RSA_BYTES_MAX)?;
            reader.finish()?;
            let parameters = match scheme {
                SignatureScheme { algorithm: SignatureAlgorithm::Rsapss, hash } => match hash {
                    TpmHash::Sha256 => &RSA_PSS_2048_8192_SHA256,
                    TpmHash::Sha384 => &RSA_PSS_2048_8192_SHA384,
                },
                SignatureScheme { algorithm: SignatureAlgorithm::Rsassa, hash } => match hash {
                    TpmHash::Sha256 => &RSA_PKCS1_2048_8192_SHA256,
                    TpmHash::Sha384 => &RSA_PKCS1_2048_8192_SHA384,
                },
                SignatureScheme { algorithm: SignatureAlgorithm::Ecdsa, .. } => {
                    return Err(TpmError::Signature);
                }
            };
            RsaPublicKeyComponents { n: modulus.as_slice(), e: EXPONENT }
                .verify(parameters, message, signature)
        }
    };
    verified.map_err(|aws_lc_rs::error::Unspecified| TpmError::Signature)
}

/// `TPMS_SIGNATURE_ECC`: both numbers at the full size of the curve, one after the other.
fn read_ecdsa(mut reader: Reader<'_>, bytes: usize) -> Result<Vec<u8>, TpmError> {
    let mut fixed = Vec::new();
    for _ in 0..2 {
        pad_left(&mut fixed, reader.sized(bytes)?, bytes);
    }
    reader.finish()?;
    Ok(fixed)
}

// LIMIT: RSA with 4096 bits has a signature of 518 bytes.
const SIGNATURE_BYTES_MAX: usize = 1024;

/// 65537, the only one that a key of ours has.
const EXPONENT: &[u8] = &[1, 0, 1];
