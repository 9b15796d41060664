//! Key sets and trust bundles: what is read is what stands there, and is public.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use palisade_core::Sha256Digest;
use palisade_identity::TrustBundle;
use palisade_jose::KeySet;
use serde_json::Value;

use super::Met;

/// Members that no public key has (RFC 7518, sections 6.2.2, 6.3.2 and 6.4.1).
const PRIVATE: [&str; 8] = ["d", "dp", "dq", "k", "oth", "p", "q", "qi"];

pub(super) fn check_key_set(bytes: &[u8], met: &mut Met) {
    let Ok(set) = KeySet::from_jwks(bytes) else { return };
    let shown = bytes.escape_ascii();
    let listed = listed(bytes);
    assert_eq!(set.keys().len() + set.skipped().len(), listed.len(), "{shown}");
    let mut usable = listed.iter();
    for key in set.keys() {
        // In their order, each of them as RFC 7638 names it, under its id and for signatures.
        let jwk = usable.find(|jwk| {
            jwk.get("use").is_none_or(|key_use| key_use == "sig")
                && jwk.get("kid").and_then(Value::as_str) == key.key_id()
                && thumbprint(jwk).as_ref() == Some(key.thumbprint())
        });
        let jwk = jwk.unwrap_or_else(|| panic!("{key:?} does not stand in {shown}"));
        assert!(PRIVATE.iter().all(|member| jwk.get(member).is_none()), "private: {shown}");
        let algorithm = key.algorithm().map(palisade_jose::Algorithm::as_str);
        assert_eq!(jwk.get("alg").and_then(Value::as_str), algorithm, "{shown}");
    }
    met.key_sets += usize::from(!set.keys().is_empty());
}

pub(super) fn check_trust_bundle(bytes: &[u8], met: &mut Met) {
    let Ok(bundle) = TrustBundle::parse(bytes) else { return };
    let shown = bytes.escape_ascii();
    let listed = listed(bytes);
    let kept =
        bundle.authorities() + bundle.jwt_keys().keys().len() + bundle.wit_keys().keys().len();
    assert_eq!(kept + bundle.ignored(), listed.len(), "{shown}");
    for (key_use, keys) in [("jwt-svid", bundle.jwt_keys()), ("wit-svid", bundle.wit_keys())] {
        for key in keys.keys() {
            let jwk = listed.iter().find(|jwk| {
                jwk["use"] == key_use && thumbprint(jwk).as_ref() == Some(key.thumbprint())
            });
            let jwk = jwk.unwrap_or_else(|| panic!("{key:?} does not stand in {shown}"));
            assert!(PRIVATE.iter().all(|member| jwk.get(member).is_none()), "private: {shown}");
            assert!(key.key_id().is_some(), "a key without a name: {shown}");
        }
    }
    let certificates = listed.iter().filter(|jwk| jwk["use"] == "x509-svid").count();
    assert!(bundle.authorities() <= certificates, "{shown}");
    met.trust_bundles += usize::from(kept > 0);
}

/// The keys as a lenient reader sees them.
fn listed(bytes: &[u8]) -> Vec<Value> {
    let theirs: Value = serde_json::from_slice(bytes)
        .unwrap_or_else(|error| panic!("only we read {}: {error}", bytes.escape_ascii()));
    theirs["keys"].as_array().expect("a list of keys").clone()
}

/// RFC 7638, section 3; `None` if it is no public key of a type that is spoken.
fn thumbprint(jwk: &Value) -> Option<[u8; 32]> {
    let required: &[&str] = match jwk["kty"].as_str()? {
        "EC" => &["crv", "kty", "x", "y"],
        "OKP" => &["crv", "kty", "x"],
        "RSA" => &["e", "kty", "n"],
        _ => return None,
    };
    let mut members = Vec::new();
    for name in required {
        let text = jwk[name].as_str()?;
        // What has to be escaped is neither a name nor base64url.
        let is_plain = URL_SAFE_NO_PAD.decode(text).is_ok() || text.starts_with("P-");
        members.push(format!("\"{name}\":\"{text}\""));
        if !is_plain && !["Ed25519", "EC", "OKP", "RSA"].contains(&text) {
            return None;
        }
    }
    let canonical = format!("{{{}}}", members.join(","));
    Some(*Sha256Digest::of(canonical.as_bytes()).as_bytes())
}
