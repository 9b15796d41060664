//! Type-checks a policy once for each kind of request, not once for each request environment.
//!
//! Cedar's validator checks every policy in every environment: every action with every type of
//! principal and resource. To one policy most of them are alike. Those of an action outside its
//! scope it leaves at the scope, and two within it look the same if what it reads of the context
//! has the same type in both. One of each kind is enough to know that Cedar would find nothing.
//! What it would find is not said here: whoever is not told "nothing" asks Cedar.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "`children`, which must not miss a kind of expression, is exhaustive"
)]

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::hash::Hash;

use cedar_policy::{Policy, Schema};
use cedar_policy_core::ast::{
    self, ActionConstraint, EntityType, EntityUID, Expr, ExprKind, Literal, Var,
};
use cedar_policy_core::validator::typecheck::{PolicyCheck, Typechecker};
use cedar_policy_core::validator::types::{OpenTag, RequestEnv, Type};
use cedar_policy_core::validator::{
    ValidationMode, Validator, ValidatorSchema, confusable_string_checks,
};

use super::reads::children;

/// The request environments of a schema, by action and by kind.
#[derive(Debug)]
pub(crate) struct RequestKinds<'a> {
    schema: &'a ValidatorSchema,
    /// Whether everything the schema names is declared; if not, Cedar refuses every policy.
    is_complete: bool,
    /// All environments of an action.
    of_action: BTreeMap<&'a EntityUID, Vec<Environment<'a>>>,
    /// One environment of each kind of an action and of the actions within it.
    within_action: HashMap<&'a EntityUID, Vec<Environment<'a>>>,
    /// One environment of each kind.
    of_any_action: Vec<Environment<'a>>,
}

/// One request environment.
#[derive(Clone, Debug)]
struct Environment<'a> {
    principal: &'a EntityType,
    resource: &'a EntityType,
    context: &'a Type,
    /// Equal contexts have equal numbers.
    context_number: usize,
    cedar: RequestEnv<'a>,
}

/// What one step of a path through the context shows of its type.
#[derive(Debug, PartialEq, Eq, Hash)]
enum Seen<'a> {
    Absent,
    Optional,
    Required,
    /// The end of the path, or where it cannot be followed.
    Type(&'a Type),
}

impl<'a> RequestKinds<'a> {
    pub(crate) fn of(schema: &'a Schema) -> Self {
        let schema: &ValidatorSchema = schema.as_ref();
        let mut numbers: HashMap<&Type, usize> = HashMap::new();
        let mut of_action: BTreeMap<&EntityUID, Vec<Environment<'_>>> = BTreeMap::new();
        for cedar in schema.unlinked_request_envs(ValidationMode::Strict) {
            let RequestEnv::DeclaredAction { principal, action, resource, context, .. } = cedar
            else {
                continue;
            };
            let next = numbers.len();
            let context_number = *numbers.entry(context).or_insert(next);
            let environment = Environment { principal, resource, context, context_number, cedar };
            of_action.entry(action).or_default().push(environment);
        }
        let within_action = schema.action_ids().map(|action| {
            // DETERMINISM: the first in order stands for its kind.
            let within: BTreeSet<_> = action.descendants().chain([action.name()]).collect();
            let all = within.into_iter().filter_map(|action| of_action.get(action)).flatten();
            (action.name(), one_of_each(all, Environment::kind))
        });
        let within_action = within_action.collect();
        let of_any_action = one_of_each(of_action.values().flatten(), Environment::kind);
        let is_complete = schema.is_complete();
        Self { schema, is_complete, of_action, within_action, of_any_action }
    }

    /// Whether Cedar's strict validation of this policy finds nothing, neither errors nor
    /// warnings. False: it may find something.
    pub(crate) fn finds_nothing(&self, policy: &Policy) -> bool {
        let policy: &ast::Policy = policy.as_ref();
        let template = policy.template();
        let conditions = template.non_scope_constraints();
        // A condition on the action makes every action a kind of its own.
        let is_simple = policy.is_static() && !conditions.is_some_and(reads_action);
        let mut literals = Validator::validate_entity_types_and_literals(self.schema, template);
        let mut strings = confusable_string_checks(std::iter::once(template));
        let is_faulty = !self.is_complete || literals.next().is_some() || strings.next().is_some();
        if !is_simple || is_faulty {
            return false;
        }
        let mut paths = BTreeSet::new();
        if let Some(conditions) = conditions {
            collect_paths(conditions, &mut paths);
        }
        let in_scope = self.in_scope(template.action_constraint());
        let kinds =
            one_of_each(in_scope, |environment| (environment.types(), environment.seen(&paths)));
        // Out of scope there is only the scope to check, and in that only names can be wrong.
        let checker = Typechecker::new(self.schema, ValidationMode::Strict);
        let mut applies = false;
        for environment in &kinds {
            match checker.typecheck_by_single_request_env(template, &environment.cedar) {
                PolicyCheck::Success(_) => applies = true,
                PolicyCheck::Irrelevant(errors, _) if errors.is_empty() => {}
                PolicyCheck::Irrelevant(..) | PolicyCheck::Fail(_) => return false,
            }
        }
        // Where it type-checks and may hold, action, principal and resource go together. Nowhere:
        // Cedar warns that it can never apply.
        applies
    }

