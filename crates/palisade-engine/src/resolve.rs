//! Fits a call to the catalog: who asks, which tool, which arguments, which resource.
//!
//! Refuses what does not fit before any policy is looked at. What fails first here is the reason,
//! so the order of the checks is part of the contract.

use cedar_policy::{Context, Entity, EntityUid, Request, RestrictedExpression};
use palisade_catalog::Tool;
use palisade_core::{
    Actor, ActorChain, ActorKind, Arguments, ArgumentsError, Environment, ErrorChain, Reason,
    ReasonCode, ToolCall,
};
use serde_json::Value;

use crate::context::{self, Chain};
use crate::names::{self, actor_type, entity};
use crate::snapshot::PolicySnapshot;
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
    pub(crate) tool: String,
    pub(crate) principals: Vec<EntityUid>,
    pub(crate) action: EntityUid,
    pub(crate) resource: EntityUid,
    /// The resource's entity, if it is not one of the store.
    pub(crate) resource_entity: Option<Entity>,
    /// The parts of `context` that do not depend on facts.
    pub(crate) context: Vec<(String, RestrictedExpression)>,
}

impl ResolvedCall {
    /// The Cedar entity the call acts on, e.g. `Tool::"crm.read_ticket"`.
    #[must_use]
    pub fn resource(&self) -> String {
        self.resource.to_string()
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
        arguments: &Result<Arguments, ArgumentsError>,
    ) -> Result<ResolvedCall, Refusal> {
        let principals = self.principals(&call.chain)?;
        let Some(tool) = self.catalog.tool(&call.tool) else {
            let sentence = format!("the tool `{}` is not in the catalog", printable(&call.tool));
            return Err(Refusal::new(ReasonCode::UnknownTool, sentence));
        };
        check_definition(call, tool)?;
        let arguments = check_arguments(tool, arguments)?;
        let converted = convert::arguments(tool.arguments.record(), arguments.as_object())
            .map_err(|e| Refusal::new(ReasonCode::ArgsNotRepresentable, e.to_string()))?;
        let resource = self.derive_resource(tool, arguments)?;
        check_resource(call, &resource)?;
        let resource_entity = tool
            .resource
            .is_some()
            .then(|| self.entities.mapped_resource(tool.name.service(), &resource));
        let mut context = self.shared_context(&principals, tool, &call.environment);
        context.push(("args".to_owned(), converted.args));
        context.push(("argsInfo".to_owned(), converted.info));
        Ok(ResolvedCall {
            tool: tool.name.as_str().to_owned(),
            principals,
            action: entity(&names::ACTION, tool.name.as_str()),
            resource,
            resource_entity,
            context,
        })
    }

    /// The parts of `context` that depend on neither arguments nor facts.
    pub(crate) fn shared_context(
        &self,
        principals: &[EntityUid],
        tool: &Tool,
        environment: &Environment,
    ) -> Vec<(String, RestrictedExpression)> {
        let mut context = vec![
            ("chain".to_owned(), context::chain(&Chain { principals })),
            ("tool".to_owned(), context::tool(tool)),
            ("ungrounded".to_owned(), context::ungrounded(tool)),
        ];
        if let Some(address) = environment.source_address {
            let address = RestrictedExpression::new_ip(address.to_string());
            context.push(("sourceIp".to_owned(), address));
        }
        context
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

fn check_arguments<'a>(
    tool: &Tool,
    arguments: &'a Result<Arguments, ArgumentsError>,
) -> Result<&'a Arguments, Refusal> {
    let arguments = arguments.as_ref().map_err(|error| {
        let code = match error {
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
