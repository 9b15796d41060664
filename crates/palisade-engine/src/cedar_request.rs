//! Plain Cedar requests, for tests in Cedar's own format.
//!
//! They pass by the catalog and the pipeline, so nothing that answers a caller may use them.

use std::str::FromStr;

use cedar_policy::{
    Authorizer, Context, Decision, Entities, EntityUid, PolicySet, PolicySetError, Request,
    SchemaFragment,
};
use miette::Diagnostic;
use palisade_core::{ErrorChain, PolicyId};
use serde_json::Value;

use crate::policy::CedarSets;
use crate::snapshot::PolicySnapshot;

/// A request as Cedar's `run-tests` writes it.
#[derive(Clone, Copy, Debug)]
pub struct CedarRequest<'a> {
    /// E.g. `User::"corp:alice"`.
    pub principal: &'a str,
    /// E.g. `Action::"crm.read_ticket"`.
    pub action: &'a str,
    /// E.g. `Tool::"crm.read_ticket"`.
    pub resource: &'a str,
    /// The whole context, in Cedar's JSON form.
    pub context: &'a Value,
    /// A JSON list of entities, in Cedar's JSON form. The bundle's are not used.
    pub entities: &'a Value,
}

/// Cedar's own answer to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CedarAnswer {
    /// Whether Cedar's authorizer allows it.
    pub allowed: bool,
    /// The determining policies, sorted.
    pub reasons: Vec<PolicyId>,
    /// The evaluation errors, sorted.
    pub errors: Vec<String>,
}

/// A request does not fit the schema, or cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("the {part} cannot be read: {message}")]
pub struct CedarRequestError {
    /// Which part.
    part: &'static str,
    /// What Cedar says.
    message: String,
}

impl CedarRequestError {
    fn new<E: Diagnostic>(part: &'static str, error: &E) -> Self {
        Self { part, message: ErrorChain(error).to_string() }
    }
}

impl PolicySnapshot {
    /// Answers a plain Cedar request from the snapshot's policies, as Cedar's authorizer does:
    /// policies that fail are skipped and reported.
    ///
    /// # Errors
    /// A part cannot be read or does not fit the schema.
    pub fn cedar_answer(
        &self,
        request: &CedarRequest<'_>,
    ) -> Result<CedarAnswer, CedarRequestError> {
        let (asked, entities) = self.cedar_question(request)?;
        let response = Authorizer::new().is_authorized(&asked, &self.counted()?, &entities);
        let mut reasons: Vec<PolicyId> =
            response.diagnostics().reason().map(|id| PolicyId::new(id.as_ref())).collect();
        reasons.sort();
        let mut errors: Vec<String> =
            response.diagnostics().errors().map(ToString::to_string).collect();
        errors.sort();
        Ok(CedarAnswer { allowed: response.decision() == Decision::Allow, reasons, errors })
    }

    /// The request and its entities as Cedar takes them.
    pub(crate) fn cedar_question(
        &self,
        request: &CedarRequest<'_>,
    ) -> Result<(Request, Entities), CedarRequestError> {
        let uid = |part, text| {
            EntityUid::from_str(text).map_err(|error| CedarRequestError::new(part, &error))
        };
        let schema = &self.schema.cedar;
        let action = uid("action", request.action)?;
        let context = Context::from_json_value(request.context.clone(), Some((schema, &action)))
            .map_err(|error| CedarRequestError::new("context", &error))?;
        let entities = Entities::from_json_value(request.entities.clone(), Some(schema))
            .map_err(|error| CedarRequestError::new("entities", &error))?;
        let asked = Request::new(
            uid("principal", request.principal)?,
            action,
            uid("resource", request.resource)?,
            context,
            Some(schema),
        )
        .map_err(|error| CedarRequestError::new("request", &error))?;
        Ok((asked, entities))
    }

    /// The policies that count, as one set.
    fn counted(&self) -> Result<PolicySet, CedarRequestError> {
        let refused = |error: &PolicySetError| CedarRequestError::new("policies", error);
        let CedarSets { permits, forbids } = self.policies.cedar_sets().map_err(refused)?;
        let mut set = permits.clone();
        // Ids are unique across permits and forbids, so merging renames nothing.
        set.merge(forbids, false).map_err(|error| refused(&error))?;
        Ok(set)
    }

    /// The whole Cedar schema, generated and merged, in Cedar's own syntax.
    ///
    /// # Errors
    /// The schema has no form in that syntax.
    pub fn cedar_schema_text(&self) -> Result<String, CedarRequestError> {
        let fragment = SchemaFragment::from_json_str(&self.schema.json)
            .map_err(|error| CedarRequestError::new("schema", &error))?;
        fragment.to_cedarschema().map_err(|error| CedarRequestError::new("schema", &error))
    }
}
