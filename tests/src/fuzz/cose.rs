//! Nitro documents: `COSE_Sign1` from strangers.
//!
//! Bytes are tried as a document, of which exactly one is genuine; and as the beginning of a
//! payload that an enclave of our own goes on and signs, for an enclave is a stranger, too.

mod enclave;

use std::sync::LazyLock;
use std::time::Duration;

use ciborium::Value;
use palisade_attest::{
    NitroClaims, NitroError, NitroExpectation, NitroFreshness, NitroRoots, parse_nitro_document,
    verify_nitro_document,
};

use self::enclave::Enclave;
pub(super) use self::enclave::{NONCE, made, members};
use super::attestation::{NITRO_MADE, nitro_document};

/// What came of one input, so that tests can hold that everything comes up.
#[derive(Clone, Copy, Debug, Default)]
pub struct Met {
    /// The genuine document.
    pub genuine: usize,
    /// A document that can be read and is not accepted.
    pub refused: usize,
    /// Accepted once an enclave has signed it.
    pub signed_accepted: usize,
    /// Signed by an enclave, and for another reason than its form not accepted.
    pub signed_refused: usize,
    /// Neither.
    pub unreadable: usize,
}

static GENUINE: LazyLock<Vec<u8>> = LazyLock::new(nitro_document);
static AWS: LazyLock<NitroRoots> = LazyLock::new(|| NitroRoots::aws().expect("a root"));
static ENCLAVE: LazyLock<Enclave> = LazyLock::new(Enclave::new);

/// Bytes of the signature at a document's end: for each that holds there is one other, which does
/// too (`-s` for `s`).
const SIGNATURE_BYTES: usize = 96;

/// Asserts what holds for any bytes.
///
/// # Panics
/// It does not hold.
pub fn check(bytes: &[u8]) -> Met {
    let mut met = Met::default();
    check_document(bytes, &mut met);
    check_signed(bytes, &mut met);
    met.unreadable += usize::from(met.refused + met.genuine + met.signed_accepted == 0);
    met
}

fn check_document(bytes: &[u8], met: &mut Met) {
    let freshness = NitroFreshness::Age;
    let max_age = Duration::from_hours(24);
    let expectation = NitroExpectation { now: NITRO_MADE, max_age, freshness };
    let answer = verify_nitro_document(bytes, &AWS, &expectation);
    let is_readable = parse_nitro_document(bytes).is_ok();
    let document = bytes.strip_prefix(&[0xd2]).unwrap_or(bytes);
    let shown = bytes.escape_ascii();
    match answer {
        Ok(_) => {
            let signed = GENUINE.len() - SIGNATURE_BYTES;
            let is_same = document.get(..signed) == GENUINE.get(..signed);
            assert!(is_same && document.len() == GENUINE.len(), "nobody signed {shown}");
            assert!(is_readable, "accepted, and not to be read: {shown}");
            met.genuine += 1;
        }
        Err(error) => {
            assert_ne!(document, GENUINE.as_slice(), "{error:?}");
            let is_form =
                matches!(error, NitroError::Malformed { .. } | NitroError::TooLarge { .. });
            assert!(is_readable || is_form, "{error:?}: {shown}");
            met.refused += usize::from(is_readable);
        }
    }
    // Whatever AWS has signed says nothing to whoever trusts somebody else.
    let elsewhere = verify_nitro_document(bytes, &ENCLAVE.roots, &expectation);
    assert!(elsewhere.is_err(), "not by our enclave: {shown}");
}

fn check_signed(bytes: &[u8], met: &mut Met) {
    let payload = ENCLAVE.payload(bytes);
    let document = ENCLAVE.sign(&payload);
    let freshness = NitroFreshness::Nonce(&[NONCE]);
    let max_age = Duration::from_hours(1);
    let expectation = NitroExpectation { now: made(), max_age, freshness };
    match verify_nitro_document(&document, &ENCLAVE.roots, &expectation) {
        Ok(claims) => {
            check_claims(&payload, &claims);
            met.signed_accepted += 1;
            let elsewhere = verify_nitro_document(&document, &AWS, &expectation);
            assert!(elsewhere.is_err(), "not by AWS: {}", payload.escape_ascii());
        }
        Err(NitroError::Malformed { .. } | NitroError::TooLarge { .. }) => {}
        Err(error) => {
            assert_ne!(error, NitroError::Signature, "{}", payload.escape_ascii());
            met.signed_refused += 1;
        }
    }
}

/// The claims are what a lenient reader finds in the payload, each member once.
fn check_claims(payload: &[u8], claims: &NitroClaims) {
    let shown = payload.escape_ascii();
    let theirs = ciborium::from_reader::<Value, _>(payload);
    let theirs = theirs.unwrap_or_else(|error| panic!("only we read {shown}: {error}"));
    let mut again = Vec::new();
    ciborium::into_writer(&theirs, &mut again).expect("encoded");
    assert_eq!(again, payload, "there is another way to write {shown}");
    let members = theirs.as_map().expect("a map");
    let member = |name: &str| {
        let mut found = members.iter().filter(|(key, _)| key.as_text() == Some(name));
        let value = found.next().map(|(_, value)| value.clone());
        assert!(found.next().is_none(), "`{name}` stands twice in {shown}");
        value.unwrap_or(Value::Null)
    };
    let bytes = |name: &str| member(name).into_bytes().ok();
    assert_eq!(member("digest").as_text(), Some("SHA384"), "{shown}");
    assert_eq!(member("module_id").as_text(), Some(claims.module_id.as_str()), "{shown}");
    assert_eq!(member("timestamp"), Value::from(claims.timestamp.as_millis()), "{shown}");
    assert_eq!(bytes("nonce").as_deref(), Some(NONCE), "{shown}");
    assert_eq!((claims.nonce.as_deref(), claims.nonce_matched), (Some(NONCE), Some(0)), "{shown}");
    assert_eq!(bytes("user_data"), claims.user_data, "{shown}");
    assert_eq!(bytes("public_key"), claims.public_key, "{shown}");
    let pcrs = member("pcrs");
    let pcrs = pcrs.as_map().expect("a map");
    assert_eq!(pcrs.len(), claims.pcrs.len(), "{shown}");
    for (index, value) in &claims.pcrs {
        let theirs = pcrs.iter().find(|(key, _)| *key == Value::from(*index));
        assert_eq!(theirs.map(|(_, value)| value), Some(&Value::Bytes(value.clone())), "{shown}");
        assert!(*index < 32 && value.len() == 48, "{shown}");
    }
    let zero = |index: u8| claims.pcrs[&index].iter().all(|byte| *byte == 0);
    assert_eq!(claims.debug, zero(0) || zero(1) || zero(2), "{shown}");
    let age = made().as_millis() - claims.timestamp.as_millis();
    assert!((-60_000..3_600_000).contains(&age), "{age}: {shown}");
    assert!(claims.expires > made(), "{shown}");
}
