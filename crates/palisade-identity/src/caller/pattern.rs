//! Patterns in the configuration of callers. A star stands for a whole rest and nowhere else, so
//! that no pattern means more than it says.

use std::fmt;
use std::str::FromStr;

use palisade_core::{IssuerName, ToolName};

use crate::spiffe::{SpiffeId, TrustDomain};

/// Why a text is no pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// Neither an issuer, nor a prefix that ends in `/*`, nor `*`.
    #[error("it is neither an issuer nor the beginning of some with `/*` after it nor `*`")]
    Issuer,
    /// Neither a SPIFFE id nor one, or a trust domain's, with `/*` after it.
    #[error("it is neither a workload's SPIFFE id nor the beginning of some with `/*` after it")]
    Spiffe,
    /// Neither a tool, nor a service with `.*` after it, nor `*`.
    #[error("it is neither a tool nor a service with `.*` after it nor `*`")]
    Tool,
}

/// Workloads: one by its id, or all below a path, e.g. `spiffe://prod.example.org/gateway/*`. All
/// of a trust domain are `spiffe://prod.example.org/*`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum SpiffePattern {
    /// Whatever begins with this, which ends in a slash, and goes on.
    Below(String),
    /// This one.
    Exactly(SpiffeId),
}

impl SpiffePattern {
    /// Whether a workload is meant.
    #[must_use]
    pub fn matches(&self, id: &SpiffeId) -> bool {
        match self {
            // An id never ends in a slash, so there is always more after the prefix.
            Self::Below(prefix) => id.as_str().starts_with(prefix.as_str()),
            Self::Exactly(own) => own == id,
        }
    }
}

impl FromStr for SpiffePattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        let Some(base) = text.strip_suffix("/*") else {
            return SpiffeId::parse(text).map(Self::Exactly).map_err(|_no_id| PatternError::Spiffe);
        };
        if TrustDomain::parse_id(base).is_err() && SpiffeId::parse(base).is_err() {
            return Err(PatternError::Spiffe);
        }
        Ok(Self::Below(format!("{base}/")))
    }
}

impl fmt::Display for SpiffePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Below(prefix) => write!(f, "{prefix}*"),
            Self::Exactly(id) => id.fmt(f),
        }
    }
}

/// Issuers by their identifiers: one, all below a path, e.g. `https://login.example.org/*`, or any.
///
/// An alias of the bundle is no identifier: a right that names one gives nothing, because requests
/// that use aliases are read as if they used what these stand for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum IssuerPattern {
    /// Any issuer: `*`.
    Any,
    /// Whatever begins with this, which ends in a slash, and goes on.
    Below(String),
    /// This one.
    Exactly(IssuerName),
}

impl IssuerPattern {
    /// Whether an issuer is meant.
    #[must_use]
    pub fn matches(&self, issuer: &IssuerName) -> bool {
        match self {
            Self::Any => true,
            Self::Below(prefix) => {
                issuer.as_str().strip_prefix(prefix.as_str()).is_some_and(|rest| !rest.is_empty())
            }
            Self::Exactly(own) => own == issuer,
        }
    }
}

impl FromStr for IssuerPattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        if text == "*" {
            return Ok(Self::Any);
        }
        let base = text.strip_suffix("/*");
        let name = base.unwrap_or(text);
        // `https://*` would be any issuer at all, which is written `*`.
        if name.contains('*') || base.is_some_and(|base| base.ends_with(['/', ':'])) {
            return Err(PatternError::Issuer);
        }
        let issuer = IssuerName::new(name).map_err(|_no_name| PatternError::Issuer)?;
        Ok(if base.is_some() { Self::Below(format!("{name}/")) } else { Self::Exactly(issuer) })
    }
}

impl fmt::Display for IssuerPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("*"),
            Self::Below(prefix) => write!(f, "{prefix}*"),
            Self::Exactly(issuer) => f.write_str(issuer.as_str()),
        }
    }
}

/// Tools: one by its name, all of a service, e.g. `crm.*`, or any.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ToolPattern {
    /// Any tool: `*`.
    Any,
    /// This one.
    Exactly(ToolName),
    /// All of this service.
    OfService(String),
}

impl ToolPattern {
    /// Whether a tool is meant, by its name as a caller sent it.
    #[must_use]
    pub fn matches(&self, tool: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Exactly(own) => own.as_str() == tool,
            Self::OfService(service) => {
                tool.split_once('.').is_some_and(|(own, name)| own == service && !name.is_empty())
            }
        }
    }
}

impl FromStr for ToolPattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        if text == "*" {
            return Ok(Self::Any);
        }
        let Some(service) = text.strip_suffix(".*") else {
            if text.contains('*') {
                return Err(PatternError::Tool);
            }
            return ToolName::new(text).map(Self::Exactly).map_err(|_no_name| PatternError::Tool);
        };
        if service.is_empty() || !service.chars().all(ToolName::is_service_character) {
            return Err(PatternError::Tool);
        }
        Ok(Self::OfService(service.to_owned()))
    }
}

impl fmt::Display for ToolPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("*"),
            Self::Exactly(tool) => f.write_str(tool.as_str()),
            Self::OfService(service) => write!(f, "{service}.*"),
        }
    }
}

#[cfg(test)]
mod tests;
