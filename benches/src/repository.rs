//! A signed repository that a server follows, and the moments when its versions become public.
//!
//! A version is packed, signed by two people and published in a folder of its author first; what
//! that makes is then copied to the folder that the server follows. `timestamp.json`, which
//! refers to all the rest, is copied last: until then nobody sees anything new.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use anyhow::{Result, ensure};
use palisade_bundle::RawBundle;
use palisade_bundle::repository::Channel;
use palisade_bundle::repository::author::{
    KeyFile, Lifetimes, RepositoryFolder, RoleSetup, Setup, SigningKey,
};
use palisade_core::{Clock, SystemClock};
use url::Url;

use crate::organisation::BundleFiles;

/// The one file that is replaced when something is published.
const TIMESTAMP_FILE: &str = "metadata/timestamp.json";

/// Who releases bundles: both have to sign.
const RELEASE_KEYS: [&str; 2] = ["release1.pem", "release2.pem"];

/// Makes what is signed public.
const PUBLISH_KEY: &str = "publish.pem";

/// A repository and its author's desk.
#[derive(Debug)]
pub struct Repository {
    place: PathBuf,
    folder: RepositoryFolder,
    clock: SystemClock,
}

impl Repository {
    /// Makes keys and a repository without bundles in a place that does not exist.
    ///
    /// # Errors
    /// They cannot be made.
    pub fn make(place: &Path) -> Result<Self> {
        fs::create_dir_all(place)?;
        for name in ["root.pem", PUBLISH_KEY].into_iter().chain(RELEASE_KEYS) {
            SigningKey::generate(&place.join(name))?;
        }
        let role = |names: &[&str]| -> Result<RoleSetup> {
            let keys = names.iter().map(|name| KeyFile::read(&place.join(name)));
            Ok(RoleSetup { keys: keys.collect::<Result<_, _>>()?, threshold: names.len() as u64 })
        };
        let setup = Setup {
            root: role(&["root.pem"])?,
            targets: role(&RELEASE_KEYS)?,
            snapshot: role(&[PUBLISH_KEY])?,
            timestamp: role(&[PUBLISH_KEY])?,
        };
        let clock = SystemClock::new();
        let own = place.join("author");
        let folder = RepositoryFolder::init(&own, &setup, Lifetimes::default(), clock.now())?;
        Ok(Self { place: place.to_owned(), folder, clock })
    }

    /// Does everything to release a version but the last: nobody sees it before
    /// [`make_public`](Self::make_public).
    ///
    /// # Errors
    /// The bundle is none, or something cannot be written.
    pub fn release(&self, bundle: &BundleFiles, version: u64) -> Result<()> {
        let directory = self.place.join(format!("bundle-{version}"));
        bundle.write(&directory, version)?;
        let archive = directory.with_extension("tar.gz");
        fs::write(&archive, RawBundle::read_directory(&directory)?.pack()?)?;
        let (lifetimes, now) = (Lifetimes::default(), self.clock.now());
        self.folder.add(&archive, &BTreeSet::from([Channel::stable()]), lifetimes, now)?;
        for name in RELEASE_KEYS {
            self.folder.sign(&self.key(name)?)?;
        }
        let keys = [self.key(PUBLISH_KEY)?];
        let clock: Arc<dyn Clock> = Arc::new(self.clock);
        let publish = || self.folder.publish(&keys, &keys, lifetimes, &clock);
        // Its rehearsal has a runtime of its own, of which a thread can have but one.
        let published = thread::scope(|scope| scope.spawn(publish).join());
        published.map_err(|_panic| anyhow::anyhow!("publishing panicked"))??;
        for folder in ["metadata", "targets"] {
            copy_new(&self.folder.path().join(folder), &public(&self.place).join(folder))?;
        }
        Ok(())
    }

    /// Lets everybody see what was released.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn make_public(&self) -> Result<()> {
        let file = public(&self.place).join(TIMESTAMP_FILE);
        let new = file.with_extension("new");
        fs::copy(self.folder.path().join(TIMESTAMP_FILE), &new)?;
        Ok(fs::rename(new, file)?)
    }

    fn key(&self, name: &str) -> Result<SigningKey> {
        Ok(KeyFile::read_signing(&self.place.join(name))?)
    }
}

/// Where the repository in this place is read.
///
/// # Errors
/// The place does not exist.
pub fn url(place: &Path) -> Result<Url> {
    let url = Url::from_directory_path(fs::canonicalize(public(place))?);
    url.map_err(|()| anyhow::anyhow!("`{}` has no URL", place.display()))
}

/// The root that readers trust to begin with.
#[must_use]
pub fn root_file(place: &Path) -> PathBuf {
    public(place).join("metadata/1.root.json")
}

fn public(place: &Path) -> PathBuf {
    place.join("public")
}

/// Copies files that are not there yet, all but the one that makes them public.
fn copy_new(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_new(&entry.path(), &target)?;
        } else if !entry.path().ends_with(TIMESTAMP_FILE) && !target.exists() {
            let copied = fs::copy(entry.path(), &target)?;
            ensure!(copied > 0, "`{}` is empty", target.display());
        }
    }
    Ok(())
}
