//! What a trust domain's workloads are verified with: SPIFFE trust bundles.
//!
//! Which trust domain a bundle speaks for is never read from the bundle: whoever configures where
//! it comes from says so (`SPIFFE_Trust_Domain_and_Bundle`, section 3).

use std::collections::HashMap;
use std::fmt;
use std::hash::BuildHasher;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use palisade_core::{JsonLimits, StrictJsonError, parse_json_object};
use palisade_jose::{Handle, JwkError, KeySet, Origin, PublicKey, Source};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, TrustAnchor};
use serde_json::{Map, Value};

pub use error::TrustBundleError;

use crate::spiffe::TrustDomain;
use crate::x509::Certificate;

mod error;

/// Bytes of a trust bundle.
// LIMIT: an authority takes some 2 KiB in base64, and each is there twice while it is rotated;
// this has room for a hundred.
pub const TRUST_BUNDLE_BYTES_MAX: usize = 256 * 1024;

/// Entries of a trust bundle, known uses or not.
// LIMIT: preparing a key takes some 100 µs; SPIRE publishes two to six.
pub const TRUST_BUNDLE_KEYS_MAX: usize = 128;

/// Certificates of a trust bundle.
// LIMIT: a chain is tried against each authority of the name it ends in.
pub const TRUST_BUNDLE_AUTHORITIES_MAX: usize = 32;

/// Nesting of a bundle: the set, its keys, a key, `x5c`, and two more for members nobody knows.
const TRUST_BUNDLE_DEPTH_MAX: usize = 6;

/// Tells what is trusted now.
pub trait TrustBundles: Send + Sync {
    /// The trust bundle of this domain; `None` if the domain is not configured, or if no bundle of
    /// it was ever got.
    fn trust_bundle(&self, domain: &TrustDomain) -> Option<Arc<TrustBundle>>;
}

/// Trust bundles that never change.
impl<S: BuildHasher + Send + Sync> TrustBundles for HashMap<TrustDomain, Arc<TrustBundle>, S> {
    fn trust_bundle(&self, domain: &TrustDomain) -> Option<Arc<TrustBundle>> {
        self.get(domain).cloned()
    }
}

/// Trust bundles that are kept fresh.
#[derive(Clone, Debug, Default)]
pub struct FollowedTrustBundles(HashMap<TrustDomain, Handle<TrustBundle>>);

impl FollowedTrustBundles {
    /// The bundles of these trust domains, each the one that is current when it is asked for.
    #[must_use]
    pub const fn new(handles: HashMap<TrustDomain, Handle<TrustBundle>>) -> Self {
        Self(handles)
    }
}

impl TrustBundles for FollowedTrustBundles {
    fn trust_bundle(&self, domain: &TrustDomain) -> Option<Arc<TrustBundle>> {
        self.0.get(domain)?.current()
    }
}

/// Authorities and keys of one trust domain. Each verifies one kind of document and no other.
#[derive(Clone, Default)]
pub struct TrustBundle {
    anchors: Vec<TrustAnchor<'static>>,
    /// As many as there are anchors.
    limits: Vec<AnchorLimits>,
    jwt_keys: KeySet,
    wit_keys: KeySet,
    sequence: Option<u64>,
    refresh_hint: Option<Duration>,
    ignored: usize,
}

/// What an authority's own certificate says beside its name, key and name constraints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AnchorLimits {
    pub(crate) path_length_max: Option<u32>,
    /// The first and the last second at which it is good, since the epoch.
    pub(crate) valid_from: i64,
    pub(crate) valid_until: i64,
}

impl fmt::Debug for TrustBundle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TrustBundle")
            .field("authorities", &self.anchors.len())
            .field("jwt_keys", &self.jwt_keys.keys().len())
            .field("wit_keys", &self.wit_keys.keys().len())
            .field("sequence", &self.sequence)
            .field("refresh_hint", &self.refresh_hint)
            .field("ignored", &self.ignored)
            .finish()
    }
}

