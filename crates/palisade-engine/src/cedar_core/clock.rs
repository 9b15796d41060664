//! Until when an answer stands that depends on the time.
//!
//! A policy that compares `context.now`, or its time of day, with something else changes its
//! answer only at the instants at which such a comparison flips. Those are found by evaluating the
//! other side. Whatever else a policy does with the time, its answer stands for an instant.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "`children`, which must not miss a kind of expression, is exhaustive"
)]

use cedar_policy_core::ast::{BinaryOp, Expr, ExprKind, Literal, Name, ValueKind};
use palisade_core::{EpochMillis, Validity};

use super::context_part::ContextPart;
use super::evaluator::{PolicyBody, PolicyEvaluator};
use super::reads::{Reads, Root, children, path};

/// Milliseconds of a day: Cedar's days have no leap seconds.
const DAY: i64 = 86_400_000;

/// What a policy does with `context.now`.
#[derive(Debug)]
pub(crate) enum ClockReads {
    /// Nothing.
    Nothing,
    /// It compares.
    Compares(Vec<Comparison>),
    /// Something whose next change is not known.
    Anything,
}

/// A comparison that flips at known instants.
#[derive(Debug)]
pub(crate) struct Comparison {
    clock: Clock,
    /// What it is compared with, as milliseconds since the epoch or since midnight.
    millis: Expr,
    /// Whether the comparison is another one right after that millisecond, rather than at it.
    after: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Clock {
    Instant,
    TimeOfDay,
}

impl ClockReads {
    pub(crate) fn of(body: &PolicyBody) -> Self {
        let Some(conditions) = &body.conditions else { return Self::Nothing };
        let mut comparisons = Vec::new();
        match collect(conditions, &mut comparisons) {
            None => Self::Anything,
            Some(()) if comparisons.is_empty() => Self::Nothing,
            Some(()) => Self::Compares(comparisons),
        }
    }

    /// Since when and until when the policy's answer is what it is at `now`.
    pub(crate) fn validity(
        &self,
        evaluator: &PolicyEvaluator<'_>,
        body: &PolicyBody,
        now: EpochMillis,
    ) -> Validity {
        match self {
            Self::Nothing => Validity::ALWAYS,
            Self::Anything => Validity::at(now),
            Self::Compares(comparisons) => comparisons
                .iter()
                .map(|comparison| comparison.validity(evaluator, body, now))
                .fold(Validity::ALWAYS, Validity::and),
        }
    }
}

impl Comparison {
    fn validity(
        &self,
        evaluator: &PolicyEvaluator<'_>,
        body: &PolicyBody,
        now: EpochMillis,
    ) -> Validity {
        // What it is compared with does not depend on the time. If it fails, the comparison was
        // not reached, or the policy would have failed and its answer would not be kept; and what
        // keeps it from being reached are conditions that flip at instants of their own.
        let Ok(other) = evaluator.interpret(&self.millis, body) else { return Validity::ALWAYS };
        let ValueKind::Lit(Literal::Long(millis)) = other.value_kind() else {
            return Validity::at(now);
        };
        let flip = millis.saturating_add(i64::from(self.after));
        match self.clock {
            Clock::Instant => Validity::between([flip], now),
            Clock::TimeOfDay => {
                let midnight = now.as_millis().div_euclid(DAY).saturating_mul(DAY);
                let next = midnight.saturating_add(DAY);
                let flip = midnight.saturating_add(flip.clamp(0, DAY));
                Validity::between([midnight, flip, next], now)
            }
        }
    }
}

/// Collects comparisons of the clock; `None` if it is used in any other way.
fn collect(expr: &Expr, found: &mut Vec<Comparison>) -> Option<()> {
    if !reads_clock(expr) {
        return Some(());
    }
    if let ExprKind::BinaryApp { op: op @ (BinaryOp::Less | BinaryOp::LessEq), arg1, arg2 } =
        expr.expr_kind()
        && let Some(comparison) = comparison(*op, arg1, arg2)
    {
        found.push(comparison);
        return Some(());
    }
    match expr.expr_kind() {
        ExprKind::Var(_) | ExprKind::GetAttr { .. } => None,
        // Whether there is a clock does not change.
        ExprKind::HasAttr { expr: of, .. } if path(of).is_some() => Some(()),
        ExprKind::BinaryApp { .. } | ExprKind::ExtensionFunctionApp { .. } => None,
        _ => children(expr).into_iter().try_for_each(|child| collect(child, found)),
    }
}

fn comparison(op: BinaryOp, left: &Expr, right: &Expr) -> Option<Comparison> {
    let (clock, other, clock_is_left) = match (clock(left), clock(right)) {
        (Some(clock), None) if !reads_clock(right) => (clock, right, true),
        (None, Some(clock)) if !reads_clock(left) => (clock, left, false),
        _ => return None,
    };
    let call = |name: &str, args: Vec<Expr>| {
        Some(Expr::call_extension_fn(name.parse::<Name>().ok()?, args))
    };
    let duration = match clock {
        Clock::TimeOfDay => other.clone(),
        Clock::Instant => {
            let epoch = call("datetime", vec![Expr::val("1970-01-01")])?;
            call("durationSince", vec![other.clone(), epoch])?
        }
    };
    // `now < t` and `t <= now` change at t; `now <= t` and `t < now` right after it.
    let after = clock_is_left == (op == BinaryOp::LessEq);
    Some(Comparison { clock, millis: call("toMilliseconds", vec![duration])?, after })
}

/// Whether an expression is the clock itself, or its time of day.
fn clock(expr: &Expr) -> Option<Clock> {
    match expr.expr_kind() {
        ExprKind::GetAttr { .. } => match path(expr)? {
            (Root::Context, names) if names == [ContextPart::Now.name()] => Some(Clock::Instant),
            _ => None,
        },
        ExprKind::ExtensionFunctionApp { fn_name, args } if fn_name.to_string() == "toTime" => {
            let [of] = args.as_slice() else { return None };
            (clock(of)? == Clock::Instant).then_some(Clock::TimeOfDay)
        }
        _ => None,
    }
}

fn reads_clock(expr: &Expr) -> bool {
    Reads::of(expr).reads(ContextPart::Now)
}
