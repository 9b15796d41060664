//! The numbers that make up a public key, wherever they were read from, and their thumbprint.
//!
//! Keys from JWKs and from certificates meet here, so that the rules about them exist once.

use aws_lc_rs::digest;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ECDSA_P521_SHA512_FIXED, ED25519,
    ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384,
    RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384,
    RSA_PSS_2048_8192_SHA512, RsaParameters, RsaPublicKeyComponents,
};
use x509_parser::oid_registry::{
    OID_EC_P256, OID_KEY_TYPE_EC_PUBLIC_KEY, OID_NIST_EC_P384, OID_NIST_EC_P521,
    OID_PKCS1_RSAENCRYPTION, OID_SIG_ED25519,
};
use x509_parser::prelude::FromDer;
use x509_parser::public_key::PublicKey as SpkiKey;
use x509_parser::x509::SubjectPublicKeyInfo;

use crate::algorithm::Algorithm;
use crate::base64url;
use crate::jwk_error::JwkError;

/// Bits a modulus has to have.
// LIMIT: shorter ones are not secure any more (RFC 7518, section 3.3).
pub(crate) const RSA_BITS_MIN: usize = 2048;

/// Bits a modulus may have.
// LIMIT: verification takes quadratic time; what the library verifies at all.
pub(crate) const RSA_BITS_MAX: usize = 8192;

/// Bytes of an RSA exponent.
// LIMIT: verification takes time linear in its bits; nearly all keys have 65537, and other stacks
// take no more than 32 bits either.
pub(crate) const RSA_EXPONENT_BYTES_MAX: usize = 4;

/// The points of Curve25519 whose order divides 8, with the bit for the sign of x cleared, and
/// their other encodings: 0, 1, p − 1, p, p + 1, and the two of order 8.
const ED25519_SMALL_ORDER: [[u8; ED25519_BYTES]; 7] = [
    [0; ED25519_BYTES],
    ends(0x01, 0x00, 0x00),
    ends(0xec, 0xff, 0x7f),
    ends(0xed, 0xff, 0x7f),
    ends(0xee, 0xff, 0x7f),
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98,
        0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53,
        0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67,
        0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac,
        0x03, 0x7a,
    ],
];

/// Bytes of an Ed25519 key.
const ED25519_BYTES: usize = 32;

/// A curve for ECDSA.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Curve {
    P256,
    P384,
    P521,
}

impl Curve {
    const ALL: [Self; 3] = [Self::P256, Self::P384, Self::P521];

    /// The curve with this JOSE name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|curve| curve.as_str() == name)
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::P256 => "P-256",
            Self::P384 => "P-384",
            Self::P521 => "P-521",
        }
    }

    /// Bytes of one coordinate (RFC 7518, section 6.2.1.2).
    const fn coordinate_bytes(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
            Self::P521 => 66,
        }
    }

    const fn algorithm(self) -> Algorithm {
        match self {
            Self::P256 => Algorithm::Es256,
            Self::P384 => Algorithm::Es384,
            Self::P521 => Algorithm::Es512,
        }
    }
}

/// What a public key consists of.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum KeyMaterial {
    /// A point of a curve, coordinates at full length.
    Ec { curve: Curve, x: Vec<u8>, y: Vec<u8> },
    /// An encoded point of Curve25519.
    Ed25519 { x: Vec<u8> },
    /// Modulus and exponent, without leading zeros.
    Rsa { n: Vec<u8>, e: Vec<u8> },
}

