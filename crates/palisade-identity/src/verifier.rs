//! The front: presented credentials in, a verified chain or a refusal out.

mod config;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use palisade_core::limits::CHAIN_LINKS_MAX;
use palisade_core::{
    Actor, ActorChain, Authentication, EpochMillis, IssuerName, Proof, VerifiedChain, VerifiedLink,
};

pub use config::{ALIASES_MAX, IdentityConfig, IdentityConfigError};

use crate::cache::VerifiedTokens;
use crate::caller::{BearerRefusal, VerifiedBearer, VerifyBearer};
use crate::chain::{self, Segment};
use crate::error::{Code, IdentityRefusal, Refusal};
use crate::issuers::{Issuers, TokenKind};
use crate::party::Party;
use crate::possession::{self, Confirmation, ProofWindow, Proven, Shown, TokenText, not_bound};
use crate::presented::{PresentedLink, PresentedToken, Rights};
use crate::replay::UsedProofs;
use crate::revocation::{Revocable, RevocationIndex};
use crate::token::{self, VerifiedToken};
use crate::x509::{SvidVerifier, VerifiedSvid};

/// Verifies certificates of workloads.
pub trait VerifyCertificate: Send + Sync {
    /// Verifies a chain (DER, leaf first) up to a trusted root.
    ///
    /// # Errors
    /// It proves nobody; a stable code of why, for records and metrics.
    fn verify(&self, chain: &[Vec<u8>], now: EpochMillis) -> Result<VerifiedSvid, &'static str>;
}

impl VerifyCertificate for SvidVerifier {
    fn verify(&self, chain: &[Vec<u8>], now: EpochMillis) -> Result<VerifiedSvid, &'static str> {
        Self::verify(self, chain, now).map_err(|error| error.code())
    }
}

/// Verifies chains.
pub struct IdentityVerifier {
    issuers: Issuers,
    aliases: BTreeMap<String, IssuerName>,
    proof_age_max: Duration,
    certificates: Option<Arc<dyn VerifyCertificate>>,
    revocations: Arc<RevocationIndex>,
    tokens: VerifiedTokens,
    used_proofs: UsedProofs,
}

/// What one presented link says.
enum Credential<'a> {
    /// Its word counts as it is: asserted, or proven by a certificate.
    Single(VerifiedChain),
    Token(Arc<VerifiedToken>, &'a PresentedToken),
}

/// The keys that were proven.
struct ProvenKeys {
    /// With which proofs, and of which presented link.
    by_link: Vec<(usize, Proven)>,
    /// The key of the last one.
    of_last: Option<[u8; 32]>,
}

impl IdentityVerifier {
    /// A verifier. Without somebody who verifies certificates none is accepted.
    ///
    /// # Errors
    /// The configuration is not usable.
    pub fn new(
        config: IdentityConfig,
        certificates: Option<Arc<dyn VerifyCertificate>>,
        revocations: Arc<RevocationIndex>,
    ) -> Result<Self, IdentityConfigError> {
        let accepted = config::accept(config)?;
        Ok(Self {
            issuers: accepted.issuers,
            aliases: accepted.aliases,
            proof_age_max: accepted.proof_age_max,
            tokens: VerifiedTokens::new(accepted.cache_bytes),
            used_proofs: UsedProofs::new(accepted.used_proofs_max),
            certificates,
            revocations,
        })
    }

