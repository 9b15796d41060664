//! The conditions of policies as trees: whether they hold, and why not.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "most kinds of expression are leaves; `children`, which must not miss one, is exhaustive"
)]

use std::ops::Range;

use cedar_policy::{Entities, EvalResult, Expression, Policy, Request, Template, eval_expression};
use cedar_policy_core::ast::{self, Expr, ExprKind, UnaryOp};

use super::context_part::ContextPart;
use super::reads::{Reads, children};
use crate::possible::Possible;
use crate::{ClauseExplanation, ClauseJoin, ObservedValue, PolicyResult};

/// Where a policy stands in its file, in bytes.
pub(crate) fn policy_span(policy: &Policy) -> Option<Range<usize>> {
    let policy: &ast::Policy = policy.as_ref();
    policy.loc().map(|loc| loc.start()..loc.end())
}

/// The whole text that a policy was read from.
pub(crate) fn policy_source(policy: &Policy) -> Option<&str> {
    let policy: &ast::Policy = policy.as_ref();
    policy.loc().map(|loc| loc.src.as_ref())
}

/// The text of a policy, annotations included.
pub(crate) fn policy_text(policy: &Policy) -> Option<&str> {
    let policy: &ast::Policy = policy.as_ref();
    policy.loc().and_then(|loc| loc.snippet())
}

/// Where a template stands in its file, in bytes.
pub(crate) fn template_span(template: &Template) -> Option<Range<usize>> {
    let template: &ast::Template = template.as_ref();
    template.loc().map(|loc| loc.start()..loc.end())
}

/// Where the annotations of a policy stand in its file, in bytes, by name.
pub(crate) fn policy_annotation_spans(policy: &Policy) -> Vec<(String, Range<usize>)> {
    let policy: &ast::Policy = policy.as_ref();
    annotation_spans(policy.annotations())
}

/// Where the annotations of a template stand in its file, in bytes, by name.
pub(crate) fn template_annotation_spans(template: &Template) -> Vec<(String, Range<usize>)> {
    let template: &ast::Template = template.as_ref();
    annotation_spans(template.annotations())
}

fn annotation_spans<'a>(
    annotations: impl Iterator<Item = (&'a ast::AnyId, &'a ast::Annotation)>,
) -> Vec<(String, Range<usize>)> {
    annotations
        .filter_map(|(name, annotation)| {
            let loc = annotation.loc.as_ref()?;
            Some((name.to_string(), loc.start()..loc.end()))
        })
        .collect()
}

/// One condition of a policy, or a part of one.
#[derive(Debug)]
pub(crate) struct Condition {
    text: String,
    /// Where it stands in its file, in bytes.
    span: Option<Range<usize>>,
    expression: Expression,
    reads: Reads,
    /// The attribute paths of a leaf, with their text.
    observed: Vec<(String, Expression)>,
    shape: Shape,
}

#[derive(Debug)]
enum Shape {
    /// All of these, left to right until one is false.
    All(Vec<Condition>),
    /// Any of these, left to right until one is true.
    Any(Vec<Condition>),
    /// The second if the first holds, otherwise the third.
    If(Box<[Condition; 3]>),
    Leaf,
    Not(Box<Condition>),
}

impl Condition {
    /// The conjunction of a policy's conditions; `None` if it has none.
    pub(crate) fn of_policy(policy: &Policy) -> Option<Self> {
        let policy: &ast::Policy = policy.as_ref();
        policy.non_scope_constraints().map(Self::new)
    }

    fn new(expr: &Expr) -> Self {
        let shape = match expr.expr_kind() {
            ExprKind::And { .. } => Shape::All(operands(expr, &|kind| match kind {
                ExprKind::And { left, right } => Some((left, right)),
                _ => None,
            })),
            ExprKind::Or { .. } => Shape::Any(operands(expr, &|kind| match kind {
                ExprKind::Or { left, right } => Some((left, right)),
                _ => None,
            })),
            ExprKind::If { test_expr, then_expr, else_expr } => Shape::If(Box::new([
                Self::new(test_expr),
                Self::new(then_expr),
                Self::new(else_expr),
            ])),
            ExprKind::UnaryApp { op: UnaryOp::Not, arg } if !is_comparison(expr, arg) => {
                Shape::Not(Box::new(Self::new(arg)))
            }
            _ => Shape::Leaf,
        };
        let observed = match shape {
            Shape::Leaf => observed_paths(expr),
            Shape::All(_) | Shape::Any(_) | Shape::If(_) | Shape::Not(_) => Vec::new(),
        };
        Self {
            text: text(expr),
            span: expr.source_loc().map(|loc| loc.start()..loc.end()),
            expression: Expression::from(expr.clone()),
            reads: Reads::of(expr),
            observed,
            shape,
        }
    }

