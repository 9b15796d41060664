//! `TPMS_ATTEST`: the statement that a TPM signs (Part 2, section 10.12).

use std::collections::BTreeSet;

use super::algorithm::TpmHash;
use super::error::TpmError;
use super::key::is_name;
use super::reader::Reader;

/// A quote as the TPM stated it. Nothing of it is to be believed before its signature was verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TpmAttest {
    /// The qualified name of the key: a digest over its name and its ancestors' names.
    pub qualified_signer: Vec<u8>,
    /// What whoever asked for the quote wanted to see in it.
    pub extra_data: Vec<u8>,
    /// Milliseconds for which the TPM has been powered since it was last cleared.
    pub clock: u64,
    /// How often the TPM was reset, i.e. the machine rebooted, since it was last cleared.
    pub reset_count: u32,
    /// How often it was restarted or resumed since the last reset.
    pub restart_count: u32,
    /// No value of the clock that is greater than this one was ever reported.
    pub safe: bool,
    /// As the TPM's maker numbers it.
    pub firmware_version: u64,
    /// The bank of registers.
    pub bank: TpmHash,
    /// The registers, one or more, 0 to 31.
    pub pcrs: BTreeSet<u8>,
    /// The digest of their values, joined in ascending order, with the hash of the signature.
    pub pcr_digest: Vec<u8>,
}

/// Reads a `TPMS_ATTEST` that states a quote over one bank of registers. Of at most 1 KiB; takes
/// time linear in that.
///
/// # Errors
/// [`TpmError::NotAQuote`], [`TpmError::Malformed`] or [`TpmError::Unsupported`].
pub fn parse_tpm_attest(bytes: &[u8]) -> Result<TpmAttest, TpmError> {
    let mut reader = Reader::new(bytes, ATTEST_BYTES_MAX, "TPMS_ATTEST")?;
    // The magic is what a restricted key refuses to sign at the head of data from outside; it is
    // the proof that the TPM itself made the statement.
    if reader.u32()? != GENERATED_VALUE || reader.u16()? != ST_ATTEST_QUOTE {
        return Err(TpmError::NotAQuote);
    }
    let qualified_signer = reader.sized(NAME_BYTES_MAX)?.to_vec();
    if !is_name(&qualified_signer) {
        return Err(reader.malformed("the qualified signer is no name"));
    }
    let extra_data = reader.sized(DATA_BYTES_MAX)?.to_vec();
    let clock = reader.u64()?;
    let reset_count = reader.u32()?;
    let restart_count = reader.u32()?;
    let safe = match reader.u8()? {
        0 => false,
        1 => true,
        _ => return Err(reader.malformed("`safe` is neither yes nor no")),
    };
    let firmware_version = reader.u64()?;
    let (bank, pcrs) = read_selection(&mut reader)?;
    let pcr_digest = reader.sized(DIGEST_BYTES_MAX)?.to_vec();
    reader.finish()?;
    Ok(TpmAttest {
        qualified_signer,
        extra_data,
        clock,
        reset_count,
        restart_count,
        safe,
        firmware_version,
        bank,
        pcrs,
        pcr_digest,
    })
}

/// `TPML_PCR_SELECTION` of exactly one bank.
fn read_selection(reader: &mut Reader<'_>) -> Result<(TpmHash, BTreeSet<u8>), TpmError> {
    if reader.u32()? != 1 {
        return Err(reader.unsupported("a quote over other than one bank of registers"));
    }
    let bank = TpmHash::read(reader)?;
    let size = reader.u8()?;
    if !(PCR_SELECT_BYTES_MIN..=PCR_SELECT_BYTES_MAX).contains(&size) {
        return Err(reader.malformed("the bitmap of registers has a size of its own"));
    }
    let bitmap = reader.take(usize::from(size))?;
    let bits = bitmap.iter().flat_map(|byte| (0..8).map(move |bit| byte >> bit & 1 == 1));
    let pcrs: BTreeSet<u8> =
        (0u8..).zip(bits).filter_map(|(pcr, selected)| selected.then_some(pcr)).collect();
    if pcrs.is_empty() {
        return Err(reader.malformed("no register is quoted"));
    }
    Ok((bank, pcrs))
}

/// `TPM_GENERATED_VALUE`: 0xff and `TCG`.
const GENERATED_VALUE: u32 = 0xff54_4347;
/// `TPM_ST_ATTEST_QUOTE`.
const ST_ATTEST_QUOTE: u16 = 0x8018;

// LIMIT: a quote with every buffer at its largest has 271 bytes; the rest is room for nothing.
const ATTEST_BYTES_MAX: usize = 1024;
// LIMIT: a `TPM2B_NAME` is a 16-bit algorithm and the largest digest there is, of 64 bytes.
const NAME_BYTES_MAX: usize = 66;
// LIMIT: a `TPM2B_DATA` is as large as a `TPMT_HA`: likewise.
const DATA_BYTES_MAX: usize = 66;
// LIMIT: SHA-512, the largest digest of a TPM.
const DIGEST_BYTES_MAX: usize = 64;
// LIMIT: a PC client's TPM has 24 registers; the specification's largest has 32.
const PCR_SELECT_BYTES_MIN: u8 = 3;
const PCR_SELECT_BYTES_MAX: u8 = 4;
