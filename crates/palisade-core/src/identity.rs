//! What is known of actors once their credentials were verified.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::actor::{Actor, ActorChain};
use crate::clock::EpochMillis;

/// How an actor was proven, from the weakest to the strongest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Proof {
    /// The caller's word.
    Asserted,
    /// A signed token that anybody who has it can show.
    Bearer,
    /// A signed token or certificate, and proof of the key it is bound to.
    KeyBound,
}

impl Proof {
    /// All strengths, weakest first.
    pub const ALL: [Self; 3] = [Self::Asserted, Self::Bearer, Self::KeyBound];

    /// Its name in records and configuration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Asserted => "asserted",
            Self::Bearer => "bearer",
            Self::KeyBound => "key_bound",
        }
    }
}

/// How and when a person signed in, as their token says (RFC 9068, section 2.2.1).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Authentication {
    /// Authentication context class.
    pub acr: Option<String>,
    /// Authentication methods (RFC 8176), sorted, each once.
    pub amr: Vec<String>,
    /// When.
    pub time: Option<EpochMillis>,
}

/// One link of a chain, and what its credential says of it.
#[derive(Clone, Debug, PartialEq)]
pub struct VerifiedLink {
    /// Who it is. The issuer is the identifier the credential names, or what the caller asserted.
    pub actor: Actor,
    /// How that was proven.
    pub proof: Proof,
    /// The claims that speak of this actor; empty for asserted actors and inner links, of which
    /// nothing but their names is known.
    pub claims: Arc<Map<String, Value>>,
}

/// A chain whose credentials were verified.
#[derive(Clone, Debug, PartialEq)]
pub struct VerifiedChain {
    /// Who asks, head first.
    pub chain: ActorChain,
    /// The same links with what is known of each; as many as in `chain`.
    pub links: Vec<VerifiedLink>,
    /// How the head signed in; `None` if its credential says nothing of it.
    pub authentication: Option<Arc<Authentication>>,
    /// The first instant at which one of the credentials is no longer good; `None`: asserted
    /// actors only.
    pub expires: Option<EpochMillis>,
    /// SHA-256 thumbprint (RFC 7638) of the key the last link has proven to hold.
    pub key_thumbprint: Option<[u8; 32]>,
}

impl VerifiedChain {
    /// A chain that is the caller's word.
    #[must_use]
    pub fn asserted(chain: ActorChain) -> Self {
        let link = |actor: &Actor| VerifiedLink {
            actor: actor.clone(),
            proof: Proof::Asserted,
            claims: Arc::default(),
        };
        Self {
            links: chain.links().iter().map(link).collect(),
            chain,
            authentication: None,
            expires: None,
            key_thumbprint: None,
        }
    }

    /// Whether every link was proven.
    #[must_use]
    pub fn is_proven(&self) -> bool {
        self.links.iter().all(|link| link.proof > Proof::Asserted)
    }
}
