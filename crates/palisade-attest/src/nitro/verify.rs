//! Verifies a document: certificates, signature, time, nonce.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_lc_rs::signature::{ECDSA_P384_SHA384_FIXED, UnparsedPublicKey};
use palisade_core::EpochMillis;
use rustls_pki_types::{CertificateDer, UnixTime};
use webpki::{EndEntityCert, KeyUsage, aws_lc_rs::ECDSA_P384_SHA384};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::document::{MEASURED, NitroDocument, parse_nitro_document};
use super::error::NitroError;
use super::roots::NitroRoots;

/// How a document is known to be a fresh one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NitroFreshness<'a> {
    /// By its time alone: whoever sees it can show it again until it is too old.
    Age,
    /// It carries one of these nonces. With none of them nothing is accepted; an empty one is
    /// never met.
    Nonce(&'a [&'a [u8]]),
}

/// What a document has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NitroExpectation<'a> {
    /// The time.
    pub now: EpochMillis,
    /// For how long after it was made a document is accepted. Its own certificate, which lives for
    /// three hours, ends it if that is sooner.
    pub max_age: Duration,
    /// What else shows that it is fresh.
    pub freshness: NitroFreshness<'a>,
}

/// What a verified document says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NitroClaims {
    /// The enclave, `i-<instance>-enc<enclave>`.
    pub module_id: String,
    /// When the document was made.
    pub timestamp: EpochMillis,
    /// The first instant at which it is no longer good.
    pub expires: EpochMillis,
    /// Registers with SHA-384: 0 image, 1 kernel, 2 application, 3 role of the parent instance, 4
    /// its id, 8 the key that signed the image. Whether they are good ones is for the caller to
    /// know.
    pub pcrs: BTreeMap<u8, Vec<u8>>,
    /// A key that the enclave says is its own.
    pub public_key: Option<Vec<u8>>,
    /// What the enclave wanted to have signed.
    pub user_data: Option<Vec<u8>>,
    /// The nonce it was asked to include.
    pub nonce: Option<Vec<u8>>,
    /// Which of the expected nonces it is, by position; `None` under [`NitroFreshness::Age`].
    pub nonce_matched: Option<usize>,
    /// One of the registers 0, 1 and 2 is all zeros, as they are in debug mode: nothing is known
    /// of the enclave, and its console can be read. To be refused unless somebody says otherwise.
    pub debug: bool,
}

/// Verifies one document. The certificates are judged at the document's time.
///
/// # Errors
/// It is malformed or too large, does not lead to a root, is not signed by its certificate's key,
/// is too old or from the future, or has another nonce.
pub fn verify_nitro_document(
    bytes: &[u8],
    roots: &NitroRoots,
    expectation: &NitroExpectation<'_>,
) -> Result<NitroClaims, NitroError> {
    let document = parse_nitro_document(bytes)?;
    let certificate_ends = verify_signature(&document, roots)?;
    let expires = check_time(document.timestamp, certificate_ends, expectation)?;
    let nonce_matched = match expectation.freshness {
        NitroFreshness::Age => None,
        NitroFreshness::Nonce(expected) => {
            let nonce = document.nonce.as_deref().filter(|nonce| !nonce.is_empty());
            let matched = expected.iter().position(|expected| Some(*expected) == nonce);
            Some(matched.ok_or(NitroError::Nonce)?)
        }
    };
    let all_zero = |index: &u8| {
        // FAIL-CLOSED: a register that is not there is not known to be anything else.
        document.pcrs.get(index).is_none_or(|value| value.iter().all(|byte| *byte == 0))
    };
    let debug = MEASURED.iter().any(all_zero);
    let NitroDocument { module_id, timestamp, pcrs, public_key, user_data, nonce, .. } = document;
    Ok(NitroClaims {
        module_id,
        timestamp,
        expires,
        pcrs,
        public_key,
        user_data,
        nonce,
        nonce_matched,
        debug,
    })
}

/// Verifies the chain and the signature; the first instant at which the certificate is over.
fn verify_signature(
    document: &NitroDocument,
    roots: &NitroRoots,
) -> Result<EpochMillis, NitroError> {
    let der = CertificateDer::from(document.certificate.as_slice());
    let leaf = EndEntityCert::try_from(&der).map_err(NitroError::Certificates)?;
    let bundle: Vec<_> =
        document.cabundle.iter().map(|der| CertificateDer::from(der.as_slice())).collect();
    let seconds = u64::try_from(document.timestamp.as_millis()).unwrap_or(0) / 1000;
    leaf.verify_for_usage(
        &[ECDSA_P384_SHA384],
        roots.anchors(),
        &bundle,
        UnixTime::since_unix_epoch(Duration::from_secs(seconds)),
        // The leaf has no extended key usage; this is the use that is nearest.
        KeyUsage::client_auth(),
        None,
        None,
    )
    .map_err(NitroError::Certificates)?;
    let key = leaf.subject_public_key_info();
    document.sign1.verify_signature(&[], |signature, signed| {
        UnparsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, key.as_ref())
            .verify(signed, signature)
            .map_err(|aws_lc_rs::error::Unspecified| NitroError::Signature)
    })?;
    let (_, leaf) = X509Certificate::from_der(&document.certificate)
        .map_err(|_not_x509| NitroError::Malformed { what: "its certificate cannot be read" })?;
    // It is valid during its last second, too.
    let ends = leaf.validity().not_after.timestamp().saturating_add(1).saturating_mul(1000);
    Ok(EpochMillis::new(ends))
}

/// Checks the document's time against the clock; the first instant at which it is too old.
fn check_time(
    timestamp: EpochMillis,
    certificate_ends: EpochMillis,
    expectation: &NitroExpectation<'_>,
) -> Result<EpochMillis, NitroError> {
    let now = expectation.now;
    if timestamp.as_millis() > now.as_millis().saturating_add(CLOCK_SKEW_MS_MAX) {
        return Err(NitroError::NotYetValid);
    }
    let max_age = i64::try_from(expectation.max_age.as_millis()).unwrap_or(i64::MAX);
    let too_old_at = EpochMillis::new(timestamp.as_millis().saturating_add(max_age));
    let expires = too_old_at.min(certificate_ends);
    if now >= expires { Err(NitroError::Expired) } else { Ok(expires) }
}

// LIMIT: how far the hypervisor's clock may be ahead of ours. AWS keeps its clocks within
// milliseconds; a minute is what an ordinary machine may be off.
const CLOCK_SKEW_MS_MAX: i64 = 60_000;
