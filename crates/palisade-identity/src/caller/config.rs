//! Who may call, as configured, and the index that finds a caller by what it has proven.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use palisade_core::{IssuerName, Subject};

use super::pattern::SpiffePattern;
use super::rights::PepRights;
use super::{Caller, Role};
use crate::rate::{Rate, RateLimiter};
use crate::spiffe::SpiffeId;

/// Callers in all.
// LIMIT: one per gateway or team, not per pod: those share a pattern. Prefixes are looked through
// one by one, once per connection.
pub const CALLERS_MAX: usize = 1024;

/// Credentials of one caller.
pub const CALLER_CREDENTIALS_MAX: usize = 64;

/// Bytes of a caller's name.
pub const CALLER_NAME_BYTES_MAX: usize = 64;

/// One caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallerConfig {
    /// What it is called in records and metrics: 1 to [`CALLER_NAME_BYTES_MAX`] of
    /// `a-z A-Z 0-9 . _ -`, each name once.
    pub name: String,
    /// How it proves who it is; any of these will do.
    pub credentials: Vec<CallerProof>,
    /// What it may be here for; at least one.
    pub roles: Vec<Role>,
    /// What it may do as an enforcement point; there if and only if it has [`Role::Pep`], and
    /// then with at least one tool.
    pub pep: Option<PepRights>,
    /// How often it may ask, all that prove to be this caller together.
    pub rate: Rate,
}

/// What proves to be a caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallerProof {
    /// An X.509-SVID of such a workload. An exact id wins over a prefix, a longer prefix over a
    /// shorter one.
    Certificate(SpiffePattern),
    /// A token of this issuer for this subject.
    Token {
        /// `iss`, exactly.
        issuer: IssuerName,
        /// `sub`, exactly.
        subject: Subject,
    },
}

/// Why callers cannot be told apart, or what is missing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallersError {
    /// Two proofs are the same, be they of two callers or of one.
    #[error("the callers `{one}` and `{other}` have the same credential")]
    Ambiguous {
        /// One caller.
        one: String,
        /// The other, or the same.
        other: String,
    },
    /// A caller nobody can prove to be.
    #[error("the caller `{caller}` has no credentials")]
    CredentialsMissing {
        /// Which.
        caller: String,
    },
    /// A name is empty, too long or has other characters than it may.
    #[error("a caller is named by 1 to {CALLER_NAME_BYTES_MAX} of a-z, A-Z, 0-9, dot, _ and -")]
    Name,
    /// Two callers have one name.
    #[error("two callers are named `{caller}`")]
    NameTaken {
        /// The name.
        caller: String,
    },
    /// An enforcement point of which it is not said what it may do.
    #[error("the caller `{caller}` has the role `pep` but no rights of one")]
    PepRightsMissing {
        /// Which.
        caller: String,
    },
    /// Rights of an enforcement point for a caller that is none.
    #[error("the caller `{caller}` has rights of a `pep` but not the role")]
    PepRightsUnexpected {
        /// Which.
        caller: String,
    },
    /// An enforcement point that speaks for no tool, or asserts nobody by an empty list of kinds.
    #[error("the caller `{caller}` has the role `pep` but no tools, or a right to assert nobody")]
    RightsEmpty {
        /// Which.
        caller: String,
    },
    /// A caller without a role, or with one twice.
    #[error("the caller `{caller}` has no role, or one twice")]
    Roles {
        /// Which.
        caller: String,
    },
    /// More callers than [`CALLERS_MAX`].
    #[error("there are {callers} callers; the limit is {CALLERS_MAX}")]
    TooManyCallers {
        /// How many.
        callers: usize,
    },
    /// A caller has more credentials than [`CALLER_CREDENTIALS_MAX`].
    #[error("the caller `{caller}` has over {CALLER_CREDENTIALS_MAX} credentials")]
    TooManyCredentials {
        /// Which.
        caller: String,
    },
    /// Nothing verifies the kind of credential a caller has.
    #[error("the caller `{caller}` has a credential of a kind that nothing here verifies")]
    Unverifiable {
        /// Which.
        caller: String,
    },
}

