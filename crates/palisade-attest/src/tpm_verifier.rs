//! TPM quotes as evidence: of which machines, and over which registers.

use std::collections::{BTreeSet, HashMap};

use palisade_core::EpochMillis;

use crate::appraisal::{Appraisal, Judgement, checked_subject};
use crate::binding::Expected;
use crate::config::{VerifierConfig, VerifierKind};
use crate::error::AttestationRefusal;
use crate::tpm::{
    AttestationKey, QUOTE_HISTORY_KEYS_MAX, QuoteExpectation, QuoteHistory, TpmError, TpmHash,
    TpmName, TpmQuote, verify_tpm_quote,
};
use crate::validity::Lifetime;

/// Machines whose quotes are taken.
///
/// A quote has no time in it, so it is only as fresh as its nonce: `extraData` has to be a live
/// nonce, or SHA-256(nonce || thumbprint). The thumbprint alone is not enough.
#[derive(Debug)]
pub struct TpmVerifier {
    machines: HashMap<TpmName, Machine>,
    bank: TpmHash,
    registers: BTreeSet<u8>,
    history: QuoteHistory,
}

#[derive(Debug)]
struct Machine {
    name: String,
    key: AttestationKey,
}

impl TpmVerifier {
    /// Takes quotes of these machines over these registers of a bank: all of them, and no others.
    /// Each machine has a name, which becomes the attestation's subject, and a key that whoever
    /// registered it knows to be in its TPM. Of two machines with one key the last one counts.
    pub fn new(
        machines: impl IntoIterator<Item = (String, AttestationKey)>,
        bank: TpmHash,
        registers: BTreeSet<u8>,
    ) -> Self {
        let machines = machines
            .into_iter()
            .map(|(name, key)| (key.name().clone(), Machine { name, key }))
            .collect();
        Self { machines, bank, registers, history: QuoteHistory::new(QUOTE_HISTORY_KEYS_MAX) }
    }

    /// The machine that a quote says it is from; without a word, the only one there is.
    fn machine(&self, claimed: Option<&TpmName>) -> Option<&Machine> {
        match claimed {
            Some(name) => self.machines.get(name),
            None => self.machines.values().next().filter(|_| self.machines.len() == 1),
        }
    }
}

/// Verifies one quote; the place of its verifier, and what it says.
///
/// # Errors
/// It is by no machine that is registered, over other registers, not bound to a live nonce, or
/// older than one seen before.
pub(crate) fn appraise(
    body: &[u8],
    verifiers: &[VerifierConfig],
    expected: &Expected,
    now: EpochMillis,
) -> Result<(usize, Appraisal), AttestationRefusal> {
    let refused = |error: TpmError| AttestationRefusal::invalid(error.code());
    let quote = TpmQuote::parse(body).map_err(refused)?;
    let claimed = quote.claimed_key().map_err(refused)?;
    let claimed = claimed.as_ref().map(AttestationKey::name);
    let found = verifiers.iter().enumerate().find_map(|(place, config)| match &config.kind {
        VerifierKind::Tpm(tpm) => {
            tpm.machine(claimed).map(|machine| (place, config.age, tpm, machine))
        }
        VerifierKind::Ear(_) | VerifierKind::MappedJwt(_) | VerifierKind::Nitro(_) => None,
    });
    let (place, age, verifier, machine) =
        found.ok_or(AttestationRefusal::invalid("tpm_key_not_registered"))?;
    let (values, nonces) = expected.nonces();
    let TpmVerifier { bank, registers, history, machines: _ } = verifier;
    let expectation = QuoteExpectation { extra_data: &values, bank: *bank, pcrs: registers };
    let claims = verify_tpm_quote(&quote, &machine.key, &expectation).map_err(refused)?;
    let bound = nonces.get(claims.extra_data_matched).copied();
    let bound = bound.ok_or(AttestationRefusal::invalid("not_bound"))?;
    history.record(&claims).map_err(|error| AttestationRefusal::invalid(error.code()))?;
    let algorithm = claims.pcr_bank.as_str();
    let measurement =
        |(index, value): (&u8, &Vec<u8>)| format!("pcr{index}:{algorithm}:{}", hex::encode(value));
    let appraisal = Appraisal {
        subject: checked_subject(&machine.name)?,
        judgement: Judgement::ReferenceValues,
        vector: Vec::new(),
        // The nonce in it is seconds old, and nothing in it says more precisely.
        lifetime: Lifetime::new(now, None, age, now)?,
        measurements: claims.pcrs.iter().map(measurement).collect(),
        debug: false,
        bound,
    };
    Ok((place, appraisal))
}
