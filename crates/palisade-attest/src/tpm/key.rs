//! Attestation keys: `TPMT_PUBLIC`, their names, and what makes a key an attestation key.

use std::fmt;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ParsedPublicKey};

use super::algorithm::{ALG_ECC, ALG_NULL, ALG_RSA, SignatureAlgorithm, SignatureScheme, TpmHash};
use super::error::TpmError;
use super::reader::Reader;

/// The name of a TPM object: the identifier of a hash algorithm, and the digest of the object's
/// public area with it (Part 1, section 16). It commits to the key and to all of its attributes,
/// so registering the name of an attestation key is as good as registering the key.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TpmName(Vec<u8>);

impl TpmName {
    /// Reads a name in hexadecimal digits, e.g. of what `tpm2_readpublic --name` writes; `None` if
    /// it is none with SHA-256 or SHA-384.
    #[must_use]
    pub fn parse_hex(text: &str) -> Option<Self> {
        let bytes = hex::decode(text).ok()?;
        is_name(&bytes).then_some(Self(bytes))
    }

    /// The algorithm and the digest.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    fn of(hash: TpmHash, public: &[u8]) -> Self {
        let mut name = hash.id().to_be_bytes().to_vec();
        name.extend(hash.digest([public]));
        Self(name)
    }
}

/// Lower-case hexadecimal digits.
impl fmt::Display for TpmName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(&self.0))
    }
}

impl fmt::Debug for TpmName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TpmName({self})")
    }
}

/// Whether it is an algorithm of ours and a digest of the right size.
pub(super) fn is_name(bytes: &[u8]) -> bool {
    bytes.split_first_chunk().is_some_and(|(id, digest)| {
        TpmHash::from_id(u16::from_be_bytes(*id))
            .is_some_and(|hash| hash.digest_bytes() == digest.len())
    })
}

/// The public part of a key that signs nothing but statements of the TPM it never leaves.
///
/// That it is one is what its public area says; that a TPM stands behind the public area is for
/// whoever registers the key (or its [name](TpmName)) to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttestationKey {
    name: TpmName,
    scheme: SignatureScheme,
    material: KeyMaterial,
}

/// What a signature is verified with.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum KeyMaterial {
    /// An uncompressed point on P-256.
    P256(Vec<u8>),
    /// An uncompressed point on P-384.
    P384(Vec<u8>),
    /// A modulus; the exponent is 65537.
    Rsa(Vec<u8>),
}

/// Public, and still nothing to fill a log with.
impl fmt::Debug for KeyMaterial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::P256(_) => "P256",
            Self::P384(_) => "P384",
            Self::Rsa(_) => "Rsa",
        })
    }
}

impl AttestationKey {
    /// Reads a `TPMT_PUBLIC` (what `tpm2_readpublic --format=tpmt` writes) of at most 1 KiB.
    ///
    /// Accepted are restricted signing keys that are fixed to their TPM and cannot decrypt: RSA of
    /// 2048, 3072 or 4096 bits with exponent 65537, P-256 with SHA-256, P-384 with SHA-384.
    ///
    /// # Errors
    /// [`TpmError::KeyAttributes`], [`TpmError::Malformed`] or [`TpmError::Unsupported`].
    pub fn from_public(public: &[u8]) -> Result<Self, TpmError> {
        let mut reader = Reader::new(public, PUBLIC_BYTES_MAX, "TPMT_PUBLIC")?;
        let kind = reader.u16()?;
        let name_hash = TpmHash::read(&mut reader)?;
        check_attributes(reader.u32()?)?;
        reader.sized(POLICY_BYTES_MAX)?;
        if reader.u16()? != ALG_NULL {
            return Err(reader.malformed("a signing key has a symmetric algorithm"));
        }
        let scheme = SignatureScheme::read(&mut reader)?;
        let material = match (kind, scheme.algorithm) {
            (ALG_RSA, SignatureAlgorithm::Rsapss | SignatureAlgorithm::Rsassa) => {
                read_rsa(&mut reader)?
            }
            (ALG_ECC, SignatureAlgorithm::Ecdsa) => read_ecc(&mut reader, scheme.hash)?,
            _ => return Err(reader.unsupported("a scheme of another kind of key")),
        };
        reader.finish()?;
        Ok(Self { name: TpmName::of(name_hash, public), scheme, material })
    }

    /// Its name, computed from the public area.
    #[must_use]
    pub const fn name(&self) -> &TpmName {
        &self.name
    }

