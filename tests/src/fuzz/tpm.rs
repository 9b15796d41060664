//! What is said to come from a TPM: evidence with a quote, statements, public areas of keys, and
//! signatures.
//!
//! Bytes are tried as each of them. A statement is also signed by a key of our own, so that what a
//! quote is checked for beyond its signature is reached.

mod machine;
mod statement_model;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use palisade_attest::{
    AttestationKey, QuoteExpectation, TpmAttest, TpmHash, TpmQuote, parse_tpm_attest,
    verify_tpm_quote,
};
use serde_json::Value;

use self::machine::Machine;
use super::attestation::{AK_ECC, AK_RSA, QUOTE_ECC, QUOTE_RSA, quote_nonce, quoted_registers};

/// What came of one input, so that tests can hold that everything comes up.
#[derive(Clone, Copy, Debug, Default)]
pub struct Met {
    /// Read as evidence, and genuine.
    pub evidence_genuine: usize,
    /// Read as evidence.
    pub evidence_read: usize,
    /// Read as the public area of an attestation key.
    pub keys: usize,
    /// A signature of a recorded statement.
    pub signatures: usize,
    /// A statement that holds once it is signed.
    pub statements_accepted: usize,
    /// A statement that can be read, and does not.
    pub statements_refused: usize,
    /// None of these.
    pub unreadable: usize,
}

/// The recorded quotes, and whom they are for.
struct Recorded {
    nonce: Vec<u8>,
    registers: BTreeMap<u8, Vec<u8>>,
    selected: BTreeSet<u8>,
    /// Key, statement and signature.
    quotes: [(AttestationKey, &'static [u8], &'static [u8]); 2],
}

static RECORDED: LazyLock<Recorded> = LazyLock::new(|| {
    let key = |public| AttestationKey::from_public(public).expect("a key");
    let registers = quoted_registers();
    let ([ecc, ecc_signature], [rsa, rsa_signature]) = (QUOTE_ECC, QUOTE_RSA);
    Recorded {
        nonce: quote_nonce(),
        selected: registers.keys().copied().collect(),
        registers,
        quotes: [(key(AK_ECC), ecc, ecc_signature), (key(AK_RSA), rsa, rsa_signature)],
    }
});

static MACHINE: LazyLock<Machine> = LazyLock::new(Machine::new);

/// Asserts what holds for any bytes.
///
/// # Panics
/// It does not hold.
pub fn check(bytes: &[u8]) -> Met {
    let mut met = Met::default();
    check_evidence(bytes, &mut met);
    check_statement(bytes, &mut met);
    check_public(bytes, &mut met);
    check_signature(bytes, &mut met);
    let Met { evidence_read, keys, signatures, statements_accepted, statements_refused, .. } = met;
    let read = evidence_read + keys + signatures + statements_accepted + statements_refused;
    met.unreadable += usize::from(read == 0);
    met
}

/// Evidence is genuine only with a recorded statement and the registers it was made over.
fn check_evidence(bytes: &[u8], met: &mut Met) {
    let Ok(quote) = TpmQuote::parse(bytes) else { return };
    met.evidence_read += 1;
    let shown = bytes.escape_ascii();
    let theirs: Value = serde_json::from_slice(bytes)
        .unwrap_or_else(|error| panic!("only we read {shown}: {error}"));
    for (name, ours) in [("message", &quote.message), ("signature", &quote.signature)] {
        assert_eq!(theirs[name].as_str(), Some(&*URL_SAFE_NO_PAD.encode(ours)), "{shown}");
    }
    let bank = theirs["pcrs"][quote.pcr_bank.as_str()].as_object().expect("a bank");
    assert_eq!(bank.len(), quote.pcrs.len(), "{shown}");
    for (index, value) in &quote.pcrs {
        assert_eq!(bank[&index.to_string()], hex::encode(value), "{shown}");
    }
    for (key, statement, _) in &RECORDED.quotes {
        if is_accepted(&quote, key) {
            assert_eq!(quote.message, *statement, "no TPM stated {shown}");
            assert_eq!(quote.pcrs, RECORDED.registers, "{shown}");
            met.evidence_genuine += 1;
        }
    }
}

