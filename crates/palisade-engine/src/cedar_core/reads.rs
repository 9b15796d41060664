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

/// An attribute of `context`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ContextPart {
    Approval,
    Args,
    ArgsInfo,
    Attestation,
    Auth,
    Chain,
    Confirmation,
    Data,
    Grounding,
    Now,
    Session,
    SourceIp,
    StepUp,
    Tool,
    Ungrounded,
}

impl ContextPart {
    const ALL: [Self; 15] = [
        Self::Approval,
        Self::Args,
        Self::ArgsInfo,
        Self::Attestation,
        Self::Auth,
        Self::Chain,
        Self::Confirmation,
        Self::Data,
        Self::Grounding,
        Self::Now,
        Self::Session,
        Self::SourceIp,
        Self::StepUp,
        Self::Tool,
        Self::Ungrounded,
    ];

    /// Its name in policies.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Approval => "approval",
            Self::Args => "args",
            Self::ArgsInfo => "argsInfo",
            Self::Attestation => "attestation",
            Self::Auth => "auth",
            Self::Chain => "chain",
            Self::Confirmation => "confirmation",
            Self::Data => "data",
            Self::Grounding => "grounding",
            Self::Now => "now",
            Self::Session => "session",
            Self::SourceIp => "sourceIp",
            Self::StepUp => "stepUp",
            Self::Tool => "tool",
            Self::Ungrounded => "ungrounded",
        }
    }

    fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|part| part.name() == name)
    }

    const fn bit(self) -> u16 {
        1 << self as u16
    }
}

/// Which parts of the request a condition can read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reads {
    /// One bit for each [`ContextPart`] that is named.
    parts: u16,
    /// `context` as a whole, through a path that was not followed.
    pub(crate) whole_context: bool,
    /// An attribute of `context` that is none; strict validation refuses such a policy.
    unknown_part: bool,
    /// What of `context.args`.
    arguments: ArgumentReads,
    /// `resource`.
    pub(crate) resource: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum ArgumentReads {
    /// These top-level arguments, by value or by presence.
    Named(BTreeSet<String>),
    Whole,
}

impl Default for ArgumentReads {
    fn default() -> Self {
        Self::Named(BTreeSet::new())
    }
}

/// What several policies can read of the context between them.
#[derive(Debug)]
pub(crate) struct ContextReads<'a> {
    parts: u16,
    /// `None`: all arguments.
    arguments: Option<Vec<&'a BTreeSet<String>>>,
}

impl<'a> ContextReads<'a> {
    /// Everything there is.
    pub(crate) const EVERYTHING: Self = Self { parts: u16::MAX, arguments: None };

    /// What any of these can read.
    pub(crate) fn of(all: impl Iterator<Item = &'a Reads>) -> Self {
        let mut union = Self { parts: 0, arguments: Some(Vec::new()) };
        for reads in all {
            let all = reads.whole_context || reads.unknown_part;
            union.parts |= if all { u16::MAX } else { reads.parts };
            match (&mut union.arguments, &reads.arguments) {
                (Some(names), ArgumentReads::Named(more)) if !more.is_empty() => names.push(more),
                (Some(_) | None, ArgumentReads::Named(_)) => {}
                (arguments, ArgumentReads::Whole) => *arguments = None,
            }
        }
        union
    }

    pub(crate) const fn reads(&self, part: ContextPart) -> bool {
        self.parts & part.bit() != 0
    }

    /// Whether the top-level argument can be read.
    pub(crate) fn reads_argument(&self, name: &str) -> bool {
        let reads = |names: &Vec<&BTreeSet<String>>| names.iter().any(|some| some.contains(name));
        self.arguments.as_ref().is_none_or(reads)
    }
}

impl Reads {
    /// Whether `context.<part>` can be read.
    pub(crate) const fn reads(&self, part: ContextPart) -> bool {
        self.whole_context || self.names(part)
    }

    /// Whether `context.<part>` is named.
    pub(crate) const fn names(&self, part: ContextPart) -> bool {
        self.parts & part.bit() != 0
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
                self.read_part("args");
                self.read_argument(attr);
            }
            ExprKind::ExtHasAttr { expr: of, attrs } if is_arguments(of) => {
                self.read_part("args");
                self.read_argument(attrs.first());
            }
            ExprKind::GetAttr { expr: of, attr } if is_context(of) => {
                self.read_part(attr);
                if attr == "args" {
                    self.arguments = ArgumentReads::Whole;
                }
            }
            // Whether it is there shows nothing of what is in it.
            ExprKind::HasAttr { expr: of, attr } if is_context(of) => {
                self.read_part(attr);
            }
            ExprKind::ExtHasAttr { expr: of, attrs } if is_context(of) => {
                self.read_part(attrs.first());
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

    fn read_part(&mut self, name: &str) {
        match ContextPart::named(name) {
            Some(part) => self.parts |= part.bit(),
            None => self.unknown_part = true,
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
