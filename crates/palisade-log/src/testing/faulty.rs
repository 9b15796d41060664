//! A disk that fails when it is told to, and that can lose its power.
//!
//! The files are real. Beside them, this keeps what of them is on disk for certain: what was
//! synced. When the power goes, each 512 bytes that were written and not synced are the old ones
//! or the new ones, as chance has it, and so is each entry of the directory. What a failed sync
//! covered is lost unless it is written again, even if a later sync succeeds.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::disk::{Disk, LocalDisk};

pub(crate) const EIO: i32 = 5;
pub(crate) const ENOSPC: i32 = 28;
pub(crate) const EROFS: i32 = 30;

/// Stands for no error of the operating system.
const CRASH: i32 = 0;

/// What power keeps or takes as a whole.
const PAGE: usize = 512;

/// What the log asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Create,
    Allocate,
    Truncate,
    Write,
    SyncData,
    SyncAll,
    SyncDirectory,
    Remove,
    Replace,
}

/// What it gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// This error of the operating system, and nothing is done.
    Error(i32),
    /// This error, and half of it is done.
    Half(i32),
    /// The power goes, or the process is killed, as chance has it. Nothing works any more.
    Crash,
    /// A bug.
    Panic,
}

type Script = Box<dyn FnMut(usize, Step) -> Option<Fault> + Send>;

/// Clones share everything.
#[derive(Clone)]
pub(crate) struct FaultyDisk(Arc<Mutex<State>>);

struct State {
    script: Script,
    steps: Vec<Step>,
    random: fastrand::Rng,
    /// Where the log is, and where what a crash leaves is put.
    directory: PathBuf,
    image: PathBuf,
    is_down: bool,
    files: Vec<Model>,
    by_inode: BTreeMap<u64, usize>,
    /// Entries that are on disk.
    entries: BTreeMap<PathBuf, usize>,
}

/// A file as it is on disk.
#[derive(Clone, Default)]
struct Model {
    content: Vec<u8>,
    /// Pages that were changed since.
    dirty: BTreeSet<usize>,
    /// The length was changed since.
    resized: bool,
}

impl FaultyDisk {
    /// Works until the script has a fault for a step.
    pub(crate) fn new(
        directory: &Path,
        script: impl FnMut(usize, Step) -> Option<Fault> + Send + 'static,
    ) -> Self {
        Self::crashing(directory, Path::new("/nonexistent"), 0, script)
    }

    /// Leaves what a crash leaves in `image`.
    pub(crate) fn crashing(
        directory: &Path,
        image: &Path,
        seed: u64,
        script: impl FnMut(usize, Step) -> Option<Fault> + Send + 'static,
    ) -> Self {
        let mut state = State {
            script: Box::new(script),
            steps: Vec::new(),
            random: fastrand::Rng::with_seed(seed),
            directory: directory.to_owned(),
            image: image.to_owned(),
            is_down: false,
            files: Vec::new(),
            by_inode: BTreeMap::new(),
            entries: BTreeMap::new(),
        };
        for path in state.present() {
            let file = File::open(&path).unwrap();
            let id = state.model(&file);
            state.files[id].content = fs::read(&path).unwrap();
            state.entries.insert(path, id);
        }
        Self(Arc::new(Mutex::new(state)))
    }

    /// What was asked for so far.
    pub(crate) fn steps(&self) -> Vec<Step> {
        self.state().steps.clone()
    }