    /// Verifies who asks and on whose behalf. Never waits: keys that are not known are asked for,
    /// and the refusal says so.
    ///
    /// # Errors
    /// Anything but a chain of 1 to [`CHAIN_LINKS_MAX`] actors, each of them proven or within the
    /// rights of the caller, joined as the module on chains says, and none of them revoked.
    pub fn identify(
        &self,
        presented: &[PresentedLink],
        rights: &dyn Rights,
        now: EpochMillis,
    ) -> Result<Arc<VerifiedChain>, IdentityRefusal> {
        if presented.is_empty() {
            return Err(Refusal::unverified(Code::Malformed, "no_links").at(0));
        }
        if presented.len() > CHAIN_LINKS_MAX {
            // FAIL-CLOSED: before anything is verified, so that nobody makes us verify many.
            return Err(Refusal::too_deep().at(CHAIN_LINKS_MAX));
        }
        let mut credentials = Vec::with_capacity(presented.len());
        for (index, link) in presented.iter().enumerate() {
            let credential =
                self.credential(link, rights, now).map_err(|refusal| refusal.at(index))?;
            credentials.push(credential);
        }
        let chain = match credentials.as_slice() {
            [Credential::Token(token, _)] => Arc::clone(&token.chain),
            several => Arc::new(join(several, rights.may_compose())?),
        };
        let ProvenKeys { by_link, of_last } = self.prove(&credentials, rights, now)?;
        // Last of all, so that a request that is refused for something else can come again.
        for (index, Proven { used, .. }) in &by_link {
            for proof in used {
                self.used_proofs.note(*proof, now).map_err(|refusal| refusal.at(*index))?;
            }
        }
        Ok(with_key(chain, of_last))
    }

    /// How the head signed in, as a token says that was fetched for a step-up (RFC 9470).
    ///
    /// # Errors
    /// The token is not good by itself, bound to a key, speaks of anybody but the head alone, or
    /// says nothing of how they signed in.
    pub fn step_up(
        &self,
        token: &str,
        head: &Actor,
        now: EpochMillis,
    ) -> Result<Authentication, IdentityRefusal> {
        self.check_step_up(token, head, now).map_err(|refusal| refusal.at(0))
    }

    fn check_step_up(
        &self,
        text: &str,
        head: &Actor,
        now: EpochMillis,
    ) -> Result<Authentication, Refusal> {
        let token = self.live_token(text, now)?;
        if token.confirmation.is_some() {
            return Err(not_bound("step_up"));
        }
        let head = self.canonical(head)?;
        match token.chain.chain.links() {
            [only] if head.issuer == only.issuer && head.subject == only.subject => {}
            // FAIL-CLOSED: somebody else's sign-in, or a delegation of the head's, proves nothing.
            _ => return Err(Refusal::unverified(Code::Untrusted, "step_up_subject")),
        }
        let silent = Refusal::unverified(Code::Unsupported, "step_up_silent");
        token.chain.authentication.as_deref().cloned().ok_or(silent)
    }

