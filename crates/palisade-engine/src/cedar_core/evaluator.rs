//! Evaluates the conditions of one policy at a time.

use std::sync::Arc;

use cedar_policy::{Entities, EntityUid, Policy};
use cedar_policy_core::ast::{self, EntityUIDEntry, Expr, Literal, SlotEnv, Value, ValueKind};
use cedar_policy_core::evaluator::Evaluator;
use cedar_policy_core::extensions::Extensions;

use super::values::CoreContext;

/// The part of a policy that is evaluated once its scope is known to match.
///
/// Cedar evaluates `scope && conditions`, and a scope never fails, so for a policy whose scope
/// matches, the conditions alone give the same result.
#[derive(Debug)]
pub(crate) struct PolicyBody {
    /// `None`: no conditions, always satisfied.
    pub(super) conditions: Option<Arc<Expr>>,
    slots: SlotEnv,
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

/// An entity as the evaluator takes it for a variable. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct CoreEntity(EntityUIDEntry);

impl CoreEntity {
    pub(crate) fn new(uid: &EntityUid) -> Self {
        let uid: &ast::EntityUID = uid.as_ref();
        Self(EntityUIDEntry::known(uid.clone(), None))
    }
}

/// What `principal`, `action` and `resource` stand for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CoreVariables<'a> {
    pub(crate) principal: &'a CoreEntity,
    pub(crate) action: &'a CoreEntity,
    pub(crate) resource: &'a CoreEntity,
}

/// Evaluates policies for one request.
pub(crate) struct PolicyEvaluator<'a>(Evaluator<'a>);

impl<'a> PolicyEvaluator<'a> {
    pub(crate) fn new(
        variables: CoreVariables<'_>,
        context: &CoreContext,
        entities: &'a Entities,
    ) -> Self {
        let CoreVariables { principal, action, resource } = variables;
        let request = ast::Request::new_unchecked(
            principal.0.clone(),
            action.0.clone(),
            resource.0.clone(),
            Some(context.0.clone()),
        );
        Self(Evaluator::new(request, entities.as_ref(), Extensions::all_available()))
    }

    /// Whether the conditions hold, or why they cannot be evaluated.
    pub(crate) fn is_satisfied(&self, body: &PolicyBody) -> Result<bool, String> {
        let Some(conditions) = &body.conditions else { return Ok(true) };
        let value = self.interpret(conditions, body)?;
        match value.value_kind() {
            ValueKind::Lit(Literal::Bool(holds)) => Ok(*holds),
            // Strict validation lets no such policy through.
            ValueKind::Lit(_)
            | ValueKind::Set(_)
            | ValueKind::Record(_)
            | ValueKind::ExtensionValue(_) => Err(format!("the condition is no Bool but {value}")),
        }
    }

    pub(super) fn interpret(&self, expr: &Expr, body: &PolicyBody) -> Result<Value, String> {
        self.0.interpret(expr, &body.slots).map_err(|error| error.to_string())
    }
}
