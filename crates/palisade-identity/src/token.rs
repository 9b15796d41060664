//! Verifies one signed token: who signed it, for whom, until when, and of whom it speaks.
//!
//! What the token says of itself chooses only among what the operator wrote down: its `typ` the
//! profile, its `iss` (or its subject's trust domain) the issuer. Nothing that it claims is looked
//! at any further before the signature is verified.

mod access_token;
mod jwt_svid;
mod lifetime;
mod transaction_token;
mod workload_token;

use std::sync::Arc;

use palisade_core::{
    Actor, ActorChain, Authentication, EpochMillis, IssuerName, Proof, SignInSession, Subject,
    VerifiedChain, VerifiedLink,
};
use palisade_jose::{Algorithm, Claims, CompactJws, Header, JwsError, JwsLimits};

use crate::caller::VerifiedBearer;
use crate::chain::expansion::{ExpandedActor, expand, may_act};
use crate::error::{Code, Refusal};
use crate::issuers::{Issuers, TokenKind, TrustedIssuer};
use crate::party::Party;
use crate::possession::Confirmation;
use crate::spiffe::SpiffeId;
use crate::token::lifetime::Lifetime;

/// Bytes of one token.
// LIMIT: what common servers take as one HTTP header is 8 KiB to 16 KiB.
pub const TOKEN_BYTES_MAX: usize = 16 * 1024;

/// How much of a token is read.
pub(crate) const TOKEN_LIMITS: JwsLimits = JwsLimits {
    token_bytes: TOKEN_BYTES_MAX,
    header_bytes: 4 * 1024,
    // LIMIT: four times as deep as a chain can be, so that a chain that is too long is called that.
    claims_depth: 32,
};

/// A token that was verified, and what follows from it whoever shows it.
#[derive(Debug)]
pub(crate) struct VerifiedToken {
    pub(crate) kind: TokenKind,
    /// Index of its issuer.
    pub(crate) issuer: usize,
    /// Generation of the issuer's keys that it was verified with.
    pub(crate) generation: u64,
    /// When it was verified: it is good from then on, but was not looked at for any time before.
    pub(crate) verified_at: EpochMillis,
    pub(crate) issued_at: Option<EpochMillis>,
    pub(crate) expires: EpochMillis,
    pub(crate) session: Option<SignInSession>,
    /// What has to be proven by whoever shows it.
    pub(crate) confirmation: Option<Confirmation>,
    pub(crate) may_act: Option<Party>,
    /// Whom it proves to be a caller of ours: its subject, if it is bound to nothing and speaks of
    /// nobody else.
    pub(crate) bearer: Option<Arc<VerifiedBearer>>,
    /// The chain it speaks of, as it is once `confirmation` is proven.
    pub(crate) chain: Arc<VerifiedChain>,
}

/// Verifies a token. Whether it was revoked, and whether its sender has the key that it is bound
/// to, is not looked at.
///
/// # Errors
/// Whatever is not exactly a token as one of the profiles describes it, good now, for us, and from
/// an issuer that may speak for all whom it names.
pub(crate) fn verify(
    issuers: &Issuers,
    text: &str,
    now: EpochMillis,
) -> Result<VerifiedToken, Refusal> {
    let jws = CompactJws::parse(text, TOKEN_LIMITS).map_err(refuse_jws)?;
    let unverified = jws.dangerous_unverified_claims().map_err(refuse_jws)?;
    let (kind, (index, issuer)) = choose(issuers, jws.header(), unverified)?;
    // Read before the keys are, so that keys that change meanwhile are noticed afterwards.
    let generation = issuer.keys.generation();
    let claims = signed_claims(&jws, issuer, kind)?;
    check_profile(kind, jws.header(), &claims)?;
    let lifetime = lifetime::check(&claims, issuer, now)?;
    check_audience(kind, &claims, issuer)?;
    let confirmation = Confirmation::read(&claims, kind)?;
    let head = subject(&claims, issuer, kind)?;
    let actors = expand(claims.as_map(), head, issuer)?;
    let is_alone = actors.len() == 1 && confirmation.is_none();
    let session = session(&claims)?;
    let chain = chain(actors, &claims, confirmation.as_ref(), lifetime.expires)?;
    let bearer = match chain.chain.links() {
        [actor] if is_alone => bearer(&claims, issuer, &lifetime, actor, session.as_ref())?,
        _ => None,
    };
    Ok(VerifiedToken {
        kind,
        issuer: index,
        generation,
        verified_at: now,
        issued_at: lifetime.issued_at,
        expires: lifetime.expires,
        session,
        bearer: bearer.map(Arc::new),
        may_act: may_act(claims.as_map(), issuer)?,
        chain: Arc::new(chain),
        confirmation,
    })
}

