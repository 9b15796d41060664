//! Where security event tokens that transmitters push to us are taken to, as a port.

/// A security event token was not taken.
///
/// Its text goes back to whoever sent the token: it quotes nothing of the token and tells nothing
/// of us that a stranger should not know.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the security event token is refused as `{err}`: {description}")]
pub struct EventRefusal {
    /// One of the registered codes below, or [`EventRefusal::UNAVAILABLE`].
    pub err: &'static str,
    /// For the person who runs the transmitter.
    pub description: String,
}

impl EventRefusal {
    /// The transmitter may not send this here (RFC 8935, section 2.4, as the codes that follow).
    pub const ACCESS_DENIED: &'static str = "access_denied";
    /// The transmitter was not authenticated.
    pub const AUTHENTICATION_FAILED: &'static str = "authentication_failed";
    /// The token is for somebody else.
    pub const INVALID_AUDIENCE: &'static str = "invalid_audience";
    /// The token's issuer is not one that events are taken from.
    pub const INVALID_ISSUER: &'static str = "invalid_issuer";
    /// The token's signature cannot be verified.
    pub const INVALID_KEY: &'static str = "invalid_key";
    /// What was sent is no security event token, or not one that is understood.
    pub const INVALID_REQUEST: &'static str = "invalid_request";
    /// Not a code of the RFC: nothing is wrong with the token, but its effect could not be kept
    /// now. The transmitter has to send it again.
    pub const UNAVAILABLE: &'static str = "unavailable";

    /// The codes that tell a transmitter that sending the token again is of no use.
    pub const FINAL: [&'static str; 6] = [
        Self::ACCESS_DENIED,
        Self::AUTHENTICATION_FAILED,
        Self::INVALID_AUDIENCE,
        Self::INVALID_ISSUER,
        Self::INVALID_KEY,
        Self::INVALID_REQUEST,
    ];

    /// A refusal.
    #[must_use]
    pub fn new(err: &'static str, description: impl Into<String>) -> Self {
        Self { err, description: description.into() }
    }

    /// Whether sending the token again is of no use.
    // FAIL-CLOSED: a code nobody knows is not final, so that the transmitter keeps its event.
    #[must_use]
    pub fn is_final(&self) -> bool {
        Self::FINAL.contains(&self.err)
    }
}

/// Takes security event tokens (RFC 8417) that were pushed to us.
pub trait EventSink: Send + Sync {
    /// Verifies a token and does what it says. Blocks until its effect is durable.
    ///
    /// `set` is what was sent, up to the limit of the transport, not checked in any way. The same
    /// token may come again: a transmitter that got no answer repeats it.
    ///
    /// # Errors
    /// The token has no effect. Only after `Ok` may the transmitter forget it.
    fn receive(&self, set: &str) -> Result<(), EventRefusal>;
}

#[cfg(test)]
mod tests;
