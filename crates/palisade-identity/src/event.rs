//! Security events that an issuer pushes to us: what it has revoked since it signed.
//!
//! Tokens of RFC 8417 in the profile of the Shared Signals Framework 1.0, with events of CAEP 1.0.
//! An event is acknowledged only once its effect is stored. What may not be understood as it was
//! meant is refused, so that the transmitter knows; what revokes too much is preferred to what
//! revokes too little.

mod subject;

use std::collections::{HashMap, HashSet, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use palisade_core::{
    Clock, EpochMillis, EventRefusal, EventSink, IssuerName, RevocationCause, RevocationScope,
    Sha256Digest, StateError,
};
use palisade_jose::{Algorithm, Claims, CompactJws, JwsLimits};
use serde_json::{Map, Value};

use crate::issuers::CLOCK_SKEW_DEFAULT;
use crate::keys::IssuerKeys;
use crate::revocation::RevocationIndex;
use crate::timing::later;
use crate::token::verified_claims;

/// Bytes of a security event token.
// LIMIT: what the endpoint that takes them reads of a body.
pub const SECURITY_EVENT_BYTES_MAX: usize = 64 * 1024;

/// Transmitters of events.
// LIMIT: fewer issuers push events than are trusted.
pub const TRANSMITTERS_MAX: usize = 256;

/// Events that are recognised when they come again.
// LIMIT: 32 bytes each, twice. What is forgotten is only done once more, to the same effect.
const SEEN_EVENTS_MAX: usize = 10_000;

/// Bytes of `jti`.
// LIMIT: a UUID has 36; it is never stored.
const EVENT_ID_BYTES_MAX: usize = 1024;

const LIMITS: JwsLimits =
    JwsLimits { token_bytes: SECURITY_EVENT_BYTES_MAX, header_bytes: 4 * 1024, claims_depth: 16 };

/// What the types of events of CAEP begin with.
const CAEP: &str = "https://schemas.openid.net/secevent/caep/event-type/";

/// How coarse the instants of events are: whole seconds (CAEP 1.0, section 2).
const EVENT_RESOLUTION: Duration = Duration::from_secs(1);

/// Somebody whose events are taken.
#[derive(Clone, Debug)]
pub struct Transmitter {
    /// The exact `iss` of its events.
    pub issuer: String,
    /// Its keys.
    pub keys: Arc<dyn IssuerKeys>,
    /// Algorithms that it may sign with.
    pub algorithms: Vec<Algorithm>,
    /// What its events call us in `aud`.
    pub audiences: Vec<String>,
    /// How far its clock may be ahead of ours.
    pub clock_skew: Duration,
    /// The issuers whose actors and sessions it may revoke.
    pub speaks_for: Vec<String>,
    /// Members of subjects that it says have to be understood (Shared Signals Framework 1.0,
    /// `critical_subject_members` of its configuration).
    pub critical_subject_members: Vec<String>,
    /// Whether every token of those issuers says its session (`sid`). Otherwise an event about a
    /// session of a user revokes all that the user has, because nobody could tell which tokens
    /// belong to that session.
    pub sessions_in_tokens: bool,
}

impl Transmitter {
    /// A transmitter that speaks for itself. It has no audience yet.
    #[must_use]
    pub fn new(issuer: impl Into<String>, keys: Arc<dyn IssuerKeys>) -> Self {
        let issuer = issuer.into();
        Self {
            speaks_for: vec![issuer.clone()],
            issuer,
            keys,
            algorithms: vec![
                Algorithm::EdDsa,
                Algorithm::Es256,
                Algorithm::Es384,
                Algorithm::Ps256,
                Algorithm::Rs256,
            ],
            audiences: Vec::new(),
            clock_skew: CLOCK_SKEW_DEFAULT,
            critical_subject_members: Vec::new(),
            sessions_in_tokens: false,
        }
    }
}

/// Why a list of transmitters is not usable.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EventReceiverError {
    /// Two entries of one transmitter.
    #[error("the transmitter `{issuer}` stands twice")]
    Duplicate {
        /// Which one.
        issuer: String,
    },
    /// A list that must have an entry has none.
    #[error("the transmitter `{issuer}` has no `{list}`")]
    Empty {
        /// Which transmitter.
        issuer: String,
        /// Which list.
        list: &'static str,
    },
    /// A name that no issuer can have.
    #[error("`{issuer}` is no issuer's name")]
    Name {
        /// What was written.
        issuer: String,
    },
    /// More than [`TRANSMITTERS_MAX`].
    #[error("{transmitters} transmitters; the limit is {TRANSMITTERS_MAX}")]
    TooMany {
        /// How many.
        transmitters: usize,
    },
}

/// What became of an event that was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received {
    /// It is of a type that changes nothing here.
    Acknowledged,
    /// It revoked something.
    Applied {
        /// How many revocations it made.
        revocations: usize,
    },
    /// Its subject has a member that has to be understood, and is not: as the framework demands, it
    /// is dropped.
    Discarded,
    /// The very same token came before, and was done.
    Repeated,
}

