//! Time-boxed exceptions: forbids that are lifted for one actor and one tool until an instant.
//!
//! An exception takes a *satisfied* forbid out of what the policies said of one link. It cannot
//! make up for a missing permit, does not touch other links, and does not help where a policy
//! failed. Nobody but [`Exceptions::of`] pays for it: a link that no exception is about has an
//! empty list.

use std::collections::HashMap;
use std::sync::Arc;

use cedar_policy::{EntityUid, PrincipalConstraint};
use palisade_catalog::Catalog;
use palisade_core::{ActorKind, EpochMillis, ExceptionUse, PolicyId, Problem, Problems};

use crate::names::{self, actor_type, entity};
use crate::policy::Policies;
use crate::{Exception, Issuers, PolicyEffect};

/// The exceptions of a bundle, accepted.
#[derive(Debug, Default)]
pub(crate) struct Exceptions {
    written: Vec<Exception>,
    /// By principal and action.
    by_link: HashMap<EntityUid, HashMap<EntityUid, Vec<Lift>>>,
}

/// One exception, as links that it is about know it.
#[derive(Clone, Debug)]
pub(crate) struct Lift {
    /// From this instant on it lifts nothing.
    pub(crate) until: EpochMillis,
    pub(crate) used: ExceptionUse,
}

impl Lift {
    pub(crate) fn is_about(&self, policy: &PolicyId) -> bool {
        self.used.policy == *policy
    }
}

/// The exceptions that lift a forbid at an instant, of those about one link; sorted.
pub(crate) fn lifting<'a>(
    lifts: &'a [Lift],
    policy: &'a PolicyId,
    now: EpochMillis,
) -> impl Iterator<Item = &'a ExceptionUse> {
    let live = move |lift: &&Lift| lift.is_about(policy) && now < lift.until;
    lifts.iter().filter(live).map(|lift| &lift.used)
}

impl Exceptions {
    /// Accepts exceptions; those that are about nothing there is are problems. Whether they have
    /// expired does not matter: a server has to come up again when one has.
    pub(crate) fn build(
        written: &[Exception],
        (catalog, issuers): (&Catalog, &Issuers),
        policies: &Policies,
        problems: &mut Problems,
    ) -> Self {
        // With policies that could not be read nothing is known of those that are missing.
        let all_known = !problems.has_errors();
        for exception in written {
            let before = problems.0.len();
            check_policy(exception, policies, all_known, problems);
            check_tool(exception, catalog, problems);
            check_issuer(exception, issuers, problems);
            if problems.0.len() == before {
                check_agents(exception, policies, problems);
            }
        }
        Self::of(written)
    }

    fn of(written: &[Exception]) -> Self {
        let mut by_link: HashMap<_, HashMap<_, Vec<Lift>>> = HashMap::new();
        for exception in written {
            let Exception { id, policy, principal, tool, until, reason: _, ticket, place: _ } =
                exception;
            let used = ExceptionUse {
                id: Arc::clone(id),
                policy: policy.clone(),
                ticket: Arc::clone(ticket),
            };
            let name = format!("{}:{}", principal.issuer.as_str(), principal.subject.as_str());
            let principal = entity(actor_type(principal.kind), &name);
            let action = entity(&names::ACTION, tool);
            let of_link = by_link.entry(principal).or_default().entry(action).or_default();
            of_link.push(Lift { until: *until, used });
        }
        for lifts in by_link.values_mut().flat_map(HashMap::values_mut) {
            lifts.sort_by(|one, other| one.used.cmp(&other.used));
        }
        Self { written: written.to_vec(), by_link }
    }

    /// As their author wrote them.
    pub(crate) fn written(&self) -> &[Exception] {
        &self.written
    }

    /// The exceptions about a link, whatever the time; sorted.
    pub(crate) fn about(&self, principal: &EntityUid, action: &EntityUid) -> &[Lift] {
        let of_link = self.by_link.get(principal).and_then(|actions| actions.get(action));
        of_link.map_or(&[], Vec::as_slice)
    }
}

