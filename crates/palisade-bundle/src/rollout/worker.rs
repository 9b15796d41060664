//! The thread that brings revisions into force.

mod operators;
mod shadow;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use palisade_core::{
    BundleControlError, BundleStatus, CandidateStage, ErrorChain, HeldRevision, LogEntry, Problems,
    Revision, RolloutAction, RolloutRecord, Sha256Digest,
};
use palisade_engine::PolicySnapshot;

use super::control::{Command, Reply};
use super::kept::Kept;
use super::report::Report;
use super::source::{Finding, Found, Known, News, Source};
use super::stages::{self, Failure};
use super::watching::Watching;
use super::{
    BundleSource, CommandSender, Commands, RolloutConfig, RolloutPorts, StartRolloutError,
    tell_author,
};
use crate::error::LoadBundleError;
use crate::raw::RawBundle;
use crate::wait;

/// How often it is looked whether a replaced snapshot is used no more.
const RETIRED_INTERVAL: Duration = Duration::from_millis(100);

/// The longest pause, so that a clock that was set shows in the state.
const PAUSE_MAX: Duration = Duration::from_secs(60);

/// What brings revisions into force.
pub(super) struct Worker {
    config: RolloutConfig,
    ports: RolloutPorts,
    source: Box<dyn Source>,
    report: Arc<Report>,
    stopping: Arc<AtomicBool>,
    kept: Kept,
    active: Option<Arc<PolicySnapshot>>,
    shadow: Option<Arc<PolicySnapshot>>,
    refused: Option<Sha256Digest>,
    shadow_refused: Option<Sha256Digest>,
    shadow_failure: Option<Failure>,
    /// Replaced snapshots that somebody still decides with: whoever lets go last frees them, and
    /// that must be this thread, because it takes milliseconds.
    retired: Vec<Arc<PolicySnapshot>>,
    next_look: Duration,
    /// Whether what is in force still decided when it was last looked.
    decided: bool,
}

impl Worker {
    pub(super) fn new(
        config: RolloutConfig,
        ports: RolloutPorts,
        source: Box<dyn Source>,
        report: &Arc<Report>,
        stopping: &Arc<AtomicBool>,
    ) -> Result<Self, StartRolloutError> {
        let kept = match &config.source {
            BundleSource::Directory(_) => Kept::in_memory(config.kept_max),
            BundleSource::Repository { kept, config: repository } => {
                Kept::open(kept, &repository.bundle, config.kept_max)
                    .map_err(|source| StartRolloutError::Kept { path: kept.clone(), source })?
            }
        };
        let next_look = ports.clock.monotonic();
        Ok(Self {
            config,
            ports,
            source,
            report: Arc::clone(report),
            stopping: Arc::clone(stopping),
            kept,
            active: None,
            shadow: None,
            refused: None,
            shadow_refused: None,
            shadow_failure: None,
            retired: Vec::new(),
            next_look,
            decided: true,
        })
    }

    /// Puts in force what is there before anybody is asked: a directory's bundle, or the revision
    /// that was in force last.
    pub(super) fn begin(&mut self) -> Result<(), StartRolloutError> {
        if let BundleSource::Directory(path) = &self.config.source {
            tracing::warn!(
                path = %path.display(),
                "the bundle comes from a directory: nobody has signed it, and whoever can write \
                 there decides what is allowed; use `bundle.repository` for anything but development"
            );
            let load = || {
                let raw = RawBundle::read_directory(path)?;
                let (snapshot, advice) = stages::load(&raw, self.config.facts, None, |_, _| {})?;
                Ok((raw, snapshot, advice))
            };
            let (raw, snapshot, advice) = load().map_err(StartRolloutError::Bundle)?;
            let found = Found { digest: raw.digest(), raw, archive: None };
            self.put_in_force(snapshot, &advice, &found, RolloutAction::Activated, String::new());
            self.look(false);
        } else {
            self.begin_with_kept();
            self.set_decides_until();
        }
        self.check_time();
        Ok(())
    }