impl TrustBundle {
    /// Reads a SPIFFE bundle: a JWK set of at most [`TRUST_BUNDLE_BYTES_MAX`] bytes in strict JSON
    /// (`SPIFFE_Trust_Domain_and_Bundle`, section 4).
    ///
    /// Of an entry for X.509-SVIDs the first certificate counts (X509-SVID, section 6.2). What the
    /// standard lets be is ignored and counted: other uses and key types, entries for X.509-SVIDs
    /// without a certificate, keys for tokens without a `kid`.
    ///
    /// A bundle may be empty: then nobody of its trust domain is verified.
    ///
    /// # Errors
    /// No JWK set within the limits, a certificate that cannot be read or is no authority, an entry
    /// whose numbers are another key than its certificate's, or two keys of one name.
    pub fn parse(text: &[u8]) -> Result<Self, TrustBundleError> {
        let limits = JsonLimits { bytes: TRUST_BUNDLE_BYTES_MAX, depth: TRUST_BUNDLE_DEPTH_MAX };
        let document = parse_json_object(text, limits).map_err(|error| match error {
            StrictJsonError::TooLarge { bytes, .. } => TrustBundleError::TooLarge { bytes },
            _ => TrustBundleError::Malformed,
        })?;
        let Some(Value::Array(entries)) = document.get("keys") else {
            return Err(TrustBundleError::Malformed);
        };
        if entries.len() > TRUST_BUNDLE_KEYS_MAX {
            return Err(TrustBundleError::TooManyKeys { keys: entries.len() });
        }
        let mut bundle = Self {
            sequence: integer(&document, "spiffe_sequence")?,
            refresh_hint: integer(&document, "spiffe_refresh_hint")?.map(Duration::from_secs),
            ..Self::default()
        };
        let mut jwt_keys = Vec::new();
        let mut wit_keys = Vec::new();
        for (index, entry) in entries.iter().enumerate() {
            let entry = entry.as_object().ok_or(TrustBundleError::Entry { index })?;
            let taken = match text_member(entry, "use", index)? {
                Some("x509-svid") => bundle.add_entry(entry, index)?,
                Some("jwt-svid") => add_key(&mut jwt_keys, entry),
                Some("wit-svid") => add_key(&mut wit_keys, entry),
                _ => false,
            };
            bundle.ignored += usize::from(!taken);
        }
        let set = |keys| KeySet::new(keys).map_err(|_twice| TrustBundleError::DuplicateKeyId);
        bundle.jwt_keys = set(jwt_keys)?;
        bundle.wit_keys = set(wit_keys)?;
        Ok(bundle)
    }

    /// Reads the certificates of authorities in PEM, for who has no SPIFFE bundle. Verifies
    /// X.509-SVIDs only.
    ///
    /// # Errors
    /// Over [`TRUST_BUNDLE_BYTES_MAX`] bytes, no certificate at all, or one that cannot be read or
    /// is no authority.
    pub fn from_pem(text: &[u8]) -> Result<Self, TrustBundleError> {
        if text.len() > TRUST_BUNDLE_BYTES_MAX {
            return Err(TrustBundleError::TooLarge { bytes: text.len() });
        }
        let mut bundle = Self::default();
        for (index, der) in CertificateDer::pem_slice_iter(text).enumerate() {
            let der = der.map_err(|_unreadable| TrustBundleError::Malformed)?;
            bundle.add_authority(&der, index)?;
        }
        if bundle.anchors.is_empty() {
            return Err(TrustBundleError::NoCertificate);
        }
        Ok(bundle)
    }

    /// A SPIFFE bundle to be kept fresh, with the usual times; it is looked at again as its
    /// refresh hint says, within those.
    ///
    /// A bundle with a lower `spiffe_sequence` than one that was read before is refused: an old
    /// copy somewhere must not bring an authority back that was taken out. Restarting forgets.
    #[must_use]
    pub fn source(name: &str, origin: Origin<Self>) -> Source<Self> {
        let highest = AtomicU64::new(0);
        let read = move |text: &[u8]| {
            let bundle = Self::parse(text).map_err(|error| error.code())?;
            let sequence = bundle.sequence.unwrap_or(0);
            if highest.fetch_max(sequence, Ordering::Relaxed) > sequence {
                return Err(TrustBundleError::Outdated.code());
            }
            Ok(bundle)
        };
        Source {
            lifetime: Arc::new(Self::refresh_hint),
            ..Source::new(name, origin, TRUST_BUNDLE_BYTES_MAX, Arc::new(read))
        }
    }

    /// Authorities in PEM to be kept fresh, with the usual times.
    #[must_use]
    pub fn pem_source(name: &str, origin: Origin<Self>) -> Source<Self> {
        let read = |text: &[u8]| Self::from_pem(text).map_err(|error| error.code());
        Source::new(name, origin, TRUST_BUNDLE_BYTES_MAX, Arc::new(read))
    }

    /// Keys that verify JWT-SVIDs of the trust domain; each has a `kid`.
    #[must_use]
    pub const fn jwt_keys(&self) -> &KeySet {
        &self.jwt_keys
    }

    /// Keys that verify WIT-SVIDs of the trust domain; each has a `kid`.
    #[must_use]
    pub const fn wit_keys(&self) -> &KeySet {
        &self.wit_keys
    }

    /// How many authorities sign X.509-SVIDs of the trust domain.
    #[must_use]
    pub const fn authorities(&self) -> usize {
        self.anchors.len()
    }

    /// `spiffe_sequence`: grows with every change of the bundle.
    #[must_use]
    pub const fn sequence(&self) -> Option<u64> {
        self.sequence
    }