/// Takes events.
pub struct EventReceiver {
    transmitters: HashMap<String, Transmitter>,
    revocations: Arc<RevocationIndex>,
    clock: Arc<dyn Clock>,
    seen: Mutex<SeenEvents>,
}

impl EventReceiver {
    /// A receiver of these transmitters' events.
    ///
    /// # Errors
    /// A transmitter is not usable.
    pub fn new(
        transmitters: Vec<Transmitter>,
        revocations: Arc<RevocationIndex>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, EventReceiverError> {
        if transmitters.len() > TRANSMITTERS_MAX {
            return Err(EventReceiverError::TooMany { transmitters: transmitters.len() });
        }
        let mut by_issuer = HashMap::with_capacity(transmitters.len());
        for transmitter in transmitters {
            accept(&transmitter)?;
            let issuer = transmitter.issuer.clone();
            if by_issuer.insert(issuer.clone(), transmitter).is_some() {
                return Err(EventReceiverError::Duplicate { issuer });
            }
        }
        Ok(Self { transmitters: by_issuer, revocations, clock, seen: Mutex::default() })
    }

    /// Verifies an event and does what it says. Blocks until that is stored.
    ///
    /// # Errors
    /// It has no effect, in the words of RFC 8935, section 2.4. [`EventRefusal::UNAVAILABLE`] if it
    /// may be taken when it comes again: its key is not known yet, or its effect was not stored.
    pub fn receive_at(&self, set: &str, now: EpochMillis) -> Result<Received, EventRefusal> {
        let jws =
            CompactJws::parse(set, LIMITS).map_err(|_why| invalid("it is no signed token"))?;
        if !jws.header().is_type("secevent+jwt") {
            return Err(invalid("its `typ` is not `secevent+jwt`"));
        }
        let transmitter = self.transmitter(&jws)?;
        let claims = verified_claims(&jws, &transmitter.keys, &transmitter.algorithms).map_err(
            |refusal| match refusal.unknown_key {
                // Its keys are being fetched; a final code would make the transmitter forget it.
                Some(_) => EventRefusal::new(EventRefusal::UNAVAILABLE, "its key is not known yet"),
                None => EventRefusal::new(EventRefusal::INVALID_KEY, "its signature is not valid"),
            },
        )?;
        let issued_at = check_claims(&claims, transmitter, now)?;
        let digest = Sha256Digest::of(set.as_bytes());
        if self.seen.lock().unwrap_or_else(PoisonError::into_inner).contains(&digest) {
            return Ok(Received::Repeated);
        }
        let received = self.apply(&claims, transmitter, issued_at, now)?;
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).insert(digest);
        Ok(received)
    }

    fn transmitter(&self, jws: &CompactJws<'_>) -> Result<&Transmitter, EventRefusal> {
        let claims = jws
            .dangerous_unverified_claims()
            .map_err(|_why| invalid("its payload is no JSON object"))?;
        let issuer = claims.text("iss").ok().flatten();
        issuer.and_then(|issuer| self.transmitters.get(issuer)).ok_or_else(|| {
            EventRefusal::new(EventRefusal::INVALID_ISSUER, "events of this issuer are not taken")
        })
    }

    fn apply(
        &self,
        claims: &Claims,
        transmitter: &Transmitter,
        issued_at: EpochMillis,
        now: EpochMillis,
    ) -> Result<Received, EventRefusal> {
        let (event_type, event) = only_event(claims)?;
        let Some(name) = revoking(event_type, event) else {
            return Ok(Received::Acknowledged);
        };
        let Some(Value::Object(subject)) = claims.as_map().get("sub_id") else {
            return Err(invalid("it has no `sub_id`"));
        };
        let Some(scopes) = subject::scopes(subject, transmitter)? else {
            return Ok(Received::Discarded);
        };
        let happened = happened_at(event, issued_at, transmitter, now)?;
        // FAIL-CLOSED: within the second nobody can tell what was before, so all of it was.
        let issued_before = later(happened, EVENT_RESOLUTION);
        let cause = RevocationCause::new(&format!("{name} by {}", transmitter.issuer));
        let revocations = scopes.len();
        for scope in scopes {
            self.revoke(scope, issued_before, &cause, now)?;
        }
        Ok(Received::Applied { revocations })
    }

    fn revoke(
        &self,
        scope: RevocationScope,
        issued_before: EpochMillis,
        cause: &RevocationCause,
        now: EpochMillis,
    ) -> Result<(), EventRefusal> {
        let unavailable = |_why: StateError| {
            EventRefusal::new(EventRefusal::UNAVAILABLE, "its effect could not be stored")
        };
        self.revocations.revoke(scope, issued_before, cause.clone(), now).map_err(unavailable)
    }
}

