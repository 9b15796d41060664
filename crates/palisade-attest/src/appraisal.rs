//! What one piece of evidence was found to say, before it is compared with reference values.

use serde_json::{Map, Value};

use palisade_core::TrustTier;

use crate::binding::BoundBy;
use crate::error::AttestationRefusal;
use crate::mapping::MeasurementClaim;
use crate::pointer::ClaimPointer;
use crate::validity::Lifetime;

/// Measurements of one attestation.
// LIMIT: every one is given to policies as an element of a set.
pub const MEASUREMENTS_MAX: usize = 128;

/// Bytes of one measured value.
const VALUE_BYTES_MAX: usize = 1024;

/// Bytes of the name of what was attested.
const SUBJECT_BYTES_MAX: usize = 1024;

/// Who says how far an environment can be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Judgement {
    /// The reference values of the bundle: the evidence is raw.
    ReferenceValues,
    /// Whoever signed the result.
    Verifier(TrustTier),
}

/// What a verified piece of evidence says.
pub(crate) struct Appraisal {
    pub(crate) subject: String,
    pub(crate) judgement: Judgement,
    pub(crate) vector: Vec<(String, i8)>,
    pub(crate) lifetime: Lifetime,
    /// `<name>:<value>`, in any order.
    pub(crate) measurements: Vec<String>,
    pub(crate) debug: bool,
    pub(crate) bound: BoundBy,
}

/// The first of the claims that is there, as the name of what was attested.
///
/// # Errors
/// It is no usable name.
pub(crate) fn subject(
    claims: &Map<String, Value>,
    pointers: &[ClaimPointer],
) -> Result<Option<String>, AttestationRefusal> {
    let Some(found) = pointers.iter().find_map(|pointer| pointer.find(claims)) else {
        return Ok(None);
    };
    let name = found.as_str().filter(|name| is_text(name, SUBJECT_BYTES_MAX));
    name.map(|name| Some(name.to_owned())).ok_or(AttestationRefusal::invalid("subject_malformed"))
}

/// Checks a name that did not come from a claim.
///
/// # Errors
/// It is no usable name.
pub(crate) fn checked_subject(name: &str) -> Result<String, AttestationRefusal> {
    if is_text(name, SUBJECT_BYTES_MAX) {
        Ok(name.to_owned())
    } else {
        Err(AttestationRefusal::invalid("subject_malformed"))
    }
}

fn is_text(text: &str, bytes_max: usize) -> bool {
    (1..=bytes_max).contains(&text.len()) && !text.chars().any(char::is_control)
}

/// Measurements as the claims have them: texts, numbers, truth values, or lists of them.
///
/// # Errors
/// A claim is something else, or there are too many.
pub(crate) fn measurements(
    claims: &Map<String, Value>,
    wanted: &[MeasurementClaim],
) -> Result<Vec<String>, AttestationRefusal> {
    const MALFORMED: AttestationRefusal = AttestationRefusal::invalid("measurement_malformed");
    let mut measured = Vec::new();
    for MeasurementClaim { name, claims: pointers } in wanted {
        for claim in pointers.iter().filter_map(|pointer| pointer.find(claims)) {
            let values = match claim {
                Value::Array(values) => values.as_slice(),
                one => std::slice::from_ref(one),
            };
            for value in values {
                let value = match value {
                    // Nothing was measured.
                    Value::Null => continue,
                    Value::String(text) if is_text(text, VALUE_BYTES_MAX) => text.clone(),
                    Value::Bool(truth) => truth.to_string(),
                    Value::Number(number) => number.to_string(),
                    _ => return Err(MALFORMED),
                };
                measured.push(format!("{name}:{value}"));
                if measured.len() > MEASUREMENTS_MAX {
                    return Err(MALFORMED);
                }
            }
        }
    }
    Ok(measured)
}
