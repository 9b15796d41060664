//! What is known of the environment that the last link of a chain runs in.

use std::sync::Arc;
use std::time::Duration;

use crate::clock::EpochMillis;

/// How far an environment can be trusted (AR4SI, draft-ietf-rats-ar4si).
///
/// Deliberately without an order: a verifier that says nothing (`None`) must never rank beside or
/// above one that affirms. Compare for equality with [`TrustTier::Affirming`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TrustTier {
    /// The verifier affirms what it saw.
    Affirming,
    /// The verifier found what speaks against trust.
    Contraindicated,
    /// The verifier says nothing.
    None,
    /// The verifier found what somebody should look at.
    Warning,
}

impl TrustTier {
    /// All tiers.
    pub const ALL: [Self; 4] = [Self::Affirming, Self::Contraindicated, Self::None, Self::Warning];

    /// Its name in policies, records and test cases.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Affirming => "affirming",
            Self::Contraindicated => "contraindicated",
            Self::None => "none",
            Self::Warning => "warning",
        }
    }
}

/// What was proven of an environment, whoever proved it and in whatever format.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Attestation {
    /// Who appraised the evidence, as the bundle names it.
    pub verifier: String,
    /// What was attested, as the verifier names it: an instance, an attestation key.
    pub subject: String,
    /// How far it can be trusted: the worst of what was claimed.
    pub tier: TrustTier,
    /// Trust claims by category, e.g. (`executables`, 2), sorted by category (AR4SI, section 2.3).
    pub vector: Vec<(String, i8)>,
    /// When the evidence was appraised, or made if we appraised it ourselves.
    pub issued_at: EpochMillis,
    /// The first instant at which it is no longer good.
    pub expires_at: EpochMillis,
    /// What was measured, `<name>:<value>`, e.g. `image:sha256:…`, `pcr8:sha384:…`,
    /// `builder:https://…`, sorted, each once.
    pub measurements: Vec<String>,
    /// Names of the bundle's reference values that it meets, sorted.
    pub references: Vec<String>,
    /// Somebody could look into the environment or change it.
    pub debug: bool,
    /// The evidence carries a nonce of ours, so that it was made for us, after we asked.
    pub nonce_fresh: bool,
}

/// What evidence has to carry that is presented next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttestationChallenge {
    /// Good once, for the caller and the last link it was given to.
    pub nonce: [u8; 32],
    /// How long it is good.
    pub lifetime: Duration,
    /// Media types of evidence that are accepted, sorted.
    pub accepted_media_types: Arc<[String]>,
}
