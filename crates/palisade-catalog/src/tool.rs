//! One catalogued tool.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use palisade_core::{Effect, Sha256Digest, Tier, ToolName};

use crate::arguments::ArgumentSchema;

/// A tool that may be asked for.
#[derive(Clone, Debug)]
pub struct Tool {
    /// `<service>.<name>`.
    pub name: ToolName,
    /// The name the tool's own server uses.
    pub upstream_name: String,
    /// What it does, for people.
    pub description: Option<String>,
    /// Digest of the definition the catalog was reviewed with.
    pub definition_digest: Option<Sha256Digest>,
    /// Risk tier.
    pub tier: Tier,
    /// What it does to the world.
    pub effect: Effect,
    /// The segment of its service.
    pub segment: String,
    /// Whether what it does can be undone. False puts the tool in `Action::"irreversible"`.
    pub reversible: bool,
    /// Whether data leaves the organisation. True puts the tool in `Action::"egress"`.
    pub egress: bool,
    /// Its arguments.
    pub arguments: ArgumentSchema,
    /// Top-level arguments whose origin matters: recipient, account, URL, path.
    pub critical: BTreeSet<String>,
    /// Top-level arguments that approvals are not bound to: a comment, a colour.
    pub cosmetic: BTreeSet<String>,
    /// Labels of what it returns, e.g. `pii`.
    pub output_labels: BTreeSet<String>,
    /// JSON pointers of result fields that are trusted though the result as a whole is not.
    pub trusted_fields: Vec<String>,
    /// JSON pointers of arguments that are masked wherever arguments are recorded; `*` stands for
    /// any element of an array and any key.
    pub redact_arguments: Arc<[String]>,
    /// JSON pointers of result fields to remove before the result reaches the model.
    pub redact_result: Vec<String>,
    /// The tool that undoes this one.
    pub compensation: Option<ToolName>,
    /// Where the call's Cedar resource comes from; `None`: it is the tool itself.
    pub resource: Option<ResourceMapping>,
    /// How long an allowed call may take.
    pub deadline: Option<Duration>,
    /// How long an allow may be used again for the same request; zero unless tier 1.
    pub valid_for: Duration,
    /// Why a person still has to look at this entry; `None` once somebody has.
    pub review: Option<String>,
}

/// Says that one argument names the resource of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResourceMapping {
    /// Cedar entity type, e.g. `Document`.
    pub entity_type: String,
    /// The top-level argument that holds the entity id; a required string.
    pub argument: String,
    /// How different spellings of one thing become one id.
    pub normalization: ResourceNormalization,
}

/// How different spellings of one thing become one entity id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResourceNormalization {
    /// E-mail address: surrounding space dropped, domain in lower case.
    Email,
    /// The text as it is.
    Exact,
    /// Absolute or relative file path: `.` and `..` resolved as text, `//` joined; a path that
    /// climbs out of its root is refused.
    Path,
    /// URL: parsed and written back (WHATWG), fragment and credentials refused.
    Url,
}
