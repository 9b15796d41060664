//! Where a decision point listens.

use std::fmt;
use std::str::FromStr;

/// A decision point's address: `http://127.0.0.1:7711` or `unix:/run/palisade.sock`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint(String);

/// A text is no address of a decision point.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no address; use `http://<host>:<port>` or `unix:<path>`")]
pub struct ParseEndpointError(String);

impl Endpoint {
    /// The address as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Endpoint {
    type Err = ParseEndpointError;

    fn from_str(text: &str) -> Result<Self, ParseEndpointError> {
        let acceptable = match text.split_once(':') {
            Some(("http", rest)) => {
                rest.starts_with("//") && text.parse::<tonic::transport::Uri>().is_ok_and(is_bare)
            }
            Some(("unix", path)) => !path.trim_start_matches('/').is_empty(),
            _ => false,
        };
        if acceptable {
            Ok(Self(text.to_owned()))
        } else {
            Err(ParseEndpointError(text.to_owned()))
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether nothing but host and port is said: a path would be ignored silently.
#[expect(clippy::needless_pass_by_value, reason = "fits `Result::is_ok_and`")]
fn is_bare(uri: tonic::transport::Uri) -> bool {
    uri.port_u16().is_some()
        && uri.host().is_some_and(|host| !host.is_empty())
        && uri.path_and_query().is_none_or(|path| path.as_str() == "/")
}

#[cfg(test)]
mod tests;
