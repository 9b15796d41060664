//! Which bundles a repository offers, as its targets metadata says.

use std::collections::BTreeSet;
use std::fmt;

use palisade_core::{BundleName, Sha256Digest};
use serde::{Deserialize, Serialize};
use tough::schema::{Target, Targets};

use super::error::RepositoryError;
use super::refusal::printable;
use crate::raw::RawBundle;

/// A line of versions of a bundle: 1 to 32 of `a-z 0-9 -`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Channel(String);

impl Channel {
    /// Accepts a channel's name; `None` if it is empty, over 32 bytes or has other characters than
    /// `a-z 0-9 -`.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Option<Self> {
        let name = name.into();
        let acceptable = (1..=32).contains(&name.len())
            && name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'));
        acceptable.then_some(Self(name))
    }

    /// The channel `stable`: what is meant if nobody says.
    #[must_use]
    pub fn stable() -> Self {
        Self("stable".to_owned())
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A bundle that can be fetched: what was signed about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    pub(super) target: String,
    pub(super) bundle: BundleName,
    pub(super) version: u64,
    pub(super) digest: Sha256Digest,
    pub(super) length: u64,
    pub(super) sha256: Sha256Digest,
    pub(super) channels: BTreeSet<Channel>,
}

impl Offer {
    /// The target's name in the repository.
    #[must_use]
    pub fn target(&self) -> &str {
        &self.target
    }

    /// The bundle.
    #[must_use]
    pub fn bundle(&self) -> &BundleName {
        &self.bundle
    }

    /// Its version.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }

    /// The digest of its content, as [`RawBundle::digest`] makes it.
    #[must_use]
    pub fn digest(&self) -> Sha256Digest {
        self.digest
    }

    /// Bytes of the packed bundle.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.length
    }

    /// The digest of the packed bundle.
    #[must_use]
    pub fn sha256(&self) -> Sha256Digest {
        self.sha256
    }

    /// The channels it is in.
    pub fn channels(&self) -> impl Iterator<Item = &Channel> {
        self.channels.iter()
    }

    /// Whether a bundle is the one that was signed: name, version and content.
    #[must_use]
    pub fn matches(&self, bundle: &RawBundle) -> bool {
        bundle.digest() == self.digest
            && bundle
                .identity()
                .is_some_and(|(name, version)| name == self.bundle && version == self.version)
    }

    /// Where the packed bundle lies below `targets/`.
    pub(super) fn path(&self) -> String {
        format!("{}.{}", self.sha256, self.target)
    }
}

/// The name a bundle's version has as a target.
pub(super) fn target_name(bundle: &BundleName, version: u64) -> String {
    let name = bundle.as_str();
    format!("{name}/{name}-{version}.tar.gz")
}

/// What is signed about a target, under the key `palisade` of its `custom` object.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Custom {
    pub(super) bundle: String,
    pub(super) version: u64,
    pub(super) digest: String,
    pub(super) channels: BTreeSet<String>,
}

/// The key of [`Custom`].
pub(super) const CUSTOM_KEY: &str = "palisade";

/// All versions of a bundle, lowest first; those of other bundles are not looked at.
///
/// # Errors
/// What is signed about a version of the bundle is not understood. Such a version is never passed
/// over: the version below it would take its place.
pub(super) fn offers(
    targets: &Targets,
    bundle: &BundleName,
) -> Result<Vec<Offer>, RepositoryError> {
    let folder = format!("{}/", bundle.as_str());
    let mut offers = Vec::new();
    let mut listed: Vec<(&str, &Target)> =
        targets.targets.iter().map(|(name, target)| (name.raw(), target)).collect();
    // DETERMINISM: of several that are not understood, always the same is reported.
    listed.sort_unstable_by_key(|(name, _)| *name);
    for (name, target) in listed {
        let says = target.custom.get(CUSTOM_KEY).and_then(|custom| custom.get("bundle"));
        let is_ours = name.starts_with(&folder)
            || says.and_then(|said| said.as_str()) == Some(bundle.as_str());
        if is_ours {
            let offer = read(name, target).map_err(|detail| RepositoryError::Malformed {
                what: format!("target `{}`", printable(name)),
                detail: printable(&detail),
            })?;
            offers.push(offer);
        }
    }
    offers.sort_unstable_by_key(|offer| offer.version);
    Ok(offers)
}

/// Every version of every bundle, by bundle and version; targets that are no bundles are left out.
pub(super) fn all_offers(targets: &Targets) -> Vec<Offer> {
    let mut offers: Vec<Offer> =
        targets.targets.iter().filter_map(|(name, target)| read(name.raw(), target).ok()).collect();
    offers.sort_unstable_by(|one, other| {
        (&one.bundle, one.version).cmp(&(&other.bundle, other.version))
    });
    offers
}

fn read(name: &str, target: &Target) -> Result<Offer, String> {
    let custom = target.custom.get(CUSTOM_KEY).ok_or("it does not say which bundle it is")?;
    let Custom { bundle, version, digest, channels } =
        Custom::deserialize(custom).map_err(|error| error.to_string())?;
    let bundle = BundleName::new(bundle).ok_or("its bundle's name is not acceptable")?;
    if version == 0 || name != target_name(&bundle, version) {
        return Err("its name is not that of its bundle and version".to_owned());
    }
    let digest: Sha256Digest = digest.parse().map_err(|_not_hex| "its digest is no digest")?;
    let sha256: [u8; 32] =
        target.hashes.sha256.as_ref().try_into().map_err(|_length| "its hash has no 32 bytes")?;
    let channels = channels
        .into_iter()
        .map(|channel| Channel::new(channel).ok_or("a channel's name is not acceptable"))
        .collect::<Result<BTreeSet<Channel>, &str>>()?;
    let length = target.length;
    let sha256 = Sha256Digest::from(sha256);
    Ok(Offer { target: name.to_owned(), bundle, version, digest, length, sha256, channels })
}
