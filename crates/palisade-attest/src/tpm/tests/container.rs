//! The JSON around a quote.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use palisade_core::StrictJsonError;
use serde_json::{Value, json};

use super::forge::{Forge, Statement, verify};
use super::recorded;
use crate::tpm::{TPM_EVIDENCE_BYTES_MAX, TpmError, TpmHash, TpmQuote};

pub(super) fn evidence(quote: &TpmQuote) -> Value {
    let pcrs: serde_json::Map<String, Value> = quote
        .pcrs
        .iter()
        .map(|(pcr, value)| (pcr.to_string(), Value::String(hex::encode(value))))
        .collect();
    let mut evidence = json!({
        "message": URL_SAFE_NO_PAD.encode(&quote.message),
        "signature": URL_SAFE_NO_PAD.encode(&quote.signature),
        "pcrs": { quote.pcr_bank.as_str(): pcrs },
    });
    if let Some(key) = &quote.attestation_key {
        evidence["ak"] = Value::String(URL_SAFE_NO_PAD.encode(key));
    }
    evidence
}

fn good() -> Value {
    evidence(&Forge::new(TpmHash::Sha256).quote(&Statement::good()))
}

/// What is wrong with good evidence after this change.
fn fault_after(change: impl FnOnce(&mut Value)) -> String {
    let mut evidence = good();
    change(&mut evidence);
    let error = TpmQuote::parse(evidence.to_string().as_bytes()).unwrap_err();
    assert_eq!(error.code(), "tpm_evidence_malformed");
    error.to_string()
}

#[test]
fn evidence_is_read_as_it_was_written() {
    let forge = Forge::new(TpmHash::Sha256);
    let mut quote = forge.quote(&Statement::good());
    assert_eq!(TpmQuote::parse(evidence(&quote).to_string().as_bytes()), Ok(quote.clone()));
    assert_eq!(quote.claimed_key(), Ok(None));
    quote.attestation_key = Some(forge.area().bytes());
    let read = TpmQuote::parse(evidence(&quote).to_string().as_bytes()).unwrap();
    assert_eq!(read, quote);
    assert_eq!(read.claimed_key(), Ok(Some(forge.key())));
    assert!(verify(&read, &forge.key()).is_ok());
}

#[test]
fn evidence_of_a_recorded_quote_holds() {
    let body = evidence(&recorded::rsa_quote()).to_string();
    let quote = TpmQuote::parse(body.as_bytes()).unwrap();
    assert!(recorded::answer(&quote, &recorded::rsa_key()).is_ok());
}

#[test]
fn a_claimed_key_that_is_none_is_said_to_be() {
    let forge = Forge::new(TpmHash::Sha256);
    let mut quote = forge.quote(&Statement::good());
    quote.attestation_key = Some(vec![0, 0x23]);
    assert_eq!(quote.claimed_key().unwrap_err().code(), "tpm_malformed");
}

#[test]
fn both_banks_are_read() {
    let quote = TpmQuote {
        pcr_bank: TpmHash::Sha384,
        pcrs: [(31, vec![3; 48])].into(),
        ..Forge::new(TpmHash::Sha256).quote(&Statement::good())
    };
    assert_eq!(TpmQuote::parse(evidence(&quote).to_string().as_bytes()), Ok(quote));
}

#[test]
fn members_are_complete_and_known() {
    for (name, complaint) in [
        ("message", "no `message`"),
        ("signature", "no `signature`"),
        ("pcrs", "`pcrs` is no object"),
    ] {
        let fault = fault_after(|evidence| {
            evidence.as_object_mut().unwrap().remove(name);
        });
        assert!(fault.contains(complaint), "{fault}");
    }
    let fault = fault_after(|evidence| evidence["event_log"] = json!([]));
    assert!(fault.contains("unknown member"), "{fault}");
}

#[test]
fn structures_are_in_base64url_without_padding() {
    for name in ["message", "signature", "ak"] {
        for value in [
            json!("a+b/"),
            json!("YQ=="),
            json!("YR"),
            json!("a"),
            json!("Y Q"),
            json!(1),
            json!(null),
            json!([]),
        ] {
            let fault = fault_after(|evidence| evidence[name] = value.clone());
            assert!(fault.contains("base64url"), "{name}: {value}: {fault}");
        }
    }
}

