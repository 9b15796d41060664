//! Verifies X.509-SVIDs: certificates that name a workload by its SPIFFE id.
//!
//! That whoever shows a chain also holds its key is not proven here; the TLS handshake, or a
//! signature by that key, does that. Revocation lists are not read: SVIDs live for minutes to
//! hours, and removing an authority from its trust bundle takes effect with the next chain.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use palisade_core::{EpochMillis, Sha256Digest};
use palisade_jose::PublicKey;
use rustls_pki_types::{CertificateDer, SignatureVerificationAlgorithm, UnixTime};
use webpki::{EndEntityCert, KeyUsage, VerifiedPath, aws_lc_rs};

pub(crate) use certificate::Certificate;
pub use error::SvidError;

use crate::spiffe::SpiffeId;
use crate::trust_bundle::{TrustBundle, TrustBundles};

mod certificate;
mod error;

/// Certificates of one chain, the leaf included.
// LIMIT: leaf, two to three levels of intermediates and the root some peers send needlessly make
// five. Each one more multiplies the paths that a hostile chain can make the verifier try.
pub const CHAIN_CERTIFICATES_MAX: usize = 6;

/// A workload that a verified certificate names.
#[derive(Clone, PartialEq, Eq)]
pub struct VerifiedSvid {
    /// Who it is.
    pub id: SpiffeId,
    /// SHA-256 of the leaf in DER: what `x5t#S256` confirms (RFC 8705, section 3.1).
    pub certificate_thumbprint: [u8; 32],
    /// SHA-256 thumbprint (RFC 7638) of the leaf's key.
    pub key_thumbprint: [u8; 32],
    /// The first instant at which a certificate of the path, or the anchor, is no longer good.
    pub expires: EpochMillis,
}

impl fmt::Debug for VerifiedSvid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifiedSvid")
            .field("id", &self.id.as_str())
            .field("certificate_thumbprint", &Sha256Digest::from(self.certificate_thumbprint))
            .field("key_thumbprint", &Sha256Digest::from(self.key_thumbprint))
            .field("expires", &self.expires.to_string())
            .finish()
    }
}

/// Verifies chains against what is trusted at that moment.
#[derive(Clone)]
pub struct SvidVerifier {
    trust: Arc<dyn TrustBundles>,
}

impl fmt::Debug for SvidVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SvidVerifier").finish_non_exhaustive()
    }
}

impl SvidVerifier {
    /// Verifies against these trust bundles.
    #[must_use]
    pub const fn new(trust: Arc<dyn TrustBundles>) -> Self {
        Self { trust }
    }

    /// Verifies a chain of DER certificates, leaf first; the others in any order, with or without
    /// the root. Asks the trust bundle of the leaf's own trust domain and no other (X509-SVID,
    /// section 5).
    ///
    /// # Errors
    /// Anything but a path of at most [`CHAIN_CERTIFICATES_MAX`] well-formed certificates that are
    /// good `now`, from a leaf that names exactly one workload to an authority of its trust domain.
    /// Every certificate beside the leaf has to be an authority, be it of the path or not.
    pub fn verify<C: AsRef<[u8]>>(
        &self,
        chain: &[C],
        now: EpochMillis,
    ) -> Result<VerifiedSvid, SvidError> {
        if chain.len() > CHAIN_CERTIFICATES_MAX {
            return Err(SvidError::ChainTooLong { certificates: chain.len() });
        }
        let (leaf, issuers) = chain.split_first().ok_or(SvidError::ChainEmpty)?;
        let leaf = Certificate::read(leaf.as_ref())?;
        let id = leaf.workload()?;
        let issuers = issuers
            .iter()
            .map(|issuer| Certificate::read(issuer.as_ref()))
            .collect::<Result<Vec<_>, _>>()?;
        for issuer in &issuers {
            issuer.check_signing(id.trust_domain())?;
        }
        let bundle =
            self.trust.trust_bundle(id.trust_domain()).ok_or(SvidError::TrustDomainUnknown)?;
        let expires = verify_path(&leaf, &issuers, &bundle, now)?;
        let Ok(key) = PublicKey::from_spki_der(leaf.public_key()) else {
            return Err(SvidError::Key);
        };
        Ok(VerifiedSvid {
            id,
            certificate_thumbprint: *Sha256Digest::of(leaf.der()).as_bytes(),
            key_thumbprint: *key.thumbprint(),
            expires,
        })
    }
}

