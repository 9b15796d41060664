//! Who may sign tokens for us, and whom each of them may speak for.
//!
//! Nothing in a token chooses how it is checked: algorithms, keys, audiences and lifetimes come
//! from what the operator wrote down about its issuer.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use palisade_core::{Actor, ActorKind, IssuerName};
use palisade_jose::Algorithm;
use serde_json::{Map, Value};

use crate::error::{Code, Refusal};
use crate::keys::IssuerKeys;
use crate::spiffe::TrustDomain;

/// How far clocks may differ.
pub const CLOCK_SKEW_DEFAULT: Duration = Duration::from_secs(30);

/// Largest clock skew that can be configured.
// LIMIT: machines with NTP differ by less than a second; five minutes is what Kerberos lives with.
pub const CLOCK_SKEW_MAX: Duration = Duration::from_mins(5);

/// How long a token may be good for.
pub const TOKEN_LIFETIME_DEFAULT: Duration = Duration::from_hours(1);

/// Largest lifetime of tokens that can be configured.
// LIMIT: revocations are kept for as long as a token can live; a day is the longest working day.
pub const TOKEN_LIFETIME_MAX: Duration = Duration::from_hours(24);

/// Trusted issuers.
// LIMIT: a large organisation trusts some dozens; a list without an end hides the one too many.
pub const ISSUERS_MAX: usize = 1024;

/// The kinds of token that are understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TokenKind {
    /// OAuth access token, `at+jwt` (RFC 9068).
    AccessToken,
    /// SPIFFE JWT-SVID.
    JwtSvid,
    /// A JWT that does not say what it is for, e.g. an ID token. Accept it only of issuers whose
    /// every token with our audience may be shown to us.
    PlainJwt,
    /// OAuth transaction token, `txntoken+jwt` (draft-ietf-oauth-transaction-tokens-10).
    TransactionToken,
    /// WIMSE workload identity token, `wit+jwt` (draft-ietf-wimse-workload-creds-02). Needs
    /// [`IdentityConfig::workload_tokens`](crate::IdentityConfig).
    WorkloadToken,
}

impl TokenKind {
    /// All kinds.
    pub const ALL: [Self; 5] = [
        Self::AccessToken,
        Self::JwtSvid,
        Self::PlainJwt,
        Self::TransactionToken,
        Self::WorkloadToken,
    ];

    /// Its name in configuration and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AccessToken => "access_token",
            Self::JwtSvid => "jwt_svid",
            Self::PlainJwt => "plain_jwt",
            Self::TransactionToken => "transaction_token",
            Self::WorkloadToken => "workload_token",
        }
    }
}

/// Actors that an issuer may speak for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Namespace {
    /// The issuer in whose namespace their subjects lie.
    pub issuer: String,
    /// Of which kinds they may be.
    pub kinds: Vec<ActorKind>,
}

/// One issuer whose tokens are accepted.
#[derive(Clone, Debug)]
pub struct TrustedIssuer {
    /// The exact `iss`; for the tokens of a SPIFFE trust domain `spiffe://` and its name.
    pub issuer: String,
    /// Its keys.
    pub keys: Arc<dyn IssuerKeys>,
    /// What its tokens call us in `aud`. For transaction tokens: the trust domain.
    pub audiences: Vec<String>,
    /// Whether a token for somebody else beside us is refused.
    pub single_audience: bool,
    /// Algorithms that it may sign with.
    pub algorithms: Vec<Algorithm>,
    /// Kinds of token that are accepted of it.
    pub tokens: Vec<TokenKind>,
    /// How far its clock may differ from ours.
    pub clock_skew: Duration,
    /// How long its tokens may be good for.
    pub lifetime_max: Duration,
    /// Whom it may speak for.
    pub namespaces: Vec<Namespace>,
    /// The namespace that `sub` of its tokens lies in, if not its own.
    pub subject_issuer: Option<String>,
    /// What `sub` is if the token does not say.
    pub subject_kind: ActorKind,
    /// The claim that says what kind an actor is: words separated by spaces.
    pub kind_claim: String,
    /// What the words in it mean; others mean an agent.
    pub kind_words: BTreeMap<String, ActorKind>,
    /// The claim that names the current actor.
    pub actor_claim: String,
    /// Whether actors in `act` and `may_act` that name no issuer are the signer's own, as in plain
    /// RFC 8693. Otherwise such a token is refused.
    pub actors_default_to_issuer: bool,
}

