//! What tests of archives and repositories share: numbers, bundles, a repository with keys, and a
//! clock that can be moved.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use palisade_core::{BundleName, Clock, EpochMillis, SystemClock};
use tempfile::TempDir;

use super::author::{
    AuthorError, KeyFile, Lifetimes, PublicKey, Published, RepositoryFolder, RoleSetup, RotateRole,
    Setup, SigningKey,
};
use super::{Channel, DownloadTimeouts, RepositoryClient, RepositoryConfig, RoleName};
use crate::raw::RawBundle;

pub(crate) mod server;

/// Numbers that are the same in every run.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below `limit`.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % limit.max(1) as u64).unwrap()
    }
}

/// The machine's clock, moved.
#[derive(Debug)]
pub(crate) struct MovedClock {
    system: SystemClock,
    by_millis: AtomicI64,
}

impl MovedClock {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { system: SystemClock::new(), by_millis: AtomicI64::new(0) })
    }

    pub(crate) fn move_to(&self, hours_from_now: i64) {
        self.by_millis.store(hours_from_now * 60 * 60 * 1000, Ordering::Relaxed);
    }
}

impl Clock for MovedClock {
    fn now(&self) -> EpochMillis {
        EpochMillis::new(self.system.now().as_millis() + self.by_millis.load(Ordering::Relaxed))
    }

    fn monotonic(&self) -> Duration {
        self.system.monotonic()
    }
}

pub(crate) fn running() -> Arc<AtomicBool> {
    Arc::new(AtomicBool::new(false))
}

/// A small bundle; `word` makes its content another.
pub(crate) fn bundle(name: &str, version: u64, word: &str) -> RawBundle {
    let manifest = format!("format: 1\nname: {name}\nversion: {version}\nissuers:\n  corp: x\n");
    RawBundle::of(&[("README.md", word), ("bundle.yaml", &manifest), ("catalog.yaml", "tools: {}")])
}

/// A repository with its keys.
pub(crate) struct TestRepository {
    pub(crate) directory: TempDir,
    pub(crate) folder: RepositoryFolder,
    pub(crate) clock: Arc<MovedClock>,
    pub(crate) lifetimes: Lifetimes,
    /// Keys by role and number.
    keys: PathBuf,
}

impl TestRepository {
    /// Root needs `root` of 3 keys, targets `targets` of 3; snapshot and timestamp one each.
    /// Signed by the first keys of each, published, without bundles.
    pub(crate) fn new(root: u64, targets: u64) -> Self {
        let directory = TempDir::new().unwrap();
        let keys = directory.path().join("keys");
        fs::create_dir(&keys).unwrap();
        for name in ["root1", "root2", "root3", "targets1", "targets2", "targets3"] {
            SigningKey::generate(&keys.join(name)).unwrap();
        }
        for name in ["snapshot1", "snapshot2", "timestamp1", "timestamp2"] {
            SigningKey::generate(&keys.join(name)).unwrap();
        }
        let public = |name: &str| KeyFile::read(&keys.join(format!("{name}.pub"))).unwrap();
        let role = |names: &[&str], threshold| RoleSetup {
            keys: names.iter().map(|name| public(name)).collect(),
            threshold,
        };
        let setup = Setup {
            root: role(&["root1", "root2", "root3"], root),
            targets: role(&["targets1", "targets2", "targets3"], targets),
            snapshot: role(&["snapshot1"], 1),
            timestamp: role(&["timestamp1"], 1),
        };
        let clock = MovedClock::new();
        let lifetimes = Lifetimes::default();
        let folder =
            RepositoryFolder::init(&directory.path().join("repo"), &setup, lifetimes, clock.now())
                .unwrap();
        let repository = Self { directory, folder, clock, lifetimes, keys };
        repository.sign(&["root1", "root2", "root3", "targets1", "targets2", "targets3"]);
        repository.publish().unwrap();
        repository
    }

    pub(crate) fn clock(&self) -> Arc<dyn Clock> {
        Arc::<MovedClock>::clone(&self.clock)
    }

    pub(crate) fn key(&self, name: &str) -> SigningKey {
        KeyFile::read_signing(&self.keys.join(name)).unwrap()
    }

    pub(crate) fn public(&self, name: &str) -> PublicKey {
        self.key(name).public().clone()
    }

    pub(crate) fn sign(&self, names: &[&str]) {
        for name in names {
            self.folder.sign(&self.key(name)).unwrap();
        }
    }

    pub(crate) fn publish(&self) -> Result<Published, AuthorError> {
        self.publish_with("snapshot1", "timestamp1")
    }

    pub(crate) fn publish_with(
        &self,
        snapshot: &str,
        timestamp: &str,
    ) -> Result<Published, AuthorError> {
        self.folder.publish(
            &[self.key(snapshot)],
            &[self.key(timestamp)],
            self.lifetimes,
            &self.clock(),
        )
    }

    pub(crate) fn stage(
        &self,
        bundle: &RawBundle,
        channels: &[&str],
    ) -> Result<super::author::Added, AuthorError> {
        let archive = self.directory.path().join("archive.tar.gz");
        fs::write(&archive, bundle.pack().unwrap()).unwrap();
        self.folder.add(&archive, &self::channels(channels), self.lifetimes, self.clock.now())
    }

    /// Adds a version of the bundle `corp`, signed by all, and publishes.
    pub(crate) fn release(&self, version: u64, channels: &[&str]) {
        self.stage(&bundle("corp", version, "x"), channels).unwrap();
        self.sign(&["targets1", "targets2", "targets3"]);
        self.publish().unwrap();
    }

    pub(crate) fn rotate(&self, role: RoleName, add: &[&str], remove: &[&str]) {
        let change = RotateRole {
            role,
            add: add.iter().map(|name| self.public(name)).collect(),
            remove: remove.iter().map(|name| self.public(name).id().to_string()).collect(),
            threshold: None,
        };
        self.folder.rotate(&change, self.lifetimes, self.clock.now()).unwrap();
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn root(&self, version: u64) -> Vec<u8> {
        fs::read(self.path().join(format!("metadata/{version}.root.json"))).unwrap()
    }

    /// A copy of what is published now.
    pub(crate) fn copy(&self, name: &str) -> PathBuf {
        let copy = self.directory.path().join(name);
        copy_tree(self.path(), &copy);
        copy
    }

    pub(crate) fn config(&self, url: &str, trust: &str) -> RepositoryConfig {
        RepositoryConfig {
            url: url.parse().unwrap(),
            root: self.root(1),
            bundle: BundleName::new("corp").unwrap(),
            channel: Channel::stable(),
            shadow_channel: Channel::new("candidate"),
            directory: self.directory.path().join(trust),
            timeouts: DownloadTimeouts {
                connect: Duration::from_secs(5),
                metadata: Duration::from_millis(1500),
                target: Duration::from_millis(1500),
                stall: Duration::from_millis(400),
                bytes_per_second_min: 1000,
            },
        }
    }

    pub(crate) fn client(&self, url: &str, trust: &str) -> RepositoryClient {
        RepositoryClient::open(self.config(url, trust), self.clock()).unwrap()
    }
}

pub(crate) fn channels(names: &[&str]) -> BTreeSet<Channel> {
    names.iter().map(|name| Channel::new(*name).unwrap()).collect()
}

pub(crate) fn copy_tree(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_tree(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}
