//! Why a chain is refused, in words that help its sender and nobody who probes.
//!
//! What is told outside is coarse on purpose: an unknown issuer, an unknown key and a bad signature
//! are one code, so that nobody can learn by trying which part of a forgery was right. The finer
//! `detail` is for our own records and metrics.

use std::sync::Arc;

use palisade_core::ReasonCode;

use crate::keys::IssuerKeys;

/// What is wrong with a credential, as coarse as it is told outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Code {
    Audience,
    Expired,
    Lifetime,
    Malformed,
    NotBound,
    NotYetValid,
    Replayed,
    Unproven,
    Unsupported,
    Untrusted,
}

impl Code {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Audience => "audience",
            Self::Expired => "expired",
            Self::Lifetime => "lifetime",
            Self::Malformed => "malformed",
            Self::NotBound => "not_bound",
            Self::NotYetValid => "not_yet_valid",
            Self::Replayed => "replayed",
            Self::Unproven => "unproven",
            Self::Unsupported => "unsupported",
            Self::Untrusted => "untrusted",
        }
    }

    const fn sentence(self) -> &'static str {
        match self {
            Self::Audience => "it was not issued for this service",
            Self::Expired => "it has expired",
            Self::Lifetime => "it is good for longer than its issuer is trusted for",
            Self::Malformed => "it is not well-formed",
            Self::NotBound => "the key it is bound to was not proven",
            Self::NotYetValid => "it is not valid yet",
            Self::Replayed => "its proof was used before",
            Self::Unproven => "the caller may not vouch for it",
            Self::Unsupported => "credentials of this form are not accepted",
            Self::Untrusted => "nobody who is trusted vouches for it",
        }
    }
}

/// A refusal whose place in the request is not known yet.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    pub(crate) reason: ReasonCode,
    pub(crate) code: &'static str,
    pub(crate) sentence: &'static str,
    pub(crate) detail: &'static str,
    pub(crate) unknown_key: Option<Arc<dyn IssuerKeys>>,
}

impl Refusal {
    /// A credential that does not prove who it speaks of.
    pub(crate) const fn unverified(code: Code, detail: &'static str) -> Self {
        Self {
            reason: ReasonCode::UnverifiedActor,
            code: code.as_str(),
            sentence: code.sentence(),
            detail,
            unknown_key: None,
        }
    }

    /// A credential signed with a key that its issuer may have published since.
    pub(crate) fn unknown_key(keys: Arc<dyn IssuerKeys>) -> Self {
        let mut refusal = Self::unverified(Code::Untrusted, "unknown_key");
        refusal.unknown_key = Some(keys);
        refusal
    }

    pub(crate) const fn cycle() -> Self {
        Self::chain(ReasonCode::ChainCycle, "an actor that it names stands in the chain already")
    }

    pub(crate) const fn too_deep() -> Self {
        Self::chain(ReasonCode::ChainTooDeep, "the chain has too many links")
    }

    pub(crate) const fn foreign_namespace() -> Self {
        Self::chain(
            ReasonCode::ForeignNamespace,
            "its issuer may not speak for an actor that it names",
        )
    }

    pub(crate) const fn revoked() -> Self {
        Self::chain(ReasonCode::Revoked, "it, or an actor that it names, has been revoked")
    }

    pub(crate) const fn unlinked() -> Self {
        Self::chain(ReasonCode::UnlinkedChain, "nothing joins it to the credentials before it")
    }

    const fn chain(reason: ReasonCode, sentence: &'static str) -> Self {
        let code = reason.as_str();
        Self { reason, code, sentence, detail: code, unknown_key: None }
    }

    /// The refusal of the presented link with this index.
    pub(crate) fn at(self, link: usize) -> IdentityRefusal {
        let Self { reason, code, sentence, detail, unknown_key } = self;
        IdentityRefusal { reason, link, code, detail, sentence, unknown_key }
    }
}

/// Why a chain was refused. Nothing in it was written by the sender.
#[derive(Clone, Debug, thiserror::Error)]
#[error("credential {} of the chain is refused: {sentence}", .link.saturating_add(1))]
pub struct IdentityRefusal {
    /// The reason to answer with.
    pub reason: ReasonCode,
    /// Which presented link it lies in, counted from 0.
    pub link: usize,
    /// What may be told outside: `audience`, `expired`, `lifetime`, `malformed`, `not_bound`,
    /// `not_yet_valid`, `replayed`, `unproven`, `unsupported`, `untrusted`; or, where the chain as
    /// a whole is refused, the name of the reason.
    pub code: &'static str,
    /// Which check failed: for records and metrics, never for the sender.
    pub detail: &'static str,
    /// The keys among which the one that signed was not found. They were asked to be fetched anew:
    /// the same request may be identified once more when their generation has changed.
    pub unknown_key: Option<Arc<dyn IssuerKeys>>,
    sentence: &'static str,
}

impl IdentityRefusal {
    /// A link of a kind that nobody here verifies.
    #[must_use]
    pub fn unsupported(link: usize) -> Self {
        Refusal::unverified(Code::Unsupported, "not_configured").at(link)
    }

    /// What to tell a person.
    #[must_use]
    pub fn sentence(&self) -> String {
        self.to_string()
    }
}
