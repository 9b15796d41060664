//! Verifies a quote: who made it, for whom, and over which register values.

use std::collections::{BTreeMap, BTreeSet};

use super::algorithm::TpmHash;
use super::attest::parse_tpm_attest;
use super::error::TpmError;
use super::evidence::TpmQuote;
use super::key::{AttestationKey, TpmName};
use super::signature;

/// What a quote has to be about.
#[derive(Clone, Copy, Debug)]
pub struct QuoteExpectation<'a> {
    /// The values it may be bound to, e.g. SHA-256 over a nonce of ours and the call. With none of
    /// them nothing is accepted; an empty one is never met.
    pub extra_data: &'a [&'a [u8]],
    /// The bank of registers.
    pub bank: TpmHash,
    /// The registers: these, no fewer and no more.
    pub pcrs: &'a BTreeSet<u8>,
}

/// What a verified quote says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TpmQuoteClaims {
    /// The key that signed it.
    pub ak_name: TpmName,
    /// The key's qualified name, as the TPM states it.
    pub qualified_signer: Vec<u8>,
    /// Which of the expected values it is bound to, by position.
    pub extra_data_matched: usize,
    /// Milliseconds for which the TPM has been powered since it was last cleared.
    pub clock: u64,
    /// Resets since it was last cleared. Like `restart_count` and `firmware_version` it is shifted
    /// by a secret constant if the key is not in the endorsement hierarchy (Part 1, section 36.7).
    pub reset_count: u32,
    /// Restarts and resumptions since the last reset.
    pub restart_count: u32,
    /// No greater value of the clock was ever reported.
    pub safe: bool,
    /// As the TPM's maker numbers it.
    pub firmware_version: u64,
    /// The bank of registers.
    pub pcr_bank: TpmHash,
    /// The registers' values. Whether they are good ones is for the caller to know.
    pub pcrs: BTreeMap<u8, Vec<u8>>,
}

/// Verifies one quote by one key.
///
/// A quote that holds may still be an old one of the same nonce: see
/// [`QuoteHistory`](super::QuoteHistory).
///
/// # Errors
/// It is malformed, is not by the key, is not bound to an expected value, covers other registers
/// or has other values beside it than those that the TPM saw.
pub fn verify_tpm_quote(
    quote: &TpmQuote,
    key: &AttestationKey,
    expectation: &QuoteExpectation<'_>,
) -> Result<TpmQuoteClaims, TpmError> {
    let TpmQuote { message, signature, pcr_bank, pcrs, attestation_key } = quote;
    if let Some(public) = attestation_key
        && AttestationKey::from_public(public)?.name() != key.name()
    {
        return Err(TpmError::KeyMismatch);
    }
    let attest = parse_tpm_attest(message)?;
    signature::verify(key, message, signature)?;
    let extra_data_matched = expectation
        .extra_data
        .iter()
        .position(|expected| !expected.is_empty() && *expected == attest.extra_data)
        .ok_or(TpmError::ExtraData)?;
    let asked = attest.bank == expectation.bank && attest.pcrs == *expectation.pcrs;
    let brought = attest.bank == *pcr_bank && attest.pcrs.iter().eq(pcrs.keys());
    if !asked || !brought {
        return Err(TpmError::PcrSelection);
    }
    // Values of another size could be joined to the same bytes.
    if pcrs.values().any(|value| value.len() != pcr_bank.digest_bytes()) {
        return Err(TpmError::PcrDigest);
    }
    // The digest is made with the hash of the signature, whatever the bank's is.
    if key.scheme().hash.digest(pcrs.values().map(Vec::as_slice)) != attest.pcr_digest {
        return Err(TpmError::PcrDigest);
    }
    Ok(TpmQuoteClaims {
        ak_name: key.name().clone(),
        qualified_signer: attest.qualified_signer,
        extra_data_matched,
        clock: attest.clock,
        reset_count: attest.reset_count,
        restart_count: attest.restart_count,
        safe: attest.safe,
        firmware_version: attest.firmware_version,
        pcr_bank: attest.bank,
        pcrs: pcrs.clone(),
    })
}