impl EventSink for EventReceiver {
    fn receive(&self, set: &str) -> Result<(), EventRefusal> {
        self.receive_at(set, self.clock.now()).map(|_what_became_of_it| ())
    }
}

impl fmt::Debug for EventReceiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventReceiver")
            .field("transmitters", &self.transmitters.len())
            .field("revocations", &self.revocations)
            .finish_non_exhaustive()
    }
}

fn accept(transmitter: &Transmitter) -> Result<(), EventReceiverError> {
    let issuer = &transmitter.issuer;
    for name in transmitter.speaks_for.iter().chain([issuer]) {
        if IssuerName::new(name.as_str()).is_err() {
            return Err(EventReceiverError::Name { issuer: name.clone() });
        }
    }
    let lists = [
        ("algorithms", transmitter.algorithms.is_empty()),
        ("audiences", transmitter.audiences.is_empty()),
        ("speaks_for", transmitter.speaks_for.is_empty()),
    ];
    match lists.into_iter().find(|(_, is_empty)| *is_empty) {
        Some((list, _)) => Err(EventReceiverError::Empty { issuer: issuer.clone(), list }),
        None => Ok(()),
    }
}

/// Checks what every event has to have; returns when it was issued.
fn check_claims(
    claims: &Claims,
    transmitter: &Transmitter,
    now: EpochMillis,
) -> Result<EpochMillis, EventRefusal> {
    // Claims of access tokens, which must not be taken for events, nor the reverse (Shared Signals
    // Framework 1.0, section on the form of events).
    if ["exp", "sub"].iter().any(|name| claims.as_map().contains_key(*name)) {
        return Err(invalid("it has `sub` or `exp`"));
    }
    let audiences = claims.texts("aud").ok().flatten().unwrap_or_default();
    if !audiences.iter().any(|audience| transmitter.audiences.iter().any(|ours| ours == audience)) {
        return Err(EventRefusal::new(EventRefusal::INVALID_AUDIENCE, "it is for somebody else"));
    }
    match claims.text("jti") {
        Ok(Some(id)) if !id.is_empty() && id.len() <= EVENT_ID_BYTES_MAX => {}
        _ => return Err(invalid("it has no usable `jti`")),
    }
    match claims.instant("iat") {
        Ok(Some(issued_at)) if issued_at <= later(now, transmitter.clock_skew) => Ok(issued_at),
        _ => Err(invalid("it has no usable `iat`")),
    }
}

/// The type and the content of the one event that a token is about.
fn only_event(claims: &Claims) -> Result<(&str, &Map<String, Value>), EventRefusal> {
    let events = claims.object("events").ok().flatten();
    let mut events = events.into_iter().flatten();
    match (events.next(), events.next()) {
        (Some((event_type, Value::Object(event))), None) => Ok((event_type, event)),
        _ => Err(invalid("it is not about exactly one event")),
    }
}

/// The name of an event that revokes what was issued before it; `None`: it revokes nothing.
fn revoking<'a>(event_type: &'a str, event: &Map<String, Value>) -> Option<&'a str> {
    let name = event_type.strip_prefix(CAEP)?;
    let revokes = match name {
        "credential-change" | "session-revoked" => true,
        // A user of whom more is known now is no reason to distrust what was known before.
        "assurance-level-change" => {
            event.get("change_direction").and_then(Value::as_str) != Some("increase")
        }
        _ => false,
    };
    revokes.then_some(name)
}

/// When it happened: `event_timestamp`, or when the token was issued.
fn happened_at(
    event: &Map<String, Value>,
    issued_at: EpochMillis,
    transmitter: &Transmitter,
    now: EpochMillis,
) -> Result<EpochMillis, EventRefusal> {
    let Some(timestamp) = event.get("event_timestamp") else {
        return Ok(issued_at);
    };
    let seconds = timestamp.as_f64().filter(|seconds| seconds.is_finite() && *seconds >= 0.0);
    let since_epoch = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    let happened = since_epoch.map(|since_epoch| later(EpochMillis::new(0), since_epoch));
    // An instant to come would revoke tokens that do not exist yet.
    happened
        .filter(|happened| *happened <= later(now, transmitter.clock_skew))
        .ok_or_else(|| invalid("its `event_timestamp` is not usable"))
}

fn invalid(description: &'static str) -> EventRefusal {
    EventRefusal::new(EventRefusal::INVALID_REQUEST, description)
}

/// The events that were done last.
#[derive(Debug, Default)]
struct SeenEvents {
    known: HashSet<Sha256Digest>,
    by_age: VecDeque<Sha256Digest>,
}

impl SeenEvents {
    fn contains(&self, digest: &Sha256Digest) -> bool {
        self.known.contains(digest)
    }

    fn insert(&mut self, digest: Sha256Digest) {
        if !self.known.insert(digest) {
            return;
        }
        self.by_age.push_back(digest);
        if self.by_age.len() > SEEN_EVENTS_MAX
            && let Some(oldest) = self.by_age.pop_front()
        {
            self.known.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests;
