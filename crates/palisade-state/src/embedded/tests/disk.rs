//! A disk in memory that can fail, and forget what was not synced.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use redb::{Builder, Database, DatabaseError, StorageBackend};

use crate::medium::{self, FORMAT, Medium};

/// Clones are the same disk.
#[derive(Clone, Debug, Default)]
pub(super) struct Disk(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    fails: AtomicBool,
    syncs: AtomicUsize,
    content: Mutex<Content>,
}

#[derive(Debug, Default)]
struct Content {
    bytes: Vec<u8>,
    /// All that was done to it.
    journal: Vec<Change>,
}

#[derive(Clone, Debug)]
enum Change {
    Length(usize),
    Sync,
    Write(usize, Vec<u8>),
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Length(length) => bytes.resize(*length, 0),
            Self::Sync => {}
            Self::Write(offset, data) => {
                let end = offset + data.len();
                if bytes.len() < end {
                    bytes.resize(end, 0);
                }
                bytes[*offset..end].copy_from_slice(data);
            }
        }
    }
}

impl Disk {
    /// A disk with an empty state.
    pub(super) fn formatted() -> Self {
        Self::of_format(FORMAT)
    }

    pub(super) fn of_format(format: u64) -> Self {
        let disk = Self::default();
        let database = medium::builder().create_with_backend(disk.clone()).unwrap();
        medium::initialise(&database, format).unwrap();
        drop(database);
        disk
    }

    pub(super) fn holding(bytes: &[u8]) -> Self {
        let disk = Self::default();
        disk.content().bytes = bytes.to_vec();
        disk
    }

    /// Whether it fails from now on.
    pub(super) fn fail(&self, fails: bool) {
        self.0.fails.store(fails, Ordering::Relaxed);
    }

    pub(super) fn syncs(&self) -> usize {
        self.0.syncs.load(Ordering::Relaxed)
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        self.content().bytes.clone()
    }

    /// How many changes there were.
    pub(super) fn changes(&self) -> usize {
        self.content().journal.len()
    }

    /// Another disk, as a loss of power after so many changes may leave it: of those that were not
    /// synced each is there or not, and of a write perhaps only a part.
    pub(super) fn after_power_loss(&self, changes: usize, random: &mut fastrand::Rng) -> Self {
        let content = self.content();
        let done = &content.journal[..changes];
        let is_sync = |change: &Change| matches!(change, Change::Sync);
        let synced = done.iter().rposition(is_sync).map_or(0, |position| position + 1);
        let mut bytes = Vec::new();
        for change in &done[..synced] {
            change.apply(&mut bytes);
        }
        for change in &done[synced..] {
            match (random.u8(0..3), change) {
                (0, _) => {}
                (1, Change::Write(offset, data)) => {
                    // Sectors are written whole.
                    let sectors = random.usize(0..=data.len() / 512);
                    let part = data.chunks(512).take(sectors).flatten().copied().collect();
                    Change::Write(*offset, part).apply(&mut bytes);
                }
                (_, change) => change.apply(&mut bytes),
            }
        }
        Self::holding(&bytes)
    }

    fn content(&self) -> MutexGuard<'_, Content> {
        self.0.content.lock().unwrap()
    }

    fn work(&self) -> std::io::Result<MutexGuard<'_, Content>> {
        if self.0.fails.load(Ordering::Relaxed) {
            return Err(std::io::Error::from(std::io::ErrorKind::StorageFull));
        }
        Ok(self.content())
    }

    fn change(&self, change: Change) -> std::io::Result<()> {
        let mut content = self.work()?;
        change.apply(&mut content.bytes);
        content.journal.push(change);
        Ok(())
    }
}

impl Medium for Disk {
    fn open(&self, builder: &Builder) -> Result<Database, DatabaseError> {
        builder.create_with_backend(self.clone())
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> std::io::Result<u64> {
        Ok(self.work()?.bytes.len().try_into().unwrap())
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> std::io::Result<()> {
        let content = self.work()?;
        let offset = usize::try_from(offset).unwrap();
        let Some(bytes) = content.bytes.get(offset..).and_then(|rest| rest.get(..out.len())) else {
            return Err(std::io::Error::from(std::io::ErrorKind::UnexpectedEof));
        };
        out.copy_from_slice(bytes);
        Ok(())
    }

    fn set_len(&self, length: u64) -> std::io::Result<()> {
        self.change(Change::Length(length.try_into().unwrap()))
    }

    fn sync_data(&self) -> std::io::Result<()> {
        self.work()?.journal.push(Change::Sync);
        self.0.syncs.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> std::io::Result<()> {
        self.change(Change::Write(offset.try_into().unwrap(), data.to_vec()))
    }
}
