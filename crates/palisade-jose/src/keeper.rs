//! When to look at each document, and what to make of what comes back.
//!
//! No thread and no waiting here: [`Keeper::step`] does what is due and says when it wants to be
//! called again.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use aws_lc_rs::digest;
use palisade_core::Clock;
use ureq::Agent;

use crate::fetch::{self, FetchError, Fetched, Question};
use crate::handle::Slot;
use crate::source::{Origin, Source};

/// How often a file is looked at.
const FILE_INTERVAL: Duration = Duration::from_secs(5);

/// How long to wait after the first failure in a row; it doubles with each further one.
const BACK_OFF_FIRST: Duration = Duration::from_secs(1);

/// How long to wait at most after a failure.
const BACK_OFF_MAX: Duration = Duration::from_mins(5);

/// Doublings after which the wait is at its greatest anyway.
const BACK_OFF_DOUBLINGS_MAX: u32 = 9;

/// Keeps documents fresh.
pub(crate) struct Keeper<T> {
    watched: Vec<Watched<T>>,
    agent: Agent,
    clock: Arc<dyn Clock>,
    jitter: fastrand::Rng,
}

struct Watched<T> {
    source: Source<T>,
    slot: Arc<Slot<T>>,
    /// When it is looked at next, as [`Clock::monotonic`] counts; `None`: never.
    due: Option<Duration>,
    /// When it was looked at last.
    asked: Duration,
    /// When a look at it succeeded last.
    confirmed: Option<Duration>,
    failures: u32,
    /// How long the document that is here says that it is fresh.
    hint: Option<Duration>,
    /// Tag and SHA-256 of the document that is here.
    etag: Option<String>,
    digest: Option<Vec<u8>>,
}

impl<T: Clone + Send + Sync + 'static> Keeper<T> {
    pub(crate) fn new(
        sources: Vec<(Source<T>, Arc<Slot<T>>)>,
        clock: Arc<dyn Clock>,
        jitter: fastrand::Rng,
    ) -> Self {
        let now = clock.monotonic();
        let watched = sources.into_iter().map(|(source, slot)| {
            let fixed = match &source.origin {
                Origin::Fixed(document) => Some(document.clone()),
                Origin::File(_) | Origin::Url(_) => None,
            };
            let due = if fixed.is_some() { None } else { Some(now) };
            if let Some(document) = fixed {
                slot.publish(document, clock.now());
            }
            let (confirmed, hint, etag, digest) = (None, None, None, None);
            Watched { source, slot, due, asked: now, confirmed, failures: 0, hint, etag, digest }
        });
        Self { watched: watched.collect(), agent: fetch::new_agent(), clock, jitter }
    }

    /// Looks at the files that are due, and at nothing that takes time.
    pub(crate) fn step_files(&mut self) {
        self.step_where(|origin| matches!(origin, Origin::File(_)));
    }

    /// Looks at all that is due, and says how long there is nothing to do; `None`: for ever.
    pub(crate) fn step(&mut self) -> Option<Duration> {
        self.step_where(|_origin| true);
        let now = self.clock.monotonic();
        let next = self.watched.iter().filter_map(|watched| watched.due).min()?;
        Some(next.saturating_sub(now))
    }

    fn step_where(&mut self, takes: impl Fn(&Origin<T>) -> bool) {
        for watched in self.watched.iter_mut().filter(|watched| takes(&watched.source.origin)) {
            watched.heed_wish();
            let now = self.clock.monotonic();
            if watched.due.is_some_and(|due| due <= now) {
                watched.look(&self.agent, self.clock.as_ref(), &mut self.jitter);
            }
        }
    }
}

impl<T> Watched<T> {
    /// Brings the next look forward if somebody asked for it.
    fn heed_wish(&mut self) {
        let wanted = self.slot.wanted.swap(false, Ordering::AcqRel);
        // While it fails, the back-off alone decides: tokens with made-up keys must not undo it.
        if wanted && self.failures == 0 {
            let earliest = self.asked.saturating_add(self.source.minimum_refetch);
            self.due = self.due.map(|due| due.min(earliest));
        }
    }

