//! What enclaves and TPMs of others have signed: the recorded evidence, for the bodies and seeds.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use palisade_core::EpochMillis;

/// The bytes of a file of `tests/fixtures/attestation`.
macro_rules! recorded {
    ($file:literal) => {
        include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/attestation/", $file))
            .as_slice()
    };
}

/// When [`nitro_document`] was made.
pub(super) const NITRO_MADE: EpochMillis = EpochMillis::new(1_725_911_352_400);

pub(super) const AK_ECC: &[u8] = recorded!("tpm2/ak_ecc.tpmt.bin");
pub(super) const AK_RSA: &[u8] = recorded!("tpm2/ak_rsa.tpmt.bin");
pub(super) const QUOTE_ECC: [&[u8]; 2] =
    [recorded!("tpm2/quote_ecc.msg"), recorded!("tpm2/quote_ecc.sig")];
pub(super) const QUOTE_RSA: [&[u8]; 2] =
    [recorded!("tpm2/quote_rsa.msg"), recorded!("tpm2/quote_rsa.sig")];
pub(super) const EK_CERTIFICATE: &[u8] = recorded!("tpm2/ek.crt.der");

/// A document that AWS signed.
pub(super) fn nitro_document() -> Vec<u8> {
    STANDARD.decode(recorded!("nitro/example_attestation")).expect("base64")
}

/// A document whose signature does not hold.
pub(super) fn invalid_nitro_document() -> Vec<u8> {
    STANDARD.decode(recorded!("nitro/invalid_attestation")).expect("base64")
}

/// What the quotes are bound to.
pub(super) fn quote_nonce() -> Vec<u8> {
    hex::decode(recorded!("tpm2/nonce.hex").trim_ascii()).expect("digits")
}

/// The registers that were quoted, from lines such as `16: 0x4AFD…`.
pub(super) fn quoted_registers() -> BTreeMap<u8, Vec<u8>> {
    let text = std::str::from_utf8(recorded!("tpm2/pcrs.yaml")).expect("text");
    let lines = text.lines().filter_map(|line| line.split_once(": 0x"));
    let number = |text: &str| text.trim().parse().expect("a number");
    lines.map(|(index, value)| (number(index), hex::decode(value).expect("digits"))).collect()
}

/// The root of whoever issued [`EK_CERTIFICATE`], and the authority below it.
pub(super) fn ek_authorities() -> [Vec<u8>; 2] {
    [recorded!("tpm2/swtpm-localca-rootca-cert.pem"), recorded!("tpm2/issuercert.pem")].map(pem)
}

/// The DER in a PEM file of one certificate.
fn pem(text: &[u8]) -> Vec<u8> {
    let text = std::str::from_utf8(text).expect("text");
    let lines: String = text
        .lines()
        .skip_while(|line| !line.starts_with("-----BEGIN"))
        .skip(1)
        .take_while(|line| !line.starts_with("-----END"))
        .collect();
    STANDARD.decode(lines).expect("base64")
}
