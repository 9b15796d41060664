//! Which verifiers there are, and what is asked of them.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use crate::cache::CACHE_BYTES_DEFAULT;
use crate::code_identity::CodeTrust;
use crate::keys::VerifierKeys;
use crate::mapping::{
    ClaimMapping, MAPPING_ENTRIES_MAX, MappingError, MeasurementClaim, check_measurements,
};
use crate::nitro_verifier::NitroVerifier;
use crate::nonce::NonceLimits;
use crate::tpm_verifier::TpmVerifier;
use crate::validity::AgeLimits;

/// Verifiers in one configuration.
// LIMIT: an organisation has a few; a token that several could have issued is tried with each.
pub const VERIFIERS_MAX: usize = 16;

/// Bytes of a verifier's name.
const NAME_BYTES_MAX: usize = 64;

/// Everything that is configured of attestation.
#[derive(Debug)]
pub struct AttestationConfig {
    /// Who is believed, each with a name of its own.
    pub verifiers: Vec<VerifierConfig>,
    /// Whose word on code counts; `None`: no provenance is taken.
    pub code: Option<CodeTrust>,
    /// How many nonces there may be, and for how long.
    pub nonces: NonceLimits,
    /// Bytes of verified attestations that are kept.
    pub cache_bytes: u64,
}

impl AttestationConfig {
    /// These verifiers, and the default of everything else.
    #[must_use]
    pub fn new(verifiers: Vec<VerifierConfig>) -> Self {
        let nonces = NonceLimits::default();
        Self { verifiers, code: None, nonces, cache_bytes: CACHE_BYTES_DEFAULT }
    }
}

/// One verifier.
#[derive(Debug)]
pub struct VerifierConfig {
    /// Its name in policies and reference values.
    pub name: String,
    /// How old what it says may be.
    pub age: AgeLimits,
    /// What it is.
    pub kind: VerifierKind,
}

/// What a verifier is.
#[derive(Debug)]
pub enum VerifierKind {
    /// It issues EAT attestation results.
    Ear(EarVerifier),
    /// It issues JWTs in words of its own.
    MappedJwt(MappedJwtVerifier),
    /// AWS Nitro Enclaves: their documents are judged here.
    Nitro(NitroVerifier),
    /// Machines with a TPM 2.0 whose keys are registered: their quotes are judged here.
    Tpm(TpmVerifier),
}

/// A verifier that issues EAT attestation results.
pub struct EarVerifier {
    /// The keys it signs with.
    pub keys: Arc<dyn VerifierKeys>,
    /// What `iss` has to be; `None`: it does not matter, because the keys are this verifier's.
    pub issuer: Option<String>,
    /// What has to be among `aud`; `None`: results have no audience.
    pub audience: Option<String>,
    /// The label of the part that counts; `None`: there is exactly one.
    pub submod: Option<String>,
    /// What was measured, by pointers into that part.
    pub measurements: Vec<MeasurementClaim>,
}

impl fmt::Debug for EarVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { keys: _, issuer, audience, submod, measurements } = self;
        f.debug_struct("EarVerifier")
            .field("issuer", issuer)
            .field("audience", audience)
            .field("submod", submod)
            .field("measurements", measurements)
            .finish_non_exhaustive()
    }
}

/// A verifier that issues JWTs in words of its own.
pub struct MappedJwtVerifier {
    /// The keys it signs with.
    pub keys: Arc<dyn VerifierKeys>,
    /// How its claims are read.
    pub mapping: ClaimMapping,
    /// What `iss` has to be; `None` where the mapping says it.
    pub issuer: Option<String>,
    /// What has to be among `aud`; `None`: its tokens have no audience.
    pub audience: Option<String>,
}

impl MappedJwtVerifier {
    /// What `iss` has to be.
    pub(crate) fn issuer(&self) -> Option<&str> {
        self.mapping.issuer().or(self.issuer.as_deref())
    }
}

impl fmt::Debug for MappedJwtVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { keys: _, mapping: _, issuer, audience } = self;
        f.debug_struct("MappedJwtVerifier")
            .field("issuer", issuer)
            .field("audience", audience)
            .finish_non_exhaustive()
    }
}

