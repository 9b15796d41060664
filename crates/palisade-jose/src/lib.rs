//! Signed JSON: strict compact JWS and JWT, public keys, and key sets that are kept fresh.
#![warn(missing_docs)]

mod algorithm;
mod base64url;
mod claims;
mod compact;
mod fetch;
mod follower;
mod handle;
mod header;
mod jwk_error;
mod jws_error;
mod keeper;
mod key_material;
mod key_set;
#[cfg(test)]
mod loopback;
mod public_key;
#[cfg(test)]
mod signing;
mod source;
#[cfg(test)]
mod wycheproof_vectors;

pub use algorithm::{Algorithm, ParseAlgorithmError};
pub use claims::{ClaimError, Claims, NUMERIC_DATE_MAX};
pub use compact::{CompactJws, JwsLimits};
pub use follower::{
    Follower, KeyFollower, KeyHandle, KeyOrigin, KeySource, SOURCES_MAX, StartFollowerError,
};
pub use handle::{Handle, SourceStatus};
pub use header::{CERTIFICATES_MAX, Header};
pub use jwk_error::JwkError;
pub use jws_error::JwsError;
pub use key_set::{
    CANDIDATES_MAX, KEY_SET_BYTES_MAX, KEY_SET_KEYS_MAX, KeySet, KeySetError, KeyUse,
};
pub use public_key::{KEY_ID_BYTES_MAX, PublicKey, SignatureError};
pub use source::{DocumentLifetime, Origin, ReadDocument, Source};
