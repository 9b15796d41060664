//! Brings revisions of the bundle into force, and takes care that what is in force stays good.
//!
//! One thread at the lowest priority does all of it: it looks for a new revision (`source`), reads,
//! validates and tests it (`stages`), puts it in force, keeps it for a roll-back or a restart
//! (`kept`), and frees what it replaced. Whatever fails on the way leaves the revision in force
//! where it is, and says why (`report`). Operators see and change it through [`BundleControl`].

mod control;
mod kept;
mod report;
mod source;
mod stages;
mod watching;
mod worker;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use palisade_core::{BundleControl, Clock, DecisionLog, EpochMillis, FactSources, Observer};
use palisade_core::{Problem, Problems, ShadowKind};
use palisade_engine::PolicySnapshot;
use tokio::sync::watch;

use crate::error::LoadBundleError;
use control::{Command, Control};
use report::Report;
use source::{DirectorySource, RepositorySource, Source};
use worker::Worker;

use crate::repository::{OpenRepositoryError, RepositoryConfig};

/// How revisions come into force.
#[derive(Clone, Debug)]
pub struct RolloutConfig {
    /// Where they come from.
    pub source: BundleSource,
    /// A directory whose bundle decides in the shadow.
    pub shadow_directory: Option<PathBuf>,
    /// How often a repository is asked, give or take a tenth.
    pub poll_interval: Duration,
    /// How long a revision decides after the metadata that vouched for it expired.
    pub max_staleness: Duration,
    /// Revisions that can be gone back to, the one in force included.
    pub kept_max: usize,
    /// Which facts will be there when it decides.
    pub facts: FactSources,
    /// Bytes that a snapshot may remember of calls.
    pub cache_bytes: u64,
}

/// Where revisions come from.
#[derive(Clone, Debug)]
pub enum BundleSource {
    /// A directory, for development: nobody vouches for what is in it.
    Directory(PathBuf),
    /// A repository, whose metadata vouches for what is in it.
    Repository {
        /// The repository.
        config: Box<RepositoryConfig>,
        /// Where revisions are kept for a roll-back or a restart.
        kept: PathBuf,
    },
}

/// What a roll-out acts on.
pub trait Pipeline: Send + Sync {
    /// Puts a snapshot in force.
    fn publish(&self, snapshot: Arc<PolicySnapshot>);

    /// Says until when it decides; `None`: for ever.
    fn set_decides_until(&self, until: Option<EpochMillis>);

    /// Says what decides in the shadow.
    fn set_shadows(&self, shadows: Vec<(ShadowKind, Arc<PolicySnapshot>)>);
}

/// What a roll-out acts on and whom it tells.
#[derive(Clone)]
pub struct RolloutPorts {
    /// What decides.
    pub pipeline: Arc<dyn Pipeline>,
    /// Where changes are recorded.
    pub log: Arc<dyn DecisionLog>,
    /// Who counts them.
    pub observer: Arc<dyn Observer>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for RolloutPorts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RolloutPorts").finish_non_exhaustive()
    }
}

