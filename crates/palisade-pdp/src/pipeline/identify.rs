//! Who asks, and whether whoever passes it on may.

use std::borrow::Cow;
use std::sync::Arc;

use palisade_core::{
    Actor, ActorChain, ChainError, Environment, IssuerName, Reason, ReasonCode, VerifiedChain,
};
use palisade_identity::{ContextField, IdentityRefusal, NoRights, PresentedLink, Rights};

use super::Pdp;
use crate::presented::{Asker, Credentials, EnforcementLimits, EveryRight, Identified};

/// A call that is refused before any policy is looked at, and what is known of its chain.
pub(super) struct Refused {
    pub(super) reason: Reason,
    pub(super) chain: Option<Arc<VerifiedChain>>,
}

impl Pdp {
    /// Verifies who asks and how the head signed in. Never waits: a refusal that says which keys
    /// were not known may be asked again once they changed.
    ///
    /// # Errors
    /// The chain is not acceptable. It is a reason to deny, and [`Pdp::decide`] does.
    pub fn identify(
        &self,
        credentials: &Credentials,
        asker: &Asker,
    ) -> Result<Identified, IdentityRefusal> {
        let Credentials { links, step_up_token } = credentials;
        let Some(verifier) = &self.parts.identity else {
            return asserted(links);
        };
        let now = self.parts.clock.now();
        let rights: &dyn Rights = match asker.limits() {
            None => &EveryRight,
            Some(EnforcementLimits(Some(rights))) => rights,
            // FAIL-CLOSED: whoever is no enforcement point may say nothing without proof.
            Some(EnforcementLimits(None)) => &NoRights,
        };
        let links = self.with_identifiers(links);
        let verified = verifier.identify(&links, rights, now)?;
        let authentication = match (step_up_token, verified.chain.links().first()) {
            (Some(token), Some(head)) => Some(Arc::new(verifier.step_up(token, head, now)?)),
            _ => verified.authentication.clone(),
        };
        Ok(Identified { verified, authentication })
    }
}

impl Pdp {
    /// The links with the identifiers of issuers in the place of the bundle's aliases: tokens know
    /// no aliases, and an actor must not be two.
    fn with_identifiers<'l>(&self, links: &'l [PresentedLink]) -> Cow<'l, [PresentedLink]> {
        let is_asserted = |link: &PresentedLink| matches!(link, PresentedLink::Asserted(_));
        let Some(snapshot) = self.parts.snapshots.current() else { return Cow::Borrowed(links) };
        if !links.iter().any(is_asserted) {
            return Cow::Borrowed(links);
        }
        let renamed = |link: &PresentedLink| {
            let PresentedLink::Asserted(actor) = link else { return link.clone() };
            let identifier = snapshot.issuer_identifier(&actor.issuer);
            let issuer = identifier.and_then(|name| IssuerName::new(name).ok());
            let issuer = issuer.unwrap_or_else(|| actor.issuer.clone());
            PresentedLink::Asserted(Actor { issuer, ..actor.clone() })
        };
        Cow::Owned(links.iter().map(renamed).collect())
    }
}

/// A chain that nobody verifies.
fn asserted(links: &[PresentedLink]) -> Result<Identified, IdentityRefusal> {
    let mut actors = Vec::with_capacity(links.len());
    for (place, link) in links.iter().enumerate() {
        match link {
            PresentedLink::Asserted(actor) => actors.push(actor.clone()),
            // FAIL-CLOSED: surfaces do not let these through where nobody verifies them.
            PresentedLink::Certificate(_) | PresentedLink::Token(_) => {
                return Err(IdentityRefusal::unsupported(place));
            }
        }
    }
    match ActorChain::new(actors) {
        Ok(chain) => Ok(Identified {
            verified: Arc::new(VerifiedChain::asserted(chain)),
            authentication: None,
        }),
        Err(ChainError::Empty | ChainError::TooLong { .. }) => {
            Err(IdentityRefusal::unsupported(links.len()))
        }
    }
}

/// The reason to deny with.
pub(super) fn reason(refusal: &IdentityRefusal) -> Reason {
    Reason::new(refusal.reason, refusal.sentence())
}

/// Why an enforcement point may not ask this; `None`: it may.
pub(super) fn not_entitled(asker: &Asker, tool: &str, environment: &Environment) -> Option<Reason> {
    let EnforcementLimits(rights) = asker.limits()?;
    let refuse = |sentence: &str| Some(Reason::new(ReasonCode::PepNotEntitled, sentence));
    // FAIL-CLOSED: a caller without rights of an enforcement point speaks for no tool.
    if !rights.is_some_and(|rights| rights.may_ask_for(tool)) {
        return refuse("the caller may not ask for this tool");
    }
    let sets_address = environment.source_address.is_some();
    if sets_address && !rights.is_some_and(|rights| rights.may_set(ContextField::SourceAddress)) {
        return refuse("the caller may not say where calls come from");
    }
    None
}
