//! What a snapshot is built from.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use palisade_catalog::{Catalog, ReferenceValues};
use palisade_core::{Actor, EpochMillis, IssuerName, PolicyId, Problem, Revision};

use crate::claims::ClaimMappings;
use crate::exceptions;

/// One text file of a bundle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceFile {
    /// Path relative to the bundle, with `/`, e.g. `policies/refunds.cedar`.
    pub name: Arc<str>,
    /// Its content.
    pub text: Arc<str>,
}

/// Which issuers the bundle knows: alias to issuer identifier (`corp` → `https://idp.example`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Issuers(BTreeMap<String, String>);

impl Issuers {
    /// Issuer aliases with the identifiers they stand for.
    #[must_use]
    pub const fn new(identifiers: BTreeMap<String, String>) -> Self {
        Self(identifiers)
    }

    /// The alias of an issuer that was named by alias or by identifier.
    #[must_use]
    pub fn alias(&self, name: &IssuerName) -> Option<&str> {
        let name = name.as_str();
        self.0
            .iter()
            .find(|(alias, identifier)| *alias == name || *identifier == name)
            .map(|(alias, _)| alias.as_str())
    }

    /// The identifier that an alias stands for.
    #[must_use]
    pub fn identifier(&self, alias: &str) -> Option<&str> {
        self.0.get(alias).map(String::as_str)
    }

    /// Whether this is a known alias.
    #[must_use]
    pub fn has_alias(&self, alias: &str) -> bool {
        self.0.contains_key(alias)
    }
}

/// Everything a snapshot is built from.
#[derive(Clone, Debug)]
pub struct SnapshotSources {
    /// Names this state of the bundle.
    pub revision: Revision,
    /// Who may vouch for actors.
    pub issuers: Issuers,
    /// Which claims of credentials policies see.
    pub claims: ClaimMappings,
    /// The tools.
    pub catalog: Catalog,
    /// `policies/*.cedar`, sorted by name.
    pub policies: Vec<SourceFile>,
    /// `policies/links.yaml` as (file, template links).
    pub links: Vec<TemplateLink>,
    /// `schema/*.cedarschema`, sorted by name.
    pub schema: Vec<SourceFile>,
    /// `entities/*.json`, sorted by name, in Cedar's entity format.
    pub entities: Vec<SourceFile>,
    /// `exceptions.yaml`.
    pub exceptions: Vec<Exception>,
    /// `reference/*.yaml`.
    pub reference: ReferenceValues,
}

/// One exception: until an instant, a forbid is lifted for an actor who calls a tool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exception {
    /// Its id, once in a bundle.
    pub id: Arc<str>,
    /// The forbid it lifts.
    pub policy: PolicyId,
    /// Whom it is for; the issuer by its alias.
    pub principal: Actor,
    /// The one tool it is for.
    pub tool: String,
    /// From this instant on it lifts nothing.
    pub until: EpochMillis,
    /// Why it was granted, for people.
    pub reason: Arc<str>,
    /// The ticket it was granted under.
    pub ticket: Arc<str>,
    /// Where it stands.
    pub place: ExceptionPlace,
}

/// Where the parts of an exception stand, in bytes, if known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExceptionPlace {
    /// The file.
    pub file: Arc<str>,
    /// Its policy.
    pub policy: Option<Range<usize>>,
    /// Its principal.
    pub principal: Option<Range<usize>>,
    /// Its tool.
    pub tool: Option<Range<usize>>,
    /// Its end.
    pub until: Option<Range<usize>>,
}

impl ExceptionPlace {
    /// The problem, at one of those places.
    pub(crate) fn mark(&self, problem: Problem, part: &Option<Range<usize>>) -> Problem {
        let problem = problem.in_file(&self.file);
        match part {
            Some(span) => problem.at(span.clone()),
            None => problem,
        }
    }
}

impl SnapshotSources {
    /// What an author should know of the ends of exceptions, as
    /// [`PolicySnapshot::expired_exceptions`](crate::PolicySnapshot::expired_exceptions) has it.
    #[must_use]
    pub fn expired_exceptions(&self, now: EpochMillis) -> Vec<Problem> {
        exceptions::expired(&self.exceptions, now)
    }
}

/// One template link: a template with its slots filled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateLink {
    /// The linked policy's id.
    pub id: String,
    /// The template's `@id`.
    pub template: String,
    /// Entity for `?principal`, e.g. `Group::"support"`.
    pub principal: Option<String>,
    /// Entity for `?resource`, e.g. `Service::"crm"`.
    pub resource: Option<String>,
    /// The file it stands in.
    pub file: Arc<str>,
    /// Where in the file, in bytes, if known.
    pub span: Option<Range<usize>>,
    /// Line in the file, from 1.
    pub line: usize,
}
