//! Keys: making them, reading them from files, signing.

use std::collections::HashMap;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use tough::schema::Signature;
use tough::schema::decoded::{Decoded, Hex};
use tough::schema::key::{Ed25519Key, Ed25519Scheme, Key};

use super::error::AuthorError;
use super::pem;

/// Bytes of a file with a key.
const KEY_FILE_BYTES_MAX: u64 = 16 * 1024;

/// What precedes the 32 bytes of an Ed25519 key in a `SubjectPublicKeyInfo` (RFC 8410).
const SPKI_PREFIX: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0];

/// Names a public key in metadata: the SHA-256 of its description.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(String);

impl KeyId {
    pub(super) fn of(id: &Decoded<Hex>) -> Self {
        Self(hex::encode(id))
    }

    /// 64 hexadecimal digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A key that verifies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    pub(super) key: Key,
    pub(super) id: Decoded<Hex>,
    bytes: [u8; 32],
}

impl PublicKey {
    fn new(bytes: [u8; 32]) -> Option<Self> {
        let keyval = Ed25519Key { public: bytes.to_vec().into(), _extra: HashMap::new() };
        let scheme = Ed25519Scheme::Ed25519;
        let key = Key::Ed25519 { keyval, scheme, _extra: HashMap::new() };
        let id = key.key_id().ok()?;
        Some(Self { key, id, bytes })
    }

    /// Its name in metadata.
    #[must_use]
    pub fn id(&self) -> KeyId {
        KeyId::of(&self.id)
    }

    /// The key as a PEM file, as `openssl pkey -pubout` writes it.
    #[must_use]
    pub fn to_pem(&self) -> String {
        pem::write("PUBLIC KEY", &[SPKI_PREFIX.as_slice(), &self.bytes].concat())
    }
}

/// A key that signs.
#[derive(Debug)]
pub struct SigningKey {
    pair: Ed25519KeyPair,
    public: PublicKey,
}

impl SigningKey {
    /// Makes a key pair and writes it to a new file that only its owner can read, and the public
    /// key to another one beside it, with `.pub` added to its name.
    ///
    /// # Errors
    /// One of the files exists, or cannot be written.
    pub fn generate(path: &Path) -> Result<Self, AuthorError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source: io::Error| {
                if source.kind() == io::ErrorKind::AlreadyExists {
                    AuthorError::Exists { path }
                } else {
                    AuthorError::Io { path, source }
                }
            }
        };
        let document = Ed25519KeyPair::generate_pkcs8v1(&SystemRandom::new())
            .map_err(|_unspecified| failed(path)(io::Error::other("no random numbers")))?;
        let key = Self::from_pkcs8(document.as_ref())
            .ok_or_else(|| failed(path)(io::Error::other("no key was made")))?;
        let mut public = path.as_os_str().to_owned();
        public.push(".pub");
        let public = PathBuf::from(public);
        if public.exists() {
            return Err(AuthorError::Exists { path: public });
        }
        create(path, 0o600, &pem::write("PRIVATE KEY", document.as_ref())).map_err(failed(path))?;
        create(&public, 0o644, &key.public.to_pem()).map_err(failed(&public))?;
        Ok(key)
    }

    fn from_pkcs8(document: &[u8]) -> Option<Self> {
        let pair = Ed25519KeyPair::from_pkcs8(document).ok()?;
        let bytes: [u8; 32] = pair.public_key().as_ref().try_into().ok()?;
        Some(Self { pair, public: PublicKey::new(bytes)? })
    }

    /// The key that verifies what this one signs.
    #[must_use]
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    pub(super) fn sign(&self, message: &[u8]) -> Signature {
        let sig = self.pair.sign(message).as_ref().to_vec().into();
        Signature { keyid: self.public.id.clone(), sig }
    }
}

/// What a file with a key holds.
#[derive(Debug)]
pub enum KeyFile {
    /// A key that only verifies.
    Public(Box<PublicKey>),
    /// A key pair.
    Signing(Box<SigningKey>),
}

impl KeyFile {
    /// Reads a PEM file: PKCS#8 for a key pair, `SubjectPublicKeyInfo` for a public key.
    ///
    /// # Errors
    /// It cannot be read, or is something else.
    pub fn read(path: &Path) -> Result<Self, AuthorError> {
        let io = |source| AuthorError::Io { path: path.to_owned(), source };
        let not = |reason| AuthorError::KeyFile { path: path.to_owned(), reason };
        if fs::metadata(path).map_err(io)?.len() > KEY_FILE_BYTES_MAX {
            return Err(not("it is too large"));
        }
        let text = fs::read_to_string(path).map_err(io)?;
        let (label, content) = pem::read(&text).ok_or_else(|| not("it is not one block of PEM"))?;
        match label {
            "PRIVATE KEY" => {
                let key = SigningKey::from_pkcs8(&content)
                    .ok_or_else(|| not("its private key is of another kind"))?;
                Ok(Self::Signing(Box::new(key)))
            }
            "PUBLIC KEY" => content
                .strip_prefix(&SPKI_PREFIX)
                .and_then(|bytes| PublicKey::new(bytes.try_into().ok()?))
                .map(|key| Self::Public(Box::new(key)))
                .ok_or_else(|| not("its public key is of another kind")),
            "ENCRYPTED PRIVATE KEY" => Err(not("it is encrypted; decrypt it with `openssl pkey`")),
            _ => Err(not("it holds something else")),
        }
    }

    /// Reads a file that must hold a key pair.
    ///
    /// # Errors
    /// It cannot be read, or holds something else.
    pub fn read_signing(path: &Path) -> Result<SigningKey, AuthorError> {
        match Self::read(path)? {
            Self::Signing(key) => Ok(*key),
            Self::Public(_) => Err(AuthorError::KeyFile {
                path: path.to_owned(),
                reason: "it holds a public key, which cannot sign",
            }),
        }
    }

    /// The public key.
    #[must_use]
    pub fn public(&self) -> &PublicKey {
        match self {
            Self::Public(key) => key,
            Self::Signing(key) => key.public(),
        }
    }
}

fn create(path: &Path, mode: u32, text: &str) -> io::Result<()> {
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(mode);
    }
    #[cfg(not(unix))]
    let _: u32 = mode;
    let mut file = options.open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}
