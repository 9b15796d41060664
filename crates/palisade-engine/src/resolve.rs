//! Fits a call to the catalog: who asks, which tool, which arguments, which resource.
//!
//! Refuses what does not fit before any policy is looked at. What fails first here is the reason,
//! so the order of the checks is part of the contract.

use std::net::IpAddr;
use std::sync::{Arc, OnceLock};

use cedar_policy::{Context, EntityUid, Request};
use palisade_catalog::Tool;
use palisade_core::{
    Actor, ActorChain, ActorKind, Arguments, ArgumentsError, ErrorChain, Facts, Reason, ReasonCode,
    Sha256Digest, ToolCall, VerifiedChain,
};
use serde_json::Value;

use crate::caches::{ArgumentsKeyRef, ReadArguments, ScopeKeyRef};
use crate::call_scope::{CallScope, Principal};
use crate::claims::{ClaimMisfit, Credentials, LinkCredentials};
use crate::compiled_tool::{BuiltArguments, CompiledTool, SeenArguments};
use crate::context::Source;
use crate::names::{self, actor_type, entity};
use crate::resource;
use crate::snapshot::PolicySnapshot;
use crate::verdict::Granted;

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

/// A call, as far as it fits the catalog.
#[derive(Debug)]
pub struct Resolution {
    /// Digest of the arguments in canonical form; of the bytes as sent if they are no JSON object
    /// within the limits.
    pub arguments_digest: Sha256Digest,
    /// The call, or the first thing that does not fit.
    pub call: Result<ResolvedCall, Refusal>,
}

/// A call that fits the catalog.
#[derive(Debug)]
pub struct ResolvedCall {
    pub(crate) scope: Arc<CallScope>,
    pub(crate) arguments: Arc<FittedArguments>,
    pub(crate) source_address: Option<IpAddr>,
}

/// Arguments that fit their tool.
#[derive(Debug)]
pub(crate) struct FittedArguments {
    pub(crate) arguments: Arguments,
    pub(crate) seen: SeenArguments,
    /// Built when they are first evaluated: what the policies say of them may be known.
    built: OnceLock<Result<BuiltArguments, String>>,
    /// The entity that they name, or the tool.
    resource: EntityUid,
    /// Bytes they had as text.
    bytes: usize,
}

impl FittedArguments {
    /// An estimate of the memory it takes, in bytes.
    pub(crate) fn weight(&self) -> usize {
        // A parsed value takes some six times its text, and what is built of it again as much.
        256 + 12 * self.bytes + self.seen.weight()
    }

    /// As the evaluator takes them.
    pub(crate) fn built(&self, tool: &CompiledTool) -> Result<&BuiltArguments, String> {
        let build = || tool.build(&self.arguments).map_err(|error| error.to_string());
        self.built.get_or_init(build).as_ref().map_err(String::clone)
    }
}

impl ResolvedCall {
    /// The Cedar entity the call acts on, e.g. `Tool::"crm.read_ticket"`.
    #[must_use]
    pub fn resource(&self) -> String {
        self.scope.resource.to_string()
    }

    /// The whole context, through Cedar's public API.
    pub(crate) fn context(&self, facts: &Facts, granted: Granted) -> Result<Context, String> {
        let source = Source {
            tool: &self.scope.tool.tool,
            principals: &self.scope.principals(),
            proof: self.scope.proof,
            arguments: Some(&self.arguments.arguments),
            source_address: self.source_address,
            facts,
        };
        source.context(granted)
    }

    /// The Cedar request of one link.
    pub(crate) fn request(
        &self,
        principal: &EntityUid,
        context: &Context,
    ) -> Result<Request, String> {
        request(principal, &self.scope.tool.action, &self.scope.resource, context)
    }
}

/// A Cedar request, through its public API.
pub(crate) fn request(
    principal: &EntityUid,
    action: &EntityUid,
    resource: &EntityUid,
    context: &Context,
) -> Result<Request, String> {
    let (principal, action, resource) = (principal.clone(), action.clone(), resource.clone());
    Request::new(principal, action, resource, context.clone(), None)
        .map_err(|error| ErrorChain(&error).to_string())
}

