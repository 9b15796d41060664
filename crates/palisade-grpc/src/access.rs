//! Who calls, and what they may call. Found out before any message of a call is read.
//!
//! Health and reflection need no credential. On the administration socket the operating system has
//! already said who may connect. Elsewhere, if callers are configured, every call needs a
//! credential: a token in its headers, or the certificate of its connection.

use std::sync::Arc;

use hyper::HeaderMap;
use hyper::header::AUTHORIZATION;
use palisade_core::Clock;
use palisade_pdp::{Asker, CallerCredential, Callers, ProvenAsker, Role};
use tonic::Extensions;

use crate::error::CallError;

/// What services need no credential: they say nothing about calls.
const OPEN_PATHS: [&str; 3] = [
    "/grpc.health.v1.Health/",
    "/grpc.reflection.v1.ServerReflection/",
    "/grpc.reflection.v1alpha.ServerReflection/",
];

/// Who may call over a socket.
#[derive(Clone)]
pub enum Access {
    /// Whoever can connect.
    Anybody,
    /// Whoever is configured and proves it.
    Callers(CallerAccess),
}

/// Those who are configured.
#[derive(Clone)]
pub struct CallerAccess {
    /// Who they are.
    pub callers: Arc<Callers>,
    /// Tells whether a credential is still good.
    pub clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for CallerAccess {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CallerAccess").finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Access {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Anybody => "Anybody",
            Self::Callers(_) => "Callers",
        })
    }
}

/// What a method does, and so who may call it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Task {
    /// Asks for decisions.
    Ask,
    /// Changes what is in force.
    Change,
    /// Looks at what is in force and why it decides as it does.
    Look,
}

impl Task {
    /// The roles that may do it.
    const fn roles(self) -> &'static [Role] {
        match self {
            Self::Ask => &[Role::Pep],
            Self::Change => &[Role::Operator],
            Self::Look => &[Role::Auditor, Role::Operator],
        }
    }

    /// The socket that serves it to callers who need not prove who they are.
    pub(crate) const fn socket(self) -> &'static str {
        match self {
            Self::Ask => "decision",
            Self::Change | Self::Look => "administration",
        }
    }

    /// Checks that a proven caller may do it.
    pub(crate) fn check(self, asker: &Asker, method: &'static str) -> Result<(), CallError> {
        match asker {
            Asker::Anybody => Ok(()),
            Asker::Proven(proven) => {
                let caller = &proven.authenticated.caller;
                if self.roles().iter().any(|role| caller.has(*role)) {
                    Ok(())
                } else {
                    Err(CallError::RoleMissing { method })
                }
            }
        }
    }
}

/// Who is at the other end of a connection, as far as its certificate says.
#[derive(Clone, Debug, Default)]
pub(crate) struct Peer(Option<Arc<ProvenAsker>>);

impl Access {
    /// Finds out who has opened a connection. One whose certificate is of no configured caller may
    /// still show tokens.
    pub(crate) fn peer(&self, certificates: Option<&[Vec<u8>]>) -> Peer {
        let (Self::Callers(access), Some(chain)) = (self, certificates) else {
            return Peer::default();
        };
        match access.authenticate(CallerCredential::Certificate(chain)) {
            Ok(asker) => Peer(Some(asker)),
            Err(_logged) => Peer::default(),
        }
    }

    /// Finds out who makes a call.
    pub(crate) fn asker(
        &self,
        path: &str,
        headers: &HeaderMap,
        peer: &Peer,
    ) -> Result<Asker, CallError> {
        let Self::Callers(access) = self else { return Ok(Asker::Anybody) };
        if OPEN_PATHS.iter().any(|open| path.starts_with(open)) {
            return Ok(Asker::Anybody);
        }
        let mut tokens = headers.get_all(AUTHORIZATION).iter();
        let proven = match (tokens.next(), tokens.next()) {
            // A token counts even where there is a certificate: whoever sends one means it.
            (Some(header), None) => {
                let token = header.to_str().ok().and_then(bearer);
                let token = token.ok_or(CallError::Unauthenticated)?;
                access.authenticate(CallerCredential::Bearer(token))?
            }
            (None, _) => peer.0.clone().ok_or(CallError::Unauthenticated)?,
            // FAIL-CLOSED: nobody knows which one is meant.
            (Some(_), Some(_)) => return Err(CallError::Unauthenticated),
        };
        access.check(&proven)?;
        Ok(Asker::Proven(proven))
    }

    /// Who makes a call that was let in, from where [`Access::asker`] left it.
    pub(crate) fn of_call(&self, extensions: &Extensions) -> Result<Asker, CallError> {
        match (extensions.get::<Asker>(), self) {
            (Some(asker), _) => Ok(asker.clone()),
            (None, Self::Anybody) => Ok(Asker::Anybody),
            // FAIL-CLOSED: never seen; whoever does not say who they are is nobody.
            (None, Self::Callers(_)) => Err(CallError::Unauthenticated),
        }
    }

    /// Takes one request from the caller's rate. A credential that has ended or was revoked since
    /// the call began is no longer good, either: a stream can be long.
    pub(crate) fn take(&self, asker: &Asker) -> Result<(), CallError> {
        let (Self::Callers(access), Asker::Proven(proven)) = (self, asker) else { return Ok(()) };
        access.check(proven)?;
        let taken = proven.authenticated.caller.take(1, access.clock.monotonic());
        taken.map_err(|_too_often| CallError::RateExceeded)
    }
}

impl CallerAccess {
    fn authenticate(
        &self,
        credential: CallerCredential<'_>,
    ) -> Result<Arc<ProvenAsker>, CallError> {
        match self.callers.authenticate(credential, self.clock.now()) {
            Ok(authenticated) => Ok(Arc::new(ProvenAsker::new(authenticated))),
            Err(refusal) => {
                // The caller is not told which check failed.
                tracing::debug!(code = refusal.code(), "a caller was not identified");
                Err(CallError::Unauthenticated)
            }
        }
    }

    /// Checks that a caller who was identified before, by a certificate when its connection opened
    /// or by a token when its call began, still counts.
    fn check(&self, proven: &ProvenAsker) -> Result<(), CallError> {
        self.callers.check(&proven.authenticated, self.clock.now()).map_err(|refusal| {
            tracing::debug!(code = refusal.code(), "a caller no longer counts");
            CallError::Unauthenticated
        })
    }
}

/// The token of an `authorization` header (RFC 6750, section 2.1).
fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.split_once(' ')?;
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

#[cfg(test)]
mod tests;