impl TrustedIssuer {
    /// An issuer of access tokens about its own users and agents. It has no audience yet.
    #[must_use]
    pub fn new(issuer: impl Into<String>, keys: Arc<dyn IssuerKeys>) -> Self {
        let issuer = issuer.into();
        let words = [
            ("ai_agent", ActorKind::Agent),
            ("service", ActorKind::Service),
            ("user", ActorKind::User),
        ];
        Self {
            namespaces: vec![Namespace { issuer: issuer.clone(), kinds: ActorKind::ALL.to_vec() }],
            issuer,
            keys,
            audiences: Vec::new(),
            single_audience: false,
            algorithms: vec![
                Algorithm::EdDsa,
                Algorithm::Es256,
                Algorithm::Es384,
                Algorithm::Ps256,
                Algorithm::Rs256,
            ],
            tokens: vec![TokenKind::AccessToken],
            clock_skew: CLOCK_SKEW_DEFAULT,
            lifetime_max: TOKEN_LIFETIME_DEFAULT,
            subject_issuer: None,
            subject_kind: ActorKind::User,
            kind_claim: "sub_profile".to_owned(),
            kind_words: words.map(|(word, kind)| (word.to_owned(), kind)).into(),
            actor_claim: "act".to_owned(),
            actors_default_to_issuer: false,
        }
    }

    /// A SPIFFE trust domain that signs JWT-SVIDs of its workloads. It has no audience yet.
    #[must_use]
    pub fn of_trust_domain(trust_domain: &TrustDomain, keys: Arc<dyn IssuerKeys>) -> Self {
        Self {
            tokens: vec![TokenKind::JwtSvid],
            subject_kind: ActorKind::Service,
            ..Self::new(trust_domain.id(), keys)
        }
    }

    /// What the claims of an actor say of its kind; `None`: nothing.
    ///
    /// # Errors
    /// The claim is no text.
    pub(crate) fn kind_of(
        &self,
        claims: &Map<String, Value>,
    ) -> Result<Option<ActorKind>, Refusal> {
        let words = match claims.get(&self.kind_claim) {
            None => return Ok(None),
            Some(Value::String(words)) => words,
            Some(_) => return Err(Refusal::unverified(Code::Malformed, "kind")),
        };
        let mut kinds = words.split_ascii_whitespace().map(|word| self.kind_words.get(word));
        let first = kinds.next().flatten().copied();
        // FAIL-CLOSED: an unknown word, or words that disagree, mean the strictest kind.
        let agreed = first.filter(|first| kinds.all(|kind| kind == Some(first)));
        Ok(Some(agreed.unwrap_or(ActorKind::Agent)))
    }

    pub(crate) fn may_speak_for(&self, actor: &Actor) -> bool {
        self.namespaces.iter().any(|namespace| {
            namespace.issuer == actor.issuer.as_str() && namespace.kinds.contains(&actor.kind)
        })
    }

    /// Whether a token for these audiences is for us.
    pub(crate) fn check_audience(&self, audiences: &[&str]) -> Result<(), Refusal> {
        let is_ours = |audience: &&str| self.audiences.iter().any(|ours| ours == *audience);
        let refuse = |detail| Err(Refusal::unverified(Code::Audience, detail));
        if !audiences.iter().any(is_ours) {
            return refuse("audience");
        }
        if self.single_audience && !audiences.iter().all(is_ours) {
            return refuse("other_audience");
        }
        Ok(())
    }
}

/// Why a list of trusted issuers is not usable. Each names the issuer it lies in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IssuersError {
    /// The issuer's name is empty, too long, or has control characters.
    #[error("`{issuer}` is no issuer's name")]
    Name {
        /// What was written.
        issuer: String,
    },
    /// Two entries of one issuer.
    #[error("the issuer `{issuer}` stands twice")]
    Duplicate {
        /// Which one.
        issuer: String,
    },
    /// A list that must have an entry has none.
    #[error("the issuer `{issuer}` has no `{list}`")]
    Empty {
        /// Which issuer.
        issuer: String,
        /// Which list.
        list: &'static str,
    },
    /// A duration over its limit, or zero where there must be some.
    #[error("`{setting}` of the issuer `{issuer}` is out of bounds")]
    OutOfBounds {
        /// Which issuer.
        issuer: String,
        /// Which setting.
        setting: &'static str,
    },
    /// Tokens of SPIFFE workloads, and the issuer is no trust domain.
    #[error("the issuer `{issuer}` is no trust domain, so it signs no tokens of workloads")]
    NoTrustDomain {
        /// Which issuer.
        issuer: String,
    },
    /// `sub` would lie in a namespace that it may not speak for.
    #[error("the issuer `{issuer}` may not speak for the namespace of its own subjects")]
    SubjectNamespace {
        /// Which issuer.
        issuer: String,
    },
    /// More issuers than [`ISSUERS_MAX`].
    #[error("{issuers} issuers; the limit is {ISSUERS_MAX}")]
    TooMany {
        /// How many.
        issuers: usize,
    },
    /// Workload tokens are asked for, and not switched on.
    #[error("the issuer `{issuer}` signs workload tokens, which are not switched on")]
    WorkloadTokens {
        /// Which issuer.
        issuer: String,
    },
}

