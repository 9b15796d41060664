//! The file that the state lies in: made whole or not at all, opened by one server at a time,
//! never made anew in the place of a damaged one.

use std::fmt;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use palisade_core::StateError;
use redb::backends::FileBackend;
use redb::{Builder, Database, DatabaseError, ReadableDatabase as _, TableDefinition};

use crate::error::{OpenStateError, state_error};

/// The format that is read and written. Another one is refused.
pub(crate) const FORMAT: u64 = 1;

/// What the file is: `version`.
const FORMAT_TABLE: TableDefinition<'_, &str, u64> = TableDefinition::new("palisade_state_format");

/// The row of [`FORMAT_TABLE`].
const FORMAT_VERSION: &str = "version";

/// Revocations, under the key of their scope.
pub(crate) const REVOCATIONS: TableDefinition<'_, &[u8], &[u8]> =
    TableDefinition::new("revocations");

/// Bytes of the file that are held in memory.
// LIMIT: the state is read once, at the start; afterwards a few pages are written at a time.
const CACHE_BYTES: usize = 4 * 1024 * 1024;

/// Where a database lies. Opened anew after each fault.
pub(crate) trait Medium: fmt::Debug + Send + Sync {
    /// Opens what is there; never makes it.
    fn open(&self, builder: &Builder) -> Result<Database, DatabaseError>;
}

/// A file that exists.
#[derive(Debug)]
pub(crate) struct StateFile(pub(crate) PathBuf);

impl Medium for StateFile {
    fn open(&self, builder: &Builder) -> Result<Database, DatabaseError> {
        builder.open(&self.0)
    }
}

/// Opens a database and sees that it is one of ours.
///
/// # Errors
/// It is damaged, in use, out of reach, or has another format.
pub(crate) fn open(medium: &dyn Medium, path: &Path) -> Result<Database, OpenStateError> {
    let database = medium.open(&builder()).map_err(|error| match error {
        DatabaseError::DatabaseAlreadyOpen => OpenStateError::InUse { path: path.to_owned() },
        other => unusable(path, state_error(other)),
    })?;
    let found = format_of(&database).map_err(|error| unusable(path, error))?;
    if found != FORMAT {
        let path = path.to_owned();
        return Err(OpenStateError::UnknownFormat { path, found, known: FORMAT });
    }
    Ok(database)
}

/// Makes an empty state at `path`, unless something is there; says whether it did.
///
/// It is written under another name and gets its own once it is whole and on disk, so that a crash
/// leaves none or a good one.
///
/// # Errors
/// The folder or the disk does not let us.
pub(crate) fn create(path: &Path) -> Result<bool, OpenStateError> {
    let failed = |source| OpenStateError::Unavailable { path: path.to_owned(), source };
    match fs::symlink_metadata(path) {
        Ok(_) => return Ok(false),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(failed(error)),
    }
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    // Readable by its owner alone.
    let file = tempfile::Builder::new().prefix(".state-").tempfile_in(folder).map_err(failed)?;
    let backend = FileBackend::new(file.reopen().map_err(failed)?);
    let database = backend.and_then(|backend| builder().create_with_backend(backend));
    let database = database.map_err(|error| unusable(path, state_error(error)))?;
    initialise(&database, FORMAT).map_err(|error| unusable(path, error))?;
    drop(database);
    file.as_file().sync_all().map_err(failed)?;
    match file.persist_noclobber(path) {
        Ok(_) => {
            File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)?;
            Ok(true)
        }
        // Another server was faster.
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(failed(error.error)),
    }
}

/// Makes the tables of an empty database.
pub(crate) fn initialise(database: &Database, format: u64) -> Result<(), StateError> {
    let transaction = database.begin_write().map_err(state_error)?;
    let mut table = transaction.open_table(FORMAT_TABLE).map_err(state_error)?;
    table.insert(FORMAT_VERSION, format).map_err(state_error)?;
    drop(table);
    drop(transaction.open_table(REVOCATIONS).map_err(state_error)?);
    transaction.commit().map_err(state_error)
}

pub(crate) fn builder() -> Builder {
    let mut builder = Builder::new();
    // FAIL-CLOSED: a file that was changed by other hands than redb's is found out when it is
    // opened, and not when a page is read, or never.
    builder.set_check_integrity_on_open(true).set_cache_size(CACHE_BYTES);
    builder
}

fn format_of(database: &Database) -> Result<u64, StateError> {
    let transaction = database.begin_read().map_err(state_error)?;
    let table = transaction.open_table(FORMAT_TABLE).map_err(state_error)?;
    let version = table.get(FORMAT_VERSION).map_err(state_error)?;
    let missing = || StateError::Corrupt { detail: "it does not say its format".to_owned() };
    let version = version.ok_or_else(missing)?.value();
    transaction.open_table(REVOCATIONS).map_err(state_error)?;
    Ok(version)
}

fn unusable(path: &Path, error: StateError) -> OpenStateError {
    let path = path.to_owned();
    match error {
        StateError::Corrupt { detail } => OpenStateError::Corrupt { path, detail },
        StateError::Unavailable(source) => OpenStateError::Unavailable { path, source },
        other => OpenStateError::Unavailable { path, source: io::Error::other(other) },
    }
}
