//! Evidence as it is presented.

use std::fmt;

use crate::error::AttestationRefusal;

/// Bytes of one piece of evidence.
// LIMIT: a token of a cloud has some 4 KiB, a Sigstore bundle some 20 KiB.
pub const EVIDENCE_BYTES_MAX: usize = 64 * 1024;

/// Pieces of evidence of one request.
// LIMIT: an attestation, and the provenance of the image it is about in several forms.
pub const EVIDENCE_PIECES_MAX: usize = 4;

/// Bytes of a media type with its parameters.
const MEDIA_TYPE_BYTES_MAX: usize = 256;

/// Media type of EAT in JWT form (RFC 9782), of which EAR is a profile.
pub const EAT_JWT_TYPE: &str = "application/eat+jwt";

/// Media type of JWTs (RFC 7519, section 10.3.1), in which clouds issue their results.
pub const JWT_TYPE: &str = "application/jwt";

/// One piece of evidence: an attestation, or what goes with one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Evidence<'a> {
    /// What it is. Parameters are not looked at: the content says the same, signed.
    pub media_type: &'a str,
    /// At most [`EVIDENCE_BYTES_MAX`].
    pub body: &'a [u8],
}

/// Without the body, which can be a credential.
impl fmt::Debug for Evidence<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { media_type, body } = self;
        f.debug_struct("Evidence")
            .field("media_type", media_type)
            .field("bytes", &body.len())
            .finish_non_exhaustive()
    }
}

impl Evidence<'_> {
    /// Whether its media type, parameters left out, is this one.
    pub(crate) fn is(&self, media_type: &str) -> bool {
        let own = self.media_type.split(';').next().unwrap_or_default().trim();
        own.eq_ignore_ascii_case(media_type)
    }
}

/// Checks that evidence is within its bounds.
///
/// # Errors
/// There is none, too much or too many of it.
pub(crate) fn check_bounds(evidence: &[Evidence<'_>]) -> Result<(), AttestationRefusal> {
    if evidence.is_empty() {
        return Err(AttestationRefusal::invalid("no_evidence"));
    }
    if evidence.len() > EVIDENCE_PIECES_MAX {
        return Err(AttestationRefusal::invalid("too_many_pieces"));
    }
    for Evidence { media_type, body } in evidence {
        if media_type.len() > MEDIA_TYPE_BYTES_MAX || body.len() > EVIDENCE_BYTES_MAX {
            return Err(AttestationRefusal::invalid("too_large"));
        }
    }
    Ok(())
}
