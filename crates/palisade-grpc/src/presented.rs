//! What a request presents of its chain and its environment, checked as far as its form goes.

use palisade_core::limits::{
    CERTIFICATE_BYTES_MAX, CERTIFICATES_BYTES_MAX, CERTIFICATES_MAX, CHAIN_LINKS_MAX,
    EVIDENCE_BYTES_MAX, EVIDENCE_PIECES_MAX, HTTP_METHOD_BYTES_MAX, HTTP_URI_BYTES_MAX,
    MEDIA_TYPE_BYTES_MAX, POSSESSION_PROOF_BYTES_MAX, TOKEN_BYTES_MAX,
};
use palisade_core::{Actor, ActorKind, ChainError, IssuerName, Subject};
use palisade_pdp::{
    CertificateChain, Credentials, EvidencePiece, Possession, PresentedLink, PresentedToken,
};
use palisade_proto::v1;

use crate::error::RequestError;

/// The credentials of a chain, and of a step-up of its head.
pub(crate) fn credentials(
    links: Vec<v1::Link>,
    presented: Option<v1::Presented>,
) -> Result<Credentials, RequestError> {
    // Counted first, so that what is wrong with a ninth link is that there is one.
    if links.len() > CHAIN_LINKS_MAX {
        return Err(ChainError::TooLong { links: links.len() }.into());
    }
    if links.is_empty() {
        return Err(ChainError::Empty.into());
    }
    let links = links.into_iter().enumerate().map(|(place, wire)| link(place, wire));
    let step_up_token = presented.map(|presented| presented.step_up_token);
    let step_up_token = step_up_token.filter(|token| !token.is_empty());
    if step_up_token.as_ref().is_some_and(|token| token.len() > TOKEN_BYTES_MAX) {
        return Err(RequestError::Token { field: "presented.step_up_token" });
    }
    Ok(Credentials { links: links.collect::<Result<_, _>>()?, step_up_token })
}

/// Evidence of the last link's environment.
pub(crate) fn evidence(pieces: Vec<v1::Evidence>) -> Result<Vec<EvidencePiece>, RequestError> {
    if pieces.len() > EVIDENCE_PIECES_MAX {
        return Err(RequestError::Evidence);
    }
    let piece = |v1::Evidence { media_type, body }| {
        let fits = (1..=MEDIA_TYPE_BYTES_MAX).contains(&media_type.len())
            && (1..=EVIDENCE_BYTES_MAX).contains(&body.len());
        fits.then_some(EvidencePiece { media_type, body }).ok_or(RequestError::Evidence)
    };
    pieces.into_iter().map(piece).collect()
}

fn link(place: usize, wire: v1::Link) -> Result<PresentedLink, RequestError> {
    let v1::Link { link, possession } = wire;
    let is_token = matches!(link, Some(v1::link::Link::Token(_)));
    if possession.is_some() && !is_token {
        return Err(RequestError::Possession { link: place });
    }
    match link {
        Some(v1::link::Link::Asserted(asserted)) => {
            Ok(PresentedLink::Asserted(actor(place, asserted)?))
        }
        Some(v1::link::Link::Certificate(v1::CertificateChain { certificates })) => {
            let bytes: usize = certificates.iter().map(Vec::len).sum();
            if !(1..=CERTIFICATES_MAX).contains(&certificates.len())
                || bytes > CERTIFICATES_BYTES_MAX
            {
                return Err(RequestError::Certificates { link: place });
            }
            Ok(PresentedLink::Certificate(CertificateChain(certificates)))
        }
        Some(v1::link::Link::Token(token)) => {
            if !(1..=TOKEN_BYTES_MAX).contains(&token.len()) {
                return Err(RequestError::Token { field: "chain.token" });
            }
            let possession = possession.map(|proof| self::possession(place, proof)).transpose()?;
            Ok(PresentedLink::Token(PresentedToken { token, possession }))
        }
        None => Err(RequestError::LinkMissing { link: place }),
    }
}

fn possession(link: usize, proof: v1::PossessionProof) -> Result<Possession, RequestError> {
    let v1::PossessionProof { dpop, wpt, method, uri, certificate } = proof;
    let fits = dpop.len() <= POSSESSION_PROOF_BYTES_MAX
        && wpt.len() <= POSSESSION_PROOF_BYTES_MAX
        && method.len() <= HTTP_METHOD_BYTES_MAX
        && uri.len() <= HTTP_URI_BYTES_MAX
        && certificate.len() <= CERTIFICATE_BYTES_MAX;
    if !fits {
        return Err(RequestError::Possession { link });
    }
    let sent = |text: String| (!text.is_empty()).then_some(text);
    Ok(Possession {
        dpop: sent(dpop),
        wpt: sent(wpt),
        method,
        uri,
        certificate: (!certificate.is_empty()).then_some(certificate),
    })
}

fn actor(link: usize, asserted: v1::AssertedActor) -> Result<Actor, RequestError> {
    let kind = match asserted.kind() {
        v1::ActorKind::User => ActorKind::User,
        v1::ActorKind::Agent => ActorKind::Agent,
        v1::ActorKind::Service => ActorKind::Service,
        // Kinds of a newer contract are read as unspecified, too.
        v1::ActorKind::Unspecified => return Err(RequestError::ActorKind { link }),
    };
    let v1::AssertedActor { issuer, subject, kind: _, attributes: _ } = asserted;
    Ok(Actor {
        kind,
        issuer: IssuerName::new(issuer).map_err(|source| RequestError::Issuer { link, source })?,
        subject: Subject::new(subject).map_err(|source| RequestError::Subject { link, source })?,
    })
}
