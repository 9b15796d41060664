//! Which entity a call acts on, when an argument names it.
//!
//! Different spellings of one thing have to become one entity id, or a policy on one spelling is
//! bypassed by another.

use palisade_catalog::ResourceNormalization;
use palisade_core::limits::RESOURCE_ID_BYTES_MAX;

/// The entity id for an argument's text.
pub(crate) fn normalize(
    normalization: ResourceNormalization,
    text: &str,
) -> Result<String, &'static str> {
    if text.len() > RESOURCE_ID_BYTES_MAX {
        return Err("it is longer than 1024 bytes");
    }
    if text.chars().any(char::is_control) {
        return Err("it contains a control character");
    }
    let id = match normalization {
        ResourceNormalization::Email => email(text)?,
        ResourceNormalization::Exact => text.to_owned(),
        ResourceNormalization::Path => path(text)?,
        ResourceNormalization::Url => url(text)?,
    };
    if id.is_empty() { Err("it is empty") } else { Ok(id) }
}

/// Domain in lower case; the part before it may be case-sensitive (RFC 5321, section 2.4).
fn email(text: &str) -> Result<String, &'static str> {
    let (local, domain) = text.trim().rsplit_once('@').ok_or("it is no e-mail address")?;
    let is_plain = |part: &str| !part.is_empty() && !part.contains(|c: char| c.is_whitespace());
    if !is_plain(local) || !is_plain(domain) || local.contains(['@', '<', ',', ';', '"']) {
        return Err("it is no plain e-mail address");
    }
    let domain = domain.strip_suffix('.').unwrap_or(domain);
    Ok(format!("{local}@{}", domain.to_lowercase()))
}

/// `.` and `..` resolved as text, repeated slashes joined. Symbolic links are the tool's affair.
fn path(text: &str) -> Result<String, &'static str> {
    if text.contains('\\') {
        return Err("it contains a backslash");
    }
    if text.is_empty() {
        return Err("it is empty");
    }
    let mut parts: Vec<&str> = Vec::new();
    for part in text.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop().ok_or("it leaves its root")?;
            }
            part => parts.push(part),
        }
    }
    let root = if text.starts_with('/') { "/" } else { "" };
    let joined = format!("{root}{}", parts.join("/"));
    Ok(if joined.is_empty() { ".".to_owned() } else { joined })
}

/// Parsed and written back by the WHATWG URL Standard.
fn url(text: &str) -> Result<String, &'static str> {
    let Ok(url) = url::Url::parse(text.trim()) else { return Err("it is no absolute URL") };
    if !url.username().is_empty() || url.password().is_some() {
        return Err("it carries credentials");
    }
    if url.fragment().is_some() {
        return Err("it has a fragment");
    }
    Ok(url.into())
}

#[cfg(test)]
mod tests;