/// Why a configuration is not usable.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AttestationConfigError {
    /// The mapping needs an audience, or none.
    #[error("the verifier `{name}` needs an audience")]
    Audience {
        /// The verifier.
        name: String,
    },
    /// Two verifiers have one name.
    #[error("two verifiers are named `{name}`")]
    DuplicateName {
        /// The name.
        name: String,
    },
    /// Two verifiers would take the same tokens.
    #[error("two verifiers have the issuer `{issuer}`")]
    DuplicateIssuer {
        /// The issuer.
        issuer: String,
    },
    /// Nobody says what `iss` has to be, or the mapping says something else.
    #[error("the issuer of the verifier `{name}` has to be configured where its mapping lacks one")]
    Issuer {
        /// The verifier.
        name: String,
    },
    /// The measurements of a verifier are not usable.
    #[error("the measurements of the verifier `{name}` are not usable")]
    Measurements {
        /// The verifier.
        name: String,
        /// Why.
        #[source]
        source: MappingError,
    },
    /// A name is not usable.
    #[error(
        "`{name}` cannot name a verifier; use 1 to {NAME_BYTES_MAX} of a-z, 0-9, `-`, `_`, `.`"
    )]
    Name {
        /// The name.
        name: String,
    },
    /// More verifiers than [`VERIFIERS_MAX`].
    #[error("there are {count} verifiers; the limit is {VERIFIERS_MAX}")]
    TooManyVerifiers {
        /// How many.
        count: usize,
    },
}

/// Checks that verifiers can be told apart and that each can be met.
///
/// # Errors
/// The first one that is not usable.
pub(crate) fn check(verifiers: &[VerifierConfig]) -> Result<(), AttestationConfigError> {
    if verifiers.len() > VERIFIERS_MAX {
        return Err(AttestationConfigError::TooManyVerifiers { count: verifiers.len() });
    }
    let mut names = BTreeSet::new();
    let mut issuers = BTreeSet::new();
    for VerifierConfig { name, age: _, kind } in verifiers {
        let name = name.clone();
        let usable = (1..=NAME_BYTES_MAX).contains(&name.len())
            && name
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_.".contains(&b));
        if !usable {
            return Err(AttestationConfigError::Name { name });
        }
        match kind {
            VerifierKind::Ear(ear) => check_measured(&name, &ear.measurements)?,
            VerifierKind::MappedJwt(mapped) => {
                let issuer = check_mapped(&name, mapped)?;
                if !issuers.insert(issuer.clone()) {
                    return Err(AttestationConfigError::DuplicateIssuer { issuer });
                }
            }
            VerifierKind::Nitro(_) | VerifierKind::Tpm(_) => {}
        }
        if !names.insert(name.clone()) {
            return Err(AttestationConfigError::DuplicateName { name });
        }
    }
    Ok(())
}

fn check_measured(
    name: &str,
    measurements: &[MeasurementClaim],
) -> Result<(), AttestationConfigError> {
    let checked = if measurements.len() > MAPPING_ENTRIES_MAX {
        Err(MappingError::TooMany)
    } else {
        check_measurements(measurements)
    };
    checked.map_err(|source| AttestationConfigError::Measurements { name: name.to_owned(), source })
}

/// Checks a mapped verifier; its issuer.
fn check_mapped(
    name: &str,
    verifier: &MappedJwtVerifier,
) -> Result<String, AttestationConfigError> {
    let MappedJwtVerifier { keys: _, mapping, issuer, audience } = verifier;
    // FAIL-CLOSED: of two issuers nobody knows which one is meant, and none takes every token.
    let issuer = match (mapping.issuer(), issuer.as_deref()) {
        (Some(issuer), None) => issuer,
        (Some(issuer), Some(configured)) if issuer == configured => issuer,
        (None, Some(issuer)) if !issuer.is_empty() => issuer,
        _ => return Err(AttestationConfigError::Issuer { name: name.to_owned() }),
    };
    if mapping.needs_audience() && audience.as_deref().is_none_or(str::is_empty) {
        return Err(AttestationConfigError::Audience { name: name.to_owned() });
    }
    Ok(issuer.to_owned())
}
