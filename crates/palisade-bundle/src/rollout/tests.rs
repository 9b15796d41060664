//! Revisions come into force, or do not, and everybody is told why. What is looked at is scripted,
//! so that nothing has to be waited for; the thread around it is tested in `tests/integration`.

mod restarts;

use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::AtomicI64;

use palisade_core::{
    BundleStatus, CallOutcome, CallSpan, LogEntry, LogError, LogFuture, Observation, Revision,
    RolloutAction, RolloutRecord, Sha256Digest, ShadowRecord, TraceContext,
};
use tempfile::TempDir;

use super::source::{Finding, Found, Known, News};
use super::stages::Failure;
use super::worker::Worker;
use super::*;
use crate::raw::RawBundle;

const CATALOG: &str = "
format: 1
segments: [customers]
services:
  crm: { segment: customers }
tools:
  crm.read_ticket:
    tier: 1
    effect: read
";

const READERS: &str = r#"
@id("read") permit (principal, action in Action::"read", resource);
"#;

const TESTS: &str = "
tests:
  - name: alice reads
    chain: [user:corp:alice]
    tool: crm.read_ticket
    want: { outcome: allow }
";

fn raw(version: u64, policies: &str) -> RawBundle {
    let manifest = format!(
        "format: 1\nname: desk\nversion: {version}\nissuers: {{ corp: https://corp.example }}\n"
    );
    RawBundle::of(&[
        ("bundle.yaml", &manifest),
        ("catalog.yaml", CATALOG),
        ("policies/desk.cedar", policies),
        ("tests/desk.yaml", TESTS),
    ])
}

fn found(version: u64, policies: &str) -> Found {
    let raw = raw(version, policies);
    let archive = raw.pack().expect("packed");
    Found { digest: raw.digest(), raw, archive: Some(archive) }
}

/// What the next looks find, in order; what is known already is told apart as a source does.
#[derive(Clone, Default)]
struct Script(Arc<Mutex<VecDeque<Look>>>);

enum Look {
    Finds { active: Option<Found>, shadow: Option<Found> },
    Cannot(&'static str),
    Unreadable,
}

struct Scripted {
    script: Script,
    /// What the last look was told not to fetch again.
    told_refused: Arc<Mutex<Option<Sha256Digest>>>,
    expires: Arc<AtomicI64>,
}

impl Source for Scripted {
    fn describe(&self) -> String {
        "scripted".to_owned()
    }

    fn is_signed(&self) -> bool {
        true
    }

    fn look(
        &mut self,
        known: &Known,
        _: &mut dyn FnMut(palisade_core::CandidateStage),
    ) -> Result<News, Failure> {
        *self.told_refused.lock().unwrap() = known.refused;
        let finding = |found: Option<Found>, same, refused| match found {
            None => Finding::Nothing,
            Some(found) if same == Some(found.digest) => Finding::Same,
            Some(found) if refused == Some(found.digest) => Finding::StillRefused,
            Some(found) => Finding::New(found),
        };
        match self.script.0.lock().unwrap().pop_front().expect("a look that was not expected") {
            Look::Finds { active, shadow } => Ok(News {
                active: finding(active, known.active, known.refused),
                shadow: finding(shadow, known.shadow, known.shadow_refused),
            }),
            Look::Cannot(code) => Err(Failure::new(code, "it says so")),
            Look::Unreadable => Ok(News {
                active: Finding::Unreadable {
                    failure: Failure::new("unreadable", "not UTF-8"),
                    digest: None,
                },
                shadow: Finding::Nothing,
            }),
        }
    }

    fn metadata_expires(&self) -> Option<EpochMillis> {
        match self.expires.load(Ordering::Relaxed) {
            0 => None,
            expires => Some(EpochMillis::new(expires)),
        }
    }

    fn watched(&self) -> Vec<PathBuf> {
        Vec::new()
    }
}

/// What decides, as the roll-out left it.
#[derive(Default)]
struct Decides {
    snapshot: Mutex<Option<Arc<PolicySnapshot>>>,
    until: Mutex<Option<EpochMillis>>,
    shadows: Mutex<Vec<(ShadowKind, Arc<PolicySnapshot>)>>,
}

impl Pipeline for Decides {
    fn publish(&self, snapshot: Arc<PolicySnapshot>) {
        *self.snapshot.lock().unwrap() = Some(snapshot);
    }

