use std::sync::Arc;

use palisade_core::TrustTier;
use serde_json::{Value, json};

use super::{ClaimMapping, MAPPING_ENTRIES_MAX, MappingError, MeasurementClaim};
use crate::appraisal::{Appraisal, Judgement};
use crate::binding::Expected;
use crate::config::{MappedJwtVerifier, VerifierConfig, VerifierKind};
use crate::fixtures::{NOW, NOW_SECONDS, Signer, encode, later, set};
use crate::token::appraise;
use crate::validity::AgeLimits;

const NONCE: [u8; 32] = [9; 32];

/// A token of Confidential Space, as Google documents it.
fn google() -> Value {
    json!({
        "aud": "https://pdp.example",
        "exp": NOW_SECONDS + 600,
        "iat": NOW_SECONDS,
        "nbf": NOW_SECONDS,
        "iss": "https://confidentialcomputing.googleapis.com",
        "sub": "https://www.googleapis.com/compute/v1/projects/p/zones/z/instances/i",
        "eat_nonce": ["somebody-elses-nonce", encode(&NONCE)],
        "secboot": true,
        "oemid": 11129,
        "hwmodel": "GCP_INTEL_TDX",
        "attester_tcb": ["INTEL"],
        "swname": "CONFIDENTIAL_SPACE",
        "swversion": ["240900"],
        "dbgstat": "disabled-since-boot",
        "google_service_accounts": ["bot@p.iam.gserviceaccount.com"],
        "submods": {
            "confidential_space": { "support_attributes": ["LATEST", "STABLE", "USABLE"] },
            "container": {
                "image_reference": "europe-docker.pkg.dev/p/r/agent:v1",
                "image_digest": "sha256:aa",
                "args": ["/agent"]
            },
            "gce": { "instance_id": "42", "project_id": "p", "zone": "z" }
        }
    })
}

/// A token of Microsoft Azure Attestation about an SEV-SNP report.
fn azure() -> Value {
    json!({
        "exp": NOW_SECONDS + 600,
        "iat": NOW_SECONDS,
        "nbf": NOW_SECONDS,
        "iss": "https://us.eus.attest.azure.net",
        "x-ms-attestation-type": "sevsnpvm",
        "x-ms-compliance-status": "azure-compliant-cvm",
        "x-ms-policy-hash": "abc",
        "x-ms-runtime": { "client-payload": { "nonce": encode(encode(&NONCE).as_bytes()) } },
        "x-ms-sevsnpvm-is-debuggable": false,
        "x-ms-sevsnpvm-launchmeasurement": "00aa",
        "x-ms-sevsnpvm-hostdata": "11",
        "x-ms-sevsnpvm-reportdata": "22",
        "x-ms-sevsnpvm-reportid": "r1"
    })
}

/// The same, nested in the guest attestation of a confidential VM.
fn azure_guest() -> Value {
    let mut claims = azure();
    let nested = claims.clone();
    for name in ["x-ms-compliance-status", "x-ms-sevsnpvm-is-debuggable"] {
        set(&mut claims, &format!("/{name}"), Value::Null);
    }
    set(&mut claims, "/x-ms-attestation-type", json!("azurevm"));
    set(&mut claims, "/x-ms-azurevm-vmid", json!("vm1"));
    set(&mut claims, "/secureboot", json!(true));
    set(&mut claims, "/x-ms-isolation-tee", nested);
    claims
}

fn intel() -> Value {
    json!({
        "exp": NOW_SECONDS + 600,
        "iat": NOW_SECONDS,
        "iss": "https://portal.trustauthority.intel.com",
        "attester_type": "TDX",
        "attester_tcb_status": "UpToDate",
        "attester_held_data": encode(&NONCE),
        "tdx_is_debuggable": false,
        "tdx_mrtd": "aa",
        "tdx_rtmr3": "bb"
    })
}

struct Cloud {
    mapping: &'static str,
    signer: Signer,
    issuer: Option<&'static str>,
    audience: Option<&'static str>,
}

impl Cloud {
    fn google() -> Self {
        Self {
            mapping: "google-confidential-space",
            signer: Signer::rs256(),
            issuer: None,
            audience: Some("https://pdp.example"),
        }
    }

