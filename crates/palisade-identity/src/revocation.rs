//! Whose credentials count no longer: asked about every actor of every chain, before each answer.
//!
//! The store is what survives; this index is what is asked. Nothing is acknowledged before the
//! store has it.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use palisade_core::{
    Actor, EpochMillis, IssuerName, Revocation, RevocationCause, RevocationScope, RevocationStore,
    StateError,
};

use crate::timing::later;

/// Revocations that are in force at once.
// LIMIT: some 300 bytes each; a day of one revocation a second is less.
pub const REVOCATIONS_MAX: usize = 100_000;

/// One credential, as far as it can be revoked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Revocable<'a> {
    /// Who signed it.
    pub(crate) signer: Option<&'a str>,
    /// The session that it was issued in, whether that is the signer's or of an issuer whose actors
    /// it names.
    pub(crate) session: Option<&'a str>,
    /// Everybody it names.
    pub(crate) actors: &'a [Actor],
    /// When it was issued; `None`: nobody knows, so that any revocation applies.
    pub(crate) issued_at: Option<EpochMillis>,
}

/// The revocations in force.
pub struct RevocationIndex {
    store: Arc<dyn RevocationStore>,
    /// How long anything that was issued can be good for.
    longest_life: Duration,
    limit: usize,
    /// Held while something is stored, so that memory and store agree on the order.
    storing: Mutex<()>,
    /// Never held while something is stored.
    in_force: RwLock<InForce>,
}

#[derive(Debug, Default)]
struct InForce {
    by_issuer: HashMap<String, OfIssuer>,
    count: usize,
}

#[derive(Debug, Default)]
struct OfIssuer {
    all: Option<Entry>,
    subjects: HashMap<String, Entry>,
    sessions: HashMap<String, Entry>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    issued_before: EpochMillis,
    until: EpochMillis,
}

impl RevocationIndex {
    /// Loads what a store has kept. `longest_life` is how long any credential can be good for
    /// after it was issued, see [`IdentityConfig::longest_life`](crate::IdentityConfig).
    ///
    /// # Errors
    /// The store cannot be read. Nothing may be decided without it: what was revoked is unknown.
    pub fn load(
        store: Arc<dyn RevocationStore>,
        longest_life: Duration,
    ) -> Result<Self, StateError> {
        Self::load_up_to(store, longest_life, REVOCATIONS_MAX)
    }

    pub(crate) fn load_up_to(
        store: Arc<dyn RevocationStore>,
        longest_life: Duration,
        limit: usize,
    ) -> Result<Self, StateError> {
        let mut in_force = InForce::default();
        for revocation in store.load()? {
            in_force.insert(&revocation);
        }
        Ok(Self {
            store,
            longest_life,
            limit,
            storing: Mutex::new(()),
            in_force: RwLock::new(in_force),
        })
    }

    /// Revokes what was issued before an instant, from the next question on. Blocks until the store
    /// has it.
    ///
    /// # Errors
    /// The store does not take it, or there is no room: then nothing changed that can be relied on,
    /// and it has to be tried again.
    pub fn revoke(
        &self,
        scope: RevocationScope,
        issued_before: EpochMillis,
        cause: RevocationCause,
        now: EpochMillis,
    ) -> Result<(), StateError> {
        let until = later(issued_before.max(now), self.longest_life);
        let revocation = Revocation { scope, issued_before, until, recorded_at: now, cause };
        let storing = self.storing.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.has_room_for(&revocation.scope) {
            self.forget_over(now)?;
            if !self.has_room_for(&revocation.scope) {
                return Err(StateError::Full { limit: self.limit });
            }
        }
        // In force even if the store fails: it denies too much rather than too little, and whoever
        // asked is told to ask again.
        self.in_force.write().unwrap_or_else(PoisonError::into_inner).insert(&revocation);
        self.store.append(&revocation)?;
        drop(storing);
        Ok(())
    }

    /// Forgets revocations that no credential can be subject to any more.
    ///
    /// # Errors
    /// The store cannot be written. That does no harm but takes room.
    pub fn prune(&self, now: EpochMillis) -> Result<(), StateError> {
        let storing = self.storing.lock().unwrap_or_else(PoisonError::into_inner);
        let forgotten = self.forget_over(now);
        drop(storing);
        forgotten
    }

    /// How many are in force.
    #[must_use]
    pub fn len(&self) -> usize {
        self.in_force.read().unwrap_or_else(PoisonError::into_inner).count
    }

    /// Whether none is in force.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether a credential, or anybody it names, is revoked.
    pub(crate) fn is_revoked(&self, credential: Revocable<'_>, now: EpochMillis) -> bool {
        let in_force = self.in_force.read().unwrap_or_else(PoisonError::into_inner);
        in_force.count > 0 && in_force.is_revoked(credential, now)
    }

