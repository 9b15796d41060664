//! What an enforcement point presents of a chain, and what it may say without proof.

use std::fmt;

use palisade_core::Actor;

use crate::caller::PepRights;
use crate::possession::Possession;

/// One credential of a chain.
#[derive(Clone, Debug)]
pub enum PresentedLink {
    /// The caller's word.
    Asserted(Actor),
    /// The certificates (DER, leaf first) of a TLS client, as the enforcement point saw them.
    Certificate(CertificateChain),
    /// A signed token.
    Token(PresentedToken),
}

/// Certificates in DER, leaf first.
#[derive(Clone, PartialEq, Eq)]
pub struct CertificateChain(pub Vec<Vec<u8>>);

/// Says how many there are.
impl fmt::Debug for CertificateChain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CertificateChain({})", self.0.len())
    }
}

/// A signed token, and what is known of whoever sent it.
#[derive(Clone)]
pub struct PresentedToken {
    /// The token. A secret: never printed.
    pub token: String,
    /// What the enforcement point saw of the request that it came with.
    pub possession: Option<Possession>,
}

/// Says how long the token is.
impl fmt::Debug for PresentedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PresentedToken")
            .field("bytes", &self.token.len())
            .field("possession", &self.possession)
            .finish_non_exhaustive()
    }
}

/// What an enforcement point may do without proof. Everything defaults to no.
pub trait Rights {
    /// Whether it may say that this actor stands in the chain.
    fn may_assert(&self, _actor: &Actor) -> bool {
        false
    }

    /// Whether it may say that one credential follows another.
    fn may_compose(&self) -> bool {
        false
    }

    /// Whether it may say that the holder of a certificate proved its key to it.
    fn may_pass_certificates(&self) -> bool {
        false
    }

    /// Whether it may say for which method and URI, and over which TLS connection, a token came.
    /// Without it no proof of possession counts, because a stolen proof would come with the URI
    /// that it was made for.
    fn may_vouch_for_possession(&self) -> bool {
        false
    }
}

/// No rights at all.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoRights;

impl Rights for NoRights {}

impl Rights for PepRights {
    fn may_assert(&self, actor: &Actor) -> bool {
        Self::may_assert(self, actor)
    }

    fn may_compose(&self) -> bool {
        self.may_compose
    }

    fn may_pass_certificates(&self) -> bool {
        self.may_pass_certificates
    }

    fn may_vouch_for_possession(&self) -> bool {
        self.may_vouch_for_possession
    }
}