impl KeyMaterial {
    /// Reads a `SubjectPublicKeyInfo` (RFC 5280, section 4.1.2.7), whole.
    pub(crate) fn from_spki_der(der: &[u8]) -> Result<Self, JwkError> {
        let (rest, info) = SubjectPublicKeyInfo::from_der(der).map_err(|_der| JwkError::Spki)?;
        if !rest.is_empty() {
            return Err(JwkError::Spki);
        }
        let key_type = &info.algorithm.algorithm;
        if *key_type == OID_SIG_ED25519 {
            if info.algorithm.parameters.is_some() {
                return Err(JwkError::Spki);
            }
            return Ok(Self::Ed25519 { x: info.subject_public_key.data.to_vec() });
        }
        if *key_type == OID_KEY_TYPE_EC_PUBLIC_KEY {
            let curve = spki_curve(&info)?;
            let point = info.subject_public_key.data.as_ref();
            // Only the uncompressed form: it is what certificates carry (RFC 5480, section 2.2).
            let Some((0x04, coordinates)) = point.split_first().map(|(form, rest)| (*form, rest))
            else {
                return Err(JwkError::Point);
            };
            let Some((x, y)) = coordinates.split_at_checked(curve.coordinate_bytes()) else {
                return Err(JwkError::Length);
            };
            return Ok(Self::Ec { curve, x: x.to_vec(), y: y.to_vec() });
        }
        if *key_type == OID_PKCS1_RSAENCRYPTION {
            let Ok(SpkiKey::RSA(key)) = info.parsed() else {
                return Err(JwkError::Spki);
            };
            let n = unsigned(key.modulus).ok_or(JwkError::Spki)?;
            let e = unsigned(key.exponent).ok_or(JwkError::Spki)?;
            return Ok(Self::Rsa { n, e });
        }
        Err(JwkError::UnsupportedType)
    }

    /// The algorithms that keys of this type can verify.
    pub(crate) const fn algorithms(&self) -> &'static [Algorithm] {
        match self {
            Self::Ec { curve: Curve::P256, .. } => &[Algorithm::Es256],
            Self::Ec { curve: Curve::P384, .. } => &[Algorithm::Es384],
            Self::Ec { curve: Curve::P521, .. } => &[Algorithm::Es512],
            Self::Ed25519 { .. } => &[Algorithm::EdDsa],
            Self::Rsa { .. } => &[
                Algorithm::Ps256,
                Algorithm::Ps384,
                Algorithm::Ps512,
                Algorithm::Rs256,
                Algorithm::Rs384,
                Algorithm::Rs512,
            ],
        }
    }

    /// Whether two keys are of one `kty`.
    pub(crate) const fn same_type(&self, other: &Self) -> bool {
        matches!(
            (self, other),
            (Self::Ec { .. }, Self::Ec { .. })
                | (Self::Ed25519 { .. }, Self::Ed25519 { .. })
                | (Self::Rsa { .. }, Self::Rsa { .. })
        )
    }

    /// Prepares verification with each algorithm: all checks and all parsing happen here, once.
    pub(crate) fn prepare(
        &self,
        only: Option<Algorithm>,
    ) -> Result<Vec<(Algorithm, ParsedPublicKey)>, JwkError> {
        let point = |_rejected| JwkError::Point;
        match self {
            Self::Ec { curve, x, y } => {
                let length = curve.coordinate_bytes();
                if x.len() != length || y.len() != length {
                    return Err(JwkError::Length);
                }
                let encoded = [&[0x04], x.as_slice(), y.as_slice()].concat();
                let key = match curve {
                    Curve::P256 => ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, encoded),
                    Curve::P384 => ParsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, encoded),
                    Curve::P521 => ParsedPublicKey::new(&ECDSA_P521_SHA512_FIXED, encoded),
                };
                Ok(vec![(curve.algorithm(), key.map_err(point)?)])
            }
            Self::Ed25519 { x } => {
                if x.len() != ED25519_BYTES {
                    return Err(JwkError::Length);
                }
                if is_of_small_order(x) {
                    return Err(JwkError::Point);
                }
                let key = ParsedPublicKey::new(&ED25519, x).map_err(point)?;
                Ok(vec![(Algorithm::EdDsa, key)])
            }
            Self::Rsa { n, e } => {
                check_rsa(n, e)?;
                let components = RsaPublicKeyComponents { n, e };
                RSA_PARAMETERS
                    .into_iter()
                    .filter(|(algorithm, _)| only.is_none_or(|only| only == *algorithm))
                    .map(|(algorithm, parameters)| {
                        let key = components.to_parsed_public_key(parameters);
                        Ok((algorithm, key.map_err(|_rejected| JwkError::Rsa)?))
                    })
                    .collect()
            }
        }
    }

    /// SHA-256 thumbprint (RFC 7638, section 3; RFC 8037, section 2).
    ///
    /// The members are written by hand: none of the values holds anything JSON would escape.
    pub(crate) fn thumbprint(&self) -> [u8; 32] {
        let encode = base64url::encode;
        let json = match self {
            Self::Ec { curve, x, y } => format!(
                r#"{{"crv":"{}","kty":"EC","x":"{}","y":"{}"}}"#,
                curve.as_str(),
                encode(x),
                encode(y)
            ),
            Self::Ed25519 { x } => {
                format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, encode(x))
            }
            Self::Rsa { n, e } => {
                format!(r#"{{"e":"{}","kty":"RSA","n":"{}"}}"#, encode(e), encode(n))
            }
        };
        let digest = digest::digest(&digest::SHA256, json.as_bytes());
        // SHA-256 has 32 bytes; were it otherwise, no thumbprint would ever match this one.
        digest.as_ref().try_into().unwrap_or([0; 32])
    }
}