fn check_policy(
    exception: &Exception,
    policies: &Policies,
    all_known: bool,
    problems: &mut Problems,
) {
    let Exception { policy: id, place, .. } = exception;
    let (code, message) = match policies.by_id.get(id) {
        None if !all_known => return,
        None => ("exception.unknown_policy", format!("there is no policy `{id}`")),
        Some(policy) if policy.effect == PolicyEffect::Permit => {
            ("exception.not_a_forbid", format!("`{id}` is a permit, which nothing has to lift"))
        }
        Some(policy) if policy.shadow => {
            ("exception.shadow_policy", format!("`{id}` only watches, so there is nothing to lift"))
        }
        Some(_) => return,
    };
    let help = match code {
        "exception.unknown_policy" => "name the `@id` of a forbid, or the id of a template link",
        _ => "remove the exception, or name a forbid that counts",
    };
    problems.0.push(place.mark(Problem::error(code, message).with_help(help), &place.policy));
}

/// A user's agents do not share the user's exceptions: each link is asked about by itself.
fn check_agents(exception: &Exception, policies: &Policies, problems: &mut Problems) {
    let Exception { policy, principal, place, .. } = exception;
    let forbid = policies.by_id.get(policy).filter(|policy| policy.effect == PolicyEffect::Forbid);
    let is_for_all = forbid.is_some_and(|forbid| {
        matches!(forbid.cedar.principal_constraint(), PrincipalConstraint::Any)
    });
    if principal.kind == ActorKind::User && is_for_all {
        let message = format!(
            "`{policy}` forbids agents as well, so calls that an agent makes for the user stay \
             forbidden"
        );
        let problem = Problem::advice("exception.agents_stay_forbidden", message)
            .with_help("write the forbid for `principal is User`, or an exception for the agent");
        problems.0.push(place.mark(problem, &place.policy));
    }
}

fn check_tool(exception: &Exception, catalog: &Catalog, problems: &mut Problems) {
    let Exception { tool, place, .. } = exception;
    if catalog.tool(tool).is_some() {
        return;
    }
    let message = format!("the tool `{}` is not in the catalog", tool.escape_debug());
    let problem = Problem::error("exception.unknown_tool", message)
        .with_help("name one tool of the catalog; there are no wildcards");
    problems.0.push(place.mark(problem, &place.tool));
}

fn check_issuer(exception: &Exception, issuers: &Issuers, problems: &mut Problems) {
    let Exception { principal, place, .. } = exception;
    let alias = principal.issuer.as_str();
    if issuers.has_alias(alias) {
        return;
    }
    let message = format!("`{}` is no issuer alias of the bundle", alias.escape_debug());
    let problem = Problem::error("exception.unknown_issuer", message)
        .with_help("write `kind:alias:subject`, with an alias from `bundle.yaml`");
    problems.0.push(place.mark(problem, &place.principal));
}

/// Milliseconds before its end from which on an author is told of an exception.
// LIMIT: a week, so that somebody is at work at least once before it ends.
const ENDS_SOON_MILLIS: i64 = 7 * 86_400_000;

/// What an author should know of the ends of exceptions: those that are over are errors, those
/// that will be within seven days are advices. Never a reason not to load.
pub(crate) fn expired(exceptions: &[Exception], now: EpochMillis) -> Vec<Problem> {
    let about = |exception: &Exception| {
        let Exception { id, until, place, .. } = exception;
        let left = until.as_millis().saturating_sub(now.as_millis());
        let problem = if left <= 0 {
            let message = format!("the exception `{id}` ended at {until}, so it lifts nothing");
            Problem::error("exception.expired", message)
                .with_help("remove it, or have it granted again")
        } else if left <= ENDS_SOON_MILLIS {
            let message = format!("the exception `{id}` ends at {until}");
            Problem::advice("exception.expires_soon", message)
                .with_help("remove what it is there for before then, or have it granted again")
        } else {
            return None;
        };
        Some(place.mark(problem, &place.until))
    };
    exceptions.iter().filter_map(about).collect()
}

#[cfg(test)]
mod tests;