    /// One environment at least of each kind within the scope.
    fn in_scope(&self, constraint: &ActionConstraint) -> Vec<&Environment<'a>> {
        match constraint {
            ActionConstraint::Any => self.of_any_action.iter().collect(),
            ActionConstraint::Eq(action) => {
                self.of_action.get(&**action).into_iter().flatten().collect()
            }
            ActionConstraint::In(actions) => {
                let within = |action: &std::sync::Arc<EntityUID>| self.within_action.get(&**action);
                actions.iter().filter_map(within).flatten().collect()
            }
        }
    }
}

impl<'a> Environment<'a> {
    const fn types(&self) -> (&'a EntityType, &'a EntityType) {
        (self.principal, self.resource)
    }

    const fn kind(&self) -> (&'a EntityType, &'a EntityType, usize) {
        (self.principal, self.resource, self.context_number)
    }

    /// What these paths show of the type of the context.
    fn seen(&self, paths: &BTreeSet<Vec<&str>>) -> Vec<Seen<'a>> {
        let mut seen = Vec::new();
        for path in paths {
            let mut at = self.context;
            let mut steps = path.iter();
            let end = loop {
                let Type::Record { attrs, open_attributes: OpenTag::ClosedAttributes } = at else {
                    break Seen::Type(at);
                };
                let Some(step) = steps.next() else { break Seen::Type(at) };
                let Some(attribute) = attrs.get_attr(step) else { break Seen::Absent };
                let required = attribute.is_required;
                seen.push(if required { Seen::Required } else { Seen::Optional });
                at = &attribute.attr_type;
            };
            seen.push(end);
        }
        seen
    }
}

/// The first of those with the same key, for each key.
fn one_of_each<'e, 'a: 'e, K: Eq + Hash>(
    environments: impl IntoIterator<Item = &'e Environment<'a>>,
    key: impl Fn(&'e Environment<'a>) -> K,
) -> Vec<Environment<'a>> {
    let mut known = HashSet::new();
    let environments = environments.into_iter();
    environments.filter(|environment| known.insert(key(environment))).cloned().collect()
}

/// Whether the action matters to a condition by more than its type.
fn reads_action(conditions: &Expr) -> bool {
    conditions.subexpressions().any(|part| match part.expr_kind() {
        ExprKind::Var(Var::Action) => true,
        ExprKind::Lit(Literal::EntityUID(entity)) => entity.is_action(),
        _ => false,
    })
}

/// Collects the paths through the context on which a condition depends; the empty one is all of it.
fn collect_paths<'e>(expr: &'e Expr, paths: &mut BTreeSet<Vec<&'e str>>) {
    let path = match expr.expr_kind() {
        ExprKind::HasAttr { expr: of, attr } => path_to(of).map(|path| longer(path, [attr])),
        ExprKind::ExtHasAttr { expr: of, attrs } => path_to(of).map(|path| longer(path, attrs)),
        _ => path_to(expr),
    };
    match path {
        Some(path) => {
            paths.insert(path);
        }
        None => children(expr).into_iter().for_each(|child| collect_paths(child, paths)),
    }
}

/// The names that lead from `context` to this attribute, if nothing else does.
fn path_to(expr: &Expr) -> Option<Vec<&str>> {
    match expr.expr_kind() {
        ExprKind::Var(Var::Context) => Some(Vec::new()),
        ExprKind::GetAttr { expr: of, attr } => path_to(of).map(|path| longer(path, [attr])),
        _ => None,
    }
}

fn longer<'e, N: AsRef<str> + 'e>(
    mut path: Vec<&'e str>,
    names: impl IntoIterator<Item = &'e N>,
) -> Vec<&'e str> {
    path.extend(names.into_iter().map(AsRef::as_ref));
    path
}