    fn begin_with_kept(&mut self) {
        let (kept, pinned) = (self.kept.revisions(), self.kept.is_pinned());
        self.report.change(|status| (status.kept, status.pinned) = (kept, pinned));
        let Some(revision) = self.kept.revisions().first().cloned() else {
            tracing::info!("no revision is kept here; nothing is decided before one is fetched");
            return;
        };
        let kept = self.kept.read(&revision).map_err(|error| error.to_string());
        let loaded = kept.and_then(|found| {
            let loaded = self.load(&found.raw, |_, _| {});
            let (snapshot, advice) =
                loaded.map_err(|error| Failure::of(&error, &found.raw).message)?;
            Ok((found, snapshot, advice))
        });
        match loaded {
            Ok((found, snapshot, advice)) => {
                let action = RolloutAction::Activated;
                self.put_in_force(snapshot, &advice, &found, action, "kept".to_owned());
            }
            Err(message) => {
                tracing::error!(%revision, why = message, "the kept revision cannot be used");
                self.fail(None, &Failure::new("kept_unusable", message));
            }
        }
    }

    /// Watches what changes without being asked; as long as the answer lives.
    pub(super) fn watch(&self, commands: &CommandSender) -> Vec<Watching> {
        let watch = |path: &std::path::PathBuf| {
            let commands = commands.clone();
            let changed = move || commands.send(Command::Changed).is_ok();
            match Watching::start(path, changed) {
                Ok(watching) => Some(watching),
                Err(error) => {
                    let error = ErrorChain(&error).to_string();
                    tracing::warn!(path = %path.display(), error, "changes are not watched for");
                    None
                }
            }
        };
        self.source.watched().iter().filter_map(watch).collect()
    }

    /// Works until it is told to stop.
    pub(super) fn run(&mut self, commands: &Commands) {
        loop {
            match commands.recv_timeout(self.pause()) {
                Ok(Command::Stop) | Err(RecvTimeoutError::Disconnected) => break,
                Ok(command) => self.obey(command),
                Err(RecvTimeoutError::Timeout) => {}
            }
            if self.stopping.load(Ordering::Relaxed) {
                break;
            }
            self.retire();
            let is_due = self.next_look <= self.ports.clock.monotonic();
            if self.source.is_signed() && is_due {
                self.look(false);
            }
            self.check_time();
        }
    }

    fn pause(&self) -> Duration {
        if !self.retired.is_empty() {
            return RETIRED_INTERVAL;
        }
        let clock = &self.ports.clock;
        let mut pause = PAUSE_MAX;
        if self.source.is_signed() {
            pause = pause.min(self.next_look.saturating_sub(clock.monotonic()));
        }
        if let Some(until) = self.report.status().decides_until.filter(|_| self.decided) {
            let left = until.as_millis().saturating_sub(clock.now().as_millis()).max(0);
            pause = pause.min(Duration::from_millis(u64::try_from(left).unwrap_or(0)));
        }
        pause
    }

    pub(super) fn obey(&mut self, command: Command) {
        let (answer, reply) = match command {
            Command::Changed => return self.look(false),
            Command::Stop => return,
            Command::Reload { reply } => {
                self.look(true);
                (Ok(()), reply)
            }
            Command::Pin { reason, reply } => (self.pin(reason), reply),
            Command::Unpin { reason, reply } => (self.unpin(reason), reply),
            Command::RollBack { version, reason, reply } => {
                (self.roll_back(version, reason), reply)
            }
        };
        self.check_time();
        answer_with(reply, answer.map(|()| self.report.status()));
    }