    /// What may come of this condition when the attributes of `context` for which `unknown` holds
    /// are not known, and neither is the resource if `resource_unknown`.
    pub(crate) fn possible(&self, scene: &Scene<'_>) -> Possible {
        if !scene.hides(&self.reads) {
            return scene.evaluate(&self.expression).map_or(Possible::FAILS, Possible::known);
        }
        match &self.shape {
            Shape::All(parts) => parts
                .iter()
                .fold(Possible::HOLDS, |so_far, part| so_far.and_then(|| part.possible(scene))),
            Shape::Any(parts) => parts.iter().fold(Possible::HOLDS.not(), |so_far, part| {
                so_far.or_else(|| part.possible(scene))
            }),
            Shape::Not(part) => part.possible(scene).not(),
            Shape::If(parts) => {
                let [test, then, other] = parts.as_ref();
                let test = test.possible(scene);
                let then = test.and_then(|| then.possible(scene));
                let other = test.not().and_then(|| other.possible(scene));
                Possible {
                    holds: then.holds || other.holds,
                    does_not_hold: (test.holds && then.does_not_hold)
                        || (test.does_not_hold && other.does_not_hold),
                    fails: then.fails || other.fails,
                }
            }
            Shape::Leaf => Possible::ANYTHING,
        }
    }

    /// Says part by part what holds and what was seen.
    pub(crate) fn explain(&self, scene: &Scene<'_>) -> ClauseExplanation {
        let (result, error) = match scene.evaluate(&self.expression) {
            Ok(true) => (PolicyResult::Satisfied, None),
            Ok(false) => (PolicyResult::NotSatisfied, None),
            Err(error) => (PolicyResult::Error, Some(error)),
        };
        let parts = match &self.shape {
            Shape::All(parts) => explain_until(parts, scene, PolicyResult::NotSatisfied),
            Shape::Any(parts) => explain_until(parts, scene, PolicyResult::Satisfied),
            Shape::Not(part) => vec![part.explain(scene)],
            Shape::If(parts) => {
                let [test, then, other] = parts.as_ref();
                let test = test.explain(scene);
                let branches = match test.result {
                    PolicyResult::Satisfied => vec![then.explain(scene), other.not_evaluated()],
                    PolicyResult::NotSatisfied => vec![then.not_evaluated(), other.explain(scene)],
                    PolicyResult::Error | PolicyResult::NotEvaluated => {
                        vec![then.not_evaluated(), other.not_evaluated()]
                    }
                };
                std::iter::once(test).chain(branches).collect()
            }
            Shape::Leaf => Vec::new(),
        };
        let values = self.observed.iter().map(|(path, expression)| ObservedValue {
            expression: path.clone(),
            value: scene.value(expression),
        });
        ClauseExplanation {
            text: self.text.clone(),
            span: self.span.clone(),
            result,
            values: values.collect(),
            join: self.join(),
            parts,
            error,
        }
    }

    /// The whole tree, each part by itself, whether or not an earlier one settles the matter; with
    /// nothing evaluated if there is no scene.
    pub(crate) fn every_part(&self, scene: Option<&Scene<'_>>) -> ClauseExplanation {
        let parts: &[Self] = match &self.shape {
            Shape::All(parts) | Shape::Any(parts) => parts,
            Shape::If(parts) => parts.as_slice(),
            Shape::Leaf => &[],
            Shape::Not(part) => std::slice::from_ref(part),
        };
        let own = match scene {
            // The parts that `explain` shows are replaced by all of them.
            Some(scene) => self.explain(scene),
            None => self.not_evaluated(),
        };
        let parts = parts.iter().map(|part| part.every_part(scene)).collect();
        ClauseExplanation { parts, ..own }
    }

    const fn join(&self) -> ClauseJoin {
        match self.shape {
            Shape::All(_) => ClauseJoin::All,
            Shape::Any(_) => ClauseJoin::Any,
            Shape::If(_) => ClauseJoin::If,
            Shape::Leaf => ClauseJoin::Leaf,
            Shape::Not(_) => ClauseJoin::Not,
        }
    }

    fn not_evaluated(&self) -> ClauseExplanation {
        ClauseExplanation {
            text: self.text.clone(),
            span: self.span.clone(),
            result: PolicyResult::NotEvaluated,
            values: Vec::new(),
            join: self.join(),
            parts: Vec::new(),
            error: None,
        }
    }
}

