//! An attestation key of our own, which signs whatever it is told to.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{EcdsaKeyPair, KeyPair as _};
use palisade_attest::AttestationKey;

use crate::fuzz::keys::p256;

pub(super) struct Machine {
    pub(super) key: AttestationKey,
    pair: EcdsaKeyPair,
}

impl Machine {
    pub(super) fn new() -> Self {
        let pair = p256();
        let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
        // Part 2, section 12.2.4: an ECC key with names by SHA-256; fixedTPM, fixedParent,
        // sensitiveDataOrigin, userWithAuth, restricted and sign; no policy; no symmetric
        // algorithm; ECDSA with SHA-256 on P-256 and no key derivation.
        let head = "0023000b00050072000000100018000b00030010";
        let head = hex::decode(head).expect("digits");
        let public = [&head, [0, 32].as_slice(), x, &[0, 32], y].concat();
        Self { key: AttestationKey::from_public(&public).expect("a key"), pair }
    }

    /// A `TPMT_SIGNATURE` of anything: no TPM would sign what it did not state itself.
    pub(super) fn sign(&self, statement: &[u8]) -> Vec<u8> {
        let signature = self.pair.sign(&SystemRandom::new(), statement).expect("a signature");
        let (r, s) = signature.as_ref().split_at(32);
        [&[0, 0x18, 0, 0x0b, 0, 32], r, &[0, 32], s].concat()
    }
}
