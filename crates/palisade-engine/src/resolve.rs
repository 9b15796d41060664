//! Fits a call to the catalog: who asks, which tool, which arguments, which resource.
//!
//! Refuses what does not fit before any policy is looked at. What fails first here is the reason,
//! so the order of the checks is part of the contract.

use std::net::IpAddr;
use std::sync::Arc;

use cedar_policy::{Context, Entity, EntityUid, Request};
use palisade_catalog::Tool;
use palisade_core::{
    Actor, ActorChain, ActorKind, Arguments, ArgumentsError, ErrorChain, Facts, Reason, ReasonCode,
    ToolCall,
};
use serde_json::Value;

use crate::cedar_core::ContextReads;
use crate::context::{self, Source};
use crate::names::{self, actor_type, entity};
use crate::snapshot::PolicySnapshot;
use crate::verdict::Granted;
use crate::{convert, resource};

/// Why a call was refused before any policy was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The reason, as it will stand in the answer.
    pub reason: Reason,
}

impl Refusal {
    pub(crate) fn new(code: ReasonCode, sentence: impl Into<String>) -> Self {
        Self { reason: Reason::new(code, sentence) }
    }
}

/// A call that fits the catalog.
#[derive(Debug)]
pub struct ResolvedCall {
    pub(crate) tool: Arc<Tool>,
    pub(crate) principals: Vec<EntityUid>,
    pub(crate) action: EntityUid,
    pub(crate) resource: EntityUid,
    /// The resource's entity, if an argument names the resource.
    pub(crate) resource_entity: Option<Entity>,
    /// `None`: not known yet.
    pub(crate) arguments: Option<Arguments>,
    pub(crate) source_address: Option<IpAddr>,
}

impl ResolvedCall {
    /// The Cedar entity the call acts on, e.g. `Tool::"crm.read_ticket"`.
    #[must_use]
    pub fn resource(&self) -> String {
        self.resource.to_string()
    }

    /// The parts of the context that `reads` names.
    pub(crate) fn context(
        &self,
        facts: &Facts,
        granted: Granted,
        reads: &ContextReads<'_>,
    ) -> Result<Context, String> {
        let source = Source {
            tool: &self.tool,
            principals: &self.principals,
            arguments: self.arguments.as_ref(),
            source_address: self.source_address,
            now: facts.now,
        };
        context::build(&source, granted, reads)
    }

    /// The Cedar request of one link.
    pub(crate) fn request(
        &self,
        principal: &EntityUid,
        context: &Context,
    ) -> Result<Request, String> {
        let (action, resource) = (self.action.clone(), self.resource.clone());
        Request::new(principal.clone(), action, resource, context.clone(), None)
            .map_err(|error| ErrorChain(&error).to_string())
    }
}

impl PolicySnapshot {
    /// Resolves chain, tool, arguments and resource of a call, in this order.
    ///
    /// `arguments` are the call's arguments as they were read.
    ///
    /// # Errors
    /// The first thing that does not fit.
    pub fn resolve(
        &self,
        call: &ToolCall,
        arguments: Result<Arguments, ArgumentsError>,
    ) -> Result<ResolvedCall, Refusal> {
        let principals = self.principals(&call.chain)?;
        let Some(tool) = self.catalog.shared_tool(&call.tool) else {
            let sentence = format!("the tool `{}` is not in the catalog", printable(&call.tool));
            return Err(Refusal::new(ReasonCode::UnknownTool, sentence));
        };
        check_definition(call, tool)?;
        let arguments = check_arguments(tool, arguments)?;
        let resource = self.derive_resource(tool, &arguments)?;
        check_resource(call, &resource)?;
        let resource_entity = tool
            .resource
            .is_some()
            .then(|| self.entities.mapped_resource(tool.name.service(), &resource));
        Ok(ResolvedCall {
            tool: Arc::clone(tool),
            principals,
            action: entity(&names::ACTION, tool.name.as_str()),
            resource,
            resource_entity,
            arguments: Some(arguments),
            source_address: call.environment.source_address,
        })
    }

