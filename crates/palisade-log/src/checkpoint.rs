//! Signed statements about the tree: checkpoints (C2SP tlog-checkpoint) as signed notes (C2SP
//! signed-note), with Ed25519 keys in the notation of Go's `note` package.

use std::fmt;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ed25519_dalek::SigningKey;
use signed_note::{Note, StandardSigner, StandardVerifier, VerifierList};
use tlog_tiles::{Checkpoint, Hash};

use crate::disk::{self, Disk as _, LocalDisk};

/// The algorithm byte of Ed25519 keys in signed notes.
const ED25519: u8 = 1;

const RANDOM_DEVICE: &str = "/dev/urandom";

/// Bytes of a key file.
// LIMIT: a name of some hundred bytes and 100 bytes of key.
const KEY_FILE_BYTES_MAX: u64 = 1024;

/// Signs checkpoints.
pub struct CheckpointKey {
    signer: StandardSigner,
    name: String,
    verifier_key: String,
}

/// Never shows the key.
impl fmt::Debug for CheckpointKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CheckpointKey").field(&self.verifier_key).finish()
    }
}

/// A signing key cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointKeyError {
    /// It can be neither read nor made.
    #[error("the checkpoint key `{}` can be neither read nor made", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is something else.
    #[error("`{}` holds no checkpoint key; one begins with `PRIVATE+KEY+`", path.display())]
    NoKey {
        /// The file.
        path: PathBuf,
    },
}

impl CheckpointKey {
    /// Reads the key in a file. If there is no such file, makes one with a new key of a name of
    /// its own, readable by its owner only.
    ///
    /// # Errors
    /// The file can be neither read nor made, or holds no key.
    pub fn open(path: &Path) -> Result<Self, CheckpointKeyError> {
        let text = match read_short(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => generate(path),
            read => read,
        };
        let text =
            text.map_err(|source| CheckpointKeyError::File { path: path.to_owned(), source })?;
        // What was read is left out of the message: it may be most of a key.
        Self::parse(text.trim_end())
            .ok_or_else(|| CheckpointKeyError::NoKey { path: path.to_owned() })
    }

    /// Reads a key as Go's `note` package writes it, `PRIVATE+KEY+<name>+<id>+<key>`; `None` if it
    /// is not one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let signer = StandardSigner::new(text).ok()?;
        // The name has no `+`, but the key may.
        let mut fields = text.splitn(5, '+');
        let name = fields.nth(2)?.to_owned();
        let key = BASE64.decode(fields.nth(1)?).ok()?;
        let (_algorithm, seed) = key.split_first()?;
        let key = SigningKey::from_bytes(seed.try_into().ok()?);
        let verifier_key = signed_note::new_ed25519_verifier_key(&name, &key.verifying_key());
        Some(Self { signer, name, verifier_key })
    }

    /// The public key, which verifies what this one signs: `<name>+<id>+<key>`.
    #[must_use]
    pub fn verifier_key(&self) -> &str {
        &self.verifier_key
    }

    /// The checkpoint of a tree, signed. `None` only if the key's name cannot be an origin, which
    /// [`Self::parse`] does not let through.
    pub(crate) fn sign(&self, size: u64, root: Hash) -> Option<String> {
        let checkpoint = Checkpoint::new(&self.name, size, root, "").ok()?;
        let mut note = Note::new(&checkpoint.to_bytes(), &[]).ok()?;
        note.add_sigs(&[&self.signer]).ok()?;
        String::from_utf8(note.to_bytes()).ok()
    }
}

/// What a checkpoint says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TreeHead {
    /// The log's name, which is the name of its key.
    pub origin: String,
    /// Records in the tree.
    pub size: u64,
    /// The tree's root.
    pub root: [u8; 32],
}

impl TreeHead {
    /// What a checkpoint says, whoever signed it. Anybody can write such a note: it says something
    /// only if it comes from a place that one trusts.
    ///
    /// # Errors
    /// It is no signed note with a checkpoint in it.
    pub fn dangerous_unverified(note: &str) -> Result<Self, CheckpointError> {
        unverified(note)
    }
}

/// A signed note is no checkpoint of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// It is no signed note with a checkpoint in it.
    #[error("this is no signed checkpoint")]
    Malformed,
    /// The origin it names is another than its signer.
    #[error("the checkpoint is of another log than the key")]
    OtherOrigin,
    /// No signature of this key is on it, or one that does not hold.
    #[error("the checkpoint is not signed with this key")]
    Signature,
}

/// Verifies checkpoints.
#[derive(Clone, Debug)]
pub struct VerifierKey {
    name: String,
    text: String,
}

impl VerifierKey {
    /// Reads a public key, `<name>+<id>+<key>`; `None` if it is not one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        StandardVerifier::new(text).ok()?;
        let (name, _key) = text.split_once('+')?;
        Some(Self { name: name.to_owned(), text: text.to_owned() })
    }

    /// Reads a checkpoint that this key signed. Signatures of others, such as witnesses, may stand
    /// beside it and are not looked at.
    ///
    /// # Errors
    /// It is something else, or not signed by this key.
    pub fn verify(&self, note: &str) -> Result<TreeHead, CheckpointError> {
        let (head, note) = read_note(note)?;
        if head.origin != self.name {
            return Err(CheckpointError::OtherOrigin);
        }
        let verifier =
            StandardVerifier::new(&self.text).map_err(|_not_again| CheckpointError::Signature)?;
        match note.verify(&VerifierList::new(vec![Box::new(verifier)])) {
            Ok(_) => Ok(head),
            Err(_) => Err(CheckpointError::Signature),
        }
    }
}

/// What a checkpoint says, whoever signed it.
pub(crate) fn unverified(note: &str) -> Result<TreeHead, CheckpointError> {
    Ok(read_note(note)?.0)
}

fn read_note(text: &str) -> Result<(TreeHead, Note), CheckpointError> {
    let note = Note::from_bytes(text.as_bytes()).map_err(|_why| CheckpointError::Malformed)?;
    let head = Checkpoint::from_bytes(note.text()).map_err(|_why| CheckpointError::Malformed)?;
    let head =
        TreeHead { origin: head.origin().to_owned(), size: head.size(), root: head.hash().0 };
    Ok((head, note))
}

fn read_short(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(KEY_FILE_BYTES_MAX).read_to_string(&mut text)?;
    Ok(text)
}

/// A new key in a new file.
fn generate(path: &Path) -> io::Result<String> {
    let mut random = [0; 36];
    File::open(RANDOM_DEVICE)?.read_exact(&mut random)?;
    let [a, b, c, d, seed @ ..] = random;
    let name = format!("palisade/{}", hex::encode([a, b, c, d]));
    let key = SigningKey::from_bytes(&seed);
    let public = [[ED25519].as_slice(), key.verifying_key().as_bytes()].concat();
    let private = [[ED25519].as_slice(), &seed].concat();
    let id = signed_note::key_id(&name, &public);
    let text = format!("PRIVATE+KEY+{name}+{id:08x}+{}\n", BASE64.encode(private));
    disk::create_directory(disk::parent(path))?;
    // At once and on disk: half a key would stop every start from now on, and a key that is lost
    // leaves checkpoints that nobody can verify.
    LocalDisk.replace(path, text.as_bytes())?;
    Ok(text)
}

#[cfg(test)]
mod tests;
