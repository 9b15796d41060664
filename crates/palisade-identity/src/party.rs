//! The name of an actor as credentials write it, in the one spelling that is compared.

use palisade_core::{Actor, ActorKind, IssuerName, Subject};

use crate::error::{Code, Refusal};
use crate::spiffe::SpiffeId;

/// What the issuers of SPIFFE namespaces begin with.
const SPIFFE_SCHEME: &str = "spiffe://";

/// Who somebody is: (issuer, subject), as compared and revoked.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Party {
    pub(crate) issuer: IssuerName,
    pub(crate) subject: Subject,
}

impl Party {
    /// Reads a pair of issuer and subject.
    ///
    /// In the namespace of a SPIFFE trust domain the subject is written as a whole SPIFFE id and
    /// kept without the trust domain, so that a workload has one name whether a certificate, a
    /// JWT-SVID or an `act` claim names it. Any other spelling is refused.
    pub(crate) fn new(issuer: &str, subject: &str) -> Result<Self, Refusal> {
        let malformed = |detail| Refusal::unverified(Code::Malformed, detail);
        let subject = if issuer.starts_with(SPIFFE_SCHEME) {
            let id = SpiffeId::parse(subject).map_err(|_why| malformed("spiffe_id"))?;
            if id.trust_domain().id() != issuer {
                // FAIL-CLOSED: a trust domain says nothing of another one's workloads.
                return Err(Refusal::foreign_namespace());
            }
            Subject::new(id.subject())
        } else {
            Subject::new(subject)
        };
        Ok(Self {
            issuer: IssuerName::new(issuer).map_err(|_why| malformed("actor_issuer"))?,
            subject: subject.map_err(|_why| malformed("actor_subject"))?,
        })
    }

    pub(crate) fn is(&self, actor: &Actor) -> bool {
        self.issuer == actor.issuer && self.subject == actor.subject
    }

    pub(crate) fn into_actor(self, kind: ActorKind) -> Actor {
        Actor { kind, issuer: self.issuer, subject: self.subject }
    }
}
