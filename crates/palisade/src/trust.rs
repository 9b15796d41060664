//! Whom the server trusts: callers, issuers of credentials, transmitters of security events and
//! verifiers of attestations.
//!
//! All of it stands in one YAML file (`trust.file`), apart from the settings: it is about others,
//! often written by others, and has lists in it. `docs/trust.md` describes it. Nothing is trusted
//! by default, and unknown keys are errors.

mod attestation;
mod error;
mod identity;
mod keys;
mod raw;

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use palisade_core::{Clock, EventSink, RevocationStore};
use palisade_pdp::{AttestationVerifier, Callers, IdentityVerifier};
use palisade_state::{EmbeddedState, MemoryState};

pub use error::LoadTrustError;
use keys::Documents;
use raw::RawTrust;

/// Bytes of the trust file.
// LIMIT: a thousand callers of some hundred bytes.
const TRUST_FILE_BYTES_MAX: u64 = 1024 * 1024;

/// What a trust file comes to.
pub(crate) struct Trust {
    /// Who may call.
    pub(crate) callers: Arc<Callers>,
    /// Who is believed about actors.
    pub(crate) identity: Arc<IdentityVerifier>,
    /// Who is believed about environments; `None`: nobody.
    pub(crate) attestation: Option<Arc<AttestationVerifier>>,
    /// Who may push security events; `None`: nobody.
    pub(crate) events: Option<Arc<dyn EventSink>>,
    /// Keeps keys and trust bundles fresh for as long as it lives.
    documents: Documents,
    /// What an operator should know.
    notes: Vec<String>,
}

impl std::fmt::Debug for Trust {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Trust")
            .field("attestation", &self.attestation.is_some())
            .field("events", &self.events.is_some())
            .field("documents", &self.documents)
            .finish_non_exhaustive()
    }
}

impl Trust {
    /// Reads a trust file and begins to follow the keys that it names. `state` keeps revocations;
    /// `None`: memory does, until the process ends.
    ///
    /// # Errors
    /// The file cannot be read or does not make sense, a file that it names does not, or the state
    /// cannot be opened.
    pub(crate) fn load(
        path: &Path,
        state: Option<&Path>,
        clock: &Arc<dyn Clock>,
    ) -> Result<Self, LoadTrustError> {
        let raw = RawTrust::read(path)?;
        let directory = path.parent().unwrap_or_else(|| Path::new(""));
        let files = Files { directory: directory.to_owned() };
        let mut notes = Vec::new();
        let (revocations, note) = revocations(state)?;
        notes.extend(note);
        let documents = Documents::follow(&raw, &files, clock)?;
        let accepted = identity::accept(&raw, &documents, revocations, clock)?;
        let attestation = match &raw.attestation {
            Some(raw) => Some(Arc::new(attestation::accept(raw, &documents, &files)?)),
            None => None,
        };
        let identity::Accepted { callers, verifier, events } = accepted;
        Ok(Self { callers, identity: verifier, attestation, events, documents, notes })
    }

    /// Logs what an operator has to know at every start.
    pub(crate) fn announce(&self) {
        for note in &self.notes {
            tracing::warn!("{note}");
        }
        self.documents.announce();
    }
}

/// Where the files are that a trust file names.
struct Files {
    directory: PathBuf,
}

impl Files {
    /// The file of that name, from the trust file on.
    fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// What it holds.
    fn read(&self, name: &str) -> Result<Vec<u8>, LoadTrustError> {
        let path = self.path(name);
        read_file(&path)
    }
}

impl Files {
    /// What it holds, as text.
    fn text(&self, name: &str) -> Result<String, LoadTrustError> {
        let not_utf8 = |_error| LoadTrustError::NotUtf8 { path: self.path(name) };
        String::from_utf8(self.read(name)?).map_err(not_utf8)
    }
}

fn read_file(path: &Path) -> Result<Vec<u8>, LoadTrustError> {
    let failed = |source| LoadTrustError::Read { path: path.to_owned(), source };
    let file = File::open(path).map_err(failed)?;
    let mut bytes = Vec::new();
    let read = file.take(TRUST_FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(failed)?;
    if u64::try_from(read).is_ok_and(|read| read <= TRUST_FILE_BYTES_MAX) {
        Ok(bytes)
    } else {
        Err(LoadTrustError::TooLarge { path: path.to_owned(), limit: TRUST_FILE_BYTES_MAX })
    }
}

/// Where revocations are kept, and what to say of it.
fn revocations(
    state: Option<&Path>,
) -> Result<(Arc<dyn RevocationStore>, Option<String>), LoadTrustError> {
    let Some(path) = state else {
        return Ok((Arc::new(MemoryState::new()), None));
    };
    let store = EmbeddedState::open(path)?;
    let note = store.is_new().then(|| {
        let path = path.display();
        format!("`{path}` was made anew: what was ever revoked before is not known here")
    });
    Ok((Arc::new(store), note))
}

#[cfg(test)]
mod tests;
