//! What joins, and what never does.

use std::collections::HashSet;
use std::sync::Arc;

use palisade_core::limits::CHAIN_LINKS_MAX;
use palisade_core::{Actor, ActorKind, IssuerName, Proof, ReasonCode, Subject, VerifiedLink};
use proptest::prelude::*;
use serde_json::json;

use super::{Joined, Segment, join};
use crate::party::Party;
use crate::testing::object;

/// A segment that owns what it says. Actors are single letters.
#[derive(Clone, Debug)]
struct Said {
    links: Vec<VerifiedLink>,
    may_act: Option<Party>,
    is_token: bool,
}

fn of(letter: char) -> Actor {
    Actor {
        kind: ActorKind::Agent,
        issuer: IssuerName::new("i").unwrap(),
        subject: Subject::new(letter).unwrap(),
    }
}

/// `source` is told by every link's claims.
fn links(letters: &str, source: &str) -> Vec<VerifiedLink> {
    let claims = Arc::new(object(json!({"from": source})));
    let link = |letter| VerifiedLink {
        actor: of(letter),
        proof: Proof::Bearer,
        claims: Arc::clone(&claims),
    };
    letters.chars().map(link).collect()
}

fn token(letters: &str, may_act: Option<char>) -> Said {
    let may_act = may_act.map(|letter| Party {
        issuer: IssuerName::new("i").unwrap(),
        subject: Subject::new(letter).unwrap(),
    });
    Said { links: links(letters, letters), may_act, is_token: true }
}

fn single(letter: char) -> Said {
    Said { links: links(&letter.to_string(), "word"), may_act: None, is_token: false }
}

fn joined(said: &[Said], may_compose: bool) -> Result<Joined, (usize, ReasonCode)> {
    let segments: Vec<Segment<'_>> = said
        .iter()
        .map(|said| Segment {
            links: &said.links,
            may_act: said.may_act.as_ref(),
            is_token: said.is_token,
        })
        .collect();
    join(&segments, may_compose).map_err(|(index, refusal)| (index, refusal.reason))
}

fn letters(joined: &Joined) -> String {
    joined.links.iter().map(|link| link.actor.subject.as_str()).collect()
}

fn result(said: &[Said], may_compose: bool) -> String {
    match joined(said, may_compose) {
        Ok(joined) => letters(&joined),
        Err((index, reason)) => format!("{index} {reason}"),
    }
}

#[test]
fn segments_join_only_by_a_token_that_says_so() {
    let cases: Vec<(&str, Vec<Said>, &str)> = vec![
        ("one", vec![token("a", None)], "a"),
        ("a chain that grew", vec![token("a", None), token("ab", None)], "ab"),
        ("it grew twice", vec![token("a", None), token("ab", None), token("abcd", None)], "abcd"),
        ("the same twice", vec![token("ab", None), token("ab", None)], "ab"),
        ("asserted, then a token", vec![single('a'), token("ab", None)], "ab"),
        ("two strangers", vec![token("a", None), token("b", None)], "1 unlinked_chain"),
        ("a token that was seen", vec![token("a", None), token("bc", None)], "1 unlinked_chain"),
        ("another head", vec![token("a", None), token("xab", None)], "1 unlinked_chain"),
        ("another order", vec![token("ab", None), token("ba", None)], "1 unlinked_chain"),
        ("a shorter chain", vec![token("ab", None), token("a", None)], "1 unlinked_chain"),
        ("a fork", vec![token("ab", None), token("ac", None)], "1 unlinked_chain"),
        ("one left out", vec![token("ab", None), token("ac", None)], "1 unlinked_chain"),
        ("the last one goes on", vec![token("ab", None), token("bc", None)], "1 unlinked_chain"),
        ("invited", vec![token("a", Some('b')), single('b')], "ab"),
        ("invited with a token", vec![token("a", Some('b')), token("b", None)], "ab"),
        (
            "invited one by one",
            vec![token("a", Some('b')), token("b", Some('c')), single('c')],
            "abc",
        ),
        ("another is invited", vec![token("a", Some('b')), single('c')], "1 unlinked_chain"),
        (
            "whom the invited one brings",
            vec![token("a", Some('b')), token("bc", None)],
            "1 unlinked_chain",
        ),
        (
            "who brings the invited one",
            vec![token("a", Some('b')), token("cb", None)],
            "1 unlinked_chain",
        ),
        (
            "an invitation is for the next only",
            vec![token("a", Some('c')), token("ab", None), single('c')],
            "2 unlinked_chain",
        ),
        (
            "the later token's invitation holds",
            vec![token("a", None), token("ab", Some('c')), single('c')],
            "abc",
        ),
        ("a word invites nobody", vec![single('a'), single('b')], "1 unlinked_chain"),
        ("a word is no chain that grew", vec![token("a", None), single('a')], "1 unlinked_chain"),
        ("invited to be itself", vec![token("a", Some('a')), single('a')], "1 chain_cycle"),
        ("an earlier one is invited", vec![token("ab", Some('a')), single('a')], "1 chain_cycle"),
        (
            "it grew after an invitation",
            vec![token("a", Some('b')), token("b", None), token("abc", None)],
            "abc",
        ),
    ];
    for (name, said, expected) in cases {
        assert_eq!(result(&said, false), expected, "{name}");
    }
}

