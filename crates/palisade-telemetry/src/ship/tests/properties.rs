//! What holds whatever the collector does, and whenever the process ends.

use proptest::collection::{btree_set, vec};
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use tonic::Code;

use super::support::{Answer, Memory, copy, failure, options, run_with_restarts};
use crate::otlp::{SendError, SendFailure};

/// What one request meets.
#[derive(Clone, Copy, Debug)]
enum Fault {
    Exhausted,
    Lost,
    None,
    Refused(Code),
    Timeout,
    Unavailable(Option<u64>),
}

/// A run.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    records: u64,
    batch: usize,
    faults: Vec<Fault>,
    /// Records that the collector refuses for what is in them.
    poison: Vec<u64>,
    /// After how many requests each run ends.
    restarts: Vec<usize>,
}

pub(super) fn plan() -> impl Strategy<Value = Plan> {
    let fault = prop_oneof![
        1 => Just(Fault::Exhausted),
        1 => Just(Fault::Lost),
        3 => Just(Fault::None),
        1 => Just(Fault::Timeout),
        1 => prop::option::of(0..200_u64).prop_map(Fault::Unavailable),
        1 => prop::sample::select(vec![
            Code::Internal,
            Code::NotFound,
            Code::PermissionDenied,
            Code::Unauthenticated,
            Code::Unknown,
        ])
        .prop_map(Fault::Refused),
    ];
    let poison = btree_set(0..120_u64, 0..4);
    (1..120_u64, 1..40_usize, vec(fault, 0..40), poison, vec(0..30_usize, 0..4)).prop_map(
        |(records, batch, faults, poison, restarts)| {
            let poison = poison.into_iter().filter(|index| *index < records).collect();
            Plan { records, batch, faults, poison, restarts }
        },
    )
}

fn answer(plan: &Plan, request: usize, indices: &[u64]) -> Answer {
    match plan.faults.get(request).copied().unwrap_or(Fault::None) {
        Fault::Exhausted => {
            Answer::Fail(SendError::Permanent { source: failure(Code::ResourceExhausted) })
        }
        Fault::Lost => Answer::Lose,
        Fault::Refused(code) => Answer::Fail(SendError::Permanent { source: failure(code) }),
        Fault::Timeout => {
            Answer::Fail(SendError::Retry { after: None, source: SendFailure::Timeout })
        }
        Fault::Unavailable(after) => Answer::Fail(SendError::Retry {
            after: after.map(std::time::Duration::from_secs),
            source: failure(Code::Unavailable),
        }),
        Fault::None if indices.iter().any(|index| plan.poison.contains(index)) => {
            let refusal = SendError::Permanent { source: failure(Code::InvalidArgument) };
            Answer::Fail(copy(&refusal))
        }
        Fault::None => Answer::Take,
    }
}

pub(super) fn check(plan: &Plan) -> Result<(), TestCaseError> {
    let source = Memory::with(plan.records);
    let seen =
        run_with_restarts(&source, options(plan.batch), &plan.restarts, |request, indices| {
            answer(plan, request, indices)
        });
    // What the collector may take by chance: the answer to a poisoned batch was lost.
    let delivered = seen.delivered();
    prop_assert!(delivered.windows(2).all(|pair| pair[0] < pair[1]), "{:?}", delivered);
    let missing: Vec<u64> = (0..plan.records).filter(|index| !delivered.contains(index)).collect();
    let named = seen.named();
    for index in &missing {
        prop_assert!(plan.poison.contains(index), "{} is missing", index);
        prop_assert!(named.contains(index), "{} is missing without a word", index);
    }
    prop_assert!(named.iter().all(|index| plan.poison.contains(index)), "{:?}", named);
    prop_assert!(seen.sizes().iter().all(|size| *size <= plan.batch), "{:?}", seen.sizes());
    // Faults, searches and restarts cost requests, but not without end.
    let searches = plan.poison.len() * (plan.restarts.len() + 1 + plan.faults.len()) * 16;
    let bound = plan.faults.len() * 2 + searches + 120 + 40;
    prop_assert!(seen.requests.len() <= bound, "{} requests", seen.requests.len());
    Ok(())
}
