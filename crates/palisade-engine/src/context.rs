//! The `context` of a request: the vocabulary every policy may use.

use cedar_policy::{Context, EntityUid, RestrictedExpression};
use palisade_catalog::Tool;
use palisade_core::{ActorKind, EpochMillis};

use crate::names::{self, actor_type, entity};
use crate::verdict::Granted;

/// The actors of a chain, head first.
pub(crate) struct Chain<'a> {
    pub(crate) principals: &'a [EntityUid],
}

impl Chain<'_> {
    fn of(&self, kind: ActorKind) -> RestrictedExpression {
        let of_kind = self.principals.iter().filter(|uid| uid.type_name() == actor_type(kind));
        RestrictedExpression::new_set(
            of_kind.map(|uid| RestrictedExpression::new_entity_uid(uid.clone())),
        )
    }
}

/// `context.chain`: aggregates, because Cedar has no lists.
pub(crate) fn chain(chain: &Chain<'_>) -> RestrictedExpression {
    let depth = i64::try_from(chain.principals.len()).unwrap_or(i64::MAX);
    let mut fields = vec![
        ("depth", RestrictedExpression::new_long(depth)),
        ("users", chain.of(ActorKind::User)),
        ("agents", chain.of(ActorKind::Agent)),
        ("services", chain.of(ActorKind::Service)),
    ];
    if let Some(head) = chain.principals.first()
        && head.type_name() == actor_type(ActorKind::User)
    {
        fields.push(("user", RestrictedExpression::new_entity_uid(head.clone())));
    }
    record(fields)
}

/// `context.tool`: so that a guardrail on a tool's risk holds whatever the resource is.
pub(crate) fn tool(tool: &Tool) -> RestrictedExpression {
    let service = entity(&names::SERVICE, tool.name.service());
    let segment = entity(&names::SEGMENT, &tool.segment);
    let effect = RestrictedExpression::new_string(tool.effect.as_str().to_owned());
    record(vec![
        ("tier", RestrictedExpression::new_long(i64::from(tool.tier.number()))),
        ("effects", RestrictedExpression::new_set([effect])),
        ("reversible", RestrictedExpression::new_bool(tool.reversible)),
        ("egress", RestrictedExpression::new_bool(tool.egress)),
        ("service", RestrictedExpression::new_entity_uid(service)),
        ("segment", RestrictedExpression::new_entity_uid(segment)),
    ])
}

/// `context.ungrounded`: every critical argument, since nothing says where values came from.
pub(crate) fn ungrounded(tool: &Tool) -> RestrictedExpression {
    let critical = tool.critical.iter().cloned();
    RestrictedExpression::new_set(critical.map(RestrictedExpression::new_string))
}

/// The whole context: what the call gives, the time and the cure facts. Facts that no component
/// provides stay absent; no policy that reads them has loaded.
pub(crate) fn whole(
    call: &[(String, RestrictedExpression)],
    now: EpochMillis,
    granted: Granted,
) -> Result<Context, String> {
    let flag = |value| record(vec![("granted", RestrictedExpression::new_bool(value))]);
    let facts = [
        ("approval", flag(granted.approval)),
        ("confirmation", flag(granted.confirmation)),
        ("stepUp", flag(granted.step_up)),
        ("now", RestrictedExpression::new_datetime(now.to_string())),
        ("data", RestrictedExpression::new_set([])),
    ];
    let facts = facts.into_iter().map(|(name, value)| (name.to_owned(), value));
    Context::from_pairs(call.iter().cloned().chain(facts))
        .map_err(|error| palisade_core::ErrorChain(&error).to_string())
}

#[expect(clippy::expect_used, reason = "the callers above name every field once")]
fn record(fields: Vec<(&str, RestrictedExpression)>) -> RestrictedExpression {
    let fields = fields.into_iter().map(|(name, value)| (name.to_owned(), value));
    RestrictedExpression::new_record(fields).expect("field names are distinct")
}
