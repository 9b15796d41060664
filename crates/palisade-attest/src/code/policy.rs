//! Whose builds of which sources are accepted.

use super::error::CodeError;
use super::provenance::{Provenance, is_plain_uri};
use super::source::SourcePin;

/// What an operator pins, as written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CodePins {
    /// `builder.id` of builders, compared exactly, or, if it ends with `/*` behind `@refs/`, up to
    /// there: GitHub's is the workflow with the ref it ran at, another one for each release.
    pub builders: Vec<String>,
    /// Source repositories: `https://<host>/<path>`, or `https://<host>/<path>/*` for all below.
    /// They carry no ref: a ref is pinned with the workflow.
    pub sources: Vec<String>,
    /// Workflows that may sign Sigstore bundles. An identity is compared like a builder:
    /// `https://github.com/<owner>/<repository>/.github/workflows/<file>@refs/tags/*`.
    pub workflows: Vec<WorkflowIdentity>,
}

/// Who a Fulcio certificate was issued to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct WorkflowIdentity {
    /// The URI in its subject alternative name.
    pub identity: String,
    /// The OIDC issuer that vouched for it, compared exactly.
    pub issuer: String,
}

/// Why pins make no policy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CodePolicyError {
    /// A builder or a workflow's issuer or identity is no URI of printable ASCII.
    #[error("`{pin}` is no URI")]
    NotAUri {
        /// The pin.
        pin: String,
    },
    /// No builder is pinned.
    #[error("no builder is pinned")]
    NoBuilder,
    /// No source is pinned.
    #[error("no source repository is pinned")]
    NoSource,
    /// A source is no repository.
    #[error("`{pin}` is neither `https://<host>/<path>` nor `https://<host>/<path>/*`")]
    Source {
        /// The pin.
        pin: String,
    },
    /// A star stands where it would leave the builder or workflow open.
    #[error("`{pin}` may have a star only at its end, behind `@refs/` and a slash")]
    Star {
        /// The pin.
        pin: String,
    },
}

/// Pins that are well formed. Without workflows no Sigstore bundle is accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodePolicy {
    builders: Vec<UriPin>,
    sources: Vec<SourcePin>,
    workflows: Vec<WorkflowPin>,
}

impl CodePolicy {
    /// Checks what is pinned.
    ///
    /// # Errors
    /// The first pin that is not well formed; no builder; no source.
    pub fn new(pins: &CodePins) -> Result<Self, CodePolicyError> {
        let CodePins { builders, sources, workflows } = pins;
        if builders.is_empty() {
            return Err(CodePolicyError::NoBuilder);
        }
        if sources.is_empty() {
            return Err(CodePolicyError::NoSource);
        }
        let parse_source = |pin: &String| {
            SourcePin::parse(pin).ok_or_else(|| CodePolicyError::Source { pin: pin.clone() })
        };
        Ok(Self {
            builders: builders.iter().map(|pin| UriPin::parse(pin)).collect::<Result<_, _>>()?,
            sources: sources.iter().map(parse_source).collect::<Result<_, _>>()?,
            workflows: workflows.iter().map(WorkflowPin::parse).collect::<Result<_, _>>()?,
        })
    }

    /// Whether a proven signer is pinned.
    pub(super) fn check_signer(&self, signer: &WorkflowIdentity) -> Result<(), CodeError> {
        if self.workflows.iter().any(|pin| pin.accepts(signer)) {
            return Ok(());
        }
        let WorkflowIdentity { identity, issuer } = signer.clone();
        Err(CodeError::SignerNotPinned { identity, issuer })
    }

    /// Whether builder and source are pinned.
    pub(super) fn check_provenance(&self, provenance: &Provenance) -> Result<(), CodeError> {
        if !self.builders.iter().any(|pin| pin.accepts(provenance.builder())) {
            return Err(CodeError::BuilderNotPinned { builder: provenance.builder().to_owned() });
        }
        if !self.sources.iter().any(|pin| pin.accepts(provenance.source())) {
            let repository = provenance.source().as_str().to_owned();
            return Err(CodeError::SourceNotPinned { repository });
        }
        Ok(())
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct WorkflowPin {
    identity: UriPin,
    issuer: String,
}

impl WorkflowPin {
    fn parse(pin: &WorkflowIdentity) -> Result<Self, CodePolicyError> {
        let WorkflowIdentity { identity, issuer } = pin;
        require_uri(issuer)?;
        Ok(Self { identity: UriPin::parse(identity)?, issuer: issuer.clone() })
    }

    fn accepts(&self, signer: &WorkflowIdentity) -> bool {
        self.identity.accepts(&signer.identity) && signer.issuer == self.issuer
    }
}

/// A URI whose ref may be open, but never the workflow in front of it.
#[derive(Clone, Debug, PartialEq, Eq)]
enum UriPin {
    /// This one.
    Exact(String),
    /// All that begin with this, which ends with a slash behind `@refs/`.
    OpenRef(String),
}

impl UriPin {
    fn parse(pin: &str) -> Result<Self, CodePolicyError> {
        require_uri(pin)?;
        let star = || CodePolicyError::Star { pin: pin.to_owned() };
        let Some(fixed) = pin.strip_suffix('*') else {
            return if pin.contains('*') { Err(star()) } else { Ok(Self::Exact(pin.to_owned())) };
        };
        if fixed.contains('*') || !fixed.contains("@refs/") || !fixed.ends_with('/') {
            return Err(star());
        }
        Ok(Self::OpenRef(fixed.to_owned()))
    }

    fn accepts(&self, uri: &str) -> bool {
        match self {
            Self::Exact(pinned) => pinned == uri,
            Self::OpenRef(prefix) => uri.starts_with(prefix),
        }
    }
}

fn require_uri(pin: &str) -> Result<(), CodePolicyError> {
    if is_plain_uri(pin) { Ok(()) } else { Err(CodePolicyError::NotAUri { pin: pin.to_owned() }) }
}

#[cfg(test)]
mod tests;