    pub(crate) fn is_down(&self) -> bool {
        self.state().is_down
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a step; tells whether half of it is to be done, and with which error.
    fn step(&self, step: Step) -> io::Result<(MutexGuard<'_, State>, Option<i32>)> {
        let mut state = self.state();
        if state.is_down {
            return Err(io::Error::from_raw_os_error(EIO));
        }
        let number = state.steps.len();
        state.steps.push(step);
        match (state.script)(number, step) {
            None => Ok((state, None)),
            Some(Fault::Error(error)) => Err(io::Error::from_raw_os_error(error)),
            Some(Fault::Half(error)) => Ok((state, Some(error))),
            Some(Fault::Panic) => panic!("a bug in the writer"),
            Some(Fault::Crash) => Ok((state, Some(CRASH))),
        }
    }
}

impl State {
    fn present(&self) -> Vec<PathBuf> {
        let Ok(entries) = fs::read_dir(&self.directory) else { return Vec::new() };
        entries.map(|entry| entry.unwrap().path()).collect()
    }

    fn model(&mut self, file: &File) -> usize {
        let inode = file.metadata().unwrap().ino();
        *self.by_inode.entry(inode).or_insert_with(|| {
            self.files.push(Model::default());
            self.files.len() - 1
        })
    }

    fn touch(&mut self, file: &File, from: u64, to: u64) {
        let id = self.model(file);
        let pages =
            usize::try_from(from).unwrap() / PAGE..usize::try_from(to).unwrap().div_ceil(PAGE);
        self.files[id].dirty.extend(pages);
    }

    fn resize(&mut self, file: &File, bytes: u64) {
        let before = file.metadata().unwrap().len();
        self.touch(file, bytes.min(before), bytes.max(before));
        let id = self.model(file);
        self.files[id].resized = true;
    }

    /// What was changed is on disk now, or only some of it and the rest never.
    fn settle(&mut self, file: &File, is_whole: bool) {
        let id = self.model(file);
        let Model { mut content, dirty, resized } = std::mem::take(&mut self.files[id]);
        let now = read_all(file);
        if is_whole || (resized && self.random.bool()) {
            content.resize(now.len(), 0);
        }
        for page in dirty {
            if is_whole || self.random.bool() {
                copy_page(&now, &mut content, page);
            }
        }
        self.files[id].content = content;
    }

    /// Puts what the power leaves into the image.
    fn lose_power(&mut self) {
        self.is_down = true;
        fs::create_dir(&self.image).unwrap();
        let mut names: BTreeSet<PathBuf> = self.present().into_iter().collect();
        names.extend(self.entries.keys().cloned());
        for path in names {
            let target = self.image.join(path.file_name().unwrap());
            let current = File::open(&path).ok();
            let kept = self.entries.get(&path).copied();
            let now = current.as_ref().map(|file| self.model(file));
            let chosen = if kept == now || self.random.bool() { kept } else { now };
            let Some(id) = chosen else { continue };
            let current = current.filter(|_| now == Some(id)).map(|file| read_all(&file));
            let Model { mut content, dirty, resized } = self.files[id].clone();
            if let Some(current) = current {
                if resized && self.random.bool() {
                    content.resize(current.len(), 0);
                }
                for page in dirty {
                    if self.random.bool() {
                        copy_page(&current, &mut content, page);
                    }
                }
            }
            fs::write(target, content).unwrap();
        }
    }

    /// Puts what a killed process leaves into the image.
    fn kill(&mut self) {
        self.is_down = true;
        fs::create_dir(&self.image).unwrap();
        for path in self.present() {
            fs::copy(&path, self.image.join(path.file_name().unwrap())).unwrap();
        }
    }

    fn crash(&mut self) -> io::Error {
        if self.random.bool() {
            self.lose_power();
        } else {
            self.kill();
        }
        io::Error::from_raw_os_error(EIO)
    }
}

fn read_all(file: &File) -> Vec<u8> {
    let mut content = vec![0; usize::try_from(file.metadata().unwrap().len()).unwrap()];
    file.read_exact_at(&mut content, 0).unwrap();
    content
}

fn copy_page(from: &[u8], to: &mut Vec<u8>, page: usize) {
    let (start, end) = (page * PAGE, ((page + 1) * PAGE).min(from.len()));
    if start >= end {
        return;
    }
    if to.len() < end {
        to.resize(end, 0);
    }
    to[start..end].copy_from_slice(&from[start..end]);
}

impl Disk for FaultyDisk {
    fn create(&self, path: &Path) -> io::Result<File> {
        let (mut state, half) = self.step(Step::Create)?;
        if half == Some(CRASH) && state.random.bool() {
            return Err(state.crash());
        }
        let file = LocalDisk.create(path)?;
        // The inode may have been another file's.
        state.by_inode.remove(&file.metadata()?.ino());
        state.model(&file);
        match half {
            None => Ok(file),
            Some(CRASH) => Err(state.crash()),
            Some(error) => Err(io::Error::from_raw_os_error(error)),
        }
    }

