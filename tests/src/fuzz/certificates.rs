//! Certificates from strangers: chains of X.509-SVIDs, and those of endorsement keys.
//!
//! Bytes are tried as certificates one after the other. The first of them is also taken for what
//! an authority of the trust domain was made to sign: such a certificate is accepted only if it
//! names a workload of that trust domain.

mod authority;

use std::sync::LazyLock;

use palisade_attest::{EkRoots, verify_ek_certificate};
use palisade_core::{EpochMillis, Sha256Digest};
use palisade_identity::{CHAIN_CERTIFICATES_MAX, SvidVerifier, VerifiedSvid};

pub(super) use self::authority::{Authorities, first_element, signed_content};
use super::attestation::{EK_CERTIFICATE, ek_authorities};
use crate::NOON;

/// What came of one input, so that tests can hold that everything comes up.
#[derive(Clone, Copy, Debug, Default)]
pub struct Met {
    /// A chain that names a workload.
    pub accepted: usize,
    /// The recorded certificate of an endorsement key.
    pub endorsements: usize,
    /// Certificates that name nobody.
    pub refused: usize,
    /// Accepted once an authority has signed it.
    pub signed_accepted: usize,
    /// Signed by an authority, and not accepted.
    pub signed_refused: usize,
    /// No certificates.
    pub unreadable: usize,
}

static AUTHORITIES: LazyLock<Authorities> = LazyLock::new(Authorities::new);
static VERIFIER: LazyLock<SvidVerifier> =
    LazyLock::new(|| SvidVerifier::new(AUTHORITIES.trust_bundles()));
static EK: LazyLock<(EkRoots, Vec<u8>)> = LazyLock::new(|| {
    let [root, below] = ek_authorities();
    (EkRoots::from_der([root.as_slice()]).expect("a root"), below)
});

/// 2026-12-01, when the recorded certificate of an endorsement key is good.
const EK_TIME: EpochMillis = EpochMillis::new(1_796_083_200_000);

/// Asserts what holds for any bytes.
///
/// # Panics
/// It does not hold.
pub fn check(bytes: &[u8]) -> Met {
    let mut met = Met::default();
    let mut chain = Vec::new();
    let mut rest = bytes;
    while let Some((certificate, behind)) = first_element(rest) {
        chain.push(certificate);
        rest = behind;
    }
    // What is left is no element, and so no certificate either.
    if !rest.is_empty() {
        chain.push(rest);
    }
    check_chain(&chain, &mut met);
    check_signed(bytes, &mut met);
    check_endorsement(&chain, &mut met);
    let Met { accepted, endorsements, signed_accepted, .. } = met;
    let read = accepted + endorsements + signed_accepted;
    let is_element = first_element(bytes).is_some();
    met.refused += usize::from(read == 0 && is_element);
    met.unreadable += usize::from(read == 0 && !is_element);
    met
}

/// A chain names a workload only if its leaf is one that was issued, with a way to the root.
fn check_chain(chain: &[&[u8]], met: &mut Met) {
    let answer = VERIFIER.verify(chain, NOON);
    let shown = || chain.iter().map(|der| der.escape_ascii().to_string()).collect::<Vec<_>>();
    let issued = chain.first().and_then(|leaf| AUTHORITIES.issued(leaf));
    match &answer {
        Ok(svid) => {
            met.accepted += 1;
            let issued = issued.unwrap_or_else(|| panic!("nobody issued {:?}", shown()));
            assert!(issued.is_good, "{:?}", shown());
            assert_eq!(svid.id.as_str(), issued.id, "{:?}", shown());
            assert!(!issued.needs_intermediate || chain.contains(&AUTHORITIES.intermediate()));
            assert!(chain.len() <= CHAIN_CERTIFICATES_MAX, "{:?}", shown());
            let is_workload = |der: &&[u8]| AUTHORITIES.issued(der).is_some();
            assert!(!chain[1..].iter().any(is_workload), "no authority: {:?}", shown());
            check_svid(svid, chain[0]);
        }
        Err(error) => {
            let whole = issued
                .is_some_and(|issued| issued.is_good && chain[1..] == [AUTHORITIES.intermediate()]);
            assert!(!whole, "{error:?}: {:?}", shown());
        }
    }
    // The order of all but the leaf does not matter.
    if let [leaf, others @ ..] = chain {
        let turned: Vec<&[u8]> = [leaf].into_iter().chain(others.iter().rev()).copied().collect();
        assert_eq!(VERIFIER.verify(&turned, NOON).ok(), answer.ok(), "{:?}", shown());
    }
    let nobody = SvidVerifier::new(Authorities::none());
    assert!(nobody.verify(chain, NOON).is_err(), "nobody is trusted: {:?}", shown());
}

fn check_svid(svid: &VerifiedSvid, leaf: &[u8]) {
    assert_eq!(svid.certificate_thumbprint, *Sha256Digest::of(leaf).as_bytes());
    assert!(svid.expires > NOON, "{svid:?}");
}

/// What is in a certificate by a trusted authority is bounded all the same.
fn check_signed(bytes: &[u8], met: &mut Met) {
    let leaf = AUTHORITIES.sign(bytes);
    let Ok(svid) = VERIFIER.verify(&[leaf.as_slice()], NOON) else {
        met.signed_refused += 1;
        return;
    };
    met.signed_accepted += 1;
    let shown = leaf.escape_ascii();
    check_svid(&svid, &leaf);
    assert_eq!(svid.id.trust_domain().as_str(), authority::DOMAIN, "{shown}");
    // The name stands there as a URI (RFC 5280, section 4.2.1.6), and no other beside it.
    let id = svid.id.as_str().as_bytes();
    if let Ok(length @ ..=0x7f) = u8::try_from(id.len()) {
        assert_eq!(occurrences(bytes, &[&[0x86, length], id].concat()), 1, "{shown}");
    }
    let names =
        bytes.windows(11).filter(|window| window[0] == 0x86 && &window[2..] == b"spiffe://");
    assert!(names.count() <= 1, "it has two names: {shown}");
    assert!(occurrences(bytes, authority::ROOT_NAME.as_bytes()) > 0, "{shown}");
    assert!(first_element(bytes).is_some_and(|(_, rest)| rest.is_empty()), "{shown}");
}

fn occurrences(bytes: &[u8], of: &[u8]) -> usize {
    bytes.windows(of.len()).filter(|window| *window == of).count()
}

/// The maker has vouched for one endorsement key.
fn check_endorsement(chain: &[&[u8]], met: &mut Met) {
    let [certificate, intermediates @ ..] = chain else { return };
    let (roots, below) = &*EK;
    let of_maker = [below.as_slice()];
    for intermediates in [intermediates, of_maker.as_slice()] {
        let answer = verify_ek_certificate(certificate, intermediates, roots, EK_TIME);
        if let Ok(endorsed) = answer {
            assert_eq!(*certificate, EK_CERTIFICATE, "nobody vouched for it");
            assert!(occurrences(EK_CERTIFICATE, &endorsed.public_key) == 1);
            met.endorsements += 1;
        } else {
            let is_genuine = *certificate == EK_CERTIFICATE;
            assert!(!is_genuine || intermediates != of_maker, "{answer:?}");
        }
    }
    let none = EkRoots::from_der([]).expect("no roots");
    assert!(verify_ek_certificate(certificate, &of_maker, &none, EK_TIME).is_err());
}
