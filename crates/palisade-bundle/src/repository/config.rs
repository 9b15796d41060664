//! What a client is told.

use std::path::PathBuf;
use std::time::Duration;

use palisade_core::BundleName;
use url::Url;

use super::offer::Channel;

/// Where bundles come from and whom to trust.
#[derive(Clone, Debug)]
pub struct RepositoryConfig {
    /// The repository's folder: `https`, `http` or `file`. Below it are `metadata/` and
    /// `targets/`.
    pub url: Url,
    /// Root metadata that is trusted without further proof, as `init-repo` made it or any newer
    /// one.
    pub root: Vec<u8>,
    /// The bundle.
    pub bundle: BundleName,
    /// The channel whose highest version is wanted.
    pub channel: Channel,
    /// The channel whose highest version decides in the shadow.
    pub shadow_channel: Option<Channel>,
    /// A directory of the client's own, for what it has come to trust. Its loss is the loss of the
    /// protection against older versions.
    pub directory: PathBuf,
    /// How long downloads may take.
    pub timeouts: DownloadTimeouts,
}

/// How long downloads may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DownloadTimeouts {
    /// To find the host, connect and negotiate TLS.
    pub connect: Duration,
    /// For one file of metadata, everything included.
    pub metadata: Duration,
    /// For one packed bundle, everything included.
    pub target: Duration,
    /// Without a single byte.
    pub stall: Duration,
    /// Bytes per second that a download must have on average once it has taken [`Self::stall`].
    pub bytes_per_second_min: u64,
}

impl Default for DownloadTimeouts {
    /// Fits a slow line: the largest archive within the time at 220 kB/s, metadata in a moment.
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            metadata: Duration::from_secs(30),
            target: Duration::from_secs(300),
            stall: Duration::from_secs(10),
            bytes_per_second_min: 1024,
        }
    }
}
