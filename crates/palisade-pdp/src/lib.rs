//! The pipeline from a request to a recorded decision, free of transport.
//!
//! [`Pdp`] takes every request through the same steps over ports: it reads no clock, no
//! configuration and no file of its own, and it decides nothing itself; that is the engine's.

mod error;
mod pipeline;
mod presented;
mod shadow;
mod snapshots;

pub use error::{AuthorizeError, ChallengeError, ListToolsError};
// What surfaces find out who calls with, so that they need no edge of their own.
pub use palisade_attest::{AttestationVerifier, IssueNonceError};
// What `Explained` and `ListedTool` are made of, so that surfaces need no edge to the engine.
pub use palisade_engine::{
    ClauseExplanation, ClauseJoin, Explanation, LinkExplanation, ObservedValue, PolicyEffect,
    PolicyExplanation, PolicyResult, Remedy, RemedyKind, ToolProspect,
};
pub use palisade_identity::{
    AuthenticatedCaller, Caller, CallerCredential, CallerRefusal, Callers, CertificateChain,
    IdentityRefusal, IdentityVerifier, IssuerKeys, Possession, PresentedLink, PresentedToken, Role,
};
pub use pipeline::{Explained, ListedTool, OutcomeReport, Pdp, PdpParts, ToolList, Unrecorded};
pub use presented::{Asker, Credentials, EvidencePiece, Identified, PresentedCall, ProvenAsker};
pub use shadow::{Shadow, ShadowQueue, ShadowSnapshot};
pub use snapshots::Snapshots;
