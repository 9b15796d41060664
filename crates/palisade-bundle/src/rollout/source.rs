//! Where revisions are looked for.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use palisade_core::{CandidateStage, Clock, EpochMillis, ErrorChain, Sha256Digest};

use super::stages::Failure;
use crate::raw::RawBundle;
use crate::repository::{
    Checked, Offer, OpenRepositoryError, RepositoryClient, RepositoryConfig, RepositoryError,
};

/// A place to look for revisions.
pub(super) trait Source: Send {
    /// The place, for people.
    fn describe(&self) -> String;

    /// Whether somebody vouches for what comes from it.
    fn is_signed(&self) -> bool;

    /// Looks. What is known already is not fetched again. `at` is told how far a revision is that
    /// may come into force.
    fn look(&mut self, known: &Known, at: &mut dyn FnMut(CandidateStage)) -> Result<News, Failure>;

    /// When the metadata expires that vouches for what is in force.
    fn metadata_expires(&self) -> Option<EpochMillis> {
        None
    }

    /// Directories that are looked at as soon as they change.
    fn watched(&self) -> Vec<PathBuf>;
}

/// Content that need not be looked at again.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// In force.
    pub(super) active: Option<Sha256Digest>,
    /// Refused, and not to be tried again.
    pub(super) refused: Option<Sha256Digest>,
    /// In the shadow.
    pub(super) shadow: Option<Sha256Digest>,
    /// Refused as a shadow.
    pub(super) shadow_refused: Option<Sha256Digest>,
}

/// What was found.
#[derive(Debug)]
pub(super) struct News {
    pub(super) active: Finding,
    pub(super) shadow: Finding,
}

/// What was found for one purpose.
#[derive(Debug)]
pub(super) enum Finding {
    /// There is none.
    Nothing,
    /// What is known already.
    Same,
    /// What was refused already.
    StillRefused,
    /// Something else.
    New(Found),
    /// Something else, which cannot be read.
    Unreadable {
        failure: Failure,
        /// `None`: it may be readable the next time.
        digest: Option<Sha256Digest>,
    },
}

/// A bundle's files.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) raw: RawBundle,
    pub(super) digest: Sha256Digest,
    /// As it was signed; `None`: it was not.
    pub(super) archive: Option<Vec<u8>>,
}

/// A directory, for development.
#[derive(Debug)]
pub(super) struct DirectorySource {
    path: PathBuf,
    shadow: ShadowDirectory,
}

/// Another directory, whose bundle decides in the shadow.
#[derive(Debug)]
struct ShadowDirectory(Option<PathBuf>);

impl ShadowDirectory {
    fn look(&self, known: &Known) -> Finding {
        self.0.as_deref().map_or(Finding::Nothing, |path| {
            read_directory(path, known.shadow, known.shadow_refused)
        })
    }
}

impl DirectorySource {
    pub(super) const fn new(path: PathBuf, shadow: Option<PathBuf>) -> Self {
        Self { path, shadow: ShadowDirectory(shadow) }
    }
}

impl Source for DirectorySource {
    fn describe(&self) -> String {
        self.path.display().to_string()
    }

    fn is_signed(&self) -> bool {
        false
    }

    fn look(&mut self, known: &Known, _: &mut dyn FnMut(CandidateStage)) -> Result<News, Failure> {
        Ok(News {
            active: read_directory(&self.path, known.active, known.refused),
            shadow: self.shadow.look(known),
        })
    }

    fn watched(&self) -> Vec<PathBuf> {
        std::iter::once(self.path.clone()).chain(self.shadow.0.clone()).collect()
    }
}

fn read_directory(
    path: &Path,
    same: Option<Sha256Digest>,
    refused: Option<Sha256Digest>,
) -> Finding {
    match RawBundle::read_directory(path) {
        Ok(raw) => {
            let digest = raw.digest();
            if same == Some(digest) {
                Finding::Same
            } else if refused == Some(digest) {
                Finding::StillRefused
            } else {
                Finding::New(Found { raw, digest, archive: None })
            }
        }
        Err(error) => Finding::Unreadable { failure: Failure::unreadable(&error), digest: None },
    }
}

/// A repository.
#[derive(Debug)]
pub(super) struct RepositorySource {
    address: String,
    client: RepositoryClient,
    shadow: ShadowDirectory,
    stopping: Arc<AtomicBool>,
}

impl RepositorySource {
    pub(super) fn open(
        config: RepositoryConfig,
        shadow: Option<PathBuf>,
        clock: Arc<dyn Clock>,
        stopping: Arc<AtomicBool>,
    ) -> Result<Self, OpenRepositoryError> {
        let address = config.url.to_string();
        let client = RepositoryClient::open(config, clock)?;
        Ok(Self { address, client, shadow: ShadowDirectory(shadow), stopping })
    }

    fn fetch(
        &mut self,
        offer: &Offer,
        same: Option<Sha256Digest>,
        refused: Option<Sha256Digest>,
        at: &mut dyn FnMut(CandidateStage),
    ) -> Result<Finding, Failure> {
        if same == Some(offer.digest()) {
            return Ok(Finding::Same);
        }
        if refused == Some(offer.digest()) {
            return Ok(Finding::StillRefused);
        }
        at(CandidateStage::Fetch);
        let fetched = self.client.fetch(offer, &self.stopping);
        let archive = fetched.map_err(|error| refusal(&error))?;
        at(CandidateStage::Verify);
        Ok(match RawBundle::read_archive(&archive) {
            Ok(raw) => Finding::New(Found { digest: raw.digest(), raw, archive: Some(archive) }),
            Err(error) => {
                let digest = Some(offer.digest());
                Finding::Unreadable { failure: Failure::unreadable(&error), digest }
            }
        })
    }
}

fn refusal(error: &RepositoryError) -> Failure {
    Failure::new(error.code(), ErrorChain(error).to_string())
}

impl Source for RepositorySource {
    fn describe(&self) -> String {
        self.address.clone()
    }

    fn is_signed(&self) -> bool {
        true
    }

    fn look(&mut self, known: &Known, at: &mut dyn FnMut(CandidateStage)) -> Result<News, Failure> {
        let checked = self.client.check(&self.stopping);
        let checked = checked.map_err(|error| refusal(&error))?;
        let Checked { active, shadow, shadow_refused, .. } = checked;
        let active = self.fetch(&active, known.active, known.refused, at)?;
        let fetched =
            shadow.map(|offer| self.fetch(&offer, known.shadow, known.shadow_refused, &mut |_| {}));
        let shadow = match fetched {
            None => match shadow_refused {
                Some(error) => Finding::Unreadable { failure: refusal(&error), digest: None },
                None => self.shadow.look(known),
            },
            Some(Ok(found)) => found,
            // What decides must not wait for what only watches.
            Some(Err(failure)) => Finding::Unreadable { failure, digest: None },
        };
        Ok(News { active, shadow })
    }

    fn metadata_expires(&self) -> Option<EpochMillis> {
        self.client.metadata_expires()
    }

    fn watched(&self) -> Vec<PathBuf> {
        self.shadow.0.iter().cloned().collect()
    }
}