    fn credential<'a>(
        &self,
        link: &'a PresentedLink,
        rights: &dyn Rights,
        now: EpochMillis,
    ) -> Result<Credential<'a>, Refusal> {
        match link {
            PresentedLink::Asserted(actor) => {
                if !rights.may_assert(actor) {
                    return Err(Refusal::unverified(Code::Unproven, "assertion"));
                }
                let chain = VerifiedChain::asserted(alone(self.canonical(actor)?)?);
                self.check_revoked(None, &chain, now)?;
                Ok(Credential::Single(chain))
            }
            PresentedLink::Certificate(certificates) => {
                if !rights.may_pass_certificates() {
                    return Err(Refusal::unverified(Code::Unproven, "certificate"));
                }
                let chain = self.of_certificate(&certificates.0, now)?;
                self.check_revoked(None, &chain, now)?;
                Ok(Credential::Single(chain))
            }
            PresentedLink::Token(presented) => {
                Ok(Credential::Token(self.live_token(&presented.token, now)?, presented))
            }
        }
    }

    /// A token that is good by itself, and not revoked.
    fn live_token(&self, text: &str, now: EpochMillis) -> Result<Arc<VerifiedToken>, Refusal> {
        let token = self.token(text, now)?;
        if let Err(refusal) = self.check_revoked(Some(&token), &token.chain, now) {
            self.tokens.remove(text);
            return Err(refusal);
        }
        Ok(token)
    }

    fn token(&self, text: &str, now: EpochMillis) -> Result<Arc<VerifiedToken>, Refusal> {
        if let Some(known) = self.tokens.get(text) {
            let issuer = self.issuers.get(known.issuer);
            let same_keys =
                issuer.is_some_and(|issuer| issuer.keys.generation() == known.generation);
            if same_keys && known.verified_at <= now && now < known.expires {
                return Ok(known);
            }
            self.tokens.remove(text);
        }
        let verified = Arc::new(token::verify(&self.issuers, text, now)?);
        self.tokens.insert(text, &verified);
        Ok(verified)
    }

    fn check_revoked(
        &self,
        token: Option<&VerifiedToken>,
        chain: &VerifiedChain,
        now: EpochMillis,
    ) -> Result<(), Refusal> {
        let signer = token.and_then(|token| self.issuers.get(token.issuer));
        let credential = Revocable {
            signer: signer.map(|signer| signer.issuer.as_str()),
            session: token.and_then(|token| token.session.as_ref()).map(|session| session.as_str()),
            actors: chain.chain.links(),
            issued_at: token.and_then(|token| token.issued_at),
        };
        if self.revocations.is_revoked(credential, now) { Err(Refusal::revoked()) } else { Ok(()) }
    }

    fn of_certificate(
        &self,
        chain: &[Vec<u8>],
        now: EpochMillis,
    ) -> Result<VerifiedChain, Refusal> {
        let Some(verifier) = &self.certificates else {
            return Err(Refusal::unverified(Code::Unsupported, "certificates"));
        };
        let certificate = verifier
            .verify(chain, now)
            .map_err(|code| Refusal::unverified(Code::Untrusted, code))?;
        if now >= certificate.expires {
            return Err(Refusal::unverified(Code::Expired, "certificate"));
        }
        let issuer = certificate.id.trust_domain().id();
        let kind = self.issuers.kind_of_workloads(&issuer);
        let actor = Party::new(&issuer, certificate.id.as_str())?.into_actor(kind);
        let link =
            VerifiedLink { actor: actor.clone(), proof: Proof::KeyBound, claims: Arc::default() };
        Ok(VerifiedChain {
            chain: alone(actor)?,
            links: vec![link],
            authentication: None,
            expires: Some(certificate.expires),
            key_thumbprint: Some(certificate.key_thumbprint),
        })
    }

    /// The actor by the names that credentials use, so that the same one is compared and revoked as
    /// the same one whoever names it.
    fn canonical(&self, actor: &Actor) -> Result<Actor, Refusal> {
        let alias = self.aliases.get(actor.issuer.as_str());
        let issuer = alias.unwrap_or(&actor.issuer);
        if actor.subject.as_str().starts_with("spiffe://") {
            return Ok(Party::new(issuer.as_str(), actor.subject.as_str())?.into_actor(actor.kind));
        }
        Ok(Actor { kind: actor.kind, issuer: issuer.clone(), subject: actor.subject.clone() })
    }

    /// Proves every key that a presented token is bound to.
    fn prove(
        &self,
        credentials: &[Credential<'_>],
        rights: &dyn Rights,
        now: EpochMillis,
    ) -> Result<ProvenKeys, IdentityRefusal> {
        let mut by_link = Vec::new();
        let mut of_last = None;
        for (index, credential) in credentials.iter().enumerate() {
            of_last = match credential {
                Credential::Single(chain) => chain.key_thumbprint,
                Credential::Token(token, presented) => match &token.confirmation {
                    None => None,
                    Some(confirmation) => {
                        let shown = (index, *presented);
                        let proof = self
                            .prove_one(token, confirmation, shown, credentials, rights, now)
                            .map_err(|refusal| refusal.at(index))?;
                        let key = proof.key_thumbprint;
                        by_link.push((index, proof));
                        key
                    }
                },
            };
        }
        Ok(ProvenKeys { by_link, of_last })
    }

    fn prove_one(
        &self,
        token: &VerifiedToken,
        confirmation: &Confirmation,
        (index, presented): (usize, &PresentedToken),
        credentials: &[Credential<'_>],
        rights: &dyn Rights,
        now: EpochMillis,
    ) -> Result<Proven, Refusal> {
        let Some(seen) = &presented.possession else {
            return Err(not_bound("no_possession"));
        };
        // FAIL-CLOSED: without this right the caller could be whoever stole token and proof.
        if !rights.may_vouch_for_possession() {
            return Err(not_bound("possession_not_vouched"));
        }
        let others: Vec<(TokenKind, TokenText<'_>)> = credentials
            .iter()
            .enumerate()
            .filter(|(other, _)| *other != index)
            .filter_map(|(_, credential)| match credential {
                Credential::Single(_) => None,
                Credential::Token(other, shown) => Some((other.kind, TokenText(&shown.token))),
            })
            .collect();
        let shown = Shown { token: TokenText(&presented.token), others: &others };
        let clock_skew =
            self.issuers.get(token.issuer).map(|issuer| issuer.clock_skew).unwrap_or_default();
        let window = ProofWindow { now, age_max: self.proof_age_max, clock_skew };
        possession::prove(confirmation, shown, seen, window)
    }
}

/// Callers prove themselves with tokens of the same issuers, each for itself alone.
impl VerifyBearer for IdentityVerifier {
    fn verify_bearer(
        &self,
        token: &str,
        now: EpochMillis,
    ) -> Result<Arc<VerifiedBearer>, BearerRefusal> {
        let token = self
            .live_token(token, now)
            .map_err(|refusal| BearerRefusal { code: refusal.detail })?;
        token.bearer.clone().ok_or(BearerRefusal { code: "bearer_not_alone" })
    }
}

impl fmt::Debug for IdentityVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IdentityVerifier")
            .field("revocations", &self.revocations)
            .finish_non_exhaustive()
    }
}

