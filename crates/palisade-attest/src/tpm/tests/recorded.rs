//! Quotes that a software TPM made.

use std::collections::{BTreeMap, BTreeSet};

use super::fixture;
use crate::tpm::{
    AttestationKey, QuoteExpectation, TpmError, TpmHash, TpmQuote, TpmQuoteClaims, verify_tpm_quote,
};

/// What both keys quoted.
const PCRS: [u8; 10] = [0, 1, 2, 3, 4, 5, 6, 7, 16, 23];

pub(super) fn nonce() -> Vec<u8> {
    hex::decode(fixture!("nonce.hex").trim_ascii()).unwrap()
}

/// Reads `16: 0x4AFD…`.
pub(super) fn values() -> BTreeMap<u8, Vec<u8>> {
    let text = std::str::from_utf8(fixture!("pcrs.yaml")).unwrap();
    let lines = text.lines().filter_map(|line| line.split_once(": 0x"));
    lines.map(|(pcr, value)| (pcr.trim().parse().unwrap(), hex::decode(value).unwrap())).collect()
}

pub(super) fn ecc_key() -> AttestationKey {
    AttestationKey::from_public(fixture!("ak_ecc.tpmt.bin")).unwrap()
}

pub(super) fn rsa_key() -> AttestationKey {
    AttestationKey::from_public(fixture!("ak_rsa.tpmt.bin")).unwrap()
}

pub(super) fn quote(message: &[u8], signature: &[u8]) -> TpmQuote {
    TpmQuote {
        message: message.to_vec(),
        signature: signature.to_vec(),
        pcr_bank: TpmHash::Sha256,
        pcrs: values(),
        attestation_key: None,
    }
}

pub(super) fn ecc_quote() -> TpmQuote {
    quote(fixture!("quote_ecc.msg"), fixture!("quote_ecc.sig"))
}

pub(super) fn rsa_quote() -> TpmQuote {
    quote(fixture!("quote_rsa.msg"), fixture!("quote_rsa.sig"))
}

pub(super) fn answer(quote: &TpmQuote, key: &AttestationKey) -> Result<TpmQuoteClaims, TpmError> {
    let pcrs = BTreeSet::from(PCRS);
    let nonce = nonce();
    let expectation =
        QuoteExpectation { extra_data: &[&nonce], bank: TpmHash::Sha256, pcrs: &pcrs };
    verify_tpm_quote(quote, key, &expectation)
}

#[test]
fn quotes_of_both_kinds_of_key_hold() {
    for (quote, key) in [(ecc_quote(), ecc_key()), (rsa_quote(), rsa_key())] {
        let claims = answer(&quote, &key).unwrap();
        assert_eq!(claims.pcrs, values());
        assert_eq!(claims.ak_name, *key.name());
        assert!(claims.safe);
        assert_eq!((claims.reset_count, claims.restart_count), (2, 0));
        assert_eq!(claims.firmware_version, 0x2019_1023_0016_3636);
    }
    assert_eq!(answer(&ecc_quote(), &ecc_key()).unwrap().clock, 0x0745);
}

#[test]
fn a_quote_of_other_registers_is_refused() {
    let tampered = quote(fixture!("quote_ecc.tampered.msg"), fixture!("quote_ecc.tampered.sig"));
    assert_eq!(answer(&tampered, &ecc_key()), Err(TpmError::PcrDigest));
}

#[test]
fn a_signature_of_another_quote_is_refused() {
    let crossed = quote(fixture!("quote_ecc.msg"), fixture!("quote_ecc.tampered.sig"));
    assert_eq!(answer(&crossed, &ecc_key()), Err(TpmError::Signature));
}

#[test]
fn a_quote_by_the_other_key_is_refused() {
    assert_eq!(answer(&ecc_quote(), &rsa_key()), Err(TpmError::Signature));
    assert_eq!(answer(&rsa_quote(), &ecc_key()), Err(TpmError::Signature));
}

#[test]
fn every_altered_bit_of_a_quote_is_refused() {
    for (quote, key) in [(ecc_quote(), ecc_key()), (rsa_quote(), rsa_key())] {
        for index in 0..quote.message.len() {
            for bit in 0..8 {
                let mut altered = quote.clone();
                altered.message[index] ^= 1 << bit;
                assert!(answer(&altered, &key).is_err(), "message, byte {index}, bit {bit}");
            }
        }
        for index in 0..quote.signature.len() {
            for bit in 0..8 {
                let mut altered = quote.clone();
                altered.signature[index] ^= 1 << bit;
                assert!(answer(&altered, &key).is_err(), "signature, byte {index}, bit {bit}");
            }
        }
        for pcr in PCRS {
            for index in 0..32 {
                let mut altered = quote.clone();
                altered.pcrs.get_mut(&pcr).unwrap()[index] ^= 1;
                assert_eq!(answer(&altered, &key), Err(TpmError::PcrDigest));
            }
        }
    }
}

#[test]
fn every_altered_bit_of_a_key_is_another_key() {
    let quotes = [
        (ecc_quote(), fixture!("ak_ecc.tpmt.bin"), ecc_key()),
        (rsa_quote(), fixture!("ak_rsa.tpmt.bin"), rsa_key()),
    ];
    for (mut quote, public, key) in quotes {
        for index in 0..public.len() {
            for bit in 0..8 {
                let mut altered = public.to_vec();
                altered[index] ^= 1 << bit;
                quote.attestation_key = Some(altered);
                assert!(answer(&quote, &key).is_err(), "byte {index}, bit {bit}");
            }
        }
    }
}
