//! A bundle whose files each have their form; whether they fit together is not known yet.

use palisade_catalog::{Catalog, ReferenceValues};
use palisade_core::{EpochMillis, FactSources, Problem, Problems, Revision};
use palisade_engine::{Exception, PolicySnapshot, SnapshotSources, SourceFile, TemplateLink};

use crate::layout::{self, CATALOG_FILE, EXCEPTIONS_FILE, LINKS_FILE, MANIFEST_FILE};
use crate::manifest::{self, Manifest};
use crate::raw::RawBundle;
use crate::test_case::{self, TestCase};
use crate::validated::ValidatedBundle;
use crate::{exceptions, lint, template_links};

/// A bundle whose manifest, catalog, links and tests have been read. Policies, schema and entities
/// are still text: only the engine knows what they mean.
#[derive(Debug)]
pub struct ParsedBundle {
    pub(crate) sources: SnapshotSources,
    tests: Vec<TestCase>,
}

impl RawBundle {
    /// Reads every file. With the bundle come the advices for its author.
    ///
    /// # Errors
    /// Everything that is wrong with the form of any file, and content that only a later version
    /// can enforce.
    pub fn parse(&self) -> Result<(ParsedBundle, Problems), Problems> {
        let mut problems = refuse_unsupported(self);
        let manifest = self
            .required(MANIFEST_FILE, &mut problems)
            .and_then(|file| manifest::read(&file, &mut problems));
        let catalog = self
            .required(CATALOG_FILE, &mut problems)
            .and_then(|file| read_catalog(&file, &mut problems));
        let links = self.links(&mut problems);
        let tests = self.tests(&mut problems);
        let exceptions = self.exceptions(&mut problems);
        let reference = self.reference(&mut problems);

        let (Some(manifest), Some(catalog)) = (manifest, catalog) else {
            return Err(Problems(problems));
        };
        let Manifest { name, version, issuers, claims } = manifest;
        let sources = SnapshotSources {
            revision: Revision { bundle: name, version, digest: self.digest() },
            issuers,
            claims,
            catalog,
            policies: self.folder("policies", "cedar"),
            links,
            schema: self.folder("schema", "cedarschema"),
            entities: self.folder("entities", "json"),
            exceptions,
            reference,
        };
        Problems(problems).or(ParsedBundle { sources, tests })
    }

    fn required(&self, path: &str, problems: &mut Vec<Problem>) -> Option<SourceFile> {
        let file = self.file(path);
        if file.is_none() {
            problems.push(
                Problem::error("bundle.missing_file", format!("the bundle has no `{path}`"))
                    .with_help("is this the directory of a bundle?"),
            );
        }
        file
    }

    fn links(&self, problems: &mut Vec<Problem>) -> Vec<TemplateLink> {
        match self.file(LINKS_FILE).map(|file| template_links::read(&file)) {
            Some(Ok(links)) => links,
            Some(Err(problem)) => {
                problems.push(problem);
                Vec::new()
            }
            None => Vec::new(),
        }
    }

    fn reference(&self, problems: &mut Vec<Problem>) -> ReferenceValues {
        let files = self.folder("reference", "yaml");
        let texts = files.iter().map(|file| (&file.name, file.text.as_ref()));
        match ReferenceValues::parse(texts) {
            Ok((values, advice)) => {
                problems.extend(advice.0);
                values
            }
            Err(found) => {
                problems.extend(found.0);
                ReferenceValues::default()
            }
        }
    }

    fn exceptions(&self, problems: &mut Vec<Problem>) -> Vec<Exception> {
        let file = self.file(EXCEPTIONS_FILE);
        file.map(|file| exceptions::read(&file, problems)).unwrap_or_default()
    }

    fn tests(&self, problems: &mut Vec<Problem>) -> Vec<TestCase> {
        let mut tests = Vec::new();
        for file in self.folder("tests", "yaml") {
            tests.extend(test_case::read_yaml(&file, problems));
        }
        for file in self.folder("tests", "json") {
            tests.extend(test_case::read_cedar_json(&file, problems));
        }
        tests
    }
}

impl ParsedBundle {
    /// Names this state of the bundle.
    pub(crate) const fn revision(&self) -> &Revision {
        &self.sources.revision
    }

    /// What its author should know of the ends of exceptions: errors `exception.expired`, and
    /// advices `exception.expires_soon` for those that end within seven days. Neither keeps the
    /// bundle from loading; for tools that check it.
    #[must_use]
    pub fn expired_exceptions(&self, now: EpochMillis) -> Vec<Problem> {
        self.sources.expired_exceptions(now)
    }

    /// Validates the whole strictly, given which facts will be there when it decides. With the
    /// bundle come the advices for its author.
    ///
    /// # Errors
    /// Everything that keeps it from loading.
    pub fn validate(self, facts: FactSources) -> Result<(ValidatedBundle, Problems), Problems> {
        self.validate_after(facts, None)
    }

    /// The same with less work: what a previous snapshot has in common with this bundle is known
    /// to be valid.
    ///
    /// # Errors
    /// As for [`ParsedBundle::validate`].
    pub(crate) fn validate_after(
        self,
        facts: FactSources,
        previous: Option<&PolicySnapshot>,
    ) -> Result<(ValidatedBundle, Problems), Problems> {
        let Self { sources, tests } = self;
        let built = PolicySnapshot::build_after(&sources, facts, previous);
        let (snapshot, Problems(mut problems)) = built?;
        problems.extend(lint::tests(&tests, &sources.catalog));
        Problems(problems).or(ValidatedBundle::new(snapshot, tests, sources.policies))
    }
}

/// Content of capabilities that do not exist yet.
// FAIL-CLOSED: a limit or an invariant that is written down but not enforced would be worse than
// none, because its author relies on it.
fn refuse_unsupported(bundle: &RawBundle) -> Vec<Problem> {
    let mut problems = Vec::new();
    for file in bundle.files() {
        let Some(capability) = layout::unsupported_capability(&file.name) else {
            continue;
        };
        if !file.text.trim().is_empty() {
            let message = format!("this version of Palisade has no {capability} yet");
            problems.push(
                Problem::error("bundle.not_supported", message)
                    .with_help("remove the file: nothing in it would be enforced")
                    .in_file(&file.name),
            );
        }
    }
    problems
}

fn read_catalog(file: &SourceFile, problems: &mut Vec<Problem>) -> Option<Catalog> {
    match Catalog::parse(&file.name, &file.text) {
        Ok((catalog, advice)) => {
            problems.extend(advice.0);
            Some(catalog)
        }
        Err(errors) => {
            problems.extend(errors.0);
            None
        }
    }
}

#[cfg(test)]
mod tests;
