//! The algorithms that quotes of ours may use (`TPM_ALG_ID`; Part 2, section 6.3).

use aws_lc_rs::digest;

use super::error::TpmError;
use super::reader::Reader;

/// `TPM_ALG_RSA`.
pub(super) const ALG_RSA: u16 = 0x0001;
/// `TPM_ALG_NULL`.
pub(super) const ALG_NULL: u16 = 0x0010;
/// `TPM_ALG_ECC`.
pub(super) const ALG_ECC: u16 = 0x0023;

const ALG_SHA256: u16 = 0x000b;
const ALG_SHA384: u16 = 0x000c;
const ALG_RSASSA: u16 = 0x0014;
const ALG_RSAPSS: u16 = 0x0016;
const ALG_ECDSA: u16 = 0x0018;

/// A hash algorithm: of a register bank, of a name, of a signature.
///
/// SHA-1 banks exist in most TPMs and are not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TpmHash {
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
}

impl TpmHash {
    /// Its name in evidence and reference values.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha384 => "sha384",
        }
    }

    /// The algorithm of this name; `None` if it is none of ours.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Sha256, Self::Sha384].into_iter().find(|hash| hash.as_str() == name)
    }

    /// How many bytes a digest has.
    #[must_use]
    pub const fn digest_bytes(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha384 => 48,
        }
    }

    /// The `TPM_ALG_ID`.
    pub(super) const fn id(self) -> u16 {
        match self {
            Self::Sha256 => ALG_SHA256,
            Self::Sha384 => ALG_SHA384,
        }
    }

    pub(super) const fn from_id(id: u16) -> Option<Self> {
        match id {
            ALG_SHA256 => Some(Self::Sha256),
            ALG_SHA384 => Some(Self::Sha384),
            _ => None,
        }
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, TpmError> {
        let id = reader.u16()?;
        Self::from_id(id).ok_or_else(|| reader.unsupported("a hash other than SHA-256 and SHA-384"))
    }

    /// The digest of what these parts are when joined.
    pub(super) fn digest<'a>(self, parts: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
        let mut context = digest::Context::new(match self {
            Self::Sha256 => &digest::SHA256,
            Self::Sha384 => &digest::SHA384,
        });
        for part in parts {
            context.update(part);
        }
        context.finish().as_ref().to_vec()
    }
}

/// How a key signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SignatureAlgorithm {
    Ecdsa,
    /// PKCS #1 version 1.5.
    Rsassa,
    Rsapss,
}

/// `TPMT_SIG_SCHEME` without the null scheme: a restricted key has its own, so a quote by it says
/// nothing about the choice of whoever asked for the quote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SignatureScheme {
    pub(super) algorithm: SignatureAlgorithm,
    pub(super) hash: TpmHash,
}

impl SignatureScheme {
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, TpmError> {
        let algorithm = match reader.u16()? {
            ALG_ECDSA => SignatureAlgorithm::Ecdsa,
            ALG_RSAPSS => SignatureAlgorithm::Rsapss,
            ALG_RSASSA => SignatureAlgorithm::Rsassa,
            _ => return Err(reader.unsupported("a scheme other than ECDSA, RSAPSS and RSASSA")),
        };
        Ok(Self { algorithm, hash: TpmHash::read(reader)? })
    }
}