static RSA_PARAMETERS: [(Algorithm, &RsaParameters); 6] = [
    (Algorithm::Ps256, &RSA_PSS_2048_8192_SHA256),
    (Algorithm::Ps384, &RSA_PSS_2048_8192_SHA384),
    (Algorithm::Ps512, &RSA_PSS_2048_8192_SHA512),
    (Algorithm::Rs256, &RSA_PKCS1_2048_8192_SHA256),
    (Algorithm::Rs384, &RSA_PKCS1_2048_8192_SHA384),
    (Algorithm::Rs512, &RSA_PKCS1_2048_8192_SHA512),
];

/// Refuses RSA keys that are too weak, too costly, or no RSA keys at all.
fn check_rsa(n: &[u8], e: &[u8]) -> Result<(), JwkError> {
    let (Some(n_first), Some(n_last)) = (n.first(), n.last()) else {
        return Err(JwkError::Length);
    };
    let (Some(e_first), Some(e_last)) = (e.first(), e.last()) else {
        return Err(JwkError::Length);
    };
    // "The minimum number of octets" (RFC 7518, section 2, `Base64urlUInt`).
    if *n_first == 0 || *e_first == 0 {
        return Err(JwkError::Length);
    }
    let leading_zeros = usize::try_from(n_first.leading_zeros()).unwrap_or(0);
    let bits = n.len().saturating_mul(8).saturating_sub(leading_zeros);
    if !(RSA_BITS_MIN..=RSA_BITS_MAX).contains(&bits) {
        return Err(JwkError::Length);
    }
    // An exponent of 1 makes every message its own signature; an even one or an even modulus
    // belongs to no RSA key.
    if n_last % 2 == 0 || e_last % 2 == 0 || e == [1] || e.len() > RSA_EXPONENT_BYTES_MAX {
        return Err(JwkError::Rsa);
    }
    Ok(())
}

/// Whether anybody can sign for this key: multiples of such a point are too few to hide anything.
fn is_of_small_order(x: &[u8]) -> bool {
    let Some((last, first)) = x.split_last() else {
        return true;
    };
    ED25519_SMALL_ORDER.iter().any(|point| {
        point.split_last().is_some_and(|(end, start)| start == first && *end == *last & 0x7f)
    })
}

const fn ends(first: u8, between: u8, last: u8) -> [u8; ED25519_BYTES] {
    let mut bytes = [between; ED25519_BYTES];
    let [start, .., end] = &mut bytes;
    (*start, *end) = (first, last);
    bytes
}

fn spki_curve(info: &SubjectPublicKeyInfo<'_>) -> Result<Curve, JwkError> {
    let parameters = info.algorithm.parameters.as_ref().ok_or(JwkError::Spki)?;
    let curve = parameters.as_oid().map_err(|_der| JwkError::UnsupportedType)?;
    if curve == OID_EC_P256 {
        Ok(Curve::P256)
    } else if curve == OID_NIST_EC_P384 {
        Ok(Curve::P384)
    } else if curve == OID_NIST_EC_P521 {
        Ok(Curve::P521)
    } else {
        Err(JwkError::UnsupportedType)
    }
}

/// A DER integer without its sign byte; `None` for negative ones and zero.
fn unsigned(der: &[u8]) -> Option<Vec<u8>> {
    match der {
        [0, rest @ ..] if !rest.is_empty() => Some(rest.to_vec()),
        [first, ..] if *first != 0 && *first < 0x80 => Some(der.to_vec()),
        _ => None,
    }
}