#[test]
fn whoever_may_compose_joins_anything_but_cycles() {
    let cases: Vec<(Vec<Said>, &str)> = vec![
        (vec![single('a'), token("bc", None), single('d')], "abcd"),
        (vec![token("ab", None), token("ab", None)], "ab"),
        (vec![token("ab", None), token("abc", None)], "abc"),
        (vec![token("ab", None), single('a')], "1 chain_cycle"),
        (vec![token("ab", None), token("ba", None)], "1 chain_cycle"),
    ];
    for (said, expected) in cases {
        assert_eq!(result(&said, true), expected);
    }
}

#[test]
fn a_joined_chain_has_at_most_eight_links() {
    assert_eq!(CHAIN_LINKS_MAX, 8);
    let said = vec![token("abcdefg", Some('h')), token("h", Some('i')), single('i')];
    assert_eq!(result(&said[..2], false), "abcdefgh");
    assert_eq!(result(&said, false), "2 chain_too_deep");
    assert_eq!(result(&[token("abcd", None), token("efgh", None)], true), "abcdefgh");
    assert_eq!(result(&[token("abcd", None), token("efghi", None)], true), "1 chain_too_deep");
}

#[test]
fn the_same_name_of_another_kind_is_no_continuation_but_a_cycle() {
    let mut later = token("ab", None);
    later.links[0].actor.kind = ActorKind::User;
    assert_eq!(result(&[token("a", None), later.clone()], false), "1 unlinked_chain");
    assert_eq!(result(&[token("a", None), later], true), "1 chain_cycle");
}

#[test]
fn an_earlier_token_adds_no_claims() {
    let joined = joined(&[token("a", None), token("ab", None)], false).unwrap();
    assert!(joined.links.iter().all(|link| link.claims["from"] == "ab"));
    assert_eq!(joined.of_head, [0, 1]);
}

fn said() -> impl Strategy<Value = Said> {
    let letters =
        Just("abcdefghij".chars().collect::<Vec<char>>()).prop_shuffle().prop_flat_map(|all| {
            (1..4_usize).prop_map(move |count| all[..count].iter().collect::<String>())
        });
    // Few letters, so that they often meet.
    let few = proptest::sample::select(vec!["a", "b", "c", "ab", "abc", "bc", "ac", "ba", "abcd"])
        .prop_map(str::to_owned);
    let may_act = proptest::option::of(proptest::sample::select(vec!['a', 'b', 'c', 'd']));
    prop_oneof![
        4 => (prop_oneof![few, letters], may_act)
            .prop_map(|(letters, may_act)| token(&letters, may_act)),
        1 => proptest::sample::select(vec!['a', 'b', 'c', 'd']).prop_map(single),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, ..ProptestConfig::default() })]

    /// Whoever stands after somebody in a chain was put there by one token that names both in that
    /// order, or by the invitation of the token right before.
    #[test]
    fn every_step_of_a_chain_is_vouched_for(said in proptest::collection::vec(said(), 1..5)) {
        let Ok(joined) = joined(&said, false) else { return Ok(()) };
        let steps: HashSet<(String, String)> = said
            .iter()
            .filter(|said| said.is_token)
            .flat_map(|said| said.links.windows(2))
            .map(|pair| (pair[0].actor.to_string(), pair[1].actor.to_string()))
            .collect();
        let invitations: HashSet<(String, String)> = said
            .windows(2)
            .filter(|pair| pair[1].links.len() == 1)
            .filter(|pair| pair[0].may_act.as_ref().is_some_and(|p| p.is(&pair[1].links[0].actor)))
            .map(|pair| {
                (pair[0].links.last().unwrap().actor.to_string(), pair[1].links[0].actor.to_string())
            })
            .collect();
        for pair in joined.links.windows(2) {
            let step = (pair[0].actor.to_string(), pair[1].actor.to_string());
            prop_assert!(steps.contains(&step) || invitations.contains(&step));
        }
        let mut seen = HashSet::new();
        prop_assert!(joined.links.iter().all(|link| seen.insert(link.actor.subject.clone())));
        prop_assert!(joined.links.len() <= CHAIN_LINKS_MAX);
    }

    /// An agent that prepends tokens to its own gets what its own gives, or nothing.
    #[test]
    fn prepending_tokens_changes_nothing_but_may_refuse(
        seen in proptest::collection::vec(said(), 0..4),
        own in said(),
    ) {
        // Nobody invited it: the tokens that it has seen name others.
        let mut seen = seen;
        for seen in &mut seen {
            let names_own = |party: &Party| own.links.iter().any(|link| party.is(&link.actor));
            if seen.may_act.as_ref().is_some_and(names_own) {
                seen.may_act = None;
            }
        }
        let mut all = seen.clone();
        all.push(own.clone());
        if let Ok(joined) = joined(&all, false) {
            prop_assert_eq!(&joined.links, &own.links);
        }
    }

    /// Presenting more never makes another end of the chain.
    #[test]
    fn the_current_actor_is_always_the_last_credentials(
        said in proptest::collection::vec(said(), 1..5),
        may_compose: bool,
    ) {
        if let Ok(joined) = joined(&said, may_compose) {
            prop_assert_eq!(joined.links.last(), said.last().unwrap().links.last());
        }
    }

    /// Whoever may not compose never gets a chain that whoever may does not get.
    #[test]
    fn composing_only_adds(said in proptest::collection::vec(said(), 1..5)) {
        if let Ok(strict) = joined(&said, false) {
            prop_assert_eq!(strict.links, joined(&said, true).unwrap().links);
        }
    }
}
