//! What policies can read of a request.
//!
//! Conservative: what cannot be followed counts as read, as a whole.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "`children`, which must not miss a kind of expression, is exhaustive"
)]

use std::collections::BTreeSet;
use std::fmt;

use cedar_policy::{Policy, Template};
use cedar_policy_core::ast::{self, BinaryOp, Expr, ExprKind, Literal, Var};

use super::context_part::ContextPart;

/// One thing a condition can read: something about what an attribute path leads to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Read {
    pub(crate) root: Root,
    /// Attribute names from the root on; through entities, too.
    pub(crate) path: Vec<String>,
    pub(crate) by: ReadBy,
}

/// Where an attribute path starts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Root {
    Action,
    Context,
    /// An entity that the policy names.
    Entity(String),
    Principal,
    Resource,
}

/// What a condition looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ReadBy {
    /// The entities above it, through `in`.
    Ancestors,
    /// Whether it is there, through `has`.
    Presence,
    /// Its tags, through `hasTag` and `getTag`.
    Tags,
    /// What it is.
    Value,
}

impl ReadBy {
    /// The word for it in lists.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ancestors => "ancestors",
            Self::Presence => "presence",
            Self::Tags => "tags",
            Self::Value => "value",
        }
    }
}

/// The path as a policy writes it, e.g. `context.args.amount`.
impl fmt::Display for Read {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.root {
            Root::Action => f.write_str("action")?,
            Root::Context => f.write_str("context")?,
            Root::Entity(uid) => f.write_str(uid)?,
            Root::Principal => f.write_str("principal")?,
            Root::Resource => f.write_str("resource")?,
        }
        for name in &self.path {
            let plain = name.parse::<ast::Id>().is_ok();
            if plain { write!(f, ".{name}")? } else { write!(f, "[{name:?}]")? }
        }
        Ok(())
    }
}

/// Everything a condition can read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reads(BTreeSet<Read>);

impl Reads {
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

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Read> {
        self.0.iter()
    }

    /// Whether `context.<part>` can be read.
    pub(crate) fn reads(&self, part: ContextPart) -> bool {
        self.whole_context() || self.names(part)
    }

    /// Whether `context.<part>` is named.
    pub(crate) fn names(&self, part: ContextPart) -> bool {
        self.of_context().any(|read| read.path.first().is_some_and(|name| name == part.name()))
    }

    /// Whether `context` is used as a whole, in a way that was not followed.
    pub(crate) fn whole_context(&self) -> bool {
        self.of_context().any(|read| read.path.is_empty())
    }

    /// Whether anything of `resource` can be read.
    pub(crate) fn resource(&self) -> bool {
        self.0.iter().any(|read| read.root == Root::Resource)
    }

    fn of_context(&self) -> impl Iterator<Item = &Read> {
        self.0.iter().filter(|read| read.root == Root::Context)
    }

    fn collect(&mut self, expr: &Expr) {
        match expr.expr_kind() {
            ExprKind::Var(_) | ExprKind::GetAttr { .. } => self.follow(expr, &[], ReadBy::Value),
            ExprKind::HasAttr { expr: of, attr } => {
                self.follow(of, &[attr.as_str()], ReadBy::Presence);
            }
            ExprKind::ExtHasAttr { expr: of, attrs } => {
                let names: Vec<&str> = attrs.iter().map(|name| name.as_str()).collect();
                self.follow(of, &names, ReadBy::Presence);
            }
            ExprKind::BinaryApp { op: BinaryOp::In, arg1, arg2 } => {
                self.follow(arg1, &[], ReadBy::Ancestors);
                self.follow(arg1, &[], ReadBy::Value);
                self.collect(arg2);
            }
            ExprKind::BinaryApp { op: BinaryOp::GetTag | BinaryOp::HasTag, arg1, arg2 } => {
                self.follow(arg1, &[], ReadBy::Tags);
                self.follow(arg1, &[], ReadBy::Value);
                self.collect(arg2);
            }
            _ => children(expr).into_iter().for_each(|child| self.collect(child)),
        }
    }

    /// Notes a read of what `names` lead to from `expr` on, or, if `expr` is no path, everything
    /// that it is made of.
    fn follow(&mut self, expr: &Expr, names: &[&str], by: ReadBy) {
        match (path(expr), expr.expr_kind()) {
            (Some((root, path)), _) => {
                let path = path.into_iter().chain(names.iter().copied()).map(str::to_owned);
                self.0.insert(Read { root, path: path.collect(), by });
            }
            (None, ExprKind::GetAttr { expr: of, .. }) => self.collect(of),
            (None, _) => self.collect(expr),
        }
    }
}

/// The attribute path that an expression is; `None` if it is something else.
pub(super) fn path(expr: &Expr) -> Option<(Root, Vec<&str>)> {
    match expr.expr_kind() {
        ExprKind::Var(Var::Action) => Some((Root::Action, Vec::new())),
        ExprKind::Var(Var::Context) => Some((Root::Context, Vec::new())),
        ExprKind::Var(Var::Principal) => Some((Root::Principal, Vec::new())),
        ExprKind::Var(Var::Resource) => Some((Root::Resource, Vec::new())),
        ExprKind::Lit(Literal::EntityUID(uid)) => Some((Root::Entity(uid.to_string()), Vec::new())),
        ExprKind::GetAttr { expr: of, attr } => {
            let (root, mut names) = path(of)?;
            names.push(attr.as_str());
            Some((root, names))
        }
        _ => None,
    }
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

#[cfg(test)]
mod tests;