    fn azure(mapping: &'static str) -> Self {
        let issuer = Some("https://us.eus.attest.azure.net");
        Self { mapping, signer: Signer::rs256(), issuer, audience: None }
    }

    fn intel() -> Self {
        Self {
            mapping: "intel-trust-authority",
            signer: Signer::ps384(),
            issuer: Some("https://portal.trustauthority.intel.com"),
            audience: None,
        }
    }

    fn configs(&self) -> [VerifierConfig; 1] {
        let verifier = MappedJwtVerifier {
            keys: Arc::new(self.signer.keys()),
            mapping: ClaimMapping::built_in(self.mapping).expect("built in"),
            issuer: self.issuer.map(str::to_owned),
            audience: self.audience.map(str::to_owned),
        };
        let kind = VerifierKind::MappedJwt(verifier);
        [VerifierConfig { name: "cloud".to_owned(), age: AgeLimits::default(), kind }]
    }

    fn appraise(&self, claims: &Value) -> Result<Appraisal, &'static str> {
        let token = self.signer.token(claims);
        let expected = Expected::new(&[NONCE], None);
        appraise(token.as_bytes(), &self.configs(), &expected, NOW)
            .map(|appraised| appraised.appraisal)
            .map_err(|refusal| refusal.code)
    }

    /// The tier and whether it is debug, or the code.
    fn tier(&self, claims: &Value) -> Answer {
        let appraisal = self.appraise(claims)?;
        let Judgement::Verifier(tier) = appraisal.judgement else { panic!("a result") };
        Ok((tier, appraisal.debug))
    }
}

/// The tier and whether it is debug, or the code.
type Answer = Result<(TrustTier, bool), &'static str>;

const AFFIRMED: Answer = Ok((TrustTier::Affirming, false));
const REFUTED: Answer = Ok((TrustTier::Contraindicated, false));
const DEBUG: Answer = Ok((TrustTier::Contraindicated, true));

fn check(cloud: &Cloud, claims: &Value, cases: &[(&str, Value, Answer)]) {
    assert_eq!(cloud.tier(claims), AFFIRMED, "{}", cloud.mapping);
    for (pointer, value, want) in cases {
        let mut changed = claims.clone();
        set(&mut changed, pointer, value.clone());
        assert_eq!(cloud.tier(&changed), *want, "{} {pointer}: {value}", cloud.mapping);
    }
}

#[test]
fn google_confidential_space_is_affirmed_only_as_a_production_image() {
    let support = "/submods/confidential_space/support_attributes";
    let cloud = Cloud::google();
    check(
        &cloud,
        &google(),
        &[
            ("/dbgstat", json!("enabled"), DEBUG),
            ("/dbgstat", Value::Null, DEBUG),
            ("/dbgstat", json!(["disabled-since-boot"]), DEBUG),
            ("/swname", json!("GCE"), REFUTED),
            ("/swname", Value::Null, REFUTED),
            ("/secboot", json!(false), REFUTED),
            ("/secboot", json!("true"), REFUTED),
            ("/secboot", Value::Null, REFUTED),
            (support, json!(["USABLE"]), REFUTED),
            (support, json!([]), REFUTED),
            (support, json!("STABLE"), REFUTED),
            (support, Value::Null, REFUTED),
            ("/submods/confidential_space", json!("STABLE"), REFUTED),
            ("/hwmodel", json!("GCP_SHIELDED_VM"), REFUTED),
            ("/hwmodel", Value::Null, REFUTED),
            (
                "/iss",
                json!("https://confidentialcomputing.googleapis.com/"),
                Err("unknown_verifier"),
            ),
            ("/iss", Value::Null, Err("unknown_verifier")),
            ("/aud", json!("https://sts.googleapis.com"), Err("audience")),
            ("/aud", Value::Null, Err("audience")),
            ("/aud", json!(["x", "https://pdp.example"]), AFFIRMED),
            ("/eat_nonce", json!(encode(&NONCE)), AFFIRMED),
            ("/eat_nonce", json!("a"), Err("not_bound")),
            ("/eat_nonce", Value::Null, Err("not_bound")),
            ("/eat_nonce", json!({}), Err("nonce_malformed")),
            ("/exp", json!(NOW_SECONDS), Err("expired")),
            ("/nbf", json!(NOW_SECONDS + 61), Err("not_yet_valid")),
            ("/iat", json!(NOW_SECONDS + 61), Err("issued_in_the_future")),
            ("/iat", Value::Null, Err("iat_missing")),
            ("/submods/container/image_digest", json!({}), Err("measurement_malformed")),
            ("/submods/gce/instance_id", json!(5), Err("subject_malformed")),
        ],
    );
    let found = cloud.appraise(&google()).unwrap_or_else(|code| panic!("{code}"));
    assert_eq!(found.subject, "42");
    assert_eq!(
        found.measurements,
        [
            "hwmodel:GCP_INTEL_TDX",
            "image:sha256:aa",
            "image_reference:europe-docker.pkg.dev/p/r/agent:v1",
            "project:p",
            "service_account:bot@p.iam.gserviceaccount.com",
            "swversion:240900",
            "zone:z",
        ]
    );
    let categories: Vec<_> =
        found.vector.iter().map(|(name, value)| (name.as_str(), *value)).collect();
    assert_eq!(
        categories,
        [("configuration", 2), ("executables", 2), ("hardware", 2), ("runtime-opaque", 2)]
    );
    assert_eq!(found.lifetime.expires_at, later(600_000));
}