    /// Looks for revisions and brings into force what is new. `again`: also what was refused.
    pub(super) fn look(&mut self, again: bool) {
        let clock = Arc::clone(&self.ports.clock);
        self.next_look = clock.monotonic().saturating_add(jittered(self.config.poll_interval));
        if again {
            (self.refused, self.shadow_refused) = (None, None);
        }
        let digest = |held: &Option<Arc<PolicySnapshot>>| {
            held.as_ref().map(|snapshot| snapshot.revision().digest)
        };
        let known = Known {
            active: digest(&self.active),
            refused: self.refused,
            shadow: digest(&self.shadow),
            shadow_refused: self.shadow_refused,
        };
        let report = Arc::clone(&self.report);
        let mut at = |stage| report.stage(stage, None, clock.now());
        let looked = self.source.look(&known, &mut at);
        let now = clock.now();
        self.report.change(|status| {
            status.checked = Some(now);
            status.metadata_expires = self.source.metadata_expires();
        });
        self.set_decides_until();
        if self.stopping.load(Ordering::Relaxed) {
            return;
        }
        match looked {
            Err(failure) => self.fail(None, &failure),
            Ok(News { active, shadow }) => {
                self.take(active);
                self.take_shadow(shadow);
            }
        }
    }

    fn take(&mut self, finding: Finding) {
        match finding {
            Finding::Nothing if self.active.is_some() => {
                self.fail(None, &Failure::new("no_bundle", "the source offers no revision"));
            }
            Finding::Nothing | Finding::StillRefused => {}
            Finding::Same => self.all_is_well(),
            Finding::Unreadable { failure, digest } => {
                self.refused = digest;
                self.fail(None, &failure);
            }
            Finding::New(found) if self.kept.is_pinned() => {
                // Not fetched again and again until the pin is taken away.
                self.refused = Some(found.digest);
                let revision = revision_of(&found);
                let now = self.ports.clock.now();
                self.report.stage(CandidateStage::Pinned, revision.as_ref(), now);
                self.report.change(|status| status.last_failure = None);
            }
            Finding::New(found) => self.activate(&found),
        }
    }

    fn all_is_well(&self) {
        self.report.change(|status| {
            status.candidate = None;
            status.last_failure = None;
        });
    }

    fn activate(&mut self, found: &Found) {
        let (report, clock) = (Arc::clone(&self.report), Arc::clone(&self.ports.clock));
        let loaded = self.load(&found.raw, |stage, revision| {
            report.stage(stage, revision, clock.now());
        });
        match loaded {
            Ok((snapshot, advice)) => {
                let action = RolloutAction::Activated;
                self.put_in_force(snapshot, &advice, found, action, String::new());
            }
            Err(error) => {
                self.refused = Some(found.digest);
                let revision = revision_of(found);
                self.fail(revision.as_ref(), &Failure::of(&error, &found.raw));
            }
        }
    }

    fn load(
        &self,
        raw: &RawBundle,
        at: impl FnMut(CandidateStage, Option<&Arc<Revision>>),
    ) -> Result<(PolicySnapshot, Problems), LoadBundleError> {
        stages::load(raw, self.config.facts, self.active.as_deref(), at)
    }

