//! The header of a JWS (RFC 7515, section 4).
//!
//! Nothing in it is trusted before the signature is verified, and nothing in it brings a key: `jwk`
//! and `x5c` can be read by profiles that ask for them, `jku` and `x5u` are never followed.

use std::fmt;

use serde_json::{Map, Value};

use crate::algorithm::Algorithm;
use crate::base64url;
use crate::jwk_error::JwkError;
use crate::jws_error::JwsError;
use crate::public_key::{KEY_ID_BYTES_MAX, PublicKey};

/// Certificates of an `x5c`.
// LIMIT: a leaf, its intermediates and the root; longer chains are not validated anyway.
pub const CERTIFICATES_MAX: usize = 8;

/// The header of a JWS.
pub struct Header {
    algorithm: Algorithm,
    members: Map<String, Value>,
}

impl Header {
    /// Checks a header that was read strictly.
    pub(crate) fn new(members: Map<String, Value>) -> Result<Self, JwsError> {
        let Some(Value::String(name)) = members.get("alg") else {
            return Err(JwsError::Header);
        };
        let algorithm = name.parse().map_err(|_name| JwsError::Algorithm)?;
        // FAIL-CLOSED: extensions that have to be understood are not; `b64` is one of them, and
        // changes what is signed (RFC 7797).
        if members.contains_key("crit") || members.contains_key("b64") {
            return Err(JwsError::Crit);
        }
        // Only a JWE has it (RFC 7516, section 4.1.2).
        if members.contains_key("enc") {
            return Err(JwsError::Header);
        }
        let is_text = |name| members.get(name).is_none_or(Value::is_string);
        if !is_text("kid") || !is_text("typ") {
            return Err(JwsError::Header);
        }
        let header = Self { algorithm, members };
        if header.key_id().is_some_and(|key_id| key_id.len() > KEY_ID_BYTES_MAX) {
            return Err(JwsError::TooLarge);
        }
        Ok(header)
    }

    /// `alg`.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// `kid`: any text of at most [`KEY_ID_BYTES_MAX`] bytes. Compare it, and do nothing else.
    #[must_use]
    pub fn key_id(&self) -> Option<&str> {
        self.members.get("kid").and_then(Value::as_str)
    }

    /// `typ`, as written. To compare, use [`Header::is_type`].
    #[must_use]
    pub fn typ(&self) -> Option<&str> {
        self.members.get("typ").and_then(Value::as_str)
    }

    /// Whether `typ` is this media type, in any case, with or without `application/` in front
    /// (RFC 7515, section 4.1.9). No `typ` is no type.
    #[must_use]
    pub fn is_type(&self, name: &str) -> bool {
        self.typ().is_some_and(|typ| {
            let short = match typ.split_at_checked("application/".len()) {
                Some((prefix, rest))
                    if prefix.eq_ignore_ascii_case("application/") && !rest.contains('/') =>
                {
                    rest
                }
                _ => typ,
            };
            short.eq_ignore_ascii_case(name)
        })
    }

    /// The names of all members, in no particular order.
    pub fn members(&self) -> impl Iterator<Item = &str> {
        self.members.keys().map(String::as_str)
    }

    /// The key in `jwk`, for profiles in which the token proves that its sender has it, such as
    /// `DPoP` (RFC 9449, section 4.2). That says nothing of who the sender is.
    #[must_use]
    pub fn embedded_jwk(&self) -> Option<Result<PublicKey, JwkError>> {
        let jwk = self.members.get("jwk")?;
        Some(
            jwk.as_object().ok_or(JwkError::Member { member: "jwk" }).and_then(PublicKey::from_jwk),
        )
    }

    /// The certificates in `x5c`, in DER and leaf first, for profiles that pin the root. They are
    /// not parsed, let alone validated.
    ///
    /// # Errors
    /// Not a list of 1 to [`CERTIFICATES_MAX`] texts in canonical base64.
    #[must_use]
    pub fn certificates(&self) -> Option<Result<Vec<Vec<u8>>, JwsError>> {
        let chain = self.members.get("x5c")?;
        Some(read_certificates(chain).ok_or(JwsError::Header))
    }
}

/// Says what kind of header it is; its content is a stranger's.
impl fmt::Debug for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Header").field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}

fn read_certificates(chain: &Value) -> Option<Vec<Vec<u8>>> {
    let chain = chain.as_array()?;
    if chain.is_empty() || chain.len() > CERTIFICATES_MAX {
        return None;
    }
    chain.iter().map(|text| base64url::decode_standard(text.as_str()?)).collect()
}

#[cfg(test)]
mod tests;
