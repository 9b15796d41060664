//! Follows a repository: is there news, is it genuine, and what is the newest bundle?

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use palisade_core::{BundleName, Clock, EpochMillis, Sha256Digest};
use tough::Repository;

use super::config::RepositoryConfig;
use super::download::Validators;
use super::error::{OpenRepositoryError, RepositoryError};
use super::follower::{Expiries, Follower, check_expiries, expiries};
use super::offer::{Channel, Offer, offers};
use super::trust::{Highest, TrustState};

/// Follows one bundle in one repository.
///
/// Everything here blocks: call it on a thread that may, and not within an asynchronous task.
pub struct RepositoryClient {
    follower: Follower,
    bundle: BundleName,
    channel: Channel,
    shadow_channel: Option<Channel>,
    /// What the last successful check found.
    current: Option<Current>,
    /// `timestamp.json` as it was when `current` was found; `None` after a failure, so that
    /// nothing is taken for unchanged that was not verified as a whole.
    timestamp: Option<(Sha256Digest, Validators)>,
}

/// What a check found: verified, unexpired metadata.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Checked {
    /// When the first of the metadata expires; checks fail from then on, unless newer comes.
    pub expires: EpochMillis,
    /// Whether anything is new since the last successful check of this client.
    pub changed: bool,
    /// The highest version in the channel.
    pub active: Offer,
    /// The highest version in the shadow channel, if that is asked for and there is one.
    pub shadow: Option<Offer>,
    /// Why nothing of the shadow channel is offered although there is something. It does not keep
    /// the active bundle from being offered, since shadows enforce nothing.
    pub shadow_refused: Option<Arc<RepositoryError>>,
}

#[derive(Clone, Debug)]
struct Current {
    checked: Checked,
    expiries: Expiries,
}

impl fmt::Debug for RepositoryClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RepositoryClient")
            .field("bundle", &self.bundle)
            .field("channel", &self.channel)
            .finish_non_exhaustive()
    }
}

