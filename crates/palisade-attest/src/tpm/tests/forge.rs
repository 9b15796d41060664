//! A TPM that signs whatever it is told to: it reaches checks that lie behind the signature.

use std::collections::{BTreeMap, BTreeSet};

use aws_lc_rs::digest;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _,
};

use crate::tpm::{
    AttestationKey, QuoteExpectation, TpmError, TpmHash, TpmQuote, TpmQuoteClaims, verify_tpm_quote,
};

pub(super) const NONCE: &[u8] = b"what the quote is for";

/// `TPMT_PUBLIC` of an ECC key, part by part.
#[derive(Clone)]
pub(super) struct PublicArea {
    pub(super) kind: u16,
    pub(super) name_hash: u16,
    pub(super) attributes: u32,
    pub(super) policy: Vec<u8>,
    pub(super) symmetric: u16,
    pub(super) scheme: u16,
    pub(super) scheme_hash: u16,
    pub(super) curve: u16,
    pub(super) kdf: u16,
    pub(super) x: Vec<u8>,
    pub(super) y: Vec<u8>,
}

impl PublicArea {
    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        bytes.extend(self.kind.to_be_bytes());
        bytes.extend(self.name_hash.to_be_bytes());
        bytes.extend(self.attributes.to_be_bytes());
        bytes.extend(sized(&self.policy));
        for part in [self.symmetric, self.scheme, self.scheme_hash, self.curve, self.kdf] {
            bytes.extend(part.to_be_bytes());
        }
        bytes.extend(sized(&self.x));
        bytes.extend(sized(&self.y));
        bytes
    }
}

/// `TPMS_ATTEST`, part by part.
#[derive(Clone)]
pub(super) struct Statement {
    pub(super) magic: u32,
    pub(super) kind: u16,
    pub(super) signer: Vec<u8>,
    pub(super) extra_data: Vec<u8>,
    pub(super) clock: u64,
    pub(super) reset_count: u32,
    pub(super) restart_count: u32,
    pub(super) safe: u8,
    pub(super) firmware: u64,
    pub(super) selections: Vec<(u16, Vec<u8>)>,
    pub(super) digest: Vec<u8>,
    pub(super) trailing: Vec<u8>,
}

impl Statement {
    /// A quote over registers 0 and 23 of the SHA-256 bank, with SHA-256.
    pub(super) fn good() -> Self {
        Self {
            magic: 0xff54_4347,
            kind: 0x8018,
            signer: [vec![0, 0x0b], vec![7; 32]].concat(),
            extra_data: NONCE.to_vec(),
            clock: 1_000,
            reset_count: 3,
            restart_count: 2,
            safe: 1,
            firmware: 42,
            selections: vec![(0x0b, vec![0x01, 0x00, 0x80])],
            digest: sha256(&[[1; 32], [2; 32]].concat()),
            trailing: Vec::new(),
        }
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        bytes.extend(self.magic.to_be_bytes());
        bytes.extend(self.kind.to_be_bytes());
        bytes.extend(sized(&self.signer));
        bytes.extend(sized(&self.extra_data));
        bytes.extend(self.clock.to_be_bytes());
        bytes.extend(self.reset_count.to_be_bytes());
        bytes.extend(self.restart_count.to_be_bytes());
        bytes.push(self.safe);
        bytes.extend(self.firmware.to_be_bytes());
        bytes.extend(u32::try_from(self.selections.len()).unwrap().to_be_bytes());
        for (bank, bitmap) in &self.selections {
            bytes.extend(bank.to_be_bytes());
            bytes.push(u8::try_from(bitmap.len()).unwrap());
            bytes.extend(bitmap);
        }
        bytes.extend(sized(&self.digest));
        bytes.extend(&self.trailing);
        bytes
    }
}

/// A key on P-256 with SHA-256, or on P-384 with SHA-384.
pub(super) struct Forge {
    pair: EcdsaKeyPair,
    hash: TpmHash,
}

impl Forge {
    pub(super) fn new(hash: TpmHash) -> Self {
        let algorithm = match hash {
            TpmHash::Sha256 => &ECDSA_P256_SHA256_FIXED_SIGNING,
            TpmHash::Sha384 => &ECDSA_P384_SHA384_FIXED_SIGNING,
        };
        Self { pair: EcdsaKeyPair::generate(algorithm).unwrap(), hash }
    }

    /// Its public area, as an attestation key's is.
    pub(super) fn area(&self) -> PublicArea {
        let point = &self.pair.public_key().as_ref()[1..];
        let (x, y) = point.split_at(point.len() / 2);
        PublicArea {
            kind: 0x23,
            name_hash: self.hash.id(),
            attributes: 0x0005_0072,
            policy: Vec::new(),
            symmetric: 0x10,
            scheme: 0x18,
            scheme_hash: self.hash.id(),
            curve: if self.hash == TpmHash::Sha256 { 3 } else { 4 },
            kdf: 0x10,
            x: x.to_vec(),
            y: y.to_vec(),
        }
    }

    pub(super) fn key(&self) -> AttestationKey {
        AttestationKey::from_public(&self.area().bytes()).unwrap()
    }

    /// Both halves of a signature.
    pub(super) fn halves(&self, message: &[u8]) -> (Vec<u8>, Vec<u8>) {
        let signature = self.pair.sign(&SystemRandom::new(), message).unwrap();
        let (r, s) = signature.as_ref().split_at(signature.as_ref().len() / 2);
        (r.to_vec(), s.to_vec())
    }

    pub(super) fn quote(&self, statement: &Statement) -> TpmQuote {
        let message = statement.bytes();
        let (r, s) = self.halves(&message);
        let signature = ecdsa_signature(self.hash.id(), &r, &s);
        TpmQuote {
            message,
            signature,
            pcr_bank: TpmHash::Sha256,
            pcrs: good_pcrs(),
            attestation_key: None,
        }
    }

    /// The answer to a statement that this key signed, with the registers of [`Statement::good`].
    pub(super) fn answer(&self, statement: &Statement) -> Result<TpmQuoteClaims, TpmError> {
        verify(&self.quote(statement), &self.key())
    }
}

/// Verifies for [`NONCE`] and the registers of [`Statement::good`].
pub(super) fn verify(quote: &TpmQuote, key: &AttestationKey) -> Result<TpmQuoteClaims, TpmError> {
    let pcrs = BTreeSet::from([0, 23]);
    let expectation = QuoteExpectation { extra_data: &[NONCE], bank: TpmHash::Sha256, pcrs: &pcrs };
    verify_tpm_quote(quote, key, &expectation)
}

pub(super) fn good_pcrs() -> BTreeMap<u8, Vec<u8>> {
    BTreeMap::from([(0, vec![1; 32]), (23, vec![2; 32])])
}

pub(super) fn ecdsa_signature(hash: u16, r: &[u8], s: &[u8]) -> Vec<u8> {
    [vec![0, 0x18], hash.to_be_bytes().to_vec(), sized(r), sized(s)].concat()
}

pub(super) fn sized(bytes: &[u8]) -> Vec<u8> {
    [&u16::try_from(bytes.len()).unwrap().to_be_bytes(), bytes].concat()
}

pub(super) fn sha256(bytes: &[u8]) -> Vec<u8> {
    digest::digest(&digest::SHA256, bytes).as_ref().to_vec()
}
