//! What a client would say of a whole repository.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use palisade_core::{Clock, EpochMillis};
use url::Url;

use super::error::AuthorError;
use crate::repository::config::DownloadTimeouts;
use crate::repository::follower::{Follower, expiries};
use crate::repository::metadata::RoleName;
use crate::repository::offer::{Offer, all_offers};

/// A repository in which everything is genuine and unexpired.
#[derive(Clone, Debug)]
pub struct Verified {
    /// The version of the root that is in force.
    pub root: u64,
    /// When the metadata of each role expires.
    pub expires: Vec<(RoleName, EpochMillis)>,
    /// All bundles, each downloaded and verified.
    pub offers: Vec<Offer>,
}

/// Verifies a repository from a root on: all metadata, and every packed bundle. `scratch` is an
/// empty directory that may be written.
///
/// # Errors
/// What a client would refuse ([`AuthorError::Refused`]), or why it could not look.
pub fn verify(
    url: &Url,
    root: &[u8],
    scratch: &Path,
    clock: Arc<dyn Clock>,
) -> Result<Verified, AuthorError> {
    let stop = Arc::new(AtomicBool::new(false));
    let mut follower = Follower::open(url, root, scratch, DownloadTimeouts::default(), clock)
        .map_err(AuthorError::Unverifiable)?;
    let repository = follower.refresh(&stop).map_err(AuthorError::Refused)?;
    let offers = all_offers(&repository.targets().signed);
    for offer in &offers {
        follower.fetch(offer, &stop).map_err(AuthorError::Refused)?;
    }
    let root = repository.root().signed.version.get();
    Ok(Verified { root, expires: expiries(&repository).to_vec(), offers })
}
