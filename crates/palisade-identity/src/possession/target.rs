//! What a proof says it was made for, compared with what the enforcement point saw.

use url::Url;

use crate::error::Refusal;
use crate::possession::not_bound;

/// Bytes of a URI that is compared.
// LIMIT: what common servers take as a request line.
const URI_BYTES_MAX: usize = 8 * 1024;

/// Whether two URIs are the same once query and fragment are left out and both are normalised
/// (RFC 9449, section 4.3, item 9; RFC 3986, sections 6.2.2 and 6.2.3).
pub(super) fn check(claimed: &str, seen: &str) -> Result<(), Refusal> {
    let (Some(claimed), Some(seen)) = (normalised(claimed), normalised(seen)) else {
        return Err(not_bound("proof_uri"));
    };
    if claimed == seen { Ok(()) } else { Err(not_bound("proof_uri")) }
}

/// An http(s) URI without query and fragment; `None` if it is something else, or names a user.
fn normalised(uri: &str) -> Option<Url> {
    if uri.len() > URI_BYTES_MAX || uri.bytes().any(|byte| byte.is_ascii_control() || byte == b' ')
    {
        return None;
    }
    let mut url = Url::parse(uri).ok()?;
    let is_http = matches!(url.scheme(), "http" | "https");
    if !is_http || !url.has_host() || !url.username().is_empty() || url.password().is_some() {
        return None;
    }
    url.set_query(None);
    url.set_fragment(None);
    Some(url)
}