    /// Whether one more fits. One of a scope that is known is joined with what is there.
    fn has_room_for(&self, scope: &RevocationScope) -> bool {
        let in_force = self.in_force.read().unwrap_or_else(PoisonError::into_inner);
        in_force.count < self.limit || in_force.knows(scope)
    }

    fn forget_over(&self, now: EpochMillis) -> Result<(), StateError> {
        self.in_force.write().unwrap_or_else(PoisonError::into_inner).forget_over(now);
        self.store.prune(now).map(|_forgotten| ())
    }
}

impl fmt::Debug for RevocationIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RevocationIndex").field("in_force", &self.len()).finish_non_exhaustive()
    }
}

impl InForce {
    fn insert(&mut self, revocation: &Revocation) {
        let Revocation { scope, issued_before, until, recorded_at: _, cause: _ } = revocation;
        let entry = Entry { issued_before: *issued_before, until: *until };
        let (issuer, slot) = match scope {
            RevocationScope::Actor { issuer, subject } => (issuer, Slot::Subject(subject.as_str())),
            RevocationScope::Issuer { issuer } => (issuer, Slot::All),
            RevocationScope::Session { issuer, session } => {
                (issuer, Slot::Session(session.as_str()))
            }
        };
        let of_issuer = self.by_issuer.entry(issuer.as_str().to_owned()).or_default();
        let replaced = match slot {
            Slot::All => of_issuer.all.replace(entry.joined(of_issuer.all)),
            Slot::Session(session) => {
                let joined = entry.joined(of_issuer.sessions.get(session).copied());
                of_issuer.sessions.insert(session.to_owned(), joined)
            }
            Slot::Subject(subject) => {
                let joined = entry.joined(of_issuer.subjects.get(subject).copied());
                of_issuer.subjects.insert(subject.to_owned(), joined)
            }
        };
        if replaced.is_none() {
            self.count = self.count.saturating_add(1);
        }
    }

    fn knows(&self, scope: &RevocationScope) -> bool {
        let of = |issuer: &IssuerName| self.by_issuer.get(issuer.as_str());
        match scope {
            RevocationScope::Actor { issuer, subject } => {
                of(issuer).is_some_and(|of| of.subjects.contains_key(subject.as_str()))
            }
            RevocationScope::Issuer { issuer } => of(issuer).is_some_and(|of| of.all.is_some()),
            RevocationScope::Session { issuer, session } => {
                of(issuer).is_some_and(|of| of.sessions.contains_key(session.as_str()))
            }
        }
    }

    fn is_revoked(&self, credential: Revocable<'_>, now: EpochMillis) -> bool {
        let Revocable { signer, session, actors, issued_at } = credential;
        let revokes = |entry: Option<&Entry>| entry.is_some_and(|e| e.revokes(issued_at, now));
        let of_issuer = |issuer: &str| {
            self.by_issuer.get(issuer).is_some_and(|of_issuer| {
                let of_session = session.and_then(|session| of_issuer.sessions.get(session));
                revokes(of_issuer.all.as_ref()) || revokes(of_session)
            })
        };
        let of_subject = |actor: &Actor| {
            let of_issuer = self.by_issuer.get(actor.issuer.as_str());
            revokes(of_issuer.and_then(|of| of.subjects.get(actor.subject.as_str())))
        };
        // Inner actors too: a chain is no better than whom it came through. The session may be one
        // of the signer's or, in a token that was exchanged, one that its subject's issuer named.
        signer.is_some_and(of_issuer)
            || actors.iter().any(|actor| of_issuer(actor.issuer.as_str()) || of_subject(actor))
    }

    fn forget_over(&mut self, now: EpochMillis) {
        let is_live = |entry: &Entry| entry.until > now;
        let mut count = 0_usize;
        self.by_issuer.retain(|_issuer, of_issuer| {
            of_issuer.all = of_issuer.all.filter(is_live);
            of_issuer.subjects.retain(|_subject, entry| is_live(entry));
            of_issuer.sessions.retain(|_session, entry| is_live(entry));
            let left = usize::from(of_issuer.all.is_some())
                + of_issuer.subjects.len()
                + of_issuer.sessions.len();
            count += left;
            left > 0
        });
        self.count = count;
    }
}

/// Where a revocation stands among those of its issuer.
enum Slot<'a> {
    All,
    Session(&'a str),
    Subject(&'a str),
}

impl Entry {
    fn revokes(self, issued_at: Option<EpochMillis>, now: EpochMillis) -> bool {
        // FAIL-CLOSED: what does not say when it was issued may have been issued before.
        now < self.until && issued_at.is_none_or(|issued_at| issued_at < self.issued_before)
    }

    fn joined(self, other: Option<Self>) -> Self {
        other.map_or(self, |other| Self {
            issued_before: self.issued_before.max(other.issued_before),
            until: self.until.max(other.until),
        })
    }
}

#[cfg(test)]
mod tests;
