//! Who calls the decision point, and what each caller may do.
//!
//! Callers are not the actors they ask for: a gateway that asks on behalf of a user's agent is the
//! caller, and what it may say of those actors without proof are its rights.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use palisade_core::{Actor, ActorKind, EpochMillis, IssuerName, SignInSession, Subject};

pub use config::{
    CALLER_CREDENTIALS_MAX, CALLER_NAME_BYTES_MAX, CALLERS_MAX, CallerConfig, CallerProof,
    CallersError,
};
pub use pattern::{IssuerPattern, PatternError, SpiffePattern, ToolPattern};
pub use refusal::{BearerRefusal, CallerRefusal};
pub use rights::{AssertionRight, ContextField, ParseContextFieldError, PepRights};

use crate::party::Party;
use crate::rate::{Rate, RateLimited, RateLimiter};
use crate::revocation::{Revocable, RevocationIndex};
use crate::spiffe::SpiffeId;
use crate::x509::SvidVerifier;

mod config;
mod pattern;
mod refusal;
mod rights;

/// Bytes of a caller's token.
// LIMIT: what servers take as one header line; tokens with many groups have some 8 KiB.
pub const BEARER_BYTES_MAX: usize = 16 * 1024;

/// What a caller may be here for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Decides what waits for a human.
    Approver,
    /// Reads what is configured and what was decided.
    Auditor,
    /// Changes what is in force.
    Operator,
    /// Asks for decisions and obeys them.
    Pep,
}

impl Role {
    /// All roles.
    pub const ALL: [Self; 4] = [Self::Approver, Self::Auditor, Self::Operator, Self::Pep];

    /// Its name in configuration and records.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Approver => "approver",
            Self::Auditor => "auditor",
            Self::Operator => "operator",
            Self::Pep => "pep",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text is no name of a role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no such role; write `approver`, `auditor`, `operator` or `pep`")]
pub struct ParseRoleError;

impl FromStr for Role {
    type Err = ParseRoleError;

    fn from_str(name: &str) -> Result<Self, ParseRoleError> {
        Self::ALL.into_iter().find(|role| role.as_str() == name).ok_or(ParseRoleError)
    }
}

/// Somebody who may call.
#[derive(Debug)]
pub struct Caller {
    name: String,
    roles: Vec<Role>,
    pep: Option<PepRights>,
    limiter: RateLimiter,
}

impl Caller {
    /// Its name in records.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it may be here for. Never empty.
    #[must_use]
    pub fn roles(&self) -> &[Role] {
        &self.roles
    }

    /// Whether it has a role.
    #[must_use]
    pub fn has(&self, role: Role) -> bool {
        self.roles.contains(&role)
    }

    /// What it may do as an enforcement point; `None` if it is none.
    #[must_use]
    pub const fn pep(&self) -> Option<&PepRights> {
        self.pep.as_ref()
    }

    /// How often it may ask.
    #[must_use]
    pub const fn rate(&self) -> Rate {
        self.limiter.rate()
    }

    /// Takes this many requests from its rate, at a monotonic time. Shared by all that prove to be
    /// this caller.
    ///
    /// # Errors
    /// It has asked too often; nothing was taken.
    pub fn take(&self, requests: u32, monotonic: Duration) -> Result<(), RateLimited> {
        self.limiter.take(requests, monotonic)
    }
}

/// What a caller shows.
#[derive(Clone, Copy)]
pub enum CallerCredential<'a> {
    /// A token, without the word `Bearer`. Shown with every call.
    Bearer(&'a str),
    /// The certificates of a TLS handshake that proved possession of the leaf's key, in DER, leaf
    /// first. Shown once per connection, which ends when they do.
    Certificate(&'a [Vec<u8>]),
}

/// Says what kind it is; the token is a secret.
impl fmt::Debug for CallerCredential<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bearer(_) => f.write_str("Bearer(..)"),
            Self::Certificate(chain) => write!(f, "Certificate({} certificates)", chain.len()),
        }
    }
}

