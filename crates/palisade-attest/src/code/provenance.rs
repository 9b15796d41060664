//! SLSA provenance v1 in an in-toto statement: who says to have built what from where.
//!
//! Nothing here is believed because it is written: the statement's signature was verified before,
//! and builder and source are compared with what is pinned afterwards.

use palisade_core::{Sha256Digest, parse_json_object};
use serde_json::{Map, Value};

use super::error::CodeError;
use super::policy::WorkflowIdentity;
use super::source::SourceRepository;
use super::{CodeClaims, SLSA_PROVENANCE_V1};

/// The type of statements (in-toto Statement v1, `_type`).
const STATEMENT_V1: &str = "https://in-toto.io/Statement/v1";

/// Subjects of one statement.
// LIMIT: GitHub's attestations have at most 1024.
pub(super) const SUBJECTS_MAX: usize = 1024;

/// Bytes of a URI that is copied out of a document.
// LIMIT: the longest in use, workflow identities, have some 200 bytes. It goes into records.
pub(super) const URI_BYTES_MAX: usize = 1024;

/// What is read from a statement about an artefact.
#[derive(Debug)]
pub(super) struct Provenance {
    build_type: String,
    builder: String,
    source: SourceRepository,
}

impl Provenance {
    /// Reads a statement that is signed, and that has to be about `subject_sha256`.
    pub(super) fn parse(statement: &[u8], subject_sha256: &[u8; 32]) -> Result<Self, CodeError> {
        let statement = parse_json_object(statement, super::JSON_LIMITS)
            .map_err(|source| CodeError::Json { what: "statement", source })?;
        if string(&statement, "_type") != Some(STATEMENT_V1) {
            return malformed("it is no in-toto Statement v1");
        }
        check_subjects(&statement, subject_sha256)?;
        match string(&statement, "predicateType") {
            Some(SLSA_PROVENANCE_V1) => {}
            Some(_) => return Err(CodeError::PredicateType),
            None => return malformed("it has no predicate type"),
        }
        let Some(predicate) = object(&statement, "predicate") else {
            return malformed("it has no predicate");
        };
        let (Some(definition), Some(details)) =
            (object(predicate, "buildDefinition"), object(predicate, "runDetails"))
        else {
            return malformed("the build's definition or run is missing");
        };
        let Some(builder) = object(details, "builder").and_then(|builder| uri(builder, "id"))
        else {
            return malformed("`builder.id` is no URI");
        };
        let Some(build_type) = uri(definition, "buildType") else {
            return malformed("`buildType` is no URI");
        };
        Ok(Self { build_type, builder, source: read_source(definition)? })
    }

    pub(super) fn builder(&self) -> &str {
        &self.builder
    }

    pub(super) const fn source(&self) -> &SourceRepository {
        &self.source
    }

    /// Whether the certificate names the same source.
    pub(super) fn check_source(&self, certified: &str) -> Result<(), CodeError> {
        require_same(&self.source, &read_repository(certified)?)
    }

    pub(super) fn into_claims(
        self,
        signer: Option<WorkflowIdentity>,
        subject_sha256: &[u8; 32],
    ) -> CodeClaims {
        let Self { build_type, builder, source } = self;
        CodeClaims {
            build_type,
            builder,
            predicate_type: SLSA_PROVENANCE_V1,
            signer,
            source: source.into_string(),
            subject_digest: Sha256Digest::from(*subject_sha256),
        }
    }
}

/// Whether a text can be copied into records and compared: printable ASCII without spaces, with a
/// scheme, bounded.
pub(super) fn is_plain_uri(text: &str) -> bool {
    text.len() <= URI_BYTES_MAX
        && text.bytes().all(|byte| byte.is_ascii_graphic())
        && text.split_once(':').is_some_and(|(scheme, rest)| {
            !rest.is_empty()
                && scheme.starts_with(|first: char| first.is_ascii_alphabetic())
                && scheme
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
        })
}