/// The trusted issuers, by name.
#[derive(Debug)]
pub(crate) struct Issuers {
    issuers: Vec<TrustedIssuer>,
    by_name: HashMap<String, usize>,
}

impl Issuers {
    pub(crate) fn new(
        issuers: Vec<TrustedIssuer>,
        workload_tokens: bool,
    ) -> Result<Self, IssuersError> {
        if issuers.len() > ISSUERS_MAX {
            return Err(IssuersError::TooMany { issuers: issuers.len() });
        }
        let mut by_name = HashMap::with_capacity(issuers.len());
        for (index, issuer) in issuers.iter().enumerate() {
            accept(issuer, workload_tokens)?;
            if by_name.insert(issuer.issuer.clone(), index).is_some() {
                return Err(IssuersError::Duplicate { issuer: issuer.issuer.clone() });
            }
        }
        Ok(Self { issuers, by_name })
    }

    pub(crate) fn get(&self, index: usize) -> Option<&TrustedIssuer> {
        self.issuers.get(index)
    }

    /// The issuer of this exact name, if it signs tokens of this kind.
    pub(crate) fn named(&self, name: &str, kind: TokenKind) -> Option<(usize, &TrustedIssuer)> {
        let index = *self.by_name.get(name)?;
        let issuer = self.issuers.get(index)?;
        issuer.tokens.contains(&kind).then_some((index, issuer))
    }

    /// The only issuer of tokens of this kind for one of these audiences; `None` also if there are
    /// several.
    pub(crate) fn for_audience(
        &self,
        audiences: &[&str],
        kind: TokenKind,
    ) -> Option<(usize, &TrustedIssuer)> {
        let mut found = self.issuers.iter().enumerate().filter(|(_, issuer)| {
            issuer.tokens.contains(&kind)
                && audiences.iter().any(|audience| issuer.audiences.iter().any(|o| o == audience))
        });
        match (found.next(), found.next()) {
            (Some(only), None) => Some(only),
            _ => None,
        }
    }

    /// What the workloads of a trust domain are, if their certificates alone name them.
    pub(crate) fn kind_of_workloads(&self, issuer: &str) -> ActorKind {
        let known = self.by_name.get(issuer).and_then(|index| self.issuers.get(*index));
        known.map_or(ActorKind::Service, |issuer| issuer.subject_kind)
    }
}

fn accept(issuer: &TrustedIssuer, workload_tokens: bool) -> Result<(), IssuersError> {
    let name = issuer.issuer.clone();
    if IssuerName::new(name.as_str()).is_err() {
        return Err(IssuersError::Name { issuer: name });
    }
    let lists = [
        ("algorithms", issuer.algorithms.is_empty()),
        ("audiences", issuer.audiences.is_empty()),
        ("namespaces", issuer.namespaces.is_empty()),
        ("tokens", issuer.tokens.is_empty()),
    ];
    if let Some((list, _)) = lists.into_iter().find(|(_, is_empty)| *is_empty) {
        return Err(IssuersError::Empty { issuer: name, list });
    }
    if issuer.clock_skew > CLOCK_SKEW_MAX {
        return Err(IssuersError::OutOfBounds { issuer: name, setting: "clock_skew" });
    }
    if issuer.lifetime_max.is_zero() || issuer.lifetime_max > TOKEN_LIFETIME_MAX {
        return Err(IssuersError::OutOfBounds { issuer: name, setting: "lifetime_max" });
    }
    let signs = |kind| issuer.tokens.contains(&kind);
    if (signs(TokenKind::JwtSvid) || signs(TokenKind::WorkloadToken))
        && TrustDomain::parse_id(&name).is_err()
    {
        return Err(IssuersError::NoTrustDomain { issuer: name });
    }
    if signs(TokenKind::WorkloadToken) && !workload_tokens {
        return Err(IssuersError::WorkloadTokens { issuer: name });
    }
    let of_subjects = issuer.subject_issuer.as_ref().unwrap_or(&issuer.issuer);
    if !issuer.namespaces.iter().any(|namespace| namespace.issuer == *of_subjects) {
        return Err(IssuersError::SubjectNamespace { issuer: name });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
