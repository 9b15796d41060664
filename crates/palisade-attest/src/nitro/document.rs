//! Reads a document: the `COSE_Sign1` around it and the payload's members.

use std::collections::BTreeMap;

use ciborium::Value;
use coset::{CborSerializable as _, CoseSign1};
use palisade_core::EpochMillis;

use super::cbor;
use super::error::NitroError;

/// How many bytes a document may have.
// LIMIT: every member at its largest has 14 KiB; genuine ones have 4 to 5.
pub const NITRO_DOCUMENT_BYTES_MAX: usize = 16 * 1024;

/// A document that was read and is not verified. It shows nothing; see
/// [`verify_nitro_document`](super::verify_nitro_document).
#[derive(Debug)]
pub struct NitroDocument {
    pub(super) sign1: CoseSign1,
    pub(super) module_id: String,
    pub(super) timestamp: EpochMillis,
    pub(super) pcrs: BTreeMap<u8, Vec<u8>>,
    pub(super) certificate: Vec<u8>,
    /// Root first.
    pub(super) cabundle: Vec<Vec<u8>>,
    pub(super) public_key: Option<Vec<u8>>,
    pub(super) user_data: Option<Vec<u8>>,
    pub(super) nonce: Option<Vec<u8>>,
}

/// Reads a document of at most [`NITRO_DOCUMENT_BYTES_MAX`] bytes, in time and memory linear in
/// that. Members that AWS does not specify are ignored, since it may add some.
///
/// # Errors
/// [`NitroError::TooLarge`] or [`NitroError::Malformed`].
pub fn parse_nitro_document(bytes: &[u8]) -> Result<NitroDocument, NitroError> {
    if bytes.len() > NITRO_DOCUMENT_BYTES_MAX {
        let limit = NITRO_DOCUMENT_BYTES_MAX;
        return Err(NitroError::TooLarge { bytes: bytes.len(), limit });
    }
    let untagged = bytes.strip_prefix(&[TAG_SIGN1]).unwrap_or(bytes);
    cbor::check(untagged)?;
    let sign1 = CoseSign1::from_slice(untagged)
        .map_err(|_not_cose| NitroError::Malformed { what: "it is no COSE_Sign1" })?;
    // FAIL-CLOSED: nothing but ES384 is let in through a header, and there is one way to write it.
    if sign1.protected.original_data.as_deref() != Some(PROTECTED_HEADER) {
        return malformed("its protected header says something other than ES384");
    }
    if !sign1.unprotected.is_empty() {
        return malformed("it has unprotected headers");
    }
    let Some(payload) = sign1.payload.as_deref() else {
        return malformed("it has no payload");
    };
    cbor::check(payload)?;
    let mut members = Members::read(payload)?;
    if members.text("digest")? != "SHA384" {
        return malformed("its digest is not SHA384");
    }
    Ok(NitroDocument {
        module_id: members.module_id()?,
        timestamp: members.timestamp()?,
        pcrs: members.pcrs()?,
        certificate: certificate(members.take("certificate")?)?,
        cabundle: members.cabundle()?,
        public_key: members.optional_bytes("public_key")?,
        user_data: members.optional_bytes("user_data")?,
        nonce: members.optional_bytes("nonce")?,
        sign1,
    })
}

/// The members of the payload that are not taken yet.
struct Members(BTreeMap<String, Value>);

impl Members {
    fn read(payload: &[u8]) -> Result<Self, NitroError> {
        let value = ciborium::from_reader::<Value, _>(payload)
            .map_err(|_not_cbor| NitroError::Malformed { what: "its payload is no CBOR" })?;
        let Value::Map(entries) = value else {
            return malformed("its payload is no map");
        };
        let mut members = BTreeMap::new();
        for (key, value) in entries {
            let Value::Text(key) = key else {
                return malformed("a name of a member is no text");
            };
            // FAIL-CLOSED: readers disagree about which of two counts.
            if members.insert(key, value).is_some() {
                return malformed("a member stands twice in it");
            }
        }
        Ok(Self(members))
    }

    fn take(&mut self, name: &str) -> Result<Value, NitroError> {
        self.0.remove(name).ok_or(NitroError::Malformed { what: "a member is missing" })
    }

