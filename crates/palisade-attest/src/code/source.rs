//! Source repositories, written in one way only, and patterns for them.

/// A repository as `https://<host>/<path>`: no user, query, ref, `.git`, empty or dotted segment.
///
/// Provenance writes one as `git+https://<host>/<path>@<ref>` (SLSA, SPDX download locations) or
/// plainly. Two texts name the same repository if and only if they are equal once read; anything
/// that another reader might take for another repository is not read at all. Letter case counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SourceRepository(String);

impl SourceRepository {
    /// Reads a repository, which may carry `git+` in front, `.git` and `@<ref>` behind.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let rest = text.strip_prefix("git+").unwrap_or(text).strip_prefix("https://")?;
        let (host, path) = rest.split_once('/')?;
        let path = match path.split_once('@') {
            Some((_, "")) => return None,
            Some((path, _)) => path,
            None => path,
        };
        let path = path.strip_suffix(".git").unwrap_or(path);
        if !is_host(host) || !path.split('/').all(is_segment) || path.ends_with(".git") {
            return None;
        }
        Some(Self(format!("https://{host}/{path}")))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn into_string(self) -> String {
        self.0
    }
}

/// Which repositories are accepted: `https://<host>/<path>`, exactly that one, or
/// `https://<host>/<path>/*`, all below it at any depth. The path has at least one segment, since
/// below a whole host anybody may have one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum SourcePin {
    /// All whose text begins with this, which ends with a slash.
    Below(String),
    /// This one.
    Exact(SourceRepository),
}

impl SourcePin {
    /// Reads a pin; it carries neither `git+` nor `.git` nor a ref.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (plain, below) = match text.strip_suffix("/*") {
            Some(plain) => (plain, true),
            None => (text, false),
        };
        let repository = SourceRepository::parse(plain)?;
        if repository.as_str() != plain {
            return None;
        }
        Some(if below { Self::Below(format!("{plain}/")) } else { Self::Exact(repository) })
    }

    pub(super) fn accepts(&self, repository: &SourceRepository) -> bool {
        match self {
            Self::Below(prefix) => repository.as_str().starts_with(prefix),
            Self::Exact(pinned) => pinned == repository,
        }
    }
}

/// A host name, with a port perhaps. Upper case is refused rather than folded.
fn is_host(host: &str) -> bool {
    let (name, port) = host.split_once(':').unwrap_or((host, "443"));
    let is_label = |label: &str| {
        !label.is_empty()
            && label.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
    };
    name.split('.').all(is_label)
        && !port.is_empty()
        && port.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_segment(segment: &str) -> bool {
    !matches!(segment, "" | "." | "..")
        && segment
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b'~'))
}

#[cfg(test)]
mod tests;
