//! Which bundle decided.

use std::fmt;

use crate::digest::Sha256Digest;

/// A bundle's name: 1 to 64 of `a-z 0-9 -`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BundleName(String);

impl BundleName {
    /// Accepts a bundle name; `None` if it is empty, over 64 bytes or has other characters than
    /// `a-z 0-9 -`.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Option<Self> {
        let name = name.into();
        let acceptable = (1..=64).contains(&name.len())
            && name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'));
        acceptable.then_some(Self(name))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Names one state of a bundle. Stands on every answer, record and cache key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revision {
    /// The bundle.
    pub bundle: BundleName,
    /// Its version, a growing number.
    pub version: u64,
    /// The digest of its content.
    pub digest: Sha256Digest,
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digest = self.digest.to_string();
        let short = digest.get(..12).unwrap_or(&digest);
        write!(f, "{}@{} ({short})", self.bundle.as_str(), self.version)
    }
}
