//! The `context` of a request: the vocabulary every policy may use.

use std::net::IpAddr;

use cedar_policy::{Context, EntityUid};
use palisade_catalog::Tool;
use palisade_core::{ActorKind, Arguments, EpochMillis, ErrorChain};

use crate::cedar_core::ContextPart;
use crate::convert::{self, Wanted};
use crate::names::{self, actor_type, entity};
use crate::values::{PublicValues, Values};
use crate::verdict::Granted;

/// `context.chain`: aggregates, because Cedar has no lists.
pub(crate) fn chain<V: Values>(principals: &[EntityUid]) -> V::Value {
    let of = |kind| {
        let of_kind = principals.iter().filter(|uid| uid.type_name() == actor_type(kind));
        V::set(of_kind.map(V::entity).collect())
    };
    let depth = i64::try_from(principals.len()).unwrap_or(i64::MAX);
    let mut fields = vec![
        ("depth", V::long(depth)),
        ("users", of(ActorKind::User)),
        ("agents", of(ActorKind::Agent)),
        ("services", of(ActorKind::Service)),
    ];
    if let Some(head) = principals.first()
        && head.type_name() == actor_type(ActorKind::User)
    {
        fields.push(("user", V::entity(head)));
    }
    V::record(fields)
}

/// `context.tool`: so that a guardrail on a tool's risk holds whatever the resource is.
pub(crate) fn tool<V: Values>(tool: &Tool) -> V::Value {
    V::record(vec![
        ("tier", V::long(i64::from(tool.tier.number()))),
        ("effects", V::set(vec![V::string(tool.effect.as_str())])),
        ("reversible", V::bool(tool.reversible)),
        ("egress", V::bool(tool.egress)),
        ("service", V::entity(&entity(&names::SERVICE, tool.name.service()))),
        ("segment", V::entity(&entity(&names::SEGMENT, &tool.segment))),
    ])
}

/// `context.ungrounded`: every critical argument, since nothing says where values came from.
pub(crate) fn ungrounded<V: Values>(tool: &Tool) -> V::Value {
    V::set(tool.critical.iter().map(|name| V::string(name)).collect())
}

/// `context.data`: nothing says what labels the arguments have.
pub(crate) fn data<V: Values>() -> V::Value {
    V::set(Vec::new())
}

/// `context.approval`, `context.confirmation` or `context.stepUp`.
pub(crate) fn cure<V: Values>(granted: bool) -> V::Value {
    V::record(vec![("granted", V::bool(granted))])
}

/// What a context is made of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Source<'a> {
    pub(crate) tool: &'a Tool,
    pub(crate) principals: &'a [EntityUid],
    /// `None`: not known yet.
    pub(crate) arguments: Option<&'a Arguments>,
    pub(crate) source_address: Option<IpAddr>,
    pub(crate) now: EpochMillis,
}

impl Source<'_> {
    /// Builds the whole context through Cedar's public API. Facts that no component provides stay
    /// absent; no policy that reads them has loaded.
    pub(crate) fn context(&self, granted: Granted) -> Result<Context, String> {
        type Public = PublicValues;
        let Self { tool, principals, arguments, source_address, now } = *self;
        let mut parts = vec![
            (ContextPart::Approval, cure::<Public>(granted.approval)),
            (ContextPart::Chain, chain::<Public>(principals)),
            (ContextPart::Confirmation, cure::<Public>(granted.confirmation)),
            (ContextPart::Data, data::<Public>()),
            (ContextPart::Now, Public::datetime(now)?),
            (ContextPart::StepUp, cure::<Public>(granted.step_up)),
            (ContextPart::Tool, self::tool::<Public>(tool)),
            (ContextPart::Ungrounded, ungrounded::<Public>(tool)),
        ];
        if let Some(arguments) = arguments.map(Arguments::as_object) {
            let ty = tool.arguments.record();
            let args = convert::arguments::<Public>(ty, arguments, &Wanted::Whole)
                .map_err(|error| error.to_string())?;
            parts.push((ContextPart::Args, args));
            parts.push((
                ContextPart::ArgsInfo,
                convert::info::<Public>(ty, &ty.counted_arrays(), arguments),
            ));
        }
        if let Some(address) = source_address {
            parts.push((ContextPart::SourceIp, Public::ip(address)?));
        }
        let parts = parts.into_iter().map(|(part, value)| (part.name().to_owned(), value));
        Context::from_pairs(parts).map_err(|error| ErrorChain(&error).to_string())
    }
}