#[test]
fn one_failed_check_spoils_its_category() {
    let mut claims = google();
    set(&mut claims, "/swname", json!("GCE"));
    let found = Cloud::google().appraise(&claims).unwrap_or_else(|code| panic!("{code}"));
    assert!(found.vector.contains(&("executables".to_owned(), 96)));
    assert!(found.vector.contains(&("hardware".to_owned(), 2)));
}

#[test]
fn azure_sev_snp_is_affirmed_only_if_compliant_and_closed() {
    let cloud = Cloud::azure("azure-sev-snp");
    check(
        &cloud,
        &azure(),
        &[
            ("/x-ms-sevsnpvm-is-debuggable", json!(true), DEBUG),
            ("/x-ms-sevsnpvm-is-debuggable", Value::Null, DEBUG),
            ("/x-ms-sevsnpvm-is-debuggable", json!("false"), DEBUG),
            ("/x-ms-compliance-status", json!("none"), REFUTED),
            ("/x-ms-compliance-status", Value::Null, REFUTED),
            ("/x-ms-attestation-type", json!("sgx"), REFUTED),
            ("/iss", json!("https://evil.eus.attest.azure.net"), Err("unknown_verifier")),
            ("/x-ms-runtime", Value::Null, Err("not_bound")),
            ("/x-ms-runtime/client-payload/nonce", json!("bm8"), Err("not_bound")),
            ("/aud", json!("x"), Err("audience")),
        ],
    );
    let mut claims = azure();
    set(&mut claims, "/x-ms-runtime", Value::Null);
    let report = format!("{}{}", hex::encode(NONCE), "0".repeat(64));
    set(&mut claims, "/x-ms-sevsnpvm-reportdata", json!(report));
    assert_eq!(cloud.tier(&claims), AFFIRMED);
    let found = cloud.appraise(&azure()).unwrap_or_else(|code| panic!("{code}"));
    assert_eq!(found.subject, "r1");
    assert_eq!(found.measurements, ["hostdata:11", "launch:00aa", "policy_hash:abc"]);
}

#[test]
fn the_url_of_keys_in_a_header_is_not_followed() {
    let cloud = Cloud::azure("azure-sev-snp");
    let header = json!({"jku": "https://evil.example/certs", "typ": "JWT"});
    let expected = Expected::new(&[NONCE], None);
    let own = cloud.signer.token_with(&header, &azure());
    assert!(appraise(own.as_bytes(), &cloud.configs(), &expected, NOW).is_ok());
    let forged = Signer::rs256().token_with(&header, &azure());
    let refusal = appraise(forged.as_bytes(), &cloud.configs(), &expected, NOW).err();
    assert_eq!(refusal.map(|refusal| refusal.code), Some("jws_signature"));
}

