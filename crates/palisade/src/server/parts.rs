//! What a server is given from outside: clock, ids, log and the key of digests.

use std::fmt;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use palisade_core::{
    Clock, DecisionLog, DigestKey, IdSource, Observer, RandomIds, SystemClock, Unobserved,
};
use palisade_log::{LogState, OpenLogError, SegmentLog};
use tokio::sync::watch;

use crate::config::RecordConfig;

/// What a server is given from outside.
#[derive(Clone)]
pub struct Parts {
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Makes decision ids.
    pub ids: Arc<dyn IdSource>,
    /// Keeps decision records.
    pub log: Arc<dyn DecisionLog>,
    /// What the log says of itself; `None`: it is always available.
    pub log_state: Option<watch::Receiver<LogState>>,
    /// Keys the argument digests in records.
    pub digest_key: DigestKey,
    /// Watches answers being given.
    pub observer: Arc<dyn Observer>,
}

impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parts").finish_non_exhaustive()
    }
}

/// The parts of a server cannot be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PartsError {
    /// The key is not one.
    #[error("`{}` holds no key; a key is 64 hexadecimal digits, as `openssl rand -hex 32` makes them", path.display())]
    DigestKey {
        /// The file.
        path: PathBuf,
    },
    /// The decision log cannot be opened.
    #[error(transparent)]
    Log(#[from] OpenLogError),
    /// The operating system gives no random numbers.
    #[error("no random numbers can be read from `{RANDOM_DEVICE}`")]
    Random(#[source] io::Error),
    /// The key cannot be read.
    #[error("`{}` cannot be read", path.display())]
    ReadDigestKey {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

const RANDOM_DEVICE: &str = "/dev/urandom";

/// Bytes of a key file.
// LIMIT: 64 digits and a line break.
const KEY_FILE_BYTES_MAX: u64 = 66;

impl Parts {
    /// The machine's clock, random ids, and the log and key that are configured. The log is told
    /// as well, to be closed in the end.
    ///
    /// # Errors
    /// The log cannot be opened or the key cannot be read.
    pub fn standard(config: &RecordConfig) -> Result<(Self, Arc<SegmentLog>), PartsError> {
        let RecordConfig { log, arguments: _, digest_key_file } = config;
        let digest_key = match digest_key_file {
            Some(path) => read_key(path)?,
            None => {
                tracing::info!(
                    "`log.digest_key_file` is not set: argument digests cannot be compared with \
                     those of other starts"
                );
                DigestKey::new(random_bytes().map_err(PartsError::Random)?)
            }
        };
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let log = Arc::new(SegmentLog::open(log.clone(), Arc::clone(&clock))?);
        tracing::info!(
            verifier = log.verifier_key(),
            "checkpoints of the log are signed; keep what verifies them where the log is out of reach"
        );
        let parts = Self {
            clock,
            ids: Arc::new(RandomIds),
            log: Arc::<SegmentLog>::clone(&log),
            log_state: Some(log.state()),
            digest_key,
            observer: Arc::new(Unobserved),
        };
        Ok((parts, log))
    }
}

fn read_key(path: &Path) -> Result<DigestKey, PartsError> {
    let mut text = String::new();
    File::open(path)
        .and_then(|file| file.take(KEY_FILE_BYTES_MAX + 1).read_to_string(&mut text))
        .map_err(|source| PartsError::ReadDigestKey { path: path.to_owned(), source })?;
    let mut key = [0; 32];
    match hex::decode_to_slice(text.trim_end(), &mut key) {
        Ok(()) => Ok(DigestKey::new(key)),
        // What was read is left out of the message: it may be most of a key.
        Err(_) => Err(PartsError::DigestKey { path: path.to_owned() }),
    }
}

fn random_bytes() -> io::Result<[u8; 32]> {
    let mut bytes = [0; 32];
    File::open(RANDOM_DEVICE)?.read_exact(&mut bytes)?;
    Ok(bytes)
}
