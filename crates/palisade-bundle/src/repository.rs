//! Signed repositories of bundles: fetching from one with verification, and publishing one.
//!
//! A repository is a folder of static files in the format of TUF (The Update Framework), served by
//! any web server or object store: `metadata/` with the signed descriptions, `targets/` with the
//! packed bundles. [`RepositoryClient`] trusts nothing but the root it was given: signatures of
//! enough keys, expiry, growing versions and consistent files are checked before a bundle's first
//! byte is used. Which of the verified bundles comes into force is not decided here.

pub mod author;
mod client;
mod config;
mod diff;
mod download;
mod error;
#[cfg(test)]
pub(crate) mod fixtures;
mod follower;
mod metadata;
mod offer;
mod refusal;
mod transport;
mod trust;

pub use client::{Checked, RepositoryClient};
pub use config::{DownloadTimeouts, RepositoryConfig};
pub use diff::{BundleDiff, Changes};
pub use error::{OpenRepositoryError, RepositoryError, TrustStateError};
pub use metadata::RoleName;
pub use offer::{Channel, Offer};
