//! Joins what several credentials say to one chain of actors.
//!
//! Each credential speaks of a segment: one actor, or those that a token's nested `act` names.
//! A segment follows the chain so far only
//!
//! 1. if it is a token's and itself begins with the whole chain so far: then it is the same chain,
//!    grown, and nothing is repeated;
//! 2. if it is a single actor, and the credential before it is a token whose `may_act` names it
//!    (RFC 8693, section 4.4);
//! 3. if the enforcement point may compose chains.
//!
//! Anything else is unlinked. In particular an agent gains nothing by prepending a token that it
//! has seen: in the first case the later token alone says everything, and in the second the user's
//! own issuer names the agent.

pub(crate) mod expansion;

use std::collections::HashSet;

use palisade_core::limits::CHAIN_LINKS_MAX;
use palisade_core::{Actor, VerifiedLink};

use crate::error::Refusal;
use crate::party::Party;

/// What one credential says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Segment<'a> {
    /// The actors that it names, head first. Never empty.
    pub(crate) links: &'a [VerifiedLink],
    /// Who may become the actor after its last one.
    pub(crate) may_act: Option<&'a Party>,
    /// Whether it is a signed token, which alone can vouch for others than its holder.
    pub(crate) is_token: bool,
}

/// A chain, and the credential that each of its ends comes from.
#[derive(Debug)]
pub(crate) struct Joined {
    pub(crate) links: Vec<VerifiedLink>,
    /// Indices of the segments that speak of the head.
    pub(crate) of_head: Vec<usize>,
}

/// Joins segments in the order of their presentation.
///
/// # Errors
/// The refusal, and the index of the segment that cannot follow.
pub(crate) fn join(
    segments: &[Segment<'_>],
    may_compose: bool,
) -> Result<Joined, (usize, Refusal)> {
    let mut joined = Joined { links: Vec::new(), of_head: Vec::new() };
    let mut may_act = None;
    for (index, segment) in segments.iter().enumerate() {
        if joined.links.is_empty() || is_continuation(&joined.links, segment) {
            // INVARIANT: a later token that contains the chain replaces all that was known of it.
            // So presenting an earlier token beside it adds no claim to anybody.
            joined.links = segment.links.to_vec();
            joined.of_head.push(index);
        } else if may_compose || is_invited(may_act, segment) {
            joined.links.extend_from_slice(segment.links);
        } else {
            // FAIL-CLOSED: credentials that only stand beside each other prove no delegation.
            return Err((index, Refusal::unlinked()));
        }
        check(joined.links.iter().map(|link| &link.actor)).map_err(|refusal| (index, refusal))?;
        may_act = segment.may_act;
    }
    Ok(joined)
}

/// Checks that actors, head first, can be one chain: not too many, and nobody twice.
pub(crate) fn check<'a>(actors: impl Iterator<Item = &'a Actor>) -> Result<(), Refusal> {
    let mut seen = HashSet::with_capacity(CHAIN_LINKS_MAX);
    for (index, actor) in actors.enumerate() {
        if index >= CHAIN_LINKS_MAX {
            return Err(Refusal::too_deep());
        }
        // Whatever kind it is called: one (issuer, subject) is one actor.
        if !seen.insert((&actor.issuer, &actor.subject)) {
            return Err(Refusal::cycle());
        }
    }
    Ok(())
}

/// Whether a token's own chain begins with the whole chain so far, kinds included.
fn is_continuation(chain: &[VerifiedLink], segment: &Segment<'_>) -> bool {
    segment.is_token
        && segment.links.len() >= chain.len()
        && chain.iter().zip(segment.links).all(|(earlier, later)| earlier.actor == later.actor)
}

/// Whether the credential before names the only actor of this one as the next.
fn is_invited(may_act: Option<&Party>, segment: &Segment<'_>) -> bool {
    match (may_act, segment.links) {
        (Some(next), [only]) => next.is(&only.actor),
        _ => false,
    }
}

#[cfg(test)]
mod tests;
