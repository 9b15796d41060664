//! From a call to its answer, with nothing done twice.

use std::sync::Arc;

use palisade_catalog::Tool;
use palisade_core::{EpochMillis, Facts, Sha256Digest, ToolCall, Validity, Verdict};

use crate::caches::CallAndFacts;
use crate::claims::Credentials;
use crate::resolve::{Refusal, Resolution};
use crate::snapshot::PolicySnapshot;

/// What is answered to a call, and what was found out on the way.
#[derive(Debug)]
pub struct Answer {
    /// Digest of the arguments in canonical form; of the bytes as sent if they are no JSON object
    /// within the limits.
    pub arguments_digest: Sha256Digest,
    /// The tool, if it is catalogued.
    pub tool: Option<Arc<Tool>>,
    /// The Cedar entity the call acts on, e.g. `Tool::"crm.read_ticket"`; `None` if the call was
    /// refused before any policy was looked at.
    pub resource: Option<Arc<str>>,
    /// The verdict.
    pub verdict: Arc<Verdict>,
    /// While it stands, for the same call and facts under the same snapshot.
    pub validity: Validity,
}

/// A verdict, and while it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decided {
    /// The verdict.
    pub verdict: Verdict,
    /// While it stands, for the same call and facts under the same snapshot.
    pub validity: Validity,
}

/// Milliseconds that an answer has to stand from now on to be kept.
// LIMIT: what is over in a second would be looked for in vain more often than found.
const KEPT_MILLIS_MIN: i64 = 1000;

/// Whether an answer stands long enough to be kept.
pub(crate) fn is_lasting(validity: Validity, now: EpochMillis) -> bool {
    let later = EpochMillis::new(now.as_millis().saturating_add(KEPT_MILLIS_MIN));
    validity.contains(now) && validity.contains(later)
}

impl Answer {
    /// An estimate of the memory it takes, in bytes.
    pub(crate) fn weight(&self) -> usize {
        let Self { resource, verdict, .. } = self;
        let Verdict { outcome: _, reason: _, determining, requirements, exceptions } = &**verdict;
        let policies = determining.len() + requirements.len() * 8 + exceptions.len() * 3;
        512 + resource.as_ref().map_or(0, |resource| resource.len())
            + verdict.reason.sentence.len()
            + 16 * policies
    }
}

impl PolicySnapshot {
    /// Resolves and decides a call. A pure function of the snapshot, the call and the facts;
    /// calls that were answered before are answered from memory.
    #[must_use]
    pub fn answer(&self, call: &ToolCall, facts: &Facts) -> Arc<Answer> {
        let credentials = self.credentials(call);
        // Cures belong to one call and are spent with it.
        let caches = self.caches.as_ref().filter(|_| facts.cures.is_empty());
        let (Some(caches), Ok(seen)) = (caches, &credentials) else {
            return Arc::new(self.work_out(call, facts, &credentials));
        };
        let call_and_facts = CallAndFacts { call, credentials: &seen.key, facts };
        let places = caches.calls.places(call_and_facts);
        let found = caches
            .calls
            .get(places, call_and_facts)
            .filter(|found| found.validity.contains(facts.now));
        caches.counters.calls.count(found.is_some());
        if let Some(found) = found {
            return found;
        }
        let answer = Arc::new(self.work_out(call, facts, &credentials));
        if is_lasting(answer.validity, facts.now) {
            caches.calls.keep(places, call_and_facts, &answer, &caches.counters.calls);
        }
        answer
    }

    fn work_out(
        &self,
        call: &ToolCall,
        facts: &Facts,
        credentials: &Result<Credentials, Refusal>,
    ) -> Answer {
        let Resolution { arguments_digest, call: resolved } = self.resolve_as(call, credentials);
        let tool = self.tool(&call.tool).map(|tool| Arc::clone(&tool.tool));
        match resolved {
            Ok(resolved) => {
                let Decided { verdict, validity } = self.decide(&resolved, facts);
                let resource = Some(resolved.resource().into());
                Answer { arguments_digest, tool, resource, verdict: Arc::new(verdict), validity }
            }
            Err(refusal) => Answer {
                arguments_digest,
                tool,
                resource: None,
                verdict: Arc::new(Verdict::deny(refusal.reason)),
                validity: Validity::ALWAYS,
            },
        }
    }
}