impl PolicySnapshot {
    /// Resolves chain, tool, arguments and resource of a call: the first of these that does not
    /// fit is why the call is refused.
    #[must_use]
    pub fn resolve(&self, call: &ToolCall) -> Resolution {
        self.resolve_as(call, &self.credentials(call))
    }

    /// What policies see of the credentials of a call.
    pub(crate) fn credentials(&self, call: &ToolCall) -> Result<Credentials, Refusal> {
        self.credentials_of(call.identity.as_deref())
    }

    fn credentials_of(&self, identity: Option<&VerifiedChain>) -> Result<Credentials, Refusal> {
        self.claims.credentials(identity).map_err(|ClaimMisfit { link, claim, wanted }| {
            let sentence = format!(
                "the credential of link {link} cannot be used: its claim `{claim}` is not {wanted}"
            );
            Refusal::new(ReasonCode::UnverifiedActor, sentence)
        })
    }

    /// The same of a call whose credentials were looked at.
    pub(crate) fn resolve_as(
        &self,
        call: &ToolCall,
        credentials: &Result<Credentials, Refusal>,
    ) -> Resolution {
        let Some(tool) = self.tool(&call.tool) else {
            let arguments = Arguments::parse(&call.arguments);
            let refuse = || {
                self.principals_as(&call.chain, credentials)?;
                let name = printable(&call.tool);
                let sentence = format!("the tool `{name}` is not in the catalog");
                Err(Refusal::new(ReasonCode::UnknownTool, sentence))
            };
            let arguments_digest = digest(arguments.as_ref().ok(), &call.arguments);
            return Resolution { arguments_digest, call: refuse() };
        };
        let read = self.read_arguments(tool, &call.arguments);
        Resolution {
            arguments_digest: read.digest,
            call: self.resolve_read(call, credentials, tool, &read).map(|(scope, arguments)| {
                ResolvedCall { scope, arguments, source_address: call.environment.source_address }
            }),
        }
    }

    fn resolve_read(
        &self,
        call: &ToolCall,
        credentials: &Result<Credentials, Refusal>,
        tool: &Arc<CompiledTool>,
        read: &ReadArguments,
    ) -> Result<(Arc<CallScope>, Arc<FittedArguments>), Refusal> {
        let seen = credentials.as_ref().map_err(Refusal::clone)?;
        let key = |resource| {
            let (chain, credentials) = (&call.chain, seen.key.as_slice());
            ScopeKeyRef { chain, credentials, tool: tool.number, resource }
        };
        if let (Some(caches), Ok(arguments)) = (&self.caches, &read.fitted)
            && let Some(scope) = caches.scope(key(&arguments.resource))
        {
            // A scope is kept only of a chain that fits.
            check_definition(call, &tool.tool)?;
            check_resource(call, &arguments.resource)?;
            return Ok((scope, Arc::clone(arguments)));
        }
        let principals = self.principals_as(&call.chain, credentials)?;
        check_definition(call, &tool.tool)?;
        let arguments = read.fitted.as_ref().map_err(Refusal::clone)?;
        check_resource(call, &arguments.resource)?;
        let scope = Arc::new(self.call_scope(&principals, tool, &arguments.resource));
        if let Some(caches) = &self.caches {
            caches.keep_scope(key(&arguments.resource), Arc::clone(&scope));
        }
        Ok((scope, Arc::clone(arguments)))
    }

    /// Reads the arguments of a call of this tool, once for the same bytes.
    fn read_arguments(&self, tool: &CompiledTool, text: &[u8]) -> Arc<ReadArguments> {
        let read = || {
            let arguments = Arguments::parse(text);
            let digest = digest(arguments.as_ref().ok(), text);
            let fitted = self.fit_arguments(tool, arguments, text.len()).map(Arc::new);
            ReadArguments { digest, fitted }
        };
        match &self.caches {
            Some(caches) => caches.arguments(ArgumentsKeyRef { tool: tool.number, text }, read),
            None => Arc::new(read()),
        }
    }

