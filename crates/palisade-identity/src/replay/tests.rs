//! A proof is good once.

use palisade_core::Sha256Digest;

use super::UsedProofs;
use crate::possession::UsedProof;
use crate::testing::at;

fn proof(name: &str, until: i64) -> UsedProof {
    UsedProof { digest: Sha256Digest::of(name.as_bytes()), until: at(until) }
}

fn detail(result: Result<(), crate::error::Refusal>) -> &'static str {
    result.map_or_else(|refusal| refusal.detail, |()| "ok")
}

#[test]
fn a_proof_is_refused_until_it_is_too_old_anyway() {
    let used = UsedProofs::new(10);
    assert_eq!(detail(used.note(proof("a", 60), at(0))), "ok");
    assert_eq!(detail(used.note(proof("a", 60), at(0))), "proof_jti");
    assert_eq!(detail(used.note(proof("b", 60), at(0))), "ok");
    assert_eq!(detail(used.note(proof("a", 60), at(60))), "proof_jti");
    assert_eq!(detail(used.note(proof("a", 121), at(61))), "ok");
}

#[test]
fn proofs_that_cannot_be_remembered_are_refused() {
    let used = UsedProofs::new(2);
    assert_eq!(detail(used.note(proof("a", 60), at(0))), "ok");
    assert_eq!(detail(used.note(proof("b", 61), at(0))), "ok");
    assert_eq!(detail(used.note(proof("c", 60), at(0))), "proofs_full");
    // What is refused is not remembered, and room is made by time alone.
    assert_eq!(detail(used.note(proof("c", 90), at(61))), "ok");
    assert_eq!(detail(used.note(proof("d", 90), at(61))), "proofs_full");
}

#[test]
fn one_of_many_at_once_has_the_proof() {
    let used = UsedProofs::new(1000);
    let accepted: usize = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    (0..100)
                        .filter(|number| used.note(proof(&number.to_string(), 60), at(0)).is_ok())
                        .count()
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!(accepted, 100);
}
