//! Every check of a statement and its signature, each by a quote that is good but for one thing.

use std::collections::{BTreeMap, BTreeSet};

use aws_lc_rs::digest;

use super::forge::{Forge, NONCE, Statement, ecdsa_signature, good_pcrs, sha256, sized, verify};
use crate::tpm::{
    QuoteExpectation, TpmError, TpmHash, TpmQuote, parse_tpm_attest, verify_tpm_quote,
};

fn forge() -> Forge {
    Forge::new(TpmHash::Sha256)
}

/// The code that a good statement gets after this change.
fn code_after(change: impl FnOnce(&mut Statement)) -> &'static str {
    let mut statement = Statement::good();
    change(&mut statement);
    forge().answer(&statement).unwrap_err().code()
}

#[test]
fn a_good_quote_is_answered_with_what_it_says() {
    let forge = forge();
    let claims = forge.answer(&Statement::good()).unwrap();
    assert_eq!(claims.ak_name, *forge.key().name());
    assert_eq!(claims.qualified_signer, Statement::good().signer);
    assert_eq!(claims.extra_data_matched, 0);
    assert_eq!((claims.clock, claims.reset_count, claims.restart_count), (1_000, 3, 2));
    assert!(claims.safe);
    assert_eq!(claims.firmware_version, 42);
    assert_eq!(claims.pcr_bank, TpmHash::Sha256);
    assert_eq!(claims.pcrs, good_pcrs());
}

#[test]
fn a_quote_with_sha_384_is_answered() {
    let mut statement = Statement::good();
    let joined = [[1; 32], [2; 32]].concat();
    statement.digest = digest::digest(&digest::SHA384, &joined).as_ref().to_vec();
    statement.safe = 0;
    let forge = Forge::new(TpmHash::Sha384);
    assert!(!forge.answer(&statement).unwrap().safe);
    // The hash of the registers' digest is that of the signature, not that of the bank.
    assert_eq!(forge.answer(&Statement::good()), Err(TpmError::PcrDigest));
}

#[test]
fn what_no_tpm_made_is_refused() {
    assert_eq!(code_after(|statement| statement.magic = 0xff54_4348), "tpm_not_a_quote");
}

#[test]
fn another_statement_of_a_tpm_is_refused() {
    // TPM_ST_ATTEST_CERTIFY
    assert_eq!(code_after(|statement| statement.kind = 0x8017), "tpm_not_a_quote");
}

#[test]
fn a_statement_has_no_trailing_bytes() {
    assert_eq!(code_after(|statement| statement.trailing = vec![0]), "tpm_malformed");
}

#[test]
fn the_signer_is_a_name() {
    for signer in
        [vec![], vec![0x40, 0, 0, 1], vec![0, 0x0b, 7], [vec![0, 4], vec![7; 20]].concat()]
    {
        assert_eq!(code_after(|statement| statement.signer = signer), "tpm_malformed");
    }
}

#[test]
fn safe_is_yes_or_no() {
    assert_eq!(code_after(|statement| statement.safe = 2), "tpm_malformed");
}

#[test]
fn buffers_of_a_statement_are_bounded() {
    let too_large = "a buffer in it is too large";
    let is_too_large = |statement: &Statement| match parse_tpm_attest(&statement.bytes()) {
        Err(TpmError::Malformed { what, .. }) => what == too_large,
        _ => false,
    };
    let mut extra_data = Statement::good();
    extra_data.extra_data = vec![1; 66];
    assert!(parse_tpm_attest(&extra_data.bytes()).is_ok());
    extra_data.extra_data = vec![1; 67];
    assert!(is_too_large(&extra_data));
    let mut digest = Statement::good();
    digest.digest = vec![1; 64];
    assert!(parse_tpm_attest(&digest.bytes()).is_ok());
    digest.digest = vec![1; 65];
    assert!(is_too_large(&digest));
    let mut signer = Statement::good();
    signer.signer = vec![0; 67];
    assert!(is_too_large(&signer));
}