/// Finds a path from the leaf to an anchor (RFC 5280, section 6) and tells when it ends.
fn verify_path(
    leaf: &Certificate<'_>,
    issuers: &[Certificate<'_>],
    bundle: &TrustBundle,
    now: EpochMillis,
) -> Result<EpochMillis, SvidError> {
    // What was before 1970 is before any certificate.
    let Ok(seconds) = u64::try_from(now.as_millis().div_euclid(1000)) else {
        return Err(SvidError::NotYetValid);
    };
    let time = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
    let leaf_der = CertificateDer::from(leaf.der());
    let issuer_ders: Vec<_> =
        issuers.iter().map(|issuer| CertificateDer::from(issuer.der())).collect();
    let end_entity = EndEntityCert::try_from(&leaf_der)?;
    let path = end_entity.verify_for_usage(
        SIGNATURE_ALGORITHMS,
        bundle.anchors(),
        &issuer_ders,
        time,
        KeyUsage::client_auth(),
        None,
        Some(&|path| check_anchor(path, bundle, time)),
    )?;
    let mut valid_until = leaf.valid_until;
    for signing in path.intermediate_certificates() {
        let der = signing.der();
        let read = issuers.iter().find(|issuer| issuer.der() == der.as_ref());
        valid_until = valid_until.min(read.ok_or(SvidError::Untrusted)?.valid_until);
    }
    let limits = bundle.anchor_limits(path.anchor()).ok_or(SvidError::Untrusted)?;
    valid_until = valid_until.min(limits.valid_until);
    // The last second is good to its end (RFC 5280, section 4.1.2.5).
    Ok(EpochMillis::new(valid_until.saturating_add(1).saturating_mul(1000)))
}

/// Holds a path to what its anchor's own certificate says: `webpki` takes of an anchor nothing but
/// its name, key and name constraints.
fn check_anchor(
    path: &VerifiedPath<'_>,
    bundle: &TrustBundle,
    time: UnixTime,
) -> Result<(), webpki::Error> {
    let limits = bundle.anchor_limits(path.anchor()).ok_or(webpki::Error::UnknownIssuer)?;
    let below = path.intermediate_certificates().count();
    let is_within = |most: u32| usize::try_from(most).is_ok_and(|most| below <= most);
    if !limits.path_length_max.is_none_or(is_within) {
        return Err(webpki::Error::PathLenConstraintViolated);
    }
    let seconds = i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
    let instant = |seconds: i64| {
        let seconds = u64::try_from(seconds).unwrap_or(0);
        UnixTime::since_unix_epoch(Duration::from_secs(seconds))
    };
    if seconds < limits.valid_from {
        return Err(webpki::Error::CertNotValidYet {
            time,
            not_before: instant(limits.valid_from),
        });
    }
    if seconds > limits.valid_until {
        return Err(webpki::Error::CertExpired { time, not_after: instant(limits.valid_until) });
    }
    Ok(())
}

/// Signatures on certificates that are accepted: ECDSA over the curves of NIST, Ed25519, and RSA
/// with keys of 2048 to 8192 bits. Nothing with SHA-1, and no RSA without parameters, which is an
/// encoding that RFC 4055 does not know.
static SIGNATURE_ALGORITHMS: &[&dyn SignatureVerificationAlgorithm] = &[
    aws_lc_rs::ECDSA_P256_SHA256,
    aws_lc_rs::ECDSA_P256_SHA384,
    aws_lc_rs::ECDSA_P256_SHA512,
    aws_lc_rs::ECDSA_P384_SHA256,
    aws_lc_rs::ECDSA_P384_SHA384,
    aws_lc_rs::ECDSA_P384_SHA512,
    aws_lc_rs::ECDSA_P521_SHA256,
    aws_lc_rs::ECDSA_P521_SHA384,
    aws_lc_rs::ECDSA_P521_SHA512,
    aws_lc_rs::ED25519,
    aws_lc_rs::RSA_PKCS1_2048_8192_SHA256,
    aws_lc_rs::RSA_PKCS1_2048_8192_SHA384,
    aws_lc_rs::RSA_PKCS1_2048_8192_SHA512,
    aws_lc_rs::RSA_PSS_2048_8192_SHA256_LEGACY_KEY,
    aws_lc_rs::RSA_PSS_2048_8192_SHA384_LEGACY_KEY,
    aws_lc_rs::RSA_PSS_2048_8192_SHA512_LEGACY_KEY,
];

#[cfg(test)]
mod tests;
