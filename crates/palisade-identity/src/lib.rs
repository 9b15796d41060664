//! Verifies who calls and on whose behalf: credentials to actor chains.

mod cache;
mod caller;
mod chain;
mod error;
mod event;
mod issuers;
mod keys;
#[cfg(test)]
mod openssl;
mod party;
mod possession;
mod presented;
mod rate;
mod replay;
mod revocation;
mod spiffe;
#[cfg(test)]
mod testing;
mod timing;
mod token;
mod trust_bundle;
mod verifier;
mod x509;

pub use cache::TOKEN_CACHE_BYTES_DEFAULT;
pub use caller::{
    AssertionRight, AuthenticatedCaller, BEARER_BYTES_MAX, BearerRefusal, CALLER_CREDENTIALS_MAX,
    CALLER_NAME_BYTES_MAX, CALLERS_MAX, Caller, CallerConfig, CallerCredential, CallerIdentity,
    CallerProof, CallerRefusal, Callers, CallersError, ContextField, IssuerPattern,
    ParseContextFieldError, ParseRoleError, PatternError, PepRights, Role, SpiffePattern,
    ToolPattern, VerifiedBearer, VerifyBearer,
};
pub use error::IdentityRefusal;
pub use event::{
    EventReceiver, EventReceiverError, Received, SECURITY_EVENT_BYTES_MAX, TRANSMITTERS_MAX,
    Transmitter,
};
pub use issuers::{
    CLOCK_SKEW_DEFAULT, CLOCK_SKEW_MAX, ISSUERS_MAX, IssuersError, Namespace,
    TOKEN_LIFETIME_DEFAULT, TOKEN_LIFETIME_MAX, TokenKind, TrustedIssuer,
};
pub use keys::IssuerKeys;
pub use possession::{PROOF_AGE_DEFAULT, PROOF_AGE_MAX, Possession};
pub use presented::{CertificateChain, NoRights, PresentedLink, PresentedToken, Rights};
pub use rate::{RATE_BURST_MAX, RATE_PER_SECOND_MAX, Rate, RateError, RateLimited, RateLimiter};
pub use replay::USED_PROOFS_MAX;
pub use revocation::{REVOCATIONS_MAX, RevocationIndex};
pub use spiffe::{
    SPIFFE_ID_BYTES_MAX, SpiffeId, SpiffeIdError, TRUST_DOMAIN_BYTES_MAX, TrustDomain,
};
pub use token::TOKEN_BYTES_MAX;
pub use trust_bundle::{
    FollowedTrustBundles, TRUST_BUNDLE_AUTHORITIES_MAX, TRUST_BUNDLE_BYTES_MAX,
    TRUST_BUNDLE_KEYS_MAX, TrustBundle, TrustBundleError, TrustBundles,
};
pub use verifier::{
    ALIASES_MAX, IdentityConfig, IdentityConfigError, IdentityVerifier, VerifyCertificate,
};
pub use x509::{CHAIN_CERTIFICATES_MAX, SvidError, SvidVerifier, VerifiedSvid};