#[test]
fn a_statement_is_bounded() {
    let mut statement = Statement::good();
    let refused_as = |statement: &Statement| match parse_tpm_attest(&statement.bytes()) {
        Err(TpmError::Malformed { what, .. }) => what,
        other => panic!("{other:?}"),
    };
    statement.trailing = vec![0; 1024 - statement.bytes().len()];
    assert_eq!(refused_as(&statement), "it has trailing bytes");
    statement.trailing.push(0);
    assert_eq!(refused_as(&statement), "it is too large");
}

#[test]
fn a_statement_ends_nowhere_early() {
    let bytes = Statement::good().bytes();
    assert!(parse_tpm_attest(&bytes).is_ok());
    for end in 0..bytes.len() {
        assert!(parse_tpm_attest(&bytes[..end]).is_err(), "{end}");
    }
}

#[test]
fn one_bank_is_quoted() {
    assert_eq!(code_after(|statement| statement.selections.clear()), "tpm_unsupported");
    let twice = |statement: &mut Statement| {
        statement.selections.push((0x0c, vec![0, 0, 0]));
    };
    assert_eq!(code_after(twice), "tpm_unsupported");
}

#[test]
fn a_bank_of_sha_1_is_refused() {
    assert_eq!(code_after(|statement| statement.selections[0].0 = 4), "tpm_unsupported");
}

#[test]
fn the_bitmap_of_registers_has_three_or_four_bytes() {
    let with = |bitmap: &[u8]| {
        let mut statement = Statement::good();
        statement.selections[0].1 = bitmap.to_vec();
        parse_tpm_attest(&statement.bytes()).map(|attest| attest.pcrs)
    };
    assert_eq!(with(&[1, 0, 0x80]), Ok(BTreeSet::from([0, 23])));
    assert_eq!(with(&[1, 0, 0, 0x80]), Ok(BTreeSet::from([0, 31])));
    assert_eq!(with(&[1, 1]).unwrap_err().code(), "tpm_malformed");
    assert_eq!(with(&[1, 0, 0, 0, 0]).unwrap_err().code(), "tpm_malformed");
}

#[test]
fn a_quote_over_no_register_is_refused() {
    assert_eq!(code_after(|statement| statement.selections[0].1 = vec![0; 3]), "tpm_malformed");
}

#[test]
fn a_quote_for_something_else_is_refused() {
    assert_eq!(
        code_after(|statement| statement.extra_data = b"other".to_vec()),
        "tpm_nonce_mismatch"
    );
    let shorter = |statement: &mut Statement| {
        statement.extra_data.pop();
    };
    assert_eq!(code_after(shorter), "tpm_nonce_mismatch");
}

#[test]
fn which_expected_value_was_met_is_said() {
    let forge = forge();
    let quote = forge.quote(&Statement::good());
    let pcrs = BTreeSet::from([0, 23]);
    let matched = |extra_data: &[&[u8]]| {
        let expectation = QuoteExpectation { extra_data, bank: TpmHash::Sha256, pcrs: &pcrs };
        verify_tpm_quote(&quote, &forge.key(), &expectation).map(|claims| claims.extra_data_matched)
    };
    assert_eq!(matched(&[b"one", NONCE, b"three"]), Ok(1));
    assert_eq!(matched(&[b"one", b"two", NONCE]), Ok(2));
    assert_eq!(matched(&[b"one"]), Err(TpmError::ExtraData));
    assert_eq!(matched(&[]), Err(TpmError::ExtraData));
}

#[test]
fn an_empty_binding_is_never_met() {
    let forge = forge();
    let mut statement = Statement::good();
    statement.extra_data.clear();
    let pcrs = BTreeSet::from([0, 23]);
    let expectation = QuoteExpectation { extra_data: &[b""], bank: TpmHash::Sha256, pcrs: &pcrs };
    let answer = verify_tpm_quote(&forge.quote(&statement), &forge.key(), &expectation);
    assert_eq!(answer, Err(TpmError::ExtraData));
}