    /// Puts a snapshot in force, and says whether it is. What cannot be recorded is not done,
    /// unless nothing is in force yet: then every answer is a deny anyway.
    fn put_in_force(
        &mut self,
        snapshot: PolicySnapshot,
        advice: &Problems,
        found: &Found,
        action: RolloutAction,
        detail: String,
    ) -> bool {
        tell_author(advice);
        tell_author(&Problems(snapshot.expired_exceptions(self.ports.clock.now())));
        let snapshot = snapshot.with_cache_bytes(self.config.cache_bytes);
        let revision = Arc::clone(snapshot.shared_revision());
        let now = self.ports.clock.now();
        if let Some(previous) = &self.active {
            self.report.stage(CandidateStage::Warm, Some(&revision), now);
            stages::warm(&snapshot, previous, now);
        }
        let from = self.active.as_ref().map(|active| Arc::clone(active.shared_revision()));
        let recorded = self.record(action, from.clone(), Some(&revision), "", detail);
        if !recorded && from.is_some() {
            let failure = "the change cannot be recorded, so it is not made";
            self.fail(Some(&revision), &Failure::new("not_recorded", failure));
            return false;
        }
        if let Err(error) = self.kept.put_first(&revision, found) {
            tracing::warn!(%error, "the revision cannot be kept for a roll-back or a restart");
        }
        let snapshot = Arc::new(snapshot);
        self.ports.pipeline.publish(Arc::clone(&snapshot));
        self.retired.extend(self.active.replace(snapshot));
        self.refused = None;
        tracing::info!(%revision, action = action.as_str(), "a revision is in force");
        let (kept, pinned) = (self.kept.revisions(), self.kept.is_pinned());
        self.report.change(|status| {
            status.active = Some(HeldRevision { revision, since: now });
            (status.kept, status.pinned) = (kept, pinned);
            (status.candidate, status.last_failure) = (None, None);
        });
        self.set_shadows();
        true
    }

    /// Says why what is in force stays; on record once for each cause.
    fn fail(&self, revision: Option<&Arc<Revision>>, failure: &Failure) {
        let Failure { code, message } = failure;
        let now = self.ports.clock.now();
        if self.report.fail(code, message, now) {
            tracing::warn!(code, why = message, "no other revision comes into force");
            let action = RolloutAction::Refused;
            self.record(action, None, revision, code, message.clone());
        }
    }

    /// Whether it is on record.
    fn record(
        &self,
        action: RolloutAction,
        from: Option<Arc<Revision>>,
        to: Option<&Arc<Revision>>,
        code: &'static str,
        detail: String,
    ) -> bool {
        let RolloutPorts { log, observer, clock, .. } = &self.ports;
        let record =
            RolloutRecord { time: clock.now(), action, from, to: to.cloned(), code, detail };
        let recorded = wait::for_future(log.append(LogEntry::Rollout(&record)));
        if let Err(error) = &recorded {
            let error = ErrorChain(error).to_string();
            tracing::warn!(error, action = action.as_str(), "a change is not on record");
        }
        observer.rolled_out(&record);
        recorded.is_ok()
    }

    fn set_decides_until(&self) {
        let staleness = i64::try_from(self.config.max_staleness.as_millis()).unwrap_or(i64::MAX);
        let until = self.source.metadata_expires().map(|expires| {
            palisade_core::EpochMillis::new(expires.as_millis().saturating_add(staleness))
        });
        self.ports.pipeline.set_decides_until(until);
        self.report.change(|status| status.decides_until = until);
    }

    /// Notices when what is in force ceases to decide, or decides again.
    fn check_time(&mut self) {
        let now = self.ports.clock.now();
        let decides = self.report.status().decides_until.is_none_or(|until| now < until);
        if decides != self.decided {
            self.decided = decides;
            self.report.change(|_| {});
            if decides {
                tracing::info!("fresh metadata of the bundle came; it decides again");
            } else {
                tracing::error!("no fresh metadata of the bundle came; everything is denied");
            }
        }
    }

    /// Frees what nobody decides with any more.
    pub(super) fn retire(&mut self) {
        self.retired.retain(|snapshot| Arc::strong_count(snapshot) > 1);
    }
}

/// What a bundle says it is.
fn revision_of(found: &Found) -> Option<Arc<Revision>> {
    let (bundle, version) = found.raw.identity()?;
    Some(Arc::new(Revision { bundle, version, digest: found.digest }))
}

fn answer_with(reply: Reply, answer: Result<BundleStatus, BundleControlError>) {
    // Whoever asked may have gone; what was asked for is done all the same.
    let _heard = reply.send(answer).is_ok();
}

/// Give or take a tenth, so that servers that started together do not ask together.
fn jittered(interval: Duration) -> Duration {
    interval.mul_f64(0.9 + 0.2 * fastrand::f64())
}