    fn look(&mut self, agent: &Agent, clock: &dyn Clock, jitter: &mut fastrand::Rng) {
        self.asked = clock.monotonic();
        // Should reading it panic, the others have their turn first.
        self.due = Some(self.asked.saturating_add(BACK_OFF_MAX));
        let outcome = self.get(agent).and_then(|fetched| match fetched {
            Fetched::Document { bytes, etag, lifetime } => {
                self.take(&bytes, clock)?;
                self.etag = etag;
                Ok(lifetime)
            }
            Fetched::Unchanged { lifetime } => Ok(lifetime),
        });
        let now = clock.monotonic();
        let wait = match outcome {
            Ok(lifetime) => {
                self.failures = 0;
                self.confirmed = Some(now);
                self.slot.confirm(clock.now());
                self.wait_after_success(lifetime, jitter)
            }
            Err(code) => {
                self.failures = self.failures.saturating_add(1);
                self.withdraw_if_stale(now);
                if self.slot.fail(code, self.failures) {
                    tracing::warn!(source = self.source.name, code, "a key source failed");
                }
                self.wait_after_failure(jitter)
            }
        };
        self.due = Some(now.saturating_add(wait));
        self.slot.tell();
    }

    fn get(&self, agent: &Agent) -> Result<Fetched, &'static str> {
        let Source { bytes_max, timeout, .. } = self.source;
        match &self.source.origin {
            Origin::File(path) => fetch::read_file(path, bytes_max)
                .map(|bytes| Fetched::Document { bytes, etag: None, lifetime: None }),
            // It is never due.
            Origin::Fixed(_) => Ok(Fetched::Unchanged { lifetime: None }),
            Origin::Url(url) => {
                fetch::ask(agent, Question { url, bytes_max, timeout, etag: self.etag.as_deref() })
            }
        }
        .map_err(FetchError::code)
    }

    /// Publishes a document unless it is the one that is here.
    fn take(&mut self, bytes: &[u8], clock: &dyn Clock) -> Result<(), &'static str> {
        let digest = digest::digest(&digest::SHA256, bytes);
        if self.digest.as_deref() == Some(digest.as_ref()) {
            return Ok(());
        }
        let document = (self.source.read)(bytes)?;
        self.digest = Some(digest.as_ref().to_vec());
        self.hint = (self.source.lifetime)(&document);
        let generation = self.slot.publish(document, clock.now());
        tracing::info!(source = self.source.name, generation, "a key source has changed");
        Ok(())
    }

    /// FAIL-CLOSED: keys that nobody has confirmed for that long may be revoked ones.
    fn withdraw_if_stale(&mut self, now: Duration) {
        let (Some(limit), Some(confirmed)) = (self.source.withdraw_after, self.confirmed) else {
            return;
        };
        if now.saturating_sub(confirmed) > limit {
            (self.confirmed, self.digest, self.etag) = (None, None, None);
            self.slot.withdraw();
        }
    }

    /// Up to a tenth early, so that many servers do not ask at once.
    fn wait_after_success(
        &self,
        lifetime: Option<Duration>,
        jitter: &mut fastrand::Rng,
    ) -> Duration {
        let Source { minimum_refetch, default_lifetime, max_lifetime, .. } = self.source;
        match self.source.origin {
            Origin::File(_) | Origin::Fixed(_) => FILE_INTERVAL,
            Origin::Url(_) => {
                let said = self.hint.or(lifetime).unwrap_or(default_lifetime);
                let lifetime = said.min(max_lifetime);
                let early = (lifetime / 10).mul_f64(jitter.f64());
                lifetime.saturating_sub(early).max(minimum_refetch)
            }
        }
    }

    /// Between a half and the whole of the back-off.
    fn wait_after_failure(&self, jitter: &mut fastrand::Rng) -> Duration {
        match self.source.origin {
            Origin::File(_) | Origin::Fixed(_) => FILE_INTERVAL,
            Origin::Url(_) => {
                let doublings = self.failures.saturating_sub(1).min(BACK_OFF_DOUBLINGS_MAX);
                let whole = BACK_OFF_FIRST.saturating_mul(1 << doublings).min(BACK_OFF_MAX);
                whole.mul_f64(0.5 + jitter.f64() / 2.0)
            }
        }
    }
}

#[cfg(test)]
mod tests;
