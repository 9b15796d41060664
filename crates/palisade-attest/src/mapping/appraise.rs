//! Judges the claims of a token by a mapping.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use palisade_core::TrustTier;

use super::{Accepts, BindingForm, ClaimCheck, ClaimMapping};
use crate::binding::{BoundBy, Expected, better};
use crate::error::AttestationRefusal;
use crate::trust::worse;

/// What a claim in order is worth, and one that is not: the first affirming and the first
/// contraindicated value of every AR4SI category.
const HOLDS: i8 = 2;
const FAILS: i8 = 96;

/// No claim is made.
const UNSAID: i8 = 0;

/// How far claims can be trusted.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Judged {
    pub(crate) tier: TrustTier,
    pub(crate) vector: Vec<(String, i8)>,
    pub(crate) debug: bool,
}

impl ClaimMapping {
    /// Affirming if all checks hold; otherwise what the mapping says. A claim that is not there
    /// fails its check.
    pub(crate) fn judge(&self, claims: &Map<String, Value>) -> Judged {
        let mut tier = TrustTier::Affirming;
        let mut debug = false;
        let mut vector = BTreeMap::new();
        let fails = match self.otherwise {
            TrustTier::Contraindicated => FAILS,
            TrustTier::Affirming | TrustTier::None | TrustTier::Warning => UNSAID,
        };
        for check in &self.checks {
            let value = if check.holds(claims) {
                HOLDS
            } else {
                tier = worse(tier, self.otherwise);
                debug |= check.debug;
                fails
            };
            let said = vector.entry(check.category.clone()).or_insert(value);
            if value != HOLDS {
                *said = value;
            }
        }
        Judged { tier, vector: vector.into_iter().collect(), debug }
    }

    /// What ties the claims to the last link.
    ///
    /// # Errors
    /// A binding claim has another form than it should.
    pub(crate) fn bound(
        &self,
        claims: &Map<String, Value>,
        expected: &Expected,
    ) -> Result<Option<BoundBy>, AttestationRefusal> {
        let mut found = Vec::new();
        for binding in &self.bindings {
            let Some(claim) = binding.claim.find(claims) else { continue };
            found.extend(match binding.form {
                BindingForm::Jwk => expected.by_keys(claim),
                BindingForm::Text => expected.by_claim(claim)?,
            });
        }
        Ok(better(found))
    }
}

impl ClaimCheck {
    fn holds(&self, claims: &Map<String, Value>) -> bool {
        let mut found = self.claims.iter().filter_map(|pointer| pointer.find(claims)).peekable();
        // FAIL-CLOSED: what a token does not say is not so.
        found.peek().is_some() && found.all(|claim| self.accepts.take(claim))
    }
}

impl Accepts {
    fn take(&self, claim: &Value) -> bool {
        match self {
            Self::Containing(values) => claim
                .as_array()
                .is_some_and(|listed| listed.iter().any(|item| values.contains(item))),
            Self::OneOf(values) => values.contains(claim),
        }
    }
}
