//! What policies can read of a request.
//!
//! Conservative: what cannot be followed counts as read.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "`children`, which must not miss a kind of expression, is exhaustive"
)]

use std::collections::BTreeSet;

use cedar_policy::{Policy, Template};
use cedar_policy_core::ast::{self, Expr, ExprKind, Var};

/// Which parts of the request a condition can read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reads {
    /// Top-level attributes of `context`.
    pub(crate) context: BTreeSet<String>,
    /// `context` as a whole, through a path that was not followed.
    pub(crate) whole_context: bool,
    /// What of `context.args`.
    pub(crate) arguments: ArgumentReads,
    /// `resource`.
    pub(crate) resource: bool,
}

/// Which arguments a condition can read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ArgumentReads {
    /// These top-level arguments, by value or by presence.
    Named(BTreeSet<String>),
    /// The whole record.
    Whole,
}

impl Default for ArgumentReads {
    fn default() -> Self {
        Self::Named(BTreeSet::new())
    }
}

impl ArgumentReads {
    /// Whether the argument can be read.
    pub(crate) fn reads(&self, name: &str) -> bool {
        match self {
            Self::Named(names) => names.contains(name),
            Self::Whole => true,
        }
    }
}

impl Reads {
    /// Everything there is.
    pub(crate) fn everything() -> Self {
        Self {
            whole_context: true,
            arguments: ArgumentReads::Whole,
            resource: true,
            ..Self::default()
        }
    }

    /// Whether `context.<attribute>` can be read.
    pub(crate) fn reads(&self, attribute: &str) -> bool {
        self.whole_context || self.context.contains(attribute)
    }

    /// What either can read.
    pub(crate) fn add(&mut self, other: &Self) {
        self.context.extend(other.context.iter().cloned());
        self.whole_context |= other.whole_context;
        self.resource |= other.resource;
        match (&mut self.arguments, &other.arguments) {
            (ArgumentReads::Named(names), ArgumentReads::Named(more)) => {
                names.extend(more.iter().cloned());
            }
            (ArgumentReads::Whole, _) => {}
            (named, ArgumentReads::Whole) => *named = ArgumentReads::Whole,
        }
    }

    /// What a policy's `when` and `unless` conditions can read.
    pub(crate) fn of_policy(policy: &Policy) -> Self {
        let policy: &ast::Policy = policy.as_ref();
        policy.non_scope_constraints().map(Self::of).unwrap_or_default()
    }

    /// What a template's `when` and `unless` conditions can read.
    pub(crate) fn of_template(template: &Template) -> Self {
        let template: &ast::Template = template.as_ref();
        template.non_scope_constraints().map(Self::of).unwrap_or_default()
    }

    pub(super) fn of(expr: &Expr) -> Self {
        let mut reads = Self::default();
        reads.collect(expr);
        reads
    }

    fn collect(&mut self, expr: &Expr) {
        match expr.expr_kind() {
            ExprKind::GetAttr { expr: of, attr } | ExprKind::HasAttr { expr: of, attr }
                if is_arguments(of) =>
            {
                self.context.insert("args".to_owned());
                self.read_argument(attr);
            }
            ExprKind::ExtHasAttr { expr: of, attrs } if is_arguments(of) => {
                self.context.insert("args".to_owned());
                self.read_argument(attrs.first());
            }
            ExprKind::GetAttr { expr: of, attr } if is_context(of) => {
                self.context.insert(attr.to_string());
                if attr == "args" {
                    self.arguments = ArgumentReads::Whole;
                }
            }
            // Whether it is there shows nothing of what is in it.
            ExprKind::HasAttr { expr: of, attr } if is_context(of) => {
                self.context.insert(attr.to_string());
            }
            ExprKind::ExtHasAttr { expr: of, attrs } if is_context(of) => {
                self.context.insert(attrs.first().to_string());
                if let ("args", Some(argument)) = (attrs.first().as_str(), attrs.iter().nth(1)) {
                    self.read_argument(argument);
                }
            }
            ExprKind::Var(Var::Context) => {
                self.whole_context = true;
                self.arguments = ArgumentReads::Whole;
            }
            ExprKind::Var(Var::Resource) => self.resource = true,
            _ => children(expr).into_iter().for_each(|child| self.collect(child)),
        }
    }

    fn read_argument(&mut self, name: &str) {
        match &mut self.arguments {
            ArgumentReads::Named(names) => {
                names.insert(name.to_owned());
            }
            ArgumentReads::Whole => {}
        }
    }
}

fn is_context(expr: &Expr) -> bool {
    matches!(expr.expr_kind(), ExprKind::Var(Var::Context))
}

/// Whether this is `context.args`.
fn is_arguments(expr: &Expr) -> bool {
    matches!(expr.expr_kind(), ExprKind::GetAttr { expr, attr } if is_context(expr) && attr == "args")
}

pub(super) fn children(expr: &Expr) -> Vec<&Expr> {
    match expr.expr_kind() {
        ExprKind::Lit(_) | ExprKind::Var(_) | ExprKind::Slot(_) | ExprKind::Unknown(_) => {
            Vec::new()
        }
        ExprKind::If { test_expr, then_expr, else_expr } => vec![test_expr, then_expr, else_expr],
        ExprKind::And { left, right } | ExprKind::Or { left, right } => vec![left, right],
        ExprKind::BinaryApp { arg1, arg2, .. } => vec![arg1, arg2],
        ExprKind::UnaryApp { arg: of, .. }
        | ExprKind::GetAttr { expr: of, .. }
        | ExprKind::HasAttr { expr: of, .. }
        | ExprKind::ExtHasAttr { expr: of, .. }
        | ExprKind::Like { expr: of, .. }
        | ExprKind::Is { expr: of, .. } => vec![of],
        ExprKind::ExtensionFunctionApp { args, .. } | ExprKind::Set(args) => args.iter().collect(),
        ExprKind::Record(fields) => fields.values().collect(),
    }
}
