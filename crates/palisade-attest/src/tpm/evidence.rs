//! How a quote travels: JSON around what the TPM wrote.
//!
//! ```json
//! {
//!   "message": "<TPMS_ATTEST>",
//!   "signature": "<TPMT_SIGNATURE>",
//!   "pcrs": { "sha256": { "0": "<digest>", "16": "<digest>" } },
//!   "ak": "<TPMT_PUBLIC>"
//! }
//! ```
//!
//! `ak` is optional. The TPM's structures are in base64url without padding, exactly as
//! `tpm2_quote` and `tpm2_readpublic --format=tpmt` write them; digests are lower-case
//! hexadecimal. A member that is not named here is refused.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use palisade_core::{JsonLimits, parse_json_object};
use serde_json::{Map, Value};

use super::algorithm::TpmHash;
use super::error::TpmError;
use super::key::AttestationKey;

/// The media type of a [`TpmQuote`] as evidence.
pub const TPM_EVIDENCE_TYPE: &str = "application/vnd.palisade.tpm2-quote+json";

/// How many bytes evidence with a quote may have.
// LIMIT: the largest structures (271, 518 and 600 bytes) take 1852 characters, 32 registers of
// SHA-384 take 3328; what is left is white space.
pub const TPM_EVIDENCE_BYTES_MAX: usize = 8 * 1024;

/// A quote as it was brought. Nothing of it is verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TpmQuote {
    /// The `TPMS_ATTEST` that was signed.
    pub message: Vec<u8>,
    /// The `TPMT_SIGNATURE` of it.
    pub signature: Vec<u8>,
    /// The bank that the register values are from.
    pub pcr_bank: TpmHash,
    /// Register values, by register.
    pub pcrs: BTreeMap<u8, Vec<u8>>,
    /// The `TPMT_PUBLIC` of the key that is said to have signed. If it is there it has to be the
    /// key that the quote is verified with.
    pub attestation_key: Option<Vec<u8>>,
}

impl TpmQuote {
    /// Reads evidence of [`TPM_EVIDENCE_TYPE`].
    ///
    /// # Errors
    /// [`TpmError::Json`] or [`TpmError::Container`]; what the TPM wrote is not looked into.
    pub fn parse(body: &[u8]) -> Result<Self, TpmError> {
        let limits = JsonLimits { bytes: TPM_EVIDENCE_BYTES_MAX, depth: 3 };
        let mut members = parse_json_object(body, limits).map_err(TpmError::Json)?;
        let message = take_bytes(&mut members, "message")?
            .ok_or(TpmError::Container { what: "it has no `message`" })?;
        let signature = take_bytes(&mut members, "signature")?
            .ok_or(TpmError::Container { what: "it has no `signature`" })?;
        let attestation_key = take_bytes(&mut members, "ak")?;
        let (pcr_bank, pcrs) = take_pcrs(&mut members)?;
        if !members.is_empty() {
            return Err(TpmError::Container { what: "it has an unknown member" });
        }
        Ok(Self { message, signature, pcr_bank, pcrs, attestation_key })
    }

    /// The key that the quote is said to be by, so that the caller can look its name up among the
    /// registered ones. `None` if the evidence does not bring it.
    ///
    /// # Errors
    /// As [`AttestationKey::from_public`].
    pub fn claimed_key(&self) -> Result<Option<AttestationKey>, TpmError> {
        self.attestation_key.as_deref().map(AttestationKey::from_public).transpose()
    }
}

/// Removes a member and decodes it.
fn take_bytes(
    members: &mut Map<String, Value>,
    name: &'static str,
) -> Result<Option<Vec<u8>>, TpmError> {
    let Some(value) = members.remove(name) else { return Ok(None) };
    value
        .as_str()
        .and_then(|text| URL_SAFE_NO_PAD.decode(text).ok())
        .map(Some)
        .ok_or(TpmError::Container { what: "a structure is not in base64url without padding" })
}

fn take_pcrs(
    members: &mut Map<String, Value>,
) -> Result<(TpmHash, BTreeMap<u8, Vec<u8>>), TpmError> {
    let refuse = |what| TpmError::Container { what };
    let Some(Value::Object(banks)) = members.remove("pcrs") else {
        return Err(refuse("`pcrs` is no object"));
    };
    let mut banks = banks.into_iter();
    let (Some((bank, Value::Object(values))), None) = (banks.next(), banks.next()) else {
        return Err(refuse("`pcrs` does not hold exactly one bank"));
    };
    let bank = TpmHash::parse(&bank).ok_or_else(|| refuse("a bank is not supported"))?;
    let mut pcrs = BTreeMap::new();
    for (index, value) in values {
        let pcr = parse_index(&index).ok_or_else(|| refuse("a register is not 0 to 31"))?;
        let digest = value
            .as_str()
            .and_then(|text| parse_digest(text, bank))
            .ok_or_else(|| refuse("a register value is no digest of its bank"))?;
        pcrs.insert(pcr, digest);
    }
    Ok((bank, pcrs))
}

/// A register's number, written in the one way there is.
fn parse_index(text: &str) -> Option<u8> {
    text.parse::<u8>().ok().filter(|pcr| *pcr <= PCR_MAX && pcr.to_string() == text)
}

fn parse_digest(text: &str, bank: TpmHash) -> Option<Vec<u8>> {
    let lower = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    hex::decode(text).ok().filter(|digest| lower && digest.len() == bank.digest_bytes())
}

// LIMIT: the specification's largest TPM has 32 registers.
const PCR_MAX: u8 = 31;
