//! The `context` of a request: the vocabulary every policy may use.

use std::net::IpAddr;

use cedar_policy::{Context, EntityUid};
use palisade_catalog::Tool;
use palisade_core::{ActorKind, Arguments, Attestation, Authentication, ErrorChain, Facts, Proof};

use crate::cedar_core::ContextPart;
use crate::convert::{self, Wanted};
use crate::names::{self, actor_type, entity};
use crate::values::{PublicValues, Values};
use crate::verdict::Granted;

/// `context.chain`: aggregates, because Cedar has no lists.
pub(crate) fn chain<V: Values>(principals: &[EntityUid], proof: Proof) -> V::Value {
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
        ("proof", V::string(proof.as_str())),
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

/// `context.auth`: how the head signed in.
pub(crate) fn authentication<V: Values>(known: &Authentication) -> Result<V::Value, String> {
    let Authentication { acr, amr, time } = known;
    let mut fields = vec![("amr", V::set(amr.iter().map(|method| V::string(method)).collect()))];
    fields.extend(acr.as_ref().map(|acr| ("acr", V::string(acr))));
    if let Some(time) = time {
        fields.push(("time", V::datetime(*time)?));
    }
    Ok(V::record(fields))
}

/// `context.attestation`: what was proven of the last link's environment.
pub(crate) fn attestation<V: Values>(proven: &Attestation) -> Result<V::Value, String> {
    let Attestation {
        verifier,
        subject,
        tier,
        vector,
        issued_at,
        expires_at,
        measurements,
        references,
        debug,
        nonce_fresh,
    } = proven;
    let texts = |texts: &[String]| V::set(texts.iter().map(|text| V::string(text)).collect());
    let claim = |(category, name): &(&str, &'static str)| {
        let (_, value) = vector.iter().find(|(known, _)| known == category)?;
        Some((*name, V::long(i64::from(*value))))
    };
    Ok(V::record(vec![
        ("tier", V::string(tier.as_str())),
        ("vector", V::record(TRUST_CLAIMS.iter().filter_map(claim).collect())),
        ("verifier", V::string(verifier)),
        ("subject", V::string(subject)),
        ("issuedAt", V::datetime(*issued_at)?),
        ("expiresAt", V::datetime(*expires_at)?),
        ("debug", V::bool(*debug)),
        ("nonceFresh", V::bool(*nonce_fresh)),
        ("measurements", texts(measurements)),
        ("references", texts(references)),
    ]))
}

/// The trust claims of AR4SI, as results name them and as policies do.
const TRUST_CLAIMS: [(&str, &str); 8] = [
    ("configuration", "configuration"),
    ("executables", "executables"),
    ("file-system", "fileSystem"),
    ("hardware", "hardware"),
    ("instance-identity", "instanceIdentity"),
    ("runtime-opaque", "runtimeOpaque"),
    ("sourced-data", "sourcedData"),
    ("storage-opaque", "storageOpaque"),
];

/// What a context is made of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Source<'a> {
    pub(crate) tool: &'a Tool,
    pub(crate) principals: &'a [EntityUid],
    pub(crate) proof: Proof,
    /// `None`: not known yet.
    pub(crate) arguments: Option<&'a Arguments>,
    pub(crate) source_address: Option<IpAddr>,
    pub(crate) facts: &'a Facts,
}

impl Source<'_> {
    /// Builds the whole context through Cedar's public API. Facts that no component provides stay
    /// absent; no policy that reads them has loaded.
    pub(crate) fn context(&self, granted: Granted) -> Result<Context, String> {
        type Public = PublicValues;
        let Self { tool, principals, proof, arguments, source_address, facts } = *self;
        let Facts { now, cures: _, authentication, attestation } = facts;
        let mut parts = vec![
            (ContextPart::Approval, cure::<Public>(granted.approval)),
            (ContextPart::Chain, chain::<Public>(principals, proof)),
            (ContextPart::Confirmation, cure::<Public>(granted.confirmation)),
            (ContextPart::Data, data::<Public>()),
            (ContextPart::Now, Public::datetime(*now)?),
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
        if let Some(known) = authentication {
            parts.push((ContextPart::Auth, self::authentication::<Public>(known)?));
        }
        if let Some(proven) = attestation {
            parts.push((ContextPart::Attestation, self::attestation::<Public>(proven)?));
        }
        if let Some(address) = source_address {
            parts.push((ContextPart::SourceIp, Public::ip(address)?));
        }
        let parts = parts.into_iter().map(|(part, value)| (part.name().to_owned(), value));
        Context::from_pairs(parts).map_err(|error| ErrorChain(&error).to_string())
    }
}
