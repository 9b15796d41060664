//! What the policies say of a call: two ways to the same answer.
//!
//! [`Indexed`] looks only at policies whose scope matches and is what decides. [`Stock`] hands all
//! policies to Cedar's own authorizer and is the oracle that tests hold the first against.

mod indexed;
mod stock;

use palisade_core::Verdict;

use crate::resolve::ResolvedCall;
use crate::verdict::{Granted, LinkAnswer};

pub(crate) use indexed::Indexed;
pub(crate) use stock::Stock;

/// Says what the policies say.
pub(crate) trait Evaluate {
    /// One answer for each link, in chain order, with these cure facts.
    fn evaluate(&self, granted: Granted) -> Vec<LinkAnswer<'_>>;
}

/// An answer in which nothing could be evaluated, for every link.
fn broken<'a>(call: &'a ResolvedCall, error: &str) -> Vec<LinkAnswer<'a>> {
    let links = call.scope.links.iter().map(|link| LinkAnswer::of(&link.principal));
    links.map(|link| LinkAnswer { broken: Some(error.to_owned()), ..link }).collect()
}

/// The verdict by one of the ways.
pub(crate) fn decide(
    way: &impl Evaluate,
    facts: &palisade_core::Facts,
    call: &ResolvedCall,
) -> Verdict {
    crate::verdict::decide(
        |granted| way.evaluate(granted),
        facts,
        call.scope.tool.tool.name.as_str(),
    )
}