    /// `spiffe_refresh_hint`: how often the publisher wants to be asked. Not bounded here.
    #[must_use]
    pub const fn refresh_hint(&self) -> Option<Duration> {
        self.refresh_hint
    }

    /// How many entries were left out.
    #[must_use]
    pub const fn ignored(&self) -> usize {
        self.ignored
    }

    /// Anchors for path validation.
    pub(crate) fn anchors(&self) -> &[TrustAnchor<'static>] {
        &self.anchors
    }

    /// What holds for an anchor of this bundle, given the very element of [`Self::anchors`].
    pub(crate) fn anchor_limits(&self, anchor: &TrustAnchor<'_>) -> Option<AnchorLimits> {
        // By place: two authorities may have the same name and key, and differ in their limits.
        let place = self.anchors.iter().position(|own| std::ptr::eq(own, anchor))?;
        self.limits.get(place).copied()
    }

    /// Takes an entry for X.509-SVIDs; false if there is nothing in it to take.
    fn add_entry(
        &mut self,
        entry: &Map<String, Value>,
        index: usize,
    ) -> Result<bool, TrustBundleError> {
        let malformed = TrustBundleError::Entry { index };
        let certificates = match entry.get("x5c") {
            None => return Ok(false),
            Some(Value::Array(certificates)) => certificates,
            Some(_) => return Err(malformed),
        };
        let Some(first) = certificates.first() else { return Ok(false) };
        let stated = match stated_key(entry) {
            Ok(stated) => stated,
            // "Clients encountering an unknown key type MUST ignore the entire JWK element."
            Err(JwkError::UnsupportedType) => return Ok(false),
            Err(_) => return Err(malformed),
        };
        let text = first.as_str().ok_or_else(|| malformed.clone())?;
        let der = STANDARD.decode(text).map_err(|_no_base64| malformed)?;
        match PublicKey::from_spki_der(read(&der, index)?.public_key()) {
            Ok(certified) if certified.thumbprint() == stated.thumbprint() => {}
            _ => return Err(TrustBundleError::KeyMismatch { index }),
        }
        self.add_authority(&der, index)?;
        Ok(true)
    }

    fn add_authority(&mut self, der: &[u8], index: usize) -> Result<(), TrustBundleError> {
        let certificate = read(der, index)?;
        // An authority may do without key usage (RFC 5280, section 6.2: an anchor is a name and a
        // key); if it has some, it has to be for this.
        let may_sign = certificate.key_usage.is_none_or(|usage| usage.certificate_signing);
        if !certificate.is_authority || !may_sign {
            return Err(TrustBundleError::NotAnAuthority { index });
        }
        if self.anchors.len() >= TRUST_BUNDLE_AUTHORITIES_MAX {
            return Err(TrustBundleError::TooManyAuthorities);
        }
        let der = CertificateDer::from(der);
        let anchor = webpki::anchor_from_trusted_cert(&der)
            .map_err(|error| TrustBundleError::Certificate { index, source: error.into() })?;
        self.anchors.push(anchor.to_owned());
        self.limits.push(AnchorLimits {
            path_length_max: certificate.path_length_max,
            valid_from: certificate.valid_from,
            valid_until: certificate.valid_until,
        });
        Ok(())
    }
}

fn read(der: &[u8], index: usize) -> Result<Certificate<'_>, TrustBundleError> {
    Certificate::read(der).map_err(|source| TrustBundleError::Certificate { index, source })
}

/// Takes a key for tokens; false if it is of no use or has no name.
fn add_key(keys: &mut Vec<PublicKey>, entry: &Map<String, Value>) -> bool {
    match PublicKey::from_jwk(entry) {
        Ok(key) if key.key_id().is_some() => {
            keys.push(key);
            true
        }
        _ => false,
    }
}

/// The key that the numbers of an entry for X.509-SVIDs make. What they may be used for says the
/// certificate.
fn stated_key(entry: &Map<String, Value>) -> Result<PublicKey, JwkError> {
    let mut numbers = entry.clone();
    for member in ["alg", "key_ops", "kid", "use"] {
        numbers.remove(member);
    }
    PublicKey::from_jwk(&numbers)
}

/// A member that is a non-negative integer, if it is there.
fn integer(object: &Map<String, Value>, name: &str) -> Result<Option<u64>, TrustBundleError> {
    match object.get(name) {
        None => Ok(None),
        Some(value) => value.as_u64().map(Some).ok_or(TrustBundleError::Malformed),
    }
}

fn text_member<'a>(
    entry: &'a Map<String, Value>,
    name: &str,
    index: usize,
) -> Result<Option<&'a str>, TrustBundleError> {
    match entry.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(TrustBundleError::Entry { index }),
    }
}

#[cfg(test)]
mod tests;