/// Whom a token speaks of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedBearer {
    /// `iss`.
    pub issuer: IssuerName,
    /// `sub`.
    pub subject: Subject,
    /// The first instant at which it is no longer good.
    pub expires: EpochMillis,
    /// When it was issued, if it says so.
    pub issued_at: Option<EpochMillis>,
    /// The session it was issued in, if it says so.
    pub session: Option<SignInSession>,
    /// The subject by the names that revocations have for it.
    pub actor: Actor,
}

/// Verifies the tokens of callers.
///
/// Whoever implements this caches: a caller shows the same token with every call, and answering
/// that again has to take below a microsecond. So the answer is shared. The key of such a cache is
/// the whole token, and nothing is kept past a token's end or its issuer's keys.
pub trait VerifyBearer: Send + Sync {
    /// Verifies a token of at most [`BEARER_BYTES_MAX`] bytes that is meant for this service. A
    /// token bound to a key (`cnf`) is refused: whoever shows it this way has not proven the key.
    ///
    /// # Errors
    /// It does not hold `now`.
    fn verify_bearer(
        &self,
        token: &str,
        now: EpochMillis,
    ) -> Result<Arc<VerifiedBearer>, BearerRefusal>;
}

/// How a caller has proven who it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallerIdentity {
    /// By a certificate of this workload.
    Certificate(SpiffeId),
    /// By a token.
    Token(Arc<VerifiedBearer>),
}

/// The workload's id, or the subject and its issuer.
impl fmt::Display for CallerIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Certificate(id) => id.fmt(f),
            Self::Token(token) => {
                write!(f, "{} of {}", token.subject.as_str(), token.issuer.as_str())
            }
        }
    }
}

/// A caller that has proven who it is.
#[derive(Clone, Debug)]
pub struct AuthenticatedCaller {
    /// Who that is here.
    pub caller: Arc<Caller>,
    /// What it has proven: of several workloads that are one caller, which one.
    pub identity: CallerIdentity,
    /// The first instant at which the proof is no longer good. Connections end there.
    pub expires: EpochMillis,
}

/// Everybody who may call.
pub struct Callers {
    index: config::CallerIndex,
    certificates: Option<SvidVerifier>,
    bearers: Option<Arc<dyn VerifyBearer>>,
    revocations: Option<Arc<RevocationIndex>>,
}

impl fmt::Debug for Callers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Callers").finish_non_exhaustive()
    }
}

impl Callers {
    /// These callers, their credentials verified by these. What they have taken of their rates is
    /// counted anew.
    ///
    /// # Errors
    /// Two callers that cannot be told apart; one that can never prove who it is, has no role, or
    /// is an enforcement point without rights; or more of anything than its limit.
    pub fn new(
        configs: Vec<CallerConfig>,
        certificates: Option<SvidVerifier>,
        bearers: Option<Arc<dyn VerifyBearer>>,
    ) -> Result<Self, CallersError> {
        for config in &configs {
            let verifiable = |proof: &CallerProof| match proof {
                CallerProof::Certificate(_) => certificates.is_some(),
                CallerProof::Token { .. } => bearers.is_some(),
            };
            if !config.credentials.iter().all(verifiable) {
                return Err(CallersError::Unverifiable { caller: config.name.clone() });
            }
        }
        let index = config::CallerIndex::new(configs)?;
        Ok(Self { index, certificates, bearers, revocations: None })
    }

    /// The same, but nobody whose credential is revoked here.
    #[must_use]
    pub fn with_revocations(self, revocations: Arc<RevocationIndex>) -> Self {
        Self { revocations: Some(revocations), ..self }
    }

