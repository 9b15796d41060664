//! TPM 2.0 quotes: a TPM's signed statement of what its platform configuration registers hold.
//!
//! Everything here is a pure function over bytes that a stranger sent; no TPM is talked to, and no
//! library of a TPM's software stack is needed. What is trusted comes from the caller: attestation
//! keys (AKs) by their public area or name, the values that a quote may be bound to, and which
//! registers have to be quoted. The structures are those of the TCG's "TPM 2.0 Library, Part 2:
//! Structures"; of their many forms only the ones that a quote of ours can have are read, and no
//! structure may be followed by a byte that it does not own.
//!
//! Not here: replay of event logs, and proof that an AK lives in the TPM of an endorsement key
//! (credential activation needs two messages more than a single piece of evidence carries).

mod algorithm;
mod attest;
mod endorsement;
mod error;
mod evidence;
mod history;
mod key;
mod quote;
mod reader;
mod signature;

pub use algorithm::TpmHash;
pub use attest::{TpmAttest, parse_tpm_attest};
pub use endorsement::{EkCertificate, EkCertificateError, EkRoots, verify_ek_certificate};
pub use error::TpmError;
pub use evidence::{TPM_EVIDENCE_BYTES_MAX, TPM_EVIDENCE_TYPE, TpmQuote};
pub use history::{QUOTE_HISTORY_KEYS_MAX, QuoteHistory, QuoteHistoryError};
pub use key::{AttestationKey, TpmName};
pub use quote::{QuoteExpectation, TpmQuoteClaims, verify_tpm_quote};

#[cfg(test)]
mod tests;