    fn text(&mut self, name: &str) -> Result<String, NitroError> {
        match self.take(name)? {
            Value::Text(text) => Ok(text),
            _ => malformed("a member is no text"),
        }
    }

    fn module_id(&mut self) -> Result<String, NitroError> {
        let module_id = self.text("module_id")?;
        let fits = (1..=MODULE_ID_BYTES_MAX).contains(&module_id.len());
        if !fits || !module_id.bytes().all(|byte| byte.is_ascii_graphic()) {
            return malformed("its module id is not one");
        }
        Ok(module_id)
    }

    fn timestamp(&mut self) -> Result<EpochMillis, NitroError> {
        let millis = match self.take("timestamp")? {
            Value::Integer(millis) => i64::try_from(millis).ok().filter(|millis| *millis > 0),
            _ => None,
        };
        millis.map(EpochMillis::new).ok_or(NitroError::Malformed { what: "its time is no time" })
    }

    fn pcrs(&mut self) -> Result<BTreeMap<u8, Vec<u8>>, NitroError> {
        let Value::Map(entries) = self.take("pcrs")? else {
            return malformed("its registers are no map");
        };
        let mut pcrs = BTreeMap::new();
        for (index, value) in entries {
            let index = index.into_integer().ok().and_then(|index| u8::try_from(index).ok());
            let Some(index) = index.filter(|index| *index <= PCR_MAX) else {
                return malformed("a register is not 0 to 31");
            };
            let Value::Bytes(value) = value else {
                return malformed("the value of a register is no byte string");
            };
            if value.len() != SHA384_BYTES {
                return malformed("the value of a register is no SHA-384 digest");
            }
            if pcrs.insert(index, value).is_some() {
                return malformed("a register stands twice in it");
            }
        }
        // Without them nobody could tell what runs in the enclave, nor whether it is being debugged.
        if MEASURED.iter().any(|index| !pcrs.contains_key(index)) {
            return malformed("one of the registers 0, 1 and 2 is missing");
        }
        Ok(pcrs)
    }

    fn cabundle(&mut self) -> Result<Vec<Vec<u8>>, NitroError> {
        let Value::Array(certificates) = self.take("cabundle")? else {
            return malformed("its certificate bundle is no array");
        };
        if !(1..=CABUNDLE_MAX).contains(&certificates.len()) {
            return malformed("its certificate bundle has too few or too many certificates");
        }
        certificates.into_iter().map(certificate).collect()
    }

    /// Absent, null, or bytes.
    fn optional_bytes(&mut self, name: &str) -> Result<Option<Vec<u8>>, NitroError> {
        match self.0.remove(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Bytes(bytes)) if bytes.len() <= USER_DATA_BYTES_MAX => Ok(Some(bytes)),
            Some(_) => malformed("a member is no byte string of at most 1024 bytes"),
        }
    }
}

fn certificate(value: Value) -> Result<Vec<u8>, NitroError> {
    match value {
        Value::Bytes(der) if (1..=CERTIFICATE_BYTES_MAX).contains(&der.len()) => Ok(der),
        _ => malformed("a certificate is no byte string of 1 to 1024 bytes"),
    }
}

const fn malformed<T>(what: &'static str) -> Result<T, NitroError> {
    Err(NitroError::Malformed { what })
}

/// The registers that say what runs in the enclave: image, kernel, application.
pub(super) const MEASURED: [u8; 3] = [0, 1, 2];

/// CBOR tag 18 (RFC 9052, section 2).
const TAG_SIGN1: u8 = 0xd2;
/// `{1: -35}`: the algorithm is ES384.
const PROTECTED_HEADER: &[u8] = &[0xa1, 0x01, 0x38, 0x22];
const SHA384_BYTES: usize = 48;

// LIMIT: AWS specifies registers 0 to 31.
const PCR_MAX: u8 = 31;
// LIMIT: AWS specifies this for certificates.
const CERTIFICATE_BYTES_MAX: usize = 1024;
// LIMIT: AWS specifies this for `public_key`, `user_data` and `nonce`.
const USER_DATA_BYTES_MAX: usize = 1024;
// LIMIT: AWS uses four; twice as many keep the search for a path short.
const CABUNDLE_MAX: usize = 8;
// LIMIT: AWS has no limit; `i-<17 digits>-enc<16 digits>` has 39 bytes.
const MODULE_ID_BYTES_MAX: usize = 128;