fn is_accepted(quote: &TpmQuote, key: &AttestationKey) -> bool {
    let Recorded { nonce, selected, .. } = &*RECORDED;
    let expectation =
        QuoteExpectation { extra_data: &[nonce], bank: TpmHash::Sha256, pcrs: selected };
    let answer = verify_tpm_quote(quote, key, &expectation);
    if let Ok(claims) = &answer {
        assert_eq!((&claims.ak_name, &claims.pcrs), (key.name(), &quote.pcrs));
    }
    // Nobody may choose which registers are looked at.
    let fewer = selected.iter().skip(1).copied().collect();
    let expectation = QuoteExpectation { pcrs: &fewer, ..expectation };
    assert!(answer.is_err() || verify_tpm_quote(quote, key, &expectation).is_err(), "{quote:?}");
    answer.is_ok()
}

/// A statement has one form, and holds exactly if it says what was asked for.
fn check_statement(bytes: &[u8], met: &mut Met) {
    let read = parse_tpm_attest(bytes);
    if let Ok(attest) = &read {
        let forms = [3, 4].map(|size| statement_model::written(attest, size));
        assert!(forms.iter().flatten().any(|form| form == bytes), "{}", bytes.escape_ascii());
    }
    let quote = RECORDED.quote(bytes, &MACHINE.sign(bytes));
    let accepted = is_accepted(&quote, &MACHINE.key);
    let expected = read.as_ref().is_ok_and(says_what_was_asked);
    assert_eq!(accepted, expected, "{}", bytes.escape_ascii());
    for (key, ..) in &RECORDED.quotes {
        assert!(!is_accepted(&quote, key), "by another key: {}", bytes.escape_ascii());
    }
    met.statements_accepted += usize::from(accepted);
    met.statements_refused += usize::from(read.is_ok() && !accepted);
}

fn says_what_was_asked(attest: &TpmAttest) -> bool {
    let Recorded { nonce, registers, selected, .. } = &*RECORDED;
    let joined: Vec<u8> = registers.values().flatten().copied().collect();
    attest.extra_data == *nonce
        && attest.bank == TpmHash::Sha256
        && attest.pcrs == *selected
        && attest.pcr_digest == digest::digest(&digest::SHA256, &joined).as_ref()
}

/// A key's name commits to all of its public area, and it can do nothing but sign for its TPM.
fn check_public(bytes: &[u8], met: &mut Met) {
    let Ok(key) = AttestationKey::from_public(bytes) else { return };
    met.keys += 1;
    let shown = bytes.escape_ascii();
    let algorithm = match bytes[2..4] {
        [0, 0x0b] => &digest::SHA256,
        [0, 0x0c] => &digest::SHA384,
        _ => panic!("a name with a hash that is not spoken: {shown}"),
    };
    let name = [&bytes[2..4], digest::digest(algorithm, bytes).as_ref()].concat();
    assert_eq!(key.name().as_bytes(), name, "{shown}");
    let [fixed, restricted, decrypts, signs] =
        [1, 16, 17, 18].map(|bit| bytes[7 - bit / 8] >> (bit % 8) & 1 == 1);
    assert!(fixed && restricted && signs && !decrypts, "no attestation key: {shown}");
    for (other, statement, signature) in &RECORDED.quotes {
        let quote = RECORDED.quote(statement, signature);
        let accepted = is_accepted(&quote, &key);
        assert!(!accepted || AK_ECC.len() == bytes.len() || AK_RSA.len() == bytes.len(), "{shown}");
        // The key counts, not what was said of it.
        assert_eq!(accepted && key.name() == other.name(), key.name() == other.name(), "{shown}");
        let said = TpmQuote { attestation_key: Some(bytes.to_vec()), ..quote };
        assert_eq!(is_accepted(&said, other), key.name() == other.name(), "{shown}");
    }
}

/// Only a recorded signature holds. One on a curve holds in a second form, `-s` for `s`.
fn check_signature(bytes: &[u8], met: &mut Met) {
    for (key, statement, signature) in &RECORDED.quotes {
        if is_accepted(&RECORDED.quote(statement, bytes), key) {
            // Two identifiers, and the size and the bytes of `r`.
            let same = if statement == &QUOTE_ECC[0] { 38 } else { signature.len() };
            assert_eq!(bytes.get(..same), signature.get(..same), "{}", bytes.escape_ascii());
            met.signatures += 1;
        }
    }
}

impl Recorded {
    /// This statement and signature with the recorded registers.
    fn quote(&self, statement: &[u8], signature: &[u8]) -> TpmQuote {
        TpmQuote {
            message: statement.to_vec(),
            signature: signature.to_vec(),
            pcr_bank: TpmHash::Sha256,
            pcrs: self.registers.clone(),
            attestation_key: None,
        }
    }
}
