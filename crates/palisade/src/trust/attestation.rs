//! Verifiers of attestations, as configured.

use std::collections::BTreeSet;
use std::sync::Arc;

use palisade_attest::{
    AgeLimits, AttestationConfig, AttestationKey, AttestationVerifier, ClaimMapping, CodePins,
    CodePolicy, CodeTrust, EarVerifier, MappedJwtVerifier, MeasurementClaim, NitroRoots,
    NitroVerifier, ProvenanceKey, SystemNonces, TpmHash, TpmVerifier, TrustedRoot, VerifierConfig,
    VerifierKind, WorkflowIdentity,
};
use serde_json::Value;

use super::keys::{self, Documents, duration, entry};
use super::raw::{
    RawAttestation, RawCode, RawEar, RawMappedJwt, RawNitro, RawTpm, RawVerifier, RawVerifierKind,
};
use super::{Files, LoadTrustError};

pub(super) fn accept(
    raw: &RawAttestation,
    documents: &Documents,
    files: &Files,
) -> Result<AttestationVerifier, LoadTrustError> {
    let RawAttestation { nonce_lifetime, verifiers, code } = raw;
    let verifiers = verifiers.iter().map(|raw| verifier(raw, documents, files));
    let mut config = AttestationConfig::new(verifiers.collect::<Result<_, _>>()?);
    config.nonces.lifetime = duration(
        "attestation",
        "nonce_lifetime",
        nonce_lifetime.as_deref(),
        config.nonces.lifetime,
    )?;
    config.code = code.as_ref().map(|code| code_trust(code, files)).transpose()?;
    Ok(AttestationVerifier::new(config, Box::new(SystemNonces))?)
}

fn verifier(
    raw: &RawVerifier,
    documents: &Documents,
    files: &Files,
) -> Result<VerifierConfig, LoadTrustError> {
    let RawVerifier { name, max_age, clock_skew, kind } = raw;
    let defaults = AgeLimits::default();
    let age = AgeLimits {
        max_age: duration(name, "max_age", max_age.as_deref(), defaults.max_age)?,
        clock_skew: duration(name, "clock_skew", clock_skew.as_deref(), defaults.clock_skew)?,
    };
    let kind = match kind {
        RawVerifierKind::Ear(raw) => VerifierKind::Ear(ear(name, raw, documents)?),
        RawVerifierKind::Jwt(raw) => {
            VerifierKind::MappedJwt(mapped_jwt(name, raw, documents, files)?)
        }
        RawVerifierKind::Nitro(raw) => VerifierKind::Nitro(nitro(name, raw, files)?),
        RawVerifierKind::Tpm(raw) => VerifierKind::Tpm(tpm(name, raw, files)?),
    };
    Ok(VerifierConfig { name: name.clone(), age, kind })
}

fn ear(name: &str, raw: &RawEar, documents: &Documents) -> Result<EarVerifier, LoadTrustError> {
    let RawEar { keys: _, issuer, audience, submod, measurements } = raw;
    let measured = |(measured, claim): (&String, &String)| {
        MeasurementClaim::new(measured, claim)
            .map_err(|source| LoadTrustError::Mapping { owner: name.to_owned(), source })
    };
    Ok(EarVerifier {
        keys: Arc::new(documents.keys(&keys::of_verifier(name))?),
        issuer: issuer.clone(),
        audience: audience.clone(),
        submod: submod.clone(),
        measurements: measurements.iter().map(measured).collect::<Result<_, _>>()?,
    })
}