    pub(super) const fn scheme(&self) -> SignatureScheme {
        self.scheme
    }

    pub(super) const fn material(&self) -> &KeyMaterial {
        &self.material
    }
}

/// `TPMA_OBJECT` (Part 2, section 8.3).
fn check_attributes(attributes: u32) -> Result<(), TpmError> {
    let refuse = |what| Err(TpmError::KeyAttributes { what });
    // FAIL-CLOSED: a key without `restricted` signs whatever looks like a quote, one without
    // `fixedTPM` may be in software by now, and one that decrypts is no signing key.
    if attributes & FIXED_TPM == 0 {
        return refuse("it is not `fixedTPM`");
    }
    if attributes & RESTRICTED == 0 {
        return refuse("it is not `restricted`");
    }
    if attributes & SIGN == 0 {
        return refuse("it is not `sign`");
    }
    if attributes & DECRYPT != 0 {
        return refuse("it is `decrypt`");
    }
    Ok(())
}

/// `TPMS_RSA_PARMS` after its scheme, and `TPM2B_PUBLIC_KEY_RSA`.
fn read_rsa(reader: &mut Reader<'_>) -> Result<KeyMaterial, TpmError> {
    let bits = reader.u16()?;
    if !RSA_BITS.contains(&bits) {
        return Err(reader.unsupported("an RSA key other than of 2048, 3072 or 4096 bits"));
    }
    // Zero is how a TPM says 65537.
    if !matches!(reader.u32()?, 0 | RSA_EXPONENT) {
        return Err(reader.unsupported("an RSA exponent other than 65537"));
    }
    let modulus = reader.sized(RSA_BYTES_MAX)?;
    let full = modulus.first().is_some_and(|byte| byte & 0x80 != 0);
    if modulus.len() != usize::from(bits / 8) || !full {
        return Err(reader.malformed("the RSA modulus has another size than it says"));
    }
    Ok(KeyMaterial::Rsa(modulus.to_vec()))
}

/// `TPMS_ECC_PARMS` after its scheme, and `TPMS_ECC_POINT`.
fn read_ecc(reader: &mut Reader<'_>, hash: TpmHash) -> Result<KeyMaterial, TpmError> {
    let (bytes, algorithm) = match (reader.u16()?, hash) {
        (ECC_NIST_P256, TpmHash::Sha256) => (32, &ECDSA_P256_SHA256_FIXED),
        (ECC_NIST_P384, TpmHash::Sha384) => (48, &ECDSA_P384_SHA384_FIXED),
        _ => {
            return Err(
                reader.unsupported("a curve other than P-256 with SHA-256 and P-384 with SHA-384")
            );
        }
    };
    if reader.u16()? != ALG_NULL {
        return Err(reader.malformed("a signing key has a key derivation"));
    }
    // 4: both coordinates follow (SEC 1, section 2.3.3).
    let mut point = vec![4];
    for _ in 0..2 {
        pad_left(&mut point, reader.sized(bytes)?, bytes);
    }
    if ParsedPublicKey::new(algorithm, &point).is_err() {
        return Err(reader.malformed("the point is not on its curve"));
    }
    Ok(if bytes == 32 { KeyMaterial::P256(point) } else { KeyMaterial::P384(point) })
}

/// Appends a number with so many leading zeros that it fills `bytes`: a TPM may drop them.
pub(super) fn pad_left(to: &mut Vec<u8>, number: &[u8], bytes: usize) {
    to.resize(to.len() + bytes.saturating_sub(number.len()), 0);
    to.extend_from_slice(number);
}

const FIXED_TPM: u32 = 1 << 1;
const RESTRICTED: u32 = 1 << 16;
const DECRYPT: u32 = 1 << 17;
const SIGN: u32 = 1 << 18;

const ECC_NIST_P256: u16 = 0x0003;
const ECC_NIST_P384: u16 = 0x0004;
const RSA_EXPONENT: u32 = 65_537;
const RSA_BITS: [u16; 3] = [2048, 3072, 4096];

// LIMIT: an RSA key of 4096 bits has a public area of 600 bytes.
const PUBLIC_BYTES_MAX: usize = 1024;
// LIMIT: a policy is a digest: SHA-512 at most.
const POLICY_BYTES_MAX: usize = 64;
// LIMIT: 4096 bits.
pub(super) const RSA_BYTES_MAX: usize = 512;