    fn allocate(&self, file: &File, bytes: u64) -> io::Result<()> {
        let (mut state, half) = self.step(Step::Allocate)?;
        let before = file.metadata()?.len();
        if half.is_none() || state.random.bool() {
            LocalDisk.allocate(file, bytes)?;
            if bytes > before {
                let id = state.model(file);
                state.files[id].resized = true;
            }
        }
        finish(&mut state, half)
    }

    fn truncate(&self, file: &File, bytes: u64) -> io::Result<()> {
        let (mut state, half) = self.step(Step::Truncate)?;
        if half.is_none() || state.random.bool() {
            state.resize(file, bytes);
            LocalDisk.truncate(file, bytes)?;
        }
        finish(&mut state, half)
    }

    fn write_at(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        let (mut state, half) = self.step(Step::Write)?;
        let part = if half.is_some() { state.random.usize(..=bytes.len()) } else { bytes.len() };
        LocalDisk.write_at(file, &bytes[..part], offset)?;
        if part > 0 {
            state.touch(file, offset, offset + u64::try_from(part).unwrap());
        }
        finish(&mut state, half)
    }

    fn sync_data(&self, file: &File) -> io::Result<()> {
        self.sync(Step::SyncData, file)
    }

    fn sync_all(&self, file: &File) -> io::Result<()> {
        self.sync(Step::SyncAll, file)
    }

    fn sync_directory(&self, path: &Path) -> io::Result<()> {
        let (mut state, half) = self.step(Step::SyncDirectory)?;
        if half.is_none() {
            let mut entries = BTreeMap::new();
            for path in state.present() {
                let id = state.model(&File::open(&path)?);
                entries.insert(path, id);
            }
            state.entries = entries;
            assert_eq!(path, state.directory);
        }
        finish(&mut state, half)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let (mut state, half) = self.step(Step::Remove)?;
        if half.is_none() || state.random.bool() {
            LocalDisk.remove(path)?;
        }
        finish(&mut state, half)
    }

    fn replace(&self, path: &Path, content: &[u8]) -> io::Result<()> {
        let (mut state, half) = self.step(Step::Replace)?;
        if half.is_none() {
            let new = path.with_extension("new");
            fs::write(&new, content)?;
            fs::rename(&new, path)?;
            let file = File::open(path)?;
            state.by_inode.remove(&file.metadata()?.ino());
            let id = state.model(&file);
            state.files[id].content = content.to_vec();
            state.entries.insert(path.to_owned(), id);
        }
        finish(&mut state, half)
    }
}

impl FaultyDisk {
    fn sync(&self, step: Step, file: &File) -> io::Result<()> {
        let (mut state, half) = match self.step(step) {
            Ok(step) => step,
            Err(error) => {
                let mut state = self.state();
                if !state.is_down {
                    state.settle(file, false);
                }
                return Err(error);
            }
        };
        if half.is_none() {
            state.settle(file, true);
        } else if half != Some(CRASH) {
            state.settle(file, false);
        }
        finish(&mut state, half)
    }
}

fn finish(state: &mut State, half: Option<i32>) -> io::Result<()> {
    match half {
        None => Ok(()),
        Some(CRASH) => Err(state.crash()),
        Some(error) => Err(io::Error::from_raw_os_error(error)),
    }
}
