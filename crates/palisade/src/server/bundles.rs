//! Wires the roll-out of bundles to the pipeline, and runs what decides in the shadow.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use palisade_bundle::repository::{DownloadTimeouts, RepositoryConfig};
use palisade_bundle::rollout::{
    BundleSource, Pipeline, Rollout, RolloutConfig, RolloutPorts, StartRolloutError,
    lower_thread_priority,
};
use palisade_core::{
    DecisionLog, EpochMillis, ErrorChain, FactSources, LogEntry, Observer, ShadowKind,
};
use palisade_engine::PolicySnapshot;
use palisade_pdp::{Shadow, ShadowQueue, ShadowSnapshot, Snapshots};

use super::{BuildServerError, Parts};
use crate::config::{RepositorySettings, RolloutSettings, ServerConfig};

/// How long a queue is waited for; whoever ends it wakes it up.
const QUEUE_WAIT: Duration = Duration::from_secs(60);

/// Bytes of a file with root metadata.
// LIMIT: a root names some ten keys; what is larger is something else.
const ROOT_BYTES_MAX: u64 = 1024 * 1024;

/// What decides, as a roll-out changes it.
struct Decides {
    snapshots: Arc<Snapshots>,
    shadow: Arc<Shadow>,
}

impl Pipeline for Decides {
    fn publish(&self, snapshot: Arc<PolicySnapshot>) {
        self.snapshots.publish(snapshot);
    }

    fn set_decides_until(&self, until: Option<EpochMillis>) {
        self.snapshots.set_decides_until(until);
    }

    fn set_shadows(&self, shadows: Vec<(ShadowKind, Arc<PolicySnapshot>)>) {
        let shadows = shadows.into_iter();
        self.shadow
            .set(shadows.map(|(kind, snapshot)| ShadowSnapshot { kind, snapshot }).collect());
    }
}

/// The file with the trusted root cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("the trusted root `{}` cannot be read", path.display())]
pub struct ReadRootError {
    /// The file.
    path: PathBuf,
    /// Why.
    #[source]
    source: io::Error,
}

/// What brings revisions into force and what decides in their shadow.
#[derive(Debug)]
pub(super) struct Bundles {
    pub(super) rollout: Rollout,
    pub(super) snapshots: Arc<Snapshots>,
    pub(super) shadow: ShadowThread,
}

impl Bundles {
    /// Puts the first revision in force, or begins to look for it.
    pub(super) fn start(
        config: &ServerConfig,
        parts: &Parts,
        facts: FactSources,
    ) -> Result<Self, BuildServerError> {
        let ServerConfig { bundle, rollout, cache_bytes, .. } = config;
        let (shadow, queue) = Shadow::new(rollout.shadow_sample);
        let snapshots = Arc::new(Snapshots::new());
        let decides = Decides { snapshots: Arc::clone(&snapshots), shadow: Arc::clone(&shadow) };
        let ports = RolloutPorts {
            pipeline: Arc::new(decides),
            log: Arc::clone(&parts.log),
            observer: Arc::clone(&parts.observer),
            clock: Arc::clone(&parts.clock),
        };
        let config = rollout_config(bundle, rollout, *cache_bytes, facts)?;
        let rollout = Rollout::start(config, ports).map_err(|error| match error {
            StartRolloutError::Bundle(error) => BuildServerError::Bundle(error),
            error => BuildServerError::Rollout(error),
        })?;
        let shadow = ShadowThread::start(shadow, queue, parts).map_err(BuildServerError::Thread)?;
        Ok(Self { rollout, snapshots, shadow })
    }
}

fn rollout_config(
    bundle: &Path,
    settings: &RolloutSettings,
    cache_bytes: usize,
    facts: FactSources,
) -> Result<RolloutConfig, ReadRootError> {
    let RolloutSettings {
        repository,
        shadow_directory,
        shadow_sample: _,
        poll_interval,
        max_staleness,
        keep,
    } = settings;
    let source = match repository {
        None => BundleSource::Directory(bundle.to_owned()),
        Some(repository) => repository_source(repository)?,
    };
    Ok(RolloutConfig {
        source,
        shadow_directory: shadow_directory.clone(),
        poll_interval: *poll_interval,
        max_staleness: *max_staleness,
        kept_max: usize::try_from(keep.get()).unwrap_or(usize::MAX),
        facts,
        cache_bytes: u64::try_from(cache_bytes).unwrap_or(u64::MAX),
    })
}

fn repository_source(settings: &RepositorySettings) -> Result<BundleSource, ReadRootError> {
    let RepositorySettings { url, root: path, bundle, channel, shadow_channel, state } = settings;
    let read = |path: &Path| {
        let mut root = Vec::new();
        io::Read::read_to_end(
            &mut io::Read::take(std::fs::File::open(path)?, ROOT_BYTES_MAX),
            &mut root,
        )?;
        Ok(root)
    };
    let root = read(path).map_err(|source| ReadRootError { path: path.clone(), source })?;
    let config = RepositoryConfig {
        url: url.clone(),
        root,
        bundle: bundle.clone(),
        channel: channel.clone(),
        shadow_channel: shadow_channel.clone(),
        directory: state.join("trust"),
        timeouts: DownloadTimeouts::default(),
    };
    Ok(BundleSource::Repository { config: Box::new(config), kept: state.join("kept") })
}

/// Decides in the shadow, on a thread that everything else precedes.
#[derive(Debug)]
pub(super) struct ShadowThread {
    pub(super) shadow: Arc<Shadow>,
    thread: Option<JoinHandle<()>>,
}

impl ShadowThread {
    fn start(shadow: Arc<Shadow>, queue: ShadowQueue, parts: &Parts) -> io::Result<Self> {
        let (log, observer) = (Arc::clone(&parts.log), Arc::clone(&parts.observer));
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        let decide = move || {
            lower_thread_priority();
            while !queue.is_ended() {
                runtime.block_on(decide_next(&queue, log.as_ref(), observer.as_ref()));
            }
        };
        let thread =
            std::thread::Builder::new().name("palisade-shadow".to_owned()).spawn(decide)?;
        Ok(Self { shadow, thread: Some(thread) })
    }
}

impl Drop for ShadowThread {
    fn drop(&mut self) {
        self.shadow.end();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("what decides in the shadow panicked");
        }
    }
}

async fn decide_next(queue: &ShadowQueue, log: &dyn DecisionLog, observer: &dyn Observer) {
    for record in queue.next(QUEUE_WAIT).unwrap_or_default() {
        observer.shadowed(&record);
        if record.agrees() {
            continue;
        }
        if let Err(error) = log.append(LogEntry::Shadow(&record)).await {
            let error = ErrorChain(&error).to_string();
            tracing::debug!(error, decision_id = %record.decision, "a difference is not on record");
        }
    }
}