/// A roll-out cannot begin.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartRolloutError {
    /// The bundle in the directory does not load.
    #[error("the bundle does not load")]
    Bundle(#[source] LoadBundleError),
    /// The operating system refuses what it needs.
    #[error("the roll-out of bundles cannot be started")]
    Io(#[source] std::io::Error),
    /// What was kept by an earlier process cannot be used.
    #[error("the kept revisions in `{}` cannot be used", path.display())]
    Kept {
        /// Where they are.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The repository cannot be used.
    #[error("the repository of bundles cannot be used")]
    Repository(#[source] OpenRepositoryError),
}

/// Brings revisions into force until it is dropped or stopped.
#[derive(Debug)]
pub struct Rollout {
    control: Arc<Control>,
    report: Arc<Report>,
    stopping: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Rollout {
    /// Begins. A directory's bundle is in force when this returns; a repository's is if it was
    /// kept by an earlier process, and comes into force later otherwise.
    ///
    /// # Errors
    /// A directory's bundle does not load, or what is needed cannot be opened.
    pub fn start(config: RolloutConfig, ports: RolloutPorts) -> Result<Self, StartRolloutError> {
        let stopping = Arc::new(AtomicBool::new(false));
        let source = open_source(&config, &ports, &stopping)?;
        let report = Arc::new(Report::new(source.describe(), source.is_signed()));
        let (sender, commands) = channel();
        let mut worker = Worker::new(config, ports, source, &report, &stopping)?;
        worker.begin()?;
        let watching = worker.watch(&sender);
        let thread = spawn("palisade-bundle", move || {
            lower_thread_priority();
            worker.run(&commands);
            drop(watching);
        })
        .map_err(StartRolloutError::Io)?;
        let control = Arc::new(Control::new(sender, Arc::clone(&report)));
        Ok(Self { control, report, stopping, thread: Some(thread) })
    }

    /// What operators act through.
    #[must_use]
    pub fn control(&self) -> Arc<dyn BundleControl> {
        Arc::<Control>::clone(&self.control)
    }

    /// Changes whenever the state does.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.report.changes()
    }

    /// Ends: what is being looked at is given up, what is in force stays.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        self.stopping.store(true, Ordering::Relaxed);
        self.control.send(Command::Stop);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the roll-out of bundles panicked");
        }
    }
}

impl Drop for Rollout {
    fn drop(&mut self) {
        self.end();
    }
}

fn open_source(
    config: &RolloutConfig,
    ports: &RolloutPorts,
    stopping: &Arc<AtomicBool>,
) -> Result<Box<dyn Source>, StartRolloutError> {
    let shadow = config.shadow_directory.clone();
    Ok(match &config.source {
        BundleSource::Directory(path) => Box::new(DirectorySource::new(path.clone(), shadow)),
        BundleSource::Repository { config, kept: _ } => {
            let clock = Arc::clone(&ports.clock);
            let stopping = Arc::clone(stopping);
            let source = RepositorySource::open(config.as_ref().clone(), shadow, clock, stopping);
            Box::new(source.map_err(StartRolloutError::Repository)?)
        }
    })
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> std::io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name(name.to_owned()).spawn(work)
}

/// Gives everything else precedence over this thread: on Linux, niceness belongs to a thread.
pub fn lower_thread_priority() {
    const LOWEST: i32 = 19;
    if let Err(error) = rustix::process::nice(LOWEST) {
        tracing::debug!(%error, "the priority of the thread could not be lowered");
    }
}

/// The advices of a bundle that comes into force. Of many of a kind only the first: `palisade
/// lint` lists them all.
fn tell_author(advice: &Problems) {
    let (told, others) = first_of_each_kind(&advice.0);
    for problem in told {
        tracing::warn!(%problem, "the bundle's author should look at this");
    }
    for (code, others) in others {
        tracing::warn!(code, others, "`palisade lint` lists the others of this kind");
    }
}

/// The first problems of each code, and of how many others of which code nothing is said.
fn first_of_each_kind(problems: &[Problem]) -> (Vec<&Problem>, BTreeMap<&str, usize>) {
    // LIMIT: what a person reads; a large bundle can have thousands of one kind.
    const TOLD_MAX: usize = 10;
    let mut kinds = BTreeMap::<&str, usize>::new();
    let mut told = Vec::new();
    for problem in problems {
        let count = kinds.entry(problem.code).or_default();
        *count += 1;
        if *count <= TOLD_MAX {
            told.push(problem);
        }
    }
    let others = kinds.into_iter().filter(|(_, count)| *count > TOLD_MAX);
    (told, others.map(|(code, count)| (code, count - TOLD_MAX)).collect())
}

type Commands = Receiver<Command>;
type CommandSender = Sender<Command>;

#[cfg(test)]
mod tests;
