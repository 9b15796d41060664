//! Quotes that hold and quotes that do not: recorded, forged, and made by a TPM on the spot.

mod container;
mod endorsement;
mod forge;
mod history;
mod keys;
mod properties;
mod real;
mod recorded;
mod statements;

/// What a software TPM wrote; see the README beside it.
macro_rules! fixture {
    ($name:literal) => {
        include_bytes!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../tests/fixtures/attestation/tpm2/",
            $name
        ))
        .as_slice()
    };
}
use fixture;