impl Credential<'_> {
    fn chain(&self) -> &VerifiedChain {
        match self {
            Self::Single(chain) => chain,
            Self::Token(token, _) => &token.chain,
        }
    }

    fn segment(&self) -> Segment<'_> {
        match self {
            Self::Single(chain) => Segment { links: &chain.links, may_act: None, is_token: false },
            Self::Token(token, _) => Segment {
                links: &token.chain.links,
                may_act: token.may_act.as_ref(),
                is_token: true,
            },
        }
    }
}

/// One chain of all credentials; its key is that of the last one.
fn join(
    credentials: &[Credential<'_>],
    may_compose: bool,
) -> Result<VerifiedChain, IdentityRefusal> {
    let segments: Vec<Segment<'_>> = credentials.iter().map(Credential::segment).collect();
    let joined =
        chain::join(&segments, may_compose).map_err(|(index, refusal)| refusal.at(index))?;
    let last = credentials.len().saturating_sub(1);
    let actors = joined.links.iter().map(|link| link.actor.clone()).collect();
    let of_head = joined.of_head.iter().filter_map(|index| credentials.get(*index));
    Ok(VerifiedChain {
        chain: ActorChain::new(actors).map_err(|_length| Refusal::too_deep().at(last))?,
        // The first that says anything: it is the head's own.
        authentication: of_head
            .filter_map(|credential| credential.chain().authentication.clone())
            .next(),
        links: joined.links,
        expires: credentials.iter().filter_map(|credential| credential.chain().expires).min(),
        key_thumbprint: credentials.last().and_then(|last| last.chain().key_thumbprint),
    })
}

/// The chain with the key that was proven. Most often that is the one it has.
fn with_key(chain: Arc<VerifiedChain>, key_thumbprint: Option<[u8; 32]>) -> Arc<VerifiedChain> {
    if chain.key_thumbprint == key_thumbprint {
        return chain;
    }
    Arc::new(VerifiedChain { key_thumbprint, ..VerifiedChain::clone(&chain) })
}

fn alone(actor: Actor) -> Result<ActorChain, Refusal> {
    ActorChain::new(vec![actor]).map_err(|_never| Refusal::too_deep())
}

#[cfg(test)]
mod tests;
