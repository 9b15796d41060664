//! Callers, issuers and transmitters, as configured.

use std::str::FromStr;
use std::sync::Arc;

use palisade_core::{ActorKind, Clock, EventSink, IssuerName, RevocationStore, Subject};
use palisade_identity::{
    AssertionRight, CallerConfig, CallerProof, Callers, ContextField, EventReceiver,
    IdentityConfig, IdentityVerifier, IssuerPattern, Namespace, PepRights, Rate, RevocationIndex,
    Role, SpiffePattern, SvidVerifier, TokenKind, ToolPattern, Transmitter, TrustedIssuer,
};
use palisade_jose::Algorithm;

use super::LoadTrustError;
use super::keys::{self, Documents, duration, entry};
use super::raw::{RawCaller, RawIssuer, RawJwtSvids, RawNamespace, RawTransmitter, RawTrust};

/// What the sections about identity come to.
pub(super) struct Accepted {
    pub(super) callers: Arc<Callers>,
    pub(super) verifier: Arc<IdentityVerifier>,
    pub(super) events: Option<Arc<dyn EventSink>>,
}

pub(super) fn accept(
    raw: &RawTrust,
    documents: &Documents,
    store: Arc<dyn RevocationStore>,
    clock: &Arc<dyn Clock>,
) -> Result<Accepted, LoadTrustError> {
    let mut issuers = Vec::new();
    for issuer in &raw.issuers {
        issuers.push(trusted_issuer(issuer, documents)?);
    }
    for (domain, bundle) in documents.domains() {
        let written = raw.trust_domains.iter().find(|raw| raw.name == domain.as_str());
        if let Some(svids) = written.and_then(|raw| raw.jwt_svids.as_ref()) {
            let issuer = TrustedIssuer::of_trust_domain(domain, Arc::new(bundle));
            issuers.push(jwt_svids(issuer, svids)?);
        }
    }
    let mut config = IdentityConfig::new(issuers);
    config.workload_tokens = raw.workload_tokens;
    config.proof_age_max = duration(
        "the trust file",
        "proof_age_max",
        raw.proof_age_max.as_deref(),
        config.proof_age_max,
    )?;
    let revocations = Arc::new(RevocationIndex::load(store, config.longest_life())?);
    let svids = || SvidVerifier::new(Arc::new(documents.trust_bundles()));
    let has_domains = !raw.trust_domains.is_empty();
    let certificates = has_domains.then(|| Arc::new(svids()) as _);
    let verifier = Arc::new(IdentityVerifier::new(config, certificates, Arc::clone(&revocations))?);
    let callers = raw.callers.iter().map(caller).collect::<Result<_, _>>()?;
    let bearers = Arc::clone(&verifier);
    let callers = Callers::new(callers, has_domains.then(svids), Some(bearers))?
        .with_revocations(Arc::clone(&revocations));
    let mut transmitters = Vec::new();
    for transmitter in &raw.transmitters {
        transmitters.push(self::transmitter(transmitter, documents)?);
    }
    let events: Option<Arc<dyn EventSink>> = if transmitters.is_empty() {
        None
    } else {
        Some(Arc::new(EventReceiver::new(transmitters, revocations, Arc::clone(clock))?))
    };
    Ok(Accepted { callers: Arc::new(callers), verifier, events })
}

