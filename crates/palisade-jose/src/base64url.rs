//! Base64 as JOSE writes it (RFC 7515, section 2), in its one canonical form.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

/// The bytes of canonical base64url without padding; `None` for anything else.
///
/// Padding, white space, the other alphabet and non-zero trailing bits are refused, so that one
/// signed content has one text (RFC 4648, section 3.5).
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// The bytes of canonical base64 with padding, which is how `x5c` is written (RFC 7515, section
/// 4.1.6); `None` for anything else.
pub(crate) fn decode_standard(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

/// Base64url without padding.
pub(crate) fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
