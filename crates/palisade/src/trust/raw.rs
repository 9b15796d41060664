//! The trust file as it is written.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use super::LoadTrustError;

/// The form of trust files this version reads.
const FORMAT: u64 = 1;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawTrust {
    format: u64,
    #[serde(default)]
    pub(super) trust_domains: Vec<RawTrustDomain>,
    #[serde(default)]
    pub(super) issuers: Vec<RawIssuer>,
    pub(super) callers: Vec<RawCaller>,
    #[serde(default)]
    pub(super) transmitters: Vec<RawTransmitter>,
    pub(super) attestation: Option<RawAttestation>,
    /// WIMSE workload tokens, whose drafts still change.
    #[serde(default)]
    pub(super) workload_tokens: bool,
    pub(super) proof_age_max: Option<String>,
}

/// A SPIFFE trust domain.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawTrustDomain {
    pub(super) name: String,
    pub(super) bundle: RawTrustBundle,
    /// With it, JWT-SVIDs of the domain are accepted.
    pub(super) jwt_svids: Option<RawJwtSvids>,
}

/// Where a trust bundle is: one of these.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawTrustBundle {
    pub(super) file: Option<String>,
    pub(super) url: Option<String>,
    /// Certificates of authorities.
    pub(super) pem: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawJwtSvids {
    pub(super) audiences: Vec<String>,
    pub(super) subject_kind: Option<String>,
    pub(super) max_lifetime: Option<String>,
    pub(super) clock_skew: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawIssuer {
    pub(super) issuer: String,
    pub(super) keys: RawKeys,
    pub(super) audiences: Vec<String>,
    #[serde(default)]
    pub(super) single_audience: bool,
    pub(super) algorithms: Option<Vec<String>>,
    pub(super) tokens: Option<Vec<String>>,
    pub(super) clock_skew: Option<String>,
    pub(super) max_lifetime: Option<String>,
    pub(super) speaks_for: Option<Vec<RawNamespace>>,
    pub(super) subject_issuer: Option<String>,
    pub(super) subject_kind: Option<String>,
    pub(super) kind_claim: Option<String>,
    pub(super) kinds: Option<BTreeMap<String, String>>,
    pub(super) actor_claim: Option<String>,
    #[serde(default)]
    pub(super) actors_default_to_issuer: bool,
}

/// Where a JWK set is: one of these.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawKeys {
    pub(super) file: Option<String>,
    pub(super) url: Option<String>,
    pub(super) withdraw_after: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawNamespace {
    pub(super) issuer: String,
    pub(super) kinds: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawCaller {
    pub(super) name: String,
    #[serde(default)]
    pub(super) certificates: Vec<String>,
    #[serde(default)]
    pub(super) tokens: Vec<RawTokenOwner>,
    pub(super) roles: Vec<String>,
    pub(super) rate: Option<RawRate>,
    pub(super) tools: Option<Vec<String>>,
    #[serde(default)]
    pub(super) may_assert: Vec<RawNamespace>,
    #[serde(default)]
    pub(super) may_set: Vec<String>,
    #[serde(default)]
    pub(super) may_compose: bool,
    #[serde(default)]
    pub(super) may_pass_certificates: bool,
    #[serde(default)]
    pub(super) may_vouch_for_possession: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawTokenOwner {
    pub(super) issuer: String,
    pub(super) subject: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRate {
    pub(super) per_second: u32,
    pub(super) burst: u32,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawTransmitter {
    pub(super) issuer: String,
    pub(super) keys: RawKeys,
    pub(super) audiences: Vec<String>,
    pub(super) algorithms: Option<Vec<String>>,
    pub(super) speaks_for: Option<Vec<String>>,
    pub(super) clock_skew: Option<String>,
    #[serde(default)]
    pub(super) critical_subject_members: Vec<String>,
    #[serde(default)]
    pub(super) sessions_in_tokens: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawAttestation {
    pub(super) nonce_lifetime: Option<String>,
    pub(super) verifiers: Vec<RawVerifier>,
    pub(super) code: Option<RawCode>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawVerifier {
    pub(super) name: String,
    pub(super) max_age: Option<String>,
    pub(super) clock_skew: Option<String>,
    #[serde(flatten)]
    pub(super) kind: RawVerifierKind,
}

/// Exactly one key says what it is.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum RawVerifierKind {
    Ear(RawEar),
    Jwt(RawMappedJwt),
    Nitro(RawNitro),
    Tpm(RawTpm),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawEar {
    pub(super) keys: RawKeys,
    pub(super) issuer: Option<String>,
    pub(super) audience: Option<String>,
    pub(super) submod: Option<String>,
    #[serde(default)]
    pub(super) measurements: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawMappedJwt {
    pub(super) keys: RawKeys,
    /// The name of a mapping that comes with Palisade, or the file with another one, JSON.
    pub(super) mapping: Option<String>,
    pub(super) mapping_file: Option<String>,
    pub(super) issuer: Option<String>,
    pub(super) audience: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawNitro {
    /// Other roots than AWS's, in PEM.
    pub(super) roots: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawTpm {
    pub(super) bank: String,
    pub(super) registers: Vec<u8>,
    pub(super) machines: Vec<RawMachine>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawMachine {
    pub(super) name: String,
    /// The public area of its attestation key (`TPMT_PUBLIC`), as `tpm2_readpublic -f tpmt` writes
    /// it.
    pub(super) key: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawCode {
    /// Files with public keys, PEM.
    #[serde(default)]
    pub(super) keys: Vec<String>,
    /// File with a Sigstore trusted root, JSON.
    pub(super) trusted_root: Option<String>,
    pub(super) builders: Vec<String>,
    pub(super) sources: Vec<String>,
    #[serde(default)]
    pub(super) workflows: Vec<RawWorkflow>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawWorkflow {
    pub(super) issuer: String,
    pub(super) identity: String,
}

impl RawTrust {
    pub(super) fn read(path: &Path) -> Result<Self, LoadTrustError> {
        let bytes = super::read_file(path)?;
        let text = std::str::from_utf8(&bytes)
            .map_err(|_no_text| LoadTrustError::NotUtf8 { path: path.to_owned() })?;
        let raw: Self = serde_saphyr::from_str(text).map_err(|error| LoadTrustError::Syntax {
            path: path.to_owned(),
            message: error.to_string(),
        })?;
        if raw.format != FORMAT {
            return Err(LoadTrustError::Format { found: raw.format });
        }
        Ok(raw)
    }
}
