//! The `context` of a request: the vocabulary every policy may use.

use std::net::IpAddr;

use cedar_policy::{Context, EntityUid, RestrictedExpression};
use palisade_catalog::Tool;
use palisade_core::{ActorKind, Arguments, EpochMillis, ErrorChain};

use crate::cedar_core::{ContextPart, ContextReads};
use crate::convert;
use crate::names::{self, actor_type, entity};
use crate::verdict::Granted;

/// `context.chain`: aggregates, because Cedar has no lists.
fn chain(principals: &[EntityUid]) -> RestrictedExpression {
    let of = |kind| {
        let of_kind = principals.iter().filter(|uid| uid.type_name() == actor_type(kind));
        RestrictedExpression::new_set(
            of_kind.map(|uid| RestrictedExpression::new_entity_uid(uid.clone())),
        )
    };
    let depth = i64::try_from(principals.len()).unwrap_or(i64::MAX);
    let mut fields = vec![
        ("depth", RestrictedExpression::new_long(depth)),
        ("users", of(ActorKind::User)),
        ("agents", of(ActorKind::Agent)),
        ("services", of(ActorKind::Service)),
    ];
    if let Some(head) = principals.first()
        && head.type_name() == actor_type(ActorKind::User)
    {
        fields.push(("user", RestrictedExpression::new_entity_uid(head.clone())));
    }
    record(fields)
}

/// `context.tool`: so that a guardrail on a tool's risk holds whatever the resource is.
fn tool(tool: &Tool) -> RestrictedExpression {
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
fn ungrounded(tool: &Tool) -> RestrictedExpression {
    let critical = tool.critical.iter().cloned();
    RestrictedExpression::new_set(critical.map(RestrictedExpression::new_string))
}

/// What a context is made of.
#[derive(Clone, Copy)]
pub(crate) struct Source<'a> {
    pub(crate) tool: &'a Tool,
    pub(crate) principals: &'a [EntityUid],
    /// `None`: not known yet.
    pub(crate) arguments: Option<&'a Arguments>,
    pub(crate) source_address: Option<IpAddr>,
    pub(crate) now: EpochMillis,
}

/// Builds the parts of the context that `reads` names. Facts that no component provides stay
/// absent; no policy that reads them has loaded.
pub(crate) fn build(
    source: &Source<'_>,
    granted: Granted,
    reads: &ContextReads<'_>,
) -> Result<Context, String> {
    let Source { tool, principals, arguments, source_address, now } = *source;
    let mut context: Vec<(ContextPart, RestrictedExpression)> = Vec::new();
    if let Some(arguments) = arguments
        && (reads.reads(ContextPart::Args) || reads.reads(ContextPart::ArgsInfo))
    {
        let ty = tool.arguments.record();
        let converted = convert::arguments(ty, arguments.as_object(), reads)
            .map_err(|error| error.to_string())?;
        context
            .extend([(ContextPart::Args, converted.args), (ContextPart::ArgsInfo, converted.info)]);
    }
    let flag = |value| record(vec![("granted", RestrictedExpression::new_bool(value))]);
    let mut add = |part, value: &dyn Fn() -> RestrictedExpression| {
        if reads.reads(part) {
            context.push((part, value()));
        }
    };
    add(ContextPart::Approval, &|| flag(granted.approval));
    add(ContextPart::Chain, &|| chain(principals));
    add(ContextPart::Confirmation, &|| flag(granted.confirmation));
    add(ContextPart::Data, &|| RestrictedExpression::new_set([]));
    add(ContextPart::Now, &|| RestrictedExpression::new_datetime(now.to_string()));
    add(ContextPart::StepUp, &|| flag(granted.step_up));
    add(ContextPart::Tool, &|| self::tool(tool));
    add(ContextPart::Ungrounded, &|| ungrounded(tool));
    if let Some(address) = source_address {
        add(ContextPart::SourceIp, &|| RestrictedExpression::new_ip(address.to_string()));
    }
    Context::from_pairs(context.into_iter().map(|(part, value)| (part.name().to_owned(), value)))
        .map_err(|error| ErrorChain(&error).to_string())
}

#[expect(clippy::expect_used, reason = "the callers above name every field once")]
fn record(fields: Vec<(&str, RestrictedExpression)>) -> RestrictedExpression {
    let fields = fields.into_iter().map(|(name, value)| (name.to_owned(), value));
    RestrictedExpression::new_record(fields).expect("field names are distinct")
}
