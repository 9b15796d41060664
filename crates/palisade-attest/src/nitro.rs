//! AWS Nitro Enclaves: attestation documents of their security module.
//!
//! A document is a `COSE_Sign1` (RFC 9052, section 4.2) with ES384, whose payload says what runs in
//! the enclave. Everything about it is known offline: its own certificate chain leads to the root
//! that AWS publishes. The form and its limits are those of "Verifying the root of trust" in the
//! AWS Nitro Enclaves User Guide; where AWS leaves room (indefinite lengths, headers, tags), the
//! genuine documents leave none, and neither does this.
//!
//! A valid signature is not enough: an enclave in debug mode gets signed documents too, with
//! registers of zeros. See [`NitroClaims::debug`].

mod cbor;
mod document;
mod error;
mod roots;
mod verify;

pub use document::{NITRO_DOCUMENT_BYTES_MAX, NitroDocument, parse_nitro_document};
pub use error::NitroError;
pub use roots::NitroRoots;
pub use verify::{NitroClaims, NitroExpectation, NitroFreshness, verify_nitro_document};

/// The media type of a Nitro attestation document as evidence: the `COSE_Sign1` itself, with or
/// without its tag.
pub const NITRO_EVIDENCE_TYPE: &str = "application/vnd.palisade.aws-nitro+cbor";

#[cfg(test)]
pub(crate) mod tests;