/// Some subject has the artefact's SHA-256, in lower-case hex as in-toto demands (`DigestSet`).
fn check_subjects(
    statement: &Map<String, Value>,
    subject_sha256: &[u8; 32],
) -> Result<(), CodeError> {
    let Some(Value::Array(subjects)) = statement.get("subject") else {
        return malformed("it has no list of subjects");
    };
    if subjects.len() > SUBJECTS_MAX {
        return Err(CodeError::TooMany {
            what: "subjects",
            count: subjects.len(),
            limit: SUBJECTS_MAX,
        });
    }
    let wanted = hex::encode(subject_sha256);
    let mut found = false;
    for subject in subjects {
        let Some(digests) = subject.as_object().and_then(|subject| object(subject, "digest"))
        else {
            return malformed("a subject has no digest");
        };
        found |= string(digests, "sha256") == Some(&wanted);
    }
    if found { Ok(()) } else { Err(CodeError::SubjectMismatch) }
}

/// The source repository, which build types put in different places: GitHub's workflows into
/// `externalParameters.workflow.repository`, they and others into the first of the
/// `resolvedDependencies`, as a `git+` URI. Where both name one it has to be the same.
fn read_source(definition: &Map<String, Value>) -> Result<SourceRepository, CodeError> {
    let Some(parameters) = object(definition, "externalParameters") else {
        return malformed("`externalParameters` is missing");
    };
    let of_workflow = match parameters.get("workflow") {
        Some(Value::Object(workflow)) => workflow.get("repository"),
        Some(_) => return malformed("`externalParameters.workflow` is no object"),
        None => None,
    };
    let of_workflow = match of_workflow {
        Some(Value::String(repository)) => Some(read_repository(repository)?),
        Some(_) => return malformed("the workflow's repository is no string"),
        None => None,
    };
    match (of_workflow, read_first_dependency(definition)?) {
        (Some(first), Some(second)) => {
            require_same(&first, &second)?;
            Ok(first)
        }
        (Some(only), None) | (None, Some(only)) => Ok(only),
        (None, None) => Err(CodeError::SourceMissing),
    }
}

/// The first dependency, unless it is no repository at all, such as a package or an image.
fn read_first_dependency(
    definition: &Map<String, Value>,
) -> Result<Option<SourceRepository>, CodeError> {
    let first = match definition.get("resolvedDependencies") {
        Some(Value::Array(dependencies)) => dependencies.first(),
        Some(_) => return malformed("`resolvedDependencies` is no list"),
        None => None,
    };
    let uri = match first {
        Some(Value::Object(first)) => first.get("uri"),
        Some(_) => return malformed("a dependency is no object"),
        None => None,
    };
    match uri {
        Some(Value::String(uri)) if uri.starts_with("git+") => read_repository(uri).map(Some),
        Some(Value::String(_)) | None => Ok(None),
        Some(_) => malformed("a dependency's URI is no string"),
    }
}

fn read_repository(text: &str) -> Result<SourceRepository, CodeError> {
    // FAIL-CLOSED: a repository that is not understood is not ignored in favour of another place.
    if text.len() > URI_BYTES_MAX {
        return malformed("a repository's URI is too long");
    }
    SourceRepository::parse(text)
        .ok_or(CodeError::Statement { why: "the source is no repository at an https URL" })
}

fn require_same(first: &SourceRepository, second: &SourceRepository) -> Result<(), CodeError> {
    if first == second {
        return Ok(());
    }
    Err(CodeError::SourceConflict {
        first: first.as_str().to_owned(),
        second: second.as_str().to_owned(),
    })
}

fn object<'a>(parent: &'a Map<String, Value>, key: &str) -> Option<&'a Map<String, Value>> {
    parent.get(key).and_then(Value::as_object)
}

fn string<'a>(parent: &'a Map<String, Value>, key: &str) -> Option<&'a str> {
    parent.get(key).and_then(Value::as_str)
}

fn uri(parent: &Map<String, Value>, key: &str) -> Option<String> {
    string(parent, key).filter(|text| is_plain_uri(text)).map(str::to_owned)
}

fn malformed<T>(why: &'static str) -> Result<T, CodeError> {
    Err(CodeError::Statement { why })
}

#[cfg(test)]
mod tests;