#[test]
fn a_key_in_the_runtime_data_binds_if_it_is_the_proven_one() {
    let cloud = Cloud::azure("azure-sev-snp");
    let holder = Signer::es256();
    let key = holder.public();
    let expected = Expected::new(&[], Some(key.thumbprint()));
    let mut claims = azure();
    set(&mut claims, "/x-ms-runtime", json!({"keys": [holder.jwk()]}));
    let token = cloud.signer.token(&claims);
    assert!(appraise(token.as_bytes(), &cloud.configs(), &expected, NOW).is_ok());
    set(&mut claims, "/x-ms-runtime", json!({"keys": [Signer::es256().jwk()]}));
    let token = cloud.signer.token(&claims);
    assert!(appraise(token.as_bytes(), &cloud.configs(), &expected, NOW).is_err());
}

#[test]
fn azure_guest_attestation_is_affirmed_only_with_its_nested_report() {
    let tee = "/x-ms-isolation-tee";
    let cloud = Cloud::azure("azure-guest-sev-snp");
    check(
        &cloud,
        &azure_guest(),
        &[
            (&format!("{tee}/x-ms-sevsnpvm-is-debuggable"), json!(true), DEBUG),
            (&format!("{tee}/x-ms-compliance-status"), json!("x"), REFUTED),
            (&format!("{tee}/x-ms-attestation-type"), json!("tdxvm"), REFUTED),
            (tee, Value::Null, DEBUG),
            ("/x-ms-attestation-type", json!("sevsnpvm"), REFUTED),
            ("/secureboot", json!(false), REFUTED),
            ("/secureboot", Value::Null, REFUTED),
        ],
    );
    let found = cloud.appraise(&azure_guest()).unwrap_or_else(|code| panic!("{code}"));
    assert_eq!(found.subject, "vm1");
}

#[test]
fn intel_trust_authority_is_affirmed_only_if_up_to_date_and_closed() {
    let cloud = Cloud::intel();
    check(
        &cloud,
        &intel(),
        &[
            ("/attester_tcb_status", json!("OutOfDate"), REFUTED),
            ("/attester_tcb_status", Value::Null, REFUTED),
            ("/attester_type", json!("SGX"), REFUTED),
            ("/tdx_is_debuggable", json!(true), DEBUG),
            ("/tdx_is_debuggable", Value::Null, DEBUG),
            ("/tdx", json!({"tdx_is_debuggable": true}), DEBUG),
            ("/tdx", json!({"tdx_is_debuggable": false}), AFFIRMED),
            ("/attester_held_data", Value::Null, Err("not_bound")),
        ],
    );
    let found = cloud.appraise(&intel()).unwrap_or_else(|code| panic!("{code}"));
    assert_eq!(found.subject, "https://portal.trustauthority.intel.com");
    assert_eq!(found.measurements, ["mrtd:aa", "rtmr3:bb"]);
}

#[test]
fn only_the_algorithms_of_a_mapping_are_taken() {
    let cloud = Cloud { signer: Signer::ps384(), ..Cloud::google() };
    assert_eq!(cloud.tier(&google()), Err("jws_algorithm"));
}

fn minimal() -> Value {
    json!({
        "audience": false,
        "algorithms": ["ES256"],
        "checks": [{ "claims": ["/ok"], "equals": [true], "category": "hardware" }],
        "otherwise": "none",
        "bindings": [{ "claim": "/nonce" }],
        "subject": ["/who"],
        "measurements": [{ "name": "image", "claims": ["/image"] }]
    })
}

