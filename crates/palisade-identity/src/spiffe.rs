//! SPIFFE ids: names of workloads, and of the trust domains they live in.
//!
//! One name has one spelling here. What the standard lets implementations disagree about (upper
//! case, percent-encoding, dot segments) is refused, so two texts that differ are two workloads.

use std::fmt;
use std::str::FromStr;

/// LIMIT: bytes of a whole id (SPIFFE-ID, section 2.3: what every implementation supports).
pub const SPIFFE_ID_BYTES_MAX: usize = 2048;

/// LIMIT: bytes of a trust domain's name (SPIFFE-ID, section 2.3: RFC 3986's limit of a host).
pub const TRUST_DOMAIN_BYTES_MAX: usize = 255;

const SCHEME: &str = "spiffe://";

/// A trust domain's bare name, e.g. `prod.example.org`: 1 to [`TRUST_DOMAIN_BYTES_MAX`] of
/// `a-z 0-9 . - _` (SPIFFE-ID, section 2.1).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TrustDomain(Box<str>);

impl TrustDomain {
    /// Reads a bare name.
    ///
    /// # Errors
    /// Empty, too long, or with other characters; upper case counts as other.
    pub fn parse(name: &str) -> Result<Self, SpiffeIdError> {
        if name.is_empty() {
            return Err(SpiffeIdError::TrustDomainEmpty);
        }
        if name.len() > TRUST_DOMAIN_BYTES_MAX {
            return Err(SpiffeIdError::TrustDomainTooLong { bytes: name.len() });
        }
        let acceptable = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-' | b'_');
        if !name.bytes().all(acceptable) {
            return Err(SpiffeIdError::TrustDomainCharacter);
        }
        Ok(Self(name.into()))
    }

    /// Reads the id of a trust domain itself, e.g. `spiffe://prod.example.org`: what a signing
    /// certificate may carry (X509-SVID, section 3.2).
    ///
    /// # Errors
    /// Another scheme, a path of any kind, or a name that [`TrustDomain::parse`] refuses.
    pub fn parse_id(id: &str) -> Result<Self, SpiffeIdError> {
        let (name, path) = split(id)?;
        if path.is_some() {
            return Err(SpiffeIdError::PathUnexpected);
        }
        Self::parse(name)
    }

    /// The bare name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The id of the trust domain itself: `spiffe://` and the name. The issuer whose subjects its
    /// workloads are.
    #[must_use]
    pub fn id(&self) -> String {
        format!("{SCHEME}{}", self.0)
    }
}

/// The bare name.
impl fmt::Display for TrustDomain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for TrustDomain {
    type Err = SpiffeIdError;

    fn from_str(name: &str) -> Result<Self, SpiffeIdError> {
        Self::parse(name)
    }
}

/// The id of a workload, e.g. `spiffe://prod.example.org/gateway/eu`: a trust domain and a path
/// that is never empty. Ids without a path name trust domains, see [`TrustDomain::parse_id`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SpiffeId {
    text: Box<str>,
    trust_domain: TrustDomain,
}

impl SpiffeId {
    /// Reads an id of at most [`SPIFFE_ID_BYTES_MAX`] bytes.
    ///
    /// # Errors
    /// Another scheme, no path, a trailing slash, an empty or dot segment, any character besides
    /// `a-z A-Z 0-9 . - _` in a segment (so no query, fragment or percent-encoding), a port or user
    /// in the authority, or a trust domain that [`TrustDomain::parse`] refuses.
    pub fn parse(id: &str) -> Result<Self, SpiffeIdError> {
        let (name, path) = split(id)?;
        let trust_domain = TrustDomain::parse(name)?;
        check_path(path.ok_or(SpiffeIdError::PathMissing)?)?;
        Ok(Self { text: id.into(), trust_domain })
    }

    /// The whole id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The trust domain the workload lives in.
    #[must_use]
    pub const fn trust_domain(&self) -> &TrustDomain {
        &self.trust_domain
    }

    /// The path with its leading slash, e.g. `/gateway/eu`. Never empty.
    #[must_use]
    pub fn path(&self) -> &str {
        self.text.get(SCHEME.len() + self.trust_domain.0.len()..).unwrap_or_default()
    }

    /// The path without its leading slash, e.g. `gateway/eu`: the workload's name as a subject of
    /// its trust domain. Never empty.
    #[must_use]
    pub fn subject(&self) -> &str {
        let path = self.path();
        path.strip_prefix('/').unwrap_or(path)
    }
}

/// The whole id.
impl fmt::Display for SpiffeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for SpiffeId {
    type Err = SpiffeIdError;

    fn from_str(id: &str) -> Result<Self, SpiffeIdError> {
        Self::parse(id)
    }
}

/// Why a text is no SPIFFE id. Never says what the text was: it may come from a stranger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpiffeIdError {
    /// No path, where a workload's id needs one.
    #[error("the id has no path")]
    PathMissing,
    /// A path, where the id of a trust domain has none.
    #[error("the id of a trust domain has a path")]
    PathUnexpected,
    /// A segment has another character than `a-z A-Z 0-9 . - _`.
    #[error("a path segment has a character besides a-z, A-Z, 0-9, dot, hyphen and underscore")]
    SegmentCharacter,
    /// A segment is `.` or `..`.
    #[error("a path segment is a dot segment")]
    SegmentDots,
    /// A segment is empty, or the path ends in a slash.
    #[error("a path segment is empty, or the path ends in a slash")]
    SegmentEmpty,
    /// It does not begin with `spiffe://`.
    #[error("it does not begin with `spiffe://`")]
    Scheme,
    /// More than [`SPIFFE_ID_BYTES_MAX`] bytes.
    #[error("the id is {bytes} bytes long; the limit is {SPIFFE_ID_BYTES_MAX}")]
    TooLong {
        /// How many.
        bytes: usize,
    },
    /// The trust domain has another character than `a-z 0-9 . - _`.
    #[error("the trust domain has a character besides a-z, 0-9, dot, hyphen and underscore")]
    TrustDomainCharacter,
    /// The trust domain has no name.
    #[error("the trust domain is empty")]
    TrustDomainEmpty,
    /// The trust domain's name is over [`TRUST_DOMAIN_BYTES_MAX`] bytes.
    #[error("the trust domain is {bytes} bytes long; the limit is {TRUST_DOMAIN_BYTES_MAX}")]
    TrustDomainTooLong {
        /// How many.
        bytes: usize,
    },
}

/// The trust domain of an id and, if there is one, the path from its leading slash on.
fn split(id: &str) -> Result<(&str, Option<&str>), SpiffeIdError> {
    if id.len() > SPIFFE_ID_BYTES_MAX {
        return Err(SpiffeIdError::TooLong { bytes: id.len() });
    }
    let rest = id.strip_prefix(SCHEME).ok_or(SpiffeIdError::Scheme)?;
    let at_slash = rest.find('/').and_then(|slash| rest.split_at_checked(slash));
    Ok(at_slash.map_or((rest, None), |(name, path)| (name, Some(path))))
}

/// Checks a path that begins with a slash.
pub(crate) fn check_path(path: &str) -> Result<(), SpiffeIdError> {
    for segment in path.split('/').skip(1) {
        let acceptable =
            |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
        match segment {
            "" => return Err(SpiffeIdError::SegmentEmpty),
            "." | ".." => return Err(SpiffeIdError::SegmentDots),
            _ if !segment.bytes().all(acceptable) => return Err(SpiffeIdError::SegmentCharacter),
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