    /// The chain as entities, head first.
    pub(crate) fn principals(&self, chain: &ActorChain) -> Result<Vec<EntityUid>, Refusal> {
        let principals: Vec<EntityUid> =
            chain.links().iter().map(|link| self.principal(link)).collect::<Result<_, _>>()?;
        if let (Some(head), Some(principal)) = (chain.links().first(), principals.first())
            && head.kind == ActorKind::Agent
            && !self.entities.is_autonomous(principal)
        {
            let sentence = format!(
                "{principal} stands at the head of the chain, but the bundle does not say that it \
                 may act without a user"
            );
            return Err(Refusal::new(ReasonCode::AgentNotAutonomous, sentence));
        }
        Ok(principals)
    }

    fn principal(&self, actor: &Actor) -> Result<EntityUid, Refusal> {
        let Some(alias) = self.issuers.alias(&actor.issuer) else {
            let sentence =
                format!("the bundle knows no issuer `{}`", printable(actor.issuer.as_str()));
            return Err(Refusal::new(ReasonCode::UnknownIssuer, sentence));
        };
        let id = format!("{alias}:{}", actor.subject.as_str());
        Ok(entity(actor_type(actor.kind), &id))
    }

    fn derive_resource(&self, tool: &Tool, arguments: &Arguments) -> Result<EntityUid, Refusal> {
        let Some(mapping) = &tool.resource else {
            return Ok(entity(&names::TOOL, tool.name.as_str()));
        };
        let refuse = |why: &str| {
            let sentence = format!("the argument `{}` names no resource: {why}", mapping.argument);
            Refusal::new(ReasonCode::InvalidArguments, sentence)
        };
        let Some(Value::String(text)) = arguments.as_object().get(&mapping.argument) else {
            return Err(refuse("it is no string"));
        };
        let id = resource::normalize(mapping.normalization, text).map_err(refuse)?;
        match self.mapped_types.get(&mapping.entity_type) {
            Some(entity_type) => Ok(entity(entity_type, &id)),
            None => Err(refuse("its type is unknown")),
        }
    }
}

fn check_definition(call: &ToolCall, tool: &Tool) -> Result<(), Refusal> {
    let Some(seen) = call.tool_digest else { return Ok(()) };
    let sentence = match tool.definition_digest {
        Some(reviewed) if reviewed == seen => return Ok(()),
        Some(_) => format!("the definition of `{}` is not the one that was reviewed", tool.name),
        None => format!("the catalog has no reviewed definition of `{}`", tool.name),
    };
    Err(Refusal::new(ReasonCode::ToolChanged, sentence))
}

fn check_arguments(
    tool: &Tool,
    arguments: Result<Arguments, ArgumentsError>,
) -> Result<Arguments, Refusal> {
    let arguments = arguments.map_err(|error| {
        let code = match &error {
            ArgumentsError::NotRepresentable { .. } => ReasonCode::ArgsNotRepresentable,
            ArgumentsError::DuplicateKey { .. }
            | ArgumentsError::NotAnObject
            | ArgumentsError::Syntax { .. }
            | ArgumentsError::TooDeep
            | ArgumentsError::TooLarge { .. } => ReasonCode::InvalidArguments,
        };
        Refusal::new(code, error.to_string())
    })?;
    tool.arguments.validate(arguments.as_value()).map_err(|violations| {
        let violations: Vec<String> = violations
            .iter()
            .map(|violation| match violation.pointer.as_str() {
                "" => violation.sentence.clone(),
                pointer => format!("`{pointer}`: {}", violation.sentence),
            })
            .collect();
        let sentence =
            format!("the arguments do not fit `{}`: {}", tool.name, violations.join("; "));
        Refusal::new(ReasonCode::InvalidArguments, sentence)
    })?;
    convert::check(tool.arguments.record(), arguments.as_object())
        .map_err(|error| Refusal::new(ReasonCode::ArgsNotRepresentable, error.to_string()))?;
    Ok(arguments)
}

fn check_resource(call: &ToolCall, derived: &EntityUid) -> Result<(), Refusal> {
    let Some(named) = &call.resource else { return Ok(()) };
    if named.entity_type == derived.type_name().to_string() && named.id == derived.id().unescaped()
    {
        return Ok(());
    }
    let sentence = format!("the call acts on {derived}, not on the resource named in the request");
    Err(Refusal::new(ReasonCode::ResourceMismatch, sentence))
}

/// What a stranger sent, fit to stand in a sentence.
fn printable(text: &str) -> String {
    text.chars().take(80).flat_map(char::escape_debug).collect()
}
