//! The Dead Simple Signing Envelope (DSSE v1), which keeps statement and signatures together.
//!
//! What is signed is not the payload but its pre-authentication encoding, which also covers the
//! payload's type, each part with its length: no other type and payload encode to the same bytes.
//! The bytes that were verified are the bytes that are read afterwards.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use palisade_core::parse_json_object;
use serde_json::{Map, Value};

use super::error::CodeError;
use super::key::ProvenanceKey;

/// The media type of in-toto statements (in-toto attestation framework, "Envelope").
const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";

/// Signatures of one envelope.
// LIMIT: each may be tried with each key. Envelopes in use have one, or two during a change of keys.
pub(super) const SIGNATURES_MAX: usize = 8;

/// Keys that an envelope may be signed by.
// LIMIT: with `SIGNATURES_MAX` it bounds the verifications of one envelope at 256.
pub(super) const KEYS_MAX: usize = 32;

/// An envelope whose signatures are not yet verified.
#[derive(Debug)]
pub(super) struct Envelope {
    payload: Vec<u8>,
    signatures: Vec<Vec<u8>>,
}

impl Envelope {
    /// Reads an envelope around an in-toto statement. Fields it does not know are ignored, as
    /// DSSE demands.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, CodeError> {
        let object = parse_json_object(bytes, super::JSON_LIMITS)
            .map_err(|source| CodeError::Json { what: "envelope", source })?;
        match object.get("payloadType") {
            Some(Value::String(payload_type)) if payload_type == PAYLOAD_TYPE => {}
            Some(Value::String(_)) => return Err(CodeError::PayloadType),
            _ => return Err(CodeError::Envelope { why: "it has no payload type" }),
        }
        let payload = decode(&object, "payload")?;
        let Some(Value::Array(entries)) = object.get("signatures") else {
            return Err(CodeError::Envelope { why: "it has no list of signatures" });
        };
        if entries.len() > SIGNATURES_MAX {
            return Err(CodeError::TooMany {
                what: "signatures",
                count: entries.len(),
                limit: SIGNATURES_MAX,
            });
        }
        let signatures = entries.iter().map(read_signature).collect::<Result<_, _>>()?;
        Ok(Self { payload, signatures })
    }

    /// The payload, if one of `keys` signed it.
    pub(super) fn verify(self, keys: &[ProvenanceKey]) -> Result<Vec<u8>, CodeError> {
        if keys.len() > KEYS_MAX {
            return Err(CodeError::TooMany { what: "keys", count: keys.len(), limit: KEYS_MAX });
        }
        let signed = pre_authentication_encoding(&self.payload);
        // A key id is a hint that nobody signed: every key is tried with every signature.
        let by_pinned_key = self
            .signatures
            .iter()
            .any(|signature| keys.iter().any(|key| key.verifies(&signed, signature)));
        if by_pinned_key { Ok(self.payload) } else { Err(CodeError::Signature) }
    }
}

/// What is signed: `DSSEv1`, then length and bytes of type and payload (DSSE protocol,
/// "Signature Definition").
pub(super) fn pre_authentication_encoding(payload: &[u8]) -> Vec<u8> {
    let head = format!("DSSEv1 {} {PAYLOAD_TYPE} {} ", PAYLOAD_TYPE.len(), payload.len());
    let mut encoded = head.into_bytes();
    encoded.extend_from_slice(payload);
    encoded
}

fn read_signature(entry: &Value) -> Result<Vec<u8>, CodeError> {
    let Value::Object(entry) = entry else {
        return Err(CodeError::Envelope { why: "a signature is no object" });
    };
    if entry.get("keyid").is_some_and(|key_id| !key_id.is_string()) {
        return Err(CodeError::Envelope { why: "a key id is no string" });
    }
    decode(entry, "sig")
}

/// Base64 in the standard or the URL-safe alphabet, as DSSE allows, but not in a mix of them;
/// padded, without stray bits, line breaks or spaces.
fn decode(object: &Map<String, Value>, field: &str) -> Result<Vec<u8>, CodeError> {
    let Some(Value::String(text)) = object.get(field) else {
        return Err(CodeError::Envelope { why: "its payload or a signature is missing" });
    };
    let engine = if text.contains(['-', '_']) { &URL_SAFE } else { &STANDARD };
    let Ok(bytes) = engine.decode(text) else {
        return Err(CodeError::Envelope { why: "its payload or a signature is no base64" });
    };
    Ok(bytes)
}

#[cfg(test)]
mod tests;
