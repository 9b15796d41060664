//! A mapping as written, and whether it is usable.

use palisade_core::TrustTier;
use palisade_jose::Algorithm;
use serde::Deserialize;
use serde_json::Value;

use super::{
    Accepts, BindingClaim, ClaimCheck, ClaimMapping, MAPPING_ENTRIES_MAX, MappingError,
    MeasurementClaim, check_measurements,
};
use crate::pointer::ClaimPointer;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawMapping {
    #[serde(default)]
    #[expect(dead_code, reason = "for people")]
    description: Option<String>,
    issuer: Option<String>,
    audience: bool,
    algorithms: Vec<String>,
    checks: Vec<RawCheck>,
    otherwise: Otherwise,
    bindings: Vec<BindingClaim>,
    subject: Vec<ClaimPointer>,
    measurements: Vec<MeasurementClaim>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCheck {
    claims: Vec<ClaimPointer>,
    equals: Option<Vec<Value>>,
    contains: Option<Vec<Value>>,
    category: String,
    #[serde(default)]
    debug: bool,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Otherwise {
    Affirming,
    Contraindicated,
    None,
    Warning,
}

impl RawMapping {
    pub(super) fn accept(self) -> Result<ClaimMapping, MappingError> {
        let Self { issuer, audience, algorithms, bindings, subject, measurements, .. } = self;
        let lengths = [
            algorithms.len(),
            self.checks.len(),
            bindings.len(),
            subject.len(),
            measurements.len(),
        ];
        if lengths.into_iter().any(|length| length > MAPPING_ENTRIES_MAX) {
            return Err(MappingError::TooMany);
        }
        // FAIL-CLOSED: with nothing to check, whatever the issuer signs would be affirming.
        for (what, missing) in [("check", self.checks.is_empty()), ("binding", bindings.is_empty())]
        {
            if missing {
                return Err(MappingError::Missing { what });
            }
        }
        let algorithms: Vec<Algorithm> =
            algorithms.iter().filter_map(|name| name.parse().ok()).collect();
        if algorithms.is_empty() || Some(&algorithms.len()) != lengths.first() {
            return Err(MappingError::Algorithm);
        }
        let otherwise = match self.otherwise {
            Otherwise::Affirming => return Err(MappingError::Otherwise),
            Otherwise::Contraindicated => TrustTier::Contraindicated,
            Otherwise::None => TrustTier::None,
            Otherwise::Warning => TrustTier::Warning,
        };
        check_measurements(&measurements)?;
        let checks = self.checks.into_iter().map(RawCheck::accept).collect::<Result<_, _>>()?;
        Ok(ClaimMapping {
            issuer,
            audience,
            algorithms,
            checks,
            otherwise,
            bindings,
            subject,
            measurements,
        })
    }
}

impl RawCheck {
    fn accept(self) -> Result<ClaimCheck, MappingError> {
        let Self { claims, equals, contains, category, debug } = self;
        let accepts = match (equals, contains) {
            (Some(values), None) if !values.is_empty() => Accepts::OneOf(values),
            (None, Some(values)) if !values.is_empty() => Accepts::Containing(values),
            _ => return Err(MappingError::Predicate),
        };
        if claims.is_empty() {
            return Err(MappingError::Missing { what: "claim in each check" });
        }
        Ok(ClaimCheck { claims, accepts, category, debug })
    }
}