#[test]
fn registers_are_of_exactly_one_bank() {
    let digest = "00".repeat(32);
    for pcrs in
        [json!({}), json!([]), json!({ "sha256": {}, "sha384": {} }), json!({ "sha256": [] })]
    {
        let fault = fault_after(|evidence| evidence["pcrs"] = pcrs.clone());
        assert!(fault.contains("`pcrs`"), "{pcrs}: {fault}");
    }
    for bank in ["sha1", "SHA256", "sha512", ""] {
        let fault = fault_after(|evidence| evidence["pcrs"] = json!({ bank: { "0": digest } }));
        assert!(fault.contains("not supported"), "{bank}: {fault}");
    }
}

#[test]
fn registers_are_numbered_in_one_way() {
    let digest = "00".repeat(32);
    for index in ["32", "256", "-1", "00", "01", "+1", " 1", "0x1", "", "1.0"] {
        let fault = fault_after(|evidence| evidence["pcrs"]["sha256"] = json!({ index: digest }));
        assert!(fault.contains("0 to 31"), "{index}: {fault}");
    }
}

#[test]
fn register_values_are_lower_case_digests_of_their_bank() {
    for value in [
        "AB".repeat(32),
        "00".repeat(31),
        "00".repeat(33),
        "00".repeat(48),
        "0".repeat(63),
        "zz".repeat(32),
        String::new(),
    ] {
        let fault = fault_after(|evidence| evidence["pcrs"]["sha256"]["0"] = json!(value));
        assert!(fault.contains("no digest"), "{value}: {fault}");
    }
    let fault = fault_after(|evidence| evidence["pcrs"]["sha256"]["0"] = json!(0));
    assert!(fault.contains("no digest"), "{fault}");
}

#[test]
fn evidence_is_strict_json() {
    for body in ["", "[]", "{", "{\"message\":\"\",\"message\":\"\"}", "{} {}"] {
        let error = TpmQuote::parse(body.as_bytes()).unwrap_err();
        assert!(matches!(error, TpmError::Json(_)), "{body}: {error:?}");
        assert_eq!(error.code(), "tpm_evidence_malformed");
    }
    let deep = r#"{"pcrs":{"sha256":{"0":{}}}}"#;
    let error = TpmQuote::parse(deep.as_bytes()).unwrap_err();
    assert_eq!(error, TpmError::Json(StrictJsonError::TooDeep { limit: 3 }));
}

#[test]
fn evidence_is_bounded() {
    assert_eq!(TPM_EVIDENCE_BYTES_MAX, 8192);
    let mut body = good().to_string();
    body.extend(std::iter::repeat_n(' ', TPM_EVIDENCE_BYTES_MAX - body.len()));
    assert!(TpmQuote::parse(body.as_bytes()).is_ok());
    body.push(' ');
    let limit = TPM_EVIDENCE_BYTES_MAX;
    let too_large = StrictJsonError::TooLarge { bytes: limit + 1, limit };
    assert_eq!(TpmQuote::parse(body.as_bytes()), Err(TpmError::Json(too_large)));
}

#[test]
fn the_largest_evidence_there_can_be_fits() {
    let quote = TpmQuote {
        message: vec![0xff; 271],
        signature: vec![0xff; 518],
        pcr_bank: TpmHash::Sha384,
        pcrs: (0..32).map(|pcr| (pcr, vec![0xff; 48])).collect(),
        attestation_key: Some(vec![0xff; 600]),
    };
    let body = evidence(&quote).to_string();
    assert!(body.len() < TPM_EVIDENCE_BYTES_MAX, "{}", body.len());
    assert_eq!(TpmQuote::parse(body.as_bytes()), Ok(quote));
}

#[test]
fn errors_repeat_nothing_of_the_evidence() {
    let fault = fault_after(|evidence| evidence["pcrs"]["sha256"]["0"] = json!("hunter2"));
    assert!(!fault.contains("hunter2"), "{fault}");
    let fault = fault_after(|evidence| evidence["hunter2"] = json!("hunter2"));
    assert!(!fault.contains("hunter2"), "{fault}");
}