#[test]
fn another_verifier_needs_data_and_no_code() {
    let signer = Signer::es256();
    let verifier = MappedJwtVerifier {
        keys: Arc::new(signer.keys()),
        mapping: ClaimMapping::from_value(minimal()).expect("usable"),
        issuer: Some("https://own".to_owned()),
        audience: None,
    };
    let kind = VerifierKind::MappedJwt(verifier);
    let configs = [VerifierConfig { name: "own".to_owned(), age: AgeLimits::default(), kind }];
    let tier = |ok: Value| {
        let claims = json!({
            "iss": "https://own", "iat": NOW_SECONDS, "nonce": encode(&NONCE), "who": "w",
            "image": "i", "ok": ok
        });
        let token = signer.token(&claims);
        let found = appraise(token.as_bytes(), &configs, &Expected::new(&[NONCE], None), NOW);
        found.unwrap_or_else(|refusal| panic!("{refusal}")).appraisal
    };
    let good = tier(json!(true));
    assert_eq!(good.judgement, Judgement::Verifier(TrustTier::Affirming));
    assert_eq!((good.subject.as_str(), good.measurements.join(" ")), ("w", "image:i".to_owned()));
    let bad = tier(json!(false));
    assert_eq!(bad.judgement, Judgement::Verifier(TrustTier::None));
    assert_eq!(bad.vector, [("hardware".to_owned(), 0)]);
}

#[test]
fn every_built_in_mapping_is_usable() {
    for name in ClaimMapping::BUILT_IN {
        let mapping =
            ClaimMapping::built_in(name).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(mapping.otherwise == TrustTier::Contraindicated, "{name}");
        assert!(mapping.checks.iter().any(|check| check.debug), "{name}");
        assert_eq!(mapping.needs_audience(), *name == "google-confidential-space");
    }
    assert!(ClaimMapping::built_in("other").is_err());
}

#[test]
fn a_mapping_that_would_take_anything_is_refused() {
    let entry = |n: usize| json!({ "name": format!("m{n}"), "claims": ["/m"] });
    let many = |count: usize| Value::Array((0..count).map(entry).collect());
    let refused = |pointer: &str, value: Value| {
        let mut mapping = minimal();
        set(&mut mapping, pointer, value);
        ClaimMapping::from_value(mapping).err()
    };
    assert!(refused("/measurements", many(MAPPING_ENTRIES_MAX)).is_none());
    assert_eq!(
        refused("/measurements", many(MAPPING_ENTRIES_MAX + 1)),
        Some(MappingError::TooMany)
    );
    assert_eq!(refused("/checks", json!([])), Some(MappingError::Missing { what: "check" }));
    assert_eq!(refused("/bindings", json!([])), Some(MappingError::Missing { what: "binding" }));
    assert_eq!(refused("/otherwise", json!("affirming")), Some(MappingError::Otherwise));
    for algorithms in [json!([]), json!(["none"]), json!(["HS256"]), json!(["ES256", "x"])] {
        assert_eq!(refused("/algorithms", algorithms), Some(MappingError::Algorithm));
    }
    for check in [
        json!({ "claims": ["/a"], "category": "x" }),
        json!({ "claims": ["/a"], "category": "x", "equals": [] }),
        json!({ "claims": ["/a"], "category": "x", "contains": [] }),
        json!({ "claims": ["/a"], "category": "x", "equals": [1], "contains": [1] }),
    ] {
        assert_eq!(refused("/checks", json!([check])), Some(MappingError::Predicate));
    }
    let nowhere = json!([{ "claims": [], "category": "x", "equals": [1] }]);
    assert_eq!(
        refused("/checks", nowhere),
        Some(MappingError::Missing { what: "claim in each check" })
    );
    for name in ["builder", "source", "workflow", "", "A", "a:b"] {
        let named = json!([{ "name": name, "claims": ["/m"] }]);
        let error = Some(MappingError::MeasurementName { name: name.to_owned() });
        assert_eq!(refused("/measurements", named), error);
        assert!(MeasurementClaim::new(name, "/m").is_err());
    }
    let twice = json!([entry(1), entry(1)]);
    assert!(matches!(refused("/measurements", twice), Some(MappingError::MeasurementName { .. })));
    assert_eq!(MeasurementClaim::new("m", "m"), Err(MappingError::Pointer));
    for (pointer, value) in [
        ("/extra", json!(1)),
        ("/audience", Value::Null),
        ("/subject", json!(["who"])),
        ("/otherwise", json!("good")),
        ("/bindings", json!([{ "claim": "/a", "form": "cnf" }])),
    ] {
        assert!(matches!(refused(pointer, value), Some(MappingError::Form { .. })), "{pointer}");
    }
}