#[test]
fn exactly_the_registers_that_were_asked_for_are_quoted() {
    let forge = forge();
    let quote = forge.quote(&Statement::good());
    for pcrs in [vec![], vec![0], vec![0, 22], vec![0, 16, 23]] {
        let pcrs = BTreeSet::from_iter(pcrs);
        let expectation =
            QuoteExpectation { extra_data: &[NONCE], bank: TpmHash::Sha256, pcrs: &pcrs };
        let answer = verify_tpm_quote(&quote, &forge.key(), &expectation);
        assert_eq!(answer, Err(TpmError::PcrSelection));
    }
}

#[test]
fn the_bank_that_was_asked_for_is_quoted() {
    let forge = forge();
    let pcrs = BTreeSet::from([0, 23]);
    let expectation = QuoteExpectation { extra_data: &[NONCE], bank: TpmHash::Sha384, pcrs: &pcrs };
    let quote = forge.quote(&Statement::good());
    let answer = verify_tpm_quote(&quote, &forge.key(), &expectation);
    assert_eq!(answer, Err(TpmError::PcrSelection));
}

/// The answer to a good quote after its registers were changed.
fn with_pcrs(bank: TpmHash, pcrs: BTreeMap<u8, Vec<u8>>) -> Result<(), TpmError> {
    let forge = forge();
    let quote = TpmQuote { pcr_bank: bank, pcrs, ..forge.quote(&Statement::good()) };
    verify(&quote, &forge.key()).map(|_claims| ())
}

#[test]
fn the_registers_that_are_quoted_are_brought() {
    let one = BTreeMap::from([(0, vec![1; 32])]);
    assert_eq!(with_pcrs(TpmHash::Sha256, one), Err(TpmError::PcrSelection));
    let mut three = good_pcrs();
    three.insert(1, vec![1; 32]);
    assert_eq!(with_pcrs(TpmHash::Sha256, three), Err(TpmError::PcrSelection));
    assert_eq!(with_pcrs(TpmHash::Sha384, good_pcrs()), Err(TpmError::PcrSelection));
}

#[test]
fn other_register_values_are_refused() {
    let mut altered = good_pcrs();
    altered.insert(23, vec![3; 32]);
    assert_eq!(with_pcrs(TpmHash::Sha256, altered), Err(TpmError::PcrDigest));
    let swapped = BTreeMap::from([(0, vec![2; 32]), (23, vec![1; 32])]);
    assert_eq!(with_pcrs(TpmHash::Sha256, swapped), Err(TpmError::PcrDigest));
}

#[test]
fn register_values_cannot_be_cut_elsewhere() {
    let joined = [vec![1; 32], vec![2; 32]].concat();
    let (first, second) = joined.split_at(31);
    let cut = BTreeMap::from([(0, first.to_vec()), (23, second.to_vec())]);
    assert_eq!(with_pcrs(TpmHash::Sha256, cut), Err(TpmError::PcrDigest));
}

#[test]
fn the_digest_of_the_registers_is_whole() {
    let shorter = |statement: &mut Statement| {
        statement.digest.pop();
    };
    assert_eq!(code_after(shorter), "tpm_pcr_mismatch");
    assert_eq!(code_after(|statement| statement.digest.clear()), "tpm_pcr_mismatch");
    assert_eq!(code_after(|statement| statement.digest = sha256(b"")), "tpm_pcr_mismatch");
}

#[test]
fn another_key_s_signature_is_refused() {
    let quote = forge().quote(&Statement::good());
    assert_eq!(verify(&quote, &forge().key()), Err(TpmError::Signature));
}

#[test]
fn a_signature_is_judged_before_what_it_signs() {
    let mut statement = Statement::good();
    statement.extra_data = b"other".to_vec();
    let quote = forge().quote(&statement);
    assert_eq!(verify(&quote, &forge().key()), Err(TpmError::Signature));
}