fn trusted_issuer(raw: &RawIssuer, documents: &Documents) -> Result<TrustedIssuer, LoadTrustError> {
    let owner = raw.issuer.as_str();
    let keys = Arc::new(documents.keys(&keys::of_issuer(owner))?);
    let mut issuer = TrustedIssuer::new(owner, keys);
    issuer.audiences.clone_from(&raw.audiences);
    issuer.single_audience = raw.single_audience;
    if let Some(algorithms) = &raw.algorithms {
        issuer.algorithms = self::algorithms(owner, algorithms)?;
    }
    if let Some(tokens) = &raw.tokens {
        let known = |word: &String| TokenKind::ALL.into_iter().find(|kind| kind.as_str() == word);
        let kinds: Option<Vec<TokenKind>> = tokens.iter().map(known).collect();
        issuer.tokens = kinds.ok_or_else(|| entry(owner, "tokens", TOKENS_HELP))?;
    }
    issuer.clock_skew =
        duration(owner, "clock_skew", raw.clock_skew.as_deref(), issuer.clock_skew)?;
    issuer.lifetime_max =
        duration(owner, "max_lifetime", raw.max_lifetime.as_deref(), issuer.lifetime_max)?;
    if let Some(namespaces) = &raw.speaks_for {
        issuer.namespaces =
            namespaces.iter().map(|raw| namespace(owner, raw)).collect::<Result<_, _>>()?;
    }
    issuer.subject_issuer.clone_from(&raw.subject_issuer);
    if let Some(word) = &raw.subject_kind {
        issuer.subject_kind = kind(owner, "subject_kind", word)?;
    }
    if let Some(claim) = &raw.kind_claim {
        issuer.kind_claim.clone_from(claim);
    }
    if let Some(kinds) = &raw.kinds {
        let meaning = |(word, meaning): (&String, &String)| {
            Ok((word.clone(), kind(owner, "kinds", meaning)?))
        };
        issuer.kind_words = kinds.iter().map(meaning).collect::<Result<_, LoadTrustError>>()?;
    }
    if let Some(claim) = &raw.actor_claim {
        issuer.actor_claim.clone_from(claim);
    }
    issuer.actors_default_to_issuer = raw.actors_default_to_issuer;
    Ok(issuer)
}

const TOKENS_HELP: &str = "a kind of token is not known; `docs/trust.md` lists them";

fn jwt_svids(
    mut issuer: TrustedIssuer,
    raw: &RawJwtSvids,
) -> Result<TrustedIssuer, LoadTrustError> {
    let owner = issuer.issuer.clone();
    issuer.audiences.clone_from(&raw.audiences);
    if let Some(word) = &raw.subject_kind {
        issuer.subject_kind = kind(&owner, "jwt_svids.subject_kind", word)?;
    }
    let (skew, lifetime) = (raw.clock_skew.as_deref(), raw.max_lifetime.as_deref());
    issuer.clock_skew = duration(&owner, "jwt_svids.clock_skew", skew, issuer.clock_skew)?;
    issuer.lifetime_max =
        duration(&owner, "jwt_svids.max_lifetime", lifetime, issuer.lifetime_max)?;
    Ok(issuer)
}

fn caller(raw: &RawCaller) -> Result<CallerConfig, LoadTrustError> {
    let owner = raw.name.as_str();
    let mut credentials = Vec::new();
    for pattern in &raw.certificates {
        let pattern = SpiffePattern::from_str(pattern).map_err(|_no_pattern| {
            entry(owner, "certificates", "write SPIFFE ids, or the beginning of some and `/*`")
        })?;
        credentials.push(CallerProof::Certificate(pattern));
    }
    for token in &raw.tokens {
        let unusable = |_error| entry(owner, "tokens", "issuer and subject are names");
        credentials.push(CallerProof::Token {
            issuer: IssuerName::new(token.issuer.as_str()).map_err(unusable)?,
            subject: Subject::new(token.subject.as_str()).map_err(unusable)?,
        });
    }
    let roles = raw.roles.iter().map(|role| role.parse());
    let roles: Vec<Role> = roles.collect::<Result<_, _>>().map_err(|_no_role| {
        entry(owner, "roles", "write `approver`, `auditor`, `operator` or `pep`")
    })?;
    let rate = match &raw.rate {
        None => Rate::DEFAULT,
        Some(rate) => Rate::new(rate.per_second, rate.burst)
            .map_err(|source| LoadTrustError::Rate { owner: owner.to_owned(), source })?,
    };
    let pep = roles.contains(&Role::Pep).then(|| pep_rights(raw)).transpose()?;
    let says_rights = raw.tools.is_some()
        || !raw.may_assert.is_empty()
        || !raw.may_set.is_empty()
        || raw.may_compose
        || raw.may_pass_certificates
        || raw.may_vouch_for_possession;
    if pep.is_none() && says_rights {
        return Err(entry(owner, "roles", "only a `pep` has tools and may say anything"));
    }
    Ok(CallerConfig { name: owner.to_owned(), credentials, roles, pep, rate })
}

