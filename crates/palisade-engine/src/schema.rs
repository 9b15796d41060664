//! The Cedar schema: generated from the catalog, merged with the author's fragments.

use std::sync::Arc;

use cedar_policy::{Schema, SchemaFragment};
use miette::Diagnostic;
use palisade_catalog::{Catalog, cedar_schema, merge_fragment};
use palisade_core::{ErrorChain, FactSources, Problem, Problems};

use crate::SourceFile;
use crate::cedar_core::ContextPart;
use crate::policy::{Policies, cedar_problem};

/// The schema in both forms: Cedar's, and as JSON for printing.
#[derive(Debug)]
pub(crate) struct BundleSchema {
    pub(crate) cedar: Schema,
    /// As text: a tree takes ten times the memory.
    pub(crate) json: String,
}

/// Generates, merges and reads the schema; `None` if there is a problem. It is `previous` if that
/// is the same.
pub(crate) fn build(
    catalog: &Catalog,
    fragments: &[SourceFile],
    previous: Option<&Arc<BundleSchema>>,
    problems: &mut Problems,
) -> Option<Arc<BundleSchema>> {
    let mut json = cedar_schema(catalog);
    let before = problems.0.len();
    for file in fragments {
        let Some(fragment) = read_fragment(file, problems) else { continue };
        match merge_fragment(json.clone(), &fragment) {
            Ok(merged) => json = merged,
            Err(messages) => {
                for message in messages {
                    let problem = Problem::error("schema.conflict", message);
                    problems.0.push(problem.in_file(&file.name).with_help(
                        "the catalog makes tools and actions; a fragment adds entity types and \
                         attributes",
                    ));
                }
            }
        }
    }
    if problems.0.len() > before {
        return None;
    }
    let text = json.to_string();
    if let Some(same) = previous.filter(|previous| previous.json == text) {
        return Some(Arc::clone(same));
    }
    match Schema::from_json_value(json) {
        Ok(cedar) => Some(Arc::new(BundleSchema { cedar, json: text })),
        Err(error) => {
            let message = format!("the merged schema is rejected: {}", ErrorChain(&error));
            let mut problem = Problem::error("schema.rejected", message);
            if let Some(help) = error.help() {
                problem = problem.with_help(help.to_string());
            }
            if let Some(file) = fragments.first() {
                problem = problem.in_file(&file.name);
            }
            problems.0.push(problem);
            None
        }
    }
}

fn read_fragment(file: &SourceFile, problems: &mut Problems) -> Option<serde_json::Value> {
    match SchemaFragment::from_cedarschema_str(&file.text) {
        Ok((fragment, warnings)) => {
            for warning in warnings {
                problems.0.push(cedar_problem("schema.warning", &warning, &file.name));
            }
            fragment.to_json_value().ok()
        }
        Err(error) => {
            problems.0.push(cedar_problem("schema.syntax", &error, &file.name));
            None
        }
    }
}

/// Facts that need a component, with the switch that says whether it is there.
const fn optional_facts(sources: FactSources) -> [(ContextPart, bool); 6] {
    let FactSources { attestation, auth, grounding, labels, session } = sources;
    [
        (ContextPart::Attestation, attestation),
        (ContextPart::Auth, auth),
        (ContextPart::Data, labels),
        (ContextPart::Grounding, grounding),
        (ContextPart::Session, session),
        (ContextPart::Ungrounded, grounding),
    ]
}

/// Refuses policies that read facts nobody provides: absent must not be safe by accident.
// FAIL-CLOSED: a policy that cannot be followed counts as reading everything.
pub(crate) fn check_facts(sources: FactSources, policies: &Policies, problems: &mut Problems) {
    for (reads, place) in policies.reads() {
        for (part, provided) in optional_facts(sources) {
            if provided || !reads.reads(part) {
                continue;
            }
            let fact = part.name();
            let message = if reads.names(part) {
                format!("the policy reads `context.{fact}`, which no configured component provides")
            } else {
                format!(
                    "the policy uses `context` as a whole, and so may read `context.{fact}`, \
                     which no configured component provides"
                )
            };
            let problem = Problem::error("policy.fact_not_provided", message)
                .with_help("remove the condition, or configure the component first");
            problems.0.push(place.mark(problem));
            if reads.whole_context() {
                break;
            }
        }
    }
}
