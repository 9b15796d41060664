//! Cedar as a program embeds it that follows Cedar's own documentation: one policy set, one store
//! of entities, the context from JSON, one question per link.

use std::str::FromStr as _;

use cedar_policy::{
    Authorizer, Context, Decision, Entities, EntityId, EntityTypeName, EntityUid, PolicySet,
    Request,
};
use serde_json::Value;

use crate::organisation::{Call, Organisation};

/// Stock Cedar with the policies and entities of an organisation.
#[derive(Debug)]
pub struct StockCedar {
    authorizer: Authorizer,
    policies: PolicySet,
    entities: Entities,
}

/// A call as stock Cedar is asked about it.
#[derive(Clone, Debug)]
pub struct StockCall {
    principals: Vec<EntityUid>,
    action: EntityUid,
    resource: EntityUid,
    context: Value,
}

impl StockCedar {
    /// The policies and entities that a snapshot of the organisation has.
    ///
    /// # Panics
    /// Cedar rejects them.
    #[must_use]
    pub fn new(organisation: &Organisation) -> Self {
        let text = organisation.policies().join("\n");
        let mut entities = organisation.entities().to_vec();
        entities.extend(organisation.catalog_entities());
        Self {
            authorizer: Authorizer::new(),
            policies: PolicySet::from_str(&text).expect("policies"),
            entities: Entities::from_json_value(Value::Array(entities), None).expect("entities"),
        }
    }

    /// Everything of a call that does not have to be made for each question.
    #[must_use]
    pub fn call(&self, call: &Call) -> StockCall {
        let principals = call.principals();
        StockCall {
            principals: principals.iter().map(|(kind, id)| uid(kind, id)).collect(),
            action: uid("Action", &call.tool_name()),
            resource: uid("Tool", &call.tool_name()),
            context: call.cedar_context(),
        }
    }

    /// Whether every link is allowed, the context made anew.
    ///
    /// # Panics
    /// Cedar rejects the context.
    #[must_use]
    pub fn allows(&self, call: &StockCall) -> bool {
        let context = Context::from_json_value(call.context.clone(), None).expect("a context");
        // Every link is asked about, as Palisade does, so that both do the same work.
        let allowed = call.principals.iter().filter(|principal| {
            let principal = (*principal).clone();
            let (action, resource) = (call.action.clone(), call.resource.clone());
            let request = Request::new(principal, action, resource, context.clone(), None)
                .expect("without a schema there is nothing to reject");
            let response = self.authorizer.is_authorized(&request, &self.policies, &self.entities);
            response.decision() == Decision::Allow
        });
        allowed.count() == call.principals.len()
    }
}

fn uid(kind: &str, id: &str) -> EntityUid {
    let kind = EntityTypeName::from_str(kind).expect("an entity type");
    EntityUid::from_type_name_and_id(kind, EntityId::new(id))
}
