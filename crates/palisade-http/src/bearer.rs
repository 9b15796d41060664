//! The secret that a transmitter may have to show (RFC 6750), known here by its digest.

use std::fmt;

use http::HeaderMap;
use http::header::AUTHORIZATION;
use palisade_core::Sha256Digest;
use subtle::ConstantTimeEq as _;

/// The digest of the secret. Not printed: secrets that are short could be guessed from it.
#[derive(Clone, Copy)]
pub(crate) struct BearerDigest(pub(crate) Sha256Digest);

/// Why a request is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stranger {
    /// It shows nothing, or nothing of the kind that is asked for.
    Unknown,
    /// It shows another secret.
    Wrong,
}

impl BearerDigest {
    /// Whether a request shows the secret.
    pub(crate) fn admit(&self, headers: &HeaderMap) -> Result<(), Stranger> {
        let mut values = headers.get_all(AUTHORIZATION).iter();
        let (Some(value), None) = (values.next(), values.next()) else {
            return Err(Stranger::Unknown);
        };
        let token = match value.as_bytes().split_at_checked("bearer ".len()) {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case(b"bearer ") => token,
            _ => return Err(Stranger::Unknown),
        };
        let shown = Sha256Digest::of(token);
        if bool::from(shown.as_bytes().ct_eq(self.0.as_bytes())) {
            Ok(())
        } else {
            Err(Stranger::Wrong)
        }
    }
}

impl fmt::Debug for BearerDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BearerDigest").finish_non_exhaustive()
    }
}
