use std::sync::Arc;

use palisade_core::{Actor, Attestation, Sha256Digest, TrustTier};

use super::{AttestationCache, CacheKey, Verified};
use crate::binding::Binding;
use crate::evidence::Evidence;
use crate::fixtures::{NOW, PEP, bot};
use crate::nonce::Holder;

fn key(
    pieces: &[(&str, &[u8])],
    requester: &str,
    actor: &Actor,
    thumbprint: Option<&[u8; 32]>,
    reference: &[u8],
) -> CacheKey {
    let evidence: Vec<_> =
        pieces.iter().map(|(media_type, body)| Evidence { media_type, body }).collect();
    let binding = Binding { requester, actor, key_thumbprint: thumbprint };
    let holder = Holder::new(requester, actor);
    CacheKey::new(&evidence, holder, &binding, &Sha256Digest::of(reference))
}

#[test]
fn every_part_of_what_is_asked_is_part_of_the_key() {
    let bot = bot();
    let user: Actor = "user:corp:bot".parse().expect("an actor");
    let keys = [
        key(&[("t", b"body")], PEP, &bot, None, b"r"),
        key(&[("u", b"body")], PEP, &bot, None, b"r"),
        key(&[("t", b"bodz")], PEP, &bot, None, b"r"),
        key(&[("tb", b"ody")], PEP, &bot, None, b"r"),
        key(&[("t", b"body"), ("", b"")], PEP, &bot, None, b"r"),
        key(&[("t", b"bo"), ("t", b"dy")], PEP, &bot, None, b"r"),
        key(&[("t", b"dy"), ("t", b"bo")], PEP, &bot, None, b"r"),
        key(&[("t", b"body")], "other", &bot, None, b"r"),
        key(&[("t", b"body")], PEP, &user, None, b"r"),
        key(&[("t", b"body")], PEP, &bot, Some(&[0; 32]), b"r"),
        key(&[("t", b"body")], PEP, &bot, Some(&[1; 32]), b"r"),
        key(&[("t", b"body")], PEP, &bot, None, b"s"),
    ];
    for (index, one) in keys.iter().enumerate() {
        assert!(keys.iter().skip(index + 1).all(|other| one != other), "{index}");
    }
    assert!(keys[0] == key(&[("t", b"body")], PEP, &bot, None, b"r"));
}

#[test]
fn what_is_kept_is_bounded() {
    let attestation = Arc::new(Attestation {
        verifier: "v".to_owned(),
        subject: "s".repeat(1000),
        tier: TrustTier::None,
        vector: vec![],
        issued_at: NOW,
        expires_at: NOW,
        measurements: vec!["m".repeat(1000)],
        references: vec![],
        debug: false,
        nonce_fresh: false,
    });
    let cache = AttestationCache::new(10_000);
    for index in 0..100_u8 {
        let key = key(&[("t", &[index])], PEP, &bot(), None, b"r");
        let attestation = Arc::clone(&attestation);
        cache.insert(key, Verified { attestation, nonce: None, keys: None });
    }
    cache.0.run_pending_tasks();
    // Each weighs some 2.6 KB.
    assert!((1..=3).contains(&cache.0.entry_count()), "{cache:?}");
}