impl RepositoryClient {
    /// Prepares to follow a repository; nothing is downloaded yet.
    ///
    /// If the configured root is another one than the state of trust was made with, the operator
    /// has changed whom to trust: trust begins with it again, while the versions of bundles that
    /// were seen still count.
    ///
    /// # Errors
    /// The configuration or the state of trust on disk cannot be used.
    pub fn open(
        config: RepositoryConfig,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, OpenRepositoryError> {
        let RepositoryConfig { url, root, bundle, channel, shadow_channel, directory, timeouts } =
            config;
        let follower = Follower::open(&url, &root, &directory, timeouts, clock)?;
        Ok(Self { follower, bundle, channel, shadow_channel, current: None, timestamp: None })
    }

    /// Looks for news.
    ///
    /// Asks for `timestamp.json` on condition that it has changed; while it has not, and nothing
    /// has expired, that is all. Otherwise everything is verified, from the newest root that is
    /// trusted on. What could be verified is on disk before this returns, also if it fails.
    ///
    /// # Errors
    /// See [`RepositoryError`]. What was offered before can still be fetched until it expires.
    pub fn check(&mut self, stop: &Arc<AtomicBool>) -> Result<Checked, RepositoryError> {
        let now = self.follower.now()?;
        let known = self.timestamp.take().filter(|_| self.is_fresh(now));
        let validators = known.as_ref().map(|(_, validators)| validators);
        let Some((bytes, validators)) = self.follower.timestamp(validators, stop)? else {
            return self.unchanged(known);
        };
        let digest = Sha256Digest::of(&bytes);
        if known.as_ref().is_some_and(|(known, _)| *known == digest) {
            return self.unchanged(Some((digest, validators)));
        }
        let loaded = self.follower.load(bytes, now, stop);
        // Refused or not, what was verified on the way counts from now on.
        let current = loaded.and_then(|repository| self.accept(&repository, now));
        self.follower.keep()?;
        let current = current?;
        self.timestamp = Some((digest, validators));
        Ok(self.current.insert(current).checked.clone())
    }

    /// Downloads a bundle that the last successful check offered, and verifies that it is what was
    /// signed: the packed bytes, and name, version and content of the bundle in them.
    ///
    /// # Errors
    /// See [`RepositoryError`].
    pub fn fetch(
        &mut self,
        offer: &Offer,
        stop: &Arc<AtomicBool>,
    ) -> Result<Vec<u8>, RepositoryError> {
        let now = self.follower.now()?;
        let offered = self.current.as_ref().filter(|Current { checked, .. }| {
            checked.active == *offer || checked.shadow.as_ref() == Some(offer)
        });
        let Some(current) = offered else {
            let target = offer.target.clone();
            let detail = "it is not offered any more".to_owned();
            return Err(RepositoryError::TargetMissing { target, detail });
        };
        check_expiries(&current.expiries, now)?;
        self.follower.fetch(offer, stop)
    }

    /// When the first of the metadata that is trusted expires; `None` if there was no complete one
    /// yet. Known after a restart without any download.
    #[must_use]
    pub fn metadata_expires(&self) -> Option<EpochMillis> {
        self.follower.trust.expires()
    }

    /// Whether the last successful check still holds.
    fn is_fresh(&self, now: EpochMillis) -> bool {
        self.current.as_ref().is_some_and(|Current { checked, .. }| now <= checked.expires)
    }

    fn unchanged(
        &mut self,
        timestamp: Option<(Sha256Digest, Validators)>,
    ) -> Result<Checked, RepositoryError> {
        let Some(current) = &self.current else {
            // Nothing is unchanged that was never seen; `check` does not get here.
            let detail = "it answers as if it had been seen before".to_owned();
            return Err(RepositoryError::Malformed { what: "the timestamp".to_owned(), detail });
        };
        self.timestamp = timestamp;
        Ok(Checked { changed: false, ..current.checked.clone() })
    }

    /// Picks what is offered, and remembers its versions.
    fn accept(
        &mut self,
        repository: &Repository,
        now: EpochMillis,
    ) -> Result<Current, RepositoryError> {
        let expiries = expiries(repository);
        check_expiries(&expiries, now)?;
        let trust = &mut self.follower.trust;
        let offers = offers(&repository.targets().signed, &self.bundle)?;
        let active =
            pick(&offers, &self.channel, trust)?.ok_or_else(|| RepositoryError::NoBundle {
                bundle: self.bundle.as_str().to_owned(),
                channel: self.channel.to_string(),
            })?;
        remember(&active, &self.channel, trust);
        let (shadow, shadow_refused) = match &self.shadow_channel {
            None => (None, None),
            Some(channel) => match pick(&offers, channel, trust) {
                Ok(shadow) => {
                    if let Some(shadow) = &shadow {
                        remember(shadow, channel, trust);
                    }
                    (shadow, None)
                }
                Err(error) => (None, Some(Arc::new(error))),
            },
        };
        let first = expiries.iter().map(|(_, expires)| *expires).min();
        let checked = Checked {
            expires: first.unwrap_or(EpochMillis::new(0)),
            changed: true,
            active,
            shadow,
            shadow_refused,
        };
        Ok(Current { checked, expiries })
    }
}

/// The highest version in a channel, unless a higher one or another content was seen before.
fn pick(
    offers: &[Offer],
    channel: &Channel,
    trust: &TrustState,
) -> Result<Option<Offer>, RepositoryError> {
    let Some(offer) = offers.iter().rev().find(|offer| offer.channels.contains(channel)) else {
        return Ok(None);
    };
    if let Some(highest) = trust.highest.get(&key(offer, channel))
        && offer.version < highest.version
    {
        return Err(RepositoryError::Rollback {
            what: format!("bundle `{}` in channel `{channel}`", offer.bundle.as_str()),
            detail: format!("from version {} to {}", highest.version, offer.version),
        });
    }
    // A version has one content, whichever channel it was seen in.
    let folder = format!("{}/", offer.bundle.as_str());
    let digest = offer.digest.to_string();
    let other = trust.highest.iter().find(|(seen, highest)| {
        seen.starts_with(&folder) && highest.version == offer.version && highest.digest != digest
    });
    if let Some((_, other)) = other {
        return Err(RepositoryError::TargetChanged {
            target: offer.target.clone(),
            detail: format!(
                "its content was {} when it was first seen, now it is {digest}",
                other.digest
            ),
        });
    }
    Ok(Some(offer.clone()))
}

fn remember(offer: &Offer, channel: &Channel, trust: &mut TrustState) {
    let highest = Highest { version: offer.version, digest: offer.digest.to_string() };
    trust.highest.insert(key(offer, channel), highest);
}

fn key(offer: &Offer, channel: &Channel) -> String {
    format!("{}/{channel}", offer.bundle.as_str())
}

#[cfg(test)]
mod tests;