/// Finds callers by what they have proven.
#[derive(Debug, Default)]
pub(super) struct CallerIndex {
    by_id: HashMap<SpiffeId, Arc<Caller>>,
    /// Longest first.
    by_prefix: Vec<(String, Arc<Caller>)>,
    by_subject: HashMap<IssuerName, HashMap<Subject, Arc<Caller>>>,
}

impl CallerIndex {
    pub(super) fn new(configs: Vec<CallerConfig>) -> Result<Self, CallersError> {
        if configs.len() > CALLERS_MAX {
            return Err(CallersError::TooManyCallers { callers: configs.len() });
        }
        let mut names = HashSet::new();
        let mut index = Self::default();
        for config in configs {
            check(&config)?;
            if !names.insert(config.name.clone()) {
                return Err(CallersError::NameTaken { caller: config.name });
            }
            let caller = Arc::new(Caller {
                name: config.name,
                roles: config.roles,
                pep: config.pep,
                limiter: RateLimiter::new(config.rate),
            });
            for proof in config.credentials {
                index.add(proof, &caller)?;
            }
        }
        index.by_prefix.sort_by_key(|(prefix, _)| std::cmp::Reverse(prefix.len()));
        Ok(index)
    }

    fn add(&mut self, proof: CallerProof, caller: &Arc<Caller>) -> Result<(), CallersError> {
        let own = Arc::clone(caller);
        let taken = match proof {
            CallerProof::Certificate(SpiffePattern::Exactly(id)) => self.by_id.insert(id, own),
            CallerProof::Certificate(SpiffePattern::Below(prefix)) => {
                let twin = self.by_prefix.iter().find(|(taken, _)| *taken == prefix);
                let taken = twin.map(|(_, caller)| Arc::clone(caller));
                self.by_prefix.push((prefix, own));
                taken
            }
            CallerProof::Token { issuer, subject } => {
                self.by_subject.entry(issuer).or_default().insert(subject, own)
            }
        };
        match taken {
            None => Ok(()),
            Some(one) => {
                let (one, other) = (one.name.clone(), caller.name.clone());
                Err(CallersError::Ambiguous { one, other })
            }
        }
    }

    pub(super) fn by_certificate(&self, id: &SpiffeId) -> Option<&Arc<Caller>> {
        self.by_id.get(id).or_else(|| {
            let below = |(prefix, _): &&(String, _)| id.as_str().starts_with(prefix.as_str());
            self.by_prefix.iter().find(below).map(|(_, caller)| caller)
        })
    }

    pub(super) fn by_token(&self, issuer: &IssuerName, subject: &Subject) -> Option<&Arc<Caller>> {
        self.by_subject.get(issuer)?.get(subject)
    }
}

/// Checks what can be said of one caller without the others.
fn check(config: &CallerConfig) -> Result<(), CallersError> {
    let acceptable = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    let length_fits = (1..=CALLER_NAME_BYTES_MAX).contains(&config.name.len());
    if !length_fits || !config.name.bytes().all(acceptable) {
        return Err(CallersError::Name);
    }
    let caller = config.name.clone();
    if config.credentials.is_empty() {
        return Err(CallersError::CredentialsMissing { caller });
    }
    if config.credentials.len() > CALLER_CREDENTIALS_MAX {
        return Err(CallersError::TooManyCredentials { caller });
    }
    let distinct: HashSet<Role> = config.roles.iter().copied().collect();
    if distinct.is_empty() || distinct.len() != config.roles.len() {
        return Err(CallersError::Roles { caller });
    }
    match &config.pep {
        None if distinct.contains(&Role::Pep) => Err(CallersError::PepRightsMissing { caller }),
        Some(_) if !distinct.contains(&Role::Pep) => {
            Err(CallersError::PepRightsUnexpected { caller })
        }
        Some(rights)
            if rights.tools.is_empty()
                || rights.assertions.iter().any(|right| right.kinds.is_empty()) =>
        {
            Err(CallersError::RightsEmpty { caller })
        }
        _ => Ok(()),
    }
}
