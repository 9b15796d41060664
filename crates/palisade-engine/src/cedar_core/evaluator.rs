//! Evaluates the conditions of one policy at a time.

use std::sync::Arc;

use cedar_policy::{Entities, Policy, Request};
use cedar_policy_core::ast::{self, Literal, ValueKind};
use cedar_policy_core::evaluator::Evaluator;
use cedar_policy_core::extensions::Extensions;

/// The part of a policy that is evaluated once its scope is known to match.
///
/// Cedar evaluates `scope && conditions`, and a scope never fails, so for a policy whose scope
/// matches, the conditions alone give the same result.
#[derive(Debug)]
pub(crate) struct PolicyBody {
    /// `None`: no conditions, always satisfied.
    conditions: Option<Arc<ast::Expr>>,
    slots: ast::SlotEnv,
}

impl PolicyBody {
    pub(crate) fn of(policy: &Policy) -> Self {
        let policy: &ast::Policy = policy.as_ref();
        Self {
            conditions: policy.non_scope_constraints_arc().map(Arc::clone),
            slots: policy.env().clone(),
        }
    }
}

/// Evaluates policies for one request.
pub(crate) struct PolicyEvaluator<'a>(Evaluator<'a>);

impl<'a> PolicyEvaluator<'a> {
    pub(crate) fn new(request: &Request, entities: &'a Entities) -> Self {
        let request: &ast::Request = request.as_ref();
        Self(Evaluator::new(request.clone(), entities.as_ref(), Extensions::all_available()))
    }

    /// Whether the conditions hold, or why they cannot be evaluated.
    pub(crate) fn is_satisfied(&self, body: &PolicyBody) -> Result<bool, String> {
        let Some(conditions) = &body.conditions else { return Ok(true) };
        let value = self.0.interpret(conditions, &body.slots).map_err(|error| error.to_string())?;
        match value.value_kind() {
            ValueKind::Lit(Literal::Bool(holds)) => Ok(*holds),
            // Strict validation lets no such policy through.
            ValueKind::Lit(_)
            | ValueKind::Set(_)
            | ValueKind::Record(_)
            | ValueKind::ExtensionValue(_) => Err(format!("the condition is no Bool but {value}")),
        }
    }
}