fn pep_rights(raw: &RawCaller) -> Result<PepRights, LoadTrustError> {
    let owner = raw.name.as_str();
    let tools = raw.tools.iter().flatten().map(|pattern| pattern.parse());
    let tools: Vec<ToolPattern> = tools.collect::<Result<_, _>>().map_err(|_no_pattern| {
        entry(owner, "tools", "write tools, services with `.*` after them, or `*`")
    })?;
    let mut assertions = Vec::new();
    for namespace in &raw.may_assert {
        let issuer = IssuerPattern::from_str(&namespace.issuer).map_err(|_no_pattern| {
            entry(owner, "may_assert", "write an issuer, the beginning of some and `/*`, or `*`")
        })?;
        let kinds = namespace.kinds.iter().map(|word| kind(owner, "may_assert", word));
        assertions.push(AssertionRight { issuer, kinds: kinds.collect::<Result<_, _>>()? });
    }
    let fields = raw.may_set.iter().map(|field| field.parse());
    let context_fields: Vec<ContextField> = fields
        .collect::<Result<_, _>>()
        .map_err(|_no_field| entry(owner, "may_set", "write `source_address`"))?;
    Ok(PepRights {
        assertions,
        context_fields,
        may_compose: raw.may_compose,
        may_pass_certificates: raw.may_pass_certificates,
        may_vouch_for_possession: raw.may_vouch_for_possession,
        tools,
    })
}

fn transmitter(raw: &RawTransmitter, documents: &Documents) -> Result<Transmitter, LoadTrustError> {
    let owner = raw.issuer.as_str();
    let keys = Arc::new(documents.keys(&keys::of_transmitter(owner))?);
    let mut transmitter = Transmitter::new(owner, keys);
    transmitter.audiences.clone_from(&raw.audiences);
    if let Some(algorithms) = &raw.algorithms {
        transmitter.algorithms = self::algorithms(owner, algorithms)?;
    }
    if let Some(speaks_for) = &raw.speaks_for {
        transmitter.speaks_for.clone_from(speaks_for);
    }
    transmitter.clock_skew =
        duration(owner, "clock_skew", raw.clock_skew.as_deref(), transmitter.clock_skew)?;
    transmitter.critical_subject_members.clone_from(&raw.critical_subject_members);
    transmitter.sessions_in_tokens = raw.sessions_in_tokens;
    Ok(transmitter)
}

fn algorithms(owner: &str, words: &[String]) -> Result<Vec<Algorithm>, LoadTrustError> {
    let parsed: Result<Vec<Algorithm>, _> = words.iter().map(|word| word.parse()).collect();
    parsed.map_err(|_unknown| {
        entry(owner, "algorithms", "write asymmetric JOSE algorithms, e.g. `ES256` or `EdDSA`")
    })
}

fn namespace(owner: &str, raw: &RawNamespace) -> Result<Namespace, LoadTrustError> {
    let kinds = raw.kinds.iter().map(|word| kind(owner, "speaks_for", word));
    Ok(Namespace { issuer: raw.issuer.clone(), kinds: kinds.collect::<Result<_, _>>()? })
}

fn kind(owner: &str, key: &'static str, word: &str) -> Result<ActorKind, LoadTrustError> {
    match word {
        "agent" => Ok(ActorKind::Agent),
        "service" => Ok(ActorKind::Service),
        "user" => Ok(ActorKind::User),
        _ => Err(entry(owner, key, "a kind of actor is `user`, `agent` or `service`")),
    }
}
