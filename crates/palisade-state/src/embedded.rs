//! State in one file of this process, in `redb`.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use palisade_core::limits::REVOCATIONS_MAX;
use palisade_core::{EpochMillis, Revocation, RevocationStore, StateError};
use redb::{
    Database, Durability, ReadableDatabase as _, ReadableTable as _, ReadableTableMetadata as _,
    WriteTransaction,
};

use crate::error::{OpenStateError, state_error};
use crate::medium::{self, Medium, REVOCATIONS, StateFile};
use crate::stored;

/// Keeps state in a file: on disk when a call returns, found again after a crash.
///
/// One server has the file at a time. After a fault of the disk it is closed; the next call opens
/// it again, so that a disk that was full is of use once it has room. Calls wait for one another.
#[derive(Debug)]
pub struct EmbeddedState {
    medium: Box<dyn Medium>,
    path: PathBuf,
    is_new: bool,
    revocations_max: usize,
    /// Held while it is read or written. `None`: it was closed after a fault.
    database: Mutex<Option<Database>>,
}

impl EmbeddedState {
    /// Opens the state at `path`; makes an empty one if nothing is there.
    ///
    /// Reads the whole file, to see that it is sound.
    ///
    /// # Errors
    /// The file is damaged, in use, out of reach, or has another format. No other takes its place.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, OpenStateError> {
        let path = path.as_ref();
        let is_new = medium::create(path)?;
        let file = Box::new(StateFile(path.to_owned()));
        Self::on_medium(file, path, REVOCATIONS_MAX).map(|state| Self { is_new, ..state })
    }

    pub(crate) fn on_medium(
        medium: Box<dyn Medium>,
        path: &Path,
        revocations_max: usize,
    ) -> Result<Self, OpenStateError> {
        let database = Mutex::new(Some(medium::open(&*medium, path)?));
        Ok(Self { medium, path: path.to_owned(), is_new: false, revocations_max, database })
    }

    /// Whether there was none when it was opened. Somebody should be told: if there ever was one,
    /// what was revoked in it is trusted again.
    #[must_use]
    pub fn is_new(&self) -> bool {
        self.is_new
    }

    /// Does something with the database; closes it if that fails for more than the asker's sake.
    fn with<T>(
        &self,
        action: impl FnOnce(&Database) -> Result<T, StateError>,
    ) -> Result<T, StateError> {
        let mut slot = self.lock();
        // While it is out of its place nobody finds it half done, not even after a panic.
        let database = match slot.take() {
            Some(database) => database,
            None => medium::open(&*self.medium, &self.path)?,
        };
        let done = action(&database);
        if let Ok(_) | Err(StateError::Full { .. }) = done {
            *slot = Some(database);
        }
        done
    }

    /// The slot is empty while something that may panic runs under the lock, so poison says nothing
    /// about what it holds.
    fn lock(&self) -> MutexGuard<'_, Option<Database>> {
        self.database.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl RevocationStore for EmbeddedState {
    fn is_durable(&self) -> bool {
        true
    }

    fn load(&self) -> Result<Vec<Revocation>, StateError> {
        self.with(|database| {
            let transaction = database.begin_read().map_err(state_error)?;
            let table = transaction.open_table(REVOCATIONS).map_err(state_error)?;
            let mut revocations = Vec::new();
            for row in table.iter().map_err(state_error)? {
                let (key, value) = row.map_err(state_error)?;
                revocations.push(stored::decode(key.value(), value.value())?);
            }
            Ok(revocations)
        })
    }

    fn append(&self, revocation: &Revocation) -> Result<(), StateError> {
        let key = stored::key(&revocation.scope);
        self.with(|database| {
            let transaction = begin_durable(database)?;
            let mut table = transaction.open_table(REVOCATIONS).map_err(state_error)?;
            let kept = match table.get(key.as_slice()).map_err(state_error)? {
                Some(value) => Some(stored::decode(&key, value.value())?),
                None => None,
            };
            let joined = match kept {
                Some(kept) => {
                    let joined = kept.clone().joined(revocation);
                    if joined == kept {
                        // It is on disk already.
                        return Ok(());
                    }
                    joined
                }
                // FAIL-CLOSED: nothing that is kept makes room; whoever revokes hears of it.
                None if is_full(table.len().map_err(state_error)?, self.revocations_max) => {
                    return Err(StateError::Full { limit: self.revocations_max });
                }
                None => revocation.clone(),
            };
            let value = stored::encode(&joined)?;
            table.insert(key.as_slice(), value.as_slice()).map_err(state_error)?;
            drop(table);
            transaction.commit().map_err(state_error)
        })
    }

    fn prune(&self, now: EpochMillis) -> Result<usize, StateError> {
        self.with(|database| {
            let transaction = begin_durable(database)?;
            let mut table = transaction.open_table(REVOCATIONS).map_err(state_error)?;
            let (mut forgotten, mut fault) = (0_usize, None);
            let retained = table.retain(|key, value| match stored::decode(key, value) {
                Ok(revocation) if revocation.is_over(now) => {
                    forgotten += 1;
                    false
                }
                Ok(_) => true,
                Err(error) => {
                    fault = Some(error);
                    true
                }
            });
            retained.map_err(state_error)?;
            drop(table);
            match fault {
                // FAIL-CLOSED: nothing is forgotten of a state that is not understood.
                Some(error) => Err(error),
                None if forgotten == 0 => Ok(0),
                None => transaction.commit().map_err(state_error).map(|()| forgotten),
            }
        })
    }
}

/// Begins to write something that is on disk once it is committed.
fn begin_durable(database: &Database) -> Result<WriteTransaction, StateError> {
    let mut transaction = database.begin_write().map_err(state_error)?;
    transaction.set_durability(Durability::Immediate).map_err(state_error)?;
    // What strangers send is in it. In one phase a crash could be made to leave what redb's
    // checksums, which are no cryptography, take for whole. It costs a second sync.
    transaction.set_two_phase_commit(true);
    Ok(transaction)
}

fn is_full(count: u64, limit: usize) -> bool {
    usize::try_from(count).map_or(true, |count| count >= limit)
}

#[cfg(test)]
mod tests;
