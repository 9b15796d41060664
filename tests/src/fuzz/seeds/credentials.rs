//! The corpora of the targets `tokens`, `cose`, `tpm` and `certificates`.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ciborium::Value as Cbor;
use serde_json::{Value, json};

use crate::fuzz::attestation::{
    AK_ECC, AK_RSA, EK_CERTIFICATE, QUOTE_ECC, QUOTE_RSA, ek_authorities, invalid_nitro_document,
    nitro_document, quote_nonce, quoted_registers,
};
use crate::fuzz::certificates::{Authorities, signed_content};
use crate::fuzz::cose::{NONCE, made, members};
use crate::fuzz::tokens::issuers::{
    DOMAIN, IDP, access_claims, access_token, delegated_claims, delegated_token, event,
    event_claims, key_set, sign,
};

/// A seed and the name of its file.
type Seed = (&'static str, Vec<u8>);

/// Seeds of `tokens`: tokens, claims to be signed, key sets, trust bundles and events.
#[must_use]
pub fn tokens() -> Vec<Seed> {
    let claims = |name, change: fn(&mut Value)| {
        let mut claims = delegated_claims();
        change(&mut claims);
        (name, claims.to_string().into_bytes())
    };
    let mut seeds = vec![
        ("access-token", access_token().into_bytes()),
        ("delegated-token", delegated_token().into_bytes()),
        ("plain-token", sign("JWT", &access_claims()).into_bytes()),
        ("unsigned-token", unsigned().into_bytes()),
        ("event", event().into_bytes()),
        ("key-set", key_set()),
        ("key-set-for-others", key_set_for_others()),
        ("trust-bundle", trust_bundle()),
        ("access-claims", access_claims().to_string().into_bytes()),
        ("event-claims", event_claims().to_string().into_bytes()),
        claims("delegated-claims", |_| {}),
        claims("audiences", |claims| claims["aud"] = json!(["https://x.example", claims["aud"]])),
        claims("bound-claims", |claims| claims["cnf"] = json!({"jkt": "AA"})),
        claims("foreign-actor", |claims| claims["act"]["iss"] = json!("https://x.example")),
        claims("not-yet", |claims| claims["nbf"] = json!(i64::MAX)),
        claims("user-kind", |claims| claims["sub_profile"] = json!("user")),
    ];
    let ended = event_claims();
    for (name, claim) in [("event-with-end", "exp"), ("event-with-subject", "sub")] {
        let mut claims = ended.clone();
        claims[claim] = access_claims()[claim].clone();
        seeds.push((name, claims.to_string().into_bytes()));
    }
    for (name, subject) in [
        ("event-opaque", json!({"format": "opaque", "id": "s-1"})),
        ("event-workload", json!({"format": "uri", "uri": format!("{DOMAIN}/planner")})),
        (
            "event-complex",
            json!({
                "format": "complex",
                "session": {"format": "opaque", "id": "s-1"},
                "user": {"format": "iss_sub", "iss": IDP, "sub": "alice"},
            }),
        ),
    ] {
        let mut claims = ended.clone();
        claims["sub_id"] = subject;
        seeds.push((name, claims.to_string().into_bytes()));
    }
    seeds
}

/// RFC 7519, section 6.1.
fn unsigned() -> String {
    let header = URL_SAFE_NO_PAD.encode(r#"{"typ":"at+jwt","alg":"none"}"#);
    format!("{header}.{}.", URL_SAFE_NO_PAD.encode(access_claims().to_string()))
}

/// The identity provider's keys, for nothing that it signs.
fn key_set_for_others() -> Vec<u8> {
    let mut set: Value = serde_json::from_slice(&key_set()).expect("a key set");
    for key in set["keys"].as_array_mut().expect("keys") {
        key["use"] = json!("jwt-svid");
    }
    set.to_string().into_bytes()
}

/// The identity provider's keys, once for each use, and an authority.
fn trust_bundle() -> Vec<u8> {
    let set: Value = serde_json::from_slice(&key_set()).expect("a key set");
    let mut keys = Vec::new();
    for key_use in ["jwt-svid", "wit-svid", "sig"] {
        for mut key in set["keys"].as_array().expect("keys").clone() {
            key["use"] = json!(key_use);
            keys.push(key);
        }
    }
    let root = Authorities::new().root;
    // Its public key is the last thing in it that has 32 bytes behind 03 21 00 (RFC 8410).
    let at = root.windows(3).position(|window| window == [0x03, 0x21, 0x00]).expect("a key") + 3;
    keys.push(json!({
        "use": "x509-svid", "kty": "OKP", "crv": "Ed25519",
        "x": URL_SAFE_NO_PAD.encode(&root[at..at + 32]), "x5c": [STANDARD.encode(&root)],
    }));
    let bundle = json!({"spiffe_sequence": 7, "spiffe_refresh_hint": 60, "keys": keys});
    bundle.to_string().into_bytes()
}

/// Seeds of `cose`: documents, and beginnings of payloads.
#[must_use]
pub fn cose() -> Vec<Seed> {
    let genuine = nitro_document();
    let tagged = [&[0xd2], genuine.as_slice()].concat();
    let cut_off = genuine[..genuine.len() / 2].to_vec();
    let payload = |change: fn(&mut Vec<(&'static str, Cbor)>)| {
        let mut all = enclave_members();
        change(&mut all);
        members(&all)
    };
    let mut indefinite = payload(|_| {});
    indefinite[0] = 0xbf;
    // The length of the first name, in two bytes although one is enough.
    let mut long_head = payload(|_| {});
    long_head.splice(1..2, [0x78, 0x09]);
    vec![
        ("genuine", genuine),
        ("tagged", tagged),
        ("cut-off", cut_off),
        ("invalid", invalid_nitro_document()),
        ("payload", payload(|_| {})),
        ("payload-indefinite", indefinite),
        ("payload-long-head", long_head),
        ("payload-other-nonce", payload(|all| all[6].1 = Cbor::Bytes(vec![7; 8]))),
        ("payload-twice", payload(|all| all.push(all[0].clone()))),
        ("payload-unknown-member", payload(|all| all.push(("more", Cbor::Null)))),
        ("payload-without-nonce", payload(|all| drop(all.pop()))),
        ("payload-early", payload(|all| all[2].1 = Cbor::from(1))),
        ("payload-null", payload(|all| all[4].1 = Cbor::Null)),
        ("payload-debug", payload(|all| all[3].1 = registers([0, 0, 0]))),
        ("payload-debug-application", payload(|all| all[3].1 = registers([1, 1, 0]))),
    ]
}

fn enclave_members() -> Vec<(&'static str, Cbor)> {
    vec![
        ("module_id", Cbor::from("i-0123456789abcdef0-enc0123456789abcdef")),
        ("digest", Cbor::from("SHA384")),
        ("timestamp", Cbor::from(made().as_millis())),
        ("pcrs", registers([1, 1, 1])),
        ("public_key", Cbor::Bytes(b"key".to_vec())),
        ("user_data", Cbor::Bytes(b"data".to_vec())),
        ("nonce", Cbor::Bytes(NONCE.to_vec())),
    ]
}

/// Registers 0, 1 and 2, each of one byte.
fn registers(bytes: [u8; 3]) -> Cbor {
    let register = |(index, byte): (u8, u8)| (Cbor::from(index), Cbor::Bytes(vec![byte; 48]));
    Cbor::Map((0..).zip(bytes).map(register).collect())
}

/// Seeds of `tpm`: evidence, statements, keys and signatures.
#[must_use]
pub fn tpm() -> Vec<Seed> {
    let [ecc, ecc_signature] = QUOTE_ECC;
    let [rsa, rsa_signature] = QUOTE_RSA;
    let nonce = quote_nonce();
    let mut other_nonce = ecc.to_vec();
    let at = ecc.windows(nonce.len()).position(|window| window == nonce).expect("the nonce");
    other_nonce[at] ^= 1;
    // `TPMA_OBJECT` is in bytes 4 to 7; one of its bits is turned.
    let public = |byte: usize, bit: u8| {
        let mut public = AK_ECC.to_vec();
        public[byte] ^= 1 << bit;
        public
    };
    vec![
        ("public-decrypts", public(5, 1)),
        ("public-movable", public(7, 1)),
        ("public-mute", public(5, 2)),
        ("public-unrestricted", public(5, 0)),
        ("evidence-ecc", evidence(QUOTE_ECC, Some(AK_ECC))),
        ("evidence-rsa", evidence(QUOTE_RSA, None)),
        ("evidence-crossed", evidence([ecc, rsa_signature], Some(AK_RSA))),
        ("statement-ecc", ecc.to_vec()),
        ("statement-rsa", rsa.to_vec()),
        ("statement-other-nonce", other_nonce),
        ("public-ecc", AK_ECC.to_vec()),
        ("public-rsa", AK_RSA.to_vec()),
        ("signature-ecc", ecc_signature.to_vec()),
        ("signature-rsa", rsa_signature.to_vec()),
    ]
}

fn evidence([message, signature]: [&[u8]; 2], key: Option<&[u8]>) -> Vec<u8> {
    let encode = |bytes| URL_SAFE_NO_PAD.encode(bytes);
    let registers: BTreeMap<String, String> = quoted_registers()
        .into_iter()
        .map(|(index, value)| (index.to_string(), hex::encode(value)))
        .collect();
    let mut evidence = json!({
        "message": encode(message), "signature": encode(signature),
        "pcrs": {"sha256": registers},
    });
    if let Some(key) = key {
        evidence["ak"] = json!(encode(key));
    }
    evidence.to_string().into_bytes()
}

/// Seeds of `certificates`: chains, contents to be signed, and endorsement keys.
#[must_use]
pub fn certificates() -> Vec<Seed> {
    let authorities = Authorities::new();
    let [_, ek_authority] = ek_authorities();
    let of = |name| authorities.issued.iter().find(|issued| issued.name == name);
    let leaf = |name| of(name).expect("it was issued").der.clone();
    let below = [leaf("leaf-below"), authorities.intermediate().to_vec()].concat();
    let with_root = [below.as_slice(), &authorities.root].concat();
    let with_workload = [below.as_slice(), &leaf("leaf")].concat();
    let mut seeds = vec![
        ("chain", below),
        ("chain-with-workload", with_workload),
        ("chain-with-root", with_root),
        ("content", signed_content(&leaf("leaf"))),
        ("content-expired", signed_content(&leaf("expired"))),
        ("content-foreign", signed_content(&leaf("foreign"))),
        ("endorsement", EK_CERTIFICATE.to_vec()),
        ("endorsement-chain", [EK_CERTIFICATE, &ek_authority].concat()),
        ("root", authorities.root.clone()),
    ];
    seeds.extend(authorities.issued.iter().map(|issued| (issued.name, issued.der.clone())));
    seeds.extend(authorities.unfit.iter().map(|(name, der)| (*name, signed_content(der))));
    seeds
}