    fn set_decides_until(&self, until: Option<EpochMillis>) {
        *self.until.lock().unwrap() = until;
    }

    fn set_shadows(&self, shadows: Vec<(ShadowKind, Arc<PolicySnapshot>)>) {
        *self.shadows.lock().unwrap() = shadows;
    }
}

/// Keeps changes, or fails to.
#[derive(Default)]
struct Records {
    kept: Mutex<Vec<RolloutRecord>>,
    is_broken: AtomicBool,
    counted: AtomicI64,
}

impl DecisionLog for Records {
    fn append<'a>(&'a self, entry: LogEntry<'_>) -> LogFuture<'a> {
        let LogEntry::Rollout(record) = entry else { panic!("only changes are recorded here") };
        let record = record.clone();
        Box::pin(async move {
            if self.is_broken.load(Ordering::Relaxed) {
                return Err(LogError(std::io::ErrorKind::StorageFull.into()));
            }
            self.kept.lock().unwrap().push(record);
            Ok(())
        })
    }
}

impl Observer for Records {
    fn begin(&self, _: Option<TraceContext>) -> Option<CallSpan> {
        None
    }
    fn decided(&self, _: &Observation<'_>) {}
    fn refused(&self, _: &'static str) {}
    fn reported(&self, _: &CallOutcome) {}
    fn rolled_out(&self, _: &RolloutRecord) {
        self.counted.fetch_add(1, Ordering::Relaxed);
    }
    fn shadowed(&self, _: &ShadowRecord) {}
    fn shadow_skipped(&self) {}
}

/// Stands still until it is moved.
#[derive(Default)]
struct StoppedClock(AtomicI64);

impl Clock for StoppedClock {
    fn now(&self) -> EpochMillis {
        EpochMillis::new(self.0.load(Ordering::Relaxed))
    }

    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }
}

/// A worker and everything around it.
struct Desk {
    worker: Worker,
    script: Script,
    told_refused: Arc<Mutex<Option<Sha256Digest>>>,
    expires: Arc<AtomicI64>,
    decides: Arc<Decides>,
    records: Arc<Records>,
    clock: Arc<StoppedClock>,
    report: Arc<Report>,
    kept: Arc<TempDir>,
}

const MAX_STALENESS: Duration = Duration::from_secs(10);

fn desk() -> Desk {
    desk_in(Arc::new(tempfile::tempdir().expect("a temporary directory")))
}

fn desk_in(kept: Arc<TempDir>) -> Desk {
    let (script, expires) = (Script::default(), Arc::new(AtomicI64::new(0)));
    let told_refused = Arc::default();
    let source = Scripted {
        script: script.clone(),
        told_refused: Arc::clone(&told_refused),
        expires: Arc::clone(&expires),
    };
    let repository = RepositoryConfig {
        url: "https://bundles.example/".parse().expect("a URL"),
        root: Vec::new(),
        bundle: palisade_core::BundleName::new("desk").expect("a name"),
        channel: crate::repository::Channel::stable(),
        shadow_channel: None,
        directory: kept.path().join("trust"),
        timeouts: crate::repository::DownloadTimeouts::default(),
    };
    let config = RolloutConfig {
        source: BundleSource::Repository {
            config: Box::new(repository),
            kept: kept.path().join("kept"),
        },
        shadow_directory: None,
        poll_interval: Duration::from_secs(30),
        max_staleness: MAX_STALENESS,
        kept_max: 3,
        facts: FactSources::default(),
        cache_bytes: 1024 * 1024,
    };
    let (decides, records) = (Arc::<Decides>::default(), Arc::<Records>::default());
    let clock = Arc::<StoppedClock>::default();
    let ports = RolloutPorts {
        pipeline: Arc::<Decides>::clone(&decides),
        log: Arc::<Records>::clone(&records),
        observer: Arc::<Records>::clone(&records),
        clock: Arc::<StoppedClock>::clone(&clock),
    };
    let report = Arc::new(Report::new("scripted".to_owned(), true));
    let stopping = Arc::new(AtomicBool::new(false));
    let mut worker =
        Worker::new(config, ports, Box::new(source), &report, &stopping).expect("opened");
    worker.begin().expect("begun");
    Desk { worker, script, told_refused, expires, decides, records, clock, report, kept }
}

impl Desk {
    /// Looks once, and this comes of it.
    fn look(&mut self, look: Look) {
        self.script.0.lock().unwrap().push_back(look);
        self.worker.look(false);
    }