/// What a condition is evaluated against.
#[derive(Clone, Copy)]
pub(crate) struct Scene<'a> {
    pub(crate) request: &'a Request,
    pub(crate) entities: &'a Entities,
    /// Top-level attributes of `context` whose value is not known.
    pub(crate) unknown_context: &'a [ContextPart],
    /// Whether the resource is not known.
    pub(crate) unknown_resource: bool,
}

impl Scene<'_> {
    fn hides(&self, reads: &Reads) -> bool {
        (self.unknown_resource && reads.resource())
            || self.unknown_context.iter().any(|part| reads.reads(*part))
    }

    fn evaluate(&self, expression: &Expression) -> Result<bool, String> {
        match eval_expression(self.request, self.entities, expression) {
            Ok(EvalResult::Bool(holds)) => Ok(holds),
            Ok(other) => Err(format!("the condition is no Bool but {other}")),
            Err(error) => Err(error.to_string()),
        }
    }

    fn value(&self, expression: &Expression) -> Option<String> {
        eval_expression(self.request, self.entities, expression).ok().map(|value| value.to_string())
    }
}

/// Explains parts from left to right until one has the settling result or fails.
fn explain_until(
    parts: &[Condition],
    scene: &Scene<'_>,
    settling: PolicyResult,
) -> Vec<ClauseExplanation> {
    let mut settled = false;
    parts
        .iter()
        .map(|part| {
            if settled {
                return part.not_evaluated();
            }
            let explanation = part.explain(scene);
            settled = explanation.result == settling || explanation.result == PolicyResult::Error;
            explanation
        })
        .collect()
}

/// The operands of a chain such as `a && b && c`, however it is nested.
fn operands<'a>(
    expr: &'a Expr,
    split: &dyn Fn(&'a ExprKind) -> Option<(&'a std::sync::Arc<Expr>, &'a std::sync::Arc<Expr>)>,
) -> Vec<Condition> {
    let mut found = Vec::new();
    let mut open = vec![expr];
    while let Some(next) = open.pop() {
        match split(next.expr_kind()) {
            Some((left, right)) => open.extend([right.as_ref(), left.as_ref()]),
            None => found.push(Condition::new(next)),
        }
    }
    found
}

/// Cedar turns `a != b` and `a > b` into negations; a reader did not write two clauses.
fn is_comparison(not: &Expr, arg: &Expr) -> bool {
    matches!(arg.expr_kind(), ExprKind::BinaryApp { .. }) && not.source_loc() == arg.source_loc()
}

/// The text an expression was written as, on one line.
fn text(expr: &Expr) -> String {
    match expr.source_loc().and_then(|loc| loc.snippet()) {
        Some(written) => on_one_line(written),
        None => expr.to_string(),
    }
}

/// Drops comments and joins white space, except within string literals, where `//` is no comment.
fn on_one_line(written: &str) -> String {
    let mut line = String::with_capacity(written.len());
    let mut characters = written.chars().peekable();
    let mut in_string = false;
    while let Some(character) = characters.next() {
        match character {
            '\\' if in_string => {
                line.push(character);
                line.extend(characters.next());
            }
            '"' => {
                in_string = !in_string;
                line.push(character);
            }
            '/' if !in_string && characters.peek() == Some(&'/') => {
                characters.by_ref().find(|character| *character == '\n');
                line.push(' ');
            }
            _ if !in_string && character.is_whitespace() => line.push(' '),
            _ => line.push(character),
        }
        if !in_string && line.ends_with("  ") {
            line.pop();
        }
    }
    line.trim().to_owned()
}

/// The longest attribute paths a leaf reads, with their text, in order and without repetition.
fn observed_paths(expr: &Expr) -> Vec<(String, Expression)> {
    let mut found: Vec<(String, Expression)> = Vec::new();
    let mut open = vec![expr];
    while let Some(next) = open.pop() {
        let path = match next.expr_kind() {
            ExprKind::HasAttr { expr: of, attr } => path(of).map(|path| {
                (format!("{path}.{attr}"), Expr::get_attr((**of).clone(), attr.clone()))
            }),
            _ => path(next).map(|path| (path, next.clone())),
        };
        match path {
            Some((path, _)) if path == "context" || path == "action" => {}
            Some((path, expr)) => {
                if !found.iter().any(|(known, _)| *known == path) {
                    found.push((path, Expression::from(expr)));
                }
            }
            None => open.extend(children(next).into_iter().rev()),
        }
    }
    found
}

/// `principal.owner` for that expression; `None` if it is no attribute path.
fn path(expr: &Expr) -> Option<String> {
    match expr.expr_kind() {
        ExprKind::Var(var) => Some(var.to_string()),
        ExprKind::GetAttr { expr: of, attr } => path(of).map(|path| format!("{path}.{attr}")),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
