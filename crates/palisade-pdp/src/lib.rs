//! The pipeline from a request to a recorded decision, free of transport.
//!
//! [`Pdp`] takes every request through the same steps over ports: it reads no clock, no
//! configuration and no file of its own, and it decides nothing itself; that is the engine's.

mod error;
mod pipeline;
mod shadow;
mod snapshots;

pub use error::{AuthorizeError, ListToolsError};
// What `Explained` and `ListedTool` are made of, so that surfaces need no edge to the engine.
pub use palisade_engine::{
    ClauseExplanation, ClauseJoin, Explanation, LinkExplanation, ObservedValue, PolicyEffect,
    PolicyExplanation, PolicyResult, Remedy, RemedyKind, ToolProspect,
};
pub use pipeline::{Explained, ListedTool, OutcomeReport, Pdp, PdpParts, ToolList, Unrecorded};
pub use shadow::{Shadow, ShadowQueue, ShadowSnapshot};
pub use snapshots::Snapshots;