    fn finds(&mut self, version: u64, policies: &str) {
        self.look(Look::Finds { active: Some(found(version, policies)), shadow: None });
    }

    /// Does what an operator asks for.
    fn ask(
        &mut self,
        command: impl FnOnce(control::Reply) -> Command,
    ) -> Result<BundleStatus, palisade_core::BundleControlError> {
        let (reply, mut answer) = tokio::sync::oneshot::channel();
        self.worker.obey(command(reply));
        answer.try_recv().expect("answered")
    }

    fn roll_back(
        &mut self,
        version: u64,
    ) -> Result<BundleStatus, palisade_core::BundleControlError> {
        self.ask(|reply| Command::RollBack { version, reason: "mistake".to_owned(), reply })
    }

    fn version(&self) -> Option<u64> {
        let snapshot = self.decides.snapshot.lock().unwrap();
        snapshot.as_ref().map(|snapshot| snapshot.revision().version)
    }

    fn status(&self) -> BundleStatus {
        self.report.status()
    }

    fn failure(&self) -> Option<&'static str> {
        self.status().last_failure.map(|failure| failure.code)
    }

    /// What is on record since the last time: action, versions before and after, code.
    fn recorded(&self) -> Vec<(RolloutAction, Option<u64>, Option<u64>, &'static str)> {
        let version = |revision: &Option<Arc<Revision>>| revision.as_ref().map(|r| r.version);
        let records = std::mem::take(&mut *self.records.kept.lock().unwrap());
        records.iter().map(|r| (r.action, version(&r.from), version(&r.to), r.code)).collect()
    }
}

#[test]
fn a_new_revision_comes_into_force_and_is_on_record() {
    let mut desk = desk();
    assert_eq!(desk.version(), None);
    desk.finds(1, READERS);
    assert_eq!(desk.version(), Some(1));
    desk.finds(2, READERS);
    assert_eq!(desk.version(), Some(2));
    let activated = |from, to| (RolloutAction::Activated, from, Some(to), "");
    assert_eq!(desk.recorded(), [activated(None, 1), activated(Some(1), 2)]);
    assert_eq!(desk.records.counted.load(Ordering::Relaxed), 2);
    let status = desk.status();
    assert_eq!(status.active.expect("active").revision.version, 2);
    assert_eq!(status.candidate, None);
    assert_eq!(status.kept.iter().map(|kept| kept.version).collect::<Vec<_>>(), [2, 1]);
}

#[test]
fn what_is_in_force_is_not_put_in_force_again() {
    let mut desk = desk();
    desk.finds(1, READERS);
    let before = Arc::as_ptr(desk.decides.snapshot.lock().unwrap().as_ref().expect("in force"));
    desk.finds(1, READERS);
    let after = Arc::as_ptr(desk.decides.snapshot.lock().unwrap().as_ref().expect("in force"));
    assert_eq!(before, after);
    assert_eq!(desk.recorded().len(), 1);
}

#[test]
fn a_revision_that_does_not_load_leaves_the_other_in_force_and_says_why() {
    let mut desk = desk();
    desk.finds(1, READERS);
    desk.recorded();
    let cases: [(Look, &str, &str); 5] = [
        (
            Look::Finds { active: Some(found(2, "permit (principal,")), shadow: None },
            "invalid",
            "policies/desk.cedar:1: ",
        ),
        (
            Look::Finds { active: Some(found(3, "")), shadow: None },
            "tests_failed",
            "tests/desk.yaml: alice reads: want outcome allow, got deny",
        ),
        (Look::Unreadable, "unreadable", "not UTF-8"),
        (Look::Cannot("rollback"), "rollback", "it says so"),
        (Look::Finds { active: None, shadow: None }, "no_bundle", ""),
    ];
    for (look, code, says) in cases {
        desk.look(look);
        assert_eq!(desk.version(), Some(1), "{code}");
        let failure = desk.status().last_failure.expect(code);
        assert_eq!(failure.code, code);
        assert!(failure.message.contains(says), "{failure:?}");
        let [(action, from, _, recorded)] = desk.recorded()[..] else { panic!("{code}") };
        assert_eq!((action, from, recorded), (RolloutAction::Refused, None, code));
    }
    desk.finds(4, READERS);
    assert_eq!((desk.version(), desk.failure()), (Some(4), None));
}

#[test]
fn the_same_failure_is_on_record_once() {
    let mut desk = desk();
    for _ in 0..3 {
        desk.look(Look::Cannot("unreachable"));
    }
    assert_eq!(desk.recorded().len(), 1);
    desk.look(Look::Cannot("frozen"));
    desk.look(Look::Cannot("unreachable"));
    assert_eq!(desk.recorded().len(), 2, "another one is another record");
}

#[test]
fn what_was_refused_is_looked_at_again_only_when_asked_for() {
    let mut desk = desk();
    desk.finds(1, "");
    assert_eq!(desk.failure(), Some("tests_failed"));
    desk.recorded();
    desk.finds(1, "");
    assert_eq!(*desk.told_refused.lock().unwrap(), Some(found(1, "").digest));
    assert!(desk.recorded().is_empty());
    assert_eq!(desk.failure(), Some("tests_failed"), "it still stands");
    let again = Look::Finds { active: Some(found(1, "")), shadow: None };
    desk.script.0.lock().unwrap().push_back(again);
    let status = desk.ask(|reply| Command::Reload { reply }).expect("looked");
    assert_eq!(status.last_failure.expect("failed again").code, "tests_failed");
    let stage = status.candidate.expect("the one that failed").stage;
    assert_eq!(stage, palisade_core::CandidateStage::Test);
}

#[test]
fn a_pin_keeps_what_is_in_force_until_it_is_taken_away() {
    let mut desk = desk();
    desk.finds(1, READERS);
    let pinned = desk.ask(|reply| Command::Pin { reason: "freeze".to_owned(), reply });
    assert!(pinned.expect("pinned").pinned);
    desk.finds(2, READERS);
    desk.finds(2, READERS);
    assert_eq!(desk.version(), Some(1));
    let candidate = desk.status().candidate.expect("it waits");
    assert_eq!(candidate.revision.expect("known").version, 2);
    assert_eq!(candidate.stage, palisade_core::CandidateStage::Pinned);
    let offered = Look::Finds { active: Some(found(2, READERS)), shadow: None };
    desk.script.0.lock().unwrap().push_back(offered);
    let status = desk.ask(|reply| Command::Unpin { reason: String::new(), reply }).expect("done");
    assert_eq!((desk.version(), status.pinned), (Some(2), false));
    let actions: Vec<_> = desk.recorded().into_iter().map(|(action, ..)| action).collect();
    let expected = [
        RolloutAction::Activated,
        RolloutAction::Pinned,
        RolloutAction::Unpinned,
        RolloutAction::Activated,
    ];
    assert_eq!(actions, expected);
}

#[test]
fn going_back_pins_and_is_on_record() {
    let mut desk = desk();
    for version in 1..=3 {
        desk.finds(version, READERS);
    }
    desk.recorded();
    let status = desk.roll_back(0).expect("there is one before");
    assert_eq!((desk.version(), status.pinned), (Some(2), true));
    assert_eq!(desk.recorded(), [(RolloutAction::RolledBack, Some(3), Some(2), "")]);
    desk.finds(4, READERS);
    assert_eq!(desk.version(), Some(2), "it is pinned");
    desk.roll_back(0).expect("there is one before");
    assert_eq!(desk.version(), Some(1), "and not the one that was left");
    let nothing = desk.roll_back(0).expect_err("it is the oldest");
    assert!(matches!(nothing, palisade_core::BundleControlError::NotKept { version: 0, .. }));
    let refused = desk.roll_back(9).expect_err("not kept");
    let kept = vec![1, 2, 3];
    assert_eq!(refused, palisade_core::BundleControlError::NotKept { version: 9, kept });
    assert_eq!(desk.version(), Some(1));
}

#[test]
fn nothing_in_force_can_neither_be_pinned_nor_left() {
    let mut desk = desk();
    let none = palisade_core::BundleControlError::NoneActive;
    assert_eq!(desk.roll_back(0).unwrap_err(), none);
    let pin = desk.ask(|reply| Command::Pin { reason: String::new(), reply });
    assert_eq!(pin.unwrap_err(), none);
    assert!(!desk.status().pinned);
}

#[test]
fn what_cannot_be_recorded_is_not_done() {
    let mut desk = desk();
    for version in 1..=2 {
        desk.finds(version, READERS);
    }
    desk.records.is_broken.store(true, Ordering::Relaxed);
    let not_recorded = palisade_core::BundleControlError::NotRecorded;
    assert_eq!(desk.roll_back(1).unwrap_err(), not_recorded);
    let pin = desk.ask(|reply| Command::Pin { reason: String::new(), reply });
    assert_eq!(pin.unwrap_err(), not_recorded);
    desk.finds(3, READERS);
    assert_eq!((desk.version(), desk.failure()), (Some(2), Some("not_recorded")));
    assert!(!desk.status().pinned);
    desk.records.is_broken.store(false, Ordering::Relaxed);
    desk.finds(3, READERS);
    assert_eq!((desk.version(), desk.failure()), (Some(3), None), "it is tried again");
}

#[test]
fn what_is_in_force_decides_until_its_metadata_is_too_old() {
    let mut desk = desk();
    desk.expires.store(5_000, Ordering::Relaxed);
    desk.finds(1, READERS);
    let until = Some(EpochMillis::new(15_000));
    assert_eq!(*desk.decides.until.lock().unwrap(), until, "expiry and the longest staleness");
    let status = desk.status();
    assert_eq!(status.metadata_expires, Some(EpochMillis::new(5_000)));
    assert_eq!(status.decides_until, until);
    desk.clock.0.store(20_000, Ordering::Relaxed);
    desk.look(Look::Cannot("unreachable"));
    assert_eq!(*desk.decides.until.lock().unwrap(), until, "nothing fresh came");
    desk.expires.store(30_000, Ordering::Relaxed);
    desk.finds(1, READERS);
    assert_eq!(*desk.decides.until.lock().unwrap(), Some(EpochMillis::new(40_000)));
}

#[test]
fn a_shadow_comes_and_goes_and_changes_nothing() {
    let mut desk = desk();
    let both = |active, shadow: Option<Found>| Look::Finds { active: Some(active), shadow };
    desk.look(both(found(1, READERS), Some(found(2, READERS))));
    let shadow_versions = |desk: &Desk| -> Vec<(ShadowKind, u64)> {
        let shadows = desk.decides.shadows.lock().unwrap();
        shadows.iter().map(|(kind, snapshot)| (*kind, snapshot.revision().version)).collect()
    };
    assert_eq!(desk.version(), Some(1));
    assert_eq!(shadow_versions(&desk), [(ShadowKind::Revision, 2)]);
    assert_eq!(desk.status().shadow.expect("it is there").revision.version, 2);
    desk.look(both(found(1, READERS), Some(found(3, ""))));
    assert_eq!(shadow_versions(&desk), [(ShadowKind::Revision, 2)], "its tests fail");
    assert_eq!(desk.failure(), None, "which is no failure of what decides");
    desk.look(both(found(1, READERS), None));
    assert_eq!(shadow_versions(&desk), []);
    let actions: Vec<_> =
        desk.recorded().into_iter().map(|(action, _, to, _)| (action, to)).collect();
    let expected = [
        (RolloutAction::Activated, Some(1)),
        (RolloutAction::ShadowStarted, Some(2)),
        (RolloutAction::Refused, Some(3)),
        (RolloutAction::ShadowEnded, Some(2)),
    ];
    assert_eq!(actions, expected);
}

#[test]
fn a_replaced_snapshot_is_freed_once_nobody_decides_with_it() {
    let mut desk = desk();
    desk.finds(1, READERS);
    let deciding = desk.decides.snapshot.lock().unwrap().clone().expect("in force");
    let weak = Arc::downgrade(&deciding);
    desk.finds(2, READERS);
    desk.worker.retire();
    assert!(weak.upgrade().is_some(), "a call still decides with it");
    drop(deciding);
    assert!(weak.upgrade().is_some(), "and does not free it itself");
    desk.worker.retire();
    assert!(weak.upgrade().is_none());
}

#[test]
fn many_advices_of_a_kind_hide_none_of_another() {
    let of = |code, count| vec![Problem::advice(code, "odd"); count];
    let problems = [of("tests.uncovered_policy", 12), of("catalog.unguarded_tool", 1)].concat();
    let (told, others) = first_of_each_kind(&problems);
    assert_eq!(told.len(), 11);
    assert_eq!(told.last().map(|problem| problem.code), Some("catalog.unguarded_tool"));
    assert_eq!(others, BTreeMap::from([("tests.uncovered_policy", 2)]));

    let problems = of("tests.uncovered_policy", 10);
    let (told, others) = first_of_each_kind(&problems);
    assert_eq!((told.len(), others.len()), (10, 0));
}