    fn fit_arguments(
        &self,
        tool: &CompiledTool,
        arguments: Result<Arguments, ArgumentsError>,
        bytes: usize,
    ) -> Result<FittedArguments, Refusal> {
        let arguments = check_arguments(&tool.tool, arguments)?;
        let seen = tool
            .seen(&arguments)
            .map_err(|error| Refusal::new(ReasonCode::ArgsNotRepresentable, error.to_string()))?;
        let resource = self.derive_resource(&tool.tool, &arguments)?;
        Ok(FittedArguments { arguments, seen, built: OnceLock::new(), resource, bytes })
    }

    /// The chain as policies see it, head first, with what is known of its links.
    pub(crate) fn principals(
        &self,
        chain: &ActorChain,
        identity: Option<&VerifiedChain>,
    ) -> Result<Vec<Principal>, Refusal> {
        self.principals_as(chain, &self.credentials_of(identity))
    }

    fn principals_as(
        &self,
        chain: &ActorChain,
        credentials: &Result<Credentials, Refusal>,
    ) -> Result<Vec<Principal>, Refusal> {
        let credentials = credentials.as_ref().map_err(Refusal::clone)?;
        let links = chain.links().iter().enumerate();
        let principals: Vec<Principal> = links
            .map(|(place, link)| self.principal(link, credentials.links.get(place)))
            .collect::<Result<_, _>>()?;
        if let (Some(head), Some(principal)) = (chain.links().first(), principals.first())
            && head.kind == ActorKind::Agent
            && !self.entities.is_autonomous(&principal.uid)
        {
            let sentence = format!(
                "{} stands at the head of the chain, but the bundle does not say that it \
                 may act without a user",
                principal.uid
            );
            return Err(Refusal::new(ReasonCode::AgentNotAutonomous, sentence));
        }
        Ok(principals)
    }

    fn principal(
        &self,
        actor: &Actor,
        credentials: Option<&LinkCredentials>,
    ) -> Result<Principal, Refusal> {
        let Some(alias) = self.issuers.alias(&actor.issuer) else {
            let sentence =
                format!("the bundle knows no issuer `{}`", printable(actor.issuer.as_str()));
            return Err(Refusal::new(ReasonCode::UnknownIssuer, sentence));
        };
        let of_issuer = |name: &str| format!("{alias}:{name}");
        let groups = credentials.iter().flat_map(|known| &known.groups);
        Ok(Principal {
            uid: entity(actor_type(actor.kind), &of_issuer(actor.subject.as_str())),
            credentials: credentials.cloned(),
            groups: groups.map(|group| entity(&names::GROUP, &of_issuer(group))).collect(),
        })
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

pub(crate) fn check_definition(call: &ToolCall, tool: &Tool) -> Result<(), Refusal> {
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
    Ok(arguments)
}

/// Digest of arguments in canonical form, or else of the bytes as sent.
fn digest(arguments: Option<&Arguments>, text: &[u8]) -> Sha256Digest {
    let canonical = arguments.and_then(|arguments| arguments.digest().ok());
    canonical.unwrap_or_else(|| Sha256Digest::of(text))
}

fn check_resource(call: &ToolCall, derived: &EntityUid) -> Result<(), Refusal> {
    let Some(named) = &call.resource else { return Ok(()) };
    if named.entity_type == derived.type_name().to_string() && named.id == derived.id().unescaped()
    {
        return Ok(());
    }
    Err(resource_mismatch(derived))
}

/// The caller named another resource than the one the call acts on.
pub(crate) fn resource_mismatch(derived: &EntityUid) -> Refusal {
    let sentence = format!("the call acts on {derived}, not on the resource named in the request");
    Refusal::new(ReasonCode::ResourceMismatch, sentence)
}

/// What a stranger sent, fit to stand in a sentence.
fn printable(text: &str) -> String {
    text.chars().take(80).flat_map(char::escape_debug).collect()
}