    /// Finds out who calls.
    ///
    /// # Errors
    /// The credential does not hold `now`, or its owner is no caller.
    pub fn authenticate(
        &self,
        credential: CallerCredential<'_>,
        now: EpochMillis,
    ) -> Result<AuthenticatedCaller, CallerRefusal> {
        let authenticated = match credential {
            CallerCredential::Bearer(token) => self.by_token(token, now),
            CallerCredential::Certificate(chain) => self.by_certificate(chain, now),
        }?;
        self.check(&authenticated, now)?;
        Ok(authenticated)
    }

    /// Checks that somebody who was authenticated before still is: a connection or a stream may
    /// outlive what opened it. Takes no more than a few lookups.
    ///
    /// # Errors
    /// The credential has ended or was revoked.
    pub fn check(
        &self,
        authenticated: &AuthenticatedCaller,
        now: EpochMillis,
    ) -> Result<(), CallerRefusal> {
        if now >= authenticated.expires {
            return Err(CallerRefusal::Expired);
        }
        match &self.revocations {
            Some(revocations) if !revocations.is_empty() => {
                check_revoked(revocations, &authenticated.identity, now)
            }
            _ => Ok(()),
        }
    }

    fn by_certificate(
        &self,
        chain: &[Vec<u8>],
        now: EpochMillis,
    ) -> Result<AuthenticatedCaller, CallerRefusal> {
        let verifier = self.certificates.as_ref().ok_or(CallerRefusal::Unsupported)?;
        let svid = verifier.verify(chain, now).map_err(CallerRefusal::Certificate)?;
        let caller = self.index.by_certificate(&svid.id).ok_or(CallerRefusal::Unknown)?;
        Ok(AuthenticatedCaller {
            caller: Arc::clone(caller),
            identity: CallerIdentity::Certificate(svid.id),
            expires: svid.expires,
        })
    }

    fn by_token(
        &self,
        token: &str,
        now: EpochMillis,
    ) -> Result<AuthenticatedCaller, CallerRefusal> {
        let verifier = self.bearers.as_ref().ok_or(CallerRefusal::Unsupported)?;
        if token.len() > BEARER_BYTES_MAX {
            return Err(CallerRefusal::Bearer(BearerRefusal { code: "token_too_large" }));
        }
        let bearer = verifier.verify_bearer(token, now).map_err(CallerRefusal::Bearer)?;
        // FAIL-CLOSED: a cache behind the verifier may have kept what has ended meanwhile.
        if now >= bearer.expires {
            return Err(CallerRefusal::Bearer(BearerRefusal { code: "expired" }));
        }
        let caller = self.index.by_token(&bearer.issuer, &bearer.subject);
        Ok(AuthenticatedCaller {
            caller: Arc::clone(caller.ok_or(CallerRefusal::Unknown)?),
            expires: bearer.expires,
            identity: CallerIdentity::Token(bearer),
        })
    }
}

fn check_revoked(
    revocations: &RevocationIndex,
    identity: &CallerIdentity,
    now: EpochMillis,
) -> Result<(), CallerRefusal> {
    let is_revoked = match identity {
        CallerIdentity::Certificate(id) => {
            let issuer = id.trust_domain().id();
            // FAIL-CLOSED: never seen, an id has a name; whoever has none cannot be looked up.
            let party =
                Party::new(&issuer, id.as_str()).map_err(|_never| CallerRefusal::Revoked)?;
            // A certificate does not say when its holder signed in, so that any revocation counts.
            let actors = [party.into_actor(ActorKind::Service)];
            let credential =
                Revocable { signer: None, session: None, actors: &actors, issued_at: None };
            revocations.is_revoked(credential, now)
        }
        CallerIdentity::Token(token) => {
            let credential = Revocable {
                signer: Some(token.issuer.as_str()),
                session: token.session.as_ref().map(SignInSession::as_str),
                actors: std::slice::from_ref(&token.actor),
                issued_at: token.issued_at,
            };
            revocations.is_revoked(credential, now)
        }
    };
    if is_revoked { Err(CallerRefusal::Revoked) } else { Ok(()) }
}

#[cfg(test)]
mod tests;