#[test]
fn a_key_that_is_brought_is_the_one() {
    let forge = forge();
    let mut quote = forge.quote(&Statement::good());
    quote.attestation_key = Some(forge.area().bytes());
    assert!(verify(&quote, &forge.key()).is_ok());
    quote.attestation_key = Some(Forge::new(TpmHash::Sha256).area().bytes());
    assert_eq!(verify(&quote, &forge.key()), Err(TpmError::KeyMismatch));
    // The same point under another policy is another key.
    let mut area = forge.area();
    area.policy = vec![1; 32];
    quote.attestation_key = Some(area.bytes());
    assert_eq!(verify(&quote, &forge.key()), Err(TpmError::KeyMismatch));
    quote.attestation_key = Some(Vec::new());
    assert_eq!(verify(&quote, &forge.key()).unwrap_err().code(), "tpm_malformed");
}

/// The answer to a good quote whose signature is this one of its halves.
fn with_signature(signature: impl FnOnce(Vec<u8>, Vec<u8>) -> Vec<u8>) -> Result<(), TpmError> {
    let forge = forge();
    let mut quote = forge.quote(&Statement::good());
    let (r, s) = forge.halves(&quote.message);
    quote.signature = signature(r, s);
    verify(&quote, &forge.key()).map(|_claims| ())
}

#[test]
fn a_signature_has_no_trailing_bytes() {
    let answer = with_signature(|r, s| [ecdsa_signature(0x0b, &r, &s), vec![0]].concat());
    assert_eq!(answer.unwrap_err().code(), "tpm_malformed");
}

#[test]
fn halves_of_a_signature_are_bounded() {
    assert_eq!(with_signature(|r, s| ecdsa_signature(0x0b, &r, &s)), Ok(()));
    let longer = |r: Vec<u8>, s: Vec<u8>| ecdsa_signature(0x0b, &[vec![0], r].concat(), &s);
    assert_eq!(with_signature(longer).unwrap_err().code(), "tpm_malformed");
    assert_eq!(with_signature(|_, s| ecdsa_signature(0x0b, &[], &s)), Err(TpmError::Signature));
    assert_eq!(
        with_signature(|_, _| ecdsa_signature(0x0b, &[0; 32], &[0; 32])),
        Err(TpmError::Signature)
    );
}

#[test]
fn leading_zeros_of_a_signature_may_be_dropped() {
    let forge = forge();
    let quote = forge.quote(&Statement::good());
    // One signature of 256 begins with a zero.
    let short = (0..10_000).map(|_| forge.halves(&quote.message)).find(|(r, _)| r[0] == 0);
    let (r, s) = short.unwrap();
    let signature = ecdsa_signature(0x0b, &r[1..], &s);
    assert!(verify(&TpmQuote { signature, ..quote }, &forge.key()).is_ok());
}

#[test]
fn a_signature_uses_the_scheme_of_its_key() {
    assert_eq!(with_signature(|r, s| ecdsa_signature(0x0c, &r, &s)), Err(TpmError::Signature));
    let rsa = |r: Vec<u8>, s: Vec<u8>| [vec![0, 0x14, 0, 0x0b], sized(&[r, s].concat())].concat();
    assert_eq!(with_signature(rsa), Err(TpmError::Signature));
    // SHA-1, and ECDAA.
    for (scheme, hash) in [(0x18, 4), (0x1a, 0x0b)] {
        let answer =
            with_signature(|r, s| [vec![0, scheme, 0, hash], sized(&r), sized(&s)].concat());
        assert_eq!(answer.unwrap_err().code(), "tpm_unsupported");
    }
}

#[test]
fn a_signature_is_bounded() {
    let what = |bytes: usize| match with_signature(|_, _| {
        [vec![0, 0x18, 0, 0x0b], vec![0; bytes - 4]].concat()
    }) {
        Err(TpmError::Malformed { what, .. }) => what,
        other => panic!("{other:?}"),
    };
    assert_eq!(what(1024), "it has trailing bytes");
    assert_eq!(what(1025), "it is too large");
}