/// The profile by `typ`, and the issuer by what the profile says.
fn choose<'a>(
    issuers: &'a Issuers,
    header: &Header,
    claims: &Claims,
) -> Result<(TokenKind, (usize, &'a TrustedIssuer)), Refusal> {
    let issuer = claims.text("iss").map_err(malformed)?;
    let named = |kind| issuer.and_then(|name| issuers.named(name, kind));
    let of_workload = |kind| {
        let subject = claims.text("sub").ok().flatten()?;
        let id = SpiffeId::parse(subject).ok()?;
        issuers.named(&id.trust_domain().id(), kind)
    };
    let (kind, found) = if header.is_type("at+jwt") {
        (TokenKind::AccessToken, named(TokenKind::AccessToken))
    } else if header.is_type("txntoken+jwt") {
        let kind = TokenKind::TransactionToken;
        let audiences = claims.texts("aud").map_err(malformed)?.unwrap_or_default();
        // Without `iss` the trust domain is known by `aud` alone (section on its claims).
        (kind, if issuer.is_some() { named(kind) } else { issuers.for_audience(&audiences, kind) })
    } else if header.is_type("wit+jwt") {
        (TokenKind::WorkloadToken, of_workload(TokenKind::WorkloadToken))
    } else if header.typ().is_none() || header.is_type("JWT") || header.is_type("JOSE") {
        match named(TokenKind::PlainJwt) {
            Some(found) => (TokenKind::PlainJwt, Some(found)),
            None => (TokenKind::JwtSvid, of_workload(TokenKind::JwtSvid)),
        }
    } else {
        return Err(Refusal::unverified(Code::Unsupported, "typ"));
    };
    // FAIL-CLOSED: an issuer nobody wrote down is told apart from a bad signature by nobody.
    let found = found.ok_or(Refusal::unverified(Code::Untrusted, "unknown_issuer"))?;
    Ok((kind, found))
}

fn signed_claims(
    jws: &CompactJws<'_>,
    issuer: &TrustedIssuer,
    kind: TokenKind,
) -> Result<Claims, Refusal> {
    let mut allowed = issuer.algorithms.clone();
    if kind == TokenKind::JwtSvid {
        allowed.retain(|algorithm| jwt_svid::may_sign(*algorithm));
    }
    verified_claims(jws, &issuer.keys, &allowed)
}

/// The claims, if one of an issuer's keys has signed them.
pub(crate) fn verified_claims(
    jws: &CompactJws<'_>,
    keys: &Arc<dyn crate::keys::IssuerKeys>,
    allowed: &[Algorithm],
) -> Result<Claims, Refusal> {
    let verified = match keys.current() {
        Some(set) => jws.verify(&set, allowed),
        None => Err(JwsError::UnknownKey),
    };
    verified.map_err(|error| match error {
        JwsError::UnknownKey => {
            keys.wants(jws.header().key_id());
            Refusal::unknown_key(Arc::clone(keys))
        }
        other => refuse_jws(other),
    })
}

fn check_profile(kind: TokenKind, header: &Header, claims: &Claims) -> Result<(), Refusal> {
    match kind {
        TokenKind::AccessToken => access_token::check(claims),
        TokenKind::JwtSvid => jwt_svid::check(header),
        // Its claims are checked like those of all kinds.
        TokenKind::PlainJwt => Ok(()),
        TokenKind::TransactionToken => transaction_token::check(claims),
        TokenKind::WorkloadToken => workload_token::check(claims),
    }
}

fn check_audience(kind: TokenKind, claims: &Claims, issuer: &TrustedIssuer) -> Result<(), Refusal> {
    match claims.texts("aud").map_err(malformed)? {
        Some(audiences) => issuer.check_audience(&audiences),
        // A workload identity token is for everybody; its proof is for us (WPT, `aud`).
        None if kind == TokenKind::WorkloadToken => Ok(()),
        None => Err(Refusal::unverified(Code::Audience, "no_audience")),
    }
}

/// The actor that `sub` names.
fn subject(claims: &Claims, issuer: &TrustedIssuer, kind: TokenKind) -> Result<Party, Refusal> {
    let subject = required_text(claims, "sub")?;
    let namespace = match kind {
        // A trust domain's workloads are its own, whatever else it may speak for.
        TokenKind::JwtSvid | TokenKind::WorkloadToken => &issuer.issuer,
        TokenKind::AccessToken | TokenKind::PlainJwt | TokenKind::TransactionToken => {
            issuer.subject_issuer.as_ref().unwrap_or(&issuer.issuer)
        }
    };
    Party::new(namespace, subject)
}

fn session(claims: &Claims) -> Result<Option<SignInSession>, Refusal> {
    let Some(session) = claims.text("sid").map_err(malformed)? else {
        return Ok(None);
    };
    let unusable = |_why| Refusal::unverified(Code::Malformed, "sid");
    SignInSession::new(session).map(Some).map_err(unusable)
}

/// The subject by the names that the token itself has for it: a caller is known by who signed for
/// it, whatever namespace the signer may speak for besides. `None` if the names are too long.
fn bearer(
    claims: &Claims,
    issuer: &TrustedIssuer,
    lifetime: &Lifetime,
    actor: &Actor,
    session: Option<&SignInSession>,
) -> Result<Option<VerifiedBearer>, Refusal> {
    let subject = required_text(claims, "sub")?;
    Ok(match (IssuerName::new(issuer.issuer.as_str()), Subject::new(subject)) {
        (Ok(issuer), Ok(subject)) => Some(VerifiedBearer {
            issuer,
            subject,
            expires: lifetime.expires,
            issued_at: lifetime.issued_at,
            session: session.cloned(),
            actor: actor.clone(),
        }),
        _ => None,
    })
}

/// The links of a token's chain. Only the current actor can have proven a key; those before it are
/// known by the issuer's word.
fn chain(
    actors: Vec<ExpandedActor>,
    claims: &Claims,
    confirmation: Option<&Confirmation>,
    expires: EpochMillis,
) -> Result<VerifiedChain, Refusal> {
    let to_link =
        |ExpandedActor { actor, claims }| VerifiedLink { actor, proof: Proof::Bearer, claims };
    let mut links: Vec<VerifiedLink> = actors.into_iter().map(to_link).collect();
    if let (Some(current), Some(_)) = (links.last_mut(), confirmation) {
        current.proof = Proof::KeyBound;
    }
    let actors = links.iter().map(|link| link.actor.clone()).collect();
    Ok(VerifiedChain {
        chain: ActorChain::new(actors).map_err(|_length| Refusal::too_deep())?,
        links,
        authentication: authentication(claims)?.map(Arc::new),
        expires: Some(expires),
        key_thumbprint: confirmation.and_then(Confirmation::key_thumbprint),
    })
}

/// How the subject signed in (RFC 9068, section 2.2.1); `None` if the token says nothing of it.
fn authentication(claims: &Claims) -> Result<Option<Authentication>, Refusal> {
    let acr = claims.text("acr").map_err(malformed)?;
    let methods = claims.texts("amr").map_err(malformed)?;
    let time = claims.instant("auth_time").map_err(malformed)?;
    if acr.is_none() && methods.is_none() && time.is_none() {
        return Ok(None);
    }
    let mut amr: Vec<String> = methods.unwrap_or_default().into_iter().map(str::to_owned).collect();
    amr.sort_unstable();
    amr.dedup();
    Ok(Some(Authentication { acr: acr.map(str::to_owned), amr, time }))
}

/// A claim that the token's profile requires: a text that is not empty.
pub(crate) fn required_text<'a>(
    claims: &'a Claims,
    name: &'static str,
) -> Result<&'a str, Refusal> {
    match claims.text(name).map_err(malformed)? {
        Some(text) if !text.is_empty() => Ok(text),
        _ => Err(Refusal::unverified(Code::Malformed, name)),
    }
}

pub(crate) fn malformed(_claim: palisade_jose::ClaimError) -> Refusal {
    Refusal::unverified(Code::Malformed, "claim_type")
}

pub(crate) fn refuse_jws(error: JwsError) -> Refusal {
    let code = match error {
        JwsError::Algorithm | JwsError::Crit => Code::Unsupported,
        JwsError::Claims | JwsError::Header | JwsError::Malformed | JwsError::TooLarge => {
            Code::Malformed
        }
        // FAIL-CLOSED: what may be added is not trusted, like a signature that does not match.
        _ => Code::Untrusted,
    };
    Refusal::unverified(code, error.code())
}

#[cfg(test)]
mod tests;
