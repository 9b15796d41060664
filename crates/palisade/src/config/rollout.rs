//! How revisions of the bundle come into force, as configured.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use palisade_bundle::repository::Channel;
use palisade_core::BundleName;
use url::Url;

use super::raw::Reader;
use super::settings;

/// How revisions come into force.
#[derive(Clone, Debug, PartialEq)]
pub struct RolloutSettings {
    /// Where signed revisions come from; `None`: from the bundle's directory.
    pub repository: Option<RepositorySettings>,
    /// A directory whose bundle decides in the shadow.
    pub shadow_directory: Option<PathBuf>,
    /// Share of the decisions that are made in the shadow as well.
    pub shadow_sample: f64,
    /// How often a repository is asked.
    pub poll_interval: Duration,
    /// How long a revision decides after its metadata expired.
    pub max_staleness: Duration,
    /// Revisions that are kept.
    pub keep: NonZeroU32,
}

impl RolloutSettings {
    /// What holds for a directory when nobody says anything.
    pub const DIRECTORY: Self = Self {
        repository: None,
        shadow_directory: None,
        shadow_sample: 1.0,
        poll_interval: Duration::from_secs(30),
        max_staleness: Duration::from_secs(24 * 3600),
        keep: NonZeroU32::MIN.saturating_add(4),
    };
}

/// Where signed revisions come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepositorySettings {
    /// The repository.
    pub url: Url,
    /// The file with the root that is trusted.
    pub root: PathBuf,
    /// The bundle in it.
    pub bundle: BundleName,
    /// What comes into force.
    pub channel: Channel,
    /// What decides in the shadow.
    pub shadow_channel: Option<Channel>,
    /// What is remembered.
    pub state: PathBuf,
}

/// How revisions come into force; `None` after a problem.
pub(super) fn read(reader: &mut Reader<'_>) -> Option<RolloutSettings> {
    let url = reader.read_optional(&settings::BUNDLE_REPOSITORY);
    let root = reader.read_optional(&settings::BUNDLE_ROOT);
    let name = reader.read_optional(&settings::BUNDLE_NAME);
    let channel = reader.read(&settings::BUNDLE_CHANNEL);
    let shadow_channel = reader.read_optional(&settings::SHADOW_CHANNEL);
    let state = reader.read(&settings::BUNDLE_STATE);
    let poll_interval = reader.read(&settings::BUNDLE_POLL_INTERVAL);
    let max_staleness = reader.read(&settings::BUNDLE_MAX_STALENESS);
    let keep = reader.read(&settings::BUNDLE_KEEP);
    let shadow_directory = reader.read_optional(&settings::SHADOW_PATH);
    let shadow_sample = reader.read(&settings::SHADOW_SAMPLE);
    // FAIL-CLOSED: half of it would be a bundle that nobody vouches for, where one is meant that
    // somebody does.
    if reader.is_set(&settings::BUNDLE_REPOSITORY) {
        let message = "it is needed with `bundle.repository`";
        reader.require(&settings::BUNDLE_ROOT, message);
        reader.require(&settings::BUNDLE_NAME, message);
    } else {
        let message = "it means something only with `bundle.repository`";
        reader.refuse_if_set(&settings::BUNDLE_ROOT, message);
        reader.refuse_if_set(&settings::BUNDLE_NAME, message);
        reader.refuse_if_set(&settings::SHADOW_CHANNEL, message);
    }
    let repository = match (url, root, name) {
        (Some(url), Some(root), Some(bundle)) => {
            let (channel, state) = (channel?, state?);
            Some(RepositorySettings { url, root, bundle, channel, shadow_channel, state })
        }
        (_, _, _) => None,
    };
    Some(RolloutSettings {
        repository,
        shadow_directory,
        shadow_sample: shadow_sample?,
        poll_interval: poll_interval?,
        max_staleness: max_staleness?,
        keep: keep?,
    })
}