fn mapped_jwt(
    name: &str,
    raw: &RawMappedJwt,
    documents: &Documents,
    files: &Files,
) -> Result<MappedJwtVerifier, LoadTrustError> {
    let RawMappedJwt { keys: _, mapping, mapping_file, issuer, audience } = raw;
    let unusable = |source| LoadTrustError::Mapping { owner: name.to_owned(), source };
    let mapping = match (mapping, mapping_file) {
        (Some(built_in), None) => ClaimMapping::built_in(built_in).map_err(unusable)?,
        (None, Some(file)) => {
            let value: Value = serde_json::from_slice(&files.read(file)?)
                .map_err(|_no_json| entry(name, "mapping_file", "the file is no JSON"))?;
            ClaimMapping::from_value(value).map_err(unusable)?
        }
        (Some(_), Some(_)) | (None, None) => {
            return Err(entry(name, "mapping", "write either `mapping` or `mapping_file`"));
        }
    };
    Ok(MappedJwtVerifier {
        keys: Arc::new(documents.keys(&keys::of_verifier(name))?),
        mapping,
        issuer: issuer.clone(),
        audience: audience.clone(),
    })
}

fn nitro(name: &str, raw: &RawNitro, files: &Files) -> Result<NitroVerifier, LoadTrustError> {
    let unusable = |source| LoadTrustError::Nitro { owner: name.to_owned(), source };
    let roots = match &raw.roots {
        None => NitroRoots::aws().map_err(unusable)?,
        Some(file) => NitroRoots::from_pem(&files.text(file)?).map_err(unusable)?,
    };
    Ok(NitroVerifier { roots })
}

fn tpm(name: &str, raw: &RawTpm, files: &Files) -> Result<TpmVerifier, LoadTrustError> {
    let RawTpm { bank, registers, machines } = raw;
    let bank = match bank.as_str() {
        "sha256" => TpmHash::Sha256,
        "sha384" => TpmHash::Sha384,
        _ => return Err(entry(name, "tpm.bank", "write `sha256` or `sha384`")),
    };
    let registers: BTreeSet<u8> = registers.iter().copied().collect();
    if registers.is_empty() || registers.iter().any(|register| *register > 23) {
        return Err(entry(name, "tpm.registers", "write at least one of 0 to 23"));
    }
    let mut known = Vec::new();
    for machine in machines {
        let key = AttestationKey::from_public(&files.read(&machine.key)?)
            .map_err(|source| LoadTrustError::Tpm { owner: machine.name.clone(), source })?;
        known.push((machine.name.clone(), key));
    }
    Ok(TpmVerifier::new(known, bank, registers))
}

fn code_trust(raw: &RawCode, files: &Files) -> Result<CodeTrust, LoadTrustError> {
    let RawCode { keys, trusted_root, builders, sources, workflows } = raw;
    let workflows = workflows.iter().map(|workflow| WorkflowIdentity {
        issuer: workflow.issuer.clone(),
        identity: workflow.identity.clone(),
    });
    let pins = CodePins {
        builders: builders.clone(),
        sources: sources.clone(),
        workflows: workflows.collect(),
    };
    let mut provenance_keys = Vec::new();
    for file in keys {
        let path = files.path(file);
        let der = spki(&files.read(file)?)
            .ok_or_else(|| entry(file, "attestation.code.keys", "the file holds no public key"))?;
        let key = ProvenanceKey::from_spki_der(&der)
            .map_err(|source| LoadTrustError::ProvenanceKey { path, source })?;
        provenance_keys.push(key);
    }
    let trusted_root = match trusted_root {
        None => None,
        Some(file) => {
            let path = files.path(file);
            let root = TrustedRoot::parse(&files.read(file)?);
            Some(root.map_err(|source| LoadTrustError::TrustedRoot { path, source })?)
        }
    };
    Ok(CodeTrust { policy: CodePolicy::new(&pins)?, keys: provenance_keys, trusted_root })
}

/// The public key in a PEM file, as DER.
fn spki(pem: &[u8]) -> Option<Vec<u8>> {
    use rustls_pki_types::pem::PemObject as _;
    let key = rustls_pki_types::SubjectPublicKeyInfoDer::from_pem_slice(pem).ok()?;
    Some(key.as_ref().to_vec())
}
